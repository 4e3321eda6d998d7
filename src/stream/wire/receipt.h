/* SPDX-License-Identifier: Apache-2.0 */
/* Making receipts (RFC 39) with an endpoint's cryptography; the rest is in rill/receipt.h. */
#ifndef RILL_STREAM_RECEIPT_H
#define RILL_STREAM_RECEIPT_H

#include <rill/receipt.h>

#include "crypto/crypto.h"

/* total: received on the stream, our units. RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_receipt_write(rill_crypto *c, const uint8_t nonce[RILL_RECEIPT_NONCE_LEN],
                                       const uint8_t secret[RILL_RECEIPT_SECRET_LEN],
                                       uint8_t stream_id, uint64_t total,
                                       uint8_t out[RILL_RECEIPT_LEN]);

#endif
