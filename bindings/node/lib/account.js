// SPDX-License-Identifier: Apache-2.0
'use strict'
// Asks the plugin for our address and asset (IL-DCP), as ilp-protocol-ildcp does. The request is
// always the same but for its expiry.
const ILDCP = require('ilp-protocol-ildcp')

const LIFE = 60000
const FULFILL = 13
const ISO_LENGTH = 24
const SECOND_DIGITS = 14
const YEAR_2000 = new Date(Date.UTC(2000, 0, 1))
const TEMPLATE = ILDCP.serializeIldcpRequest({ expiresAt: YEAR_2000 })
const EXPIRY_AT = TEMPLATE.indexOf('20000101000000000', 0, 'latin1')

/** The second that was written last, as digits: many times in a row are of the same. */
let second = NaN
const digits = Buffer.alloc(SECOND_DIGITS)

/** Digits alone: 2017-12-23T01:21:40.549Z is 20171223012140549. */
function writeTime (buffer, at, date) {
  const time = date.getTime()
  const now = Math.floor(time / 1000)
  if (now !== second) {
    const iso = date.toISOString()
    if (iso.length !== ISO_LENGTH) throw new RangeError('a year must have four digits')
    digits.latin1Write(iso.slice(0, 19).replace(/\D/g, ''))
    second = now
  }
  const ms = time - 1000 * now
  digits.copy(buffer, at)
  buffer[at + SECOND_DIGITS] = 48 + Math.floor(ms / 100)
  buffer[at + SECOND_DIGITS + 1] = 48 + Math.floor(ms / 10) % 10
  buffer[at + SECOND_DIGITS + 2] = 48 + ms % 10
}

function requestUntil (date) {
  const request = Buffer.from(TEMPLATE)
  writeTime(request, EXPIRY_AT, date)
  return request
}

let latestReply = Buffer.alloc(0)
let latestAccount

/** The node says the same again and again. */
function readAccount (reply) {
  if (!Buffer.isBuffer(reply)) return ILDCP.deserializeIldcpResponse(reply)
  if (!latestReply.equals(reply)) {
    latestAccount = ILDCP.deserializeIldcpResponse(reply)
    latestReply = Buffer.from(reply)
  }
  return latestAccount
}

/** Resolves to clientAddress, assetCode, assetScale. */
async function fetchAccount (plugin, expiresAt) {
  const reply = await plugin.sendData(requestUntil(expiresAt || new Date(Date.now() + LIFE)))
  if (reply[0] === FULFILL) return readAccount(reply)
  return ILDCP.fetch(async () => reply) // which says what it is
}

module.exports = { fetchAccount, writeTime }
