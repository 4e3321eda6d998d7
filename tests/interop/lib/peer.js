'use strict'
// JavaScript endpoints: a BTP plugin that keeps count of the money it carried, and a
// STREAM client and server as the tutorials write them.
const { EventEmitter } = require('events')
const BtpPlugin = require('ilp-plugin-btp')
const { createConnection, createServer } = require('ilp-protocol-stream')
const { FrameType } = require('ilp-protocol-stream/dist/src/packet')
const { Type, deserializeIlpPrepare } = require('ilp-packet')

const UNLIMITED = '18446744073709551615'

/** Records the amount of every packet with money that was fulfilled, each way. */
function keepCount (plugin) {
  const count = { sent: [], received: [] }
  const note = (list, prepare, reply) => {
    if (prepare[0] !== Type.TYPE_ILP_PREPARE || reply[0] !== Type.TYPE_ILP_FULFILL) return
    const amount = BigInt(deserializeIlpPrepare(prepare).amount)
    if (amount > 0n) list.push(amount)
  }
  const sendData = plugin.sendData.bind(plugin)
  plugin.sendData = async data => {
    const reply = await sendData(data)
    note(count.sent, data, reply)
    return reply
  }
  const register = plugin.registerDataHandler.bind(plugin)
  plugin.registerDataHandler = handler => register(async data => {
    const reply = await handler(data)
    note(count.received, data, reply)
    return reply
  })
  plugin.count = count
  return plugin
}

function openPlugin (test, link, options = {}) {
  const plugin = keepCount(new BtpPlugin({ server: link, ...options }))
  test.defer(() => plugin.disconnect())
  return plugin
}

async function connectPlugin (test, link, options) {
  const plugin = openPlugin(test, link, options)
  await test.waiting('BTP connection', plugin.connect())
  return plugin
}

async function connectClient (test, link, { destinationAccount, sharedSecret }, options = {}, ofPlugin = {}) {
  const plugin = openPlugin(test, link, ofPlugin)
  const connection = await test.waiting('ilp-protocol-stream: connect',
    createConnection({ plugin, destinationAccount, sharedSecret, ...options }))
  test.defer(() => connection.destroy())
  return { plugin, connection }
}

/** Resolves when every byte was handed over and the peer was told that no more will come. */
function endStream (test, stream, data) {
  return test.waiting(`ilp-protocol-stream: end of stream ${stream.id}`, new Promise((resolve, reject) => {
    stream.once('error', reject)
    stream.end(data, resolve)
  }))
}

function collect (stream, onData) {
  const record = { id: stream.id, money: 0n, chunks: [] }
  stream.on('money', amount => { record.money += BigInt(amount) })
  stream.on('data', chunk => {
    record.chunks.push(chunk)
    onData(chunk.length)
  })
  Object.defineProperty(record, 'data', { get: () => Buffer.concat(record.chunks) })
  return record
}

/**
 * Calls back when the peer has closed the connection. The 'close' event is no measure of
 * that: it waits for what the connection itself still has under way to a peer that left.
 */
function whenClosedByPeer (connection, callback) {
  const handle = connection.handleControlFrames.bind(connection)
  connection.handleControlFrames = frames => {
    handle(frames)
    if (frames.some(frame => frame.type === FrameType.ConnectionClose)) setImmediate(callback)
  }
}

/** A server that takes all money and data of one connection; `closed` gives its streams. */
async function startServer (test, plugin, { receiveMax = UNLIMITED, onConnection = () => {} } = {}) {
  const server = await test.waiting('ilp-protocol-stream: listen', createServer({ plugin, disconnectDelay: 0 }))
  test.defer(() => server.close())
  const streams = []
  const arrivals = new EventEmitter()
  let arrived = 0
  const onData = length => {
    arrived += length
    arrivals.emit('data')
  }
  const closed = new Promise((resolve, reject) => {
    server.once('connection', connection => {
      onConnection(connection)
      connection.on('stream', stream => {
        streams.push(collect(stream, onData))
        stream.on('error', reject)
        stream.setReceiveMax(receiveMax)
      })
      connection.once('error', reject)
      whenClosedByPeer(connection, () => resolve({ connection, streams }))
    })
  })
  closed.catch(() => {}) // the case may fail on something else before it looks
  return {
    ...server.generateAddressAndSecret(),
    gotBytes: count => test.waiting(`ilp-protocol-stream: ${count} bytes`, new Promise(resolve => {
      const look = () => { if (arrived >= count) resolve() }
      arrivals.on('data', look)
      look()
    })),
    closed: () => test.waiting('ilp-protocol-stream: close of the connection', closed)
  }
}

function sum (amounts) {
  return amounts.reduce((total, amount) => total + amount, 0n)
}

/** Bytes that repeat late, so that a lost, doubled or misplaced piece shows. */
function bytes (length, seed) {
  const out = Buffer.alloc(length)
  let state = (seed + 1) >>> 0
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    out[i] = state >>> 24
  }
  return out
}

module.exports = { UNLIMITED, openPlugin, connectPlugin, connectClient, endStream, startServer, keepCount, sum, bytes }
