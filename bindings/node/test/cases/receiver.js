// SPDX-License-Identifier: Apache-2.0
'use strict'
// What a server answers to packets that are not a peer's, or not as they should be, and what its own
// application does not take: none of them brings money, and none harms who comes after.
const assert = require('assert')
const { randomBytes } = require('crypto')
const { deserializeIlpReply, serializeIlpPrepare } = require('ilp-packet')
const { pair } = require('../support/pair')
const { RawPeer } = require('../support/raw')
const { Packet, IlpPacketType, ConnectionCloseFrame, StreamMoneyFrame, ErrorCode, FrameType } = require('../../dist/src/packet')
const { encrypt, generatePskEncryptionKey } = require('../../dist/src/crypto')

/** Its reply to a packet with 10 units that nobody can fulfil. */
async function replyTo (t, destination, data) {
  const prepare = { amount: '10', destination, executionCondition: randomBytes(32), expiresAt: new Date(Date.now() + 20000), data }
  return deserializeIlpReply(await t.server.handler(serializeIlpPrepare(prepare)))
}

/** Who comes after is served. */
async function stillServes (t, accepted) {
  t.listening.once('connection', connection => connection.on('stream', stream => stream.setReceiveMax(100)))
  const { fulfilled } = await new RawPeer(t).send([new StreamMoneyFrame(1, 1)], { amount: 100 })
  assert.strictEqual(fulfilled, true)
  assert.strictEqual(accepted.calls.length, 1)
  assert.strictEqual(t.accepted.totalReceived, '100')
}

const key = t => generatePskEncryptionKey(t.credentials.sharedSecret)

/** What is refused: the code, the destination and the data. */
const REFUSED = {
  'an address that is no server\'s': [/^F0[26]$/, async () => ['test.another.token', Buffer.alloc(0)]],
  'a token that is none': [/^F0[26]$/, async () => ['test.server.INVALID', Buffer.alloc(0)]],
  'a token of another server': [/^F0[26]$/, async t => {
    const other = await t.api.createServer({ plugin: pair().server, serverSecret: Buffer.alloc(32, 7) })
    t.later(() => other.close())
    return [other.generateAddressAndSecret().destinationAccount, Buffer.alloc(0)]
  }],
  'bytes that cannot be decrypted': [/^F0[26]$/, async t => [t.credentials.destinationAccount, randomBytes(100)]]
}
const OF_THE_KEY = {
  'nothing at all, encrypted': [/^F0[06]$/, async t => [t.credentials.destinationAccount, await encrypt(await key(t), Buffer.alloc(0))]],
  // Its version, its type and its number, and no more.
  'half a STREAM packet': [/^F0[06]$/, async t => [t.credentials.destinationAccount, await encrypt(await key(t), Buffer.from([1, 12, 1, 1, 1]))]],
  'a STREAM packet of another type': [/^F0[06]$/, async t =>
    [t.credentials.destinationAccount, await new Packet(1, IlpPacketType.Fulfill, 0).serializeAndEncrypt(await key(t))]]
}

module.exports = [
  ...Object.entries({ ...REFUSED, ...OF_THE_KEY }).map(([what, [code, make]]) => ({
    ...(what in OF_THE_KEY ? { original: 'opens a connection by whatever it can decrypt' } : {}),
    name: `refuses ${what}`,
    async run (t) {
      const accepted = await t.openRaw()
      const reply = await replyTo(t, ...await make(t))
      assert.match(reply.code, code)
      assert.strictEqual(reply.data.length, 0)
      assert.ok(reply.triggeredBy.startsWith('test.server'), reply.triggeredBy)
      assert.strictEqual(accepted.calls.length, 0)
      await stillServes(t, accepted)
    }
  })),
  {
    name: 'a packet that its application declines is refused for now, and may come again',
    async run (t) {
      let no = true
      await t.openRaw({ server: { shouldFulfill: async () => { if (no) throw new Error('not now') } } })
      t.listening.on('connection', connection => connection.on('stream', stream => stream.setReceiveMax(100)))
      const peer = new RawPeer(t)
      const declined = await peer.send([new StreamMoneyFrame(1, 1)], { amount: 50 })
      assert.strictEqual(declined.fulfilled, false)
      assert.match(declined.reply.code, /^(T00|F99)$/)
      no = false
      const taken = await peer.send([new StreamMoneyFrame(1, 1)], { amount: 50 })
      assert.strictEqual(taken.fulfilled, true)
      assert.strictEqual(taken.stream.prepareAmount.toString(), '50')
      assert.strictEqual(t.accepted.totalReceived, '50')
    }
  },
  {
    name: 'a connection that its application ends in the middle of a packet refuses it for good',
    async run (t) {
      await t.openRaw()
      t.listening.on('connection', connection => connection.on('stream', stream => stream.setReceiveMax(100)))
      const peer = new RawPeer(t)
      assert.strictEqual((await peer.send([new StreamMoneyFrame(1, 1)], { amount: 50 })).fulfilled, true)
      t.accepted.destroy()
      const { fulfilled, reply } = await peer.send([new StreamMoneyFrame(1, 1)], { amount: 50 })
      assert.strictEqual(fulfilled, false)
      assert.match(reply.code, /^(F99|F02|F06|F00)$/)
      assert.strictEqual(t.accepted.totalReceived, '50')
    }
  },
  {
    name: 'two connections are not one: what ends the first leaves the second as it is',
    async run (t) {
      const accepted = await t.openRaw()
      t.listening.on('connection', connection => connection.on('stream', stream => stream.setReceiveMax(100)))
      const first = new RawPeer(t)
      await first.send([new StreamMoneyFrame(1, 1)], { amount: 10 })
      const before = t.accepted
      t.credentials = t.listening.generateAddressAndSecret()
      const second = new RawPeer(t)
      await second.send([new StreamMoneyFrame(1, 1)], { amount: 20 })
      assert.strictEqual(accepted.calls.length, 2)
      assert.notStrictEqual(t.accepted, before)
      assert.notStrictEqual(t.accepted.connectionId, before.connectionId)
      const { stream } = await second.send([new ConnectionCloseFrame(ErrorCode.NoError, '')])
      assert.ok(stream === undefined || stream.frames.every(({ type }) => type !== FrameType.StreamClose))
      assert.deepStrictEqual([before.totalReceived, t.accepted.totalReceived], ['10', '20'])
    }
  }
]
