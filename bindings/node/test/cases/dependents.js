// SPDX-License-Identifier: Apache-2.0
'use strict'
// Packages that import this one by its name and deep paths, with it in the place of the original,
// as npm's overrides put it there.
const assert = require('assert')
const fs = require('fs')
const path = require('path')
const { createRequire } = require('module')
const ilp = require('ilp-packet')
const { temporary, ROOT } = require('../support/rilld')

/** Copies of both packages, in a folder where the name is `who`'s. */
function dependents (t) {
  const folder = temporary(t)
  const modules = path.join(folder, 'node_modules')
  const installed = path.join(ROOT, 'node_modules')
  fs.mkdirSync(modules)
  for (const name of fs.readdirSync(installed)) {
    if (!name.startsWith('.') && !name.startsWith('@') && name !== 'ilp-protocol-stream') fs.symlinkSync(path.join(installed, name), path.join(modules, name))
  }
  fs.cpSync(path.join(installed, '@interledger'), path.join(modules, '@interledger'), { recursive: true })
  fs.symlinkSync(t.who === 'rill' ? ROOT : path.join(installed, 'original'), path.join(modules, 'ilp-protocol-stream'))
  const load = createRequire(path.join(folder, 'program.js'))
  const is = fs.realpathSync(load.resolve('ilp-protocol-stream'))
  assert.ok(is.startsWith(t.who === 'rill' ? fs.realpathSync(path.join(ROOT, 'dist')) : fs.realpathSync(path.join(installed, 'original'))), is)
  return load
}

module.exports = [
  ...[['amountToSend', '10001'], ['amountToDeliver', '4000']].map(([target, amount]) => ({
    name: `@interledger/pay: ${target}`,
    async run (t) {
      const { setupPayment, startQuote, pay, closeConnection } = dependents(t)('@interledger/pay')
      const { client, server } = t.pair(1, 2)
      const listening = await t.api.createServer({ plugin: server })
      t.later(() => listening.close())
      let accepted
      listening.on('connection', connection => {
        accepted = connection
        connection.on('stream', stream => stream.setReceiveMax(1000000))
      })
      const { destinationAccount, sharedSecret } = listening.generateAddressAndSecret()
      await client.connect()
      const destination = await setupPayment({ plugin: client, destinationAddress: destinationAccount, sharedSecret })
      assert.deepStrictEqual(destination.destinationAsset, { code: 'XYZ', scale: 9 })
      const quote = await startQuote({
        plugin: client,
        destination,
        sourceAsset: { code: 'ABC', scale: 9 },
        prices: { ABC: 1, XYZ: 2 },
        [target]: amount
      })
      const progress = await pay({ plugin: client, destination, quote })
      assert.strictEqual(progress.error, undefined)
      if (target === 'amountToSend') assert.strictEqual(progress.amountSent, 10001n)
      else assert.ok(progress.amountDelivered >= 4000n)
      assert.strictEqual(accepted.totalReceived, progress.amountDelivered.toString())
      const closed = t.event(accepted, 'close')
      await closeConnection(client, destination)
      await closed
    }
  })),
  {
    name: '@interledger/pay: stream receipts',
    async run (t) {
      const load = dependents(t)
      const { setupPayment, startQuote, pay } = load('@interledger/pay')
      const { verifyReceipt } = load('ilp-protocol-stream')
      const { client, server } = t.pair(1, 2)
      const listening = await t.api.createServer({ plugin: server })
      t.later(() => listening.close())
      listening.on('connection', connection => connection.on('stream', stream => stream.setReceiveMax(1000000)))
      const receiptSecret = Buffer.alloc(32, 3)
      const { destinationAccount, sharedSecret } = listening.generateAddressAndSecret({ receiptNonce: Buffer.alloc(16, 4), receiptSecret })
      await client.connect()
      const destination = await setupPayment({ plugin: client, destinationAddress: destinationAccount, sharedSecret })
      const quote = await startQuote({
        plugin: client,
        destination,
        sourceAsset: { code: 'ABC', scale: 9 },
        prices: { ABC: 1, XYZ: 2 },
        amountToSend: '2000'
      })
      const progress = await pay({ plugin: client, destination, quote })
      assert.strictEqual(verifyReceipt(progress.streamReceipt, receiptSecret).totalReceived.toString(), progress.amountDelivered.toString())
    }
  },
  {
    name: '@interledger/stream-receiver: is paid, and declines now and then',
    async run (t) {
      const { StreamServer } = dependents(t)('@interledger/stream-receiver')
      const { client, server } = t.pair(1, 2)
      const receiver = new StreamServer({ serverSecret: Buffer.alloc(32, 7), serverAddress: 'test.server' })
      let packets = 0
      let total = 0n
      server.registerDataHandler(async data => {
        const answer = receiver.createReply(ilp.deserializeIlpPrepare(data))
        if (ilp.isIlpReply(answer)) return ilp.serializeIlpReply(answer)
        if (++packets % 3 === 0) return ilp.serializeIlpReply(answer.temporaryDecline())
        total += BigInt(ilp.deserializeIlpPrepare(data).amount)
        return ilp.serializeIlpReply(answer.accept())
      })
      const { ilpAddress, sharedSecret } = receiver.generateCredentials({ asset: { code: 'XYZ', scale: 9 } })
      const connection = await t.api.createConnection({ plugin: client, destinationAccount: ilpAddress, sharedSecret })
      await connection.createStream().sendTotal(6000)
      assert.strictEqual(total, 3000n)
      assert.strictEqual(connection.totalDelivered, '3000')
      await connection.end()
    }
  }
]
