// SPDX-License-Identifier: Apache-2.0
'use strict'
// A peer that puts any frame into a packet, over the plugin of a client.
const { serializeIlpPrepare, deserializeIlpReply, Type } = require('ilp-packet')
const { Packet } = require('../../dist/src/packet')
const { generatePskEncryptionKey, generateFulfillmentKey, generateFulfillment, hash, generateRandomCondition } = require('../../dist/src/crypto')

class RawPeer {
  constructor (context, sequence = 1) {
    this.context = context
    this.sequence = sequence
  }

  /** Returns the reply, and its STREAM packet where it has one. */
  async send (frames, { amount = 0, minimum = 0, fulfillable = true } = {}) {
    const { credentials, plugins } = this.context
    const key = await generatePskEncryptionKey(credentials.sharedSecret)
    const packet = new Packet(this.sequence++, Type.TYPE_ILP_PREPARE, minimum, frames)
    const data = await packet.serializeAndEncrypt(key)
    const fulfillment = await generateFulfillment(await generateFulfillmentKey(credentials.sharedSecret), data)
    const prepare = {
      destination: credentials.destinationAccount,
      amount: String(amount),
      data,
      executionCondition: fulfillable ? await hash(fulfillment) : generateRandomCondition(),
      expiresAt: new Date(Date.now() + 20000)
    }
    const reply = deserializeIlpReply(await plugins.server.handler(serializeIlpPrepare(prepare)))
    const stream = reply.data.length > 0 ? await Packet.decryptAndDeserialize(key, reply.data) : undefined
    return { reply, stream, fulfilled: 'fulfillment' in reply }
  }
}

module.exports = { RawPeer }
