// SPDX-License-Identifier: Apache-2.0
'use strict'
// What a case kills: it pays by small packets, so that it takes a while.
// usage: payer.js pay|resume STATE NODE [ADDRESS SECRET AMOUNT]
const { pay, resume } = require('../../payment')
const { Plugin } = require('../../plugin')

const [what, state, node, destinationAccount, secret, amount] = process.argv.slice(2)
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())

const terms = { plugin: new Plugin({ server: node }), maximumPacketAmount: '1', signal: stop.signal }
const paid = what === 'pay'
  ? pay({ ...terms, destinationAccount, sharedSecret: Buffer.from(secret, 'hex'), amount, save: state })
  : resume({ ...terms, state })
paid.then(result => console.log(JSON.stringify(result)), err => {
  console.log(err.code, err.sent, err.inDoubt)
  process.exitCode = 1
})
