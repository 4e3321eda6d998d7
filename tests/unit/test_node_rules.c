/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the node on which nothing else depends: what it counts, and whom it refuses. */
#include "node_world.h"

static void test_totals_are_what_was_fulfilled(void **state)
{
    (void)state;
    world *w = start(NULL);
    ask_for(&w->alice, 1, "private.rill.bob");
    fulfill(&w->bob, fulfillment);
    ask_for(&w->alice, 2, "private.rill.bob");
    reject(&w->bob, RILL_ILP_F99_APPLICATION_ERROR, "data");
    ask_for(&w->alice, 3, "private.rill.bob");
    fulfill(&w->bob, fulfillment);
    ask_for(&w->alice, 4, "private.rill.nobody");
    ask_for(&w->alice, 5, "private.rill.bob");
    rill_node_account a;
    assert_int_equal(rill_hub_account(w->node, text("alice"), &a), RILL_OK);
    assert_string_equal(a.name, "alice");
    assert_true(a.packets_from == 5 && a.rejected_from == 2 && a.fulfilled_from == 200);
    assert_true(a.packets_to == 0 && a.fulfilled_to == 0 && a.open == 1 && a.sessions == 1);
    assert_int_equal(rill_hub_account(w->node, text("bob"), &a), RILL_OK);
    assert_string_equal(a.name, "bob");
    assert_true(a.packets_from == 0 && a.rejected_from == 0 && a.fulfilled_from == 0);
    assert_true(a.packets_to == 4 && a.fulfilled_to == 200 && a.open == 0 && a.sessions == 1);
    assert_int_equal(rill_hub_account(w->node, text("nobody"), &a), RILL_ERR_NOT_FOUND);
    size_t cursor = 0, seen = 0;
    while (rill_hub_next_account(w->node, &cursor, &a))
        seen += strcmp(a.name, "alice") == 0 || strcmp(a.name, "bob") == 0;
    assert_int_equal(seen, 2);
    assert_int_equal(rill_hub_accounts(w->node), 2);
    stop(w);
}

/* The node has no use for money: what it kept would be lost. */
static void test_the_node_takes_no_money(void **state)
{
    (void)state;
    world *w = start(NULL);
    uint8_t packet[MAX_PACKET];
    size_t len = 0;
    rill_prepare p;
    assert_int_equal(rill_ildcp_request_encode(WALL + 500, packet, sizeof packet, &len), RILL_OK);
    assert_int_equal(rill_prepare_decode(&p, packet, len), RILL_OK);
    p.amount = 1;
    ask(&w->alice, 1, &p);
    rejected_by_node(&w->alice, 1, "F01");
    p.amount = 0;
    ask(&w->alice, 2, &p);
    rill_fulfill f;
    const kept *k = answer_to(&w->alice, 2);
    assert_non_null(k);
    assert_int_equal(rill_fulfill_decode(&f, k->packet, k->len), RILL_OK);
    stop(w);
}

static void test_nobody_comes_in_without_a_token(void **state)
{
    (void)state;
    world *w = start(NULL);
    fake f;
    const rill_link_handlers *handlers = NULL;
    static const char *const names[] = {"dave", ""};
    memset(&f, 0, sizeof f);
    f.link.ops = &fake_ops;
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(
            rill_hub_admit(&handlers, &f.link.user, w->node, &f.link, text(names[i]), text("")),
            RILL_ERR_AUTH);
    assert_null(handlers);
    stop(w);
}

/* base64url(SHA-256("sesame")) */
#define SESAME "0MBPSxlR5K6q7IIj7SA55ULzqugFpvp_bXlOWv_10nI"

static void connect_with_token(world *w, fake *f, const char *token)
{
    const rill_link_handlers *handlers = NULL;
    memset(f, 0, sizeof *f);
    f->link.ops = &fake_ops;
    assert_int_equal(
        rill_hub_admit(&handlers, &f->link.user, w->node, &f->link, text(""), text(token)),
        RILL_OK);
    f->link.on = *handlers;
    f->link.on.up(&f->link, f->link.user);
}

/* Where the sender's last packet went is remembered, and is not where this one goes. */
static void test_where_the_last_packet_went(void **state)
{
    (void)state;
    rill_hub_options options;
    rill_hub_options_init(&options);
    options.max_accounts = 3;
    world *w = start(&options);
    connect_with_token(w, &w->carol, "sesame");
    ask_for(&w->alice, 1, "private.rill." SESAME);
    assert_int_equal(w->carol.sent_count, 1);
    fulfill(&w->carol, fulfillment);
    ask_for(&w->alice, 2, "private.rill.bob");
    assert_int_equal(w->bob.sent_count, 1);
    fulfill(&w->bob, fulfillment);
    ask_for(&w->alice, 3, "private.rill." SESAME ".more");
    assert_int_equal(w->carol.sent_count, 2);
    fulfill(&w->carol, fulfillment);
    disconnect(&w->carol);
    /* Known, but away; then forgotten, with another account in its place. */
    ask_for(&w->alice, 4, "private.rill." SESAME);
    rejected_by_node(&w->alice, 4, "T01");
    connect_with_token(w, &w->carol, "another");
    ask_for(&w->alice, 5, "private.rill." SESAME);
    rejected_by_node(&w->alice, 5, "F02");
    assert_int_equal(w->carol.sent_count, 0);
    stop(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totals_are_what_was_fulfilled),
        cmocka_unit_test(test_the_node_takes_no_money),
        cmocka_unit_test(test_nobody_comes_in_without_a_token),
        cmocka_unit_test(test_where_the_last_packet_went),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
