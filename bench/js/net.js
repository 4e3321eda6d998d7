'use strict'
// ilp-protocol-stream's client and server, each a process, over the BTP link named. With --ours as
// the last word it is the package of bindings/node, with its own plugin.
//
// usage: node net.js receive LINK FILE [--ours]
//        node net.js send LINK FILE money|data SECONDS COUNT [--ours]
// The sender stops after SECONDS or COUNT packets or bytes, whichever comes first, and says
// how much it did in which time, counted from before it connects.
const fs = require('fs')
const { load, figure, cpu, seconds } = require('./modules')
const ours = process.argv[process.argv.length - 1] === '--ours'
const { createConnection, createServer } = ours ? require('../../bindings/node') : load('ilp-protocol-stream')
const BtpPlugin = ours ? require('../../bindings/node/plugin').Plugin : load('ilp-plugin-btp')

const PACKET = 1000
const PREPARE = 57 // bytes of one before its address
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

/** How many bytes a length at this place takes, and what it says. */
function lengthAt (packet, at) {
  const first = packet[at]
  return first < 0x80 ? [1, first] : [1 + (first & 0x7f), packet.readUIntBE(at + 1, first & 0x7f)]
}

/** Counts bytes of data that were taken, of what is answered. It reads no more of a packet than that. */
function counting (plugin) {
  const count = { data: 0 }
  const sendData = plugin.sendData.bind(plugin)
  plugin.sendData = async packet => {
    const reply = await sendData(packet)
    const amount = 1 + lengthAt(packet, 1)[0]
    const address = amount + PREPARE
    const [skip, length] = lengthAt(packet, address)
    const data = address + skip + length
    if (packet.latin1Slice(address + skip, address + skip + 5) === 'peer.') return reply
    count.data += Math.max(0, lengthAt(packet, data)[1] - OVERHEAD)
    return reply
  }
  plugin.count = count
  return plugin
}

async function send () {
  const [destinationAccount, secret] = fs.readFileSync(file, 'utf8').split('\n')
  const plugin = kind === 'data' ? counting(new BtpPlugin({ server: link })) : new BtpPlugin({ server: link })
  const start = seconds()
  const connection = await createConnection({
    plugin,
    destinationAccount,
    sharedSecret: Buffer.from(secret, 'hex')
  })
  const stream = connection.createStream()
  const wanted = Number(count)
  const spent = cpu()
  const began = seconds()
  const before = kind === 'data' ? plugin.count.data : 0
  if (kind === 'money') stream.setSendMax(wanted * PACKET)
  else stream.end(Buffer.alloc(wanted))
  // No packet has more units than PACKET: the node takes none.
  const done = () => kind === 'data' ? plugin.count.data - before : Math.floor(Number(stream.totalSent) / PACKET)
  while (done() < wanted && seconds() - start < Number(duration)) await sleep(5)
  figure('done', done())
  figure('connect', began - start)
  figure('sending', seconds() - began)
  figure('cpu', cpu() - spent)
}

const run = what === 'receive' ? receive() : send().then(() => process.exit(0))
run.catch(err => {
  console.error(err)
  process.exit(1)
})
