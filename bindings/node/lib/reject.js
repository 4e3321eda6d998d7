// SPDX-License-Identifier: Apache-2.0
'use strict'
// What a plugin is answered where the core has nothing to say.
const { serializeIlpReject, Type } = require('ilp-packet')

const NO_DATA = Buffer.alloc(0)

/** Undefined: it may be a Prepare. */
function notAPrepare (data, triggeredBy) {
  if (Buffer.isBuffer(data) && data[0] === Type.TYPE_ILP_PREPARE) return undefined
  return serializeIlpReject({
    code: 'F00',
    message: `Expected an ILP Prepare packet (type 12), but got packet with type: ${data && data[0]}`,
    data: NO_DATA,
    triggeredBy
  })
}

function noReply (triggeredBy) {
  return serializeIlpReject({ code: 'F00', message: '', data: NO_DATA, triggeredBy })
}

module.exports = { notAPrepare, noReply }
