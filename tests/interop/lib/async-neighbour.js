'use strict'
// A neighbour by the text of RFC 35 draft 3 alone: each Prepare is answered with 202, and each reply is
// a request of its own. It is a plugin, too, for a STREAM client.
const assert = require('assert')
const crypto = require('crypto')
const http = require('http')
const { keepCount } = require('./peer')
const { reject } = require('./prepare')

const OCTETS = 'application/octet-stream'
const UUID4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

function bodyOf (stream) {
  return new Promise((resolve, reject) => {
    const chunks = []
    stream.on('data', chunk => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks))).on('error', reject)
  })
}

function post (url, headers, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'POST', headers: { 'Content-Type': OCTETS, ...headers } }, async response => {
      resolve({ status: response.statusCode, body: await bodyOf(response) })
    })
    request.on('error', reject).end(body)
  })
}

class AsyncNeighbour {
  /** It is asked with tokenIn, and asks at nodeUrl with tokenOut. */
  constructor ({ tokenIn, tokenOut, nodeUrl }) {
    Object.assign(this, { tokenIn, tokenOut, nodeUrl, waiting: new Map(), statuses: [], problems: [] })
    this.handler = async () => reject('F02')
    this.server = http.createServer((request, response) => this.serve(request, response))
  }

  async listen (test) {
    await test.waiting('neighbour', new Promise(resolve => this.server.listen(0, '127.0.0.1', resolve)))
    test.defer(() => { this.server.closeAllConnections?.(); this.server.close() })
    const origin = `127.0.0.1:${this.server.address().port}`
    this.uri = `ilp+http://:${this.tokenIn}@${origin}/ilp`
    this.repliesUrl = `http://${origin}/incoming/ilp`
  }

  async serve (request, response) {
    const body = await bodyOf(request)
    const { authorization, 'content-type': type, 'request-id': id, 'callback-url': callback, accept } = request.headers
    const end = status => response.writeHead(status).end()
    try {
      assert.strictEqual(authorization, `Bearer ${this.tokenIn}`)
      assert.strictEqual(type, OCTETS)
      assert.match(id, UUID4)
      if (request.url === '/incoming/ilp') {
        const taken = this.waiting.get(id)
        this.waiting.delete(id)
        if (taken) taken(body)
        return end(taken ? 200 : 400)
      }
      assert.strictEqual(request.url, '/ilp')
      assert.strictEqual(accept, OCTETS)
      end(202)
      const reply = await this.handler(body)
      const { status } = await post(callback, { Authorization: `Bearer ${this.tokenOut}`, 'Request-Id': id }, reply)
      this.statuses.push(status)
    } catch (err) {
      this.problems.push(err.message)
      if (!response.headersSent) end(400)
    }
  }

  async sendData (data) {
    const id = crypto.randomUUID()
    const reply = new Promise(resolve => this.waiting.set(id, resolve))
    const { status, body } = await post(this.nodeUrl, {
      Accept: OCTETS, Authorization: `Bearer ${this.tokenOut}`, 'Callback-Url': this.repliesUrl, 'Request-Id': id
    }, data)
    assert.deepStrictEqual([status, body.length], [202, 0])
    return reply
  }

  async connect () {}
  async disconnect () {}
  isConnected () { return true }
  registerDataHandler (handler) { this.handler = handler }
  deregisterDataHandler () { this.handler = async () => reject('F02') }
}
AsyncNeighbour.version = 2

async function startAsyncNeighbour (test, options) {
  const neighbour = new AsyncNeighbour(options)
  await neighbour.listen(test)
  return keepCount(neighbour)
}

module.exports = { startAsyncNeighbour }
