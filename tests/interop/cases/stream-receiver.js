'use strict'
// `rill send` pays @interledger/stream-receiver, the receiver of Rafiki: the release that
// answers probes with F99, and the newer one that answers with F05 and F04.
const assert = require('assert')
const crypto = require('crypto')
const ildcp = require('ilp-protocol-ildcp')
const ilp = require('ilp-packet')
const { startSender, doneOf } = require('../lib/programs')
const { openRoute } = require('../lib/route')
const { connectPlugin } = require('../lib/peer')
const { checkDone } = require('../lib/sent')

const releases = { 'stream-receiver 0.2.2': '@interledger/stream-receiver', 'stream-receiver 0.3.3-alpha.4': 'stream-receiver-next' }

/** Serves STREAM over a plugin; `decide` turns an IncomingMoney into a reply. */
async function serve (plugin, StreamServer, decide) {
  const { clientAddress, assetCode, assetScale } = await ildcp.fetch(data => plugin.sendData(data))
  const server = new StreamServer({ serverSecret: crypto.randomBytes(32), serverAddress: clientAddress })
  plugin.registerDataHandler(async data => {
    const answer = server.createReply(ilp.deserializeIlpPrepare(data))
    return ilp.serializeIlpReply(ilp.isIlpReply(answer) ? answer : decide(answer))
  })
  return asset => {
    const { ilpAddress, sharedSecret } = server.generateCredentials(
      asset ? { asset: { code: assetCode, scale: assetScale } } : {})
    return { destinationAccount: ilpAddress, sharedSecret }
  }
}

function pays (release, via, withAsset) {
  return {
    name: `rill send to ${release}: ${via}${withAsset ? '' : ', asset unknown'}`,
    async run (test) {
      const { StreamServer } = require(releases[release])
      const route = await openRoute(test, via)
      const plugin = await connectPlugin(test, route.receiver)
      const credentials = await serve(plugin, StreamServer, money => money.accept())
      const sender = startSender(test, route.sender, credentials(withAsset), ['--amount', '54321'])
      await sender.exits(0)
      checkDone(doneOf(sender), { route, amount: 54321n, received: plugin.count.received })
    }
  }
}

function declines (release) {
  return {
    name: `rill send to ${release}: the receiver declines now and then`,
    async run (test) {
      const { StreamServer } = require(releases[release])
      const route = await openRoute(test, 'node-1000')
      const plugin = await connectPlugin(test, route.receiver)
      let packets = 0
      const credentials = await serve(plugin, StreamServer,
        money => ++packets % 3 === 0 ? money.temporaryDecline() : money.accept())
      const sender = startSender(test, route.sender, credentials(true), ['--amount', '10000'])
      await sender.exits(0)
      const done = doneOf(sender)
      checkDone(done, { route, amount: 10000n, received: plugin.count.received })
      assert.ok(Number(done.rejects) > 0, 'the rejects were not counted')
    }
  }
}

module.exports = Object.keys(releases).flatMap(release => [
  pays(release, 'node', true),
  pays(release, 'node-1000', false),
  pays(release, 'connector-rate-half', true),
  declines(release)
])
