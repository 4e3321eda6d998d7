'use strict'
// `rill send` to a server of ilp-protocol-stream that stands still for a while, or dies and
// is started again with its secret.
const assert = require('assert')
const crypto = require('crypto')
const fs = require('fs')
const path = require('path')
const { Process } = require('../lib/process')
const { startSender, doneOf } = require('../lib/programs')
const { openRoute } = require('../lib/route')
const { bytes } = require('../lib/peer')

const AMOUNT = 300_000
const SIZE = 2_000_000
const STOPPED_MS = 10_000
const sha256 = data => crypto.createHash('sha256').update(data).digest('hex')

/** A server in a process of its own; `received` and `read` say what it has got. */
async function startServer (test, link, secret) {
  const process_ = new Process(test, 'server', process.execPath,
    [path.join(__dirname, '../lib/server-main.js'), link, secret])
  const lastOf = event => process_.lines.map(line => JSON.parse(line)).filter(line => line.event === event).pop()
  const listening = await process_.until('listening', () => lastOf('listening'))
  return {
    process: process_,
    destinationAccount: listening.destinationAccount,
    sharedSecret: Buffer.from(listening.sharedSecret, 'base64'),
    received: () => BigInt((lastOf('money') || { received: 0 }).received),
    read: () => lastOf('data') || { length: 0, hash: sha256('') }
  }
}

/**
 * As startServer. A packet that comes while the reference connects ends it ("Unexpected call to
 * handleData"): whoever looks after it starts it once more.
 */
async function startServerAgain (test, link, secret) {
  for (let tries = 1; ; tries++) {
    try {
      return await startServer(test, link, secret)
    } catch (error) {
      if (tries === 50 || !/exit code 1\) before: listening/.test(error.message)) throw error
    }
  }
}

/** Up to a third of the money, and a third of the bytes, where there are some. */
function third (server, data) {
  return server.process.until('a third', () =>
    server.received() > BigInt(AMOUNT) / 3n || (data && server.read().length > SIZE / 3))
}

async function begin (test, data, seconds) {
  const route = await openRoute(test, 'node-1000')
  const secret = crypto.randomBytes(32).toString('hex')
  const server = await startServer(test, route.receiver, secret)
  const options = ['--amount', String(AMOUNT), '--timeout', String(seconds)]
  if (data) {
    const file = test.file('data')
    fs.writeFileSync(file, data)
    options.push('--file', file)
  }
  const sender = startSender(test, route.sender, server, options)
  await third(server, data)
  return { route, secret, server, sender }
}

function stopped (data) {
  return {
    name: `rill send to ilp-protocol-stream: it stands still for a while${data ? ', with bytes' : ''}`,
    async run (test) {
      const { server, sender } = await begin(test, data, 100)
      server.process.child.kill('SIGSTOP')
      await new Promise(resolve => setTimeout(resolve, STOPPED_MS))
      server.process.child.kill('SIGCONT')
      await sender.exits(0)
      assert.strictEqual(doneOf(sender).sent, String(AMOUNT))
      assert.strictEqual(server.received(), BigInt(AMOUNT))
      if (data) assert.deepStrictEqual([server.read().length, server.read().hash], [SIZE, sha256(data)])
    }
  }
}

function restarted (data) {
  return {
    name: `rill send to ilp-protocol-stream: it is started again${data ? ', with bytes' : ''}`,
    async run (test) {
      const { route, secret, server, sender } = await begin(test, data, 20)
      await server.process.kill()
      const again = await startServerAgain(test, route.receiver, secret)
      const { code } = await test.waiting('rill send: exit', sender.exit)
      const done = doneOf(sender)
      // What the server had fulfilled when it died never came to the node, and is the server's loss.
      const received = server.received() + again.received()
      assert.ok(BigInt(done.sent) <= received, `sent ${done.sent}, received ${received}`)
      if (code === 0) assert.strictEqual(done.sent, String(AMOUNT))
      // Neither of its lives has had all of the bytes, in order: that is no success.
      if (data) assert.notStrictEqual(code, 0, 'half of the bytes are told as all')
    }
  }
}

module.exports = [stopped(), stopped(bytes(SIZE, 8)), restarted(), restarted(bytes(SIZE, 9))]
