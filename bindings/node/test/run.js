#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
'use strict'
// Runs the cases, all or those whose name contains an argument, and none that contains what follows
// a "!", and reports in TAP. Most run twice: with this package, and with the original, so that what
// the original does is known and not believed. RILL_BIN is the folder of rilld, for the cases that need a node.
const fs = require('fs')
const path = require('path')
const { Context, SLOWER } = require('./support/context')

const JOBS = Number(process.env.RILL_NODE_JOBS || 6)
const CASE_SECONDS = 60

// A connection that a case gave up leaves promises behind that nobody awaits.
process.on('unhandledRejection', err => {
  if (process.env.DEBUG) console.error('# unhandled rejection:', err)
})

/** who: 'rill', 'original', or '' where a case is of one kind. */
function load () {
  const folder = path.join(__dirname, 'cases')
  const all = fs.readdirSync(folder).filter(name => name.endsWith('.js')).sort()
    .flatMap(name => require(path.join(folder, name)).map(one => ({ ...one, file: name.slice(0, -3) })))
  return all.flatMap(one => one.once
    ? [{ ...one, who: 'rill', title: `${one.file}: ${one.name}` }]
    : ['rill', 'original'].map(who => ({ ...one, who, title: `${one.file}: ${one.name} (${who})` })))
}

async function runOne (one) {
  const context = new Context(one.who)
  const { seconds = CASE_SECONDS } = one
  let timer
  try {
    await Promise.race([
      one.run(context),
      new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`took more than ${seconds * SLOWER} s`)), seconds * SLOWER * 1000)
      })
    ])
  } finally {
    clearTimeout(timer)
    await context.close()
  }
}

/** What the original does otherwise is told, and must still be so. */
async function judge (one) {
  let failure
  try {
    await runOne(one)
  } catch (err) {
    failure = err || new Error('failed for no reason given')
  }
  if (one.who === 'original' && one.original) {
    return failure ? undefined : new Error(`the original does this now, and not: ${one.original}`)
  }
  // Where it depends on timing, it is said as well, and either is right.
  return one.who === 'original' && one.originalAtTimes ? undefined : failure
}

async function main () {
  const words = process.argv.slice(2)
  const wanted = words.filter(word => !word.startsWith('!'))
  const left = words.filter(word => word.startsWith('!')).map(word => word.slice(1))
  const cases = load().filter(({ title }) => !left.some(word => title.includes(word)) &&
    (wanted.length === 0 || wanted.some(word => title.includes(word))))
  if (cases.length === 0) {
    console.error(`no case has a name that contains: ${words.join(', ')}`)
    return 2
  }
  console.log(`1..${cases.length}`)
  const queue = cases.slice()
  let done = 0
  const failed = []
  const worker = async () => {
    for (let one = queue.shift(); one; one = queue.shift()) {
      const start = Date.now()
      const failure = await judge(one)
      const time = `(${((Date.now() - start) / 1000).toFixed(1)} s)`
      done++
      if (!failure) {
        console.log(`ok ${done} - ${one.title} ${time}`)
        continue
      }
      failed.push(one.title)
      const lines = String(failure.stack || failure).split('\n')
      console.log(`not ok ${done} - ${one.title}: ${String(failure.message).split('\n')[0]} ${time}`)
      for (const line of lines.slice(0, 12)) console.log(`#   ${line.slice(0, 200)}`)
    }
  }
  await Promise.all(Array.from({ length: JOBS }, worker))
  // Once more, at the end: a log is often cut.
  for (const title of failed) console.log(`# failed: ${title}`)
  console.log(`# ${done - failed.length} passed, ${failed.length} failed`)
  return failed.length === 0 ? 0 : 1
}

main().then(code => process.exit(code), err => {
  console.error(err)
  process.exit(1)
})
