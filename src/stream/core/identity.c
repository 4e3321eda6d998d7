/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/identity.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/secret.h"

/* Bytes of a client's token: it tells our connections apart, and nobody needs to guess it. */
#define CLIENT_TOKEN_BYTES 16u

int rill_identity_new_token(rill_identity *id, const rill_allocator *a, rill_crypto *crypto)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t random[CLIENT_TOKEN_BYTES];
    assert(!id->token);
    int err = rill_crypto_random(crypto, random, sizeof random);
    if (err != RILL_OK)
        return err;
    id->token_len = 2 * sizeof random;
    id->token = rill_alloc(a, id->token_len);
    if (!id->token)
        return RILL_ERR_NOMEM;
    for (size_t i = 0; i < sizeof random; i++) {
        id->token[2 * i] = digits[random[i] >> 4];
        id->token[2 * i + 1] = digits[random[i] & 15];
    }
    return RILL_OK;
}

static int keep_receipt_details(rill_identity *id, const rill_allocator *a,
                                const rill_token_details *details)
{
    id->receipt_details = rill_alloc(a, RILL_RECEIPT_NONCE_LEN + RILL_RECEIPT_SECRET_LEN);
    if (!id->receipt_details)
        return RILL_ERR_NOMEM;
    memcpy(id->receipt_details, details->receipt_nonce, RILL_RECEIPT_NONCE_LEN);
    memcpy(id->receipt_details + RILL_RECEIPT_NONCE_LEN, details->receipt_secret,
           RILL_RECEIPT_SECRET_LEN);
    return RILL_OK;
}

int rill_identity_keep(rill_identity *id, const rill_allocator *a, rill_bytes token,
                       const rill_token_details *details)
{
    /* It is part of an ILP address. */
    assert(!id->token && token.len > 0 && token.len <= RILL_ILP_MAX_ADDRESS);
    id->token = rill_alloc(a, token.len);
    if (!id->token)
        return RILL_ERR_NOMEM;
    memcpy(id->token, token.data, token.len);
    id->token_len = (uint16_t)token.len;
    size_t tag = strlen(details->tag);
    if (tag > 0) {
        id->tag = rill_alloc(a, tag + 1);
        if (!id->tag)
            return RILL_ERR_NOMEM;
        memcpy(id->tag, details->tag, tag + 1);
    }
    return details->receipts ? keep_receipt_details(id, a, details) : RILL_OK;
}

bool rill_identity_has(const rill_identity *id, rill_bytes token)
{
    return id->token_len == token.len && rill_same_ct(id->token, token.data, token.len);
}

void rill_identity_clear(rill_identity *id, const rill_allocator *a)
{
    rill_keys_free(id->keys);
    if (id->receipt_details)
        rill_wipe(id->receipt_details, RILL_RECEIPT_NONCE_LEN + RILL_RECEIPT_SECRET_LEN);
    rill_free(a, id->receipt_details);
    rill_free(a, id->token);
    rill_free(a, id->tag);
}

/*
 * As FNV-1a, but eight bytes at a time. Who chooses tokens is us: nobody
 * outside can make them collide.
 */
uint64_t rill_token_hash(const char *token, size_t len)
{
    const uint8_t *p = (const uint8_t *)token;
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ len;
    for (; len >= 8; len -= 8, p += 8) {
        hash = (hash ^ rill_load_u64(p)) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    for (; len > 0; len--)
        hash = (hash ^ *p++) * UINT64_C(0x100000001b3);
    return hash;
}
