// SPDX-License-Identifier: Apache-2.0
'use strict'
// Made with the original package: of a secret of 32 bytes 1.
module.exports = {
  generatePskEncryptionKey: '59c5f3b976f4dcbfa0f6c5c477f49735672dd7f169b7829856c95c0bd5e80223',
  generateFulfillmentKey: '39a5804be4c6623ded9b1cc2545f59c4080048016a5160f35a7c3b89e9c4020d',
  fulfillment: 'b56bae75a5bf0f9ae8a23aa789ef2c437ed16f35b2b266181406abdf8f2415a4',
  condition: '4e4ebf63edd1e93b2d4b39cd05350fd952af9b4065121f308419ce7c34cab38e',
  receipt: '01010101010101010101010101010101010100000000000001f4d26963e9f984a3800014214f0664f5bde7de4a36de2f72a8c24beaacc30ece44'
}
