'use strict'
// A network in which ilp-connector 23 has each role at once: the child of one of ours, the parent of
// another one, and the peer of a third. There are three assets. rill, ilp-protocol-stream and
// @interledger/pay pay across it while a link is cut and three of ours are killed, and the books of all
// neighbours are compared afterwards. What they may differ by is what was in flight: each of ours says
// so by its log of packets and at its start, and ilp-connector by what it was never answered.
const assert = require('assert')
const net = require('net')
const { setupPayment, startQuote, pay, closeConnection } = require('@interledger/pay')
const ildcp = require('ilp-protocol-ildcp')
const { startSender, doneOf } = require('../lib/programs')
const { startRilld, child, linked } = require('../lib/rilld')
const { routing, listening, calling, balancesOf, unansweredOf, freePort, startConnector } = require('../lib/connector')
const { connectClient, connectPlugin } = require('../lib/peer')
const { startSpsp } = require('../lib/spsp')

const EACH = 200_000 // units of a payment of a JavaScript sender
const MAX_PACKET = 5_000 // units, for those
const PACE = 100 // packets a second of rill
const PRICES = { USD: 1, EUR: 2, XRP: 0.5 }

/** Numbers that RILL_SEED repeats: from `least`, and less than `most`. */
function draws (test) {
  const seed = Number(process.env.RILL_SEED || Date.now() % 1_000_000)
  test.log('seed', `RILL_SEED=${seed}`)
  console.log(`# network: RILL_SEED=${seed}`)
  let state = seed >>> 0
  return (least, most) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return least + Math.floor(state / 2 ** 32 * (most - least))
  }
}

const customer = (name, asset, more = '') =>
  `  ${name}: {relation: child, asset: ${asset}, credit: none, ${more}tokens: env:TOKEN_${name.toUpperCase()}}\n`

/** A way to a port that can be cut: what goes by it is lost then. */
async function cuttable (test, port) {
  const pairs = new Set()
  const server = net.createServer(socket => {
    const other = net.connect(port, '127.0.0.1')
    const pair = [socket, other]
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      for (const one of pair) one.destroy()
    }
    for (const one of pair) one.setNoDelay(true).on('error', end).on('close', end)
    socket.pipe(other)
    other.pipe(socket)
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  const cut = () => { for (const pair of pairs) for (const one of pair) one.destroy() }
  test.defer(() => {
    server.close()
    cut()
  })
  return { port: server.address().port, cut }
}

/** Of ilp-plugin-btp, which waits so long for an answer, also if the link is gone; 35 s if nothing is said. */
const PATIENCE = 7_000
const patient = account => ({ ...account, options: { ...account.options, responseTimeout: PATIENCE } })

/** Five of them: side - top - js - west, and shop below js. */
async function network (test) {
  const [adminPort, ...listen] = await Promise.all(Array.from({ length: 5 }, freePort))
  const config = (name, text) => `max-hold-time: 6s\nmin-message-window: 200ms\npacket-log: {folder: ${test.file(`${name}.packets`)}}\n` +
    `rates: {base: USD, spread: 0, prices: {EUR: {price: 2}, XRP: {price: 1/2}}}\n${text}`
  const start = (name, text) => startRilld(test, name, config(name, text), listen.pop())
  const top = await start('top', 'address: test.top\naccounts:\n' +
    '  js: {relation: child, asset: USD/6, credit: none, receive-routes: true, tokens: env:TOKEN_JS}\n' +
    '  side: {relation: child, asset: EUR/6, credit: none, receive-routes: true, tokens: env:TOKEN_SIDE}\n')
  let process
  const ports = await startConnector(test, routing(adminPort, { ilpAddressInheritFrom: 'up', initialConnectTimeout: 500, minMessageWindow: 200 }, {
    up: patient(calling('parent', top.link('js'))),
    west: patient(listening('peer', 'west-token')),
    shop: patient(listening('child', 'shop-token', { sendRoutes: true, receiveRoutes: true }))
  }), connector => { process = connector })
  const way = await cuttable(test, ports.west)
  const west = await start('west', `address: test.west\naccounts:\n${linked('js', 'peer', way.port, 'west')}` +
    customer('alice', 'XRP/9', `packets-a-second: ${PACE}, `) + child('dave'))
  const shop = await start('shop', `accounts:\n${linked('js', 'parent', ports.shop, 'shop', 'send-routes: true, ')}` +
    customer('carol', 'USD/6', `max-packet: ${MAX_PACKET}, `) + child('frank'))
  const side = await start('side', 'accounts:\n' +
    linked('top', 'parent', top.port, 'side', 'send-routes: true, ').replace('USD/6', 'EUR/6') +
    customer('erin', 'EUR/6', `max-packet: ${MAX_PACKET}, `) + customer('bob', 'EUR/6'))
  assert.strictEqual(shop.address, 'test.top.js.shop')
  assert.strictEqual(side.address, 'test.top.side')
  const nodes = { top, west, shop, side }
  const ways = () => Promise.all([west.way('test.top', 'js'), west.way('test.top.js', 'js'), shop.way('test.west', 'js')])
  await ways()
  return { nodes, ways, way, js: { process, adminPort } }
}

// ---- payments ----

/** rill receive, for any number of connections, each with what a query for it gives. */
async function startReceiver (test, link) {
  const { process, url } = await startSpsp(test, link, [], { secure: false })
  const { port } = new URL(url)
  const money = from => process.lines.slice(from).filter(line => line.includes('"event":"money"'))
  return {
    total: () => money(0).reduce((sum, line) => sum + BigInt(JSON.parse(line).amount), 0n),
    /** Until so many more packets of money have come. */
    more (count) {
      const from = process.lines.length
      return process.until(`${count} packets`, () => money(from).length >= count)
    },
    async query () {
      const response = await fetch(`http://127.0.0.1:${port}/.well-known/pay`, { headers: { accept: 'application/spsp4+json' } })
      const { destination_account: destinationAccount, shared_secret: secret } = await response.json()
      return { destinationAccount, sharedSecret: Buffer.from(secret, 'base64') }
    }
  }
}

/** One payment after the other until `enough`; what went wrong in trouble is counted. */
function again (test, receiver, once) {
  const payer = { receiver, delivered: 0n, whole: 0, failed: 0, enough: false, stop: () => {} }
  payer.over = (async () => {
    while (!payer.enough) {
      try {
        payer.delivered += await once(await receiver.query(), payer)
        payer.whole++
      } catch (err) {
        payer.failed++
        test.log('payment', `failed: ${err && err.message ? err.message : err}`)
      }
    }
  })()
  return payer
}

/** ilp-protocol-stream; resolves to what it says that it delivered. */
async function byStream (test, link, credentials) {
  const { plugin, connection } = await connectClient(test, link, credentials, { slippage: 0.02 }, { responseTimeout: PATIENCE })
  connection.on('error', err => test.log('ilp-protocol-stream', err.message))
  try {
    const stream = connection.createStream()
    stream.on('error', err => test.log('ilp-protocol-stream', err.message))
    await test.waiting('ilp-protocol-stream: sendTotal', stream.sendTotal(String(EACH), { timeout: 30_000 }))
    await test.waiting('ilp-protocol-stream: end', connection.end())
    return BigInt(connection.totalDelivered)
  } finally {
    await plugin.disconnect()
  }
}

/** @interledger/pay, over ilp-plugin-btp. */
async function byPay (test, link, { destinationAccount, sharedSecret }) {
  const plugin = await connectPlugin(test, link, { responseTimeout: PATIENCE })
  try {
    const source = await ildcp.fetch(data => plugin.sendData(data))
    const destination = await test.waiting('pay: setupPayment', setupPayment({
      plugin, destinationAddress: destinationAccount, sharedSecret
    }))
    const quote = await test.waiting('pay: startQuote', startQuote({
      plugin,
      destination,
      sourceAsset: { code: source.assetCode, scale: source.assetScale },
      prices: PRICES,
      slippage: 0.02,
      amountToSend: String(EACH)
    }))
    const progress = await test.waiting('pay: pay', pay({ plugin, destination, quote }))
    await test.waiting('pay: closeConnection', closeConnection(plugin, destination))
    if (progress.error) throw new Error(`@interledger/pay: ${progress.error}`)
    assert.strictEqual(progress.amountSent, BigInt(EACH))
    return progress.amountDelivered
  } finally {
    await plugin.disconnect()
  }
}

/** rill, which pays on until it is told to stop, or until it sees no way for too long. */
async function byRill (test, link, credentials, payer) {
  const sender = startSender(test, link, credentials, ['--amount', '1000000000000000', '--max-packet', '1000000', '--timeout', '80', '--stall', '60'])
  payer.stop = () => sender.child.kill('SIGINT')
  if (payer.enough) payer.stop()
  await test.waiting('rill send: exit', sender.exit)
  const { delivered, reason } = doneOf(sender)
  if (!payer.enough) test.log('payment', `rill send has ended: ${reason}`)
  return BigInt(delivered)
}

// ---- books ----

/** Of ours, killed: it begins again, and says what was out. */
async function killed (node, listed) {
  await node.process.kill('SIGKILL')
  await node.start()
  const { from_before: before } = await node.ask('/v1/in-flight')
  listed.push(...before.map(flight => ({ ...flight, node: node.name })))
}

/** What is out is answered, or is given up. */
async function quiet (test, { nodes, js }) {
  await test.waiting('nothing is under way', (async () => {
    for (;;) {
      const open = (await Promise.all(Object.values(nodes).map(node => node.ask('/v1/in-flight')))).map(one => one.open)
      const { up, west, shop } = await unansweredOf(js.process)
      const balances = JSON.stringify(await balancesOf(js.adminPort), (key, value) => String(value))
      if (open.every(count => count === 0) && up.open + west.open + shop.open === 0n) return balances
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  })())
}

const units = amounts => amounts.reduce((sum, amount) => sum + BigInt(amount), 0n)

/** Units that a node has asked of a neighbour, and that it gave up or was killed with. */
function inDoubt (node, neighbour, listed) {
  const givenUp = node.packets().filter(line => line.to === neighbour && line.result !== 'fulfilled' && line.by === 'node')
  return units([...givenUp.map(line => line.out),
    ...listed.filter(flight => flight.node === node.name && flight.to === neighbour).map(flight => flight.given)])
}

/**
 * `mine` and `theirs` are what each of two says that it owes the other one; and what it asked of that
 * one, and has no answer to. Who fulfilled that says that it is owed more, and nobody says less.
 */
function compare (test, name, mine, theirs, myDoubt, theirDoubt) {
  const differ = -mine - theirs
  console.log(`# ${name}: ${mine} and ${-theirs}; of what was in flight, at most ${myDoubt} and ${theirDoubt} were fulfilled`)
  assert.ok(differ >= 0n && differ <= myDoubt + theirDoubt, `${name}: ${mine} and ${-theirs}, of ${myDoubt} and ${theirDoubt} in flight`)
}

const everything = {
  name: 'a network with ilp-connector as child, parent and peer: payments of three kinds, a cut, kills, and the books',
  async run (test) {
    const draw = draws(test)
    const all = await network(test)
    const { top, west, shop, side } = all.nodes
    const receivers = {
      bob: await startReceiver(test, side.link('bob')),
      dave: await startReceiver(test, west.link('dave')),
      frank: await startReceiver(test, shop.link('frank'))
    }
    const payers = [
      again(test, receivers.dave, credentials => byStream(test, shop.link('carol'), credentials)),
      again(test, receivers.frank, credentials => byPay(test, side.link('erin'), credentials)),
      again(test, receivers.bob, (credentials, payer) => byRill(test, west.link('alice'), credentials, payer))
    ]
    const flow = count => Promise.all(Object.values(receivers).map(receiver => receiver.more(count)))
    await flow(3)
    const listed = []
    await receivers.bob.more(draw(1, 20))
    all.way.cut()
    await receivers.frank.more(draw(1, 20))
    await killed(shop, listed)
    for (const node of [top, side]) {
      await receivers.bob.more(draw(1, 20))
      await killed(node, listed)
    }
    await all.ways()
    await flow(3)

    for (const payer of payers) {
      payer.enough = true
      payer.stop()
    }
    await Promise.all(payers.map(payer => test.waiting('payments: end', payer.over)))
    // All is well again, and nobody has to try twice.
    const last = await Promise.all([
      receivers.dave.query().then(credentials => byStream(test, shop.link('carol'), credentials)),
      receivers.frank.query().then(credentials => byPay(test, side.link('erin'), credentials))
    ])
    assert.ok(last.every(delivered => delivered > 0n))
    await quiet(test, all)

    const owed = await balancesOf(all.js.adminPort)
    const lost = await unansweredOf(all.js.process)
    const ours = Object.fromEntries(await Promise.all(Object.values(all.nodes).map(async node => [node.name, await node.balances()])))
    await Promise.all(Object.values(all.nodes).map(node => node.process.kill('SIGTERM')))
    for (const [name, node] of [['up', top], ['west', west], ['shop', shop]]) {
      compare(test, `${node.name} and ilp-connector`, ours[node.name].js, -owed[name], inDoubt(node, 'js', listed), lost[name].lost)
    }
    compare(test, 'top and side', ours.top.side, ours.side.top, inDoubt(top, 'side', listed), inDoubt(side, 'top', listed))
    for (const [name, node] of [['bob', side], ['dave', west], ['frank', shop]]) {
      const got = receivers[name].total()
      const differ = got - ours[node.name][name]
      assert.ok(differ >= 0n && differ <= inDoubt(node, name, listed), `${name}: ${got}, of which ${ours[node.name][name]} is booked`)
    }
    for (const { receiver, delivered, whole, failed } of payers) {
      assert.ok(delivered <= receiver.total(), `${delivered} of ${receiver.total()}: ${whole} payments, ${failed} failed`)
    }
    console.log(`# ${payers.map(({ whole, failed }) => `${whole} payments, ${failed} failed in trouble`).join('; ')}; ${listed.length} packets were out at kills`)
  }
}

module.exports = [everything]
