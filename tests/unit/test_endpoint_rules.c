/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules on which nothing else depends. Without a test of their own nobody would notice if they were
 * broken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"
#include "support/raw.h"

static pair p;
static raw_reply reply;

/* ---- both sides are ours ---- */

static void test_a_stream_that_cannot_send_gives_its_end_up(void **state)
{
    pair_options o;
    (void)state;
    pair_options_init(&o);
    o.connection.idle_timeout_ns = 0;
    o.connection.connect_timeout_ns = RILL_SECOND;
    o.connection.packet_lifetime_ns = RILL_SECOND;
    o.accepted.idle_timeout_ns = 0;
    o.accepted.default_receive_max = 0;
    pair_open(&p, &o);
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(s, 100), RILL_OK);
    pair_run(&p, RILL_SECOND);
    assert_int_equal(rill_stream_end(s), RILL_OK);
    pair_run(&p, 2 * RILL_SECOND);
    assert_false(pair_seen(&p, PAIR_CLIENT, 1)->ended);
    pair_run(&p, 2 * RILL_SECOND);
    assert_true(pair_seen(&p, PAIR_CLIENT, 1)->ended);
    assert_int_equal(pair_seen(&p, PAIR_CLIENT, 1)->error, RILL_ERR_BLOCKED);
    pair_close(&p);
}

static void drop_the_first(pair *q, pair_packet *packet)
{
    (void)q;
    if (packet->from == PAIR_CLIENT && packet->number < 2)
        packet->action = PAIR_DROP;
}

static void test_a_first_packet_that_is_lost_is_followed_by_others(void **state)
{
    pair_options o;
    (void)state;
    pair_options_init(&o);
    o.stay = true;
    pair_open(&p, &o);
    p.on_packet = drop_the_first;
    assert_int_equal(pair_connect(&p, &o.connection), RILL_OK);
    pair_run(&p, 10 * RILL_SECOND);
    assert_int_equal(p.end[PAIR_CLIENT].events[RILL_EVENT_CONNECTED], 1);
    pair_close(&p);
}

/* A receiver that refuses the money of a packet may keep its bytes, or drop them. */
static void no_bytes_with_money(pair *q, pair_packet *packet)
{
    static raw_reply read;
    unsigned *seen = q->user;
    if (packet->from != PAIR_CLIENT)
        return;
    raw_peer r;
    raw_open(&r, q->credentials.destination_account, q->credentials.shared_secret);
    raw_read(&r, packet->bytes, packet->len, &read);
    raw_close(&r);
    bool bytes = raw_find(&read, RILL_FRAME_STREAM_DATA) != NULL;
    assert_false(bytes && packet->amount > 0);
    seen[0] += bytes;
    seen[1] += packet->amount > 0;
}

static void test_bytes_and_money_travel_apart(void **state)
{
    static const uint8_t bytes[200000];
    unsigned seen[2] = {0, 0};
    pair_options o;
    (void)state;
    pair_options_init(&o);
    o.connection.max_packet_amount = 100;
    pair_open(&p, &o);
    p.user = seen;
    p.on_packet = no_bytes_with_money;
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    pair_write(s, bytes, sizeof bytes);
    assert_int_equal(rill_stream_set_send_max(s, 1000), RILL_OK);
    pair_run(&p, RILL_SECOND);
    assert_true(seen[0] >= 6 && seen[1] >= 10);
    pair_close(&p);
}

static unsigned dropped;

static void drop_a_close(pair *q, pair_packet *packet)
{
    static raw_reply read;
    raw_peer r;
    if (packet->from != PAIR_CLIENT)
        return;
    raw_open(&r, q->credentials.destination_account, q->credentials.shared_secret);
    raw_read(&r, packet->bytes, packet->len, &read);
    raw_close(&r);
    if (raw_find(&read, RILL_FRAME_STREAM_CLOSE) && dropped++ < 2)
        packet->action = PAIR_DROP;
}

static void test_a_close_that_is_lost_is_told_again(void **state)
{
    pair_options o;
    (void)state;
    pair_options_init(&o);
    pair_open(&p, &o);
    dropped = 0;
    p.on_packet = drop_a_close;
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(&p, RILL_SECOND);
    rill_stream_close(s, RILL_CLOSE_APPLICATION_ERROR, "enough");
    pair_run(&p, 10 * RILL_SECOND);
    assert_true(dropped > 2);
    assert_true(pair_seen(&p, PAIR_SERVER, 1)->ended);
    assert_int_equal(pair_seen(&p, PAIR_SERVER, 1)->code, RILL_CLOSE_APPLICATION_ERROR);
    assert_int_equal(p.end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 0);
    pair_close(&p);
}

/* The sender is blocked, and need not ask first. */
static void test_room_that_a_reader_makes_is_told_at_once(void **state)
{
    static const uint8_t bytes[300000];
    pair_options o;
    (void)state;
    pair_options_init(&o);
    o.accepted.max_stream_receive_buffer = 262144;
    pair_open(&p, &o);
    p.no_read[PAIR_SERVER] = true;
    pair_write(pair_stream_open(&p, PAIR_CLIENT), bytes, sizeof bytes);
    pair_run(&p, RILL_SECOND);
    rill_stream *s = rill_connection_stream(p.end[PAIR_SERVER].connection, 1);
    assert_int_equal(rill_stream_peek(s).len, 262144);
    uint64_t before = p.end[PAIR_SERVER].packets;
    pair_pump(&p);
    assert_int_equal(p.end[PAIR_SERVER].packets, before);
    rill_stream_consume(s, 262144);
    pair_pump(&p);
    assert_int_equal(p.end[PAIR_SERVER].packets, before + 1);
    pair_run(&p, 10 * RILL_MS);
    assert_int_equal(rill_stream_peek(s).len, sizeof bytes - 262144);
    pair_close(&p);
}

/* Of the packets with money so many are dropped. The others are refused with a code, or pass. */
static unsigned to_drop;
static bool refuse_money;

static void no_money(pair *q, pair_packet *packet)
{
    (void)q;
    if (packet->from != PAIR_CLIENT || packet->amount == 0)
        return;
    if (to_drop > 0) {
        to_drop--;
        packet->action = PAIR_DROP;
    } else if (refuse_money) {
        packet->action = PAIR_REJECT;
        packet->code = RILL_ILP_T00_INTERNAL_ERROR;
    }
}

/* Connected, and asked to send without a rate. */
static void open_to_probe(unsigned drop, bool refuse)
{
    pair_options o;
    pair_options_init(&o);
    o.connection.min_rate = (rill_ratio){0, 1};
    pair_open(&p, &o);
    pair_run(&p, RILL_SECOND);
    assert_int_equal(p.end[PAIR_CLIENT].events[RILL_EVENT_CONNECTED], 1);
    to_drop = drop;
    refuse_money = refuse;
    p.on_packet = no_money;
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 1000, RILL_NEVER), RILL_OK);
}

static void test_a_volley_that_is_lost_is_sent_again(void **state)
{
    (void)state;
    open_to_probe(5, false);
    pair_run(&p, 10 * RILL_SECOND);
    assert_int_equal(to_drop, 0);
    assert_int_equal(p.end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p.end[PAIR_CLIENT].sent_error, RILL_OK);
    pair_close(&p);
}

static void test_a_path_without_a_rate_is_given_up(void **state)
{
    (void)state;
    open_to_probe(0, true);
    pair_run(&p, 50 * RILL_SECOND);
    assert_int_equal(p.end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p.end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
    assert_int_equal(p.end[PAIR_CLIENT].end_error, RILL_ERR_PATH);
    pair_close(&p);
}

/* Asked, then the clocks move without anybody having a turn, then yes. */
static void decide_late(uint64_t sleep_ns, int64_t wall_ms, bool in_time)
{
    pair_options o;
    bool fulfilled = !in_time;
    pair_options_init(&o);
    o.accepted.ask_before_fulfill = true;
    pair_open(&p, &o);
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(s, 100), RILL_OK);
    pair_run(&p, 100 * RILL_MS);
    assert_int_equal(p.end[PAIR_SERVER].asked_count, 1);
    pair_sleep(&p, sleep_ns);
    p.now.wall_ms += (uint64_t)wall_ms;
    assert_int_equal(pair_decide(&p, PAIR_SERVER, 0, true, &fulfilled), RILL_OK);
    assert_int_equal(fulfilled, in_time);
    assert_int_equal(p.end[PAIR_SERVER].fulfilled_in, in_time ? 100 : 0);
    rill_connection_stats stats;
    rill_connection_get_stats(p.end[PAIR_SERVER].connection, &stats);
    assert_int_equal(stats.received, in_time ? 100 : 0);
    pair_close(&p);
}

static void test_a_decision_is_too_late_by_either_clock(void **state)
{
    (void)state;
    decide_late(0, 0, true);
    decide_late(29 * RILL_SECOND, 0, true);
    decide_late(0, 31000, false);
    decide_late(31 * RILL_SECOND, -31000, false);
    decide_late(31 * RILL_SECOND, -3600000, false);
}

static void test_a_client_has_no_more_connections_than_allowed(void **state)
{
    pair_options o;
    (void)state;
    pair_options_init(&o);
    o.client.max_connections = 2;
    pair_open(&p, &o);
    assert_int_equal(pair_connect(&p, &o.connection), RILL_OK);
    assert_int_equal(pair_connect(&p, &o.connection), RILL_ERR_LIMIT);
    assert_int_equal(rill_endpoint_connection_count(p.end[PAIR_CLIENT].endpoint), 2);
    pair_close(&p);
}

/* Bytes that nobody reads of a stream that we close must not use up the connection's window. */
static void test_unread_bytes_of_closed_streams_are_let_go(void **state)
{
    static const uint8_t bytes[16000];
    pair_options o;
    (void)state;
    pair_options_init(&o);
    o.accepted.connection_receive_buffer = 65534;
    o.accepted.max_connection_receive_buffer = 65534;
    pair_open(&p, &o);
    p.no_read[PAIR_SERVER] = true;
    for (unsigned i = 0; i < 8; i++) {
        rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
        uint64_t id = rill_stream_id(s);
        pair_write(s, bytes, sizeof bytes);
        pair_run(&p, RILL_SECOND);
        rill_stream *theirs = rill_connection_stream(p.end[PAIR_SERVER].connection, id);
        assert_non_null(theirs);
        rill_stream_offsets offsets;
        rill_stream_get_offsets(theirs, &offsets);
        assert_int_equal(offsets.received, sizeof bytes);
        assert_int_equal(offsets.consumed, 0);
        rill_stream_close(theirs, RILL_CLOSE_APPLICATION_ERROR, NULL);
        pair_run(&p, RILL_SECOND);
        assert_true(pair_seen(&p, PAIR_SERVER, id)->ended);
        assert_true(pair_seen(&p, PAIR_CLIENT, id)->ended);
    }
    pair_close(&p);
}

/* ---- the client is raw ---- */

static rill_endpoint *open_server(pair_options *o, raw_peer *r)
{
    o->stay = true;
    pair_open(&p, o);
    raw_open(r, p.credentials.destination_account, p.credentials.shared_secret);
    return p.end[PAIR_SERVER].endpoint;
}

static void close_server(raw_peer *r)
{
    raw_close(r);
    pair_close(&p);
}

static void send_frames(raw_peer *r, rill_endpoint *to, const rill_frame *frames, unsigned count)
{
    const raw_packet packet = {.frames = frames, .frame_count = count};
    raw_send(r, to, p.now, &packet, &reply);
    pair_pump(&p);
}

/* An allocator that counts the blocks that are out. */
static void *counted_realloc(void *user, void *ptr, size_t size)
{
    void *block = realloc(ptr, size);
    if (block && !ptr)
        ++*(size_t *)user;
    return block;
}

static void counted_free(void *user, void *ptr)
{
    if (ptr)
        --*(size_t *)user;
    free(ptr);
}

/* A connection from credentials of its own, and its end: what its first packet is answered with. */
static rill_ilp_code_id comes_and_goes(rill_endpoint *server)
{
    const rill_frame over = {.type = RILL_FRAME_CONNECTION_CLOSE, .code = RILL_CLOSE_NO_ERROR};
    rill_credentials c;
    raw_peer one;
    assert_int_equal(rill_endpoint_generate_credentials(server, NULL, &c), RILL_OK);
    raw_open(&one, c.destination_account, c.shared_secret);
    send_frames(&one, server, NULL, 0);
    rill_ilp_code_id code = reply.code;
    send_frames(&one, server, &over, 1);
    pair_pump(&p);
    raw_close(&one);
    return code;
}

/*
 * Closed connections are remembered, a few blocks of memory each, and only so many; then new ones
 * are refused, and none of the old ones is forgotten.
 */
static void test_no_end_of_closed_connections_is_remembered(void **state)
{
    size_t blocks = 0;
    size_t after[4];
    rill_allocator counted = {.realloc = counted_realloc, .free = counted_free, .user = &blocks};
    pair_options o;
    raw_peer r;
    (void)state;
    pair_options_init(&o);
    o.server.allocator = &counted;
    o.server.max_connections = 1;
    o.server.max_remembered = 8;
    rill_endpoint *server = open_server(&o, &r);
    for (unsigned i = 0; i < 16; i++) {
        (void)comes_and_goes(server);
        assert_int_equal(p.end[PAIR_SERVER].events[RILL_EVENT_CONNECTION_END], i < 8 ? i + 1 : 8);
        if (i % 4 == 3)
            after[i / 4] = blocks;
    }
    /* One block each; tables may be about to grow; a connection would be several blocks. */
    assert_in_range(after[1], after[0], after[0] + 4 + 3);
    assert_in_range(after[2], after[1] - 3, after[1]);
    assert_in_range(after[3], after[2] - 3, after[2]);
    assert_int_equal(comes_and_goes(server), RILL_ILP_T02_PEER_BUSY);
    /* What they received has expired. They are forgotten, and others can come. */
    pair_run(&p, 31 * RILL_SECOND);
    (void)comes_and_goes(server);
    assert_int_equal(p.end[PAIR_SERVER].events[RILL_EVENT_CONNECTION_END], 9);
    close_server(&r);
}

/* A frame that breaks a rule: those before it in the packet have no effect either. */
static void test_no_packet_is_applied_in_part(void **state)
{
    static const uint8_t much[11];
    const rill_frame wrong[] = {
        {.type = RILL_FRAME_STREAM_DATA, .stream = 1, .value = 262144 - 10, .text = {much, 11}},
        {.type = RILL_FRAME_STREAM_DATA, .stream = 3, .value = UINT64_MAX, .text = {much, 2}},
        {.type = RILL_FRAME_STREAM_DATA, .stream = 2},
        {.type = RILL_FRAME_STREAM_MAX_DATA, .stream = 23, .value = 1},
        {.type = RILL_FRAME_STREAM_MAX_MONEY, .stream = 0, .value = 1},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        pair_options o;
        raw_peer r;
        pair_options_init(&o);
        rill_endpoint *server = open_server(&o, &r);
        send_frames(&r, server, NULL, 0); /* no connection begins in the middle of bytes */
        const rill_frame frames[] = {
            {.type = RILL_FRAME_CONNECTION_NEW_ADDRESS,
             .text = {(const uint8_t *)"test.client.x", 13}},
            {.type = RILL_FRAME_STREAM_DATA, .stream = 1, .text = {(const uint8_t *)"hello", 5}},
            wrong[i],
        };
        send_frames(&r, server, frames, 3);
        assert_int_equal(reply.type, RILL_ILP_REJECT);
        assert_non_null(raw_find(&reply, RILL_FRAME_CONNECTION_CLOSE));
        assert_int_equal(p.end[PAIR_SERVER].events[RILL_EVENT_STREAM], 0);
        assert_int_equal(p.end[PAIR_SERVER].events[RILL_EVENT_DATA], 0);
        assert_int_equal(p.end[PAIR_SERVER].events[RILL_EVENT_CONNECTION_END], 1);
        close_server(&r);
    }
}

/* Closed by us, and its sender does not know: before anybody has fetched its end. */
static void test_a_closed_stream_takes_no_money(void **state)
{
    const rill_frame money = {.type = RILL_FRAME_STREAM_MONEY, .stream = 1, .value = 1};
    const raw_packet packet = {.amount = 10, .frames = &money, .frame_count = 1};
    pair_options o;
    raw_peer r;
    (void)state;
    pair_options_init(&o);
    rill_endpoint *server = open_server(&o, &r);
    raw_send(&r, server, p.now, &packet, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    pair_pump(&p);
    rill_stream_close(rill_connection_stream(p.end[PAIR_SERVER].connection, 1),
                      RILL_CLOSE_APPLICATION_ERROR, NULL);
    raw_send(&r, server, p.now, &packet, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    assert_non_null(raw_find(&reply, RILL_FRAME_STREAM_CLOSE));
    pair_pump(&p);
    assert_int_equal(p.end[PAIR_SERVER].fulfilled_in, 0); /* that of the pair's own links */
    rill_connection_stats stats;
    rill_connection_get_stats(p.end[PAIR_SERVER].connection, &stats);
    assert_int_equal(stats.received, 10);
    close_server(&r);
}

/* Less than its minimum: the money is refused, the bytes are taken. */
static void test_frames_have_their_effect_where_money_is_refused(void **state)
{
    const rill_frame frames[] = {
        {.type = RILL_FRAME_STREAM_MONEY, .stream = 1, .value = 1},
        {.type = RILL_FRAME_STREAM_DATA, .stream = 1, .text = {(const uint8_t *)"hello", 5}},
    };
    const raw_packet packet = {.amount = 10, .minimum = 11, .frames = frames, .frame_count = 2};
    pair_options o;
    raw_peer r;
    (void)state;
    pair_options_init(&o);
    rill_endpoint *server = open_server(&o, &r);
    raw_send(&r, server, p.now, &packet, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    assert_true(reply.authentic);
    assert_int_equal(reply.amount, 10);
    pair_pump(&p);
    assert_int_equal(pair_seen(&p, PAIR_SERVER, 1)->len, 5);
    assert_int_equal(pair_seen(&p, PAIR_SERVER, 1)->money, 0);
    close_server(&r);
}

/* Credentials are used again after a close: what the connection before took is not taken again. */
static void test_a_connection_opened_again_takes_no_replay(void **state)
{
    static uint8_t first[RILL_PACKET_BUFFER];
    const rill_frame frames[] = {
        {.type = RILL_FRAME_CONNECTION_NEW_ADDRESS, .text = {(const uint8_t *)"test.client.x", 13}},
        {.type = RILL_FRAME_STREAM_MONEY, .stream = 1, .value = 1},
    };
    const rill_frame over = {.type = RILL_FRAME_CONNECTION_CLOSE, .code = RILL_CLOSE_NO_ERROR};
    const raw_packet pays = {.amount = 10, .frames = frames, .frame_count = 2};
    pair_options o;
    raw_peer r;
    (void)state;
    pair_options_init(&o);
    rill_endpoint *server = open_server(&o, &r);
    raw_begin(&r, rill_life_of(p.now.wall_ms, 1));
    size_t len = raw_write(&r, p.now, &pays, first);
    raw_deliver(&r, server, p.now, first, len, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    send_frames(&r, server, &over, 1);
    pair_run(&p, 2 * RILL_SECOND);
    assert_int_equal(p.end[PAIR_SERVER].events[RILL_EVENT_CONNECTION_END], 1);
    /* The replay itself opens nothing. */
    raw_deliver(&r, server, p.now, first, len, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    pair_pump(&p);
    assert_int_equal(p.end[PAIR_SERVER].events[RILL_EVENT_CONNECTION], 1);
    raw_begin(&r, rill_life_of(p.now.wall_ms, 1));
    raw_send(&r, server, p.now, &pays, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    pair_pump(&p);
    assert_int_equal(p.end[PAIR_SERVER].events[RILL_EVENT_CONNECTION], 2);
    raw_deliver(&r, server, p.now, first, len, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    assert_false(reply.authentic);
    rill_connection_stats stats;
    rill_connection_get_stats(p.end[PAIR_SERVER].connection, &stats);
    assert_int_equal(stats.received, 10);
    close_server(&r);
}

/* A number far above the last, without an address, is no new client: it goes on. */
static void test_an_open_connection_is_not_opened_again(void **state)
{
    const rill_frame frames[] = {
        {.type = RILL_FRAME_STREAM_MONEY, .stream = 1, .value = 1},
    };
    const raw_packet pays = {.amount = 10, .frames = frames, .frame_count = 1};
    pair_options o;
    raw_peer r;
    (void)state;
    pair_options_init(&o);
    rill_endpoint *server = open_server(&o, &r);
    for (unsigned i = 0; i < 3; i++) {
        r.sequence = 1 + UINT64_C(100000000) * i;
        raw_send(&r, server, p.now, &pays, &reply);
        assert_int_equal(reply.type, RILL_ILP_FULFILL);
        pair_pump(&p);
    }
    assert_int_equal(p.end[PAIR_SERVER].events[RILL_EVENT_CONNECTION], 1);
    assert_int_equal(rill_endpoint_connection_count(server), 1);
    rill_connection_stats stats;
    rill_connection_get_stats(p.end[PAIR_SERVER].connection, &stats);
    assert_int_equal(stats.received, 30);
    close_server(&r);
}

/* Its sender counts bytes for a stream that is over as well: they come back as window. */
static void test_bytes_for_a_closed_stream_are_let_go(void **state)
{
    static const uint8_t bytes[20000];
    pair_options o;
    raw_peer r;
    uint64_t limit = 65534;
    uint64_t sent = 0;
    (void)state;
    pair_options_init(&o);
    o.accepted.connection_receive_buffer = 65534;
    o.accepted.max_connection_receive_buffer = 65534;
    rill_endpoint *server = open_server(&o, &r);
    const rill_frame close = {
        .type = RILL_FRAME_STREAM_CLOSE, .stream = 1, .code = RILL_CLOSE_NO_ERROR};
    send_frames(&r, server, &close, 1);
    for (unsigned i = 0; i < 20; i++) {
        const rill_frame data = {.type = RILL_FRAME_STREAM_DATA,
                                 .stream = 1,
                                 .value = sent,
                                 .text = {bytes, sizeof bytes}};
        send_frames(&r, server, &data, 1);
        sent += sizeof bytes;
        const rill_frame *raised = raw_find(&reply, RILL_FRAME_CONNECTION_MAX_DATA);
        if (raised)
            limit = raised->value;
        assert_int_equal(p.end[PAIR_SERVER].events[RILL_EVENT_CONNECTION_END], 0);
        pair_run(&p, 100 * RILL_MS);
    }
    assert_true(limit > sent);
    close_server(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stream_that_cannot_send_gives_its_end_up),
        cmocka_unit_test(test_a_first_packet_that_is_lost_is_followed_by_others),
        cmocka_unit_test(test_bytes_and_money_travel_apart),
        cmocka_unit_test(test_a_close_that_is_lost_is_told_again),
        cmocka_unit_test(test_room_that_a_reader_makes_is_told_at_once),
        cmocka_unit_test(test_a_volley_that_is_lost_is_sent_again),
        cmocka_unit_test(test_a_path_without_a_rate_is_given_up),
        cmocka_unit_test(test_a_decision_is_too_late_by_either_clock),
        cmocka_unit_test(test_a_client_has_no_more_connections_than_allowed),
        cmocka_unit_test(test_unread_bytes_of_closed_streams_are_let_go),
        cmocka_unit_test(test_no_end_of_closed_connections_is_remembered),
        cmocka_unit_test(test_no_packet_is_applied_in_part),
        cmocka_unit_test(test_bytes_for_a_closed_stream_are_let_go),
        cmocka_unit_test(test_a_connection_opened_again_takes_no_replay),
        cmocka_unit_test(test_an_open_connection_is_not_opened_again),
        cmocka_unit_test(test_a_closed_stream_takes_no_money),
        cmocka_unit_test(test_frames_have_their_effect_where_money_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
