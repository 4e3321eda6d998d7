/* SPDX-License-Identifier: Apache-2.0 */
/* What who follows a connector is told, in virtual time. */
#define _POSIX_C_SOURCE 200809L

#include "node_world.h"

#include <jansson.h>
#include <stdlib.h>

#include "connector/events.h"
#include "support/failing_memory.h"

enum { MANY = 3000 };

static rill_store store;
static const rill_store_batch *batch;
static rill_core *core;
static rill_events *events;
static rill_arena arena;
static rill_config config;
static rill_crypto *crypto;
static rill_now now;
static fake alice, bob;

static void take(rill_store *s, const rill_store_batch *b)
{
    (void)s;
    assert_null(batch);
    batch = b;
}

static void nothing(rill_store *s)
{
    (void)s;
}

static const rill_store_ops store_ops = {take, nothing, nothing, NULL};

static void turn(void)
{
    rill_core_turn(core);
    while (batch != NULL) {
        batch = NULL;
        rill_core_written(core, RILL_OK, "");
        rill_core_turn(core);
    }
}

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

static void core_line(void *user, rill_log_level level, const char *line)
{
    (void)user;
    (void)level;
    (void)line;
}

static void core_entered(void *user, const rill_holder_account *a, const rill_store_entry *entry,
                         uint64_t group)
{
    (void)user;
    if (events != NULL)
        rill_events_enter(events, a, entry, group);
}

static int core_secret(void *user, const char *where, char *out, size_t cap)
{
    (void)user;
    snprintf(out, cap, "%s", where + 4);
    return RILL_OK;
}

static void report(void *user, rill_place place, const char *problem)
{
    (void)user;
    (void)place;
    fail_msg("%s", problem);
}

#define EXAMPLE                                                                                    \
    "address: g.x\nstore: {path: b}\naccounts:\n"                                                  \
    "  alice: {relation: child, asset: USD/2, tokens: env:ALICE, credit: 1000}\n"                  \
    "  bob: {relation: child, asset: EUR/4, tokens: env:BOB}\n"
#define RATES "rates: {base: USD, spread: 0, prices: {EUR: {price: 2}}}\n"

static void begin(const char *yaml)
{
    const char *problem = NULL;
    now = (rill_now){RILL_SECOND, WALL};
    store.ops = &store_ops;
    batch = NULL;
    crypto = rill_crypto_new(rill_allocator_default());
    rill_arena_init(&arena, rill_allocator_default());
    assert_int_equal(rill_config_read(&config, &arena, yaml, strlen(yaml), report, NULL), RILL_OK);
    const rill_core_options o = {
        .allocator = rill_allocator_default(),
        .config = &config,
        .crypto = crypto,
        .now = core_now,
        .wake = core_wake,
        .drained = core_drained,
        .log = {core_line, NULL, RILL_LOG_DEBUG, NULL},
        .soon = core_drained,
        .entered = core_entered,
        .secret = core_secret,
    };
    assert_int_equal(rill_core_new(&core, &o, &problem), RILL_OK);
    assert_int_equal(rill_core_begin(core, &store, report, NULL), RILL_OK);
    turn();
    assert_int_equal(rill_events_new(&events, rill_allocator_default(), 0x18c), RILL_OK);
}

static int set_up(void **state)
{
    (void)state;
    memset(&alice, 0, sizeof alice);
    memset(&bob, 0, sizeof bob);
    begin(EXAMPLE RATES);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rill_events_free(events);
    events = NULL;
    disconnect(&alice);
    disconnect(&bob);
    rill_hub_abandon(rill_core_hub(core));
    rill_core_free(core);
    rill_arena_clear(&arena);
    rill_crypto_free(crypto);
    return 0;
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

static void send(fake *from, uint64_t request, const char *to, uint64_t amount)
{
    rill_prepare p = prepare_to(to);
    p.amount = amount;
    p.expires_at_ms = now.wall_ms + 10000;
    ask(from, request, &p);
}

static void pass_ms(uint64_t ms)
{
    now.mono_ns += ms * RILL_MS;
    now.wall_ms += ms;
}

/* A second of looks. */
static void second(void)
{
    for (unsigned i = 0; i < 1000 / RILL_EVENTS_LOOK_MS; i++) {
        pass_ms(RILL_EVENTS_LOOK_MS);
        rill_events_look(events, core);
    }
}

/* The next event of this kind, which the caller has to give back; NULL: there is none. */
static json_t *next(uint64_t *cursor, const char *name)
{
    rill_event event;
    while (rill_events_next(events, cursor, &event)) {
        if (strcmp(event.name, name) == 0) {
            json_t *data = json_loads(event.data, JSON_REJECT_DUPLICATES, NULL);
            assert_non_null(data);
            return data;
        }
    }
    return NULL;
}

static json_int_t number(const json_t *object, const char *group, const char *name)
{
    if (group != NULL)
        object = json_object_get(object, group);
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static void is_text(const json_t *object, const char *name, const char *expected)
{
    assert_string_equal(json_string_value(json_object_get(object, name)), expected);
}

static uint64_t follow(void)
{
    rill_events_follow(events);
    rill_events_look(events, core);
    return rill_events_end(events);
}

static void pay(uint64_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        send(&alice, first + i, "g.x.bob.server", 1);
        fulfill(&bob, fulfillment);
    }
    turn();
}

/* What packets did is summed, and what was before is not told. */
static void test_packets_are_summed(void **state)
{
    (void)state;
    come(&alice, "alice", "ALICE");
    come(&bob, "bob", "BOB");
    pay(1, 3);
    uint64_t before = rill_events_end(events);
    uint64_t cursor = follow();
    assert_null(next(&before, "account"));
    pay(100, 7);
    send(&alice, 200, "g.none", 1);
    second();
    json_t *e = next(&cursor, "account");
    is_text(e, "account", "alice");
    is_text(e, "asset", "USD/2");
    assert_int_equal(number(e, "packets", "fulfilled"), 7);
    assert_int_equal(number(e, "packets", "rejected"), 1);
    assert_int_equal(number(e, "packets", "sent"), 0);
    is_text(json_object_get(e, "amounts"), "from", "7");
    is_text(e, "balance", "-10");
    is_text(e, "held", "0");
    json_decref(e);
    uint64_t of_rejects = cursor;
    e = next(&cursor, "account");
    is_text(e, "account", "bob");
    assert_int_equal(number(e, "packets", "sent"), 7);
    is_text(json_object_get(e, "amounts"), "to", "350");
    is_text(e, "balance", "500");
    json_decref(e);
    assert_null(next(&cursor, "account"));
    e = next(&of_rejects, "rejects");
    is_text(e, "account", "alice");
    is_text(e, "code", "F02");
    assert_true(json_is_null(json_object_get(e, "by")));
    assert_int_equal(number(e, NULL, "count"), 1);
    json_decref(e);
    second();
    assert_null(next(&cursor, "account"));
}

/* However many packets there are: an account is told of at most once a second, and nothing is left
 * out. */
static void test_sums_are_exact(void **state)
{
    (void)state;
    come(&alice, "alice", "ALICE");
    come(&bob, "bob", "BOB");
    uint64_t cursor = follow();
    json_int_t fulfilled = 0;
    json_int_t rejected = 0;
    unsigned told = 0;
    for (unsigned look = 0; look < 50; look++) {
        pay(1000 * look, look % 7);
        send(&alice, 1000 * look + 500, "g.x.bob.server", 2000);
        pass_ms(RILL_EVENTS_LOOK_MS);
        rill_events_look(events, core);
    }
    second();
    for (json_t *e; (e = next(&cursor, "account")) != NULL; json_decref(e)) {
        if (strcmp(json_string_value(json_object_get(e, "account")), "alice") != 0)
            continue;
        fulfilled += number(e, "packets", "fulfilled");
        rejected += number(e, "packets", "rejected");
        told++;
    }
    assert_int_equal(fulfilled, 50 / 7 * 21);
    assert_int_equal(rejected, 50);
    assert_in_range(told, 9, 11);
}

static void test_links_and_rejects_by_others(void **state)
{
    (void)state;
    uint64_t cursor = follow();
    come(&alice, "alice", "ALICE");
    come(&bob, "bob", "BOB");
    second();
    for (unsigned i = 0; i < 2; i++) {
        json_t *e = next(&cursor, "link");
        is_text(e, "account", i == 0 ? "alice" : "bob");
        assert_true(json_is_true(json_object_get(e, "up")));
        assert_int_equal(number(e, NULL, "sessions"), 1);
        assert_int_equal(number(e, NULL, "came"), 1);
        json_decref(e);
    }
    for (uint64_t i = 1; i < 4; i++) {
        send(&alice, i, "g.x.bob.server", 1);
        reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    }
    /* Gone and back within a look is told, too. */
    disconnect(&bob);
    come(&bob, "bob", "BOB");
    second();
    json_t *e = next(&cursor, "rejects");
    is_text(e, "code", "F99");
    is_text(e, "by", "bob");
    assert_int_equal(number(e, NULL, "count"), 3);
    json_decref(e);
    e = next(&cursor, "link");
    is_text(e, "account", "bob");
    assert_true(json_is_true(json_object_get(e, "up")));
    assert_int_equal(number(e, NULL, "came"), 1);
    json_decref(e);
    disconnect(&alice);
    second();
    e = next(&cursor, "link");
    is_text(e, "account", "alice");
    assert_true(json_is_false(json_object_get(e, "up")));
    json_decref(e);
}

static void enter(const char *key)
{
    const rill_store_entry entry = {.kind = RILL_ENTRY_SETTLED_IN,
                                    .amount = 300,
                                    .at_ms = now.wall_ms,
                                    .who = "maria",
                                    .note = "bank \"7\"",
                                    .key = key};
    uint64_t group;
    rill_holder_account *a = rill_core_account(core, 0);
    assert_int_equal(rill_core_enter(core, a, &entry, &group), RILL_OK);
}

/* A settlement is told when the books have it, and not before; and once. */
static void test_settlements(void **state)
{
    (void)state;
    enter("before");
    turn();
    uint64_t cursor = follow();
    second();
    assert_null(next(&cursor, "entry"));
    enter("a");
    rill_core_turn(core);
    assert_non_null(batch);
    second();
    uint64_t before = cursor;
    assert_null(next(&cursor, "entry"));
    cursor = before;
    turn();
    second();
    json_t *e = next(&cursor, "entry");
    assert_non_null(e);
    is_text(e, "kind", "settled-in");
    is_text(e, "amount", "300");
    is_text(e, "account", "alice");
    is_text(e, "asset", "USD/2");
    is_text(e, "note", "bank \"7\"");
    json_decref(e);
    assert_null(next(&cursor, "entry"));
    json_t *all = rill_events_entries(events);
    assert_int_equal(json_array_size(all), 2);
    json_decref(all);
    for (unsigned i = 0; i < 2 * RILL_EVENTS_ENTRIES; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        enter(key);
    }
    turn();
    /* Half of them were forgotten before anybody looked: that is told. */
    second();
    cursor = before;
    e = next(&cursor, "lost");
    assert_non_null(e);
    json_decref(e);
    all = rill_events_entries(events);
    assert_int_equal(json_array_size(all), RILL_EVENTS_ENTRIES);
    json_decref(all);
}

static void test_the_node_and_reloads(void **state)
{
    (void)state;
    come(&alice, "alice", "ALICE");
    come(&bob, "bob", "BOB");
    uint64_t cursor = follow();
    send(&alice, 1, "g.x.bob.server", 1);
    pass_ms(100);
    fulfill(&bob, fulfillment);
    rill_core_turn(core);
    pass_ms(20);
    turn();
    pass_ms(880);
    rill_events_look(events, core);
    json_t *e = next(&cursor, "node");
    is_text(e, "state", "ready");
    assert_int_equal(number(e, "packets", "fulfilled"), 1);
    assert_true(json_real_value(json_object_get(e, "seconds")) == 1.0);
    double p50 = json_real_value(json_object_get(json_object_get(e, "packet_ms"), "p50"));
    assert_true(p50 >= 100 && p50 <= 125);
    double books = json_real_value(json_object_get(json_object_get(e, "books_ms"), "p50"));
    assert_true(books >= 20 && books <= 25);
    json_decref(e);
    second();
    e = next(&cursor, "node");
    assert_int_equal(number(e, "packets", "fulfilled"), 0);
    assert_true(json_is_null(json_object_get(e, "packet_ms")));
    json_decref(e);
    rill_events_reload(events, now, "maria", 3);
    e = next(&cursor, "reload");
    is_text(e, "who", "maria");
    assert_int_equal(number(e, NULL, "changes"), 3);
    json_decref(e);
}

/* Nobody follows: nothing is looked at, and nothing is kept. */
static void test_nobody_follows(void **state)
{
    char id[RILL_EVENTS_ID];
    (void)state;
    assert_true(rill_events_is_idle(events, now));
    rill_events_reload(events, now, "maria", 3);
    assert_int_equal(rill_events_end(events), 1);
    uint64_t cursor = follow();
    second();
    rill_events_leave(events, now);
    assert_false(rill_events_is_idle(events, now));
    rill_events_id(events, rill_events_end(events) - 1, id);
    pass_ms(RILL_EVENTS_PATIENCE / RILL_MS - 1);
    assert_false(rill_events_is_idle(events, now));
    /* Who comes back in time has missed nothing. */
    rill_event event;
    uint64_t again = rill_events_after(events, text(id));
    assert_false(rill_events_next(events, &again, &event));
    pass_ms(1);
    assert_true(rill_events_is_idle(events, now));
    assert_true(rill_events_is_idle(events, now));
    /* Later, and there may have been something. */
    again = rill_events_after(events, text(id));
    assert_true(rill_events_next(events, &again, &event));
    assert_string_equal(event.name, "lost");
    assert_string_equal(event.data, "{\"events\":1}");
    assert_false(rill_events_next(events, &again, &event));
    (void)cursor;
}

static void test_where_who_comes_back_goes_on(void **state)
{
    static const char *const bad[] = {"",        "18c",    "18c.",
                                      "18c.x",   "18c.1x", "18d.1",
                                      "18c.999", "18c.-1", "18c.184467440737095516151",
                                      "1",       "lost"};
    char id[RILL_EVENTS_ID];
    rill_event event;
    (void)state;
    uint64_t cursor = follow();
    second();
    second();
    uint64_t first = cursor;
    assert_true(rill_events_next(events, &cursor, &event));
    rill_events_id(events, event.number, id);
    assert_string_equal(id, "18c.1");
    uint64_t again = rill_events_after(events, text(id));
    assert_int_equal(again, cursor);
    assert_true(rill_events_next(events, &again, &event));
    assert_int_equal(event.number, first + 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        again = rill_events_after(events, text(bad[i]));
        assert_true(rill_events_next(events, &again, &event));
        assert_string_equal(event.name, "lost");
        assert_string_equal(event.data, "{\"events\":null}");
        assert_int_equal(event.number, 0);
    }
}

/* Who reads nothing for long is told how much it missed, and memory has an end. */
static void test_what_is_kept_is_limited(void **state)
{
    rill_event event;
    (void)state;
    uint64_t cursor = follow();
    for (unsigned i = 0; i < RILL_EVENTS_KEPT + 100; i++)
        rill_events_reload(events, now, "maria", i);
    assert_true(rill_events_next(events, &cursor, &event));
    assert_string_equal(event.name, "lost");
    assert_string_equal(event.data, "{\"events\":100}");
    assert_true(rill_events_next(events, &cursor, &event));
    assert_int_equal(event.number, 101);
    size_t count = 1;
    while (rill_events_next(events, &cursor, &event))
        count++;
    assert_int_equal(count, RILL_EVENTS_KEPT);
    /* By bytes, too. */
    char who[RILL_ENTRY_TEXT_MAX + 1];
    memset(who, 'x', RILL_ENTRY_TEXT_MAX);
    who[RILL_ENTRY_TEXT_MAX] = '\0';
    for (unsigned i = 0; i < RILL_EVENTS_KEPT; i++)
        rill_events_reload(events, now, who, i);
    uint64_t last = cursor;
    size_t bytes = 0;
    assert_true(rill_events_next(events, &last, &event));
    assert_string_equal(event.name, "lost");
    while (rill_events_next(events, &last, &event))
        bytes += strlen(event.data);
    assert_in_range(bytes, RILL_EVENTS_BYTES - 1000, RILL_EVENTS_BYTES);
}

/* With many accounts that are all busy, a look is short, and each gets its turn. */
static void test_many_accounts(void **state)
{
    static char yaml[256 * MANY];
    (void)state;
    tear_down(NULL);
    int len = snprintf(yaml, sizeof yaml, EXAMPLE);
    for (unsigned i = 0; i < MANY; i++)
        len += snprintf(yaml + len, sizeof yaml - (size_t)len,
                        "  a%u: {relation: peer, asset: USD/2, tokens: env:A%u}\n", i, i);
    snprintf(yaml + len, sizeof yaml - (size_t)len, RATES);
    begin(yaml);
    rill_events_follow(events);
    for (unsigned i = 0; i < 2 * MANY / RILL_EVENTS_ACCOUNTS + 2; i++)
        rill_events_look(events, core);
    uint64_t cursor = rill_events_end(events);
    uint64_t group;
    for (size_t i = 0; i < rill_core_accounts(core); i++) {
        const rill_store_entry entry = {.kind = RILL_ENTRY_DEPOSIT,
                                        .amount = 1,
                                        .at_ms = now.wall_ms,
                                        .who = "m",
                                        .note = "",
                                        .key = ""};
        assert_int_equal(rill_core_enter(core, rill_core_account(core, i), &entry, &group),
                         RILL_OK);
    }
    turn();
    json_int_t told = 0;
    for (unsigned look = 0; look < 200; look++) {
        uint64_t before = rill_events_end(events);
        pass_ms(RILL_EVENTS_LOOK_MS);
        rill_events_look(events, core);
        /* Those of accounts; and of the node, of settlements that were forgotten or not. */
        assert_in_range(rill_events_end(events) - before, 0,
                        RILL_EVENTS_TOLD + 2 + (look == 0 ? RILL_EVENTS_ENTRIES + 1 : 0));
        for (json_t *e; (e = next(&cursor, "account")) != NULL; json_decref(e))
            told++;
    }
    assert_int_equal(told, rill_core_accounts(core));
}

/* Nothing breaks without memory, and what is missing is told. */
static void test_without_memory(void **state)
{
    static failing_memory memory;
    (void)state;
    come(&alice, "alice", "ALICE");
    come(&bob, "bob", "BOB");
    rill_events_free(events);
    events = NULL;
    for (unsigned long n = 1; n < 60; n++) {
        failing_memory_init(&memory, n, n % 3 == 0 ? FAILING_FOR_EVER : 1);
        uint64_t request = n * 1000;
        bool lost = false;
        if (rill_events_new(&events, &memory.allocator, 7) == RILL_OK) {
            uint64_t cursor = follow();
            unsigned long refused = memory.refused;
            rill_event event;
            for (unsigned i = 0; i < 6; i++) {
                pay(request + i * 20, 2);
                send(&alice, request + i * 20 + 10, "g.none", 1);
                char key[32];
                snprintf(key, sizeof key, "%lu.%u", n, i);
                enter(key);
                turn();
                second();
                while (rill_events_next(events, &cursor, &event))
                    lost = lost || strcmp(event.name, "lost") == 0;
            }
            assert_true(lost || memory.refused == refused);
            json_decref(rill_events_entries(events));
            rill_events_free(events);
            events = NULL;
        }
        assert_int_equal(memory.blocks, 0);
        failing_memory_end(&memory);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_packets_are_summed),
        TEST(test_sums_are_exact),
        TEST(test_links_and_rejects_by_others),
        TEST(test_settlements),
        TEST(test_the_node_and_reloads),
        TEST(test_nobody_follows),
        TEST(test_where_who_comes_back_goes_on),
        TEST(test_what_is_kept_is_limited),
        TEST(test_many_accounts),
        TEST(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
