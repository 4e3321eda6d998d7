'use strict'
// ILP over HTTP: our client at the server of ilp-plugin-http, and its client at our node.
const assert = require('assert')
const crypto = require('crypto')
const fs = require('fs')
const ildcp = require('ilp-protocol-ildcp')
const ilp = require('ilp-packet')
const { createConnection } = require('ilp-protocol-stream')
const { rill, startNode, startReceiver, startSender, doneOf } = require('../lib/programs')
const { startHttpListener, startHttpNeighbour, openHttpPlugin } = require('../lib/http-listener')
const { endStream, sum, bytes } = require('../lib/peer')
const { checkDone } = require('../lib/sent')

const infoAtPlugin = {
  name: 'rill info at the server of ilp-plugin-http',
  async run (test) {
    const { uri, clientAddress, asset } = await startHttpListener(test, 'sesame')
    const process = rill(test, 'rill info', ['info', '--link', uri, '--json'])
    await process.exits(0)
    const [{ address, asset_code: assetCode, asset_scale: assetScale }] = process.json()
    assert.deepStrictEqual({ address, assetCode, assetScale }, { address: clientAddress, ...asset })
  }
}

const wrongToken = {
  name: 'rill info at the server of ilp-plugin-http: a wrong token is refused',
  async run (test) {
    const { uri } = await startHttpListener(test, 'sesame')
    const process = rill(test, 'rill info', ['info', '--link', uri.replace('sesame', 'open'), '--json'])
    await process.exits(3)
    assert.strictEqual(process.errors.length, 1, 'an error is one line')
    assert.ok(process.errors[0].includes('refused the token'), process.errors[0])
  }
}

// Such a receiver needs no way back, and a client of ILP over HTTP is not asked anything.
function sendToPlugin (release) {
  return {
    name: `rill send to ${release}: the server of ilp-plugin-http`,
    async run (test) {
      const { StreamServer } = require(release)
      const { uri, plugin } = await startHttpListener(test, 'sesame')
      const { clientAddress, assetCode, assetScale } = await ildcp.fetch(data => plugin.sendData(data))
      const server = new StreamServer({ serverSecret: crypto.randomBytes(32), serverAddress: clientAddress })
      plugin.registerDataHandler(async data => {
        const answer = server.createReply(ilp.deserializeIlpPrepare(data))
        return ilp.serializeIlpReply(ilp.isIlpReply(answer) ? answer : answer.accept())
      })
      const { ilpAddress, sharedSecret } = server.generateCredentials({ asset: { code: assetCode, scale: assetScale } })
      const sender = startSender(test, uri, { destinationAccount: ilpAddress, sharedSecret },
        ['--amount', '98765', '--max-packet', '500'])
      await sender.exits(0)
      const { received } = plugin.count
      checkDone(doneOf(sender), { route: { rate: [1n, 1n] }, amount: 98765n, received })
      assert.strictEqual(sum(received), 98765n)
    }
  }
}

function payFromPlugin (version, options) {
  return {
    name: `ilp-protocol-stream over ilp-plugin-http (${version}) to rill receive`,
    async run (test) {
      await startNode(test, ['--listen-http', '127.0.0.1:0'])
      const ports = fs.readFileSync(test.file('node-port'), 'utf8').split('\n').map(Number)
      const receiver = await startReceiver(test, `btp+ws://:receiver@127.0.0.1:${ports[0]}`)
      const plugin = openHttpPlugin(test, ports[1], 'payer', options)
      plugin.registerDataHandler(async () => { throw new Error('nobody asks') })
      await plugin.connect()
      const connection = await test.waiting('connect', createConnection({
        plugin, destinationAccount: receiver.destinationAccount, sharedSecret: receiver.sharedSecret
      }))
      test.defer(() => connection.destroy())
      const stream = connection.createStream()
      await test.waiting('money', stream.sendTotal(54321))
      await endStream(test, stream, bytes(20_000, 3))
      await test.waiting('end', connection.end())
      await receiver.process.exits(0)
      assert.strictEqual(sum(plugin.count.sent), 54321n)
    }
  }
}

// Rafiki's receiver behind HTTP: our node asks it, and it asks our node.
function sendThroughNode (release) {
  return {
    name: `rill send to ${release} behind HTTP: a neighbour of our node`,
    async run (test) {
      const { StreamServer } = require(release)
      const { uri, listener } = await startHttpNeighbour(test, 'sesame')
      const neighbours = test.write('neighbours', JSON.stringify({ shop: { tokens: ['old', 'shop-token'], uri } }))
      await startNode(test, ['--listen-http', '127.0.0.1:0', '--neighbours', neighbours])
      const ports = fs.readFileSync(test.file('node-port'), 'utf8').split('\n').map(Number)
      const asking = openHttpPlugin(test, ports[1], 'shop-token')
      asking.registerDataHandler(async () => { throw new Error('nobody asks here') })
      await asking.connect()
      const { clientAddress, assetCode, assetScale } = await ildcp.fetch(data => asking.sendData(data))
      assert.strictEqual(clientAddress, 'private.rill.shop')
      const server = new StreamServer({ serverSecret: crypto.randomBytes(32), serverAddress: clientAddress })
      const received = []
      listener.handler = async data => {
        const answer = server.createReply(ilp.deserializeIlpPrepare(data))
        if (ilp.isIlpReply(answer)) return ilp.serializeIlpReply(answer)
        received.push(BigInt(ilp.deserializeIlpPrepare(data).amount))
        return ilp.serializeIlpReply(answer.accept())
      }
      const { ilpAddress, sharedSecret } = server.generateCredentials({ asset: { code: assetCode, scale: assetScale } })
      for (const link of [`btp+ws://:payer@127.0.0.1:${ports[0]}`, `ilp+http://:payer@127.0.0.1:${ports[1]}`]) {
        received.length = 0
        const sender = startSender(test, link, { destinationAccount: ilpAddress, sharedSecret },
          ['--amount', '98765', '--max-packet', '500'])
        await sender.exits(0)
        assert.strictEqual(sum(received), 98765n)
        assert.strictEqual(doneOf(sender).delivered, '98765')
      }
    }
  }
}

module.exports = [infoAtPlugin, wrongToken, sendToPlugin('@interledger/stream-receiver'), sendToPlugin('stream-receiver-next'),
  sendThroughNode('@interledger/stream-receiver'), sendThroughNode('stream-receiver-next'),
  payFromPlugin('HTTP/1.1', {}), payFromPlugin('HTTP/2', { http2: true })]
