'use strict'
// The programs under test, as a user starts them.
const fs = require('fs')
const path = require('path')
const { Process, parsePort } = require('./process')

const BIN = path.resolve(process.env.RILL_BIN || path.join(__dirname, '../../../build/src/cli'))
const EXAMPLES = path.resolve(process.env.RILL_EXAMPLES || path.join(__dirname, '../../../build/examples'))

function program (folder, name) {
  const file = path.join(folder, name)
  if (!fs.existsSync(file)) {
    throw new Error(`program ${name} is not built: set RILL_BIN (programs) or RILL_EXAMPLES (examples)`)
  }
  return file
}

/** Starts the node on a port of the system's choice; resolves to { port, process }. */
async function startNode (test, options = []) {
  const portFile = test.file('node-port')
  const node = new Process(test, 'rilld', program(BIN, 'rilld'),
    ['local', '--listen', '127.0.0.1:0', '--port-file', portFile, ...options])
  return { process: node, port: await node.file(portFile, parsePort) }
}

function parseEvent (line) {
  try {
    return JSON.parse(line)
  } catch (err) {
    throw new Error(`--json printed a line that is not JSON: ${line}`)
  }
}

function rill (test, label, args) {
  const process = new Process(test, label, program(BIN, 'rill'), args)
  process.json = () => process.lines.map(parseEvent)
  return process
}

/** `rill receive`; resolves when its credentials are there to be used. */
async function startReceiver (test, link, options = []) {
  const file = test.file(`credentials-${Math.random().toString(36).slice(2)}`)
  const receiver = rill(test, 'rill receive',
    ['receive', '--link', link, '--credentials', file, '--connections', '1', '--json', ...options])
  const credentials = await receiver.file(file, JSON.parse)
  return {
    process: receiver,
    file,
    destinationAccount: credentials.destination_account,
    sharedSecret: Buffer.from(credentials.shared_secret, 'base64')
  }
}

/** `rill send` to credentials of a JavaScript server. */
function startSender (test, link, { destinationAccount, sharedSecret }, options = []) {
  const file = test.file('send-credentials')
  fs.writeFileSync(file, JSON.stringify({
    destination_account: destinationAccount,
    shared_secret: sharedSecret.toString('base64')
  }), { mode: 0o600 })
  const timeout = options.includes('--timeout') ? [] : ['--timeout', '60']
  return rill(test, 'rill send',
    ['send', '--link', link, '--credentials', file, '--json', ...timeout, ...options])
}

/** The final object that `rill send` prints. */
function doneOf (sender) {
  const events = sender.json()
  const last = events[events.length - 1]
  if (!last || last.event !== 'done') {
    throw new Error(`rill send did not end with a "done" object but with ${JSON.stringify(last)}`)
  }
  return last
}

function example (test, name, args, env) {
  return new Process(test, `example ${name}`, program(EXAMPLES, name), args, { env })
}

module.exports = { startNode, startReceiver, startSender, doneOf, rill, example }
