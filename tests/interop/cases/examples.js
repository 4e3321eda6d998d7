'use strict'
// The example programs with the JavaScript peers: the one place where Rill, as a server,
// pays a JavaScript client, and where one Rill connection opens several streams itself.
const assert = require('assert')
const fs = require('fs')
const { example } = require('../lib/programs')
const { openRoute } = require('../lib/route')
const { UNLIMITED, openPlugin, connectClient, startServer, sum } = require('../lib/peer')

// The examples take the credentials' file, and the link from the environment.
const argumentsOf = (name, file) => name === 'giftcard' ? ['serve', file] : [file]

/** Starts an example that serves; resolves to its credentials. */
async function startExampleServer (test, name, link) {
  const file = test.file(`${name}-credentials`)
  const server = example(test, name, argumentsOf(name, file), { ILP_BTP_SERVER: link })
  const credentials = await server.file(file, JSON.parse)
  return {
    process: server,
    destinationAccount: credentials.destination_account,
    sharedSecret: Buffer.from(credentials.shared_secret, 'base64')
  }
}

/** Runs an example that connects, to its end. */
async function runExampleClient (test, name, link, { destinationAccount, sharedSecret }) {
  const file = test.file(`${name}-credentials`)
  fs.writeFileSync(file, JSON.stringify({
    destination_account: destinationAccount,
    shared_secret: sharedSecret.toString('base64')
  }), { mode: 0o600 })
  const client = example(test, name, argumentsOf(name, file), { ILP_BTP_SERVER: link })
  await client.exits(0)
  return client
}

function giftcard (via) {
  return {
    name: `example giftcard pays ilp-protocol-stream: ${via}`,
    async run (test) {
      const route = await openRoute(test, via)
      const server = await startExampleServer(test, 'giftcard', route.receiver)
      const { plugin, connection } = await connectClient(test, route.sender, server)
      let total = 0n
      const paid = new Promise((resolve, reject) => {
        connection.once('error', reject)
        connection.once('close', resolve)
        const take = stream => {
          stream.on('money', amount => { total += BigInt(amount) })
          // Money may still come while others of its packets are under way; the stream's
          // end says that all of it came.
          stream.once('end', resolve)
          stream.on('data', () => {})
          stream.setReceiveMax(UNLIMITED)
        }
        connection.on('stream', take)
        const stream = connection.createStream()
        take(stream)
        stream.write('hello')
      })
      await test.waiting('giftcard: end of the stream', paid)
      assert.ok(total > 0n, 'the gift card paid nothing')
      assert.strictEqual(total, sum(plugin.count.received), 'every unit that was fulfilled was announced')
      assert.strictEqual(connection.totalReceived, String(total))
    }
  }
}

const server = {
  name: 'example server is paid by ilp-protocol-stream',
  async run (test) {
    const route = await openRoute(test, 'node')
    const server = await startExampleServer(test, 'server', route.receiver)
    const { connection } = await connectClient(test, route.sender, server)
    const stream = connection.createStream()
    stream.write('hello')
    for (const total of ['100', '200']) {
      await test.waiting(`ilp-protocol-stream: ${total} units`, stream.sendTotal(total))
    }
    await test.waiting('ilp-protocol-stream: end', connection.end())
    assert.strictEqual(connection.totalDelivered, '200')
    await server.process.until('a line about the payment',
      ({ lines }) => lines.find(line => /\b100\b/.test(line)))
  }
}

function client (name, check) {
  return {
    name: `example ${name} pays ilp-protocol-stream`,
    async run (test) {
      const route = await openRoute(test, 'node')
      const plugin = openPlugin(test, route.receiver)
      const server = await startServer(test, plugin)
      const program = await runExampleClient(test, name, route.sender, server)
      const { connection, streams } = await server.closed()
      assert.strictEqual(connection.totalReceived, String(sum(plugin.count.received)))
      check({ program, streams, total: sum(plugin.count.received) })
    }
  }
}

module.exports = [
  giftcard('node'),
  giftcard('connector-rate-half'),
  server,
  client('client', ({ program, total }) => {
    assert.strictEqual(total, 300n)
    for (const line of ['sent 100 units', 'sent 200 units']) {
      assert.ok(program.lines.some(text => text.toLowerCase().includes(line)), `no line "${line}"`)
    }
  }),
  client('streams', ({ streams, total }) => {
    assert.ok(streams.length > 1, 'more than one stream')
    assert.ok(total > 0n)
  })
]
