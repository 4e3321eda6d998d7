/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions, draining, options, memory. */
#include "node_world.h"

#include "node/pending.h"

static void test_wrong_token_and_too_many_sessions(void **state)
{
    (void)state;
    rill_hub_options o;
    rill_hub_options_init(&o);
    o.max_sessions = 1;
    world *w = start(&o);
    const rill_link_handlers *handlers = NULL;
    void *user = NULL;
    rill_link *l = &w->carol.link;
    assert_int_equal(rill_hub_admit(&handlers, &user, w->node, l, text("bob"), text("wrong")),
                     RILL_ERR_AUTH);
    assert_int_equal(rill_hub_admit(&handlers, &user, w->node, l, text("a.b"), text("token")),
                     RILL_ERR_AUTH);
    assert_int_equal(rill_hub_admit(&handlers, &user, w->node, l, text("bob"), text("token")),
                     RILL_ERR_LIMIT);
    disconnect(&w->bob);
    connect(w, &w->bob, "bob");
    stop(w);
}

static void test_drain(void **state)
{
    (void)state;
    world *w = start(NULL);
    ask_for(&w->alice, 1, "private.rill.bob");
    ask_for(&w->alice, 2, "private.rill.bob");
    rill_hub_drain(w->node);
    assert_int_equal(w->drained, 0);
    ask_for(&w->alice, 3, "private.rill.bob");
    rejected_by_node(&w->alice, 3, "T03");
    fulfill(&w->bob, fulfillment);
    fulfilled(&w->alice, 2);
    assert_int_equal(w->drained, 0);
    rill_hub_abandon(w->node);
    rejected_by_node(&w->alice, 1, "T03");
    assert_int_equal(w->drained, 1);
    stop(w);
    w = start(NULL);
    rill_hub_drain(w->node);
    assert_int_equal(w->drained, 1);
    stop(w);
}

/* What has been sent and not been read yet, when its connection ends, would be in doubt. */
static void test_draining_ends_when_it_is_quiet(void **state)
{
    (void)state;
    world *w = start(NULL);
    ask_for(&w->alice, 1, "private.rill.bob");
    uint64_t heard = w->now.mono_ns;
    rill_hub_drain(w->node);
    w->now.mono_ns += 60 * RILL_MS;
    fulfill(&w->bob, fulfillment);
    fulfilled(&w->alice, 1);
    assert_int_equal(w->drained, 0);
    assert_int_equal(w->wake, heard + 100 * RILL_MS);
    ask_for(&w->alice, 2, "private.rill.bob");
    rejected_by_node(&w->alice, 2, "T03");
    w->now.mono_ns = heard + 100 * RILL_MS;
    rill_hub_tick(w->node);
    assert_int_equal(w->drained, 0);
    assert_int_equal(w->wake, heard + 160 * RILL_MS);
    w->now.mono_ns = heard + 160 * RILL_MS;
    rill_hub_tick(w->node);
    assert_int_equal(w->drained, 1);
    rill_hub_drain(w->node);
    rill_hub_tick(w->node);
    assert_int_equal(w->drained, 1);
    stop(w);
}

/* In the place of a node that was there before: who is not back yet is not unknown. */
static void test_accounts_that_may_come_back(void **state)
{
    (void)state;
    rill_hub_options o;
    rill_hub_options_init(&o);
    o.returning_ns = 10 * RILL_SECOND;
    world *w = start(&o);
    uint64_t began = w->now.mono_ns;
    ask_for(&w->alice, 1, "private.rill.dave");
    rejected_by_node(&w->alice, 1, "T01");
    w->now.mono_ns = began + 10 * RILL_SECOND - 1;
    ask_for(&w->alice, 2, "private.rill.dave");
    rejected_by_node(&w->alice, 2, "T01");
    w->now.mono_ns++;
    ask_for(&w->alice, 3, "private.rill.dave");
    rejected_by_node(&w->alice, 3, "F02");
    stop(w);
}

/* Allocations per packet, once the node is warm: none. */
static size_t allocations;

static void *counting_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    const rill_allocator *a = rill_allocator_default();
    allocations++;
    return a->realloc(a->user, ptr, size);
}

static void counting_free(void *user, void *ptr)
{
    (void)user;
    const rill_allocator *a = rill_allocator_default();
    a->free(a->user, ptr);
}

static void test_allocates_nothing_in_the_steady_state(void **state)
{
    (void)state;
    static const rill_allocator counting = {counting_realloc, counting_free, NULL};
    rill_hub_options o;
    rill_hub_options_init(&o);
    o.allocator = &counting;
    world *w = start(&o);
    size_t warm = 0;
    for (uint64_t i = 0; i < 5000; i++) {
        w->alice.answer_count = 0;
        w->bob.sent_count = 0;
        for (uint64_t k = 0; k < 3; k++)
            ask_for(&w->alice, k, "private.rill.bob.x");
        for (; w->bob.sent_count > 0; w->bob.sent_count--)
            fulfill(&w->bob, fulfillment);
        assert_int_equal(w->alice.answer_count, 3);
        if (i == 0)
            warm = allocations;
    }
    assert_int_equal(allocations, warm);
    stop(w);
}

/* Packets kept for other sessions, however many and large, take only so much memory. */
static void test_kept_packets_are_limited(void **state)
{
    (void)state;
    static uint8_t packet[8192];
    enum { ENTRIES = 3000, FIT = RILL_PENDINGS_MAX_HELD / sizeof packet };
    static rill_pending *entries[ENTRIES];
    const rill_bytes parts[3] = {{packet, 100}, {packet, 92}, {packet, 8000}};
    const rill_bytes small = {packet, 10};
    rill_pendings p;
    rill_pendings_init(&p, rill_allocator_default(), ENTRIES);
    for (size_t i = 0; i < ENTRIES; i++) {
        assert_int_equal(rill_pendings_open(&p, i, &entries[i]), RILL_OK);
        assert_int_equal(rill_pendings_keep(&p, entries[i], parts, 3), RILL_OK);
        assert_int_equal(entries[i]->copy_len, sizeof packet);
        assert_true(p.held <= RILL_PENDINGS_MAX_HELD);
    }
    assert_int_equal(p.held, RILL_PENDINGS_MAX_HELD);
    /* The oldest have made room. */
    for (size_t i = 0; i < ENTRIES; i++)
        assert_int_equal(entries[i]->copy_len, i < ENTRIES - FIT ? 0 : sizeof packet);
    /* Another one in the place of one needs no more. */
    rill_pending *last = entries[ENTRIES - 1];
    assert_int_equal(rill_pendings_keep(&p, last, &small, 1), RILL_OK);
    assert_int_equal(last->copy_len, 10);
    assert_int_equal(rill_pendings_keep(&p, last, parts, 3), RILL_OK);
    assert_int_equal(p.held, RILL_PENDINGS_MAX_HELD);
    /*
     * A session that has ended keeps its storage until somebody else needs it, and gives it up
     * first.
     */
    enum { ENDED = ENTRIES - 5, OLDEST = ENTRIES - FIT };
    rill_pendings_close(&p, entries[ENDED]);
    assert_int_equal(p.held, RILL_PENDINGS_MAX_HELD);
    assert_int_equal(rill_pendings_keep(&p, entries[0], parts, 3), RILL_OK);
    assert_int_equal(p.held, RILL_PENDINGS_MAX_HELD);
    assert_int_equal(entries[OLDEST]->copy_len, sizeof packet);
    for (size_t i = 0; i < ENTRIES; i++) {
        if (i != ENDED)
            rill_pendings_close(&p, entries[i]);
    }
    assert_int_equal(p.open, 0);
    rill_pendings_clear(&p);
}

static void test_options(void **state)
{
    (void)state;
    rill_hub_options o;
    rill_hub_options_init(&o);
    assert_null(rill_hub_options_problem(&o));
    static const char *const addresses[] = {"",       "private",    "rill",
                                            "peer.x", "private..x", "private.x."};
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        rill_hub *n = NULL;
        o.address = addresses[i];
        assert_non_null(rill_hub_options_problem(&o));
        assert_int_equal(rill_hub_new(&n, &o), RILL_ERR_INVALID);
    }
    rill_hub_options_init(&o);
    o.asset_code = "";
    assert_non_null(rill_hub_options_problem(&o));
    o.asset_code = "a\nb";
    assert_non_null(rill_hub_options_problem(&o));
    rill_hub_options_init(&o);
    o.max_packet_amount = 0;
    assert_non_null(rill_hub_options_problem(&o));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_token_and_too_many_sessions),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_draining_ends_when_it_is_quiet),
        cmocka_unit_test(test_accounts_that_may_come_back),
        cmocka_unit_test(test_allocates_nothing_in_the_steady_state),
        cmocka_unit_test(test_kept_packets_are_limited),
        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
