/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connector, its neighbours and their settlement engines (RFC 38): what engines ask, messages in
 * both directions, and what a packet sets off. In virtual time; engines are functions.
 *
 * Over 600 lines: all of it needs the same connector, its neighbours and their engines.
 */
#define _POSIX_C_SOURCE 200809L

#include "node_world.h"

#include <stdlib.h>

#include "connector/core_engines.h"
#include "ilp/peer.h"
#include "support/failing_memory.h"

static struct {
    rill_store store; /* first */
    const rill_store_batch *batch;
} disk;
static rill_core *core;
static rill_arena arenas[2];
static rill_config configs[2];
static rill_config config; /* as the owner has it */
static rill_crypto *crypto;
static rill_now now;
static fake alice, bob;
static unsigned soon_count;
static char first_problem[300];
static char last_line[400]; /* of the log */

/* What engines were asked. */
static struct {
    uint64_t id;
    char text[200]; /* METHOD ENGINE PATH */
    uint8_t body[200];
    size_t len;
    bool keyed;
} calls[16];
static size_t call_count;
static int call_result;

static struct {
    uint64_t id;
    unsigned status;
    char data[200];
} told;
static unsigned told_count;

#define EXAMPLE(more)                                                                              \
    "address: g.x\nstore: {path: b}\naccounts:\n"                                                  \
    "  alice: {relation: child, asset: USD/2, tokens: env:ALICE, credit: 100000}\n"                \
    "  bob: {relation: peer, asset: USD/2, tokens: env:BOB, receive-routes: false, " more "}\n"    \
    "routes: [{prefix: g.bob, account: bob}]\n"
#define ENGINE "settlement: {engine: 'http://localhost:1', threshold: 1000, settle-to: 100}"

static failing_memory memory;

static void take(rill_store *s, const rill_store_batch *batch)
{
    (void)s;
    assert_null(disk.batch);
    disk.batch = batch;
}

static void nothing(rill_store *s)
{
    (void)s;
}

static const rill_store_ops disk_ops = {take, nothing, nothing, NULL};

static rill_now core_now(void *user)
{
    (void)user;
    return now;
}

static void core_wake(void *user, uint64_t deadline)
{
    (void)user;
    (void)deadline;
}

static void core_drained(void *user)
{
    (void)user;
}

static void core_soon(void *user)
{
    (void)user;
    soon_count++;
}

static int core_secret(void *user, const char *where, char *out, size_t cap)
{
    (void)user;
    if (strcmp(where, "env:NONE") == 0)
        return RILL_ERR_NOT_FOUND;
    snprintf(out, cap, "%s", where + 4);
    return RILL_OK;
}

static int core_engine(void *user, const rill_engine_call *c)
{
    (void)user;
    if (call_result != RILL_OK)
        return call_result;
    assert_in_range(call_count, 0, 15);
    calls[call_count].id = c->id;
    snprintf(calls[call_count].text, sizeof calls[0].text, "%s %s %s", c->method, c->engine,
             c->path);
    assert_in_range(c->body.len, 0, sizeof calls[0].body);
    memcpy(calls[call_count].body, c->body.data, c->body.len);
    calls[call_count].len = c->body.len;
    calls[call_count].keyed = c->key != NULL;
    call_count++;
    return RILL_OK;
}

static void core_messaged(void *user, uint64_t message, unsigned status, rill_bytes data)
{
    (void)user;
    told.id = message;
    told.status = status;
    snprintf(told.data, sizeof told.data, "%.*s", (int)data.len, (const char *)data.data);
    told_count++;
}

static void report(void *user, rill_place place, const char *problem)
{
    (void)user;
    (void)place;
    if (first_problem[0] == '\0')
        snprintf(first_problem, sizeof first_problem, "%s", problem);
}

static void turn(void)
{
    for (unsigned i = 0; i < 3; i++) {
        rill_core_turn(core);
        if (disk.batch != NULL) {
            disk.batch = NULL;
            rill_core_written(core, RILL_OK, "");
        }
    }
    rill_core_turn(core);
}

static void come(fake *f, const char *name, const char *token)
{
    const rill_link_handlers *handlers = NULL;
    memset(f, 0, sizeof *f);
    f->link.ops = &fake_ops;
    assert_int_equal(
        rill_core_admit(&handlers, &f->link.user, core, &f->link, text(name), text(token)),
        RILL_OK);
    f->link.on = *handlers;
    f->link.on.up(&f->link, f->link.user);
}

static void core_line(void *user, rill_log_level level, const char *line)
{
    (void)user;
    (void)level;
    snprintf(last_line, sizeof last_line, "%s", line);
}

static void make(const char *yaml)
{
    const char *problem = NULL;
    memset(&disk, 0, sizeof disk);
    disk.store.ops = &disk_ops;
    now = (rill_now){RILL_SECOND, WALL};
    call_count = told_count = 0;
    call_result = RILL_OK;
    failing_memory_init(&memory, 0, 0);
    first_problem[0] = last_line[0] = '\0';
    crypto = rill_crypto_new(rill_allocator_default());
    rill_arena_init(&arenas[0], rill_allocator_default());
    rill_arena_init(&arenas[1], rill_allocator_default());
    assert_int_equal(rill_config_read(&configs[0], &arenas[0], yaml, strlen(yaml), report, NULL),
                     RILL_OK);
    config = configs[0];
    const rill_core_options o = {
        .allocator = &memory.allocator,
        .config = &config,
        .crypto = crypto,
        .now = core_now,
        .wake = core_wake,
        .drained = core_drained,
        .soon = core_soon,
        .engine = core_engine,
        .messaged = core_messaged,
        .secret = core_secret,
        .log = {core_line, NULL, RILL_LOG_WARNING, NULL},
    };
    assert_int_equal(rill_core_new(&core, &o, &problem), RILL_OK);
}

static int begin(const char *yaml)
{
    make(yaml);
    return rill_core_begin(core, &disk.store, report, NULL);
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(begin(EXAMPLE(ENGINE)), RILL_OK);
    turn();
    come(&alice, "alice", "ALICE");
    come(&bob, "bob", "BOB");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    disconnect(&alice);
    disconnect(&bob);
    if (rill_core_hub(core) != NULL)
        rill_hub_abandon(rill_core_hub(core));
    rill_core_free(core);
    rill_arena_clear(&arenas[0]);
    rill_arena_clear(&arenas[1]);
    rill_crypto_free(crypto);
    assert_int_equal(memory.blocks, 0);
    failing_memory_end(&memory);
    return 0;
}

/* ---- engines ---- */

static void engine_answers(size_t call, unsigned status, const char *body)
{
    const rill_engine_answer a = {status, status == 0 ? "away" : "", text(body)};
    rill_core_engine_answered(core, calls[call].id, &a);
}

static rill_engine_reply asks(const char *method, const char *path, const char *key,
                              const char *body)
{
    rill_engine_reply r;
    const rill_engine_request q = {text(method), text(path), text(key), text(body), true, NULL};
    rill_core_engine_ask(core, &q, &r);
    return r;
}

static void refused(const char *method, const char *path, const char *key, const char *body,
                    unsigned status)
{
    rill_engine_reply r = asks(method, path, key, body);
    assert_int_equal(r.status, status);
    assert_int_equal(r.group, 0);
    assert_int_equal(r.message, 0);
}

static const rill_holder_account *bobs(void)
{
    return rill_core_find(core, text("bob"));
}

static void booked(int64_t value)
{
    rill_i128 want = rill_wide_signed(rill_wide_of(value < 0 ? UINT64_MAX : 0, (uint64_t)value));
    assert_true(rill_wide_equal(bobs()->balance.booked, want));
}

/* Packets to bob make us owe him; that is settled down to what was agreed. */
static void test_a_packet_sets_it_off(void **state)
{
    (void)state;
    assert_int_equal(call_count, 1);
    assert_string_equal(calls[0].text, "POST http://localhost:1 /accounts");
    engine_answers(0, 201, "");
    for (uint64_t i = 1; i <= 3; i++) {
        rill_prepare p = prepare_to("g.bob.x");
        p.amount = 400;
        ask(&alice, i, &p);
        fulfill(&bob, fulfillment);
        booked(i < 3 ? (int64_t)i * 400 : 100);
    }
    assert_true(rill_core_is_even(core));
    turn();
    assert_int_equal(call_count, 2);
    assert_string_equal(calls[1].text, "POST http://localhost:1 /accounts/bob/settlements");
    assert_true(calls[1].keyed);
    assert_memory_equal(calls[1].body, "{\"amount\":\"1100\",\"scale\":2}", calls[1].len);
    engine_answers(1, 201, "");
    turn();
    assert_int_equal(call_count, 2);
    assert_int_equal(bobs()->settling->units_out, 1100);
}

static void test_what_an_engine_tells(void **state)
{
    (void)state;
    static const char good[] = "{\"amount\":\"25055\",\"scale\":4}";
    rill_engine_reply r = asks("POST", "/accounts/bob/settlements", "k", good);
    assert_int_equal(r.status, 201);
    assert_string_equal(r.body, good); /* all of it is ours to keep */
    assert_false(rill_core_has_kept(core, r.group));
    booked(250);
    assert_true(rill_core_is_even(core));
    rill_engine_reply again = asks("POST", "/accounts/bob/settlements", "k", good);
    assert_int_equal(again.status, 201);
    assert_int_equal(again.group, r.group);
    booked(250);
    turn();
    assert_true(rill_core_has_kept(core, r.group));
    refused("POST", "/accounts/bob/settlements", "k", "{\"amount\":\"25056\",\"scale\":4}", 409);
    refused("POST", "/accounts/bob/settlements", "", good, 400);
    refused("POST", "/accounts/bob/settlements", "a b", good, 400);
    refused("POST", "/accounts/bob/settlements", "k2", "", 400);
    refused("POST", "/accounts/bob/settlements", "k2", "{\"amount\":1,\"scale\":2}", 400);
    refused("POST", "/accounts/bob/settlements", "k2",
            "{\"amount\":\"99999999999999999999\",\"scale\":2}", 400);
    refused("GET", "/accounts/bob/settlements", "k2", good, 405);
    refused("POST", "/accounts/bob/settlement", "k2", good, 404);
    refused("POST", "/accounts/bob", "k2", good, 404);
    refused("POST", "/accounts/", "k2", good, 404);
    refused("POST", "/", "k2", good, 404);
    refused("POST", "/accounts/alice/settlements", "k2", good, 404); /* she has no engine */
    refused("POST", "/accounts/carol/settlements", "k2", good, 404);
    booked(250);
}

static void test_who_may_ask(void **state)
{
    (void)state;
    rill_engine_reply r;
    const rill_engine_request q = {text("POST"), text("/accounts/bob/settlements"),
                                   text("k"),    text("{\"amount\":\"1\",\"scale\":2}"),
                                   false,        NULL};
    rill_core_engine_ask(core, &q, &r);
    assert_int_equal(r.status, 401);
    booked(0);
}

/* A prepaid account: what it has paid it may send. */
static void test_prepaid(void **state)
{
    (void)state;
    rill_prepare p = prepare_to("g.x.alice.y");
    p.amount = 50;
    ask(&bob, 1, &p);
    (void)rejected(&bob, 1, "T04");
    assert_int_equal(
        asks("POST", "/accounts/bob/settlements", "k", "{\"amount\":\"50\",\"scale\":2}").status,
        201);
    ask(&bob, 2, &p);
    assert_int_equal(last_sent(&alice).amount, 50);
}

/* ---- messages ---- */

static const uint8_t of_the_rfc[32] = {
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};

static void says(fake *from, uint64_t request, const uint8_t *condition, uint64_t amount,
                 const char *data)
{
    const rill_prepare p = {.amount = amount,
                            .expires_at_ms = now.wall_ms + 10000,
                            .condition = condition,
                            .destination = text("peer.settle"),
                            .data = text(data)};
    ask(from, request, &p);
}

static rill_fulfill got(const fake *f, uint64_t request)
{
    rill_fulfill out;
    const kept *k = answer_to(f, request);
    assert_non_null(k);
    assert_int_equal(rill_fulfill_decode(&out, k->packet, k->len), RILL_OK);
    return out;
}

static void test_a_neighbours_message(void **state)
{
    (void)state;
    static const uint8_t zeros[32] = {0};
    const uint8_t *conditions[] = {rill_peer_condition, of_the_rfc};
    for (unsigned i = 0; i < 2; i++) {
        says(&bob, i, conditions[i], 0, "hello");
        assert_null(answer_to(&bob, i));
        assert_string_equal(calls[1 + i].text, "POST http://localhost:1 /accounts/bob/messages");
        assert_memory_equal(calls[1 + i].body, "hello", 5);
        assert_false(calls[1 + i].keyed);
        engine_answers(1 + i, 201, "world");
        rill_fulfill f = got(&bob, i);
        assert_memory_equal(f.fulfillment, zeros, 32);
        assert_true(same(f.data, text("world")));
    }
    assert_int_equal(rill_hub_open(rill_core_hub(core)), 0);
    assert_int_equal(bobs()->settling->messages, 0);
}

static void test_messages_that_are_refused(void **state)
{
    (void)state;
    says(&bob, 1, rill_peer_condition, 0, "x");
    engine_answers(1, 404, "who?");
    rill_reject r = rejected(&bob, 1, "F00");
    assert_true(same(r.triggered_by, text("peer.settle")));
    assert_true(same(r.data, text("who?")));
    says(&bob, 2, rill_peer_condition, 0, "x");
    engine_answers(2, 503, "");
    (void)rejected(&bob, 2, "T00");
    says(&bob, 3, rill_peer_condition, 0, "x");
    engine_answers(3, 0, "");
    (void)rejected(&bob, 3, "T00");
    says(&bob, 4, rill_peer_condition, 1, "x"); /* with money */
    (void)rejected(&bob, 4, "F01");
    says(&bob, 5, fulfillment, 0, "x"); /* another condition */
    (void)rejected(&bob, 5, "F01");
    says(&alice, 6, rill_peer_condition, 0, "x"); /* she has no engine */
    (void)rejected(&alice, 6, "F02");
    call_result = RILL_ERR_NOMEM;
    says(&bob, 7, rill_peer_condition, 0, "x");
    (void)rejected(&bob, 7, "T00");
    assert_int_equal(rill_hub_open(rill_core_hub(core)), 0);
    assert_int_equal(bobs()->settling->messages, 0);
    assert_int_equal(call_count, 4);
}

static void test_a_message_that_nobody_waits_for(void **state)
{
    (void)state;
    says(&bob, 1, rill_peer_condition, 0, "x");
    now.mono_ns += 10 * RILL_SECOND;
    now.wall_ms += 10000;
    rill_hub_tick(rill_core_hub(core));
    (void)rejected(&bob, 1, "R00");
    engine_answers(1, 201, "late");
    says(&bob, 2, rill_peer_condition, 0, "x");
    disconnect(&bob);
    engine_answers(2, 201, "late");
    assert_int_equal(rill_hub_open(rill_core_hub(core)), 0);
    assert_int_equal(bobs()->settling->messages, 0);
}

/* Whatever cannot be had: who asked is told, and nothing stays open. */
static void test_messages_without_memory(void **state)
{
    (void)state;
    size_t first = call_count;
    for (unsigned long n = 0;; n++) {
        const uint64_t request = (uint64_t)n;
        assert_in_range(n, 0, 30);
        failing_memory_after(&memory, n);
        says(&bob, request, rill_peer_condition, 0, "x");
        failing_memory_well(&memory);
        if (call_count > first)
            break;
        const kept *k = answer_to(&bob, request);
        rill_reject r;
        assert_int_equal(rill_reject_decode(&r, k->packet, k->len), RILL_OK);
        assert_int_equal(r.code.text[0], 'T');
        assert_int_equal(rill_hub_open(rill_core_hub(core)), 0);
        assert_int_equal(bobs()->settling->messages, 0);
    }
    failing_memory_after(&memory, 0);
    engine_answers(first, 201, "world");
    failing_memory_well(&memory);
    assert_int_equal(rill_hub_open(rill_core_hub(core)), 0);
    for (unsigned long n = 0;; n++) {
        assert_in_range(n, 0, 30);
        failing_memory_after(&memory, n);
        rill_engine_reply r = asks("POST", "/accounts/bob/messages", "", "hi");
        failing_memory_well(&memory);
        if (r.message != 0)
            break;
        assert_int_equal(r.status, 503);
        assert_int_equal(bobs()->settling->messages, 0);
    }
    for (unsigned long n = 0;; n++) {
        assert_in_range(n, 0, 30);
        failing_memory_after(&memory, n);
        rill_engine_reply r =
            asks("POST", "/accounts/bob/settlements", "k", "{\"amount\":\"5\",\"scale\":2}");
        failing_memory_well(&memory);
        if (r.status == 201)
            break;
        assert_int_equal(r.status, 503);
        booked(0);
    }
    booked(5);
}

static void test_reload_without_memory(void **state)
{
    (void)state;
    int rc = RILL_ERR_NOMEM;
    rill_core_change *change = NULL;
    static const char yaml[] =
        EXAMPLE("settlement: {engine: 'http://localhost:7', threshold: 7, token: env:T}");
    assert_int_equal(rill_config_read(&configs[1], &arenas[1], yaml, strlen(yaml), report, NULL),
                     RILL_OK);
    for (unsigned long n = 0; rc == RILL_ERR_NOMEM; n++) {
        failing_memory_after(&memory, n);
        rc = rill_core_prepare(&change, core, &configs[1], report, NULL);
        failing_memory_well(&memory);
        assert_string_equal(bobs()->settling->terms.engine->url, "http://localhost:1");
        assert_int_equal(bobs()->settling->terms.threshold, 1000);
    }
    assert_int_equal(rc, RILL_OK);
    rill_core_forget_change(change);
    assert_string_equal(bobs()->settling->terms.engine->url, "http://localhost:1");
    assert_null(bobs()->settling->fresh.engine);
}

static void test_too_many_messages(void **state)
{
    (void)state;
    size_t first = call_count;
    for (uint64_t i = 0; i < 32; i++) {
        call_count = first;
        says(&bob, i, rill_peer_condition, 0, "x");
    }
    says(&bob, 99, rill_peer_condition, 0, "x");
    (void)rejected(&bob, 99, "T03");
    assert_int_equal(asks("POST", "/accounts/bob/messages", "", "x").status, 503);
}

static void test_an_engines_message(void **state)
{
    (void)state;
    static const uint8_t zeros[32] = {0};
    rill_engine_reply r = asks("POST", "/accounts/bob/messages", "", "hi");
    assert_int_not_equal(r.message, 0);
    rill_prepare p = last_sent(&bob);
    assert_true(same(p.destination, text("peer.settle")));
    assert_int_equal(p.amount, 0);
    assert_memory_equal(p.condition, rill_peer_condition, 32);
    assert_true(same(p.data, text("hi")));
    fulfill(&bob, zeros);
    assert_int_equal(told_count, 1);
    assert_int_equal(told.id, r.message);
    assert_int_equal(told.status, 201);
    assert_string_equal(told.data, "reply");
    static const struct {
        rill_ilp_code_id code;
        unsigned status;
    } rejects[] = {{RILL_ILP_F00_BAD_REQUEST, 400},
                   {RILL_ILP_F02_UNREACHABLE, 404},
                   {RILL_ILP_T00_INTERNAL_ERROR, 502},
                   {RILL_ILP_R00_TRANSFER_TIMED_OUT, 504}};
    for (size_t i = 0; i < 4; i++) {
        r = asks("POST", "/accounts/bob/messages", "", "hi");
        reject(&bob, rejects[i].code, "why");
        assert_int_equal(told.id, r.message);
        assert_int_equal(told.status, rejects[i].status);
        assert_string_equal(told.data, "why");
    }
    r = asks("POST", "/accounts/bob/messages", "", "hi");
    now.mono_ns += 31 * RILL_SECOND;
    now.wall_ms += 31000;
    rill_hub_tick(rill_core_hub(core));
    assert_int_equal(told.id, r.message);
    assert_int_equal(told.status, 504);
    assert_string_equal(told.data, "");
    disconnect(&bob);
    assert_int_equal(asks("POST", "/accounts/bob/messages", "", "hi").status, 503);
    assert_int_equal(bobs()->settling->messages, 0);
}

/* ---- another configuration ---- */

static int reload(const char *yaml)
{
    rill_core_change *change = NULL;
    first_problem[0] = '\0';
    assert_int_equal(rill_config_read(&configs[1], &arenas[1], yaml, strlen(yaml), report, NULL),
                     RILL_OK);
    int rc = rill_core_prepare(&change, core, &configs[1], report, NULL);
    if (rc == RILL_OK) {
        rill_core_apply(change, "test", NULL, NULL);
        config = configs[1];
    }
    return rc;
}

static void test_reload(void **state)
{
    (void)state;
    engine_answers(0, 201, "");
    turn();
    assert_int_equal(
        asks("POST", "/accounts/bob/settlements", "k", "{\"amount\":\"600\",\"scale\":2}").status,
        201);
    turn();
    assert_int_equal(call_count, 1);
    /* A token that cannot be read: all stays as it is. */
    assert_int_equal(reload(EXAMPLE("settlement: {engine: 'http://localhost:2', threshold: 500,"
                                    " token: env:NONE}")),
                     RILL_ERR_INVALID);
    assert_string_equal(first_problem, "bob: the token env:NONE cannot be read: there is none");
    turn();
    assert_int_equal(call_count, 1);
    booked(600);
    /* A lower threshold counts at once. */
    assert_int_equal(reload(EXAMPLE("settlement: {engine: 'http://localhost:1', threshold: 500}")),
                     RILL_OK);
    booked(0);
    turn();
    assert_string_equal(calls[1].text, "POST http://localhost:1 /accounts/bob/settlements");
    engine_answers(1, 201, "");
    /* No engine any more: it is told. */
    assert_int_equal(reload(EXAMPLE("credit: 0")), RILL_OK);
    turn();
    assert_string_equal(calls[2].text, "DELETE http://localhost:1 /accounts/bob");
    engine_answers(2, 204, "");
    refused("POST", "/accounts/bob/settlements", "k2", "{\"amount\":\"1\",\"scale\":2}", 404);
    says(&bob, 9, rill_peer_condition, 0, "x");
    (void)rejected(&bob, 9, "F02");
    turn();
    assert_int_equal(call_count, 3);
}

/* A configuration that is refused changes nothing of what engines are asked for, or tell. */
static void test_a_scale_that_is_refused(void **state)
{
    (void)state;
    engine_answers(0, 201, "");
    turn();
    assert_int_equal(reload("address: g.x\nstore: {path: b}\naccounts:\n"
                            "  alice: {relation: child, asset: USD/2, tokens: env:ALICE}\n"
                            "  bob: {relation: peer, asset: USD/6, tokens: env:BOB, " ENGINE "}\n"),
                     RILL_ERR_INVALID);
    assert_string_equal(first_problem, "bob: asset changes only when the node is started again");
    assert_int_equal(
        asks("POST", "/accounts/bob/settlements", "k", "{\"amount\":\"600\",\"scale\":2}").status,
        201);
    booked(600);
    assert_int_equal(reload(EXAMPLE("settlement: {engine: 'http://localhost:1', threshold: 500}")),
                     RILL_OK);
    turn();
    assert_string_equal(calls[1].text, "POST http://localhost:1 /accounts/bob/settlements");
    assert_memory_equal(calls[1].body, "{\"amount\":\"600\",\"scale\":2}", calls[1].len);
}

/* ---- what a change is called ---- */

static char lines[1000];

static void on_change_line(void *user, const char *line)
{
    (void)user;
    size_t len = strlen(lines);
    snprintf(lines + len, sizeof lines - len, "%s\n", line);
}

/* bob's other members, from what they are to what they become. */
static void changes(const char *from, const char *to, const char *want)
{
    char yaml[2][900];
    rill_core_change *change = NULL;
    const char *members[] = {from, to};
    for (size_t i = 0; i < 2; i++)
        snprintf(yaml[i], sizeof yaml[i],
                 "address: g.x\nstore: {path: b}\naccounts:\n"
                 "  bob: {relation: peer, asset: USD/2, %s}\n",
                 members[i]);
    assert_int_equal(begin(yaml[0]), RILL_OK);
    turn();
    rill_config other;
    assert_int_equal(rill_config_read(&other, &arenas[1], yaml[1], strlen(yaml[1]), report, NULL),
                     RILL_OK);
    assert_int_equal(rill_core_prepare(&change, core, &other, report, NULL), RILL_OK);
    lines[0] = '\0';
    rill_core_apply(change, "maria", on_change_line, NULL);
    config = other;
    assert_string_equal(lines, want);
    rill_core_turn(core);
    size_t count = 0;
    for (size_t i = 0; disk.batch != NULL && i < disk.batch->entry_count; i++) {
        const rill_store_entry *e = &disk.batch->entries[i];
        assert_string_equal(e->who, "maria");
        assert_int_equal(e->amount, 0);
        assert_non_null(strstr(want, e->note));
        count++;
    }
    for (const char *c = want; *c != '\0'; c++)
        count -= *c == '\n';
    assert_int_equal(count, 0);
    turn();
    memset(&alice, 0, sizeof alice);
    memset(&bob, 0, sizeof bob);
    tear_down(NULL);
}

/* Who changed what of a link, into the audit; and never a secret. */
static void test_changes_of_links(void **state)
{
    (void)state;
    changes("tokens: env:B", "tokens: env:B", "");
    changes("link: {uri: 'btp+ws://one', token: env:ONE}",
            "link: {uri: 'btp+wss://two/x', token: 'file:/etc/t', connections: 3}",
            "account bob: link connections 3, before 1\n"
            "account bob: link token file:/etc/t, before env:ONE\n"
            "account bob: link uri btp+wss://two/x, before btp+ws://one\n");
    changes("tokens: env:B", "link: {uri: 'btp+ws://one', token: env:ONE}, tokens: env:B",
            "account bob: link token env:ONE, before none\n"
            "account bob: link uri btp+ws://one, before none\n");
    changes("link: {uri: 'btp+ws://u:hush@one/?a=hush'}, tokens: env:B",
            "link: {uri: 'btp+ws://one/?b=hush#hush'}, tokens: env:B",
            "account bob: link uri btp+ws://one/, before btp+ws://one/\n");
    changes("tokens: env:B", "tokens: [env:B, env:C]",
            "account bob: tokens env:C added\naccount bob: has a new token\n");
    changes("tokens: [env:B, env:C]", "tokens: env:B",
            "account bob: tokens env:C removed\n"
            "account bob: a token is not good any more; its connections are closed\n");
    changes("tokens: env:B, settlement: {engine: 'http://localhost:1', threshold: 5}",
            "tokens: env:B, settlement: {engine: 'http://localhost:1', threshold: 5, token: env:E}",
            "account bob: settlement token env:E, before none\n");
}

static void test_a_token_at_the_start(void **state)
{
    (void)state;
    assert_int_equal(begin(EXAMPLE("settlement: {engine: 'http://localhost:2', threshold: 500,"
                                   " token: env:NONE}")),
                     RILL_ERR_INVALID);
    assert_string_equal(first_problem, "bob: the token env:NONE cannot be read: there is none");
    memset(&alice, 0, sizeof alice);
    memset(&bob, 0, sizeof bob);
    tear_down(NULL);
}

#define WITH_EVE                                                                                   \
    "address: g.x\nstore: {path: b}\naccounts:\n"                                                  \
    "  alice: {relation: child, asset: USD/2, tokens: env:ALICE, credit: 100000}\n"                \
    "  bob: {relation: peer, asset: USD/2, tokens: env:BOB, receive-routes: false, " ENGINE "}\n"  \
    "  eve: {relation: peer, asset: USD/2, tokens: env:EVE}\n"                                     \
    "routes: [{prefix: g.bob, account: bob}]\n"

/* Of the batch that the store has. */
static void balance_is(rill_balance_id id, int64_t value)
{
    const rill_i128 want =
        rill_wide_signed(rill_wide_of(value < 0 ? UINT64_MAX : 0, (uint64_t)value));
    for (size_t i = 0; i < disk.batch->balance_count; i++) {
        if (disk.batch->balances[i].id == id &&
            rill_wide_equal(disk.batch->balances[i].booked, want))
            return;
    }
    fail_msg("balance %u is not %lld", (unsigned)id, (long long)value);
}

/* It is settled all the same, and somebody should know. */
static void test_what_is_outstanding_of_nobody(void **state)
{
    (void)state;
    const rill_store_account eve = {7, RILL_HOLDER_NEIGHBOUR, "eve", "USD", 2, 1};
    const rill_store_settlement out = {
        7, RILL_SETTLEMENT_OUT, "key", "http://localhost:9", "50", 0, 1, false};
    make(EXAMPLE(ENGINE));
    const rill_store_account outside = {8, RILL_HOLDER_OUTSIDE, "", "USD", 2, 1};
    const rill_i128 thirty = rill_wide_signed(rill_wide(30));
    assert_int_equal(rill_core_know(core, &eve, thirty), RILL_OK);
    assert_int_equal(rill_core_know(core, &outside, rill_wide_negate(thirty)), RILL_OK);
    assert_int_equal(rill_core_know_settlement(core, &out), RILL_OK);
    assert_int_equal(rill_core_begin(core, &disk.store, report, NULL), RILL_OK);
    assert_string_equal(last_line,
                        "account eve: it is not in the configuration, or has another "
                        "asset, and http://localhost:9 is still asked to settle 50 units of it, "
                        "key key");
    turn();
    /* Somebody ends it, in the books of an account that is not open. */
    const rill_settling *a = NULL;
    rill_core_holding holding;
    uint64_t group = 0;
    assert_true(rill_core_next_outstanding(core, &a));
    assert_string_equal(a->name, "eve");
    const rill_settler_word word = {"key", false, "maria", ""};
    assert_int_equal(rill_core_end_outstanding(core, text("eve"), &word, &a, &group),
                     RILL_ERR_BLOCKED);
    engine_answers(0, 0, "");
    assert_int_equal(rill_core_end_outstanding(core, text("ev"), &word, &a, &group),
                     RILL_ERR_NOT_FOUND);
    int rc = RILL_ERR_NOMEM;
    for (unsigned long n = 0; rc == RILL_ERR_NOMEM; n++) {
        failing_memory_after(&memory, n);
        rc = rill_core_end_outstanding(core, text("eve"), &word, &a, &group);
        failing_memory_well(&memory);
        assert_true(rc == RILL_OK || rc == RILL_ERR_NOMEM);
        assert_true(rill_core_is_even(core));
    }
    rill_core_turn(core);
    assert_non_null(disk.batch);
    balance_is(7, 80);
    balance_is(8, -80);
    assert_int_equal(disk.batch->settlement_count, 1);
    assert_true(disk.batch->settlements[0].gone);
    turn();
    assert_true(rill_core_has_kept(core, group));
    assert_true(rill_core_asset_of(core, a, &holding));
    assert_string_equal(holding.code, "USD");
    assert_true(rill_wide_equal(holding.booked, rill_wide_signed(rill_wide(80))));
    assert_int_equal(rill_core_end_outstanding(core, text("eve"), &word, &a, &group),
                     RILL_ERR_EXISTS);
    /* She comes back, and finds it. */
    assert_int_equal(reload(WITH_EVE), RILL_OK);
    assert_true(rill_wide_equal(rill_core_find(core, text("eve"))->balance.booked,
                                rill_wide_signed(rill_wide(80))));
    assert_true(rill_core_is_even(core));
    a = NULL;
    assert_false(rill_core_next_outstanding(core, &a));
    come(&alice, "alice", "ALICE");
    come(&bob, "bob", "BOB");
    tear_down(NULL);
}

/*
 * The asset is of no account now: the node's own balances in it are opened, each once, whatever
 * fails before that and is asked for again.
 */
static void test_what_is_outstanding_in_another_asset(void **state)
{
    (void)state;
    const rill_store_account eve = {7, RILL_HOLDER_NEIGHBOUR, "eve", "JPY", 0, 1};
    const rill_store_settlement out = {
        7, RILL_SETTLEMENT_OUT, "key", "http://localhost:9", "50", 0, 1, false};
    const rill_settler_word word = {"key", false, "maria", ""};
    const rill_settling *a = NULL;
    uint64_t group = 0;
    unsigned refused = 0;
    make(EXAMPLE(ENGINE));
    assert_int_equal(rill_core_know(core, &eve, rill_wide_signed(rill_wide(0))), RILL_OK);
    assert_int_equal(rill_core_know_settlement(core, &out), RILL_OK);
    assert_int_equal(rill_core_begin(core, &disk.store, report, NULL), RILL_OK);
    turn();
    engine_answers(0, 0, "");
    int rc = RILL_ERR_NOMEM;
    for (unsigned long n = 0; rc == RILL_ERR_NOMEM; n++) {
        failing_memory_after(&memory, n);
        rc = rill_core_end_outstanding(core, text("eve"), &word, &a, &group);
        failing_memory_well(&memory);
        assert_true(rc == RILL_OK || rc == RILL_ERR_NOMEM);
        refused += rc != RILL_OK;
        assert_true(rill_core_is_even(core));
    }
    assert_true(refused >= 5);
    rill_core_turn(core);
    assert_non_null(disk.batch);
    assert_int_equal(disk.batch->account_count, 2);
    assert_int_equal(disk.batch->accounts[0].holder, RILL_HOLDER_EXCHANGE);
    assert_int_equal(disk.batch->accounts[1].holder, RILL_HOLDER_OUTSIDE);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(disk.batch->accounts[i].asset, "JPY");
    balance_is(7, 50);
    balance_is(disk.batch->accounts[1].id, -50);
    turn();
    come(&alice, "alice", "ALICE");
    come(&bob, "bob", "BOB");
    tear_down(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_packet_sets_it_off),
        TEST(test_what_an_engine_tells),
        TEST(test_who_may_ask),
        TEST(test_prepaid),
        TEST(test_a_neighbours_message),
        TEST(test_messages_that_are_refused),
        TEST(test_a_message_that_nobody_waits_for),
        TEST(test_messages_without_memory),
        TEST(test_reload_without_memory),
        TEST(test_too_many_messages),
        TEST(test_an_engines_message),
        TEST(test_reload),
        TEST(test_a_scale_that_is_refused),
        cmocka_unit_test(test_changes_of_links),
        cmocka_unit_test(test_a_token_at_the_start),
        cmocka_unit_test(test_what_is_outstanding_of_nobody),
        cmocka_unit_test(test_what_is_outstanding_in_another_asset),
    };
    return cmocka_run_group_tests_name("settlement", tests, NULL, NULL);
}
