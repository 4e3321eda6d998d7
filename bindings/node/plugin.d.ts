/// <reference types="node" />
import { EventEmitter } from 'events'
import { Plugin as PluginInterface } from './dist/src/util/plugin-interface'

declare function pluginFromEnvironment (opts?: { name?: string }): pluginFromEnvironment.Plugin
declare namespace pluginFromEnvironment {
  /** BTP over a WebSocket. Events: connect, disconnect. */
  class Plugin extends EventEmitter implements PluginInterface {
    static readonly version: 2
    /**
     * server: btp+ws://[account]:[token]@host:port, or btp+wss. Account and token may be beside it instead.
     * responseTimeout: how long an answer is waited for, in milliseconds, at most 2147483648. Default: 35000.
     * btpAuthFlags: what the node is told beside them: a Buffer, a text, or what JSON can hold.
     */
    constructor (opts: {
      server: string
      btpAccount?: string
      btpToken?: string
      responseTimeout?: number
      btpAuthFlags?: Record<string, unknown>
    })
    connect (): Promise<void>
    disconnect (): Promise<void>
    isConnected (): boolean
    sendData (data: Buffer): Promise<Buffer>
    registerDataHandler (handler: (data: Buffer) => Promise<Buffer>): void
    deregisterDataHandler (): void
  }
  export { Plugin, pluginFromEnvironment, pluginFromEnvironment as default }
}
export = pluginFromEnvironment
