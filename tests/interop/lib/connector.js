'use strict'
// The JavaScript connector, configured as moneyd configures it: each account is a child
// whose plugin, ilp-plugin-mini-accounts, takes any number of local clients.
const fs = require('fs')
const path = require('path')
const { Process } = require('./process')

function account (assetCode, assetScale, maxPacketAmount) {
  return {
    relation: 'child',
    plugin: 'ilp-plugin-mini-accounts',
    assetCode,
    assetScale,
    ...(maxPacketAmount && { maxPacketAmount }),
    balance: { minimum: '-Infinity', maximum: 'Infinity', settleThreshold: '-Infinity' },
    options: { wsOpts: { host: '127.0.0.1', port: 0 }, allowedOrigins: [] }
  }
}

const common = { spread: 0, store: 'ilp-store-memory', env: 'test' }

/** Three accounts: a unit of `dear` is worth two of `one` or `other`. */
function exchange (maxPacketAmount) {
  return {
    ...common,
    ilpAddress: 'test.connector',
    backend: path.join(__dirname, 'rate-backend.js'),
    backendConfig: { worth: { one: 1, other: 1, dear: 2 } },
    accounts: {
      one: account('ONE', 6, maxPacketAmount),
      other: account('ONE', 6, maxPacketAmount),
      dear: account('TWO', 6, maxPacketAmount)
    }
  }
}

/** What `moneyd local` gives: one account for all, no limit on packets. */
function moneyd () {
  return {
    ...common,
    ilpAddress: 'private.moneyd',
    backend: 'one-to-one',
    accounts: { local: account('XRP', 9) }
  }
}

/** Starts a connector; resolves to the port of each of its accounts. */
async function startConnector (test, config) {
  const file = test.file('connector.json')
  fs.writeFileSync(file, JSON.stringify(config))
  const connector = new Process(test, 'ilp-connector', process.execPath,
    // A client that leaves with a request open makes an unhandled rejection in the plugin.
    ['--unhandled-rejections=warn', path.join(__dirname, 'connector-main.js'), file])
  const isPorts = line => line.startsWith('{"ports":')
  const line = await connector.until('ports', ({ lines }) => lines.find(isPorts))
  return JSON.parse(line).ports
}

module.exports = { exchange, moneyd, startConnector }
