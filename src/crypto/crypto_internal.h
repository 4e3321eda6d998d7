/* SPDX-License-Identifier: Apache-2.0 */
/* What crypto.c, keys.c and random.c share. */
#ifndef RILL_CRYPTO_INTERNAL_H
#define RILL_CRYPTO_INTERNAL_H

#include <limits.h>
#include <rill/error.h>
#include <string.h>

#include "crypto/digest.h"
#include "crypto/gcm.h"

enum { RILL_POOL_LEN = 4096, RILL_LIVE_MAX = 1024, RILL_LIVE_GROUP = 16 };

/* A set of everything that is needed to use a key. */
typedef struct rill_live {
    rill_keys *owner;       /* NULL: belongs to nobody, and holds no key */
    struct rill_live *idle; /* the next that belongs to nobody */
    bool used;              /* used since the hand passed */
    void *cipher;           /* the backend's */
    rill_hmac_state fulfillment;
} rill_live;

struct rill_crypto {
    const rill_allocator *allocator;
    rill_gcm *gcm;
    void *any_key;    /* for the keys that come with a call; NULL: made anew for the next one */
    size_t pool_left; /* unused random bytes at the end of the pool; secret */
    uint8_t pool[RILL_POOL_LEN];
    size_t iv_left; /* like pool_left, but for bytes that everybody may see once they are used */
    uint8_t ivs[RILL_POOL_LEN];
    unsigned live_count; /* number of sets that were made */
    rill_live *idle;     /* those that belong to nobody any more */
    unsigned hand;       /* the set that is lent next, if it was not used since the last round */
    /* Made a group at a time: most endpoints have few connections. */
    rill_live *groups[RILL_LIVE_MAX / RILL_LIVE_GROUP];
};

static inline rill_live *rill_live_at(const rill_crypto *c, unsigned i)
{
    return &c->groups[i / RILL_LIVE_GROUP][i % RILL_LIVE_GROUP];
}

/* Gets new random bytes for IVs. False if there are none. */
RILL_MUST_CHECK bool rill_crypto_fill_ivs(rill_crypto *c);

/* The IV of the next packet. It is random, since two processes may use one key. */
static inline bool rill_next_iv(rill_crypto *c, uint8_t out[RILL_IV_LEN])
{
    if (c->iv_left < RILL_IV_LEN && !rill_crypto_fill_ivs(c))
        return false;
    memcpy(out, c->ivs + RILL_POOL_LEN - c->iv_left, RILL_IV_LEN);
    c->iv_left -= RILL_IV_LEN;
    return true;
}

/* As rill_crypto_seal, under a key of the backend. */
static inline int rill_seal_under(rill_crypto *c, void *key, uint8_t *envelope, size_t len)
{
    if (len > INT_MAX || !rill_next_iv(c, envelope))
        return RILL_ERR_CRYPTO;
    return c->gcm->seal(c->gcm, key, envelope, len);
}

/* As rill_crypto_open, under a key of the backend. */
static inline int rill_open_under(rill_crypto *c, void *key, const uint8_t *envelope,
                                  size_t envelope_len, uint8_t *out)
{
    if (envelope_len < RILL_ENVELOPE_OVERHEAD)
        return RILL_ERR_AUTH;
    size_t len = envelope_len - RILL_ENVELOPE_OVERHEAD;
    if (len > INT_MAX)
        return RILL_ERR_CRYPTO;
    int err = c->gcm->open(c->gcm, key, envelope, len, out);
    if (err != RILL_OK)
        rill_wipe(out, len); /* it is not authenticated */
    return err;
}

/* Frees and wipes what a set holds. Afterwards it belongs to nobody. */
void rill_live_clear(rill_crypto *c, rill_live *l);

#endif
