// SPDX-License-Identifier: Apache-2.0
'use strict'
const { EventEmitter } = require('events')
const { randomBytes } = require('crypto')
const IlpPacket = require('ilp-packet')
const { native } = require('./arena')
const createLogger = require('./logger')
const { Engine } = require('./engine')
const { ENGINE } = require('./link')
const { fetchAccount } = require('./account')
const { Connection, expiryWriter } = require('./connection')
const { coreOptions } = require('./options')
const { RillError } = require('./errors')

const DEFAULT_DISCONNECT_DELAY = 100
const NONCE_LENGTH = 16
const SECRET_LENGTH = 32
const TAG_LENGTH = 255

class Server extends EventEmitter {
  constructor (opts) {
    super()
    this.serverSecret = opts.serverSecret || randomBytes(32)
    this.plugin = opts.plugin
    this.log = createLogger('ilp-protocol-stream:Server')
    this.connectionOpts = Object.assign({}, opts, { serverSecret: undefined })
    this.disconnectDelay = opts.disconnectDelay || DEFAULT_DISCONNECT_DELAY
    this._coreOptions = coreOptions(opts)
  }

  get connected () {
    return Boolean(this._engine)
  }

  /** Connects the plugin, and asks for our address. */
  async listen () {
    if (this.connected && this.plugin.isConnected()) return
    const handler = data => {
      this.emit('_incoming_prepare')
      return this.handleData(data)
    }
    handler[ENGINE] = () => this._takesQueued() ? this._engine : null
    this.plugin.registerDataHandler(handler)
    await this.plugin.connect()
    const account = await fetchAccount(this.plugin)
    const engine = this._engine || this._newEngine(account.clientAddress)
    const set = engine.setAccount(account.clientAddress, account.assetCode, account.assetScale)
    if (set !== 0) throw new RillError(set)
    engine.start()
    this._account = account
    this._engine = engine
  }

  _newEngine (address) {
    const { getExpiry } = this.connectionOpts
    const expiry = getExpiry && expiryWriter(getExpiry, undefined, address)
    const options = expiry ? { ...this._coreOptions, packet_lifetime_ns: expiry.lifetime } : this._coreOptions
    const engine = new Engine(this.plugin, this.serverSecret, true, options, this)
    if (expiry) engine.getExpiry = expiry.write
    return engine
  }

  /** Ends all connections in order, and disconnects the plugin. */
  async close () {
    if (!this._engine || this._closing) return
    this._closing = true
    const engine = this._engine
    const triggeredBy = this._account.clientAddress
    engine.hold()
    try {
      this.plugin.deregisterDataHandler()
      this.plugin.registerDataHandler(async () => IlpPacket.serializeIlpReject({
        code: IlpPacket.Errors.codes.T99_APPLICATION_ERROR,
        triggeredBy,
        message: 'Shutting down server',
        data: Buffer.alloc(0)
      }))
      await engine.whenAnswered()
      await new Promise(resolve => setTimeout(resolve, this.disconnectDelay))
      await Promise.all([...engine.connections.values()].map(connection => connection.end().catch(err => {
        this.log.warn('close failed with error=%s', err)
      })))
      this.plugin.deregisterDataHandler()
      await this.plugin.disconnect()
    } finally {
      engine.release()
      this._closing = false
    }
    this.emit('_close')
    engine.free()
    this._engine = undefined
  }

  /** The next connection. */
  async acceptConnection () {
    await this.listen()
    return new Promise((resolve, reject) => {
      const done = connection => {
        this.removeListener('connection', done)
        this.removeListener('_close', done)
        connection ? resolve(connection) : reject(new Error('server closed'))
      }
      this.once('connection', done)
      this.once('_close', done)
    })
  }

  /** For one more client; nothing is stored. */
  generateAddressAndSecret (opts) {
    if (!this._engine) throw new Error('Server must be connected to generate address and secret')
    let tag = ''
    let nonce = null
    let secret = null
    if (opts && typeof opts === 'object') {
      if (opts.connectionTag) tag = opts.connectionTag
      if (!opts.receiptNonce !== !opts.receiptSecret) {
        throw new Error('receiptNonce and receiptSecret must accompany each other')
      }
      if (opts.receiptNonce) {
        if (opts.receiptNonce.length !== NONCE_LENGTH) throw new Error('receiptNonce must be 16 bytes')
        nonce = Buffer.from(opts.receiptNonce)
      }
      if (opts.receiptSecret) {
        if (opts.receiptSecret.length !== SECRET_LENGTH) throw new Error('receiptSecret must be 32 bytes')
        secret = Buffer.from(opts.receiptSecret)
      }
    } else if (opts) {
      tag = opts
    }
    const ascii = tag === '' ? '' : Buffer.from(tag, 'ascii').toString('ascii')
    if (Buffer.byteLength(ascii) > TAG_LENGTH) throw new Error(`connectionTag must be at most ${TAG_LENGTH} bytes`)
    if (ascii.includes('\0')) throw new Error('connectionTag must have no zero byte')
    const made = native.generate(this._engine.core, ascii, nonce, secret)
    if (typeof made === 'number') throw new RillError(made)
    return { destinationAccount: made.address, sharedSecret: made.secret, receiptsEnabled: nonce !== null }
  }

  get assetCode () {
    if (!this._engine) throw new Error('Server must be connected to get asset code.')
    return this._account.assetCode
  }

  get assetScale () {
    if (!this._engine) throw new Error('Server must be connected to get asset scale.')
    return this._account.assetScale
  }

  /** Nobody but the engine has to see packets that come. */
  _takesQueued () {
    return this._engine !== undefined && !this._engine.freed && this.handleData === handleData &&
      this.emit === EventEmitter.prototype.emit && this.listenerCount('_incoming_prepare') === 0
  }

  handleData (data) {
    if (this._engine) return this._engine.receive(data)
    return Promise.reject(new Error('Unexpected call to handleData - server is not connected'))
  }

  _accept (handle) {
    const tag = native.tag(this._engine.core, handle)
    const { clientAddress, assetCode, assetScale } = this._account
    const connection = new Connection(this.connectionOpts, {
      isServer: true,
      plugin: this.plugin,
      sourceAccount: clientAddress,
      assetCode,
      assetScale,
      destinationAccount: undefined,
      connectionTag: tag || undefined,
      engine: this._engine,
      handle
    })
    try {
      this.emit('connection', connection)
    } catch (err) {
      this.log.error('error in connection event handler:', err)
    }
    return connection
  }
}

const { handleData } = Server.prototype

async function createServer (opts) {
  const server = new Server(opts)
  await server.listen()
  return server
}

module.exports = { Server, createServer }
