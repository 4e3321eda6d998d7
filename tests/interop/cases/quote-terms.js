'use strict'
// The terms of quotes against the arithmetic of @interledger/pay: its own startQuote, whose probe
// of the path is replaced by a path that was drawn. Where the two differ on purpose
// (docs/protocol.md, Quotes), the difference must be exactly the one that is written there.
const assert = require('assert')
const Pay = require('@interledger/pay')
const { RateProbe } = require('@interledger/pay/dist/src/senders/rate-probe')
const { ExchangeRateController } = require('@interledger/pay/dist/src/controllers/exchange-rate')
const { quoter } = require('../lib/programs')

const CASES = Number(process.env.RILL_QUOTE_CASES || 10_000)
const SEED = BigInt(process.env.RILL_QUOTE_SEED || 20261129)
const MAX = (1n << 64n) - 1n
const { Int, Ratio } = Pay

/** SplitMix64. */
function random (seed) {
  let state = seed
  return below => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n)
    let z = state
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n)
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn)
    return (z ^ (z >> 31n)) % BigInt(below)
  }
}

/** Any size is as likely as any other. */
const ofAnySize = (draw, bits) => 1n + draw(1n << (1n + draw(bits)))

/** A decimal number as both take it: a JavaScript number, and its exact quotient. */
function decimal (digits, places) {
  const text = digits.toString().padStart(Number(places) + 1, '0')
  const at = text.length - Number(places)
  return { number: Number(`${text.slice(0, at)}.${text.slice(at)}`), num: digits, den: 10n ** places }
}

const smaller = (a, b) => a < b ? a : b
const floor = (amount, num, den) => amount * num / den
const ceil = (amount, num, den) => (amount * num + den - 1n) / den

/** What is drawn. Rates of the path lie near the prices, above and below. */
function drawCase (draw) {
  const same = draw(8) === 0n
  const here = decimal(ofAnySize(draw, 24n), draw(7))
  const there = decimal(ofAnySize(draw, 24n), draw(7))
  const slippage = [decimal(0n, 1n), decimal(1n, 2n), decimal(draw(100), 2n), decimal(draw(1000000), 6n)][Number(draw(4))]
  const scales = [draw(10), draw(10)]
  const price = same ? { num: 1n, den: 1n } : { num: here.num * there.den, den: here.den * there.num }
  const shift = 10n ** (scales[1] > scales[0] ? scales[1] - scales[0] : scales[0] - scales[1])
  const fair = scales[1] >= scales[0]
    ? { num: price.num * shift, den: price.den }
    : { num: price.num, den: price.den * shift }
  // A packet that was seen: so much of it came.
  let packet = ofAnySize(draw, 39n)
  while (packet > 1n && floor(packet, fair.num * 2n, fair.den) > MAX) packet = (packet + 1n) >> 1n
  const part = 900_000n + draw(200_000)
  const exact = draw(4) === 0n
  const came = smaller(MAX - 1n, floor(packet, fair.num * (exact ? 1n : part), fair.den * (exact ? 1n : 1_000_000n)))
  const amount = ofAnySize(draw, draw(16) === 0n ? 62n : 40n)
  return { same, here, there, slippage, scales, price, fair, packet, came, amount, deliver: draw(2) === 1n }
}

/** Theirs, or the name of their error. */
async function theirs (c) {
  const probed = {
    lowEstimatedExchangeRate: Ratio.of(Int.from(c.came), Int.from(c.packet)),
    highEstimatedExchangeRate: Ratio.of(Int.from(c.came + 1n), Int.from(c.packet)),
    maxPacketAmount: Int.from(MAX)
  }
  RateProbe.prototype.start = async () => probed
  try {
    return {
      ...await Pay.startQuote({
        plugin: { registerDataHandler () {}, deregisterDataHandler () {} },
        [c.deliver ? 'amountToDeliver' : 'amountToSend']: c.amount,
        prices: { ABC: c.here.number, XYZ: c.there.number },
        slippage: c.slippage.number,
        sourceAsset: { code: 'ABC', scale: Number(c.scales[0]) },
        destination: {
          destinationAsset: { code: c.same ? 'ABC' : 'XYZ', scale: Number(c.scales[1]) },
          destinationAddress: 'test.receiver',
          sharedSecret: Buffer.alloc(32),
          requestCounter: Pay.Counter.from(0)
        }
      }),
      estimates: new ExchangeRateController(probed.lowEstimatedExchangeRate, probed.highEstimatedExchangeRate)
    }
  } catch (err) {
    if (!Pay.isPaymentError(err)) throw err
    return { error: err }
  }
}

/** A question to ours: with the prices, or with their minimum rate where min is given. */
function question (c, min) {
  return [c.came, c.packet, c.came + 1n, c.packet, ...(min ? [0n, 1n] : [c.price.num, c.price.den]),
    c.slippage.num, c.slippage.den, ...(min ? [min.num, min.den] : [0n, 1n]), ...c.scales,
    ...(c.deliver ? [0n, c.amount] : [c.amount, 0n]), 0n].join(' ')
}

const near = (a, b, part) => { // |a - b| <= b / part, of quotients
  const left = a.num * b.den
  const right = b.num * a.den
  const apart = left > right ? left - right : right - left
  return apart * part <= right
}

/** How exact theirs are: 1 less a slippage near 1 loses the digits that the two have in common. */
const floats = c => 10n ** 14n * (c.slippage.den - c.slippage.num) / c.slippage.den

/**
 * The minimum rate. Theirs is made of floating-point numbers, ours is exact, and rounded down where
 * 64 bits do not have it.
 */
function checkRate (c, ours, their) {
  const exact = { num: c.fair.num * (c.slippage.den - c.slippage.num), den: c.fair.den * c.slippage.den }
  assert(ours.num * exact.den <= exact.num * ours.den, 'the minimum rate is rounded up')
  assert(near(ours, exact, 1n << 60n), 'the minimum rate is not exact')
  assert(near(their, exact, floats(c)), 'theirs is another minimum rate')
}

/** The terms that follow from one and the same minimum rate. */
function checkTerms (c, ours, their, min, count) {
  const [low, high] = [[c.came, c.packet], [c.came + 1n, c.packet]]
  const { value: likely } = c.deliver
    ? their.estimates.estimateSourceAmount(Int.from(c.amount))[1]
    : their.estimates.estimateDestinationAmount(Int.from(c.amount))[0]
  if (c.deliver) {
    // The source amount is rounded up once: never a unit more than is needed.
    const most = ceil(c.amount, min.den, min.num)
    const whole = c.amount * min.den % min.num === 0n
    assert.strictEqual(their.maxSourceAmount, whole ? most + 1n : most)
    if (most >= MAX) return assert.strictEqual(ours.error, 'RILL_ERR_RANGE')
    assert.strictEqual(ours.error, 'RILL_OK')
    assert.strictEqual(ours.maxSource, most)
    assert.strictEqual(ours.minDelivery, their.minDeliveryAmount)
    assert.strictEqual(ours.likelySource, likely < most ? likely : most)
    count[whole ? 'delivery: theirs may send a unit more' : 'delivery: equal']++
    return
  }
  const least = floor(c.amount, min.num, min.den)
  assert.strictEqual(their.minDeliveryAmount, ceil(c.amount - 1n, min.num, min.den))
  if (floor(c.amount, ...low) === 0n && c.amount * high[0] <= high[1]) {
    // Not a unit can arrive. Theirs would send it all the same, or fail later.
    assert.strictEqual(ours.error, 'RILL_ERR_TOO_LITTLE')
    count['source: ours refuses what brings nothing']++
    return
  }
  if (least >= MAX || floor(c.amount, ...low) >= MAX) return assert.strictEqual(ours.error, 'RILL_ERR_RANGE')
  assert.strictEqual(ours.error, 'RILL_OK')
  assert.strictEqual(ours.maxSource, their.maxSourceAmount)
  assert.strictEqual(ours.minDelivery, least > 0n ? least : 1n)
  assert.strictEqual(ours.likelyDelivery, likely > ours.minDelivery ? likely : ours.minDelivery)
  if (ours.minDelivery < their.minDeliveryAmount) {
    // Theirs promises more than the minimum rate brings: it is one unit, and only below 1.
    assert(min.num < min.den && ours.minDelivery + 1n === their.minDeliveryAmount)
    assert(their.minDeliveryAmount * min.den > c.amount * min.num)
    count['source: theirs promises a unit too much']++
  } else if (ours.minDelivery === their.minDeliveryAmount) {
    count['source: equal']++
  } else {
    // Theirs forgives what one unit of the source brings.
    assert(ours.minDelivery <= ceil(c.amount, min.num, min.den) || ours.minDelivery === 1n)
    count['source: ours promises more']++
  }
}

const COUNTS = ['delivery: theirs may send a unit more', 'delivery: equal', 'source: ours refuses what brings nothing',
  'source: theirs promises a unit too much', 'source: equal', 'source: ours promises more', 'rate: both refuse',
  'rate: neither knows one', 'rate: beyond 64 bits', 'rate: between the two minimums', 'min rate: does not fit in 64 bits']

const quotes = {
  name: `terms of ${CASES} quotes, and those of @interledger/pay`,
  async run (test) {
    const ask = quoter(test)
    const draw = random(SEED)
    const count = Object.fromEntries(COUNTS.map(name => [name, 0]))
    const { start } = RateProbe.prototype
    test.defer(() => { RateProbe.prototype.start = start })
    for (let i = 0; i < CASES; i++) {
      const c = drawCase(draw)
      try {
        await one(c, ask, count)
      } catch (err) {
        const shown = JSON.stringify(c, (_, x) => typeof x === 'bigint' ? String(x) : x)
        err.message = `case ${i} of seed ${SEED}: ${err.message}; ${shown}`
        throw err
      }
    }
    console.log(`# ${Object.entries(count).map(([name, n]) => `${name} ${n}`).join(', ')}`)
    for (const name of COUNTS) assert(count[name] > 0 || CASES < 10_000, `no case of "${name}" was drawn`)
  }
}

async function one (c, ask, count) {
  const their = await theirs(c)
  const ours = await ask(question(c))
  if (c.fair.num > MAX * c.fair.den) {
    // A unit is worth more than there are numbers for.
    assert.strictEqual(ours.error, 'RILL_ERR_RATE')
    count['rate: beyond 64 bits']++
    return
  }
  if (c.came === 0n) {
    // Theirs refuses it as too low, ours says that nothing is known.
    assert.strictEqual(their.error, 'InsufficientExchangeRate')
    assert.strictEqual(ours.reason, 'no_rate')
    count['rate: neither knows one']++
    return
  }
  if (their.error) {
    assert.strictEqual(their.error, 'InsufficientExchangeRate')
    if (ours.error !== 'RILL_ERR_RATE') return between(c, count)
    count['rate: both refuse']++
    return
  }
  if (ours.error === 'RILL_ERR_RATE') return between(c, count)
  const min = { num: their.minExchangeRate.a.value, den: their.minExchangeRate.b.value }
  if (ours.error === 'RILL_OK') checkRate(c, ours.minRate, min)
  if (min.num > MAX || min.den > MAX) {
    count['min rate: does not fit in 64 bits']++
    return
  }
  checkTerms(c, await ask(question(c, min)), their, min, count)
}

/** Only one refuses: the path's rate is the exact minimum, but for their floating-point numbers. */
function between (c, count) {
  const exact = { num: c.fair.num * (c.slippage.den - c.slippage.num), den: c.fair.den * c.slippage.den }
  assert(near({ num: c.came, den: c.packet }, exact, floats(c)), 'only one of the two takes the rate')
  count['rate: between the two minimums']++
}

module.exports = [quotes]
