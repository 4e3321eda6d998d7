// SPDX-License-Identifier: Apache-2.0
'use strict'
/*
 * Over 600 lines: what goes into a turn of the core and what comes out of it are the two ends of one
 * call, and share its arena.
 */
// Drives one endpoint of Rill's core: the plugin is its input and output, and clock.js has its
// deadline. What comes is collected, and goes into the core once a turn of the event loop; what
// the core has to say comes out of the same call.
const { deserializeIlpReply, isValidIlpAddress } = require('ilp-packet')
const arena = require('./arena')
const clock = require('./clock')
const incoming = require('./incoming')
const { destinationOf } = require('./prepare')
const { notAPrepare, noReply } = require('./reject')
const { pack } = require('./options')
const { Code } = require('./errors')
const { LINK } = require('./link')
const log = require('./logger')('ilp-protocol-stream:Engine')

const { native, HEAD_WORDS, RECORD_WORDS, INBOX_BYTES } = arena
const later = setImmediate

const Kind = { PREPARE: 1, REPLY: 2, UNANSWERED: 3, UNSENT: 4, FULFILL: 5, DECLINE: 6 }
const Record = { REPLY: 1, PREPARE: 2, EVENT: 3, REFUSED: 4, ASKED: 5 }
const Event = {
  CONNECTION: 1,
  CONNECTED: 2,
  STREAM: 3,
  MONEY: 4,
  DATA: 5,
  OUTGOING_MONEY: 6,
  SEND_TOTAL_END: 7,
  WRITABLE: 9,
  INCOMING: 11,
  STREAM_END: 12,
  CONNECTION_END: 13,
  PROBED: 14
}
/** What addon/engine.c's is() is asked of a connection. */
const State = { RATE_KNOWN: 1, OUT: 2, QUIET: 4, REACHABLE: 8 }
const NEVER = 0xffffffff
/** Of an event: the packet that it came with is in the engine's queue (addon/queue.c). */
const IN_QUEUE = 0xffffffff
const TWO32 = 2 ** 32
const FULFILL = 13
const REJECT = 14
/** Of what is shorter it is worth a look whether it is whole: a Fulfill has 32 bytes and more. */
const SHORTEST_REPLY = 40
const NO_BYTES = Buffer.alloc(0)

function handleAt (records, at) {
  return records[at] + records[at + 1] * TWO32
}

function bigAt (records, at) {
  const high = records[at + 1]
  return high === 0 ? BigInt(records[at]) : BigInt(records[at]) | (BigInt(high) << 32n)
}

/** As a number, where it is exact at once, or a bigint. */
function amountAt (records, at) {
  return records[at + 1] === 0 ? records[at] : bigAt(records, at)
}

/** Null: somebody who was given a part of it has taken all of it away (transfer). */
function part (slab, place, length) {
  return place + length <= slab.length ? slab.subarray(place, place + length) : null
}

let latestTrigger = ''

/** Of a short reply: each of its parts has a length of one byte, and they fill it. Others are read. */
function isWhole (reply) {
  const length = reply.length
  if (length < 2 || reply[1] !== length - 2) return false
  if (reply[0] === FULFILL) return length > 34 && reply[34] === length - 35
  let at = 5
  for (let part = 0; part < 3; part++) at += 1 + reply[at]
  if (at !== length) return false
  const triggeredBy = reply.latin1Slice(6, 6 + reply[5])
  if (triggeredBy === latestTrigger || triggeredBy === '') return true
  if (!isValidIlpAddress(triggeredBy)) return false
  latestTrigger = triggeredBy
  return true
}

/**
 * Cores of clients whose connections have ended: making one costs more than a short connection, and
 * takes tens of kilobytes. It knows nothing of those that it had, and never gives a name twice.
 */
const spares = []
const MOST_SPARES = 16

/** What most engines have most of the time. Nothing is ever put into it. */
const NOTHING = new Map()
const NOTHING_QUEUED = []

/**
 * The core of an engine that nobody has freed: of a client's that was never started, since from then
 * on it ends by itself, and of a server's.
 */
const forgotten = new FinalizationRegistry(core => native.free(core))

/**
 * What is looked up by its name: the same one again and again, packet by packet. A table is made
 * with the second: most clients have one connection with one stream.
 */
class Names {
  constructor () {
    this.all = NOTHING
    this.low = this.high = 0
    this.latest = undefined
  }

  at (records, at) {
    const low = records[at]
    const high = records[at + 1]
    if (low === this.low && high === this.high && this.latest !== undefined) return this.latest
    const found = this.all.get(handleAt(records, at))
    if (found !== undefined) this.remember(low, high, found)
    return found
  }

  remember (low, high, value) {
    this.low = low
    this.high = high
    this.latest = value
  }

  set (handle, value) {
    if (this.all === NOTHING && this.latest !== undefined) {
      this.all = new Map([[this.low + this.high * TWO32, this.latest]])
    }
    if (this.all === NOTHING) this.remember(handle % TWO32, Math.floor(handle / TWO32), value)
    else this.all.set(handle, value)
  }

  delete (handle) {
    if (this.all === NOTHING && handle !== this.low + this.high * TWO32) return
    this.all.delete(handle)
    this.latest = undefined
  }

  values () {
    return this.all !== NOTHING ? [...this.all.values()] : this.latest !== undefined ? [this.latest] : []
  }
}

/** Promise's own, which calls one of its functions, once. */
const { then } = Promise.prototype

/**
 * A packet that is out. What its promise calls is made once and used for one packet after another:
 * most of what was garbage after a packet were such functions.
 */
class Out {
  constructor () {
    this.engine = null
    /** Of a server's engine: it says whose packet it was. */
    this.packet = null
    this.low = this.high = 0
    this.resolved = reply => {
      const { engine, packet, low, high } = this
      this.isBack()
      engine.gotReply(low, high, reply, packet)
    }
    this.rejected = err => {
      const { engine, packet, low, high } = this
      this.isBack()
      engine.noReply(low, high, err, packet)
    }
  }

  isBack () {
    this.engine = null
    this.packet = null
    if (unused.length < MOST_UNUSED) unused.push(this)
  }

  /** promise: of the reply, or whatever the plugin has given. */
  static wait (engine, low, high, promise, packet) {
    const out = unused.length > 0 ? unused.pop() : new Out()
    out.engine = engine
    out.packet = packet
    out.low = low
    out.high = high
    then.call(Promise.resolve(promise), out.resolved, out.rejected)
  }
}

const unused = []
const MOST_UNUSED = 1024

/** A packet that a link has brought, as long as its turn is looked at: it is read where somebody sees it. */
class Queued {
  constructor (engine, records, at) {
    this.engine = engine
    this.place = records[at + 8]
    this.length = records[at + 9]
    this.prepare = undefined
  }

  get data () {
    return native.directPacket(this.engine.core, this.place, this.length)
  }
}

function turnNow (engine) {
  engine.scheduled = false
  engine.turn()
}

class Engine {
  /**
   * options: of the core's connections where they have none of their own, by the names of the C
   * struct. owner: the client's connection, or the server, which is told of connections that clients
   * open (_accept).
   */
  constructor (plugin, serverSecret, accept, options, owner) {
    this.plugin = plugin
    this.owner = owner
    this.isClient = !accept
    const spare = this.isClient ? spares.pop() : undefined
    /** Its name in the addon; 0: it was freed. */
    this.core = spare ? spare.core : native.open(serverSecret || null, accept, options && pack(options))
    forgotten.register(this, this.core, this)
    /** What the core knows of us. */
    this.account = spare ? spare.account : null
    this.connections = new Names()
    this.streams = new Names()
    /** Packets that have come and wait for their answer. */
    this.unanswered = 0
    this.queue = NOTHING_QUEUED
    this.held = null
    this.inTurn = false
    this.scheduled = false
    this.started = false
    this.freed = false
    this.inFlight = 0
    /** Connections: null, one, or a Set of several. */
    this.busy = null
    this.connecting = null
    this.closing = null
    /** Who wants the process to go on until something is done. */
    this.holds = 0
    this.timerAt = Infinity
    this.timerPlace = -1
    this.timerWanted = false
    this.address = ''
  }

  start () {
    if (!this.started && this.isClient) forgotten.unregister(this)
    this.started = true
    this.schedule()
  }

  push (entry) {
    if (this.queue === NOTHING_QUEUED) this.queue = [entry]
    else this.queue.push(entry)
    this.schedule()
  }

  schedule () {
    if (this.scheduled || !this.started || this.freed) return
    this.scheduled = true
    later(turnNow, this)
  }

  /** Nothing is left to do: no timer, and the memory goes at once. */
  free () {
    if (this.freed) return
    this.freed = true
    clock.remove(this)
    if (this.unanswered > 0) {
      for (const waiting of incoming.all()) if (waiting.engine === this) this.answer(waiting.low, null)
    }
    this.queue = NOTHING_QUEUED
    if (this.via !== null) this.leaveLink()
    if (!this.inTurn) this.dropCore()
  }

  /** What a link has brought and nobody takes any more is refused. */
  leaveLink () {
    const { core, via } = this
    this.toLink()
    for (let next = native.directRefuse(core); next !== null; next = native.directRefuse(core)) {
      via.answerLate(next[0], next[1], noReply(this.address))
      this.wasAnswered(1)
    }
    via.engines.delete(core)
  }

  wasAnswered (count) {
    this.unanswered -= count
    if (this.unanswered === 0 && this.answered) this.answered()
  }

  dropCore () {
    const { core } = this
    if (this.via !== null) native.directEnd(core)
    this.core = 0
    forgotten.unregister(this)
    if (this.isClient && spares.length < MOST_SPARES && native.unused(core)) spares.push({ core, account: this.account })
    else native.free(core)
  }

  /** list: busy, connecting or closing. */
  note (list, connection) {
    const those = this[list]
    if (those === null) this[list] = connection
    else if (those instanceof Set) those.add(connection)
    else if (those !== connection) this[list] = new Set([those, connection])
  }

  unnote (list, connection) {
    const those = this[list]
    if (those === connection) this[list] = null
    else if (those instanceof Set && those.delete(connection) && those.size === 0) this[list] = null
  }

  noted (list) {
    const those = this[list]
    return those instanceof Set ? [...those] : [those]
  }

  hold () {
    this.holds++
    this.refTimer()
  }

  release () {
    this.holds--
    this.refTimer()
  }

  /** The plugin's handler: a promise of the reply. */
  receive (data) {
    const refused = notAPrepare(data, this.address)
    if (refused || this.freed || data.length > INBOX_BYTES / 2) return Promise.resolve(refused || noReply(this.address))
    const waiting = { kind: Kind.PREPARE, low: 0, high: 0, data, engine: this, resolve: null, prepare: undefined }
    const promise = new Promise(resolve => { waiting.resolve = resolve })
    incoming.add(waiting)
    this.unanswered++
    this.push(waiting)
    return promise
  }

  answer (name, reply) {
    const waiting = incoming.get(name)
    if (waiting === undefined || waiting.engine !== this) return
    incoming.remove(waiting)
    waiting.resolve(reply || noReply(this.address))
    this.wasAnswered(1)
  }

  /** Resolves when every packet that has come is answered. */
  async whenAnswered () {
    if (this.unanswered > 0) await new Promise(resolve => { this.answered = resolve })
  }

  /** Our account; the numbers of rill/error.h. */
  setAccount (address, assetCode, assetScale) {
    this.address = address
    const known = this.account
    if (known && known.address === address && known.assetCode === assetCode && known.assetScale === assetScale) return 0
    const result = native.account(this.core, address, assetCode, assetScale)
    this.account = result === 0 ? { address, assetCode, assetScale } : null
    return result
  }

  // ---- the link of the package's own plugin ----

  /** Packets go over it without us where nobody else has to see them; null: they do not. */
  link () {
    const { plugin } = this
    const link = !plugin || plugin[LINK] === undefined || this.getExpiry !== null ? null : plugin[LINK](this)
    if (link !== null) this.via = link
    // What it has brought is answered also where nothing else goes over it any more.
    if (this.via !== null) this.via.prepare()
    return link
  }

  /** It has brought so many Prepares, and replies. */
  arrived (link, prepares) {
    this.via = link
    this.unanswered += prepares
    this.schedule()
  }

  /** A Prepare that it has brought is decided on, and answered by then. */
  wait (records, at) {
    const { via } = this
    const link = handleAt(records, at + 2)
    const id = records[at + 4]
    const data = native.directPacket(this.core, records[at + 8], records[at + 9])
    const resolve = reply => {
      via.asked--
      via.answerLate(link, id, reply)
    }
    const waiting = { kind: Kind.PREPARE, low: 0, high: 0, data, engine: this, resolve, prepare: undefined, via, link }
    incoming.add(waiting)
    via.asked++
    this.unanswered++
    if (this.asked === null) this.asked = new Map()
    this.asked.set(records[at + 11], waiting.low)
  }

  /** The name of the packet that it is decided on. */
  nameOf (records, at) {
    const name = records[at + 11]
    if (records[at + 12] === 0) return name
    const ours = this.asked.get(name)
    this.asked.delete(name)
    return ours
  }

  /** An answer that the core cannot read by itself. */
  gotAnswer (low, high, refusal, reply, destination) {
    this.inFlight++
    if (refusal) this.noReply(low, high, refusal, destination)
    else this.gotReply(low, high, reply, destination)
  }

  /** The core knows it by itself. destination: of a server's packet; null: it is not known. */
  lostPacket (destination, err) {
    if (this.freed) return
    this.schedule()
    this.whose(destination || '', connection => connection._linkFailed(err))
  }

  // ---- a turn ----

  fill () {
    const { inbox, inboxWords } = arena
    let at = 0
    for (const entry of this.queue) {
      const { kind, low, high, data } = entry
      const end = at + 16 + data.length
      if (end > INBOX_BYTES) break
      const word = at >>> 2
      inboxWords[word] = kind === Kind.FULFILL && !this.canAnswer(entry.name) ? Kind.DECLINE : kind
      inboxWords[word + 1] = data.length
      inboxWords[word + 2] = low
      inboxWords[word + 3] = high
      if (data.length > 0) inbox.set(data, at + 16)
      at = (end + 7) & ~7
    }
    return Math.min(at, INBOX_BYTES)
  }

  /** Whether the answer to this packet, which was decided on, still reaches whom it is for: else no money of it counts. */
  canAnswer (name) {
    const waiting = incoming.get(name)
    return waiting === undefined || waiting.via === undefined || waiting.via.leadsTo(waiting.link)
  }

  turn () {
    if (this.freed || this.inTurn || this.held || !this.started) return
    this.inTurn = true
    try {
      const link = this.link()
      const { latest } = this.streams
      const quiet = latest !== undefined && latest._isQuiet() ? latest._handle : 0
      native.turn(this.core, this.fill(), link === null ? 0 : link.name, quiet)
      const { records } = arena
      const count = records[0]
      const more = records[1]
      const taken = records[2]
      const delay = records[3]
      const slabFull = records[4]
      const direct = records[5]
      const answered = records[7]
      this.out = records[6]
      if (taken === this.queue.length) this.queue = NOTHING_QUEUED
      else if (taken > 0) this.queue.splice(0, taken)
      const sent = this.process(records, HEAD_WORDS, HEAD_WORDS + count * RECORD_WORDS, arena.slab) || direct > 0
      if (slabFull) arena.newSlab()
      this.justAnswered += answered
      // Before a packet is answered everybody has been told what it brought.
      if (this.via !== null && !this.held) this.toLink()
      if (this.freed) return
      if (more || this.queue.length > 0) this.schedule()
      else if (!sent) this.afterTurn()
      this.setTimer(delay)
    } finally {
      this.inTurn = false
      if (this.freed) this.dropCore()
    }
  }

  /** What the turn has written leaves. */
  toLink () {
    const { via, justAnswered } = this
    this.justAnswered = 0
    via.flush()
    if (justAnswered === 0) return
    this.wasAnswered(justAnswered)
    via.checkIdle()
  }

  /** What waits for the rate, and what has come to rest. */
  afterTurn () {
    if (this.closing !== null) this.giveUp()
    if (this.connecting !== null) for (const connection of this.noted('connecting')) connection._checkRate()
    if (this.busy !== null) this.rest()
  }

  /** Those that were destroyed, and wait for nothing any more. */
  giveUp () {
    for (const connection of this.noted('closing')) {
      // What is in doubt now stays so: who has destroyed the connection does not wait for its expiry.
      if (connection._is(State.OUT)) continue
      this.unnote('closing', connection)
      native.abandon(this.core, connection._handle, Code.CANCELLED)
      this.schedule()
    }
  }

  /** Those that had something to send. */
  rest () {
    for (const connection of this.noted('busy')) {
      if (!connection._is(State.QUIET)) continue
      this.unnote('busy', connection)
      connection._sendLoopFinished()
    }
  }

  setTimer (delay) {
    if (this.freed) return
    if (delay !== NEVER) clock.set(this, clock.now() + delay)
    this.refTimer()
  }

  refTimer () {
    clock.want(this, this.holds > 0 || this.inFlight > 0 || this.out > 0)
  }

  /** Returns whether packets left. */
  process (records, from, to, slab) {
    let sent = false
    let ended = null
    for (let at = from; at < to; at += RECORD_WORDS) {
      switch (records[at]) {
        case Record.REPLY:
          this.replied(records, at, slab)
          break
        case Record.PREPARE:
          sent = true
          this.send(records, at, slab)
          break
        case Record.REFUSED:
          this.via.answerLate(handleAt(records, at + 2), records[at + 4], noReply(this.address))
          break
        case Record.ASKED:
          this.wait(records, at)
          break
        case Record.EVENT:
          if (records[at + 10] === Event.CONNECTION) {
            this.accept(records, at, to, slab)
            return sent
          }
          if (!ended && records[at + 10] === Event.STREAM_END) ended = this.findEnds(records, at, to, slab)
          this.guard(records, at, slab, ended)
          break
      }
    }
    return sent
  }

  /**
   * A client's connection. The application's handlers may be added by promises that it awaits: what
   * comes next is looked at in the next turn.
   */
  accept (records, at, to, slab) {
    this.held = { records: records.slice(at + RECORD_WORDS, to), slab }
    const handle = handleAt(records, at + 2)
    let connection
    try {
      connection = this.owner._accept(handle)
    } catch (err) {
      log.error('error in connection event handler:', err)
    }
    later(() => {
      const { records, slab } = this.held
      this.held = null
      if (this.freed) return
      if (connection) connection._checkAddress()
      this.inTurn = true
      try {
        this.process(records, 0, records.length, slab)
        if (this.via !== null && !this.held) this.toLink()
      } finally {
        this.inTurn = false
        if (this.freed) this.dropCore()
      }
      this.schedule()
    })
  }

  replied (records, at, slab) {
    const place = records[at + 8]
    const length = records[at + 9]
    this.answer(records[at + 4], length > 0 ? part(slab, place, length) : null)
  }

  send (records, at, slab) {
    const low = records[at + 4]
    const high = records[at + 5]
    const place = records[at + 8]
    const packet = part(slab, place, records[at + 9])
    if (!packet) {
      return this.push({ kind: Kind.UNSENT, low, high, data: NO_BYTES })
    }
    if (this.getExpiry && !this.expires(packet)) {
      return this.push({ kind: Kind.UNSENT, low, high, data: NO_BYTES })
    }
    this.inFlight++
    let promise
    try {
      promise = this.plugin.sendData(packet)
    } catch (err) {
      promise = Promise.reject(err)
    }
    Out.wait(this, low, high, promise, this.isClient ? null : packet)
  }

  /** False: the application's function failed, and the packet has not left. */
  expires (packet) {
    try {
      this.getExpiry(packet)
      return true
    } catch (err) {
      this.whose(packet, connection => connection._linkFailed(err))
      return false
    }
  }

  gotReply (low, high, reply, packet) {
    if (!Buffer.isBuffer(reply)) {
      const is = reply === null ? 'null' : typeof reply
      return this.noReply(low, high, new Error(`Invalid response when sending packet: not a Buffer but ${is}`), packet)
    }
    if ((reply[0] !== FULFILL && reply[0] !== REJECT) || reply.length > INBOX_BYTES / 2) {
      return this.noReply(low, high, new Error(`Invalid response when sending packet: Invalid response packet type: ${reply[0]}`), packet)
    }
    if (reply.length < SHORTEST_REPLY && !isWhole(reply)) {
      try {
        deserializeIlpReply(reply)
      } catch (err) {
        return this.noReply(low, high, new Error(`Invalid response when sending packet: ${err.message}`), packet)
      }
    }
    this.inFlight--
    if (this.freed) return
    if (reply[0] === REJECT) this.noteReject(reply, packet)
    this.push({ kind: Kind.REPLY, low, high, data: reply })
  }

  noReply (low, high, err, packet) {
    this.inFlight--
    if (this.freed) return
    this.push({ kind: Kind.UNANSWERED, low, high, data: NO_BYTES })
    this.whose(packet, connection => connection._linkFailed(err))
  }

  /** A final error of somebody on the path; the core says whether it ends a connection. */
  noteReject (reply, packet) {
    const at = (reply[1] & 0x80) ? 2 + (reply[1] & 0x7f) : 2
    const letter = reply[at]
    if (letter === 0x54) return // T
    const digits = reply[at + 1] * 256 + reply[at + 2]
    if (letter === 0x46 && (digits === 0x3939 || digits === 0x3038 || digits === 0x3034)) return // F99, F08, F04
    // It is kept as long as the connection: not with the slab that it is a part of.
    const kept = Buffer.from(reply)
    this.whose(packet, connection => { connection._lastReject = kept })
  }

  /**
   * The connections that a packet may be of: a client has one, and a server's are known by the other side's address.
   * packet: it, or where it went.
   */
  whose (packet, does) {
    if (this.isClient) return does(this.owner)
    const destination = typeof packet === 'string' ? packet : destinationOf(packet)
    for (const connection of this.connections.values()) {
      if (connection.destinationAccount === destination) does(connection)
    }
  }

  // ---- events ----

  /** The ends of connections in what follows: what its streams' ends mean depends on them. */
  findEnds (records, from, to, slab) {
    const ends = new Map()
    for (let at = from; at < to; at += RECORD_WORDS) {
      if (records[at] === Record.EVENT && records[at + 10] === Event.CONNECTION_END) {
        ends.set(handleAt(records, at + 2), this.readEnd(records, at, slab))
      }
    }
    return ends
  }

  readEnd (records, at, slab) {
    const place = records[at + 8]
    return {
      error: records[at + 1] | 0,
      code: records[at + 12] & 255,
      remote: (records[at + 12] & 256) !== 0,
      message: slab.toString('utf8', place, place + records[at + 9]),
      last: records[at + 13] > 0 ? records[at + 13] - 1 : -1,
      lastLength: records[at + 14],
      slab,
      amount: bigAt(records, at + 4)
    }
  }

  /** A handler of the application's may throw: that is the end of its connection, and of no other. */
  guard (records, at, slab, ended) {
    try {
      this.event(records, at, slab, ended)
    } catch (err) {
      const connection = this.connections.at(records, at + 2)
      log.error('error in an event handler:', err)
      if (connection) connection.destroy(err instanceof Error ? err : undefined)
    }
  }

  event (records, at, slab, ended) {
    const type = records[at + 10]
    const connection = this.connections.at(records, at + 2)
    if (type === Event.INCOMING) return this.ask(records, at, slab, connection)
    if (!connection) return
    if (type === Event.CONNECTED || type === Event.PROBED) return connection._connectedByCore()
    if (type === Event.CONNECTION_END) {
      this.connections.delete(connection._handle)
      this.unnote('connecting', connection)
      this.unnote('busy', connection)
      this.unnote('closing', connection)
      return connection._endedByCore(this.readEnd(records, at, slab))
    }
    if (type === Event.STREAM) return connection._streamByCore(handleAt(records, at + 6), handleAt(records, at + 14))
    const stream = this.streams.at(records, at + 6)
    if (!stream) return
    switch (type) {
      case Event.MONEY:
        return stream._received(amountAt(records, at + 4), this, records, at)
      case Event.DATA:
        return stream._pull()
      case Event.OUTGOING_MONEY:
        return stream._sent(amountAt(records, at + 4))
      case Event.SEND_TOTAL_END:
        return stream._sendTotalEnded(records[at + 1] | 0)
      case Event.WRITABLE:
        return stream._writeMore()
      case Event.STREAM_END:
        this.streams.delete(handleAt(records, at + 6))
        if (ended && ended.has(connection._handle)) connection._failedByCore(ended.get(connection._handle))
        return stream._endedByCore(this.readEnd(records, at, slab))
    }
  }

  /** The packet that an event came with: { data, prepare }, where it is known. */
  packetOf (records, at) {
    return records[at + 11] === IN_QUEUE ? new Queued(this, records, at) : incoming.get(records[at + 11])
  }

  /** The application decides; where it has not said that it wants to, the limits of its streams do. */
  ask (records, at, slab, connection) {
    const decision = handleAt(records, at + 6)
    const name = this.nameOf(records, at)
    const place = records[at + 8]
    const decide = connection && connection.shouldFulfill
    if (!decide) return this.decide(decision, name, true)
    const id = Buffer.from(slab.subarray(place, place + 32))
    const amount = bigAt(records, at + 4)
    new Promise(resolve => resolve(connection._ask(amount, id))).then(
      () => this.decide(decision, name, true),
      err => {
        log.debug('application declined to fulfill packet:', err)
        this.decide(decision, name, false)
      })
  }

  /** Before other packets: they may be of the same stream. */
  decide (decision, name, fulfill) {
    if (this.freed) return
    const data = Buffer.alloc(8)
    data.writeUInt32LE(name)
    if (this.queue === NOTHING_QUEUED) this.queue = []
    this.queue.unshift({
      kind: fulfill ? Kind.FULFILL : Kind.DECLINE,
      low: decision % TWO32,
      high: Math.floor(decision / TWO32),
      data,
      name
    })
    this.schedule()
  }

  slice (result) {
    const length = result % 65536
    const place = (result - length) / 65536
    return part(arena.slab, place, length)
  }

  read (handle, most) {
    let result = native.read(this.core, handle, most)
    if (result === -1) {
      arena.newSlab()
      result = native.read(this.core, handle, most)
    }
    return result > 0 ? this.slice(result) : null
  }
}

// What few engines have.
Object.assign(Engine.prototype, {
  getExpiry: null,
  /** Nanoseconds: no packet of a client lives longer. That of rill_connection_options_init. */
  packetLifetime: 30000000000n,
  answered: null,
  /** The link that it has used last, and its packets there that wait for their replies. */
  via: null,
  out: 0,
  /** Prepares whose answers it has, and has not handed on. */
  justAnswered: 0,
  /** Of packets that a link has brought, and that are decided on: their names here by those that the addon gives. */
  asked: null
})

module.exports = { Engine, State, isWhole }
