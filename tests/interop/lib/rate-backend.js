'use strict'
// A rate backend for ilp-connector: its own ones give a rate of one or ask the network.
// backendConfig.worth says what a unit of each account is worth in a common measure.
module.exports = class RateBackend {
  constructor (options) {
    this.worth = options.worth
  }

  async connect () {}

  async getRate (source, destination) {
    return this.worth[source] / this.worth[destination]
  }

  async submitPayment () {}
}
