'use strict'
// ilp-protocol-stream's client and server in one process, over a plugin that hands the
// packets over in memory. With --ours as the last word it is the package of bindings/node.
//
// usage: node pair.js money|data|connections SECONDS
//        node pair.js first DELAY_MS       round trips to the first unit of money
//        RILL_MALLOC=FILE LD_PRELOAD=bench_malloc.so node --expose-gc pair.js idle COUNT server|both
const fs = require('fs')
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

/** Where its address is: behind amount, expiry and condition. */
const addressAt = packet => amountAt(packet) + 8 + 17 + 32

function isConfig (packet) {
  const at = addressAt(packet)
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

/** A server's plugin, and one for each of `count` clients, who have addresses of their own. */
function manyPlugins (count) {
  const handlers = new Map()
  const plugin = (address, find) => {
    const account = ildcp.serializeIldcpResponse({ clientAddress: address, assetCode: 'XRP', assetScale: 9 })
    return {
      connect: async () => {},
      disconnect: async () => {},
      isConnected: () => true,
      registerDataHandler: handler => { handlers.set(address, handler) },
      deregisterDataHandler: () => { handlers.set(address, null) },
      sendData: async data => isConfig(data) ? Buffer.from(account) : find(data)(data)
    }
  }
  const server = plugin('test.js.server', data => {
    const at = addressAt(data)
    return handlers.get(data.latin1Slice(at + 1, at + 1 + data[at]).split('.').slice(0, 4).join('.'))
  })
  const clients = []
  for (let i = 0; i < count; i++) {
    const address = `test.js.client.${i}`
    handlers.set(address, null)
    clients.push(plugin(address, () => handlers.get('test.js.server')))
  }
  return { server, clients }
}

/** What malloc has handed out, to V8's Buffers too: bench/malloc.c says it. */
async function malloced () {
  const file = process.env.RILL_MALLOC
  fs.rmSync(file, { force: true })
  process.kill(process.pid, 'SIGUSR2')
  while (!fs.existsSync(file) || !fs.readFileSync(file, 'utf8').endsWith('\n')) {
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  return Number(fs.readFileSync(file, 'utf8'))
}

/** What is alive on V8's heap and beside it, and all that the process has. */
async function memory () {
  for (let i = 0; i < 4; i++) {
    global.gc()
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  const { heapUsed, rss } = process.memoryUsage()
  return { heap: heapUsed, malloc: await malloced(), rss }
}

/**
 * Connections with a stream that has carried a packet, and is idle. Of `server` the clients are
 * forgotten, with all that they hold. As many before fill what is needed once.
 */
async function idle (count, which) {
  const first = count
  const { server, clients } = manyPlugins(first + count)
  const plugins = clients.slice() // none goes while it is measured
  const listening = await createServer({ plugin: server })
  const held = []
  let accepted = 0
  listening.on('connection', connection => {
    accepted++
    connection.on('stream', stream => {
      stream.setReceiveMax('18446744073709551615')
      stream.on('money', () => {})
    })
  })
  const one = async plugin => {
    const connection = await createConnection({ plugin, ...listening.generateAddressAndSecret() })
    await connection.createStream().sendTotal(PACKET)
    held.push(connection)
  }
  const some = async plugins => {
    while (plugins.length > 0) {
      await Promise.all(plugins.splice(0, 50).map(one))
      await new Promise(resolve => setTimeout(resolve, 20)) // what is under way ends
      if (which === 'server') held.splice(0).forEach(forget)
    }
  }
  await some(clients.splice(0, first))
  const before = await memory()
  await some(clients)
  const after = await memory()
  if (accepted !== plugins.length) throw new Error(`${accepted} connections were accepted`)
  const heap = (after.heap - before.heap) / count
  figure('bytes', heap + (after.malloc - before.malloc) / count)
  figure('heap_bytes', heap)
  figure('resident_bytes', (after.rss - before.rss) / count)
}

/** A client's timers would hold it, and its plugin. */
function forget (connection) {
  connection.plugin.deregisterDataHandler()
  if (ours) return connection._engine.free()
  clearTimeout(connection.idleTimer)
  connection.removeAllListeners()
}

const [what, argument, more] = process.argv.slice(2)
const bodies = { money, data, connections, first, idle }
if (!bodies[what]) process.exit(2)
bodies[what](Number(argument), more).then(() => process.exit(0), err => {
  console.error(err)
  process.exit(1)
})
