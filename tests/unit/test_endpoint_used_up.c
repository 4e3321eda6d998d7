/* SPDX-License-Identifier: Apache-2.0 */
/* The limit of packets under one key: RFC 29 section 5.1.3. */
#include "begins_fixture.h"

/* The limit of RFC 29 section 5.1.3 is of the key, which is that of the credentials. */
static void test_packets_of_before_count(void **state)
{
    pair *p = *state;
    pair_options o = same_secret();
    pair_open(p, &o);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, RILL_SECOND);
    p->end[PAIR_SERVER].connection->counts.packets_received = RILL_MAX_PACKETS - 6;
    assert_int_equal(rill_connection_end(p->end[PAIR_CLIENT].connection), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(pair_connect(p, &o.connection), RILL_OK);
    s = pair_stream_open(p, PAIR_CLIENT);
    for (unsigned i = 0; i < 10 && p->end[PAIR_CLIENT].open_count > 0; i++) {
        pair_write(s, "x", 1);
        pair_run(p, RILL_SECOND);
    }
    assert_int_equal(p->end[PAIR_SERVER].end_error, RILL_ERR_EXHAUSTED);
    assert_int_equal(p->end[PAIR_CLIENT].end_error, RILL_ERR_REMOTE);
}

static void exhausted(pair *p, bool at_server, bool receive)
{
    pair_options o = same_secret();
    o.connection.max_packet_amount = 1;
    o.connection.tell_address = receive;
    pair_open(p, &o);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, RILL_SECOND);
    if (at_server)
        p->end[PAIR_SERVER].connection->counts.packets_received = RILL_MAX_PACKETS - 10;
    else
        p->end[PAIR_CLIENT].connection->numbers.given = RILL_MAX_PACKETS - 10;
    assert_int_equal(rill_stream_send_total(s, 100, RILL_NEVER), RILL_OK);
    pair_run(p, 30 * RILL_SECOND);
    assert_in_range(p->end[PAIR_SERVER].fulfilled_in, 1, 10);
    assert_int_equal(p->end[PAIR_SERVER].end_error,
                     at_server ? RILL_ERR_EXHAUSTED : RILL_ERR_REMOTE);
    assert_int_equal(p->end[PAIR_CLIENT].end_error,
                     at_server ? RILL_ERR_REMOTE : RILL_ERR_EXHAUSTED);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, p->end[PAIR_CLIENT].end_error);
}

static void test_all_packets_are_used_up_at_the_client(void **state)
{
    exhausted(*state, false, true);
}

static void test_all_packets_are_used_up_at_the_server(void **state)
{
    exhausted(*state, true, true);
}

static void test_all_packets_are_used_up_where_only_replies_tell(void **state)
{
    exhausted(*state, true, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST_TO_OPEN(test_packets_of_before_count),
        PAIR_TEST_TO_OPEN(test_all_packets_are_used_up_at_the_client),
        PAIR_TEST_TO_OPEN(test_all_packets_are_used_up_at_the_server),
        PAIR_TEST_TO_OPEN(test_all_packets_are_used_up_where_only_replies_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
