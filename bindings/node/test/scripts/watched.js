// SPDX-License-Identifier: Apache-2.0
'use strict'
// Somebody else than the handlers sees events of money, with their packets: a function before the
// emit of all emitters, which came before the package, as those of tools that trace a program; or
// the one that is told of handlers that fail, and what they were called with.
// usage: watched.js events|rejections
const { EventEmitter } = require('events')

const how = process.argv[2]
const seen = []
const { emit } = EventEmitter.prototype
if (how === 'events') {
  EventEmitter.prototype.emit = function (type, ...args) {
    if (type === 'money') seen.push(args)
    return emit.call(this, type, ...args)
  }
} else {
  EventEmitter.captureRejections = true
}

const { createConnection, createServer } = require('../..')
const { pair } = require('../support/pair')

async function main () {
  const { client, server } = pair(1, 2)
  const listening = await createServer({ plugin: server })
  listening.on('connection', connection => connection.on('stream', stream => {
    stream.setReceiveMax(1e12)
    if (how === 'rejections') stream[Symbol.for('nodejs.rejection')] = (err, event, ...args) => seen.push(err && args)
    stream.on('money', async amount => { if (how === 'rejections') throw new Error('refused') })
  }))
  const connection = await createConnection({ plugin: client, ...listening.generateAddressAndSecret() })
  const stream = connection.createStream()
  for (let sent = 1; sent <= 20; sent++) await stream.sendTotal(100 * sent)
  await connection.end()
  await listening.close()
  console.log(`${seen.length} packets, ${seen.filter(([, prepare]) => prepare && Buffer.isBuffer(prepare.data)).length} seen`)
}

main().catch(err => {
  console.error(err)
  process.exit(1)
})
