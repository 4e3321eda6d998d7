'use strict'
// Payment pointers of `rill receive --spsp`, paid by others over BTP and over HTTP.
const assert = require('assert')
const crypto = require('crypto')
const fs = require('fs')
const path = require('path')
const SPSP = require('ilp-protocol-spsp')
const { setupPayment, startQuote, pay, closeConnection } = require('@interledger/pay')
const ildcp = require('ilp-protocol-ildcp')
const { createConnection, createServer, verifyReceipt } = require('ilp-protocol-stream')
const fetch = require('node-fetch')
const { Process } = require('../lib/process')
const { example, receiptPayer, rill, startNode } = require('../lib/programs')
const { startSpsp } = require('../lib/spsp')
const { openHttpPlugin } = require('../lib/http-listener')
const { connectPlugin, sum } = require('../lib/peer')
const { received, finished } = require('../lib/received')

async function openNode (test) {
  await startNode(test, ['--listen-http', '127.0.0.1:0'])
  const [btp, http] = fs.readFileSync(test.file('node-port'), 'utf8').split('\n').map(Number)
  return { link: name => `btp+ws://:${name}@127.0.0.1:${btp}`, http }
}

const PLUGINS = {
  BTP: async (test, node) => connectPlugin(test, node.link('payer')),
  HTTP: async (test, node) => {
    const plugin = openHttpPlugin(test, node.http, 'payer')
    plugin.registerDataHandler(async () => { throw new Error('nobody asks') })
    await plugin.connect()
    return plugin
  }
}

const tagOf = process => process.json().find(({ event }) => event === 'connection').tag

function byProtocolSpsp (over) {
  return {
    name: `ilp-protocol-spsp pays a payment pointer over ${over}`,
    async run (test) {
      const node = await openNode(test)
      const receiver = await startSpsp(test, node.link('shop'), ['--user', 'alice', '--connections', '1'])
      const plugin = await PLUGINS[over](test, node)
      const { totalSent } = await test.waiting('pay', SPSP.pay(plugin, { pointer: `$${receiver.host}/alice`, sourceAmount: '54321' }))
      assert.strictEqual(String(totalSent), '54321')
      assert.strictEqual((await finished(receiver)).total, 54321n)
      assert.strictEqual(sum(plugin.count.sent), 54321n)
      assert.strictEqual(tagOf(receiver.process), 'alice')
    }
  }
}

// node-fetch 1 and ilp-plugin in a process of its own, as people run it.
const byCommand = {
  name: 'ilp-spsp send pays a payment pointer without a name',
  async run (test) {
    const node = await openNode(test)
    const receiver = await startSpsp(test, node.link('shop'), ['--tag', 'shop'], { secure: false })
    const credentials = JSON.stringify({ server: node.link('payer') })
    const sender = new Process(test, 'ilp-spsp', process.execPath,
      [path.join(__dirname, '../node_modules/ilp-spsp/index.js'), 'send', '--receiver', receiver.url, '--amount', '777'],
      { env: { ILP_CREDENTIALS: credentials, ILP_PLUGIN: 'ilp-plugin-btp' } })
    await sender.exits(0)
    // It ends before it has told us that it ends.
    assert.strictEqual(received(receiver.process.json()).total, 777n)
    assert.strictEqual(tagOf(receiver.process), 'shop')
  }
}

function byPay (over, target) {
  return {
    name: `@interledger/pay pays a payment pointer over ${over}: ${Object.keys(target)[0]}`,
    async run (test) {
      const node = await openNode(test)
      const receiver = await startSpsp(test, node.link('shop'), ['--user', 'bob', '--connections', '1'])
      const plugin = await PLUGINS[over](test, node)
      const source = await ildcp.fetch(data => plugin.sendData(data))
      const destination = await test.waiting('setupPayment', setupPayment({ plugin, destinationAccount: `$${receiver.host}/bob` }))
      const quote = await test.waiting('startQuote', startQuote({
        plugin, destination, sourceAsset: { code: source.assetCode, scale: source.assetScale }, prices: { XRP: 1 }, ...target
      }))
      const progress = await test.waiting('pay', pay({ plugin, destination, quote }))
      await test.waiting('closeConnection', closeConnection(plugin, destination))
      assert.strictEqual(progress.error, undefined)
      const { total } = await finished(receiver)
      assert.strictEqual(total, 12345n)
      assert.strictEqual(progress.amountDelivered, 12345n)
      assert.strictEqual(progress.amountSent, sum(plugin.count.sent))
      assert.strictEqual(tagOf(receiver.process), 'bob')
    }
  }
}

const unknown = {
  name: 'ilp-protocol-spsp is told that there is no such receiver',
  async run (test) {
    const node = await openNode(test)
    const receiver = await startSpsp(test, node.link('shop'), [])
    await assert.rejects(SPSP.query(`$${receiver.host}/nobody`), /status=404.*InvalidReceiverError/)
  }
}

// The receiver proves to whoever chose nonce and secret what it got, a stream at a time.
const receipts = {
  name: 'receipts of `rill receive --spsp`: ilp-protocol-stream gets and verifies them',
  async run (test) {
    const node = await openNode(test)
    const receiver = await startSpsp(test, node.link('shop'), ['--user', 'alice', '--connections', '1'])
    const [nonce, secret] = [crypto.randomBytes(16), crypto.randomBytes(32)]
    const answer = await fetch(`https://${receiver.host}/alice`, {
      headers: { accept: 'application/spsp4+json', 'receipt-nonce': nonce.toString('base64'), 'receipt-secret': secret.toString('base64') }
    })
    const details = await answer.json()
    assert.strictEqual(details.receipts_enabled, true)
    const plugin = await PLUGINS.BTP(test, node)
    const connection = await test.waiting('connect', createConnection({
      plugin, destinationAccount: details.destination_account, sharedSecret: Buffer.from(details.shared_secret, 'base64')
    }))
    test.defer(() => connection.destroy())
    for (const [id, amount] of [[1, 3000], [3, 500]]) {
      const stream = connection.createStream()
      assert.strictEqual(stream.id, id)
      for (const total of [amount, 2 * amount]) {
        await test.waiting('money', stream.sendTotal(total))
        const receipt = verifyReceipt(stream.receipt, secret)
        assert.strictEqual(receipt.totalReceived.toString(), String(total))
        assert.strictEqual(Number(receipt.streamId), id)
        assert.deepStrictEqual(receipt.nonce, nonce)
        assert.throws(() => verifyReceipt(stream.receipt, crypto.randomBytes(32)), /invalid hmac/)
      }
    }
    await test.waiting('end', connection.end())
    assert.strictEqual((await finished(receiver)).total, 7000n)
  }
}

// The other way round: whoever has the secret verifies by `rill receipt`.
const receiptsForUs = {
  name: 'receipts of ilp-protocol-stream: a payer of ours has them, `rill receipt` and verifyReceipt verify them',
  async run (test) {
    const node = await openNode(test)
    const server = await test.waiting('server', createServer({ plugin: await connectPlugin(test, node.link('shop')) }))
    test.defer(() => server.close())
    server.on('connection', connection => connection.on('stream', stream => {
      stream.setReceiveMax(1e9)
      stream.on('money', () => {})
    }))
    const [receiptNonce, receiptSecret] = [crypto.randomBytes(16), crypto.randomBytes(32)]
    const details = server.generateAddressAndSecret({ receiptNonce, receiptSecret })
    const payer = receiptPayer(test, node.link('payer'), details, 5000)
    await payer.exits(0)
    const found = payer.lines.map(line => Buffer.from(line, 'base64'))
    const totals = found.map(bytes => verifyReceipt(bytes, receiptSecret)).map(({ streamId, totalReceived }) => `${streamId}: ${totalReceived}`)
    assert.deepStrictEqual(totals.sort(), ['1: 5000', '3: 10000'])
    const secret = test.write('receipt.secret', receiptSecret.toString('base64'))
    const wrong = test.write('wrong.secret', crypto.randomBytes(32).toString('base64'))
    const checked = await Promise.all(payer.lines.map(async line => {
      const verify = rill(test, 'rill receipt', ['receipt', 'verify', line, '--secret-file', secret, '--nonce', receiptNonce.toString('base64'), '--json'])
      await verify.exits(0)
      await rill(test, 'rill receipt', ['receipt', 'verify', line, '--secret-file', wrong]).exits(1)
      const [{ stream, total }] = verify.json()
      return `${stream}: ${total}`
    }))
    assert.deepStrictEqual(checked.sort(), totals.sort())
  }
}

// Someone between the two who credits by receipts, and passes queries on.
const verifier = {
  name: 'example verifier: ilp-protocol-stream and our payer are credited what was received, once, and a shop spends it',
  async run (test) {
    const node = await openNode(test)
    const receiver = await startSpsp(test, node.link('shop'), ['--user', 'alice'], { secure: false })
    const between = example(test, 'verifier', [`${receiver.url}/alice`], { no_proxy: '*' }, 'pipe')
    const url = await between.until('its URL', ({ lines }) => lines.map(line => /http:\S+/.exec(line)).filter(Boolean).map(String)[0])
    const post = async (path, body) => {
      const response = await test.waiting('an answer', fetch(`${url}${path}`, { method: 'POST', body }))
      return `${response.status} ${await response.text()}`
    }
    const show = async (receipt, expected) => assert.match(await post('/balances/shop-1:creditReceipt', receipt), expected)
    const query = async () => {
      const details = await (await fetch(`${url}/any`, { headers: { accept: 'application/spsp4+json' } })).json()
      assert.strictEqual(details.receipts_enabled, true)
      return { destinationAccount: details.destination_account, sharedSecret: Buffer.from(details.shared_secret, 'base64') }
    }
    const plugin = await PLUGINS.BTP(test, node)
    const connection = await test.waiting('connect', createConnection({ plugin, ...await query() }))
    test.defer(() => connection.destroy())
    const stream = connection.createStream()
    await test.waiting('money', stream.sendTotal(300))
    const first = stream.receipt.toString('base64')
    await show(first, /^200 300$/)
    await show(first, /^400 expired receipt$/)
    await test.waiting('money', stream.sendTotal(1000))
    await show(stream.receipt.toString('base64'), /^200 1000$/)
    await show(first, /^400 expired receipt$/)
    const payer = receiptPayer(test, node.link('payer'), await query(), 50)
    await payer.exits(0)
    for (const receipt of payer.lines) await show(receipt, /^200 1(050|1[05]0)$/)
    const before = Number((await post('/balances/shop-1:spend', '0')).split(' ')[1])
    assert.strictEqual(before, 1150)
    await show('AAAA', /^400 invalid receipt$/)
    await show('', /^400 invalid receipt$/)
    await show(first.replace(/^(.{30})./, (all, kept) => kept + (all.endsWith('A') ? 'B' : 'A')), /^400 invalid receipt$/)
    assert.strictEqual(await post('/balances/shop-1:spend', '150'), '200 1000')
    assert.strictEqual(await post('/balances/shop-1:spend', '1001'), '409 insufficient balance')
    assert.strictEqual(await post('/balances/shop-1:spend', '-1'), '400 invalid amount')
    assert.strictEqual(await post('/balances/nobody:spend', '1'), '404 balance does not exist')
    assert.strictEqual(await post('/balances/shop-1:burn', '1'), '404 there is nothing here')
    assert.strictEqual(await post('/elsewhere', '1'), '404 there is nothing here')
    assert.strictEqual(await post('/balances/shop-1:spend', '1000'), '200 0')
    between.child.stdin.end()
    await between.exits(0)
  }
}

module.exports = [byProtocolSpsp('BTP'), byProtocolSpsp('HTTP'), byCommand,
  byPay('BTP', { amountToSend: '12345' }), byPay('HTTP', { amountToDeliver: '12345' }), unknown, receipts, receiptsForUs, verifier]
