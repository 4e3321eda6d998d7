// SPDX-License-Identifier: Apache-2.0
'use strict'
// Over a real node: the tutorial's scripts, over rilld and over moneyd, each role with each package, with ilp-plugin-btp and
// with the plugin of this package; and what that plugin does when things break.
const assert = require('assert')
const fs = require('fs')
const os = require('os')
const path = require('path')
const { once } = require('events')
const { WebSocketServer } = require('ws')
const { startNode, startMoneyd, project, run } = require('../support/rilld')
const { Plugin, pluginFromEnvironment } = require('../../plugin')
const api = require('../..')

const SERVER = ['server got connection', 'server got a new stream: 1', 'server got a new stream: 3',
  'server stream 1 got data: hello there!', 'server stream 3 got data: hello there!',
  'server stream 1 got incoming payment for: 100', 'server stream 3 got incoming payment for: 200', 'server connection ended']
const CLIENT = ['sending data to server on stream 1', 'sending data to server on stream 3', 'sending money to server on stream 1',
  'sent 100 units', 'sending money to server on stream 3', 'sent 200 units']

function lines (output) {
  return output.trim().split('\n')
}

const NODES = { rilld: startNode, moneyd: startMoneyd }

function tutorial (client, server, plugin, node = 'rilld') {
  return {
    name: `the tutorial: client ${client}, server ${server}, plugin ${plugin}, over ${node}`,
    once: true,
    async run (t) {
      const uri = await NODES[node](t)
      const there = project(t, server, plugin)
      const credentials = path.join(there, 'credentials')
      const served = run(t, there, 'server.js', [credentials], uri, server === 'original' ? SERVER[SERVER.length - 1] : undefined)
      served.catch(() => {})
      await t.until('there are credentials', () => fs.existsSync(credentials) && fs.readFileSync(credentials, 'utf8').endsWith('}'))
      const paid = await run(t, project(t, client, plugin), 'client.js', [credentials], uri,
        client === 'original' ? CLIENT[CLIENT.length - 1] : undefined)
      assert.deepStrictEqual(lines(paid), CLIENT)
      // The original's may say twice that its connection has ended.
      const said = lines(await served).sort()
      assert.deepStrictEqual(server === 'original' ? [...new Set(said)] : said, SERVER.slice().sort())
    }
  }
}

async function openBoth (t) {
  const uri = await startNode(t)
  const plugin = name => {
    const url = new URL(uri.slice(4))
    Object.assign(url, { username: name, password: 'secret' })
    return new Plugin({ server: `btp+${url.href}` })
  }
  const server = await api.createServer({ plugin: plugin('bob') })
  t.later(() => server.close())
  server.on('connection', connection => connection.on('stream', stream => {
    stream.setReceiveMax(1e15)
    stream.on('error', () => {})
    stream.pipe(stream)
  }))
  const client = plugin('alice')
  return { uri, server, client, plugin, credentials: server.generateAddressAndSecret() }
}

module.exports = [
  tutorial('rill', 'rill', 'ilp-plugin-btp'),
  tutorial('rill', 'rill', 'ours'),
  tutorial('rill', 'original', 'ilp-plugin-btp'),
  tutorial('original', 'rill', 'ilp-plugin-btp'),
  tutorial('original', 'rill', 'ours'),
  tutorial('rill', 'original', 'ours'),
  tutorial('rill', 'rill', 'ilp-plugin-btp', 'moneyd'),
  tutorial('rill', 'rill', 'ours', 'moneyd'),
  tutorial('original', 'rill', 'ilp-plugin-btp', 'moneyd'),
  tutorial('rill', 'original', 'ilp-plugin-btp', 'moneyd'),
  {
    name: 'the plugin: addresses, money, a megabyte, both ways at once',
    once: true,
    async run (t) {
      const { server, client, credentials } = await openBoth(t)
      assert.strictEqual(client.isConnected(), false)
      const connection = await api.createConnection({ plugin: client, ...credentials })
      assert.ok(client.isConnected())
      assert.strictEqual(connection.sourceAccount, 'private.rill.alice')
      assert.strictEqual(server.assetCode, 'XRP')
      const stream = connection.createStream()
      const bytes = Buffer.alloc(1000000, 3)
      let length = 0
      stream.on('data', chunk => { length += chunk.length })
      stream.write(bytes)
      await stream.sendTotal('5000000000')
      await t.until('all is back', () => length === bytes.length)
      await connection.end()
      await t.until('it is disconnected', () => !client.isConnected())
    }
  },
  {
    name: 'the plugin: connects again when the node comes back',
    once: true,
    async run (t) {
      const { client } = await openBoth(t)
      await client.connect()
      await client.connect()
      const disconnected = once(client, 'disconnect')
      client._link.terminate()
      await disconnected
      await assert.rejects(client.sendData(Buffer.from([12, 0])), /^Error: the node is not connected/)
      await t.until('it is there again', () => client.isConnected())
      await client.disconnect()
      assert.strictEqual(client.isConnected(), false)
      await client.disconnect()
    }
  },
  {
    name: 'the plugin: answers what has come before it disconnects',
    once: true,
    async run (t) {
      const { client, plugin } = await openBoth(t)
      const dave = plugin('dave')
      await dave.connect()
      await client.connect()
      const { serializeIlpPrepare, serializeIlpFulfill } = require('ilp-packet')
      let asked = false
      dave.registerDataHandler(async () => {
        asked = true
        await t.sleep(100)
        return serializeIlpFulfill({ fulfillment: Buffer.alloc(32), data: Buffer.from('late') })
      })
      const { createHash } = require('crypto')
      const answer = client.sendData(serializeIlpPrepare({
        amount: '0',
        destination: 'private.rill.dave',
        executionCondition: createHash('sha256').update(Buffer.alloc(32)).digest(),
        expiresAt: new Date(Date.now() + 10000),
        data: Buffer.alloc(0)
      }))
      await t.until('it has come', () => asked)
      await dave.disconnect()
      assert.strictEqual((await answer)[0], 13)
      await client.disconnect()
    }
  },
  {
    name: 'the plugin: what it throws at',
    once: true,
    async run (t) {
      assert.throws(() => new Plugin({ server: 'ws://localhost' }), /^Error: server must start with "btp\+"/)
      assert.throws(() => new Plugin({}), /^Error: server must start with "btp\+"/)
      assert.throws(() => new Plugin({ server: 'btp+http://localhost' }), /^Error: server must be btp\+ws or btp\+wss/)
      const { uri, client, plugin } = await openBoth(t)
      await client.connect()
      const url = new URL(uri.slice(4))
      Object.assign(url, { username: 'alice', password: 'another secret' })
      await assert.rejects(new Plugin({ server: `btp+${url.href}` }).connect(), /the node answered F00|closed the connection/)
      await assert.rejects(new Plugin({ server: 'btp+ws://127.0.0.1:1' }).connect(), /ECONNREFUSED/)
      client.registerDataHandler(async () => Buffer.alloc(0))
      assert.throws(() => client.registerDataHandler(() => {}), /^Error: requestHandler is already registered/)
      client.deregisterDataHandler()
      assert.throws(() => client.registerDataHandler(5), /^Error: requestHandler must be a function/)
      assert.ok(plugin('carol') instanceof Plugin)
      await client.disconnect()
      process.env.ILP_BTP_SERVER = uri
      const own = pluginFromEnvironment()
      delete process.env.ILP_BTP_SERVER
      await own.connect()
      await own.disconnect()
    }
  },
  {
    name: 'the plugin: what the environment says',
    once: true,
    async run (t) {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rill-plugin-'))
      t.later(() => fs.rmSync(folder, { recursive: true }))
      const another = path.join(folder, 'another.js')
      fs.writeFileSync(another, 'module.exports = class { constructor (options) { this.options = options } }')
      const made = variables => {
        const before = {}
        for (const [name, value] of Object.entries(variables)) {
          before[name] = process.env[name]
          process.env[name] = value
        }
        try {
          return pluginFromEnvironment()
        } finally {
          for (const [name, value] of Object.entries(before)) {
            if (value === undefined) delete process.env[name]
            else process.env[name] = value
          }
        }
      }
      const server = 'btp+ws://127.0.0.1:1'
      const beside = made({ ILP_CREDENTIALS: JSON.stringify({ server, btpAccount: 'alice', btpToken: 'secret' }) })
      assert.deepStrictEqual([beside._url, beside._account, beside._token], ['ws://127.0.0.1:1/', 'alice', 'secret'])
      const inside = made({ ILP_CREDENTIALS: '{"server":"btp+ws://bob:other@127.0.0.1:1"}', ILP_PLUGIN: 'ilp-plugin-btp' })
      assert.deepStrictEqual([inside._account, inside._token], ['bob', 'other'])
      assert.throws(() => made({ ILP_CREDENTIALS: '{"server":"btp+ws://bob:other@127.0.0.1:1","btpToken":"x"}' }), /give them once/)
      assert.throws(() => made({ ILP_CREDENTIALS: 'no JSON' }), SyntaxError)
      assert.deepStrictEqual(made({ ILP_PLUGIN: another, ILP_CREDENTIALS: '{"a":1}' }).options, { a: 1 })
      assert.throws(() => made({ ILP_PLUGIN: 'ilp-plugin-that-nobody-has' }), { code: 'MODULE_NOT_FOUND' })
      const own = made({ ILP_BTP_SERVER: server })
      assert.match(own._token, /^[0-9a-f]{32}$/)
    }
  },
  {
    name: 'the plugin: a node that answers with a BTP error, with nothing, or never',
    once: true,
    async run (t) {
      // Its frames: a type, an id of four bytes, and a length before the rest.
      const node = new WebSocketServer({ port: 0, host: '127.0.0.1' })
      t.later(() => node.close())
      await once(node, 'listening')
      const error = Buffer.concat([Buffer.from('F00'), Buffer.from('\x10NotAcceptedError\x1020260101000000.0\x00', 'latin1'), Buffer.from([1, 0])])
      let asked = 0
      node.on('connection', socket => socket.on('message', bytes => {
        const id = bytes.subarray(1, 5)
        const nothing = Buffer.concat([Buffer.from([1]), id, Buffer.from([2, 1, 0])])
        asked++
        if (asked === 2) socket.send(Buffer.concat([Buffer.from([2]), id, Buffer.from([error.length]), error]))
        else if (asked < 4) socket.send(nothing)
      }))
      const client = new Plugin({ server: `btp+ws://a:b@127.0.0.1:${node.address().port}` })
      await client.connect()
      await assert.rejects(client.sendData(Buffer.from([12, 0])), /^Error: the node answered F00 NotAcceptedError/)
      await assert.rejects(client.sendData(Buffer.from([12, 0])), /^Error: the node answered without ilp data/)
      const never = client.sendData(Buffer.from([12, 0]))
      await t.until('it was asked', () => asked === 4)
      const [[id, request]] = client._requests
      request.at -= 36000 // as if it had waited for so long
      await assert.rejects(never, new RegExp(`^Error: the node has not answered request ${id}`))
      await client.disconnect()
    }
  },
  {
    name: 'the node goes away: the connection ends with an error',
    once: true,
    async run (t) {
      const { client, credentials } = await openBoth(t)
      const connection = await api.createConnection({ plugin: client, ...credentials })
      const failed = t.event(connection, 'error')
      const stream = connection.createStream()
      await stream.sendTotal(1000)
      t.node.kill('SIGKILL')
      await t.until('the plugin has noticed', () => !client.isConnected())
      await assert.rejects(stream.sendTotal(2000))
      assert.ok(await failed instanceof Error)
    }
  }
]
