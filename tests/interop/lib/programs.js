'use strict'
// The programs under test, as a user starts them.
const { spawn } = require('child_process')
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

function rill (test, label, args, env) {
  const process = new Process(test, label, program(BIN, 'rill'), args, { env })
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

function example (test, name, args, env, stdin) {
  return new Process(test, `example ${name}`, program(EXAMPLES, name), args, { env, stdin })
}

/** A program that answers each line with a line: a function that asks it. */
function answerer (test, name, write, read) {
  const child = spawn(program(path.join(BIN, '../../tests/interop'), name), { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting = []
  let text = ''
  test.defer(() => child.kill('SIGKILL'))
  child.stdout.setEncoding('utf8').on('data', piece => {
    const lines = (text + piece).split('\n')
    text = lines.pop()
    for (const line of lines) waiting.shift().resolve(read(line))
  })
  child.on('close', () => { for (const { reject } of waiting) reject(new Error(`${name} ended`)) })
  return question => new Promise((resolve, reject) => {
    waiting.push({ resolve, reject })
    child.stdin.write(write(question) + '\n')
  })
}

/** Keys and signatures of librill-pay: a function that answers one question after the other. */
const signer = test => answerer(test, 'signer', JSON.stringify, JSON.parse)

/** Terms of quotes: a question is a line of numbers. */
const quoter = test => answerer(test, 'quoter', line => line, line => {
  const [error, reason, ...numbers] = line.split(' ')
  const [num, den, maxSource, minDelivery, likelySource, likelyDelivery] = numbers.map(BigInt)
  return { error, reason, minRate: { num, den }, maxSource, minDelivery, likelySource, likelyDelivery }
})

/** A payer of Open Payments: what it was told, a line each. */
async function opPayer (test, receiver, keyFile, options, then) {
  const process = new Process(test, 'op_payer', program(path.join(BIN, '../../tests/interop'), 'op_payer'),
    [receiver, keyFile, JSON.stringify(options), ...then], { env: { no_proxy: '*' } })
  await process.exits(0)
  return process.lines.map(parseEvent)
}

/** A payer that prints the receipts that it has got, each in base64 on a line. */
function receiptPayer (test, link, { destinationAccount, sharedSecret }, amount) {
  return new Process(test, 'receipt_payer', program(path.join(BIN, '../../tests/interop'), 'receipt_payer'),
    [link, destinationAccount, sharedSecret.toString('base64'), String(amount)])
}

module.exports = { startNode, startReceiver, startSender, doneOf, rill, example, signer, quoter, opPayer, receiptPayer }
