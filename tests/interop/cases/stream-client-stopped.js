'use strict'
// A client of ilp-protocol-stream that pays `rill receive` stands still for a while, or dies, and
// another one goes on with what it had.
const assert = require('assert')
const path = require('path')
const { Process } = require('../lib/process')
const { startReceiver } = require('../lib/programs')
const { openRoute } = require('../lib/route')

const AMOUNT = 200_000
const STOPPED_MS = 10_000

function startClient (test, link, { destinationAccount, sharedSecret }) {
  const child = new Process(test, 'client', process.execPath, [path.join(__dirname, '../lib/client-main.js'),
    link, destinationAccount, sharedSecret.toString('base64'), String(AMOUNT)])
  const last = () => child.lines.map(line => JSON.parse(line)).filter(line => line.sent).pop()
  child.sent = () => BigInt((last() || { sent: 0 }).sent)
  return child
}

function credited (receiver) {
  return receiver.process.json().filter(line => line.event === 'money')
    .reduce((total, line) => total + BigInt(line.amount), 0n)
}

const stopped = {
  name: 'ilp-protocol-stream to rill receive: the payer stands still for a while',
  async run (test) {
    const route = await openRoute(test, 'node-1000')
    const receiver = await startReceiver(test, route.receiver)
    const client = startClient(test, route.sender, receiver)
    await client.until('a third', () => client.sent() > BigInt(AMOUNT) / 3n)
    client.child.kill('SIGSTOP')
    await new Promise(resolve => setTimeout(resolve, STOPPED_MS))
    client.child.kill('SIGCONT')
    await client.exits(0)
    await receiver.process.exits(0)
    assert.strictEqual(client.sent(), BigInt(AMOUNT))
    assert.strictEqual(credited(receiver), BigInt(AMOUNT))
  }
}

// It counts its packets from 1 again, as they were numbered before: none of them is paid twice.
const restarted = {
  name: 'ilp-protocol-stream to rill receive: the payer dies and another one goes on',
  async run (test) {
    const route = await openRoute(test, 'node-1000')
    const receiver = await startReceiver(test, route.receiver)
    const client = startClient(test, route.sender, receiver)
    await client.until('a third', () => client.sent() > BigInt(AMOUNT) / 3n)
    await client.kill()
    const again = startClient(test, route.sender, receiver)
    await test.waiting('client: exit', again.exit)
    const said = client.sent() + again.sent()
    const got = credited(receiver)
    assert.ok(got >= said, `credited ${got}, fulfilled to the payers ${said}`)
    assert.ok(got - said <= BigInt(AMOUNT), `credited ${got}, fulfilled to the payers ${said}`)
  }
}

module.exports = [stopped, restarted]
