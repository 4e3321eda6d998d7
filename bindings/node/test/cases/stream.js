// SPDX-License-Identifier: Apache-2.0
'use strict'
// DataAndMoneyStream: money, bytes and ends of one stream.
const assert = require('assert')
const { Duplex } = require('stream')
const Long = require('long')
const { spy } = require('../support/context')
const { reject } = require('../support/pair')
const { RawPeer } = require('../support/raw')
const { StreamMoneyFrame, StreamDataFrame, StreamCloseFrame, ErrorCode, FrameType } = require('../../dist/src/packet')

/** The first packets of the client, from now on, are answered so. */
function answerFirst (t, count, answer) {
  let left = count
  t.client.answer = () => left-- > 0 ? answer : undefined
}

function collect (stream) {
  const chunks = []
  stream.on('data', chunk => chunks.push(chunk))
  return () => Buffer.concat(chunks)
}

function retriesClose (code, times) {
  return async t => {
    await t.open()
    t.take()
    const stream = t.connection.createStream()
    const ended = t.event(stream, 'end')
    let packets = 0
    t.client.answer = () => ++packets > 1 && packets <= 1 + times ? reject(code, 'uh oh') : undefined
    stream.end('hello')
    await t.until('the stream is there', () => t.streams.length === 1)
    await t.streams[0].whenEnded
    await ended
  }
}

module.exports = [
  {
    name: 'setSendMax: sends up to the amount',
    async run (t) {
      await t.open()
      t.take()
      const stream = t.connection.createStream()
      stream.setSendMax(1000)
      await t.event(stream, 'outgoing_total_sent')
      assert.strictEqual(stream.totalSent, '1000')
      assert.strictEqual(stream.sendMax, '1000')
    }
  },
  {
    name: 'setSendMax: what it throws at',
    async run (t) {
      await t.open()
      t.take()
      const stream = t.connection.createStream()
      await stream.sendTotal(1000)
      assert.throws(() => stream.setSendMax(500), /^Error: Cannot set sendMax lower than the totalSent/)
      assert.throws(() => stream.setSendMax(Infinity), /^Error: sendMax must be finite/)
      assert.throws(() => stream.setSendMax(NaN), /^Error: sendMax must be finite/)
      assert.throws(() => stream.setSendMax(-1), /^Error: Expected positive number/)
      assert.throws(() => stream.setSendMax('-1'), /^Error: Expected positive number/)
      assert.throws(() => stream.setSendMax('18446744073709551616'), /^Error: Value 18446744073709551616 does not fit in a Long/)
      assert.throws(() => stream.setSendMax('1.5'), Error)
      assert.throws(() => stream.setSendMax(Long.fromNumber(5000)), /^Error: Expected unsigned Long/)
      assert.throws(() => stream.setSendMax(undefined), TypeError)
      assert.throws(() => stream.setSendMax(null), TypeError)
      assert.throws(() => stream.setSendMax({}), Error)
      assert.strictEqual(stream.sendMax, '1000')
    }
  },
  {
    name: 'setSendMax: numbers with a fraction, above 2^53, and above 2^64',
    async run (t) {
      await t.open()
      t.take(0)
      const stream = t.connection.createStream()
      const set = value => {
        try {
          stream.setSendMax(value)
          return stream.sendMax
        } catch (err) {
          return `${err.constructor.name}: ${err.message}`
        }
      }
      const cases = [[1.5, '1'], [2000.999, '2000'], [0.4, '0'], [1e-7, '0'], [-0, '0'], [2 ** 53 + 2, '9007199254740994'],
        [2 ** 64 - 2048, '18446744073709549568'], [2 ** 64, '18446744073709551615'], [1e30, '18446744073709551615'],
        ['0x10', 'Error: Value 0x10 does not fit in a Long.'], ['1e3', 'Error: Value 1e3 does not fit in a Long.'],
        [' 7', 'Error: Value  7 does not fit in a Long.'], ['', 'Error: empty string']]
      for (const [value, becomes] of cases) assert.strictEqual(set(value), becomes)
    }
  },
  {
    name: 'amounts: Long, string and number; exact above 2^53',
    async run (t) {
      await t.open()
      const stream = t.connection.createStream()
      stream.setReceiveMax(Long.fromNumber(5, true))
      stream.setReceiveMax('9007199254740993')
      assert.strictEqual(stream.receiveMax, '9007199254740993')
      stream.setReceiveMax('18446744073709551615')
      assert.strictEqual(stream.receiveMax, '18446744073709551615')
      stream.setSendMax(1.7)
      assert.strictEqual(stream.sendMax, '1')
      stream.setSendMax('18446744073709551615')
      assert.strictEqual(stream.sendMax, '18446744073709551615')
      stream.destroy()
    }
  },
  {
    name: 'setReceiveMax: starts at 0',
    async run (t) {
      await t.open()
      const money = spy()
      t.take(null, stream => stream.on('money', money))
      const stream = t.connection.createStream()
      stream.setSendMax(1000)
      await t.sleep(100)
      assert.strictEqual(money.calls.length, 0)
      assert.strictEqual(stream.totalSent, '0')
      assert.strictEqual(stream.receiveMax, '0')
    }
  },
  {
    name: 'setReceiveMax: accepts the amount',
    async run (t) {
      await t.open()
      const money = spy()
      t.take(500, stream => stream.on('money', money))
      const stream = t.connection.createStream()
      await stream.sendTotal(1000)
      assert.deepStrictEqual(money.calls.map(([amount]) => amount), ['500'])
      assert.strictEqual(stream.totalSent, '1000')
    }
  },
  {
    name: 'setReceiveMax: raised in an async handler, and later',
    async run (t) {
      await t.open()
      const money = spy()
      t.take(null, async stream => {
        stream.on('money', money)
        await t.sleep(1)
        stream.setReceiveMax(500)
      })
      const stream = t.connection.createStream()
      stream.setSendMax(2000)
      await t.until('the first part is sent', () => stream.totalSent === '1000')
      await t.sleep(50)
      assert.strictEqual(stream.totalSent, '1000')
      t.streams[0].setReceiveMax(1000)
      await t.event(stream, 'outgoing_total_sent')
      assert.strictEqual(stream.totalSent, '2000')
      assert.strictEqual(t.streams[0].totalReceived, '1000')
      assert.deepStrictEqual(money.calls.map(([amount]) => amount), ['500', '500'])
    }
  },
  {
    name: 'setReceiveMax: what it throws at; Infinity',
    async run (t) {
      await t.open()
      const money = spy()
      t.take(Infinity, stream => stream.on('money', money))
      const stream = t.connection.createStream()
      await stream.sendTotal(1000)
      assert.strictEqual(money.calls.length, 1)
      assert.strictEqual(t.streams[0].receiveMax, '18446744073709551615')
      assert.throws(() => t.streams[0].setReceiveMax(200), /^Error: Cannot set receiveMax lower than the totalReceived/)
      stream.setReceiveMax(200)
      assert.throws(() => stream.setReceiveMax(199), /^Error: Cannot decrease the receiveMax/)
      assert.throws(() => stream.setReceiveMax(-5), /^Error: Expected positive number/)
    }
  },
  {
    name: 'sendTotal: resolves when it is sent, again for more, at once for less',
    async run (t) {
      await t.open()
      t.take()
      const stream = t.connection.createStream()
      assert.strictEqual(await stream.sendTotal(1000), undefined)
      assert.strictEqual(stream.totalSent, '1000')
      await stream.sendTotal('2000')
      assert.strictEqual(stream.totalSent, '2000')
      const packets = t.client.sent.length
      await stream.sendTotal(500)
      assert.strictEqual(t.client.sent.length, packets)
    }
  },
  {
    name: 'sendTotal: rejects when the stream closes before',
    async run (t) {
      await t.open()
      t.take(null, stream => stream.end())
      await assert.rejects(t.connection.createStream().sendTotal(1000),
        /^Error: Stream was closed before the desired amount was sent \(target: 1000, totalSent: 0\)/)
    }
  },
  {
    name: 'sendTotal: rejects when the other side destroys the stream',
    async run (t) {
      await t.open()
      t.take(null, stream => stream.destroy(new Error('blah')))
      await assert.rejects(t.connection.createStream().sendTotal(1000),
        /^Error: Stream encountered an error before the desired amount was sent \(target: 1000, totalSent: 0\): ApplicationError: blah/)
    }
  },
  {
    name: 'sendTotal: rejects at an error of the stream',
    async run (t) {
      await t.open()
      const stream = t.connection.createStream()
      const sent = stream.sendTotal(1000)
      stream.emit('error', new Error('oops'))
      await assert.rejects(sent, /^Error: Stream encountered an error before the desired amount was sent \(target: 1000, totalSent: 0\): Error: oops/)
    }
  },
  ...['F99', 'T00'].map(code => ({
    name: `sendTotal: sends again what was rejected ${code}`,
    async run (t) {
      await t.open()
      const money = spy()
      t.take(500, stream => stream.on('money', money))
      answerFirst(t, 1, reject(code, 'uh oh'))
      const stream = t.connection.createStream()
      await stream.sendTotal(1000)
      assert.strictEqual(money.calls.length, 1)
      assert.strictEqual(stream.totalSent, '1000')
    }
  })),
  {
    name: 'sendTotal and receiveTotal: reject after the time that was given',
    async run (t) {
      await t.open()
      const stream = t.connection.createStream()
      await assert.rejects(stream.sendTotal(1000, { timeout: 30 }), /^Error: Timed out before the desired amount was sent \(target: 1000, totalSent: 0\)/)
      await assert.rejects(stream.receiveTotal(1000, { timeout: 30 }), /^Error: Timed out before the desired amount was received \(target: 1000, totalReceived: 0\)/)
    }
  },
  {
    name: 'receiveTotal: resolves when it has come, at once for less',
    async run (t) {
      await t.open()
      let received
      t.take(null, stream => { received = stream.receiveTotal(500) })
      const stream = t.connection.createStream()
      stream.setSendMax(1000)
      await t.until('the stream is there', () => received)
      await received
      assert.strictEqual(t.streams[0].totalReceived, '500')
      await t.streams[0].receiveTotal(400)
    }
  },
  {
    name: 'receiveTotal: rejects when the stream closes before',
    async run (t) {
      await t.open()
      let received
      t.take(null, stream => { received = stream.receiveTotal(500); received.catch(() => {}) })
      const stream = t.connection.createStream()
      stream.write('x')
      await t.until('the stream is there', () => received)
      stream.end()
      await assert.rejects(received, /^Error: Stream was closed before the desired amount was received \(target: 500, totalReceived: 0\)/)
    }
  },
  {
    name: 'end: emits finish, end and close once, on both sides',
    async run (t) {
      await t.open()
      t.take()
      const stream = t.connection.createStream()
      const seen = []
      for (const name of ['finish', 'end', 'close']) stream.on(name, () => seen.push(name))
      await stream.sendTotal(100)
      const there = []
      for (const name of ['finish', 'end', 'close']) t.streams[0].on(name, () => there.push(name))
      stream.end()
      await t.until('both have closed', () => seen.includes('close') && there.includes('close'))
      await t.sleep(20)
      assert.deepStrictEqual(seen.sort(), ['close', 'end', 'finish'])
      assert.deepStrictEqual(there.sort(), ['close', 'end', 'finish'])
      assert.strictEqual(stream.isOpen(), false)
    }
  },
  {
    name: 'end: accepts data',
    async run (t) {
      await t.open()
      let data
      t.take(null, stream => { data = collect(stream) })
      t.connection.createStream().end('hello')
      await t.until('the bytes are there', () => data && data().toString() === 'hello')
    }
  },
  {
    name: 'end: not before all money is sent',
    async run (t) {
      await t.open()
      t.take()
      const stream = t.connection.createStream()
      stream.setSendMax(3000)
      stream.end()
      await t.event(stream, 'end')
      assert.strictEqual(stream.totalSent, '3000')
      await t.until('it has arrived', () => t.streams[0].totalReceived === '1500')
    }
  },
  {
    name: 'end: not before all data is sent',
    async run (t) {
      await t.open()
      let data
      t.take(null, stream => { data = collect(stream) })
      const stream = t.connection.createStream()
      stream.write(Buffer.alloc(30000, 7))
      stream.end()
      await t.until('the stream is there', () => t.streams.length === 1)
      await t.streams[0].whenEnded
      assert.strictEqual(data().length, 30000)
    }
  },
  {
    name: 'end: closes where the other side takes no more money',
    async run (t) {
      await t.open()
      t.take(100)
      const stream = t.connection.createStream()
      stream.setSendMax(1000)
      await t.until('what can be sent is sent', () => stream.totalSent === '200')
      stream.end()
      await t.event(stream, 'end')
      assert.strictEqual(stream.totalSent, '200')
    },
    originalAtTimes: 'waits for its next packet, and where there is none, until the connection is idle'
  },
  {
    name: 'end: money for a closed stream is rejected, and data goes to nobody',
    async run (t) {
      await t.openRaw()
      const money = spy()
      const data = spy()
      const streams = spy()
      t.listening.on('connection', connection => connection.on('stream', stream => {
        streams()
        stream.setReceiveMax(1000)
        stream.on('money', money)
        stream.on('data', data)
      }))
      const peer = new RawPeer(t)
      assert.ok((await peer.send([new StreamMoneyFrame(1, 1)], { amount: 10 })).fulfilled)
      await peer.send([new StreamCloseFrame(1, ErrorCode.NoError, '')])
      await t.sleep(20)
      const again = await peer.send([new StreamMoneyFrame(1, 1)], { amount: 10 })
      assert.strictEqual(again.fulfilled, false)
      assert.strictEqual(again.reply.code, 'F99')
      assert.ok(again.stream.frames.some(({ type, streamId }) => type === FrameType.StreamClose && streamId.equals(1)))
      await peer.send([new StreamDataFrame(1, 0, Buffer.from('more'))])
      await t.sleep(20)
      assert.deepStrictEqual([money.calls.length, data.calls.length, streams.calls.length], [1, 0, 1])
    }
  },
  {
    name: 'end: money and data after it are errors',
    async run (t) {
      await t.open()
      const stream = t.connection.createStream()
      stream.on('error', () => {})
      stream.end()
      await t.event(stream, 'end')
      assert.throws(() => stream.setSendMax(300), /^Error: Stream already closed/)
      assert.throws(() => stream.setReceiveMax(300), /^Error: Stream already closed/)
      await assert.rejects(stream.sendTotal(300), /^Error: Stream already closed/)
      await assert.rejects(stream.receiveTotal(300), /^Error: Stream already closed/)
      const err = await new Promise(resolve => stream.write('x', resolve))
      assert.match(err.message, /write after end|Cannot call write after a stream was destroyed/)
    }
  },
  {
    name: 'destroy: closes the stream on the other side',
    async run (t) {
      await t.open()
      t.take()
      const stream = t.connection.createStream()
      await stream.sendTotal(1000)
      const ended = t.event(t.streams[0], 'end')
      stream.destroy()
      await ended
    }
  },
  {
    name: 'destroy: the other side emits the error',
    async run (t) {
      await t.open()
      t.take()
      const stream = t.connection.createStream()
      stream.on('error', () => {})
      await stream.sendTotal(1000)
      const failed = t.event(t.streams[0], 'error')
      stream.destroy(new Error('oops, something went wrong'))
      const err = await failed
      assert.strictEqual(err.message, 'oops, something went wrong')
      assert.strictEqual(err.name, 'ApplicationError')
    }
  },
  {
    name: 'destroy: closes although there is money to be sent',
    async run (t) {
      await t.open()
      t.take()
      const stream = t.connection.createStream()
      stream.setSendMax(1000)
      const ended = t.event(stream, 'end')
      stream.destroy()
      await ended
      assert.strictEqual(stream.totalSent, '0')
      assert.strictEqual(stream.isOpen(), false)
    }
  },
  {
    name: 'data: is a Duplex with its numbers',
    async run (t) {
      await t.open()
      t.take()
      const stream = t.connection.createStream()
      assert.ok(stream instanceof Duplex)
      stream.write('hello')
      assert.strictEqual(stream.writableLength, 5)
      assert.strictEqual(stream.readableHighWaterMark, stream.writableHighWaterMark)
      await t.until('the bytes are there', () => t.streams[0] && t.streams[0].readableLength === 5)
      assert.strictEqual(t.streams[0].read().toString(), 'hello')
    }
  },
  {
    name: 'data: is split, and comes in order and whole',
    async run (t) {
      await t.open()
      let data
      t.take(null, stream => { data = collect(stream) })
      const stream = t.connection.createStream()
      const all = Buffer.concat(Array.from({ length: 60 }, (_, i) => Buffer.alloc(1000, i)))
      for (let i = 0; i < 60; i++) stream.write(all.subarray(1000 * i, 1000 * i + 1000))
      stream.end()
      await t.until('the stream is there', () => t.streams.length === 1)
      await t.streams[0].whenEnded
      assert.ok(data().equals(all))
      for (const { data } of t.client.sent) assert.ok(data.length <= 32767)
    }
  },
  {
    name: 'data: the reader slows the writer down',
    async run (t) {
      await t.open()
      t.take()
      const stream = t.connection.createStream()
      stream.write(Buffer.alloc(400 * 1000, 1))
      await t.until('the stream is there', () => t.streams[0])
      const full = t.streams[0].readableHighWaterMark // 16 KiB, and 64 KiB in newer ones of Node
      await t.until('the first bytes are there', () => t.streams[0].readableLength === full)
      await t.sleep(50)
      assert.strictEqual(t.streams[0].readableLength, full)
      assert.strictEqual(t.streams[0].read(3450).length, 3450)
      await t.until('as many more have come', () => t.streams[0].readableLength === full)
      const data = collect(t.streams[0])
      stream.end()
      await t.until('all has come', () => data().length === 400 * 1000 - 3450)
    },
    originalAtTimes: 'stalls where its reader has paused'
  },
  {
    name: 'data: a paused reader of a stream that stands still reads a little, and as much more comes',
    async run (t) {
      await t.open()
      t.take()
      const stream = t.connection.createStream()
      const all = Buffer.alloc(400 * 1000)
      for (let i = 0; i < all.length; i++) all[i] = i % 251
      stream.write(all)
      await t.until('the stream is there', () => t.streams[0])
      const [reader] = t.streams
      const full = reader.readableHighWaterMark
      let read = 0
      for (let i = 0; i < 4; i++) {
        await t.until('it is full', () => reader.readableLength === full)
        // It stands still: nobody sends anything any more.
        let packets
        do {
          packets = t.client.sent.length + t.server.sent.length
          await t.sleep(60)
        } while (t.client.sent.length + t.server.sent.length !== packets)
        assert.strictEqual(reader.readableLength, full)
        const part = reader.read(3450)
        assert.ok(part.equals(all.subarray(read, read + 3450)), `part ${i}`)
        read += 3450
      }
      stream.destroy()
    },
    originalAtTimes: 'stalls where its reader has paused'
  },
  {
    name: 'data: the other side slows us down',
    async run (t) {
      await t.open()
      t.take()
      const stream = t.connection.createStream()
      let written = 16384
      // Newer ones of Node take four times as much.
      const full = !stream.write(Buffer.alloc(written))
      assert.strictEqual(full, stream.writableHighWaterMark <= written)
      if (full) await t.event(stream, 'drain')
      while (stream.write(Buffer.alloc(16384)) || written < 64 * 1048576) {
        written += 16384
        const drained = await Promise.race([t.event(stream, 'drain').then(() => true, () => false), t.sleep(100)])
        if (!drained) break
      }
      assert.ok(written < 4 * 1048576, `${written} bytes were taken although nobody reads`)
      stream.destroy()
    }
  },
  ...['F99', 'T00'].map(code => ({
    name: `data: what was rejected ${code} is sent again, in order`,
    async run (t) {
      await t.open()
      let data
      t.take(null, stream => { data = collect(stream) })
      answerFirst(t, 1, reject(code, 'uh oh'))
      const stream = t.connection.createStream()
      for (let i = 0; i < 40; i++) stream.write(Buffer.alloc(1000, i))
      stream.end()
      await t.until('the stream is there', () => t.streams.length === 1)
      await t.streams[0].whenEnded
      assert.strictEqual(data().length, 40000)
      for (let i = 0; i < 40; i++) assert.strictEqual(data()[1000 * i], i)
    }
  })),
  {
    name: 'data: what comes out of order is put in order',
    async run (t) {
      await t.openRaw()
      let data
      t.listening.on('connection', connection => connection.on('stream', stream => { data = collect(stream) }))
      const peer = new RawPeer(t)
      await peer.send([new StreamDataFrame(1, 0, Buffer.alloc(10, 1))])
      await peer.send([new StreamDataFrame(1, 300, Buffer.alloc(300, 3))])
      await peer.send([new StreamDataFrame(1, 100, Buffer.alloc(200, 2))])
      await t.sleep(20)
      assert.strictEqual(data().length, 10)
      await peer.send([new StreamDataFrame(1, 10, Buffer.alloc(90, 1))])
      await t.until('all is there', () => data().length === 600)
      assert.deepStrictEqual([data()[0], data()[100], data()[300]], [1, 2, 3])
    }
  },
  {
    name: 'data: pipe, async iteration, half a megabyte each way',
    async run (t) {
      await t.open()
      t.take(null, stream => stream.pipe(stream))
      const stream = t.connection.createStream()
      const all = Buffer.alloc(500000)
      for (let i = 0; i < all.length; i++) all[i] = i % 251
      let at = 0
      const feed = () => {
        while (at < all.length) {
          at += 10000
          if (!stream.write(all.subarray(at - 10000, at))) return stream.once('drain', feed)
        }
      }
      feed()
      const back = []
      let length = 0
      for await (const chunk of stream) {
        back.push(chunk)
        length += chunk.length
        if (length === all.length) break
      }
      assert.ok(Buffer.concat(back).equals(all))
    }
  },
  { name: 'control: StreamClose rejected by a connector is sent again', run: retriesClose('T00', 1) },
  { name: 'control: StreamClose rejected by the receiver is sent again', run: retriesClose('F99', 1) },
  { name: 'control: StreamClose rejected twice is sent again', run: retriesClose('F99', 2) }
]
