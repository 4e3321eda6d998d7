'use strict'
// Runs ilp-connector in a process of its own and prints the port of each account as JSON.
// argv[2] is a file with the configuration that Connector.createApp takes. SIGUSR2 makes it print what
// it has asked of each account, as JSON: units whose answer it waits for, and units that were never answered.
const fs = require('fs')
const { createApp } = require('ilp-connector')
const { Type, deserializeIlpPrepare } = require('ilp-packet')

async function portOf (plugin) {
  const server = plugin._wss
  if (!server) return undefined // it connects itself
  if (!server.address()) await new Promise(resolve => server.once('listening', resolve))
  return server.address().port
}

/** Keeps books of what has no answer; a lost link is such an end, and so is a time that is over. */
function watch (plugin) {
  const unanswered = { open: 0n, lost: 0n }
  const sendData = plugin.sendData.bind(plugin)
  plugin.sendData = async data => {
    const amount = data[0] === Type.TYPE_ILP_PREPARE ? BigInt(deserializeIlpPrepare(data).amount) : 0n
    unanswered.open += amount
    try {
      return await sendData(data)
    } catch (err) {
      unanswered.lost += amount
      throw err
    } finally {
      unanswered.open -= amount
    }
  }
  return unanswered
}

async function main () {
  const config = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))
  const app = createApp(config)
  await app.listen()
  const ports = {}
  const unanswered = {}
  for (const id of Object.keys(config.accounts)) {
    ports[id] = await portOf(app.getPlugin(id))
    unanswered[id] = watch(app.getPlugin(id))
  }
  const asText = (key, value) => typeof value === 'bigint' ? String(value) : value
  process.on('SIGUSR2', () => console.log(JSON.stringify({ unanswered }, asText)))
  console.log(JSON.stringify({ ports }))
}

main().catch(err => {
  console.error(err)
  process.exit(1)
})
