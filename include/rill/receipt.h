/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STREAM receipts (RFC 39): a receiver's proof, to a third party that knows the receipt
 * secret, of what a stream has received in total.
 *
 * The third party chooses a nonce and a secret, and the receiver puts both into the credentials
 * (rill_credentials_options; by SPSP, two headers of the query). From then on each answer to money
 * carries a receipt. The payer has the latest one of each stream (rill_stream_get_receipt), and
 * shows it to the third party, which verifies it. A nonce is for one payment. Of two receipts of
 * one stream the greater total counts: they do not add up.
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

/*
 * Makes the receipt that a receiver gives. Endpoints make theirs themselves: this is for who checks
 * his own verifier. RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int
rill_receipt_create(uint8_t out[RILL_RECEIPT_LEN], const rill_receipt *receipt,
                    const uint8_t receipt_secret[RILL_RECEIPT_SECRET_LEN]);
/* RILL_ERR_TRUNCATED or RILL_ERR_MALFORMED; the HMAC is not checked here. */
RILL_API RILL_MUST_CHECK int rill_receipt_decode(rill_receipt *out, rill_bytes receipt);
/* As decode, and RILL_ERR_AUTH where the HMAC does not match the secret; RILL_ERR_CRYPTO. */
RILL_API RILL_MUST_CHECK int
rill_receipt_verify(rill_receipt *out, rill_bytes receipt,
                    const uint8_t receipt_secret[RILL_RECEIPT_SECRET_LEN]);

RILL_END_DECLS

#endif
