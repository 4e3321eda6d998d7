// SPDX-License-Identifier: Apache-2.0
'use strict'
require('./util/formatters')
const { Connection } = require('./connection')
const { DataAndMoneyStream } = require('./stream')
const { fetchAccount } = require('./account')
const { Server, createServer } = require('./server')
const { ENGINE } = require('./link')
const { createReceipt, decodeReceipt, verifyReceipt, RECEIPT_VERSION } = require('./util/receipt')

/** Connects the plugin, asks for our address, and opens a connection to a server. */
async function createConnection (opts) {
  const plugin = opts.plugin
  await plugin.connect()
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
  plugin.registerDataHandler(handlerOf(connection._engine))
  connection._leavesPlugin = true
  await connection.connect()
  return connection
}

/** A function of its own, so that it holds nothing but the engine. */
function handlerOf (engine) {
  const handler = data => engine.receive(data)
  handler[ENGINE] = () => engine.freed ? null : engine
  return handler
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
