/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a Prepare and of its answer. */
#include "node_world.h"

static void test_forwards(void **state)
{
    (void)state;
    world *w = start(NULL);
    rill_prepare p = prepare_to("private.rill.bob.x.y");
    ask(&w->alice, 5, &p);
    assert_int_equal(w->bob.sent_count, 1);
    rill_prepare got = last_sent(&w->bob);
    assert_true(got.amount == 100);
    assert_true(got.expires_at_ms == p.expires_at_ms - 1000);
    assert_memory_equal(got.condition, p.condition, 32);
    assert_true(same(got.destination, p.destination));
    assert_true(same(got.data, p.data));
    assert_int_equal(w->alice.answer_count, 0);
    fulfill(&w->bob, fulfillment);
    fulfilled(&w->alice, 5);
    ask_for(&w->alice, 6, "private.rill.bob");
    reject(&w->bob, RILL_ILP_F99_APPLICATION_ERROR, "why");
    rill_reject r = rejected(&w->alice, 6, "F99");
    assert_true(same(r.data, text("why")));
    assert_true(same(r.triggered_by, text("private.rill.bob")));
    stop(w);
}

static void test_expiry_is_shortened(void **state)
{
    (void)state;
    world *w = start(NULL);
    rill_prepare p = prepare_to("private.rill.bob");
    p.expires_at_ms = WALL + 3600000;
    ask(&w->alice, 1, &p);
    assert_true(last_sent(&w->bob).expires_at_ms == WALL + 30000);
    p.expires_at_ms = WALL + 31000;
    ask(&w->alice, 2, &p);
    assert_true(last_sent(&w->bob).expires_at_ms == WALL + 30000);
    p.expires_at_ms = WALL + 2000;
    ask(&w->alice, 3, &p);
    assert_true(last_sent(&w->bob).expires_at_ms == WALL + 1000);
    p.expires_at_ms = WALL + 1999;
    ask(&w->alice, 4, &p);
    rejected_by_node(&w->alice, 4, "R02");
    p.expires_at_ms = WALL + 1;
    ask(&w->alice, 5, &p);
    rejected_by_node(&w->alice, 5, "R02");
    p.expires_at_ms = WALL;
    ask(&w->alice, 6, &p);
    rejected_by_node(&w->alice, 6, "R00");
    p.expires_at_ms = 0;
    ask(&w->alice, 7, &p);
    rejected_by_node(&w->alice, 7, "R00");
    assert_int_equal(w->bob.sent_count, 3);
    stop(w);
}

static int send_in_parts(rill_link *l, uint64_t outgoing_id, const rill_bytes *parts, size_t count)
{
    uint8_t whole[MAX_PACKET];
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(whole + len, parts[i].data, parts[i].len);
        len += parts[i].len;
    }
    return fake_send(l, outgoing_id, whole, len);
}

static const rill_link_ops fake_ops_in_parts = {
    .is_up = fake_is_up,
    .send = fake_send,
    .reply = fake_reply,
    .close = fake_close,
    .send_parts = send_in_parts,
};

/* What is forwarded is what encoding it anew gives, whatever came after its end. */
static void test_only_the_expiry_changes(void **state)
{
    (void)state;
    static const char *const data[] = {"", "data"};
    world *w = start(NULL);
    for (unsigned i = 0; i < 8; i++) {
        uint8_t packet[MAX_PACKET], expected[MAX_PACKET];
        size_t len = 0, expected_len = 0;
        rill_prepare p = prepare_to("private.rill.bob.x");
        p.data = text(data[i % 2]);
        w->bob.link.ops = i < 4 ? &fake_ops : &fake_ops_in_parts;
        assert_int_equal(rill_prepare_encode(&p, packet, sizeof packet, &len), RILL_OK);
        memcpy(packet + len, "after", 5);
        p.expires_at_ms -= 1000;
        assert_int_equal(rill_prepare_encode(&p, expected, sizeof expected, &expected_len),
                         RILL_OK);
        w->alice.link.on.prepare(&w->alice.link, i, packet, i % 4 < 2 ? len : len + 5,
                                 w->alice.link.user);
        const kept *sent = &w->bob.sent[i];
        assert_int_equal(w->bob.sent_count, i + 1);
        assert_int_equal(sent->len, expected_len);
        assert_memory_equal(sent->packet, expected, expected_len);
    }
    stop(w);
}

static void test_expires_while_waiting(void **state)
{
    (void)state;
    world *w = start(NULL);
    ask_for(&w->alice, 1, "private.rill.bob");
    pass(w, 3000);
    rill_prepare sooner = prepare_to("private.rill.bob");
    sooner.expires_at_ms = WALL + 6000;
    ask(&w->alice, 2, &sooner);
    assert_true(w->wake == (1000 + 5000) * RILL_MS);
    pass(w, 1999);
    assert_int_equal(w->alice.answer_count, 0);
    pass(w, 1);
    rejected_by_node(&w->alice, 2, "R00");
    pass(w, 3999);
    assert_int_equal(w->alice.answer_count, 1);
    pass(w, 1);
    rejected_by_node(&w->alice, 1, "R00");
    /* Too late, and not the answer to the next one either. */
    ask_for(&w->alice, 3, "private.rill.bob");
    uint64_t late = w->bob.sent[0].id;
    reply(&w->bob, late, (const uint8_t *)"\x0d\x00", 2);
    assert_int_equal(w->alice.answer_count, 3);
    stop(w);
}

/* The timer may be behind the clock. */
static void test_fulfill_after_expiry_is_refused(void **state)
{
    (void)state;
    world *w = start(NULL);
    ask_for(&w->alice, 1, "private.rill.bob");
    w->now.mono_ns += 9000 * RILL_MS;
    fulfill(&w->bob, fulfillment);
    rejected_by_node(&w->alice, 1, "R00");
    stop(w);
}

static void test_fulfillment_is_checked(void **state)
{
    (void)state;
    world *w = start(NULL);
    uint8_t wrong[32] = {7, 7, 8};
    ask_for(&w->alice, 1, "private.rill.bob");
    fulfill(&w->bob, wrong);
    rejected_by_node(&w->alice, 1, "F05");
    ask_for(&w->alice, 2, "private.rill.bob");
    fulfill(&w->bob, wrong);
    rejected_by_node(&w->alice, 2, "F05");
    assert_int_equal(w->lines[RILL_LOG_WARNING], 1);
    stop(w);
}

static void test_no_route(void **state)
{
    (void)state;
    world *w = start(NULL);
    static const char *const nowhere[] = {"test.elsewhere",     "private.rill.nobody.x",
                                          "private.rillbob.x",  "private.ril",
                                          "private.rill.alice", "private.rill.bobby"};
    for (uint64_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
        ask_for(&w->alice, i, nowhere[i]);
        rejected_by_node(&w->alice, i, "F02");
    }
    assert_int_equal(w->bob.sent_count + w->alice.sent_count, 0);
    stop(w);
}

static void test_malformed(void **state)
{
    (void)state;
    world *w = start(NULL);
    rill_link *l = &w->alice.link;
    l->on.prepare(l, 1, (const uint8_t *)"\x0c\x02zz", 4, l->user);
    rejected_by_node(&w->alice, 1, "F00");
    l->on.prepare(l, 2, (const uint8_t *)"\x0d\x02zz", 4, l->user);
    rejected_by_node(&w->alice, 2, "F01");
    l->on.prepare(l, 3, (const uint8_t *)"", 0, l->user);
    rejected_by_node(&w->alice, 3, "F00");
    assert_int_equal(w->lines[RILL_LOG_WARNING], 1);
    /* An answer that is none. */
    ask_for(&w->alice, 4, "private.rill.bob");
    reply(&w->bob, w->bob.sent[0].id, (const uint8_t *)"\x0e\x01z", 3);
    rejected_by_node(&w->alice, 4, "T01");
    assert_int_equal(w->lines[RILL_LOG_WARNING], 2);
    stop(w);
}

static void test_away(void **state)
{
    (void)state;
    world *w = start(NULL);
    ask_for(&w->alice, 1, "private.rill.bob");
    ask_for(&w->alice, 2, "private.rill.bob");
    disconnect(&w->bob);
    rejected_by_node(&w->alice, 1, "T01");
    rejected_by_node(&w->alice, 2, "T01");
    ask_for(&w->alice, 3, "private.rill.bob");
    rejected_by_node(&w->alice, 3, "T01");
    connect(w, &w->bob, "bob");
    ask_for(&w->alice, 4, "private.rill.bob");
    fulfill(&w->bob, fulfillment);
    fulfilled(&w->alice, 4);
    stop(w);
}

/* The one who asked leaves: nobody is answered, and nothing stays open. */
static void test_sender_leaves(void **state)
{
    (void)state;
    world *w = start(NULL);
    ask_for(&w->alice, 1, "private.rill.bob");
    disconnect(&w->alice);
    assert_int_equal(rill_hub_open(w->node), 0);
    fulfill(&w->bob, fulfillment);
    pass(w, 60000);
    stop(w);
}

static void test_blocked(void **state)
{
    (void)state;
    world *w = start(NULL);
    const struct {
        int error;
        const char *code;
    } cases[] = {{RILL_ERR_BLOCKED, "T03"},
                 {RILL_ERR_LIMIT, "T03"},
                 {RILL_ERR_NOT_CONNECTED, "T01"},
                 {RILL_ERR_NOMEM, "T00"}};
    for (uint64_t i = 0; i < 4; i++) {
        w->bob.send_result = cases[i].error;
        ask_for(&w->alice, i, "private.rill.bob");
        rejected_by_node(&w->alice, i, cases[i].code);
    }
    assert_int_equal(rill_hub_open(w->node), 0);
    stop(w);
}

/* However many requests one account has open, some are left for the next. */
static void test_open_requests_are_shared(void **state)
{
    (void)state;
    rill_hub_options o;
    rill_hub_options_init(&o);
    o.max_open = 32;
    world *w = start(&o);
    connect(w, &w->carol, "carol");
    /* An eighth of those that are left: with 4 open of 32 a fourth of 28. */
    for (uint64_t i = 1; i <= 4; i++)
        ask_for(&w->alice, i, "private.rill.bob");
    assert_int_equal(rill_hub_open(w->node), 4);
    ask_for(&w->alice, 5, "private.rill.bob");
    rejected_by_node(&w->alice, 5, "T03");
    for (uint64_t i = 1; i <= 3; i++)
        ask_for(&w->carol, i, "private.rill.bob");
    assert_int_equal(rill_hub_open(w->node), 7);
    fulfill(&w->bob, fulfillment);
    fulfilled(&w->carol, 3);
    stop(w);
}

static void test_limits(void **state)
{
    (void)state;
    rill_hub_options o;
    rill_hub_options_init(&o);
    o.max_packet_amount = 100;
    o.rate_limit = 4;
    o.max_open_from = 2;
    world *w = start(&o);
    rill_prepare p = prepare_to("private.rill.bob");
    p.amount = 101;
    ask(&w->alice, 1, &p);
    rill_reject r = rejected(&w->alice, 1, "F08");
    static const uint8_t data[16] = {[7] = 101, [15] = 100};
    assert_int_equal(r.data.len, 16);
    assert_memory_equal(r.data.data, data, 16);
    ask_for(&w->alice, 2, "private.rill.bob");
    ask_for(&w->alice, 3, "private.rill.bob");
    ask_for(&w->alice, 4, "private.rill.bob");
    rejected_by_node(&w->alice, 4, "T03");
    ask_for(&w->alice, 5, "private.rill.bob");
    rejected_by_node(&w->alice, 5, "T05");
    /* Another account's packets are its own. */
    ask_for(&w->bob, 1, "private.rill.alice");
    assert_int_equal(w->alice.sent_count, 1);
    pass(w, 250);
    fulfill(&w->bob, fulfillment);
    fulfilled(&w->alice, 3);
    ask_for(&w->alice, 6, "private.rill.bob");
    assert_int_equal(w->bob.sent_count, 3);
    stop(w);
}

static void test_ildcp(void **state)
{
    (void)state;
    rill_hub_options o;
    rill_hub_options_init(&o);
    o.asset_code = "EUR";
    o.asset_scale = 2;
    world *w = start(&o);
    uint8_t packet[MAX_PACKET];
    size_t len = 0;
    assert_int_equal(rill_ildcp_request_encode(WALL + 500, packet, sizeof packet, &len), RILL_OK);
    w->alice.link.on.prepare(&w->alice.link, 1, packet, len, w->alice.link.user);
    const kept *k = answer_to(&w->alice, 1);
    rill_ildcp_info info;
    assert_non_null(k);
    assert_int_equal(rill_ildcp_response_decode(&info, k->packet, k->len), RILL_OK);
    assert_true(same(info.address, text("private.rill.alice")));
    assert_true(same(info.asset_code, text("EUR")));
    assert_int_equal(info.asset_scale, 2);
    /* With another condition the answer would not fulfill it. */
    ask_for(&w->alice, 2, "peer.config");
    rejected_by_node(&w->alice, 2, "F01");
    ask_for(&w->alice, 3, "peer.settle");
    rejected_by_node(&w->alice, 3, "F01");
    assert_int_equal(rill_ildcp_request_encode(WALL, packet, sizeof packet, &len), RILL_OK);
    w->alice.link.on.prepare(&w->alice.link, 4, packet, len, w->alice.link.user);
    rejected_by_node(&w->alice, 4, "R00");
    stop(w);
}

static void test_echo(void **state)
{
    (void)state;
    world *w = start(NULL);
    uint8_t data[RILL_ECHO_REQUEST_MAX];
    size_t len = 0;
    assert_int_equal(
        rill_echo_request_encode(text("private.rill.alice.ping"), data, sizeof data, &len),
        RILL_OK);
    rill_prepare p = prepare_to("private.rill");
    p.data = (rill_bytes){data, len};
    ask(&w->alice, 1, &p);
    rill_prepare got = last_sent(&w->alice);
    assert_true(same(got.destination, text("private.rill.alice.ping")));
    assert_true(got.amount == p.amount && got.expires_at_ms == p.expires_at_ms - 1000);
    assert_true(rill_echo_is_response(got.data));
    fulfill(&w->alice, fulfillment);
    fulfilled(&w->alice, 1);
    /* To somebody else, to nobody, to the node, and what is no request. */
    p.data.len = 0;
    ask(&w->alice, 2, &p);
    rejected_by_node(&w->alice, 2, "F01");
    p.data = text("ECHOECHOECHOECHO\x01");
    ask(&w->alice, 3, &p);
    rejected_by_node(&w->alice, 3, "F01");
    assert_int_equal(rill_echo_request_encode(text("private.rill"), data, sizeof data, &len),
                     RILL_OK);
    p.data = (rill_bytes){data, len};
    ask(&w->alice, 4, &p);
    rejected_by_node(&w->alice, 4, "F02");
    p.data.len = len - 1;
    ask(&w->alice, 5, &p);
    rejected_by_node(&w->alice, 5, "F01");
    stop(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forwards),
        cmocka_unit_test(test_expiry_is_shortened),
        cmocka_unit_test(test_only_the_expiry_changes),
        cmocka_unit_test(test_expires_while_waiting),
        cmocka_unit_test(test_fulfill_after_expiry_is_refused),
        cmocka_unit_test(test_fulfillment_is_checked),
        cmocka_unit_test(test_no_route),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_away),
        cmocka_unit_test(test_sender_leaves),
        cmocka_unit_test(test_blocked),
        cmocka_unit_test(test_open_requests_are_shared),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_ildcp),
        cmocka_unit_test(test_echo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
