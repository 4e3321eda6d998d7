// SPDX-License-Identifier: Apache-2.0
'use strict'
// Server, createServer and createConnection.
const assert = require('assert')
const { spy } = require('../support/context')

const secrets = { receiptNonce: Buffer.alloc(16), receiptSecret: Buffer.alloc(32) }

function again (t) {
  return t.api.createConnection({ ...t.credentials, plugin: t.client })
}

module.exports = [
  {
    name: 'makes a secret of its own, and takes one',
    async run (t) {
      const { server } = t.pair()
      const made = new t.api.Server({ plugin: server })
      assert.ok(Buffer.isBuffer(made.serverSecret))
      assert.strictEqual(made.serverSecret.length, 32)
      assert.strictEqual(made.connected, false)
    }
  },
  {
    name: 'before it listens',
    async run (t) {
      const { server } = t.pair()
      const made = new t.api.Server({ plugin: server })
      assert.throws(() => made.generateAddressAndSecret(), /^Error: Server must be connected to generate address and secret/)
      assert.throws(() => made.assetCode, /^Error: Server must be connected to get asset code/)
      assert.throws(() => made.assetScale, /^Error: Server must be connected to get asset scale/)
      await made.close()
    }
  },
  {
    name: 'listens, and knows its asset',
    async run (t) {
      const { server } = t.pair()
      const made = await t.api.createServer({ plugin: server })
      t.later(() => made.close())
      assert.ok(made instanceof t.api.Server)
      assert.ok(server.connected)
      assert.strictEqual(made.connected, true)
      assert.strictEqual(made.assetCode, 'XYZ')
      assert.strictEqual(made.assetScale, 9)
      await made.listen()
    }
  },
  {
    name: 'acceptConnection rejects when the server closes',
    async run (t) {
      const { server } = t.pair()
      const made = await t.api.createServer({ plugin: server, disconnectDelay: 1 })
      const accepted = made.acceptConnection()
      setImmediate(() => made.close())
      await assert.rejects(accepted, /^Error: server closed/)
    }
  },
  ...[['no options', undefined, undefined], ['empty options', {}, undefined], ['a tag', 'hello-there_123', 'hello-there_123'],
    ['a tag in options', { connectionTag: 'hello-there_123' }, 'hello-there_123'],
    ['tag and receipts', { connectionTag: 'x', ...secrets }, 'x']].map(([name, credentials, tag]) => ({
    name: `accepts a connection of credentials with ${name}`,
    async run (t) {
      await t.open({ credentials })
      assert.ok(t.connection instanceof t.api.Connection)
      assert.ok(t.accepted instanceof t.api.Connection)
      assert.strictEqual(t.accepted.connectionTag, tag)
      assert.strictEqual(t.credentials.receiptsEnabled, Boolean(credentials && credentials.receiptNonce))
      assert.strictEqual(t.credentials.sharedSecret.length, 32)
      assert.ok(t.credentials.destinationAccount.startsWith('test.server.'))
    }
  })),
  {
    name: 'rejects who has changed the address',
    async run (t) {
      await t.open()
      const accepted = spy()
      t.listening.on('connection', accepted)
      const { destinationAccount, sharedSecret } = t.listening.generateAddressAndSecret('hello')
      const { PairPlugin } = require('../support/pair')
      const plugin = Object.assign(new PairPlugin('other', 'ABC'), { other: t.server })
      await assert.rejects(t.api.createConnection({ plugin, destinationAccount: destinationAccount + '456', sharedSecret }),
        /^Error: Error connecting: Unable to establish connection, no packets meeting the minimum exchange precision of 3 digits made it through the path/)
      assert.strictEqual(accepted.calls.length, 0)
    }
  },
  {
    name: 'generateAddressAndSecret: what it throws at',
    async run (t) {
      await t.open()
      const make = opts => () => t.listening.generateAddressAndSecret(opts)
      const both = /^Error: receiptNonce and receiptSecret must accompany each other/
      assert.throws(make({ receiptNonce: secrets.receiptNonce }), both)
      assert.throws(make({ receiptSecret: secrets.receiptSecret }), both)
      assert.throws(make({ connectionTag: 'x', receiptSecret: secrets.receiptSecret }), both)
      assert.throws(make({ ...secrets, receiptNonce: Buffer.alloc(15) }), /^Error: receiptNonce must be 16 bytes/)
      assert.throws(make({ ...secrets, receiptSecret: Buffer.alloc(31) }), /^Error: receiptSecret must be 32 bytes/)
      assert.throws(make(5), TypeError)
      assert.doesNotThrow(make(null))
      assert.doesNotThrow(make(''))
    }
  },
  {
    name: 'two servers with one secret take each other\'s clients',
    async run (t) {
      t.pair()
      const serverSecret = Buffer.alloc(32, 9)
      const first = await t.api.createServer({ plugin: t.server, serverSecret, disconnectDelay: 1 })
      const credentials = first.generateAddressAndSecret('tag')
      await first.close()
      const second = await t.api.createServer({ plugin: t.server, serverSecret, disconnectDelay: 1 })
      t.later(() => second.close())
      const accepted = second.acceptConnection()
      const connection = await t.api.createConnection({ plugin: t.client, ...credentials })
      assert.strictEqual((await accepted).connectionTag, 'tag')
      await connection.end()
    }
  },
  {
    name: 'close: ends all connections, and what was accepted is answered',
    async run (t) {
      const answered = spy(() => t.sleep(150))
      await t.open({ server: { shouldFulfill: async () => { await answered() } } })
      t.take(100)
      const ended = t.event(t.accepted, 'end')
      const stream = t.connection.createStream()
      t.connection.on('error', () => {})
      t.listening.once('_incoming_prepare', () => {})
      const sent = stream.sendTotal(100)
      await t.until('the packet is asked about', () => answered.calls.length === 1)
      const closed = t.listening.close()
      await sent
      assert.strictEqual(t.accepted.totalReceived, '50')
      await assert.rejects(stream.sendTotal(150))
      assert.strictEqual(t.accepted.totalReceived, '50')
      await closed
      await ended
      assert.strictEqual(t.server.disconnects, 1)
      assert.strictEqual(t.listening.connected, false)
    }
  },
  {
    name: 'a handler of "connection" that throws harms nobody',
    async run (t) {
      t.pair()
      const server = await t.api.createServer({ plugin: t.server })
      t.later(() => server.close())
      server.on('connection', () => { throw new Error('blah') })
      const connection = await t.api.createConnection({ ...server.generateAddressAndSecret(), plugin: t.client })
      await connection.end()
    }
  },
  {
    name: 'a connection with the credentials of one that was closed',
    async run (t) {
      await t.open()
      await t.connection.end()
      await t.sleep(20)
      const accepted = t.listening.acceptConnection()
      const connection = await again(t)
      await accepted
      await connection.end()
    }
  },
  {
    name: 'the plugin is disconnected when the connection closes',
    async run (t) {
      await t.open()
      await t.connection.end()
      await t.until('it is disconnected', () => t.client.disconnects === 1)
      assert.strictEqual(t.client.handler, null)
    }
  },
  {
    name: 'createConnection rejects where the plugin does not connect, or tells no address',
    async run (t) {
      await t.open()
      const plugin = { connect: async () => { throw new Error('no way') } }
      await assert.rejects(t.api.createConnection({ plugin, ...t.credentials }), /^Error: no way/)
      const silent = { ...plugin, connect: async () => {}, sendData: async () => Buffer.from([14, 4, 70, 48, 48, 0]) }
      await assert.rejects(t.api.createConnection({ plugin: silent, ...t.credentials }))
      await assert.rejects(t.api.createConnection({}), TypeError)
    }
  },
  {
    name: 'what is no Prepare is answered F00',
    async run (t) {
      await t.open()
      const { deserializeIlpReject } = require('ilp-packet')
      for (const handler of [t.server.handler, t.client.handler]) {
        for (const bytes of [Buffer.from([99, 1, 2]), Buffer.alloc(0), Buffer.alloc(300, 1)]) {
          const reply = deserializeIlpReject(await handler(bytes))
          assert.strictEqual(reply.code, 'F00')
          assert.match(reply.message, /^Expected an ILP Prepare packet \(type 12\), but got packet with type: /)
        }
      }
    }
  }
]
