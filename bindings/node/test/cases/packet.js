// SPDX-License-Identifier: Apache-2.0
'use strict'
// The deep paths that other packages import: packets, cryptography, numbers, receipts. What one of
// the two packages writes, the other reads.
const assert = require('assert')
const path = require('path')
const Long = require('long')
const vectors = require('../support/vectors')

function deep (t, name) {
  return require(t.who === 'rill' ? path.join(__dirname, '../../dist/src', name) : `original/dist/src/${name}`)
}

function other (t, name) {
  return deep({ who: t.who === 'rill' ? 'original' : 'rill' }, name)
}

const KEY = Buffer.alloc(32, 5)
const u64 = value => Long.fromValue(value).toUnsigned()

function allFrames (p) {
  return [
    new p.ConnectionCloseFrame(p.ErrorCode.InternalError, 'fail'),
    new p.ConnectionNewAddressFrame('example.alice'),
    new p.ConnectionAssetDetailsFrame('ABC', 9),
    new p.ConnectionMaxDataFrame(1000),
    new p.ConnectionDataBlockedFrame(2000),
    new p.ConnectionMaxStreamIdFrame(3000),
    new p.ConnectionStreamIdBlockedFrame(4000),
    new p.StreamCloseFrame(76, p.ErrorCode.InternalError, 'blah'),
    new p.StreamMoneyFrame(88, '99'),
    new p.StreamMaxMoneyFrame(11, 987, '12'),
    new p.StreamMaxMoneyFrame(11, Infinity, 0),
    new p.StreamMoneyBlockedFrame(66, '20000', 6000),
    new p.StreamDataFrame(44, 9, Buffer.from('foobar')),
    new p.StreamMaxDataFrame(35, 8766),
    new p.StreamDataBlockedFrame(888, '44444'),
    new p.StreamReceiptFrame(1, Buffer.alloc(58, 3))
  ]
}

module.exports = [
  {
    name: 'exports the same names',
    async run (t) {
      for (const name of ['index', 'connection', 'stream', 'server', 'packet', 'crypto', 'util/long', 'util/receipt', 'util/plugin-interface']) {
        const mine = Object.keys(deep(t, name))
        for (const key of Object.keys(deep({ who: 'original' }, name))) assert.ok(mine.includes(key), `${name}: ${key}`)
      }
      assert.deepStrictEqual(deep(t, 'packet').ErrorCode, deep({ who: 'original' }, 'packet').ErrorCode)
      assert.deepStrictEqual(deep(t, 'packet').FrameType, deep({ who: 'original' }, 'packet').FrameType)
      assert.deepStrictEqual(deep(t, 'packet').IlpPacketType, deep({ who: 'original' }, 'packet').IlpPacketType)
    }
  },
  {
    name: 'packets: written and read, and by the other package too',
    async run (t) {
      const p = deep(t, 'packet')
      const packet = new p.Packet(7, p.IlpPacketType.Prepare, '123456789012', allFrames(p))
      assert.strictEqual(packet.byteLength(), packet._serialize().length + 28)
      for (const frame of packet.frames) assert.ok(frame.byteLength() > 2)
      for (const Reader of [p.Packet, other(t, 'packet').Packet]) {
        const read = await Reader.decryptAndDeserialize(KEY, await packet.serializeAndEncrypt(KEY))
        assert.strictEqual(JSON.stringify(read), JSON.stringify(packet))
        assert.strictEqual(read.frames[10].receiveMax.toString(), '18446744073709551615')
        assert.ok(read.sequence.unsigned)
      }
      assert.ok(packet._serialize().equals(new (other(t, 'packet').Packet)(7, 12, '123456789012', allFrames(other(t, 'packet')))._serialize()))
    }
  },
  {
    name: 'packets: padded',
    async run (t) {
      const p = deep(t, 'packet')
      const packet = new p.Packet(1, p.IlpPacketType.Prepare, 1, [new p.ConnectionNewAddressFrame('a.b')])
      const bytes = await packet.serializeAndEncrypt(KEY, 32767)
      assert.strictEqual(bytes.length, 32767)
      assert.strictEqual((await p.Packet.decryptAndDeserialize(KEY, bytes)).frames.length, 1)
    }
  },
  {
    name: 'packets: what they throw at',
    async run (t) {
      const p = deep(t, 'packet')
      await assert.rejects(p.Packet.decryptAndDeserialize(KEY, Buffer.alloc(100)), /^Error: Unable to decrypt packet\. Data was corrupted or packet was encrypted with the wrong key/)
      await assert.rejects(p.Packet.decryptAndDeserialize(KEY, Buffer.alloc(0)), /^Error: Unable to decrypt packet/)
      const bytes = new p.Packet(1, p.IlpPacketType.Prepare)._serialize()
      bytes[0] = 9
      assert.throws(() => p.Packet._deserializeUnencrypted(bytes), /^Error: Unsupported protocol version: 9/)
      assert.throws(() => new p.Packet(-1, 12), /^Error: Expected positive number/)
      assert.throws(() => new p.StreamMoneyFrame(1, '18446744073709551616'), /does not fit in a Long/)
      assert.throws(() => p.BaseFrame.fromContents(), /^Error: class method "fromContents" is not implemented/)
    }
  },
  {
    name: 'packets: unknown frames are skipped, and only as many frames as are told are read',
    async run (t) {
      const p = deep(t, 'packet')
      const packet = new p.Packet(1, p.IlpPacketType.Prepare, 0, [new p.StreamMoneyFrame(1, 2), new p.StreamMoneyFrame(3, 4)])
      const bytes = packet._serialize()
      const unknown = Buffer.from(bytes)
      unknown[bytes.indexOf(0x11)] = 0x89
      assert.strictEqual(p.Packet._deserializeUnencrypted(unknown).frames.length, 1)
      const more = Buffer.concat([bytes, Buffer.alloc(50)])
      assert.strictEqual(p.Packet._deserializeUnencrypted(more).frames.length, 2)
    }
  },
  {
    name: 'packets: limits over 2^64 become the largest amount',
    async run (t) {
      const p = deep(t, 'packet')
      const { Reader } = require('oer-utils')
      const large = Buffer.from('010b' + '09' + '010000000000000000'.padStart(18, '0') + '0100', 'hex')
      const contents = Buffer.concat([Buffer.from('0101', 'hex'), Buffer.from('09010000000000000000', 'hex'), Buffer.from('0100', 'hex')])
      assert.ok(large.length > 0)
      assert.strictEqual(p.StreamMaxMoneyFrame.fromContents(Reader.from(contents)).receiveMax.toString(), '18446744073709551615')
      assert.strictEqual(p.StreamMoneyBlockedFrame.fromContents(Reader.from(contents)).sendMax.toString(), '18446744073709551615')
    }
  },
  {
    name: 'cryptography: known answers',
    async run (t) {
      const c = deep(t, 'crypto')
      const secret = Buffer.alloc(32, 1)
      const same = other(t, 'crypto')
      for (const name of ['generatePskEncryptionKey', 'generateFulfillmentKey']) {
        assert.strictEqual((await c[name](secret)).toString('hex'), vectors[name])
      }
      const key = await c.generateFulfillmentKey(secret)
      const fulfillment = await c.generateFulfillment(key, Buffer.from('data'))
      assert.strictEqual(fulfillment.toString('hex'), vectors.fulfillment)
      assert.strictEqual((await c.hash(fulfillment)).toString('hex'), vectors.condition)
      assert.strictEqual((await c.generateIncomingPacketId(secret, u64(5))).toString('hex'), (await same.generateIncomingPacketId(secret, u64(5))).toString('hex'))
      assert.strictEqual((await c.decrypt(KEY, await same.encrypt(KEY, Buffer.from('a'), Buffer.from('b')))).toString(), 'ab')
      assert.ok(c.generateSharedSecretFromToken(secret, KEY).equals(same.generateSharedSecretFromToken(secret, KEY)))
      assert.strictEqual(c.decryptConnectionAddressToken(KEY, same.encryptConnectionAddressToken(KEY, Buffer.from('token'))).toString(), 'token')
      assert.ok(c.generateReceiptHMAC(secret, KEY).equals(same.generateReceiptHMAC(secret, KEY)))
      assert.deepStrictEqual([c.generateTokenNonce().length, c.generateRandomCondition().length, c.randomBytes(5).length], [18, 32, 5])
      await assert.rejects(c.decrypt(KEY, Buffer.alloc(0)), /cannot decrypt empty buffer/)
      const bytes = await c.encrypt(KEY, Buffer.from('a'))
      bytes[bytes.length - 1] ^= 1
      await assert.rejects(c.decrypt(KEY, bytes))
    }
  },
  {
    name: 'numbers: longFromValue',
    async run (t) {
      const l = deep(t, 'util/long')
      assert.strictEqual(l.longFromValue('18446744073709551615', true).toString(), '18446744073709551615')
      assert.strictEqual(l.longFromValue(Infinity, true).toString(), '18446744073709551615')
      assert.strictEqual(l.longFromValue(2.9, true).toString(), '2')
      assert.strictEqual(l.longFromValue(NaN, true).toString(), '0')
      const long = u64(9)
      assert.strictEqual(l.longFromValue(long, true), long)
      assert.throws(() => l.longFromValue(-1, true), /^Error: Expected positive number/)
      assert.throws(() => l.longFromValue('-1', true), /^Error: Expected positive number/)
      assert.throws(() => l.longFromValue('x', true), Error)
      assert.throws(() => l.longFromValue('', true), Error)
      assert.throws(() => l.longFromValue('01', true), /^Error: Value 01 does not fit in a Long\./)
      assert.throws(() => l.longFromValue(Long.fromNumber(1), true), /^Error: Expected unsigned Long/)
      assert.throws(() => l.longFromValue(u64(1), false), /^Error: Expected signed Long/)
      assert.throws(() => l.longFromValue(undefined, true), TypeError)
      assert.strictEqual(JSON.stringify({ a: u64(5) }), '{"a":"5"}')
    }
  },
  {
    name: 'numbers: arithmetic, as the other package',
    async run (t) {
      const l = deep(t, 'util/long')
      const o = other(t, 'util/long')
      const values = ['0', '1', '2', '3', '7', '1000', '4294967295', '4294967296', '9223372036854775807', '9223372036854775808', '18446744073709551614', '18446744073709551615']
        .map(text => Long.fromString(text, true))
      const say = value => JSON.stringify(value)
      for (const a of values) {
        assert.strictEqual(l.countDigits(a), o.countDigits(a))
        for (const b of values) {
          for (const name of ['maxLong', 'minLong', 'checkedAdd']) assert.strictEqual(say(l[name](a, b)), say(o[name](a, b)), `${name} ${a} ${b}`)
          for (const c of values.slice(1)) {
            if (BigInt(a.toString()) * BigInt(b.toString()) / BigInt(c.toString()) >= 1n << 63n) continue
            for (const name of ['multiplyDivideFloor', 'multiplyDivideCeil']) {
              const [mine, theirs] = [say(l[name](a, b, c)), say(o[name](a, b, c))]
              if (c.lessThan(Long.fromString('4294967296', true))) assert.strictEqual(mine, theirs, `${name} ${a} ${b} ${c}`)
            }
          }
        }
      }
      assert.strictEqual(say(l.checkedSubtract(u64(3), u64(5))), say({ difference: Long.UZERO, underflow: true }))
      assert.strictEqual(say(l.checkedSubtract(u64(5), u64(3))), say({ difference: u64(2), underflow: false }))
      assert.strictEqual(l.minLongs(values.slice(3)).toString(), '3')
      assert.strictEqual(l.multiplyDivideRound(u64(5), u64(1), u64(2)).toString(), '3')
    }
  },
  {
    name: 'receipts: made, read and verified',
    async run (t) {
      const r = deep(t, 'util/receipt')
      const opts = { nonce: Buffer.alloc(16, 1), streamId: 1, totalReceived: '500', secret: Buffer.alloc(32, 2) }
      const receipt = r.createReceipt(opts)
      assert.ok(receipt.equals(other(t, 'util/receipt').createReceipt(opts)))
      assert.strictEqual(receipt.toString('hex'), vectors.receipt)
      const { version, nonce, streamId, totalReceived, hmac } = r.decodeReceipt(receipt)
      assert.deepStrictEqual([version, streamId, totalReceived.toString(), hmac.length], [1, '1', '500', 32])
      assert.ok(nonce.equals(opts.nonce))
      assert.strictEqual(r.verifyReceipt(receipt, opts.secret).totalReceived.toString(), '500')
      assert.strictEqual(r.verifyReceipt(receipt, decoded => decoded.streamId === '1' ? opts.secret : KEY).version, 1)
      assert.strictEqual(r.RECEIPT_VERSION, 1)
    }
  },
  {
    name: 'receipts: what they throw at',
    async run (t) {
      const r = deep(t, 'util/receipt')
      const opts = { nonce: Buffer.alloc(16), streamId: 1, totalReceived: '500', secret: Buffer.alloc(32) }
      assert.throws(() => r.createReceipt({ ...opts, nonce: Buffer.alloc(8) }), /^Error: receipt nonce must be 16 bytes/)
      assert.throws(() => r.createReceipt({ ...opts, secret: Buffer.alloc(31) }), /^Error: receipt secret must be 32 bytes/)
      const receipt = r.createReceipt(opts)
      assert.throws(() => r.decodeReceipt(receipt.slice(1)), /^Error: receipt malformed/)
      assert.throws(() => r.verifyReceipt(receipt.slice(1), opts.secret), /^Error: receipt malformed/)
      assert.throws(() => r.verifyReceipt(receipt, KEY), /^Error: invalid hmac/)
      receipt[0] = 2
      assert.throws(() => r.verifyReceipt(receipt, opts.secret), /^Error: invalid version/)
    }
  }
]
