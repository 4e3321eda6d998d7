// SPDX-License-Identifier: Apache-2.0
'use strict'
// What a payer meets on its way: rates that are just enough, fall, or do not matter; what a receiver says of
// what it got. @interledger/pay's tests look at the same.
const assert = require('assert')
const { deserializeIlpReply, serializeIlpFulfill, serializeIlpReject } = require('ilp-packet')
const { createReceipt, decodeReceipt } = require('../..')
const { Packet, FrameType, StreamReceiptFrame } = require('../../dist/src/packet')
const { generatePskEncryptionKey } = require('../../dist/src/crypto')

/** Each Fulfill of money says what `change` makes of the receiver's STREAM packet. */
function whatIsSaid (t, change) {
  t.client.answer = async prepare => {
    const reply = deserializeIlpReply(await t.client.forward(prepare))
    if (!reply.fulfillment) return serializeIlpReject(reply)
    const key = await generatePskEncryptionKey(t.credentials.sharedSecret)
    const said = await Packet.decryptAndDeserialize(key, reply.data)
    const { sequence, ilpPacketType, prepareAmount, frames } = { ...said, ...change(said) }
    const data = await new Packet(sequence, ilpPacketType, prepareAmount, frames).serializeAndEncrypt(key)
    return serializeIlpFulfill({ ...reply, data })
  }
}

module.exports = [
  {
    name: 'a rate that is exactly the minimum, in packets of one size: all is sent',
    async run (t) {
      await t.open({ rate: [101, 100], max: 1000, client: { exchangeRate: 1.01, slippage: 0 } })
      t.take(1000000)
      await t.connection.createStream().sendTotal(50000)
      assert.deepStrictEqual([t.connection.totalSent, t.accepted.totalReceived], ['50000', '50500'])
    }
  },
  {
    name: 'a rate that is a hair below the minimum: nothing is sent',
    async run (t) {
      await t.open({ rate: [101, 100], max: 1000, client: { exchangeRate: 1.0101, slippage: 0 } })
      t.take(1000000)
      const stream = t.connection.createStream()
      stream.on('error', () => {})
      await assert.rejects(stream.sendTotal(50000, { timeout: 2000 }))
      assert.deepStrictEqual([t.connection.totalSent, t.accepted.totalReceived], ['0', '0'])
    },
    original: 'rounds down the minimum of each packet, so that all together bring less'
  },
  {
    name: 'slippage 1: a rate that falls to a hundredth in the middle does not matter',
    async run (t) {
      await t.open({ rate: [1, 2], max: 1000, client: { slippage: 1 } })
      t.take(1000000)
      const stream = t.connection.createStream()
      await stream.sendTotal(10000)
      assert.strictEqual(t.accepted.totalReceived, '5000')
      t.client.rate = [1n, 200n]
      await stream.sendTotal(20000)
      assert.deepStrictEqual([stream.totalSent, t.accepted.totalReceived], ['20000', '5050'])
    }
  },
  ...[['below the minimum', [49n, 100n]], ['to nothing', [0n, 1n]]].map(([where, rate]) => ({
    name: `a rate that falls ${where} in the middle: no more is sent`,
    async run (t) {
      await t.open({ rate: [1, 2], max: 1000 })
      t.take(1000000)
      const stream = t.connection.createStream()
      stream.on('error', () => {})
      await stream.sendTotal(10000)
      t.client.rate = rate
      await assert.rejects(stream.sendTotal(20000, { timeout: 2000 }))
      assert.deepStrictEqual([stream.totalSent, t.accepted.totalReceived], ['10000', '5000'])
      t.client.rate = [1n, 2n]
      await stream.sendTotal(20000)
      assert.deepStrictEqual([stream.totalSent, t.accepted.totalReceived], ['20000', '10000'])
    }
  })),
  {
    name: 'a receiver that says that less came than the minimum: what it says counts as delivered, and all as sent',
    async run (t) {
      await t.open({ max: 1000 })
      t.take(1000000)
      whatIsSaid(t, ({ prepareAmount }) => ({ prepareAmount: prepareAmount.div(5) }))
      const stream = t.connection.createStream()
      stream.on('error', () => {})
      await stream.sendTotal(1000)
      assert.deepStrictEqual([stream.totalSent, t.connection.totalSent, t.accepted.totalReceived], ['1000', '1000', '500'])
      assert.strictEqual(t.connection.totalDelivered, '100')
    }
  },
  {
    name: 'receipts that come out of order, and what is none: the latest stays',
    async run (t) {
      const receiptNonce = Buffer.alloc(16, 1)
      const receiptSecret = Buffer.alloc(32, 2)
      await t.open({ max: 1000, credentials: { receiptNonce, receiptSecret } })
      t.take(1000000)
      const of = (totalReceived, streamId = '1') => createReceipt({ nonce: receiptNonce, secret: receiptSecret, streamId, totalReceived })
      const told = []
      whatIsSaid(t, ({ frames }) => ({
        frames: frames.map(frame => frame.type === FrameType.StreamReceipt && told.length > 0
          ? new StreamReceiptFrame(frame.streamId, told[0])
          : frame)
      }))
      const stream = t.connection.createStream()
      await stream.sendTotal(1000)
      assert.strictEqual(decodeReceipt(stream.receipt).totalReceived.toString(), '500')
      let sent = 1000
      for (const receipt of [of(499), of(0), Buffer.alloc(58, 9), of(900, '3'), Buffer.from('none'), Buffer.alloc(0)]) {
        told[0] = receipt
        await stream.sendTotal(sent += 2)
        assert.strictEqual(decodeReceipt(stream.receipt).totalReceived.toString(), '500', receipt.toString('hex'))
      }
      told.pop()
      await stream.sendTotal(sent += 2)
      assert.strictEqual(decodeReceipt(stream.receipt).totalReceived.toString(), String(sent / 2))
    },
    original: 'takes what has come last for the receipt, whatever it is'
  }
]
