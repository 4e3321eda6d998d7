// SPDX-License-Identifier: Apache-2.0
'use strict'
// A plugin v2 that speaks BTP over a WebSocket to a node, as rilld or moneyd: so that one package
// is enough. As ilp-plugin, it takes where the node is from the environment.
const { EventEmitter } = require('events')
const { randomBytes } = require('crypto')
const { Link, Opcode, LINK, ENGINE, refusalOf } = require('./lib/link')

const RESPONSE = 1
const ERROR = 2
const MESSAGE = 6
const TRANSFER = 7
const OCTETS = 0
const TEXT = 1
const JSON_TEXT = 2
/** The id of a request that gets one. */
const NEW = -1
const REQUEST_TIMEOUT = 35000
/** In milliseconds: 24 days. */
const LONGEST_TIMEOUT = 2 ** 31
const CONNECT_TIMEOUT = 10000
const PING_EVERY = 20000
const MOST_PINGS = 2
const ANSWER_TIME = 1000
/** Delays before we connect again. */
const AGAIN = [0, 100, 500, 1000, 2000, 5000]

// ---- BTP frames ----

function lengthBytes (length) {
  const out = Buffer.alloc(lengthSize(length))
  writeLength(out, 0, length, out.length)
  return out
}

function lengthSize (length) {
  return length < 128 ? 1 : length < 256 ? 2 : length < 65536 ? 3 : 4
}

function writeLength (out, at, length, size) {
  if (size > 1) out[at++] = 0x7f + size
  for (let shift = 8 * (size > 1 ? size - 2 : 0); shift >= 0; shift -= 8) out[at++] = (length >>> shift) & 255
  return at
}

/** entries: [name, content type, bytes]. */
function frame (type, id, entries, before = Buffer.alloc(0)) {
  const parts = [before, Buffer.from([1, entries.length])]
  for (const [name, content, data] of entries) {
    parts.push(Buffer.from([name.length]), Buffer.from(name), Buffer.from([content]), lengthBytes(data.length), data)
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const head = Buffer.alloc(5)
  head[0] = type
  head.writeUInt32BE(id, 1)
  return Buffer.concat([head, lengthBytes(length), ...parts])
}

function errorFrame (id, text) {
  const when = new Date().toISOString().replace(/[-:T]/g, '')
  const name = Buffer.from('NotAcceptedError')
  const data = Buffer.from(text)
  const before = Buffer.concat([Buffer.from('F00'), lengthBytes(name.length), name,
    lengthBytes(when.length), Buffer.from(when), lengthBytes(data.length), data])
  return frame(ERROR, id, [], before)
}

// ---- the plugin ----

function parseServer (server) {
  if (typeof server !== 'string' || !server.startsWith('btp+')) {
    throw new Error(`server must start with "btp+": ${JSON.stringify(server)}`)
  }
  const url = new URL(server.slice(4))
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') throw new Error('server must be btp+ws or btp+wss')
  const { username, password } = url
  url.username = ''
  url.password = ''
  return { url: url.href, account: username, token: password }
}

/** As ilp-plugin-btp, which takes account and token beside the server too, but not in both places. */
function credentialsOf ({ server, btpAccount = '', btpToken = '' }) {
  const { url, account, token } = parseServer(server)
  if (!btpAccount && !btpToken) return { url, account, token }
  if (account || token) throw new Error('account and token are in server and beside it: give them once')
  return { url, account: btpAccount, token: btpToken }
}

const OWN_NAMES = ['auth', 'auth_username', 'auth_token']
const MOST_FLAGS = 100

/** What a node may be told beside account and token, as ilp-plugin-btp tells it: each by its own content type. */
function flagEntries (flags) {
  const entries = Object.entries(flags)
  if (entries.length > MOST_FLAGS) throw new Error(`btpAuthFlags has more than ${MOST_FLAGS} names`)
  return entries.map(([name, value]) => {
    if (!/^[ -~]{1,127}$/.test(name) || OWN_NAMES.includes(name)) throw new Error(`btpAuthFlags cannot have the name ${JSON.stringify(name)}`)
    if (Buffer.isBuffer(value)) return [name, OCTETS, value]
    if (typeof value === 'string') return [name, TEXT, Buffer.from(value)]
    const text = JSON.stringify(value)
    if (text === undefined) throw new Error(`btpAuthFlags.${name} is nothing that JSON has`)
    return [name, JSON_TEXT, Buffer.from(text)]
  })
}

/** In whole milliseconds; where there is none, or 0, the usual one. */
function responseTimeoutOf ({ responseTimeout }) {
  if (!responseTimeout) return REQUEST_TIMEOUT
  if (!(responseTimeout > 0 && responseTimeout <= LONGEST_TIMEOUT)) {
    throw new Error(`responseTimeout must be a number of milliseconds, at most ${LONGEST_TIMEOUT}`)
  }
  return Math.ceil(responseTimeout)
}

class RillPlugin extends EventEmitter {
  /**
   * opts.server: btp+ws://[account]:[token]@host:port; or without them, and opts.btpAccount, opts.btpToken.
   * opts.responseTimeout: how long an answer is waited for, in milliseconds; default 35000.
   * opts.btpAuthFlags: what the node is told beside the account, by name.
   */
  constructor (opts) {
    super()
    const { url, account, token } = credentialsOf(opts)
    this._flags = flagEntries(opts.btpAuthFlags || {})
    this._responseTimeout = responseTimeoutOf(opts)
    this._url = url
    this._account = account
    this._token = token
    this._link = null
    /** The socket of a link that is not open yet. */
    this._opening = null
    this._ready = false
    this._wanted = false
    this._tries = 0
    this._requests = new Map()
    this._handler = null
    this._connecting = null
    /** The number of the attempt to connect that counts: none before it does. */
    this._attempts = 0
    this._timer = null
    this._answering = new Set()
  }

  async connect () {
    const before = this._wanted
    this._wanted = true
    if (this._ready) return
    if (!this._connecting) {
      const attempt = this._attempt()
      // A connection that was lost is made again, whatever becomes of this attempt.
      if (before) attempt.catch(() => this._later())
    }
    const number = this._attempts
    try {
      await this._connecting
    } catch (err) {
      if (!before && number === this._attempts) this._wanted = false
      throw err
    }
  }

  _attempt () {
    clearTimeout(this._timer)
    const connecting = this._open(++this._attempts).finally(() => {
      if (this._connecting === connecting) this._connecting = null
    })
    this._connecting = connecting
    return connecting
  }

  /** What has come is answered before: money may have been taken. */
  async disconnect () {
    this._wanted = false
    clearTimeout(this._timer)
    if (this._answering.size > 0) {
      let timer
      const late = new Promise(resolve => { timer = setTimeout(resolve, ANSWER_TIME) })
      await Promise.race([Promise.all(this._answering), late])
      clearTimeout(timer)
      if (this._wanted) return
    }
    const link = this._link
    if (link && link.waiting > 0) {
      await link.answered(ANSWER_TIME)
      if (this._wanted) return
    }
    this._attempts++
    this._connecting = null
    if (this._opening) this._opening.destroy()
    this._opening = null
    if (link) link.close()
    this._lose(new Error('disconnected'))
    if (link) await link.gone
  }

  isConnected () {
    return this._ready
  }

  registerDataHandler (handler) {
    if (this._handler) throw new Error('requestHandler is already registered')
    if (typeof handler !== 'function') throw new Error('requestHandler must be a function')
    this._handler = handler
  }

  deregisterDataHandler () {
    this._handler = null
  }

  registerMoneyHandler () {}
  deregisterMoneyHandler () {}
  async sendMoney () {}

  sendData (data) {
    if (!this._ready) return Promise.reject(new Error('the node is not connected'))
    return this._wait(() => this._link.send(MESSAGE, NEW, data)).then(read => {
      const refusal = refusalOf(read)
      if (refusal) throw refusal
      return Buffer.from(read.ilp)
    })
  }

  /** say: gives the request's id. A promise of the answer. */
  _wait (say) {
    return new Promise((resolve, reject) => {
      this._requests.set(say(), { resolve, reject, at: Date.now() })
    })
  }

  /** Of an engine of this package: the link that its packets may go over by themselves, or null. */
  [LINK] (engine) {
    if (!this._ready || this.sendData !== sendData) return null
    const link = this._link
    link.engines.set(engine.core, engine)
    return link
  }

  /** The engine that our handler is of. */
  _engine () {
    const handler = this._handler
    return handler && handler[ENGINE] ? handler[ENGINE]() : null
  }

  /** Requests are kept in the order in which they were made. */
  _sweep () {
    const late = id => new Error(`the node has not answered request ${id}`)
    this._link.sweep(this._responseTimeout, late)
    const before = Date.now() - this._responseTimeout
    for (const [id, { at }] of this._requests) {
      if (at > before) return
      this._settle(id, request => request.reject(late(id)))
    }
  }

  _settle (id, how) {
    const request = this._requests.get(id)
    if (!request) return
    this._requests.delete(id)
    how(request)
  }

  /** number: see _attempts. */
  async _open (number) {
    const { link, start } = await Link.open(this._url, CONNECT_TIMEOUT, {
      frame: read => this._frame(link, read),
      incoming: () => this._link === link ? this._engine() : null,
      closed: () => { if (this._link === link) this._lost() }
    }, socket => { this._opening = socket })
    if (number !== this._attempts) {
      link.terminate()
      throw new Error('disconnected')
    }
    this._opening = null
    this._link = link
    this._sweeper = setInterval(() => this._sweep(), Math.min(1000, this._responseTimeout))
    this._sweeper.unref()
    try {
      start()
      if (this._link !== link) throw new Error('the connection to the node was lost')
      const read = await this._wait(() => {
        const id = link.nextId()
        link.say(Opcode.BINARY, frame(MESSAGE, id, [['auth', OCTETS, Buffer.alloc(0)],
          ['auth_username', TEXT, Buffer.from(this._account)], ['auth_token', TEXT, Buffer.from(this._token)], ...this._flags]))
        return id
      })
      if (read.type === ERROR) throw refusalOf(read)
      if (this._link !== link) throw new Error('disconnected')
    } catch (err) {
      link.close()
      if (this._link === link) this._lose(err)
      throw err
    }
    this._ready = true
    this._tries = 0
    this._ping = setInterval(() => this._check(link), PING_EVERY)
    this._ping.unref()
    this.emit('connect')
  }

  /** A node that has said nothing since so many pings is there no more. */
  _check (link) {
    if (link.pings >= MOST_PINGS) link.terminate()
    else link.ping()
  }

  _lose (err) {
    const was = this._ready
    const link = this._link
    this._ready = false
    this._link = null
    clearInterval(this._ping)
    clearInterval(this._sweeper)
    for (const id of [...this._requests.keys()]) this._settle(id, request => request.reject(err))
    if (link) link.lose(err)
    if (was) this.emit('disconnect')
  }

  _lost () {
    const was = this._ready
    this._lose(new Error('the connection to the node was lost'))
    if (was) this._later()
  }

  _later () {
    if (!this._wanted) return
    const delay = AGAIN[Math.min(this._tries++, AGAIN.length - 1)]
    this._timer = setTimeout(() => {
      if (!this._wanted || this._ready || this._connecting) return
      this._attempt().catch(() => this._later())
    }, delay)
  }

  /** One that is no engine's. Its bytes are part of a large memory: who may keep them gets them by themselves. */
  _frame (link, read) {
    if (this._link !== link) return
    if (read.type === RESPONSE || read.type === ERROR) return this._settle(read.id, request => request.resolve(read))
    const answer = this._incoming(link, read).catch(() => {}).then(() => { this._answering.delete(answer) })
    this._answering.add(answer)
  }

  async _incoming (link, { type, id, ilp }) {
    const say = bytes => { if (this._link === link) link.say(Opcode.BINARY, bytes) }
    if (type === TRANSFER) return say(frame(RESPONSE, id, []))
    if (!ilp || !this._handler) return say(errorFrame(id, ilp ? 'no handler' : 'no ilp data'))
    try {
      const reply = await this._handler(Buffer.from(ilp))
      if (this._link === link) link.send(RESPONSE, id, reply)
    } catch (err) {
      say(errorFrame(id, String(err && err.message)))
    }
  }
}
/** What sends a packet unless the application has put another in its place. */
const { sendData } = RillPlugin.prototype
RillPlugin.version = 2

/**
 * Of ILP_CREDENTIALS or ILP_BTP_SERVER, or of a node on this machine; each has an account of its own.
 * As with ilp-plugin, ILP_PLUGIN names another module of plugins, which the program has installed.
 */
function pluginFromEnvironment ({ name = '' } = {}) {
  const credentials = process.env.ILP_CREDENTIALS ? JSON.parse(process.env.ILP_CREDENTIALS) : undefined
  const module = process.env.ILP_PLUGIN || 'ilp-plugin-btp'
  if (module !== 'ilp-plugin-btp') {
    const found = require(require.resolve(module, { paths: [process.cwd(), __dirname] }))
    return new (found.default || found)(credentials || {})
  }
  if (credentials) return new RillPlugin(credentials)
  const url = new URL((process.env.ILP_BTP_SERVER || 'btp+ws://localhost:7768').replace(/^btp\+/, ''))
  url.username = name
  url.password = randomBytes(16).toString('hex')
  return new RillPlugin({ server: `btp+${url.href}` })
}

module.exports = pluginFromEnvironment
module.exports.default = pluginFromEnvironment
module.exports.pluginFromEnvironment = pluginFromEnvironment
module.exports.Plugin = RillPlugin
