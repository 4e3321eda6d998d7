// SPDX-License-Identifier: Apache-2.0
'use strict'
// Replies that somebody on the way has changed: money that has certainly arrived counts, and no other,
// and the payment goes on.
const assert = require('assert')
const { deserializeIlpReply, serializeIlpFulfill, serializeIlpReject } = require('ilp-packet')
const { Packet, IlpPacketType } = require('../../dist/src/packet')
const { generatePskEncryptionKey } = require('../../dist/src/crypto')

/** The receiver's STREAM packet in a reply, with some of it otherwise. */
async function withOther (t, reply, change) {
  const key = await generatePskEncryptionKey(t.credentials.sharedSecret)
  const { sequence, ilpPacketType, prepareAmount, frames } = await Packet.decryptAndDeserialize(key, reply.data)
  const other = { sequence, ilpPacketType, prepareAmount, ...change(sequence) }
  return { ...reply, data: await new Packet(other.sequence, other.ilpPacketType, other.prepareAmount, frames).serializeAndEncrypt(key) }
}

// received: units of the receiver. One whose fulfillment was changed is not paid for, and sent again.
const CHANGES = {
  'a fulfillment that is none': { received: '1000', change: async (t, reply) => ({ ...reply, fulfillment: Buffer.alloc(32, 1) }) },
  'the number of another packet': { received: '500', change: (t, reply) => withOther(t, reply, sequence => ({ sequence: sequence.add(5) })) },
  'another type of packet': { received: '500', change: (t, reply) => withOther(t, reply, () => ({ ilpPacketType: IlpPacketType.Reject })) },
  'bytes that cannot be decrypted': { received: '500', change: async (t, reply) => ({ ...reply, data: Buffer.alloc(100, 7) }) },
  'no bytes': { received: '500', change: async (t, reply) => ({ ...reply, data: Buffer.alloc(0) }) }
}

module.exports = Object.entries(CHANGES).map(([what, { received, change }]) => ({
  name: `a Fulfill with ${what}`,
  async run (t) {
    await t.open()
    t.take()
    let changed = 0
    t.client.answer = async prepare => {
      const reply = deserializeIlpReply(await t.client.forward(prepare))
      if (!reply.fulfillment) return serializeIlpReject(reply)
      return serializeIlpFulfill(prepare.amount === '0' || changed++ > 0 ? reply : await change(t, reply))
    }
    const stream = t.connection.createStream()
    await t.within('it is sent', stream.sendTotal(1000), 10000)
    assert.ok(changed > 0)
    assert.deepStrictEqual([stream.totalSent, t.connection.totalSent], ['1000', '1000'])
    assert.strictEqual(t.accepted.totalReceived, received)
    // What no reply proves is taken for as little as the minimum rate brings.
    assert.ok(['495', '500'].includes(t.connection.totalDelivered), t.connection.totalDelivered)
    t.client.answer = null
    await t.within('more is sent', stream.sendTotal(1200))
    assert.strictEqual(t.accepted.totalReceived, String(Number(received) + 100))
    await t.connection.end()
  },
  original: 'ends the connection, or waits for good, and says that nothing was sent'
}))
