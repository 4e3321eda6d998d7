// SPDX-License-Identifier: Apache-2.0
'use strict'
// Connections that are made and never connected, and nobody holds: the addon keeps nothing of them.
// The same of servers whose plugin is forgotten as well.
const { Connection, createServer } = require('../..')
const native = require('../../lib/native')
const { pair } = require('../support/pair')

const MANY = 300

async function main () {
  const { client, server } = pair(1, 2)
  const listening = await createServer({ plugin: server })
  const before = native.count()
  const make = async () => {
    for (let i = 0; i < MANY; i++) {
      await Connection.build({
        plugin: client,
        ...listening.generateAddressAndSecret(),
        sourceAccount: 'test.client',
        assetCode: 'ABC',
        assetScale: 9,
        isServer: false
      })
    }
    await createServer({ plugin: pair(1, 1).server })
    return native.count() - before
  }
  const made = await make()
  for (let i = 0; i < 200 && native.count() > before; i++) {
    global.gc()
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  console.log(`${made} made, ${native.count() - before} left`)
  process.exit(0)
}

main().catch(err => {
  console.error(err)
  process.exit(1)
})
