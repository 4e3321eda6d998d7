// A program as it is written for the original package: tsc checks it against the types of both.
import {
  createConnection, createServer, Server, Connection, DataAndMoneyStream, createReceipt, decodeReceipt,
  verifyReceipt, RECEIPT_VERSION, CreateConnectionOpts, ServerOpts, GenerateAddressSecretOpts, Receipt,
  ReceiptOpts, ReceiptWithHMAC
} from 'ilp-protocol-stream'
import { ConnectionError, IlpRejectionError, ConnectionOpts, BuildConnectionOpts } from 'ilp-protocol-stream/dist/src/connection'
import {
  Packet, Frame, FrameType, ErrorCode, IlpPacketType, StreamMaxMoneyFrame, StreamDataFrame, ConnectionCloseFrame
} from 'ilp-protocol-stream/dist/src/packet'
import { SendOpts, ReceiveOpts } from 'ilp-protocol-stream/dist/src/stream'
import * as cryptoHelper from 'ilp-protocol-stream/dist/src/crypto'
import { LongValue, longFromValue, minLong, multiplyDivideFloor, checkedAdd } from 'ilp-protocol-stream/dist/src/util/long'
import { createReceipt as deepReceipt } from 'ilp-protocol-stream/dist/src/util/receipt'
import { Plugin } from 'ilp-protocol-stream/dist/src/util/plugin-interface'
import { Duplex } from 'stream'
import { EventEmitter } from 'events'
import Long from 'long'
import { IlpPrepare, IlpReject } from 'ilp-packet'

export async function serve (plugin: Plugin): Promise<Server> {
  const opts: ServerOpts = {
    plugin,
    serverSecret: Buffer.alloc(32),
    disconnectDelay: 10,
    shouldFulfill: async (amount: Long, id: Buffer, tag?: string): Promise<void> => {
      if (amount.greaterThan(10) || id.length !== 32 || tag === 'no') throw new Error('no')
    }
  }
  const server: Server = await createServer(opts)
  const emitter: EventEmitter = server
  emitter.on('connection', (connection: Connection) => {
    const tag: string | undefined = connection.connectionTag
    connection.on('stream', (stream: DataAndMoneyStream) => {
      const duplex: Duplex = stream
      stream.setReceiveMax(Infinity)
      stream.on('money', (amount: string, prepare: IlpPrepare) => console.log(amount, prepare.amount, tag))
      duplex.on('data', (chunk: Buffer) => console.log(chunk.length))
    })
  })
  const make: GenerateAddressSecretOpts = { connectionTag: 'x', receiptNonce: Buffer.alloc(16), receiptSecret: Buffer.alloc(32) }
  const { destinationAccount, sharedSecret, receiptsEnabled } = server.generateAddressAndSecret(make)
  const all: [string, Buffer, boolean] = [destinationAccount, sharedSecret, receiptsEnabled]
  server.generateAddressAndSecret('tag')
  server.generateAddressAndSecret()
  const [code, scale, connected]: [string, number, boolean] = [server.assetCode, server.assetScale, server.connected]
  console.log(all, code, scale, connected, await server.acceptConnection())
  return server
}

export async function pay (plugin: Plugin, destinationAccount: string, sharedSecret: Buffer): Promise<void> {
  const opts: CreateConnectionOpts = {
    plugin,
    destinationAccount,
    sharedSecret,
    slippage: 0.05,
    enablePadding: false,
    connectionTag: 'tag',
    maxRemoteStreams: 10,
    connectionBufferSize: 65534,
    minExchangeRatePrecision: 3,
    idleTimeout: 60000,
    maximumPacketAmount: '100',
    exchangeRate: 1,
    getExpiry: (destination: string) => new Date(Date.now() + destination.length)
  }
  const connection: Connection = await createConnection(opts)
  const stream: DataAndMoneyStream = connection.createStream()
  const send: SendOpts = { timeout: 1000 }
  const receive: ReceiveOpts = send
  const limits: LongValue[] = [1, '2', Long.fromNumber(3, true)]
  for (const limit of limits) await stream.sendTotal(limit, send)
  await stream.receiveTotal('10', receive)
  stream.setSendMax('100')
  const texts: string[] = [stream.totalSent, stream.totalReceived, stream.sendMax, stream.receiveMax,
    connection.minimumAcceptableExchangeRate, connection.lastPacketExchangeRate, connection.totalDelivered,
    connection.totalSent, connection.totalReceived, connection.sourceAccount, connection.sourceAssetCode]
  const maybe: Array<string | number | Buffer | undefined> = [connection.destinationAccount,
    connection.destinationAssetCode, connection.destinationAssetScale, stream.receipt, stream.id]
  console.log(texts, maybe, stream.isOpen())
  stream.end()
  await connection.end()
  await connection.destroy(new ConnectionError('x', ErrorCode.ApplicationError))
}

export async function deep (key: Buffer, reject: IlpReject, build: BuildConnectionOpts, any: ConnectionOpts): Promise<unknown[]> {
  const frames: Frame[] = [new StreamMaxMoneyFrame(1, '2', 0), new StreamDataFrame(1, 0, Buffer.alloc(1)),
    new ConnectionCloseFrame(ErrorCode.NoError, '')]
  const packet = new Packet(1, IlpPacketType.Prepare, 5, frames)
  const read: Packet = await Packet.decryptAndDeserialize(key, await packet.serializeAndEncrypt(key, 1000))
  for (const frame of read.frames) if (frame.type === FrameType.StreamMaxMoney) console.log(frame.receiveMax.toString())
  const connection: Connection = await Connection.build(build)
  await connection.connect()
  const receiptOpts: ReceiptOpts = { nonce: key, streamId: 1, totalReceived: '1', secret: key }
  const receipt: Receipt = decodeReceipt(createReceipt(receiptOpts))
  verifyReceipt(deepReceipt(receiptOpts), (decoded: ReceiptWithHMAC) => decoded.hmac)
  return [await cryptoHelper.generateFulfillment(key, key), new IlpRejectionError('x', reject).ilpReject,
    minLong(longFromValue(1, true), checkedAdd(Long.UONE, Long.UONE).sum), multiplyDivideFloor(Long.UONE, Long.UONE, Long.UONE),
    receipt.totalReceived, RECEIPT_VERSION, any]
}
