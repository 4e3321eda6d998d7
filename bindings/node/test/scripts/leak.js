// SPDX-License-Identifier: Apache-2.0
'use strict'
// Many connections, one after the other, each with money and bytes: the heap, what it holds outside,
// and the process do not grow with them. usage: leak.js COUNT
const { createConnection, createServer } = require('../..')
const { PairPlugin, pair } = require('../support/pair')

const HEAP_EACH = 1500
const PROCESS_EACH = 80000

async function main (count) {
  const { server } = pair(1, 2)
  const listening = await createServer({ plugin: server })
  listening.on('connection', connection => connection.on('stream', stream => {
    stream.setReceiveMax(1e9)
    stream.resume()
  }))
  const one = async () => {
    server.sent = []
    const plugin = Object.assign(new PairPlugin('client', 'ABC'), { other: server })
    server.other = plugin
    const connection = await createConnection({ plugin, ...listening.generateAddressAndSecret() })
    const stream = connection.createStream()
    stream.write('hello')
    await stream.sendTotal(10)
    await connection.end()
  }
  const used = async () => {
    for (let i = 0; i < 4; i++) {
      global.gc()
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    const { heapUsed, external, rss } = process.memoryUsage()
    return { heap: heapUsed + external, rss }
  }
  for (let i = 0; i < 100; i++) await one()
  const before = await used()
  for (let i = 0; i < count; i++) await one()
  const after = await used()
  const heap = (after.heap - before.heap) / count
  const rss = (after.rss - before.rss) / count
  console.log(`${Math.round(heap)} bytes of heap, ${Math.round(rss)} of the process, for each of ${count}`)
  console.log(heap < HEAP_EACH && rss < PROCESS_EACH ? 'ok' : 'grows')
  process.exit(0)
}

main(Number(process.argv[2])).catch(err => {
  console.error(err)
  process.exit(1)
})
