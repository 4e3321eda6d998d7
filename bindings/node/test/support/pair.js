// SPDX-License-Identifier: Apache-2.0
'use strict'
// Two plugins that hand packets to each other in memory, as one connector between them would: it
// changes amounts by a rate, and refuses what is larger than it takes.
const { EventEmitter } = require('events')
const ildcp = require('ilp-protocol-ildcp')
const { deserializeIlpPrepare, serializeIlpPrepare, serializeIlpReject, Type } = require('ilp-packet')

const NO_DATA = Buffer.alloc(0)

function reject (code, message = '', data = NO_DATA) {
  return serializeIlpReject({ code, message, triggeredBy: 'test.connector', data })
}

function tooLarge (amount, most) {
  const data = Buffer.alloc(16)
  data.writeBigUInt64BE(amount, 0)
  data.writeBigUInt64BE(BigInt(most), 8)
  return reject('F08', 'Packet amount too large', data)
}

class PairPlugin extends EventEmitter {
  constructor (name, assetCode) {
    super()
    this.name = name
    this.assetCode = assetCode
    this.rate = [1n, 1n]
    this.maxAmount = 1000
    this.delay = 0
    this.connected = false
    this.handler = null
    this.other = null
    this.disconnects = 0
    /** Each packet that leaves; a test may answer it in the place of the path. */
    this.sent = []
    this.answer = null
  }

  async connect () {
    this.connected = true
  }

  async disconnect () {
    this.connected = false
    this.disconnects++
    this.emit('disconnect')
  }

  isConnected () {
    return this.connected
  }

  registerDataHandler (handler) {
    if (this.handler) throw new Error('requestHandler is already registered')
    this.handler = handler
  }

  deregisterDataHandler () {
    this.handler = null
  }

  async sendData (data) {
    const prepare = deserializeIlpPrepare(data)
    if (prepare.destination === 'peer.config') {
      return ildcp.serializeIldcpResponse({ clientAddress: `test.${this.name}`, assetCode: this.assetCode, assetScale: 9 })
    }
    if (!this.connected) throw new Error('Not connected')
    this.sent.push(prepare)
    if (this.sent.length > 10000) this.sent.splice(0, 5000)
    if (this.answer) {
      const answer = await this.answer(prepare, data)
      if (answer !== undefined) return answer
    }
    return this.forward(prepare)
  }

  async forward (prepare) {
    const amount = BigInt(prepare.amount)
    if (this.maxAmount !== undefined && amount > BigInt(this.maxAmount)) return tooLarge(amount, this.maxAmount)
    if (this.delay) await new Promise(resolve => setTimeout(resolve, this.delay))
    const { handler } = this.other
    if (!handler) return reject('F02', 'no handler')
    const arrived = amount * this.rate[0] / this.rate[1]
    const reply = await handler(serializeIlpPrepare({ ...prepare, amount: arrived.toString() }))
    if (this.delay) await new Promise(resolve => setTimeout(resolve, this.delay))
    return reply
  }
}

/** rate: units of the server for one of the client. */
function pair (num = 1, den = 1) {
  const client = new PairPlugin('client', 'ABC')
  const server = new PairPlugin('server', 'XYZ')
  client.rate = [BigInt(num), BigInt(den)]
  server.rate = [BigInt(den), BigInt(num)]
  client.other = server
  server.other = client
  return { client, server }
}

module.exports = { PairPlugin, pair, reject, tooLarge, Type }
