'use strict'
// `rill pay` and `rill quote`: servers of SPSP and a wallet of Open Payments in front of
// ilp-protocol-stream.
const assert = require('assert')
const fs = require('fs')
const { rill, doneOf } = require('../lib/programs')
const { openRoute, delivers } = require('../lib/route')
const { openPlugin, startServer, sum } = require('../lib/peer')
const { startSpsp } = require('../lib/spsp-server')
const { startWallet } = require('../lib/wallet')

async function open (test, via, options) {
  const route = await openRoute(test, via)
  const plugin = openPlugin(test, route.receiver)
  return { route, plugin, server: await startServer(test, plugin, options) }
}

function start (test, command, link, args) {
  return rill(test, `rill ${command}`, [command, ...args, '--link', link, '--json', ...(command === 'pay' ? ['--yes'] : [])])
}

function eventOf (process, name) {
  return process.json().find(({ event }) => event === name)
}

/** What a quote promised is what was done: the receiver's own sums are the measure. */
function checkQuote (pay, { received }, fixed) {
  const quote = eventOf(pay, 'quote')
  const done = doneOf(pay)
  assert.strictEqual(quote.fixed, fixed)
  assert.strictEqual(done.error, null)
  assert.strictEqual(done.in_doubt, '0')
  assert.strictEqual(done.delivered, String(sum(received)), 'delivered is what was received')
  assert.ok(BigInt(done.sent) <= BigInt(quote.max_source), `${done.sent} sent, at most ${quote.max_source}`)
  assert.ok(sum(received) >= BigInt(quote.min_delivery), `${sum(received)} arrived, at least ${quote.min_delivery}`)
  return { quote, done }
}

function spspSource (via) {
  return {
    name: `rill pay to SPSP in front of ilp-protocol-stream: a source amount, ${via}`,
    async run (test) {
      const { route, plugin, server } = await open(test, via)
      const { base, asked } = await startSpsp(test, path => path === '/alice' && server)
      const pay = start(test, 'pay', route.sender, [`${base}/alice`, '54321', '--units'])
      await pay.exits(0)
      await server.closed()
      const { done, quote } = checkQuote(pay, plugin.count, 'source')
      assert.strictEqual(done.sent, '54321')
      assert.ok(sum(plugin.count.received) <= delivers(54321n, route.rate))
      assert.deepStrictEqual(asked, ['GET /alice'])
      assert.ok(quote.destination_asset.scale > 0)
      assert.deepStrictEqual([eventOf(pay, 'receiver').by, eventOf(pay, 'receiver').url], ['spsp', `${base}/alice`])
    }
  }
}

function spspDelivery (via) {
  return {
    name: `rill pay to SPSP in front of ilp-protocol-stream: a delivery, ${via}`,
    async run (test) {
      const { route, plugin, server } = await open(test, via)
      const { base } = await startSpsp(test, () => server)
      const pay = start(test, 'pay', route.sender, [base, '6001', '--units', '--deliver'])
      await pay.exits(0)
      await server.closed()
      checkQuote(pay, plugin.count, 'delivery')
      const most = route.rate[0] > route.rate[1] ? 6001n + route.rate[0] - 1n : 6001n
      assert.ok(sum(plugin.count.received) >= 6001n && sum(plugin.count.received) <= most, `${sum(plugin.count.received)} delivered`)
    }
  }
}

const oneUnit = {
  name: 'rill pay to SPSP: one unit; a text beside it',
  async run (test) {
    const { route, plugin, server } = await open(test, 'node')
    const { base } = await startSpsp(test, () => server)
    const pay = start(test, 'pay', route.sender, [base, '0.000000001', '--data', 'thanks'])
    await pay.exits(0)
    const { streams } = await server.closed()
    assert.deepStrictEqual(plugin.count.received, [1n])
    assert.strictEqual(doneOf(pay).sent, '1')
    assert.strictEqual(streams[0].data.toString(), 'thanks')
  }
}

const quoteOnly = {
  name: 'rill quote of SPSP: what a payment would cost, and nothing is paid',
  async run (test) {
    const { route, plugin, server } = await open(test, 'connector-rate-half')
    const { base } = await startSpsp(test, () => server)
    const quote = start(test, 'quote', route.sender, [base, '500', '--units', '--deliver'])
    await quote.exits(0)
    assert.deepStrictEqual(quote.json().map(({ event }) => event), ['receiver', 'quote'])
    const { max_source: most, min_delivery: least, likely_source: likely } = eventOf(quote, 'quote')
    assert.deepStrictEqual([least, likely], ['500', '1000'])
    assert.ok(BigInt(most) >= 1010n && BigInt(most) <= 1012n, most)
    assert.deepStrictEqual(plugin.count.received, [])
  }
}

// [what, server, arguments, exit code, reason, text]
const refusals = [
  ['a receiver with a limit', { receiveMax: '300' }, ['1000', '--units'], 1, 'receive_max', /takes .*300.* at most/],
  ['a price that the path does not give', {}, ['1000', '--units', '--price', '1.5'], 1, 'rate', /below the minimum/],
  ['no more to be sent than is needed', {}, ['1000', '--units', '--deliver', '--max-source', '999'], 1, 'source_max', /cost more/]
]

function refused ([what, options, args, code, reason, text]) {
  return {
    name: `rill pay to SPSP: refused before anything is sent: ${what}`,
    async run (test) {
      const { route, plugin, server } = await open(test, 'node', options)
      const { base } = await startSpsp(test, () => server)
      const pay = start(test, 'pay', route.sender, [base, ...args])
      await pay.exits(code)
      assert.deepStrictEqual([doneOf(pay).reason, doneOf(pay).sent], [reason, '0'])
      assert.match(eventOf(pay, 'error').text, text)
      assert.deepStrictEqual(plugin.count.received, [])
    }
  }
}

const spspAnswer = body => () => ({ status: 200, headers: { 'content-type': 'application/spsp4+json' }, body })
const deep = '['.repeat(10000) + ']'.repeat(10000)
const account = '"destination_account":"test.alice"'
const secret = `"shared_secret":"${Buffer.alloc(32).toString('base64')}"`
// What is wrong with a server's answer: [what, answer, reason]
const wrongs = [
  ['no such receiver', () => ({ status: 404, body: '{}' }), 'no_such_receiver'],
  ['a server out of order', () => ({ status: 500, body: 'oh' }), 'server_refused'],
  ['a page for people', () => ({ status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' }), 'server_answer'],
  ['a huge page', spspAnswer('x'.repeat(1 << 20)), 'server_answer'],
  ['nothing', spspAnswer(''), 'server_answer'],
  ['a key that comes twice', spspAnswer(`{${account},${account},${secret}}`), 'server_answer'],
  ['a number for a text', spspAnswer(`{"destination_account":1,${secret}}`), 'server_answer'],
  ['a number without end', spspAnswer(`{${account},${secret},"a":1e400}`), 'server_answer'],
  ['nesting of 10,000', spspAnswer(`{${account},${secret},"a":${deep}}`), 'server_answer'],
  ['no secret', spspAnswer(`{${account}}`), 'server_answer'],
  ['a short secret', spspAnswer(`{${account},"shared_secret":"AAAA"}`), 'server_answer'],
  ['an address that is none', spspAnswer(`{"destination_account":"nowhere at all",${secret}}`), 'server_answer'],
  ['a connection that ends', () => ({ hangUp: true }), 'server_unreachable'],
  ['a redirect to http elsewhere', () => ({ status: 302, headers: { location: 'http://wallet.example/' } }), 'server_answer'],
  ['redirects without end', (answer, req) => ({ status: 302, headers: { location: `${req.url}x` } }), 'server_answer']
]

const bad = {
  name: `rill pay to SPSP: ${wrongs.length} answers that are wrong, each with one line`,
  async run (test) {
    const { route, plugin, server } = await open(test, 'node')
    for (const [what, change, reason] of wrongs) {
      const { base } = await startSpsp(test, () => server, change)
      const pay = start(test, 'pay', route.sender, [`${base}/alice`, '5'])
      await pay.exits(1)
      assert.strictEqual(doneOf(pay).reason, reason, `${what}: ${pay.errors}`)
      assert.strictEqual(pay.errors.length, 1, what)
    }
    assert.deepStrictEqual(plugin.count.received, [])
  }
}

/** A wallet whose incoming payments are paid to a STREAM server. */
async function openWallet (test, server, behaviour = {}) {
  const methods = [{ type: 'ilp', ilpAddress: server.destinationAccount, sharedSecret: server.sharedSecret.toString('base64url') }]
  const asset = { assetCode: 'XRP', assetScale: 9 }
  const wallet = await startWallet(test, {
    asset,
    'POST /op': (ctx, ordinary, wallet) => ctx.path.endsWith('/complete')
      ? ordinary()
      : { status: 201, body: wallet.made({ ...ctx.body, changes: { methods, receivedAmount: { value: '0', ...asset } } }) },
    ...behaviour
  })
  return { wallet, methods, asset }
}

const walletAddress = {
  name: 'rill pay to a wallet address: a key of the moment, an incoming payment, complete, the grant given back',
  async run (test) {
    const { route, plugin, server } = await open(test, 'node')
    const { wallet } = await openWallet(test, server)
    const pay = start(test, 'pay', route.sender, [wallet.address, '0.00005'])
    await pay.exits(0)
    await server.closed()
    const { done } = checkQuote(pay, plugin.count, 'source')
    assert.strictEqual(done.sent, '50000')
    const [payment] = wallet.payments.values()
    assert.strictEqual(payment.completed, true)
    assert.strictEqual(wallet.tokens.size, 0)
    assert.strictEqual(wallet.ours.size, 1, 'all that is asked of a host goes over one connection')
    const { by, incoming_payment: id } = eventOf(pay, 'receiver')
    assert.deepStrictEqual([by, id], ['open_payments', payment.id])
  }
}

const incomingPayment = {
  name: 'rill pay to the URL of an incoming payment: what is missing, and no more',
  async run (test) {
    const { route, plugin, server } = await open(test, 'connector-rate-half')
    const { wallet, methods } = await openWallet(test, server)
    const asset = { assetCode: 'TWO', assetScale: 6 } // the receiver's, behind that connector
    const payment = wallet.made({ incomingAmount: { value: '7000', ...asset }, changes: { methods, receivedAmount: { value: '1000', ...asset } } })
    const pay = start(test, 'pay', route.sender, [payment.id])
    await pay.exits(0)
    await server.closed()
    const { quote } = checkQuote(pay, plugin.count, 'delivery')
    assert.strictEqual(quote.min_delivery, '6000')
    assert.strictEqual(sum(plugin.count.received), 6000n)
    assert.strictEqual([...wallet.payments.values()][0].completed, false, 'it is not ours to complete')
    const more = start(test, 'pay', route.sender, [payment.id, '0.1'])
    await more.exits(1)
    assert.strictEqual(doneOf(more).reason, 'receive_max')
  }
}

/** An interrupted payment of 1000 units: 300 have been sent, and 125 may have been. */
function interrupted (test, name, server, incoming) {
  return test.write(name, JSON.stringify({
    destination_account: server.destinationAccount,
    shared_secret: server.sharedSecret.toString('base64'),
    rill_payment: 1,
    amount: '1000',
    deliver: '0',
    min_rate: '99/100',
    sent: '300',
    in_doubt: '125',
    delivered: '300',
    packet_lifetime_ns: '30000000000',
    complete: false,
    ...(incoming && { incoming_payment: incoming })
  }))
}

// [what the wallet has, what is sent then, what stays in doubt]
// Of 360, 364 can have been sent for it at the minimum rate.
const settled = [['300', 700n, '0'], ['360', 636n, '0'], ['425', 575n, '0'], ['299', 575n, '125'], [undefined, 575n, '125']]

function goesOn ([had, more, doubt]) {
  return {
    name: `rill pay --resume: ${had ? `a wallet that has ${had} is asked` : 'without a wallet'}: ${more} more are sent`,
    async run (test) {
      const { route, plugin, server } = await open(test, 'node')
      const { wallet, methods, asset } = await openWallet(test, server)
      const payment = wallet.made({ changes: { methods, receivedAmount: { value: had || '0', ...asset } } })
      const file = interrupted(test, 'state', server, had && payment.id)
      const pay = rill(test, 'rill pay', ['pay', '--resume', file, '--link', route.sender, '--json'])
      await pay.exits(doubt === '0' ? 0 : 1)
      assert.strictEqual(sum(plugin.count.received), more)
      const done = doneOf(pay)
      assert.deepStrictEqual([done.sent, done.in_doubt], [String(1000 - Number(doubt)), doubt])
      const state = JSON.parse(fs.readFileSync(file))
      assert.strictEqual(state.complete, doubt === '0')
      assert.strictEqual(state.incoming_payment, had && payment.id)
      assert.strictEqual(wallet.tokens.size, 0, 'the grant is given back')
    }
  }
}

// Others may pay into an incoming payment that was there before: its wallet's word says nothing of us.
const saved = ['wallet address', 'incoming payment'].map(to => ({
  name: `rill pay --save, ${to}: the state names ${to === 'wallet address' ? 'the incoming payment that was made for it' : 'none'}`,
  async run (test) {
    const { route, server } = await open(test, 'node')
    const { wallet, methods, asset } = await openWallet(test, server)
    const given = to !== 'wallet address' && wallet.made({ changes: { methods, receivedAmount: { value: '0', ...asset } } })
    const pay = start(test, 'pay', route.sender, [given ? given.id : wallet.address, '0.00005', '--save', test.file('state')])
    await pay.exits(0)
    const state = JSON.parse(fs.readFileSync(test.file('state')))
    assert.strictEqual(state.complete, true)
    assert.strictEqual(state.incoming_payment, given ? undefined : [...wallet.payments.values()][0].id)
  }
}))

const otherAsset = {
  name: 'rill pay to a wallet address: a receiver with another asset than its wallet says is not paid',
  async run (test) {
    const { route, plugin, server } = await open(test, 'node')
    const { wallet } = await openWallet(test, server, { asset: { assetCode: 'USD', assetScale: 2 } })
    const pay = start(test, 'pay', route.sender, [wallet.address, '5'])
    await pay.exits(1)
    assert.strictEqual(doneOf(pay).reason, 'asset_conflict')
    assert.deepStrictEqual(plugin.count.received, [])
    assert.strictEqual(wallet.tokens.size, 0, 'the grant is given back')
  }
}

const refuse = (status, code) => () => ({ status, body: { error: { code } } })
const pendingLong = (ctx, ordinary, wallet) => ({ status: 200, body: { continue: { access_token: { value: 'c' }, uri: `${wallet.base}/continue/x`, wait: 1000 } } })
const asksPerson = (ctx, ordinary, wallet) => ({ status: 200, body: { interact: { redirect: 'https://a.example', finish: 'f' }, continue: { access_token: { value: 't' }, uri: wallet.base } } })
const made = changes => (ctx, ordinary, wallet) => ctx.path.endsWith('/complete') ? ordinary() : { status: 201, body: wallet.made({ ...ctx.body, changes }) }
const none = { value: '0', assetCode: 'XRP', assetScale: 9 }
const over = (ctx, ordinary, wallet) => {
  for (const token of wallet.tokens.values()) token.active = false
  return ordinary()
}
// What becomes of a grant and of an incoming payment: [what, behaviour, reason, line]
const grantWrongs = [
  ['refused', { 'POST /': refuse(401, 'request_denied') }, 'server_refused', /does not grant an incoming payment.*request_denied/],
  ['pending for ever', { 'POST /': pendingLong }, 'server_unreachable', /has not granted it in time/],
  ['a question to a person', { 'POST /': asksPerson }, 'server_unsupported', /wants to ask a person/],
  ['over in between, again and again', { 'POST /op': over }, 'server_refused', /refuses the incoming payment.*inactive/],
  ['over in between, and not renewed', { 'POST /op': over, 'POST /token': refuse(401, 'invalid_client') }, 'server_refused', /does not renew the grant/],
  ['an incoming payment that is complete', { 'POST /op': made({ completed: true, methods: [], receivedAmount: none }) }, 'completed', /is complete/],
  ['an incoming payment that is over', { 'POST /op': made({ expiresAt: '2020-01-01T00:00:00Z', receivedAmount: none }) }, 'expired', /time of the incoming payment is over/],
  ['an incoming payment whose time is a number', { 'POST /op': made({ expiresAt: 5, receivedAmount: none }) }, 'server_answer', /"expiresAt" is not a date and time/],
  ['an incoming payment that is complete by a text', { 'POST /op': made({ completed: 'true', receivedAmount: none }) }, 'server_answer', /"completed" is neither true nor false/],
  ['an incoming payment without a way to be paid', { 'POST /op': made({ methods: [{ type: 'sepa' }], receivedAmount: none }) }, 'server_unsupported', /has no way of Interledger/],
  ['an incoming payment in another asset', { 'POST /op': made({ receivedAmount: { value: '0', assetCode: 'GBP', assetScale: 2 } }) }, 'asset_conflict', /another asset/]
]

const badGrants = {
  name: `rill pay to a wallet address: ${grantWrongs.length} grants and payments that come to nothing: one line, nothing sent, nothing left`,
  async run (test) {
    const { route, plugin, server } = await open(test, 'node')
    for (const [what, behaviour, reason, line] of grantWrongs) {
      const { wallet } = await openWallet(test, server, behaviour)
      const state = test.file('never')
      const pay = start(test, 'pay', route.sender, [wallet.address, '0.00005', '--save', state])
      await pay.exits(1)
      assert.deepStrictEqual([doneOf(pay).reason, doneOf(pay).sent], [reason, '0'], `${what}: ${pay.errors}`)
      assert.strictEqual(pay.errors.length, 1, what)
      assert.match(pay.errors[0], line, what)
      assert.match(pay.errors[0], /What can be done: .*Nothing was sent/, what)
      assert.strictEqual(fs.existsSync(state), false, `${what}: no state of a payment that never was`)
    }
    assert.deepStrictEqual(plugin.count.received, [])
  }
}

module.exports = [
  ...['node', 'node-1000', 'connector-rate-1', 'connector-rate-half', 'connector-rate-2'].map(spspSource),
  ...['node', 'connector-rate-half', 'connector-rate-2'].map(spspDelivery),
  ...refusals.map(refused),
  oneUnit, quoteOnly, bad, ...settled.map(goesOn), ...saved, walletAddress, incomingPayment, otherAsset, badGrants
]
