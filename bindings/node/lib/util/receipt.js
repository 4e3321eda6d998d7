// SPDX-License-Identifier: Apache-2.0
'use strict'
// STREAM receipts: made, read, and checked by who has the secret.
const Long = require('long')
const { longFromValue } = require('./long')
const { generateReceiptHMAC } = require('../crypto')

const RECEIPT_VERSION = 1
const NONCE_LENGTH = 16
const SECRET_LENGTH = 32
const SIGNED_LENGTH = 26
const LENGTH = 58

function createReceipt ({ nonce, streamId, totalReceived, secret }) {
  if (nonce.length !== NONCE_LENGTH) throw new Error('receipt nonce must be 16 bytes')
  if (secret.length !== SECRET_LENGTH) throw new Error('receipt secret must be 32 bytes')
  const id = Number(streamId)
  if (!Number.isInteger(id) || id < 0 || id > 255) throw new Error('UInt 8 does not fit: ' + streamId)
  const signed = Buffer.alloc(SIGNED_LENGTH)
  signed.writeUInt8(RECEIPT_VERSION, 0)
  nonce.copy(signed, 1)
  signed.writeUInt8(id, 17)
  Buffer.from(longFromValue(totalReceived, true).toBytesBE()).copy(signed, 18)
  return Buffer.concat([signed, generateReceiptHMAC(secret, signed)])
}

function decodeReceipt (receipt) {
  if (receipt.length !== LENGTH) throw new Error('receipt malformed')
  return {
    version: receipt.readUInt8(0),
    nonce: receipt.slice(1, 17),
    streamId: String(receipt.readUInt8(17)),
    totalReceived: Long.fromBytesBE([...receipt.slice(18, SIGNED_LENGTH)], true),
    hmac: receipt.slice(SIGNED_LENGTH)
  }
}

/** secret: 32 bytes, or a function that finds them by the decoded receipt. */
function verifyReceipt (receipt, secret) {
  const decoded = decodeReceipt(receipt)
  if (decoded.version !== RECEIPT_VERSION) throw new Error('invalid version')
  const key = typeof secret === 'function' ? secret(decoded) : secret
  if (!decoded.hmac.equals(generateReceiptHMAC(key, receipt.slice(0, SIGNED_LENGTH)))) {
    throw new Error('invalid hmac')
  }
  return decoded
}

module.exports = { RECEIPT_VERSION, createReceipt, decodeReceipt, verifyReceipt }
