'use strict'
// Asynchronous replies over HTTP (RFC 35 draft 3): a neighbour of our node that was written by its text
// alone, asked and asking; and ilp-plugin-http, which answers at once though it is asked for more.
const assert = require('assert')
const crypto = require('crypto')
const ildcp = require('ilp-protocol-ildcp')
const ilp = require('ilp-packet')
const { createConnection } = require('ilp-protocol-stream')
const { StreamServer } = require('@interledger/stream-receiver')
const { freePort } = require('../lib/connector')
const { startNode, startReceiver, startSender, doneOf } = require('../lib/programs')
const { startAsyncNeighbour } = require('../lib/async-neighbour')
const { startHttpNeighbour, openHttpPlugin } = require('../lib/http-listener')
const { endStream, sum, bytes } = require('../lib/peer')

/** Our node with an HTTP port, and the neighbour "shop" of this URI. */
async function startNodeWithShop (test, port, neighbour) {
  const callback = `http://127.0.0.1:${port}/ilp`
  const file = test.write('neighbours', JSON.stringify({ shop: { tokens: ['shop-token'], callback_url: callback, ...neighbour } }))
  const { port: btp } = await startNode(test, ['--listen-http', `127.0.0.1:${port}`, '--neighbours', file])
  return btp
}

/** What a receiver of STREAM answers, and what it received. */
function receiverAt (serverAddress) {
  const server = new StreamServer({ serverSecret: crypto.randomBytes(32), serverAddress })
  const received = []
  const handler = async data => {
    const answer = server.createReply(ilp.deserializeIlpPrepare(data))
    if (ilp.isIlpReply(answer)) return ilp.serializeIlpReply(answer)
    received.push(BigInt(ilp.deserializeIlpPrepare(data).amount))
    return ilp.serializeIlpReply(answer.accept())
  }
  return { server, received, handler }
}

async function payShop (test, btp, asking, { setHandler }) {
  const { clientAddress, assetCode, assetScale } = await test.waiting('address', ildcp.fetch(data => asking.sendData(data)))
  assert.strictEqual(clientAddress, 'private.rill.shop')
  const { server, received, handler } = receiverAt(clientAddress)
  setHandler(handler)
  const { ilpAddress, sharedSecret } = server.generateCredentials({ asset: { code: assetCode, scale: assetScale } })
  const sender = startSender(test, `btp+ws://:payer@127.0.0.1:${btp}`, { destinationAccount: ilpAddress, sharedSecret },
    ['--amount', '98765', '--max-packet', '500'])
  await sender.exits(0)
  assert.strictEqual(sum(received), 98765n)
  assert.strictEqual(doneOf(sender).delivered, '98765')
}

async function startShop (test) {
  const port = await freePort()
  const shop = await startAsyncNeighbour(test, {
    tokenIn: 'sesame', tokenOut: 'shop-token', nodeUrl: `http://127.0.0.1:${port}/ilp`
  })
  const btp = await startNodeWithShop(test, port, { uri: shop.uri, answers_url: shop.repliesUrl })
  return { shop, btp }
}

const payAsync = {
  name: 'rill send to a neighbour that answers asynchronously',
  async run (test) {
    const { shop, btp } = await startShop(test)
    await payShop(test, btp, shop, { setHandler: handler => { shop.handler = handler } })
    assert.deepStrictEqual(shop.problems, [])
    assert.ok(shop.statuses.length >= 198 && shop.statuses.every(status => status === 200), shop.statuses.join())
  }
}

const paidAsync = {
  name: 'ilp-protocol-stream behind a neighbour with asynchronous replies to rill receive',
  async run (test) {
    const { shop, btp } = await startShop(test)
    const receiver = await startReceiver(test, `btp+ws://:receiver@127.0.0.1:${btp}`)
    const connection = await test.waiting('connect', createConnection({
      plugin: shop, destinationAccount: receiver.destinationAccount, sharedSecret: receiver.sharedSecret
    }))
    test.defer(() => connection.destroy())
    const stream = connection.createStream()
    await test.waiting('money', stream.sendTotal(54321))
    await endStream(test, stream, bytes(20_000, 3))
    await test.waiting('end', connection.end())
    await receiver.process.exits(0)
    assert.strictEqual(sum(shop.count.sent), 54321n)
    assert.deepStrictEqual(shop.problems, [])
    assert.strictEqual(shop.waiting.size, 0)
  }
}

const pluginAnswersAtOnce = {
  name: 'rill send to ilp-plugin-http, which answers at once though it is asked for asynchronous replies',
  async run (test) {
    const port = await freePort()
    const { uri, listener } = await startHttpNeighbour(test, 'sesame')
    const btp = await startNodeWithShop(test, port, { uri })
    const asking = openHttpPlugin(test, port, 'shop-token')
    asking.registerDataHandler(async () => { throw new Error('nobody asks here') })
    await asking.connect()
    await payShop(test, btp, asking, { setHandler: handler => { listener.handler = handler } })
  }
}

module.exports = [payAsync, paidAsync, pluginAnswersAtOnce]
