/// <reference types="node" />
import Long from 'long'
import * as nodeCrypto from 'crypto'

export declare const randomBytes: typeof nodeCrypto.randomBytes
export declare function hash (preimage: Buffer): Promise<Buffer>
export declare function hmac (key: Buffer, message: Buffer): Promise<Buffer>
export declare function encrypt (pskEncryptionKey: Buffer, ...buffers: Buffer[]): Promise<Buffer>
export declare function decrypt (pskEncryptionKey: Buffer, data: Buffer): Promise<Buffer>
export declare function generateSharedSecretFromToken (seed: Buffer, token: Buffer): Buffer
export declare function generateReceiptHMAC (secret: Buffer, message: Buffer): Buffer
export declare function encryptConnectionAddressToken (seed: Buffer, token: Buffer): Buffer
export declare function decryptConnectionAddressToken (seed: Buffer, token: Buffer): Buffer
export declare const TOKEN_NONCE_LENGTH = 18
export declare const ENCRYPTION_OVERHEAD = 28
export declare function generateTokenNonce (): Buffer
export declare function generateRandomCondition (): Buffer
export declare function generatePskEncryptionKey (sharedSecret: Buffer): Promise<Buffer>
export declare function generateFulfillmentKey (sharedSecret: Buffer): Promise<Buffer>
export declare function generateFulfillment (fulfillmentKey: Buffer, data: Buffer): Promise<Buffer>
export declare function generateIncomingPacketId (sharedSecret: Buffer, sequence: Long): Promise<Buffer>
