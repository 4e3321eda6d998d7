'use strict'
// rilld run and ilp-connector 23 tell each other routes by CCP over BTP, in each role; payments go
// across them, and their books agree to the unit.
const assert = require('assert')
const { startReceiver, startSender, doneOf } = require('../lib/programs')
const { startRilld, child, linked } = require('../lib/rilld')
const { routing, listening, calling, balancesOf, freePort, startConnector } = require('../lib/connector')
const { connectClient, connectPlugin, startServer } = require('../lib/peer')

/** rill send to rill receive; resolves to what was delivered, which is all. */
async function pay (test, from, to, amount) {
  const receiver = await startReceiver(test, to)
  const sender = startSender(test, from, receiver, ['--amount', String(amount)])
  await sender.exits(0)
  assert.strictEqual(doneOf(sender).delivered, String(amount))
  await receiver.process.exits(0)
}

/** ilp-protocol-stream to rill receive. */
async function payFromJs (test, link, to, amount) {
  const receiver = await startReceiver(test, to)
  const { connection } = await connectClient(test, link, receiver, { slippage: 0 })
  const stream = connection.createStream()
  await test.waiting('ilp-protocol-stream: sendTotal', stream.sendTotal(String(amount), { timeout: 60_000 }))
  await test.waiting('ilp-protocol-stream: end', connection.end())
  await receiver.process.exits(0)
}

/** rill send to a server of ilp-protocol-stream. */
async function payToJs (test, from, link, amount) {
  const server = await startServer(test, await connectPlugin(test, link))
  const sender = startSender(test, from, server, ['--amount', String(amount)])
  await sender.exits(0)
  assert.strictEqual(doneOf(sender).delivered, String(amount))
  const { streams } = await server.closed()
  assert.strictEqual(streams.reduce((all, { money }) => all + money, 0n), BigInt(amount))
}

const local = (ports, who) => `btp+ws://${who}:${who}-token@127.0.0.1:${ports.local}`

/** Two of ours with an ilp-connector between them: everybody's peer. */
async function between (test, more = '') {
  const admin = await freePort()
  const ports = await startConnector(test, routing(admin, { ilpAddress: 'test.js' }, {
    a: listening('peer', 'a-token'),
    b: listening('peer', 'b-token')
  }))
  const a = await startRilld(test, 'a', `address: test.a\n${more}accounts:\n${child('alice')}${linked('js', 'peer', ports.a, 'a')}`)
  const b = await startRilld(test, 'b', `address: test.b\naccounts:\n${child('bob')}${linked('js', 'peer', ports.b, 'b')}`)
  await Promise.all([a.way('test.js', 'js'), b.way('test.js', 'js'), a.way('test.b', 'js'), b.way('test.a', 'js')])
  return { admin, ports, a, b }
}

const peers = {
  name: 'CCP with ilp-connector: it is our peer, and carries routes from one of us to the other',
  async run (test) {
    const { admin, ports, a, b } = await between(test)
    await pay(test, a.link('alice'), b.link('bob'), 1_000_000)
    await payFromJs(test, local(ports, 'carol'), a.link('alice'), 30_000)
    await payToJs(test, b.link('bob'), local(ports, 'dave'), 5_000)
    const of = { a: await a.balances(), js: await balancesOf(admin), b: await b.balances() }
    assert.deepStrictEqual(of.a, { alice: -970_000n, js: 970_000n })
    assert.deepStrictEqual(of.b, { bob: 995_000n, js: -995_000n })
    // It says what they owe it, and we what we owe it.
    assert.deepStrictEqual(of.js, { a: 970_000n, b: -995_000n, local: 25_000n })
  }
}

const killed = {
  name: 'CCP with ilp-connector: one of us is killed in the middle of a payment, and comes back',
  async run (test) {
    // What b does not answer any more is over soon.
    const { admin, ports, a, b } = await between(test, 'max-hold-time: 4s\n')
    const receiver = await startReceiver(test, b.link('bob'))
    const sender = startSender(test, a.link('alice'), receiver, ['--amount', '500000000', '--max-packet', '10000', '--timeout', '15'])
    await receiver.process.until('money', ({ lines }) => lines.filter(line => line.includes('"money"')).length > 50)
    await b.process.kill('SIGKILL')
    await a.way('test.b', null)
    await test.waiting('rill send: exit', sender.exit)
    const paid = (await a.balances()).js
    assert.ok(paid > 0n)
    assert.strictEqual(paid, (await balancesOf(admin)).a)
    await b.start()
    await Promise.all([a.way('test.b', 'js'), b.way('test.a', 'js')])
    // What b had fulfilled and js had not heard of is not in the books of js.
    const before = { js: (await balancesOf(admin)).b, b: (await b.balances()).js }
    assert.ok(-before.b >= -before.js, `b says ${before.b}, js ${before.js}`)
    await pay(test, a.link('alice'), b.link('bob'), 1_000)
    await payFromJs(test, local(ports, 'carol'), b.link('bob'), 30)
    const after = { js: (await balancesOf(admin)).b, b: (await b.balances()).js }
    assert.strictEqual(after.js - before.js, -1_030n)
    assert.strictEqual(after.b - before.b, -1_030n)
    assert.strictEqual((await a.balances()).js, (await balancesOf(admin)).a)
  }
}

const parent = {
  name: 'CCP with ilp-connector: it is our parent, gives our address, and tells us of its peer',
  async run (test) {
    const admin = await freePort()
    const ports = await startConnector(test, routing(admin, { ilpAddress: 'test.js' }, {
      rill: listening('child', 'rill-token', { sendRoutes: true, receiveRoutes: true }),
      b: listening('peer', 'b-token')
    }))
    const b = await startRilld(test, 'b', `address: test.b\naccounts:\n${child('bob')}${linked('js', 'peer', ports.b, 'b')}`)
    const a = await startRilld(test, 'a', `accounts:\n${child('alice')}${linked('js', 'parent', ports.rill, 'rill', 'send-routes: true, ')}`)
    assert.strictEqual(a.address, 'test.js.rill')
    await Promise.all([a.way('test.js', 'js'), a.way('test.b', 'js'), b.way('test.js', 'js')])
    await pay(test, a.link('alice'), b.link('bob'), 40_000)
    await pay(test, b.link('bob'), a.link('alice'), 10_000)
    await payFromJs(test, local(ports, 'carol'), a.link('alice'), 2_000)
    assert.deepStrictEqual(await a.balances(), { alice: -28_000n, js: 28_000n })
    assert.deepStrictEqual(await b.balances(), { bob: 30_000n, js: -30_000n })
    assert.deepStrictEqual(await balancesOf(admin), { rill: 28_000n, b: -30_000n, local: 2_000n })
  }
}

const ofOurs = {
  name: 'CCP with ilp-connector: it is our child, has its address from us, and tells its peer of us',
  async run (test) {
    const admin = await freePort()
    const a = await startRilld(test, 'a', 'address: test.a\naccounts:\n' + child('alice') +
      '  js: {relation: child, asset: USD/6, credit: none, receive-routes: true, tokens: env:TOKEN_JS}\n')
    const ports = await startConnector(test, routing(admin, { ilpAddressInheritFrom: 'up', initialConnectTimeout: 10_000 }, {
      up: calling('parent', a.link('js')),
      c: listening('peer', 'c-token')
    }))
    const c = await startRilld(test, 'c', `address: test.c\naccounts:\n${child('carol')}${linked('js', 'peer', ports.c, 'c')}`)
    await Promise.all([c.way('test.a.js', 'js'), c.way('test.a', 'js')])
    await pay(test, c.link('carol'), a.link('alice'), 70_000)
    await payToJs(test, a.link('alice'), local(ports, 'dave'), 3_000)
    await payFromJs(test, local(ports, 'erin'), a.link('alice'), 400)
    assert.deepStrictEqual(await a.balances(), { alice: 67_400n, js: -67_400n })
    assert.deepStrictEqual(await c.balances(), { carol: -70_000n, js: 70_000n })
    assert.deepStrictEqual(await balancesOf(admin), { up: -67_400n, c: 70_000n, local: -2_600n })
  }
}

module.exports = [peers, killed, parent, ofOurs]
