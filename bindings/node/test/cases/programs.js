// SPDX-License-Identifier: Apache-2.0
'use strict'
// Over rilld, with Rill's programs at the other end, in both roles: rill send and rill receive, and those
// of examples/. And with ilp-plugin-http as the plugin, by which packets come and go over HTTP.
const assert = require('assert')
const fs = require('fs')
const path = require('path')
const { spawn } = require('child_process')
const BtpPlugin = require('ilp-plugin-btp')
const { Plugin } = require('../../plugin')
const { startNode, startHttpNode, project, run, temporary } = require('../support/rilld')

const UNLIMITED = '18446744073709551615'
const SECRET = 'secret'

/** The folder of the examples is beside that of rilld. */
function program (name) {
  const bin = process.env.RILL_BIN
  return name.startsWith('rill') ? path.join(bin, name) : path.join(process.env.RILL_EXAMPLES || path.join(bin, '../../examples'), name)
}

/** Starts one. `done` is what it said when it has ended by itself. */
function start (t, uri, name, args, { status = 0, input = '' } = {}) {
  const child = spawn(program(name), args, { env: { ...process.env, ILP_BTP_SERVER: uri }, stdio: ['pipe', 'pipe', 'pipe'] })
  t.later(() => child.kill('SIGKILL'))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const started = { child, output: '', errors: '' }
  child.stdout.on('data', chunk => { started.output += chunk })
  child.stderr.on('data', chunk => { started.errors += chunk })
  started.done = t.within(`${name} ends`, new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => code === status
      ? resolve(started.output)
      : reject(new Error(`${name} ended with ${code}\n${started.output}${started.errors}`)))
  }), 50000)
  started.done.catch(() => {})
  return started
}

function linkOf (t, uri, name) {
  const url = new URL(uri.slice(4))
  Object.assign(url, { username: name, password: SECRET })
  const server = `btp+${url.href}`
  return t.who === 'rill' ? new Plugin({ server }) : new BtpPlugin({ server })
}

/** A server of the package, whose credentials are in a file. What it got is in `streams`. */
async function serve (t, uri, { plugin = linkOf(t, uri, 'shop'), each = () => {} } = {}) {
  const server = await t.api.createServer({ plugin })
  t.later(() => server.close())
  const served = { server, file: path.join(temporary(t), 'credentials'), streams: [], closed: 0 }
  server.on('connection', connection => {
    served.connection = connection
    connection.on('error', () => {})
    connection.on('close', () => served.closed++)
    connection.on('stream', stream => {
      const got = { stream, money: 0n, data: Buffer.alloc(0) }
      served.streams.push(got)
      stream.setReceiveMax(UNLIMITED)
      stream.on('error', () => {})
      stream.on('money', amount => { got.money += BigInt(amount) })
      stream.on('data', chunk => { got.data = Buffer.concat([got.data, chunk]) })
      each(stream)
    })
  })
  const { destinationAccount, sharedSecret } = server.generateAddressAndSecret()
  served.credentials = { destinationAccount, sharedSecret }
  fs.writeFileSync(served.file, JSON.stringify({ destination_account: destinationAccount, shared_secret: sharedSecret.toString('base64') }), { mode: 0o600 })
  served.money = () => served.streams.reduce((sum, { money }) => sum + money, 0n)
  return served
}

/** A program that serves, and has written its credentials to a file. */
async function serving (t, uri, name, args, options) {
  const file = path.join(temporary(t), 'credentials')
  const started = start(t, uri, name, args(file), options)
  await t.until(`${name} has credentials`, () => {
    if (started.child.exitCode !== null) throw new Error(`${name} ended: ${started.output}${started.errors}`)
    try {
      return JSON.parse(fs.readFileSync(file, 'utf8'))
    } catch {
      return false
    }
  })
  const read = JSON.parse(fs.readFileSync(file, 'utf8'))
  return { ...started, started, file, credentials: { destinationAccount: read.destination_account, sharedSecret: Buffer.from(read.shared_secret, 'base64') } }
}

async function connect (t, uri, credentials, { plugin = linkOf(t, uri, 'payer') } = {}) {
  const connection = await t.within('it connects', t.api.createConnection({ plugin, ...credentials }))
  t.later(() => connection.destroy())
  return connection
}

/** Each is once in the output, in any order. */
function saidOnce (output, lines) {
  const said = output.trim().split('\n')
  for (const line of lines) assert.strictEqual(said.filter(one => one === line).length, 1, `${line}, in\n${output}`)
}

const CLIENTS = {
  client: { args: file => [file], streams: [100n, 200n], data: ['hello there!', 'hello there!'] },
  streams: { args: file => [file], streams: 5 },
  micropayments: { args: file => [file, '1'], streams: 1 },
  threads: { args: file => [file], input: '10\n20\n', streams: [10n, 20n] }
}

module.exports = [
  {
    name: 'rill send pays a server, with bytes',
    async run (t) {
      const uri = await startNode(t)
      const served = await serve(t, uri)
      const sent = start(t, uri, 'rill', ['send', '--credentials', served.file, '--amount', '98765', '--max-packet', '500', '--data', 'for tea', '--json'])
      const events = (await sent.done).trim().split('\n').map(line => JSON.parse(line))
      const last = events[events.length - 1]
      assert.deepStrictEqual([last.sent, last.delivered], ['98765', '98765'])
      await t.until('it has all', () => served.money() === 98765n && served.closed === 1)
      assert.strictEqual(served.connection.totalReceived, '98765')
      assert.strictEqual(served.streams.map(({ data }) => data).join(), 'for tea')
    }
  },
  {
    name: 'a client pays rill receive, with bytes',
    async run (t) {
      const uri = await startNode(t)
      const { credentials, done } = await serving(t, uri, 'rill', file => ['receive', '--credentials', file, '--connections', '1', '--json'])
      const connection = await connect(t, uri, credentials)
      const stream = connection.createStream()
      await t.within('it is sent', stream.sendTotal(54321))
      const bytes = Buffer.alloc(20000, 'abc')
      await t.within('all bytes are taken', new Promise(resolve => stream.end(bytes, resolve)))
      await connection.end()
      assert.deepStrictEqual([connection.totalSent, connection.totalDelivered], ['54321', '54321'])
      const events = (await done).trim().split('\n').map(line => JSON.parse(line))
      const of = kind => events.filter(({ event }) => event === kind)
      assert.strictEqual(of('money').reduce((sum, { amount }) => sum + BigInt(amount), 0n), 54321n)
      assert.ok(Buffer.concat(of('data').map(({ data }) => Buffer.from(data, 'base64'))).equals(bytes))
    }
  },
  {
    name: 'rill send to a server that takes less is told what has arrived',
    async run (t) {
      const uri = await startNode(t)
      const served = await serve(t, uri)
      served.server.removeAllListeners('connection')
      let total
      served.server.on('connection', connection => {
        total = connection
        connection.on('error', () => {})
        connection.on('stream', stream => {
          stream.on('error', () => {})
          stream.setReceiveMax(1000)
        })
      })
      // On a slow machine it may give up before it has begun.
      let arrived = '0'
      for (let stall = 1; stall < 20 && arrived === '0'; stall *= 2) {
        const sent = start(t, uri, 'rill', ['send', '--credentials', served.file, '--amount', '5000', '--max-packet', '100', '--stall', String(stall), '--json'], { status: 1 })
        const said = await sent.done
        arrived = JSON.parse(said.trim().split('\n').pop()).sent
      }
      assert.strictEqual(arrived, total.totalReceived)
      assert.ok(Number(arrived) >= 900 && Number(arrived) <= 1010, arrived)
    }
  },
  ...Object.entries(CLIENTS).map(([name, { args, input, streams, data }]) => ({
    name: `example ${name} pays a server`,
    async run (t) {
      const uri = await startNode(t)
      const served = await serve(t, uri)
      await start(t, uri, name, args(served.file), { input }).done
      // The original may know that its connection has ended when it is idle, and not before.
      await t.until('all that it has is told', () => served.connection.totalReceived === served.money().toString())
      if (t.who === 'rill') await t.until('its connection has ended', () => served.closed === 1)
      const got = served.streams.map(({ money }) => money)
      if (Array.isArray(streams)) assert.deepStrictEqual(got, streams)
      else assert.strictEqual(got.filter(money => money > 0n).length, streams)
      if (data) assert.deepStrictEqual(served.streams.map(({ data }) => data.toString()), data)
      assert.strictEqual(served.connection.totalReceived, served.money().toString())
    }
  })),
  {
    name: 'example server is paid by the tutorial\'s client',
    async run (t) {
      const uri = await startNode(t)
      const { credentials, done } = await serving(t, uri, 'server', file => [file])
      const folder = project(t, t.who, t.who === 'rill' ? 'ours' : 'ilp-plugin-btp')
      const { destinationAccount, sharedSecret } = credentials
      fs.writeFileSync(path.join(folder, 'credentials'), JSON.stringify({ destinationAccount, sharedSecret: sharedSecret.toString('hex') }))
      await run(t, folder, 'client.js', [path.join(folder, 'credentials')], uri, t.who === 'original' ? 'sent 200 units' : undefined)
      saidOnce(await done, ['server stream 1 got data: hello there!', 'server stream 3 got data: hello there!',
        'server stream 1 got incoming payment for: 100', 'server stream 3 got incoming payment for: 200'])
    }
  },
  {
    name: 'example giftcard pays a client',
    async run (t) {
      const uri = await startNode(t)
      const { credentials, done } = await serving(t, uri, 'giftcard', file => ['serve', file])
      const connection = await connect(t, uri, credentials)
      const stream = connection.createStream()
      let total = 0n
      stream.on('money', amount => { total += BigInt(amount) })
      stream.on('data', () => {})
      stream.setReceiveMax(UNLIMITED)
      const ended = t.event(stream, 'end')
      stream.write('hello')
      await ended
      assert.ok(total > 0n)
      assert.strictEqual(connection.totalReceived, total.toString())
      connection.destroy()
      await done
    }
  },
  {
    name: 'example messages answers a client, and asks a server',
    async run (t) {
      const uri = await startNode(t)
      const { credentials } = await serving(t, uri, 'messages', file => ['serve', file])
      const connection = await connect(t, uri, credentials)
      const stream = connection.createStream()
      let answer = ''
      stream.on('data', chunk => { answer += chunk })
      stream.write('hello\n')
      await t.until('it answers', () => answer === 'HELLO\n')
      await connection.destroy()
      const served = await serve(t, uri, { each: stream => stream.on('data', chunk => stream.end(chunk.toString().toUpperCase())) })
      const said = await start(t, uri, 'messages', ['talk', served.file, 'how are you?']).done
      assert.match(said, /HOW ARE YOU\?/)
    }
  },

  // ---- ilp-plugin-http ----
  ...[['HTTP', 'BTP'], ['BTP', 'HTTP'], ['HTTP', 'HTTP']].map(([payer, shop]) => ({
    name: `the plugin is ilp-plugin-http: a client over ${payer} pays a server over ${shop}`,
    async run (t) {
      const { uri, plugin } = await startHttpNode(t, [payer === 'HTTP' && 'payer', shop === 'HTTP' && 'shop'].filter(Boolean))
      const of = (name, kind) => kind === 'HTTP' ? plugin(name) : linkOf(t, uri, name)
      const served = await serve(t, uri, { plugin: of('shop', shop) })
      const connection = await connect(t, uri, served.credentials, { plugin: of('payer', payer) })
      const stream = connection.createStream()
      stream.write('hello there!')
      await t.within('it is sent', stream.sendTotal(12345))
      await t.until('all is there', () => served.money() === 12345n && served.streams[0].data.toString() === 'hello there!')
      // And back, for which packets come to the client.
      stream.setReceiveMax(UNLIMITED)
      await t.within('it is paid back', served.streams[0].stream.sendTotal(2345))
      assert.strictEqual(stream.totalReceived, '2345')
      await connection.end()
      assert.strictEqual(connection.totalDelivered, '12345')
      assert.strictEqual(served.connection.totalDelivered, '2345')
    }
  })),
  {
    name: 'the plugin is ilp-plugin-http: rill send pays a server',
    async run (t) {
      const { uri, plugin } = await startHttpNode(t, ['shop'])
      const served = await serve(t, uri, { plugin: plugin('shop') })
      await start(t, uri, 'rill', ['send', '--credentials', served.file, '--amount', '4321', '--json']).done
      await t.until('it has all', () => served.money() === 4321n)
    }
  },
  {
    name: 'the plugin is ilp-plugin-http: a client pays rill receive',
    async run (t) {
      const { uri, plugin } = await startHttpNode(t, ['payer'])
      const { credentials, done } = await serving(t, uri, 'rill', file => ['receive', '--credentials', file, '--connections', '1', '--json'])
      const connection = await connect(t, uri, credentials, { plugin: plugin('payer') })
      await t.within('it is sent', connection.createStream().sendTotal(1234))
      await connection.end()
      const events = (await done).trim().split('\n').map(line => JSON.parse(line))
      assert.strictEqual(events.filter(({ event }) => event === 'money').reduce((sum, { amount }) => sum + BigInt(amount), 0n), 1234n)
    }
  }
]
