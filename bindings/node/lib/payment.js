// SPDX-License-Identifier: Apache-2.0
'use strict'
// One payment on a connection of its own, whose state is kept, so that another process can go on
// with it: as rill/payment.h. Nothing leaves before a state that counts it is safe.
const path = require('path')
const { createConnection } = require('./index')
const { ConnectionError } = require('./connection')
const { ErrorCode } = require('./packet')
const { native } = require('./arena')
const { MAX, toBig, ratioToString } = require('./util/amount')
const { RillError, PaymentError, Code, errorText } = require('./errors')
const { Keeper, parse, settled, lifetimeOf, checkExpired, load } = require('./state')

/** A payment whose state is kept is sent in so many steps at least: one is in doubt after a kill. */
const STEPS = 8n
/** Milliseconds from one note of what has arrived to the next. */
const NOTED_EACH = 1000
/** What is still in flight when a payment fails gets so long to be answered, and the goodbye, in ms. */
const GRACE = 2000
const MOST_TIMEOUT = 2 ** 31 - 1
const NOTHING = { sent: 0n, inFlight: 0n, delivered: 0n, packetsSent: 0n, maxPacketAmount: 0n }
/** Of a connection's statistics: what never falls. */
const GROWING = ['sent', 'delivered', 'packetsSent']

/** Whose payments are under way, by address and secret. */
const underWay = new Set()
/** Buffers of which money has left: each is of before that. */
const used = new WeakSet()

const larger = (a, b) => a > b ? a : b
const smaller = (a, b) => a < b ? a : b

function sleep (ms) {
  let timer
  const slept = new Promise(resolve => { timer = setTimeout(resolve, ms) })
  return { slept, stop: () => clearTimeout(timer) }
}

/** Whichever comes first. promise must not reject. */
async function within (ms, promise) {
  const { slept, stop } = sleep(ms)
  await Promise.race([promise, slept])
  stop()
}

/** Where the money of the whole payment is. */
function tell (error, sums) {
  error.sent = sums.sent.toString()
  error.delivered = sums.delivered.toString()
  error.inDoubt = sums.inDoubt.toString()
  return error
}

/** Whatever has failed, as an error of a payment. */
function asPaymentError (err) {
  if (err instanceof PaymentError) return err
  const error = new PaymentError(Code.CLOSED, String(err && err.message), err)
  if (err && typeof err.code === 'string') error.code = err.code
  return error
}

class Paying {
  /** keeper: null where nobody keeps its state. buffer: that the state came in, or null. */
  constructor (state, keeper, buffer) {
    this.state = state
    this.keeper = keeper
    this.buffer = buffer
    this.connection = null
    this.made = null
    this.stream = null
    /** Of this connection's money: what may have left by now. */
    this.allowed = 0n
    /** The most that was ever allowed. */
    this.granted = 0n
    /** The statistics that were read last, and whether others were less than those of before. */
    this.last = NOTHING
    this.fallen = false
    /** The step is all that there is: smaller ones bring nothing. */
    this.pushed = false
    this.noted = -1n
    this.failure = null
    /** Nothing that happens now is a failure. */
    this.over = false
    this.failed = new Promise(resolve => { this.tellFailed = resolve })
  }

  /** The first is why the payment fails. */
  fail (err) {
    if (this.failure || this.over) return
    this.failure = err
    this.tellFailed()
    if (this.stream) this.stream._stopSending()
  }

  /**
   * The connection's statistics. Where they fall, they are believed no more: all that was allowed may
   * have left, and nothing more is.
   */
  now () {
    if (!this.connection) return NOTHING
    const { last } = this
    const now = this.connection.statistics
    this.fallen = this.fallen || GROWING.some(name => now[name] < last[name])
    if (this.fallen) {
      this.fail(new PaymentError(Code.CLOSED, 'the connection does not know any more what it has sent'))
      for (const name of GROWING) now[name] = larger(now[name], last[name])
      now.inFlight = larger(this.granted - now.sent, 0n)
    }
    this.last = now
    return now
  }

  /** What may still leave is in doubt. */
  sums () {
    const { sent, inFlight, delivered } = this.now()
    const may = larger(this.allowed, sent + inFlight)
    const { state } = this
    return {
      ...state,
      sent: state.sent + sent,
      inDoubt: state.inDoubt + may - sent,
      // Each process's is the receiver's claim, of up to 2^64 - 1.
      delivered: smaller(state.delivered + delivered, MAX)
    }
  }

  /** The last sums. It is complete where all is known to have arrived. */
  lastSums () {
    const last = this.sums()
    last.complete = last.inDoubt === 0n && last.sent === last.amount
    return last
  }

  async keep (state = () => this.sums()) {
    if (!this.keeper) return
    this.noted = this.now().sent
    await this.keeper.keep(state)
  }

  async connect (opts) {
    if (this.failure) throw this.failure
    const made = createConnection({ ...opts, destinationAccount: this.state.address, sharedSecret: this.state.secret })
    /** Resolves to nothing where it failed, or is not wanted any more. */
    this.made = made.then(connection => this.failure ? connection.destroy() : connection).catch(err => this.fail(err))
    const connection = await Promise.race([this.made, this.failed])
    if (this.failure) throw this.failure
    this.connection = connection
    connection.on('error', err => this.fail(err))
    connection.on('close', () => this.fail(new PaymentError(Code.CLOSED)))
    this.takeRate(opts)
    this.takeLifetime()
    this.stream = connection.createStream()
    // Why the other side has closed it says more than that it has.
    this.stream.on('error', err => this.fail(err))
    this.stream.on('close', () => this.stream._sendTotalEnded(Code.CLOSED))
    this.stream.resume()
  }

  /** The minimum rate that was asked for holds for all of the payment. */
  takeRate ({ exchangeRate }) {
    const { state, connection } = this
    if (exchangeRate !== undefined) {
      const { minRateNum, minRateDen } = connection.statistics
      Object.assign(state, { rateNum: minRateNum, rateDen: minRateDen })
    } else if (state.rateNum > 0n) {
      const result = native.setMinRate(connection._engine.core, connection._handle, state.rateNum, state.rateDen)
      if (result !== 0) throw new PaymentError(result)
    }
  }

  /** Of packets that are in doubt, the longest. */
  takeLifetime () {
    const { state, connection } = this
    const mine = connection._engine.packetLifetime
    state.packetLifetime = state.inDoubt > 0n ? larger(state.packetLifetime, mine) : mine
  }

  left () {
    const { amount, sent, inDoubt } = this.sums()
    return amount - sent - inDoubt
  }

  async run () {
    while (this.left() > 0n) await this.step(this.left())
  }

  async step (left) {
    const { sent, maxPacketAmount } = this.now()
    const most = (this.state.amount - 1n) / STEPS + 1n
    const step = this.keeper && !this.pushed && left > maxPacketAmount && left > most ? most : left
    this.allowed = sent + step
    this.granted = larger(this.granted, this.allowed)
    await this.keep()
    if (this.failure) throw this.failure
    if (this.buffer) used.add(this.buffer)
    const error = await this.send(this.allowed)
    this.allowed = 0n
    if (this.failure) throw this.failure
    // A step that was too small for the path: what else may be sent can be enough.
    if ((error === Code.RATE || error === Code.TOO_LITTLE) && step < left) this.pushed = true
    else if (error !== 0) throw this.sentAway(error)
  }

  sentAway (error) {
    if (error !== Code.IN_DOUBT) return new PaymentError(error)
    return new PaymentError(error, `${errorText(error)}: all else has been sent`)
  }

  async send (total) {
    const note = () => {
      if (this.now().sent !== this.noted) this.keep().catch(err => this.fail(err))
    }
    const timer = setInterval(note, NOTED_EACH)
    try {
      return await this.stream._sendTotal(total)
    } finally {
      clearInterval(timer)
    }
  }

  /** All is sent, and known to have arrived: the receiver's goodbye may be missing. */
  async end () {
    this.over = true
    await within(GRACE, this.connection.end().catch(() => {}))
    this.connection.destroy().catch(() => {})
    const last = this.lastSums()
    try {
      await this.keep(() => last)
    } catch (err) {
      err.message = `all was sent, but that could not be saved: do not go on with this payment: ${err.message}`
      throw tell(err, last)
    }
    if (last.complete) return resultOf(last)
    if (last.inDoubt > 0n) throw tell(this.sentAway(Code.IN_DOUBT), last)
    throw tell(new PaymentError(Code.CLOSED, 'not all has arrived: go on with what is left by resume'), last)
  }

  /** What is in flight is waited for; what is kept then says no less than what has left. */
  async giveUp (error) {
    this.over = true
    const { connection } = this
    if (!connection) await within(GRACE, this.made)
    else {
      if (this.stream) this.stream._stopSending()
      const why = new ConnectionError('the sender has given up', ErrorCode.ApplicationError)
      await within(GRACE, connection.destroy(why).catch(() => {}))
    }
    this.allowed = 0n
    const last = this.lastSums()
    if (this.noted >= 0n) await this.keep(() => last).catch(() => {})
    return tell(asPaymentError(error), last)
  }
}

function resultOf ({ sent, delivered, inDoubt }) {
  return { sent: sent.toString(), delivered: delivered.toString(), inDoubt: inDoubt.toString() }
}

/** Ends a payment from outside: a time-out, or a signal. Returns what takes that back. */
function watch (paying, { timeout, signal }) {
  const cancel = () => paying.fail(new PaymentError(Code.CANCELLED, undefined, signal.reason))
  const timer = timeout === undefined ? null : setTimeout(() => paying.fail(new PaymentError(Code.TIMEOUT)), timeout)
  if (signal) signal.addEventListener('abort', cancel)
  if (signal && signal.aborted) cancel()
  return () => {
    clearTimeout(timer)
    if (signal) signal.removeEventListener('abort', cancel)
  }
}

async function carryOut (state, keeper, buffer, opts) {
  const { amount, save, state: given, timeout, signal, ...connectionOpts } = opts
  const whose = `${state.address} ${state.secret.toString('hex')}`
  if (underWay.has(whose)) throw new PaymentError(Code.STATE, 'a payment with this address and secret is under way in this process')
  underWay.add(whose)
  const paying = new Paying(state, keeper, buffer)
  const unwatch = watch(paying, opts)
  try {
    await attempt(paying, connectionOpts).finally(unwatch)
    return await paying.end()
  } finally {
    underWay.delete(whose)
  }
}

async function attempt (paying, connectionOpts) {
  try {
    await paying.connect(connectionOpts)
    await paying.run()
  } catch (err) {
    throw await paying.giveUp(err)
  }
}

/** With the file of save locked meanwhile. */
async function keeping (save, does) {
  const keeper = save === undefined ? null : new Keeper(save)
  try {
    return await does(keeper)
  } finally {
    if (keeper) await keeper.close()
  }
}

function check ({ plugin, timeout, signal }) {
  if (!plugin || typeof plugin.connect !== 'function') throw new TypeError('plugin is needed')
  if (timeout !== undefined && !(timeout > 0 && timeout <= MOST_TIMEOUT)) {
    throw new RangeError(`timeout must be more than 0 and at most ${MOST_TIMEOUT} ms`)
  }
  if (signal !== undefined && !(signal && typeof signal.addEventListener === 'function')) {
    throw new TypeError('signal must be an AbortSignal')
  }
}

/** What toBig would cut to something else is a mistake here. */
function wholeAmount (name, value) {
  const whole = typeof value === 'number' ? Number.isSafeInteger(value) : typeof value !== 'string' || /^\d+$/.test(value)
  if (!whole) throw new RangeError(`${name} must be a whole number`)
  return toBig(value)
}

/** Connects, pays amount, and ends the connection. */
async function pay (opts) {
  check(opts)
  const amount = wholeAmount('amount', opts.amount)
  if (amount === 0n) throw new RangeError('amount must be at least 1')
  const { destinationAccount, sharedSecret } = opts
  if (typeof destinationAccount !== 'string') throw new TypeError('destinationAccount must be a string')
  if (!Buffer.isBuffer(sharedSecret) || (sharedSecret.length !== 32 && opts.save !== undefined)) {
    throw new TypeError('sharedSecret must be a Buffer of 32 bytes')
  }
  return keeping(opts.save, async keeper => {
    if (keeper) await keeper.checkFree()
    const state = {
      address: destinationAccount,
      secret: sharedSecret,
      amount,
      deliver: 0n,
      rateNum: 0n,
      rateDen: 1n,
      sent: 0n,
      inDoubt: 0n,
      delivered: 0n,
      complete: false,
      packetLifetime: 0n,
      incoming: ''
    }
    return carryOut(state, keeper, null, opts)
  })
}

async function read (given) {
  if (Buffer.isBuffer(given)) return parse(given)
  if (typeof given === 'string' && given !== '' && !given.includes('\0')) return load(given)
  throw new TypeError('state is the name of a file, or a Buffer')
}

/** Where the state that was given is kept. Kept elsewhere than in its file, the old one would stay there. */
function placeOf (given, save) {
  if (Buffer.isBuffer(given)) return save
  if (save === undefined || (typeof save === 'string' && path.resolve(save) === path.resolve(given))) return given
  throw new TypeError('save: a state that is in a file is kept in the same file alone')
}

/**
 * With the state as it is once its file, or that of save, is locked. A Buffer may be of before what the
 * file of save has: then it does not replace that.
 */
async function goingOn ({ state: given, save }, does) {
  const inFile = !Buffer.isBuffer(given)
  if (inFile) await read(given) // that there is one, before its lock is made
  return keeping(placeOf(given, save), async keeper => {
    const state = inFile ? await load(keeper.file) : parse(given)
    if (!inFile && keeper) await keeper.checkFree(state)
    return does(keeper, state)
  })
}

/** Nothing more may be sent. Throws where it is not known to be enough. */
function nothingLeft (state) {
  if (state.complete) return true
  if (state.sent + state.inDoubt < state.amount) return false
  if (state.inDoubt === 0n) return true
  throw tell(new PaymentError(Code.IN_DOUBT, `${errorText(Code.IN_DOUBT)}: all else has been sent`), state)
}

/** Goes on with a payment of a process that has ended. What that one may have sent is not sent again. */
async function resume (opts) {
  check(opts)
  for (const name of ['amount', 'destinationAccount', 'sharedSecret', 'exchangeRate']) {
    if (opts[name] !== undefined) throw new TypeError(`${name}: the state says it`)
  }
  const buffer = Buffer.isBuffer(opts.state) ? opts.state : null
  return goingOn(opts, (keeper, state) => {
    if (buffer && used.has(buffer)) {
      throw new PaymentError(Code.STATE, 'money has left since this state was saved: go on with the one that was saved last')
    }
    if (state.deliver > 0n && !state.complete) {
      throw new PaymentError(Code.UNSUPPORTED, 'the payment ends when a given amount has arrived: go on with it by rill pay --resume')
    }
    return nothingLeft(state) ? resultOf(state) : carryOut(state, keeper, buffer, opts)
  })
}

/** What a state says, without the secret. */
async function readState (given) {
  const state = await read(given)
  const { address, amount, deliver, rateNum, rateDen, sent, inDoubt, delivered, complete } = state
  return {
    destinationAccount: address,
    amount: amount.toString(),
    deliver: deliver.toString(),
    minExchangeRate: rateNum === 0n ? '0' : ratioToString(rateNum, rateDen),
    sent: sent.toString(),
    inDoubt: inDoubt.toString(),
    delivered: delivered.toString(),
    complete,
    packetLifetime: lifetimeOf(state)
  }
}

/** The receiver has said how much has arrived in all: nothing is in doubt any more. */
async function settle (opts) {
  const delivered = wholeAmount('delivered', opts.delivered)
  if (opts.save === undefined && Buffer.isBuffer(opts.state)) throw new TypeError('save is needed beside a Buffer')
  return goingOn(opts, async (keeper, old) => {
    const state = settled(old, delivered)
    if (!Buffer.isBuffer(opts.state)) checkExpired(keeper.file, old)
    await keeper.keep(() => state)
    return resultOf(state)
  })
}

module.exports = { pay, resume, readState, settle, PaymentError, RillError }
