'use strict'
// Our SPSP server behind a payment pointer of a name that no resolver knows.
const { execFileSync } = require('child_process')
const fs = require('fs')
const http = require('http')
const https = require('https')
const net = require('net')
const tls = require('tls')
const { rill } = require('./programs')

const routes = new Map()

// Clients that take no port in a URL reach ours all the same, by the name alone.
for (const [agent, connect] of [[http.globalAgent, net.connect], [https.globalAgent, tls.connect]]) {
  const usual = agent.createConnection
  agent.createConnection = function (options, callback) {
    const route = routes.get(options.host)
    if (!route) return usual.call(this, options, callback)
    return connect({ ...options, host: '127.0.0.1', port: route.port, servername: options.host, ca: route.ca })
  }
}

function certificate (test, name) {
  const [key, cert] = [test.file('key.pem'), test.file('cert.pem')]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-keyout', key, '-out', cert, '-days', '2', '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`],
  { stdio: 'ignore' })
  return { key, cert }
}

/** `rill receive --spsp`; resolves to { process, host, url } once it answers. */
async function startSpsp (test, link, options = [], { secure = true } = {}) {
  const host = `wallet-${Math.random().toString(36).slice(2)}.test`
  const files = secure ? certificate(test, host) : null
  const process = rill(test, 'rill receive', ['receive', '--link', link, '--spsp', '127.0.0.1:0', '--json',
    ...(files ? ['--tls-cert', files.cert, '--tls-key', files.key] : []), ...options])
  const url = await process.until('spsp event', ({ lines }) =>
    lines.map(line => JSON.parse(line)).filter(({ event }) => event === 'spsp').map(({ url }) => url)[0])
  routes.set(host, { port: Number(new URL(url).port), ca: files && fs.readFileSync(files.cert) })
  test.defer(() => routes.delete(host))
  return { process, host, url }
}

module.exports = { startSpsp }
