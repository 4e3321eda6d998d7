/// <reference types="node" />
import './util/formatters'
import { Connection, ConnectionOpts } from './connection'
export { Connection } from './connection'
export { DataAndMoneyStream } from './stream'
export { Server, ServerOpts, createServer, GenerateAddressSecretOpts } from './server'
export {
  createReceipt,
  decodeReceipt,
  verifyReceipt,
  Receipt,
  ReceiptOpts,
  ReceiptWithHMAC,
  RECEIPT_VERSION
} from './util/receipt'
export interface CreateConnectionOpts extends ConnectionOpts {
  /** The server's ILP address, made for this client. */
  destinationAccount: string
  /** The secret that the server made for this client. */
  sharedSecret: Buffer
}
/** Connects the plugin, asks for our address, and opens a connection to a server. */
export declare function createConnection (opts: CreateConnectionOpts): Promise<Connection>
