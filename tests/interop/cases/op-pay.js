'use strict'
// `rill op pay`: a wallet pays out of an account. Its requests and answers are validated by the
// documents of @interledger/open-payments; curl is the browser.
const assert = require('assert')
const { execFile } = require('child_process')
const fs = require('fs')
const path = require('path')
const { createAuthenticatedClient, isPendingGrant } = require('@interledger/open-payments')
const { Process } = require('../lib/process')
const { rill, signer, doneOf } = require('../lib/programs')
const { startSenderWallet } = require('../lib/sender-wallet')

async function key (test, id = 'my-key') {
  const { pem, jwk } = await signer(test)({ do: 'new', id })
  return { id, file: test.write('key.pem', pem), jwk: JSON.parse(jwk) }
}

async function open (test, behaviour = {}) {
  const ours = await key(test)
  const wallet = await startSenderWallet(test, { jwks: [ours.jwk], ...behaviour })
  return { ours, wallet }
}

/** curl follows the wallet's page back to rill, and keeps what it is shown. */
const curl = test => `curl -sL --max-time 20 -o ${test.file('shown')}`

function start (test, { ours, wallet }, receiver, args, browser = curl(test)) {
  const process = rill(test, 'rill op pay',
    ['op', 'pay', receiver, ...args, '--from', wallet.sender, '--key', ours.file, '--key-id', ours.id, '--json', '--yes'],
    { BROWSER: browser, no_proxy: '*' })
  process.event = name => process.json().find(({ event }) => event === name)
  return process
}

const visit = (...args) => new Promise(resolve => execFile('curl', ['-s', '--max-time', '20', '-o', '/dev/null', '-w', '%{http_code}', ...args], (err, out) => resolve(err ? `${err.code}` : out)))

function whole (hashes) {
  return {
    name: `rill op pay: a quote, a person who agrees, a payment to its end; the hash in ${hashes}`,
    async run (test) {
      const opened = await open(test, { hashes })
      const { wallet } = opened
      const pay = start(test, opened, wallet.address, ['5'])
      await pay.exits(0)
      const done = doneOf(pay)
      assert.deepStrictEqual([done.error, done.sent, done.received, done.may_move], [null, '500', '490', false])
      const [{ payment, limits }] = wallet.outgoing.values()
      assert.deepStrictEqual(limits, { receiver: payment.receiver, debitAmount: payment.debitAmount })
      const [incoming] = wallet.payments.values()
      assert.deepStrictEqual([incoming.completed, incoming.receivedAmount.value, done.incoming_payment], [true, '490', incoming.id])
      assert.strictEqual(wallet.tokens.size, 0, 'all tokens are given back')
      assert.strictEqual(wallet.ours.size, 2, 'one connection, and one for what must not be asked twice')
      assert.match(fs.readFileSync(test.file('shown'), 'utf8'), /You can close this page/)
      // That the end is waited for is said where it takes long.
      const events = pay.json().filter(event => event.for !== 'end')
      assert.deepStrictEqual(events.map(({ event }) => event), ['quote', 'interact', 'waiting', 'waiting', 'done'])
      assert.deepStrictEqual(pay.errors, [])
    }
  }
}

const deliver = {
  name: 'rill op pay: a delivery; an incoming payment that names its amount; fees that a wallet does not call sent',
  async run (test) {
    const opened = await open(test, { pays: ['half', 'all but fees'] })
    const { wallet } = opened
    const pay = start(test, opened, wallet.address, ['4.90', 'USD', '--deliver'])
    await pay.exits(0)
    assert.deepStrictEqual([pay.event('quote').debit.value, doneOf(pay).sent, doneOf(pay).received], ['500', '490', '490'])
    const { id } = wallet.made({ incomingAmount: { value: '1000', assetCode: 'USD', assetScale: 2 }, changes: { receivedAmount: { value: '20', assetCode: 'USD', assetScale: 2 } } })
    const rest = start(test, opened, id, [])
    await rest.exits(0)
    assert.deepStrictEqual([rest.event('quote').receive.value, doneOf(rest).received], ['980', '980'])
    assert.strictEqual(wallet.payments.get(id.split('/').pop()).completed, false, 'what was there before is its receiver\'s to complete')
  }
}

const renewed = {
  name: 'rill op pay: an access token that is over while the payment is followed is renewed',
  async run (test) {
    let looks = 0
    const opened = await open(test, {
      'GET /op': (ctx, ordinary, wallet) => {
        if (/outgoing/.test(ctx.path) && looks++ === 1) for (const token of wallet.tokens.values()) token.active = false
        return ordinary()
      }
    })
    const pay = start(test, opened, opened.wallet.address, ['5'])
    await pay.exits(0)
    assert.strictEqual(doneOf(pay).received, '490')
    assert(opened.wallet.asked.some(line => /^POST \/token/.test(line)))
    assert.strictEqual(opened.wallet.tokens.size, 0)
  }
}

// Who comes to the way back, beside the browser: [what, arguments of curl, status]
const visitors = [
  ['another path', uri => [new URL('/', uri).href], '404'],
  ['no hash', uri => [uri], '400'],
  ['a wrong hash', (uri, good) => [good.replace(/hash=[^&]*/, 'hash=AAAA')], '400'],
  ['another reference', (uri, good) => [good.replace(/interact_ref=/, 'interact_ref=x')], '400'],
  ['a hash twice', (uri, good) => [`${good}&hash=AAAA`], '400'],
  ['a form', (uri, good) => ['-X', 'POST', good], '405'],
  ['a script of another page', (uri, good) => ['-H', 'Origin: https://evil.example', good], '403'],
  ['a picture of another page', (uri, good) => ['-H', 'Sec-Fetch-Mode: no-cors', good], '403'],
  ['another name of this machine', (uri, good) => ['-H', 'Host: evil.example', good], '403']
]

const others = {
  name: `rill op pay: ${visitors.length} others at the way back are answered and ignored; then the browser`,
  async run (test) {
    const opened = await open(test)
    const { wallet } = opened
    const pay = start(test, opened, wallet.address, ['5', '--no-browser'])
    const { url, browser } = await pay.until('the page', () => pay.event('interact'))
    assert.strictEqual(browser, false)
    const [grant] = [...wallet.grants.values()].filter(({ finish }) => finish)
    const { location } = wallet.page(url.split('/').pop()).headers
    for (const [what, args, status] of visitors) {
      assert.strictEqual(await visit(...args(grant.finish.uri, location)), status, what)
    }
    assert.strictEqual(wallet.outgoing.size, 0)
    assert.match(grant.finish.uri, /^http:\/\/127\.0\.0\.1:\d+\/[\w-]{43}$/)
    assert.strictEqual(await visit(location), '200')
    await pay.exits(0)
    assert.strictEqual(await visit(location), '7', 'the port is closed at the end')
  }
}

const usd = value => ({ value, assetCode: 'USD', assetScale: 2 })
const answer = (status, body) => () => ({ status, body })
const incoming = changes => (ctx, ordinary, wallet) => /complete/.test(ctx.path) || /quotes|outgoing/.test(ctx.path) ? ordinary() : { status: 201, body: wallet.made({ ...ctx.body, changes }) }
const onlyFor = (pattern, other) => (ctx, ordinary, wallet) => pattern.test(ctx.path) ? other(ctx, ordinary, wallet) : ordinary()
const grants = (type, other) => (ctx, ordinary, wallet) => ctx.body.access_token.access[0].type === type ? other(ctx, ordinary, wallet) : ordinary()
const pendingFor = (ctx, ordinary, wallet) => ({ status: 200, body: { continue: { access_token: { value: 'c' }, uri: `${wallet.base}/continue/x`, wait: 1 } } })

// What goes wrong: [what, behaviour, arguments, error, exit code, one line, may_move]
const wrongs = [
  ['the receiver grants nothing', { 'POST /': grants('incoming-payment', answer(401, { error: { code: 'request_denied' } })) }, ['5'], 'REFUSED', 1, /does not grant an incoming payment/],
  ['the receiver\'s grant is pending for ever', { 'POST /': grants('incoming-payment', pendingFor), 'POST /continue': pendingFor }, ['5', '--timeout', '2'], 'TIMEOUT', 1, /not granted it in time/],
  ['the quote\'s grant is refused', { 'POST /': grants('quote', answer(400, { error: { code: 'invalid_client', description: 'no such key' } })) }, ['5'], 'REFUSED', 1, /does not take the key.*no such key/],
  ['the quote\'s grant is pending for ever', { 'POST /': grants('quote', pendingFor), 'POST /continue': pendingFor }, ['5', '--timeout', '2'], 'TIMEOUT', 1, /not granted a quote in time/],
  ['the grant to pay is refused', { 'POST /': grants('outgoing-payment', answer(400, { error: { code: 'invalid_request' } })) }, ['5'], 'REFUSED', 1, /grant to pay.*invalid_request/],
  ['the person says no', { declines: true }, ['5'], 'REFUSED', 1, /does not grant the payment.*the person said no/],
  ['nobody agrees', { 'GET /interact': answer(200, {}) }, ['5', '--timeout', '1'], 'TIMEOUT', 1, /not agreed at your wallet in time/],
  ['the consent is over when it is used', { 'POST /continue': answer(404, { error: { code: 'invalid_continuation' } }) }, ['5'], 'REFUSED', 1, /invalid_continuation/],
  ['the grant is over when the payment is made', { 'POST /op': onlyFor(/outgoing/, answer(403, { error: { code: 'inactive' } })) }, ['5'], 'REFUSED', 1, /does not make the payment|does not renew/],
  ['the quote is over when the person agrees', { quoteMs: 900, tooFast: 1 }, ['5'], 'EXPIRED', 1, /quote's time is over/],
  ['the incoming payment is complete', { 'POST /op': incoming({ completed: true, methods: [] }) }, ['5'], 'CLOSED', 1, /complete/],
  ['the incoming payment is over', { 'POST /op': incoming({ expiresAt: '2020-01-01T00:00:00Z' }) }, ['5'], 'EXPIRED', 1, /time of the incoming payment is over/],
  ['the incoming payment is in another asset', { 'POST /op': incoming({ receivedAmount: { value: '0', assetCode: 'GBP', assetScale: 2 } }) }, ['5'], 'ASSET', 1, /another asset/],
  ['the incoming payment becomes complete meanwhile', { 'GET /op': (ctx, ordinary, wallet) => { for (const p of wallet.payments.values()) p.completed = true; return ordinary() } }, ['5'], 'CLOSED', 1, /meanwhile/],
  ['the quote is for another receiver', { quote: ({ receiver }) => ({ receiver: `${receiver}x` }) }, ['5'], 'MALFORMED', 1, /another incoming payment/],
  ['the quote costs more', { quote: ({ debit, amount, SOURCE }) => ({ debitAmount: amount(debit + 1n, SOURCE) }) }, ['5'], 'RATE', 1, /another amount/],
  ['the quote brings less', { quote: ({ receive, amount, ASSET }) => ({ receiveAmount: amount(receive - 1n, ASSET) }) }, ['5', '--deliver'], 'RATE', 1, /another amount/],
  ['the quote is above --max-source', {}, ['4.90', '--deliver', '--max-source', '4.99'], 'RATE', 1, /more than --max-source/],
  ['too many digits', {}, ['5.001'], 'INVALID', 2, /too many digits/],
  ['another asset than the account\'s', {}, ['5USD'], 'INVALID', 2, /the asset is EUR/],
  ['no amount', {}, [], 'INVALID', 2, /nothing says how much/],
  ['the wallet fails to pay', { pays: ['half', 'fail'] }, ['5'], 'REMOTE', 1, /could not pay all.*2\.5 EUR \(250 units\) was sent/],
  ['the wallet fails to pay, and does not say that something was sent', { pays: ['half, untold', 'fail'] }, ['5'], 'REMOTE', 1, /says that nothing was sent, but 2\.45 USD \(245 units\) arrived\./],
  ['the wallet breaks down when it is to pay', { 'POST /op': onlyFor(/outgoing/, answer(500, {})) }, ['5'], 'IN_DOUBT', 1, /not known.*Money may still move/, true],
  ['the wallet hangs up when it is to pay', { 'POST /op': onlyFor(/outgoing/, () => ({ hangUp: true })) }, ['5'], 'IN_DOUBT', 1, /not known.*Money may still move/, true],
  ['the payment does not end', { pays: ['half', 'rest', 'rest', 'rest', 'rest'] }, ['5', '--timeout', '2'], 'TIMEOUT', 1, /Money may still move \(2\.5 EUR/, true]
]

const bad = {
  name: `rill op pay: ${wrongs.length} things that go wrong, each with one line, and whether money may move`,
  async run (test) {
    for (const [what, behaviour, args, error, code, line, mayMove = false] of wrongs) {
      const opened = await open(test, behaviour)
      const pay = start(test, opened, opened.wallet.address, args)
      await pay.exits(code)
      const done = doneOf(pay)
      assert.deepStrictEqual([done.error, done.may_move], [error, mayMove], `${what}: ${pay.errors}`)
      assert.strictEqual(pay.errors.length, 1, `${what}: ${pay.errors}`)
      assert.match(pay.errors[0], line, what)
      if (!mayMove && !/fails to pay/.test(what)) {
        assert.match(pay.errors[0], code === 2 ? /./ : /Nothing was sent/, what)
        assert.strictEqual(opened.wallet.outgoing.size, 0, what)
      }
      assert(opened.wallet.asked.filter(line => line === 'POST /op/outgoing-payments').length <= (/grant is over/.test(what) ? 2 : 1), `${what}: asked for twice`)
      assert.strictEqual([...opened.wallet.tokens.values()].filter(({ active }) => active).length, 0, `${what}: tokens are given back`)
    }
  }
}

const stopped = {
  name: 'rill op pay: Ctrl-C at the page, and while the wallet pays',
  async run (test) {
    const opened = await open(test, { pays: ['half', 'rest', 'rest', 'rest'] })
    const { wallet } = opened
    const first = start(test, opened, wallet.address, ['5', '--no-browser'])
    await first.until('the page', () => first.event('waiting'))
    first.child.kill('SIGINT')
    await first.exits(1)
    assert.deepStrictEqual([doneOf(first).error, doneOf(first).may_move, first.errors.length], ['CANCELLED', false, 1])
    assert.match(first.errors[0], /stopped\. Nothing was sent/)
    assert.strictEqual([...wallet.grants.values()].filter(({ finish }) => finish).length, 0, 'the grant is cancelled')
    const second = start(test, opened, wallet.address, ['5'])
    await second.until('the payment', () => second.json().find(event => event.for === 'payment'))
    second.child.kill('SIGINT')
    await second.exits(1)
    const { may_move: mayMove, outgoing_payment: id } = doneOf(second)
    assert.deepStrictEqual([mayMove, id], [true, [...wallet.outgoing.values()][0].payment.id])
    assert.match(second.errors[0], /Money may still move/)
    assert.strictEqual(wallet.tokens.size, 0)
  }
}

const never = () => new Promise(() => {})

const stoppedInBetween = {
  name: 'rill op pay: Ctrl-C while the payment is being made says at once what is waited for; a second one ends it',
  async run (test) {
    let pay
    const stop = () => { pay.child.kill('SIGINT'); return never() }
    const opened = await open(test, { 'POST /op': onlyFor(/outgoing/, stop) })
    pay = start(test, opened, opened.wallet.address, ['5'])
    const { text } = await pay.until('what it waits for', () => pay.json().find(event => event.for === 'answer'))
    assert.match(text, /says whether it pays/)
    pay.child.kill('SIGINT')
    await pay.exits(130)
  }
}

const slowEnd = {
  name: 'rill op pay: servers that do not take grants back are waited for 5 s each, and that is said',
  async run (test) {
    const opened = await open(test, { 'DELETE /token': never })
    const pay = start(test, opened, opened.wallet.address, ['5'])
    await pay.until('the payment', () => pay.json().find(event => event.for === 'payment'))
    const began = Date.now()
    await pay.until('what it waits for', () => pay.json().find(event => event.for === 'end'))
    await pay.exits(0)
    assert.strictEqual(doneOf(pay).received, '490')
    assert.ok(Date.now() - began < 25_000, `${Date.now() - began} ms`) // and not 30 s for each
  }
}

const metadata = {
  name: 'rill op pay: --metadata is in both payments',
  async run (test) {
    const opened = await open(test)
    const text = { description: 'rent, März', externalRef: 'A-17' }
    const pay = start(test, opened, opened.wallet.address, ['5', '--metadata', JSON.stringify(text)])
    await pay.exits(0)
    const [incomingPayment] = opened.wallet.payments.values()
    const [{ payment }] = opened.wallet.outgoing.values()
    assert.deepStrictEqual([incomingPayment.metadata, payment.metadata], [text, text])
  }
}

const exposed = {
  name: 'rill op pay: a key that others can read is refused before anything is asked',
  async run (test) {
    const opened = await open(test)
    fs.chmodSync(opened.ours.file, 0o640)
    const pay = start(test, opened, opened.wallet.address, ['5'])
    await pay.exits(2)
    assert.strictEqual(pay.errors.length, 1)
    assert.match(pay.errors[0], /others can read it.*rill keys new/)
    assert.deepStrictEqual(opened.wallet.asked, [])
  }
}

const noBrowser = {
  name: 'rill op pay: a browser that is none, or fails, is told; the page can be opened by hand',
  async run (test) {
    for (const [browser, told] of [['/nowhere/browser %s', /no browser was opened/], ['false', /false could not show the page/]]) {
      const opened = await open(test)
      const pay = start(test, opened, opened.wallet.address, ['5'], browser)
      await pay.until('a warning', () => pay.errors.some(line => told.test(line)))
      assert.strictEqual(await visit('-L', pay.event('interact').url), '200')
      await pay.exits(0)
    }
  }
}

const sure = ['--key', 'KEY', '--yes']
// Wrong usage: [what, arguments, line]
const misuse = [
  ['no action', ['op', 'send'], /say what to do/],
  ['no receiver', ['op', 'pay', '--from', 'https://a.example', ...sure], /RECEIVER is missing/],
  ['nobody who pays', ['op', 'pay', 'https://b.example', '5', ...sure], /--from WALLET is missing/],
  ['no key', ['op', 'pay', 'https://b.example', '5', '--from', 'https://a.example', '--yes'], /--key FILE is missing/],
  ['nobody to ask', ['op', 'pay', 'https://b.example', '5', '--from', 'https://a.example', '--key', 'KEY'], /no terminal to ask at/],
  ['a script that is asked', ['op', 'pay', 'https://b.example', '5', '--from', 'https://a.example', '--key', 'KEY', '--json'], /--json needs --yes/],
  ['an amount that is none', ['op', 'pay', 'https://b.example', 'five', '--from', 'https://a.example', ...sure], /is not an amount/],
  ['nothing', ['op', 'pay', 'https://b.example', '0', '--from', 'https://a.example', ...sure], /is nothing/],
  ['a delivery of nothing', ['op', 'pay', 'https://b.example', '--deliver', '--from', 'https://a.example', ...sure], /--deliver needs an AMOUNT/],
  ['a receiver by http', ['op', 'pay', 'http://b.example', '5', '--from', 'https://a.example', ...sure], /RECEIVER: http is not protected/],
  ['a wallet that is no URL', ['op', 'pay', 'https://b.example', '5', '--from', 'bob', ...sure], /--from: neither/],
  ['an id that is none', ['op', 'pay', 'https://b.example', '5', '--from', 'https://a.example', ...sure, '--key-id', 'a b'], /is not an id/],
  ['metadata that is no object', ['op', 'pay', 'https://b.example', '5', '--from', 'https://a.example', ...sure, '--metadata', '[1]'], /--metadata: .* is not a JSON object/],
  ['metadata with a name twice', ['op', 'pay', 'https://b.example', '5', '--from', 'https://a.example', ...sure, '--metadata', '{"a":1,"a":2}'], /is not a JSON object/],
  ['authorities that are none', ['op', 'pay', 'https://b.example', '5', '--from', 'https://a.example', ...sure, '--ca-file', '/nowhere'], /--ca-file cannot be read/]
]

const wrongUse = {
  name: `rill op pay: ${misuse.length} wrong commands, each with one line`,
  async run (test) {
    const { file } = await key(test)
    for (const [what, args, line] of misuse) {
      const pay = rill(test, 'rill op', args.map(word => word === 'KEY' ? file : word))
      await pay.exits(2)
      const lines = pay.errors
      assert.strictEqual(lines.length, 1, `${what}: ${lines}`)
      assert.match(lines[0], line, what)
    }
  }
}

/** At a terminal, which script(1) makes: everything that a person sees. */
function atTerminal (test, { ours, wallet }, answer) {
  const line = [process.env.RILL_BIN ? path.resolve(process.env.RILL_BIN, 'rill') : 'rill', 'op', 'pay', wallet.address, '5', '--from', wallet.sender, '--key', ours.file, '--key-id', ours.id].join(' ')
  const script = new Process(test, 'script', 'script', ['-qefc', line, '/dev/null'], { env: { BROWSER: curl(test), no_proxy: '*' }, stdin: 'pipe' })
  script.text = ''
  script.child.stdout.on('data', piece => {
    const asked = /\? \[y\/N\] $/.test(script.text)
    script.text += piece
    if (!asked && /\? \[y\/N\] $/.test(script.text)) script.child.stdin.write(`${answer}\n`)
  })
  return script
}

const asked = {
  name: 'rill op pay: a person at a terminal sees the quote, is asked, and told what happens',
  async run (test) {
    const opened = await open(test)
    const no = atTerminal(test, opened, 'n')
    await no.exits(1)
    assert.match(no.text, /pay +5 EUR \(500 units\), with all fees\r\ndeliver +4\.9 USD \(490 units\)\r\n/)
    assert.match(no.text, /stopped\. Nothing was sent\./)
    assert.strictEqual(opened.wallet.pages.length, 0)
    const yes = atTerminal(test, opened, 'y')
    await yes.exits(0)
    assert.match(yes.text, /Agree at your wallet's page, which opens in your browser:\r\n +http:/)
    assert.match(yes.text, /waiting for you to agree.*\r\n/)
    assert.match(yes.text, /waiting for your wallet to pay.*\r\n/)
    assert.match(yes.text, /sent 5 EUR \(500 units\), received 4\.9 USD \(490 units\)\r\n/)
  }
}

const otherClient = {
  name: 'rill op pay: @interledger/open-payments pays at the same wallet, by the same steps',
  async run (test) {
    const { ours, wallet } = await open(test)
    const client = await createAuthenticatedClient({ walletAddressUrl: wallet.sender, privateKey: ours.file, keyId: ours.id, useHttp: true, validateResponses: true })
    const receiver = await client.walletAddress.get({ url: wallet.address })
    const incomingGrant = await client.grant.request({ url: receiver.authServer }, { access_token: { access: [{ type: 'incoming-payment', actions: ['create', 'read'] }] } })
    const payment = await client.incomingPayment.create({ url: receiver.resourceServer, accessToken: incomingGrant.access_token.value }, { walletAddress: wallet.address })
    const quoteGrant = await client.grant.request({ url: wallet.base }, { access_token: { access: [{ type: 'quote', actions: ['create', 'read'] }] } })
    const quote = await client.quote.create({ url: `${wallet.base}/op`, accessToken: quoteGrant.access_token.value }, { walletAddress: wallet.sender, receiver: payment.id, method: 'ilp', debitAmount: { value: '500', assetCode: 'EUR', assetScale: 2 } })
    const grant = await client.grant.request({ url: wallet.base }, {
      access_token: { access: [{ type: 'outgoing-payment', actions: ['create', 'read'], identifier: wallet.sender, limits: { receiver: payment.id, debitAmount: quote.debitAmount } }] },
      interact: { start: ['redirect'], finish: { method: 'redirect', uri: 'http://127.0.0.1:9/back', nonce: 'n' } }
    })
    assert(isPendingGrant(grant))
    const { location } = wallet.page(grant.interact.redirect.split('/').pop()).headers
    const final = await client.grant.continue({ url: grant.continue.uri, accessToken: grant.continue.access_token.value }, { interact_ref: new URL(location).searchParams.get('interact_ref') })
    const outgoing = await client.outgoingPayment.create({ url: `${wallet.base}/op`, accessToken: final.access_token.value }, { walletAddress: wallet.sender, quoteId: quote.id })
    const seen = await client.outgoingPayment.get({ url: outgoing.id, accessToken: final.access_token.value })
    assert.deepStrictEqual([outgoing.debitAmount.value, seen.sentAmount.value], ['500', '250'])
  }
}

module.exports = [whole('base64'), whole('base64url'), deliver, renewed, others, bad, stopped, stoppedInBetween, slowEnd, metadata,
  exposed, noBrowser, wrongUse, asked, otherClient]
