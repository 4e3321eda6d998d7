'use strict'
// Runs ilp-connector in a process of its own and prints the port of each account as JSON.
// argv[2] is a file with the configuration that Connector.createApp takes.
const fs = require('fs')
const { createApp } = require('ilp-connector')

async function portOf (plugin) {
  const server = plugin._wss
  if (!server) return undefined // it connects itself
  if (!server.address()) await new Promise(resolve => server.once('listening', resolve))
  return server.address().port
}

async function main () {
  const config = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))
  const app = createApp(config)
  await app.listen()
  const ports = {}
  for (const id of Object.keys(config.accounts)) ports[id] = await portOf(app.getPlugin(id))
  console.log(JSON.stringify({ ports }))
}

main().catch(err => {
  console.error(err)
  process.exit(1)
})
