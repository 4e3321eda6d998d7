// SPDX-License-Identifier: Apache-2.0
'use strict'
// The Prepare that money came with, for the handlers of 'money'. The core has taken the packet, so
// that its form is known to be good; it is read once, and only where somebody can see it.

function number (text, from, to) {
  let value = 0
  for (let i = from; i < to; i++) value = value * 10 + text[i] - 48
  return value
}

/** Where the bytes behind a length begin, and their length. */
function skipLength (packet, at) {
  const first = packet[at]
  if (first < 0x80) return [at + 1, first]
  const size = first & 0x7f
  return [at + 1 + size, packet.readUIntBE(at + 1, size)]
}

/** Milliseconds since 1970. Packets in a row expire at the same time. */
let latestExpiry = ''
let latestTime = 0

function readTime (packet, at) {
  const text = packet.latin1Slice(at, at + 17)
  if (text !== latestExpiry) {
    latestTime = Date.UTC(number(packet, at, at + 4), number(packet, at + 4, at + 6) - 1, number(packet, at + 6, at + 8),
      number(packet, at + 8, at + 10), number(packet, at + 10, at + 12), number(packet, at + 12, at + 14), number(packet, at + 14, at + 17))
    latestExpiry = text
  }
  return latestTime
}

function readPrepare (packet) {
  let [at] = skipLength(packet, 1)
  const high = packet.readUInt32BE(at)
  const amount = high === 0 ? String(packet.readUInt32BE(at + 4)) : packet.readBigUInt64BE(at).toString()
  at += 8
  const expiresAt = new Date(readTime(packet, at))
  at += 17
  const executionCondition = packet.subarray(at, at + 32)
  const [address, addressLength] = skipLength(packet, at + 32)
  const [data, dataLength] = skipLength(packet, address + addressLength)
  return {
    amount,
    executionCondition,
    expiresAt,
    destination: packet.latin1Slice(address, address + addressLength),
    data: packet.subarray(data, data + dataLength)
  }
}

/** Where a Prepare goes. */
function destinationOf (packet) {
  const [at] = skipLength(packet, 1)
  const [address, length] = skipLength(packet, at + 57)
  return packet.latin1Slice(address, address + length)
}

const sourceOf = Function.prototype.toString
/** Of each handler whether it can see a second argument. */
const seers = new WeakMap()
/** `amount => ...`: an arrow function has no `arguments` of its own. */
const SEES_ONE = /^(?:async\s*)?(?:\(\s*(?:[A-Za-z_$][\w$]*\s*)?\)|[A-Za-z_$][\w$]*)\s*=>/

/** The one that was asked about last: of many packets in a row it is the same. */
let latest
let latestSees = true

function sees (handler) {
  if (handler === latest) return latestSees
  latestSees = remember(handler)
  latest = handler
  return latestSees
}

function remember (handler) {
  let answer = seers.get(handler)
  if (answer === undefined) {
    answer = !SEES_ONE.test(sourceOf.call(handler))
    seers.set(handler, answer)
  }
  return answer
}

/** Node's own, and not that of somebody who came before us and looks at events. */
function isNodesEmit (emit) {
  return /^function emit\(type, \.\.\.args\) \{[^]*kErrorMonitor/.test(sourceOf.call(emit))
}

/** What an emitter has of an event: undefined (nobody knows), a handler, or several. */
function seesPacket (handlers) {
  if (typeof handlers === 'function') return sees(handlers)
  return !Array.isArray(handlers) || handlers.some(sees)
}

function openPrepare (waiting) {
  if (waiting.prepare === undefined) waiting.prepare = readPrepare(waiting.data)
  return waiting.prepare
}

module.exports = { destinationOf, isNodesEmit, openPrepare, readPrepare, seesPacket }
