'use strict'
// The ways from a sender to a receiver that the cases are run over.
const crypto = require('crypto')
const { startNode } = require('./programs')
const { exchange, moneyd, startConnector } = require('./connector')

function link (port, name, token = crypto.randomBytes(16).toString('hex')) {
  return `btp+ws://${name}:${token}@127.0.0.1:${port}`
}

async function overNode (test, options) {
  const { port } = await startNode(test, options)
  return { sender: link(port, 'alice'), receiver: link(port, 'bob') }
}

async function overConnector (test, from, to, maxPacket) {
  const ports = await startConnector(test, exchange(maxPacket))
  return { sender: link(ports[from], 'alice'), receiver: link(ports[to], 'bob') }
}

async function overMoneyd (test) {
  const { local } = await startConnector(test, moneyd())
  return { sender: link(local, 'alice'), receiver: link(local, 'bob') }
}

const via = {
  node: {
    rate: [1n, 1n],
    open: test => overNode(test, [])
  },
  'node-1000': {
    rate: [1n, 1n],
    maxPacket: 1000n,
    open: test => overNode(test, ['--max-packet-amount', '1000'])
  },
  moneyd: {
    rate: [1n, 1n],
    open: test => overMoneyd(test)
  },
  'connector-rate-1': {
    rate: [1n, 1n],
    maxPacket: 1000n,
    open: test => overConnector(test, 'one', 'other', '1000')
  },
  'connector-rate-half': {
    rate: [1n, 2n],
    maxPacket: 1000n,
    open: test => overConnector(test, 'one', 'dear', '1000')
  },
  'connector-rate-2': {
    rate: [2n, 1n],
    maxPacket: 1000n,
    open: test => overConnector(test, 'dear', 'one', '1000')
  }
}

/** Opens a route by name: { name, sender, receiver (links), rate, maxPacket }. */
async function openRoute (test, name) {
  const { open, rate, maxPacket } = via[name]
  return { name, rate, maxPacket, ...await open(test) }
}

/** What one packet of `amount` delivers: connectors round down. */
function delivers (amount, [numerator, denominator]) {
  return amount * numerator / denominator
}

module.exports = { openRoute, delivers, link, routes: Object.keys(via) }
