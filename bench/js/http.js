'use strict'
// The server of ilp-plugin-http, which answers each Prepare with the Fulfill that
// bench/bench_flood.c waits for. Prints its port.
//
// usage: node http.js TOKEN
const { load } = require('./modules')
const HttpPlugin = load('ilp-plugin-http')
const { serializeIlpFulfill } = load('ilp-packet')

const [token] = process.argv.slice(2)
const fulfill = serializeIlpFulfill({ fulfillment: Buffer.alloc(32, 7), data: Buffer.alloc(92) })

async function main () {
  const plugin = new HttpPlugin({
    incoming: { port: { port: 0, host: '127.0.0.1' }, staticToken: token },
    outgoing: { url: 'http://127.0.0.1:9/', staticToken: 'nobody' }
  })
  plugin.registerDataHandler(async () => fulfill)
  await plugin.connect()
  const server = plugin._httpServer // which no function tells
  if (!server.listening) await new Promise(resolve => server.once('listening', resolve))
  console.log(server.address().port)
}

main()
