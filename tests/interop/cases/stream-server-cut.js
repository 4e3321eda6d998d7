'use strict'
// `rill send` writes to a server of ilp-protocol-stream, whose streams stall for good where bytes
// come twice, and its link is cut on the way: with what it sent, or with the replies to it.
const assert = require('assert')
const fs = require('fs')
const net = require('net')
const { startSender, doneOf } = require('../lib/programs')
const { openRoute } = require('../lib/route')
const { openPlugin, startServer, sum, bytes } = require('../lib/peer')

const SIZE = 1_000_000
const CUTS = [200_000, 500_000, 800_000]

/** A link that can be cut; `lose` names what is lost before: requests, replies, or neither. */
async function cuttable (test, link, lose) {
  const port = Number(new URL(link.replace('btp+', '')).port)
  const ends = new Set()
  let losing = false
  const proxy = net.createServer(near => {
    const far = net.connect(port, '127.0.0.1')
    for (const [from, to, what] of [[near, far, 'requests'], [far, near, 'replies']]) {
      ends.add(from)
      from.on('data', data => { if (!losing || lose !== what) to.write(data) })
      from.on('error', () => {})
      from.on('close', () => { ends.delete(from); to.destroy() })
    }
  })
  await new Promise(resolve => proxy.listen(0, '127.0.0.1', resolve))
  test.defer(() => { proxy.close(); for (const end of ends) end.destroy() })
  const cut = () => {
    losing = true
    // Long enough for some packets, and too short for their replies to be missed.
    setTimeout(() => { losing = false; for (const end of ends) end.destroy() }, lose ? 30 : 0)
  }
  return { link: link.replace(`:${port}`, `:${proxy.address().port}`), cut }
}

function cutWhile (lose, size = SIZE, after = CUTS) {
  return {
    name: `rill send to ilp-protocol-stream: the link is cut, ${lose || 'nothing'} lost before, ${size / 1e6} MB`,
    async run (test) {
      const route = await openRoute(test, 'node')
      const plugin = openPlugin(test, route.receiver)
      const { link, cut } = await cuttable(test, route.sender, lose)
      const cuts = after.slice(0, lose === 'requests' ? 1 : 3)
      let came = 0
      const register = plugin.registerDataHandler
      plugin.registerDataHandler = handler => register(packet => {
        came += packet.length
        if (came > cuts[0]) { cuts.shift(); cut() }
        return handler(packet)
      })
      const server = await startServer(test, plugin)
      const data = bytes(size, 6)
      const file = test.file('data')
      fs.writeFileSync(file, data)
      const sender = startSender(test, link, server, ['--amount', '1000', '--file', file])
      await sender.exits(0)
      const { streams } = await server.closed()
      assert.ok(Buffer.concat(streams.map(stream => stream.data)).equals(data), 'the data differs')
      assert.strictEqual(doneOf(sender).sent, '1000')
      assert.strictEqual(sum(plugin.count.received), 1000n)
      assert.strictEqual(cuts.length, 0, 'the link was not cut')
    }
  }
}

module.exports = [cutWhile(), cutWhile('requests'), cutWhile('replies'),
  cutWhile(undefined, 5_000_000, [2_500_000])]
