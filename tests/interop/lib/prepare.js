'use strict'
// ILP Prepares as raw as the wire takes them.
const crypto = require('crypto')
const ilp = require('ilp-packet')

const sha256 = data => crypto.createHash('sha256').update(data).digest()

/** { packet, fulfillment } of a Prepare that can be fulfilled. */
function prepare ({ destination, amount = '1', data = Buffer.alloc(0), expiresIn = 10_000 }) {
  const fulfillment = crypto.randomBytes(32)
  const packet = ilp.serializeIlpPrepare({
    destination,
    amount,
    data,
    executionCondition: sha256(fulfillment),
    expiresAt: new Date(Date.now() + expiresIn)
  })
  return { packet, fulfillment }
}

/** Sends it and reads the answer, Fulfill or Reject. */
async function ask (plugin, packet) {
  return ilp.deserializeIlpReply(await plugin.sendData(packet))
}

function fulfill (fulfillment, data = Buffer.alloc(0)) {
  return ilp.serializeIlpFulfill({ fulfillment, data })
}

function reject (code, { message = '', triggeredBy = '', data = Buffer.alloc(0) } = {}) {
  return ilp.serializeIlpReject({ code, message, triggeredBy, data })
}

module.exports = { prepare, ask, fulfill, reject, sha256 }
