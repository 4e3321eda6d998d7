'use strict'
// The payer's part of Open Payments against a wallet whose requests and answers the documents of
// @interledger/open-payments validate.
const assert = require('assert')
const { signer, opPayer } = require('../lib/programs')
const { startWallet } = require('../lib/wallet')

/** A key of ours in a file, and its public half. */
async function key (test, id = 'my-key') {
  const { pem, jwk } = await signer(test)({ do: 'new', id })
  return { id, file: test.write('key.pem', pem), jwk: JSON.parse(jwk) }
}

async function pay (test, receiver, options = {}, ...then) {
  const { id, file } = options.key || await key(test)
  return opPayer(test, receiver, file, { id, ...options.with }, then)
}

const secret = Buffer.alloc(32, 7)[0]

const whole = {
  name: 'Open Payments: a wallet address, a grant by key alone, a payment, complete, the grant given back',
  async run (test) {
    const wallet = await startWallet(test)
    const told = await pay(test, wallet.address,
      { with: { amount: 2500, expires_in: 600, metadata: '{"10":"\u00e4","9":{"b":[1.50,null]}}' } }, 'refresh', 'complete', 'close')
    assert.deepStrictEqual(told.map(({ error, closed }) => error || closed), ['RILL_OK', 'RILL_OK', 'RILL_OK', true])
    const [payment] = wallet.payments.values()
    const { address, asset_code: code, asset_scale: scale, incoming, id } = told[0]
    assert.deepStrictEqual({ address, code, scale, incoming, id, secret: told[0].secret },
      { address: 'test.wallet.alice', code: 'USD', scale: 2, incoming: 2500, id: payment.id, secret })
    assert.strictEqual(new Date(payment.expiresAt).getTime(), told[0].expires_at)
    assert(Math.abs(told[0].expires_at - Date.now() - 600_000) < 60_000)
    assert.deepStrictEqual(payment.metadata, { 9: { b: [1.5, null] }, 10: '\u00e4' })
    assert.deepStrictEqual([told[1].completed, told[2].completed], [false, true])
    const path = new URL(payment.id).pathname
    assert.deepStrictEqual(wallet.asked.map(line => line.replace(/token\/.*/, 'token')),
      ['GET /alice', 'POST /', 'POST /op/incoming-payments', `GET ${path}`, `POST ${path}/complete`, 'DELETE /token'])
    assert.strictEqual(wallet.tokens.size, 0)
  }
}

const given = {
  name: 'Open Payments: the URL of an incoming payment',
  async run (test) {
    const wallet = await startWallet(test)
    const { id } = wallet.made({ incomingAmount: { value: '18446744073709551615', assetCode: 'EUR', assetScale: 9 }, changes: { receivedAmount: { value: '77', assetCode: 'EUR', assetScale: 9 } } })
    const [told] = await pay(test, id)
    assert.strictEqual(told.error, 'RILL_OK', told.problem)
    assert.deepStrictEqual([told.id, told.asset_code, told.asset_scale, told.received, told.address], [id, 'EUR', 9, 77, 'test.wallet.alice'])
  }
}

const byWallet = {
  name: 'Open Payments: a server that takes no key alone gets our wallet address, if there is one',
  async run (test) {
    const ours = await key(test)
    const wallet = await startWallet(test, { noDirectedIdentity: true, jwks: [ours.jwk] })
    const [refused] = await pay(test, wallet.address, { key: ours })
    assert.deepStrictEqual([refused.error, /400, invalid_client: a wallet address is needed/.test(refused.problem)], ['RILL_ERR_REFUSED', true], refused.problem)
    const [told] = await pay(test, wallet.address, { key: ours, with: { wallet_address: wallet.address } })
    assert.strictEqual(told.error, 'RILL_OK', told.problem)
  }
}

const pending = {
  name: 'Open Payments: a grant that is pending is asked for again; for ever is too long',
  async run (test) {
    const wallet = await startWallet(test, { pending: 2 })
    const start = Date.now()
    const [told] = await pay(test, wallet.address, {}, 'close')
    assert.strictEqual(told.error, 'RILL_OK', told.problem)
    assert(Date.now() - start >= 2000) // it waited as it was told
    const stuck = await startWallet(test, { pending: 1000 })
    const [late] = await pay(test, stuck.address, { with: { grant_timeout_ms: 1500 } })
    assert.strictEqual(late.error, 'RILL_ERR_TIMEOUT')
  }
}

const renewed = {
  name: 'Open Payments: an access token that is over is renewed, once, and the question asked again',
  async run (test) {
    let over = true
    const wallet = await startWallet(test, {
      'POST /op': (ctx, ordinary, wallet) => {
        if (over) for (const token of wallet.tokens.values()) token.active = false
        over = false
        return ordinary()
      }
    })
    const [told, closed] = await pay(test, wallet.address, {}, 'close')
    assert.strictEqual(told.error, 'RILL_OK', told.problem)
    assert(closed.closed)
    assert.deepStrictEqual(wallet.asked.map(line => line.replace(/token\/.*/, 'token')),
      ['GET /alice', 'POST /', 'POST /op/incoming-payments', 'POST /token', 'POST /op/incoming-payments', 'DELETE /token'])
    const never = await startWallet(test, {
      'POST /op': (ctx, ordinary, wallet) => {
        for (const token of wallet.tokens.values()) token.active = false
        return ordinary()
      }
    })
    const [refused] = await pay(test, never.address)
    assert.strictEqual(refused.error, 'RILL_ERR_REFUSED')
    assert.strictEqual(never.asked.filter(line => line.startsWith('POST /op')).length, 2)
  }
}

const answer = (status, body, headers) => () => ({ status, body, headers })
const payment = changes => (ctx, ordinary, wallet) => ({ status: 201, body: wallet.made({ ...ctx.body, changes }) })
const usd = value => ({ value, assetCode: 'USD', assetScale: 2 })

// What is wrong, where, and what is told of it.
const wrongs = [
  ['no such wallet', { 'GET /alice': answer(404) }, 'RILL_ERR_NOT_FOUND', /404/],
  ['a wallet that is out of order', { 'GET /alice': answer(500) }, 'RILL_ERR_REFUSED', /500/],
  ['a page for people', { 'GET /alice': () => ({ status: 200, raw: '<html>' }) }, 'RILL_ERR_MALFORMED', /not a JSON object/],
  ['another document', { 'GET /alice': answer(200, { hello: 1 }) }, 'RILL_ERR_UNSUPPORTED', /neither a wallet address/],
  ['a key that comes twice', { 'GET /alice': () => ({ status: 200, raw: '{"authServer":"https://a.example","authServer":"https://b.example"}' }) }, 'RILL_ERR_MALFORMED', /JSON/],
  ['a wallet without an asset', { 'GET /alice': answer(200, { id: 'https://a.example', authServer: 'https://a.example', resourceServer: 'https://a.example' }) }, 'RILL_ERR_MALFORMED', /asset/],
  ['an auth server by http elsewhere', { 'GET /alice': answer(200, { authServer: 'http://auth.example' }) }, 'RILL_ERR_MALFORMED', /cannot be asked: http:\/\/auth.example/],
  ['a redirect to http elsewhere', { 'GET /alice': answer(302, undefined, { location: 'http://a.example/' }) }, 'RILL_ERR_PROTOCOL', /http is not protected/],
  ['a connection that ends', { 'GET /alice': () => ({ hangUp: true }) }, 'RILL_ERR_IO', /./],
  ['no grant', { 'POST /': answer(401, { error: { code: 'request_denied', description: 'not today' } }) }, 'RILL_ERR_REFUSED', /does not grant .*401, request_denied: not today/],
  ['an error that is a word', { 'POST /': answer(400, { error: 'invalid_client' }) }, 'RILL_ERR_REFUSED', /400, invalid_client$/],
  ['a person to ask', { 'POST /': (ctx, ordinary, wallet) => ({ status: 200, body: { interact: { redirect: 'https://a.example', finish: 'f' }, continue: { access_token: { value: 't' }, uri: wallet.base } } }) }, 'RILL_ERR_UNSUPPORTED', /person/],
  ['a grant of nothing', { 'POST /': answer(200, {}) }, 'RILL_ERR_MALFORMED', /not a grant/],
  ['a token with a line break', { 'POST /': answer(200, { access_token: { value: 'a\r\nx: y' } }) }, 'RILL_ERR_MALFORMED', /access token/],
  ['a grant that is redirected', { 'POST /': answer(307, undefined, { location: '/other' }) }, 'RILL_ERR_REFUSED', /307/],
  ['a payment that is refused', { 'POST /op': answer(403, { error: { description: 'closed account' } }) }, 'RILL_ERR_REFUSED', /403, closed account|does not renew/],
  ['a payment of another amount', { 'POST /op': payment({ incomingAmount: usd('2600') }) }, 'RILL_ERR_MALFORMED', /another amount/],
  ['a payment in another asset', { 'POST /op': payment({ incomingAmount: { ...usd('2500'), assetCode: 'EUR' } }) }, 'RILL_ERR_ASSET', /another asset/],
  ['an amount that is none', { 'POST /op': payment({ receivedAmount: usd('1.5') }) }, 'RILL_ERR_MALFORMED', /amount that is none/],
  ['an amount above 2^64', { 'POST /op': payment({ receivedAmount: usd('18446744073709551616') }) }, 'RILL_ERR_MALFORMED', /amount that is none/],
  ['a complete payment', { 'POST /op': payment({ completed: true, methods: [] }) }, 'RILL_ERR_CLOSED', /complete/],
  ['a payment whose time is over', { 'POST /op': payment({ expiresAt: '2020-01-01T00:00:00Z' }) }, 'RILL_ERR_EXPIRED', /time/],
  ['a time that is none', { 'POST /op': payment({ expiresAt: 'tomorrow' }) }, 'RILL_ERR_MALFORMED', /expiresAt/],
  ['no way to pay', { 'POST /op': payment({ methods: [] }) }, 'RILL_ERR_UNSUPPORTED', /Interledger/],
  ['another way to pay', { 'POST /op': payment({ methods: [{ type: 'card' }] }) }, 'RILL_ERR_UNSUPPORTED', /Interledger/],
  ['a short secret', { 'POST /op': payment({ methods: [{ type: 'ilp', ilpAddress: 'test.a', sharedSecret: 'AAAA' }] }) }, 'RILL_ERR_MALFORMED', /sharedSecret/],
  ['an address that is none', { 'POST /op': payment({ methods: [{ type: 'ilp', ilpAddress: 'nowhere', sharedSecret: 'AAAA' }] }) }, 'RILL_ERR_MALFORMED', /ilpAddress/]
]

const bad = {
  name: `Open Payments: ${wrongs.length} things that go wrong, each with its own words`,
  async run (test) {
    const ours = await key(test)
    for (const [what, behaviour, error, problem] of wrongs) {
      const wallet = await startWallet(test, behaviour)
      const told = await pay(test, wallet.address, { key: ours, with: { amount: 2500 } })
      assert.strictEqual(told.length, 1, what)
      assert.strictEqual(told[0].error, error, `${what}: ${told[0].problem}`)
      assert.match(told[0].problem, problem, what)
    }
  }
}

const closes = {
  name: 'Open Payments: closed while it is asked; closed where the server no longer answers',
  async run (test) {
    const wallet = await startWallet(test, { 'DELETE /token': () => ({ hangUp: true }) })
    const told = await pay(test, wallet.address, {}, 'close')
    assert.deepStrictEqual(told.map(({ error, closed }) => error || closed), ['RILL_OK', true])
  }
}

module.exports = [whole, given, byWallet, pending, renewed, bad, closes]
