// SPDX-License-Identifier: Apache-2.0
'use strict'
// The plugin of this package under connections of this package: packets go between the core and the
// node's bytes by themselves. Whoever looks sees what it would see with any other plugin, and a node
// that does what none should harms nobody.
const assert = require('assert')
const net = require('net')
const path = require('path')
const { execFile, execFileSync } = require('child_process')
const { createHash } = require('crypto')
const { once } = require('events')
const { promisify } = require('util')
const { deserializeIlpPrepare, serializeIlpFulfill, serializeIlpPrepare, serializeIlpReject } = require('ilp-packet')
const { Node, ilp, errorOf, btp } = require('../support/btp')
const { SLOWER } = require('../support/context')
const NODE = require('../support/program')
const { startNode, temporary, ROOT } = require('../support/rilld')
const { judge } = require('../../lib/websocket')
const { native } = require('../../lib/arena')
const { Code } = require('../../lib/errors')
const { Plugin } = require('../../plugin')
const api = require('../..')

const FULFILL = 13
const REJECT = 14

/** Both ends over a node of the test. server, client: options. */
async function open (t, { server = {}, client = {}, node = new Node() } = {}) {
  await node.start(t)
  const plugins = { server: node.plugin('bob'), client: node.plugin('alice') }
  const listening = await api.createServer({ plugin: plugins.server, ...server })
  t.later(() => listening.close())
  const accepted = listening.acceptConnection()
  const streams = []
  const credentials = listening.generateAddressAndSecret()
  const connection = api.createConnection({ plugin: plugins.client, ...credentials, ...client })
  const [there, here] = await Promise.all([accepted, connection])
  t.later(() => here.destroy())
  there.on('error', () => {})
  there.on('stream', stream => {
    streams.push(stream)
    stream.on('error', () => {})
    stream.setReceiveMax('1000000000000')
  })
  return { node, plugins, listening, there, here, streams, credentials }
}

/** How often JavaScript sends a packet by itself. */
function countSends (plugin) {
  const sends = { count: 0 }
  const wait = plugin._wait
  plugin._wait = function (say) {
    sends.count++
    return wait.call(this, say)
  }
  return sends
}

function sum (amounts) {
  return amounts.reduce((total, amount) => total + BigInt(amount), 0n).toString()
}

/** Bytes in pieces of these lengths, one after the other. */
async function startSplitter (t, uri, pieces) {
  const { port } = new URL(uri.slice(4))
  const splitter = net.createServer(near => {
    const far = net.connect(Number(port), '127.0.0.1')
    near.setNoDelay(true)
    const close = () => { near.destroy(); far.destroy() }
    near.pipe(far)
    let left = Buffer.alloc(0)
    let at = 0
    let waiting = false
    const give = () => {
      if (left.length === 0 || waiting) return
      waiting = true
      const length = pieces[at++ % pieces.length]
      near.write(left.subarray(0, length))
      left = left.subarray(length)
      setImmediate(() => { waiting = false; give() })
    }
    far.on('data', chunk => { left = Buffer.concat([left, chunk]); give() })
    for (const socket of [near, far]) socket.on('error', close).on('close', close)
  })
  splitter.listen(0, '127.0.0.1')
  await once(splitter, 'listening')
  t.later(() => splitter.close())
  return name => new Plugin({ server: `btp+ws://${name}:secret@127.0.0.1:${splitter.address().port}` })
}

/** A server of TCP that answers the handshake with this. */
async function startLiar (t, answer) {
  const liar = net.createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', request => {
      const [, key] = /Sec-WebSocket-Key: (\S+)/.exec(request.toString())
      answer(socket, createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64'), request)
    })
  })
  liar.listen(0, '127.0.0.1')
  await once(liar, 'listening')
  t.later(() => liar.close())
  return new Plugin({ server: `btp+ws://a:b@127.0.0.1:${liar.address().port}` })
}

const YES = accept => `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`

module.exports = [
  {
    name: 'packets go without JavaScript, and each is told as with another plugin',
    once: true,
    async run (t) {
      const { node, plugins, here, there, streams } = await open(t)
      const sends = [countSends(plugins.client), countSends(plugins.server)]
      const stream = here.createStream()
      const got = []
      const sent = []
      there.on('stream', other => other.on('money', (amount, prepare) => {
        got.push(amount)
        assert.strictEqual(prepare.amount, amount)
        assert.ok(prepare.destination.startsWith('test.bob.'))
        assert.strictEqual(prepare.executionCondition.length, 32)
        assert.ok(prepare.expiresAt > new Date())
      }))
      stream.on('outgoing_money', amount => sent.push(amount))
      here.on('error', err => { throw err })
      await stream.sendTotal(5000000)
      assert.strictEqual(sum(got), '5000000')
      assert.strictEqual(sum(sent), '5000000')
      assert.strictEqual(streams[0].totalReceived, '5000000')
      assert.ok(node.prepares > 1)
      assert.deepStrictEqual(sends.map(({ count }) => count), [0, 0])
      // Back, over the same server's engine.
      stream.setReceiveMax(1000000)
      await streams[0].sendTotal(70000)
      assert.strictEqual(stream.totalReceived, '70000')
      assert.deepStrictEqual(sends.map(({ count }) => count), [0, 0])
      await t.until('nothing is out', () => here._engine.out === 0 && there._engine.out === 0)
    }
  },
  {
    name: 'money is told packet by packet to who listens, from when on and for as long as it does',
    once: true,
    async run (t) {
      const { here, there } = await open(t, { client: { maximumPacketAmount: '1000' } })
      const sides = [here.createStream(), undefined]
      const names = ['outgoing_money', 'money']
      const got = [[], []]
      const listeners = got.map(list => amount => list.push(BigInt(amount)))
      there.on('stream', stream => {
        sides[1] = stream
        stream.on('data', () => {
          // In the middle of a turn, between other packets of it.
          if (stream.listenerCount('money') === 0) stream.on('money', listeners[1])
        })
      })
      await sides[0].sendTotal(200000)
      assert.strictEqual(there.totalReceived, '200000')
      assert.strictEqual(sides[1].totalReceived, '200000')
      sides.forEach((side, i) => side.on(names[i], listeners[i]))
      await sides[0].sendTotal(700000)
      for (const list of got) {
        assert.strictEqual(sum(list), '500000')
        assert.ok(list.length >= 500 && list.every(amount => amount <= 1000n), `${list.length} events`)
        list.length = 0
      }
      sides.forEach((side, i) => side.removeListener(names[i], listeners[i]))
      await sides[0].sendTotal(1000000)
      sides.forEach(side => assert.strictEqual(side.totalReceived === '0' ? side.totalSent : side.totalReceived, '1000000'))
      assert.deepStrictEqual(got, [[], []])
      sides[0].write('listen')
      sides[0].setSendMax(3000000)
      await t.until('all is there', () => sides[1].totalReceived === '3000000', 40000)
      assert.ok(got[1].length > 0 && got[1].every(amount => amount <= 1000n), `${got[1].length} events, at most ${got[1].reduce((a, b) => a > b ? a : b, 0n)}`)
      // Who looks at all events sees each as well.
      const seen = []
      const { emit } = sides[1]
      sides[1].emit = function (name, amount) {
        if (name === 'money') seen.push(amount)
        return emit.apply(this, arguments)
      }
      sides[1].removeListener('money', listeners[1])
      await sides[0].sendTotal(3100000)
      assert.ok(seen.length >= 100)
      assert.strictEqual(sum(seen), '100000')
    }
  },
  {
    name: 'who replaces sendData, or listens to packets that come, sees each',
    once: true,
    async run (t) {
      const { node, plugins, listening, here, there } = await open(t)
      const stream = here.createStream()
      await stream.sendTotal(1000)
      const before = node.prepares
      const sent = []
      const { sendData } = plugins.client
      plugins.client.sendData = data => {
        sent.push(data)
        return sendData.call(plugins.client, data)
      }
      let came = 0
      const count = () => { came++ }
      listening.on('_incoming_prepare', count)
      await stream.sendTotal(2000)
      assert.strictEqual(sent.length, node.prepares - before)
      assert.ok(sent.length > 0 && sent.every(packet => deserializeIlpPrepare(packet).destination.startsWith('test.bob.')))
      assert.strictEqual(came, sent.length)
      delete plugins.client.sendData
      listening.removeListener('_incoming_prepare', count)
      const seen = sent.length
      await stream.sendTotal(3000)
      assert.strictEqual(sent.length, seen)
      assert.strictEqual(came, seen)
      assert.strictEqual(there.totalReceived, '3000')
    }
  },
  {
    name: 'getExpiry is asked for each packet',
    once: true,
    async run (t) {
      let asked = 0
      const expiry = new Date(Date.now() + 3456789)
      const node = new Node()
      const seen = new Set()
      node.prepare = ({ packet, send }) => {
        seen.add(deserializeIlpPrepare(packet).expiresAt.getTime())
        send()
      }
      const { here } = await open(t, { node, client: { getExpiry: () => { asked++; return expiry } } })
      await here.createStream().sendTotal(5000)
      assert.ok(asked > 3)
      assert.deepStrictEqual([...seen], [expiry.getTime()])
    }
  },
  {
    name: 'the application decides on packets, and what it has not decided is answered before the end',
    once: true,
    async run (t) {
      const asked = []
      const no = new Set(['300'])
      const shouldFulfill = async (amount, id) => {
        asked.push(amount.toString())
        await t.sleep(5)
        if (no.has(amount.toString())) throw new Error('no')
      }
      const { node, here, there, listening } = await open(t, { server: { shouldFulfill }, client: { exchangeRate: 1 } })
      const seen = []
      there.on('stream', stream => stream.on('money', (amount, prepare) => seen.push([amount, prepare.amount])))
      const stream = here.createStream()
      await stream.sendTotal(200)
      assert.deepStrictEqual(seen, [['200', '200']])
      let refused
      node.answer = ({ packet, send }) => { refused = refused || (packet[0] === REJECT && packet); send() }
      const never = here.createStream()
      never.on('error', () => {})
      const unsent = assert.rejects(never.sendTotal(300))
      await t.until('it is refused', () => refused)
      never.destroy()
      await unsent
      assert.ok(asked.includes('200') && asked.includes('300'))
      assert.strictEqual(there.totalReceived, '200')
      // A server that closes answers first.
      const before = asked.length
      here.createStream().setSendMax(400)
      await t.until('it is asked', () => asked.length > before)
      await listening.close()
      assert.strictEqual(node.prepares, node.answers)
    }
  },
  {
    name: 'a Prepare behind which the node says its end: nobody is paid, and no money is counted',
    once: true,
    async run (t) {
      const both = { rill: { surviveLinkErrors: true } }
      const { node, plugins, here, there } = await open(t, { client: both, server: both })
      const amounts = new Map()
      let paid = 0n
      node.answer = ({ id, packet, send }) => {
        if (packet && packet[0] === FULFILL) paid += amounts.get(id) || 0n
        send()
      }
      const hand = ({ packet, requestId, send }) => {
        amounts.set(requestId, BigInt(deserializeIlpPrepare(packet).amount))
        send()
      }
      node.prepare = hand
      const stream = here.createStream()
      stream.on('error', () => {})
      await stream.sendTotal(1000)
      assert.strictEqual(paid, 1000n)
      const lost = once(plugins.server, 'disconnect')
      node.prepare = one => {
        node.prepare = hand
        one.to._socket.cork()
        hand(one)
        one.to.close(1001)
        one.to._socket.uncork()
        const timedOut = serializeIlpReject({ code: 'R00', triggeredBy: 'test.node', message: 'timed out', data: Buffer.alloc(0) })
        one.from.send(btp.serializeResponse(one.requestId, ilp(timedOut)))
      }
      stream.setSendMax(1500)
      await t.within('its link is lost', lost)
      await t.until('it is there again', () => plugins.server.isConnected())
      for (let i = 0; i < 50; i++) await new Promise(resolve => setImmediate(resolve))
      assert.strictEqual(BigInt(there.totalReceived), paid)
      assert.strictEqual(stream.totalSent, paid.toString())
    }
  },
  {
    name: 'the link is lost while the application decides on a Prepare: no money is counted',
    once: true,
    async run (t) {
      const both = { rill: { surviveLinkErrors: true } }
      let asked = 0
      let sayYes
      const shouldFulfill = () => ++asked > 1 ? new Promise(resolve => { sayYes = resolve }) : undefined
      const { node, plugins, here, there, streams } = await open(t, { client: { ...both, exchangeRate: 1 }, server: { ...both, shouldFulfill } })
      const stream = here.createStream()
      stream.on('error', () => {})
      await stream.sendTotal(1000)
      for (const lose of [() => plugins.server._link.terminate(), () => node.peers.get('bob').socket.close(1001)]) {
        const before = asked
        sayYes = undefined
        stream.setSendMax(Number(stream.sendMax) + 500)
        await t.until('it is asked', () => asked > before)
        const lost = once(plugins.server, 'disconnect')
        lose()
        await t.within('its link is lost', lost)
        await t.until('it is there again', () => plugins.server.isConnected())
        const { answers } = node
        sayYes()
        await t.sleep(50)
        assert.strictEqual(node.answers, answers)
        assert.strictEqual(there.totalReceived, '1000')
        assert.strictEqual(streams[0].totalReceived, '1000')
      }
      // Between the yes and the turn.
      const before = asked
      stream.setSendMax(Number(stream.sendMax) + 500)
      await t.until('it is asked', () => asked > before)
      sayYes()
      await Promise.resolve()
      await Promise.resolve()
      plugins.server._link.close()
      await t.sleep(50)
      assert.strictEqual(there.totalReceived, '1000')
    }
  },
  {
    name: 'a message in many pieces, and many in one',
    once: true,
    async run (t) {
      const uri = await startNode(t)
      for (const pieces of [[1], [1, 2, 3, 5, 700, 1, 1, 4000], [65536]]) {
        const plugin = await startSplitter(t, uri, pieces)
        const server = await api.createServer({ plugin: plugin(`bob${pieces.length}${pieces[0]}`) })
        server.on('connection', connection => connection.on('stream', stream => {
          stream.setReceiveMax(1e12)
          stream.on('error', () => {})
          stream.pipe(stream)
        }))
        // A byte in each turn of the loop, which other cases make long: few of them, or the node's answers come too late.
        const single = pieces[0] === 1 && pieces.length === 1
        const opts = single ? { exchangeRate: 1, rill: { maxPacketsInFlight: 2 } } : {}
        const connection = await api.createConnection({ plugin: plugin(`alice${pieces.length}${pieces[0]}`), ...server.generateAddressAndSecret(), ...opts })
        const stream = connection.createStream()
        const bytes = Buffer.alloc(single ? 300 : 300000, 'abc')
        const back = []
        stream.on('data', chunk => back.push(chunk))
        stream.write(bytes)
        await stream.sendTotal(12345)
        await t.until('all is back', () => back.reduce((length, chunk) => length + chunk.length, 0) === bytes.length)
        assert.ok(Buffer.concat(back).equals(bytes))
        await connection.end()
        await server.close()
      }
    }
  },
  {
    name: 'over TLS, where the certificate is trusted, and nothing where it is not',
    once: true,
    async run (t) {
      const folder = temporary(t)
      const [cert, key] = ['cert.pem', 'key.pem'].map(name => path.join(folder, name))
      execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
        '-subj', '/CN=test', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' })
      const uri = (await startNode(t, ['--tls-cert', cert, '--tls-key', key])).replace('btp+ws', 'btp+wss').replace('127.0.0.1', 'localhost')
      const program = `
        const api = require(${JSON.stringify(ROOT)})
        const { Plugin } = require(${JSON.stringify(path.join(ROOT, 'plugin'))})
        const plugin = name => new Plugin({ server: process.argv[1].replace('//', '//' + name + ':secret@') })
        async function run () {
          const server = await api.createServer({ plugin: plugin('bob') })
          server.on('connection', connection => connection.on('stream', stream => { stream.setReceiveMax(1e9); stream.pipe(stream) }))
          const connection = await api.createConnection({ plugin: plugin('alice'), ...server.generateAddressAndSecret() })
          const stream = connection.createStream()
          let length = 0
          stream.on('data', chunk => { length += chunk.length; if (length === 2000000) connection.end().then(() => server.close()).then(() => console.log('done')) })
          stream.write(Buffer.alloc(2000000))
          await stream.sendTotal(1000)
        }
        run().catch(err => { console.log(err.code || err.message); process.exit(0) })`
      const run = env => promisify(execFile)(NODE, ['-e', program, uri], { env: { ...process.env, ...env }, timeout: 50000 * SLOWER })
      assert.strictEqual((await run({ NODE_EXTRA_CA_CERTS: cert })).stdout, 'done\n')
      assert.match((await run({})).stdout, /^(DEPTH_ZERO_SELF_SIGNED_CERT|self-signed certificate)\n$/)
    }
  },
  {
    name: 'replies that come twice, late, for nobody, or without sense',
    once: true,
    async run (t) {
      const { node, plugins, here, there } = await open(t, { client: { rill: { surviveLinkErrors: true } } })
      const stream = here.createStream()
      await stream.sendTotal(1000)
      // Twice, and for nobody.
      node.answer = ({ send, packet }) => {
        send()
        send()
        send(btp.serializeResponse(0xfffffff0, ilp(packet)))
        send(errorOf(0xfffffff1))
        send(btp.serializeMessage(7, [{ protocolName: 'other', contentType: 0, data: Buffer.from('x') }]))
      }
      await stream.sendTotal(4000)
      assert.strictEqual(there.totalReceived, '4000')
      // Another way to say no than ILP's; nothing; what is no packet; packets that are none. The money may have arrived.
      const answers = [
        id => errorOf(id),
        id => btp.serializeResponse(id, []),
        id => btp.serializeResponse(id, ilp(Buffer.from([12, 0]))),
        id => btp.serializeResponse(id, ilp(Buffer.alloc(0))),
        id => btp.serializeResponse(id, ilp(Buffer.from([13, 1, 0]))),
        id => btp.serializeResponse(id, ilp(Buffer.alloc(60, 13)))
      ]
      let wrong = 0
      node.answer = ({ id, send, packet }) => {
        if (packet[0] !== FULFILL || wrong >= answers.length) return send()
        send(answers[wrong++](id))
      }
      const waits = stream.sendTotal(20000, { timeout: 20000 }).catch(err => err)
      await t.until('all are used', () => {
        if (wrong < answers.length) stream.setSendMax(Number(stream.sendMax) + 1)
        return wrong === answers.length
      })
      stream.setSendMax(Number(stream.sendMax) + 100)
      await t.until('the rest arrives', () => BigInt(stream.totalSent) + BigInt(stream.totalInDoubt) === BigInt(stream.sendMax), 40000)
      assert.ok(BigInt(there.totalReceived) >= BigInt(stream.totalSent))
      assert.ok(plugins.client.isConnected())
      await Promise.race([waits, t.sleep(1)])
    }
  },
  {
    name: 'a BTP error ends the connection, and says what it was',
    once: true,
    async run (t) {
      const { node, here } = await open(t)
      const stream = here.createStream()
      await stream.sendTotal(1000)
      node.answer = ({ id, send, packet }) => send(packet[0] === FULFILL ? errorOf(id) : undefined)
      const failed = t.event(here, 'error')
      stream.sendTotal(2000).catch(() => {})
      assert.match((await failed).message, /^the node answered F00 NotAcceptedError/)
    }
  },
  ...[
    ['nothing', id => btp.serializeResponse(id, []), /^the node answered without ilp data/],
    ['a Prepare', id => btp.serializeResponse(id, ilp(Buffer.from([12, 0]))), /Invalid response packet type: 12/],
    ['no bytes', id => btp.serializeResponse(id, ilp(Buffer.alloc(0))), /Invalid response packet type: undefined/],
    ['a Fulfill that ends too early', id => btp.serializeResponse(id, ilp(Buffer.from([13, 1, 0]))), /^Invalid response when sending packet: /]
  ].map(([what, answer, error]) => ({
    name: `an answer without sense ends the connection, and says what it was: ${what}`,
    once: true,
    async run (t) {
      const { node, here } = await open(t)
      const stream = here.createStream()
      await stream.sendTotal(1000)
      node.answer = ({ id, send, packet }) => send(packet[0] === FULFILL ? answer(id) : undefined)
      const failed = t.event(here, 'error')
      stream.sendTotal(2000).catch(() => {})
      assert.match((await failed).message, error)
    }
  })),
  {
    name: 'a final Reject of the path is named in the error',
    once: true,
    async run (t) {
      const { node, here } = await open(t)
      const stream = here.createStream()
      await stream.sendTotal(1000)
      const reply = serializeIlpReject({ code: 'F02', triggeredBy: 'test.nobody', message: 'no route there', data: Buffer.alloc(0) })
      node.answer = ({ id, send }) => send(btp.serializeResponse(id, ilp(reply)))
      const failed = t.event(here, 'error')
      stream.sendTotal(2000).catch(() => {})
      const err = await failed
      assert.match(err.message, /F02.*test\.nobody.*no route there/)
      assert.strictEqual(err.ilpReject.code, 'F02')
    }
  },
  {
    name: 'who keeps a packet keeps no memory of others with it',
    once: true,
    async run (t) {
      const { node, plugins, here } = await open(t)
      const stream = here.createStream()
      await stream.sendTotal(1000)
      const reply = serializeIlpReject({ code: 'F02', triggeredBy: 'test.nobody', message: 'no', data: Buffer.alloc(0) })
      node.prepare = ({ from, requestId }) => from.send(btp.serializeResponse(requestId, ilp(reply)))
      const ended = t.event(here, 'close')
      here.on('error', () => {})
      stream.sendTotal(2000).catch(() => {})
      await ended
      const packet = serializeIlpPrepare({ amount: '1', expiresAt: new Date(Date.now() + 60000), destination: 'test.bob.x', executionCondition: Buffer.alloc(32), data: Buffer.alloc(10) })
      const other = node.plugin('carol')
      t.later(() => other.disconnect())
      await other.connect()
      const got = await other.sendData(packet)
      assert.ok(got.equals(reply))
      node.prepare = ({ send }) => send()
      plugins.server.deregisterDataHandler()
      let came
      plugins.server.registerDataHandler(async data => { came = data; return reply })
      await other.sendData(packet)
      assert.ok(came.equals(packet))
      const most = Math.max(Buffer.poolSize, Buffer.from(Buffer.alloc(21)).buffer.byteLength) // Node's own for small ones
      for (const kept of [here._lastReject, got, came]) assert.ok(kept.buffer.byteLength <= most, `${kept.length} bytes hold ${kept.buffer.byteLength}`)
    }
  },
  {
    name: "a server's packets: a Reject and an error are of the connection that they were for",
    once: true,
    async run (t) {
      const { node, plugins, listening, there, here, streams } = await open(t)
      const second = node.plugin('carol')
      const accepted = listening.acceptConnection()
      const other = await api.createConnection({ plugin: second, ...listening.generateAddressAndSecret() })
      t.later(() => other.destroy())
      const otherThere = await accepted
      const errors = []
      there.on('error', err => errors.push(err))
      otherThere.on('error', () => assert.fail('it was not of this one'))
      const stream = here.createStream()
      stream.setReceiveMax(1e9)
      await stream.sendTotal(1000)
      const sends = countSends(plugins.server)
      const fromServer = new Set()
      node.prepare = ({ packet, send, requestId }) => {
        if (deserializeIlpPrepare(packet).destination.startsWith('test.alice')) fromServer.add(requestId)
        send()
      }
      node.answer = ({ id, send }) => send(fromServer.has(id) ? errorOf(id) : undefined)
      streams[0].sendTotal(500).catch(() => {})
      await t.until('it has failed', () => errors.length > 0)
      assert.match(errors[0].message, /^the node answered F00 NotAcceptedError/)
      assert.strictEqual(sends.count, 0)
    }
  },
  {
    name: 'no answer: after 35 seconds it is given up',
    once: true,
    async run (t) {
      const { node, plugins, here } = await open(t)
      const stream = here.createStream()
      await stream.sendTotal(1000)
      let held = 0
      node.answer = ({ send, packet }) => { if (packet[0] === FULFILL) held++; else send() }
      const failed = t.event(here, 'error')
      stream.sendTotal(2000).catch(() => {})
      await t.until('it has left', () => held > 0)
      // None has waited for so long; and as if they had.
      const { sweep } = plugins.client._link
      const early = []
      sweep.call(plugins.client._link, 35000, id => early.push(id))
      assert.deepStrictEqual(early, [])
      plugins.client._link.sweep = (ms, errorOf) => {
        assert.strictEqual(ms, 35000)
        sweep.call(plugins.client._link, 0, errorOf)
      }
      assert.match((await failed).message, /^the node has not answered request \d+$/)
    }
  },
  {
    name: 'the link is lost: what is out is in doubt, and it goes on over the next one',
    once: true,
    async run (t) {
      const { node, plugins, here, there } = await open(t, { client: { rill: { surviveLinkErrors: true } } })
      const stream = here.createStream()
      await stream.sendTotal(1000)
      const drop = node.answer
      let held = 0
      node.answer = ({ packet, send }) => { if (packet[0] === FULFILL) held++; else send() }
      stream.setSendMax(4000)
      await t.until('it has left', () => held > 0)
      const disconnected = once(plugins.client, 'disconnect')
      plugins.client._link.terminate()
      await disconnected
      node.answer = drop
      await t.until('it is there again', () => plugins.client.isConnected())
      stream.setSendMax(9000)
      await t.until('the rest has arrived', () => BigInt(stream.totalSent) + BigInt(stream.totalInDoubt) === 9000n, 50000)
      assert.ok(BigInt(there.totalReceived) >= BigInt(stream.totalSent))
      assert.ok(BigInt(there.totalReceived) <= 9000n)
    }
  },
  {
    name: 'the link is lost: the connection ends, and says so',
    once: true,
    async run (t) {
      const { node, plugins, here } = await open(t)
      const stream = here.createStream()
      await stream.sendTotal(1000)
      let held = 0
      node.answer = ({ packet, send }) => { if (packet[0] === FULFILL) held++; else send() }
      const failed = t.event(here, 'error')
      stream.sendTotal(4000).catch(() => {})
      await t.until('it has left', () => held > 0)
      plugins.client._link.terminate()
      assert.match((await failed).message, /^the connection to the node was lost/)
    }
  },
  {
    name: 'bytes that are no WebSocket, or no BTP: it is left, and connects again',
    once: true,
    async run (t) {
      const { node, plugins } = await open(t)
      const frames = [
        ['a frame that is masked', peer => peer._socket.write(Buffer.from([0x82, 0x80, 0, 0, 0, 0]))],
        ['an unknown opcode', peer => peer._socket.write(Buffer.from([0x83, 0]))],
        ['text', peer => peer.send('text')],
        ['BTP that ends too early', peer => peer.send(Buffer.from([1, 0, 0, 0, 1, 5, 1]))],
        ['BTP of an unknown type', peer => peer.send(Buffer.from([9, 0, 0, 0, 1, 2, 1, 0]))],
        ['more than a frame may have', peer => peer.send(Buffer.alloc(60000))],
        ['its end', peer => peer.close(1001)],
        ['its end without a word', peer => peer._socket.end()]
      ]
      for (const [what, say] of frames) {
        await t.until('it is connected', () => plugins.client.isConnected())
        const disconnected = once(plugins.client, 'disconnect')
        say(node.peers.get('alice').socket)
        await t.within(what, disconnected)
      }
      await t.until('it is connected', () => plugins.client.isConnected())
      assert.ok(plugins.client.isConnected())
    }
  },
  {
    name: 'the node ends: what was written before still goes to it',
    once: true,
    async run (t) {
      const { node, plugins } = await open(t)
      const packet = serializeIlpPrepare({ amount: '1', expiresAt: new Date(Date.now() + 60000), destination: 'test.nobody', executionCondition: Buffer.alloc(32), data: Buffer.alloc(20000) })
      const came = new Set()
      const { message } = node
      node.message = (peer, frame) => {
        if (peer.name === 'alice' && frame.type === btp.TYPE_MESSAGE) came.add(frame.requestId)
        else message.call(node, peer, frame)
      }
      const link = plugins.client._link
      // As if the system's own buffers were full.
      link.socket.cork()
      const sent = []
      for (let i = 0; i < 20; i++) sent.push(plugins.client.sendData(packet))
      for (const one of sent) one.catch(() => {})
      await t.sleep(1)
      assert.strictEqual(came.size, 0)
      const { socket } = node.peers.get('alice')
      const lost = once(plugins.client, 'disconnect')
      socket._socket.end()
      await t.within('it is lost', lost)
      await t.until('all has come', () => came.size === 20)
      await t.within('it is gone', link.gone)
      await t.until('it is there again', () => plugins.client.isConnected())
    }
  },
  {
    name: 'a node that does not read: no more is sent than fits, and the rest when it reads',
    once: true,
    async run (t) {
      const { node, plugins, here, there } = await open(t, { client: { maximumPacketAmount: '1000' } })
      const stream = here.createStream()
      await stream.sendTotal(1)
      const link = plugins.client._link
      // The system's own buffers take megabytes: what it would be without them, and with less of ours.
      link.most = 100
      link.socket.cork()
      stream.setSendMax(100000)
      await t.until('it is full', () => link.full)
      const { packetsInFlight } = here.statistics
      stream.setSendMax(200000)
      for (let i = 0; i < 50; i++) await new Promise(resolve => setImmediate(resolve))
      assert.strictEqual(here.statistics.packetsInFlight, packetsInFlight)
      link.most = 1000000
      link.socket.uncork()
      await t.until('all has arrived', () => there.totalReceived === '200000', 40000)
      await t.until('it is not full', () => !link.full)
      // Nothing is out whose answer would bring a turn.
      link.setFull(true)
      const before = node.prepares
      stream.setSendMax(201000)
      for (let i = 0; i < 20; i++) await new Promise(resolve => setImmediate(resolve))
      assert.strictEqual(node.prepares, before)
      assert.strictEqual(here._engine.scheduled, false)
      link.setFull(false)
      assert.strictEqual(here._engine.scheduled, true)
      await t.until('the last has arrived', () => there.totalReceived === '201000')
    }
  },
  {
    name: 'what waits for a node that does not read takes about as much memory as it has bytes',
    once: true,
    async run (t) {
      const { node, plugins } = await open(t)
      node.message = () => {}
      const link = plugins.client._link
      link.socket.cork()
      const { write } = link.socket
      const written = []
      link.socket.write = function (bytes, ...rest) {
        written.push(bytes)
        return write.call(this, bytes, ...rest)
      }
      const packet = serializeIlpPrepare({ amount: '1', expiresAt: new Date(Date.now() + 60000), destination: 'test.nobody', executionCondition: Buffer.alloc(32), data: Buffer.alloc(20000) })
      for (let i = 0; i < 300; i++) {
        if (i % 50 === 0) plugins.client.sendData(packet).catch(() => {})
        else link.ping()
        await new Promise(resolve => setImmediate(resolve))
      }
      assert.ok(written.length >= 300)
      const held = [...new Set(written.map(({ buffer }) => buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0)
      assert.ok(held < 2 * link.backlog + 100000, `${link.backlog} bytes hold ${held}`)
      // One that is large goes without a copy, and its memory is used again.
      const many = Array.from({ length: 8 }, () => plugins.client.sendData(packet))
      for (const one of many) one.catch(() => {})
      await t.sleep(1)
      assert.ok(written[written.length - 1].buffer.byteLength >= 256 * 1024)
      assert.ok(link.backlog > 100000)
      link.socket.uncork()
      await t.until('all has left', () => link.backlog === 0)
    }
  },
  {
    name: 'the handshake: what is no yes',
    once: true,
    async run (t) {
      const lines = accept => ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`]
      const right = createHash('sha1').update('key258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
      judge(lines(right).join('\r\n'), 'key')
      judge(lines(right).join('\r\n').replace('Connection: Upgrade', 'connection:keep-alive,  UPGRADE '), 'key')
      const wrong = (change, error) => assert.throws(() => judge(change(lines(right)).join('\r\n'), 'key'), error)
      wrong(([, ...rest]) => ['HTTP/1.1 401 Unauthorized', ...rest], /^Error: Unexpected server response: 401/)
      wrong(([, ...rest]) => ['HTTP/1.0 101 Switching Protocols', ...rest], /does not speak HTTP/)
      wrong(([, ...rest]) => ['SSH-2.0-OpenSSH', ...rest], /does not speak HTTP/)
      wrong(([a, b, c]) => [a, b, c, `Sec-WebSocket-Accept: ${right.toLowerCase()}`], /Invalid Sec-WebSocket-Accept header/)
      wrong(([a, b, c]) => [a, b, c], /Invalid Sec-WebSocket-Accept header/)
      wrong(([a, b, c, d]) => [a, b, c, d, d], /Invalid Sec-WebSocket-Accept header/)
      wrong(([a, , c, d]) => [a, c, d], /Invalid Upgrade header/)
      wrong(([a, b, , d]) => [a, b, 'Connection: close', d], /Invalid Upgrade header/)
      wrong(all => [...all, 'Sec-WebSocket-Extensions: permessage-deflate'], /sec-websocket-extensions, which was not asked for/)
      wrong(all => [...all, 'no header'], /a header that is none/)
      const refuses = await startLiar(t, socket => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'))
      await assert.rejects(refuses.connect(), /^Error: Unexpected server response: 403/)
      const ends = await startLiar(t, socket => socket.end())
      await assert.rejects(ends.connect(), /^Error: the node closed the connection/)
      const talks = await startLiar(t, socket => socket.write(`HTTP/1.1 101 x\r\nX: ${'x'.repeat(9000)}`))
      await assert.rejects(talks.connect(), /^Error: the node answered with too many headers/)
      const silent = await startLiar(t, () => {})
      const connecting = assert.rejects(silent.connect(), /^Error: the node closed the connection/)
      await t.until('it has begun', () => silent._opening)
      await silent.disconnect()
      await connecting
    }
  },
  {
    name: 'what comes with the answer of the handshake is read',
    once: true,
    async run (t) {
      let request = ''
      let said = Buffer.alloc(0)
      const answered = await startLiar(t, (socket, accept, bytes) => {
        request = bytes.toString()
        socket.on('data', frames => { said = Buffer.concat([said, frames]) })
        socket.write(Buffer.concat([Buffer.from(YES(accept)), Buffer.from([0x89, 2, 0x68, 0x69])]))
      })
      answered.connect().catch(() => {})
      // A pong of two bytes is among what it says, masked.
      const pong = () => said.indexOf(Buffer.from([0x8a, 0x82]))
      await t.until('there is a pong', () => pong() >= 0 && said.length >= pong() + 8)
      const at = pong()
      assert.strictEqual(String.fromCharCode(said[at + 6] ^ said[at + 2], said[at + 7] ^ said[at + 3]), 'hi')
      assert.match(request, /^GET \/ HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n/)
      await answered.disconnect()
    }
  },
  {
    name: 'nothing is left of connections and links that are over',
    once: true,
    async run (t) {
      const { node, plugins, here, listening } = await open(t)
      await here.createStream().sendTotal(100000)
      const { engines } = plugins.client._link
      assert.strictEqual(engines.size, 1)
      await here.end()
      assert.strictEqual(engines.size, 0)
      await listening.close()
      assert.strictEqual(plugins.server.isConnected(), false)
      // A core that serves another connection does not hear of the one before.
      const plugin = node.plugin('dave')
      const server = await api.createServer({ plugin: node.plugin('erin') })
      t.later(() => server.close())
      server.on('connection', connection => connection.on('stream', stream => stream.setReceiveMax(1e9)))
      for (let i = 0; i < 5; i++) {
        const connection = await api.createConnection({ plugin, ...server.generateAddressAndSecret() })
        await connection.createStream().sendTotal(1000)
        await (i % 2 ? connection.end() : connection.destroy())
      }
      await assert.rejects(async () => native.linkSend(0, 6, -1, Buffer.alloc(1)), /not a link/)
    }
  },
  {
    name: 'a core that serves another connection hears nothing of the one before',
    once: true,
    async run (t) {
      const { node, plugins, here, listening } = await open(t)
      plugins.client.disconnect = async () => {}
      const { answer } = node
      listening.on('connection', connection => connection.on('stream', stream => stream.setReceiveMax(1e9)))
      const connect = async () => {
        const connection = await api.createConnection({ plugin: plugins.client, ...listening.generateAddressAndSecret() })
        t.later(() => connection.destroy())
        return connection
      }
      // A case beside this one may take the core first.
      const again = async here => {
        const held = []
        node.answer = one => { one.packet[0] === FULFILL ? held.push(one) : one.send() }
        const stream = here.createStream()
        stream.on('error', () => {})
        here.on('error', () => {})
        stream.setSendMax(1000)
        await t.until('it has left', () => held.length > 0)
        const { core } = here._engine
        const closed = t.event(here, 'close')
        native.abandon(core, here._handle, Code.CANCELLED)
        here._engine.schedule()
        await closed
        node.answer = answer
        const other = await connect()
        return other._engine.core === core ? { other, held } : again(other)
      }
      const { other, held } = await again(here)
      other.on('error', err => { throw err })
      for (const { id, send } of held) send(errorOf(id))
      const second = other.createStream()
      await second.sendTotal(1000)
      assert.strictEqual(other._engine.out, 0)
    }
  },
  {
    name: "the addon's functions of links take any argument",
    once: true,
    async run () {
      const link = native.linkOpen()
      const values = [undefined, null, -1, 1.5, 2 ** 60, link, 'x', {}, [], Buffer.alloc(0), Buffer.alloc(70000), new ArrayBuffer(8), new ArrayBuffer(0), true]
      const names = Object.getOwnPropertyNames(native).filter(name => /^(link(?!Open)|direct)/.test(name))
      assert.ok(names.length > 10)
      for (const name of names.filter(name => name !== 'linkClose')) {
        for (const first of [link, undefined, 0, 2 ** 53]) {
          for (const a of values) for (const b of values) for (const c of [0, null, Buffer.from([0x82, 1, 1])]) try { native[name](first, a, b, c) } catch (err) { assert.ok(err instanceof Error) }
        }
      }
      assert.deepStrictEqual(native.linkClose(link), [])
      assert.throws(() => native.linkClose(link), /not a link/)
    }
  }
]
