// SPDX-License-Identifier: Apache-2.0
'use strict'
// What a case is given: one of the two packages, two plugins with a path between them, and waits
// that end.
const { pair } = require('./pair')

const packages = {
  rill: require('../..'),
  original: require('original')
}
const connectionErrors = {
  rill: require('../../dist/src/connection'),
  original: require('original/dist/src/connection')
}

/** Milliseconds. RILL_NODE_SLOWER: all is so many times as slow as usual, under sanitizers or an emulator. */
const PATIENCE = 15000
const SLOWER = Number(process.env.RILL_NODE_SLOWER || 1)

class Context {
  constructor (who) {
    this.who = who
    this.api = packages[who]
    this.errors = connectionErrors[who]
    this.closers = []
  }

  /** Run when the case is over, whatever came of it. */
  later (close) {
    this.closers.push(close)
  }

  async close () {
    for (const close of this.closers.reverse()) {
      try {
        await Promise.race([close(), this.sleep(1000)])
      } catch {}
    }
  }

  pair (num, den) {
    Object.assign(this, this.plugins = pair(num, den))
    return this.plugins
  }

  /** A server and one connection of a client; options of each. rate: [num, den]. */
  async open ({ rate = [1, 2], server = {}, client = {}, credentials, max } = {}) {
    if (!this.plugins) this.pair(...rate)
    if (max !== undefined) this.plugins.client.maxAmount = max
    const { api, plugins } = this
    const listening = await api.createServer({ plugin: plugins.server, serverSecret: Buffer.alloc(32), ...server })
    this.listening = listening
    this.later(() => listening.close())
    const accepted = listening.acceptConnection()
    accepted.catch(() => {})
    this.credentials = listening.generateAddressAndSecret(credentials)
    const connection = await api.createConnection({ plugin: plugins.client, ...this.credentials, ...client })
    this.connection = connection
    this.accepted = await accepted
    this.later(() => Promise.race([connection.destroy(), this.sleep(500)]))
    return { server: listening, connection, accepted: this.accepted }
  }

  /** A server, and credentials for a peer that is no client of either package. */
  async openRaw ({ rate = [1, 1], server = {}, credentials } = {}) {
    this.pair(...rate)
    const { api, plugins } = this
    const listening = await api.createServer({ plugin: plugins.server, serverSecret: Buffer.alloc(32), ...server })
    this.listening = listening
    this.later(() => listening.close())
    this.credentials = listening.generateAddressAndSecret(credentials)
    this.accepted = null
    const accepted = spy()
    listening.on('connection', connection => {
      this.accepted = connection
      connection.on('error', () => {})
      accepted(connection)
    })
    return accepted
  }

  /** Every stream that the client opens is given this receive max. */
  take (limit = 1000000, each = () => {}) {
    this.streams = []
    this.accepted.on('stream', stream => {
      this.streams.push(stream)
      stream.on('error', () => {})
      stream.whenEnded = this.event(stream, 'end')
      stream.whenClosed = this.event(stream, 'close')
      stream.whenEnded.catch(() => {})
      stream.whenClosed.catch(() => {})
      if (limit !== null) stream.setReceiveMax(limit)
      each(stream)
    })
  }

  sleep (ms) {
    return new Promise(resolve => setTimeout(resolve, ms))
  }

  event (emitter, name) {
    return this.within(name, new Promise(resolve => emitter.once(name, resolve)))
  }

  async within (what, promise, ms = PATIENCE) {
    let timer
    try {
      return await Promise.race([promise, new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`waited too long for: ${what}`)), ms * SLOWER)
      })])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Until it is so. */
  async until (what, is, ms = PATIENCE) {
    const end = Date.now() + ms * SLOWER
    while (!is()) {
      if (Date.now() > end) throw new Error(`waited too long until: ${what}`)
      await this.sleep(2)
    }
  }
}

/** Counts calls, and keeps their arguments. */
function spy (then = () => {}) {
  const called = (...args) => {
    called.calls.push(args)
    return then(...args)
  }
  called.calls = []
  return called
}

module.exports = { Context, SLOWER, spy }
