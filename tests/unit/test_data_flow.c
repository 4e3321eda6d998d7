/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of all streams of a connection: what either side may send. */
#include "client_fixture.h"

#include "stream/core/connection_internal.h"
#include "stream/core/data_flow.h"

static void test_what_may_be_sent_is_the_limit_less_what_was(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_data_flow *d = &c.connection->data;
    d->send_window.limit = 1000;
    d->send_window.used = 400;
    assert_true(rill_connection_send_left(c.connection) == 600);
    d->send_window.used = 1001; /* the limit was a guess, and the other side's is smaller */
    assert_true(rill_connection_send_left(c.connection) == 0);
    close_client(&c);
}

/* The reference forgets the bytes of streams that are closed, and lowers its limit by them. */
static void test_a_peer_that_forgets_closed_streams(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_data_flow *d = &c.connection->data;
    d->send_window.limit = 1000;
    d->send_window.used = 1300;
    d->closed_sent = 500;
    assert_true(rill_connection_send_left(c.connection) == 0);
    c.connection->peer.forgets_closed = true;
    assert_true(rill_connection_send_left(c.connection) == 200);
    d->closed_sent = 1300; /* all of it: no more than the limit is left */
    assert_true(rill_connection_send_left(c.connection) == 1000);
    close_client(&c);
}

/* So many bytes have come, of streams that there are. */
static void come(rill_data_flow *d, uint64_t bytes)
{
    d->received = bytes;
    d->open_received = bytes;
}

static bool told(const client *c)
{
    return (c->connection->telling.urgent & RILL_TELL(CONNECTION_MAX_DATA)) != 0;
}

/* What readers take is room again; a packet for it is worth half of the buffer. */
static void test_the_limit_follows_what_was_read(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_data_flow *d = &c.connection->data;
    uint64_t buffer = c.connection->options->connection_receive_buffer;
    uint64_t now = c.now.mono_ns + 10 * RILL_SECOND; /* a slow reader: nothing grows */
    (void)rill_receive_window_advertise(&d->receive_window);
    uint64_t limit = d->receive_window.limit;
    come(d, limit);
    d->consumed = limit - buffer; /* as if nothing had been read */
    rill_connection_update_receive_window(c.connection, now);
    assert_true(d->receive_window.limit == limit && !told(&c));
    d->consumed += buffer / 4;
    rill_connection_update_receive_window(c.connection, now);
    assert_true(d->receive_window.limit == d->consumed + buffer && !told(&c));
    d->consumed += buffer / 4;
    rill_connection_update_receive_window(c.connection, now);
    assert_true(d->receive_window.limit == d->consumed + buffer && told(&c));
    close_client(&c);
}

/* Half of it is read within two round trips: it is the buffer that is too small. */
static void test_a_quick_reader_gets_more(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_data_flow *d = &c.connection->data;
    uint64_t buffer = c.connection->options->connection_receive_buffer;
    come(d, 1000 * buffer);
    d->consumed += buffer / 2;
    rill_connection_update_receive_window(c.connection, c.now.mono_ns);
    assert_true(d->receive_window.limit == d->consumed + 2 * buffer);
    for (unsigned i = 0; i < 20; i++) {
        d->consumed += d->receive_tuning.size;
        rill_connection_update_receive_window(c.connection, c.now.mono_ns);
    }
    assert_true(d->receive_window.limit ==
                d->consumed + c.connection->options->max_connection_receive_buffer);
    close_client(&c);
}

/* Who closes takes no more bytes: nothing is to be told. */
static void test_a_closing_connection_tells_nothing(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    c.connection->telling.urgent = 0;
    rill_connection_close(c.connection, RILL_CLOSE_NO_ERROR, NULL);
    come(&c.connection->data, c.connection->options->connection_receive_buffer);
    c.connection->data.consumed += c.connection->options->connection_receive_buffer;
    rill_connection_update_receive_window(c.connection, c.now.mono_ns);
    assert_false(told(&c));
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_may_be_sent_is_the_limit_less_what_was),
        cmocka_unit_test(test_a_peer_that_forgets_closed_streams),
        cmocka_unit_test(test_the_limit_follows_what_was_read),
        cmocka_unit_test(test_a_quick_reader_gets_more),
        cmocka_unit_test(test_a_closing_connection_tells_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
