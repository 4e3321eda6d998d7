// SPDX-License-Identifier: Apache-2.0
'use strict'
const createLogger = require('./logger')
require('./util/formatters')
const { Connection } = require('./connection')
const { DataAndMoneyStream } = require('./stream')
const { fetchAccount } = require('./account')
const { Server, createServer } = require('./server')
const { createReceipt, decodeReceipt, verifyReceipt, RECEIPT_VERSION } = require('./util/receipt')

/** Connects the plugin, asks for our address, and opens a connection to a server. */
async function createConnection (opts) {
  const plugin = opts.plugin
  await plugin.connect()
  const log = createLogger('ilp-protocol-stream:Client')
  const { clientAddress, assetCode, assetScale } = await fetchAccount(plugin, opts.getExpiry && opts.getExpiry('peer.config'))
  const connection = new Connection(opts, {
    sourceAccount: clientAddress,
    assetCode,
    assetScale,
    isServer: false,
    plugin,
    destinationAccount: opts.destinationAccount,
    connectionTag: opts.connectionTag,
    receiptNonce: opts.receiptNonce,
    receiptSecret: opts.receiptSecret
  })
  plugin.registerDataHandler(data => connection._engine.receive(data))
  connection.once('close', () => {
    plugin.deregisterDataHandler()
    Promise.resolve(plugin.disconnect())
      .then(() => log.info('plugin disconnected'))
      .catch(err => log.error('error disconnecting plugin:', err))
  })
  await connection.connect()
  return connection
}

module.exports = {
  Connection,
  DataAndMoneyStream,
  Server,
  createServer,
  createReceipt,
  decodeReceipt,
  verifyReceipt,
  RECEIPT_VERSION,
  createConnection
}
