/* SPDX-License-Identifier: Apache-2.0 */
/* What may pass in a second, from accounts and to them. */
#include "connector_world.h"

#define PEOPLE(alice_has, bob_has, carol_has)                                                      \
    "address: g.x\nstore: {path: b}\naccounts:\n"                                                  \
    "  alice: {relation: child, asset: USD/2, tokens: env:ALICE, credit: none" alice_has "}\n"     \
    "  bob: {relation: child, asset: EUR/4, tokens: [env:BOB, env:BOB2], segment: b, credit: "     \
    "none" bob_has "}\n"                                                                           \
    "  carol: {relation: peer, asset: USD/2, tokens: env:CAROL, receive-routes: false,"            \
    " credit: none" carol_has "}\n"                                                                \
    "  up: {relation: parent, asset: USD/2, link: {uri: 'btp+ws://x'}, credit: none,"              \
    " receive-routes: false}\n"                                                                    \
    "rates: {base: USD, spread: 0, prices: {EUR: {price: 2}}}\n"                                   \
    "routes: [{prefix: g.carol, account: carol}]\n"

#define FROM_ALICE "above the account's amount a second"
#define TO_OTHERS  "above the destination's amount a second"

static rill_config fresh;
static char lines[1024];

static void on_line(void *user, const char *line)
{
    (void)user;
    size_t len = strlen(lines);
    (void)snprintf(lines + len, sizeof lines - len, "%s\n", line);
}

static void reload(const char *text)
{
    rill_core_change *change = NULL;
    first_problem[0] = lines[0] = '\0';
    assert_int_equal(rill_config_read(&fresh, &arena, text, strlen(text), report, NULL), RILL_OK);
    assert_int_equal(rill_core_prepare(&change, core, &fresh, report, NULL), RILL_OK);
    rill_core_apply(change, "test", on_line, NULL);
    config = fresh;
    rill_core_part(core);
    turn();
    if (store.batch != NULL)
        written();
}

static void wait_ms(uint64_t ms)
{
    now.mono_ns += ms * RILL_MS;
    now.wall_ms += ms;
    rill_hub_tick(rill_core_hub(core));
}

/* It is out: nobody has answered it. */
static void passes(fake *from, uint64_t request, const char *to, uint64_t amount)
{
    send(from, request, to, amount);
    assert_null(answer_to(from, request));
}

static void refused(fake *from, uint64_t request, const char *to, uint64_t amount, const char *code,
                    const char *why)
{
    send(from, request, to, amount);
    rill_reject r = rejected(from, request, code);
    assert_int_equal(r.message.len, strlen(why));
    assert_memory_equal(r.message.data, why, r.message.len);
}

/* F08, whose data says what came and the most that may. */
static void too_large(fake *from, uint64_t request, const char *to, uint64_t amount, uint64_t most,
                      const char *why)
{
    refused(from, request, to, amount, "F08", why);
    rill_reject r = rejected(from, request, "F08");
    rill_amount_too_large told;
    assert_int_equal(rill_amount_too_large_decode(&told, r.data), RILL_OK);
    assert_true(told.received == amount && told.maximum == most);
}

/* All that passed to it is fulfilled, and is not given back. */
static void fulfill_and_book(fake *by)
{
    fulfill(by, fulfillment);
    turn();
    written();
}

static void test_from_an_account(void **state)
{
    (void)state;
    all_come();
    reload(PEOPLE(", amount-a-second: 100", "", ""));
    assert_null(rill_core_account(core, BOB)->terms.pace);
    too_large(&alice, 1, "g.carol.x", 101, 100, FROM_ALICE);
    passes(&alice, 2, "g.carol.x", 60);
    refused(&alice, 3, "g.carol.x", 41, "T04", FROM_ALICE);
    passes(&alice, 4, "g.x.b.y", 40);
    passes(&alice, 5, "g.carol.x", 0);
    wait_ms(100);
    refused(&alice, 6, "g.carol.x", 11, "T04", FROM_ALICE);
    passes(&alice, 7, "g.carol.x", 10);
    /* To it, and from others, as much as they like. */
    passes(&carol, 1, "g.x.alice", 1000000);
    /* A clock that goes back gives nothing. */
    now.mono_ns -= 50 * RILL_MS;
    refused(&alice, 8, "g.carol.x", 1, "T04", FROM_ALICE);
    now.mono_ns += 50 * RILL_MS;
    /* Nor does what was fulfilled come back. */
    fulfill_and_book(&carol);
    refused(&alice, 9, "g.carol.x", 1, "T04", FROM_ALICE);
    wait_ms(5000);
    too_large(&alice, 10, "g.carol.x", 101, 100, FROM_ALICE);
    passes(&alice, 11, "g.carol.x", 100);
}

/* The smaller of both limits is told. */
static void test_the_largest_packet(void **state)
{
    (void)state;
    all_come();
    reload(PEOPLE(", amount-a-second: 100, max-packet: 70", "", ""));
    too_large(&alice, 1, "g.carol.x", 101, 70, "above the maximum packet amount");
    reload(PEOPLE(", amount-a-second: 70, max-packet: 100", "", ""));
    too_large(&alice, 2, "g.carol.x", 71, 70, FROM_ALICE);
    passes(&alice, 3, "g.carol.x", 70);
}

static void test_what_came_to_nothing_is_given_back(void **state)
{
    (void)state;
    all_come();
    reload(PEOPLE(", amount-a-second: 100", ", amount-to-a-second: 5000", ""));
    passes(&alice, 1, "g.x.b.y", 100);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    passes(&alice, 2, "g.x.b.y", 100);
    /* Never sent. */
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    bob.send_result = RILL_ERR_BLOCKED;
    send(&alice, 3, "g.x.b.y", 100);
    rejected(&alice, 3, "T03");
    bob.send_result = RILL_OK;
    passes(&alice, 4, "g.x.b.y", 100);
    /* Its time is over: that is long enough for another, but not for two. */
    wait_ms(9000);
    rejected(&alice, 4, "R00");
    passes(&alice, 5, "g.x.b.y", 100);
    refused(&alice, 6, "g.x.b.y", 1, "T04", FROM_ALICE);
    /* Refused for another reason: nothing was taken. */
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    rill_core_account(core, ALICE)->balance.credit = 99;
    send(&alice, 7, "g.x.b.y", 100);
    rejected(&alice, 7, "T04");
    passes(&alice, 8, "g.x.b.y", 99);
    fulfill_and_book(&bob);
    fulfilled(&alice, 8);
    nothing_held();
    rill_core_account(core, ALICE)->balance.credit = RILL_NO_LIMIT;
    refused(&alice, 9, "g.x.b.y", 2, "T04", FROM_ALICE);
    passes(&alice, 10, "g.x.b.y", 1);
}

/* The source leaves: what is out may still be fulfilled, and counts until it is known. */
static void test_who_leaves_gets_back_what_is_rejected(void **state)
{
    (void)state;
    all_come();
    reload(PEOPLE(", amount-a-second: 100", "", ""));
    passes(&alice, 1, "g.carol.x", 60);
    passes(&alice, 2, "g.x.b.y", 40);
    disconnect(&alice);
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    refused(&alice, 3, "g.carol.x", 1, "T04", FROM_ALICE);
    reject(&carol, RILL_ILP_F99_APPLICATION_ERROR, "");
    fulfill_and_book(&bob);
    refused(&alice, 4, "g.carol.x", 61, "T04", FROM_ALICE);
    passes(&alice, 5, "g.carol.x", 60);
}

static void test_to_an_account(void **state)
{
    (void)state;
    all_come();
    /* 80 cents. */
    reload(PEOPLE(", amount-a-second: 1000", ", amount-to-a-second: 4000", ""));
    too_large(&alice, 1, "g.x.b.y", 81, 80, TO_OTHERS);
    too_large(&alice, 2, "g.x.b.y", 1000, 80, TO_OTHERS);
    passes(&alice, 3, "g.x.b.y", 80);
    assert_int_equal(last_sent(&bob).amount, 4000);
    refused(&alice, 4, "g.x.b.y", 1, "T04", TO_OTHERS);
    refused(&carol, 1, "g.x.b.y", 1, "T04", TO_OTHERS);
    /* What was refused is not among what alice has sent. */
    passes(&alice, 5, "g.carol.x", 920);
    refused(&alice, 6, "g.carol.x", 1, "T04", FROM_ALICE);
    wait_ms(12);
    refused(&carol, 2, "g.x.b.y", 1, "T04", TO_OTHERS); /* 50 units take 12.5 ms */
    wait_ms(1);
    passes(&carol, 3, "g.x.b.y", 1);
    /* From it as much as it likes. */
    passes(&bob, 1, "g.x.alice", 1000000);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    passes(&carol, 4, "g.x.b.y", 1);
    fulfill_and_book(&bob);
    refused(&carol, 5, "g.x.b.y", 80, "T04", TO_OTHERS);
}

static void test_packets_to_an_account(void **state)
{
    (void)state;
    static const char why[] = "above the destination's packets a second";
    all_come();
    reload(PEOPLE(", amount-a-second: 100", "", ", packets-to-a-second: 2"));
    passes(&alice, 1, "g.carol.x", 10);
    passes(&bob, 1, "g.carol.x", 0);
    refused(&bob, 2, "g.carol.x", 100, "T05", why);
    /* A packet that was rejected was sent all the same, and its amount is given back. */
    reject(&carol, RILL_ILP_F99_APPLICATION_ERROR, "");
    refused(&alice, 2, "g.carol.x", 10, "T05", why);
    wait_ms(499);
    refused(&alice, 3, "g.carol.x", 10, "T05", why);
    wait_ms(1);
    passes(&alice, 4, "g.carol.x", 50);
    /* Not by what it sends itself. */
    for (uint64_t i = 1; i <= 5; i++)
        passes(&carol, i, "g.x.b.y", 1);
}

static void test_another_configuration(void **state)
{
    (void)state;
    all_come();
    passes(&alice, 1, "g.carol.x", 900);
    reload(PEOPLE(", amount-a-second: 1000", ", packets-to-a-second: 9",
                  ", amount-to-a-second: 7, amount-a-second: 18446744073709551614"));
    assert_non_null(strstr(lines, "account alice: amount-a-second 1000, before 0\n"));
    assert_non_null(strstr(lines, "account bob: packets-to-a-second 9, before 0\n"));
    assert_non_null(strstr(lines, "account carol: amount-to-a-second 7, before 0\n"));
    assert_non_null(
        strstr(lines, "account carol: amount-a-second 18446744073709551614, before 0\n"));
    assert_null(rill_core_account(core, UP)->terms.pace);
    answered("GET", "/v1/accounts/alice", "", 200,
             "\"limits\":{\"max_packet\":null,\"packets_a_second\":null,"
             "\"amount_a_second\":\"1000\",\"packets_to_a_second\":null,"
             "\"amount_to_a_second\":null}");
    answered("GET", "/v1/accounts/bob", "", 200, "\"packets_to_a_second\":9");
    answered("GET", "/v1/accounts/carol", "", 200, "\"amount_to_a_second\":\"7\"");
    /* There was no limit when it was sent: nothing is given back for it. */
    passes(&alice, 2, "g.x.b.y", 1000);
    reject(&carol, RILL_ILP_F99_APPLICATION_ERROR, "");
    refused(&alice, 3, "g.x.b.y", 1, "T04", FROM_ALICE);
    /* Higher: at once. Lower: it waits no longer than from nothing. */
    reload(PEOPLE(", amount-a-second: 1500", "", ""));
    assert_non_null(strstr(lines, "account alice: amount-a-second 1500, before 1000\n"));
    passes(&alice, 4, "g.x.b.y", 500);
    reload(PEOPLE(", amount-a-second: 10", "", ""));
    refused(&alice, 5, "g.x.b.y", 1, "T04", FROM_ALICE);
    wait_ms(100);
    passes(&alice, 6, "g.x.b.y", 1);
    /* None: what was taken of one is forgotten. */
    reload(PEOPLE("", "", ""));
    assert_null(rill_core_account(core, ALICE)->terms.pace);
    passes(&alice, 7, "g.x.b.y", 1000000);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
}

/* Which limit it was is what an operator asks. */
static void test_why(void **state)
{
    (void)state;
    all_come();
    reload(PEOPLE(", amount-a-second: 10", ", amount-to-a-second: 100", ""));
    passes(&alice, 1, "g.x.b.y", 2);
    refused(&alice, 2, "g.x.b.y", 1, "T04", TO_OTHERS);
    passes(&alice, 3, "g.carol.x", 8);
    refused(&alice, 4, "g.carol.x", 1, "T04", FROM_ALICE);
    refused(&alice, 5, "g.carol.x", 2, "T04", FROM_ALICE);
    answered("GET", "/v1/accounts/alice/rejects", "", 200, FROM_ALICE);
    answered("GET", "/v1/accounts/alice/rejects", "", 200, TO_OTHERS);
    const rill_rejects *r = rill_core_account(core, ALICE)->rejects;
    assert_int_equal(r->count, 2);
    assert_int_equal(r->rows[0].count, 1);
    assert_int_equal(r->rows[1].count, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_from_an_account),
        TEST(test_the_largest_packet),
        TEST(test_what_came_to_nothing_is_given_back),
        TEST(test_who_leaves_gets_back_what_is_rejected),
        TEST(test_to_an_account),
        TEST(test_packets_to_an_account),
        TEST(test_another_configuration),
        TEST(test_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
