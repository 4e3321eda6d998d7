'use strict'
// ilp-protocol-stream's client and server in one process, over a plugin that hands the
// packets over in memory. With --ours as the last word it is the package of bindings/node.
//
// usage: node pair.js money|data|connections SECONDS
//        node pair.js first DELAY_MS       round trips to the first unit of money
//        node --expose-gc pair.js idle COUNT
const { load, figure, cpu, seconds } = require('./modules')
const ours = process.argv[process.argv.length - 1] === '--ours'
const { createConnection, createServer } = ours ? require('../../bindings/node') : load('ilp-protocol-stream')
const ildcp = load('ilp-protocol-ildcp')
const { Type, serializeIlpReject } = load('ilp-packet')

const PACKET = 1000
const LENGTH = 16
const TOO_LARGE = serializeIlpReject({ code: 'F08', message: '', triggeredBy: 'test.js', data: Buffer.alloc(LENGTH) })
const CONFIG = Buffer.from('\x0bpeer.config')

/** Where the amount of a Prepare is. */
const amountAt = packet => packet[1] & 0x80 ? 2 + (packet[1] & 0x7f) : 2

/** F08's data: what arrived and what would have passed. */
function tooLarge (packet) {
  const reply = Buffer.from(TOO_LARGE)
  packet.copy(reply, reply.length - LENGTH, amountAt(packet), amountAt(packet) + 8)
  reply.writeUInt32BE(PACKET, reply.length - 4)
  return reply
}

/** Behind amount, expiry and condition. */
function isConfig (packet) {
  const at = amountAt(packet) + 8 + 17 + 32
  return packet[at] === CONFIG[0] && packet.compare(CONFIG, 0, CONFIG.length, at, at + CONFIG.length) === 0
}

/**
 * Two plugins, each handing packets to the other's handler after `delay` ms. Packets of
 * more than PACKET units are refused, as a node does it. Of a packet they read no more than they
 * need: what is measured is the packages.
 */
function plugins (delay) {
  const wait = () => new Promise(resolve => setTimeout(resolve, delay))
  const state = { firstMoney: 0, connectedAt: 0, packets: 0 }
  const plugin = address => {
    const account = ildcp.serializeIldcpResponse({ clientAddress: address, assetCode: 'XRP', assetScale: 9 })
    const self = {
      other: null,
      handler: null,
      connect: async () => {},
      disconnect: async () => {},
      isConnected: () => true,
      registerDataHandler: handler => { self.handler = handler },
      deregisterDataHandler: () => { self.handler = null },
      sendData: async data => {
        const high = data.readUInt32BE(amountAt(data))
        const low = data.readUInt32BE(amountAt(data) + 4)
        if (high === 0 && low === 0 && isConfig(data)) {
          state.connectedAt = seconds()
          return Buffer.from(account)
        }
        if (delay > 0) await wait()
        const reply = high > 0 || low > PACKET ? tooLarge(data) : await self.other.handler(data)
        if (delay > 0) await wait()
        if (low > 0 && reply[0] === Type.TYPE_ILP_FULFILL) {
          state.packets++
          state.firstMoney ||= seconds()
        }
        return reply
      }
    }
    return self
  }
  const client = plugin('test.js.client')
  const server = plugin('test.js.server')
  client.other = server
  server.other = client
  return { client, server, state }
}

async function open (delay = 0, options = {}) {
  const { client, server, state } = plugins(delay)
  const listening = await createServer({ plugin: server })
  const counts = { bytes: 0, money: 0, server: listening }
  listening.on('connection', connection => {
    connection.on('stream', stream => {
      stream.setReceiveMax('18446744073709551615')
      stream.on('money', amount => { counts.money += Number(amount) })
      stream.on('data', chunk => { counts.bytes += chunk.length })
    })
  })
  const connect = () => createConnection({
    plugin: client,
    ...listening.generateAddressAndSecret(),
    ...options
  })
  return { connect, counts, state }
}

/**
 * What one() adds to count() in a second of this process. V8 compiles what runs often: `name` is
 * said of a process that has run for as long as is measured, and `name_cold` of a new one. The clock
 * is read once a batch, as reading it costs a part of a connection.
 */
async function rate (name, duration, count, one, batch = 1) {
  for (const warm of [false, true]) {
    const before = count()
    const start = cpu()
    const began = seconds()
    while (cpu() - start < duration && seconds() - began < 2 * duration) {
      for (let i = 0; i < batch; i++) await one()
    }
    figure(warm ? name : name + '_cold', (count() - before) / (cpu() - start))
  }
}

async function money (duration) {
  const { connect, state } = await open()
  const stream = (await connect()).createStream()
  let total = 0
  await rate('packets', duration, () => state.packets, () => {
    total += 100 * PACKET
    return stream.sendTotal(total)
  })
}

async function data (duration) {
  const { connect, counts } = await open()
  const stream = (await connect()).createStream()
  const block = Buffer.alloc(1 << 16)
  await rate('megabytes', duration, () => counts.bytes / 1e6, () =>
    stream.write(block) || new Promise(resolve => stream.once('drain', resolve)), 8)
}

/** Each with a unit of money, one after the other. */
async function connections (duration) {
  const { connect } = await open()
  let count = 0
  await rate('connections', duration, () => count, async () => {
    const connection = await connect()
    await connection.createStream().sendTotal(1000)
    await connection.end()
    count++
  }, 20)
}

async function first (delay) {
  const ways = { round_trips: {}, round_trips_rate_given: { exchangeRate: 1 } }
  for (const [name, options] of Object.entries(ways)) {
    const { connect, state } = await open(delay, options)
    const connection = await connect()
    await connection.createStream().sendTotal(1)
    figure(name, (state.firstMoney - state.connectedAt) / (2 * delay / 1000))
  }
}

/** Clients are forgotten; what their server holds of them stays. */
async function idle (count) {
  const { connect, counts } = await open()
  const used = () => {
    global.gc()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const one = async () => {
    const connection = await connect()
    await connection.createStream().sendTotal(PACKET)
    // What is under way ends; then the client's end, no part of what is measured, is let go:
    // its timer held it.
    await new Promise(resolve => setTimeout(resolve, 10))
    clearTimeout(connection.idleTimer)
    connection.removeAllListeners()
  }
  for (let i = 0; i < 50; i++) await one()
  const before = used()
  for (let i = 0; i < count; i++) await one()
  figure('bytes', (used() - before) / count)
  const held = Object.keys(counts.server.pool.activeConnections).length
  if (held < count) throw new Error(`only ${held} connections are held`)
}

const [what, argument] = process.argv.slice(2)
const bodies = { money, data, connections, first, idle }
if (!bodies[what]) process.exit(2)
bodies[what](Number(argument)).then(() => process.exit(0), err => {
  console.error(err)
  process.exit(1)
})
