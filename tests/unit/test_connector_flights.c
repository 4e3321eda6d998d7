/* SPDX-License-Identifier: Apache-2.0 */
/* The list of the packets that are out: what a connector that was killed finds in it. */
#define _POSIX_C_SOURCE 200809L /* mkstemp */

#include "connector_world.h"

#include <time.h>
#include <unistd.h>

static char flights_path[64];
static uint8_t left[(RILL_FLIGHTS_MAX + 1) * 64];

static void open_flights(void)
{
    char problem[200];
    assert_int_equal(rill_flights_open(&flights, rill_allocator_default(), flights_path, problem,
                                       sizeof problem),
                     RILL_OK);
}

/* Begins again with a list. */
static void with_flights(void)
{
    snprintf(flights_path, sizeof flights_path, "/tmp/rill-flights-XXXXXX");
    int fd = mkstemp(flights_path);
    assert_true(fd >= 0 && close(fd) == 0);
    end();
    open_flights();
    assert_int_equal(begin(EXAMPLE), RILL_OK);
    all_come();
}

static void nobody(void)
{
    alice.link.ops = bob.link.ops = carol.link.ops = up.link.ops = NULL;
}

static void without_flights(void)
{
    end();
    nobody();
    rill_flights_close(flights);
    flights = NULL;
    assert_int_equal(unlink(flights_path), 0);
    assert_int_equal(begin(EXAMPLE), RILL_OK);
}

/* The process ends at this moment: what the file has now is what the next one finds. */
static void killed(const char *text)
{
    FILE *file = fopen(flights_path, "r");
    assert_int_equal(fread(left, 1, sizeof left, file), sizeof left);
    fclose(file);
    store.batch = NULL;
    end();
    nobody();
    rill_flights_close(flights);
    file = fopen(flights_path, "w");
    assert_int_equal(fwrite(left, 1, sizeof left, file), sizeof left);
    fclose(file);
    open_flights();
    assert_int_equal(begin(text), RILL_OK);
}

static size_t listed(void)
{
    size_t cursor = 0;
    size_t count = 0;
    rill_core_flight f;
    while (rill_core_next_flight(core, &cursor, &f))
        count++;
    return count;
}

/* What was fulfilled and not kept is booked at the next start, once, and the source owes nothing.
 */
static void test_killed_before_a_booking(void **state)
{
    (void)state;
    with_flights();
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    turn(); /* the disk has it, and does not say so any more */
    killed(EXAMPLE);
    assert_int_equal(rill_core_recovered(core), 1);
    assert_int_equal(listed(), 0);
    booked(ALICE, 0);
    booked(BOB, 5000);
    assert_true(rill_core_is_even(core));
    /* Killed again before that is kept: it is booked again, of the books as they were. */
    turn();
    killed(EXAMPLE);
    booked(BOB, 5000);
    turn();
    written();
    assert_int_equal(rill_flights_count(flights), 0);
    killed(EXAMPLE);
    assert_int_equal(rill_core_recovered(core), 0);
    booked(BOB, 5000);
    assert_true(rill_core_is_even(core));
    without_flights();
}

/* A list that no node has written: balances of the node itself are in no packet. */
static void test_balances_that_are_of_no_account(void **state)
{
    (void)state;
    with_flights();
    const rill_balance_id bob_id = rill_core_account(core, BOB)->balance.id;
    const rill_balance_id own[] = {rill_core_books(core)->assets[0]->exchange.id,
                                   rill_core_books(core)->assets[0]->outside.id};
    for (size_t i = 0; i < 4; i++) {
        const rill_flight flight = {.source = i < 2 ? own[i] : bob_id,
                                    .destination = i < 2 ? bob_id : own[i - 2],
                                    .taken = 7,
                                    .given = 7,
                                    .expires_ms = now.wall_ms + 1000};
        rill_flights_fulfilled(flights, rill_flights_add(flights, &flight), 99, i % 2 == 0);
    }
    killed(EXAMPLE);
    assert_int_equal(rill_core_recovered(core), 0);
    booked(BOB, 0);
    assert_true(rill_core_is_even(core));
    without_flights();
}

/* Who left would not have been told either. */
static void test_killed_after_the_source_left(void **state)
{
    (void)state;
    with_flights();
    send(&alice, 1, "g.x.b.server", 100);
    disconnect(&alice);
    fulfill(&bob, fulfillment);
    turn();
    killed(EXAMPLE);
    assert_int_equal(rill_core_recovered(core), 1);
    booked(ALICE, -100);
    booked(BOB, 5000);
    assert_true(rill_core_is_even(core));
    turn();
    written();
    without_flights();
}

/* Kept by the store, though the process died before it heard of it: nothing is booked again. */
static void test_killed_after_a_booking(void **state)
{
    (void)state;
    with_flights();
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    turn();
    const uint64_t run = store.run;
    FILE *file = fopen(flights_path, "r");
    assert_int_equal(fread(left, 1, sizeof left, file), sizeof left);
    fclose(file);
    written();
    assert_int_equal(rill_flights_count(flights), 0);
    end();
    nobody();
    rill_flights_close(flights);
    file = fopen(flights_path, "w");
    assert_int_equal(fwrite(left, 1, sizeof left, file), sizeof left);
    fclose(file);
    open_flights();
    assert_int_equal(rill_flights_count(flights), 1);
    assert_true(store.kept[run] > 0);
    assert_int_equal(begin(EXAMPLE), RILL_OK);
    assert_int_equal(rill_core_recovered(core), 0);
    assert_int_equal(rill_flights_count(flights), 0);
    booked(ALICE, -100);
    booked(BOB, 5000);
    without_flights();
}

/* What was out is listed, and held, until it has expired; also through another kill. */
static void test_killed_while_a_packet_is_out(void **state)
{
    (void)state;
    with_flights();
    send(&alice, 1, "g.x.b.server", 900);
    send(&alice, 2, "g.x.b.server", 50);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, ""); /* the second */
    killed(EXAMPLE);
    assert_int_equal(rill_core_recovered(core), 0);
    assert_int_equal(listed(), 1);
    answered("GET", "/v1/in-flight", "", 200,
             "\"from\":\"alice\",\"to\":\"bob\",\"taken\":\"900\"");
    all_come();
    send(&alice, 1, "g.x.b.server", 101);
    rejected(&alice, 1, "T04");
    send(&alice, 2, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    turn();
    written();
    killed(EXAMPLE);
    assert_int_equal(listed(), 1);
    booked(ALICE, -100);
    uint64_t next = rill_core_expire_flights(core);
    assert_int_equal(next, now.mono_ns + 9 * RILL_SECOND);
    assert_int_equal(listed(), 1);
    now.mono_ns += 9 * RILL_SECOND;
    now.wall_ms += 9000;
    assert_int_equal(rill_core_expire_flights(core), RILL_NEVER);
    assert_int_equal(listed(), 0);
    assert_int_equal(rill_flights_count(flights), 0);
    nothing_held();
    all_come();
    send(&alice, 1, "g.x.b.server", 900);
    answered("GET", "/v1/in-flight", "", 200, "{\"open\":1,\"from_before\":[]");
    without_flights();
}

/*
 * The wall clock was a month ahead, and is right when the node starts again: no packet is out for
 * longer than max-hold-time (default 30 s).
 */
static void test_killed_while_the_clock_was_wrong(void **state)
{
    const uint64_t month = UINT64_C(30) * 24 * 3600 * 1000;
    uint8_t packet[MAX_PACKET];
    size_t len = 0;
    (void)state;
    with_flights();
    now.wall_ms += month;
    rill_prepare p = prepare_to("g.x.b.server");
    p.amount = 900;
    p.expires_at_ms = now.wall_ms + 10000;
    assert_int_equal(rill_prepare_encode(&p, packet, sizeof packet, &len), RILL_OK);
    alice.link.on.prepare(&alice.link, 1, packet, len, alice.link.user);
    assert_int_equal(bob.sent_count, 1);
    now.wall_ms -= month;
    killed(EXAMPLE);
    const uint64_t begun = now.mono_ns;
    assert_int_equal(listed(), 1);
    assert_int_equal(rill_core_account(core, ALICE)->balance.held.low, 900);
    assert_int_equal(rill_core_expire_flights(core), begun + 30 * RILL_SECOND);
    now.mono_ns += 30 * RILL_SECOND - 1;
    now.wall_ms += 29999;
    assert_int_equal(rill_core_expire_flights(core), begun + 30 * RILL_SECOND);
    assert_int_equal(listed(), 1);
    assert_int_equal(rill_core_account(core, ALICE)->balance.held.low, 900);
    now.mono_ns += 1;
    now.wall_ms += 1;
    assert_int_equal(rill_core_expire_flights(core), RILL_NEVER);
    assert_int_equal(listed(), 0);
    assert_int_equal(rill_flights_count(flights), 0);
    nothing_held();
    without_flights();
}

/* A limit that is lower after the kill does not let go of what was out before it. */
static void test_killed_and_the_limit_is_lower(void **state)
{
    (void)state;
    with_flights();
    send(&alice, 1, "g.x.b.server", 900);
    killed("address: g.x\nstore: {path: b}\naccounts:\n"
           "  alice: {relation: child, asset: USD/2, tokens: env:ALICE, credit: 500}\n"
           "  bob: {relation: child, asset: EUR/4, tokens: env:BOB2, segment: b, most: 1}\n"
           "rates: {base: USD, spread: 0, prices: {EUR: {price: 2}}}\n");
    assert_int_equal(rill_core_account(core, ALICE)->balance.held.low, 900);
    assert_int_equal(rill_core_account(core, BOB)->balance.coming.low, 45000);
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    assert_int_equal(come(&bob, "", "BOB2"), RILL_OK);
    send(&alice, 1, "g.x.b.server", 1);
    rejected(&alice, 1, "T04");
    now.mono_ns += 9 * RILL_SECOND;
    now.wall_ms += 9000;
    assert_int_equal(rill_core_expire_flights(core), RILL_NEVER);
    nothing_held();
    without_flights();
}

#define ALICE_ALONE                                                                                \
    "address: g.x\nstore: {path: b}\naccounts:\n"                                                  \
    "  alice: {relation: child, asset: USD/2, tokens: env:ALICE}\n"

static rill_arena fresh_arena;

/* The arena is needed as long as the core is. */
static void load(const char *text)
{
    static rill_config fresh;
    rill_core_change *change = NULL;
    rill_arena_init(&fresh_arena, rill_allocator_default());
    assert_int_equal(rill_config_read(&fresh, &fresh_arena, text, strlen(text), report, NULL),
                     RILL_OK);
    assert_int_equal(rill_core_prepare(&change, core, &fresh, report, NULL), RILL_OK);
    rill_core_apply(change, "ada", NULL, NULL);
    config = fresh;
}

/* What was fulfilled is booked, whether its accounts are there or not. */
static void test_killed_and_an_account_is_gone(void **state)
{
    (void)state;
    with_flights();
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    killed(ALICE_ALONE);
    assert_int_equal(rill_core_recovered(core), 1);
    assert_int_equal(listed(), 0);
    assert_true(rill_core_is_even(core));
    /* It comes back before that is kept. */
    load(EXAMPLE);
    booked(BOB, 5000);
    assert_true(rill_core_is_even(core));
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    booked(BOB, 10000);
    turn();
    written();
    assert_int_equal(rill_flights_count(flights), 0);
    killed(EXAMPLE);
    assert_int_equal(rill_core_recovered(core), 0);
    rill_arena_clear(&fresh_arena);
    booked(BOB, 10000);
    assert_true(rill_core_is_even(core));
    without_flights();
}

/* What its balance was in is booked of that balance, and not of the one in another asset. */
static void test_killed_and_an_account_has_another_asset(void **state)
{
    (void)state;
    with_flights();
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    killed("address: g.x\nstore: {path: b}\naccounts:\n"
           "  alice: {relation: child, asset: USD/2, tokens: env:ALICE}\n"
           "  bob: {relation: child, asset: USD/2, tokens: env:BOB}\n");
    assert_int_equal(rill_core_recovered(core), 1);
    booked(BOB, 0);
    assert_true(rill_core_is_even(core));
    answered("GET", "/v1/assets", "", 200, "\"closed\":[{\"name\":\"bob\",\"balance\":\"5000\"}]");
    turn();
    written();
    without_flights();
}

/* The books do not have one of its accounts: it stays listed. */
static void test_killed_and_an_account_is_not_known(void **state)
{
    (void)state;
    with_flights();
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    memset(store.accounts, 0, sizeof store.accounts);
    killed(ALICE_ALONE);
    assert_int_equal(rill_core_recovered(core), 0);
    assert_int_equal(listed(), 1);
    now.wall_ms += 3600000;
    assert_int_equal(rill_core_expire_flights(core), RILL_NEVER);
    assert_int_equal(listed(), 1);
    answered("GET", "/v1/in-flight", "", 200, "\"to\":null");
    without_flights();
}

/* ---- many ---- */

enum { MANY_FLIGHTS = 50000, FEW = 100, MANY = 50000 };

static uint64_t cpu_ns(void)
{
    struct timespec at;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at), 0);
    return (uint64_t)at.tv_sec * RILL_SECOND + (uint64_t)at.tv_nsec;
}

static rill_flight flight_of(rill_balance_id source, rill_balance_id destination)
{
    return (rill_flight){.source = source,
                         .destination = destination,
                         .taken = 1,
                         .given = 1,
                         .expires_ms = WALL + 3600000};
}

/* A core of books with so many accounts, of which the configuration has the first. */
static void know_many(rill_balance_id accounts)
{
    const char *problem = NULL;
    const rill_core_options o = {
        .allocator = rill_allocator_default(),
        .config = &config,
        .crypto = crypto,
        .now = core_now,
        .wake = core_wake,
        .drained = core_drained,
        .log = {core_line, NULL, RILL_LOG_DEBUG, NULL},
        .soon = core_soon,
        .secret = core_secret,
    };
    assert_int_equal(rill_core_new(&core, &o, &problem), RILL_OK);
    for (rill_balance_id id = 1; id <= accounts; id++) {
        char name[20];
        snprintf(name, sizeof name, "a%u", id);
        const rill_store_account a = {
            .id = id, .holder = RILL_HOLDER_NEIGHBOUR, .name = name, .asset = "USD", .scale = 2};
        assert_int_equal(rill_core_know(core, &a, rill_wide_signed(rill_wide(0))), RILL_OK);
    }
}

/* Processor time for all packets, of so many accounts that are taken out; and of so many that are
 * not. Half of the packets were fulfilled. */
static void settle_many(rill_balance_id accounts, bool open, uint64_t *begins, uint64_t *lists)
{
    char *text = malloc(200 + 80 * (size_t)accounts);
    int len = sprintf(text, "address: g.x\nstore: {path: b}\naccounts:\n");
    for (rill_balance_id id = 1; id <= (open ? accounts : 1); id++)
        len += sprintf(text + len, "  a%u: {relation: peer, asset: USD/2, tokens: 'env:T%u'}\n", id,
                       id);
    assert_int_equal(rill_config_read(&config, &arena, text, (size_t)len, report, NULL), RILL_OK);
    free(text);
    open_flights();
    rill_flights_begin(flights, 1);
    for (uint32_t i = 0; i < MANY_FLIGHTS; i++) {
        const rill_flight flight =
            flight_of(1 + i * 7919u % accounts, 1 + (i * 7919u + 1) % accounts);
        uint32_t slot = rill_flights_add(flights, &flight);
        assert_true(slot != 0);
        if (i % 2 == 0)
            rill_flights_fulfilled(flights, slot, 1, true);
    }
    know_many(accounts);
    assert_int_equal(rill_core_list_flights(core, flights), RILL_OK);
    rill_core_know_run(core, 1, 0);
    rill_flights_begin(flights, 2);
    uint64_t before = cpu_ns();
    assert_int_equal(rill_core_begin(core, &store.store, report, NULL), RILL_OK);
    *begins = cpu_ns() - before;
    assert_int_equal(rill_core_recovered(core), MANY_FLIGHTS / 2);
    before = cpu_ns();
    assert_in_range(listed(), 1, MANY_FLIGHTS);
    *lists = cpu_ns() - before;
    assert_true(rill_core_is_even(core));
    rill_core_free(core);
    core = NULL;
    rill_flights_close(flights);
    flights = NULL;
    assert_int_equal(unlink(flights_path), 0);
}

/* With 500 times the accounts a packet takes a few times as long, for caches, and not 500 times. */
static void test_as_many_accounts_as_packets(void **state)
{
    (void)state;
    uint64_t few[2];
    uint64_t many[2];
    with_flights();
    without_flights();
    end();
    nobody();
    settle_many(FEW, false, &few[0], &few[1]);
    settle_many(MANY, false, &many[0], &many[1]);
    assert_in_range(many[0], 0, few[0] * 30 + 3 * RILL_SECOND / 2);
    settle_many(FEW, true, &few[0], &few[1]);
    settle_many(MANY, true, &many[0], &many[1]);
    assert_in_range(many[1], 0, few[1] * 30 + 3 * RILL_SECOND / 2);
    store = (disk){.store = {&disk_ops}};
    assert_int_equal(begin(EXAMPLE), RILL_OK);
    turn();
    written();
}

/* After a kill nobody could say whose packets of a balance were that the store does not have. */
static void test_a_new_account_waits_for_the_books(void **state)
{
    (void)state;
    with_flights();
    disconnect(&carol);
    load("address: g.x\nstore: {path: b}\naccounts:\n"
         "  alice: {relation: child, asset: USD/2, tokens: env:ALICE, credit: 1000}\n"
         "  dave: {relation: child, asset: USD/2, tokens: env:CAROL, credit: 1000}\n");
    assert_int_equal(come(&carol, "dave", "CAROL"), RILL_OK);
    send(&alice, 1, "g.x.dave.y", 100);
    rejected(&alice, 1, "T00");
    send(&carol, 1, "g.x.alice.y", 100);
    rejected(&carol, 1, "T00");
    assert_int_equal(rill_flights_count(flights), 0);
    turn();
    written();
    send(&alice, 2, "g.x.dave.y", 100);
    send(&carol, 2, "g.x.alice.y", 100);
    assert_int_equal(rill_flights_count(flights), 2);
    killed(EXAMPLE);
    rill_arena_clear(&fresh_arena);
    without_flights();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_killed_before_a_booking),
        TEST(test_balances_that_are_of_no_account),
        TEST(test_killed_after_the_source_left),
        TEST(test_killed_after_a_booking),
        TEST(test_killed_while_a_packet_is_out),
        TEST(test_killed_and_the_limit_is_lower),
        TEST(test_killed_while_the_clock_was_wrong),
        TEST(test_killed_and_an_account_is_gone),
        TEST(test_killed_and_an_account_has_another_asset),
        TEST(test_as_many_accounts_as_packets),
        TEST(test_killed_and_an_account_is_not_known),
        TEST(test_a_new_account_waits_for_the_books),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
