/// <reference types="node" />
import { Duplex } from 'stream'
import { LongValue } from './util/long'

export interface StreamOpts {
  id: number
  isServer: boolean
  connectionId: string
}
export interface SendOpts {
  /** Milliseconds. Default: 60000. */
  timeout?: number
}
export interface ReceiveOpts {
  /** Milliseconds. Default: 60000. */
  timeout?: number
}
/**
 * Events beside Duplex's: money (amount: string, prepare: IlpPrepare) for each packet that brings
 * some, outgoing_money (amount: string), outgoing_total_sent, _send_loop_finished.
 */
export declare class DataAndMoneyStream extends Duplex {
  readonly id: number
  protected isServer: boolean
  constructor (opts: StreamOpts)
  get totalSent (): string
  get totalReceived (): string
  get sendMax (): string
  get receiveMax (): string
  get receipt (): Buffer | undefined
  /** New: of this stream's money, what may have arrived or not. */
  get totalInDoubt (): string
  isOpen (): boolean
  /** The most that is sent in all, in our units. */
  setSendMax (limit: LongValue): void
  /** The most that is accepted in all, in our units; Infinity: any amount. */
  setReceiveMax (limit: LongValue): void
  /** Raises the send max, and resolves when that much has been sent in all. */
  sendTotal (limit: LongValue, opts?: SendOpts): Promise<void>
  /** Raises the receive max, and resolves when that much has been received in all. */
  receiveTotal (limit: LongValue, opts?: ReceiveOpts): Promise<void>
}
