/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of connections. Using a key takes five to twenty times the key's own memory. So each
 * connection keeps only its keys, and RILL_LIVE_MAX sets of contexts are lent to the keys in use. A
 * key that has lost its set to another gets one again, which costs a fifth of a packet's
 * cryptography.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_* */

#include <rill/error.h>
#include <string.h>

#include "base/alloc.h"
#include "crypto/crypto_internal.h"

struct rill_keys {
    rill_crypto *crypto;
    rill_live *live; /* NULL: has no contexts now */
    uint8_t encryption[RILL_KEY_LEN];
    uint8_t fulfillment[RILL_KEY_LEN];
};

/* HMAC(secret, label), label being a C string. */
static int derive(rill_crypto *c, const uint8_t *secret, size_t secret_len, const char *label,
                  uint8_t out[RILL_SHA256_LEN])
{
    return rill_crypto_hmac(c, secret, secret_len, (const uint8_t *)label, strlen(label), out);
}

void rill_live_clear(rill_crypto *c, rill_live *l)
{
    c->gcm->key_free(c->gcm, l->cipher);
    rill_wipe(l, sizeof(*l));
}

/* The set belongs to nobody now, and is wiped. */
static void give_back(rill_crypto *c, rill_live *l)
{
    if (l->owner != NULL)
        l->owner->live = NULL;
    rill_live_clear(c, l);
    l->idle = c->idle;
    c->idle = l;
}

/* The group of the next set that is to be made. False without memory: those that there are do. */
static bool make_group(rill_crypto *c)
{
    rill_live **group = &c->groups[c->live_count / RILL_LIVE_GROUP];
    if (*group == NULL)
        *group = rill_calloc(c->allocator, RILL_LIVE_GROUP, sizeof **group);
    return *group != NULL;
}

/*
 * Finds a set that belongs to nobody, makes one, or takes one that was not used for about the
 * longest time. A hand goes round, and passes once over each set that was used since it passed
 * last.
 */
static rill_live *next_set(rill_crypto *c)
{
    if (c->idle != NULL) {
        rill_live *l = c->idle;
        c->idle = l->idle;
        l->idle = NULL;
        return l;
    }
    if (c->live_count < RILL_LIVE_MAX && make_group(c))
        return rill_live_at(c, c->live_count++);
    if (c->live_count == 0)
        return NULL;
    for (;;) {
        rill_live *l = rill_live_at(c, c->hand);
        c->hand = (c->hand + 1) % c->live_count;
        if (!l->used)
            return l;
        l->used = false;
    }
}

static int lend(rill_keys *k)
{
    rill_crypto *c = k->crypto;
    rill_live *l = next_set(c);
    if (l == NULL)
        return RILL_ERR_NOMEM;
    if (l->owner != NULL)
        l->owner->live = NULL;
    l->owner = k;
    k->live = l;
    if (l->cipher == NULL)
        l->cipher = c->gcm->key_new(c->gcm);
    if (l->cipher == NULL || !c->gcm->key_set(c->gcm, l->cipher, k->encryption) ||
        rill_hmac_key(&l->fulfillment, k->fulfillment, RILL_KEY_LEN) != RILL_OK) {
        give_back(c, l);
        return RILL_ERR_CRYPTO;
    }
    return RILL_OK;
}

/* Gives k its contexts, if it has none. */
static inline int wake(rill_keys *k)
{
    if (k->live == NULL) {
        int err = lend(k);
        if (err != RILL_OK)
            return err;
    }
    k->live->used = true;
    return RILL_OK;
}

int rill_keys_new(rill_keys **out, rill_crypto *c, const uint8_t *shared_secret, size_t secret_len)
{
    rill_keys *k = rill_calloc(c->allocator, 1, sizeof(*k));
    if (k == NULL)
        return RILL_ERR_NOMEM;
    k->crypto = c;
    int err = derive(c, shared_secret, secret_len, "ilp_stream_encryption", k->encryption);
    if (err == RILL_OK)
        err = derive(c, shared_secret, secret_len, "ilp_stream_fulfillment", k->fulfillment);
    if (err != RILL_OK) {
        rill_keys_free(k);
        return err;
    }
    *out = k;
    return RILL_OK;
}

void rill_keys_free(rill_keys *k)
{
    if (k == NULL)
        return;
    if (k->live != NULL)
        give_back(k->crypto, k->live);
    const rill_allocator *allocator = k->crypto->allocator;
    rill_wipe(k, sizeof(*k));
    rill_free(allocator, k);
}

int rill_keys_seal(rill_keys *k, uint8_t *envelope, size_t len)
{
    int err = wake(k);
    return err == RILL_OK ? rill_seal_under(k->crypto, k->live->cipher, envelope, len) : err;
}

int rill_keys_open(rill_keys *k, const uint8_t *envelope, size_t envelope_len, uint8_t *out)
{
    int err = wake(k);
    if (err != RILL_OK)
        return err;
    return rill_open_under(k->crypto, k->live->cipher, envelope, envelope_len, out);
}

/* For who does not want the fulfillment. */
RILL_NOINLINE static int condition_alone(rill_keys *k, const uint8_t *data, size_t len,
                                         uint8_t condition[32])
{
    uint8_t preimage[RILL_SHA256_LEN];
    int err = rill_keys_fulfill(k, data, len, preimage, condition);
    /* Whoever knows it before the receiver gives it out can take the money. */
    rill_wipe(preimage, sizeof(preimage));
    return err;
}

int rill_keys_fulfill(rill_keys *k, const uint8_t *data, size_t len, uint8_t fulfillment[32],
                      uint8_t condition[32])
{
    if (fulfillment == NULL)
        return condition_alone(k, data, len, condition);
    int err = wake(k);
    if (err != RILL_OK)
        return err;
    err = rill_hmac(&k->live->fulfillment, data, len, fulfillment);
    if (err == RILL_OK && condition != NULL)
        err = rill_crypto_sha256(k->crypto, fulfillment, RILL_SHA256_LEN, condition);
    if (err != RILL_OK)
        rill_wipe(fulfillment, RILL_SHA256_LEN);
    return err;
}
