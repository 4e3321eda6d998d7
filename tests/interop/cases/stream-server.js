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

// Its close goes to the address that we told it: what it answers to our questions is not that.
const closedWhileBlocked = {
  name: 'rill send to ilp-protocol-stream: a server that closes while we wait for it',
  async run (test) {
    let connection
    const onConnection = c => { connection = c }
    const { route, server } = await open(test, 'node', { receiveMax: '100', onConnection })
    const sender = startSender(test, route.sender, server, ['--amount', '1000'])
    await sender.until('what it waits for', ({ lines }) => lines.find(line => line.includes('"for":"receive_max"')))
    await test.waiting('ilp-protocol-stream: end', connection.end())
    await sender.exits(1)
    const error = sender.json().find(({ event }) => event === 'error')
    assert.match(error.text, /the receiver has closed the connection before all was sent/)
    const done = doneOf(sender)
    assert.strictEqual(done.error, error.error)
    assert.strictEqual(done.delivered, '100')
    assert.ok(done.seconds < 20, `it took ${done.seconds} s`) // and not the 60 s that it was given
  }
}

// It keeps the connection of an earlier payment with these credentials until its own goodbye to that
// one is answered; here, for good.
const keptConnection = {
  name: 'rill send to ilp-protocol-stream: credentials whose connection it still has',
  async run (test) {
    const onConnection = connection => { connection.end = () => new Promise(() => {}) }
    const { route, plugin, server } = await open(test, 'node', { onConnection })
    await startSender(test, route.sender, server, ['--data', 'first']).exits(0)
    const { streams } = await server.closed()
    const again = startSender(test, route.sender, server, ['--amount', '100', '--data', 'again'])
    await again.exits(1)
    const done = doneOf(again)
    assert.deepStrictEqual([done.sent, done.delivered, done.in_doubt, done.bytes], ['0', '0', '0', 0])
    const { text } = again.json().find(({ event }) => event === 'error')
    assert.match(text, /0 of 5 bytes arrived: the receiver has not ended an earlier connection with these credentials/)
    assert.strictEqual(written(streams).toString(), 'first')
    assert.deepStrictEqual(plugin.count.received, [])
  }
}

module.exports = [...routes.map(moneyAndFile), moneyAndText, maxPacket, minRate, tooLowRate, limited, closedWhileBlocked,
  keptConnection]
