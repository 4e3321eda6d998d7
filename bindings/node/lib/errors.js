// SPDX-License-Identifier: Apache-2.0
'use strict'
// The core's errors (rill/error.h): a number's name and text.
const ERRORS = {
  1: ['NOMEM', 'out of memory'],
  2: ['INVALID', 'an argument that can never be right'],
  3: ['RANGE', 'a number is outside its range'],
  4: ['TRUNCATED', 'the input ends too early'],
  5: ['MALFORMED', 'the input is malformed'],
  6: ['TOO_LARGE', 'too large'],
  7: ['BUFFER', 'the buffer is too small'],
  8: ['ADDRESS', 'not a valid ILP address'],
  10: ['UNSUPPORTED', 'not supported'],
  11: ['CRYPTO', 'the cryptography failed'],
  12: ['AUTH', 'not authentic'],
  13: ['STATE', 'not possible now'],
  14: ['CLOSED', 'closed before'],
  15: ['LIMIT', 'a limit is reached'],
  16: ['BLOCKED', 'no room now'],
  17: ['NOT_FOUND', 'not found'],
  18: ['EXISTS', 'there already'],
  19: ['EXPIRED', 'too late'],
  20: ['TIMEOUT', 'timed out'],
  21: ['RATE', 'the path gives less than the minimum exchange rate'],
  22: ['PATH', 'the path refuses the payment'],
  23: ['UNREACHABLE', 'no packet gets to the receiver'],
  24: ['PROTOCOL', 'the other side broke the protocol'],
  25: ['FLOW_CONTROL', 'the other side sent more than it may'],
  26: ['STREAM_ID', 'the other side used a stream id that it may not'],
  27: ['ASSET', 'the asset has changed'],
  28: ['NOT_CONNECTED', 'not connected'],
  32: ['IO', 'input or output failed'],
  34: ['REFUSED', 'refused'],
  35: ['CANCELLED', 'cancelled'],
  36: ['REMOTE', 'the other side closed with an error'],
  37: ['IDLE', 'nothing came for too long'],
  38: ['EXHAUSTED', 'the packet numbers are used up'],
  39: ['IN_DOUBT', 'a part of the money may have arrived or not'],
  40: ['FORGOTTEN', 'the other side no longer knows this connection'],
  41: ['TOO_LITTLE', 'less than one unit would arrive'],
  42: ['STALLED', 'there was no progress for too long'],
  43: ['CLOCK', "this machine's clock, or another's, is wrong"]
}

/** Those that more than their name is needed of. */
const Code = {
  INVALID: -2,
  RANGE: -3,
  MALFORMED: -5,
  UNSUPPORTED: -10,
  STATE: -13,
  CLOSED: -14,
  BLOCKED: -16,
  EXISTS: -18,
  TIMEOUT: -20,
  RATE: -21,
  STREAM_ID: -26,
  IO: -32,
  CANCELLED: -35,
  IN_DOUBT: -39,
  TOO_LITTLE: -41
}

function errorName (number) {
  const entry = ERRORS[-number]
  return entry ? `RILL_ERR_${entry[0]}` : number === 0 ? 'RILL_OK' : 'RILL_ERR_UNKNOWN'
}

function errorText (number) {
  const entry = ERRORS[-number]
  return entry ? entry[1] : 'unknown error'
}

class RillError extends Error {
  constructor (number) {
    super(errorText(number))
    this.code = errorName(number)
  }
}

/** Of a payment: where its money is, in our units and in the receiver's (delivered), as text. */
class PaymentError extends RillError {
  /** message, cause: undefined where there is no better one than the number's, or none. */
  constructor (number, message, cause) {
    super(number)
    this.name = 'PaymentError'
    if (message !== undefined) this.message = message
    if (cause !== undefined) this.cause = cause
    this.sent = this.delivered = this.inDoubt = '0'
  }
}

module.exports = { RillError, PaymentError, Code, errorName, errorText }
