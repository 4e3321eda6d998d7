// SPDX-License-Identifier: Apache-2.0
'use strict'
const { EventEmitter } = require('events')
const { randomUUID } = require('crypto')
const IlpPacket = require('ilp-packet')
const createLogger = require('./logger')
const arena = require('./arena')
const { Engine, State } = require('./engine')
const { DataAndMoneyStream } = require('./stream')
const { ErrorCode } = require('./packet')
const { MAX, toLong, ratioToString } = require('./util/amount')
const { coreOptions, pack } = require('./options')
const { destinationOf } = require('./prepare')
const { writeTime } = require('./account')
const { RillError, Code, errorName, errorText } = require('./errors')

const DEFAULT_PRECISION = 3
/** In the core's words. */
const NO_AMOUNT = new Set(['the path takes no amount at all', 'no packet of any size gets through the path'])
const MS = 1000000
const HOUR = 3600000
const EXPIRY_SLACK = 1000
/** The rate is found for any amount: as large as the probes are that the original sends. */
const PROBED_AMOUNT = 1000000000000n

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

const STATS_BYTES = 8 * STATS.length
const NO_STATS = readStats(new BigUint64Array(STATS.length))
/** What is left of a connection of which the core says nothing more (write_rest of addon/turn.c). */
const NO_REST = Buffer.alloc(STATS_BYTES + 3)
const NO_STREAMS = []
const { native } = arena

/**
 * getExpiry's answer for each packet goes into the packet. The core waits for replies as long as the first
 * answer says, and a second more; what says more than an hour is far away, and connectors make it less:
 * nobody knows how long such packets live. destination: of all packets; of a server's it is undefined,
 * and each packet's own counts. about: what the first answer is about.
 */
function expiryWriter (getExpiry, destination, about = destination) {
  const first = getExpiry(about)
  const life = Math.min(Math.max(first.getTime() - Date.now() + EXPIRY_SLACK, 100), HOUR)
  if (!(life >= 100)) throw new TypeError('getExpiry must return a Date')
  const far = life === HOUR
  return {
    lifetime: Math.round(life) * MS,
    most: far ? MAX : BigInt(Math.round(life) * MS), // no packet lives longer
    write (packet) {
      const date = getExpiry(destination === undefined ? destinationOf(packet) : destination)
      if (!(date instanceof Date) || isNaN(date)) throw new TypeError('getExpiry must return a Date')
      const at = (packet[1] & 0x80) ? 2 + (packet[1] & 0x7f) : 2
      const time = far ? date.getTime() : Math.min(date.getTime(), Date.now() + life)
      writeTime(packet, at + 8, new Date(time))
    }
  }
}

const SHORT = 8

/** The first characters that are neither - nor _. */
function shortId (text, from = 0) {
  const first = text.slice(from, from + SHORT)
  return /[-_]/.test(first) ? text.slice(from).replace(/[-_]/g, '').slice(0, SHORT) : first
}

class Connection extends EventEmitter {
  /**
   * Not called by applications: Connection.build, or the server. own: what goes before opts, which
   * are the application's.
   */
  constructor (opts, own = opts) {
    super()
    // Most have no handlers most of the time, and need no table of them: Node makes one when it is wanted.
    this._events = undefined
    const account = own.destinationAccount || ''
    const lastSegment = account.lastIndexOf('.') + 1
    this.connectionId = opts.connectionId || lastSegment === account.length
      ? shortId(opts.connectionId || randomUUID())
      : shortId(account, lastSegment)
    this.plugin = own.plugin
    this.isServer = own.isServer
    if (createLogger.wanted) {
      this.log = createLogger(`ilp-protocol-stream:${this.isServer ? 'Server' : 'Client'}:Connection:${this.connectionId}`)
    }
    if (!own.receiptNonce !== !own.receiptSecret) {
      throw new Error('receiptNonce and receiptSecret must accompany each other')
    }
    this._sourceAccount = own.sourceAccount
    this._sourceAssetCode = own.assetCode
    this._sourceAssetScale = own.assetScale
    this._destinationAccount = own.destinationAccount
    if (own.connectionTag !== undefined) this.connectionTag = own.connectionTag
    if (opts.shouldFulfill !== undefined) this.shouldFulfill = opts.shouldFulfill
    if (opts.minExchangeRatePrecision) this.minExchangeRatePrecision = opts.minExchangeRatePrecision
    if (opts.exchangeRate !== undefined) this.exchangeRate = opts.exchangeRate
    if (opts.rill && opts.rill.surviveLinkErrors) this._keepsLink = true
    /** Null, one, or a Map of several. */
    this._streams = null
    this.connected = false
    this.closed = true
    this.done = false
    this._engine = own.engine
    this._handle = own.handle || 0
    if (!this._engine) this._open(opts, own)
    this._engine.connections.set(this._handle, this)
  }

  static async build (opts) {
    return new Connection(opts)
  }

  /** A client's own engine, with this one connection. */
  _open (opts, own) {
    let options = coreOptions(opts)
    if (own.isServer) throw new Error('a server makes its connections itself')
    if (own.destinationAccount === undefined) throw new Error('destinationAccount is needed')
    const expiry = opts.getExpiry && expiryWriter(opts.getExpiry, own.destinationAccount)
    if (expiry) options = { ...options, packet_lifetime_ns: expiry.lifetime }
    const engine = new Engine(own.plugin, null, false, options, this)
    if (expiry) Object.assign(engine, { getExpiry: expiry.write, packetLifetime: expiry.most })
    const set = engine.setAccount(own.sourceAccount, own.assetCode, own.assetScale)
    if (set !== 0) throw new RillError(set)
    const handle = native.connect(engine.core, own.destinationAccount, opts.sharedSecret, pack(options))
    if (handle < 0) throw new RillError(handle)
    if (options.min_rate_num === undefined) native.probe(engine.core, handle, PROBED_AMOUNT)
    this._engine = engine
    this._ownsEngine = true
    this._handle = handle
  }

  async connect () {
    if (!this.closed) return
    const engine = this._engine
    engine.hold()
    if (this.exchangeRate !== undefined) process.nextTick(() => this._connect())
    else engine.note('connecting', this)
    engine.start()
    try {
      await new Promise((resolve, reject) => {
        const before = this._settleConnect
        this._settleConnect = (event, error) => {
          if (before) before(event, error)
          if (event === 'connect') return resolve()
          reject(new Error(event !== 'error'
            ? 'Connection was closed before it was connected'
            : `Error connecting${error ? ': ' + error.message : ''}`))
        }
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
      await this._streamsEnded()
      this.closed = true
      if (!engine.freed) native.endConnection(engine.core, this._handle)
      engine.start()
      await this._ended()
      this._finish(!this._failure)
      if (this._failure) throw this._failure
    } finally {
      engine.release()
    }
  }

  /** Resolves when the core has told its end. */
  _ended () {
    return new Promise(resolve => this._whenEnded(resolve))
  }

  _whenEnded (resolve) {
    if (this._final) return resolve()
    if (this._waitEnd === null) this._waitEnd = [resolve]
    else this._waitEnd.push(resolve)
  }

  /** Ends all that are open, and resolves when they have, or when the connection has. */
  _streamsEnded () {
    return new Promise(resolve => {
      let left = 1
      const done = () => { if (--left === 0) resolve() }
      for (const stream of this._allStreams()) {
        if (!stream.isOpen()) continue
        left++
        stream.once('end', done)
        stream.end()
      }
      done()
      this._whenEnded(resolve)
    })
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
      for (const stream of this._allStreams()) {
        closes.push(new Promise(resolve => stream.once('close', resolve)))
        stream._closedByConnection = true
        stream.destroy()
      }
      let code = ErrorCode.ApplicationError
      let message = 'Connection destroyed'
      if (err instanceof ConnectionError) ({ streamErrorCode: code, message } = err)
      else if (err) [code, message] = [ErrorCode.InternalError, String(err.message)]
      if (!engine.freed) native.closeConnection(engine.core, this._handle, code, shorten(message))
      if (!this._final) engine.note('closing', this)
      engine.start()
      await this._ended()
      await Promise.all(closes)
      this._finish(false)
    } finally {
      engine.release()
    }
  }

  createStream () {
    const handle = this._engine.freed ? Code.CLOSED : native.openStream(this._engine.core, this._handle)
    this._engine.schedule()
    if (handle === Code.STREAM_ID) {
      throw new Error("Creating another stream would exceed the remote connection's maximum number of open streams")
    }
    if (handle < 0 && handle !== Code.CLOSED) throw new RillError(handle)
    const id = handle < 0 ? (this._lastId || (this.isServer ? 0 : -1)) + 2 : Number(arena.numbers[0])
    this._lastId = id
    const stream = this._addStream(Math.max(handle, 0), id)
    // After its end the original lets one be made, and nothing of it leaves.
    if (handle < 0) stream._endedByCore({ error: 0, code: 1, remote: true, message: '', last: -1, amount: 0n })
    return stream
  }

  _addStream (handle, id) {
    const stream = new DataAndMoneyStream({ id, connection: this, handle })
    const others = this._streams
    if (others instanceof Map) others.set(id, stream)
    else if (others === null || others.id === id) this._streams = stream
    else this._streams = new Map([[others.id, others], [id, stream]])
    if (handle) this._engine.streams.set(handle, stream)
    return stream
  }

  _allStreams () {
    const streams = this._streams
    return streams === null ? NO_STREAMS : streams instanceof Map ? [...streams.values()] : [streams]
  }

  /** By their ids, as the original has it: one Map, which is made when somebody looks. */
  get streams () {
    if (!(this._streams instanceof Map)) this._streams = new Map(this._allStreams().map(stream => [stream.id, stream]))
    return this._streams
  }

  _streamClosed (id) {
    const streams = this._streams
    if (streams instanceof Map) streams.delete(id)
    else if (streams !== null && streams.id === id) this._streams = null
    this.safeEmit('_stream_removed')
  }

  // ---- what is known ----

  _stats () {
    const rest = this._rest
    if (rest) return readStats(STATS.map((_, i) => rest.readBigUInt64LE(8 * i)))
    return !this._engine.freed && native.stats(this._engine.core, this._handle) ? readStats(arena.numbers) : NO_STATS
  }

  /** Address, asset code (null: it is not known), and scale. */
  _remote () {
    if (this._rest) return readRemote(this._rest)
    return (!this._engine.freed && native.remote(this._engine.core, this._handle)) || NOBODY
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
    const waiting = this._engine.freed ? null : native.waiting(this._engine.core, this._handle)
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
    this._engine.unnote('connecting', this)
    this.closed = false
    this.log.info('connected')
    this.safeEmit('connect')
  }

  _connectedByCore () {
    this._checkRate()
  }

  _checkRate () {
    if (!this.isServer && !this.connected && this._is(State.RATE_KNOWN)) this._connect()
  }

  /** A server's: the client has told its address. */
  _checkAddress () {
    if (this.isServer && !this.connected && this._is(State.REACHABLE)) this._connect()
  }

  _streamByCore (handle, id) {
    this._checkAddress()
    const stream = this._addStream(handle, id)
    this.log.info('got new stream: %d', id)
    this.safeEmit('stream', stream)
  }

  /** state: of State. */
  _is (state) {
    return this._engine.freed ? state === State.QUIET : native.is(this._engine.core, this._handle, state)
  }

  _sendLoopFinished () {
    this.safeEmit('_send_loop_finished')
    for (const stream of this._allStreams()) stream.safeEmit('_send_loop_finished')
  }

  /** Something is to be sent. */
  _toSend () {
    this._engine.note('busy', this)
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
    for (const stream of this._allStreams()) stream._closedByConnection = true
    this.safeEmit('error', this._failure)
  }

  _endIsGood (end) {
    if (this._ending || this._destroying) return true
    return end.code === ErrorCode.NoError && (end.remote || end.error === 0 || end.error === Code.CLOSED)
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
    if (NO_AMOUNT.has(end.message) && this._stats().maxPacketAmount === 0n) {
      return new Error('Cannot send. Path has a Maximum Packet Amount of 0')
    }
    const reject = this._lastReject && IlpPacket.deserializeIlpReject(this._lastReject)
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
    this._rest = end.last >= 0 ? Buffer.from(end.slab.subarray(end.last, end.last + end.lastLength)) : NO_REST
    this._failedByCore(end)
    this._final = true
    this.closed = true
    for (const stream of this._allStreams()) stream._connectionIsOver()
    const waiting = this._waitEnd
    this._waitEnd = null
    if (waiting !== null) for (const resolve of waiting) resolve()
    if (!this._ending && !this._destroying) this._finish(!this._failure)
  }

  /** The last events, once. */
  _finish (good) {
    if (this.done) return
    this.done = true
    this.connected = false
    if (good) this.safeEmit('end')
    if (this._leavesPlugin) this._leavePlugin()
    this.safeEmit('close')
    if (this._ownsEngine) this._engine.free()
  }

  /** createConnection has connected the plugin. */
  _leavePlugin () {
    const { plugin, log } = this
    const failed = err => log.error('error disconnecting plugin:', err)
    try {
      plugin.deregisterDataHandler()
      Promise.resolve(plugin.disconnect()).then(() => log.info('plugin disconnected')).catch(failed)
    } catch (err) {
      failed(err)
    }
  }

  safeEmit (event, value) {
    if (this._settleConnect && CONNECTS.has(event)) {
      const settle = this._settleConnect
      this._settleConnect = null
      settle(event, value)
    }
    try {
      value === undefined ? this.emit(event) : this.emit(event, value)
    } catch (err) {
      this.log.debug('error in %s handler: %s', event, err)
    }
  }
}

const NOBODY = ['', null, 0]

function readRemote (rest) {
  const known = rest[STATS_BYTES] !== 0
  const code = STATS_BYTES + 3
  const address = code + rest[STATS_BYTES + 2]
  return [rest.latin1Slice(address), known ? rest.utf8Slice(code, address) : null, rest[STATS_BYTES + 1]]
}

/** Events by which connect() has come to its end. */
const CONNECTS = new Set(['connect', 'error', 'close', 'end'])

/** What most connections never have, or have at their end alone: each takes room in what has it. */
Object.assign(Connection.prototype, {
  log: createLogger('ilp-protocol-stream:Connection'),
  connectionTag: undefined,
  shouldFulfill: undefined,
  minExchangeRatePrecision: DEFAULT_PRECISION,
  exchangeRate: undefined,
  _keepsLink: false,
  /** The id of the latest stream that was opened on this side. */
  _lastId: 0,
  _ownsEngine: false,
  _leavesPlugin: false,
  _rest: null,
  _final: false,
  _failure: null,
  _ending: null,
  _destroying: null,
  /** Who waits for its end, and who for its beginning. */
  _waitEnd: null,
  _settleConnect: null,
  /** The last final Reject of a packet of its own. */
  _lastReject: undefined
})

function shorten (message) {
  const bytes = Buffer.from(message.replace(/\0/g, ' '))
  return bytes.length <= 255 ? bytes.toString() : bytes.toString('utf8', 0, 252).replace(/\ufffd+$/, '')
}

module.exports = { Connection, ConnectionError, IlpRejectionError, expiryWriter, shortId }
