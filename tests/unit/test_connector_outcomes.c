/* SPDX-License-Identifier: Apache-2.0 */
/* Fulfills that come too late, and what the metrics say of packets that were not fulfilled. */
#include "connector_world.h"

static void pass_time(uint64_t ms)
{
    now.mono_ns += ms * RILL_MS;
    now.wall_ms += ms;
    rill_hub_tick(rill_core_hub(core));
}

static void write_all(void)
{
    turn();
    if (store.batch != NULL)
        written();
}

static const char *noted(void)
{
    assert_int_equal(store.batch->entry_count, 1);
    assert_string_equal(store.batch->entries[0].who, "node");
    return store.batch->entries[0].note;
}

/* Of bob's: what was rejected as it had expired, and is fulfilled now. */
static void is_late_with(uint64_t request, uint64_t amount)
{
    send(&alice, request, "g.x.b.server", amount);
    pass_time(10000);
    rejected(&alice, request, "R00");
    fulfill(&bob, fulfillment);
    turn();
}

static void bob_is_late_with(unsigned packets, unsigned amount)
{
    char part[96];
    snprintf(part, sizeof part, "\"late\":{\"packets\":%u,\"amount\":\"%u\"}", packets, amount);
    answered("GET", "/v1/accounts/bob", "", 200, part);
    answered("GET", "/v1/accounts/bob/rejects", "", 200, part);
}

static void test_a_late_fulfill_is_named(void **state)
{
    (void)state;
    all_come();
    bob_is_late_with(0, 0);
    /* From 0 on, so that the first one is an increase. */
    answered("GET", "/metrics", "", 200,
             "rill_connector_late_money_total{account=\"bob\",asset=\"EUR\",scale=\"4\"} 0\n");
    is_late_with(1, 100);
    assert_string_equal(noted(), "1 packets of 5000 units were fulfilled too late: it may count "
                                 "them as owed to it, and this node does not");
    assert_int_equal(warnings, 1);
    written();
    /* Nothing is booked of it, and nothing is held. */
    booked(ALICE, 0);
    booked(BOB, 0);
    nothing_held();
    assert_true(rill_core_is_even(core));
    bob_is_late_with(1, 5000);
    answered("GET", "/metrics", "", 200,
             "rill_connector_late_money_total{account=\"bob\",asset=\"EUR\",scale=\"4\"} 5000\n");
    /* Once more: a neighbour cannot say it twice. */
    fulfill(&bob, fulfillment);
    bob_is_late_with(1, 5000);
    answered("GET", "/v1/accounts/alice", "", 200, "\"late\":{\"packets\":0,\"amount\":\"0\"}");
}

static void stray(fake *by, const uint8_t preimage[32])
{
    const rill_fulfill f = {.fulfillment = preimage};
    uint8_t packet[64];
    size_t len = 0;
    assert_int_equal(rill_fulfill_encode(&f, packet, sizeof packet, &len), RILL_OK);
    by->link.stray(&by->link, packet, len, by->link.stray_user);
    turn();
}

/* Bob's link is lost with packets out, and what he answers to them comes another way. */
static void test_by_a_link_that_is_gone(void **state)
{
    static const uint8_t other[32] = {8};
    static fake again;
    (void)state;
    all_come();
    assert_int_equal(come_as(&again, "", "BOB", true), RILL_OK);
    send(&alice, 1, "g.x.b.server", 100);
    send(&alice, 2, "g.x.b.server", 2);
    stray(&again, fulfillment); /* they are waited for: this is no answer */
    bob_is_late_with(0, 0);
    bob.link.on.unanswered(&bob.link, bob.sent[0].id, RILL_ERR_CLOSED, true, bob.link.user);
    bob.link.on.unanswered(&bob.link, bob.sent[1].id, RILL_ERR_CLOSED, false, bob.link.user);
    rejected(&alice, 1, "T01");
    rejected(&alice, 2, "T01");
    stray(&again, other);
    stray(&carol, fulfillment); /* it was not sent to her */
    bob_is_late_with(0, 0);
    stray(&again, fulfillment);
    assert_string_equal(noted(), "1 packets of 5000 units were fulfilled too late: it may count "
                                 "them as owed to it, and this node does not");
    written();
    stray(&again, fulfillment); /* once, and never of what did not leave */
    bob_is_late_with(1, 5000);
    answered("GET", "/v1/accounts/carol", "", 200, "\"late\":{\"packets\":0,\"amount\":\"0\"}");
    booked(ALICE, 0);
    booked(BOB, 0);
    nothing_held();
    disconnect(&again);
}

/* Its link is lost before it has answered: it may claim so much. */
static void test_what_is_never_answered(void **state)
{
    static const int errors[] = {RILL_ERR_NOT_CONNECTED, RILL_ERR_REMOTE, RILL_ERR_REFUSED,
                                 RILL_ERR_PROTOCOL};
    (void)state;
    all_come();
    answered(
        "GET", "/metrics", "", 200,
        "rill_connector_unanswered_money_total{account=\"bob\",asset=\"EUR\",scale=\"4\"} 0\n");
    for (unsigned i = 0; i < 4; i++) {
        send(&alice, i + 1, "g.x.b.server", 100);
        bob.link.on.unanswered(&bob.link, bob.sent[i].id, errors[i], true, bob.link.user);
        rejected(&alice, i + 1, "T01");
    }
    /* That of which nothing left has no claim, and neither has what it refused, or answered badly.
     */
    send(&alice, 5, "g.x.b.server", 100);
    bob.link.on.unanswered(&bob.link, bob.sent[4].id, RILL_ERR_NOT_CONNECTED, false, bob.link.user);
    for (unsigned i = 0; i < 2; i++)
        answered("GET", i == 0 ? "/v1/accounts/bob" : "/v1/accounts/bob/rejects", "", 200,
                 "\"unanswered\":{\"packets\":2,\"amount\":\"10000\"}");
    answered("GET", "/metrics", "", 200,
             "rill_connector_unanswered_money_total{account=\"bob\",asset=\"EUR\",scale=\"4\"} "
             "10000\n");
    nothing_held();
}

/* What does not match the condition is no Fulfill, and neither is a reject. */
static void test_what_is_not_late(void **state)
{
    static const uint8_t other[32] = {8};
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    pass_time(10000);
    fulfill(&bob, other);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    bob_is_late_with(0, 0);
    /* ... and the right one still is. */
    fulfill(&bob, fulfillment);
    bob_is_late_with(1, 5000);
    /* One that was answered in time, again. */
    send(&alice, 2, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    write_all();
    fulfill(&bob, fulfillment);
    send(&alice, 3, "g.x.b.server", 100);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    fulfill(&bob, fulfillment);
    /* A wrong one in time, and then the right one: its answer was given. */
    send(&alice, 4, "g.x.b.server", 100);
    fulfill(&bob, other);
    fulfill(&bob, fulfillment);
    bob_is_late_with(1, 5000);
    write_all();
}

/* The time is over, and the timer has not fired yet. */
static void test_late_before_the_timer(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    now.mono_ns += 10 * RILL_SECOND;
    now.wall_ms += 10000;
    fulfill(&bob, fulfillment);
    rejected(&alice, 1, "R00");
    bob_is_late_with(1, 5000);
    nothing_held();
    write_all();
}

/* What is abandoned at the end may be fulfilled as well. */
static void test_late_as_the_node_stops(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    rill_core_drain(core);
    rill_hub_abandon(rill_core_hub(core));
    rejected(&alice, 1, "T03");
    fulfill(&bob, fulfillment);
    bob_is_late_with(1, 5000);
    turn();
    assert_non_null(strstr(noted(), "1 packets of 5000 units"));
    written();
}

static void test_late_is_told_once_a_minute(void **state)
{
    (void)state;
    all_come();
    now.wall_ms = 1000000;
    is_late_with(1, 1);
    assert_non_null(strstr(noted(), "1 packets of 50 units"));
    written();
    uint64_t told = now.wall_ms;
    is_late_with(2, 2);
    assert_int_equal(turn_wanted, false);
    assert_null(store.batch);
    now.wall_ms = told + 60000 - 10000;
    is_late_with(3, 3);
    assert_non_null(strstr(noted(), "2 packets of 250 units"));
    written();
    is_late_with(4, 4);
    assert_null(store.batch);
    rill_core_drain(core);
    turn();
    assert_non_null(strstr(noted(), "1 packets of 200 units"));
    written();
    bob_is_late_with(4, 500);
}

/* How often is the neighbour's choice, so it does not fill the audit in the last minute either. */
static void test_late_while_the_node_drains(void **state)
{
    (void)state;
    all_come();
    now.wall_ms = 1000000;
    for (uint64_t request = 1; request <= 3; request++)
        send(&alice, request, "g.x.b.server", 1);
    rill_core_drain(core);
    rill_hub_abandon(rill_core_hub(core));
    for (size_t nth = 0; nth < 3; nth++)
        fulfill_nth(&bob, nth, fulfillment);
    turn();
    assert_non_null(strstr(noted(), "1 packets of 50 units"));
    written();
    bob_is_late_with(3, 150);
    rill_core_tell_rest(core);
    turn();
    assert_non_null(strstr(noted(), "2 packets of 100 units"));
    written();
    rill_core_tell_rest(core);
    assert_false(turn_wanted);
}

/* ---- what Prometheus reads ---- */

static void metric(const char *line)
{
    answered("GET", "/metrics", "", 200, line);
}

static void no_metric(const char *part)
{
    rill_admin_answer answer = asked("GET", "/metrics", "", true);
    assert_int_equal(answer.status, 200);
    if (strstr(answer.body, part) != NULL)
        fail_msg("%s is in %s", part, answer.body);
    rill_admin_free(&answer);
}

#define OF_ALICE "{account=\"alice\",asset=\"USD\",scale=\"2\""
#define OF_BOB   "{account=\"bob\",asset=\"EUR\",scale=\"4\""

/* As ilp-connector counts: what a packet holds is owed until it is rejected. */
static void test_the_balance_of_ilp_connector(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    metric("\nilp_connector_balance" OF_ALICE "} 100\n");
    metric("\nrill_connector_balance" OF_ALICE "} 0\n");
    metric("\nilp_connector_balance" OF_BOB "} 0\n");
    fulfill(&bob, fulfillment);
    write_all();
    metric("\nilp_connector_balance" OF_ALICE "} 100\n");
    metric("\nrill_connector_balance" OF_ALICE "} -100\n");
    metric("\nilp_connector_balance" OF_BOB "} -5000\n");
    metric("\nrill_connector_balance" OF_BOB "} 5000\n");
    send(&alice, 2, "g.x.b.server", 10);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    metric("\nilp_connector_balance" OF_ALICE "} 100\n");
}

static void test_how_packets_end(void **state)
{
    static const uint8_t other[32] = {8};
    (void)state;
    all_come();
    metric("\nilp_connector_incoming_ilp_packets" OF_ALICE ",result=\"fulfilled\"} 0\n");
    no_metric(",result=\"rejected\"");
    no_metric(",result=\"failed\"");
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    write_all();
    send(&alice, 2, "g.x.b.server", 20);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    send(&alice, 3, "g.x.b.server", 3);
    reject(&bob, RILL_ILP_T04_INSUFFICIENT_LIQUIDITY, "");
    send(&alice, 4, "g.nowhere.at.all", 4);
    reject(&up, RILL_ILP_F02_UNREACHABLE, "");
    send(&alice, 5, "g.x.nobody", 5); /* by this node */
    send(&alice, 6, "g.x.b.server", 6);
    fulfill(&bob, other);
    send(&alice, 7, "g.x.b.server", 7);
    pass_time(10000);
    metric("\nilp_connector_incoming_ilp_packets" OF_ALICE ",result=\"fulfilled\"} 1\n");
    metric("\nilp_connector_incoming_ilp_packets" OF_ALICE ",result=\"rejected\"} 3\n");
    metric("\nilp_connector_incoming_ilp_packets" OF_ALICE ",result=\"failed\"} 3\n");
    metric("\nilp_connector_incoming_ilp_packet_value" OF_ALICE ",result=\"fulfilled\"} 100\n");
    metric("\nilp_connector_incoming_ilp_packet_value" OF_ALICE ",result=\"rejected\"} 27\n");
    metric("\nilp_connector_incoming_ilp_packet_value" OF_ALICE ",result=\"failed\"} 18\n");
    metric("\nilp_connector_outgoing_ilp_packets" OF_BOB ",result=\"fulfilled\"} 1\n");
    metric("\nilp_connector_outgoing_ilp_packets" OF_BOB ",result=\"rejected\",code=\"F99\"} 1\n");
    metric("\nilp_connector_outgoing_ilp_packets" OF_BOB ",result=\"rejected\",code=\"T04\"} 1\n");
    metric("\nilp_connector_outgoing_ilp_packets" OF_BOB ",result=\"failed\"} 2\n");
    metric("\nilp_connector_outgoing_ilp_packet_value" OF_BOB ",result=\"fulfilled\"} 5000\n");
    metric("\nilp_connector_outgoing_ilp_packet_value" OF_BOB ",result=\"rejected\"} 1150\n");
    metric("\nilp_connector_outgoing_ilp_packet_value" OF_BOB ",result=\"failed\"} 650\n");
    /* A code that nobody knows. */
    uint8_t packet[MAX_PACKET];
    size_t len = 0;
    const rill_reject odd = {{"X42"}, text("g.b"), text("no"), text("")};
    send(&alice, 8, "g.x.b.server", 8);
    assert_int_equal(rill_reject_encode(&odd, packet, sizeof packet, &len), RILL_OK);
    reply(&bob, bob.sent[bob.sent_count - 1].id, packet, len);
    metric("\nilp_connector_outgoing_ilp_packets" OF_BOB
           ",result=\"rejected\",code=\"other\"} 1\n");
    no_metric("X42");
}

/* What is above a rate is none of those that failed, and ilp-connector counts it so. */
static void test_rates(void **state)
{
    (void)state;
    all_come();
    rill_core_account(core, BOB)->balance.credit = RILL_NO_LIMIT;
    metric("\n# TYPE ilp_connector_rate_limited_money counter\n");
    for (unsigned i = 0; i < 5; i++)
        send(&bob, i, "g.x.alice", 100);
    rejected(&bob, 4, "T05");
    metric("\nilp_connector_rate_limited_ilp_packets" OF_BOB "} 2\n");
    metric("\nilp_connector_incoming_ilp_packets" OF_BOB ",result=\"fulfilled\"} 0\n");
    no_metric(",result=\"failed\"");
}

/* A question of the node's own is no packet from the account that it asks. */
static void test_own_questions_are_not_counted(void **state)
{
    static const uint8_t condition[32] = {1};
    (void)state;
    all_come();
    const rill_prepare p = {.amount = 0,
                            .expires_at_ms = now.wall_ms + 5000,
                            .condition = condition,
                            .destination = text("peer.route.control")};
    assert_int_equal(rill_hub_ask(rill_core_hub(core), &rill_core_account(core, CAROL)->terms, &p,
                                  5 * RILL_SECOND, 1),
                     RILL_OK);
    metric("\nilp_connector_incoming_ilp_packets{account=\"carol\",asset=\"USD\",scale=\"2\","
           "result=\"fulfilled\"} 0\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_late_fulfill_is_named),
        TEST(test_by_a_link_that_is_gone),
        TEST(test_what_is_never_answered),
        TEST(test_what_is_not_late),
        TEST(test_late_before_the_timer),
        TEST(test_late_as_the_node_stops),
        TEST(test_late_is_told_once_a_minute),
        TEST(test_late_while_the_node_drains),
        TEST(test_the_balance_of_ilp_connector),
        TEST(test_how_packets_end),
        TEST(test_rates),
        TEST(test_own_questions_are_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
