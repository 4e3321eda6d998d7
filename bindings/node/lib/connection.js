// SPDX-License-Identifier: Apache-2.0
'use strict'
const { EventEmitter } = require('events')
const { randomUUID } = require('crypto')
const IlpPacket = require('ilp-packet')
const createLogger = require('./logger')
const Long = require('long')
const arena = require('./arena')
const { Engine } = require('./engine')
const { DataAndMoneyStream } = require('./stream')
const { ErrorCode } = require('./packet')
const { MAX, toLong, toRatio, fit, ratioToString } = require('./util/amount')
const { RillError, errorName, errorText } = require('./errors')

const DEFAULT_IDLE_TIMEOUT = 60000
const DEFAULT_MAX_REMOTE_STREAMS = 10
const DEFAULT_PRECISION = 3
const DEFAULT_SLIPPAGE = 0.01
const MIN_STREAM_BUFFER = 16384
const MIN_CONNECTION_BUFFER = 65534
const SEND_BUFFER = 1048576
const MS = 1000000
const HOUR = 3600000
const EXPIRY_SLACK = 1000
const ASK_NEW_STREAMS = 1
/** The rate is found for any amount: as large as the probes are that the original sends. */
const PROBED_AMOUNT = 1000000000000n
/** Reasons to wait in which nothing of ours is on its way, or will be without something new. */
const QUIET = new Set(['nothing', 'input', 'reader', 'receive_max', 'data_window', 'stream_id', 'decision', 'min_rate'])

class ConnectionError extends Error {
  constructor (message, streamErrorCode) {
    super(message)
    this.streamErrorCode = streamErrorCode || ErrorCode.InternalError
  }
}

class IlpRejectionError extends Error {
  constructor (message, ilpReject) {
    super(message)
    this.ilpReject = ilpReject
  }
}

/** The names of addon/engine.c's numbers. */
const STATS = ['sent', 'inFlight', 'inDoubt', 'delivered', 'received', 'packetsSent', 'packetsFulfilled',
  'packetsRejected', 'packetsLost', 'packetsReceived', 'packetsRefused', 'packetsInFlight', 'window',
  'maxPacketAmount', 'rateNum', 'rateDen', 'minRateNum', 'minRateDen', 'roundTripNs', 'endedAnother']

function readStats (numbers) {
  const stats = {}
  for (let i = 0; i < STATS.length; i++) stats[STATS[i]] = numbers[i]
  return stats
}

const NO_STATS = readStats(new BigUint64Array(STATS.length))

function wholeNumber (name, value, least, most) {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be a whole number between ${least} and ${most}`)
  }
  return value
}

/** What the core's connections are like, from the options of this package: by the C struct's names. */
function coreOptions (opts) {
  const rill = opts.rill || {}
  const slippage = toRatio(opts.slippage === undefined ? DEFAULT_SLIPPAGE : opts.slippage)
  if (slippage.num > slippage.den) throw new Error('slippage must be less than one')
  const options = {
    default_receive_max: 0,
    stream_receive_buffer: MIN_STREAM_BUFFER,
    connection_receive_buffer: MIN_CONNECTION_BUFFER,
    stream_send_buffer: SEND_BUFFER,
    flags: ASK_NEW_STREAMS,
    padding: opts.enablePadding ? 1 : 0,
    ask_before_fulfill: opts.shouldFulfill ? 1 : 0,
    idle_timeout_ns: Math.round((opts.idleTimeout || DEFAULT_IDLE_TIMEOUT) * MS),
    max_remote_streams: Math.min(Math.max(Math.floor(opts.maxRemoteStreams || DEFAULT_MAX_REMOTE_STREAMS), 10), 1000000)
  }
  const left = { num: slippage.den - slippage.num, den: slippage.den }
  if (left.num === 0n) {
    // Everything may be lost: as near to that as the core goes.
    Object.assign(options, { slippage_num: (1n << 62n) - 1n, slippage_den: 1n << 62n })
  } else {
    const { num, den } = fit(slippage.num, slippage.den)
    Object.assign(options, { slippage_num: num, slippage_den: den })
  }
  if (opts.exchangeRate !== undefined) {
    const rate = toRatio(opts.exchangeRate)
    const { num, den } = fit(rate.num * left.num, rate.den * left.den)
    Object.assign(options, num === 0n ? { min_rate_num: 1n, min_rate_den: MAX } : { min_rate_num: num, min_rate_den: den })
  }
  if (opts.maximumPacketAmount !== undefined) {
    const long = Long.fromString(opts.maximumPacketAmount, true)
    options.max_packet_amount = BigInt(long.toString())
  }
  if (opts.connectionBufferSize) {
    options.connection_receive_buffer = Math.max(Math.floor(opts.connectionBufferSize), MIN_CONNECTION_BUFFER)
    options.max_connection_receive_buffer = options.connection_receive_buffer
  }
  if (rill.maxPacketsInFlight !== undefined) {
    options.max_in_flight = wholeNumber('rill.maxPacketsInFlight', rill.maxPacketsInFlight, 1, 65536)
  }
  if (rill.tellAddress === false) options.tell_address = 0
  if (rill.keepAlive === true) options.keep_alive = 1
  return options
}

/**
 * getExpiry's answer for each packet goes into the packet. The core waits for replies as long as
 * the first answer says, and a second more; what says more than an hour is far away, and the
 * connectors on the way make it less.
 */
function expiryWriter (getExpiry, destination) {
  const first = getExpiry(destination)
  const life = Math.min(Math.max(first.getTime() - Date.now() + EXPIRY_SLACK, 100), HOUR)
  if (!(life >= 100)) throw new TypeError('getExpiry must return a Date')
  const far = life === HOUR
  return {
    lifetime: Math.round(life) * MS,
    write (packet) {
      const date = getExpiry(destination)
      if (!(date instanceof Date) || isNaN(date)) throw new TypeError('getExpiry must return a Date')
      const at = (packet[1] & 0x80) ? 2 + (packet[1] & 0x7f) : 2
      const time = far ? date.getTime() : Math.min(date.getTime(), Date.now() + life)
      packet.write(new Date(time).toISOString().replace(/[^0-9]/g, '').slice(0, 17), at + 8, 'latin1')
    }
  }
}

class Connection extends EventEmitter {
  /** Not called by applications: Connection.build, or the server. */
  constructor (opts) {
    super()
    const lastSegment = opts.destinationAccount ? opts.destinationAccount.split('.').slice(-1)[0] : undefined
    this.connectionId = (opts.connectionId || lastSegment || randomUUID()).replace(/[-_]/g, '').slice(0, 8)
    this.plugin = opts.plugin
    this.isServer = opts.isServer
    this.log = createLogger(`ilp-protocol-stream:${this.isServer ? 'Server' : 'Client'}:Connection:${this.connectionId}`)
    if (!opts.receiptNonce !== !opts.receiptSecret) {
      throw new Error('receiptNonce and receiptSecret must accompany each other')
    }
    this._sourceAccount = opts.sourceAccount
    this._sourceAssetCode = opts.assetCode
    this._sourceAssetScale = opts.assetScale
    this._destinationAccount = opts.destinationAccount
    this.connectionTag = opts.connectionTag
    this.shouldFulfill = opts.shouldFulfill
    this.minExchangeRatePrecision = opts.minExchangeRatePrecision || DEFAULT_PRECISION
    this.exchangeRate = opts.exchangeRate
    this.streams = new Map()
    this.connected = false
    this.closed = true
    this.done = false
    this._engine = opts.engine
    this._handle = opts.handle || 0
    this._keepsLink = Boolean(opts.rill && opts.rill.surviveLinkErrors)
    this._final = null
    this._failure = null
    this._ending = null
    this._whenEnded = new Promise(resolve => { this._resolveEnded = resolve })
    if (!this._engine) this._open(opts)
    this._engine.connections.set(this._handle, this)
  }

  static async build (opts) {
    return new Connection(opts)
  }

  /** A client's own engine, with this one connection. */
  _open (opts) {
    const options = coreOptions(opts)
    if (opts.isServer) throw new Error('a server makes its connections itself')
    if (opts.destinationAccount === undefined) throw new Error('destinationAccount is needed')
    const expiry = opts.getExpiry && expiryWriter(opts.getExpiry, opts.destinationAccount)
    if (expiry) options.packet_lifetime_ns = expiry.lifetime
    const engine = new Engine(opts.plugin, null, false, {}, {
      linkError: err => this._linkFailed(err)
    })
    if (expiry) engine.getExpiry = packet => expiry.write(packet)
    const set = engine.setAccount(opts.sourceAccount, opts.assetCode, opts.assetScale)
    if (set !== 0) throw new RillError(set)
    const handle = engine.core.connect(opts.destinationAccount, opts.sharedSecret, options)
    if (handle < 0) throw new RillError(handle)
    if (options.min_rate_num === undefined) engine.core.probe(handle, PROBED_AMOUNT)
    this._engine = engine
    this._ownsEngine = true
    this._handle = handle
  }

  async connect () {
    if (!this.closed) return
    const engine = this._engine
    engine.hold()
    if (this.exchangeRate !== undefined) process.nextTick(() => this._connect())
    else engine.connecting.add(this)
    engine.start()
    try {
      await new Promise((resolve, reject) => {
        const settle = outcome => {
          this.removeListener('connect', onConnect)
          this.removeListener('error', onError)
          this.removeListener('close', onClose)
          this.removeListener('end', onClose)
          outcome()
        }
        const onConnect = () => settle(resolve)
        const onClose = () => settle(() => reject(new Error('Connection was closed before it was connected')))
        const onError = error => settle(() => reject(new Error(`Error connecting${error ? ': ' + error.message : ''}`)))
        this.once('connect', onConnect)
        this.once('error', onError)
        this.once('close', onClose)
        this.once('end', onClose)
      })
    } finally {
      engine.release()
    }
    this.closed = false
  }

  /** Ends all streams when they have sent everything, and closes. */
  async end () {
    if (this.done || this._final) return
    if (!this._ending) this._ending = this._end()
    return this._ending
  }

  async _end () {
    this.log.info('closing connection')
    const engine = this._engine
    engine.hold()
    try {
      const ends = []
      for (const stream of this.streams.values()) {
        if (!stream.isOpen()) continue
        ends.push(new Promise(resolve => stream.once('end', resolve)))
        stream.end()
      }
      await Promise.race([Promise.all(ends), this._whenEnded])
      this.closed = true
      if (!engine.freed) engine.core.endConnection(this._handle)
      engine.start()
      await this._whenEnded
      this._finish(!this._failure)
      if (this._failure) throw this._failure
    } finally {
      engine.release()
    }
  }

  /** Closes at once; the other side is told the error. */
  async destroy (err) {
    if (this.done) return
    this.log.error('destroying connection with error:', err)
    if (this._destroying) return this._destroying
    this._destroying = this._destroy(err)
    return this._destroying
  }

  async _destroy (err) {
    const engine = this._engine
    if (err) {
      this._failure = err
      this.safeEmit('error', err)
    }
    engine.hold()
    try {
      const closes = []
      for (const stream of this.streams.values()) {
        closes.push(new Promise(resolve => stream.once('close', resolve)))
        stream._closedByConnection = true
        stream.destroy()
      }
      let code = ErrorCode.ApplicationError
      let message = 'Connection destroyed'
      if (err instanceof ConnectionError) ({ streamErrorCode: code, message } = err)
      else if (err) [code, message] = [ErrorCode.InternalError, String(err.message)]
      if (!engine.freed) engine.core.closeConnection(this._handle, code, shorten(message))
      if (!this._final) engine.closing.add(this)
      engine.start()
      await this._whenEnded
      await Promise.all(closes)
      this._finish(false)
    } finally {
      engine.release()
    }
  }

  createStream () {
    const opened = this._engine.freed ? -14 : this._engine.core.openStream(this._handle)
    this._engine.schedule()
    if (errorName(opened) === 'RILL_ERR_STREAM_ID') {
      throw new Error("Creating another stream would exceed the remote connection's maximum number of open streams")
    }
    const [handle, id] = typeof opened === 'number' ? [0, 0] : opened
    if (handle === 0 && errorName(opened) !== 'RILL_ERR_CLOSED') throw new RillError(opened)
    const stream = this._addStream(handle, id)
    // The original lets one be made, and nothing of it leaves.
    if (handle === 0) stream._endedByCore({ error: 0, code: 1, remote: true, message: '', last: -1, amount: 0n })
    return stream
  }

  _addStream (handle, id) {
    const stream = new DataAndMoneyStream({
      id,
      isServer: this.isServer,
      connectionId: this.connectionId,
      connection: this,
      handle
    })
    this.streams.set(id, stream)
    if (handle) this._engine.streams.set(handle, stream)
    stream.once('close', () => {
      this.streams.delete(id)
      this.safeEmit('_stream_removed')
    })
    return stream
  }

  // ---- what is known ----

  _stats () {
    if (this._lastStats) return this._lastStats
    return !this._engine.freed && this._engine.core.stats(this._handle) ? readStats(arena.numbers) : NO_STATS
  }

  _remote () {
    if (this._lastRemote) return this._lastRemote
    const remote = this._engine.freed ? null : this._engine.core.remote(this._handle)
    if (!remote) return [this._destinationAccount, null, 0, '']
    if (remote[1] !== null) this._knownRemote = remote
    return remote
  }

  get destinationAccount () {
    return this._remote()[0] || this._destinationAccount || undefined
  }

  get destinationAssetScale () {
    const [, code, scale] = this._remote()
    return code === null ? undefined : scale
  }

  get destinationAssetCode () {
    const code = this._remote()[1]
    return code === null ? undefined : code
  }

  get sourceAccount () {
    return this._sourceAccount
  }

  get sourceAssetScale () {
    return this._sourceAssetScale
  }

  get sourceAssetCode () {
    return this._sourceAssetCode
  }

  get minimumAcceptableExchangeRate () {
    const { minRateNum, minRateDen } = this._stats()
    return minRateNum === 0n ? '0' : ratioToString(minRateNum, minRateDen)
  }

  get lastPacketExchangeRate () {
    const { rateNum, rateDen, sent } = this._stats()
    return sent === 0n || rateNum === 0n ? '0' : ratioToString(rateNum, rateDen)
  }

  get totalDelivered () {
    return this._stats().delivered.toString()
  }

  get totalSent () {
    return this._stats().sent.toString()
  }

  get totalReceived () {
    return this._stats().received.toString()
  }

  /** New: what may have arrived or not, of packets whose replies can no longer come. */
  get totalInDoubt () {
    return this._stats().inDoubt.toString()
  }

  /** New: one line for people who wonder why nothing happens. */
  get waitingFor () {
    const waiting = this._engine.freed ? null : this._engine.core.waiting(this._handle)
    return waiting ? waiting[1] : ''
  }

  /** New: amounts are bigint. */
  get statistics () {
    return Object.assign({}, this._stats())
  }

  // ---- packets ----

  /** The plugin's handler of a client; a server's finds the connection by itself. */
  async handlePrepare (prepare) {
    const reply = await this._engine.receive(IlpPacket.serializeIlpPrepare(prepare))
    if (reply[0] === IlpPacket.Type.TYPE_ILP_FULFILL) return IlpPacket.deserializeIlpFulfill(reply)
    const { code, message, data } = IlpPacket.deserializeIlpReject(reply)
    const error = new Error(message)
    error.ilpErrorCode = code
    error.ilpErrorData = data
    throw error
  }

  /** shouldFulfill's promise; what it throws at once counts as its no. */
  async _ask (amount, packetId) {
    return this.shouldFulfill(toLong(amount), packetId, this.connectionTag)
  }

  // ---- what the core says ----

  _connect () {
    if (this.connected || this.done || this._failure) return
    this.connected = true
    this._engine.connecting.delete(this)
    this.closed = false
    this._remote()
    this.log.info('connected')
    this.safeEmit('connect')
  }

  _connectedByCore () {
    this._checkRate()
  }

  _checkRate () {
    if (!this.isServer && this._stats().minRateNum !== 0n) this._connect()
  }

  /** A server's: the client has told its address. */
  _checkAddress () {
    if (this.isServer && !this.connected && this._remote()[0]) this._connect()
  }

  _streamByCore (handle, id) {
    this._checkAddress()
    const stream = this._addStream(handle, id)
    this.log.info('got new stream: %d', id)
    this.safeEmit('stream', stream)
  }

  _isQuiet () {
    if (this._engine.freed) return true
    const waiting = this._engine.core.waiting(this._handle)
    return !waiting || QUIET.has(waiting[0])
  }

  _sendLoopFinished () {
    this.safeEmit('_send_loop_finished')
    for (const stream of this.streams.values()) stream.safeEmit('_send_loop_finished')
  }

  /** Something is to be sent. */
  _toSend () {
    this._engine.busy.add(this)
    this._engine.schedule()
  }

  /** The plugin failed: as the original, this is the end of the connection. */
  _linkFailed (err) {
    if (this._keepsLink || this.done || this._final || this._failure) return
    this.destroy(err instanceof Error ? err : new Error(String(err)))
  }

  /** It has come to its end by an error: told before its streams end. */
  _failedByCore (end) {
    if (this._failure || this._endIsGood(end)) return
    this._failure = this._errorOf(end)
    for (const stream of this.streams.values()) stream._closedByConnection = true
    this.safeEmit('error', this._failure)
  }

  _endIsGood (end) {
    if (this._ending || this._destroying) return true
    return end.code === ErrorCode.NoError && (end.remote || end.error === 0 || errorName(end.error) === 'RILL_ERR_CLOSED')
  }

  _errorOf (end) {
    const name = errorName(end.error)
    const code = ErrorCode[end.code] || end.code
    let error
    if (end.remote) {
      error = new Error(`Remote connection error. Code: ${code}, message: ${end.message}`)
    } else if (name === 'RILL_ERR_IDLE') {
      error = new Error('Connection timed out due to inactivity')
    } else if (name === 'RILL_ERR_EXHAUSTED') {
      error = new ConnectionError('Connection exceeded maximum number of packets', ErrorCode.InternalError)
    } else if (name === 'RILL_ERR_FLOW_CONTROL') {
      error = new ConnectionError(`Exceeded flow control limits. ${end.message}`, ErrorCode.FlowControlError)
    } else if (name === 'RILL_ERR_STREAM_ID') {
      error = new Error(`Maximum number of open streams exceeded. ${end.message}`)
    } else {
      error = this._pathError(end, name)
    }
    error.code = error.code || name
    return error
  }

  _pathError (end, name) {
    const reject = this._engine.lastReject && IlpPacket.deserializeIlpReject(this._engine.lastReject)
    if (!this.connected && !this.isServer) {
      return new Error('Unable to establish connection, no packets meeting the minimum exchange precision of ' +
        `${this.minExchangeRatePrecision} digits made it through the path.`)
    }
    if (reject) {
      return new IlpRejectionError(`Unexpected error while sending packet. Code: ${reject.code}, ` +
        `triggered by: ${reject.triggeredBy}, message: ${reject.message}`, reject)
    }
    return new ConnectionError(end.message || errorText(end.error))
  }

  _endedByCore (end) {
    this._lastStats = end.last >= 0
      ? readStats(STATS.map((_, i) => end.slab.readBigUInt64LE(end.last + 8 * i)))
      : NO_STATS
    this._lastRemote = this._knownRemote || [this._destinationAccount, null, 0, '']
    this._failedByCore(end)
    this._final = end
    this.closed = true
    for (const stream of [...this.streams.values()]) stream._connectionIsOver()
    this._resolveEnded()
    if (!this._ending && !this._destroying) this._finish(!this._failure)
  }

  /** The last events, once. */
  _finish (good) {
    if (this.done) return
    this.done = true
    this.connected = false
    if (good) this.safeEmit('end')
    this.safeEmit('close')
    if (this._ownsEngine) this._engine.free()
  }

  safeEmit (...args) {
    try {
      this.emit(...args)
    } catch (err) {
      this.log.debug('error in %s handler: %s', args[0], err)
    }
  }
}

function shorten (message) {
  const bytes = Buffer.from(message.replace(/\0/g, ' '))
  return bytes.length <= 255 ? bytes.toString() : bytes.toString('utf8', 0, 252).replace(/\ufffd+$/, '')
}

module.exports = { Connection, ConnectionError, IlpRejectionError, coreOptions }
