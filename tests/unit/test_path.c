/* SPDX-License-Identifier: Apache-2.0 */
/* What an endpoint lends to its connections and streams, and when they get their own. */
#include "stream/core/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/core/endpoint_internal.h"
#include "support/failing_memory.h"
#include "support/pair.h"

static failing_memory memory; /* the server's */

static void open_paid(pair *p)
{
    pair_options o = pair_defaults();
    failing_memory_init(&memory, 0, 0);
    o.server.allocator = &memory.allocator;
    pair_open(p, &o);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(s, 1000), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 1000);
}

static rill_stream *of_server(pair *p)
{
    return rill_connection_stream(p->end[PAIR_SERVER].connection, 1);
}

static void close_all(pair *p)
{
    pair_check_books(p);
    pair_close(p);
    assert_int_equal(memory.blocks, 0);
    failing_memory_end(&memory);
}

/* The next allocation fails. */
static void no_memory(void)
{
    memory.fail_at = memory.asked + 1;
    memory.fail_for = FAILING_FOR_EVER;
}

static void memory_again(void)
{
    memory.fail_at = 0;
}

static void test_who_only_receives_owns_nothing(void **state)
{
    pair *p = *state;
    open_paid(p);
    const rill_endpoint *e = p->end[PAIR_SERVER].endpoint;
    const rill_connection *c = p->end[PAIR_SERVER].connection;
    assert_ptr_equal(c->path, e->unused_path);
    assert_ptr_equal(c->undecided, &e->shared->no_undecided);
    assert_ptr_equal(of_server(p)->out, &e->shared->unused_out);
    assert_true(rill_path_is_unused(e->unused_path));
    /* The client has paid. */
    const rill_endpoint *payer = p->end[PAIR_CLIENT].endpoint;
    assert_ptr_not_equal(p->end[PAIR_CLIENT].connection->path, payer->unused_path);
    assert_true(rill_path_is_unused(payer->unused_path));
    close_all(p);
}

/* What the other side has told meanwhile is as true as before. */
static void test_who_pays_owns_what_it_needs(void **state)
{
    pair *p = *state;
    open_paid(p);
    rill_stream *s = of_server(p);
    assert_true(s->max_told);
    const rill_money_theirs told = s->theirs;
    assert_int_equal(rill_stream_set_send_max(s, 200), RILL_OK);
    assert_ptr_not_equal(s->out, &p->end[PAIR_SERVER].endpoint->shared->unused_out);
    assert_true(s->theirs.max == told.max && s->theirs.received == told.received);
    pair_run(p, RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->money, 200);
    assert_true(s->out->money.sent == 200);
    assert_true(rill_path_is_unused(p->end[PAIR_SERVER].endpoint->unused_path));
    close_all(p);
}

/* Nothing has changed, and the next try is one. */
static void test_without_memory_for_it(void **state)
{
    pair *p = *state;
    open_paid(p);
    rill_connection *c = p->end[PAIR_SERVER].connection;
    rill_stream *s = of_server(p);
    no_memory();
    assert_int_equal(rill_stream_set_send_max(s, 200), RILL_ERR_NOMEM);
    assert_int_equal(rill_stream_send_total(s, 200, RILL_NEVER), RILL_ERR_NOMEM);
    assert_int_equal(rill_connection_set_min_rate(c, (rill_ratio){1, 2}), RILL_ERR_NOMEM);
    assert_true(rill_stream_sendable(s) == 0 && !s->out->goal_set && c->streams.paying == 0);
    assert_true(rill_path_is_unused(c->path));
    memory_again();
    assert_int_equal(rill_connection_set_min_rate(c, (rill_ratio){1, 2}), RILL_OK);
    assert_ptr_not_equal(c->path, p->end[PAIR_SERVER].endpoint->unused_path);
    assert_int_equal(rill_stream_set_send_max(s, 200), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->money, 200);
    close_all(p);
}

/* Its first packet needs a path, for which there is no memory: it leaves when there is. */
static void test_a_first_packet_without_memory(void **state)
{
    pair *p = *state;
    open_paid(p);
    rill_stream *s = of_server(p);
    assert_int_equal(rill_stream_set_send_max(s, 200), RILL_OK);
    no_memory();
    pair_run(p, RILL_SECOND / 100);
    assert_true(memory.refused > 0);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->money, 0);
    memory_again();
    pair_run(p, 10 * RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->money, 200);
    close_all(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST_TO_OPEN(test_who_only_receives_owns_nothing),
        PAIR_TEST_TO_OPEN(test_who_pays_owns_what_it_needs),
        PAIR_TEST_TO_OPEN(test_without_memory_for_it),
        PAIR_TEST_TO_OPEN(test_a_first_packet_without_memory),
    };
    return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
