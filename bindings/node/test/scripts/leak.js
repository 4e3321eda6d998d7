// SPDX-License-Identifier: Apache-2.0
'use strict'
/*
 * Connections that end, one after the other, and what each leaves behind: a slope, in bytes a
 * connection, of V8's heap, of what is outside it and belongs to it (external), of what malloc has
 * given (the core, and the rest of Node), and of the process's memory.
 *
 * What is used is looked at behind each batch of connections, whose server is closed by then, since a
 * server remembers its connections for a while. What comes once (code that is compiled, tables that
 * get their size) comes in the first connections, and ever more seldom: the later half of the looks
 * counts. The slope is the median of those between any two looks (Theil and Sen), which a look that
 * saw something in passing does not change; and Sen's bound says what it is at most, at 97.5 %. It is
 * good once that is less than LIMIT for all. With few connections it is not yet, so that there are
 * more, up to MOST. The process's memory grows by pages and falls late: only a long run says something
 * of it, and a short one has a lax limit.
 *
 * usage: leak.js [MOST [LEAST]], with node --expose-gc. A long run: leak.js 1000000 1000000, of ten
 * minutes on an idle machine.
 */
const path = require('path')
const { createConnection, createServer } = require('../..')
const { PairPlugin, pair } = require('../support/pair')

/** Bytes a connection. */
const LIMIT = 16
const LAX_LIMIT = 1024
const LONG = 500000
const BATCH = 250
/** Of which nothing is looked at. */
const WARM = 1000
const LEAST_LOOKS = 32
/** Of a long run it is enough to look less often. */
const MOST_LOOKS = 400
const Z = 1.96

function loadMalloc () {
  try {
    const { inUse } = require(path.join(__dirname, '../../build/malloc.node'))
    return inUse() > 0 ? inUse : null // none where a sanitizer has its own
  } catch {
    return null
  }
}

const inUse = loadMalloc()

async function connectMany (count) {
  const { server } = pair(1, 2)
  const listening = await createServer({ plugin: server, disconnectDelay: 1 })
  listening.on('connection', connection => connection.on('stream', stream => {
    stream.setReceiveMax(1e9)
    stream.resume()
  }))
  for (let i = 0; i < count; i++) {
    server.sent = []
    const plugin = Object.assign(new PairPlugin('client', 'ABC'), { other: server })
    server.other = plugin
    const connection = await createConnection({ plugin, ...listening.generateAddressAndSecret() })
    const stream = connection.createStream()
    stream.write('hello')
    await stream.sendTotal(10)
    await connection.end()
  }
  await listening.close()
}

async function look (connections) {
  for (let i = 0; i < 4; i++) {
    global.gc()
    await new Promise(resolve => setTimeout(resolve, 15))
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { connections, heap: heapUsed, external, ...(inUse ? { malloc: inUse() } : {}), process: rss }
}

/** What kind grows by for each connection, and at most. */
function slopeOf (looks, kind) {
  const slopes = []
  for (let i = 0; i < looks.length; i++) {
    for (let j = 0; j < i; j++) {
      slopes.push((looks[i][kind] - looks[j][kind]) / (looks[i].connections - looks[j].connections))
    }
  }
  slopes.sort((a, b) => a - b)
  const n = looks.length
  const spread = Z * Math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
  const at = Math.ceil((slopes.length + spread) / 2)
  return { slope: slopes[slopes.length >> 1], most: at < slopes.length ? slopes[at] : Infinity }
}

function judge (all, long) {
  const looks = all.slice(all.length >> 1)
  return Object.keys(looks[0]).filter(kind => kind !== 'connections').map(kind => {
    const { slope, most } = slopeOf(looks, kind)
    const limit = kind === 'process' && !long ? LAX_LIMIT : LIMIT
    return { good: most < limit, text: `${kind} ${slope.toFixed(1)}, at most ${most.toFixed(1)}` }
  })
}

async function main (most, least) {
  const long = least >= LONG
  const each = Math.max(BATCH, Math.ceil(most / MOST_LOOKS))
  for (let i = 0; i < WARM; i += each) await connectMany(each)
  const looks = [await look(0)]
  let said
  for (let done = each; ; done += each) {
    await connectMany(each)
    looks.push(await look(done))
    if ((looks.length < LEAST_LOOKS || done < least) && done < most) continue
    said = judge(looks, long)
    if (said.every(({ good }) => good) || done >= most) break
  }
  const { connections } = looks[looks.length - 1]
  console.log(`bytes a connection, of ${connections}: ${said.map(({ text }) => text).join('; ')}`)
  console.log(said.every(({ good }) => good) ? 'ok' : 'grows')
  process.exit(0)
}

const [most = '40000', least = '0'] = process.argv.slice(2)
main(Number(most), Number(least)).catch(err => {
  console.error(err)
  process.exit(1)
})
