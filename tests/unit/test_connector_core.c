/* SPDX-License-Identifier: Apache-2.0 */
/* What a connector does with packets and money. */
#include "connector_world.h"

/* A Fulfill leaves only when its booking is in the store. */
static void test_a_payment_between_two_assets(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    assert_int_equal(last_sent(&bob).amount, 5000); /* 1.00 USD are 0.5000 EUR */
    assert_int_equal(last_sent(&bob).expires_at_ms, now.wall_ms + 9000);
    booked(ALICE, 0);
    fulfill(&bob, fulfillment);
    booked(ALICE, -100);
    booked(BOB, 5000);
    assert_null(answer_to(&alice, 1));
    assert_true(turn_wanted);
    turn();
    assert_null(answer_to(&alice, 1));
    assert_int_equal(store.batch->balance_count, 4);
    written();
    fulfilled(&alice, 1);
    assert_int_equal(store.packets, 1);
    nothing_held();
    assert_true(rill_core_is_even(core));
    /* The Fulfill is the one that came. */
    rill_fulfill got;
    const kept *k = answer_to(&alice, 1);
    assert_int_equal(rill_fulfill_decode(&got, k->packet, k->len), RILL_OK);
    assert_true(same(got.data, text("reply")));
}

static void test_a_second_answer_changes_nothing(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    fulfill(&bob, fulfillment);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    /* Its time passes while the store writes. */
    now.mono_ns += 20 * RILL_SECOND;
    now.wall_ms += 20000;
    rill_hub_tick(rill_core_hub(core));
    booked(ALICE, -100);
    booked(BOB, 5000);
    turn();
    written();
    fulfilled(&alice, 1);
}

static void test_rejects_and_expiry_give_back(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 1000);
    send(&alice, 2, "g.x.b.server", 1);
    rejected(&alice, 2, "T04"); /* all of alice's credit is held */
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    rejected(&alice, 1, "F99");
    nothing_held();
    send(&alice, 3, "g.x.b.server", 1000);
    now.mono_ns += 9 * RILL_SECOND;
    now.wall_ms += 9000;
    rill_hub_tick(rill_core_hub(core));
    rejected(&alice, 3, "R00");
    fulfill(&bob, fulfillment); /* too late */
    nothing_held();
    booked(ALICE, 0);
    booked(BOB, 0);
}

static void test_limits_of_both_sides(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 1001);
    rejected(&alice, 1, "T04");
    /* The node may owe bob 50,000. */
    rill_core_account(core, ALICE)->balance.credit = RILL_NO_LIMIT;
    send(&alice, 2, "g.x.b.server", 1001);
    rejected(&alice, 2, "T04");
    send(&alice, 3, "g.x.b.server", 1000);
    assert_null(answer_to(&alice, 3));
    send(&alice, 4, "g.x.b.server", 1);
    rejected(&alice, 4, "T04");
    /* Who has nothing can send nothing, but for packets of 0. */
    send(&carol, 5, "g.x.alice", 1);
    rejected(&carol, 5, "T04");
    send(&carol, 6, "g.x.alice", 0);
    assert_int_equal(last_sent(&alice).amount, 0);
}

static void test_limits_of_packets(void **state)
{
    (void)state;
    all_come();
    rill_core_account(core, BOB)->balance.credit = RILL_NO_LIMIT;
    send(&bob, 1, "g.x.alice", 100001);
    rill_reject r = rejected(&bob, 1, "F08");
    assert_int_equal(r.data.len, 16);
    assert_int_equal(r.data.data[14] << 8 | r.data.data[15], 100000 & 0xffff);
    /* Who wants to see every packet that is rejected sees these, too. */
    assert_string_equal(last_line,
                        "account bob: packet to g.x.alice rejected F08: above the maximum "
                        "packet amount");
    send(&bob, 2, "g.x.alice", 100000);
    assert_int_equal(last_sent(&alice).amount, 2000);
    send(&bob, 3, "g.x.alice", 49);
    assert_int_equal(last_sent(&alice).amount, 0); /* less than a cent */
    send(&bob, 4, "g.x.alice", 50);
    rejected(&bob, 4, "T05");
    assert_string_equal(last_line,
                        "account bob: packet to g.x.alice rejected T05: above the account's rate "
                        "limit");
    rill_core_set_log_level(core, RILL_LOG_INFO);
    last_line[0] = '\0';
    send(&bob, 5, "g.x.alice", 50);
    rejected(&bob, 5, "T05");
    assert_string_equal(last_line, "");
    rill_core_account(core, ALICE)->balance.credit = RILL_NO_LIMIT;
    send(&alice, 5, "g.x.b.server", UINT64_MAX);
    rejected(&alice, 5, "F03");
}

static void test_routes(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.carol.shop", 1);
    assert_true(same(last_sent(&carol).destination, text("g.carol.shop")));
    send(&alice, 2, "g.elsewhere", 2);
    assert_int_equal(last_sent(&up).amount, 2);
    send(&up, 3, "g.x.alice.1", 3);
    assert_int_equal(last_sent(&alice).amount, 3);
    /* A child is known by its segment, not by its name; never back to where it came from. */
    send(&alice, 4, "g.x.bob", 1);
    rejected(&alice, 4, "F02");
    send(&alice, 7, "g.x.carol", 1);
    rejected(&alice, 7, "F02");
    send(&alice, 8, "g.x.b", 1);
    assert_int_equal(last_sent(&bob).amount, 50);
    send(&up, 5, "g.elsewhere", 1);
    rejected(&up, 5, "F02");
    send(&alice, 6, "g.x.alice.2", 1);
    rejected(&alice, 6, "F02");
}

static void test_only_its_own_tokens(void **state)
{
    (void)state;
    fake stranger;
    assert_int_equal(come(&stranger, "", "NOBODY"), RILL_ERR_AUTH);
    assert_int_equal(come(&stranger, "", ""), RILL_ERR_AUTH);
    assert_int_equal(come(&stranger, "bob", "ALICE"), RILL_ERR_AUTH);
    assert_int_equal(come(&stranger, "nobody", "ALICE"), RILL_ERR_AUTH);
    assert_int_equal(come(&stranger, "up", "ALICE"), RILL_ERR_AUTH);
    assert_int_equal(come(&alice, "", "ALICE"), RILL_OK);
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_OK);
}

static void test_ildcp_tells_children_alone(void **state)
{
    (void)state;
    uint8_t packet[512];
    size_t len = 0;
    rill_ildcp_info info;
    all_come();
    assert_int_equal(rill_ildcp_request_encode(now.wall_ms + 5000, packet, sizeof packet, &len),
                     RILL_OK);
    bob.link.on.prepare(&bob.link, 1, packet, len, bob.link.user);
    const kept *k = answer_to(&bob, 1);
    assert_int_equal(rill_ildcp_response_decode(&info, k->packet, k->len), RILL_OK);
    assert_true(same(info.address, text("g.x.b")));
    assert_true(same(info.asset_code, text("EUR")));
    assert_int_equal(info.asset_scale, 4);
    carol.link.on.prepare(&carol.link, 2, packet, len, carol.link.user);
    rejected(&carol, 2, "F01");
}

/* Nothing is passed on that is not in the books, and nothing new is begun. */
static void test_a_store_that_fails(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    turn();
    store.batch = NULL;
    rill_core_written(core, RILL_ERR_IO, "the disk is full");
    assert_true(warnings > 0);
    send(&alice, 2, "g.x.b.server", 100);
    rejected(&alice, 2, "T00");
    assert_null(answer_to(&alice, 1));
    assert_true(rill_core_deadline(core) != RILL_NEVER);
    now.mono_ns = rill_core_deadline(core);
    turn();
    written();
    fulfilled(&alice, 1);
    send(&alice, 3, "g.x.b.server", 100);
    assert_null(answer_to(&alice, 3));
    assert_int_equal(bob.sent_count, 2);
}

/* What was sent on for who left since may be fulfilled: who left owes it. */
static const char *noted(void)
{
    assert_int_equal(store.batch->entry_count, 1);
    assert_string_equal(store.batch->entries[0].who, "node");
    return store.batch->entries[0].note;
}

static void test_the_source_leaves(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    disconnect(&alice);
    assert_int_equal(rill_hub_open(rill_core_hub(core)), 1);
    fulfill(&bob, fulfillment);
    booked(ALICE, -100);
    booked(BOB, 5000);
    nothing_held();
    turn();
    assert_string_equal(noted(), "1 packets of 100 units were fulfilled after its connection or "
                                 "request was lost: it owes them");
    written();
    answered("GET", "/v1/accounts/alice", "", 200,
             "\"unseen\":{\"packets\":1,\"amount\":\"100\",\"charged\":true}");
    answered(
        "GET", "/metrics", "", 200,
        "rill_connector_unseen_money_total{account=\"alice\",asset=\"USD\",scale=\"2\"} 100\n");
    assert_int_equal(rill_hub_open(rill_core_hub(core)), 0);
    assert_true(rill_core_is_even(core));
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    send(&alice, 1, "g.x.b.server", 100);
    disconnect(&alice);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    nothing_held();
    /* It leaves between the Fulfill and its booking. */
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    disconnect(&alice);
    turn();
    written();
    booked(ALICE, -200);
    assert_int_equal(rill_hub_open(rill_core_hub(core)), 0);
}

/* A request over HTTP was cut or given up, while the account's others go on. */
static void test_the_source_gives_up_a_request(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    send(&alice, 2, "g.x.b.server", 7);
    send(&alice, 3, "g.x.b.server", 7);
    alice.waits_from = 2;
    fulfill_nth(&bob, 0, fulfillment);
    booked(ALICE, -100);
    turn();
    assert_non_null(strstr(noted(), "1 packets of 100 units"));
    written();
    assert_null(answer_to(&alice, 1));
    /* Its link keeps nothing of it: it heard so once, and of a Fulfill. */
    assert_int_equal(alice.last_forgotten, 1);
    assert_int_equal(alice.forgotten, 1);
    assert_int_equal(alice.forgotten_fulfilled, 1);
    fulfill_nth(&bob, 1, fulfillment);
    turn();
    written();
    fulfilled(&alice, 2);
    answered("GET", "/v1/accounts/alice", "", 200,
             "\"unseen\":{\"packets\":1,\"amount\":\"100\",\"charged\":true}");
    /* It is rejected, or its time is over: nobody is told, and it is counted. */
    alice.waits_from = 10;
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    assert_null(answer_to(&alice, 3));
    assert_int_equal(alice.last_forgotten, 3);
    assert_int_equal(alice.forgotten, 2);
    assert_int_equal(alice.forgotten_fulfilled, 1);
    nothing_held();
    /* A new request is not the one that is gone. */
    send(&alice, 10, "g.x.b.server", 1);
    fulfill(&bob, fulfillment);
    turn();
    written();
    fulfilled(&alice, 10);
    /* It goes between the Fulfill and its booking: nobody is told, and it is owed. */
    send(&alice, 11, "g.x.b.server", 1);
    fulfill(&bob, fulfillment);
    alice.waits_from = 12;
    turn();
    written();
    assert_null(answer_to(&alice, 11));
    booked(ALICE, -109);
    assert_int_equal(rill_hub_open(rill_core_hub(core)), 0);
    assert_int_equal(alice.last_forgotten, 11);
    assert_int_equal(alice.forgotten_fulfilled, 2);
    /* Its time is over. */
    send(&alice, 12, "g.x.b.server", 1);
    alice.waits_from = 13;
    now.mono_ns += 60 * RILL_SECOND;
    rill_hub_tick(rill_core_hub(core));
    assert_int_equal(alice.last_forgotten, 12);
    assert_int_equal(alice.forgotten, 4);
    assert_int_equal(alice.forgotten_fulfilled, 2);
    answered("GET", "/v1/accounts/alice", "", 200, "\"from\":6,\"rejected\":2,\"to\":0,\"open\":0");
}

/* A link that does not take an answer hears that there is no other one. */
static void test_an_answer_that_is_not_taken(void **state)
{
    (void)state;
    all_come();
    alice.reply_result = RILL_ERR_NOMEM;
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    turn();
    written();
    booked(ALICE, -100);
    assert_int_equal(alice.last_forgotten, 1);
    assert_int_equal(alice.forgotten_fulfilled, 1);
    send(&alice, 2, "g.x.b.server", 100);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    assert_int_equal(alice.last_forgotten, 2);
    send(&alice, 3, "g.x.b.server", 100000); /* above its credit */
    assert_int_equal(alice.last_forgotten, 3);
    assert_int_equal(alice.forgotten, 3);
    assert_int_equal(alice.forgotten_fulfilled, 1);
    alice.reply_result = RILL_OK;
}

static void gives_up_with(uint64_t request, uint64_t amount)
{
    send(&alice, request, "g.x.b.server", amount);
    alice.waits_from = request + 1;
    fulfill(&bob, fulfillment);
    turn();
}

static void leaves_with(uint64_t amount)
{
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    send(&alice, 1, "g.x.b.server", amount);
    disconnect(&alice);
    fulfill(&bob, fulfillment);
    turn();
}

/* Who comes and goes does not fill the audit: it is told again after a minute, or at the end. */
static void test_unseen_is_told_once_a_minute(void **state)
{
    (void)state;
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_OK);
    now.wall_ms = 1000000;
    leaves_with(100);
    assert_int_equal(store.batch->entry_count, 1);
    written();
    now.wall_ms += 59999;
    leaves_with(7);
    assert_int_equal(store.batch->entry_count, 0);
    written();
    now.wall_ms += 1;
    leaves_with(5);
    assert_non_null(strstr(noted(), "2 packets of 12 units"));
    written();
    leaves_with(3);
    assert_int_equal(store.batch->entry_count, 0);
    written();
    now.wall_ms -= 500; /* the clock is set back */
    leaves_with(2);
    assert_non_null(strstr(noted(), "2 packets of 5 units"));
    written();
    leaves_with(1);
    written();
    rill_core_drain(core);
    turn();
    assert_non_null(strstr(noted(), "1 packets of 1 units"));
    written();
    booked(ALICE, -118);
    assert_true(rill_core_is_even(core));
}

static void test_the_node_bears_what_is_unseen(void **state)
{
    (void)state;
    end();
    store = (disk){.store = {&disk_ops}};
    assert_int_equal(begin("address: g.x\nstore: {path: b}\naccounts:\n"
                           "  alice: {relation: child, asset: USD/2, tokens: env:ALICE,"
                           " credit: 1000, charge-unseen: false}\n"
                           "  bob: {relation: child, asset: USD/2, tokens: env:BOB, segment: b}\n"),
                     RILL_OK);
    turn();
    written();
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_OK);
    leaves_with(100);
    assert_non_null(strstr(noted(), "100 units were fulfilled after its connection or request was "
                                    "lost: this node bears them"));
    written();
    booked(ALICE, 0);
    booked(1, 100);
    assert_true(rill_core_is_even(core));
    answered("GET", "/v1/accounts/alice", "", 200, "\"amount\":\"100\",\"charged\":false");
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    gives_up_with(1, 50);
    written();
    booked(ALICE, 0);
    booked(1, 150);
    assert_true(rill_core_is_even(core));
    answered("GET", "/v1/accounts/alice", "", 200, "\"amount\":\"150\",\"charged\":false");
}

static void test_draining_waits_for_the_store(void **state)
{
    (void)state;
    all_come();
    drained_count = 0;
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    rill_hub_drain(rill_core_hub(core));
    rill_hub_abandon(rill_core_hub(core));
    assert_int_equal(drained_count, 0);
    turn();
    written();
    assert_int_equal(drained_count, 1);
    fulfilled(&alice, 1);
}

/* Another process has the same books. */
static void test_after_a_restart(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 600);
    fulfill(&bob, fulfillment);
    turn();
    written();
    size_t balances = store.last;
    end();
    assert_int_equal(begin(EXAMPLE), RILL_OK);
    turn();
    assert_null(store.batch); /* nothing is new */
    assert_int_equal(store.last, balances);
    booked(ALICE, -600);
    booked(BOB, 30000);
    assert_true(rill_core_is_even(core));
    all_come();
    send(&alice, 1, "g.x.b.server", 401);
    rejected(&alice, 1, "T04");
    end();
    /* Bob is gone from the configuration, and alice has another asset: the books stay even. */
    assert_int_equal(begin("address: g.x\nstore: {path: b}\naccounts:\n"
                           "  alice: {relation: child, asset: USD/4, tokens: env:ALICE}\n"),
                     RILL_OK);
    turn();
    written();
    booked(ALICE, 0);
    assert_true(rill_core_is_even(core));
    alice.link.ops = bob.link.ops = carol.link.ops = up.link.ops = NULL;
}

static void refused(const char *text, const char *why)
{
    end();
    assert_int_equal(begin(text), RILL_ERR_INVALID);
    assert_string_equal(first_problem, why);
}

static void test_what_cannot_begin(void **state)
{
    (void)state;
#define ACCOUNTS(rest) "address: g.x\nstore: {path: b}\naccounts:\n" rest
    refused(ACCOUNTS("  a: {relation: child, asset: USD/2, tokens: env:T}\n"
                     "  b: {relation: child, asset: USD/2, tokens: env:T}\n"),
            "5: b: another account has the same token");
    refused(ACCOUNTS("  a: {relation: child, asset: USD/2, tokens: env:NONE}\n"),
            "4: a: the token env:NONE cannot be read: there is none");
    refused(ACCOUNTS("  a: {relation: child, asset: USD/2, tokens: env:T}\n"
                     "  b: {relation: child, asset: USD/2, tokens: env:U, segment: a}\n"),
            "5: b: another child has the same address");
    refused(ACCOUNTS("  a: {relation: child, asset: USD/2, tokens: env:T}\n"
                     "routes: [{prefix: g.y, account: a}, {prefix: g.y, account: a}]\n"),
            "5: g.y: there is a route for this prefix already");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_a_payment_between_two_assets),
        TEST(test_a_second_answer_changes_nothing),
        TEST(test_rejects_and_expiry_give_back),
        TEST(test_limits_of_both_sides),
        TEST(test_limits_of_packets),
        TEST(test_routes),
        TEST(test_only_its_own_tokens),
        TEST(test_ildcp_tells_children_alone),
        TEST(test_a_store_that_fails),
        TEST(test_the_source_leaves),
        TEST(test_the_source_gives_up_a_request),
        TEST(test_an_answer_that_is_not_taken),
        TEST(test_unseen_is_told_once_a_minute),
        TEST(test_the_node_bears_what_is_unseen),
        TEST(test_draining_waits_for_the_store),
        TEST(test_after_a_restart),
        TEST(test_what_cannot_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
