// SPDX-License-Identifier: Apache-2.0
'use strict'
// Details that programs may lean on: the Map of a connection's streams, a getExpiry that throws, and two
// copies of the package in one process.
const assert = require('assert')
const fs = require('fs')
const path = require('path')
const { deserializeIlpReply, serializeIlpFulfill, serializeIlpReject } = require('ilp-packet')
const { SLOWER } = require('../support/context')
const { PairPlugin } = require('../support/pair')
const { temporary, ROOT } = require('../support/rilld')

const ids = connection => [...connection.streams.keys()].sort((a, b) => a - b)

/** getExpiry, of which the nth call and those after it throw; or never, until stop() is called. */
function failing (nth = Infinity) {
  let calls = 0
  const getExpiry = () => {
    if (++calls >= nth) throw new Error('no clock')
    return new Date(Date.now() + 10000)
  }
  return { getExpiry, stop: () => { nth = 0 } }
}

/** The package once more: its JavaScript from another folder, and the same addon. */
function copy (t) {
  const folder = temporary(t)
  for (const name of ['lib', 'package.json']) fs.cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true })
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'))
  const before = process.env.RILL_ADDON
  process.env.RILL_ADDON = before || path.join(ROOT, 'build/rill.node')
  try {
    return require(path.join(folder, 'lib'))
  } finally {
    if (before === undefined) delete process.env.RILL_ADDON
  }
}

function mapOfStreams (side) {
  return {
    name: `streams is one Map, by ids, which is as it is whenever somebody looks: ${side}`,
    async run (t) {
      await t.open()
      t.take(1000000)
      const connection = side === 'client' ? t.connection : t.accepted
      const { streams } = connection
      assert.ok(streams instanceof Map)
      assert.strictEqual(streams.size, 0)
      const first = connection.createStream()
      assert.strictEqual(connection.streams, streams)
      assert.strictEqual(streams.get(first.id), first)
      const second = connection.createStream()
      const third = connection.createStream()
      assert.deepStrictEqual([...streams.keys()], side === 'client' ? [1, 3, 5] : [2, 4, 6])
      assert.ok([...streams.values()].every((stream, i) => stream === [first, second, third][i]))
      const closed = t.event(second, 'close')
      second.end()
      await closed
      await t.until('it is taken out', () => !streams.has(second.id))
      assert.deepStrictEqual([...streams.keys()], [first.id, third.id])
      assert.strictEqual(connection.streams, streams)
      for (const stream of [first, third]) stream.destroy()
      await t.until('all are', () => streams.size === 0)
    }
  }
}

module.exports = [
  mapOfStreams('client'),
  mapOfStreams('server'),
  {
    name: 'streams has those that the other side opens, and those that it closes no more',
    async run (t) {
      await t.open()
      t.take(1000000)
      const { streams } = t.accepted
      const mine = [t.connection.createStream(), t.connection.createStream()]
      await Promise.all(mine.map(stream => stream.sendTotal(100)))
      assert.deepStrictEqual(ids(t.accepted), [1, 3])
      assert.deepStrictEqual(t.streams.map(stream => streams.get(stream.id) === stream), [true, true])
      // Also where nobody has looked before.
      assert.deepStrictEqual(ids(t.connection), [1, 3])
      mine[0].end()
      await t.until('one is left', () => streams.size === 1 && t.connection.streams.size === 1)
      assert.deepStrictEqual(ids(t.accepted), [3])
      assert.strictEqual(t.connection.streams.get(3), mine[1])
      await t.connection.end()
      await t.until('none is', () => streams.size === 0 && t.connection.streams.size === 0)
    }
  },
  {
    name: 'getExpiry throws when our address is asked for: createConnection rejects',
    async run (t) {
      await t.openRaw()
      const { getExpiry } = failing(1)
      await assert.rejects(t.api.createConnection({ plugin: t.client, ...t.credentials, getExpiry }), /no clock/)
      assert.strictEqual(t.client.sent.length, 0)
    }
  },
  {
    name: 'getExpiry throws when the first packet is to leave: createConnection rejects',
    async run (t) {
      await t.openRaw()
      const { getExpiry } = failing(2)
      await assert.rejects(t.within('its end', t.api.createConnection({ plugin: t.client, ...t.credentials, getExpiry })), /no clock|Error connecting/)
      assert.strictEqual(t.client.sent.length, 0)
    }
  },
  {
    name: 'getExpiry throws amid a payment: the connection ends with that error, and what has left is counted',
    async run (t) {
      const { getExpiry, stop } = failing()
      await t.open({ client: { getExpiry } })
      t.take(1000000)
      const stream = t.connection.createStream()
      stream.on('error', () => {})
      await stream.sendTotal(1000)
      const left = t.client.sent.length
      const failed = t.event(t.connection, 'error')
      const closed = t.event(t.connection, 'close')
      stop()
      await assert.rejects(stream.sendTotal(5000, { timeout: 10000 }))
      const err = await failed
      assert.strictEqual(err.message, 'no clock')
      await closed
      assert.strictEqual(t.client.sent.length, left)
      assert.strictEqual(t.connection.totalSent, '1000')
      assert.strictEqual(t.accepted.totalReceived, '500')
    }
  },
  {
    name: "a server's getExpiry throws: the connection that wants to send ends with that error, and the next one works",
    async run (t) {
      const { getExpiry, stop } = failing()
      let fails = false
      await t.open({ server: { getExpiry: (...args) => { if (fails) stop(); return getExpiry(...args) } } })
      t.take(1000000)
      await t.connection.createStream().sendTotal(100)
      t.connection.on('stream', stream => stream.setReceiveMax(1000))
      const failed = t.event(t.accepted, 'error')
      fails = true
      const stream = t.accepted.createStream()
      stream.on('error', () => {})
      await assert.rejects(stream.sendTotal(50, { timeout: 10000 }))
      assert.strictEqual((await failed).message, 'no clock')
      assert.strictEqual(stream.totalSent, '0')
      // It only receives.
      const plugin = Object.assign(new PairPlugin('another', 'ABC'), { other: t.server })
      t.server.other = plugin
      t.listening.on('connection', connection => connection.on('stream', stream => stream.setReceiveMax(1000)))
      const next = await t.api.createConnection({ plugin, ...t.listening.generateAddressAndSecret(), exchangeRate: 1 })
      t.later(() => next.destroy())
      await next.createStream().sendTotal(100)
    }
  },
  ...[
    ['a Fulfill whose fulfillment is another', reply => serializeIlpFulfill({ ...reply, fulfillment: Buffer.alloc(32, 7) })],
    ['a Fulfill whose data cannot be read', reply => serializeIlpFulfill({ ...reply, data: Buffer.alloc(100, 7) })],
    ['a final Reject whose data cannot be read', () => serializeIlpReject({ code: 'F99', triggeredBy: 'test.x', message: '', data: Buffer.alloc(100, 7) })]
  ].map(([what, change]) => ({
    name: `wrong replies do not end the connection: ${what}`,
    original: 'its connection ends with an error',
    async run (t) {
      await t.open({ client: { getExpiry: () => new Date(Date.now() + 1000) } })
      t.take(1000000)
      t.connection.on('error', () => {})
      let changed = 0
      t.client.answer = async prepare => {
        const answer = await t.client.forward(prepare)
        const reply = deserializeIlpReply(answer)
        if (prepare.amount === '0' || !('fulfillment' in reply) || ++changed > 1) return answer
        return change(reply)
      }
      const stream = t.connection.createStream()
      stream.on('error', () => {})
      await stream.sendTotal(3000, { timeout: 10000 * SLOWER })
      assert.ok(changed > 1)
      // What is not fulfilled is sent again: nobody can claim it of us, whoever has let it arrive.
      const again = what.includes('cannot be read') && what.includes('Fulfill') ? 0 : 1000
      assert.strictEqual(t.connection.totalSent, '3000')
      assert.strictEqual(Number(t.accepted.totalReceived), (3000 + again) / 2)
      assert.strictEqual(t.connection.totalInDoubt, '0')
    }
  })),
  {
    name: 'two copies of the package over one addon share its memory: each has its own packets',
    once: true,
    async run (t) {
      const other = copy(t)
      assert.notStrictEqual(other.Connection, t.api.Connection)
      const engines = [t.api, other]
      const taken = []
      // A server of each, a client of the other; all at once.
      await Promise.all([0, 1, 0, 1].map(async (which, i) => {
        const { client, server } = t.pair(1, 1)
        const listening = await engines[which].createServer({ plugin: server })
        t.later(() => listening.close())
        listening.on('connection', connection => connection.on('stream', stream => {
          stream.setReceiveMax(1e6)
          const chunks = []
          stream.on('data', chunk => chunks.push(chunk))
          stream.on('end', () => { taken[i] = Buffer.concat(chunks) })
        }))
        const connection = await engines[1 - which].createConnection({ plugin: client, ...listening.generateAddressAndSecret() })
        const stream = connection.createStream()
        const bytes = Buffer.alloc(300000, i + 1)
        stream.write(bytes)
        await stream.sendTotal(50000)
        await connection.end()
        await t.until('all has come', () => taken[i] !== undefined)
        assert.ok(taken[i].equals(bytes), `${i}: other bytes, or ${taken[i].length} of them`)
        assert.strictEqual(connection.totalDelivered, '50000')
      }))
      // One reads options from where the other has written its numbers.
      assert.strictEqual(require('../../lib/arena'), require('../../lib/native').shared)
    }
  }
]
