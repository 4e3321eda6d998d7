/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/tokens.h"

#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"

struct known_token {
    struct known_token *next;
    struct known_token *same_key;
    uint8_t hash[RILL_SHA256_LEN];
    void *owner;
};

void rill_tokens_init(rill_tokens *t, const rill_allocator *allocator, rill_crypto *crypto,
                      uint64_t seed)
{
    *t = (rill_tokens){.allocator = allocator, .crypto = crypto};
    rill_map_init(&t->by_hash, allocator, seed);
}

void rill_tokens_clear(rill_tokens *t)
{
    while (t->all != NULL) {
        struct known_token *k = t->all;
        t->all = k->next;
        rill_wipe(k, sizeof *k);
        rill_free(t->allocator, k);
    }
    rill_map_clear(&t->by_hash);
}

static int hash_of(const rill_tokens *t, rill_bytes token, uint8_t hash[RILL_SHA256_LEN])
{
    if (token.len == 0 || token.len > RILL_TOKEN_MAX)
        return RILL_ERR_INVALID;
    return rill_crypto_sha256(t->crypto, token.data, token.len, hash);
}

static uint64_t key_of(const uint8_t hash[RILL_SHA256_LEN])
{
    uint64_t key;
    memcpy(&key, hash, sizeof key);
    return key;
}

void *rill_tokens_find_hash(const rill_tokens *t, const uint8_t hash[RILL_SHA256_LEN])
{
    void *owner = NULL;
    for (const struct known_token *k = rill_map_get(&t->by_hash, key_of(hash)); k != NULL;
         k = k->same_key) {
        if (rill_equal_ct(k->hash, hash, RILL_SHA256_LEN))
            owner = k->owner;
    }
    return owner;
}

static int put(rill_tokens *t, const uint8_t hash[RILL_SHA256_LEN], void *owner)
{
    struct known_token *k = rill_alloc(t->allocator, sizeof *k);
    if (k == NULL)
        return RILL_ERR_NOMEM;
    memcpy(k->hash, hash, sizeof k->hash);
    k->owner = owner;
    k->same_key = rill_map_get(&t->by_hash, key_of(hash));
    int rc = RILL_OK;
    if (k->same_key == NULL)
        rc = rill_map_put(&t->by_hash, key_of(hash), k);
    else if (!rill_map_replace(&t->by_hash, key_of(hash), k))
        rc = RILL_ERR_NOMEM;
    if (rc != RILL_OK) {
        rill_free(t->allocator, k);
        return rc;
    }
    k->next = t->all;
    t->all = k;
    return RILL_OK;
}

int rill_tokens_add_hash(rill_tokens *t, const uint8_t hash[RILL_SHA256_LEN], void *owner)
{
    const void *other = rill_tokens_find_hash(t, hash);
    if (other == NULL)
        return put(t, hash, owner);
    return other == owner ? RILL_OK : RILL_ERR_EXISTS;
}

int rill_tokens_add(rill_tokens *t, rill_bytes token, void *owner)
{
    uint8_t hash[RILL_SHA256_LEN];
    int rc = hash_of(t, token, hash);
    if (rc == RILL_OK)
        rc = rill_tokens_add_hash(t, hash, owner);
    rill_wipe(hash, sizeof hash);
    return rc;
}

void *rill_tokens_find(const rill_tokens *t, rill_bytes token)
{
    uint8_t hash[RILL_SHA256_LEN];
    void *owner = NULL;
    if (hash_of(t, token, hash) == RILL_OK)
        owner = rill_tokens_find_hash(t, hash);
    rill_wipe(hash, sizeof hash);
    return owner;
}

void rill_tokens_lost(const rill_tokens *before, const rill_tokens *now,
                      void (*lost)(void *user, void *owner), void *user)
{
    for (const struct known_token *k = before->all; k != NULL; k = k->next) {
        if (rill_tokens_find_hash(now, k->hash) != k->owner)
            lost(user, k->owner);
    }
}
