// SPDX-License-Identifier: Apache-2.0
'use strict'
// Asks the plugin for our address and asset (IL-DCP), as ilp-protocol-ildcp does. The request is
// always the same but for its expiry.
const ILDCP = require('ilp-protocol-ildcp')

const LIFE = 60000
const FULFILL = 13
const DIGITS = 17
const YEAR_2000 = new Date(Date.UTC(2000, 0, 1))
const TEMPLATE = ILDCP.serializeIldcpRequest({ expiresAt: YEAR_2000 })
const EXPIRY_AT = TEMPLATE.indexOf('20000101000000000', 0, 'latin1')

/** Digits alone: 2017-12-23T01:21:40.549Z is 20171223012140549. */
function writeTime (buffer, at, date) {
  const iso = date.toISOString()
  const digits = iso.slice(0, 4) + iso.slice(5, 7) + iso.slice(8, 10) + iso.slice(11, 13) + iso.slice(14, 16) +
    iso.slice(17, 19) + iso.slice(20, 23)
  if (digits.length !== DIGITS) throw new RangeError('a year must have four digits')
  buffer.latin1Write(digits, at, DIGITS)
}

function requestUntil (date) {
  const request = Buffer.from(TEMPLATE)
  writeTime(request, EXPIRY_AT, date)
  return request
}

/** Resolves to clientAddress, assetCode, assetScale. */
async function fetchAccount (plugin, expiresAt) {
  const reply = await plugin.sendData(requestUntil(expiresAt || new Date(Date.now() + LIFE)))
  if (reply[0] === FULFILL) return ILDCP.deserializeIldcpResponse(reply)
  return ILDCP.fetch(async () => reply) // which says what it is
}

module.exports = { fetchAccount, writeTime }
