/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STREAM receipts: a receiver's proof, to a third party that knows the receipt
 * secret, of what a stream has received in total.
 */
#ifndef RILL_RECEIPT_H
#define RILL_RECEIPT_H

#include <rill/credentials.h>

RILL_BEGIN_DECLS

#define RILL_RECEIPT_LEN 58 /* version, nonce 16, stream id u8, total u64, HMAC-SHA-256 32 */

typedef struct rill_receipt {
    uint8_t nonce[RILL_RECEIPT_NONCE_LEN];
    uint8_t stream_id;
    uint64_t total_received; /* receiver's units */
} rill_receipt;

/* RILL_ERR_TRUNCATED or RILL_ERR_MALFORMED; the HMAC is not checked here. */
RILL_API RILL_MUST_CHECK int rill_receipt_decode(rill_receipt *out, rill_bytes receipt);
/* As decode, and RILL_ERR_AUTH where the HMAC does not match the secret; RILL_ERR_CRYPTO. */
RILL_API RILL_MUST_CHECK int
rill_receipt_verify(rill_receipt *out, rill_bytes receipt,
                    const uint8_t receipt_secret[RILL_RECEIPT_SECRET_LEN]);

RILL_END_DECLS

#endif
