'use strict'
// ilp-protocol-stream's client and server, each a process, over the BTP link named.
//
// usage: node net.js receive LINK FILE
//        node net.js send LINK FILE money|data SECONDS COUNT
// The sender stops after SECONDS or COUNT packets or bytes, whichever comes first, and says
// how much it did in which time, counted from before it connects.
const fs = require('fs')
const { load, figure, seconds } = require('./modules')
const { createConnection, createServer } = load('ilp-protocol-stream')
const BtpPlugin = load('ilp-plugin-btp')
const { Type, deserializeIlpPrepare } = load('ilp-packet')

const PACKET = 1000
const OVERHEAD = 64 // of a data packet: envelope, header, frames
const [what, link, file, kind, duration, count] = process.argv.slice(2)

async function receive () {
  const server = await createServer({ plugin: new BtpPlugin({ server: link }) })
  server.on('connection', connection => {
    connection.on('error', () => {})
    connection.on('stream', stream => {
      stream.setReceiveMax('18446744073709551615')
      stream.on('data', () => {})
      stream.on('error', () => {})
    })
  })
  const { destinationAccount, sharedSecret } = server.generateAddressAndSecret()
  fs.writeFileSync(file, `${destinationAccount}\n${sharedSecret.toString('hex')}\n`)
  console.log('listening')
}

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Counts what was answered: packets of money fulfilled, bytes of data taken. */
function counting (plugin) {
  const count = { money: 0, data: 0 }
  const sendData = plugin.sendData.bind(plugin)
  plugin.sendData = async packet => {
    const reply = await sendData(packet)
    const { amount, data, destination } = deserializeIlpPrepare(packet)
    if (destination === 'peer.config') return reply
    if (amount !== '0' && reply[0] === Type.TYPE_ILP_FULFILL) count.money++
    count.data += Math.max(0, data.length - OVERHEAD)
    return reply
  }
  plugin.count = count
  return plugin
}

async function send () {
  const [destinationAccount, secret] = fs.readFileSync(file, 'utf8').split('\n')
  const plugin = counting(new BtpPlugin({ server: link }))
  const start = seconds()
  const connection = await createConnection({
    plugin,
    destinationAccount,
    sharedSecret: Buffer.from(secret, 'hex')
  })
  const stream = connection.createStream()
  const wanted = Number(count)
  const began = seconds()
  const before = plugin.count[kind]
  if (kind === 'money') stream.setSendMax(wanted * PACKET)
  else stream.end(Buffer.alloc(wanted))
  const done = () => plugin.count[kind] - before
  while (done() < wanted && seconds() - start < Number(duration)) await sleep(5)
  figure('done', done())
  figure('connect', began - start)
  figure('sending', seconds() - began)
}

const run = what === 'receive' ? receive() : send().then(() => process.exit(0))
run.catch(err => {
  console.error(err)
  process.exit(1)
})
