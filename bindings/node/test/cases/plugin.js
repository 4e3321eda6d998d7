// SPDX-License-Identifier: Apache-2.0
'use strict'
// The plugin of this package and ilp-plugin-btp, in whose place it may be used: at a node that is
// ilp-plugin-btp's listener, or says what a case wants.
const assert = require('assert')
const net = require('net')
const { createHash } = require('crypto')
const { once } = require('events')
const { WebSocketServer } = require('ws')
const BtpPlugin = require('ilp-plugin-btp')
const { Link } = require('../../lib/link')
const { Plugin } = require('../../plugin')

const PACKET = Buffer.from([12, 0])

/** The client whose turn it is. */
function make (t, options) {
  const plugin = t.who === 'rill' ? new Plugin(options) : new BtpPlugin({ reconnectInterval: 20, ...options })
  t.later(() => plugin.disconnect())
  return plugin
}

/** A listener of ilp-plugin-btp. `ready` is when a client has come to it. */
async function listen (t, { port = 0, answer = data => data } = {}) {
  const node = new BtpPlugin({ listener: { port, secret: 'secret' } })
  t.later(() => node.disconnect())
  node.registerDataHandler(answer)
  const ready = node.connect()
  ready.catch(() => {})
  await once(node._wss, 'listening')
  return { node, ready, port: node._wss.address().port }
}

/**
 * A node that takes who comes, and does with the nth question what `answers[n]` says; or what `answers` says
 * of it, if that is a function.
 */
async function scripted (t, answers) {
  const node = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  t.later(() => node.close())
  await once(node, 'listening')
  const says = {
    nothing: id => Buffer.concat([Buffer.from([1]), id, Buffer.from([2, 1, 0])]),
    error: id => {
      const body = Buffer.concat([Buffer.from('F00'), Buffer.from('\x10NotAcceptedError\x1020260101000000.0\x00', 'latin1'), Buffer.from([1, 0])])
      return Buffer.concat([Buffer.from([2]), id, Buffer.from([body.length]), body])
    },
    never: () => undefined
  }
  const asked = []
  node.on('connection', socket => socket.on('message', bytes => {
    asked.push(bytes)
    const what = typeof answers === 'function' ? answers(bytes) : answers[asked.length - 1]
    const said = says[what || 'nothing'](bytes.subarray(1, 5))
    if (said) socket.send(said)
  }))
  /** Whether it answers pings. */
  const answering = is => { for (const { _socket } of node.clients) is ? _socket.resume() : _socket.pause() }
  return { asked, answering, server: `btp+ws://a:b@127.0.0.1:${node.address().port}` }
}

/** Who comes is told yes, and a packet nothing. */
const takesNoPackets = bytes => bytes.includes('auth') ? 'nothing' : 'never'

/** With a responseTimeout in which the node has answered, however slow this machine is: `ms`, or twice that, ... */
async function inTime (ms, does) {
  for (let responseTimeout = ms; ; responseTimeout *= 2) {
    try {
      return await does(responseTimeout)
    } catch (err) {
      if (!/timed out|has not answered/.test(err.message)) throw err
    }
  }
}

/** A client that is connected. */
function connected (t, server, ms) {
  return inTime(ms, async responseTimeout => {
    const client = make(t, { server, responseTimeout })
    await client.connect()
    return { client, responseTimeout }
  })
}

/** A port on which nobody listens, for now. */
async function freePort () {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

module.exports = [
  ...[['in the address', port => ({ server: `btp+ws://bob:secret@127.0.0.1:${port}` })],
    ['beside the address', port => ({ server: `btp+ws://127.0.0.1:${port}`, btpAccount: 'bob', btpToken: 'secret' })]
  ].map(([where, options]) => ({
    name: `connects, and asks and answers: account and token ${where}`,
    async run (t) {
      const asked = []
      const { node, ready, port } = await listen(t, { answer: async data => { asked.push(data); return Buffer.from('bar') } })
      const client = make(t, options(port))
      client.registerDataHandler(async data => Buffer.concat([data, Buffer.from('!')]))
      assert.strictEqual(client.isConnected(), false)
      await t.within('both are connected', Promise.all([ready, client.connect()]))
      assert.deepStrictEqual([node.isConnected(), client.isConnected()], [true, true])
      assert.strictEqual((await client.sendData(Buffer.from('foo'))).toString(), 'bar')
      assert.strictEqual(asked.join(), 'foo')
      assert.strictEqual((await node.sendData(Buffer.from('back'))).toString(), 'back!')
      const lost = t.event(client, 'disconnect')
      await client.disconnect()
      await lost
      assert.strictEqual(client.isConnected(), false)
    }
  })),
  {
    name: 'account and token in the address and beside it are one too many',
    run (t) {
      const twice = { server: 'btp+ws://bob:secret@127.0.0.1:1', btpAccount: 'bob', btpToken: 'secret' }
      for (const part of [{}, { btpAccount: undefined }, { btpToken: undefined }]) {
        assert.throws(() => make(t, { ...twice, ...part }), /^Error: account(\/| and )token .*(not both|once)/)
      }
    }
  },
  {
    name: 'a wrong token is refused',
    async run (t) {
      const { node, port } = await listen(t)
      const client = make(t, { server: `btp+ws://bob:wrong@127.0.0.1:${port}` })
      await assert.rejects(t.within('it is refused', client.connect()), /^Error: (connection aborted|the node answered F00 NotAcceptedError)/)
      assert.deepStrictEqual([node.isConnected(), client.isConnected()], [false, false])
    }
  },
  {
    name: 'flags go to the node with account and token',
    async run (t) {
      const { node, ready, port } = await listen(t)
      let flags
      node._connect = async got => { flags = got }
      const client = make(t, { server: `btp+ws://bob:secret@127.0.0.1:${port}`, btpAuthFlags: { foo: 123, text: 'grüß', list: [1, { a: null }], raw: Buffer.from([0, 255]) } })
      await t.within('both are connected', Promise.all([ready, client.connect()]))
      const { auth, auth_username: account, auth_token: token, ...rest } = flags
      assert.deepStrictEqual([auth.length, account, token], [0, 'bob', 'secret'])
      assert.deepStrictEqual(rest, { foo: 123, text: 'grüß', list: [1, { a: null }], raw: Buffer.from([0, 255]) })
      assert.strictEqual((await client.sendData(Buffer.from('x'))).toString(), 'x')
    }
  },
  {
    name: 'flags that no node can be told are refused',
    once: true,
    run () {
      const made = btpAuthFlags => () => new Plugin({ server: 'btp+ws://127.0.0.1:1', btpAuthFlags })
      for (const name of ['auth', 'auth_username', 'auth_token', '', 'ü', 'x'.repeat(128)]) assert.throws(made({ [name]: 1 }), /^Error: btpAuthFlags cannot have the name/)
      assert.throws(made({ a: undefined }), /^Error: btpAuthFlags\.a is nothing that JSON has/)
      const many = count => Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${i}`, i]))
      assert.throws(made(many(101)), /^Error: btpAuthFlags has more than 100 names/)
      made(many(100))()
      made({ ['x'.repeat(127)]: 1 })()
    }
  },
  {
    name: 'a node that is not there at first',
    async run (t) {
      const port = await freePort()
      const client = make(t, { server: `btp+ws://bob:secret@127.0.0.1:${port}` })
      // The original goes on trying until it is there; ours says at once that it is not.
      const first = client.connect()
      if (t.who === 'rill') await assert.rejects(t.within('it is told', first), { code: 'ECONNREFUSED' })
      else await t.sleep(50)
      assert.strictEqual(client.isConnected(), false)
      const { ready } = await listen(t, { port })
      await t.within('it is connected', t.who === 'rill' ? client.connect() : first)
      await ready
      assert.strictEqual(client.isConnected(), true)
      assert.strictEqual((await client.sendData(Buffer.from('x'))).toString(), 'x')
    }
  },
  {
    name: 'a connection that is lost is made again, and events tell both',
    async run (t) {
      const { node, ready, port } = await listen(t)
      const client = make(t, { server: `btp+ws://bob:secret@127.0.0.1:${port}` })
      const told = []
      for (const name of ['connect', 'disconnect']) client.on(name, () => told.push(name))
      await t.within('both are connected', Promise.all([ready, client.connect()]))
      for (let i = 0; i < 3; i++) {
        const lost = t.event(client, 'disconnect')
        for (const socket of node._wss.clients) socket.terminate()
        await lost
        await t.until('it is there again', () => client.isConnected() && node.isConnected())
        assert.strictEqual((await client.sendData(Buffer.from('x'))).toString(), 'x')
      }
      assert.deepStrictEqual(told, ['connect', 'disconnect', 'connect', 'disconnect', 'connect', 'disconnect', 'connect'])
    }
  },
  {
    name: 'a lost connection is made again also where the application asked for it too early',
    once: true,
    async run (t) {
      for (const slow of [false, true]) {
        const { node, ready, port } = await listen(t)
        const client = make(t, { server: `btp+ws://bob:secret@127.0.0.1:${port}` })
        await t.within('both are connected', Promise.all([ready, client.connect()]))
        const lost = t.event(client, 'disconnect')
        const closed = node.disconnect()
        await lost
        await closed
        if (slow) {
          // While it connects the timer of the next attempt comes.
          const open = client._open
          client._open = async () => { await t.sleep(700); throw new Error('not there') }
          await assert.rejects(client.connect(), /^Error: not there/)
          client._open = open
        } else {
          await assert.rejects(client.connect(), { code: 'ECONNREFUSED' })
          await assert.rejects(Promise.all([client.connect(), client.connect()]), { code: 'ECONNREFUSED' })
        }
        await listen(t, { port })
        await t.until('it is there again', () => client.isConnected())
        // One that never was connected is not tried again by itself.
        await client.disconnect()
        const other = make(t, { server: `btp+ws://bob:secret@127.0.0.1:${await freePort()}` })
        await assert.rejects(other.connect(), { code: 'ECONNREFUSED' })
        assert.strictEqual(other._wanted, false)
      }
    }
  },
  {
    name: 'connecting again after it was stopped while it connected: each has its own end',
    once: true,
    async run (t) {
      const { server, asked } = await scripted(t, [])
      const links = []
      for (const until of [
        () => undefined,
        async client => {
          await null
          await once(client._opening, 'connect')
        },
        // It asks, and cannot have its answer yet.
        client => new Promise(resolve => {
          client._wait = say => {
            delete client._wait
            resolve()
            return client._wait(say)
          }
        }),
        // The yes of the handshake is there, and nobody has seen it yet.
        client => new Promise(resolve => {
          const { open } = Link
          Link.open = async (...args) => {
            const opened = await open.apply(Link, args)
            Link.open = open
            links.push(opened.link)
            resolve()
            return opened
          }
          t.later(() => { Link.open = open })
        })
      ]) {
        const client = new Plugin({ server })
        const reached = until(client)
        const first = client.connect()
        const failed = assert.rejects(first, /^Error: (the node closed the connection|disconnected)/)
        await reached
        const stopped = client.disconnect()
        assert.strictEqual(client._connecting, null)
        const second = client.connect()
        await t.within('the first is over', failed)
        await t.within('it is connected', second)
        await stopped
        assert.strictEqual(client.isConnected(), true)
        assert.strictEqual(client._wanted, true)
        const lost = t.event(client, 'disconnect')
        const link = client._link
        link.terminate()
        await lost
        await t.until('it is there again', () => client.isConnected())
        await client.disconnect()
        await link.gone
      }
      assert.ok(asked.length >= 8)
      for (const link of links) await t.within('the link of the first is gone', link.gone)
    }
  },
  {
    name: 'a node that vanishes without a word is noticed, and connected to again',
    once: true,
    async run (t) {
      const { server, answering } = await scripted(t, [])
      const client = make(t, { server })
      const { setInterval } = global
      let latest
      let check
      t.later(() => { global.setInterval = setInterval })
      global.setInterval = (does, ms) => {
        if (ms === 20000) latest = does
        return setInterval(does, ms)
      }
      // Other cases' plugins connect meanwhile as well.
      client.once('connect', () => { check = latest })
      await client.connect()
      global.setInterval = setInterval
      const link = client._link
      // A node that answers its pings stays, however long ago the last packet was.
      for (let i = 0; i < 5; i++) {
        check()
        assert.ok(link.pings > 0)
        await t.until('it answers', () => link.pings === 0)
      }
      assert.strictEqual(client._link, link)
      answering(false)
      const lost = t.event(client, 'disconnect')
      for (let i = 0; i < 2; i++) {
        check()
        await t.sleep(20)
        assert.strictEqual(client.isConnected(), true)
      }
      answering(true)
      check()
      await lost
      await t.until('it is there again', () => client.isConnected())
      assert.notStrictEqual(client._link, link)
    }
  },
  {
    name: 'a node closes as soon as it has answered the handshake',
    once: true,
    async run (t) {
      const node = net.createServer(socket => {
        socket.on('error', () => {})
        socket.once('data', request => {
          const [, key] = /Sec-WebSocket-Key: (\S+)/.exec(request.toString())
          const accept = createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
          const yes = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
          socket.end(Buffer.concat([Buffer.from(yes), Buffer.from([0x88, 2, 3, 0xe9])]))
        })
      }).listen(0, '127.0.0.1')
      t.later(() => node.close())
      await once(node, 'listening')
      const client = new Plugin({ server: `btp+ws://a:b@127.0.0.1:${node.address().port}` })
      await assert.rejects(client.connect(), /^Error: the connection to the node was lost$/)
      assert.strictEqual(client._link, null)
      assert.strictEqual(client._sweeper._destroyed, true)
    }
  },
  {
    name: 'after an account was refused nothing is left of the link, and connecting again is as at first',
    once: true,
    async run (t) {
      let says
      const { server } = await scripted(t, () => says)
      const { client, responseTimeout } = await inTime(20, async responseTimeout => {
        const client = make(t, { server, responseTimeout })
        says = 'error'
        await assert.rejects(client.connect(), /^Error: the node answered F00 NotAcceptedError/)
        assert.strictEqual(client._link, null)
        assert.strictEqual(client._sweeper._destroyed, true)
        says = 'nothing'
        await client.connect()
        return { client, responseTimeout }
      })
      assert.strictEqual(client.isConnected(), true)
      const failures = []
      const failed = err => failures.push(err)
      process.on('uncaughtException', failed)
      t.later(() => process.removeListener('uncaughtException', failed))
      const sweeper = client._sweeper
      await client.disconnect()
      assert.strictEqual(sweeper._destroyed, true)
      await t.sleep(5 * responseTimeout)
      assert.deepStrictEqual(failures, [])
    }
  },
  {
    name: 'an answer, an error in its place, and no bytes in it',
    async run (t) {
      const { asked, server } = await scripted(t, ['nothing', 'error', 'nothing'])
      const client = make(t, { server })
      await client.connect()
      await assert.rejects(t.within('an error', client.sendData(PACKET)), /F00.*NotAcceptedError/)
      // The original gives an empty Buffer to who waits for a packet.
      const empty = t.within('nothing', client.sendData(PACKET))
      if (t.who === 'rill') await assert.rejects(empty, /^Error: the node answered without ilp data/)
      else assert.strictEqual((await empty).length, 0)
      assert.strictEqual(asked.length, 3)
      assert.strictEqual(client.isConnected(), true)
    }
  },
  {
    name: 'responseTimeout: an answer that does not come',
    async run (t) {
      const { server } = await scripted(t, takesNoPackets)
      // The original is told yes in time, or it never connects.
      const { client, responseTimeout } = await connected(t, server, t.who === 'rill' ? 100 : 3000)
      const start = Date.now()
      const both = [client.sendData(PACKET), client.sendData(PACKET)]
      for (const one of both) await assert.rejects(t.within('it is over', one), /^Error: (\d+ timed out|the node has not answered request \d+)/)
      const took = Date.now() - start
      assert.ok(took >= responseTimeout - 5, `${took} ms`)
      assert.strictEqual(client.isConnected(), true)
    }
  },
  {
    name: 'responseTimeout: any part of a millisecond, and the longest',
    once: true,
    async run (t) {
      const { server } = await scripted(t, takesNoPackets)
      const failures = []
      const failed = err => failures.push(err)
      process.on('uncaughtException', failed)
      t.later(() => process.removeListener('uncaughtException', failed))
      const { client: short, responseTimeout } = await connected(t, server, 16.0625)
      assert.ok(!Number.isInteger(responseTimeout) || responseTimeout > 200)
      const answer = short.sendData(PACKET)
      answer.catch(() => {})
      await t.sleep(3 * responseTimeout)
      assert.deepStrictEqual(failures, [])
      await assert.rejects(t.within('it is over', answer), /^Error: the node has not answered request \d+/)
      const long = make(t, { server, responseTimeout: 2 ** 31 })
      await long.connect()
      long.sendData(PACKET).catch(err => failures.push(err))
      long._sweep()
      await t.sleep(20)
      assert.deepStrictEqual(failures, [])
    }
  },
  {
    name: 'responseTimeout: what is no time is refused',
    once: true,
    run () {
      for (const responseTimeout of [-1, Infinity, 'soon', {}, 2 ** 31 + 1, 1e300]) {
        assert.throws(() => new Plugin({ server: 'btp+ws://127.0.0.1:1', responseTimeout }), /^Error: responseTimeout must be/)
      }
      for (const responseTimeout of [0, undefined, null, 0.5, 2 ** 31]) assert.ok(new Plugin({ server: 'btp+ws://127.0.0.1:1', responseTimeout }))
    }
  }
]
