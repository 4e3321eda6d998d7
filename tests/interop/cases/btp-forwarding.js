'use strict'
// ilp-plugin-btp as a client of our node: what becomes of its packets.
const assert = require('assert')
const ilp = require('ilp-packet')
const { Writer } = require('oer-utils')
const { startNode } = require('../lib/programs')
const { link } = require('../lib/route')
const { openPlugin, connectPlugin } = require('../lib/peer')
const { prepare, ask, fulfill, reject } = require('../lib/prepare')

/** A case with clients alice and bob; `answer` sets how alice answers a packet. */
function between (name, body, options = []) {
  return {
    name: `ilp-plugin-btp to rilld: ${name}`,
    async run (test) {
      const { port } = await startNode(test, options)
      const alice = await connectPlugin(test, link(port, 'alice'))
      const bob = await connectPlugin(test, link(port, 'bob'))
      const seen = []
      let handler = () => reject('F99')
      alice.registerDataHandler(async data => {
        const packet = ilp.deserializeIlpPrepare(data)
        seen.push(packet)
        return handler(packet)
      })
      await body({ test, alice, bob, seen, answer: other => { handler = other } })
    }
  }
}

const to = (options = {}) => prepare({ destination: 'private.rill.alice.x', ...options })

const forwarded = between('forwards to the unit and to the byte, with a shorter expiry',
  async ({ bob, seen, answer }) => {
    const data = Buffer.alloc(32767, 7)
    const { packet, fulfillment } = to({ amount: '18446744073709551615', data })
    answer(() => fulfill(fulfillment, Buffer.from('reply')))
    const reply = await ask(bob, packet)
    assert.ok(reply.fulfillment && reply.fulfillment.equals(fulfillment), `code ${reply.code}`)
    assert.strictEqual(reply.data.toString(), 'reply')
    const before = ilp.deserializeIlpPrepare(packet)
    const [after] = seen
    assert.strictEqual(after.amount, before.amount)
    assert.strictEqual(after.destination, before.destination)
    assert.ok(after.data.equals(data))
    assert.ok(after.executionCondition.equals(before.executionCondition))
    assert.ok(before.expiresAt - after.expiresAt >= 1000, 'the expiry is a second earlier')
  })

const rejected = between('passes a reject back whole', async ({ bob, answer }) => {
  const whole = { message: 'no', triggeredBy: 'private.rill.alice', data: Buffer.from([1, 2, 3]) }
  answer(() => reject('F99', whole))
  assert.deepStrictEqual(await ask(bob, to().packet), { code: 'F99', ...whole })
})

const wrongFulfillment = between('a wrong fulfillment is F05', async ({ bob, answer }) => {
  answer(() => fulfill(Buffer.alloc(32)))
  assert.strictEqual((await ask(bob, to().packet)).code, 'F05')
})

const thrown = between('a client that answers with an ERROR is rejected', async ({ bob, answer }) => {
  answer(() => { throw new Error('out of order') })
  for (let i = 0; i < 2; i++) assert.match((await ask(bob, to().packet)).code, /^(F02|T01|T00)$/)
})

const late = between('no answer before the expiry is R00', async ({ test, bob, answer }) => {
  answer(() => new Promise(() => {}))
  const reply = await test.waiting('R00', ask(bob, to({ expiresIn: 3000 }).packet))
  assert.strictEqual(reply.code, 'R00')
})

const expired = between('an expired packet is not forwarded', async ({ bob, seen }) => {
  for (const expiresIn of [-1000, 500]) {
    assert.match((await ask(bob, to({ expiresIn }).packet)).code, /^R0[02]$/)
  }
  assert.strictEqual(seen.length, 0)
})

const unreachable = between('an unknown destination is F02', async ({ bob }) => {
  for (const destination of ['test.elsewhere', 'private.rill.nobody.x', 'private.rillalice.x']) {
    assert.strictEqual((await ask(bob, prepare({ destination }).packet)).code, 'F02', destination)
  }
})

const tooLarge = between('a packet above --max-packet-amount is F08 with both amounts',
  async ({ bob, seen }) => {
    assert.strictEqual((await ask(bob, to({ amount: '1000' }).packet)).code, 'F99')
    const reply = await ask(bob, to({ amount: '1001' }).packet)
    assert.strictEqual(reply.code, 'F08')
    assert.strictEqual(reply.data.toString('hex'), '00000000000003e900000000000003e8')
    assert.strictEqual(seen.length, 1)
  }, ['--max-packet-amount', '1000'])

const gone = between('a client that leaves with a request open is T01, and so is one that is away',
  async ({ test, alice, bob, answer }) => {
    const arrived = new Promise(resolve => answer(() => {
      resolve()
      return new Promise(() => {})
    }))
    const reply = ask(bob, to({ expiresIn: 30_000 }).packet)
    await test.waiting('the packet at alice', arrived)
    await alice.disconnect()
    assert.strictEqual((await test.waiting('T01', reply)).code, 'T01')
    assert.strictEqual((await ask(bob, to().packet)).code, 'T01')
  })

const parallel = between('many requests at a time find their own answers', async ({ bob, answer }) => {
  // The data tells the fulfillment, so that a mixed-up answer shows.
  answer(({ data }) => fulfill(data))
  await Promise.all(Array.from({ length: 300 }, async () => {
    const { packet, fulfillment } = to()
    const withData = ilp.serializeIlpPrepare({ ...ilp.deserializeIlpPrepare(packet), data: fulfillment })
    const reply = await ask(bob, withData)
    assert.ok(reply.fulfillment && reply.fulfillment.equals(fulfillment), `code ${reply.code}`)
  }))
})

const echo = {
  name: 'ilp-plugin-btp to rilld: echo',
  async run (test) {
    const { port } = await startNode(test)
    const plugin = openPlugin(test, link(port, 'alice'))
    const data = new Writer()
    data.write(Buffer.from('ECHOECHOECHOECHO'))
    data.writeUInt8(0)
    data.writeVarOctetString(Buffer.from('private.rill.alice.ping'))
    const { packet, fulfillment } = prepare({ destination: 'private.rill', amount: '3', data: data.getBuffer() })
    const echoed = []
    plugin.registerDataHandler(async data => {
      echoed.push(ilp.deserializeIlpPrepare(data))
      return fulfill(fulfillment)
    })
    await test.waiting('BTP connection', plugin.connect())
    const reply = await ask(plugin, packet)
    assert.ok(reply.fulfillment && reply.fulfillment.equals(fulfillment), `code ${reply.code}`)
    assert.strictEqual(echoed.length, 1)
    assert.strictEqual(echoed[0].destination, 'private.rill.alice.ping')
    assert.strictEqual(echoed[0].amount, '3')
    assert.strictEqual(echoed[0].data.subarray(0, 17).toString('latin1'), 'ECHOECHOECHOECHO\x01')
  }
}

module.exports = [forwarded, rejected, wrongFulfillment, thrown, late, expired, unreachable, tooLarge, gone, parallel, echo]
