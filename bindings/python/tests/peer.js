// SPDX-License-Identifier: Apache-2.0
'use strict'
// ilp-protocol-stream's server or client for test_interop.py. It says what happens, a line of JSON
// each. usage: peer.js server LINK | client LINK CREDENTIALS
const path = require('path')
const modules = path.join(__dirname, '../../../tests/interop/node_modules')
const { createConnection, createServer } = require(path.join(modules, 'ilp-protocol-stream'))
const BtpPlugin = require(path.join(modules, 'ilp-plugin-btp'))

const [role, link, text] = process.argv.slice(2)
const say = what => console.log(JSON.stringify(what))

async function serve () {
  const server = await createServer({ plugin: new BtpPlugin({ server: link }) })
  server.on('connection', connection => {
    connection.on('error', () => {})
    connection.on('stream', stream => {
      stream.setReceiveMax(1e9)
      stream.setSendMax(7)
      stream.on('error', () => {})
      stream.on('money', amount => say({ money: Number(amount) }))
      stream.on('data', chunk => stream.write(chunk))
    })
  })
  const { destinationAccount, sharedSecret } = server.generateAddressAndSecret()
  say({ destination_account: destinationAccount, shared_secret: sharedSecret.toString('base64') })
}

async function pay () {
  const { destination_account: destinationAccount, shared_secret: secret } = JSON.parse(text)
  const connection = await createConnection({
    plugin: new BtpPlugin({ server: link }), destinationAccount, sharedSecret: Buffer.from(secret, 'base64')
  })
  const stream = connection.createStream()
  stream.setReceiveMax(1000)
  let data = ''
  stream.on('data', chunk => { data += chunk })
  stream.write('from JavaScript')
  await stream.sendTotal(3000)
  say({ sent: Number(stream.totalSent) })
  while (data.length < 9 || Number(stream.totalReceived) < 11) await new Promise(resolve => setTimeout(resolve, 10))
  say({ received: Number(stream.totalReceived), data })
  await connection.end()
  say({ ended: true })
  process.exit(0)
}

(role === 'server' ? serve() : pay()).catch(err => {
  console.error(err)
  process.exit(1)
})
