/// <reference types="node" />
import { EventEmitter } from 'events'
import { Connection, ConnectionOpts } from './connection'
import { Plugin } from './util/plugin-interface'

export interface ServerOpts extends ConnectionOpts {
  /** 32 bytes, from which addresses and secrets are made. Default: random ones. */
  serverSecret?: Buffer
  /** Milliseconds between the last answer and the end of connections, in close(). Default: 100. */
  disconnectDelay?: number
}
export interface GenerateAddressSecretOpts {
  connectionTag?: string
  receiptNonce?: Buffer
  receiptSecret?: Buffer
}
/** Events: connection (Connection), and _incoming_prepare, _close as the original. */
export declare class Server extends EventEmitter {
  protected serverSecret: Buffer
  protected plugin: Plugin
  protected connectionOpts: ConnectionOpts
  protected disconnectDelay: number
  constructor (opts: ServerOpts)
  get connected (): boolean
  listen (): Promise<void>
  close (): Promise<void>
  acceptConnection (): Promise<Connection>
  generateAddressAndSecret (opts?: string | GenerateAddressSecretOpts): {
    destinationAccount: string
    sharedSecret: Buffer
    receiptsEnabled: boolean
  }
  get assetCode (): string
  get assetScale (): number
  protected handleData (data: Buffer): Promise<Buffer>
}
export declare function createServer (opts: ServerOpts): Promise<Server>
