/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settlement in virtual time, between books whose store does what it is told and an engine that may
 * do anything: be away, take less, claim more, answer nonsense, forget accounts. The node dies
 * between any two steps.
 */
#ifndef RILL_TESTS_SETTLER_WORLD_H
#define RILL_TESTS_SETTLER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <rill/error.h>

#include "connector/settler.h"
#include "support/failing_memory.h"
#include <cmocka.h>

enum { BOB = 3, SCALE = 2, KEYS = 1000, ROWS = 1000 };

static const char url[] = "http://127.0.0.1:3000";
static const char other_url[] = "http://127.0.0.1:4000";

/* What is on the disk. */
typedef struct row {
    rill_settlement_kind kind;
    char key[RILL_SETTLE_KEY_MAX + 1];
    char engine[64];
    char amount[80];
    uint8_t scale;
    uint64_t at_ms;
} row;

static struct {
    rill_store store; /* first */
    const rill_store_batch *batch;
    row rows[ROWS];
    size_t count;
    rill_i128 booked[BOB + 1];
    uint64_t in, out, deposits, back; /* of its entries */
    unsigned notes;
    char tokens[256]; /* RILL_SETTING_ENGINE_TOKENS */
    char terms[256];  /* RILL_SETTING_ENGINE_TERMS */
    unsigned tokens_read;
    struct {
        char key[64];
        rill_entry_kind kind;
        uint64_t amount;
    } keys[KEYS]; /* of entries */
    size_t key_count;
} disk;

static rill_books books;
static rill_balance bob;
static rill_clerk clerk;
static rill_settler settler;
static rill_settling *account;
static rill_log quiet = {NULL, NULL, RILL_LOG_WARNING, NULL};
static rill_now now;
static unsigned soon_count;
static failing_memory memory;
static uint64_t seed;
static const char *terms_engine;
static uint64_t threshold, settle_to;
static uint8_t engine_scale;
static bool random_fails;

/* The call that is open. */
static struct {
    uint64_t id; /* 0: none */
    char method[8], engine[64], path[80], token[64], key[80], body[600];
    unsigned count;
    int refuse; /* what starting one returns */
} call;

static inline uint64_t draw(uint64_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % below;
}

/* ---- the disk ---- */

static inline void take(rill_store *s, const rill_store_batch *batch)
{
    (void)s;
    assert_null(disk.batch);
    disk.batch = batch;
}

static inline void nothing(rill_store *s)
{
    (void)s;
}

static const rill_store_ops disk_ops = {take, nothing, nothing, NULL};

static inline void keep_row(const rill_store_settlement *t)
{
    size_t i = 0;
    assert_int_equal(t->account, BOB);
    while (i < disk.count &&
           (disk.rows[i].kind != t->kind || strcmp(disk.rows[i].key, t->key) != 0))
        i++;
    if (t->gone) {
        if (i < disk.count)
            disk.rows[i] = disk.rows[--disk.count];
        return;
    }
    assert_in_range(i, 0, ROWS - 1);
    if (i == disk.count)
        disk.count++;
    row *r = &disk.rows[i];
    r->kind = t->kind;
    r->scale = t->scale;
    r->at_ms = t->at_ms;
    snprintf(r->key, sizeof r->key, "%s", t->key);
    snprintf(r->engine, sizeof r->engine, "%s", t->engine);
    snprintf(r->amount, sizeof r->amount, "%s", t->amount);
}

static inline void keep_batch(void)
{
    const rill_store_batch *b = disk.batch;
    for (size_t i = 0; i < b->balance_count; i++)
        disk.booked[b->balances[i].id] = b->balances[i].booked;
    for (size_t i = 0; i < b->settlement_count; i++)
        keep_row(&b->settlements[i]);
    for (size_t i = 0; i < b->entry_count; i++) {
        const rill_store_entry *e = &b->entries[i];
        disk.in += e->kind == RILL_ENTRY_SETTLED_IN ? e->amount : 0;
        disk.out += e->kind == RILL_ENTRY_SETTLED_OUT ? e->amount : 0;
        disk.deposits += e->kind == RILL_ENTRY_DEPOSIT ? e->amount : 0;
        disk.back += e->kind == RILL_ENTRY_SETTLED_BACK ? e->amount : 0;
        disk.notes += e->kind == RILL_ENTRY_CHANGE;
        if (e->key[0] == '\0')
            continue;
        assert_in_range(disk.key_count, 0, KEYS - 1);
        snprintf(disk.keys[disk.key_count].key, sizeof disk.keys->key, "%s", e->key);
        disk.keys[disk.key_count].kind = e->kind;
        disk.keys[disk.key_count++].amount = e->amount;
    }
    for (size_t i = 0; i < b->setting_count; i++) {
        bool terms = strcmp(b->settings[i].kind, RILL_SETTING_ENGINE_TERMS) == 0;
        if (!terms)
            assert_string_equal(b->settings[i].kind, RILL_SETTING_ENGINE_TOKENS);
        if (strcmp(b->settings[i].name, "3") != 0)
            continue; /* of another account of the name */
        snprintf(terms ? disk.terms : disk.tokens, sizeof disk.tokens, "%s", b->settings[i].value);
    }
}

static inline void written(void)
{
    if (disk.batch == NULL)
        return;
    keep_batch();
    disk.batch = NULL;
    rill_clerk_written(&clerk, RILL_OK, "", now.mono_ns);
}

static inline const row *find_row(rill_settlement_kind kind)
{
    for (size_t i = 0; i < disk.count; i++) {
        if (disk.rows[i].kind == kind)
            return &disk.rows[i];
    }
    return NULL;
}

/* ---- the node ---- */

static inline void on_kept(void *user, uint64_t group)
{
    (void)user;
    rill_settler_kept(&settler, group, now.mono_ns);
}

static inline void on_failing(void *user, const char *problem)
{
    (void)user;
    (void)problem;
}

static inline int on_call(void *user, const rill_engine_call *c)
{
    (void)user;
    assert_int_equal(call.id, 0);
    if (call.refuse != RILL_OK)
        return call.refuse;
    call.id = c->id;
    call.count++;
    snprintf(call.method, sizeof call.method, "%s", c->method);
    snprintf(call.engine, sizeof call.engine, "%s", c->engine);
    snprintf(call.path, sizeof call.path, "%s", c->path);
    snprintf(call.token, sizeof call.token, "%s", c->token == NULL ? "" : c->token);
    snprintf(call.key, sizeof call.key, "%s", c->key == NULL ? "" : c->key);
    snprintf(call.body, sizeof call.body, "%.*s", (int)c->body.len, (const char *)c->body.data);
    assert_true((c->type == NULL) == (c->body.len == 0));
    return RILL_OK;
}

static inline int on_random(void *user, uint8_t *out, size_t len)
{
    (void)user;
    if (random_fails)
        return RILL_ERR_CRYPTO;
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)draw(256);
    return RILL_OK;
}

static inline void on_soon(void *user)
{
    (void)user;
    soon_count++;
}

static const char *token_place; /* where tokens are read from; NULL: nowhere */

static inline void agree_for(rill_settling *a, const char *engine, const char *token, uint8_t scale)
{
    const rill_settler_wanted wanted = {engine,    token,     token == NULL ? NULL : token_place,
                                        threshold, settle_to, scale};
    assert_int_equal(rill_settler_prepare(&settler, a, &wanted), RILL_OK);
    rill_settler_agree(&settler, a, now);
}

static inline void agree(const char *engine, const char *token)
{
    agree_for(account, engine, token, engine_scale);
}

static inline const char *on_read_token(void *user, const char *where)
{
    (void)user;
    disk.tokens_read++;
    return strcmp(where, "file:gone") == 0 ? NULL : where + strlen("file:");
}

static inline void start(void)
{
    const rill_clerk_options c = {.allocator = &memory.allocator,
                                  .durability = RILL_DURABILITY_FULL,
                                  .kept = on_kept,
                                  .failing = on_failing,
                                  .seed = 5};
    const rill_settler_options o = {&memory.allocator, &clerk, on_call, on_random,
                                    on_soon,           &quiet, NULL,    9};
    rill_books_init(&books, &memory.allocator, 7);
    rill_balance_init(&bob, BOB, 0, disk.booked[BOB]);
    rill_clerk_init(&clerk, &books, &c);
    rill_clerk_begin(&clerk, &disk.store, 0);
    assert_int_equal(rill_books_add_asset(&books, 1, disk.booked[1], 2, disk.booked[2]), RILL_OK);
    rill_settler_init(&settler, &o);
    for (size_t i = 0; i < disk.count; i++) {
        const row *r = &disk.rows[i];
        const rill_store_settlement t = {.account = BOB,
                                         .kind = r->kind,
                                         .key = r->key,
                                         .engine = r->engine,
                                         .amount = r->amount,
                                         .scale = r->scale,
                                         .at_ms = r->at_ms};
        assert_int_equal(rill_settler_know(&settler, &t, now.mono_ns), RILL_OK);
    }
    for (size_t i = 0; i < disk.key_count; i++)
        assert_int_equal(rill_clerk_know_key(&clerk, BOB, disk.keys[i].key, disk.keys[i].kind,
                                             disk.keys[i].amount),
                         RILL_OK);
    const rill_store_setting tokens = {RILL_SETTING_ENGINE_TOKENS, "3", disk.tokens};
    if (disk.tokens[0] != '\0')
        assert_int_equal(rill_settler_know_tokens(&settler, &tokens, on_read_token, NULL), RILL_OK);
    const rill_store_setting terms = {RILL_SETTING_ENGINE_TERMS, "3", disk.terms};
    if (disk.terms[0] != '\0')
        assert_int_equal(rill_settler_know_terms(&settler, &terms), RILL_OK);
    assert_int_equal(rill_settler_attach(&account, &settler, BOB, "bob", SCALE, &bob), RILL_OK);
    if (terms_engine != NULL)
        agree(terms_engine, NULL);
}

static inline void stop(void)
{
    rill_settler_clear(&settler);
    rill_clerk_clear(&clerk);
    rill_books_clear(&books);
    memset(&call, 0, sizeof call);
    disk.batch = NULL;
}

/* The process is killed, and starts again. What the disk was at, it may have done. */
static inline void die(bool batch_is_kept)
{
    if (disk.batch != NULL && batch_is_kept)
        keep_batch();
    stop();
    now.mono_ns = RILL_SECOND; /* another boot */
    start();
}

static inline void turn(void)
{
    rill_settler_turn(&settler, now);
    rill_clerk_turn(&clerk, now.mono_ns);
}

/* What is on its way to the disk is there, and what waited for it goes on. */
static inline void keep_all(void)
{
    for (unsigned i = 0; i < 3; i++) {
        turn();
        written();
    }
    turn();
}

static inline int set_up(void **state)
{
    (void)state;
    memset(&disk, 0, sizeof disk);
    memset(&call, 0, sizeof call);
    disk.store.ops = &disk_ops;
    failing_memory_init(&memory, 0, 0);
    random_fails = false;
    seed = 1;
    now = (rill_now){RILL_SECOND, UINT64_C(1790000000000)};
    terms_engine = url;
    threshold = 1000;
    settle_to = 100;
    engine_scale = SCALE;
    token_place = NULL;
    start();
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    stop();
    assert_int_equal(memory.blocks, 0);
    failing_memory_end(&memory);
    return 0;
}

static inline void enter(rill_entry_kind kind, uint64_t amount)
{
    const rill_store_entry e = {
        .at_ms = now.wall_ms, .kind = kind, .amount = amount, .who = "x", .note = "", .key = ""};
    uint64_t group;
    assert_int_equal(rill_clerk_enter(&clerk, &bob, &e, &group), RILL_OK);
}

/* We owe bob so much more. */
static inline void owe(uint64_t amount)
{
    enter(RILL_ENTRY_DEPOSIT, amount);
    rill_settler_look(&settler, account, now);
}

static inline void answer(unsigned status, const char *body)
{
    const rill_engine_answer a = {
        status, status == 0 ? "nobody is there" : "", {(const uint8_t *)body, strlen(body)}};
    uint64_t id = call.id;
    assert_int_not_equal(id, 0);
    call.id = 0;
    rill_settler_answered(&settler, account, id, &a, now);
}

static inline void booked(int64_t value)
{
    assert_true(rill_wide_equal(
        bob.booked, rill_wide_signed(rill_wide_of(value < 0 ? UINT64_MAX : 0, (uint64_t)value))));
}

static inline void pass(uint64_t ns)
{
    now.mono_ns += ns;
    now.wall_ms += ns / RILL_MS;
}

/* The account is known to its engine, and nothing is outstanding. */
static inline void introduce(void)
{
    turn();
    assert_string_equal(call.method, "POST");
    assert_string_equal(call.engine, url);
    assert_string_equal(call.path, "/accounts");
    assert_string_equal(call.body, "{\"id\":\"bob\"}");
    assert_string_equal(call.key, "");
    answer(201, "");
    turn();
    written();
    assert_int_equal(call.id, 0);
}

/* A settlement of so many units is asked for. */
static inline void is_asked(const char *quantity)
{
    assert_int_not_equal(call.id, 0);
    assert_string_equal(call.method, "POST");
    assert_string_equal(call.path, "/accounts/bob/settlements");
    assert_string_equal(call.body, quantity);
    assert_int_equal(strlen(call.key), RILL_SETTLE_KEY);
}

/* An engine tells what was paid; an operator says how something ended. */
static inline int credit(const char *key, const char *amount, unsigned scale, uint64_t *group)
{
    rill_quantity q;
    assert_int_equal(rill_quantity_of(&q, amount, strlen(amount), scale), RILL_OK);
    return rill_settler_credit(&settler, account, key, &q, now, group);
}

static inline int say(const char *key, bool paid, uint64_t *group)
{
    const rill_settler_word word = {key, paid, "maria", "a letter"};
    return rill_settler_end(&settler, account, &bob, &word, now, group);
}

#endif
