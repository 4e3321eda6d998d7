'use strict'
// A client of ilp-protocol-stream in a process of its own, which can be stopped and killed:
// LINK ADDRESS SECRET AMOUNT. Prints a line for each packet of money that was fulfilled to it.
const BtpPlugin = require('ilp-plugin-btp')
const { createConnection } = require('ilp-protocol-stream')
const { keepCount, sum } = require('./peer')

const say = event => process.stdout.write(`${JSON.stringify(event)}\n`)

async function main () {
  const [link, destinationAccount, secret, amount] = process.argv.slice(2)
  const plugin = keepCount(new BtpPlugin({ server: link }))
  const sendData = plugin.sendData
  plugin.sendData = async packet => {
    const before = plugin.count.sent.length
    const reply = await sendData(packet)
    if (plugin.count.sent.length > before) say({ event: 'money', sent: String(sum(plugin.count.sent)) })
    return reply
  }
  const connection = await createConnection({
    plugin, destinationAccount, sharedSecret: Buffer.from(secret, 'base64'), slippage: 0
  })
  const stream = connection.createStream()
  await stream.sendTotal(amount, { timeout: 90_000 })
  await connection.end()
  await plugin.disconnect()
  say({ event: 'done', sent: String(sum(plugin.count.sent)) })
}

main().then(() => process.exit(0), err => {
  say({ event: 'error', text: String(err.message || err) })
  process.exit(1)
})
