/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/wire/receipt.h"

#include <string.h>

#include <rill/error.h>

#include "base/cursor.h"

#define RECEIPT_VERSION 1
/* What the HMAC, which follows, is over. */
#define SIGNED_LEN (RILL_RECEIPT_LEN - RILL_SHA256_LEN)
_Static_assert(SIGNED_LEN == 1 + RILL_RECEIPT_NONCE_LEN + 1 + sizeof(uint64_t),
               "version, nonce, stream and total (RFC 39)");

int rill_receipt_write(rill_crypto *c, const uint8_t nonce[RILL_RECEIPT_NONCE_LEN],
                       const uint8_t secret[RILL_RECEIPT_SECRET_LEN], uint8_t stream_id,
                       uint64_t total, uint8_t out[RILL_RECEIPT_LEN])
{
    uint8_t *total_at = out + 2 + RILL_RECEIPT_NONCE_LEN;

    out[0] = RECEIPT_VERSION;
    memcpy(out + 1, nonce, RILL_RECEIPT_NONCE_LEN);
    out[1 + RILL_RECEIPT_NONCE_LEN] = stream_id;
    for (unsigned i = 0; i < 8; i++)
        total_at[i] = (uint8_t)(total >> (56 - 8 * i));
    return rill_crypto_hmac(c, secret, RILL_RECEIPT_SECRET_LEN, out, SIGNED_LEN, out + SIGNED_LEN);
}

int rill_receipt_decode(rill_receipt *out, rill_bytes receipt)
{
    rill_reader r = rill_reader_of(receipt.data, receipt.len);
    uint8_t version;
    rill_bytes nonce;

    *out = (rill_receipt){.stream_id = 0};
    if (receipt.len < RILL_RECEIPT_LEN)
        return RILL_ERR_TRUNCATED;
    if (receipt.len > RILL_RECEIPT_LEN)
        return RILL_ERR_MALFORMED;
    if (!rill_read_u8(&r, &version) || version != RECEIPT_VERSION)
        return RILL_ERR_MALFORMED;
    if (!rill_read_bytes(&r, RILL_RECEIPT_NONCE_LEN, &nonce) ||
        !rill_read_u8(&r, &out->stream_id) || !rill_read_u64(&r, &out->total_received))
        return RILL_ERR_TRUNCATED;
    memcpy(out->nonce, nonce.data, RILL_RECEIPT_NONCE_LEN);
    return RILL_OK;
}

int rill_receipt_verify(rill_receipt *out, rill_bytes receipt,
                        const uint8_t receipt_secret[RILL_RECEIPT_SECRET_LEN])
{
    uint8_t hmac[RILL_SHA256_LEN];

    int rc = rill_receipt_decode(out, receipt);
    if (rc != RILL_OK)
        return rc;
    rill_crypto *c = rill_crypto_new(rill_allocator_default());
    if (c == NULL)
        return RILL_ERR_CRYPTO;
    rc = rill_crypto_hmac(c, receipt_secret, RILL_RECEIPT_SECRET_LEN, receipt.data, SIGNED_LEN,
                          hmac);
    if (rc == RILL_OK && !rill_equal_ct(hmac, receipt.data + SIGNED_LEN, sizeof hmac))
        rc = RILL_ERR_AUTH;
    rill_crypto_free(c);
    rill_wipe(hmac, sizeof hmac);
    return rc;
}

int rill_receipt_create(uint8_t out[RILL_RECEIPT_LEN], const rill_receipt *receipt,
                        const uint8_t receipt_secret[RILL_RECEIPT_SECRET_LEN])
{
    rill_crypto *c = rill_crypto_new(rill_allocator_default());
    if (c == NULL)
        return RILL_ERR_CRYPTO;
    int rc = rill_receipt_write(c, receipt->nonce, receipt_secret, receipt->stream_id,
                                receipt->total_received, out);
    rill_crypto_free(c);
    return rc;
}
