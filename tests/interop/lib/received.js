'use strict'
// Reads the events of `rill receive --json`, checking what must hold for any of them.
const assert = require('assert')

const AMOUNT = /^(0|[1-9][0-9]*)$/

/** { connections, ended, total, streams: Map id -> { money, payments, data, ended } } */
function received (events) {
  const state = { connections: 0, ended: 0, total: 0n, streams: new Map() }
  for (const event of events) {
    switch (event.event) {
      case 'connection':
        state.connections++
        break
      case 'connection_end':
        state.ended++
        break
      case 'stream':
        assert.ok(!state.streams.has(String(event.stream)), `stream ${event.stream} was announced twice`)
        state.streams.set(String(event.stream), { money: 0n, payments: 0, data: Buffer.alloc(0), ended: false })
        break
      case 'money':
        addMoney(state, event)
        break
      case 'data': {
        const stream = openStream(state, event)
        stream.data = Buffer.concat([stream.data, Buffer.from(event.data, 'base64')])
        break
      }
      case 'stream_end':
        openStream(state, event).ended = true
        break
    }
  }
  return state
}

function openStream (state, event) {
  assert.ok(state.connections > 0, `${event.event} before any connection`)
  const stream = state.streams.get(String(event.stream))
  assert.ok(stream, `${event.event} on stream ${event.stream}, which was not announced`)
  assert.ok(!stream.ended, `${event.event} after the end of stream ${event.stream}`)
  return stream
}

function addMoney (state, event) {
  const stream = openStream(state, event)
  for (const field of ['amount', 'total']) {
    assert.strictEqual(typeof event[field], 'string', `"${field}" must be a decimal string`)
    assert.match(event[field], AMOUNT)
  }
  assert.notStrictEqual(event.amount, '0', 'a payment of nothing was announced')
  stream.money += BigInt(event.amount)
  stream.payments++
  state.total += BigInt(event.amount)
  assert.strictEqual(event.total, String(stream.money), 'the total of the stream is the sum of its payments')
}

/** Waits for the receiver to exit 0 after its one connection, and returns what it got. */
async function finished (receiver) {
  await receiver.process.exits(0)
  const state = received(receiver.process.json())
  assert.strictEqual(state.connections, 1, 'connections')
  assert.strictEqual(state.ended, 1, 'connection_end events')
  return state
}

module.exports = { received, finished }
