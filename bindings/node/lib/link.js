// SPDX-License-Identifier: Apache-2.0
'use strict'
// A WebSocket to a node, with BTP in it, for plugin.js. The addon reads and writes the frames. Packets of
// engines that use it go between engine and socket there; all others come to the plugin, frame by
// frame. What is written in one go leaves in one go.
const arena = require('./arena')
const websocket = require('./websocket')

const { native, HEAD_WORDS, RECORD_WORDS } = arena

const Opcode = { BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 }
const Record = { FRAME: 16, CONTROL: 17, BAD: 18, ARRIVED: 19, REJECT: 20, ANSWER: 21 }
/** Bytes of what one write takes, unless one frame has more. */
const OUT_BYTES = 256 * 1024
/** Bytes: what has fewer is written as a copy. */
const LEAST_KEPT = OUT_BYTES / 8
/** Bytes that wait for the socket: beyond these no engine makes Prepares, until only this part of them waits. */
const FULL = 1024 * 1024
const DRAINED = 0.25
/** Room for what is before a frame's bytes. */
const HEADERS = 64
const CLOSE_TIME = 1000
/** Memory for what is written, of all links: none has any while it has nothing to write. */
const spares = []
const MOST_SPARES = 4
const NORMAL = 1000
const BTP_RESPONSE = 1
const BTP_ERROR = 2
const NO_BYTES = Buffer.alloc(0)
const TWO32 = 2 ** 32

/** What plugin.js answers an engine that asks for its link, and what a handler says of the engine that it is of. */
const LINK = Symbol('link')
const ENGINE = Symbol('engine')

function numberAt (records, at) {
  return records[at] + records[at + 1] * TWO32
}

function bytesAt (records, at, slab) {
  return slab.subarray(records[at], records[at] + records[at + 1])
}

/** Why there is no reply in this answer; null: there is one. */
function refusalOf ({ type, code, name, ilp }) {
  if (type === BTP_ERROR) return new Error(`the node answered ${code} ${name}`)
  return ilp ? null : new Error('the node answered without ilp data')
}

function giveBack (out) {
  if (out.length === OUT_BYTES && spares.length < MOST_SPARES) spares.push(out)
}

class Link {
  /**
   * on: frame({ type, id, code, name, ilp }), what the addon has no engine for; incoming(), the engine that
   * takes Prepares, or null; closed(), once.
   */
  constructor (socket, on) {
    this.name = native.linkOpen()
    this.socket = socket
    this.on = on
    /** Engines whose packets go over it, by the names of their cores. */
    this.engines = new Map()
    this.out = null
    this.backlog = 0
    this.most = FULL
    this.full = false
    this.soon = false
    this.closing = false
    this.ended = false
    this.idle = null
    /** Those since bytes came last. */
    this.pings = 0
    /** Prepares that an engine decides on. */
    this.asked = 0
    this.flushSoon = () => {
      this.soon = false
      this.flush()
    }
    socket.on('data', chunk => this.read(chunk))
    // What was written before still leaves.
    socket.on('end', () => {
      this.close()
      this.end()
    })
    this.gone = new Promise(resolve => {
      socket.on('close', () => {
        clearTimeout(this.killer)
        this.end()
        resolve()
      })
    })
  }

  /** began(socket): see websocket.open. */
  static async open (url, timeout, on, began) {
    const { socket, rest } = await websocket.open(url, timeout, began)
    const link = new Link(socket, on)
    return { link, start: () => { link.read(rest); socket.resume() } }
  }

  // ---- what leaves ----

  /** Memory to write to. */
  prepare (size = OUT_BYTES) {
    if (this.out !== null || this.ended) return
    this.out = (size <= OUT_BYTES && spares.pop()) || Buffer.allocUnsafeSlow(Math.max(size, OUT_BYTES))
    native.linkTake(this.name, this.out.buffer)
  }

  /** Hands the socket all that there is. */
  flush () {
    const { out } = this
    if (out === null || this.ended) return
    const length = native.linkTake(this.name, null)
    this.out = null
    if (length === 0 || this.socket.writableEnded) return giveBack(out)
    this.backlog += length
    if (this.backlog > this.most && !this.full) this.setFull(true)
    // A little does not hold all of this memory for as long as it waits.
    const copied = length < LEAST_KEPT
    const bytes = copied ? Buffer.from(out.subarray(0, length)) : out.subarray(0, length)
    if (copied) giveBack(out)
    this.socket.write(bytes, () => {
      this.backlog -= length
      if (!copied) giveBack(out)
      if (this.full && this.backlog <= this.most * DRAINED) this.setFull(false)
    })
  }

  setFull (full) {
    this.full = full
    if (this.ended) return
    native.linkFull(this.name, full)
    if (!full) for (const engine of this.engines.values()) engine.schedule()
  }

  later () {
    if (this.soon) return
    this.soon = true
    process.nextTick(this.flushSoon)
  }

  /** A frame of BTP with this packet; id: of what it answers, or -1. Returns its id. */
  send (type, id, packet) {
    this.prepare(packet.length + HEADERS)
    let given = native.linkSend(this.name, type, id, packet)
    if (given < 0) {
      this.flush()
      this.prepare(packet.length + HEADERS)
      given = native.linkSend(this.name, type, id, packet)
    }
    this.later()
    return given
  }

  /** A frame of WebSocket. */
  say (opcode, bytes) {
    if (this.ended || this.closing) return
    this.prepare(bytes.length + HEADERS)
    if (!native.linkFrame(this.name, opcode, bytes)) {
      this.flush()
      this.prepare(bytes.length + HEADERS)
      native.linkFrame(this.name, opcode, bytes)
    }
    this.later()
  }

  /** The number of a request whose frame is not of a packet. */
  nextId () {
    return native.linkId(this.name)
  }

  ping () {
    this.pings++
    this.say(Opcode.PING, NO_BYTES)
  }

  get waiting () {
    return this.ended ? 0 : this.asked + native.linkWaiting(this.name)
  }

  // ---- what comes ----

  read (chunk) {
    this.pings = 0
    let at = 0
    while (at < chunk.length && !this.closing && !this.ended) {
      const engine = this.on.incoming()
      at = native.linkRead(this.name, chunk, at, engine ? engine.core : 0)
      const { records, slab } = arena
      const slabFull = records[4]
      const count = records[0]
      if (slabFull) arena.newSlab()
      if (count === 1 && records[HEAD_WORDS] === Record.ARRIVED) this.arrived(records, HEAD_WORDS, engine)
      else if (count > 0) this.process(records.slice(HEAD_WORDS, HEAD_WORDS + count * RECORD_WORDS), slab, engine)
    }
  }

  arrived (records, at, incoming) {
    const core = numberAt(records, at + 2)
    const engine = incoming && incoming.core === core ? incoming : this.engines.get(core)
    if (engine) engine.arrived(this, records[at + 14])
  }

  /** What is called here may bring other records: these are a copy. */
  process (records, slab, incoming) {
    for (let at = 0; at < records.length; at += RECORD_WORDS) {
      switch (records[at]) {
        case Record.ARRIVED:
          this.arrived(records, at, incoming)
          break
        case Record.FRAME:
          if (!this.ended) this.on.frame(this.frameAt(records, at, slab))
          break
        case Record.CONTROL:
          this.control(records[at + 6], records[at + 14], bytesAt(records, at + 8, slab))
          break
        case Record.BAD:
          this.close(records[at + 6])
          this.end()
          break
        case Record.REJECT:
        case Record.ANSWER:
          this.answer(records, at, slab)
          break
      }
    }
  }

  frameAt (records, at, slab) {
    const text = bytesAt(records, at + 10, slab)
    const isError = text.length >= 3 // Deno throws where there is nothing to slice
    return {
      type: records[at + 6],
      id: records[at + 7],
      code: isError ? text.latin1Slice(0, 3) : '',
      name: isError ? text.utf8Slice(3) : '',
      ilp: records[at + 14] ? bytesAt(records, at + 8, slab) : undefined
    }
  }

  /** To an engine's packet. */
  answer (records, at, slab) {
    const engine = this.engines.get(numberAt(records, at + 2))
    if (!engine) return
    const destination = bytesAt(records, at + 12, slab).latin1Slice()
    const frame = this.frameAt(records, at, slab)
    if (records[at] === Record.REJECT) engine.noteReject(frame.ilp, destination)
    else engine.gotAnswer(records[at + 4], records[at + 5], refusalOf(frame), frame.ilp, destination)
  }

  control (opcode, code, payload) {
    if (opcode === Opcode.PING && !this.closing) return this.say(Opcode.PONG, payload)
    if (opcode === Opcode.CLOSE) {
      this.close(code)
      this.end()
    }
  }

  // ---- its end ----

  /** Says why, and ends; a node that does not answer is left after a second. code: 0: none. */
  close (code = NORMAL) {
    if (this.closing || this.ended) return
    this.say(Opcode.CLOSE, code ? Buffer.from([code >> 8, code & 255]) : NO_BYTES)
    this.closing = true
    this.flush()
    this.socket.end()
    this.socket.resume()
    this.killer = setTimeout(() => this.terminate(), CLOSE_TIME)
  }

  terminate () {
    this.socket.destroy()
  }

  end () {
    if (this.ended) return
    this.on.closed()
    this.release()
  }

  /** Engines are told that no reply comes any more. */
  lose (err) {
    if (this.ended) return
    const lost = this.release()
    if (lost.length > 0) queueMicrotask(() => this.tell(lost, () => err))
  }

  release () {
    if (this.ended) return []
    if (!this.socket.destroyed) this.flush()
    this.ended = true
    return native.linkClose(this.name)
  }

  /** Those that have waited for so many milliseconds. errorOf: of an id. */
  sweep (ms, errorOf) {
    if (!this.ended) this.tell(native.linkLate(this.name, ms), errorOf)
  }

  tell (lost, errorOf) {
    for (let i = 0; i < lost.length; i += 3) {
      const engine = this.engines.get(lost[i])
      if (engine) engine.lostPacket(lost[i + 2], errorOf(lost[i + 1]))
    }
  }

  /** Whether it is the link of this name, and what is written to it still leaves. */
  leadsTo (name) {
    return !this.ended && !this.closing && this.name === name
  }

  /** A Prepare of the link of this name, that no turn has answered. */
  answerLate (name, id, reply) {
    if (this.leadsTo(name)) this.send(BTP_RESPONSE, id, reply)
    this.checkIdle()
  }

  /** Resolves when engines have answered all that it has brought them, or after so many milliseconds. */
  async answered (ms) {
    let timer
    await new Promise(resolve => {
      this.idle = resolve
      timer = setTimeout(resolve, ms)
    })
    this.idle = null
    clearTimeout(timer)
  }

  checkIdle () {
    if (this.idle !== null && this.waiting === 0) this.idle()
  }
}

module.exports = { Link, Opcode, LINK, ENGINE, refusalOf }
