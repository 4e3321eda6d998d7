'use strict'
// @interledger/pay and @interledger/stream-receiver, each a process: a query of SPSP, a connection,
// one packet, its close. HTTP is Node's own, with connections that stay open, and nothing is
// between the two: what the packages can do at best.
//
// usage: node payment.js receive
//        node payment.js pay ILP_PORT SPSP_PORT SECONDS AT_ONCE
const crypto = require('crypto')
const http = require('http')
const { load, figure, cpu, seconds } = require('./modules')
const { serializeIlpReply, isIlpReply, deserializeIlpPrepare } = load('ilp-packet')

const AMOUNT = '1000'
const ASSET = { code: 'XRP', scale: 9 }
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 })

function body (message) {
  return new Promise((resolve, reject) => {
    const parts = []
    message.on('data', part => parts.push(part))
    message.on('end', () => resolve(Buffer.concat(parts)))
    message.on('error', reject)
  })
}

function listen (answer) {
  return new Promise(resolve => {
    const server = http.createServer(answer)
    server.keepAliveTimeout = 60000
    server.listen(0, '127.0.0.1', () => resolve(server.address().port))
  })
}

async function receive () {
  const { StreamServer } = load('@interledger/stream-receiver')
  const server = new StreamServer({ serverSecret: crypto.randomBytes(32), serverAddress: 'test.bench' })
  const ilp = await listen(async (req, res) => {
    const reply = server.createReply(deserializeIlpPrepare(await body(req)))
    res.writeHead(200, { 'content-type': 'application/octet-stream' })
    res.end(serializeIlpReply(isIlpReply(reply) ? reply : reply.accept()))
  })
  const spsp = await listen((req, res) => {
    const { ilpAddress, sharedSecret } = server.generateCredentials({ asset: ASSET })
    res.writeHead(200, { 'content-type': 'application/spsp4+json' })
    res.end(JSON.stringify({
      destination_account: ilpAddress,
      shared_secret: sharedSecret.toString('base64'),
      receipts_enabled: false
    }))
  })
  console.log(`listening ${ilp} ${spsp}`)
}

function ask (options, data) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', agent, ...options }, res => resolve(body(res)))
    request.on('error', reject)
    request.end(data)
  })
}

async function payOne (plugin, spspPort) {
  const { setupPayment, startQuote, pay, closeConnection } = load('@interledger/pay')
  const answer = JSON.parse(await ask({
    port: spspPort, path: '/alice', headers: { accept: 'application/spsp4+json' }
  }))
  const destination = await setupPayment({
    plugin,
    destinationAddress: answer.destination_account,
    sharedSecret: Buffer.from(answer.shared_secret, 'base64'),
    destinationAsset: ASSET
  })
  const quote = await startQuote({
    plugin, destination, sourceAsset: ASSET, amountToSend: AMOUNT, prices: { XRP: 1 }
  })
  const { error, amountDelivered } = await pay({ plugin, destination, quote })
  if (error || amountDelivered !== BigInt(AMOUNT)) throw new Error(`a payment failed: ${error}`)
  await closeConnection(plugin, destination)
}

async function payAll (ilpPort, spspPort, duration, atOnce) {
  const plugin = {
    connect: async () => {},
    disconnect: async () => {},
    isConnected: () => true,
    registerDataHandler () {},
    deregisterDataHandler () {},
    sendData: data => ask({
      port: ilpPort, method: 'POST', path: '/', headers: { 'content-type': 'application/octet-stream' }
    }, data)
  }
  await Promise.all(Array.from({ length: atOnce }, () => payOne(plugin, spspPort))) // to warm up
  const start = seconds()
  const before = cpu()
  let count = 0
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (seconds() - start < duration) {
      await payOne(plugin, spspPort)
      count++
    }
  }))
  figure('payments', count)
  figure('seconds', seconds() - start)
  figure('cpu', cpu() - before)
}

const [what, ...rest] = process.argv.slice(2)
const run = what === 'receive'
  ? receive()
  : payAll(...rest.map(Number)).then(() => process.exit(0))
run.catch(err => {
  console.error(err)
  process.exit(1)
})
