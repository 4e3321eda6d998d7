// SPDX-License-Identifier: Apache-2.0
'use strict'
// Each test of the packages in whose place this one may be used has one of ours, and that runs with
// the original too.
const assert = require('assert')
const fs = require('fs')
const path = require('path')
const names = require('../names')

const REPOSITORY = path.join(__dirname, '../../../..')
const COUNTS = {
  'ilp-protocol-stream/test/connection.spec.ts': 58,
  'ilp-protocol-stream/test/stream.spec.ts': 32,
  'ilp-protocol-stream/test/index.spec.ts': 8,
  'ilp-protocol-stream/test/packet.spec.ts': 6,
  'ilp-protocol-stream/test/crypto.spec.ts': 5,
  'ilp-protocol-stream/test/util/receipt.spec.ts': 10,
  'pay/test/payment.spec.ts': 25,
  'pay/test/reply.spec.ts': 7,
  'pay/test/setup.spec.ts': 11,
  'stream-receiver/test/index.spec.ts': 18,
  'ilp-plugin-btp/test/index.test.js': 16
}

/** By their titles. */
function cases () {
  const all = new Map()
  for (const file of fs.readdirSync(__dirname).filter(name => name.endsWith('.js'))) {
    for (const one of require(path.join(__dirname, file))) {
      const title = `${file.slice(0, -3)}: ${one.name}`
      assert.ok(!all.has(title), `two cases are called ${title}`)
      all.set(title, one)
    }
  }
  return all
}

/** undefined, or what is wrong with a test that is to be ours. */
function problem (all, test) {
  const [, file, text] = /^((?:bindings\/python\/)?tests\/[^:]+): (.*)$/.exec(test) || []
  if (file) {
    const whole = path.join(REPOSITORY, file)
    if (!fs.existsSync(whole)) return `there is no ${file}`
    return fs.readFileSync(whole, 'utf8').includes(text) ? undefined : `${file} does not have: ${text}`
  }
  const one = all.get(test)
  if (!one) return `there is no case: ${test}`
  return one.once ? `does not run with the original: ${test}` : undefined
}

module.exports = [
  {
    name: 'each test of the original has one of ours, which runs with the original too',
    once: true,
    run () {
      const all = cases()
      const wrong = []
      for (const [file, rows] of Object.entries(names)) {
        const theirs = rows.map(([name]) => name)
        assert.strictEqual(new Set(theirs).size, theirs.length, `a name of ${file} is twice here`)
        for (const [name, ...ours] of rows) {
          if (ours.length === 0) wrong.push(`${file}: ${name}: has no test`)
          for (const test of ours) {
            const bad = problem(all, test)
            if (bad) wrong.push(`${file}: ${name}: ${bad}`)
          }
        }
      }
      assert.deepStrictEqual(wrong, [])
      assert.deepStrictEqual(Object.fromEntries(Object.entries(names).map(([file, rows]) => [file, rows.length])), COUNTS)
    }
  }
]
