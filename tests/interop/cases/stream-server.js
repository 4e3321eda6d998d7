'use strict'
// `rill send` pays and writes to a server of ilp-protocol-stream.
const assert = require('assert')
const fs = require('fs')
const { startSender, doneOf } = require('../lib/programs')
const { openRoute, routes } = require('../lib/route')
const { openPlugin, startServer, sum, bytes } = require('../lib/peer')
const { checkDone } = require('../lib/sent')

async function open (test, via, options) {
  const route = await openRoute(test, via)
  const plugin = openPlugin(test, route.receiver)
  return { route, plugin, server: await startServer(test, plugin, options) }
}

function written (streams) {
  return Buffer.concat(streams.map(stream => stream.data))
}

function moneyAndFile (via) {
  return {
    name: `rill send to ilp-protocol-stream: ${via}`,
    async run (test) {
      const { route, plugin, server } = await open(test, via)
      // More than the window of a stream and of a connection.
      const data = bytes(150_000, 4)
      const file = test.file('data')
      fs.writeFileSync(file, data)
      const sender = startSender(test, route.sender, server, ['--amount', '54321', '--file', file])
      await sender.exits(0)
      const { connection, streams } = await server.closed()
      const { received } = plugin.count
      assert.strictEqual(connection.totalReceived, String(sum(received)))
      checkDone(doneOf(sender), { route, amount: 54321n, received })
      assert.ok(written(streams).equals(data), 'the data differs')
      assert.strictEqual(sum(streams.map(stream => stream.money)), sum(received))
    }
  }
}

const moneyAndText = {
  name: 'rill send to ilp-protocol-stream: --data',
  async run (test) {
    const { route, plugin, server } = await open(test, 'node')
    const text = 'Grüße, 世界'
    const sender = startSender(test, route.sender, server, ['--amount', '100', '--data', text])
    await sender.exits(0)
    const { streams } = await server.closed()
    checkDone(doneOf(sender), { route, amount: 100n, received: plugin.count.received })
    assert.strictEqual(written(streams).toString(), text)
  }
}

const maxPacket = {
  name: 'rill send to ilp-protocol-stream: --max-packet',
  async run (test) {
    const { route, plugin, server } = await open(test, 'node')
    const sender = startSender(test, route.sender, server, ['--amount', '1000', '--max-packet', '70'])
    await sender.exits(0)
    await server.closed()
    const { received } = plugin.count
    checkDone(doneOf(sender), { route, amount: 1000n, received })
    assert.ok(received.every(amount => amount <= 70n), `packets of ${received}`)
  }
}

const minRate = {
  name: 'rill send to ilp-protocol-stream: --min-rate that the path gives',
  async run (test) {
    const { route, plugin, server } = await open(test, 'connector-rate-2')
    const sender = startSender(test, route.sender, server, ['--amount', '5000', '--min-rate', '2'])
    await sender.exits(0)
    await server.closed()
    checkDone(doneOf(sender), { route, amount: 5000n, received: plugin.count.received })
  }
}

const tooLowRate = {
  name: 'rill send to ilp-protocol-stream: --min-rate that the path does not give',
  async run (test) {
    const { route, plugin, server } = await open(test, 'connector-rate-half')
    const sender = startSender(test, route.sender, server, ['--amount', '5000', '--min-rate', '0.6', '--timeout', '3'])
    await sender.exits(1)
    const done = doneOf(sender)
    assert.deepStrictEqual([done.sent, done.delivered, done.in_doubt], ['0', '0', '0'])
    assert.deepStrictEqual(plugin.count.received, [])
  }
}

const limited = {
  name: 'rill send to ilp-protocol-stream: says what was sent when the receiver takes no more',
  async run (test) {
    const { route, plugin, server } = await open(test, 'node-1000', { receiveMax: '2500' })
    const sender = startSender(test, route.sender, server, ['--amount', '5000', '--timeout', '3'])
    await sender.exits(1)
    const done = doneOf(sender)
    // The reference takes up to a hundredth more than its maximum.
    const received = sum(plugin.count.received)
    assert.ok(received >= 2500n && received <= 2525n, `${received} units were received`)
    assert.deepStrictEqual([done.sent, done.delivered, done.in_doubt], [String(received), String(received), '0'])
  }
}

module.exports = [...routes.map(moneyAndFile), moneyAndText, maxPacket, minRate, tooLowRate, limited]
