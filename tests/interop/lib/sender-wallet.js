'use strict'
// A wallet that pays out of an account: quotes, grants that a person agrees to, and outgoing
// payments, beside the incoming payments of lib/wallet.js. Bob pays, Alice is paid.
const crypto = require('crypto')
const { Wallet, Refusal, ASSET } = require('./wallet')

const SOURCE = { assetCode: 'EUR', assetScale: 2 }
const amount = (value, asset) => ({ value: String(value), ...asset })

class SenderWallet extends Wallet {
  constructor (test, behaviour) {
    super(test, behaviour)
    Object.assign(this, { quotes: new Map(), outgoing: new Map(), pages: [] })
  }

  async start () {
    await super.start()
    this.sender = `${this.base}/bob`
    return this
  }

  ordinary (ctx, first, second, third, fourth) {
    if (first === 'bob') return this.validated('wallet-address-server', second ? '/jwks.json' : '/', ctx, () => this.account(second))
    if (first === 'interact') return this.page(second)
    if (first === 'op' && second === 'quotes') return this.validated('resource-server', '/quotes', ctx, () => this.quote(ctx))
    if (first === 'op' && second === 'outgoing-payments') {
      return third
        ? this.validated('resource-server', '/outgoing-payments/{id}', ctx, () => this.readOutgoing(ctx, third))
        : this.validated('resource-server', '/outgoing-payments', ctx, () => this.createOutgoing(ctx))
    }
    return super.ordinary(ctx, first, second, third, fourth)
  }

  account (second) {
    if (second) return { status: 200, body: { keys: this.behaviour.jwks || [] } }
    return { status: 200, body: { id: this.sender, publicName: 'Bob', ...SOURCE, authServer: this.base, resourceServer: `${this.base}/op` } }
  }

  // ---- grants ----

  async grant (ctx) {
    const outgoing = ctx.body.access_token.access.some(({ type }) => type === 'outgoing-payment')
    if (!outgoing) return super.grant(ctx)
    if (ctx.body.client.jwk || !ctx.body.interact) throw new Refusal(400, 'invalid_request', 'a person must be asked')
    const jwk = await this.keyOf(ctx.body.client, ctx.headers)
    await this.verify(ctx, jwk)
    const id = crypto.randomUUID()
    const { finish } = ctx.body.interact
    const grant = { id, jwk, access: ctx.body.access_token.access, token: crypto.randomUUID(), finish, nonce: crypto.randomUUID(), url: this.base, state: 'asked' }
    this.grants.set(id, grant)
    return {
      status: 200,
      body: {
        interact: { redirect: `${this.base}/interact/${id}`, finish: grant.nonce },
        continue: { access_token: { value: grant.token }, uri: `${this.base}/continue/${id}`, wait: 1 }
      }
    }
  }

  /** Where the person agrees, at once, and is sent back. */
  page (id) {
    const grant = this.grants.get(id)
    this.pages.push(id)
    const to = new URL(grant.finish.uri)
    if (this.behaviour.declines) {
      grant.state = 'refused'
      to.searchParams.append('result', 'grant_rejected')
    } else {
      grant.state = 'agreed'
      grant.ref = crypto.randomUUID()
      const text = [grant.finish.nonce, grant.nonce, grant.ref, grant.url].join('\n')
      to.searchParams.append('hash', crypto.createHash('sha256').update(text).digest(this.behaviour.hashes || 'base64'))
      to.searchParams.append('interact_ref', grant.ref)
    }
    return { status: 302, headers: { location: to.href } }
  }

  async proceed (ctx, id) {
    const grant = this.grants.get(id)
    if (!grant || !grant.finish) {
      if (grant && ctx.method === 'DELETE') { this.grants.delete(id); return { status: 204 } }
      return super.proceed(ctx, id)
    }
    if (this.bearer(ctx) !== grant.token) throw new Refusal(404, 'invalid_continuation', 'no such grant')
    await this.verify(ctx, grant.jwk)
    if (ctx.method === 'DELETE') {
      this.grants.delete(id)
      return { status: 204 }
    }
    if (grant.state === 'refused') throw new Refusal(401, 'request_denied', 'the person said no')
    if (this.behaviour.tooFast && this.behaviour.tooFast-- > 0) throw new Refusal(400, 'too_fast', 'wait')
    if (grant.state !== 'agreed' || !ctx.body || ctx.body.interact_ref !== grant.ref) throw new Refusal(401, 'invalid_continuation', 'not agreed')
    grant.state = 'granted'
    return { status: 200, body: this.granted(grant) }
  }

  async rights (ctx, type, action) {
    const token = this.tokens.get(this.bearer(ctx))
    if (!token || !token.active) throw new Refusal(token ? 403 : 401, 'inactive', 'the token is not active')
    await this.verify(ctx, token.grant.jwk)
    const access = token.grant.access.find(a => a.type === type && a.actions.includes(action))
    if (!access) throw new Refusal(403, 'forbidden', action)
    return access
  }

  // ---- quotes ----

  /** 2 % are kept, and one EUR is one USD. */
  async quote (ctx) {
    await this.rights(ctx, 'quote', 'create')
    const { receiver, debitAmount, receiveAmount, walletAddress } = ctx.body
    const payment = this.find(receiver.split('/').pop())
    const missing = payment.incomingAmount && BigInt(payment.incomingAmount.value) - BigInt(payment.receivedAmount.value)
    const receive = debitAmount ? BigInt(debitAmount.value) * 98n / 100n : receiveAmount ? BigInt(receiveAmount.value) : missing
    if (receive === undefined) throw new Refusal(400, 'invalid_request', 'no amount')
    const debit = debitAmount ? BigInt(debitAmount.value) : (receive * 100n + 97n) / 98n
    const id = crypto.randomUUID()
    const quote = {
      id: `${this.base}/op/quotes/${id}`,
      walletAddress,
      receiver,
      debitAmount: amount(debit, SOURCE),
      receiveAmount: amount(receive, ASSET),
      method: 'ilp',
      createdAt: new Date().toISOString(),
      expiresAt: new Date(Date.now() + (this.behaviour.quoteMs || 300_000)).toISOString(),
      ...(this.behaviour.quote && this.behaviour.quote({ debit, receive, receiver, SOURCE, ASSET, amount }))
    }
    this.quotes.set(quote.id, quote)
    return { status: 201, body: quote }
  }

  // ---- outgoing payments ----

  async createOutgoing (ctx) {
    const { limits, identifier } = await this.rights(ctx, 'outgoing-payment', 'create')
    const { quoteId, walletAddress, metadata } = ctx.body
    const quote = this.quotes.get(quoteId)
    if (!quote || quote.used) throw new Refusal(400, 'invalid_quote', 'no such quote')
    if (new Date(quote.expiresAt) <= new Date()) throw new Refusal(400, 'expired_quote', 'the quote is over')
    if (identifier !== walletAddress || limits.receiver !== quote.receiver) throw new Refusal(403, 'forbidden', 'another payment')
    if (BigInt(limits.debitAmount.value) < BigInt(quote.debitAmount.value)) throw new Refusal(403, 'forbidden', 'above the limit')
    quote.used = true
    const id = crypto.randomUUID()
    const { debitAmount, receiveAmount, receiver } = quote
    const payment = {
      id: `${this.base}/op/outgoing-payments/${id}`,
      walletAddress,
      quoteId,
      failed: false,
      receiver,
      receiveAmount,
      debitAmount,
      sentAmount: amount(0, SOURCE),
      createdAt: new Date().toISOString(),
      ...(metadata && { metadata }),
      ...this.behaviour.payment
    }
    this.outgoing.set(id, { payment, limits, looks: 0 })
    return { status: 201, body: { ...payment, grantSpentDebitAmount: debitAmount } }
  }

  /** Money goes with each look: a part, and then the rest; a wallet may keep fees out of sentAmount. */
  async readOutgoing (ctx, id) {
    await this.rights(ctx, 'outgoing-payment', 'read')
    const entry = this.outgoing.get(id)
    if (!entry) throw new Refusal(404, 'not_found', 'no such payment')
    const { payment } = entry
    const step = (this.behaviour.pays || ['half', 'all'])[entry.looks++] || 'rest'
    const incoming = this.find(payment.receiver.split('/').pop())
    const receive = BigInt(payment.receiveAmount.value)
    const arrive = value => { incoming.receivedAmount = amount(BigInt(incoming.receivedAmount.value) + value, ASSET) }
    if (step === 'half' || step === 'half, untold') {
      if (step === 'half') payment.sentAmount = amount(BigInt(payment.debitAmount.value) / 2n, SOURCE)
      arrive(receive / 2n)
      entry.arrived = receive / 2n
    } else if (step === 'all' || step === 'all but fees') {
      payment.sentAmount = step === 'all' ? payment.debitAmount : amount(receive, SOURCE)
      arrive(receive - (entry.arrived || 0n))
    } else if (step === 'fail') {
      payment.failed = true
    }
    return { status: 200, body: payment }
  }
}

const startSenderWallet = (test, behaviour) => new SenderWallet(test, behaviour).start()

module.exports = { startSenderWallet }
