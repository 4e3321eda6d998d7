'use strict'
// ilp-plugin-http as the server that a client asks, and behind it, in this process, a tiny
// connector: IL-DCP for the client and a plugin for a STREAM server.
const HttpPlugin = require('ilp-plugin-http')
const ildcp = require('ilp-protocol-ildcp')
const { deserializeIlpPrepare } = require('ilp-packet')
const { LocalPlugin, ASSET, CLIENT, SERVER } = require('./listener')
const { keepCount } = require('./peer')
const { reject } = require('./prepare')

/** Resolves, once it listens, to { uri, plugin (of the server), clientAddress, asset }. */
async function startHttpListener (test, token) {
  const listener = new HttpPlugin({
    incoming: { port: { port: 0, host: '127.0.0.1' }, staticToken: token },
    outgoing: { url: 'http://127.0.0.1:9/', staticToken: 'nobody' }
  })
  const answer = (packet, clientAddress) => packet.destination === 'peer.config'
    ? ildcp.serializeIldcpResponse({ clientAddress, ...ASSET })
    : undefined
  const plugin = keepCount(new LocalPlugin(async data => answer(deserializeIlpPrepare(data), SERVER) || reject('F02')))
  listener.registerDataHandler(async data => {
    const packet = deserializeIlpPrepare(data)
    return answer(packet, CLIENT) ||
      (packet.destination.startsWith(SERVER + '.') && plugin.handler ? plugin.handler(data) : reject('F02'))
  })
  await test.waiting('listener', listener.connect())
  test.defer(() => {
    listener._httpServer.closeAllConnections?.()
    return listener.disconnect()
  })
  await test.waiting('port', new Promise(resolve => listener._httpServer.listening ? resolve() : listener._httpServer.once('listening', resolve)))
  return {
    uri: `ilp+http://:${token}@127.0.0.1:${listener._httpServer.address().port}/ilp`,
    plugin,
    clientAddress: CLIENT,
    asset: ASSET
  }
}

/** Resolves, once it listens, to { uri, listener }: what comes goes to listener.handler. */
async function startHttpNeighbour (test, token) {
  const listener = { handler: async () => reject('F02') }
  const plugin = new HttpPlugin({
    incoming: { port: { port: 0, host: '127.0.0.1' }, staticToken: token },
    outgoing: { url: 'http://127.0.0.1:9/', staticToken: 'nobody' }
  })
  plugin.registerDataHandler(data => listener.handler(data))
  await test.waiting('neighbour', plugin.connect())
  test.defer(() => {
    plugin._httpServer.closeAllConnections?.()
    return plugin.disconnect()
  })
  await test.waiting('port', new Promise(resolve => plugin._httpServer.listening ? resolve() : plugin._httpServer.once('listening', resolve)))
  return { uri: `ilp+http://:${token}@127.0.0.1:${plugin._httpServer.address().port}/ilp`, listener }
}

/** A client's plugin that asks at this port; its own server is there, and is asked nothing. */
function openHttpPlugin (test, port, token, options = {}) {
  const plugin = new HttpPlugin({
    incoming: { port: { port: 0, host: '127.0.0.1' }, staticToken: 'unused' },
    outgoing: { url: `http://127.0.0.1:${port}/ilp`, staticToken: token, ...options }
  })
  test.defer(() => plugin.disconnect())
  return keepCount(plugin)
}

module.exports = { startHttpListener, startHttpNeighbour, openHttpPlugin }
