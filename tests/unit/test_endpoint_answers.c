/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What answers, and missing answers, do to the packets, streams and connections to which they
 * belong.
 */
#include "client_fixture.h"

#include <rill/waiting.h>

/* A packet that was sent, to be answered later. */
typedef struct sent_packet {
    uint8_t bytes[RILL_PACKET_BUFFER];
    size_t len;
    uint64_t request;
    uint64_t amount;
} sent_packet;

static void keep(const client *c, sent_packet *kept)
{
    memcpy(kept->bytes, c->packet, c->len);
    kept->len = c->len;
    kept->request = c->request;
    kept->amount = c->amount;
}

static void take_up(client *c, const sent_packet *kept)
{
    memcpy(c->packet, kept->bytes, kept->len);
    c->len = kept->len;
    c->request = kept->request;
    c->amount = kept->amount;
}

static void test_an_answer_from_the_old_address_checks_no_new_one(void **state)
{
    static sent_packet old;
    client c;
    (void)state;
    rill_frame moved = {.type = RILL_FRAME_CONNECTION_NEW_ADDRESS,
                        .text = {(const uint8_t *)"test.raw.moved", 14}};
    open_client(&c);
    assert_true(next(&c));
    fulfill(&c, 0, NULL, 0);
    assert_int_equal(rill_stream_set_send_max(c.stream, 10), RILL_OK);
    assert_true(next(&c));
    keep(&c, &old);
    assert_int_equal(rill_stream_set_send_max(c.stream, 20), RILL_OK);
    assert_true(next(&c));
    fulfill(&c, c.amount, &moved, 1);
    assert_string_equal(rill_connection_remote_address(c.connection), "test.raw.moved");
    take_up(&c, &old);
    fulfill(&c, c.amount, NULL, 0);
    assert_int_equal(totals(&c).sent, 20);
    unsigned sent = 0;
    for (; sent < 50 && rill_stream_set_send_max(c.stream, 21 + sent) == RILL_OK && next(&c);
         sent++)
        ;
    assert_in_range(sent, 1, 5);
    close_client(&c);
}

static void test_an_end_waits_for_every_answer(void **state)
{
    static sent_packet first;
    client c;
    (void)state;
    open_client(&c);
    assert_true(next(&c));
    fulfill(&c, 0, NULL, 0);
    /* A packet that concerns no stream... */
    assert_int_equal(rill_endpoint_set_account(c.endpoint,
                                               (rill_bytes){(const uint8_t *)"test.d", 6},
                                               (rill_bytes){(const uint8_t *)"ABC", 3}, 9),
                     RILL_OK);
    assert_true(next(&c));
    assert_non_null(raw_find(&question, RILL_FRAME_CONNECTION_NEW_ADDRESS));
    keep(&c, &first);
    assert_int_equal(rill_connection_end(c.connection), RILL_OK);
    assert_true(next(&c));
    assert_non_null(raw_find(&question, RILL_FRAME_STREAM_CLOSE));
    fulfill(&c, 0, NULL, 0);
    /* ... is waited for as well. */
    assert_int_equal(rill_endpoint_next_prepare(c.endpoint, c.now, c.packet, &c.len, &c.request),
                     RILL_OK);
    assert_int_equal(c.len, 0);
    take_up(&c, &first);
    fulfill(&c, 0, NULL, 0);
    assert_true(next(&c));
    assert_non_null(raw_find(&question, RILL_FRAME_CONNECTION_CLOSE));
    close_client(&c);
}

static void test_a_close_is_sent_again_after_a_temporary_error(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    assert_true(next(&c));
    fulfill(&c, 0, NULL, 0);
    rill_connection_close(c.connection, RILL_CLOSE_APPLICATION_ERROR, NULL);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(next(&c));
        assert_non_null(raw_find(&question, RILL_FRAME_CONNECTION_CLOSE));
        connector_says(&c, RILL_ILP_T01_PEER_UNREACHABLE);
        assert_int_equal(c.events[RILL_EVENT_CONNECTION_END], 0);
    }
    /* The receiver's answer, or a final error, is the last word. */
    assert_true(next(&c));
    connector_says(&c, RILL_ILP_F02_UNREACHABLE);
    assert_int_equal(c.events[RILL_EVENT_CONNECTION_END], 1);
    close_client(&c);
}

/* Bytes that somebody took are acknowledged; a connection that is over takes none. */
static void test_bytes_that_met_a_closed_connection_are_lost(void **state)
{
    const rill_frame over = {.type = RILL_FRAME_CONNECTION_CLOSE, .code = RILL_CLOSE_NO_ERROR};
    (void)state;
    for (unsigned fulfilled = 0; fulfilled < 2; fulfilled++) {
        client c;
        size_t accepted;
        open_client(&c);
        assert_true(next(&c));
        fulfill(&c, 0, NULL, 0);
        assert_int_equal(rill_stream_write(c.stream, "hello", 5, &accepted), RILL_OK);
        assert_true(next(&c));
        assert_non_null(raw_find(&question, RILL_FRAME_STREAM_DATA));
        if (fulfilled)
            fulfill(&c, 0, &over, 1);
        else
            refuse(&c, 0, &over, 1);
        assert_int_equal(c.events[RILL_EVENT_STREAM_END], 1);
        assert_int_equal(c.stream_error, fulfilled ? RILL_OK : RILL_ERR_CLOSED);
        close_client(&c);
    }
}

/* The reference refuses a packet whole that has bytes for a stream that it has closed. */
static void test_a_packet_refused_whole_acknowledges_nothing(void **state)
{
    static const uint8_t bytes[40];
    client c;
    rill_stream *other;
    rill_stream_offsets offsets;
    size_t accepted;
    (void)state;
    const rill_frame closed = {
        .type = RILL_FRAME_STREAM_CLOSE, .stream = 1, .code = RILL_CLOSE_STREAM_STATE_ERROR};
    open_client(&c);
    assert_true(next(&c));
    fulfill(&c, 0, NULL, 0);
    assert_int_equal(rill_connection_open_stream(c.connection, &other), RILL_OK);
    assert_int_equal(rill_stream_write(c.stream, bytes, 40, &accepted), RILL_OK);
    assert_int_equal(rill_stream_write(other, bytes, 40, &accepted), RILL_OK);
    assert_true(next(&c));
    unsigned pieces = 0;
    for (unsigned i = 0; i < question.frame_count; i++)
        pieces += question.frames[i].type == RILL_FRAME_STREAM_DATA;
    assert_int_equal(pieces, 2);
    refuse(&c, 0, &closed, 1);
    rill_stream_get_offsets(other, &offsets);
    assert_int_equal(offsets.acknowledged, 0);
    /* They go out again. */
    assert_true(next(&c));
    const rill_frame *data = raw_find(&question, RILL_FRAME_STREAM_DATA);
    assert_non_null(data);
    assert_int_equal(data->stream, 3);
    assert_int_equal(data->text.len, 40);
    fulfill(&c, 0, NULL, 0);
    rill_stream_get_offsets(other, &offsets);
    assert_int_equal(offsets.acknowledged, 40);
    close_client(&c);
}

/*
 * The reference stalls if bytes come twice. So may any peer that does not number its packets from a
 * clock.
 */
static void test_late_bytes_are_not_sent_twice_to_the_reference(void **state)
{
    client c;
    size_t accepted;
    (void)state;
    open_client(&c);
    assert_true(next(&c));
    fulfill(&c, 0, NULL, 0);
    assert_int_equal(rill_stream_write(c.stream, "hello", 5, &accepted), RILL_OK);
    assert_true(next(&c));
    assert_non_null(raw_find(&question, RILL_FRAME_STREAM_DATA));
    uint64_t expired = c.now.mono_ns + 30 * RILL_SECOND;
    while (next(&c) && !raw_find(&question, RILL_FRAME_STREAM_DATA))
        ;
    if (c.now.mono_ns < expired)
        while (!next(&c) && c.now.mono_ns < expired)
            ;
    assert_true(c.now.mono_ns >= expired);
    assert_non_null(raw_find(&question, RILL_FRAME_STREAM_DATA));
    close_client(&c);
}

/* RFC 29 has a close end a stream; the reference tells it while the last bytes are on their way. */
static void test_a_close_in_a_reply_does_not_overtake_bytes(void **state)
{
    client c;
    static raw_reply reply;
    const rill_frame close = {
        .type = RILL_FRAME_STREAM_CLOSE, .stream = 2, .code = RILL_CLOSE_NO_ERROR};
    rill_frame data = {
        .type = RILL_FRAME_STREAM_DATA, .stream = 2, .text = {(const uint8_t *)"hel", 3}};
    (void)state;
    open_client(&c);
    assert_true(next(&c));
    const rill_frame *address = raw_find(&question, RILL_FRAME_CONNECTION_NEW_ADDRESS);
    assert_non_null(address);
    memcpy(c.server.destination, address->text.data, address->text.len);
    c.server.destination[address->text.len] = '\0';
    fulfill(&c, 0, NULL, 0);
    raw_packet packet = {.frames = &data, .frame_count = 1};
    raw_send(&c.server, c.endpoint, c.now, &packet, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    rill_stream *theirs = rill_connection_stream(c.connection, 2);
    assert_non_null(theirs);
    assert_int_equal(rill_stream_set_send_max(c.stream, 10), RILL_OK);
    assert_true(next(&c));
    fulfill(&c, c.amount, &close, 1);
    assert_int_equal(c.events[RILL_EVENT_STREAM_END], 0);
    data.value = 3;
    data.text = (rill_bytes){(const uint8_t *)"lo", 2};
    raw_send(&c.server, c.endpoint, c.now, &packet, &reply);
    rill_bytes all = rill_stream_peek(theirs);
    assert_int_equal(all.len, 5);
    assert_memory_equal(all.data, "hello", 5);
    rill_stream_consume(theirs, 5);
    for (unsigned i = 0; i < 100 && c.events[RILL_EVENT_STREAM_END] == 0; i++) {
        c.now.mono_ns += 10 * MS;
        rill_endpoint_timeout(c.endpoint, c.now);
        take_events(&c);
    }
    assert_int_equal(c.events[RILL_EVENT_STREAM_END], 1);
    assert_int_equal(c.stream_error, RILL_OK);
    close_client(&c);
}

/* The next packet with money; others are answered. */
static bool next_money(client *c)
{
    while (next(c)) {
        if (c->amount > 0)
            return true;
        fulfill(c, 0, NULL, 0);
    }
    return false;
}

static void test_less_is_sent_where_liquidity_was_short(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    assert_int_equal(rill_stream_set_send_max(c.stream, 1000000), RILL_OK);
    assert_true(next_money(&c));
    uint64_t first = c.amount;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t before = c.amount;
        connector_says(&c, RILL_ILP_T04_INSUFFICIENT_LIQUIDITY);
        assert_true(next_money(&c));
        assert_true(c.amount > 0 && c.amount < before);
    }
    assert_true(c.amount <= first / 16);
    fulfill(&c, c.amount, NULL, 0);
    close_client(&c);
}

static void small_packets_one_at_a_time(rill_connection_options *o)
{
    o->max_in_flight = 1;
    o->max_packet_amount = 10;
}

/* Each packet in doubt takes a record: so many windows' worth of them, and no more. */
static void test_packets_in_doubt_are_bounded(void **state)
{
    client c;
    rill_connection_stats stats;
    (void)state;
    open_client_with(&c, small_packets_one_at_a_time);
    assert_int_equal(rill_stream_set_send_max(c.stream, 100000), RILL_OK);
    uint64_t until = c.now.mono_ns + 25 * RILL_SECOND;
    while (c.now.mono_ns < until && next(&c))
        if (c.amount == 0)
            fulfill(&c, 0, NULL, 0);
        else
            rill_endpoint_unanswered(c.endpoint, c.now, c.request, true);
    rill_connection_get_stats(c.connection, &stats);
    assert_int_equal(stats.in_doubt, 16 * 10);
    assert_int_equal(totals(&c).in_doubt, 16 * 10);
    close_client(&c);
}

/* We closed the stream without an error, but its bytes went nowhere: that is one. */
static void test_bytes_that_met_a_closed_stream_are_an_error(void **state)
{
    const rill_frame closed = {
        .type = RILL_FRAME_STREAM_CLOSE, .stream = 1, .code = RILL_CLOSE_STREAM_STATE_ERROR};
    (void)state;
    for (unsigned how = 0; how < 3; how++) { /* taken; gone, in a Fulfill; gone, in a Reject */
        client c;
        size_t accepted;
        unsigned dropped = how > 0;
        open_client(&c);
        assert_true(next(&c));
        fulfill(&c, 0, NULL, 0);
        assert_int_equal(rill_stream_write(c.stream, "hello", 5, &accepted), RILL_OK);
        assert_true(next(&c));
        assert_non_null(raw_find(&question, RILL_FRAME_STREAM_DATA));
        rill_stream_close(c.stream, RILL_CLOSE_NO_ERROR, NULL);
        if (how < 2)
            fulfill(&c, 0, &closed, dropped);
        else
            refuse(&c, 0, &closed, 1);
        if (c.events[RILL_EVENT_STREAM_END] == 0) {
            assert_true(next(&c));
            fulfill(&c, 0, NULL, 0);
        }
        assert_int_equal(c.events[RILL_EVENT_STREAM_END], 1);
        assert_int_equal(c.stream_error, dropped ? RILL_ERR_CLOSED : RILL_OK);
        close_client(&c);
    }
}

/* Amounts are chosen by the rate that the path has, not by the one that was asked for. */
static void test_the_rate_of_each_answer_is_learnt(void **state)
{
    client c;
    rill_connection_stats stats;
    (void)state;
    open_client(&c);
    assert_int_equal(rill_stream_set_send_max(c.stream, 1000), RILL_OK);
    assert_true(next_money(&c));
    assert_int_equal(c.amount, 1000);
    fulfill(&c, 1500, NULL, 0);
    rill_connection_get_stats(c.connection, &stats);
    assert_int_equal(stats.rate.num, 1500);
    assert_int_equal(stats.rate.den, 1000);
    close_client(&c);
}

/* What is in flight may still be fulfilled, so no limit may be lower. */
static void test_no_limit_is_set_below_what_is_in_flight(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    assert_int_equal(rill_stream_set_send_max(c.stream, 100), RILL_OK);
    assert_true(next_money(&c));
    assert_int_equal(totals(&c).in_flight, 100);
    assert_int_equal(rill_stream_set_send_max(c.stream, 99), RILL_ERR_RANGE);
    assert_int_equal(rill_stream_send_total(c.stream, 99, RILL_NEVER), RILL_ERR_RANGE);
    assert_int_equal(rill_stream_send_total(c.stream, 100, RILL_NEVER), RILL_OK);
    fulfill(&c, 100, NULL, 0);
    assert_int_equal(c.events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(totals(&c).sent, 100);
    close_client(&c);
}

/* Once the link has said that no reply can come, none is taken. */
static void test_no_reply_counts_after_the_doubt(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    assert_int_equal(rill_stream_set_send_max(c.stream, 100), RILL_OK);
    assert_true(next_money(&c));
    rill_endpoint_unanswered(c.endpoint, c.now, c.request, true);
    size_t len = raw_answer(&c.server, c.packet, c.len, true, 0, 100, NULL, 0, answer);
    assert_int_equal(rill_endpoint_receive_reply(c.endpoint, c.now, c.request, answer, len),
                     RILL_ERR_NOT_FOUND);
    assert_int_equal(totals(&c).sent, 0);
    assert_int_equal(totals(&c).in_doubt, 100);
    close_client(&c);
}

/* A lower limit is an old one that comes late (RFC 29 section 5.3.6). */
static void test_a_receive_max_does_not_fall(void **state)
{
    rill_frame limit = {.type = RILL_FRAME_STREAM_MAX_MONEY, .stream = 1, .value = 1000};
    client c;
    (void)state;
    open_client(&c);
    assert_true(next(&c));
    fulfill(&c, 0, &limit, 1);
    assert_int_equal(rill_stream_set_send_max(c.stream, 100), RILL_OK);
    assert_true(next_money(&c));
    limit.value = 200;
    fulfill(&c, c.amount, &limit, 1);
    assert_int_equal(rill_stream_set_send_max(c.stream, 900), RILL_OK);
    assert_true(next_money(&c));
    assert_int_equal(c.amount, 800);
    close_client(&c);
}

static void no_rate(rill_connection_options *o)
{
    o->min_rate = (rill_ratio){0, 1};
}

/* A probe has no fulfillment: none that a connector makes up is taken for it. */
static void test_a_probe_is_not_fulfilled(void **state)
{
    static const uint8_t zeros[32];
    client c;
    rill_connection_stats stats;
    size_t len;
    (void)state;
    open_client_with(&c, no_rate);
    assert_int_equal(rill_stream_set_send_max(c.stream, 1000), RILL_OK);
    unsigned probes = 0;
    for (; probes < 2 && next_money(&c); probes++) {
        const rill_fulfill made_up = {.fulfillment = zeros};
        assert_int_equal(rill_fulfill_encode(&made_up, answer, sizeof answer, &len), RILL_OK);
        give(&c, len);
    }
    assert_int_equal(probes, 2);
    assert_int_equal(c.events[RILL_EVENT_CONNECTION_END], 0);
    rill_connection_get_stats(c.connection, &stats);
    assert_int_equal(stats.sent, 0);
    close_client(&c);
}

/* A neighbour that answers each packet with nothing is not asked again at once. */
static void test_a_path_without_answers_is_asked_rarely(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    unsigned packets = 0;
    uint64_t until = c.now.mono_ns + 20 * RILL_SECOND;
    for (; packets < 1000 && c.now.mono_ns < until && next(&c); packets++)
        rill_endpoint_unanswered(c.endpoint, c.now, c.request, true);
    assert_in_range(packets, 10, 40);
    close_client(&c);
}

/* A packet at a rate that is too low. Its answer takes so long. When the wait ends, as told. */
static uint64_t answered_low(client *c, uint64_t after)
{
    rill_waiting w;
    assert_true(next(c));
    for (uint64_t end = c->now.mono_ns + after; c->now.mono_ns < end; c->now.mono_ns += 10 * MS) {
        c->now.wall_ms += 10;
        if (rill_endpoint_deadline(c->endpoint) <= c->now.mono_ns)
            rill_endpoint_timeout(c->endpoint, c->now);
    }
    refuse(c, c->amount * 7 / 10, NULL, 0);
    rill_connection_get_waiting(c->connection, &w);
    assert_int_equal(w.reason, RILL_WAIT_MINIMUM);
    return w.until_ns;
}

/* Slow answers give a path more time. Fast ones take it back, but no end is in the past. */
static void test_no_wait_ends_in_the_past(void **state)
{
    (void)state;
    uint64_t latest = 0;
    bool nearer = false;
    client c;
    open_client(&c);
    assert_int_equal(rill_stream_set_send_max(c.stream, 100000), RILL_OK);
    for (unsigned i = 0; i < 40; i++) {
        uint64_t until = answered_low(&c, i < 2 ? 2100 * MS : 0);
        assert_true(until >= c.now.mono_ns);
        nearer = nearer || until < latest;
        latest = until > latest ? until : latest;
    }
    assert_true(nearer);
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_from_the_old_address_checks_no_new_one),
        cmocka_unit_test(test_an_end_waits_for_every_answer),
        cmocka_unit_test(test_a_close_is_sent_again_after_a_temporary_error),
        cmocka_unit_test(test_bytes_that_met_a_closed_connection_are_lost),
        cmocka_unit_test(test_a_packet_refused_whole_acknowledges_nothing),
        cmocka_unit_test(test_late_bytes_are_not_sent_twice_to_the_reference),
        cmocka_unit_test(test_a_close_in_a_reply_does_not_overtake_bytes),
        cmocka_unit_test(test_less_is_sent_where_liquidity_was_short),
        cmocka_unit_test(test_packets_in_doubt_are_bounded),
        cmocka_unit_test(test_bytes_that_met_a_closed_stream_are_an_error),
        cmocka_unit_test(test_the_rate_of_each_answer_is_learnt),
        cmocka_unit_test(test_no_limit_is_set_below_what_is_in_flight),
        cmocka_unit_test(test_no_reply_counts_after_the_doubt),
        cmocka_unit_test(test_a_receive_max_does_not_fall),
        cmocka_unit_test(test_a_probe_is_not_fulfilled),
        cmocka_unit_test(test_a_path_without_answers_is_asked_rarely),
        cmocka_unit_test(test_no_wait_ends_in_the_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
