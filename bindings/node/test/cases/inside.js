// SPDX-License-Identifier: Apache-2.0
'use strict'
// What this package reads by short ways of its own is what the longer ways read.
const assert = require('assert')
const { randomBytes, randomInt } = require('crypto')
const { EventEmitter } = require('events')
const Long = require('long')
const IlpPacket = require('ilp-packet')
const clock = require('../../lib/clock')
const incoming = require('../../lib/incoming')
const { isWhole } = require('../../lib/engine')
const { shortId } = require('../../lib/connection')
const { writeTime } = require('../../lib/account')
const { isNodesEmit, readPrepare, seesPacket } = require('../../lib/prepare')
const { MAX, narrow, sum, toBig } = require('../../lib/util/amount')
const { longFromValue } = require('../../lib/util/long')

const ROUNDS = 20000
const text = length => randomBytes(length).toString('hex').slice(0, length)

function throws (call) {
  try {
    call()
    return false
  } catch (err) {
    return err.message
  }
}

/** A short reply, changed in places. */
function shortReply () {
  const reply = randomInt(2)
    ? IlpPacket.serializeIlpFulfill({ fulfillment: randomBytes(32), data: randomBytes(randomInt(5)) })
    : IlpPacket.serializeIlpReject({ code: 'F99', triggeredBy: ['', 'g.a', 'test.me'][randomInt(3)], message: text(randomInt(4)), data: randomBytes(randomInt(9)) })
  for (let changes = randomInt(3); changes > 0; changes--) reply[1 + randomInt(reply.length - 1)] = [randomInt(256), randomInt(8)][randomInt(2)]
  return randomInt(3) ? reply : reply.subarray(0, randomInt(1, reply.length + 1))
}

module.exports = [
  {
    name: 'a short reply that is taken for whole can be read',
    once: true,
    async run () {
      let whole = 0
      for (let i = 0; i < ROUNDS; i++) {
        const reply = shortReply()
        if (!isWhole(reply)) continue
        whole++
        IlpPacket.deserializeIlpReply(reply)
      }
      assert.ok(whole > ROUNDS / 10, `${whole} of ${ROUNDS}`)
    }
  },
  {
    name: 'amounts are read as Long reads them',
    once: true,
    async run () {
      const amounts = [0, -0, 1, -1, 1.5, 2 ** 53, 2 ** 53 + 2, 2 ** 64, NaN, Infinity, '', '0', '00', '01', '-0', '-1', '1.0', '1e3',
        ' 1', '1 ', '18446744073709551615', '18446744073709551616', '99999999999999999999', '100000000000000000000', Long.UONE, Long.ONE]
      for (let i = 0; i < ROUNDS / 10; i++) amounts.push(String(randomBytes(8).readBigUInt64BE() >> BigInt(randomInt(64))))
      for (const amount of amounts) {
        const expected = throws(() => longFromValue(amount, true))
        assert.strictEqual(throws(() => toBig(amount)), expected, String(amount))
        if (expected === false) assert.strictEqual(toBig(amount).toString(), longFromValue(amount, true).toString())
      }
    }
  },
  {
    name: 'sums of amounts are exact, as numbers and as bigints',
    once: true,
    async run () {
      const exact = BigInt(Number.MAX_SAFE_INTEGER)
      const amounts = [0n, 1n, exact - 1n, exact, exact + 1n, 2n ** 63n, MAX]
      for (let i = 0; i < 200; i++) amounts.push(randomBytes(8).readBigUInt64BE() >> BigInt(randomInt(64)))
      for (const a of amounts) {
        assert.strictEqual(typeof narrow(a), a <= exact ? 'number' : 'bigint')
        for (const b of amounts) {
          const both = sum(narrow(a), narrow(b))
          assert.strictEqual(BigInt(both), a + b)
          assert.strictEqual(typeof both, a + b <= exact ? 'number' : 'bigint')
        }
      }
    }
  },
  {
    name: 'packets that wait for their answer are found by their names, and by no others',
    once: true,
    run () {
      const before = incoming.all().length
      const waiting = new Map()
      const gone = []
      for (let i = 0; i < ROUNDS; i++) {
        if (waiting.size > 0 && randomInt(5) < 2) {
          const [name, one] = waiting.entries().next().value
          waiting.delete(name)
          incoming.remove(one)
          gone.push(name)
          continue
        }
        const one = { low: 0 }
        incoming.add(one)
        assert.ok(one.low > 0 && one.low < 2 ** 32 && !waiting.has(one.low))
        waiting.set(one.low, one)
      }
      assert.ok(gone.length > ROUNDS / 10 && waiting.size > 300, `${gone.length} gone, ${waiting.size} wait`)
      for (const [name, one] of waiting) assert.strictEqual(incoming.get(name), one)
      for (const name of [0, ...gone]) assert.strictEqual(incoming.get(name), undefined)
      assert.strictEqual(incoming.all().length, before + waiting.size)
      for (const one of waiting.values()) incoming.remove(one)
      assert.strictEqual(incoming.all().length, before)
    }
  },
  {
    name: 'each engine has its turn at its time, and not before; one that was taken out has none',
    once: true,
    async run (t) {
      const engines = Array.from({ length: 300 }, (_, i) => ({
        timerAt: Infinity,
        timerPlace: -1,
        timerWanted: i % 2 === 0,
        turns: [],
        turn () { this.turns.push(performance.now()) }
      }))
      const start = performance.now()
      for (const engine of engines) {
        engine.at = start + randomInt(1, 60)
        clock.set(engine, engine.at + randomInt(2) * randomInt(1000))
        clock.set(engine, engine.at)
        clock.set(engine, engine.at + 1) // it is earlier than that already
      }
      const out = engines.filter(() => randomInt(3) === 0)
      for (const engine of out) clock.remove(engine)
      for (const engine of engines) clock.want(engine, randomInt(2) === 0)
      const left = engines.filter(engine => !out.includes(engine))
      await t.until('all had their turn', () => left.every(({ turns }) => turns.length > 0))
      await t.sleep(70)
      for (const engine of left) {
        assert.strictEqual(engine.turns.length, 1)
        assert.ok(engine.turns[0] >= engine.at - 1, `${engine.at - engine.turns[0]} ms too early`)
        assert.strictEqual(engine.timerPlace, -1)
      }
      for (const engine of out) assert.strictEqual(engine.turns.length, 0)
    }
  },
  {
    name: 'times are written and read as dates are',
    once: true,
    async run () {
      let time = Date.UTC(2020, 0, 1)
      for (let i = 0; i < ROUNDS / 10; i++) {
        time = randomInt(2) ? time + randomInt(1500) : Date.UTC(randomInt(1970, 9999), randomInt(12), randomInt(1, 29), randomInt(24))
        const packet = IlpPacket.serializeIlpPrepare({
          amount: String(randomInt(3) ? randomInt(2 ** 40) : randomBytes(8).readBigUInt64BE()),
          executionCondition: randomBytes(32),
          expiresAt: new Date(time),
          destination: 'g.a',
          data: randomBytes(randomInt(200))
        })
        const written = Buffer.alloc(17)
        writeTime(written, 0, new Date(time))
        assert.strictEqual(written.toString('latin1'), new Date(time).toISOString().replace(/\D/g, ''))
        assert.deepStrictEqual(readPrepare(packet), IlpPacket.deserializeIlpPrepare(packet))
      }
      for (const wrong of [new Date(NaN), new Date(Date.UTC(12345, 0, 1)), new Date(Date.UTC(-1, 0, 1))]) {
        assert.throws(() => writeTime(Buffer.alloc(17), 0, wrong), RangeError)
      }
    }
  },
  {
    name: 'of which handlers it is certain that they see one argument alone',
    once: true,
    run () {
      const one = [a => a, (a) => a, () => 1, async a => a, async (a) => a, async => async, $_1 => 1]
      const more = [(a, b) => b, (a, b = 1) => b, (...a) => a, (a = 1) => a, ({ a }) => a, ([a]) => a, function (a) {}, function () {},
        async function (a) {}, function * (a) {}, class {}, { f (a) {} }.f, { async f (a) {} }.f, (a => a).bind(null), new Proxy(a => a, {}), Math.max,
        (a /* b */) => a, (a,) => a, { '=>' (a) { return arguments } }['=>'], { get () { return 1 } }.get]
      for (const handler of one) assert.strictEqual(seesPacket(handler), false, String(handler))
      for (const handler of more) assert.strictEqual(seesPacket(handler), true, String(handler))
      assert.strictEqual(seesPacket(one.slice(0, 3)), false)
      assert.strictEqual(seesPacket([one[0], more[0]]), true)
      assert.strictEqual(seesPacket(undefined), true)
      assert.strictEqual(isNodesEmit(EventEmitter.prototype.emit), true)
      assert.strictEqual(isNodesEmit(EventEmitter.prototype.emit.bind(null)), false)
      assert.strictEqual(isNodesEmit(function emit (type, ...args) { return true }), false)
    }
  },
  {
    name: 'names for the log are as the original makes them',
    once: true,
    async run () {
      for (let i = 0; i < ROUNDS / 10; i++) {
        const segment = randomBytes(randomInt(1, 40)).toString('base64url').slice(randomInt(2))
        const name = segment.replace(/[-_]/g, '').slice(0, 8)
        assert.strictEqual(shortId(segment), name)
        assert.strictEqual(shortId(`test.a_b.${segment}`, 'test.a_b.'.length), name)
      }
    }
  }
]
