// SPDX-License-Identifier: Apache-2.0
'use strict'
// Wrong types, handlers that throw, plugins that break, use after the end, garbage collection at any
// time: nothing crashes the process, and no money is lost.
const assert = require('assert')
const { execFile } = require('child_process')
const fs = require('fs')
const path = require('path')
const { Worker } = require('worker_threads')
const { deserializeIlpPrepare } = require('ilp-packet')
const { spy } = require('../support/context')
const NODE = require('../support/program')
const { PairPlugin, reject } = require('../support/pair')
const { temporary, ROOT } = require('../support/rilld')

const NONSENSE = [undefined, null, true, 0, -1, 1.5, NaN, Infinity, '', 'x', Symbol('x'), 5n, [], {}, () => {}, Buffer.alloc(0), new Date()]

/** A script in a process of its own, with --expose-gc; its output. */
function script (name, ...args) {
  return new Promise((resolve, reject) => {
    execFile(NODE, ['--expose-gc', path.join(__dirname, '../scripts', name), ...args], { timeout: 595000 },
      (err, output, errors) => err ? reject(new Error(`${name}: ${err.message}\n${output}${errors}`)) : resolve(output))
  })
}

async function survives (call) {
  try {
    await call()
  } catch (err) {
    assert.ok(err instanceof Error, `threw ${String(err)}`)
  }
}

module.exports = [
  {
    name: 'wrong types throw, and crash nothing',
    once: true,
    async run (t) {
      await t.open()
      t.take(1000000)
      const stream = t.connection.createStream()
      for (const value of NONSENSE) {
        await survives(() => stream.setSendMax(value))
        await survives(() => stream.setReceiveMax(value))
        await survives(() => stream.sendTotal(value, { timeout: 20 }))
        await survives(() => stream.receiveTotal(value, { timeout: 20 }))
        await survives(() => t.listening.generateAddressAndSecret(value))
        await survives(() => t.listening.generateAddressAndSecret({ connectionTag: value, receiptNonce: value, receiptSecret: value }))
        await survives(() => t.connection.handlePrepare(value))
        await survives(() => t.server.handler(value))
        await survives(() => t.client.handler(value))
        await survives(() => t.api.createConnection(value))
        await survives(() => t.api.createServer(value))
        await survives(() => new t.api.Server(value))
        await survives(() => t.api.Connection.build(value))
        await survives(() => stream.write(value))
        stream.removeAllListeners('error')
        stream.on('error', () => {})
      }
      await t.connection.createStream().sendTotal(100)
    }
  },
  {
    name: 'options of wrong types throw, or are as if they were not there',
    once: true,
    async run (t) {
      await t.open()
      const names = ['connectionId', 'slippage', 'connectionTag', 'receiptNonce', 'maxRemoteStreams', 'connectionBufferSize',
        'idleTimeout', 'maximumPacketAmount', 'exchangeRate', 'getExpiry', 'shouldFulfill', 'destinationAccount', 'sharedSecret',
        'serverSecret', 'rill', 'minExchangeRatePrecision', 'plugin']
      const plugin = { connect: async () => {}, disconnect: async () => {}, isConnected: () => true, sendData: data => t.client.sendData(data), registerDataHandler () {}, deregisterDataHandler () {} }
      for (const name of names) {
        for (const value of NONSENSE) {
          await survives(async () => {
            const made = t.api.Connection.build({ plugin, ...t.credentials, sourceAccount: 'test.x', assetCode: 'A', assetScale: 1, isServer: false, [name]: value })
            const connection = await made
            connection.on('error', () => {})
            connection.connect().catch(() => {})
            await connection.destroy()
          })
          await survives(() => new t.api.Server({ plugin, [name]: value }))
        }
      }
    }
  },
  {
    name: 'new options',
    once: true,
    async run (t) {
      for (const maxPacketsInFlight of [0, -1, 1.5, 65537, 'x', NaN]) {
        t.plugins = undefined
        await assert.rejects(t.open({ client: { rill: { maxPacketsInFlight } } }), /^RangeError: rill\.maxPacketsInFlight must be/)
      }
      t.plugins = undefined
      await t.open({ client: { rill: { maxPacketsInFlight: 1, tellAddress: false } } })
      t.take(1000000)
      let now = 0
      let most = 0
      t.client.answer = async prepare => {
        most = Math.max(most, ++now)
        const reply = await t.client.forward(prepare)
        now--
        return reply
      }
      const stream = t.connection.createStream()
      await stream.sendTotal(20000)
      assert.strictEqual(most, 1)
      assert.strictEqual(t.accepted.destinationAccount, undefined)
      const { sent, packetsFulfilled } = t.connection.statistics
      assert.strictEqual(sent, 20000n)
      assert.ok(packetsFulfilled >= 20n)
      assert.strictEqual(typeof t.connection.waitingFor, 'string')
    }
  },
  {
    name: 'many packets are in flight at once',
    once: true,
    async run (t) {
      await t.open()
      t.take(100000000)
      let now = 0
      let most = 0
      t.client.answer = async prepare => {
        most = Math.max(most, ++now)
        await t.sleep(5)
        const reply = await t.client.forward(prepare)
        now--
        return reply
      }
      await t.connection.createStream().sendTotal(2000000)
      assert.ok(most > 10, `${most} packets`)
    }
  },
  {
    name: 'a link that fails is survived if that is asked for, and money in doubt is told',
    once: true,
    async run (t) {
      t.pair(1, 1)
      const soon = () => new Date(Date.now() + 700)
      await t.open({ client: { getExpiry: soon, rill: { surviveLinkErrors: true } } })
      t.take(1000000)
      let left = 1
      t.client.answer = prepare => {
        if (prepare.amount === '0' || left-- <= 0) return undefined
        return t.client.forward(prepare).then(() => { throw new Error('the reply is lost') })
      }
      const stream = t.connection.createStream()
      const sent = stream.sendTotal(1000)
      await t.until('it is in doubt', () => stream.totalInDoubt === '1000' && t.connection.totalInDoubt === '1000')
      await sent
      assert.strictEqual(t.streams[0].totalReceived, '1000')
      assert.strictEqual(t.accepted.totalReceived, '1000')
      assert.strictEqual(stream.totalInDoubt, '0')
    }
  },
  {
    name: 'handlers that throw: money, outgoing_money, data',
    async run (t) {
      await t.open()
      t.take(1000000, stream => stream.on('money', () => { throw new Error('in money') }))
      t.accepted.on('error', () => {})
      const errors = spy()
      t.connection.on('error', errors)
      const stream = t.connection.createStream()
      stream.on('outgoing_money', () => { throw new Error('in outgoing_money') })
      await survives(() => stream.sendTotal(50000))
      await t.until('nothing hangs', () => !stream.isOpen())
      assert.strictEqual(errors.calls.length, 1)
    }
  },
  {
    name: 'a handler of data that throws ends its connection, and no other',
    once: true,
    async run (t) {
      await t.open()
      let chunks = 0
      t.take(10, stream => stream.on('data', () => { if (++chunks > 1) throw new Error('in data') }))
      const failed = t.event(t.accepted, 'error')
      const other = await t.api.createConnection({ ...t.listening.generateAddressAndSecret(), plugin: Object.assign(Object.create(t.client), { registerDataHandler () {}, deregisterDataHandler () {}, disconnect: async () => {} }) })
      const stream = t.connection.createStream()
      stream.write('x')
      // The first is read by Node itself, and an error there is nobody's but the process's.
      await t.until('the first has come', () => chunks === 1)
      stream.write('y')
      assert.strictEqual((await failed).message, 'in data')
      other.createStream().write('x')
      await other.end()
    }
  },
  {
    name: 'a plugin that answers with anything',
    once: true,
    async run (t) {
      for (const answer of [...NONSENSE, Buffer.from([13]), Buffer.from([14, 0]), Buffer.alloc(200000, 13), reject('T99')]) {
        if (answer === undefined) continue
        t.plugins = undefined
        await t.open()
        t.take(1000000)
        t.connection.on('error', () => {})
        let used = false
        t.client.answer = () => {
          if (used) return undefined
          used = true
          return { then: resolve => resolve(answer) }
        }
        const stream = t.connection.createStream()
        stream.on('error', () => {})
        await survives(() => stream.sendTotal(100, { timeout: 500 }))
        await t.connection.destroy()
      }
    }
  },
  {
    name: 'a plugin that throws at once, and one that answers late',
    once: true,
    async run (t) {
      await t.open()
      t.take(1000000)
      t.connection.on('error', () => {})
      const { sendData } = t.client
      let waiting = []
      t.client.sendData = data => new Promise(resolve => waiting.push(() => resolve(sendData.call(t.client, data))))
      const stream = t.connection.createStream()
      const sent = stream.sendTotal(3000)
      await t.until('something is sent', () => waiting.length > 0)
      await t.sleep(100)
      t.client.sendData = sendData
      for (const go of waiting.reverse()) go()
      await sent
      waiting = []
      t.client.sendData = () => { throw new Error('at once') }
      await assert.rejects(stream.sendTotal(4000))
    }
  },
  {
    name: 'the plugin of a server fails: the connection whose packet it was ends with that error, and no other',
    async run (t) {
      const { server } = await t.open()
      const errors = []
      const plugin = new t.client.constructor('other', 'ABC')
      Object.assign(plugin, { rate: t.client.rate, other: t.server })
      const { sendData } = t.server
      const accepting = server.acceptConnection()
      const other = await t.api.createConnection({ plugin, ...server.generateAddressAndSecret() })
      t.later(() => other.destroy())
      const accepted = await accepting
      t.accepted.on('error', err => errors.push(['first', err.message]))
      accepted.on('error', err => errors.push(['second', err.message]))
      t.server.sendData = data => deserializeIlpPrepare(data).destination.startsWith('test.client')
        ? Promise.reject(new Error('the line is cut'))
        : sendData.call(t.server, data)
      const closed = t.event(t.accepted, 'close')
      const stream = t.accepted.createStream()
      stream.on('error', () => {})
      await assert.rejects(stream.sendTotal(100))
      await closed
      assert.deepStrictEqual(errors, [['first', 'the line is cut']])
      assert.ok(!accepted.closed)
    }
  },
  {
    name: 'a plugin that answers twice, and one that never does',
    once: true,
    async run (t) {
      await t.open({ client: { getExpiry: () => new Date(Date.now() + 300) } })
      t.take(1000000)
      t.connection.on('error', () => {})
      const { sendData } = t.client
      t.client.sendData = data => ({
        then (resolve) {
          const reply = sendData.call(t.client, data)
          resolve(reply)
          resolve(reject('F99', 'again'))
          throw new Error('and again')
        }
      })
      const stream = t.connection.createStream()
      await stream.sendTotal(3000)
      assert.deepStrictEqual([stream.totalSent, t.accepted.totalReceived], ['3000', '1500'])
      // What has arrived without an answer is in doubt, and is not sent again.
      t.client.sendData = data => {
        sendData.call(t.client, data)
        return new Promise(() => {})
      }
      await assert.rejects(stream.sendTotal(4000, { timeout: 1500 }), /^Error: (Timed out|Stream)/)
      assert.ok(Number(t.accepted.totalReceived) <= 2000)
      await t.within('its end', t.connection.destroy())
    }
  },
  {
    name: 'use after the end',
    async run (t) {
      await t.open()
      t.take(1000000)
      const stream = t.connection.createStream()
      stream.on('error', () => {})
      await stream.sendTotal(100)
      await t.connection.end()
      await t.connection.end()
      await t.connection.destroy()
      await t.connection.destroy(new Error('late'))
      stream.end()
      stream.destroy()
      stream.read()
      assert.throws(() => stream.setSendMax(1000), /^Error: Stream already closed/)
      assert.strictEqual(stream.totalSent, '100')
      assert.strictEqual(stream.receipt, undefined)
      const after = t.connection.createStream()
      after.on('error', () => {})
      await survives(() => after.sendTotal(10, { timeout: 50 }))
      await t.listening.close()
      await t.listening.close()
      assert.throws(() => t.listening.generateAddressAndSecret(), /^Error: Server must be connected/)
      await survives(() => t.accepted.createStream())
    }
  },
  {
    name: 'everything from within handlers',
    once: true,
    async run (t) {
      await t.open()
      let ended = 0
      t.accepted.on('stream', stream => {
        stream.setReceiveMax(1000)
        stream.on('error', () => {})
        stream.on('money', () => {
          stream.write('thanks')
          stream.end()
        })
        stream.on('end', () => { ended++ })
      })
      const streams = Array.from({ length: 5 }, () => t.connection.createStream())
      for (const stream of streams) {
        stream.on('error', () => {})
        stream.on('data', () => stream.destroy())
        stream.sendTotal(100).catch(() => {})
        stream.on('outgoing_money', () => { stream.write('x') })
      }
      await t.until('all have ended', () => ended >= 5)
      const closed = t.event(t.connection, 'close')
      t.accepted.createStream().write('x')
      t.connection.on('stream', () => t.connection.destroy())
      await closed
    }
  },
  {
    name: 'Buffers that are changed after they were taken',
    async run (t) {
      await t.open()
      const chunks = []
      t.take(10, stream => stream.on('data', chunk => chunks.push(chunk)))
      const stream = t.connection.createStream()
      const bytes = Buffer.alloc(1000, 1)
      await new Promise(resolve => stream.write(bytes, resolve))
      bytes.fill(2)
      await new Promise(resolve => stream.end(resolve))
      await t.until('all is there', () => chunks.length > 0 && Buffer.concat(chunks).length === 1000)
      assert.ok(Buffer.concat(chunks).every(byte => byte === 1))
    }
  },
  {
    name: 'Buffers of ours cannot be taken away',
    once: true,
    async run (t) {
      await t.open()
      t.take(1000000)
      t.connection.on('error', () => {})
      t.client.answer = (prepare, data) => {
        try {
          structuredClone(data.buffer, { transfer: [data.buffer] })
        } catch (err) {
          assert.strictEqual(err.name, 'DataCloneError') // newer ones of Node
        }
      }
      await t.connection.createStream().sendTotal(5000)
      assert.strictEqual(t.accepted.totalReceived, '2500')
    }
  },
  {
    name: 'what comes late of a connection that has ended is nothing to the next one, of another asset',
    async run (t) {
      t.pair(1, 2)
      await t.open({ client: { getExpiry: () => new Date(Date.now() + 300) } })
      t.take(1000000)
      const late = []
      await t.connection.createStream().sendTotal(100)
      t.client.answer = prepare => prepare.amount === '0' ? undefined : new Promise(resolve => late.push(resolve))
      t.connection.createStream().setSendMax(500)
      await t.until('money is under way', () => late.length > 0)
      t.connection.on('error', () => {})
      await t.within('its end', t.connection.destroy())
      const first = t.connection

      const plugin = new PairPlugin('other', 'JPY')
      plugin.other = t.server
      t.server.other = plugin
      const next = t.listening.acceptConnection()
      const connection = await t.api.createConnection({ plugin, ...t.listening.generateAddressAndSecret() })
      t.later(() => connection.destroy())
      const accepted = await next
      accepted.on('stream', stream => stream.setReceiveMax(1000))
      for (const answer of late) answer(reject('F99', 'late'))
      await connection.createStream().sendTotal(1000)
      assert.strictEqual(connection.sourceAssetCode, 'JPY')
      assert.strictEqual(connection.totalSent, '1000')
      assert.strictEqual(accepted.totalReceived, '1000')
      assert.strictEqual(first.totalSent, '100')
      assert.strictEqual(first.totalDelivered, '50')
    }
  },
  {
    name: 'a machine that the package has no addon for is told so, and what to do',
    once: true,
    async run (t) {
      const folder = temporary(t)
      for (const name of ['lib', 'package.json']) fs.cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true })
      fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'))
      fs.mkdirSync(path.join(folder, 'prebuilds/plan9-mips'), { recursive: true })
      const env = { ...process.env }
      delete env.RILL_ADDON
      const said = await new Promise((resolve, reject) => execFile(NODE,
        ['-e', 'try { require("./lib") } catch (err) { console.log(err.code, err.message) }'], { cwd: folder, env },
        (err, output) => err ? reject(err) : resolve(output)))
      assert.match(said, /^ERR_RILL_NO_ADDON .* has no addon for linux-\w+-\w+ \(it has: plan9-mips\)\. Build it from source: npm run build, in \//)
    }
  },
  {
    name: 'garbage collection at any time',
    once: true,
    async run () {
      assert.match(await script('gc.js'), /^ok$/m)
    }
  },
  {
    name: 'nothing is kept of connections and servers that were made and forgotten',
    once: true,
    async run () {
      assert.match(await script('forgotten.js'), /^301 made, 0 left$/m)
    }
  },
  {
    name: 'memory does not grow by 16 bytes with each connection that ends',
    once: true,
    seconds: 600,
    async run () {
      // Sanitizers look for leaks themselves, when a process ends, and make connections slow.
      const sanitized = /sanitized/.test(process.env.RILL_ADDON)
      const said = await script('leak.js', ...(sanitized ? ['500'] : []))
      assert.match(said, sanitized ? /^bytes a connection, of 500: / : /^ok$/m)
    }
  },
  {
    name: 'a process ends by itself: when it has ended its connection, and without',
    once: true,
    async run () {
      assert.match(await script('exit.js', 'end'), /^ended$/m)
      assert.match(await script('exit.js', 'leave'), /^paid$/m)
      assert.match(await script('exit.js', 'destroy'), /^destroyed$/m)
    }
  },
  {
    name: 'money: who looks at all events, or at those whose handler has failed, sees the packet of each',
    once: true,
    async run () {
      assert.match(await script('watched.js', 'events'), /^20 packets, 20 seen$/m)
      assert.match(await script('watched.js', 'rejections'), /^20 packets, 20 seen$/m)
    }
  },
  {
    name: 'worker threads',
    once: true,
    async run (t) {
      const workers = Array.from({ length: 3 }, () => new Worker(path.join(__dirname, '../scripts/exit.js'), { argv: ['end'], stdout: true }))
      const codes = await Promise.all(workers.map(worker => t.event(worker, 'exit')))
      assert.deepStrictEqual(codes, [0, 0, 0])
      const stopped = new Worker(path.join(__dirname, '../scripts/exit.js'), { argv: ['busy'], stdout: true })
      await t.event(stopped, 'message')
      await stopped.terminate()
    }
  },
  {
    name: 'money adds up where packets, replies and the link fail',
    async run (t) {
      t.pair(1, 1)
      let seed = 7
      const random = () => (seed = seed * 1103515245 % 2147483648) / 2147483648
      await t.open()
      t.take(1000000)
      const money = spy()
      t.accepted.on('stream', stream => stream.on('money', money))
      t.client.answer = async prepare => {
        if (random() < 0.15) return reject(['T00', 'F99', 'T01'][Math.floor(random() * 3)])
        await t.sleep(random() * 3)
        return undefined
      }
      const streams = Array.from({ length: 3 }, () => t.connection.createStream())
      await Promise.all(streams.map((stream, i) => stream.sendTotal(1000 * (i + 1), { timeout: 55000 })))
      const total = money.calls.reduce((sum, [amount]) => sum + Number(amount), 0)
      assert.strictEqual(total, 6000)
      assert.strictEqual(t.connection.totalSent, '6000')
      assert.strictEqual(t.connection.totalDelivered, '6000')
      assert.strictEqual(t.accepted.totalReceived, '6000')
    }
  }
]
