'use strict'
// ilp-protocol-stream pays and writes to `rill receive`.
const assert = require('assert')
const ilp = require('ilp-packet')
const { createConnection } = require('ilp-protocol-stream')
const { startReceiver } = require('../lib/programs')
const { finished } = require('../lib/received')
const { openRoute, delivers, routes } = require('../lib/route')
const { openPlugin, connectClient, endStream, sum, bytes } = require('../lib/peer')

// Of streams 1, 3 and 5. The data of the second is more than the window of a stream and
// of a connection; the third carries none.
const MONEY = [7000n, 12345n, 1n]
const DATA = [bytes(3, 1), bytes(150_000, 2), Buffer.alloc(0)]

async function payAndWrite (test, connection) {
  const streams = MONEY.map(() => connection.createStream())
  const paid = streams.map((stream, i) => stream.sendTotal(String(MONEY[i]), { timeout: 60_000 }))
  const written = streams.map((stream, i) => new Promise((resolve, reject) => {
    stream.once('error', reject)
    if (DATA[i].length === 0) return resolve()
    stream.write(DATA[i], resolve)
  }))
  await test.waiting('ilp-protocol-stream: sendTotal', Promise.all(paid))
  await test.waiting('ilp-protocol-stream: write', Promise.all(written))
  for (const stream of streams) await endStream(test, stream)
  await test.waiting('ilp-protocol-stream: end', connection.end())
  assert.deepStrictEqual(streams.map(stream => stream.totalSent), MONEY.map(String))
}

function severalStreams (via) {
  return {
    name: `ilp-protocol-stream to rill receive: ${via}`,
    async run (test) {
      const route = await openRoute(test, via)
      const receiver = await startReceiver(test, route.receiver)
      const { plugin, connection } = await connectClient(test, route.sender, receiver)
      await payAndWrite(test, connection)
      const state = await finished(receiver)

      const { sent } = plugin.count
      assert.strictEqual(sum(sent), sum(MONEY))
      assert.ok(sent.every(amount => amount <= (route.maxPacket || sum(MONEY))), 'a packet above the maximum passed')
      assert.strictEqual(state.total, sum(sent.map(amount => delivers(amount, route.rate))))
      assert.strictEqual(connection.totalDelivered, String(state.total), 'both ends agree on what was delivered')
      assert.deepStrictEqual([...state.streams.keys()].sort(), ['1', '3', '5'])
      MONEY.forEach((money, i) => {
        const stream = state.streams.get(String(2 * i + 1))
        assert.ok(stream.data.equals(DATA[i]), `the data of stream ${2 * i + 1} differs`)
        assert.ok(stream.ended, `stream ${2 * i + 1} has no stream_end`)
        if (route.rate[0] === route.rate[1]) assert.strictEqual(stream.money, money)
      })
    }
  }
}

// It counts what is in a packet of several streams wrongly, and exceeds the 32,767 bytes of RFC 27.
const largePackets = {
  name: 'ilp-protocol-stream to rill receive: more data in a packet than is allowed',
  async run (test) {
    const route = await openRoute(test, 'node')
    const receiver = await startReceiver(test, route.receiver)
    const { plugin, connection } = await connectClient(test, route.sender, receiver)
    let largest = 0
    const sendData = plugin.sendData.bind(plugin)
    plugin.sendData = packet => {
      largest = Math.max(largest, ilp.deserializeIlpPrepare(packet).data.length)
      return sendData(packet)
    }
    const data = [bytes(20_000, 4), bytes(20_000, 5)]
    const streams = data.map(() => connection.createStream())
    streams.forEach((stream, i) => stream.write(data[i]))
    await test.waiting('ilp-protocol-stream: sendTotal',
      Promise.all(streams.map(stream => stream.sendTotal('5000', { timeout: 60_000 }))))
    for (const stream of streams) await endStream(test, stream)
    await test.waiting('ilp-protocol-stream: end', connection.end())
    const state = await finished(receiver)
    assert.ok(largest > 32767, `the largest packet had ${largest} bytes of data`)
    assert.strictEqual(state.total, 10000n)
    data.forEach((bytes, i) => assert.ok(state.streams.get(String(2 * i + 1)).data.equals(bytes), 'the data differs'))
  }
}

const onlyData = {
  name: 'ilp-protocol-stream to rill receive: data without money',
  async run (test) {
    const route = await openRoute(test, 'node')
    const receiver = await startReceiver(test, route.receiver)
    const { connection } = await connectClient(test, route.sender, receiver)
    const data = bytes(20_000, 3)
    await endStream(test, connection.createStream(), data)
    await test.waiting('ilp-protocol-stream: end', connection.end())
    const state = await finished(receiver)
    assert.strictEqual(state.total, 0n)
    assert.ok(state.streams.get('1').data.equals(data), 'the data differs')
  }
}

const receiveMax = {
  name: 'ilp-protocol-stream to rill receive: not a unit above --max',
  async run (test) {
    const route = await openRoute(test, 'node-1000')
    const receiver = await startReceiver(test, route.receiver, ['--max', '2500'])
    const { connection } = await connectClient(test, route.sender, receiver)
    const stream = connection.createStream()
    const full = new Promise(resolve => stream.on('outgoing_money', () => {
      if (stream.totalSent === '2500') resolve()
    }))
    stream.setSendMax('10000')
    await test.waiting('ilp-protocol-stream: 2500 units sent', full)
    // end() would wait for the rest to be sent.
    await test.waiting('ilp-protocol-stream: destroy', connection.destroy())
    const state = await finished(receiver)
    assert.strictEqual(state.total, 2500n)
    assert.strictEqual(connection.totalDelivered, '2500')
  }
}

const tag = {
  name: 'ilp-protocol-stream to rill receive: --tag',
  async run (test) {
    const route = await openRoute(test, 'node')
    const receiver = await startReceiver(test, route.receiver, ['--tag', 'invoice-7'])
    const { connection } = await connectClient(test, route.sender, receiver)
    const stream = connection.createStream()
    await test.waiting('ilp-protocol-stream: sendTotal', stream.sendTotal('10'))
    await test.waiting('ilp-protocol-stream: end', connection.end())
    const state = await finished(receiver)
    assert.strictEqual(state.total, 10n)
    const event = receiver.process.json().find(({ event }) => event === 'connection')
    assert.strictEqual(event.tag, 'invoice-7')
  }
}

const padded = {
  name: 'ilp-protocol-stream to rill receive: padded packets',
  async run (test) {
    const route = await openRoute(test, 'node')
    const receiver = await startReceiver(test, route.receiver)
    const { connection } = await connectClient(test, route.sender, receiver, { enablePadding: true })
    const stream = connection.createStream()
    const data = bytes(1000, 6)
    await test.waiting('ilp-protocol-stream: sendTotal', stream.sendTotal('10'))
    await endStream(test, stream, data)
    await test.waiting('ilp-protocol-stream: end', connection.end())
    const state = await finished(receiver)
    assert.strictEqual(state.total, 10n)
    assert.ok(state.streams.get('1').data.equals(data), 'the data differs')
  }
}

const wrongSecret = {
  name: 'ilp-protocol-stream to rill receive: a wrong secret is refused, the right one still served',
  async run (test) {
    const route = await openRoute(test, 'node')
    const receiver = await startReceiver(test, route.receiver)
    const wrong = { ...receiver, sharedSecret: Buffer.alloc(32, 9) }
    const thief = openPlugin(test, route.sender)
    await test.waiting('refusal', assert.rejects(createConnection({ plugin: thief, ...wrong })))
    await thief.disconnect()

    const { connection } = await connectClient(test, route.sender, receiver)
    await test.waiting('ilp-protocol-stream: sendTotal', connection.createStream().sendTotal('10'))
    await test.waiting('ilp-protocol-stream: end', connection.end())
    assert.strictEqual((await finished(receiver)).total, 10n)
  }
}

module.exports = [...routes.map(severalStreams), largePackets, onlyData, receiveMax, tag, padded, wrongSecret]
