// SPDX-License-Identifier: Apache-2.0
'use strict'
// STREAM packets and frames as objects, for who imports them (dist/src/packet). Connections use the
// core's.
const { Predictor, Reader, Writer } = require('oer-utils')
const IlpPacket = require('ilp-packet')
const Long = require('long')
const { decrypt, encrypt, ENCRYPTION_OVERHEAD } = require('./crypto')
const { longFromValue } = require('./util/long')

const VERSION = Long.fromNumber(1, true)

const IlpPacketType = {
  Prepare: IlpPacket.Type.TYPE_ILP_PREPARE,
  Fulfill: IlpPacket.Type.TYPE_ILP_FULFILL,
  Reject: IlpPacket.Type.TYPE_ILP_REJECT
}

/** Names to numbers, and back. */
function enumeration (members) {
  const both = {}
  for (const [name, number] of Object.entries(members)) both[both[name] = number] = name
  return both
}

const ErrorCode = enumeration({
  NoError: 1,
  InternalError: 2,
  EndpointBusy: 3,
  FlowControlError: 4,
  StreamIdError: 5,
  StreamStateError: 6,
  FrameFormatError: 7,
  ProtocolViolation: 8,
  ApplicationError: 9
})

const FrameType = enumeration({
  ConnectionClose: 1,
  ConnectionNewAddress: 2,
  ConnectionMaxData: 3,
  ConnectionDataBlocked: 4,
  ConnectionMaxStreamId: 5,
  ConnectionStreamIdBlocked: 6,
  ConnectionAssetDetails: 7,
  StreamClose: 16,
  StreamMoney: 17,
  StreamMaxMoney: 18,
  StreamMoneyBlocked: 19,
  StreamData: 20,
  StreamMaxData: 21,
  StreamDataBlocked: 22,
  StreamReceipt: 23
})

class Packet {
  constructor (sequence, ilpPacketType, packetAmount = Long.UZERO, frames = []) {
    this.sequence = longFromValue(sequence, true)
    this.ilpPacketType = ilpPacketType
    this.prepareAmount = longFromValue(packetAmount, true)
    this.frames = frames
  }

  static async decryptAndDeserialize (pskEncryptionKey, buffer) {
    let plain
    try {
      plain = await decrypt(pskEncryptionKey, buffer)
    } catch (err) {
      throw new Error('Unable to decrypt packet. Data was corrupted or packet was encrypted with the wrong key')
    }
    return Packet._deserializeUnencrypted(plain)
  }

  static _deserializeUnencrypted (buffer) {
    const reader = Reader.from(buffer)
    const version = reader.readUInt8Long()
    if (!version.equals(VERSION)) throw new Error(`Unsupported protocol version: ${version}`)
    const type = reader.readUInt8Number()
    const sequence = reader.readVarUIntLong()
    const amount = reader.readVarUIntLong()
    const frames = []
    for (let left = reader.readVarUIntNumber(); left > 0; left--) {
      const frame = parseFrame(reader)
      if (frame) frames.push(frame)
    }
    return new Packet(sequence, type, amount, frames)
  }

  serializeAndEncrypt (pskEncryptionKey, padPacketToSize) {
    const plain = this._serialize()
    if (padPacketToSize === undefined) return encrypt(pskEncryptionKey, plain)
    const padding = Math.max(padPacketToSize - ENCRYPTION_OVERHEAD - plain.length, 0)
    return encrypt(pskEncryptionKey, plain, Buffer.alloc(padding))
  }

  _serialize () {
    const predictor = new Predictor()
    this.writeTo(predictor)
    const writer = new Writer(predictor.length)
    this.writeTo(writer)
    return writer.getBuffer()
  }

  writeTo (writer) {
    writer.writeUInt8(VERSION)
    writer.writeUInt8(this.ilpPacketType)
    writer.writeVarUInt(this.sequence)
    writer.writeVarUInt(this.prepareAmount)
    writer.writeVarUInt(this.frames.length)
    for (const frame of this.frames) frame.writeTo(writer)
  }

  byteLength () {
    const predictor = new Predictor()
    this.writeTo(predictor)
    return predictor.getSize() + ENCRYPTION_OVERHEAD
  }
}

// ---- frames: each field has a kind, in the order of the wire ----

/** Where more than 64 bits come, the most: RFC 29 says so of limits. */
function saturating (reader) {
  if (reader.peekVarOctetString().length <= 8) return reader.readVarUIntLong()
  reader.skipVarOctetString()
  return Long.MAX_UNSIGNED_VALUE
}

const KINDS = {
  byte: {
    from: value => value,
    read: reader => reader.readUInt8Number(),
    write: (writer, value) => writer.writeUInt8(value)
  },
  text: {
    from: value => value,
    read: reader => reader.readVarOctetString().toString('utf8'),
    write: (writer, value) => writer.writeVarOctetString(Buffer.from(value, 'utf8'))
  },
  bytes: {
    from: value => value,
    read: reader => reader.readVarOctetString(),
    write: (writer, value) => writer.writeVarOctetString(value)
  },
  number: {
    from: value => longFromValue(value, true),
    read: reader => reader.readVarUIntLong(),
    write: (writer, value) => writer.writeVarUInt(value)
  },
  limit: {
    from: value => longFromValue(value, true),
    read: saturating,
    write: (writer, value) => writer.writeVarUInt(value)
  },
  openLimit: {
    from: value => longFromValue(value === Infinity ? Long.MAX_UNSIGNED_VALUE : value, true),
    read: saturating,
    write: (writer, value) => writer.writeVarUInt(value)
  }
}

class BaseFrame {
  constructor (name) {
    this.type = FrameType[name]
    this.name = name
  }

  static fromContents (_reader) {
    throw new Error('class method "fromContents" is not implemented')
  }

  writeTo (writer) {
    const predictor = new Predictor()
    this.writeContentsTo(predictor)
    writer.writeUInt8(this.type)
    this.writeContentsTo(writer.createVarOctetString(predictor.length))
    return writer
  }

  writeContentsTo (contents) {
    for (const [field, kind] of Object.entries(this.constructor.fields)) KINDS[kind].write(contents, this[field])
  }

  byteLength () {
    const predictor = new Predictor()
    this.writeTo(predictor)
    return predictor.getSize()
  }
}

function frameClass (name, fields, toJSON) {
  const entries = Object.entries(fields)
  const made = class extends BaseFrame {
    constructor (...values) {
      super(name)
      entries.forEach(([field, kind], i) => { this[field] = KINDS[kind].from(values[i]) })
    }

    static fromContents (reader) {
      return new this(...entries.map(([, kind]) => KINDS[kind].read(reader)))
    }
  }
  made.fields = fields
  if (toJSON) made.prototype.toJSON = toJSON
  Object.defineProperty(made, 'name', { value: `${name}Frame` })
  return made
}

const ConnectionCloseFrame = frameClass('ConnectionClose', { errorCode: 'byte', errorMessage: 'text' })
const ConnectionNewAddressFrame = frameClass('ConnectionNewAddress', { sourceAccount: 'text' })
const ConnectionAssetDetailsFrame = frameClass('ConnectionAssetDetails', { sourceAssetCode: 'text', sourceAssetScale: 'byte' })
const ConnectionMaxDataFrame = frameClass('ConnectionMaxData', { maxOffset: 'number' })
const ConnectionDataBlockedFrame = frameClass('ConnectionDataBlocked', { maxOffset: 'number' })
const ConnectionMaxStreamIdFrame = frameClass('ConnectionMaxStreamId', { maxStreamId: 'number' })
const ConnectionStreamIdBlockedFrame = frameClass('ConnectionStreamIdBlocked', { maxStreamId: 'number' })
const StreamCloseFrame = frameClass('StreamClose', { streamId: 'number', errorCode: 'byte', errorMessage: 'text' })
const StreamMoneyFrame = frameClass('StreamMoney', { streamId: 'number', shares: 'number' })
const StreamMaxMoneyFrame = frameClass('StreamMaxMoney', { streamId: 'number', receiveMax: 'openLimit', totalReceived: 'number' })
const StreamMoneyBlockedFrame = frameClass('StreamMoneyBlocked', { streamId: 'number', sendMax: 'limit', totalSent: 'number' })
const StreamDataFrame = frameClass('StreamData', { streamId: 'number', offset: 'number', data: 'bytes' }, function () {
  return { type: this.type, name: this.name, streamId: this.streamId, offset: this.offset, dataLength: this.data.length }
})
const StreamMaxDataFrame = frameClass('StreamMaxData', { streamId: 'number', maxOffset: 'number' })
const StreamDataBlockedFrame = frameClass('StreamDataBlocked', { streamId: 'number', maxOffset: 'number' })
const StreamReceiptFrame = frameClass('StreamReceipt', { streamId: 'number', receipt: 'bytes' }, function () {
  return { type: this.type, name: this.name, streamId: this.streamId, receipt: this.receipt.toString('base64') }
})

const FRAMES = {
  ConnectionCloseFrame,
  ConnectionNewAddressFrame,
  ConnectionAssetDetailsFrame,
  ConnectionMaxDataFrame,
  ConnectionDataBlockedFrame,
  ConnectionMaxStreamIdFrame,
  ConnectionStreamIdBlockedFrame,
  StreamCloseFrame,
  StreamMoneyFrame,
  StreamMaxMoneyFrame,
  StreamMoneyBlockedFrame,
  StreamDataFrame,
  StreamMaxDataFrame,
  StreamDataBlockedFrame,
  StreamReceiptFrame
}
const BY_TYPE = new Map(Object.entries(FRAMES).map(([name, made]) => [FrameType[name.slice(0, -5)], made]))

/** Undefined: of a kind that is not known. */
function parseFrame (reader) {
  const made = BY_TYPE.get(reader.readUInt8Number())
  const contents = Reader.from(reader.readVarOctetString())
  return made && made.fromContents(contents)
}

module.exports = { IlpPacketType, ErrorCode, FrameType, Packet, BaseFrame, ...FRAMES }
