// SPDX-License-Identifier: Apache-2.0
'use strict'
// Money is a bigint inside, or a number where that is exact: a packet's sums take half as long.
// Outside it is a Long, a string or a number.
const Long = require('long')
const { longFromValue } = require('./long')

const MAX = (1n << 64n) - 1n

/** Throws where longFromValue does; what is usual is read at once. */
function toBig (value) {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value)
  if (typeof value === 'string' && /^(0|[1-9]\d{0,19})$/.test(value)) {
    const big = BigInt(value)
    if (big <= MAX) return big
  }
  const long = longFromValue(value, true)
  return (BigInt(long.getHighBitsUnsigned()) << 32n) | BigInt(long.getLowBitsUnsigned())
}

function narrow (big) {
  return big <= Number.MAX_SAFE_INTEGER ? Number(big) : big
}

/** Of two that are each a number where that is exact, or a bigint; and so is it. */
function sum (a, b) {
  if (typeof a === 'number' && typeof b === 'number') {
    const both = a + b
    if (both <= Number.MAX_SAFE_INTEGER) return both
  }
  return narrow(BigInt(a) + BigInt(b))
}

function toLong (big) {
  return Long.fromBits(Number(big & 0xffffffffn) | 0, Number(big >> 32n) | 0, true)
}

function gcd (a, b) {
  while (b > 0n) [a, b] = [b, a % b]
  return a
}

/** Two numbers that fit in 64 bits; where they do not exactly, a quotient that is not above it. */
function fit (num, den) {
  const common = gcd(num, den) || 1n
  num /= common
  den /= common
  while (num > MAX || den > MAX) {
    num >>= 1n
    den = (den + 1n) >> 1n
  }
  return { num, den }
}

/** The decimal number that is written so, exactly. Throws as the original's Rational.fromNumber. */
function toRatio (value) {
  if (!isFinite(value)) throw new Error('value must be finite')
  if (value < 0) throw new Error('unsigned value must be positive')
  const [, whole, part = '', exponent = '0'] = /^(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/.exec(String(Number(value)))
  const shift = part.length - Number(exponent)
  const digits = BigInt(whole + part)
  if (shift <= 0) return { num: digits * 10n ** BigInt(-shift), den: 1n }
  return { num: digits, den: 10n ** BigInt(Math.min(shift, 400)) }
}

/** num / den with 19 digits after the point, rounded, without zeros at the end. */
function ratioToString (num, den) {
  if (den === 0n) return '0'
  const scale = 10n ** 19n
  const scaled = (num * scale * 2n + den) / (den * 2n)
  const part = (scaled % scale).toString().padStart(19, '0').replace(/0+$/, '')
  const whole = (scaled / scale).toString()
  return part ? `${whole}.${part}` : whole
}

module.exports = { MAX, toBig, narrow, sum, toLong, toRatio, fit, ratioToString }
