/* SPDX-License-Identifier: Apache-2.0 */
/* What packets look like from outside, and how full they get: padding, and more news than fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"
#include "support/raw.h"

/* ---- padding ---- */

typedef struct sizes {
    size_t least[2];
    size_t most[2];
    unsigned count[2];
} sizes;

static void note_size(sizes *s, pair_side from, size_t len)
{
    s->least[from] = s->count[from] == 0 || len < s->least[from] ? len : s->least[from];
    s->most[from] = len > s->most[from] ? len : s->most[from];
    s->count[from]++;
}

/* The data of Prepares; the rest is the same for all. */
static void note_prepare(pair *p, pair_packet *packet)
{
    rill_prepare prepare;
    assert_int_equal(rill_prepare_decode(&prepare, packet->bytes, packet->len), RILL_OK);
    note_size(p->user, packet->from, prepare.data.len);
}

static void note_reply(pair *p, pair_side to, uint8_t *bytes, size_t *len)
{
    rill_fulfill fulfill;
    rill_reject reject;
    pair_side from = to == PAIR_CLIENT ? PAIR_SERVER : PAIR_CLIENT;
    if (rill_fulfill_decode(&fulfill, bytes, *len) == RILL_OK)
        note_size(p->user, from, fulfill.data.len);
    else if (rill_reject_decode(&reject, bytes, *len) == RILL_OK)
        note_size(p->user, from, reject.data.len);
}

/* A greeting, a payment, bytes, an end. */
static void exchange(pair *p)
{
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "hello", 5);
    assert_int_equal(rill_stream_send_total(s, 1000, RILL_NEVER), RILL_OK);
    pair_run(p, 100 * RILL_MS);
    rill_stream *back = rill_connection_stream(p->end[PAIR_SERVER].connection, 1);
    pair_write(back, "a much longer answer", 20);
    assert_int_equal(rill_stream_send_total(back, 7, RILL_NEVER), RILL_OK);
    pair_run(p, 100 * RILL_MS);
    rill_connection_close(p->end[PAIR_CLIENT].connection, RILL_CLOSE_NO_ERROR, "bye");
    pair_run(p, 100 * RILL_MS);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 1000);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->money, 7);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->len, 20);
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_CONNECTION_END], 1);
    pair_check_books(p);
}

/* RFC 29 section 5: whoever sees the packets learns nothing from their lengths. */
static void test_padded_packets_have_one_length(void **state)
{
    pair *p = *state;
    sizes s = {{0}, {0}, {0}};
    pair_options o = pair_defaults();
    o.connection.padding = o.accepted.padding = true;
    pair_open(p, &o);
    p->user = &s;
    p->on_packet = note_prepare;
    p->on_reply = note_reply;
    exchange(p);
    for (pair_side side = PAIR_CLIENT; side <= PAIR_SERVER; side++) {
        assert_true(s.count[side] >= 4);
        assert_int_equal(s.least[side], RILL_ILP_MAX_DATA);
        assert_int_equal(s.most[side], RILL_ILP_MAX_DATA);
    }
}

/* The same if the connection is over, or never existed: the length does not tell which. */
static void test_padded_answers_tell_nobody_that_it_is_over(void **state)
{
    static raw_reply reply;
    const raw_packet marked = {.sequence = RILL_NUMBER_MARKED | 5};
    pair *p = *state;
    raw_peer r;
    rill_reject reject;
    pair_options o = pair_defaults();
    o.accepted.padding = true;
    o.stay = true;
    pair_open(p, &o);
    raw_open(&r, p->credentials.destination_account, p->credentials.shared_secret);
    for (unsigned i = 0; i < 2; i++) {
        if (i == 1) { /* another life has a connection */
            raw_begin(&r, rill_life_of(p->now.wall_ms, 1));
            raw_send(&r, p->end[PAIR_SERVER].endpoint, p->now, &(raw_packet){0}, &reply);
            assert_int_equal(reply.trailer, RILL_TRAILER_MARK);
        }
        raw_send(&r, p->end[PAIR_SERVER].endpoint, p->now, &marked, &reply);
        assert_non_null(raw_find(&reply, RILL_FRAME_CONNECTION_CLOSE));
        assert_int_equal(rill_reject_decode(&reject, reply.bytes, reply.len), RILL_OK);
        assert_int_equal(reject.data.len, RILL_ILP_MAX_DATA);
    }
    raw_close(&r);
}

static void test_other_packets_are_as_short_as_they_can(void **state)
{
    pair *p = *state;
    sizes s = {{0}, {0}, {0}};
    p->user = &s;
    p->on_packet = note_prepare;
    p->on_reply = note_reply;
    exchange(p);
    for (pair_side side = PAIR_CLIENT; side <= PAIR_SERVER; side++)
        assert_true(s.most[side] < 400);
}

/* ---- more to tell than fits a packet ---- */

#define MANY 300

static void many_streams(pair *p, rill_stream **s)
{
    pair_options o = pair_defaults();
    o.accepted.max_remote_streams = MANY;
    o.accepted.default_receive_max = 10;
    pair_open(p, &o);
    pair_run(p, 100 * RILL_MS);
    for (unsigned i = 0; i < MANY; i++) {
        s[i] = pair_stream_open(p, PAIR_CLIENT);
        pair_write(s[i], "x", 1);
    }
    pair_run(p, RILL_SECOND);
}

static void ignore_events(pair *p)
{
    p->no_events[PAIR_CLIENT] = p->no_events[PAIR_SERVER] = true;
}

/* Each of them gets through in the end, whatever a single packet has room for. */
static void test_limits_of_many_streams_are_all_told(void **state)
{
    pair *p = *state;
    rill_stream *s[MANY];
    many_streams(p, s);
    ignore_events(p);
    for (unsigned i = 0; i < MANY; i++) {
        rill_stream *t = rill_connection_stream(p->end[PAIR_SERVER].connection, 2 * i + 1);
        assert_non_null(t);
        assert_int_equal(rill_stream_set_receive_max(t, 1000 + i), RILL_OK);
        assert_int_equal(rill_stream_set_send_max(s[i], 1000 + i), RILL_OK);
    }
    pair_run(p, 20 * RILL_SECOND);
    for (unsigned i = 0; i < MANY; i++) {
        rill_stream_totals t;
        rill_stream_get_totals(s[i], &t);
        assert_int_equal(t.sent, 1000 + i);
    }
    pair_check_books(p);
}

/* Closes with messages of 255 bytes fill a packet before its count of frames does. */
static void test_closes_of_many_streams_are_all_told(void **state)
{
    pair *p = *state;
    rill_stream *s[MANY];
    char message[256] = {0};
    many_streams(p, s);
    memset(message, 'm', sizeof message - 1);
    for (unsigned i = 0; i < MANY; i++)
        rill_stream_close(s[i], RILL_CLOSE_APPLICATION_ERROR, message);
    pair_run(p, 5 * RILL_SECOND);
    for (unsigned i = 0; i < MANY; i++) {
        const pair_stream *seen = pair_seen(p, PAIR_SERVER, 2 * i + 1);
        assert_true(seen->ended);
        assert_int_equal(seen->code, RILL_CLOSE_APPLICATION_ERROR);
    }
}

/* ---- frames of a stranger's ---- */

static void open_server(pair *p, raw_peer *r)
{
    pair_options o = pair_defaults();
    o.stay = true;
    pair_open(p, &o);
    raw_open(r, p->credentials.destination_account, p->credentials.shared_secret);
}

static void send_frames(pair *p, raw_peer *r, const rill_frame *frames, unsigned count,
                        raw_reply *reply)
{
    raw_packet packet = {.frames = frames, .frame_count = count};
    raw_send(r, p->end[PAIR_SERVER].endpoint, p->now, &packet, reply);
    pair_pump(p);
}

/* We forget what we have no room for, and the connection goes on. */
static void test_an_asset_that_is_too_long_is_ignored(void **state)
{
    static raw_reply reply;
    static const uint8_t code[RILL_MAX_ASSET_CODE + 1] = {'A'};
    raw_peer r;
    pair *p = *state;
    const char *known;
    uint8_t scale;
    open_server(p, &r);
    rill_frame frame = {
        .type = RILL_FRAME_CONNECTION_ASSET_DETAILS, .code = 9, .text = {code, sizeof code}};
    send_frames(p, &r, &frame, 1, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    assert_false(rill_connection_remote_asset(p->end[PAIR_SERVER].connection, &known, &scale));
    /* A NUL inside would end it sooner for us than for others. */
    frame.text.len = 2;
    send_frames(p, &r, &frame, 1, &reply);
    assert_false(rill_connection_remote_asset(p->end[PAIR_SERVER].connection, &known, &scale));
    frame.text.len = 1;
    send_frames(p, &r, &frame, 1, &reply);
    assert_true(rill_connection_remote_asset(p->end[PAIR_SERVER].connection, &known, &scale));
    assert_string_equal(known, "A");
    raw_close(&r);
}

/* Each stream keeps to its window; together they are more than the connection's. */
static void test_the_connections_window_holds_for_all_streams(void **state)
{
    static raw_reply reply;
    static const uint8_t byte[1];
    raw_peer r;
    pair *p = *state;
    pair_options o = pair_defaults();
    o.stay = true;
    o.accepted.connection_receive_buffer = 65534;
    o.accepted.max_connection_receive_buffer = 65534;
    pair_open(p, &o);
    raw_open(&r, p->credentials.destination_account, p->credentials.shared_secret);
    p->no_read[PAIR_SERVER] = true;
    send_frames(p, &r, NULL, 0, &reply); /* no connection begins in the middle of bytes */
    for (uint64_t id = 1; id <= 5; id += 2) {
        rill_frame frame = {.type = RILL_FRAME_STREAM_DATA,
                            .stream = id,
                            .value = id < 5 ? 30000 : 5531,
                            .text = {byte, 1}};
        send_frames(p, &r, &frame, 1, &reply);
        assert_int_equal(reply.type, RILL_ILP_FULFILL);
    }
    rill_frame over = {.type = RILL_FRAME_STREAM_DATA, .stream = 7, .value = 0, .text = {byte, 1}};
    send_frames(p, &r, &over, 1, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    const rill_frame *close = raw_find(&reply, RILL_FRAME_CONNECTION_CLOSE);
    assert_non_null(close);
    assert_int_equal(close->code, RILL_CLOSE_FLOW_CONTROL_ERROR);
    raw_close(&r);
}

/* ---- a server that answers as it likes ---- */

/* Somebody who has the secret answers the client's packets. */
typedef struct forger {
    raw_peer r;
    uint8_t prepare[RILL_PACKET_BUFFER];
    size_t len;
    bool fulfill;
    const rill_frame *frames; /* NULL: lets the true answer pass */
    unsigned frame_count;
    unsigned forged;
    bool two_streams_only; /* forges answers to packets with bytes of two streams, once */
} forger;

static void keep_prepare(pair *p, pair_packet *packet)
{
    forger *f = p->user;
    if (packet->from == PAIR_CLIENT) {
        memcpy(f->prepare, packet->bytes, packet->len);
        f->len = packet->len;
    }
}

static unsigned data_frames(forger *f)
{
    static raw_reply question;
    unsigned count = 0;
    raw_read(&f->r, f->prepare, f->len, &question);
    for (unsigned i = 0; i < question.frame_count; i++)
        count += question.frames[i].type == RILL_FRAME_STREAM_DATA;
    return count;
}

static void forge(pair *p, pair_side to, uint8_t *bytes, size_t *len)
{
    forger *f = p->user;
    if (to != PAIR_CLIENT || !f->frames || f->len == 0)
        return;
    if (f->two_streams_only && (f->forged > 0 || data_frames(f) < 2))
        return;
    *len = raw_answer(&f->r, f->prepare, f->len, f->fulfill, RILL_ILP_F99_APPLICATION_ERROR, 0,
                      f->frames, f->frame_count, bytes);
    f->forged++;
}

static forger *open_forger(pair *p)
{
    static forger f;
    memset(&f, 0, sizeof f);
    raw_open(&f.r, p->credentials.destination_account, p->credentials.shared_secret);
    p->user = &f;
    p->on_packet = keep_prepare;
    p->on_reply = forge;
    return &f;
}

/* RFC 29 section 4.3.3: neither does it change in a reply. */
static void test_an_asset_that_changes_in_a_reply_ends_the_connection(void **state)
{
    pair *p = *state;
    rill_frame asset = {.type = RILL_FRAME_CONNECTION_ASSET_DETAILS,
                        .code = 2,
                        .text = {(const uint8_t *)"NEW", 3}};
    forger *f = open_forger(p);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, 100 * RILL_MS);
    f->frames = &asset;
    f->frame_count = 1;
    f->fulfill = true;
    pair_write(s, "y", 1);
    pair_run(p, 100 * RILL_MS);
    assert_true(f->forged > 0);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].end_error, RILL_ERR_ASSET);
    assert_int_equal(p->end[PAIR_CLIENT].end_code, RILL_CLOSE_PROTOCOL_VIOLATION);
    raw_close(&f->r);
}

/*
 * The reference refuses a packet whole that has bytes for a stream that it has
 * closed: those of the other stream have not been taken, and are sent again.
 */
static void test_bytes_beside_those_of_a_closed_stream_are_sent_again(void **state)
{
    pair *p = *state;
    rill_frame closed = {
        .type = RILL_FRAME_STREAM_CLOSE, .stream = 1, .code = RILL_CLOSE_STREAM_STATE_ERROR};
    forger *f = open_forger(p);
    rill_stream *a = pair_stream_open(p, PAIR_CLIENT);
    rill_stream *b = pair_stream_open(p, PAIR_CLIENT);
    pair_run(p, RILL_SECOND); /* server and client know each other */
    f->two_streams_only = true;
    f->frames = &closed;
    f->frame_count = 1;
    pair_write(a, "lost", 4);
    pair_write(b, "kept", 4);
    uint64_t before = p->end[PAIR_CLIENT].packets;
    pair_run(p, RILL_SECOND);
    assert_int_equal(f->forged, 1);
    assert_true(pair_seen(p, PAIR_CLIENT, 1)->ended);
    assert_int_not_equal(pair_seen(p, PAIR_CLIENT, 1)->error, RILL_OK);
    assert_false(pair_seen(p, PAIR_CLIENT, 3)->ended);
    /* The true server has had them before: so it is the packet that shows it. */
    assert_true(p->end[PAIR_CLIENT].packets > before + 1);
    rill_stream_offsets o;
    rill_stream_get_offsets(b, &o);
    assert_int_equal(o.acknowledged, 4);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 3)->len, 4);
    raw_close(&f->r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST_TO_OPEN(test_padded_packets_have_one_length),
        PAIR_TEST_TO_OPEN(test_padded_answers_tell_nobody_that_it_is_over),
        PAIR_TEST(test_other_packets_are_as_short_as_they_can),
        PAIR_TEST_TO_OPEN(test_limits_of_many_streams_are_all_told),
        PAIR_TEST_TO_OPEN(test_closes_of_many_streams_are_all_told),
        PAIR_TEST_TO_OPEN(test_an_asset_that_is_too_long_is_ignored),
        PAIR_TEST_TO_OPEN(test_the_connections_window_holds_for_all_streams),
        PAIR_TEST(test_an_asset_that_changes_in_a_reply_ends_the_connection),
        PAIR_TEST(test_bytes_beside_those_of_a_closed_stream_are_sent_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
