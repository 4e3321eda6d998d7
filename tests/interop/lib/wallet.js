'use strict'
// A wallet of Open Payments on loopback: its documents are those of @interledger/open-payments,
// which validate every request and every answer; signatures are verified as Rafiki verifies them.
const crypto = require('crypto')
const http = require('http')
const path = require('path')
const { createOpenAPI } = require('@interledger/openapi')
const utils = require('@interledger/http-signature-utils')

const SPECS = path.join(path.dirname(require.resolve('@interledger/open-payments')), 'openapi/specs')
const ASSET = { assetCode: 'USD', assetScale: 2 }

// Making a validator changes the document that it is made from: each has its own.
const validators = new Map()
function validatorsOf (name, pattern, method) {
  const key = `${name} ${pattern} ${method}`
  const make = kind => createOpenAPI(path.join(SPECS, `${name}.yaml`)).then(spec => spec[kind]({ path: pattern, method }))
  if (!validators.has(key)) validators.set(key, Promise.all([make('createRequestValidator'), make('createResponseValidator')]))
  return validators.get(key)
}

class Refusal extends Error {
  constructor (status, code, description) {
    super(`${status} ${code}: ${description}`)
    Object.assign(this, { status, code, description })
  }
}

class Wallet {
  /** behaviour: functions that stand in for a step, to misbehave. */
  constructor (test, behaviour = {}) {
    Object.assign(this, { test, behaviour, asked: [], ours: new Set(), grants: new Map(), tokens: new Map(), payments: new Map() })
  }

  async start () {
    this.server = http.createServer((req, res) => this.serve(req, res))
    await new Promise(resolve => this.server.listen(0, '127.0.0.1', resolve))
    this.test.defer(() => { this.server.closeAllConnections(); this.server.close() })
    this.base = `http://127.0.0.1:${this.server.address().port}`
    this.address = `${this.base}/alice`
    return this
  }

  async serve (req, res) {
    if (/^rill/i.test(req.headers['user-agent'])) this.ours.add(req.socket)
    const chunks = []
    for await (const chunk of req) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    const ctx = { method: req.method, path: req.url.split('?')[0], href: this.base + req.url, headers: req.headers, text }
    this.asked.push(`${ctx.method} ${ctx.path}`)
    let answer
    try {
      ctx.body = text ? JSON.parse(text) : undefined
      answer = await this.route(ctx)
    } catch (err) {
      this.test.log('wallet', `${ctx.method} ${ctx.path}: ${err.stack}`)
      const message = err.errors ? err.errors.map(e => e.message).join('; ') : err.description || err.message
      answer = { status: err.status || 500, body: { error: { code: err.code || 'invalid_request', description: message } } }
    }
    if (answer.hangUp) return req.socket.destroy()
    const body = answer.raw !== undefined ? answer.raw : answer.body ? JSON.stringify(answer.body) : ''
    res.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
    res.end(body)
  }

  async route (ctx) {
    const [, first, second, third, fourth] = ctx.path.split('/')
    const own = this.behaviour[`${ctx.method} /${first}`]
    const ordinary = () => this.ordinary(ctx, first, second, third, fourth)
    return own ? own(ctx, ordinary, this) : ordinary()
  }

  ordinary (ctx, first, second, third, fourth) {
    if (first === 'alice') return this.validated('wallet-address-server', second ? '/jwks.json' : '/', ctx, () => this.document(second))
    if (first === '') return this.validated('auth-server', '/', ctx, () => this.grant(ctx))
    if (first === 'continue') return this.validated('auth-server', '/continue/{id}', ctx, () => this.proceed(ctx, second))
    if (first === 'token') return this.validated('auth-server', '/token/{id}', ctx, () => this.manage(ctx, second))
    if (first === 'op' && fourth) return this.validated('resource-server', '/incoming-payments/{id}/complete', ctx, () => this.complete(ctx, third))
    if (first === 'op' && third) return this.validated('resource-server', '/incoming-payments/{id}', ctx, () => this.read(ctx, third))
    if (first === 'op') return this.validated('resource-server', '/incoming-payments', ctx, () => this.create(ctx))
    throw new Refusal(404, 'not_found', 'no such path')
  }

  async validated (name, pattern, ctx, respond) {
    const method = ctx.method.toLowerCase()
    const [request, response] = await validatorsOf(name, pattern, method)
    const id = pattern.includes('{id}') ? { id: ctx.path.split('/')[/payments|quotes/.test(pattern) ? 3 : 2] } : {}
    request({ headers: { ...ctx.headers }, query: {}, params: id, body: ctx.body })
    const answer = await respond()
    // The document knows a grant that is pending only behind a question to a person; GNAP knows it
    // without (RFC 9635 section 3.1).
    const isPending = answer.body && answer.body.continue && !answer.body.access_token
    if (answer.status < 300 && answer.status !== 204 && !isPending) response({ status: answer.status, body: answer.body })
    return answer
  }

  document (second) {
    if (second) return { status: 200, body: { keys: this.behaviour.jwks || [] } }
    return { status: 200, body: { id: this.address, publicName: 'Alice', ...(this.behaviour.asset || ASSET), authServer: this.base, resourceServer: `${this.base}/op` } }
  }

  /** As Rafiki does it: over the parsed body, written again. */
  async verify (ctx, jwk) {
    const request = { method: ctx.method, url: ctx.href, headers: ctx.headers, body: ctx.body ? JSON.stringify(ctx.body) : undefined }
    if (!utils.validateSignatureHeaders(request) || !(await utils.validateSignature(jwk, request))) {
      throw new Refusal(401, 'invalid_client', 'the signature does not verify')
    }
  }

  async keyOf (client, headers) {
    if (client.jwk) {
      if (this.behaviour.noDirectedIdentity) throw new Refusal(400, 'invalid_client', 'a wallet address is needed')
      return client.jwk
    }
    const address = typeof client === 'string' ? client : client.walletAddress // the older form
    const keys = await (await fetch(`${address}/jwks.json`)).json()
    const key = keys.keys.find(({ kid }) => kid === utils.getKeyId(headers['signature-input']))
    if (!key) throw new Refusal(400, 'invalid_client', 'no such key')
    return key
  }

  async grant (ctx) {
    const jwk = await this.keyOf(ctx.body.client, ctx.headers)
    await this.verify(ctx, jwk)
    const id = crypto.randomUUID()
    const grant = { id, jwk, access: ctx.body.access_token.access, token: crypto.randomUUID(), looks: 0 }
    this.grants.set(id, grant)
    return { status: 200, body: this.granted(grant) }
  }

  granted (grant) {
    const next = { access_token: { value: grant.token }, uri: `${this.base}/continue/${grant.id}` }
    if (this.behaviour.pending && grant.looks++ < this.behaviour.pending) return { continue: { ...next, wait: 1 } }
    return { access_token: this.token(grant), continue: next }
  }

  token (grant) {
    const token = { id: crypto.randomUUID(), value: crypto.randomUUID(), grant, active: true }
    this.tokens.set(token.value, token)
    return { value: token.value, manage: `${this.base}/token/${token.id}`, expires_in: 600, access: grant.access }
  }

  bearer (ctx) {
    return (/^GNAP (\S+)$/.exec(ctx.headers.authorization || '') || [])[1]
  }

  async proceed (ctx, id) {
    const grant = this.grants.get(id)
    if (!grant || this.bearer(ctx) !== grant.token) throw new Refusal(404, 'invalid_continuation', 'no such grant')
    await this.verify(ctx, grant.jwk)
    return { status: 200, body: this.granted(grant) }
  }

  async manage (ctx, id) {
    const token = [...this.tokens.values()].find(t => t.id === id && t.value === this.bearer(ctx))
    if (!token) throw new Refusal(404, 'invalid_rotation', 'no such token')
    await this.verify(ctx, token.grant.jwk)
    this.tokens.delete(token.value)
    if (ctx.method === 'DELETE') return { status: 204 }
    return { status: 200, body: { access_token: this.token(token.grant) } }
  }

  async authorize (ctx, action) {
    const token = this.tokens.get(this.bearer(ctx))
    if (!token || !token.active) throw new Refusal(token ? 403 : 401, 'inactive', 'the token is not active')
    await this.verify(ctx, token.grant.jwk)
    const actions = token.grant.access.flatMap(access => access.type === 'incoming-payment' ? access.actions : [])
    if (!actions.some(a => a === action || a === `${action}-all`)) throw new Refusal(403, 'forbidden', action)
  }

  async create (ctx) {
    await this.authorize(ctx, 'create')
    return { status: 201, body: this.made(ctx.body) }
  }

  /** A payment, as anyone may have made one. */
  made (body = {}) {
    const id = crypto.randomUUID()
    const payment = {
      id: `${this.base}/op/incoming-payments/${id}`,
      walletAddress: this.address,
      ...(body.incomingAmount && { incomingAmount: body.incomingAmount }),
      receivedAmount: { value: '0', ...ASSET },
      completed: false,
      expiresAt: body.expiresAt || new Date(Date.now() + 3600_000).toISOString(),
      ...(body.metadata && { metadata: body.metadata }),
      createdAt: new Date().toISOString(),
      methods: [{ type: 'ilp', ilpAddress: 'test.wallet.alice', sharedSecret: Buffer.alloc(32, 7).toString('base64url') }],
      ...body.changes
    }
    this.payments.set(id, payment)
    return payment
  }

  find (id) {
    const payment = this.payments.get(id)
    if (!payment) throw new Refusal(404, 'not_found', 'no such payment')
    return payment
  }

  async read (ctx, id) {
    const payment = this.find(id)
    if (!ctx.headers.authorization) return { status: 200, body: { receivedAmount: payment.receivedAmount, authServer: this.base } }
    await this.authorize(ctx, 'read')
    return { status: 200, body: payment }
  }

  async complete (ctx, id) {
    await this.authorize(ctx, 'complete')
    const { methods, ...payment } = this.find(id)
    this.payments.set(id, { ...payment, completed: true, methods: [] })
    return { status: 200, body: { ...payment, completed: true } }
  }
}

const startWallet = (test, behaviour) => new Wallet(test, behaviour).start()

module.exports = { Wallet, Refusal, startWallet, ASSET }
