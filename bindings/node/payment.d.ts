/// <reference types="node" />
import { CreateConnectionOpts } from './dist/src/index'
import { ConnectionOpts } from './dist/src/connection'
import { LongValue } from './dist/src/util/long'

/**
 * Where the state of a payment is kept: the name of a file, which is replaced in one step, on the disk
 * before more is sent, and locked meanwhile; or a function that resolves when the state is safe, and
 * rejects if it was not kept. The state is the text of `rill pay --save`, and holds the receiver's secret.
 */
export type Save = string | ((state: Buffer) => void | Promise<void>)

export interface PaymentTerms {
  save?: Save
  /** Milliseconds for all of it. Default: none. */
  timeout?: number
  /** Cancels: what is in flight is waited for, and nothing more is sent. */
  signal?: AbortSignal
}
export interface PayOpts extends CreateConnectionOpts, PaymentTerms {
  /** Our units: all of it is sent, or it fails. */
  amount: LongValue
}
export interface ResumeOpts extends Omit<ConnectionOpts, 'destinationAccount' | 'exchangeRate'>, PaymentTerms {
  /**
   * The name of a file, or what the function of `save` was given last. With a file, `save` is the same one
   * by default, and anything else is a TypeError. With a Buffer, `save` may be a file: what is in it already
   * is read once it is locked, and only the same state, or another payment that is complete, is overwritten.
   */
  state: string | Buffer
}
/** The sums of all processes. */
export interface PaymentResult {
  /** Our units that have certainly arrived. */
  sent: string
  /** The receiver's units, as it said. */
  delivered: string
  /** Our units that may have arrived beside them. They are never sent again. */
  inDoubt: string
}
/** Why a payment has failed, and where its money is. */
export declare class PaymentError extends Error implements PaymentResult {
  /**
   * RILL_ERR_IN_DOUBT: all else has been sent. RILL_ERR_IO: a state could not be kept, so that nothing
   * more was sent. RILL_ERR_EXISTS: there is something else in the file, or a payment that is not complete.
   * RILL_ERR_STATE: a payment with this state is under way, or money has left since it was saved, or a
   * newer one is in the file of `save`.
   * RILL_ERR_MALFORMED, RILL_ERR_UNSUPPORTED: no state, or none that this version goes on with.
   * RILL_ERR_TIMEOUT, RILL_ERR_CANCELLED, RILL_ERR_RATE, RILL_ERR_CLOSED and others: why it stopped.
   */
  code: string
  cause?: unknown
  sent: string
  delivered: string
  inDoubt: string
}
export interface PaymentState extends PaymentResult {
  destinationAccount: string
  /** Our units: the most that is sent in all. */
  amount: string
  /** The receiver's units after which it ends; '0': when the amount is sent. */
  deliver: string
  /** The receiver's units for one of ours; '0': none was asked for. */
  minExchangeRate: string
  /** Nothing is left to pay. */
  complete: boolean
  /**
   * Milliseconds: no packet that is in doubt lives longer. An hour where the state does not say it, as one
   * of an earlier version. Infinity: `getExpiry` has set an end that is an hour away or more.
   */
  packetLifetime: number
}

/** Connects, pays, and ends the connection. Rejects with PaymentError, or TypeError and RangeError of wrong options. */
export declare function pay (opts: PayOpts): Promise<PaymentResult>
/**
 * Goes on with a payment of a process that has ended. What that one may have sent is not sent again: if all
 * else has been sent, this rejects with RILL_ERR_IN_DOUBT. A payment that ends when a given amount has
 * arrived (`deliver` of the state) is not gone on with here: RILL_ERR_UNSUPPORTED. `rill pay --resume` and
 * Rill for Python do that.
 */
export declare function resume (opts: ResumeOpts): Promise<PaymentResult>
/** What a state says, without the secret. */
export declare function readState (state: string | Buffer): Promise<PaymentState>
/**
 * The receiver has said how much has arrived in all, in its units: then nothing is in doubt any more. Of what was,
 * the most that can have been sent for it at the minimum rate counts as sent, and the rest as not sent. Ask it
 * when no packet can arrive any more: `packetLifetime` of the state after the end of the process that paid,
 * and a second more. A packet that arrives after its answer would be paid twice. RILL_ERR_STATE: the file was
 * kept less long ago than that, or `packetLifetime` is Infinity. A file that is older proves nothing: packets of its
 * last state may have left after it was kept. Of a Buffer it is not known when it was kept.
 * RILL_ERR_RANGE: less than the state knows, so that it is about another payment. The new state is kept, where
 * that of `resume` would be; a Buffer needs `save`.
 */
export declare function settle (opts: { state: string | Buffer, delivered: LongValue, save?: Save }): Promise<PaymentResult>
