/* SPDX-License-Identifier: Apache-2.0 */
#include "http/bearer.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/secret.h"

typedef struct bearer {
    uint8_t hash[RILL_BEARER_HASH];
    uint64_t account;
    struct bearer *next;
} bearer;

void rill_bearers_init(rill_bearers *b, const rill_allocator *allocator, rill_bearer_hash hash,
                       void *user, uint64_t seed)
{
    *b = (rill_bearers){.allocator = allocator, .hash = hash, .user = user};
    rill_map_init(&b->by_hash, allocator, seed);
}

void rill_bearers_clear(rill_bearers *b)
{
    size_t cursor = 0;
    uint64_t key;
    void *value;
    while (rill_map_next(&b->by_hash, &cursor, &key, &value))
        for (bearer *t = value, *next; t != NULL; t = next) {
            next = t->next;
            rill_free(b->allocator, t);
        }
    rill_map_clear(&b->by_hash);
}

/* What RFC 6750 takes for one, and whatever else can stand in a field without a blank. */
static bool is_token(rill_bytes token)
{
    for (size_t i = 0; i < token.len; i++)
        if (token.data[i] <= ' ' || token.data[i] >= 0x7f)
            return false;
    return token.len != 0 && token.len <= RILL_BEARER_MAX;
}

static uint64_t key_of(const uint8_t hash[RILL_BEARER_HASH])
{
    return rill_load_u64(hash);
}

/* All of those that begin alike are compared, in full. */
static bearer *find(const rill_bearers *b, const uint8_t hash[RILL_BEARER_HASH])
{
    bearer *found = NULL;
    for (bearer *t = rill_map_get(&b->by_hash, key_of(hash)); t != NULL; t = t->next)
        if (rill_same_ct(t->hash, hash, RILL_BEARER_HASH))
            found = t;
    return found;
}

int rill_bearers_add(rill_bearers *b, rill_bytes token, uint64_t account,
                     uint8_t id[RILL_BEARER_HASH])
{
    uint8_t hash[RILL_BEARER_HASH];
    if (!is_token(token))
        return RILL_ERR_INVALID;
    int error = b->hash(b->user, token, hash);
    if (error != RILL_OK)
        return error;
    if (find(b, hash) != NULL)
        return RILL_ERR_EXISTS;
    bearer *t = rill_alloc(b->allocator, sizeof *t);
    if (t == NULL)
        return RILL_ERR_NOMEM;
    memcpy(t->hash, hash, sizeof hash);
    if (id != NULL)
        memcpy(id, hash, sizeof hash);
    t->account = account;
    t->next = rill_map_get(&b->by_hash, key_of(hash));
    if (t->next != NULL)
        return rill_map_replace(&b->by_hash, key_of(hash), t) ? RILL_OK : RILL_ERR_STATE;
    error = rill_map_put(&b->by_hash, key_of(hash), t);
    if (error != RILL_OK)
        rill_free(b->allocator, t);
    return error;
}

void rill_bearers_drop(rill_bearers *b, const uint8_t id[RILL_BEARER_HASH])
{
    uint64_t key = key_of(id);
    bearer *t = find(b, id);
    bearer *first = rill_map_get(&b->by_hash, key);
    assert(t != NULL && first != NULL);
    if (first == t) {
        bool had = t->next == NULL ? rill_map_remove(&b->by_hash, key) != NULL
                                   : rill_map_replace(&b->by_hash, key, t->next);
        assert(had);
        (void)had;
    } else {
        while (first->next != t)
            first = first->next;
        first->next = t->next;
    }
    rill_free(b->allocator, t);
}

int rill_bearers_remove(rill_bearers *b, rill_bytes token)
{
    uint8_t hash[RILL_BEARER_HASH];
    if (!is_token(token))
        return RILL_ERR_NOT_FOUND;
    int error = b->hash(b->user, token, hash);
    if (error != RILL_OK)
        return error;
    if (find(b, hash) == NULL)
        return RILL_ERR_NOT_FOUND;
    rill_bearers_drop(b, hash);
    return RILL_OK;
}

int rill_bearers_find(const rill_bearers *b, rill_bytes token, uint64_t *account)
{
    uint8_t hash[RILL_BEARER_HASH];
    if (!is_token(token))
        return RILL_ERR_AUTH;
    int error = b->hash(b->user, token, hash);
    if (error != RILL_OK)
        return error;
    const bearer *t = find(b, hash);
    if (t == NULL)
        return RILL_ERR_AUTH;
    *account = t->account;
    return RILL_OK;
}

int rill_bearer_parse(rill_bytes value, rill_bytes *token)
{
    static const char scheme[] = "bearer ";
    size_t len = strlen(scheme);
    if (value.len <= len)
        return RILL_ERR_AUTH;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = value.data[i];
        if ((c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c) != (uint8_t)scheme[i])
            return RILL_ERR_AUTH;
    }
    rill_bytes rest = {value.data + len, value.len - len};
    if (!is_token(rest))
        return RILL_ERR_AUTH;
    *token = rest;
    return RILL_OK;
}
