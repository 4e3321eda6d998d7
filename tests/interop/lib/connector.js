'use strict'
// The JavaScript connector, configured as moneyd configures it: each account is a child
// whose plugin, ilp-plugin-mini-accounts, takes any number of local clients.
const fs = require('fs')
const net = require('net')
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

/** An account that a neighbour's connector has; `options` are of ilp-plugin-btp. */
function neighbour (relation, options, more = {}) {
  return {
    relation,
    plugin: 'ilp-plugin-btp',
    assetCode: 'USD',
    assetScale: 6,
    balance: { minimum: '-Infinity', maximum: 'Infinity', settleThreshold: '-Infinity' },
    ...more,
    options
  }
}

/** One that connects to us, with this token. */
const listening = (relation, token, more) =>
  neighbour(relation, { listener: { secret: token, wsOpts: { host: '127.0.0.1', port: 0 } } }, more)

/** One that we connect to. */
const calling = (relation, uri, more) => neighbour(relation, { server: uri }, more)

/** A connector with neighbours, and local clients behind `local`. */
function routing (adminApiPort, more, accounts) {
  return {
    ...common,
    backend: 'one-to-one',
    routeBroadcastInterval: 1000,
    routeCleanupInterval: 500,
    routeExpiry: 3000,
    initialConnectTimeout: 1,
    adminApi: true,
    adminApiPort,
    reflectPayments: false,
    ...more,
    accounts: { ...accounts, local: account('USD', 6) }
  }
}

/** What its neighbours owe it: a number for each account. */
async function balancesOf (adminApiPort) {
  const response = await fetch(`http://127.0.0.1:${adminApiPort}/balance`)
  const { accounts } = await response.json()
  return Object.fromEntries(Object.entries(accounts).map(([id, { balance }]) => [id, BigInt(balance)]))
}

/** What it has asked of each account and has no answer to: { open, lost }, in units. */
async function unansweredOf (connector) {
  const before = connector.lines.length
  connector.child.kill('SIGUSR2')
  const line = await connector.until('what has no answer',
    ({ lines }) => lines.slice(before).find(one => one.startsWith('{"unanswered":')))
  return JSON.parse(line, (key, value) => typeof value === 'string' ? BigInt(value) : value).unanswered
}

/** The first of the ports that the system gives to whoever asks for any. */
function firstOfAny () {
  try {
    return Number(fs.readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0])
  } catch (err) {
    return 32768
  }
}

/**
 * A port that is free, and that nobody is given who asks for any: connections come and go while a
 * program is not started yet, or is started again.
 */
async function freePort () {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * (firstOfAny() - 10_000))
    const server = net.createServer()
    const listens = await new Promise(resolve => server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)))
    if (listens) {
      await new Promise(resolve => server.close(resolve))
      return port
    }
  }
}

/** Starts a connector; resolves to the port of each of its accounts, and calls back with its process. */
async function startConnector (test, config, started = () => {}) {
  const file = test.file('connector.json')
  fs.writeFileSync(file, JSON.stringify(config))
  const connector = new Process(test, 'ilp-connector', process.execPath,
    // A client that leaves with a request open makes an unhandled rejection in the plugin.
    ['--unhandled-rejections=warn', path.join(__dirname, 'connector-main.js'), file])
  started(connector)
  const isPorts = line => line.startsWith('{"ports":')
  const line = await connector.until('ports', ({ lines }) => lines.find(isPorts))
  return JSON.parse(line).ports
}

module.exports = { exchange, moneyd, routing, listening, calling, balancesOf, unansweredOf, freePort, startConnector }
