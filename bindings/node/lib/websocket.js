// SPDX-License-Identifier: Apache-2.0
'use strict'
// The beginning of a WebSocket (RFC 6455 section 4): a client's request, and the server's answer. What
// comes after it is read and written by the addon (lib/link.js).
const { createHash, randomBytes } = require('crypto')
const net = require('net')
const tls = require('tls')

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const LONGEST_ANSWER = 8192
const VISIBLE = /^[\x21-\x7e]+$/

function hostOf (url) {
  return url.hostname.replace(/^\[|\]$/g, '')
}

function connect (url) {
  const secure = url.protocol === 'wss:'
  const host = hostOf(url)
  const port = Number(url.port || (secure ? 443 : 80))
  // The node's end is not ours: what was written before it still leaves.
  const to = { host, port, allowHalfOpen: true }
  if (!secure) return [net.connect(to), 'connect']
  return [tls.connect({ ...to, servername: net.isIP(host) ? '' : host }), 'secureConnect']
}

function request (url, key) {
  return `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`
}

/** Throws where the answer, without the empty line behind it, is no yes to this key. */
function judge (answer, key) {
  const [status, ...lines] = answer.split('\r\n')
  const [, code] = /^HTTP\/1\.1 (\d{3})(?: |$)/.exec(status) || []
  if (code === undefined) throw new Error('the node does not speak HTTP')
  if (code !== '101') throw new Error(`Unexpected server response: ${code}`)
  const headers = new Map()
  for (const line of lines) {
    const [, name, value] = /^([^\s:]+):[ \t]*(.*?)[ \t]*$/.exec(line) || []
    if (name === undefined || !VISIBLE.test(name)) throw new Error('the node answered with a header that is none')
    const lower = name.toLowerCase()
    headers.set(lower, headers.has(lower) ? `${headers.get(lower)}, ${value}` : value)
  }
  const words = name => (headers.get(name) || '').toLowerCase().split(',').map(word => word.trim())
  const accept = createHash('sha1').update(key + GUID).digest('base64')
  if (!words('upgrade').includes('websocket') || !words('connection').includes('upgrade')) throw new Error('Invalid Upgrade header')
  if (headers.get('sec-websocket-accept') !== accept) throw new Error('Invalid Sec-WebSocket-Accept header')
  for (const name of ['sec-websocket-extensions', 'sec-websocket-protocol']) {
    if (headers.has(name)) throw new Error(`the node answered with ${name}, which was not asked for`)
  }
}

/**
 * Opens one. Resolves to the socket, which is paused and has no listeners but those for errors, and to
 * what has come behind the answer. timeout: in milliseconds, of all of it. began(socket): it may be destroyed
 * before that.
 */
function open (address, timeout, began) {
  const url = new URL(address)
  const key = randomBytes(16).toString('base64')
  const [socket, ready] = connect(url)
  began(socket)
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0)
    const timer = setTimeout(() => fail(new Error('Opening handshake has timed out')), timeout)
    const stop = () => {
      clearTimeout(timer)
      socket.removeListener(ready, onReady)
      socket.removeListener('data', onData)
      socket.removeListener('end', onClose)
      socket.removeListener('close', onClose)
    }
    const fail = err => {
      stop()
      socket.destroy()
      reject(err)
    }
    const onReady = () => socket.write(request(url, key))
    const onClose = () => fail(new Error('the node closed the connection'))
    const onData = chunk => {
      answer = answer.length > 0 ? Buffer.concat([answer, chunk]) : chunk
      const end = answer.indexOf('\r\n\r\n')
      if (end < 0) {
        if (answer.length > LONGEST_ANSWER) fail(new Error('the node answered with too many headers'))
        return
      }
      try {
        judge(answer.latin1Slice(0, end), key)
      } catch (err) {
        return fail(err)
      }
      stop()
      socket.pause()
      resolve({ socket, rest: answer.subarray(end + 4) })
    }
    socket.setNoDelay(true)
    socket.on('error', fail) // for as long as it lives: what comes later is told by 'close'
    socket.on(ready, onReady)
    socket.on('data', onData)
    socket.on('end', onClose)
    socket.on('close', onClose)
  })
}

module.exports = { open, judge }
