/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bearer tokens (RFC 6750), any number for each account, so that one can be replaced by
 * another while both are good. What is kept of a token is a hash with a key of this process,
 * and two hashes are compared in a time that says nothing of either.
 */
#ifndef RILL_HTTP_BEARER_H
#define RILL_HTTP_BEARER_H

#include <rill/error.h>

#include "base/map.h"

#define RILL_BEARER_MAX  4096 /* bytes of a token: there are those that carry claims */
#define RILL_BEARER_HASH 32

/* HMAC-SHA-256, or what is as good: the caller's. RILL_ERR_CRYPTO. */
typedef int (*rill_bearer_hash)(void *user, rill_bytes token, uint8_t out[RILL_BEARER_HASH]);

typedef struct rill_bearers {
    const rill_allocator *allocator;
    rill_bearer_hash hash;
    void *user;
    rill_map by_hash; /* the first bytes of the hash: the list of those that begin like this */
} rill_bearers;

/* hash has a random key of its own, so that nobody outside knows where tokens lie. */
void rill_bearers_init(rill_bearers *b, const rill_allocator *allocator, rill_bearer_hash hash,
                       void *user, uint64_t seed);
void rill_bearers_clear(rill_bearers *b);

/*
 * A token is good for an account, whatever the caller numbers it. RILL_ERR_INVALID: it is
 * empty, too long, or has bytes that no header field may carry. RILL_ERR_EXISTS: it is good
 * already, for this account or another. RILL_ERR_NOMEM, RILL_ERR_CRYPTO. id (may be NULL): its
 * hash, for rill_bearers_drop.
 */
RILL_MUST_CHECK int rill_bearers_add(rill_bearers *b, rill_bytes token, uint64_t account,
                                     uint8_t id[RILL_BEARER_HASH]);
/* RILL_ERR_NOT_FOUND; RILL_ERR_CRYPTO: it may still be good. */
RILL_MUST_CHECK int rill_bearers_remove(rill_bearers *b, rill_bytes token);
/* The same by its hash, for who has not kept the token itself. There is one. */
void rill_bearers_drop(rill_bearers *b, const uint8_t id[RILL_BEARER_HASH]);
/* Whose it is. RILL_ERR_AUTH: nobody's. RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_bearers_find(const rill_bearers *b, rill_bytes token, uint64_t *account);

/*
 * The token in the value of an Authorization field: "Bearer", in any case, one blank, the
 * token. RILL_ERR_AUTH: it is none.
 */
RILL_MUST_CHECK int rill_bearer_parse(rill_bytes value, rill_bytes *token);

#endif
