/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes between two endpoints: order, loss, windows of streams and of the connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"
#include "support/raw.h"

#define LEN 300000

static uint8_t pattern[LEN];

static int open_pair(void **state)
{
    pair_options o = pair_defaults();
    o.connection.stream_send_buffer = 262144;
    for (size_t i = 0; i < LEN; i++)
        pattern[i] = (uint8_t)(i * 7 + i / 251);
    if (pair_setup(state) != 0)
        return -1;
    pair_open(*state, &o);
    return 0;
}
#define DATA_TEST(f) cmocka_unit_test_setup_teardown(f, open_pair, pair_teardown)

static void refill(pair *p, pair_side side, const rill_event *event)
{
    size_t *done = p->user;
    size_t accepted;
    if (side != PAIR_CLIENT || event->type != RILL_EVENT_WRITABLE)
        return;
    if (rill_stream_write(event->stream, pattern + *done, LEN - *done, &accepted) == RILL_OK)
        *done += accepted;
    if (*done == LEN)
        assert_int_equal(rill_stream_end(event->stream), RILL_OK);
}

static void check_all(pair *p, pair_side side, uint64_t id)
{
    const pair_stream *seen = pair_seen(p, side, id);
    assert_int_equal(seen->len, LEN);
    assert_memory_equal(seen->data, pattern, LEN);
}

static void send_all_bytes(pair *p)
{
    size_t done = 0;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    p->user = &done;
    p->on_event = refill;
    assert_int_equal(rill_stream_write(s, pattern, LEN, &done), RILL_OK);
    assert_true(done < LEN);
    assert_int_equal(rill_stream_writable(s), 0);
    pair_run(p, 120 * RILL_SECOND);
    p->on_event = NULL;
    p->user = NULL;
    check_all(p, PAIR_SERVER, 1);
    assert_true(pair_seen(p, PAIR_SERVER, 1)->ended);
    assert_true(pair_seen(p, PAIR_CLIENT, 1)->ended);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->error, RILL_OK);
}

static void test_bytes_arrive_in_order_and_writes_are_held_back(void **state)
{
    pair *p = *state;
    send_all_bytes(p);
}

static void count_writable(pair *p, pair_side side, const rill_event *event)
{
    if (side == PAIR_CLIENT && event->type == RILL_EVENT_WRITABLE)
        ++*(size_t *)p->user;
}

/* A buffer that is filled to its last byte: who is told of no room hears of room, and nobody else.
 */
static void test_no_room_is_followed_by_word_of_room(void **state)
{
    pair *p = *state;
    size_t told = 0;
    size_t accepted;
    p->user = &told;
    p->on_event = count_writable;
    for (unsigned asked = 0; asked < 2; asked++) {
        rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
        size_t room = rill_stream_writable(s);
        assert_int_equal(rill_stream_write(s, pattern, room, &accepted), RILL_OK);
        assert_int_equal(accepted, room);
        if (asked)
            assert_int_equal(rill_stream_writable(s), 0);
        pair_run(p, RILL_SECOND);
        assert_int_equal(told, asked);
        assert_true(rill_stream_writable(s) > 0);
    }
    p->on_event = NULL;
    p->user = NULL;
}

static void spoil(pair *p, pair_packet *packet)
{
    (void)p;
    switch (packet->number % 7) {
    case 1:
        packet->action = PAIR_REJECT;
        packet->code = RILL_ILP_T00_INTERNAL_ERROR;
        break;
    case 2:
        packet->delay = 40 * RILL_MS;
        break;
    case 3:
        packet->copies = 2;
        break;
    case 4:
        if (packet->number < 40)
            packet->action = PAIR_LOSE_REPLY;
        break;
    case 5:
        if (packet->number < 40)
            packet->action = packet->from == PAIR_CLIENT ? PAIR_IN_DOUBT : PAIR_DROP;
        break;
    case 6:
        packet->action = PAIR_UNSENT;
        break;
    default:
        break;
    }
}

static void test_bytes_arrive_once_whatever_the_path_does(void **state)
{
    pair *p = *state;
    p->on_packet = spoil;
    send_all_bytes(p);
}

static void test_both_ways_on_one_stream(void **state)
{
    pair *p = *state;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, pattern, 100000);
    pair_run(p, 5 * RILL_MS);
    pair_write(rill_connection_stream(p->end[PAIR_SERVER].connection, 1), pattern, 200000);
    pair_run(p, RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 100000);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->len, 200000);
    assert_memory_equal(pair_seen(p, PAIR_CLIENT, 1)->data, pattern, 200000);
}

static bool has(raw_reply *packet, uint8_t type)
{
    return raw_find(packet, type) != NULL;
}

static raw_peer spy;
static unsigned blocked_frames[2];

static void look(pair *p, pair_packet *packet)
{
    static raw_reply read;
    (void)p;
    if (packet->from != PAIR_CLIENT)
        return;
    raw_read(&spy, packet->bytes, packet->len, &read);
    blocked_frames[0] += has(&read, RILL_FRAME_STREAM_DATA_BLOCKED);
    blocked_frames[1] += has(&read, RILL_FRAME_CONNECTION_DATA_BLOCKED);
}

/* Nobody reads: the stream's buffer, then the connection's, is never exceeded; then all is read. */
static void test_a_reader_that_waits_holds_the_writer_back(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    rill_stream *s[8];
    o.accepted.stream_receive_buffer = 20000;
    o.accepted.connection_receive_buffer = 65534;
    pair_open(p, &o);
    raw_open(&spy, "test.nobody", p->credentials.shared_secret);
    memset(blocked_frames, 0, sizeof blocked_frames);
    p->on_packet = look;
    p->no_read[PAIR_SERVER] = true;
    for (unsigned i = 0; i < 8; i++) {
        s[i] = pair_stream_open(p, PAIR_CLIENT);
        pair_write(s[i], pattern, 40000);
    }
    pair_run(p, 20 * RILL_SECOND);
    rill_connection *server = p->end[PAIR_SERVER].connection;
    assert_non_null(server);
    uint64_t buffered = 0;
    for (unsigned i = 0; i < 8; i++) {
        rill_stream_offsets at;
        rill_stream *t = rill_connection_stream(server, 2 * i + 1);
        if (!t)
            continue;
        rill_stream_get_offsets(t, &at);
        assert_true(at.received <= 20000);
        buffered += at.received;
    }
    assert_true(buffered <= 65534 && buffered > 60000);
    assert_true(blocked_frames[0] > 0 && blocked_frames[1] > 0);
    /* From now on the reader reads. */
    p->no_read[PAIR_SERVER] = false;
    for (unsigned i = 0; i < 8; i++) {
        rill_stream *t = rill_connection_stream(server, 2 * i + 1);
        for (rill_bytes b; t && (b = rill_stream_peek(t)).len > 0;) {
            pair_stream *seen = pair_seen(p, PAIR_SERVER, 2 * i + 1);
            seen->data = realloc(seen->data, seen->len + b.len);
            memcpy(seen->data + seen->len, b.data, b.len);
            seen->len += b.len;
            rill_stream_consume(t, b.len);
        }
    }
    pair_run(p, 20 * RILL_SECOND);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(pair_seen(p, PAIR_SERVER, 2 * i + 1)->len, 40000);
        assert_memory_equal(pair_seen(p, PAIR_SERVER, 2 * i + 1)->data, pattern, 40000);
    }
    raw_close(&spy);
}

static unsigned lose_from_server;

static void forget_raise(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->from == PAIR_SERVER && lose_from_server > 0)
        packet->action = PAIR_DROP;
}

static void forget_reply(pair *p, pair_side to, uint8_t *bytes, size_t *len)
{
    (void)p;
    (void)bytes;
    if (to == PAIR_CLIENT && lose_from_server > 0)
        *len = 0;
}

/* Both streams are blocked; the raise of one is lost. The other's raise must not stop the asking.
 */
static void test_a_raise_that_is_lost_is_asked_for(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.accepted.stream_receive_buffer = 20000;
    pair_open(p, &o);
    p->no_read[PAIR_SERVER] = true;
    rill_stream *a = pair_stream_open(p, PAIR_CLIENT);
    rill_stream *b = pair_stream_open(p, PAIR_CLIENT);
    pair_write(a, pattern, 30000);
    pair_write(b, pattern, 30000);
    pair_run(p, RILL_SECOND);
    rill_connection *server = p->end[PAIR_SERVER].connection;
    p->on_packet = forget_raise;
    p->on_reply = forget_reply;
    lose_from_server = 1;
    rill_stream_consume(rill_connection_stream(server, 1), 15000);
    pair_run(p, 200 * RILL_MS);
    lose_from_server = 0;
    rill_stream_consume(rill_connection_stream(server, 3), 15000);
    pair_run(p, 12 * RILL_SECOND);
    rill_stream_offsets at;
    rill_stream_get_offsets(rill_connection_stream(server, 1), &at);
    assert_int_equal(at.received, 30000);
    rill_stream_get_offsets(rill_connection_stream(server, 3), &at);
    assert_int_equal(at.received, 30000);
}

typedef struct dislike {
    unsigned left; /* streams still to be closed */
    unsigned events;
} dislike;

static void close_early(pair *p, pair_side side, const rill_event *event)
{
    dislike *d = p->user;
    if (side != PAIR_SERVER || event->type != RILL_EVENT_DATA || d->left == 0 ||
        ++d->events % 2 == 1)
        return;
    d->left--;
    rill_stream_close(event->stream, RILL_CLOSE_APPLICATION_ERROR, "not interested");
}

static void spread(pair *p, pair_packet *packet)
{
    (void)p;
    packet->delay = (20 + 3 * (packet->number % 8)) * RILL_MS;
}

/* Bytes for streams that the receiver closed are gone, but not out of the connection's window. */
static void test_bytes_of_closed_streams_do_not_eat_the_window(void **state)
{
    pair *p = *state;
    dislike d = {.left = 30};
    p->on_packet = spread;
    p->on_event = close_early;
    p->user = &d;
    for (unsigned i = 0; i < 30; i++) {
        rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
        pair_write(s, pattern, 200000);
        pair_run(p, 2 * RILL_SECOND);
        assert_int_equal(pair_seen(p, PAIR_CLIENT, 2 * i + 1)->error, RILL_ERR_REMOTE);
    }
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, pattern, 200000);
    pair_run(p, 30 * RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 61)->len, 200000);
}

static void test_one_packet_carries_the_bytes_of_several_streams(void **state)
{
    pair *p = *state;
    for (unsigned i = 0; i < 5; i++)
        pair_write(pair_stream_open(p, PAIR_CLIENT), "hello", 5);
    pair_run(p, 100 * RILL_MS);
    assert_in_range(p->end[PAIR_CLIENT].packets, 1, 2);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(pair_seen(p, PAIR_SERVER, 2 * i + 1)->len, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DATA_TEST(test_bytes_arrive_in_order_and_writes_are_held_back),
        DATA_TEST(test_no_room_is_followed_by_word_of_room),
        DATA_TEST(test_bytes_arrive_once_whatever_the_path_does),
        DATA_TEST(test_both_ways_on_one_stream),
        PAIR_TEST_TO_OPEN(test_a_reader_that_waits_holds_the_writer_back),
        PAIR_TEST_TO_OPEN(test_a_raise_that_is_lost_is_asked_for),
        DATA_TEST(test_bytes_of_closed_streams_do_not_eat_the_window),
        DATA_TEST(test_one_packet_carries_the_bytes_of_several_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
