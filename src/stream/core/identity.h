/* SPDX-License-Identifier: Apache-2.0 */
/* Who a connection is to the other side: what its credentials made of it. */
#ifndef RILL_STREAM_IDENTITY_H
#define RILL_STREAM_IDENTITY_H

#include "crypto/crypto.h"
#include "stream/wire/token.h"

typedef struct rill_identity {
    rill_keys *keys;
    char *token;              /* our address is the endpoint's and this */
    char *tag;                /* a server's, from its credentials; NULL: none */
    uint8_t *receipt_details; /* nonce and secret; NULL: no receipts */
    uint16_t token_len;
} rill_identity;

/* They are its own from now on. */
static inline void rill_identity_take_keys(rill_identity *id, rill_keys *keys)
{
    id->keys = keys;
}
/* A client's token, which nobody needs to guess. RILL_ERR_NOMEM, RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_identity_new_token(rill_identity *id, const rill_allocator *a,
                                            rill_crypto *crypto);
/* A server's: the token, and what it says of the connection. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_identity_keep(rill_identity *id, const rill_allocator *a, rill_bytes token,
                                       const rill_token_details *details);
/* Whether the token is its own; takes as long for every token of that length. */
bool rill_identity_has(const rill_identity *id, rill_bytes token);
/* Of a token: under this the endpoint's table has its connection. */
uint64_t rill_token_hash(const char *token, size_t len);
/* Wipes secrets. */
void rill_identity_clear(rill_identity *id, const rill_allocator *a);

#endif
