// SPDX-License-Identifier: Apache-2.0
'use strict'
// What the core's connections are like, from the options of this package.
const Long = require('long')
const arena = require('./arena')
const { MAX, toRatio, fit } = require('./util/amount')

const DEFAULT_IDLE_TIMEOUT = 60000
const DEFAULT_MAX_REMOTE_STREAMS = 10
const DEFAULT_SLIPPAGE = 0.01
const MIN_STREAM_BUFFER = 16384
const MIN_CONNECTION_BUFFER = 65534
const SEND_BUFFER = 1048576
const MS = 1000000
const ASK_NEW_STREAMS = 1

/** In the order of addon/args.c; by the names of the C struct. The first place says which are given. */
const NAMES = ['', 'default_receive_max', 'max_packet_amount', 'min_rate_num', 'min_rate_den', 'slippage_num', 'slippage_den',
  'idle_timeout_ns', 'packet_lifetime_ns', 'flags', 'stream_receive_buffer', 'connection_receive_buffer',
  'max_connection_receive_buffer', 'stream_send_buffer', 'max_remote_streams', 'max_in_flight', 'padding', 'tell_address',
  'ask_before_fulfill', 'keep_alive']

function wholeNumber (name, value, least, most) {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be a whole number between ${least} and ${most}`)
  }
  return value
}

/** Everything may be lost: as near to that as the core goes. */
const NEARLY_ALL = { left: { num: 0n, den: 1n }, num: (1n << 62n) - 1n, den: 1n << 62n }

function slippageOf (value) {
  const slippage = toRatio(value)
  if (slippage.num > slippage.den) throw new Error('slippage must be less than one')
  const left = { num: slippage.den - slippage.num, den: slippage.den }
  return left.num === 0n ? NEARLY_ALL : { left, ...fit(slippage.num, slippage.den) }
}

const USUAL_SLIPPAGE = slippageOf(DEFAULT_SLIPPAGE)

/** Those of most programs, and how they are packed. */
let usual
let usualNumbers

const ASKED = ['rill', 'slippage', 'enablePadding', 'shouldFulfill', 'idleTimeout', 'exchangeRate', 'maxRemoteStreams',
  'maximumPacketAmount', 'connectionBufferSize']

/** Not to be changed. */
function coreOptions (opts) {
  for (const name of ASKED) if (opts[name] !== undefined) return readOptions(opts)
  return usual || (usual = Object.freeze(readOptions({})))
}

function readOptions (opts) {
  const rill = opts.rill || {}
  const slippage = opts.slippage === undefined ? USUAL_SLIPPAGE : slippageOf(opts.slippage)
  const options = {
    default_receive_max: 0,
    stream_receive_buffer: MIN_STREAM_BUFFER,
    connection_receive_buffer: MIN_CONNECTION_BUFFER,
    stream_send_buffer: SEND_BUFFER,
    flags: ASK_NEW_STREAMS,
    padding: opts.enablePadding ? 1 : 0,
    ask_before_fulfill: opts.shouldFulfill ? 1 : 0,
    idle_timeout_ns: Math.round((opts.idleTimeout || DEFAULT_IDLE_TIMEOUT) * MS),
    max_remote_streams: Math.min(Math.max(Math.floor(opts.maxRemoteStreams || DEFAULT_MAX_REMOTE_STREAMS), 10), 1000000),
    slippage_num: slippage.num,
    slippage_den: slippage.den
  }
  if (opts.exchangeRate !== undefined) {
    const rate = toRatio(opts.exchangeRate)
    const { num, den } = fit(rate.num * slippage.left.num, rate.den * slippage.left.den)
    Object.assign(options, num === 0n ? { min_rate_num: 1n, min_rate_den: MAX } : { min_rate_num: num, min_rate_den: den })
  }
  if (opts.maximumPacketAmount !== undefined) {
    const long = Long.fromString(opts.maximumPacketAmount, true)
    options.max_packet_amount = BigInt(long.toString())
  }
  if (opts.connectionBufferSize) {
    options.connection_receive_buffer = Math.max(Math.floor(opts.connectionBufferSize), MIN_CONNECTION_BUFFER)
    options.max_connection_receive_buffer = options.connection_receive_buffer
  }
  if (rill.maxPacketsInFlight !== undefined) {
    options.max_in_flight = wholeNumber('rill.maxPacketsInFlight', rill.maxPacketsInFlight, 1, 65536)
  }
  if (rill.tellAddress === false) options.tell_address = 0
  if (rill.keepAlive === true) options.keep_alive = 1
  return options
}

/** Puts them where the next call of the addon reads them, and gives what that call is told. */
function pack (options) {
  const all = arena.numbers
  if (options === usual && usualNumbers) {
    all.set(usualNumbers)
    return true
  }
  let given = 0
  for (let i = 1; i < NAMES.length; i++) {
    const value = options[NAMES[i]]
    if (value === undefined) continue
    const big = BigInt(value)
    if (big < 0n || big > MAX) throw new TypeError(NAMES[i])
    all[i] = big
    given |= 1 << i
  }
  all[0] = BigInt(given)
  if (options === usual) usualNumbers = all.slice(0, NAMES.length)
  return true
}

module.exports = { coreOptions, pack }
