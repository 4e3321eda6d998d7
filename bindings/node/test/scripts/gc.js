// SPDX-License-Identifier: Apache-2.0
'use strict'
// Connections and streams while the garbage collector runs all the time, and many that nobody
// holds or ends.
const { createConnection, createServer } = require('../..')
const { PairPlugin, pair } = require('../support/pair')

async function main () {
  const collect = setInterval(() => global.gc(), 1)
  const { client, server } = pair(1, 2)
  const listening = await createServer({ plugin: server })
  listening.on('connection', connection => connection.on('stream', stream => {
    stream.setReceiveMax(1e9)
    stream.pipe(stream)
    stream.on('error', () => {})
  }))
  for (let i = 0; i < 10; i++) {
    const plugin = Object.assign(new PairPlugin('client', 'ABC'), { other: server, rate: client.rate })
    server.other = plugin
    const connection = await createConnection({ plugin, ...listening.generateAddressAndSecret(`tag ${i}`) })
    const stream = connection.createStream()
    stream.write(Buffer.alloc(50000, i))
    let length = 0
    stream.on('data', chunk => { global.gc(); length += chunk.length })
    await stream.sendTotal(20000)
    while (length < 50000) await new Promise(resolve => setImmediate(resolve))
    if (i % 3 === 0) await connection.end()
    else if (i % 3 === 1) connection.destroy()
  }
  clearInterval(collect)
  console.log('ok')
  process.exit(0)
}

main().catch(err => {
  console.error(err)
  process.exit(1)
})
