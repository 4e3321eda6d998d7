'use strict'
// A server of SPSP as RFC 9 has it: credentials of a STREAM server for whoever asks.
const http = require('http')

const TYPES = ['application/spsp4+json', 'application/spsp+json']

/** give(path): { destinationAccount, sharedSecret }, or undefined for a receiver that is not known.
 *  change(answer): the same, to misbehave. Resolves to { base, asked }. */
async function startSpsp (test, give, change = answer => answer) {
  const asked = []
  const server = http.createServer((req, res) => {
    asked.push(`${req.method} ${req.url}`)
    const type = TYPES.find(type => (req.headers.accept || '').includes(type))
    const credentials = give(req.url)
    const answer = change(!credentials
      ? { status: 404, body: JSON.stringify({ id: 'InvalidReceiverError', message: 'no such receiver' }) }
      : !type
          ? { status: 406, body: '{}' }
          : {
              status: 200,
              headers: { 'content-type': type, 'cache-control': 'max-age=60' },
              body: JSON.stringify({
                destination_account: credentials.destinationAccount,
                shared_secret: credentials.sharedSecret.toString('base64'),
                receipts_enabled: false
              })
            }, req)
    if (answer.hangUp) return req.socket.destroy()
    res.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
    res.end(answer.body)
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  test.defer(() => { server.closeAllConnections(); server.close() })
  return { base: `http://127.0.0.1:${server.address().port}`, asked }
}

module.exports = { startSpsp }
