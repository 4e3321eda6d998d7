/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the node on which nothing else depends: what it counts, and whom it refuses. */
#include "node_world.h"

static char lines[16][256];
static size_t line_count;

static void remember(void *user, rill_log_level level, const char *line)
{
    (void)user;
    (void)level;
    assert_true(line_count < 16);
    snprintf(lines[line_count++], sizeof lines[0], "%s", line);
}

static bool reported(const char *line)
{
    for (size_t i = 0; i < line_count; i++)
        if (strcmp(lines[i], line) == 0)
            return true;
    return false;
}

/* A node that says only what it has to. */
static world *start_and_listen(void)
{
    static world w;
    memset(&w, 0, sizeof w);
    line_count = 0;
    w.now = (rill_now){RILL_SECOND, WALL};
    w.wake = RILL_NEVER;
    rill_node_options_init(&w.options);
    w.options.now = world_now;
    w.options.wake = world_wake;
    w.options.drained = world_drained;
    w.options.log = (rill_log){remember, &w, RILL_LOG_WARNING};
    w.options.user = &w;
    assert_int_equal(rill_node_new(&w.node, &w.options), RILL_OK);
    connect(&w, &w.alice, "alice");
    connect(&w, &w.bob, "bob");
    return &w;
}

static void test_totals_are_what_was_fulfilled(void **state)
{
    (void)state;
    world *w = start_and_listen();
    ask_for(&w->alice, 1, "private.rill.bob");
    fulfill(&w->bob, fulfillment);
    ask_for(&w->alice, 2, "private.rill.bob");
    reject(&w->bob, RILL_ILP_F99_APPLICATION_ERROR, "data");
    ask_for(&w->alice, 3, "private.rill.bob");
    fulfill(&w->bob, fulfillment);
    ask_for(&w->alice, 4, "private.rill.nobody");
    ask_for(&w->alice, 5, "private.rill.bob");
    rill_node_report(w->node);
    assert_true(reported("account alice: sent 5 packets (2 rejected, 200 units fulfilled), "
                         "got 0 (0 units fulfilled), 1 open"));
    assert_true(reported("account bob: sent 0 packets (0 rejected, 0 units fulfilled), "
                         "got 4 (200 units fulfilled), 0 open"));
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
            rill_node_admit(w->node, text(names[i]), text(""), &f.link, &handlers, &f.link.user),
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
        rill_node_admit(w->node, text(""), text(token), &f->link, &handlers, &f->link.user),
        RILL_OK);
    f->link.on = *handlers;
    f->link.on.up(&f->link, f->link.user);
}

/* Where the sender's last packet went is remembered, and is not where this one goes. */
static void test_where_the_last_packet_went(void **state)
{
    (void)state;
    rill_node_options options;
    rill_node_options_init(&options);
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
