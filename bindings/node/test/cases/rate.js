// SPDX-License-Identifier: Apache-2.0
'use strict'
// How a connection finds its rate, and when it gives up: what minExchangeRatePrecision asks for.
const assert = require('assert')
const { SLOWER, spy } = require('../support/context')
const { PairPlugin, reject } = require('../support/pair')

function none (digits = 3) {
  return new RegExp('^Error: Error connecting: Unable to establish connection, no packets meeting the minimum exchange ' +
    `precision of ${digits} digits made it through the path\\.$`)
}

/** The packets from the second to the fourth, of which the original sends five at first. */
function refuseSomeSizes (t) {
  let packets = 0
  t.client.answer = () => ++packets >= 2 && packets <= 4 ? reject('F08', 'Amount Too Large') : undefined
}

module.exports = [
  {
    name: 'a unit arrives of ten thousand million, and packets are small: there is no connection',
    async run (t) {
      t.pair(1, 10000000000)
      await assert.rejects(t.within('it gives up', t.open()), none())
      await t.until('it is disconnected', () => t.client.disconnects === 1)
    }
  },
  {
    name: 'one digit of it is all that the path lets through: found',
    async run (t) {
      await t.open({ rate: [1, 1000], max: 1500, client: { slippage: 0 } })
      assert.strictEqual(t.connection.minimumAcceptableExchangeRate, '0.001')
      t.take(10000)
      await t.connection.createStream().sendTotal(1500000, { timeout: 55000 * SLOWER })
      assert.ok(Number(t.accepted.totalReceived) >= 1000, t.accepted.totalReceived)
    },
    original: 'demands three digits of the rate, and there is no connection with fewer'
  },
  {
    name: 'every packet is too large for somebody: there is no connection',
    async run (t) {
      t.pair(1, 1000000)
      const sizes = spy()
      const data = Buffer.alloc(16)
      data.writeBigUInt64BE(10n, 0)
      data.writeBigUInt64BE(500n, 8)
      t.client.answer = ({ amount }) => {
        sizes(amount)
        return reject('F08', 'Amount too Large', data)
      }
      await assert.rejects(t.within('it gives up', t.open()), none())
      assert.ok(sizes.calls.length < 100, `${sizes.calls.length} packets`)
    }
  },
  {
    name: 'two digits of it, where the sizes with more met an error without a maximum: found',
    async run (t) {
      t.pair(1, 100000)
      refuseSomeSizes(t)
      await t.open({ max: 1000000, client: { slippage: 0 } })
      assert.strictEqual(t.connection.minimumAcceptableExchangeRate, '0.00001')
    },
    original: 'demands three digits of the rate, and there is no connection with fewer'
  },
  {
    name: 'minExchangeRatePrecision 1: few digits are enough',
    async run (t) {
      t.pair(1, 1)
      refuseSomeSizes(t)
      await t.open({ max: 1000000, client: { minExchangeRatePrecision: 1, slippage: 0 } })
      assert.strictEqual(t.connection.minimumAcceptableExchangeRate, '1')
    }
  },
  {
    name: 'minExchangeRatePrecision 1: one unit that arrives is enough, and none is too few',
    async run (t) {
      await t.open({ rate: [1, 1000], max: 1500, client: { minExchangeRatePrecision: 1, slippage: 0 } })
      assert.strictEqual(t.connection.minimumAcceptableExchangeRate, '0.001')
      const plugin = Object.assign(new PairPlugin('client', 'ABC'), { rate: [1n, 1501n], maxAmount: 1500, other: t.server })
      const again = t.api.createConnection({ ...t.listening.generateAddressAndSecret(), plugin, minExchangeRatePrecision: 1 })
      await assert.rejects(t.within('it gives up', again), none(1))
    }
  },
  ...[['a path that lets all of them through', undefined, 13], ['a path that lets one through', 1500, 2]].map(([where, max, digits]) => ({
    name: `minExchangeRatePrecision ${digits}, ${where}`,
    async run (t) {
      t.pair(1, max ? 1000 : 1)
      t.client.maxAmount = max
      await t.open({ client: { minExchangeRatePrecision: digits, slippage: 0 } })
      assert.strictEqual(t.connection.minimumAcceptableExchangeRate, max ? '0.001' : '1')
    },
    ...(max ? { original: 'demands as many digits of the rate as it is told to' } : {})
  })),
  {
    name: 'minExchangeRatePrecision 14: more digits than the largest packet that asks can bring',
    async run (t) {
      t.pair(1, 1)
      t.client.maxAmount = undefined
      await t.open({ client: { minExchangeRatePrecision: 14, slippage: 0 } })
      assert.strictEqual(t.connection.minimumAcceptableExchangeRate, '1')
    },
    original: 'demands as many digits of the rate as it is told to, although it asks with a million million units at most'
  },
  ...[[undefined, 3], [0, 3], [1, 1], [20, 20]].map(([minExchangeRatePrecision, told]) => ({
    name: `minExchangeRatePrecision ${minExchangeRatePrecision}: the error names ${told}`,
    async run (t) {
      t.pair(1, 1)
      t.client.answer = () => reject('F02', 'no route')
      await assert.rejects(t.within('it gives up', t.open({ client: { minExchangeRatePrecision } })), none(told))
    }
  })),
  {
    name: 'temporary errors that do not end: there is no connection',
    seconds: 150, // ours gives up after 30 s, the original after 88
    async run (t) {
      t.pair(1, 1000000)
      const packets = spy()
      t.client.answer = () => {
        packets()
        return reject('T04', 'Insufficient Liquidity Error')
      }
      await assert.rejects(t.open({ max: 1000000 }), none())
      const { length } = packets.calls
      assert.ok(length >= 15 && length < 1000, `${length} packets`)
      await t.sleep(200)
      assert.strictEqual(packets.calls.length, length)
    }
  },
  {
    name: 'the other side ends the connection while the rate is looked for: no packet leaves after that, and who waits is told',
    async run (t) {
      await t.open()
      let packets = 0
      t.server.answer = () => {
        packets++
        return reject('T04', 'Insufficient Liquidity Error')
      }
      const closed = t.event(t.accepted, 'close')
      const sent = t.accepted.createStream().sendTotal(100)
      sent.catch(() => {})
      await t.until('it looks for the rate', () => packets >= 2)
      await t.connection.end()
      await assert.rejects(t.within('who waits is told', sent), /^Error: Stream was closed before the desired amount was sent \(target: 100, totalSent: 0\)/)
      await closed
      const before = packets
      await t.sleep(300)
      assert.strictEqual(packets, before)
    },
    original: 'a stream waits on for its money until sendTotal has waited a minute, and packets go on leaving'
  }
]
