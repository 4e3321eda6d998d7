#!/usr/bin/env node
'use strict'
// Runs the cases, all or those whose name contains an argument, two at a time, and
// reports in TAP. RILL_BIN and RILL_EXAMPLES name the folders of the built programs.
const fs = require('fs')
const path = require('path')
const { Case } = require('./lib/case')

const JOBS = Number(process.env.RILL_INTEROP_JOBS || 2)
const LOG_LINES = 60
const LOG_COLUMNS = 200
// The connector logs a stack for each packet that it rejects.
const STACK = /^\[[^\]]*\] {4}\s*at /

// A connection that a case gave up leaves promises behind that nobody awaits.
process.on('unhandledRejection', err => {
  if (process.env.DEBUG) console.error('# unhandled rejection:', err)
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))

function loadCases () {
  if (!fs.existsSync(path.join(__dirname, 'node_modules'))) {
    throw new Error('the peers are not installed: run tests/interop/install first')
  }
  const folder = path.join(__dirname, 'cases')
  return fs.readdirSync(folder).filter(name => name.endsWith('.js')).sort()
    .flatMap(name => require(path.join(folder, name)))
}

function report (number, { name }, seconds, failure, logs) {
  if (!failure) return console.log(`ok ${number} - ${name} (${seconds} s)`)
  const why = String(failure.message || failure).split('\n')
  console.log(`not ok ${number} - ${name}: ${why[0]} (${seconds} s)`)
  const place = failure.stack ? failure.stack.split('\n').filter(line => /^ {4}at .*(cases|lib)\//.test(line)) : []
  for (const line of [...why.slice(1), ...place, ...logs.filter(line => !STACK.test(line)).slice(-LOG_LINES)]) console.log(`#   ${line.slice(0, LOG_COLUMNS)}`)
}

async function main () {
  const wanted = process.argv.slice(2)
  const all = loadCases()
  const cases = wanted.length ? all.filter(({ name }) => wanted.some(part => name.includes(part))) : all
  if (cases.length === 0) {
    console.error(`no case has a name that contains: ${wanted.join(', ')}`)
    return 2
  }
  console.log(`1..${cases.length}`)
  const queue = cases.slice()
  let done = 0
  let failed = 0
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const test = new Case(next.name)
      const start = Date.now()
      let failure
      try {
        await test.run(next.run)
      } catch (err) {
        failure = err || new Error('failed for no reason given')
        failed++
      }
      report(++done, next, ((Date.now() - start) / 1000).toFixed(1), failure, test.logs)
    }
  }
  await Promise.all(Array.from({ length: JOBS }, worker))
  console.log(`# ${done - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

main().then(code => process.exit(code), err => {
  console.error(err.code === 'MODULE_NOT_FOUND' ? err : err.message)
  process.exit(1)
})
