'use strict'
// Compares the object with which `rill send --json` ends to what arrived.
const assert = require('assert')
const { delivers } = require('./route')
const { sum } = require('./peer')

/** `received` has the amount of each packet that the receiver fulfilled. */
function checkDone (done, { route, amount, received }) {
  assert.strictEqual(done.sent, String(amount), 'sent')
  assert.strictEqual(done.in_doubt, '0', 'in_doubt')
  assert.strictEqual(done.delivered, String(sum(received)), 'delivered is what was received')
  assert.ok(received.every(one => one <= delivers(route.maxPacket || amount, route.rate)),
    'a packet above the maximum passed')
  // Each packet is rounded down by less than one unit.
  const most = delivers(amount, route.rate)
  const least = route.rate[1] === 1n ? most : most - BigInt(received.length)
  assert.ok(sum(received) <= most && sum(received) >= least,
    `${sum(received)} units delivered in ${received.length} packets, expected ${least} to ${most}`)
  for (const field of ['packets', 'rejects']) {
    assert.ok(Number.isInteger(Number(done[field])), `"${field}" is ${done[field]}`)
  }
  assert.ok(Number(done.packets) >= received.length, `${done.packets} packets cannot have carried ${received.length}`)
  assert.ok(Number(done.seconds) >= 0, `"seconds" is ${done.seconds}`)
}

module.exports = { checkDone }
