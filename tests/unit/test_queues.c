/* SPDX-License-Identifier: Apache-2.0 */
/* The lines in which connections and streams wait. */
#include "client_fixture.h"

#include "stream/core/endpoint_internal.h"
#include "stream/core/queues.h"

static unsigned length(const rill_list *line)
{
    unsigned count = 0;
    for (const rill_list *n = line->next; n != line; n = n->next)
        count++;
    return count;
}

static rill_connection *another(client *c)
{
    static const uint8_t secret[32] = {9};
    rill_connection_options co;
    rill_connection *out;
    rill_connection_options_init(&co);
    assert_int_equal(
        rill_endpoint_connect(c->endpoint, c->now, "test.other.server", secret, 32, &co, &out),
        RILL_OK);
    return out;
}

static void leave(rill_connection *c)
{
    rill_list_remove(&c->ready_node);
    rill_list_remove(&c->event_node);
}

/* Whoever is in line already stays where it is. */
static void test_a_place_in_line_is_kept(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_connection *first = c.connection, *second = another(&c);
    leave(first);
    leave(second);
    rill_connection_ready(first);
    rill_connection_ready(second);
    rill_connection_ready(first);
    assert_int_equal(length(&c.endpoint->ready), 2);
    assert_ptr_equal(c.endpoint->ready.next, &first->ready_node);
    close_client(&c);
}

/* Nothing leaves one that is closed. */
static void test_what_is_closed_does_not_stand_in_line(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    leave(c.connection);
    c.connection->state = RILL_STATE_CLOSED;
    rill_connection_ready(c.connection);
    assert_int_equal(length(&c.endpoint->ready), 0);
    c.connection->state = RILL_STATE_CLOSING; /* its close does */
    rill_connection_ready(c.connection);
    assert_int_equal(length(&c.endpoint->ready), 1);
    c.connection->state = RILL_STATE_OPEN;
    close_client(&c);
}

static void test_events_are_bits(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    leave(c.connection);
    c.connection->events = 0;
    rill_connection_notify(c.connection, RILL_EVENT_CONNECTED);
    rill_connection_notify(c.connection, RILL_EVENT_CONNECTED);
    rill_connection_notify(c.connection, RILL_EVENT_STREAMS_AVAILABLE);
    assert_int_equal(c.connection->events, RILL_EVENT_BIT(RILL_EVENT_CONNECTED) |
                                               RILL_EVENT_BIT(RILL_EVENT_STREAMS_AVAILABLE));
    assert_int_equal(length(&c.endpoint->events), 1);
    rill_stream_notify(c.stream, RILL_EVENT_OUTGOING_MONEY);
    rill_stream_notify(c.stream, RILL_EVENT_MONEY);
    assert_int_equal(length(&c.connection->streams.eventful), 1);
    rill_event event; /* what is of the connection comes first, of a stream what came in */
    static const rill_event_type order[] = {RILL_EVENT_CONNECTED, RILL_EVENT_MONEY,
                                            RILL_EVENT_OUTGOING_MONEY,
                                            RILL_EVENT_STREAMS_AVAILABLE};
    for (unsigned i = 0; i < sizeof order / sizeof *order; i++) {
        assert_true(rill_endpoint_next_event(c.endpoint, &event));
        assert_int_equal(event.type, order[i]);
    }
    assert_false(rill_endpoint_next_event(c.endpoint, &event));
    close_client(&c);
}

/* All events of a stream, in the order of their types, whichever came first. */
static void test_a_streams_events_are_in_order(void **state)
{
    static const rill_event_type types[] = {
        RILL_EVENT_STREAM,         RILL_EVENT_MONEY,          RILL_EVENT_DATA,
        RILL_EVENT_OUTGOING_MONEY, RILL_EVENT_SEND_TOTAL_END, RILL_EVENT_RECEIVE_TOTAL_END,
        RILL_EVENT_WRITABLE,
    };
    const unsigned count = sizeof types / sizeof *types;
    client c;
    rill_event event;
    (void)state;
    open_client(&c);
    take_events(&c);
    for (unsigned i = count; i-- > 0;)
        rill_stream_notify(c.stream, types[i]);
    for (unsigned i = 0; i < count; i++) {
        assert_true(rill_endpoint_next_event(c.endpoint, &event));
        assert_int_equal(event.type, types[i]);
        assert_ptr_equal(event.stream, c.stream);
    }
    assert_false(rill_endpoint_next_event(c.endpoint, &event));
    close_client(&c);
}

/* Of a connection that waits for the end of the one before nothing is told. */
static void test_a_successor_waits(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_connection *before = another(&c);
    leave(c.connection);
    leave(before);
    c.connection->succession.waits_for = before;
    rill_connection_notify(c.connection, RILL_EVENT_CONNECTED);
    assert_int_equal(length(&c.endpoint->events), 0);
    assert_true(c.connection->events != 0); /* but it is not forgotten */
    c.connection->succession.waits_for = NULL;
    rill_connection_notify(c.connection, 0);
    assert_int_equal(length(&c.endpoint->events), 1);
    close_client(&c);
}

static void test_what_is_urgent_wants_a_packet(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    leave(c.connection);
    c.connection->telling.due = c.connection->telling.urgent = 0;
    rill_stream_tell(c.stream, RILL_TELL(MAX_DATA), false);
    assert_int_equal(length(&c.connection->streams.telling), 1);
    assert_int_equal(length(&c.endpoint->ready), 0);
    assert_int_equal(c.stream->urgent, 0);
    rill_stream_tell(c.stream, RILL_TELL(MAX_MONEY), true);
    assert_int_equal(length(&c.connection->streams.telling), 1);
    assert_int_equal(length(&c.endpoint->ready), 1);
    assert_int_equal(c.stream->tell, RILL_TELL(MAX_DATA) | RILL_TELL(MAX_MONEY));
    assert_int_equal(c.stream->urgent, RILL_TELL(MAX_MONEY));
    leave(c.connection);
    rill_connection_tell(c.connection, RILL_TELL(ASSET), false);
    assert_int_equal(length(&c.endpoint->ready), 0);
    rill_connection_tell(c.connection, RILL_TELL(HELLO), true);
    assert_int_equal(length(&c.endpoint->ready), 1);
    assert_int_equal(c.connection->telling.due, RILL_TELL(ASSET) | RILL_TELL(HELLO));
    close_client(&c);
}

/* Who has nothing to send stands in no line for it. */
static void test_the_line_of_those_with_money(void **state)
{
    client c;
    rill_stream *other;
    (void)state;
    open_client(&c);
    rill_connection *x = c.connection;
    assert_int_equal(rill_connection_open_stream(x, &other), RILL_OK);
    rill_money_set_max(&other->out->money, 5);
    rill_stream_want_money(other);
    rill_money_set_max(&c.stream->out->money, 5);
    rill_stream_want_money(c.stream);
    rill_stream_want_money(other);
    assert_int_equal(length(&x->streams.with_money), 2);
    assert_ptr_equal(x->streams.with_money.next, &other->money_node);
    other->out->blocked = true;
    rill_money_forgo(&other->out->money);
    rill_stream_want_money(other);
    assert_int_equal(length(&x->streams.with_money), 1);
    assert_false(other->out->blocked); /* nothing is stopped where nothing is to be sent */
    c.stream->closed = true;
    rill_stream_want_money(c.stream);
    assert_int_equal(length(&x->streams.with_money), 0);
    c.stream->closed = false;
    close_client(&c);
}

static void test_the_line_of_those_with_bytes(void **state)
{
    client c;
    size_t accepted;
    (void)state;
    open_client(&c);
    rill_connection *x = c.connection;
    rill_stream_want_data(c.stream);
    assert_int_equal(length(&x->streams.with_data), 0);
    assert_int_equal(rill_stream_write(c.stream, "abc", 3, &accepted), RILL_OK);
    assert_int_equal(length(&x->streams.with_data), 1);
    rill_stream_want_data(c.stream);
    assert_int_equal(length(&x->streams.with_data), 1);
    c.stream->closed = true;
    rill_stream_want_data(c.stream);
    assert_int_equal(length(&x->streams.with_data), 0);
    c.stream->closed = false;
    close_client(&c);
}

static unsigned woken;

static void on_wake(void *user)
{
    assert_ptr_equal(user, &woken);
    woken++;
}

static void test_the_loop_is_woken_for_something(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    woken = 0;
    c.endpoint->wake = on_wake;
    c.endpoint->wake_user = &woken;
    leave(c.connection);
    rill_connection_wake(c.connection);
    assert_int_equal(woken, 0);
    rill_connection_ready(c.connection);
    rill_connection_wake(c.connection);
    assert_int_equal(woken, 1);
    leave(c.connection);
    rill_connection_notify(c.connection, RILL_EVENT_CONNECTED);
    rill_connection_wake(c.connection);
    assert_int_equal(woken, 2);
    c.endpoint->wake = NULL;
    rill_connection_wake(c.connection); /* nobody wants to know */
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_place_in_line_is_kept),
        cmocka_unit_test(test_what_is_closed_does_not_stand_in_line),
        cmocka_unit_test(test_events_are_bits),
        cmocka_unit_test(test_a_streams_events_are_in_order),
        cmocka_unit_test(test_a_successor_waits),
        cmocka_unit_test(test_what_is_urgent_wants_a_packet),
        cmocka_unit_test(test_the_line_of_those_with_money),
        cmocka_unit_test(test_the_line_of_those_with_bytes),
        cmocka_unit_test(test_the_loop_is_woken_for_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
