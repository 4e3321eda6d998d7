// SPDX-License-Identifier: Apache-2.0
'use strict'
// Payments whose state is kept: killed, stopped and gone on with, here and by `rill pay`.
const assert = require('assert')
const { execFile, spawn } = require('child_process')
const fs = require('fs')
const path = require('path')
const { once } = require('events')
const NODE = require('../support/program')
const { startNode, temporary } = require('../support/rilld')
const { createServer } = require('../..')
const { Plugin } = require('../../plugin')
const { pay, resume, readState, settle, PaymentError } = require('../../payment')
const { Connection } = require('../../dist/src/connection')

const AMOUNT = 60000
const STEP = AMOUNT / 8
const PAYER = path.join(__dirname, '../scripts/payer.js')
const SECRET = Buffer.from(Array.from({ length: 32 }, (_, i) => i))

/** What a case does once a file, or a folder, of this name is opened. */
const whenOpened = new Map()
const { open } = fs.promises
fs.promises.open = async (name, ...how) => {
  const handle = await open(name, ...how)
  if (whenOpened.has(name)) await whenOpened.get(name)(handle)
  return handle
}

/** A state as text, of nobody. */
function textOf (members = {}) {
  return Buffer.from(JSON.stringify({
    destination_account: 'test.nobody.x',
    shared_secret: SECRET.toString('base64'),
    rill_payment: 1,
    amount: '100',
    deliver: '0',
    min_rate: '0/1',
    sent: '0',
    in_doubt: '0',
    delivered: '0',
    complete: false,
    ...members
  }) + '\n')
}

/** Members of the state of a payment of 800 to the server of a case, of which nothing has left. */
function toServer (t) {
  const { destinationAccount, sharedSecret } = t.listening.generateAddressAndSecret()
  return { destination_account: destinationAccount, shared_secret: sharedSecret.toString('base64'), amount: '800' }
}

/** The server takes all. Returns what tells how much it has. */
function takeAll (t) {
  let received = 0
  t.listening.on('connection', connection => connection.on('stream', stream => {
    stream.setReceiveMax(1e9)
    stream.on('money', amount => { received += Number(amount) })
  }))
  return () => received
}

/** As if it had been kept so long ago. */
function makeOlder (file, seconds) {
  const { mtimeMs } = fs.statSync(file)
  fs.utimesSync(file, new Date(), new Date(mtimeMs - 1000 * seconds))
}

const numbers = ({ sent, inDoubt, delivered }) => [sent, inDoubt, delivered].map(Number)

/** A PaymentError with this code; its sums. */
async function fails (promise, code, message = /./) {
  let failure
  await assert.rejects(promise, err => {
    failure = err
    assert.ok(err instanceof PaymentError, `it is ${err.stack}`)
    assert.strictEqual(err.code, code, err.stack)
    assert.match(err.message, message)
    assert.ok(!err.message.includes(SECRET.toString('base64').slice(0, 8)), 'the secret is told')
    return true
  })
  return failure
}

function uriOf (node, name) {
  const url = new URL(node.slice(4))
  Object.assign(url, { username: name, password: 'secret' })
  return `btp+${url.href}`
}

/** A server over a node, which counts what each connection brings, and takes at most so much of each. */
async function openShop (t, most = 1e15) {
  const node = await startNode(t)
  const server = await createServer({ plugin: new Plugin({ server: uriOf(node, 'shop') }) })
  t.later(() => server.close())
  const connections = []
  server.on('connection', connection => {
    connections.push(connection)
    connection.on('error', () => {})
    connection.on('stream', stream => {
      stream.setReceiveMax(most)
      stream.on('error', () => {})
      stream.resume()
    })
  })
  const took = () => connections.map(connection => Number(connection.totalReceived))
  const plugin = (name = 'payer') => new Plugin({ server: uriOf(node, name) })
  return { node, server, took, plugin, all: () => took().reduce((sum, one) => sum + one, 0) }
}

function startPayer (t, args) {
  const payer = spawn(NODE, [PAYER, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.later(() => payer.kill('SIGKILL'))
  payer.said = ''
  payer.stdout.on('data', chunk => { payer.said += chunk })
  return payer
}

/** Pays in a process that gets a signal on its way, and again in those that go on with it. */
async function stopped (t, shop, file, signals) {
  const { destinationAccount, sharedSecret } = shop.server.generateAddressAndSecret()
  let sent = 0
  for (const signal of signals) {
    const payer = startPayer(t, [sent === 0 ? 'pay' : 'resume', file, uriOf(shop.node, 'payer'), destinationAccount,
      sharedSecret.toString('hex'), AMOUNT])
    let now = 0
    while (now <= sent) {
      assert.strictEqual(payer.exitCode, null, payer.said)
      await t.sleep(5)
      if (fs.existsSync(file)) now = Number((await readState(file)).sent)
    }
    payer.kill(signal)
    await once(payer, 'close')
    const state = await readState(file)
    assert.ok(!state.complete && Number(state.sent) < AMOUNT, `it was too late: ${JSON.stringify(state)}`)
    sent = Number(state.sent)
  }
  assert.strictEqual(fs.statSync(file).mode & 0o777, 0o600)
  return readState(file)
}

function rill (shop, words) {
  return new Promise(resolve => execFile(path.join(process.env.RILL_BIN, 'rill'), [...words, '--link', uriOf(shop.node, 'by-rill')],
    (err, output, errors) => resolve({ code: err ? err.code : 0, said: output + errors })))
}

function killed (kills) {
  return {
    name: `killed ${kills === 1 ? 'once' : `${kills} times`}, and gone on with: no unit twice`,
    once: true,
    async run (t) {
      const shop = await openShop(t)
      const file = path.join(temporary(t), 'state')
      const left = await stopped(t, shop, file, Array(kills).fill('SIGKILL'))
      const [sent, inDoubt] = numbers(left)
      assert.ok(inDoubt > 0 && inDoubt <= kills * STEP, `${inDoubt} are in doubt`)
      await fails(pay({ plugin: shop.plugin(), destinationAccount: 'test.x', sharedSecret: SECRET, amount: 1, save: file }),
        'RILL_ERR_EXISTS', /not complete/)
      const err = await fails(resume({ plugin: shop.plugin(), state: file }), 'RILL_ERR_IN_DOUBT')
      assert.deepStrictEqual(numbers(err), [AMOUNT - inDoubt, inDoubt, AMOUNT - inDoubt])
      const took = shop.took()
      assert.strictEqual(took.length, kills + 1)
      // The last process has sent what nobody can have sent before, to the unit.
      assert.strictEqual(took.pop(), AMOUNT - sent - inDoubt)
      const before = took.reduce((sum, one) => sum + one, 0)
      assert.ok(before >= sent && before <= sent + inDoubt, `${before} came of ${sent} and ${inDoubt} in doubt`)
      assert.deepStrictEqual(numbers(await readState(file)), [AMOUNT - inDoubt, inDoubt, AMOUNT - inDoubt])
      // Once more: nothing may be sent, and nobody is asked.
      const nobody = { connect: () => { throw new Error('asked') } }
      await fails(resume({ plugin: nobody, state: file }), 'RILL_ERR_IN_DOUBT')
      // The receiver says how much it has, once nothing of it can arrive any more.
      const total = shop.all()
      await fails(settle({ state: file, delivered: total }), 'RILL_ERR_STATE', /may still arrive/)
      makeOlder(file, 31)
      const known = numbers(await settle({ state: file, delivered: total }))
      assert.deepStrictEqual(known, total === AMOUNT - inDoubt ? [total, 0, total] : [AMOUNT, 0, total])
      if (total === AMOUNT - inDoubt) await resume({ plugin: shop.plugin(), state: file })
      else assert.deepStrictEqual(numbers(await resume({ plugin: nobody, state: file })), known)
      assert.ok(shop.all() <= AMOUNT)
    }
  }
}

module.exports = [
  killed(1),
  killed(2),
  {
    name: 'stopped, and gone on with: nothing is in doubt, and all arrives, to the unit',
    once: true,
    async run (t) {
      const shop = await openShop(t)
      const file = path.join(temporary(t), 'state')
      const left = await stopped(t, shop, file, ['SIGTERM'])
      assert.strictEqual(left.inDoubt, '0')
      assert.strictEqual(shop.all(), Number(left.sent))
      assert.deepStrictEqual(numbers(await resume({ plugin: shop.plugin(), state: file })), [AMOUNT, 0, AMOUNT])
      assert.deepStrictEqual(shop.took(), [Number(left.sent), AMOUNT - Number(left.sent)])
      assert.ok((await readState(file)).complete)
      // It is complete: nobody is asked, and the name may be used again.
      const nobody = { connect: () => { throw new Error('asked') } }
      assert.deepStrictEqual(numbers(await resume({ plugin: nobody, state: file })), [AMOUNT, 0, AMOUNT])
      const again = await pay({ plugin: shop.plugin(), ...shop.server.generateAddressAndSecret(), amount: '5', save: file })
      assert.deepStrictEqual(again, { sent: '5', delivered: '5', inDoubt: '0' })
      assert.strictEqual((await readState(file)).amount, '5')
      assert.deepStrictEqual(fs.readdirSync(path.dirname(file)), ['state'])
    }
  },
  {
    name: 'rill goes on with it, and it with that of rill',
    once: true,
    async run (t) {
      const shop = await openShop(t)
      const file = path.join(temporary(t), 'state')
      const left = await stopped(t, shop, file, ['SIGKILL'])
      const { code, said } = await rill(shop, ['pay', '--resume', file, '--json'])
      assert.strictEqual(code, 1, said)
      assert.strictEqual(JSON.parse(said.trim().split('\n').find(line => line.includes('"done"'))).reason, 'in_doubt', said)
      assert.deepStrictEqual(numbers(await readState(file)), [AMOUNT - left.inDoubt, Number(left.inDoubt), AMOUNT - left.inDoubt])

      const { destinationAccount, sharedSecret } = shop.server.generateAddressAndSecret()
      const credentials = path.join(path.dirname(file), 'credentials')
      const mine = { destination_account: destinationAccount, shared_secret: sharedSecret.toString('base64') }
      fs.writeFileSync(credentials, JSON.stringify(mine), { mode: 0o600 })
      const other = path.join(path.dirname(file), 'other')
      const payer = spawn(path.join(process.env.RILL_BIN, 'rill'), ['pay', credentials, String(AMOUNT), '--units', '--yes', '--save', other,
        '--link', uriOf(shop.node, 'rill'), '--max-packet', '1'], { stdio: 'ignore' })
      t.later(() => payer.kill('SIGKILL'))
      await t.until('it has begun', () => fs.existsSync(other) && !/"sent":"0"/.test(fs.readFileSync(other)))
      payer.kill('SIGINT')
      await once(payer, 'close')
      const state = await readState(other)
      assert.ok(state.inDoubt === '0' && Number(state.sent) < AMOUNT, JSON.stringify(state))
      // What rill has noted beside it stays.
      const noted = { ...JSON.parse(fs.readFileSync(other)), incoming_payment: 'https://wallet.example/i/1' }
      fs.writeFileSync(other, JSON.stringify(noted) + '\n')
      assert.deepStrictEqual(numbers(await resume({ plugin: shop.plugin(), state: other })), [AMOUNT, 0, AMOUNT])
      assert.strictEqual(JSON.parse(fs.readFileSync(other)).incoming_payment, noted.incoming_payment)
      assert.match((await rill(shop, ['pay', '--resume', other])).said, /nothing is left to pay/)
    }
  },
  {
    name: 'one at a time: here, in another process, and rill',
    once: true,
    async run (t) {
      // The first is not done before the others have had their answers.
      const shop = await openShop(t, AMOUNT / 2)
      const file = path.join(temporary(t), 'state')
      const credentials = shop.server.generateAddressAndSecret()
      const stop = new AbortController()
      const first = pay({ plugin: shop.plugin(), ...credentials, amount: AMOUNT, save: file, maximumPacketAmount: '1', signal: stop.signal })
      first.catch(() => {})
      await t.until('it has begun', () => fs.existsSync(file))
      await fails(resume({ plugin: shop.plugin('b'), state: file }), 'RILL_ERR_STATE', /under way/)
      await fails(pay({ plugin: shop.plugin('b'), ...credentials, amount: 1, save: file }), 'RILL_ERR_STATE', /under way/)
      // Under another name, or none.
      await fails(resume({ plugin: shop.plugin('b'), state: fs.readFileSync(file) }), 'RILL_ERR_STATE', /in this process/)
      const other = startPayer(t, ['resume', file, uriOf(shop.node, 'b')])
      const said = rill(shop, ['pay', '--resume', file])
      await once(other, 'close')
      assert.match(other.said, /^RILL_ERR_STATE/)
      assert.match((await said).said, /another process pays with this file now/)
      stop.abort()
      const { sent } = await fails(first, 'RILL_ERR_CANCELLED')
      assert.strictEqual(shop.all(), Number(sent))
    }
  },
  {
    name: 'nothing leaves before it is kept',
    once: true,
    async run (t) {
      await t.openRaw()
      const kept = []
      const tooMuch = []
      let away = 0
      t.client.answer = async prepare => {
        const asks = kept.length === 0 // for the rate, by packets that nobody can fulfill
        if (!asks) {
          away += Number(prepare.amount)
          const [sent, inDoubt] = numbers(kept[kept.length - 1])
          if (away > sent + inDoubt) tooMuch.push([away, sent, inDoubt])
        }
        const reply = await t.client.forward(prepare)
        if (asks && reply[0] === 13 && prepare.amount !== '0') tooMuch.push([prepare.amount, 0, 0])
        if (!asks && reply[0] !== 13) away -= Number(prepare.amount)
        return reply
      }
      const save = async bytes => {
        await t.sleep(10)
        kept.push(await readState(bytes))
      }
      t.listening.on('connection', connection => connection.on('stream', stream => stream.setReceiveMax(1e9)))
      const done = await pay({ plugin: t.client, ...t.listening.generateAddressAndSecret(), amount: 8003, save, maximumPacketAmount: '10' })
      assert.deepStrictEqual(numbers(done), [8003, 0, 8003])
      assert.deepStrictEqual(tooMuch, [])
      assert.ok(away >= 8003)
      // Each second it is noted what has arrived, too.
      const may = ([sent, inDoubt]) => sent + inDoubt
      const steps = kept.map(numbers).filter((one, i, all) => i === 0 || may(one) > may(all[i - 1]))
      assert.deepStrictEqual(steps, [...Array.from({ length: 7 }, (_, i) => [1001 * i, 1001, 1001 * i]), [7007, 996, 7007]])
      assert.deepStrictEqual(numbers(kept[kept.length - 1]), [8003, 0, 8003])
      assert.deepStrictEqual(kept.map(({ complete }) => complete), [...Array(kept.length - 1).fill(false), true])
    }
  },
  {
    name: 'what cannot be kept is not sent',
    once: true,
    async run (t) {
      await t.openRaw()
      const credentials = t.listening.generateAddressAndSecret()
      let received = 0
      t.listening.on('connection', connection => connection.on('stream', stream => {
        stream.setReceiveMax(1e9)
        stream.on('money', amount => { received += Number(amount) })
      }))
      const states = []
      const save = bytes => {
        states.push(bytes)
        if (states.length === 3) throw new Error('the disk is full')
      }
      const terms = { plugin: t.client, ...credentials, amount: 800, maximumPacketAmount: '10' }
      const err = await fails(pay({ ...terms, save }), 'RILL_ERR_IO', /the disk is full/)
      assert.strictEqual(err.cause.message, 'the disk is full')
      assert.deepStrictEqual(numbers(err), [200, 0, 200])
      assert.strictEqual(received, 200)
      // What could be kept later, at the end, is exact.
      assert.strictEqual(states.length, 4)
      assert.deepStrictEqual(numbers(await readState(states[3])), [200, 0, 200])
      assert.deepStrictEqual(numbers(await resume({ plugin: t.client, state: states[3] })), [800, 0, 800])
      assert.strictEqual(received, 800)
      // Money has left since: going on with the same one again would pay twice.
      await fails(resume({ plugin: t.client, state: states[3] }), 'RILL_ERR_STATE', /saved last/)
      assert.strictEqual(received, 800)
      // At once.
      await fails(pay({ ...terms, save: async () => { throw new Error('no') } }), 'RILL_ERR_IO', /no$/)
      // And where it fails at the end alone.
      let left = 0
      const last = await fails(pay({ ...terms, amount: 5, save: () => { if (++left === 2) throw new Error('no') } }), 'RILL_ERR_IO', /do not go on/)
      assert.deepStrictEqual(numbers(last), [5, 0, 5])
      assert.strictEqual(received, 805)
    }
  },
  {
    name: 'a lock that somebody has removed: no more is sent',
    once: true,
    async run (t) {
      await t.openRaw()
      const file = path.join(temporary(t), 'state')
      let received = 0
      t.listening.on('connection', connection => connection.on('stream', stream => {
        stream.setReceiveMax(1e9)
        stream.on('money', amount => {
          received += Number(amount)
          if (received === 200) fs.unlinkSync(`${file}.lock`)
        })
      }))
      const terms = { plugin: t.client, ...t.listening.generateAddressAndSecret(), amount: 800, maximumPacketAmount: '10' }
      const err = await fails(pay({ ...terms, save: file }), 'RILL_ERR_IO', /lock is not ours any more/)
      assert.ok(Number(err.sent) + Number(err.inDoubt) < 800, err)
      assert.strictEqual(received, Number(err.sent))
      assert.ok(received < 800)
    }
  },
  {
    name: 'files that cannot be used',
    once: true,
    async run (t) {
      await t.openRaw()
      const folder = temporary(t)
      const at = name => path.join(folder, name)
      const terms = { plugin: t.client, ...t.listening.generateAddressAndSecret(), amount: 1 }
      fs.writeFileSync(at('diary'), 'dear diary\n')
      fs.symlinkSync(at('diary'), at('link'))
      fs.writeFileSync(at('long'), textOf() + ' '.repeat(5000))
      await fails(pay({ ...terms, save: at('no/folder') }), 'RILL_ERR_IO', /ENOENT/)
      await fails(pay({ ...terms, save: at('diary/state') }), 'RILL_ERR_IO', /ENOTDIR/)
      await fails(pay({ ...terms, save: folder }), 'RILL_ERR_INVALID', /no file/)
      await fails(pay({ ...terms, save: at('link') }), 'RILL_ERR_INVALID', /it is a link/)
      await fails(pay({ ...terms, save: at('diary') }), 'RILL_ERR_EXISTS', /holds no payment/)
      await fails(resume({ plugin: t.client, state: at('nothing') }), 'RILL_ERR_IO', /ENOENT/)
      await fails(resume({ plugin: t.client, state: at('diary') }), 'RILL_ERR_MALFORMED', /diary: this is not the saved state/)
      await fails(resume({ plugin: t.client, state: at('long') }), 'RILL_ERR_MALFORMED', /too long/)
      await fails(resume({ plugin: t.client, state: folder }), 'RILL_ERR_IO', /EISDIR/)
      assert.strictEqual(fs.readFileSync(at('diary'), 'utf8'), 'dear diary\n')
      assert.deepStrictEqual(fs.readdirSync(folder).sort(), ['diary', 'link', 'long'])
      // A file that disappears with its folder amid the payment.
      const gone = at('gone')
      fs.mkdirSync(gone)
      t.client.answer = () => { fs.rmSync(gone, { recursive: true, force: true }) }
      t.listening.on('connection', connection => connection.on('stream', stream => stream.setReceiveMax(1e9)))
      const err = await fails(pay({ ...terms, amount: 8000, save: path.join(gone, 'state'), maximumPacketAmount: '10' }), 'RILL_ERR_IO', /lock is not ours any more/)
      assert.ok(Number(err.sent) <= 1000 && err.inDoubt === '0', JSON.stringify(err))
    }
  },
  {
    name: 'texts that are no state, and options that are wrong',
    once: true,
    async run (t) {
      await t.openRaw()
      const plugin = t.client
      const wrong = {
        amount: '1.5',
        deliver: null,
        sent: '101',
        in_doubt: '-1',
        delivered: 5,
        min_rate: '1/0',
        complete: 'true',
        shared_secret: 'AA==',
        destination_account: '..'
      }
      for (const [name, value] of Object.entries(wrong)) {
        await fails(resume({ plugin, state: textOf({ [name]: value }) }), 'RILL_ERR_MALFORMED')
      }
      await fails(resume({ plugin, state: textOf({ rill_payment: 2 }) }), 'RILL_ERR_UNSUPPORTED', /later version/)
      await fails(resume({ plugin, state: textOf({ deliver: '5' }) }), 'RILL_ERR_UNSUPPORTED', /rill pay --resume/)
      const whole = textOf()
      const texts = ['', '{}', '[]', '['.repeat(4000), 'null', '\0', whole.toString().replace('"sent":"0"', '"sent":"0","sent":"1"')]
      for (const text of texts) await fails(resume({ plugin, state: Buffer.from(text) }), 'RILL_ERR_MALFORMED')
      for (let length = 0; length < whole.length - 2; length += 7) {
        await fails(resume({ plugin, state: whole.subarray(0, length) }), 'RILL_ERR_MALFORMED')
      }
      await fails(settle({ state: textOf({ sent: '10', delivered: '10' }), delivered: 9, save: () => {} }), 'RILL_ERR_RANGE', /another payment/)
      for (const state of [undefined, null, 5, {}, '', 'a\0b', new Uint8Array(5)]) {
        await assert.rejects(resume({ plugin, state }), TypeError)
        await assert.rejects(readState(state), TypeError)
      }
      const terms = { plugin, destinationAccount: 'test.x', sharedSecret: SECRET, amount: 1 }
      for (const save of [null, 5, {}, '', 'a\0b', Buffer.from('x')]) await assert.rejects(pay({ ...terms, save }), TypeError)
      for (const name of ['amount', 'destinationAccount', 'sharedSecret', 'exchangeRate']) {
        await assert.rejects(resume({ plugin, state: textOf(), [name]: terms[name] || 1 }), TypeError)
      }
      for (const amount of [0, -1, 1.5, NaN, Infinity, 'x', undefined, {}]) await assert.rejects(pay({ ...terms, amount }))
      for (const timeout of [0, -1, NaN, 'x', 2 ** 31]) await assert.rejects(pay({ ...terms, timeout }), RangeError)
      await assert.rejects(pay({ ...terms, signal: 5 }), TypeError)
      await assert.rejects(pay({ ...terms, plugin: undefined }), TypeError)
      await assert.rejects(pay({ ...terms, sharedSecret: Buffer.alloc(31), save: () => {} }), TypeError)
      await assert.rejects(settle({ state: textOf(), delivered: 0 }), TypeError)
      assert.deepStrictEqual(plugin.sent.map(({ amount }) => amount), [])
    }
  },
  {
    name: 'time-outs, signals, plugins that fail, and minimum rates that hold for all processes',
    once: true,
    async run (t) {
      await t.openRaw({ rate: [1, 2] })
      let received = 0
      t.listening.on('connection', connection => connection.on('stream', stream => {
        stream.setReceiveMax(1e9)
        stream.on('money', amount => { received += Number(amount) })
      }))
      let latest
      const save = bytes => { latest = bytes }
      const small = { plugin: t.client, maximumPacketAmount: '100', save }
      const terms = { ...small, amount: 8000 }
      await fails(pay({ ...terms, ...t.listening.generateAddressAndSecret(), signal: AbortSignal.abort() }), 'RILL_ERR_CANCELLED')
      // Each packet takes a while; what is in flight is waited for.
      t.client.delay = 100
      let late
      // On a slow machine it begins later. All of it takes 8 s at least.
      for (let timeout = 1500; timeout < 7000 && !(late && late.sent > 0); timeout *= 2) {
        late = await fails(pay({ ...terms, ...t.listening.generateAddressAndSecret(), rill: { maxPacketsInFlight: 1 }, timeout, exchangeRate: 0.5 }), 'RILL_ERR_TIMEOUT')
      }
      t.client.delay = 0
      const [sent, inDoubt, delivered] = numbers(late)
      assert.ok(sent > 0 && sent < 8000 && inDoubt === 0, JSON.stringify(late))
      assert.deepStrictEqual([delivered, received], [sent / 2, sent / 2])
      const state = await readState(latest)
      assert.deepStrictEqual(numbers(state), [sent, 0, delivered])
      assert.ok(state.minExchangeRate > '0.49' && state.minExchangeRate <= '0.495', state.minExchangeRate)
      // The path has become worse than the first process was told to take.
      t.client.rate = [1n, 3n]
      const refused = await fails(resume({ ...small, state: latest }), 'RILL_ERR_RATE')
      assert.deepStrictEqual(numbers(refused), [sent, 0, delivered])
      assert.strictEqual(received, sent / 2)
      t.client.rate = [1n, 2n]
      // The link breaks with packets on their way: they are in doubt, and are not sent again.
      let broken = 0
      t.client.answer = async prepare => {
        if (prepare.amount !== '100' || ++broken < 3) return undefined
        await t.client.forward(prepare)
        throw new Error('the link is broken')
      }
      const lost = await fails(resume({ ...small, state: latest }), 'RILL_ERR_CLOSED', /the link is broken/)
      t.client.answer = null
      assert.ok(Number(lost.inDoubt) > 0, JSON.stringify(lost))
      assert.ok(received >= Number(lost.delivered) && received <= (Number(lost.sent) + Number(lost.inDoubt)) / 2)
      const came = received
      const err = await fails(resume({ ...small, state: latest }), 'RILL_ERR_IN_DOUBT')
      assert.strictEqual(received - came, (8000 - Number(lost.sent) - Number(lost.inDoubt)) / 2)
      assert.strictEqual(Number(err.sent) + Number(err.inDoubt), 8000)
    }
  },
  ...[true, false].map(arrives => ({
    name: `a link that fails and is survived: what was in doubt is resolved, and had ${arrives ? '' : 'not '}arrived`,
    once: true,
    async run (t) {
      await t.openRaw()
      let received = 0
      t.listening.on('connection', connection => connection.on('stream', stream => {
        stream.setReceiveMax(1e9)
        stream.on('money', amount => { received += Number(amount) })
      }))
      let packets = 0
      t.client.answer = async prepare => {
        if (prepare.amount !== '100' || ++packets < 10 || packets > 13) return undefined
        if (arrives) await t.client.forward(prepare)
        throw new Error('the link is broken')
      }
      const kept = []
      const done = await pay({
        plugin: t.client,
        ...t.listening.generateAddressAndSecret(),
        amount: 8000,
        maximumPacketAmount: '100',
        save: async bytes => { kept.push(await readState(bytes)) },
        rill: { surviveLinkErrors: true },
        getExpiry: () => new Date(Date.now() + 1000)
      })
      assert.deepStrictEqual(numbers(done), [8000, 0, 8000])
      assert.strictEqual(received, 8000)
      assert.ok(kept.every(({ sent, inDoubt, delivered }) => Number(sent) + Number(inDoubt) <= 8000 && delivered === sent))
      assert.ok(packets > 80)
    }
  })),
  {
    name: 'a step that is too small for the path is not the end, and an amount that is too small is',
    once: true,
    async run (t) {
      await t.openRaw({ rate: [1, 1000] })
      t.client.maxAmount = 1000000
      t.listening.on('connection', connection => connection.on('stream', stream => stream.setReceiveMax(1e9)))
      const kept = []
      const terms = { plugin: t.client, save: bytes => { kept.push(JSON.parse(bytes)) } }
      const done = await pay({ ...terms, ...t.listening.generateAddressAndSecret(), amount: 4000, maximumPacketAmount: '1000' })
      assert.deepStrictEqual(numbers(done), [4000, 0, 4])
      assert.deepStrictEqual(kept.map(({ sent, in_doubt: doubt }) => [sent, doubt]).slice(0, 2), [['0', '500'], ['0', '4000']])
      const err = await fails(pay({ ...terms, ...t.listening.generateAddressAndSecret(), amount: 500 }), 'RILL_ERR_TOO_LITTLE')
      assert.deepStrictEqual(numbers(err), [0, 0, 0])
    }
  },
  {
    name: 'a state of a file is kept in that file alone',
    once: true,
    async run (t) {
      await t.openRaw()
      const received = takeAll(t)
      const folder = temporary(t)
      const file = path.join(folder, 'state')
      const text = textOf(toServer(t))
      fs.writeFileSync(file, text)
      const terms = { plugin: t.client, state: file }
      for (const save of [path.join(folder, 'other'), path.basename(file), `${file}.lock`, '', () => {}, null, 5]) {
        await assert.rejects(resume({ ...terms, save }), { name: 'TypeError', message: /in the same file alone/ })
        await assert.rejects(settle({ state: file, delivered: 5, save }), { name: 'TypeError', message: /in the same file alone/ })
      }
      assert.deepStrictEqual([received(), t.client.sent.length, fs.readdirSync(folder)], [0, 0, ['state']])
      assert.deepStrictEqual(fs.readFileSync(file), text)
      // The same file, by another spelling of its name.
      const save = path.relative(process.cwd(), file)
      assert.deepStrictEqual(numbers(await settle({ state: file, delivered: 0, save })), [0, 0, 0])
      assert.deepStrictEqual(numbers(await resume({ ...terms, save })), [800, 0, 800])
      assert.deepStrictEqual(numbers(await resume(terms)), [800, 0, 800])
      assert.strictEqual(received(), 800)
    }
  },
  {
    name: 'a state of before does not replace what is in the file',
    once: true,
    async run (t) {
      await t.openRaw()
      const received = takeAll(t)
      const file = path.join(temporary(t), 'state')
      const mine = toServer(t)
      const state = textOf({ ...mine, in_doubt: '7' })
      const whole = { sent: '800', delivered: '800', in_doubt: '0', complete: true }
      const there = [
        ['RILL_ERR_STATE', textOf({ ...mine, in_doubt: '7', sent: '100', delivered: '100' })],
        ['RILL_ERR_STATE', textOf({ ...mine, in_doubt: '100' })],
        ['RILL_ERR_STATE', textOf({ ...mine, ...whole })],
        ['RILL_ERR_EXISTS', textOf({ ...mine, in_doubt: '7', destination_account: 'test.nobody.y' })],
        ['RILL_ERR_EXISTS', textOf({ ...mine, in_doubt: '7', shared_secret: SECRET.toString('base64') })],
        ['RILL_ERR_EXISTS', Buffer.from('dear diary\n')]
      ]
      for (const [code, text] of there) {
        fs.writeFileSync(file, text)
        await fails(resume({ plugin: t.client, state, save: file }), code, code === 'RILL_ERR_STATE' ? /a newer state is in the file/ : /it/)
        await fails(settle({ state, delivered: 0, save: file }), code)
        assert.deepStrictEqual(fs.readFileSync(file), text)
      }
      assert.deepStrictEqual([received(), t.client.sent.length], [0, 0])
      // Another payment that is complete, the same state, and nothing at all.
      fs.writeFileSync(file, textOf({ ...whole, amount: '800' }))
      assert.deepStrictEqual(numbers(await settle({ state, delivered: 0, save: file })), [0, 0, 0])
      fs.writeFileSync(file, state)
      const doubt = await fails(resume({ plugin: t.client, state: Buffer.from(state), save: file }), 'RILL_ERR_IN_DOUBT')
      assert.deepStrictEqual([received(), numbers(doubt), numbers(await readState(file))], [793, [793, 7, 793], [793, 7, 793]])
      // It waits for its file while the same Buffer is gone on with elsewhere.
      fs.writeFileSync(file, state)
      let first
      whenOpened.set(file, async () => {
        first = first || fails(resume({ plugin: t.client, state, save: () => {} }), 'RILL_ERR_IN_DOUBT')
        await first
      })
      t.later(() => whenOpened.delete(file))
      await fails(resume({ plugin: t.client, state, save: file }), 'RILL_ERR_STATE', /saved last/)
      assert.strictEqual(received(), 2 * 793)
    }
  },
  {
    name: 'how long packets in doubt live is kept, and nobody settles before that',
    once: true,
    async run (t) {
      await t.openRaw()
      takeAll(t)
      let latest
      const save = bytes => { latest = bytes }
      const lifetime = async (members, opts) => {
        await resume({ plugin: t.client, save, state: textOf({ ...toServer(t), ...members }), ...opts }).catch(err => {
          assert.strictEqual(err.code, 'RILL_ERR_IN_DOUBT', err.stack)
        })
        return (await readState(latest)).packetLifetime
      }
      const of = ms => ({ packet_lifetime_ns: String(ms * 1e6) })
      const expiry = ms => ({ getExpiry: () => new Date(Date.now() + ms) })
      const hour = 3600000
      assert.strictEqual((await readState(textOf())).packetLifetime, hour)
      assert.strictEqual((await readState(textOf(of(7)))).packetLifetime, 7)
      assert.strictEqual((await readState(textOf({ packet_lifetime_ns: '1' }))).packetLifetime, 1)
      await fails(readState(textOf({ packet_lifetime_ns: 'x' })), 'RILL_ERR_MALFORMED')
      assert.strictEqual(await lifetime({}), 30000)
      assert.strictEqual(await lifetime(of(90000)), 30000)
      assert.strictEqual(await lifetime({ in_doubt: '7', ...of(90000) }), 90000)
      assert.strictEqual(await lifetime({ in_doubt: '7', ...of(1) }), 30000)
      assert.strictEqual(await lifetime({ in_doubt: '7' }), hour)
      const long = await lifetime({}, expiry(60000))
      assert.ok(long > 30000 && long <= 61000, `${long} ms`)
      assert.strictEqual(await lifetime({}, expiry(2 * hour)), Infinity)

      const file = path.join(temporary(t), 'state')
      for (const [members, seconds] of [[of(90000), 91], [{}, 3601]]) {
        fs.writeFileSync(file, textOf({ in_doubt: '7', ...members }))
        makeOlder(file, seconds - 60)
        await fails(settle({ state: file, delivered: 0 }), 'RILL_ERR_STATE', /may still arrive: ask the receiver in (60|5\d) s/)
        assert.strictEqual((await readState(file)).inDoubt, '7')
        makeOlder(file, 60)
        assert.deepStrictEqual(numbers(await settle({ state: file, delivered: 0 })), [0, 0, 0])
        // Nothing is in doubt: it may be told at once.
        assert.deepStrictEqual(numbers(await settle({ state: file, delivered: 0 })), [0, 0, 0])
      }
      const never = textOf({ in_doubt: '7', packet_lifetime_ns: '18446744073709551615' })
      fs.writeFileSync(file, never)
      for (const state of [file, never]) {
        await fails(settle({ state, delivered: 0, save: file }), 'RILL_ERR_STATE', /at any time/)
      }
      assert.deepStrictEqual(fs.readFileSync(file), never)
    }
  },
  {
    name: 'what the file notes beside the state stays where a Buffer is gone on with that lacks it',
    once: true,
    async run (t) {
      await t.openRaw()
      takeAll(t)
      const file = path.join(temporary(t), 'state')
      const mine = { ...toServer(t), in_doubt: '7' }
      const noted = { incoming_payment: 'https://wallet.example/i/1', packet_lifetime_ns: '7200000000000' }
      const lasting = () => {
        const now = JSON.parse(fs.readFileSync(file))
        return Object.fromEntries(Object.keys(noted).map(name => [name, now[name]]))
      }
      fs.writeFileSync(file, textOf({ ...mine, ...noted }))
      await fails(resume({ plugin: t.client, state: textOf(mine), save: file }), 'RILL_ERR_IN_DOUBT')
      assert.deepStrictEqual([numbers(await readState(file)), lasting()], [[793, 7, 793], noted])
      fs.writeFileSync(file, textOf({ ...mine, ...noted }))
      await settle({ state: textOf(mine), delivered: 0, save: file })
      assert.deepStrictEqual([numbers(await readState(file)), lasting()], [[0, 0, 0], noted])
      // The other way round, and one that is another payment's does not count.
      fs.writeFileSync(file, textOf(mine))
      await settle({ state: textOf({ ...mine, ...noted }), delivered: 0, save: file })
      assert.deepStrictEqual(lasting(), noted)
      fs.writeFileSync(file, textOf({ ...noted, complete: true }))
      await settle({ state: textOf(mine), delivered: 0, save: file })
      assert.deepStrictEqual(lasting(), { incoming_payment: undefined, packet_lifetime_ns: '3600000000000' })
    }
  },
  {
    name: "receivers' claims of all processes together end at 2^64 - 1",
    once: true,
    async run (t) {
      await t.openRaw()
      const received = takeAll(t)
      let latest
      const state = textOf({ ...toServer(t), sent: '700', delivered: '18446744073709551600' })
      const done = await resume({ plugin: t.client, state, save: bytes => { latest = bytes } })
      assert.deepStrictEqual(done, { sent: '800', delivered: '18446744073709551615', inDoubt: '0' })
      assert.strictEqual((await readState(latest)).delivered, '18446744073709551615')
      assert.strictEqual(received(), 100)
    }
  },
  {
    name: 'statistics that fall count no less than before, and what did not arrive is not complete',
    once: true,
    async run (t) {
      await t.openRaw()
      const received = takeAll(t)
      let change
      const { get } = Object.getOwnPropertyDescriptor(Connection.prototype, 'statistics')
      const give = get => Object.defineProperty(Connection.prototype, 'statistics', { get, configurable: true })
      t.later(() => give(get))
      give(function () { return this.plugin === t.client ? change(get.call(this), this) : get.call(this) })
      let kept
      const save = async bytes => {
        await t.sleep(1)
        kept.push(await readState(bytes))
      }
      const paid = terms => {
        kept = []
        return pay({ plugin: t.client, ...t.listening.generateAddressAndSecret(), maximumPacketAmount: '100', save, ...terms })
      }
      // They are gone once so many states were kept: the last one, of which all may have left, stays.
      for (const at of [1, 3]) {
        const before = received()
        const none = stats => Object.fromEntries(Object.keys(stats).map(name => [name, 0n]))
        change = stats => kept.length >= at ? none(stats) : stats
        const err = await fails(paid({ amount: 8000 }), 'RILL_ERR_CLOSED', /does not know any more/)
        const sums = [1000 * (at - 1), 1000, 1000 * (at - 1)]
        assert.deepStrictEqual([numbers(err), numbers(kept.pop())], [sums, sums])
        assert.ok(received() - before >= sums[0] && received() - before <= sums[0] + sums[1], `${received()} came`)
      }
      // The last unit was in flight, and is sent back amid the goodbye.
      change = (stats, { done }) => stats.sent < 800n ? stats : { ...stats, sent: 799n, inFlight: done ? 0n : 1n }
      const err = await fails(paid({ amount: 800 }), 'RILL_ERR_CLOSED', /not all has arrived/)
      const { complete, ...last } = kept.pop()
      assert.deepStrictEqual([numbers(err), numbers(last), complete], [[799, 0, 800], [799, 0, 800], false])
    }
  },
  {
    name: 'a folder that cannot be brought to the disk: the state is not kept, unless nobody could say so',
    once: true,
    async run (t) {
      await t.openRaw()
      const received = takeAll(t)
      const folder = temporary(t)
      let code
      whenOpened.set(folder, handle => {
        handle.sync = async () => { throw Object.assign(new Error(`${code}: of the test`), { code }) }
      })
      t.later(() => whenOpened.delete(folder))
      const paid = () => pay({ plugin: t.client, ...t.listening.generateAddressAndSecret(), amount: 5, save: path.join(folder, code) })
      for (code of ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS']) {
        const err = await fails(paid(), 'RILL_ERR_IO', /cannot be saved: E.*of the test/)
        assert.deepStrictEqual([err.cause.code, numbers(err), received()], [code, [0, 0, 0], 0])
      }
      for (code of ['EINVAL', 'ENOTSUP', 'ENOSYS', 'EACCES']) assert.deepStrictEqual(numbers(await paid()), [5, 0, 5])
      assert.strictEqual(received(), 20)
    }
  }
]
