// SPDX-License-Identifier: Apache-2.0
'use strict'
// Pays, and leaves the process to end by itself. usage: exit.js end|leave|destroy|busy
const { isMainThread, parentPort } = require('worker_threads')
const { createConnection, createServer } = require('../..')
const { pair } = require('../support/pair')

async function main (how) {
  const { client, server } = pair(1, 2)
  const listening = await createServer({ plugin: server, disconnectDelay: 1 })
  listening.on('connection', connection => connection.on('stream', stream => stream.setReceiveMax(1e12)))
  const connection = await createConnection({ plugin: client, ...listening.generateAddressAndSecret() })
  const stream = connection.createStream()
  if (how === 'busy') {
    stream.setSendMax(1e12)
    stream.once('outgoing_money', () => { if (!isMainThread) parentPort.postMessage('busy') })
    return
  }
  await stream.sendTotal(5000)
  if (how === 'leave') return console.log('paid')
  if (how === 'destroy') {
    await connection.destroy()
    return console.log('destroyed')
  }
  await connection.end()
  await listening.close()
  console.log('ended')
}

main(process.argv[2]).catch(err => {
  console.error(err)
  process.exit(1)
})
