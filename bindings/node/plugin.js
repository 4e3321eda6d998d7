// SPDX-License-Identifier: Apache-2.0
'use strict'
// A plugin v2 that speaks BTP over a WebSocket to a node, as rilld or moneyd: so that one package
// is enough. As ilp-plugin, it takes where the node is from the environment.
const { EventEmitter } = require('events')
const { randomBytes, randomInt } = require('crypto')
const WebSocket = require('ws')

const RESPONSE = 1
const ERROR = 2
const MESSAGE = 6
const TRANSFER = 7
const OCTETS = 0
const TEXT = 1
const JSON_TEXT = 2
const REQUEST_TIMEOUT = 35000
const CONNECT_TIMEOUT = 10000
const PING_EVERY = 20000
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

/** The frame of one ILP packet, which nearly all are: without other copies than its own. */
function ilpFrame (type, id, packet) {
  const inner = lengthSize(packet.length)
  const body = 2 + 1 + 3 + 1 + inner + packet.length
  const outer = lengthSize(body)
  const out = Buffer.allocUnsafe(5 + outer + body)
  out[0] = type
  out.writeUInt32BE(id, 1)
  let at = writeLength(out, 5, body, outer)
  out[at++] = 1
  out[at++] = 1
  out[at++] = 3
  out[at++] = 0x69 // ilp
  out[at++] = 0x6c
  out[at++] = 0x70
  out[at++] = OCTETS
  at = writeLength(out, at, packet.length, inner)
  packet.copy(out, at)
  return out
}

class Cursor {
  constructor (bytes) {
    this.bytes = bytes
    this.at = 0
  }

  take (length) {
    if (length > this.bytes.length - this.at) throw new Error('BTP frame ends too early')
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  number (length) {
    return this.take(length).readUIntBE(0, length)
  }

  octets () {
    let length = this.number(1)
    if (length & 0x80) {
      const size = length & 0x7f
      if (size < 1 || size > 4) throw new Error('BTP frame has a length that is none')
      length = this.number(size)
    }
    return this.take(length)
  }
}

/** { type, id, code, name, ilp }; ilp is undefined where there is none. */
function readFrame (bytes) {
  const outer = new Cursor(bytes)
  const read = { type: outer.number(1), id: outer.number(4), code: '', name: '', ilp: undefined }
  const body = new Cursor(outer.octets())
  if (read.type === ERROR) {
    read.code = body.take(3).toString('latin1')
    read.name = body.octets().toString('utf8')
    body.octets() // when
    body.octets() // data
  } else if (read.type === TRANSFER) {
    body.take(8)
  } else if (read.type !== MESSAGE && read.type !== RESPONSE) {
    throw new Error(`BTP frame of unknown type ${read.type}`)
  }
  const size = body.number(1)
  const count = size > 0 ? body.number(size) : 0
  for (let i = 0; i < count; i++) {
    const name = body.octets().toString('latin1')
    body.take(1)
    const data = body.octets()
    if (name === 'ilp') read.ilp = data
  }
  return read
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

/** In milliseconds; where there is none, or 0, the usual one. */
function responseTimeoutOf ({ responseTimeout }) {
  if (!responseTimeout) return REQUEST_TIMEOUT
  if (!(responseTimeout > 0 && Number.isFinite(responseTimeout))) throw new Error('responseTimeout must be a number of milliseconds')
  return responseTimeout
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
    this._socket = null
    this._ready = false
    this._wanted = false
    this._tries = 0
    this._requests = new Map()
    this._handler = null
    this._connecting = null
    this._timer = null
    this._answering = new Set()
    this._corked = false
    this._nextId = randomInt(0x100000000)
  }

  async connect () {
    this._wanted = true
    if (this._ready) return
    if (!this._connecting) {
      this._connecting = this._open().finally(() => { this._connecting = null })
    }
    try {
      await this._connecting
    } catch (err) {
      if (!this._ready) this._wanted = false
      throw err
    }
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
    const socket = this._socket
    this._lose(new Error('disconnected'))
    if (!socket || socket.readyState === WebSocket.CLOSED) return
    await new Promise(resolve => {
      const kill = setTimeout(() => socket.terminate(), 1000)
      socket.once('close', () => { clearTimeout(kill); resolve() })
      socket.close()
    })
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
    return this._request(id => ilpFrame(MESSAGE, id, data)).then(({ ilp }) => {
      if (!ilp) throw new Error('the node answered without ilp data')
      return ilp
    })
  }

  /** make: the frame of a name. The promise is of the answer. */
  _request (make) {
    let id = this._nextId
    while (this._requests.has(id)) id = (id + 1) >>> 0
    this._nextId = (id + 1) >>> 0
    return new Promise((resolve, reject) => {
      this._requests.set(id, { resolve, reject, at: Date.now() })
      this._say(make(id))
    })
  }

  /** What is said in one go leaves in one go. */
  _say (bytes) {
    const { _socket: stream } = this._socket
    // What Bun has in the place of ws has no such stream.
    if (stream && stream.cork && !this._corked) {
      this._corked = true
      stream.cork()
      process.nextTick(() => {
        this._corked = false
        stream.uncork()
      })
    }
    this._socket.send(bytes)
  }

  /** Requests are kept in the order in which they were made. */
  _sweep () {
    const before = Date.now() - this._responseTimeout
    for (const [id, { at }] of this._requests) {
      if (at > before) return
      this._settle(id, request => request.reject(new Error(`the node has not answered request ${id}`)))
    }
  }

  _settle (id, how) {
    const request = this._requests.get(id)
    if (!request) return
    this._requests.delete(id)
    how(request)
  }

  async _open () {
    const socket = new WebSocket(this._url, { perMessageDeflate: false, handshakeTimeout: CONNECT_TIMEOUT })
    this._socket = socket
    this._corked = false
    this._sweeper = setInterval(() => this._sweep(), Math.min(1000, this._responseTimeout))
    this._sweeper.unref()
    socket.on('message', bytes => { if (this._socket === socket) this._message(bytes) })
    socket.on('error', () => {})
    socket.on('close', () => { if (this._socket === socket) this._lost() })
    await new Promise((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('the node closed the connection')))
    })
    try {
      await this._request(id => frame(MESSAGE, id, [['auth', OCTETS, Buffer.alloc(0)],
        ['auth_username', TEXT, Buffer.from(this._account)], ['auth_token', TEXT, Buffer.from(this._token)], ...this._flags]))
    } catch (err) {
      socket.close()
      throw err
    }
    this._ready = true
    this._tries = 0
    this._ping = setInterval(() => socket.ping(), PING_EVERY)
    this._ping.unref()
    this.emit('connect')
  }

  _lose (err) {
    const was = this._ready
    this._ready = false
    this._socket = null
    clearInterval(this._ping)
    clearInterval(this._sweeper)
    for (const id of [...this._requests.keys()]) this._settle(id, request => request.reject(err))
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
      this._connecting = this._open().finally(() => { this._connecting = null })
      this._connecting.catch(() => this._later())
    }, delay)
  }

  _message (bytes) {
    let read
    try {
      read = readFrame(bytes)
    } catch (err) {
      return this._socket.close()
    }
    if (read.type === RESPONSE) return this._settle(read.id, request => request.resolve(read))
    if (read.type === ERROR) {
      const error = new Error(`the node answered ${read.code} ${read.name}`)
      return this._settle(read.id, request => request.reject(error))
    }
    const answer = this._incoming(read).catch(() => {}).then(() => { this._answering.delete(answer) })
    this._answering.add(answer)
  }

  async _incoming ({ type, id, ilp }) {
    const socket = this._socket
    const say = bytes => { if (this._socket === socket && socket.readyState === WebSocket.OPEN) this._say(bytes) }
    if (type === TRANSFER) return say(frame(RESPONSE, id, []))
    if (!ilp || !this._handler) return say(errorFrame(id, ilp ? 'no handler' : 'no ilp data'))
    try {
      say(ilpFrame(RESPONSE, id, await this._handler(ilp)))
    } catch (err) {
      say(errorFrame(id, String(err && err.message)))
    }
  }
}
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
