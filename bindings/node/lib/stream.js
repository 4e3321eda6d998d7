// SPDX-License-Identifier: Apache-2.0
'use strict'
const { EventEmitter } = require('events')
const { Duplex, Readable, Writable } = require('stream')
const createLogger = require('./logger')
const { ErrorCode } = require('./packet')
const { MAX, toBig, narrow, sum } = require('./util/amount')
const { RillError, Code } = require('./errors')
const { isNodesEmit, openPrepare, seesPacket } = require('./prepare')
const arena = require('./arena')

/** Is told of a handler that has failed, and what it was called with (EventEmitter.captureRejections). */
const REJECTED = Symbol.for('nodejs.rejection')
const { emit, [REJECTED]: rejected } = Duplex.prototype
const emitIsNodes = isNodesEmit(emit)
const DEFAULT_TIMEOUT = 60000
const READ_MOST = 65535
const MESSAGE_BYTES = 255
const FEW = 8
const OPTIONS = { allowHalfOpen: false }
const { native } = arena

function cut (text) {
  const bytes = Buffer.from(String(text).replace(/\0/g, ' '))
  if (bytes.length <= MESSAGE_BYTES) return bytes.toString()
  let end = MESSAGE_BYTES
  while ((bytes[end] & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

/** Called on the stream. */
function markEnd () {
  this.emittedEnd = true
}

function markClose () {
  this.emittedClose = true
  this._connection._streamClosed(this.id)
}

class DataAndMoneyStream extends Duplex {
  /** Not called by applications: connection.createStream(), or the event 'stream'. */
  constructor (opts) {
    super(OPTIONS)
    const { connection } = opts
    this.id = opts.id
    this._connection = connection
    this._engine = connection._engine
    this._handle = opts.handle
    // Each a number where that is exact, or a bigint.
    this._totalSent = 0
    this._totalReceived = 0
    this._sendMax = 0
    this._receiveMax = 0
    this._wants = false
    this._pulling = false
    this._packets = 0
    if (createLogger.wanted) {
      this.log = createLogger(`ilp-protocol-stream:${this.isServer ? 'Server' : 'Client'}:Connection:${connection.connectionId}:Stream:${this.id}`)
    }
    this.on('end', markEnd)
    this.on('close', markClose)
  }

  get isServer () {
    return this._connection.isServer
  }

  get totalSent () {
    return this._totalSent.toString()
  }

  get totalReceived () {
    return this._totalReceived.toString()
  }

  get sendMax () {
    return this._sendMax.toString()
  }

  get receiveMax () {
    return this._receiveMax.toString()
  }

  get receipt () {
    const latest = this._alive() ? native.receipt(this._engine.core, this._handle) : null
    if (latest) this._receipt = latest
    return this._receipt
  }

  /** New: of this stream's money, what may have arrived or not. */
  get totalInDoubt () {
    if (this._doubt !== undefined) return this._doubt.toString()
    return this._alive() && native.totals(this._engine.core, this._handle) ? arena.numbers[3].toString() : '0'
  }

  isOpen () {
    return !this.closed
  }

  _alive () {
    return this._handle !== 0 && !this._over && !this._engine.freed
  }

  // ---- money ----

  setSendMax (limit) {
    if (this.closed) throw new Error('Stream already closed')
    if (typeof limit === 'number' && !isFinite(limit)) throw new Error('sendMax must be finite')
    const sendMax = narrow(toBig(limit))
    if (this._totalSent > sendMax) throw new Error('Cannot set sendMax lower than the totalSent')
    this._sendMax = sendMax
    this._giveSendMax(sendMax)
    this._connection._toSend()
  }

  /** What is on its way cannot be called back: then as low as may be. */
  _giveSendMax (sendMax) {
    if (!this._alive()) return
    const { core } = this._engine
    const result = native.setSendMax(core, this._handle, sendMax)
    if (result === Code.RANGE && native.totals(core, this._handle)) {
      native.setSendMax(core, this._handle, arena.numbers[1] + arena.numbers[2])
    } else if (result !== 0 && result !== Code.CLOSED) {
      throw new RillError(result)
    }
  }

  setReceiveMax (limit) {
    if (this.closed) throw new Error('Stream already closed')
    const receiveMax = narrow(toBig(limit))
    if (this._totalReceived > receiveMax) {
      throw new Error('Cannot set receiveMax lower than the totalReceived')
    }
    if (this._receiveMax > receiveMax) throw new Error('Cannot decrease the receiveMax')
    this._receiveMax = receiveMax
    if (this._alive()) native.setReceiveMax(this._engine.core, this._handle, receiveMax)
    this._connection._toSend()
  }

  async sendTotal (limit, opts) {
    const target = narrow(toBig(limit))
    if (this._totalSent >= target) return
    this.setSendMax(limit)
    await this._until(target, opts, 'outgoing_money', () => this._totalSent, 'sent', 'totalSent')
  }

  async receiveTotal (limit, opts) {
    const target = narrow(toBig(limit))
    if (this._totalReceived >= target) return
    this.setReceiveMax(limit)
    await this._until(target, opts, 'money', () => this._totalReceived, 'received', 'totalReceived')
  }

  _until (target, opts, event, total, verb, name) {
    const timeout = (opts && opts.timeout) || DEFAULT_TIMEOUT
    const state = () => `(target: ${target}, ${name}: ${total()})`
    return new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer)
        this.removeListener(event, onMoney)
        this.removeListener('end', onEnd)
      }
      const onMoney = () => {
        if (total() < target) return
        stop()
        this.removeListener('error', onError)
        resolve()
      }
      const onEnd = () => {
        stop()
        // An error may come behind the end.
        setTimeout(() => this.removeListener('error', onError))
        if (total() >= target) return resolve()
        reject(new Error(`Stream was closed before the desired amount was ${verb} ${state()}`))
      }
      const onError = err => {
        stop()
        this.removeListener('error', onError)
        reject(new Error(`Stream encountered an error before the desired amount was ${verb} ${state()}: ${err}`))
      }
      const timer = setTimeout(() => {
        stop()
        this.removeListener('error', onError)
        reject(new Error(`Timed out before the desired amount was ${verb} ${state()}`))
      }, timeout)
      this.on(event, onMoney)
      this.on('error', onError)
      this.on('end', onEnd)
    })
  }

  /** Whether somebody may look at events without a handler. */
  _isWatched () {
    return !emitIsNodes || this.emit !== emit || this[REJECTED] !== rejected
  }

  /**
   * What lib/payment.js sends by: the core says why it ends. Resolves to 0, or to an error of
   * rill_stream_send_total. total: a bigint.
   */
  _sendTotal (total) {
    return new Promise(resolve => {
      const result = this._alive() ? native.sendTotal(this._engine.core, this._handle, total) : Code.CLOSED
      if (result !== 0) return resolve(result)
      this._sendTotalEnded = resolve
      this._connection._toSend()
    })
  }

  /** What is under way may still arrive. */
  _stopSending () {
    if (!this._alive()) return
    native.stopSending(this._engine.core, this._handle)
    this._connection._toSend()
  }

  /** Nobody looks at the money of each packet: it comes in larger parts. */
  _isQuiet () {
    return !this._isWatched() && this.listenerCount('money') === 0 && this.listenerCount('outgoing_money') === 0
  }

  /** One packet's money, or that of several where it is quiet; the engine has the packet of this record. */
  _received (amount, engine, records, at) {
    const total = sum(this._totalReceived, amount)
    this._totalReceived = typeof total === 'bigint' && total > MAX ? MAX : total
    const watched = this._isWatched()
    if (!watched && this.listenerCount('money') === 0) return
    const waiting = engine.packetOf(records, at)
    // Of a few packets it costs more to find out who can see them than to read them.
    const seen = waiting && (watched || ++this._packets < FEW || seesPacket(this._events && this._events.money))
    this.emit('money', String(amount), seen ? openPrepare(waiting) : undefined)
  }

  _sent (amount) {
    this._totalSent = sum(this._totalSent, amount)
    if (this._isWatched() || this.listenerCount('outgoing_money') > 0) this.emit('outgoing_money', String(amount))
    if (this._totalSent >= this._sendMax) this.emit('outgoing_total_sent')
  }

  // ---- bytes out ----

  _write (chunk, encoding, callback) {
    this._writeAll([chunk], callback)
  }

  _writev (chunks, callback) {
    this._writeAll(chunks.map(({ chunk }) => chunk), callback)
  }

  _writeAll (chunks, callback) {
    this._engine.hold()
    this._writing = { chunks, index: 0, at: 0, callback }
    this._writeMore()
  }

  /** Behind its end nothing is sent, as in the original: who writes is told by 'close'. */
  _writeMore () {
    const writing = this._writing
    if (!writing || writing.waiting) return
    while (writing.index < writing.chunks.length) {
      const chunk = writing.chunks[writing.index]
      const accepted = this._alive() ? native.write(this._engine.core, this._handle, chunk, writing.at) : Code.CLOSED
      if (accepted < 0) {
        if (accepted === Code.BLOCKED || accepted === Code.CLOSED) return
        return this._written(new RillError(accepted))
      }
      this._connection._toSend()
      writing.at += accepted
      if (writing.at < chunk.length) return
      writing.index++
      writing.at = 0
    }
    // What is written in one go goes in one go.
    writing.waiting = true
    process.nextTick(() => { if (this._writing === writing) this._written() })
  }

  _written (err) {
    const { callback } = this._writing
    this._writing = null
    this._engine.release()
    callback(err)
  }

  /** Money up to the send max goes first, as far as the other side takes it. */
  _final (callback) {
    const finish = err => {
      this._closed = true
      if (this._alive()) this._endInCore()
      setImmediate(() => this._lastEvents())
      callback(err)
    }
    if (this._remoteSentEnd || this._over || this._sendMax <= this._totalSent) return finish()
    const stop = () => {
      this.removeListener('outgoing_total_sent', onSent)
      this.removeListener('_send_loop_finished', onSent)
      this.removeListener('error', onError)
    }
    const onSent = () => { stop(); finish() }
    const onError = err => { stop(); finish(err) }
    this.once('outgoing_total_sent', onSent)
    this.once('_send_loop_finished', onSent)
    this.once('error', onError)
    this._connection._toSend()
  }

  _endInCore () {
    this._endAsked = true
    if (this._sendMax > this._totalSent) this._giveSendMax(this._totalSent)
    native.endStream(this._engine.core, this._handle)
    this._connection._toSend()
  }

  _destroy (error, callback) {
    this._closed = true
    if (this._writing) {
      this._writing = null
      this._engine.release()
    }
    // What has ended in good order is left to it.
    if (this._alive() && !this._closedByConnection && (error || !this._endAsked)) {
      native.closeStream(this._engine.core, this._handle, error ? ErrorCode.ApplicationError : ErrorCode.NoError,
        error ? cut(error.message) : '')
      this._connection._toSend()
    }
    setImmediate(() => this._lastEvents())
    callback(error)
  }

  /** 'end' comes also where nobody reads. */
  _lastEvents () {
    if (!this.emittedEnd) {
      this.emittedEnd = true
      this.safeEmit('end')
    }
    if (!this.emittedClose) {
      this.emittedClose = true
      this.safeEmit('close')
    }
  }

  // ---- bytes in ----

  _read () {
    this._wants = true
    this._pull()
  }

  /**
   * As much as the reader's buffer takes; the rest stays in the core, which slows the other side.
   * Node asks again only after something was pushed: what it asked while we push counts too.
   */
  _pull () {
    if (this._pulling || this.destroyed || this.readableEnded) return
    this._pulling = true
    let any = false
    try {
      while (this._alive()) {
        const room = this.readableFlowing === true ? READ_MOST : this.readableHighWaterMark - this.readableLength
        const bytes = room > 0 || this._wants ? this._engine.read(this._handle, Math.min(Math.max(room, 1), READ_MOST)) : null
        if (!bytes) break
        any = true
        this._wants = false
        if (!this.push(bytes) && !this._wants) break
      }
    } finally {
      this._pulling = false
    }
    if (any) this._connection._toSend()
  }

  // ---- what the core says of its end ----

  _endedByCore (end) {
    if (this._over) return
    this._over = true
    this._doubt = end.amount
    if (end.last >= 0) this._receipt = Buffer.from(end.slab.subarray(end.last, end.last + 58))
    this._remoteSentEnd = true
    if (this._writing && !this.destroyed) this._dropWriting()
    if (this.destroyed || this.emittedClose) return
    if (!this._closedByConnection && end.remote && end.message) {
      const err = new Error(end.message)
      err.name = ErrorCode[end.code] || 'Error'
      return this.destroy(err)
    }
    if (this._closedByConnection) return this.destroy()
    this._closeInOrder()
  }

  /** The other side takes no more. */
  _dropWriting () {
    this._written()
  }

  _closeInOrder () {
    this.push(null)
    // A second end would make an error that nobody sees.
    if (!this.writableEnded) this.end()
  }

  /** Its connection has ended: nothing more comes of it. */
  _connectionIsOver () {
    this._endedByCore({ error: 0, code: 1, remote: true, message: '', last: -1, amount: 0n })
  }

  safeEmit (...args) {
    try {
      this.emit(...args)
    } catch (err) {
      this.log.debug('error in %s handler: %s', args[0], err)
    }
  }
}

/** What most streams never have, or have at their end alone: each takes room in what has it. */
Object.assign(DataAndMoneyStream.prototype, {
  log: createLogger('ilp-protocol-stream:Stream'),
  _closed: false,
  _remoteSentEnd: false,
  _over: false,
  _endAsked: false,
  _closedByConnection: false,
  _writing: null,
  _sendTotalEnded: () => {},
  _receipt: undefined,
  emittedEnd: false,
  emittedClose: false
})

/**
 * Node's state of one direction, made when it is first used: many streams carry money alone. What
 * the constructor of Duplex makes is dropped, and is made again as it was.
 */
function makeLater (name, Kind) {
  const made = Symbol(name)
  Object.defineProperty(DataAndMoneyStream.prototype, name, {
    get () {
      return this[made] === undefined ? (this[made] = new Kind(OPTIONS, this, true)) : this[made]
    },
    set (state) {
      if (this[made] !== undefined || this._engine !== undefined) this[made] = state
    },
    configurable: true
  })
}

if (Readable.ReadableState && Writable.WritableState) {
  makeLater('_readableState', Readable.ReadableState)
  makeLater('_writableState', Writable.WritableState)
}

/** Of these the state of reading knows; to others it is nothing (Readable.prototype.on). */
const READING = new Set(['data', 'readable'])
for (const name of ['on', 'addListener', 'removeListener', 'off']) {
  DataAndMoneyStream.prototype[name] = function (event, listener) {
    const whose = READING.has(event) ? Duplex.prototype : EventEmitter.prototype
    return whose[name].call(this, event, listener)
  }
}

Object.defineProperty(DataAndMoneyStream.prototype, 'closed', {
  get () {
    return this._closed
  },
  enumerable: true,
  configurable: true
})

module.exports = { DataAndMoneyStream }
