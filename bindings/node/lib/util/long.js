// SPDX-License-Identifier: Apache-2.0
'use strict'
// Amounts as the packages around this one pass them: Long of the package long, unsigned.
const Long = require('long')

const MAX = Long.MAX_UNSIGNED_VALUE

function longFromValue (value, unsigned) {
  if (typeof value === 'number') {
    if (unsigned && value < 0) throw new Error('Expected positive number')
    return Long.fromNumber(value, unsigned)
  }
  if (typeof value === 'string') {
    if (unsigned && value[0] === '-') throw new Error('Expected positive number')
    const long = Long.fromString(value, unsigned)
    if (long.toString() !== value) throw new Error(`Value ${value} does not fit in a Long.`)
    return long
  }
  if (value.unsigned !== unsigned) {
    throw new Error(`Expected ${unsigned ? 'unsigned' : 'signed'} Long`)
  }
  return value
}

function big (long) {
  return (BigInt(long.getHighBitsUnsigned()) << 32n) | BigInt(long.getLowBitsUnsigned())
}

function fromBig (value) {
  return Long.fromBits(Number(value & 0xffffffffn) | 0, Number((value >> 32n) & 0xffffffffn) | 0, true)
}

const maxLong = (a, b) => a.greaterThan(b) ? a : b
const minLong = (a, b) => a.lessThan(b) ? a : b
const minLongs = values => values.reduce(minLong)

function countDigits (value) {
  return value.isZero() ? 0 : value.toString().length
}

function checkedAdd (a, b) {
  const sum = a.add(b)
  const overflow = sum.lessThan(a) || sum.lessThan(b)
  return { sum: overflow ? MAX : sum, overflow }
}

function checkedSubtract (a, b) {
  const underflow = a.lessThan(b)
  return { difference: underflow ? Long.UZERO : a.subtract(b), underflow }
}

function checkedMultiply (a, b) {
  const product = big(a) * big(b)
  const overflow = product >> 64n !== 0n
  return { product: overflow ? MAX : fromBig(product), overflow }
}

/** a * b / c, exactly; the largest Long where the quotient is none. */
function multiplyDivide (a, b, c) {
  const product = big(a) * big(b)
  const divisor = big(c)
  if (divisor === 0n) throw new Error('division by zero')
  const quo = product / divisor
  if (quo >> 64n !== 0n) return { quo: MAX, rem: Long.UZERO }
  return { quo: fromBig(quo), rem: fromBig(product % divisor) }
}

const multiplyDivideFloor = (a, b, c) => multiplyDivide(a, b, c).quo

function multiplyDivideCeil (a, b, c) {
  const { quo, rem } = multiplyDivide(a, b, c)
  return quo.equals(MAX) || rem.isZero() ? quo : quo.add(Long.UONE)
}

function multiplyDivideRound (a, b, c) {
  const { quo, rem } = multiplyDivide(a, b, c)
  return quo.equals(MAX) || 2n * big(rem) < big(c) ? quo : quo.add(Long.UONE)
}

/** As the original: a Long in JSON is its digits. */
// eslint-disable-next-line no-extend-native
Long.prototype.toJSON = function () {
  return this.toString()
}

module.exports = {
  longFromValue,
  maxLong,
  minLong,
  minLongs,
  countDigits,
  checkedAdd,
  checkedSubtract,
  checkedMultiply,
  multiplyDivideFloor,
  multiplyDivideCeil,
  multiplyDivideRound,
  multiplyDivide
}
