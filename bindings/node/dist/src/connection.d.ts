/// <reference types="node" />
import { EventEmitter } from 'events'
import * as IlpPacket from 'ilp-packet'
import Long from 'long'
import { DataAndMoneyStream } from './stream'
import { ErrorCode } from './packet'
import { Plugin } from './util/plugin-interface'

/** What Rill does beyond the original package. Nothing of it changes what the other options mean. */
export interface RillOpts {
  /** The most packets in flight, 1 to 65536. Default: 4096. 1 is what the original does. */
  maxPacketsInFlight?: number
  /**
   * A plugin that fails does not end the connection: the money of its packets is in doubt, and is
   * asked about. Default: false, as the original.
   */
  surviveLinkErrors?: boolean
  /** Whether the other side is told our address, so that it can pay and write to us. Default: true. */
  tellAddress?: boolean
  /** Keeps an open stream's connection from being idle. Default: false. */
  keepAlive?: boolean
}
export interface ConnectionOpts {
  connectionId?: string
  plugin: Plugin
  destinationAccount?: string
  sourceAccount?: string
  /** The part of the rate that may be lost, at most 1. Default: 0.01. */
  slippage?: number
  enablePadding?: boolean
  connectionTag?: string
  receiptNonce?: Buffer
  receiptSecret?: Buffer
  maxRemoteStreams?: number
  connectionBufferSize?: number
  minExchangeRatePrecision?: number
  /** Milliseconds. Default: 60000. */
  idleTimeout?: number
  maximumPacketAmount?: string
  exchangeRate?: number
  getExpiry?: (destination: string) => Date
  shouldFulfill?: (packetAmount: Long, packetId: Buffer, connectionTag?: string) => Promise<void>
  rill?: RillOpts
}
export interface BuildConnectionOpts extends ConnectionOpts {
  sourceAccount: string
  assetCode: string
  assetScale: number
  isServer: boolean
  sharedSecret: Buffer
}
export declare class ConnectionError extends Error {
  streamErrorCode: ErrorCode
  constructor (message: string, streamErrorCode?: ErrorCode)
}
export declare class IlpRejectionError extends Error {
  ilpReject: IlpPacket.IlpReject
  constructor (message: string, ilpReject: IlpPacket.IlpReject)
}
/** New: what a connection knows of itself and of the path. Units as their names say. */
export interface ConnectionStatistics {
  sent: bigint
  inFlight: bigint
  inDoubt: bigint
  delivered: bigint
  received: bigint
  packetsSent: bigint
  packetsFulfilled: bigint
  packetsRejected: bigint
  packetsLost: bigint
  packetsReceived: bigint
  packetsRefused: bigint
  packetsInFlight: bigint
  window: bigint
  maxPacketAmount: bigint
  rateNum: bigint
  rateDen: bigint
  minRateNum: bigint
  minRateDen: bigint
  roundTripNs: bigint
  endedAnother: bigint
}
/**
 * Events: connect, stream (DataAndMoneyStream), end, close, error (Error); and _send_loop_finished,
 * _stream_removed as the original.
 */
export declare class Connection extends EventEmitter {
  readonly connectionTag?: string
  protected connectionId: string
  protected plugin: Plugin
  protected isServer: boolean
  protected streams: Map<number, DataAndMoneyStream>
  protected connected: boolean
  protected closed: boolean
  protected done: boolean
  protected shouldFulfill?: (packetAmount: Long, packetId: Buffer, connectionTag?: string) => Promise<void>
  constructor (opts: BuildConnectionOpts)
  static build (opts: BuildConnectionOpts): Promise<Connection>
  connect (): Promise<void>
  end (): Promise<void>
  destroy (err?: Error): Promise<void>
  createStream (): DataAndMoneyStream
  get destinationAccount (): string | undefined
  get destinationAssetScale (): number | undefined
  get destinationAssetCode (): string | undefined
  get sourceAccount (): string
  get sourceAssetScale (): number
  get sourceAssetCode (): string
  get minimumAcceptableExchangeRate (): string
  get lastPacketExchangeRate (): string
  get totalDelivered (): string
  get totalSent (): string
  get totalReceived (): string
  /** New: what may have arrived or not, of packets whose replies can no longer come. */
  get totalInDoubt (): string
  /** New: what it waits for, for people. */
  get waitingFor (): string
  /** New. */
  get statistics (): ConnectionStatistics
  handlePrepare (prepare: IlpPacket.IlpPrepare): Promise<IlpPacket.IlpFulfill>
}
