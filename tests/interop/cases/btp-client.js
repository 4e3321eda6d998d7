'use strict'
// Our BTP client at the listener of ilp-plugin-btp and at the JavaScript connector.
const assert = require('assert')
const fs = require('fs')
const { rill, startSender, doneOf } = require('../lib/programs')
const { openRoute } = require('../lib/route')
const { startListener } = require('../lib/listener')
const { startServer, sum, bytes } = require('../lib/peer')
const { checkDone } = require('../lib/sent')

async function info (test, link) {
  const process = rill(test, 'rill info', ['info', '--link', link, '--json'])
  await process.exits(0)
  const objects = process.json()
  assert.strictEqual(objects.length, 1, 'one object')
  const { address, asset_code: assetCode, asset_scale: assetScale } = objects[0]
  return { address, assetCode, assetScale }
}

const atListener = {
  name: 'rill info at the listener of ilp-plugin-btp',
  async run (test) {
    const { uri, clientAddress, asset } = await startListener(test, 'sesame')
    assert.deepStrictEqual(await info(test, uri), { address: clientAddress, ...asset })
  }
}

const wrongToken = {
  name: 'rill info at the listener of ilp-plugin-btp: a wrong token is refused',
  async run (test) {
    const { uri } = await startListener(test, 'sesame')
    const process = rill(test, 'rill info', ['info', '--link', uri.replace('sesame', 'open'), '--json'])
    await process.exits(3)
    assert.strictEqual(process.errors.length, 1, 'an error is one line')
    assert.ok(!process.errors[0].includes('open@'), 'the token stays secret')
  }
}

const atConnector = {
  name: 'rill info at the JavaScript connector',
  async run (test) {
    const route = await openRoute(test, 'connector-rate-2')
    assert.deepStrictEqual(await info(test, route.sender),
      { address: 'test.connector.dear.alice', assetCode: 'TWO', assetScale: 6 })
  }
}

function ping (via, address) {
  return {
    name: `rill ping: ${via}`,
    async run (test) {
      const route = await openRoute(test, via)
      const process = rill(test, 'rill ping', ['ping', address, '--link', route.sender, '--json'])
      await process.exits(0)
      assert.ok(process.json().length > 0)
    }
  }
}

const sendThrough = {
  name: 'rill send to ilp-protocol-stream: the listener of ilp-plugin-btp',
  async run (test) {
    const { uri, plugin } = await startListener(test, 'sesame')
    const server = await startServer(test, plugin)
    const data = bytes(100_000, 5)
    const file = test.file('data')
    fs.writeFileSync(file, data)
    const sender = startSender(test, uri, server, ['--amount', '98765', '--file', file])
    await sender.exits(0)
    const { streams } = await server.closed()
    const { received } = plugin.count
    checkDone(doneOf(sender), { route: { rate: [1n, 1n] }, amount: 98765n, received })
    assert.strictEqual(sum(received), 98765n)
    assert.ok(Buffer.concat(streams.map(stream => stream.data)).equals(data), 'the data differs')
  }
}

module.exports = [atListener, wrongToken, atConnector,
  ping('node', 'private.rill'), ping('connector-rate-1', 'test.connector'), ping('moneyd', 'private.moneyd'),
  sendThrough]
