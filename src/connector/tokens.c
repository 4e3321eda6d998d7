/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/tokens.h"

#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "base/names.h"

/* There may be 100,000. */
struct known_token {
    uint8_t hash[RILL_SHA256_LEN];
    void *owner;
};

enum { FIRST_ROOM = 4 };

void rill_tokens_init(rill_tokens *t, const rill_allocator *allocator, rill_crypto *crypto,
                      uint64_t seed)
{
    *t = (rill_tokens){.allocator = allocator, .crypto = crypto, .seed = seed};
}

static void wipe(const rill_tokens *t, struct known_token *all)
{
    if (all != NULL)
        rill_wipe(all, t->count * sizeof *all);
    rill_free(t->allocator, all);
}

void rill_tokens_clear(rill_tokens *t)
{
    wipe(t, t->all);
    rill_free(t->allocator, t->slots);
    rill_tokens_init(t, t->allocator, t->crypto, t->seed);
}

static int hash_of(const rill_tokens *t, rill_bytes token, uint8_t hash[RILL_SHA256_LEN])
{
    if (token.len == 0 || token.len > RILL_TOKEN_MAX)
        return RILL_ERR_INVALID;
    return rill_crypto_sha256(t->crypto, token.data, token.len, hash);
}

/*
 * Where the search for it begins. Nobody outside knows which tokens begin at the same place, also
 * where somebody chooses their hashes: those of many may begin alike.
 */
static size_t place_of(const rill_tokens *t, const uint8_t hash[RILL_SHA256_LEN])
{
    const uint64_t key[2] = {t->seed, ~t->seed};
    return (size_t)rill_siphash(key, hash, RILL_SHA256_LEN) & (t->slot_count - 1);
}

/* All that may be it are compared, whole: so the time says nothing of what is right. */
void *rill_tokens_find_hash(const rill_tokens *t, const uint8_t hash[RILL_SHA256_LEN])
{
    void *owner = NULL;
    if (t->count == 0)
        return NULL;
    for (size_t i = place_of(t, hash); t->slots[i] != 0; i = (i + 1) & (t->slot_count - 1)) {
        const struct known_token *k = &t->all[t->slots[i] - 1];
        if (rill_equal_ct(k->hash, hash, RILL_SHA256_LEN))
            owner = k->owner;
    }
    return owner;
}

/* ---- adding ---- */

static void fill_slot(const rill_tokens *t, size_t index)
{
    size_t i = place_of(t, t->all[index].hash);
    while (t->slots[i] != 0)
        i = (i + 1) & (t->slot_count - 1);
    t->slots[i] = (uint32_t)index + 1;
}

/* For one more. */
static int make_slots(rill_tokens *t)
{
    if (2 * (t->count + 1) <= t->slot_count)
        return RILL_OK;
    size_t count = t->slot_count == 0 ? (size_t)2 * FIRST_ROOM : 2 * t->slot_count;
    uint32_t *slots =
        count / 2 > UINT32_MAX ? NULL : rill_calloc(t->allocator, count, sizeof *slots);
    if (slots == NULL)
        return RILL_ERR_NOMEM;
    rill_free(t->allocator, t->slots);
    t->slots = slots;
    t->slot_count = count;
    for (size_t i = 0; i < t->count; i++)
        fill_slot(t, i);
    return RILL_OK;
}

/* The same. Not by realloc, which leaves behind what it moves. */
static int make_room(rill_tokens *t)
{
    if (t->count < t->room)
        return RILL_OK;
    size_t room = t->room == 0 ? FIRST_ROOM : 2 * t->room;
    struct known_token *all = rill_alloc(t->allocator, room * sizeof *all);
    if (all == NULL)
        return RILL_ERR_NOMEM;
    if (t->count > 0)
        memcpy(all, t->all, t->count * sizeof *all);
    wipe(t, t->all);
    t->all = all;
    t->room = room;
    return RILL_OK;
}

static int put(rill_tokens *t, const uint8_t hash[RILL_SHA256_LEN], void *owner)
{
    int rc = make_room(t);
    if (rc == RILL_OK)
        rc = make_slots(t);
    if (rc != RILL_OK)
        return rc;
    memcpy(t->all[t->count].hash, hash, RILL_SHA256_LEN);
    t->all[t->count].owner = owner;
    fill_slot(t, t->count++);
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
    for (size_t i = 0; i < before->count; i++) {
        const struct known_token *k = &before->all[i];
        if (rill_tokens_find_hash(now, k->hash) != k->owner)
            lost(user, k->owner);
    }
}

void rill_tokens_each(const rill_tokens *t,
                      void (*each)(void *user, const uint8_t hash[RILL_SHA256_LEN],
                                   const void *owner),
                      void *user)
{
    for (size_t i = 0; i < t->count; i++)
        each(user, t->all[i].hash, t->all[i].owner);
}
