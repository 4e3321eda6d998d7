'use strict'
// A server of ilp-protocol-stream in a process of its own, which can be stopped and killed:
// LINK SECRET. Prints a line for its credentials, and for each of what it took.
const crypto = require('crypto')
const BtpPlugin = require('ilp-plugin-btp')
const { createServer } = require('ilp-protocol-stream')
const { UNLIMITED, keepCount, sum } = require('./peer')

const say = event => process.stdout.write(`${JSON.stringify(event)}\n`)

async function main () {
  const [link, secret] = process.argv.slice(2)
  const plugin = new BtpPlugin({ server: link })
  const register = plugin.registerDataHandler.bind(plugin)
  let told = 0
  // Said before the answer leaves, so that what is not said has not been fulfilled to anybody.
  plugin.registerDataHandler = handler => register(async packet => {
    const reply = await handler(packet)
    const { received } = plugin.count
    if (received.length > told) say({ event: 'money', received: String(sum(received)) })
    told = received.length
    return reply
  })
  keepCount(plugin)
  const server = await createServer({ plugin, disconnectDelay: 0, serverSecret: Buffer.from(secret, 'hex') })
  server.on('connection', connection => {
    connection.on('error', () => {})
    connection.on('stream', stream => {
      const hash = crypto.createHash('sha256')
      let length = 0
      stream.on('error', () => {})
      stream.on('data', chunk => {
        hash.update(chunk)
        length += chunk.length
        say({ event: 'data', length, hash: hash.copy().digest('hex') })
      })
      stream.setReceiveMax(UNLIMITED)
    })
  })
  const { destinationAccount, sharedSecret } = server.generateAddressAndSecret()
  say({ event: 'listening', destinationAccount, sharedSecret: sharedSecret.toString('base64') })
}

main().catch(err => {
  console.error(err)
  process.exit(1)
})
