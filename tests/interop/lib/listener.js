'use strict'
// ilp-plugin-btp as a listener that one client calls, and behind it, in this process, a
// tiny connector: IL-DCP for the client and a plugin for a STREAM server.
const BtpPlugin = require('ilp-plugin-btp')
const ildcp = require('ilp-protocol-ildcp')
const { deserializeIlpPrepare } = require('ilp-packet')
const { keepCount } = require('./peer')
const { reject } = require('./prepare')

const ASSET = { assetCode: 'EUR', assetScale: 4 }
const CLIENT = 'test.pair.client'
const SERVER = 'test.pair.server'

/** What a plugin is to ilp-protocol-stream. */
class LocalPlugin {
  constructor (send) {
    this.send = send
    this.handler = null
  }

  async connect () {}
  async disconnect () {}
  isConnected () { return true }
  sendData (data) { return this.send(data) }
  registerDataHandler (handler) { this.handler = handler }
  deregisterDataHandler () { this.handler = null }
}

/** Resolves, once it listens, to { uri, plugin (of the server), clientAddress, asset }. */
async function startListener (test, token) {
  const listener = new BtpPlugin({ listener: { secret: token, wsOpts: { host: '127.0.0.1', port: 0 } } })
  test.defer(() => listener.disconnect())
  const answer = (packet, clientAddress) => packet.destination === 'peer.config'
    ? ildcp.serializeIldcpResponse({ clientAddress, ...ASSET })
    : undefined
  const plugin = keepCount(new LocalPlugin(async data => {
    const packet = deserializeIlpPrepare(data)
    return answer(packet, SERVER) ||
      (packet.destination.startsWith(CLIENT) ? listener.sendData(data) : reject('F02'))
  }))
  listener.registerDataHandler(async data => {
    const packet = deserializeIlpPrepare(data)
    return answer(packet, CLIENT) ||
      (packet.destination.startsWith(SERVER + '.') && plugin.handler ? plugin.handler(data) : reject('F02'))
  })
  // Resolves only when a client has come, so nobody waits for it.
  listener.connect().catch(err => test.log('listener', err.message))
  await test.waiting('listener', new Promise(resolve => listener._wss.once('listening', resolve)))
  return {
    uri: `btp+ws://:${token}@127.0.0.1:${listener._wss.address().port}`,
    plugin,
    clientAddress: CLIENT,
    asset: ASSET
  }
}

module.exports = { startListener, LocalPlugin, ASSET, CLIENT, SERVER }
