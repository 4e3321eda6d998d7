// SPDX-License-Identifier: Apache-2.0
'use strict'
// Connection: its ends, its rate, its limits, and what it tells of itself.
const assert = require('assert')
const { spy } = require('../support/context')
const { reject } = require('../support/pair')
const { RawPeer } = require('../support/raw')
const { StreamMoneyFrame, StreamDataFrame, StreamMaxMoneyFrame, StreamCloseFrame, ConnectionCloseFrame, ErrorCode, FrameType } = require('../../dist/src/packet')
const { verifyReceipt } = require('../../dist/src/util/receipt')

const NO_PACKETS = /^Error: Error connecting: Unable to establish connection, no packets meeting the minimum exchange precision of 3 digits made it through the path/

function counts (emitter, names) {
  const seen = {}
  for (const name of names) {
    seen[name] = 0
    emitter.on(name, () => seen[name]++)
  }
  return seen
}

const STREAM_EVENTS = ['finish', 'end', 'close']
const ONCE = { finish: 1, end: 1, close: 1 }

module.exports = [
  {
    name: 'getters before money',
    async run (t) {
      await t.open({ client: { slippage: 0 } })
      const { connection, accepted } = t
      await t.until('the client has told its asset', () => accepted.destinationAssetCode)
      assert.strictEqual(connection.sourceAccount, 'test.client')
      assert.strictEqual(connection.destinationAccount, t.credentials.destinationAccount)
      assert.strictEqual(accepted.sourceAccount, 'test.server')
      assert.ok(accepted.destinationAccount.startsWith('test.client'))
      assert.deepStrictEqual([connection.sourceAssetCode, connection.sourceAssetScale], ['ABC', 9])
      assert.deepStrictEqual([connection.destinationAssetCode, connection.destinationAssetScale], ['XYZ', 9])
      assert.deepStrictEqual([accepted.sourceAssetCode, accepted.sourceAssetScale], ['XYZ', 9])
      assert.deepStrictEqual([accepted.destinationAssetCode, accepted.destinationAssetScale], ['ABC', 9])
      assert.strictEqual(connection.minimumAcceptableExchangeRate, '0.5')
      assert.strictEqual(accepted.minimumAcceptableExchangeRate, '0')
      for (const one of [connection, accepted]) {
        for (const name of ['lastPacketExchangeRate', 'totalSent', 'totalReceived', 'totalDelivered']) assert.strictEqual(one[name], '0')
      }
    }
  },
  {
    name: 'getters after money, and after the end',
    async run (t) {
      await t.open({ server: { slippage: 0.01 }, client: { slippage: 0.05 } })
      t.take(10000, stream => stream.sendTotal(111))
      const { connection, accepted } = t
      const stream = connection.createStream()
      stream.setReceiveMax(10000)
      await stream.sendTotal(2000)
      await t.until('the other way', () => accepted.totalSent === '111')
      const check = () => {
        assert.strictEqual(accepted.totalReceived, '1000')
        assert.strictEqual(connection.totalDelivered, '1000')
        assert.strictEqual(connection.totalSent, '2000')
        assert.strictEqual(connection.totalReceived, '222')
        assert.strictEqual(accepted.totalDelivered, '222')
        assert.strictEqual(connection.minimumAcceptableExchangeRate, '0.475')
        assert.strictEqual(accepted.minimumAcceptableExchangeRate, '1.98')
        assert.strictEqual(connection.lastPacketExchangeRate, '0.5')
        assert.strictEqual(accepted.lastPacketExchangeRate, '2')
      }
      check()
      const closed = t.event(accepted, 'close')
      await connection.end()
      await closed
      check()
      assert.strictEqual(stream.totalSent, '2000')
      assert.strictEqual(connection.destinationAssetCode, 'XYZ')
    }
  },
  {
    name: 'createStream: from both sides, ids odd and even',
    async run (t) {
      await t.open()
      const theirs = t.event(t.accepted, 'stream')
      const first = t.connection.createStream()
      const second = t.connection.createStream()
      assert.deepStrictEqual([first.id, second.id], [1, 3])
      first.setSendMax(10)
      assert.strictEqual((await theirs).id, 1)
      const ours = t.event(t.connection, 'stream')
      const back = t.accepted.createStream()
      assert.strictEqual(back.id, 2)
      back.setSendMax(10)
      assert.strictEqual((await ours).id, 2)
    }
  },
  {
    name: 'createStream: after the end, ids go on, and nothing leaves',
    async run (t) {
      await t.open()
      await t.connection.createStream().sendTotal(0)
      await t.connection.end()
      const { length } = t.client.sent
      const sides = [t.connection, t.accepted]
      for (const ids of [[3, 2], [5, 4]]) {
        const streams = sides.map(side => side.createStream())
        for (const stream of streams) stream.on('error', () => {})
        assert.deepStrictEqual(streams.map(({ id }) => id), ids)
        assert.deepStrictEqual(sides.map(({ streams }, i) => streams.has(ids[i])), [true, true])
        for (const stream of streams) await assert.rejects(stream.sendTotal(10, { timeout: 20 }))
      }
      assert.strictEqual(t.client.sent.length, length)
    }
  },
  {
    name: 'end: closes the other side',
    async run (t) {
      await t.open()
      const seen = counts(t.connection, ['end', 'close', 'error'])
      await t.accepted.end()
      await t.until('it is closed', () => seen.close === 1)
      assert.deepStrictEqual(seen, { end: 1, close: 1, error: 0 })
    }
  },
  {
    name: 'end: closes all streams that we opened, once each',
    async run (t) {
      await t.open()
      const there = []
      t.take(10000, stream => {
        stream.on('data', () => {})
        there.push(counts(stream, STREAM_EVENTS))
      })
      const ends = { here: counts(t.connection, ['end', 'close']), there: counts(t.accepted, ['end', 'close']) }
      const streams = [t.connection.createStream(), t.connection.createStream()]
      const here = streams.map(stream => counts(stream, STREAM_EVENTS))
      streams[0].setSendMax(100)
      streams[1].write('hello')
      await t.connection.end()
      await t.until('all has come', () => ends.there.close === 1 && there.every(({ close }) => close === 1))
      assert.deepStrictEqual(here, [ONCE, ONCE])
      assert.deepStrictEqual(there, [ONCE, ONCE])
      assert.deepStrictEqual(ends, { here: { end: 1, close: 1 }, there: { end: 1, close: 1 } })
    }
  },
  {
    name: 'end: closes all streams that the other side opened',
    async run (t) {
      await t.open()
      const there = []
      t.take(10000, stream => {
        stream.on('data', () => {})
        there.push(counts(stream, STREAM_EVENTS))
      })
      const streams = [t.connection.createStream(), t.connection.createStream()]
      const here = streams.map(stream => counts(stream, STREAM_EVENTS))
      await streams[0].sendTotal(100)
      streams[1].write('hello')
      await t.until('both are there', () => there.length === 2)
      await t.sleep(30)
      const closed = t.event(t.connection, 'close')
      await t.accepted.end()
      await closed
      await t.until('all has come', () => here.every(({ close }) => close === 1) && there.every(({ close }) => close === 1))
      assert.deepStrictEqual(here, [ONCE, ONCE])
      assert.deepStrictEqual(there, [ONCE, ONCE])
    }
  },
  ...[['client', 'connection', 'accepted'], ['server', 'accepted', 'connection']].flatMap(([who, from, to]) => [
    {
      name: `end: all data of the ${who} arrives before`,
      async run (t) {
        await t.open()
        let length = 0
        t[to].on('stream', stream => stream.on('data', chunk => { length += chunk.length }))
        t[from].createStream().write(Buffer.alloc(30000))
        await t[from].end()
        await t.until('all is there', () => length === 30000)
      }
    },
    {
      name: `end: all money of the ${who} arrives before`,
      async run (t) {
        await t.open()
        let total = 0
        const money = spy(amount => { total += Number(amount) })
        t[to].on('stream', stream => {
          stream.setReceiveMax(12000)
          stream.on('money', money)
        })
        t[from].createStream().setSendMax(2000)
        await t[from].end()
        assert.strictEqual(total, from === 'connection' ? 1000 : 4000)
        assert.strictEqual(money.calls.length, 2)
      }
    }
  ]),
  {
    name: 'end: the connection stays open when a stream ends',
    async run (t) {
      await t.open()
      t.take()
      const closes = [counts(t.connection, ['close']), counts(t.accepted, ['close'])]
      const stream = t.connection.createStream()
      stream.write('hello')
      stream.setSendMax(100)
      stream.end()
      await t.until('it is there', () => t.streams.length === 1)
      await t.streams[0].whenClosed
      await t.connection.createStream().sendTotal(10)
      assert.deepStrictEqual(closes, [{ close: 0 }, { close: 0 }])
    }
  },
  {
    name: 'end: nothing can be sent after it',
    async run (t) {
      await t.open()
      t.take()
      const stream = t.connection.createStream()
      await t.connection.end()
      assert.throws(() => stream.setSendMax(300), /^Error: Stream already closed/)
      await assert.rejects(stream.sendTotal(300), /^Error: Stream already closed/)
    }
  },
  {
    name: 'destroy: closes the other side',
    async run (t) {
      await t.open()
      const closed = t.event(t.connection, 'close')
      t.accepted.destroy()
      await closed
    }
  },
  {
    name: 'destroy: the other side emits the error',
    async run (t) {
      await t.open()
      const failed = t.event(t.connection, 'error')
      const mine = spy()
      t.accepted.on('error', mine)
      const error = new Error('i had enough of this')
      await t.accepted.destroy(error)
      assert.strictEqual((await failed).message, 'Remote connection error. Code: InternalError, message: i had enough of this')
      assert.deepStrictEqual(mine.calls, [[error]])
    }
  },
  {
    name: 'destroy: the code of a ConnectionError is told',
    async run (t) {
      await t.open()
      const failed = t.event(t.connection, 'error')
      const { ConnectionError } = t.errors
      await t.accepted.destroy(new ConnectionError('too busy', ErrorCode.EndpointBusy))
      assert.strictEqual((await failed).message, 'Remote connection error. Code: EndpointBusy, message: too busy')
    }
  },
  {
    name: 'destroy: closes all streams at once; nothing more is sent',
    async run (t) {
      await t.open()
      t.take()
      const stream = t.connection.createStream()
      stream.setSendMax(100)
      stream.write(Buffer.alloc(20000))
      const closed = t.event(stream, 'close')
      t.connection.destroy()
      await closed
      assert.strictEqual(stream.totalSent, '0')
      assert.strictEqual(stream.isOpen(), false)
      assert.ok(stream.destroyed)
      assert.throws(() => stream.setSendMax(300), /^Error: Stream already closed/)
      await assert.rejects(stream.sendTotal(300), /^Error: Stream already closed/)
      const err = await new Promise(resolve => stream.write('x', resolve))
      assert.strictEqual(err.message, 'Cannot call write after a stream was destroyed')
    }
  },
  {
    name: 'destroy: streams of both sides are destroyed',
    async run (t) {
      await t.open()
      const ours = t.connection.createStream()
      const theirs = t.accepted.createStream()
      const closed = t.event(t.connection, 'close')
      await t.accepted.destroy()
      await closed
      assert.ok(ours.destroyed)
      assert.ok(theirs.destroyed)
    }
  },
  {
    name: 'destroy: the connection stays open when a stream is destroyed',
    async run (t) {
      await t.open()
      const money = spy()
      t.take(10000, stream => stream.on('money', money))
      const first = t.connection.createStream()
      await first.sendTotal(100)
      first.destroy()
      const second = t.connection.createStream()
      await second.sendTotal(200)
      assert.strictEqual(money.calls.length, 2)
    }
  },
  {
    name: 'destroy: does nothing when the other side has closed',
    async run (t) {
      await t.open()
      const errors = spy()
      t.accepted.on('error', errors)
      await t.connection.end()
      await t.sleep(20)
      await t.accepted.destroy(new Error('abort!'))
      assert.strictEqual(errors.calls.length, 0)
    }
  },
  {
    name: 'idle: the connection is destroyed',
    async run (t) {
      await t.open({ client: { idleTimeout: 3000 } })
      const err = await t.event(t.connection, 'error')
      assert.strictEqual(err.message, 'Connection timed out due to inactivity')
    }
  },
  {
    name: 'money: event with the packet',
    async run (t) {
      await t.open()
      const money = spy()
      t.take(10000, stream => stream.on('money', money))
      const out = spy()
      const stream = t.connection.createStream()
      stream.on('outgoing_money', out)
      await stream.sendTotal(117)
      assert.strictEqual(money.calls.length, 1)
      const [amount, prepare] = money.calls[0]
      assert.strictEqual(amount, '58')
      assert.strictEqual(prepare.amount, '58')
      assert.strictEqual(prepare.destination, t.credentials.destinationAccount)
      assert.ok(prepare.expiresAt instanceof Date)
      assert.ok(Buffer.isBuffer(prepare.data) && Buffer.isBuffer(prepare.executionCondition))
      assert.deepStrictEqual(out.calls, [['117']])
    }
  },
  {
    name: 'money: each handler that can see the packet gets it, of each packet',
    async run (t) {
      await t.open()
      const count = 10
      const seen = {}
      const see = name => prepare => { seen[name] = (seen[name] || 0) + (Buffer.isBuffer(prepare && prepare.data) ? 1 : -1000) }
      const handlers = {
        two: (amount, prepare) => see('two')(prepare),
        defaulted: (amount, prepare = 'none') => see('defaulted')(prepare),
        rest: (...all) => see('rest')(all[1]),
        arguments: function (amount) { see('arguments')(arguments[1]) },
        bound: function (amount, prepare) { see('bound')(prepare) }.bind(null),
        proxied: new Proxy((amount, prepare) => see('proxied')(prepare), {})
      }
      // Alone, and beside one that sees less.
      const groups = [[handlers.arguments], [() => {}, ...Object.values(handlers)]]
      t.take(1000000, stream => {
        for (const handler of groups[t.streams.length - 1] || [() => {}]) stream.on('money', handler)
      })
      for (let i = 0; i < groups.length; i++) {
        const stream = t.connection.createStream()
        for (let sent = 1; sent <= count; sent++) await stream.sendTotal(100 * sent)
      }
      for (const name of Object.keys(handlers)) assert.strictEqual(seen[name], name === 'arguments' ? 2 * count : count, name)
      // One that comes later, and an emitter that somebody has changed.
      const [stream, other] = [t.connection.createStream(), t.connection.createStream()]
      for (let sent = 1; sent <= count; sent++) await stream.sendTotal(100 * sent)
      t.streams.find(({ id }) => id === stream.id).once('money', (amount, prepare) => see('late')(prepare))
      await stream.sendTotal(100 * count + 100)
      assert.strictEqual(seen.late, 1)
      await other.sendTotal(100)
      const changed = t.streams.find(({ id }) => id === other.id)
      const { emit } = changed
      changed.emit = function (event, amount, prepare) {
        if (event === 'money') see('changed')(prepare)
        return emit.apply(this, arguments)
      }
      for (let sent = 2; sent <= count; sent++) await other.sendTotal(100 * sent)
      assert.strictEqual(seen.changed, count - 1)
    }
  },
  {
    name: 'money: an emitter that somebody has changed is told of it, also where nobody listens',
    async run (t) {
      await t.open()
      const seen = []
      t.take(1000000, stream => {
        const { emit } = stream
        stream.emit = function (event, ...args) {
          if (event === 'money') seen.push(args)
          return emit.call(this, event, ...args)
        }
      })
      const stream = t.connection.createStream()
      for (let sent = 1; sent <= 10; sent++) await stream.sendTotal(100 * sent)
      assert.deepStrictEqual(seen.map(([amount]) => amount), Array(10).fill('50'))
      assert.ok(seen.every(([, prepare]) => Buffer.isBuffer(prepare.data)))
    }
  },
  {
    name: 'money: is taken although a handler of "stream" throws',
    async run (t) {
      await t.open()
      t.accepted.on('stream', stream => {
        stream.setReceiveMax(10000)
        throw new Error('blah')
      })
      const stream = t.connection.createStream()
      await stream.sendTotal(117)
      assert.strictEqual(stream.totalSent, '117')
    }
  },
  {
    name: 'money: two streams share packets',
    async run (t) {
      await t.open()
      const money = spy()
      t.take(10000, stream => stream.on('money', amount => money(stream.id, amount)))
      const streams = [t.connection.createStream(), t.connection.createStream()]
      await Promise.all([streams[0].sendTotal(117), streams[1].sendTotal(204)])
      const total = money.calls.reduce((sum, [, amount]) => sum + Number(amount), 0)
      assert.ok(total >= 159 && total <= 160, `${total} arrived`)
      assert.deepStrictEqual(streams.map(stream => stream.totalSent), ['117', '204'])
    }
  },
  {
    name: 'receipts: of each stream, the latest',
    async run (t) {
      const receiptNonce = Buffer.alloc(16, 1)
      const receiptSecret = Buffer.alloc(32, 2)
      await t.open({ credentials: { receiptNonce, receiptSecret } })
      t.take(10000)
      const stream = t.connection.createStream()
      assert.strictEqual(stream.receipt, undefined)
      await stream.sendTotal(500)
      assert.strictEqual(verifyReceipt(stream.receipt, receiptSecret).totalReceived.toString(), '250')
      await stream.sendTotal(1002)
      const receipt = verifyReceipt(stream.receipt, receiptSecret)
      assert.deepStrictEqual([receipt.totalReceived.toString(), receipt.streamId], ['501', '1'])
      assert.ok(receipt.nonce.equals(receiptNonce))
      await t.connection.end()
      assert.strictEqual(verifyReceipt(stream.receipt, receiptSecret).totalReceived.toString(), '501')
    }
  },
  ...[['small', 1, 10000000, 1000000000], ['very small', 1, 10000000000, 1000000000000]].map(([name, num, den, max]) => ({
    name: `rate: found where it is ${name}`,
    async run (t) {
      await t.open({ rate: [num, den], max })
      assert.ok(Number(t.connection.minimumAcceptableExchangeRate) > 0)
    }
  })),
  {
    name: 'rate: slippage is 1 % unless it is given',
    async run (t) {
      await t.open()
      assert.strictEqual(t.connection.minimumAcceptableExchangeRate, '0.495')
      const other = await t.api.createConnection({ ...t.listening.generateAddressAndSecret(), plugin: other2(t), slippage: 0.05 })
      assert.strictEqual(other.minimumAcceptableExchangeRate, '0.475')
      await other.end()
    }
  },
  {
    name: 'rate: slippage over 1 and below 0 throws',
    async run (t) {
      await t.open()
      const make = slippage => t.api.createConnection({ ...t.listening.generateAddressAndSecret(), plugin: other2(t), slippage })
      await assert.rejects(make(1.5), /^Error: slippage must be less than one/)
      await assert.rejects(make(-0.1), /^Error: unsigned value must be positive/)
      await assert.rejects(make(NaN), /^Error: value must be finite/)
      const all = await make(1)
      t.take(1000)
      await all.end()
    }
  },
  {
    name: 'rate: found where larger packets are refused F08',
    async run (t) {
      await t.open({ rate: [1, 1000], max: 150000, client: { slippage: 0 } })
      assert.strictEqual(t.connection.minimumAcceptableExchangeRate, '0.001')
    }
  },
  {
    name: 'rate: found despite T04 to what is large',
    async run (t) {
      t.pair(1, 1)
      t.client.answer = prepare => Number(prepare.amount) > 10000 ? reject('T04', 'Insufficient Liquidity Error') : undefined
      t.client.maxAmount = undefined
      await t.open({ client: { slippage: 0 } })
      assert.strictEqual(t.connection.minimumAcceptableExchangeRate, '1')
    }
  },
  {
    name: 'rate: found despite temporary errors at first',
    async run (t) {
      t.pair(1, 2)
      let left = 8
      t.client.answer = () => left-- > 0 ? reject('T00', 'try later') : undefined
      await t.open({ client: { slippage: 0 } })
      assert.strictEqual(t.connection.minimumAcceptableExchangeRate, '0.5')
    },
    original: 'where every size meets an error it tries only the smallest again, of which one digit arrives'
  },
  {
    name: 'rate: no connection where no packet gets through',
    async run (t) {
      t.pair(1, 2)
      t.client.answer = () => reject('F02', 'no route')
      await assert.rejects(t.open(), NO_PACKETS)
      await t.until('it is disconnected', () => t.client.disconnects === 1)
    }
  },
  {
    name: 'rate: given, it is the minimum, and money flows at the true one',
    async run (t) {
      t.pair(1, 2)
      const server = await t.api.createServer({ plugin: t.server })
      t.later(() => server.close())
      server.on('connection', connection => {
        t.accepted = connection
        connection.on('stream', stream => stream.setReceiveMax(1000000))
      })
      const connection = await t.api.createConnection({ ...server.generateAddressAndSecret(), plugin: t.client, exchangeRate: 0.001, slippage: 0 })
      assert.strictEqual(connection.minimumAcceptableExchangeRate, '0.001')
      await connection.createStream().sendTotal(123)
      assert.strictEqual(connection.totalSent, '123')
      assert.strictEqual(t.accepted.totalReceived, '61')
      await connection.end()
    }
  },
  {
    name: 'rate: packets below the minimum are refused, and sent again',
    async run (t) {
      await t.open({ client: { slippage: 0.05 } })
      t.take(1000000)
      t.client.maxAmount = 400
      const rates = [[1, 2], [49, 100], [48, 100], [47, 100], [1, 2], [46, 100], [7, 10]]
      const codes = []
      let calls = 0
      t.client.answer = async prepare => {
        const [num, den] = rates[Math.min(calls++, rates.length - 1)]
        t.client.rate = [BigInt(num), BigInt(den)]
        const reply = await t.client.forward(prepare)
        if (reply[0] === 14) codes.push(reply.subarray(2, 5).toString())
        return reply
      }
      const stream = t.connection.createStream()
      await stream.sendTotal(2000)
      assert.ok(codes.includes('F99'), codes.join())
      assert.ok(Number(t.connection.totalDelivered) >= 950)
    }
  },
  {
    name: 'packets: the maximum that F08 tells is kept to',
    async run (t) {
      await t.open({ max: 1500 })
      t.take(1000000)
      t.client.sent = []
      await t.connection.createStream().sendTotal(5000)
      assert.ok(t.client.sent.every(({ amount }) => Number(amount) <= 1500))
    }
  },
  {
    name: 'packets: progressively smaller maximums',
    async run (t) {
      await t.open()
      t.take(1000000)
      let maximum = 1000
      let left = 5
      t.client.answer = prepare => {
        if (Number(prepare.amount) > 400 && left-- > 0) {
          maximum -= 100
          const data = Buffer.alloc(16)
          data.writeBigUInt64BE(BigInt(prepare.amount), 0)
          data.writeBigUInt64BE(BigInt(maximum), 8)
          return reject('F08', 'too large', data)
        }
        return undefined
      }
      const stream = t.connection.createStream()
      await stream.sendTotal(3000)
      assert.strictEqual(stream.totalSent, '3000')
    }
  },
  ...[['none', Buffer.alloc(0)], ['nonsense', Buffer.alloc(16, 255)]].map(([name, data]) => ({
    name: `packets: F08 whose data is ${name}`,
    async run (t) {
      await t.open()
      t.take(1000000)
      t.client.answer = prepare => Number(prepare.amount) > 500 ? reject('F08', 'too large', data) : undefined
      const stream = t.connection.createStream()
      await stream.sendTotal(3000)
      assert.strictEqual(stream.totalSent, '3000')
    }
  })),
  {
    name: 'packets: maximumPacketAmount',
    async run (t) {
      await t.open({ client: { maximumPacketAmount: '300' } })
      t.take(1000000)
      t.client.sent = []
      await t.connection.createStream().sendTotal(1000)
      assert.ok(t.client.sent.length >= 4)
      assert.ok(t.client.sent.every(({ amount }) => Number(amount) <= 300), t.client.sent.map(({ amount }) => amount).join())
    }
  },
  {
    name: 'shouldFulfill: says yes and no to packets with money, and to no others',
    async run (t) {
      const money = spy()
      const ids = new Set()
      const asked = []
      let answers = 0
      t.pair(1, 2)
      t.client.maxAmount = 600
      await t.open({
        credentials: 'helloworld',
        server: {
          shouldFulfill: async (amount, packetId, tag) => {
            assert.strictEqual(tag, 'helloworld')
            assert.strictEqual(packetId.length, 32)
            ids.add(packetId.toString('hex'))
            asked.push(amount.toString())
            assert.ok(amount.unsigned)
            if (++answers === 2) throw new Error('no')
          }
        }
      })
      t.take(1000000, stream => stream.on('money', money))
      await t.connection.createStream().sendTotal(1000)
      assert.strictEqual(asked.length, 3)
      assert.strictEqual(ids.size, 3)
      assert.strictEqual(asked.slice().sort().join(), asked[0] === asked[1] ? '200,300,300' : asked.slice().sort().join())
      assert.strictEqual(money.calls.length, 2)
      assert.strictEqual(money.calls.reduce((sum, [amount]) => sum + Number(amount), 0), 500)
      assert.strictEqual(t.accepted.totalReceived, '500')
    }
  },
  {
    name: 'getExpiry: says when packets expire',
    async run (t) {
      const expiry = new Date(Date.now() + 12345)
      await t.open({ client: { getExpiry: () => expiry } })
      t.take(1000000)
      await t.connection.createStream().sendTotal(1230)
      assert.ok(t.client.sent.length > 2)
      for (const { expiresAt } of t.client.sent) assert.strictEqual(expiresAt.getTime(), expiry.getTime())
    }
  },
  {
    name: 'getExpiry: of a server, for what it sends',
    async run (t) {
      const expiry = new Date(Date.now() + 12345)
      const asked = spy(() => expiry)
      await t.open({ server: { getExpiry: asked } })
      const before = t.server.sent.length
      t.connection.on('stream', stream => stream.setReceiveMax(1000000))
      await t.accepted.createStream().sendTotal(1230)
      const sent = t.server.sent.slice(before)
      assert.ok(sent.length > 1)
      for (const { expiresAt } of sent) assert.strictEqual(expiresAt.getTime(), expiry.getTime())
      assert.strictEqual(asked.calls[asked.calls.length - 1][0], sent[sent.length - 1].destination)
    }
  },
  {
    name: 'getExpiry: far in the future',
    async run (t) {
      const expiry = new Date('2099-12-31T23:59:59.999Z')
      const asked = spy(() => expiry)
      await t.open({ client: { getExpiry: asked } })
      t.take(1000000)
      await t.connection.createStream().sendTotal(100)
      for (const { expiresAt } of t.client.sent) assert.strictEqual(expiresAt.getTime(), expiry.getTime())
      assert.strictEqual(asked.calls[0][0], 'peer.config')
      assert.strictEqual(asked.calls[1][0], t.credentials.destinationAccount)
    }
  },
  {
    name: 'getExpiry: packets expire 30 seconds from now unless it is given',
    async run (t) {
      await t.open()
      const left = t.client.sent[0].expiresAt - Date.now()
      assert.ok(left > 20000 && left <= 30000, `${left} ms`)
    }
  },
  {
    name: 'errors: an unexpected final error ends the connection and all that waits',
    async run (t) {
      await t.open()
      t.take(1000000)
      const errors = spy()
      t.connection.on('error', errors)
      const closed = t.event(t.connection, 'close')
      t.client.answer = () => reject('F89', 'Blah')
      const streams = [t.connection.createStream(), t.connection.createStream()]
      await Promise.all([
        assert.rejects(streams[0].sendTotal(117), /^Error: Stream was closed before the desired amount was sent \(target: 117, totalSent: 0\)/),
        assert.rejects(streams[1].sendTotal(204), /^Error: Stream was closed before the desired amount was sent \(target: 204, totalSent: 0\)/)
      ])
      await closed
      assert.strictEqual(errors.calls.length, 1)
      const [[err]] = errors.calls
      assert.ok(err instanceof t.errors.IlpRejectionError)
      assert.strictEqual(err.message, 'Unexpected error while sending packet. Code: F89, triggered by: test.connector, message: Blah')
      assert.strictEqual(err.ilpReject.code, 'F89')
      assert.strictEqual(streams[0].totalSent, '0')
    }
  },
  {
    name: 'errors: T04 makes packets smaller, and then larger again',
    async run (t) {
      await t.open()
      t.take(1000000)
      let left = 4
      t.client.answer = prepare => left-- > 0 && Number(prepare.amount) > 0 ? reject('T04', 'Insufficient Liquidity Error') : undefined
      t.client.sent = []
      const stream = t.connection.createStream()
      await stream.sendTotal(900)
      assert.strictEqual(stream.totalSent, '900')
      await stream.sendTotal(3000)
    }
  },
  {
    name: 'errors: temporary ones are tried again',
    async run (t) {
      await t.open()
      t.take(1000000)
      let left = 3
      t.client.answer = () => left-- > 0 ? reject(['T00', 'T01', 'T05'][left] || 'T00', 'try again') : undefined
      await t.connection.createStream().sendTotal(100)
    }
  },
  {
    name: 'errors: a plugin whose sendData rejects ends the connection with that error',
    async run (t) {
      await t.open()
      t.take(1000000)
      const failed = t.event(t.connection, 'error')
      const error = new Error('the line is cut')
      t.client.answer = () => { throw error }
      await assert.rejects(t.connection.createStream().sendTotal(100), /^Error: Stream was closed before the desired amount was sent/)
      assert.strictEqual(await failed, error)
    }
  },
  {
    name: 'errors: a plugin that answers with no ILP packet ends the connection',
    async run (t) {
      await t.open()
      t.take(1000000)
      const failed = t.event(t.connection, 'error')
      t.client.answer = () => Buffer.from([1, 2, 3])
      await assert.rejects(t.connection.createStream().sendTotal(100), /^Error: Stream was closed before the desired amount was sent/)
      assert.match((await failed).message, /^Invalid response when sending packet/)
    }
  },
  {
    name: 'padding: all packets and replies have the largest size',
    async run (t) {
      const lengths = new Set()
      t.pair(1, 2)
      await t.open({ server: { enablePadding: true }, client: { enablePadding: true } })
      t.take(1000000)
      t.client.answer = async (prepare) => {
        lengths.add(prepare.data.length)
        const reply = await t.client.forward(prepare)
        const { deserializeIlpReply } = require('ilp-packet')
        lengths.add(deserializeIlpReply(reply).data.length)
        return reply
      }
      t.client.maxAmount = undefined
      await t.connection.createStream().sendTotal(117)
      assert.deepStrictEqual([...lengths], [32767])
    }
  },
  {
    name: 'streams: an id of the wrong kind closes the connection',
    async run (t) {
      await t.openRaw()
      const errors = spy()
      t.listening.on('connection', connection => connection.on('error', errors))
      const peer = new RawPeer(t)
      await peer.send([])
      const { stream } = await peer.send([new StreamMoneyFrame(2, 1)], { amount: 1 })
      const close = stream.frames.find(({ type }) => type === FrameType.ConnectionClose)
      assert.ok([ErrorCode.ProtocolViolation, ErrorCode.StreamIdError].includes(close.errorCode))
      await t.until('the error is told', () => errors.calls.length > 0)
    }
  },
  {
    name: 'streams: too many close the connection',
    async run (t) {
      await t.openRaw()
      const errors = spy()
      t.listening.on('connection', connection => connection.on('error', errors))
      const peer = new RawPeer(t)
      for (let id = 1; id <= 19; id += 2) await peer.send([new StreamDataFrame(id, 0, Buffer.from('x'))])
      assert.strictEqual(errors.calls.length, 0)
      const { stream } = await peer.send([new StreamDataFrame(21, 0, Buffer.from('x'))])
      const close = stream.frames.find(({ type }) => type === FrameType.ConnectionClose)
      assert.strictEqual(close.errorCode, ErrorCode.StreamIdError)
      await t.until('the error is told', () => errors.calls.length > 0)
      assert.match(errors.calls[0][0].message, /^Maximum number of open streams exceeded/)
    }
  },
  {
    name: 'streams: createStream throws beyond the other side\'s limit, which rises as streams close',
    async run (t) {
      await t.open()
      t.take(1000)
      const streams = Array.from({ length: 10 }, () => t.connection.createStream())
      await Promise.all(streams.map(stream => stream.sendTotal(10)))
      assert.throws(() => t.connection.createStream(), /^Error: Creating another stream would exceed the remote connection's maximum number of open streams/)
      streams[0].end()
      await t.event(streams[0], 'close')
      let another
      await t.until('there is room', () => {
        try {
          another = t.connection.createStream()
          return true
        } catch {
          return false
        }
      })
      await another.sendTotal(10)
    }
  },
  {
    name: 'flow control: what the other side does not read is not sent',
    async run (t) {
      await t.open()
      t.take(1000)
      const streams = Array.from({ length: 5 }, () => t.connection.createStream())
      for (const stream of streams) for (let i = 0; i < 100; i++) stream.write(Buffer.alloc(1000))
      const held = () => t.streams.reduce((sum, stream) => sum + stream.readableLength, 0)
      await t.until('much has come', () => t.streams.length === 5 && held() >= 65000)
      await t.sleep(100)
      assert.ok(t.streams.every(stream => stream.readableLength <= stream.readableHighWaterMark), `${held()} bytes`)
    }
  },
  {
    name: 'flow control: who sends too much on a stream is disconnected',
    async run (t) {
      await t.openRaw()
      const errors = spy()
      t.listening.on('connection', connection => connection.on('error', errors))
      const peer = new RawPeer(t)
      await peer.send([new StreamDataFrame(1, 0, Buffer.alloc(16384))])
      const { stream } = await peer.send([new StreamDataFrame(1, 100000, Buffer.alloc(16384))])
      await t.until('the error is told', () => errors.calls.length > 0)
      assert.match(errors.calls[0][0].message, /^Exceeded flow control limits/)
      assert.strictEqual(errors.calls[0][0].streamErrorCode, ErrorCode.FlowControlError)
      assert.ok(stream)
    }
  },
  {
    name: 'flow control: who sends too much on all streams is disconnected',
    async run (t) {
      await t.openRaw()
      const errors = spy()
      t.listening.on('connection', connection => connection.on('error', errors))
      const peer = new RawPeer(t)
      // What a reader's buffer takes is not held against the limit by this package.
      let refused
      for (let i = 0; i < 20; i++) {
        for (let id = 1; id <= 9 && !refused; id += 2) {
          const { stream } = await peer.send([new StreamDataFrame(id, 16384 * i, Buffer.alloc(16384))])
          refused = stream && stream.frames.find(({ type }) => type === FrameType.ConnectionClose)
        }
      }
      if (t.who === 'rill') assert.strictEqual(refused.errorCode, ErrorCode.FlowControlError)
      else await t.until('the error is told', () => errors.calls.length > 0)
    }
  },
  {
    name: 'limits: what a stream takes is told with each reply',
    async run (t) {
      await t.openRaw()
      t.listening.on('connection', connection => connection.on('stream', stream => stream.setReceiveMax(1000)))
      const peer = new RawPeer(t)
      const { fulfilled, stream } = await peer.send([new StreamMoneyFrame(1, 1)], { amount: 100 })
      assert.ok(fulfilled)
      const max = stream.frames.find(({ type }) => type === FrameType.StreamMaxMoney)
      assert.deepStrictEqual([max.receiveMax.toString(), max.totalReceived.toString()], ['1000', '100'])
      const more = await peer.send([new StreamMoneyFrame(1, 1)], { amount: 920 })
      assert.strictEqual(more.fulfilled, false)
      assert.strictEqual(more.reply.code, 'F99')
    },
    original: 'it tells limits only to a client that has told its address'
  },
  {
    name: 'limits: one percent over the receive max is taken, for rounding',
    async run (t) {
      await t.openRaw()
      t.listening.on('connection', connection => connection.on('stream', stream => stream.setReceiveMax(1000)))
      const { fulfilled } = await new RawPeer(t).send([new StreamMoneyFrame(1, 1)], { amount: 1010 })
      assert.ok(fulfilled)
    }
  },
  {
    name: 'packets: less than the minimum, and what cannot be fulfilled, is rejected F99 with the amount',
    async run (t) {
      await t.openRaw()
      t.listening.on('connection', connection => connection.on('stream', stream => stream.setReceiveMax(1000)))
      const peer = new RawPeer(t)
      const probe = await peer.send([], { amount: 77, fulfillable: false })
      assert.deepStrictEqual([probe.reply.code, probe.stream.prepareAmount.toString()], ['F99', '77'])
      const low = await peer.send([new StreamMoneyFrame(1, 1)], { amount: 77, minimum: 78 })
      assert.deepStrictEqual([low.fulfilled, low.reply.code, low.stream.prepareAmount.toString()], [false, 'F99', '77'])
    }
  },
  {
    name: 'a close frame of the other side ends the connection',
    async run (t) {
      await t.openRaw()
      const seen = []
      t.listening.on('connection', connection => { for (const name of ['end', 'close', 'error']) connection.on(name, () => seen.push(name)) })
      const peer = new RawPeer(t)
      await peer.send([new StreamMaxMoneyFrame(1, 10, 0), new StreamCloseFrame(1, ErrorCode.NoError, '')])
      await peer.send([new ConnectionCloseFrame(ErrorCode.NoError, '')])
      await t.until('it is closed', () => seen.includes('close'))
      assert.deepStrictEqual(seen, ['end', 'close'])
    }
  },
  {
    name: 'handlePrepare and Connection.build',
    async run (t) {
      await t.open()
      t.take(1000)
      const plugin = other2(t)
      await plugin.connect()
      const credentials = t.listening.generateAddressAndSecret()
      const accepted = t.listening.acceptConnection()
      const connection = await t.api.Connection.build({
        plugin,
        ...credentials,
        sourceAccount: 'test.client',
        assetCode: 'ABC',
        assetScale: 9,
        isServer: false
      })
      await connection.connect()
      const there = await accepted
      there.on('stream', stream => stream.setReceiveMax(1000))
      await connection.createStream().sendTotal(10)
      await assert.rejects(connection.handlePrepare({
        amount: '0',
        destination: 'test.client',
        executionCondition: Buffer.alloc(32),
        expiresAt: new Date(Date.now() + 1000),
        data: Buffer.alloc(0)
      }), err => err instanceof Error && /^F0[26]$/.test(err.ilpErrorCode))
      await connection.end()
    }
  }
]

/** One more client on the same path. */
function other2 (t) {
  const { PairPlugin } = require('../support/pair')
  const plugin = new PairPlugin('client', 'ABC')
  Object.assign(plugin, { rate: t.client.rate, maxAmount: t.client.maxAmount, other: t.server })
  return plugin
}
