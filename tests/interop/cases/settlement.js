'use strict'
// Two connectors of ours whose accounts are settled by engines made with ilp-settlement-core (RFC 38):
// with money in both directions, engines that are killed, and one that is away. Both books agree
// afterwards, to the unit.
const assert = require('assert')
const fs = require('fs')
const path = require('path')
const http = require('http')
const { Process } = require('../lib/process')
const { startReceiver, startSender, doneOf } = require('../lib/programs')
const { startRilld } = require('../lib/rilld')
const { freePort } = require('../lib/connector')

const ENGINE = path.join(__dirname, '../lib/settlement-engine.js')
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

class Engine {
  constructor (test, name, account, port, connector) {
    Object.assign(this, { test, name, account, port, connector })
    this.file = test.file(`${name}.json`)
  }

  async start (other) {
    this.other = other
    this.process = new Process(this.test, `engine ${this.name}`, process.execPath,
      ['--unhandled-rejections=warn', ENGINE, this.file, other.file, this.account, String(this.port), `http://127.0.0.1:${this.connector}`])
    await this.process.until('ready', ({ lines }) => lines.find(line => line.includes('ready')))
  }

  async kill () {
    await this.process.kill('SIGKILL')
  }

  state () {
    try {
      return JSON.parse(fs.readFileSync(this.file, 'utf8'))
    } catch (err) {
      return { accounts: {}, paid: [], seen: 0 }
    }
  }
}

const account = (name, token, engine, link = '') =>
  `  ${name}: {relation: peer, asset: USD/6, credit: 100_000_000, ${link || `tokens: env:TOKEN_${token}`}, ` +
  `settlement: {engine: 'http://127.0.0.1:${engine}', threshold: 1_000_000, settle-to: 250_000}}\n`
const child = name => `  ${name}: {relation: child, asset: USD/6, credit: none, tokens: env:TOKEN_${name.toUpperCase()}}\n`

async function pair (test) {
  const [westEngine, eastEngine, westPort, eastPort, listen] = await Promise.all([1, 2, 3, 4, 5].map(() => freePort()))
  const one = new Engine(test, 'one', 'east', westEngine, westPort)
  const two = new Engine(test, 'two', 'west', eastEngine, eastPort)
  await Promise.all([one.start(two), two.start(one)])
  const west = await startRilld(test, 'west', `address: test.west\nengines: {port: ${westPort}}\naccounts:\n` +
    child('alice') + account('east', 'PEER', westEngine) + 'routes: [{prefix: test.east, account: east}]\n', listen)
  const east = await startRilld(test, 'east', `address: test.east\nengines: {port: ${eastPort}}\naccounts:\n` +
    child('bob') + account('west', 'PEER', eastEngine, `link: {uri: 'btp+ws://127.0.0.1:${listen}', token: env:TOKEN_PEER}`) +
    'routes: [{prefix: test.west, account: west}]\n')
  await east.process.until('connected', ({ errors }) => errors.find(line => line.includes('account west: connected')))
  await test.waiting('engines that know the accounts', (async () => {
    while (!('east' in one.state().accounts && 'west' in two.state().accounts)) await sleep(50)
  })())
  return { west, east, one, two, westPort }
}

async function pay (test, from, to, amount) {
  const receiver = await startReceiver(test, to)
  const sender = startSender(test, from, receiver, ['--amount', String(amount)])
  await sender.exits(0)
  assert.strictEqual(doneOf(sender).delivered, String(amount))
  await receiver.process.exits(0)
}

/** Until west owes east what east thinks, and no engine has anything to do. */
async function agreed (test, { west, east, one, two }) {
  const quiet = (from, to) => from.state().paid.length === to.state().seen &&
    Object.values(from.state().accounts).every(({ queued, uncredited }) => queued === '0' && uncredited === '0')
  return test.waiting('both books agree', (async () => {
    for (;;) {
      if (quiet(one, two) && quiet(two, one)) {
        const owed = (await west.balances()).east
        const known = (await east.balances()).west
        if (owed === -known) return owed
      }
      await sleep(100)
    }
  })())
}

const paid = engine => engine.state().paid.reduce((all, { amount }) => all + Math.round(Number(amount) * 1e6), 0)

const there = {
  name: 'ilp-settlement-core: debts in both directions are settled, and messages go across',
  async run (test) {
    const all = await pair(test)
    const { west, east, one, two, westPort } = all
    await pay(test, west.link('alice'), east.link('bob'), 2_500_001)
    assert.strictEqual(await agreed(test, all), 250_000n)
    assert.strictEqual(paid(one), 2_250_001)
    await pay(test, east.link('bob'), west.link('alice'), 5_000_000)
    assert.strictEqual(await agreed(test, all), -250_000n)
    assert.strictEqual(paid(two), 4_500_000)
    const answer = await new Promise((resolve, reject) => {
      const request = http.request({ port: westPort, host: '127.0.0.1', method: 'POST', path: '/accounts/east/messages', headers: { 'content-type': 'application/octet-stream' } }, response => {
        let text = ''
        response.on('data', data => { text += data }).on('end', () => resolve({ status: response.statusCode, text }))
      })
      request.on('error', reject).end(JSON.stringify({ question: 21 }))
    })
    assert.strictEqual(answer.status, 201)
    assert.deepStrictEqual(JSON.parse(answer.text), { from: 'west', to: 'west', answer: 42 })
  }
}

const away = {
  name: 'ilp-settlement-core: an engine that is away is asked until it is back, and pays once',
  async run (test) {
    const all = await pair(test)
    const { west, east, one, two } = all
    await agreed(test, all)
    await one.kill()
    await pay(test, west.link('alice'), east.link('bob'), 3_000_000)
    await west.process.until('a failed try', ({ errors }) => errors.find(line => line.includes('is asked to settle again')))
    assert.strictEqual((await west.balances()).east, 250_000n)
    await one.start(two)
    assert.strictEqual(await agreed(test, all), 250_000n)
    assert.strictEqual(paid(one), 2_750_000)
  }
}

const killed = {
  name: 'ilp-settlement-core: engines are killed while money goes both ways',
  async run (test) {
    const all = await pair(test)
    const { west, east, one, two } = all
    let ended = false
    const killer = (async () => {
      for (let i = 0; !ended; i++) {
        const engine = i % 2 ? two : one
        await sleep(40 + (i * 37) % 160)
        await engine.kill()
        await engine.start(engine.other)
      }
    })()
    for (let i = 0; i < 4; i++) {
      await pay(test, west.link('alice'), east.link('bob'), 2_000_003)
      await pay(test, east.link('bob'), west.link('alice'), 3_000_001)
    }
    ended = true
    await killer
    // A settlement that an engine took late may come when the other side owes: so much was paid
    // ahead. It is not paid back at once, but with the next payment.
    await agreed(test, all)
    await pay(test, west.link('alice'), east.link('bob'), 10)
    await pay(test, east.link('bob'), west.link('alice'), 10)
    const owed = await agreed(test, all)
    assert.ok(owed < 1_000_000n && owed > -1_000_000n, `${owed}`)
    assert.ok(paid(one) > 0 && paid(two) > 0)
    // What was paid is what was settled: the rest is what is owed.
    assert.strictEqual(BigInt(paid(one) - paid(two)) + owed, 4n * (2_000_003n - 3_000_001n))
  }
}

module.exports = [there, away, killed]
