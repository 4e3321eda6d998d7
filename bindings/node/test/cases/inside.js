// SPDX-License-Identifier: Apache-2.0
'use strict'
// What this package reads by short ways of its own is what the longer ways read.
const assert = require('assert')
const { randomBytes, randomInt } = require('crypto')
const { EventEmitter } = require('events')
const Long = require('long')
const IlpPacket = require('ilp-packet')
const { isWhole } = require('../../lib/engine')
const { shortId } = require('../../lib/connection')
const { writeTime } = require('../../lib/account')
const { isNodesEmit, readPrepare, seesPacket } = require('../../lib/prepare')
const { toBig } = require('../../lib/util/amount')
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
