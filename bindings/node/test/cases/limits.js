// SPDX-License-Identifier: Apache-2.0
'use strict'
// Limits of a connection: those that its options set, at both ends of what they may be, and those of
// amounts and of packets.
const assert = require('assert')
const Long = require('long')
const { spy } = require('../support/context')
const { reject } = require('../support/pair')
const { RawPeer } = require('../support/raw')
const { StreamDataFrame, ConnectionCloseFrame, ErrorCode, FrameType } = require('../../dist/src/packet')

const TARGET_1000 = /^Error: Stream was closed before the desired amount was sent \(target: 1000, totalSent: 0\)/
const MAX_UINT64 = '18446744073709551615'
const EXHAUSTED = -38

/** A server with these options, and a peer that puts any frame into a packet. */
async function raw (t, server) {
  await t.openRaw({ server })
  const errors = spy()
  t.listening.on('connection', connection => connection.on('error', errors))
  return { errors, peer: new RawPeer(t) }
}

function frameOf (stream, type) {
  return stream && stream.frames.find(frame => frame.type === type)
}

/** The other side may open this many; the next one is refused. Returned: what its limits were told to be. */
async function openStreams (t, maxRemoteStreams, allowed) {
  const { errors, peer } = await raw(t, { maxRemoteStreams })
  const told = new Set()
  for (let id = 1; id <= 2 * allowed - 1; id += 2) {
    const { stream } = await peer.send([new StreamDataFrame(id, 0, Buffer.from('x'))])
    const max = frameOf(stream, FrameType.ConnectionMaxStreamId)
    if (max) told.add(max.maxStreamId.toString())
    assert.strictEqual(frameOf(stream, FrameType.ConnectionClose), undefined, `stream ${id}`)
  }
  assert.strictEqual(errors.calls.length, 0)
  const { stream } = await peer.send([new StreamDataFrame(2 * allowed + 1, 0, Buffer.from('x'))])
  assert.strictEqual(frameOf(stream, FrameType.ConnectionClose).errorCode, ErrorCode.StreamIdError)
  await t.until('the error is told', () => errors.calls.length > 0)
  assert.match(errors.calls[0][0].message, /^Maximum number of open streams exceeded/)
  return [...told]
}

/**
 * Bytes after a gap are kept and not read: they count up to their place. So many are taken, and one
 * more is not.
 */
async function fill (t, connectionBufferSize, room) {
  const { errors, peer } = await raw(t, { connectionBufferSize, maxRemoteStreams: 1000 })
  await peer.send([])
  const send = (id, end) => peer.send([new StreamDataFrame(id, end - 1, Buffer.from('x'))])
  let told
  let id = 1
  let left = room
  for (; left > 0; id += 2) {
    const part = Math.min(left, 16384)
    const { stream } = await send(id, part)
    const max = frameOf(stream, FrameType.ConnectionMaxData)
    if (max) told = max.maxOffset.toString()
    assert.strictEqual(frameOf(stream, FrameType.ConnectionClose), undefined, `${left} bytes were left`)
    left -= part
  }
  assert.strictEqual(errors.calls.length, 0)
  const { stream } = await send(id, 1)
  const close = frameOf(stream, FrameType.ConnectionClose)
  await t.until('the error is told', () => errors.calls.length > 0)
  assert.match(errors.calls[0][0].message, /^Exceeded flow control limits/)
  assert.strictEqual(errors.calls[0][0].streamErrorCode, ErrorCode.FlowControlError)
  if (close) assert.strictEqual(close.errorCode, ErrorCode.FlowControlError)
  return told
}

module.exports = [
  // ---- maxRemoteStreams ----
  ...[10, 11, 12, 50, 1000].map(streams => ({
    name: `maxRemoteStreams ${streams}: so many, and one more closes the connection`,
    async run (t) {
      await openStreams(t, streams, streams)
    }
  })),
  {
    name: 'maxRemoteStreams 11 and more is told to the other side, which then opens as many',
    async run (t) {
      await t.open({ server: { maxRemoteStreams: 37 } })
      t.take(1000)
      const streams = []
      for (let i = 0; i < 10; i++) streams.push(t.connection.createStream())
      await streams[0].sendTotal(10)
      await t.until('the other side is told', () => {
        try {
          streams.push(t.connection.createStream())
        } catch {
          return streams.length === 37
        }
        return false
      })
      await Promise.all(streams.map(stream => stream.sendTotal(10)))
      assert.strictEqual(t.streams.length, 37)
      assert.strictEqual(t.accepted.totalReceived, '185')
    }
  },
  {
    name: 'maxRemoteStreams of a client counts for what its server opens',
    async run (t) {
      await t.open({ client: { maxRemoteStreams: 1 } })
      t.connection.on('stream', stream => stream.setReceiveMax(1000))
      for (let i = 0; i < 10; i++) await t.accepted.createStream().sendTotal(10)
      assert.throws(() => t.accepted.createStream(), /^Error: Creating another stream would exceed the remote connection's maximum number of open streams/)
      assert.strictEqual(t.connection.totalReceived, '200')
    },
    original: 'allows fewer than ten, which its peers do not know at first: they open a second stream, and the connection ends'
  },
  ...[1, 9].map(streams => ({
    name: `maxRemoteStreams ${streams}: ${streams} is allowed, or the ten that every peer counts on`,
    async run (t) {
      await openStreams(t, streams, t.who === 'rill' ? 10 : streams)
    }
  })),
  {
    name: 'maxRemoteStreams: a million and more is a million',
    once: true,
    async run (t) {
      for (const maxRemoteStreams of [1e6, 1e6 + 1, 1e15, Infinity]) {
        await t.open({ server: { maxRemoteStreams } })
        t.take(1000)
        await t.connection.createStream().sendTotal(10)
        await t.close()
        t.closers = []
        t.plugins = undefined
      }
    }
  },

  // ---- connectionBufferSize ----
  ...[65534, 65535, 100000, 1000000].map(size => ({
    name: `connectionBufferSize ${size}: so many bytes that nobody reads, and one more closes the connection`,
    async run (t) {
      const told = await fill(t, size, size)
      if (size > 65534 && t.who === 'rill') assert.strictEqual(told, String(size))
    }
  })),
  ...[1, 2000, 65533].map(size => ({
    name: `connectionBufferSize ${size}: ${size} is allowed, or the 65534 that every peer counts on`,
    async run (t) {
      await fill(t, size, t.who === 'rill' ? 65534 : size)
    }
  })),
  {
    name: 'connectionBufferSize: the client\'s counts for what its server writes',
    async run (t) {
      await t.open({ client: { connectionBufferSize: 2500 } })
      let data = 0
      t.connection.on('stream', stream => stream.on('data', chunk => { data += chunk.length }))
      const stream = t.accepted.createStream()
      stream.end(Buffer.alloc(50000, 1))
      await t.until('all has come', () => data === 50000)
    },
    original: 'allows fewer bytes than its peers count on: they send more at first, and the connection ends'
  },
  ...[2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER].map(size => ({
    name: `connectionBufferSize ${size}: as if there were no limit`,
    async run (t) {
      await t.open({ server: { connectionBufferSize: size }, client: { connectionBufferSize: size } })
      let data = 0
      t.accepted.on('stream', stream => stream.on('data', chunk => { data += chunk.length }))
      const streams = [t.connection.createStream(), t.connection.createStream()]
      for (const stream of streams) stream.end(Buffer.alloc(300000, 1))
      await t.until('all has come', () => data === 600000)
    }
  })),

  // ---- amounts ----
  {
    name: 'a path that takes no amount: what waits is told, and the connection ends with that error',
    async run (t) {
      await t.open()
      const errors = spy()
      t.connection.on('error', errors)
      t.client.maxAmount = 0
      const stream = t.connection.createStream()
      await assert.rejects(t.within('it is told', stream.sendTotal(1000)), TARGET_1000)
      assert.deepStrictEqual(errors.calls.map(([{ message }]) => message), ['Cannot send. Path has a Maximum Packet Amount of 0'])
      assert.strictEqual(stream.totalSent, '0')
    }
  },
  {
    name: 'a path that takes no amount: there is no connection',
    async run (t) {
      await assert.rejects(t.within('it gives up', t.open({ max: 0 })), /^Error: Error connecting: Cannot send\. Path has a Maximum Packet Amount of 0$/)
    }
  },
  {
    name: 'more than 2^64 - 1 units arrive on all streams: the total stays there, and what each stream has is exact',
    async run (t) {
      const max = Long.MAX_UNSIGNED_VALUE
      t.pair(1, 2)
      t.client.maxAmount = t.server.maxAmount = undefined
      await t.open()
      const received = []
      t.connection.on('stream', stream => {
        received.push(stream)
        stream.setReceiveMax(max)
      })
      const [first, second] = [t.accepted.createStream(), t.accepted.createStream()]
      await first.sendTotal(max.divide(2))
      assert.strictEqual(t.connection.totalReceived, '18446744073709551614')
      await t.within('it is sent', second.sendTotal(1))
      assert.deepStrictEqual(received.map(({ totalReceived }) => totalReceived), ['18446744073709551614', '2'])
      assert.strictEqual(t.connection.totalReceived, MAX_UINT64)
      assert.strictEqual(t.accepted.totalDelivered, MAX_UINT64)
      assert.strictEqual(t.accepted.totalSent, max.divide(2).add(1).toString())
    },
    original: 'refuses the packet F00, and the connection ends: "Total received exceeded MaxUint64"'
  },
  {
    name: 'T04 does not make a packet smaller than what is to be sent, where that is two units',
    async run (t) {
      await t.open()
      t.take()
      const amounts = []
      t.client.answer = ({ amount }) => {
        if (amount === '0') return undefined
        amounts.push(amount)
        return amounts.length <= 2 ? reject('T04', 'Insufficient Liquidity Error') : undefined
      }
      const stream = t.connection.createStream()
      await stream.sendTotal(2)
      assert.deepStrictEqual(amounts, ['2', '2', '2'])
      assert.strictEqual(t.accepted.totalReceived, '1')
    }
  },

  // ---- packets ----
  {
    name: 'all packets of a connection are used up: it ends with an error, and who waits is told',
    async run (t) {
      await t.open()
      t.take()
      const errors = spy()
      t.connection.on('error', errors)
      const closed = t.event(t.connection, 'close')
      const stream = t.connection.createStream()
      await stream.sendTotal(10)
      const sent = stream.sendTotal(1000)
      sent.catch(() => {})
      // Two thousand million packets would take hours. When the core says so, tests/unit/test_endpoint_used_up.c tells.
      if (t.who === 'original') t.connection.nextPacketSequence = 2 ** 31
      else t.connection._endedByCore({ error: EXHAUSTED, code: ErrorCode.InternalError, remote: false, message: 'all are used up', last: -1, lastLength: 0, amount: 0n })
      await closed
      assert.strictEqual(errors.calls.length, 1)
      assert.strictEqual(errors.calls[0][0].message, 'Connection exceeded maximum number of packets')
      await assert.rejects(t.within('it is told', sent), /^Error: Stream was closed before the desired amount was sent \(target: 1000, totalSent: 10\)/)
      assert.throws(() => stream.setSendMax(2000), /^Error: Stream already closed/)
    }
  },
  {
    name: 'all packets of the other side are used up: its error is told',
    async run (t) {
      const { errors, peer } = await raw(t)
      await peer.send([])
      await peer.send([new ConnectionCloseFrame(ErrorCode.InternalError, 'Connection exceeded maximum number of packets')])
      await t.until('it is told', () => errors.calls.length > 0)
      assert.strictEqual(errors.calls[0][0].message, 'Remote connection error. Code: InternalError, message: Connection exceeded maximum number of packets')
    }
  }
]
