/* SPDX-License-Identifier: Apache-2.0 */
/* What has changed, and has not been settled. */
#include "client_fixture.h"

#include "stream/core/endpoint_internal.h"
#include "stream/core/marks.h"
#include "stream/core/settle.h"
#include "stream/core/stream.h"

static unsigned length(const rill_list *line)
{
    unsigned count = 0;
    for (const rill_list *n = line->next; n != line; n = n->next)
        count++;
    return count;
}

/* As most streams are: of these only a goal, an end or a doubt makes more. */
static void test_what_is_merely_open(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    assert_true(rill_stream_may_pay(c.stream));
    rill_stream *s = c.stream;
    assert_true(rill_stream_is_merely_open(s));
    bool *flags[] = {&s->out->given_up, &s->out->goal_set, &s->receive_goal_set, &s->ending,
                     &s->closed};
    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++) {
        *flags[i] = true;
        assert_false(rill_stream_is_merely_open(s));
        *flags[i] = false;
    }
    s->out->doubt = RILL_DOUBT_ASKED;
    assert_false(rill_stream_is_merely_open(s));
    s->out->doubt = RILL_DOUBT_NONE;
    close_client(&c);
}

static void test_nothing_follows_where_nothing_can(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_stream_mark(c.stream, RILL_MARK_ANY);
    assert_false(c.connection->unsettled);
    assert_int_equal(length(&c.connection->streams.unsettled), 0);
    c.stream->ending = true;
    rill_stream_mark(c.stream, RILL_MARK_ANY);
    assert_true(c.connection->unsettled);
    assert_int_equal(length(&c.connection->streams.unsettled), 1);
    c.stream->ending = false;
    rill_settle_now(c.connection, c.now.mono_ns);
    close_client(&c);
}

/* One that is merely open takes its place in line at once: there is nothing to settle. */
static void test_money_of_what_is_merely_open_stands_in_line_at_once(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    assert_true(rill_stream_may_pay(c.stream));
    rill_money_set_max(&c.stream->out->money, 9);
    rill_stream_mark(c.stream, RILL_MARK_MONEY);
    assert_int_equal(length(&c.connection->streams.with_money), 1);
    assert_false(c.connection->unsettled);
    rill_money_forgo(&c.stream->out->money);
    rill_stream_mark(c.stream, RILL_MARK_MONEY);
    assert_int_equal(length(&c.connection->streams.with_money), 0);
    close_client(&c);
}

/* But nobody overtakes who was marked before. */
static void test_lines_are_in_the_order_of_marks(void **state)
{
    client c;
    rill_stream *second, *third;
    (void)state;
    open_client(&c);
    rill_connection *x = c.connection;
    assert_int_equal(rill_connection_open_stream(x, &second), RILL_OK);
    assert_int_equal(rill_connection_open_stream(x, &third), RILL_OK);
    rill_stream *streams[] = {c.stream, second, third};
    for (unsigned i = 0; i < 3; i++) {
        assert_true(rill_stream_may_pay(streams[i]));
        rill_money_set_max(&streams[i]->out->money, 9);
    }
    third->ending = true; /* it is not merely open */
    rill_stream_mark(third, RILL_MARK_MONEY);
    rill_stream_mark(c.stream, RILL_MARK_MONEY);
    rill_stream_mark(second, RILL_MARK_MONEY);
    assert_int_equal(length(&x->streams.with_money), 0);
    rill_settle_now(x, c.now.mono_ns);
    const rill_list *n = x->streams.with_money.next;
    assert_ptr_equal(n, &third->money_node);
    assert_ptr_equal(n->next, &c.stream->money_node);
    assert_ptr_equal(n->next->next, &second->money_node);
    close_client(&c);
}

/* Whatever is marked, and however often, is settled once. */
static void test_marks_add_up_until_they_are_settled(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_stream_mark(c.stream, RILL_MARK_TIMER);
    rill_stream_mark(c.stream, RILL_MARK_DATA);
    rill_stream_mark(c.stream, RILL_MARK_TIMER);
    assert_int_equal(c.stream->marks, RILL_MARK_TIMER | RILL_MARK_DATA);
    assert_int_equal(length(&c.connection->streams.unsettled), 1);
    rill_settle_now(c.connection, c.now.mono_ns);
    assert_int_equal(c.stream->marks, 0);
    assert_false(c.connection->unsettled);
    close_client(&c);
}

/* That a packet has ended matters where the connection ends. */
static void test_the_end_of_a_packet(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_connection *x = c.connection;
    rill_connection_mark_packet(x);
    assert_false(x->unsettled);
    x->closing.ending = true;
    rill_connection_mark_packet(x);
    assert_true(x->unsettled);
    x->closing.ending = x->unsettled = false;
    x->state = RILL_STATE_CLOSED;
    rill_connection_mark_packet(x);
    assert_true(x->unsettled);
    x->unsettled = false;
    x->state = RILL_STATE_OPEN;
    close_client(&c);
}

static void test_all_streams_may_be_marked(void **state)
{
    client c;
    rill_stream *other;
    (void)state;
    open_client(&c);
    assert_int_equal(rill_connection_open_stream(c.connection, &other), RILL_OK);
    other->ending = true;
    rill_connection_mark_all(c.connection);
    assert_true(c.connection->unsettled);
    assert_int_equal(length(&c.connection->streams.unsettled), 1); /* the other is merely open */
    other->ending = false;
    rill_settle_now(c.connection, c.now.mono_ns);
    c.connection->retime = false;
    rill_connection_mark_timer(c.connection);
    assert_true(c.connection->retime && c.connection->unsettled);
    rill_settle_call(c.connection, c.now.mono_ns);
    assert_false(c.connection->retime || c.connection->unsettled);
    close_client(&c);
}

/* A stream is counted from its beginning until its end has been told, or it goes before. */
static void test_streams_are_counted_until_they_are_over(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_streams *all = &c.connection->streams;
    assert_int_equal(all->not_over, 1);
    rill_stream_counted(c.stream);
    assert_int_equal(all->not_over, 2);
    c.stream->waited = true;
    all->waited = 1;
    rill_stream_uncounted(c.stream);
    assert_true(all->not_over == 1 && all->waited == 0);
    c.stream->waited = false;
    c.stream->over = true; /* it was told, and counted then */
    rill_stream_uncounted(c.stream);
    assert_int_equal(all->not_over, 1);
    c.stream->over = false;
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_merely_open),
        cmocka_unit_test(test_nothing_follows_where_nothing_can),
        cmocka_unit_test(test_money_of_what_is_merely_open_stands_in_line_at_once),
        cmocka_unit_test(test_lines_are_in_the_order_of_marks),
        cmocka_unit_test(test_marks_add_up_until_they_are_settled),
        cmocka_unit_test(test_the_end_of_a_packet),
        cmocka_unit_test(test_all_streams_may_be_marked),
        cmocka_unit_test(test_streams_are_counted_until_they_are_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
