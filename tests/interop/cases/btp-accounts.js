'use strict'
// ilp-plugin-btp as a client of our node: who it is taken for.
const assert = require('assert')
const ildcp = require('ilp-protocol-ildcp')
const BtpPacket = require('btp-packet')
const { startNode } = require('../lib/programs')
const { link } = require('../lib/route')
const { openPlugin, connectPlugin } = require('../lib/peer')
const { prepare, ask, fulfill, sha256 } = require('../lib/prepare')

const describe = plugin => ildcp.fetch(data => plugin.sendData(data))

const named = {
  name: 'ilp-plugin-btp to rilld: IL-DCP of a named account',
  async run (test) {
    const { port } = await startNode(test)
    const plugin = await connectPlugin(test, link(port, 'alice'))
    assert.deepStrictEqual(await describe(plugin),
      { clientAddress: 'private.rill.alice', assetCode: 'XRP', assetScale: 9 })
  }
}

const byToken = {
  name: 'ilp-plugin-btp to rilld: an account without a name is named after its token',
  async run (test) {
    const { port } = await startNode(test)
    const plugin = await connectPlugin(test, link(port, '', 'sesame'))
    const { clientAddress } = await describe(plugin)
    assert.strictEqual(clientAddress, `private.rill.${BtpPacket.base64url(sha256('sesame'))}`)
  }
}

const configured = {
  name: 'ilp-plugin-btp to rilld: --address, --asset-code and --asset-scale',
  async run (test) {
    const { port } = await startNode(test,
      ['--address', 'test.node', '--asset-code', 'EUR', '--asset-scale', '2'])
    const plugin = await connectPlugin(test, link(port, 'alice'))
    assert.deepStrictEqual(await describe(plugin),
      { clientAddress: 'test.node.alice', assetCode: 'EUR', assetScale: 2 })
  }
}

const wrongToken = {
  name: 'ilp-plugin-btp to rilld: another token for a known account is refused',
  async run (test) {
    const { port } = await startNode(test)
    const plugin = await connectPlugin(test, link(port, 'alice', 'right'))
    plugin.registerDataHandler(async () => fulfill(known.fulfillment))
    const thief = openPlugin(test, link(port, 'alice', 'wrong'))
    await test.waiting('refusal', assert.rejects(thief.connect()))

    const known = prepare({ destination: 'private.rill.alice.x' })
    const bob = await connectPlugin(test, link(port, 'bob'))
    const reply = await ask(bob, known.packet)
    assert.ok(reply.fulfillment, 'the rightful client is still served')
  }
}

const again = {
  name: 'ilp-plugin-btp to rilld: a client comes back under its name',
  async run (test) {
    const { port } = await startNode(test)
    const first = await connectPlugin(test, link(port, 'alice', 'right'))
    await first.disconnect()
    const second = await connectPlugin(test, link(port, 'alice', 'right'))
    const { packet, fulfillment } = prepare({ destination: 'private.rill.alice.x' })
    second.registerDataHandler(async () => fulfill(fulfillment))
    const bob = await connectPlugin(test, link(port, 'bob'))
    const reply = await ask(bob, packet)
    assert.ok(reply.fulfillment.equals(fulfillment))
  }
}

const transfer = {
  name: 'ilp-plugin-btp to rilld: TRANSFER is refused with F00',
  async run (test) {
    const { port } = await startNode(test)
    const plugin = await connectPlugin(test, link(port, 'alice'))
    const answer = plugin._call('', {
      type: BtpPacket.TYPE_TRANSFER,
      requestId: 0,
      data: { amount: '5', protocolData: [] }
    })
    await assert.rejects(answer, err => JSON.parse(err.message).code === 'F00')
    await describe(plugin) // the connection goes on
  }
}

const noIlp = {
  name: 'ilp-plugin-btp to rilld: a message of another protocol leaves the connection alive',
  async run (test) {
    const { port } = await startNode(test)
    const plugin = await connectPlugin(test, link(port, 'alice'))
    const answer = plugin._call('', {
      type: BtpPacket.TYPE_MESSAGE,
      requestId: 4294967295,
      data: { protocolData: [{ protocolName: 'gossip', contentType: 1, data: Buffer.from('hello') }] }
    })
    await test.waiting('answer', answer.catch(() => {})) // an ERROR or an empty RESPONSE
    await describe(plugin)
  }
}

module.exports = [named, byToken, configured, wrongToken, again, transfer, noIlp]
