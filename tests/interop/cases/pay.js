'use strict'
// @interledger/pay, the sender of Rafiki, pays `rill receive`.
const assert = require('assert')
const { setupPayment, startQuote, pay, closeConnection, PaymentError } = require('@interledger/pay')
const ildcp = require('ilp-protocol-ildcp')
const { startReceiver } = require('../lib/programs')
const { received, finished } = require('../lib/received')
const { openRoute, delivers } = require('../lib/route')
const { connectPlugin, sum } = require('../lib/peer')

// Both assets have one price list here: `dear` of lib/connector.js is worth two.
const PRICES = { ONE: 1, TWO: 2, XRP: 1 }

async function prepare (test, via, options, target) {
  const route = await openRoute(test, via)
  const receiver = await startReceiver(test, route.receiver, options)
  const plugin = await connectPlugin(test, route.sender)
  const source = await ildcp.fetch(data => plugin.sendData(data))
  const destination = await test.waiting('pay: setupPayment', setupPayment({
    plugin,
    destinationAddress: receiver.destinationAccount,
    sharedSecret: receiver.sharedSecret
  }))
  const quote = await test.waiting('pay: startQuote', startQuote({
    plugin,
    destination,
    sourceAsset: { code: source.assetCode, scale: source.assetScale },
    prices: PRICES,
    ...target
  }))
  return { route, receiver, plugin, destination, quote }
}

function check ({ route, plugin }, progress, state) {
  const { sent } = plugin.count
  assert.strictEqual(progress.error, undefined)
  assert.strictEqual(progress.amountSent, sum(sent))
  assert.strictEqual(progress.amountDelivered, state.total, 'both ends agree on what was delivered')
  assert.strictEqual(state.total, sum(sent.map(amount => delivers(amount, route.rate))))
  assert.deepStrictEqual([...state.streams.keys()], ['1'])
}

function fixedSend (via) {
  return {
    name: `@interledger/pay to rill receive: send 10001 units, ${via}`,
    async run (test) {
      const payment = await prepare(test, via, [], { amountToSend: '10001' })
      const { plugin, destination, quote } = payment
      const progress = await test.waiting('pay: pay', pay({ plugin, destination, quote }))
      await test.waiting('pay: closeConnection', closeConnection(plugin, destination))
      check(payment, progress, await finished(payment.receiver))
      assert.strictEqual(progress.amountSent, 10001n)
    }
  }
}

function fixedDelivery (via) {
  return {
    name: `@interledger/pay to rill receive: deliver 6000 units, ${via}`,
    async run (test) {
      const payment = await prepare(test, via, [], { amountToDeliver: '6000' })
      const { plugin, destination, quote } = payment
      const progress = await test.waiting('pay: pay', pay({ plugin, destination, quote }))
      await test.waiting('pay: closeConnection', closeConnection(plugin, destination))
      const state = await finished(payment.receiver)
      check(payment, progress, state)
      assert.ok(state.total >= 6000n, `${state.total} units delivered`)
    }
  }
}

const limited = {
  name: '@interledger/pay to rill receive: learns of --max',
  async run (test) {
    const { receiver, plugin, destination, quote } = await prepare(test, 'node', ['--max', '300'], { amountToSend: '1000' })
    const progress = await test.waiting('pay: pay', pay({ plugin, destination, quote }))
    assert.strictEqual(progress.error, PaymentError.IncompatibleReceiveMax)
    await receiver.process.until('connection event',
      ({ lines }) => lines.some(line => line.includes('"connection"')))
    const { total } = received(receiver.process.json())
    assert.strictEqual(total, progress.amountDelivered)
    assert.ok(total <= 300n, `${total} units received`)
  }
}

module.exports = [
  ...['node', 'node-1000', 'connector-rate-1', 'connector-rate-half'].map(fixedSend),
  ...['node', 'connector-rate-half', 'connector-rate-2'].map(fixedDelivery),
  limited
]
