/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all backends share: the choice of the backend, and keys that come with a call.
 */
#include "crypto/crypto.h"

#include <rill/error.h>

#include "base/alloc.h"
#include "crypto/crypto_internal.h"

bool rill_crypto_available(rill_crypto_backend backend)
{
    switch (backend) {
    case RILL_CRYPTO_OPENSSL:
    case RILL_CRYPTO_FASTEST:
        return true;
    case RILL_CRYPTO_IPSEC_MB:
        return rill_gcm_ipsec_mb_available();
    }
    return false;
}

static int gcm_new(rill_gcm **out, const rill_allocator *allocator, rill_crypto_backend backend)
{
    if (backend == RILL_CRYPTO_FASTEST) {
        bool other = rill_crypto_available(RILL_CRYPTO_IPSEC_MB);
        backend = other ? RILL_CRYPTO_IPSEC_MB : RILL_CRYPTO_OPENSSL;
    }
    switch (backend) {
    case RILL_CRYPTO_OPENSSL:
        return rill_gcm_openssl_new(out, allocator);
    case RILL_CRYPTO_IPSEC_MB:
        return rill_gcm_ipsec_mb_new(out, allocator);
    case RILL_CRYPTO_FASTEST:
        break;
    }
    return RILL_ERR_INVALID;
}

int rill_crypto_new_with(rill_crypto **out, const rill_allocator *allocator,
                         rill_crypto_backend backend)
{
    *out = NULL;
    rill_crypto *c = rill_calloc(allocator, 1, sizeof(*c));
    if (c == NULL)
        return RILL_ERR_NOMEM;
    c->allocator = allocator;
    int err = gcm_new(&c->gcm, allocator, backend);
    if (err == RILL_OK) {
        c->any_key = c->gcm->key_new(c->gcm);
        err = c->any_key != NULL ? RILL_OK : RILL_ERR_CRYPTO;
    }
    if (err != RILL_OK) {
        rill_crypto_free(c);
        return err;
    }
    *out = c;
    return RILL_OK;
}

rill_crypto *rill_crypto_new(const rill_allocator *allocator)
{
    rill_crypto *c;
    return rill_crypto_new_with(&c, allocator, RILL_CRYPTO_OPENSSL) == RILL_OK ? c : NULL;
}

void rill_crypto_free(rill_crypto *c)
{
    if (c == NULL)
        return;
    rill_gcm *g = c->gcm;
    if (g != NULL) {
        for (unsigned i = 0; i < c->live_count; i++)
            rill_live_clear(c, rill_live_at(c, i));
        g->key_free(g, c->any_key);
        g->free(g);
    }
    const rill_allocator *allocator = c->allocator;
    for (unsigned i = 0; i < RILL_LIVE_MAX / RILL_LIVE_GROUP; i++)
        rill_free(allocator, c->groups[i]);
    rill_wipe(c, sizeof(*c));
    rill_free(allocator, c);
}

void rill_crypto_forget(rill_crypto *c)
{
    c->gcm->key_free(c->gcm, c->any_key);
    c->any_key = NULL;
}

static bool set_any_key(rill_crypto *c, const uint8_t key[RILL_KEY_LEN])
{
    if (c->any_key == NULL)
        c->any_key = c->gcm->key_new(c->gcm);
    return c->any_key != NULL && c->gcm->key_set(c->gcm, c->any_key, key);
}

int rill_crypto_seal(rill_crypto *c, const uint8_t key[RILL_KEY_LEN], uint8_t *envelope, size_t len)
{
    if (!set_any_key(c, key))
        return RILL_ERR_CRYPTO;
    return rill_seal_under(c, c->any_key, envelope, len);
}

int rill_crypto_open(rill_crypto *c, const uint8_t key[RILL_KEY_LEN], const uint8_t *envelope,
                     size_t envelope_len, uint8_t *out)
{
    if (!set_any_key(c, key))
        return RILL_ERR_CRYPTO;
    return rill_open_under(c, c->any_key, envelope, envelope_len, out);
}
