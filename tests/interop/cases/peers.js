'use strict'
// The JavaScript peers with each other: when these fail, it is the harness or the
// connector's set-up that is broken, not Rill.
const assert = require('assert')
const { openRoute, delivers } = require('../lib/route')
const { openPlugin, connectClient, endStream, startServer, sum, bytes } = require('../lib/peer')

function agree (via) {
  return {
    name: `the peers agree with each other: ${via}`,
    async run (test) {
      const route = await openRoute(test, via)
      const plugin = openPlugin(test, route.receiver)
      const server = await startServer(test, plugin)
      const client = await connectClient(test, route.sender, server)
      const stream = client.connection.createStream()
      await test.waiting('sendTotal', stream.sendTotal('20001'))
      const data = bytes(50_000, 1)
      stream.write(data)
      // The reference may close a stream in a reply, ahead of the data, and then loses it.
      await server.gotBytes(data.length)
      await endStream(test, stream)
      await test.waiting('end', client.connection.end())

      const { connection, streams } = await server.closed()
      const { sent } = client.plugin.count
      assert.strictEqual(sum(sent), 20001n)
      assert.ok(sent.every(amount => amount <= (route.maxPacket || 20001n)), 'a packet above the maximum passed')
      const expected = sum(sent.map(amount => delivers(amount, route.rate)))
      assert.strictEqual(connection.totalReceived, String(expected))
      assert.strictEqual(sum(plugin.count.received), expected)
      assert.strictEqual(streams.length, 1)
      assert.ok(streams[0].data.equals(data), 'the data differs')
    }
  }
}

module.exports = ['connector-rate-half', 'connector-rate-2', 'moneyd'].map(agree)
