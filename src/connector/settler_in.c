/* SPDX-License-Identifier: Apache-2.0 */
/* What engines tell: booked once for each key. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "connector/settler_impl.h"

enum { HOUR_MS = 3600 * 1000 };

/* A settlement that an engine has told. */
typedef struct told_key {
    rill_list linked; /* rill_settling.keys */
    struct told_key *same_hash;
    rill_balance_id account;
    uint64_t used_ms;  /* last */
    uint64_t used_ns;  /* the same, by the monotonic clock; since this node began */
    uint64_t saved_ms; /* as the store has it */
    uint64_t group;    /* that it is booked in; 0: of an earlier run */
    uint8_t scale;
    const char *amount; /* behind the key */
    char key[];
} told_key;

/* FNV-1a; engines are trusted to settle, and equal hashes only cost a comparison. */
static uint64_t hash_of(rill_balance_id account, const char *key)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ account;
    for (; *key != '\0'; key++)
        hash = (hash ^ (uint8_t)*key) * UINT64_C(1099511628211);
    return hash;
}

static told_key *find_key(const rill_settler *s, const rill_settling *a, const char *key)
{
    told_key *k = rill_map_get(&s->by_key, hash_of(a->id, key));
    while (k != NULL && (k->account != a->id || strcmp(k->key, key) != 0))
        k = k->same_hash;
    return k;
}

static int add_key(rill_settler *s, rill_settling *a, const char *key, const char *amount,
                   uint8_t scale, rill_now used, told_key **out)
{
    size_t key_size = strlen(key) + 1;
    size_t amount_size = strlen(amount) + 1;
    uint64_t hash = hash_of(a->id, key);
    told_key *k = rill_calloc(s->options.allocator, 1, sizeof *k + key_size + amount_size);
    if (k == NULL)
        return RILL_ERR_NOMEM;
    memcpy(k->key, key, key_size);
    memcpy(k->key + key_size, amount, amount_size);
    k->amount = k->key + key_size;
    k->scale = scale;
    k->account = a->id;
    k->used_ms = k->saved_ms = used.wall_ms;
    k->used_ns = used.mono_ns;
    k->same_hash = rill_map_get(&s->by_key, hash);
    if (k->same_hash != NULL) {
        bool there = rill_map_replace(&s->by_key, hash, k);
        assert(there);
        (void)there;
    } else if (rill_map_put(&s->by_key, hash, k) != RILL_OK) {
        rill_free(s->options.allocator, k);
        return RILL_ERR_NOMEM;
    }
    rill_list_push_back(&a->keys, &k->linked);
    a->key_count++;
    *out = k;
    return RILL_OK;
}

static void drop_key(rill_settler *s, rill_settling *a, told_key *k)
{
    uint64_t hash = hash_of(a->id, k->key);
    told_key *first = rill_map_get(&s->by_key, hash);
    if (first == k && k->same_hash == NULL) {
        rill_map_remove(&s->by_key, hash);
    } else if (first == k) {
        rill_map_replace(&s->by_key, hash, k->same_hash);
    } else {
        while (first->same_hash != k)
            first = first->same_hash;
        first->same_hash = k->same_hash;
    }
    rill_list_remove(&k->linked);
    a->key_count--;
    rill_free(s->options.allocator, k);
}

int rill_settler_know_in(rill_settler *s, rill_settling *a, const rill_store_settlement *row,
                         uint64_t mono_ns)
{
    told_key *k;
    const rill_now used = {mono_ns, row->at_ms};
    return add_key(s, a, row->key, row->amount, row->scale, used, &k);
}

void rill_settler_clear_in(rill_settler *s, rill_settling *a)
{
    while (!rill_list_empty(&a->keys)) {
        told_key *k = RILL_CONTAINER(a->keys.next, told_key, linked);
        rill_list_remove(&k->linked);
        rill_free(s->options.allocator, k);
    }
}

/* The store learns of it once an hour: that is less than what is kept. */
static void set_used(rill_settler *s, const rill_settling *a, told_key *k, uint64_t wall_ms)
{
    uint64_t off = wall_ms > k->saved_ms ? wall_ms - k->saved_ms : k->saved_ms - wall_ms;
    k->used_ms = wall_ms;
    if (off < HOUR_MS)
        return;
    if (rill_settler_put_in(s, a, k->key, k->amount, k->scale, wall_ms, false) == RILL_OK)
        k->saved_ms = wall_ms;
    s->options.soon(s->options.user);
}

/* It was shown again. */
static void use_key(rill_settler *s, rill_settling *a, told_key *k, rill_now now)
{
    k->used_ns = now.mono_ns;
    rill_list_remove(&k->linked);
    rill_list_push_back(&a->keys, &k->linked);
    set_used(s, a, k, now.wall_ms);
}

/*
 * By both clocks: the wall clock may be, or may have been, wrong. Where there is no room for
 * another one the wall clock alone counts, since the other one begins anew with the process.
 */
static bool is_old(const rill_settling *a, const told_key *k, rill_now now)
{
    bool full = a->key_count >= RILL_SETTLE_KEYS;
    return (full || rill_sub_sat(now.mono_ns, k->used_ns) > RILL_SETTLE_KEEP_MS * RILL_MS) &&
           rill_sub_sat(now.wall_ms, k->used_ms) > RILL_SETTLE_KEEP_MS;
}

/* Those that nobody has used for so long. What cannot be written stays. */
static void drop_old_keys(rill_settler *s, rill_settling *a, rill_now now)
{
    while (!rill_list_empty(&a->keys)) {
        told_key *k = RILL_CONTAINER(a->keys.next, told_key, linked);
        if (k->used_ms > now.wall_ms)
            set_used(s, a, k, now.wall_ms); /* nobody has used it in the future */
        if (!is_old(a, k, now) || rill_settler_put_in(s, a, k->key, "", 0, 0, true) != RILL_OK)
            return;
        drop_key(s, a, k);
    }
}

/*
 * An account whose asset has changed is another one, but not to its engine, which may still tell it
 * what it has told the one before. *owner: whose the key is.
 */
static told_key *find_told(const rill_settler *s, rill_settling *a, const char *key,
                           rill_settling **owner)
{
    told_key *k = find_key(s, a, key);
    *owner = a;
    for (const rill_list *at = s->all.next; k == NULL && at != &s->all; at = at->next) {
        rill_settling *other = RILL_CONTAINER(at, rill_settling, linked);
        if (other->name == NULL || strcmp(other->name, a->name) != 0)
            continue;
        k = find_key(s, other, key);
        *owner = other;
    }
    return k;
}

/* All of it in one batch, or nothing. */
static int write_told(const rill_settler *s, const rill_settling *a, const told_key *k,
                      const rill_exact *total, uint64_t *group)
{
    rill_clerk *clerk = s->options.clerk;
    const rill_clerk_mark mark = rill_clerk_mark_settlements(clerk);
    const rill_exact left = {.part = total->part, .digits = total->digits};
    char who[RILL_ENGINE_MAX + 20];
    char what[RILL_ENTRY_TEXT_MAX + 1];
    (void)snprintf(who, sizeof who, "engine %s", a->terms.engine->url);
    (void)snprintf(what, sizeof what, "told %.40s/%u, key %.160s", k->amount, (unsigned)k->scale,
                   k->key);
    const rill_store_entry entry = {
        .at_ms = k->used_ms,
        .kind = RILL_ENTRY_SETTLED_IN,
        .amount = total->units,
        .who = who,
        .note = what,
        .key = "",
    };
    int rc = rill_settler_put_in(s, a, k->key, k->amount, k->scale, k->used_ms, false);
    if (rc == RILL_OK)
        rc = rill_settler_put_left(s, a, RILL_SETTLEMENT_LEFT_IN, &left);
    if (rc == RILL_OK)
        rc = rill_clerk_enter(clerk, a->balance, &entry, group);
    if (rc != RILL_OK)
        rill_clerk_unput_settlements(clerk, mark);
    return rc;
}

int rill_settler_credit(rill_settler *s, rill_settling *a, const char *key,
                        const rill_quantity *quantity, rill_now now, uint64_t *group)
{
    rill_exact amount;
    rill_exact total;
    rill_settling *owner;
    told_key *k = find_told(s, a, key, &owner);
    *group = 0;
    if (k != NULL) {
        use_key(s, owner, k, now);
        *group = k->group;
        return k->scale == quantity->scale && strcmp(k->amount, quantity->amount) == 0
                   ? RILL_ERR_EXISTS
                   : RILL_ERR_STATE;
    }
    int rc = rill_exact_of(&amount, quantity, a->scale);
    if (rc == RILL_OK)
        rc = rill_exact_add(&total, &a->left_in, &amount);
    if (rc != RILL_OK)
        return rc;
    drop_old_keys(s, a, now);
    if (a->key_count >= RILL_SETTLE_KEYS)
        return RILL_ERR_LIMIT;
    rc = add_key(s, a, key, quantity->amount, quantity->scale, now, &k);
    if (rc != RILL_OK)
        return rc;
    rc = write_told(s, a, k, &total, group);
    if (rc != RILL_OK) {
        drop_key(s, a, k);
        return rc;
    }
    k->group = *group;
    a->left_in = (rill_exact){.part = total.part, .digits = total.digits};
    a->units_in = rill_add_sat(a->units_in, total.units);
    s->options.soon(s->options.user);
    rill_log_account_line(s->options.log, RILL_LOG_INFO, a->name,
                          "the engine has told a settlement of %s/%u: %" PRIu64 " units", k->amount,
                          (unsigned)k->scale, total.units);
    return RILL_OK;
}
