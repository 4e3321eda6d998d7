/* SPDX-License-Identifier: Apache-2.0 */
/* Whose token is it? Tokens are kept as hashes; an owner may have any number of them. */
#ifndef RILL_CONNECTOR_TOKENS_H
#define RILL_CONNECTOR_TOKENS_H

#include <rill/types.h>

#include "crypto/crypto.h"

/* Bytes of the longest token that somebody may show. */
#define RILL_TOKEN_MAX 4096

typedef struct rill_tokens {
    const rill_allocator *allocator;
    rill_crypto *crypto;
    uint64_t seed;
    struct known_token *all; /* in the order in which they came */
    size_t count;
    size_t room;
    uint32_t *slots;   /* a place among them, from 1 on; 0: free. At most half of them are used. */
    size_t slot_count; /* a power of two, or 0 */
} rill_tokens;

/* seed: random. Allocates nothing yet. */
void rill_tokens_init(rill_tokens *t, const rill_allocator *allocator, rill_crypto *crypto,
                      uint64_t seed);
void rill_tokens_clear(rill_tokens *t);
/*
 * RILL_ERR_EXISTS: another owner has this token. Nothing changes if the same owner has it.
 * RILL_ERR_INVALID (empty, or longer than RILL_TOKEN_MAX), RILL_ERR_NOMEM, RILL_ERR_CRYPTO.
 */
RILL_MUST_CHECK int rill_tokens_add(rill_tokens *t, rill_bytes token, void *owner);
/* The same by the SHA-256 of the token. */
RILL_MUST_CHECK int rill_tokens_add_hash(rill_tokens *t, const uint8_t hash[RILL_SHA256_LEN],
                                         void *owner);
/* Calls `lost` with the owner of each token of `before` that is not its owner's any more. */
void rill_tokens_lost(const rill_tokens *before, const rill_tokens *now,
                      void (*lost)(void *user, void *owner), void *user);
/* Calls `each` with the SHA-256 of every token and whose it is. */
void rill_tokens_each(const rill_tokens *t,
                      void (*each)(void *user, const uint8_t hash[RILL_SHA256_LEN],
                                   const void *owner),
                      void *user);
/* NULL: nobody's. The time that it takes does not depend on how much of a token is right. */
void *rill_tokens_find(const rill_tokens *t, rill_bytes token);
void *rill_tokens_find_hash(const rill_tokens *t, const uint8_t hash[RILL_SHA256_LEN]);

#endif
