// SPDX-License-Identifier: Apache-2.0
'use strict'
// STREAM's cryptography for who imports it (dist/src/crypto). Connections use the core's.
const crypto = require('crypto')
const assert = require('assert')

const HASH = 'sha256'
const CIPHER = 'aes-256-gcm'
const IV_LENGTH = 12
const TAG_LENGTH = 16
const TOKEN_NONCE_LENGTH = 18
const ENCRYPTION_OVERHEAD = IV_LENGTH + TAG_LENGTH
const ENCRYPTION_KEY = Buffer.from('ilp_stream_encryption')
const FULFILLMENT_KEY = Buffer.from('ilp_stream_fulfillment')
const PACKET_ID = Buffer.from('ilp_stream_packet_id')
const SHARED_SECRET = Buffer.from('ilp_stream_shared_secret')

const randomBytes = crypto.randomBytes

function hmacSync (key, message) {
  return crypto.createHmac(HASH, key).update(message).digest()
}

function encryptSync (key, ...buffers) {
  const iv = randomBytes(IV_LENGTH)
  const cipher = crypto.createCipheriv(CIPHER, key, iv)
  const text = [...buffers.map(buffer => cipher.update(buffer)), cipher.final()]
  return Buffer.concat([iv, cipher.getAuthTag(), ...text])
}

function decryptSync (key, data) {
  assert(data.length > 0, 'cannot decrypt empty buffer')
  const decipher = crypto.createDecipheriv(CIPHER, key, data.slice(0, IV_LENGTH), { authTagLength: TAG_LENGTH })
  decipher.setAuthTag(data.slice(IV_LENGTH, ENCRYPTION_OVERHEAD))
  return Buffer.concat([decipher.update(data.slice(ENCRYPTION_OVERHEAD)), decipher.final()])
}

const hash = async preimage => crypto.createHash(HASH).update(preimage).digest()
const hmac = async (key, message) => hmacSync(key, message)

module.exports = {
  TOKEN_NONCE_LENGTH,
  ENCRYPTION_OVERHEAD,
  randomBytes,
  hash,
  hmac,
  encrypt: async (key, ...buffers) => encryptSync(key, ...buffers),
  decrypt: async (key, data) => decryptSync(key, data),
  encryptConnectionAddressToken: (seed, token) => encryptSync(seed, token),
  decryptConnectionAddressToken: (seed, token) => decryptSync(seed, token),
  generateSharedSecretFromToken: (seed, token) => hmacSync(hmacSync(seed, SHARED_SECRET), token),
  generateReceiptHMAC: (secret, message) => hmacSync(secret, message),
  generateTokenNonce: () => randomBytes(TOKEN_NONCE_LENGTH),
  generateRandomCondition: () => randomBytes(32),
  generatePskEncryptionKey: sharedSecret => hmac(sharedSecret, ENCRYPTION_KEY),
  generateFulfillmentKey: sharedSecret => hmac(sharedSecret, FULFILLMENT_KEY),
  generateFulfillment: (fulfillmentKey, data) => hmac(fulfillmentKey, data),
  generateIncomingPacketId: (sharedSecret, sequence) =>
    hmac(sharedSecret, Buffer.concat([PACKET_ID, Buffer.from(sequence.toBytes())]))
}
