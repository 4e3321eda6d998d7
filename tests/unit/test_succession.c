/* SPDX-License-Identifier: Apache-2.0 */
/* A client disappears without a word, and begins anew with the same credentials. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"
#include "support/raw.h"

#include "stream/core/connection_internal.h"

typedef struct ends {
    unsigned streams;
    unsigned connections;
    int error;
    bool remote;
} ends;

static void note_ends(pair *p, pair_side side, const rill_event *event)
{
    ends *e = p->user;
    if (side != PAIR_SERVER)
        return;
    if (event->type == RILL_EVENT_STREAM_END) {
        e->streams++;
        e->error = event->error;
        e->remote = event->remote;
    }
    e->connections += event->type == RILL_EVENT_CONNECTION_END;
}

static void open_and_send(pair *p, ends *seen, const uint8_t *bytes, size_t len)
{
    pair_options o;
    memset(seen, 0, sizeof *seen);
    pair_options_init(&o);
    pair_open(p, &o);
    p->user = seen;
    p->on_event = note_ends;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, bytes, len);
    assert_int_equal(rill_stream_set_send_max(s, 100), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, len);
}

static void test_its_bytes_are_its_own(void **state)
{
    static uint8_t before[3000], after[2000];
    pair p;
    pair_options o;
    ends seen;
    (void)state;
    memset(before, 'b', sizeof before);
    memset(after, 'a', sizeof after);
    open_and_send(&p, &seen, before, sizeof before);
    /* The same endpoint, which counts as another client: it has forgotten the first connection. */
    pair_options_init(&o);
    assert_int_equal(pair_connect(&p, &o.connection), RILL_OK);
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    pair_write(s, after, sizeof after);
    assert_int_equal(rill_stream_set_send_max(s, 7), RILL_OK);
    pair_run(&p, 2 * RILL_SECOND);
    /* The first one's stream ended with an error; the second's began at its beginning. */
    assert_int_equal(seen.streams, 1);
    assert_int_equal(seen.connections, 1);
    assert_int_equal(seen.error, RILL_ERR_REMOTE);
    assert_true(seen.remote);
    const pair_stream *got = pair_seen(&p, PAIR_SERVER, 1);
    assert_int_equal(got->len, sizeof after);
    assert_memory_equal(got->data, after, sizeof after);
    assert_int_equal(p.end[PAIR_SERVER].fulfilled_in, 107);
    rill_stream_totals totals;
    rill_stream_get_totals(s, &totals);
    assert_int_equal(totals.sent, 7);
    pair_check_books(&p);
    pair_close(&p);
}

/* The clock is set back between two connections of one process: the later one is later still. */
static void test_a_clock_that_is_set_back_replaces_nobody(void **state)
{
    pair p;
    pair_options o;
    (void)state;
    pair_options_init(&o);
    pair_open(&p, &o);
    for (unsigned i = 1; i <= 3; i++) {
        if (i > 1) {
            p.now.wall_ms -= 3600 * 1000;
            assert_int_equal(pair_connect(&p, &o.connection), RILL_OK);
        }
        rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
        assert_int_equal(rill_stream_set_send_max(s, 10), RILL_OK);
        assert_int_equal(rill_connection_end(p.end[PAIR_CLIENT].connection), RILL_OK);
        pair_run(&p, RILL_SECOND);
        assert_int_equal(p.end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], i);
        assert_int_equal(p.end[PAIR_CLIENT].end_error, RILL_OK);
        assert_int_equal(p.end[PAIR_SERVER].fulfilled_in, 10 * i);
    }
    pair_close(&p);
}

static bool drop_of_server;

static void drop_some(pair *p, pair_packet *packet)
{
    (void)p;
    if (drop_of_server && packet->from == PAIR_SERVER)
        packet->action = PAIR_DROP;
}

/*
 * Bytes that nobody reads, or money that nobody answers, may keep the earlier connection at its
 * server. They do not keep the next one from beginning.
 */
static void test_another_life_does_not_wait_for_the_one_before(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        pair p;
        pair_options o;
        bool unread = i % 2 == 0, closed = i >= 2;
        pair_options_init(&o);
        pair_open(&p, &o);
        p.on_packet = drop_some;
        rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
        pair_write(s, "x", 1);
        p.no_events[PAIR_SERVER] = unread;
        pair_run(&p, RILL_SECOND);
        if (!unread) {
            drop_of_server = true;
            rill_stream *back = rill_connection_stream(p.end[PAIR_SERVER].connection, 1);
            assert_int_equal(rill_stream_set_send_max(back, 5), RILL_OK);
            pair_run(&p, RILL_SECOND);
        }
        if (closed)
            rill_connection_close(p.end[PAIR_CLIENT].connection, RILL_CLOSE_NO_ERROR, NULL);
        pair_run(&p, RILL_SECOND);
        drop_of_server = false;
        assert_int_equal(pair_connect(&p, &o.connection), RILL_OK);
        s = pair_stream_open(&p, PAIR_CLIENT);
        assert_int_equal(rill_stream_set_send_max(s, 7), RILL_OK);
        pair_run(&p, RILL_SECOND);
        rill_stream_totals totals;
        rill_stream_get_totals(s, &totals);
        assert_int_equal(totals.sent, 7);
        p.no_events[PAIR_SERVER] = false;
        pair_run(&p, 100 * RILL_SECOND);
        pair_close(&p);
    }
}

/* One that writes a byte, and pays. */
static void begin(pair *p, const pair_options *o)
{
    assert_int_equal(pair_connect(p, &o->connection), RILL_OK);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    assert_int_equal(rill_stream_set_send_max(s, 5), RILL_OK);
}

typedef enum how_it_went {
    IT_IS_OPEN,
    IT_HAS_ENDED,
    IT_WAS_CLOSED,
    IT_WAS_IDLE,
    NOTHING_WAS_BEFORE
} how_it_went;

/* A connection, and a later life. Was the later one told that the earlier one was ended for it? */
static bool was_told(how_it_went before, bool padding)
{
    pair p;
    pair_options o = pair_defaults();
    rill_connection_stats ours, theirs;
    o.stay = true;
    o.connection.padding = o.accepted.padding = padding;
    pair_open(&p, &o);
    if (before != NOTHING_WAS_BEFORE) {
        begin(&p, &o);
        pair_run(&p, RILL_SECOND);
        rill_connection_get_stats(p.end[PAIR_CLIENT].connection, &ours);
        assert_false(ours.ended_another);
    }
    if (before == IT_HAS_ENDED)
        assert_int_equal(rill_connection_end(p.end[PAIR_CLIENT].connection), RILL_OK);
    else if (before == IT_WAS_CLOSED)
        rill_connection_close(p.end[PAIR_CLIENT].connection, RILL_CLOSE_APPLICATION_ERROR, NULL);
    pair_run(&p, (before == IT_WAS_IDLE ? 70 : 1) * RILL_SECOND);
    begin(&p, &o);
    pair_run(&p, RILL_SECOND);
    rill_connection_get_stats(p.end[PAIR_CLIENT].connection, &ours);
    rill_connection_get_stats(p.end[PAIR_SERVER].connection, &theirs);
    assert_int_equal(ours.ended_another, theirs.ended_another);
    assert_int_equal(ours.sent, 5);
    /* This is told once. The next one follows one that ended without an error. */
    assert_int_equal(rill_connection_end(p.end[PAIR_CLIENT].connection), RILL_OK);
    pair_run(&p, RILL_SECOND);
    begin(&p, &o);
    pair_run(&p, RILL_SECOND);
    rill_connection_get_stats(p.end[PAIR_CLIENT].connection, &theirs);
    assert_false(theirs.ended_another);
    pair_close(&p);
    return ours.ended_another;
}

/* One file is for one payer: the earlier one learns of it by its end, the later one so. */
static void test_who_ends_another_is_told(void **state)
{
    (void)state;
    for (unsigned padding = 0; padding < 2; padding++) {
        assert_true(was_told(IT_IS_OPEN, padding));
        assert_false(was_told(IT_HAS_ENDED, padding));
        assert_false(was_told(IT_WAS_CLOSED, padding));
        assert_false(was_told(IT_WAS_IDLE, padding));
        assert_false(was_told(NOTHING_WAS_BEFORE, padding));
    }
}

/* What the server's application is told of connections: 'c' a new one, 'e' the end of one. */
typedef struct told {
    char what[16];
    size_t count;
    uint64_t pass; /* packets of the client, from the next life on: others are lost */
} told;

static void note_told(pair *p, pair_side side, const rill_event *event)
{
    told *t = p->user;
    if (side != PAIR_SERVER ||
        (event->type != RILL_EVENT_CONNECTION && event->type != RILL_EVENT_CONNECTION_END))
        return;
    assert_true(t->count + 1 < sizeof t->what);
    t->what[t->count++] = event->type == RILL_EVENT_CONNECTION ? 'c' : 'e';
    t->what[t->count] = '\0';
}

static void pass_few(pair *p, pair_packet *packet)
{
    told *t = p->user;
    if (packet->from == PAIR_CLIENT && t->pass == 0)
        packet->action = PAIR_DROP;
    else if (packet->from == PAIR_CLIENT)
        t->pass--;
}

/* A server whose application reads nothing until read_all(), and records what it is told. */
static pair_options open_unread(pair *p, told *t)
{
    pair_options o = pair_defaults();
    o.stay = true;
    pair_open(p, &o);
    p->user = t;
    p->on_event = note_told;
    p->on_packet = pass_few;
    p->no_read[PAIR_SERVER] = true;
    return o;
}

static void read_all(pair *p)
{
    rill_stream_consume(rill_connection_stream(p->end[PAIR_SERVER].connection, 1), 1);
    pair_run(p, 100 * RILL_MS);
}

static void test_an_end_is_told_before_the_next_beginning(void **state)
{
    (void)state;
    pair p;
    told t = {.pass = UINT64_MAX};
    pair_options o = open_unread(&p, &t);
    for (unsigned life = 1; life <= 3; life++) {
        begin(&p, &o);
        pair_run(&p, 2 * RILL_SECOND);
        /* All have begun, and are paid; the application hears of the first alone. */
        assert_int_equal(p.end[PAIR_SERVER].fulfilled_in, 5 * life);
        assert_string_equal(t.what, "c");
    }
    read_all(&p);
    assert_string_equal(t.what, "cec");
    read_all(&p);
    assert_string_equal(t.what, "cecec");
    pair_close(&p);
}

/* Nor if the one that was to follow did not come, and the next one comes long after. */
static void test_who_has_made_way_is_not_forgotten(void **state)
{
    (void)state;
    pair p;
    told t = {.pass = UINT64_MAX};
    pair_options o = open_unread(&p, &t);
    begin(&p, &o);
    assert_int_equal(rill_connection_end(p.end[PAIR_CLIENT].connection), RILL_OK);
    pair_run(&p, 2 * RILL_SECOND);
    assert_int_equal(p.end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
    t.pass = 1;
    begin(&p, &o);
    pair_run(&p, 40 * RILL_SECOND);
    t.pass = UINT64_MAX;
    begin(&p, &o);
    pair_run(&p, 2 * RILL_SECOND);
    assert_int_equal(p.end[PAIR_SERVER].fulfilled_in, 10);
    assert_string_equal(t.what, "c");
    read_all(&p);
    assert_string_equal(t.what, "cec");
    pair_close(&p);
}

/* However often a client begins: few of its connections are kept at a time. */
static void test_few_wait_for_an_end(void **state)
{
    (void)state;
    pair p;
    told t = {.pass = UINT64_MAX};
    pair_options o = open_unread(&p, &t);
    for (unsigned life = 1; life <= 12; life++) {
        begin(&p, &o);
        pair_run(&p, RILL_SECOND);
        assert_in_range(rill_endpoint_connection_count(p.end[PAIR_SERVER].endpoint), 1, 5);
    }
    assert_string_equal(t.what, "c");
    /* The last one is taken once there is room, and is paid. */
    uint64_t before = p.end[PAIR_SERVER].fulfilled_in;
    assert_int_equal(before, 5 * 5);
    read_all(&p);
    pair_run(&p, 5 * RILL_SECOND);
    assert_int_equal(p.end[PAIR_SERVER].fulfilled_in, before + 5);
    pair_close(&p);
}

/*
 * The application is not asked about a connection of which it has not been told. Its money is
 * refused meanwhile, and comes again.
 */
static void test_who_waits_for_an_end_is_not_asked_about(void **state)
{
    (void)state;
    pair p;
    told t = {.pass = UINT64_MAX};
    pair_options o = pair_defaults();
    o.stay = true;
    o.accepted.ask_before_fulfill = true;
    pair_open(&p, &o);
    p.user = &t;
    p.on_event = note_told;
    p.no_read[PAIR_SERVER] = true;
    assert_int_equal(pair_connect(&p, &o.connection), RILL_OK);
    pair_write(pair_stream_open(&p, PAIR_CLIENT), "x", 1);
    pair_run(&p, RILL_SECOND);
    begin(&p, &o);
    pair_run(&p, 2 * RILL_SECOND);
    rill_connection_stats stats;
    rill_connection_get_stats(p.end[PAIR_CLIENT].connection, &stats);
    assert_int_equal(stats.in_flight, 0);
    assert_int_equal(p.end[PAIR_SERVER].asked_count, 0);
    read_all(&p);
    pair_run(&p, 5 * RILL_SECOND);
    assert_int_equal(p.end[PAIR_SERVER].asked_count, 1);
    assert_int_equal(pair_decide(&p, PAIR_SERVER, 0, true, NULL), RILL_OK);
    pair_run(&p, RILL_SECOND);
    assert_int_equal(p.end[PAIR_SERVER].fulfilled_in, 5);
    pair_close(&p);
}

static void keep_first(pair *p, pair_packet *packet)
{
    if (packet->from == PAIR_CLIENT && packet->number == 3)
        packet->copies = 2;
    (void)p;
}

static void test_a_replay_does_not_begin_anew(void **state)
{
    static const uint8_t bytes[4000] = {1};
    pair p;
    pair_options o;
    ends seen;
    (void)state;
    memset(&seen, 0, sizeof seen);
    pair_options_init(&o);
    pair_open(&p, &o);
    p.user = &seen;
    p.on_event = note_ends;
    p.on_packet = keep_first;
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    for (unsigned i = 0; i < 10; i++) {
        pair_write(s, bytes, 400);
        pair_run(&p, RILL_SECOND);
    }
    assert_int_equal(seen.connections, 0);
    assert_int_equal(pair_seen(&p, PAIR_SERVER, 1)->len, 4000);
    pair_check_books(&p);
    pair_close(&p);
}

static raw_reply reply;

/* A first packet of a client at test.c: the server has a connection with it then, which is
 * returned. */
static rill_connection *comes(rill_endpoint *server, raw_peer *r, rill_now now, uint64_t life)
{
    static const char address[] = "test.c";
    rill_event event;
    rill_connection *c = NULL;
    const rill_frame here = {.type = RILL_FRAME_CONNECTION_NEW_ADDRESS,
                             .text = {(const uint8_t *)address, sizeof address - 1}};
    raw_begin(r, life);
    raw_send(r, server, now, &(raw_packet){.frames = &here, .frame_count = 1}, &reply);
    while (rill_endpoint_next_event(server, &event))
        c = event.type == RILL_EVENT_CONNECTION ? event.connection : c;
    return c;
}

/* The number of the packet that the server sends on a new stream. */
static uint64_t number_of_next(rill_endpoint *server, raw_peer *r, rill_now now, rill_connection *c)
{
    static raw_reply packet;
    static uint8_t bytes[RILL_PACKET_BUFFER];
    rill_stream *s;
    size_t len, accepted;
    uint64_t request;
    assert_int_equal(rill_connection_open_stream(c, &s), RILL_OK);
    assert_int_equal(rill_stream_write(s, "hello", 5, &accepted), RILL_OK);
    assert_int_equal(rill_endpoint_next_prepare(server, now, bytes, &len, &request), RILL_OK);
    assert_true(len > 0);
    raw_read(r, bytes, len, &packet);
    assert_true(packet.authentic);
    return packet.sequence;
}

/* All within a millisecond of the server's clock: another mark makes other numbers. */
static void test_a_server_gives_no_number_twice(void **state)
{
    const uint64_t first = rill_life_of(UINT64_C(1700000000000), 5), later = first + 1;
    pair p;
    pair_options o = pair_defaults();
    raw_peer r;
    (void)state;
    o.stay = true;
    pair_open(&p, &o);
    rill_endpoint *server = p.end[PAIR_SERVER].endpoint;
    raw_open(&r, p.credentials.destination_account, p.credentials.shared_secret);
    rill_connection *before = comes(server, &r, p.now, first);
    assert_non_null(before);
    uint64_t number = number_of_next(server, &r, p.now, before);
    assert_true(number >= RILL_NUMBER_SERVER);
    assert_int_equal(rill_number_mark(number), reply.trailer_value);
    assert_null(comes(server, &r, p.now, later)); /* ends the first one */
    rill_connection *after = comes(server, &r, p.now, later);
    assert_non_null(after);
    uint64_t next = number_of_next(server, &r, p.now, after);
    assert_int_equal(rill_number_mark(next), reply.trailer_value);
    assert_int_not_equal(rill_number_mark(next), rill_number_mark(number));
    raw_close(&r);
    pair_close(&p);
}

/* Of a connection that is over, and which too many wait for, the next packets come to it still. */
static void test_who_cannot_make_way_is_told_as_well(void **state)
{
    const raw_packet begins = {0}, pays = {.amount = 5};
    pair p;
    pair_options o = pair_defaults();
    raw_peer r, other;
    (void)state;
    o.stay = true;
    pair_open(&p, &o);
    rill_endpoint *server = p.end[PAIR_SERVER].endpoint;
    raw_open(&r, p.credentials.destination_account, p.credentials.shared_secret);
    raw_open(&other, p.credentials.destination_account, p.credentials.shared_secret);
    for (unsigned life = 1; life <= 5; life++) {
        raw_begin(&r, rill_life_of(p.now.wall_ms, life));
        if (life > 1) { /* the one before ends, and its end is not fetched */
            raw_send(&r, server, p.now, &begins, &reply);
            assert_int_equal(reply.code, RILL_ILP_T02_PEER_BUSY);
        }
        raw_send(&r, server, p.now, &begins, &reply);
        assert_int_equal(reply.trailer, RILL_TRAILER_MARK);
    }
    raw_go_on(&r, &reply);
    raw_begin(&other, rill_life_of(p.now.wall_ms, 6));
    for (unsigned i = 0; i < 2; i++) {
        raw_send(&other, server, p.now, &begins, &reply);
        assert_int_equal(reply.code, RILL_ILP_T02_PEER_BUSY);
        raw_send(&r, server, p.now, &pays, &reply);
        assert_int_equal(reply.trailer, RILL_TRAILER_REPLACED);
        const rill_frame *close = raw_find(&reply, RILL_FRAME_CONNECTION_CLOSE);
        assert_non_null(close);
        assert_int_equal(close->code, RILL_CLOSE_INTERNAL_ERROR);
        assert_memory_equal(close->text.data, "another program", 15);
    }
    raw_close(&r);
    raw_close(&other);
    pair_close(&p);
}

static struct {
    uint8_t bytes[RILL_PACKET_BUFFER];
    size_t len;
} kept[3];

static void keep_all(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->from != PAIR_CLIENT || packet->number >= 3)
        return;
    memcpy(kept[packet->number].bytes, packet->bytes, packet->len);
    kept[packet->number].len = packet->len;
}

/* As a connector sends it again, who writes what expiry it likes. */
static uint8_t again(pair *p, unsigned n)
{
    static uint8_t packet[RILL_PACKET_BUFFER], answer[RILL_PACKET_BUFFER];
    rill_prepare prepare;
    size_t len;
    assert_int_equal(rill_prepare_decode(&prepare, kept[n].bytes, kept[n].len), RILL_OK);
    prepare.expires_at_ms = p->now.wall_ms + 10000;
    assert_int_equal(rill_prepare_encode(&prepare, packet, sizeof packet, &len), RILL_OK);
    assert_int_equal(rill_endpoint_receive_prepare(p->end[PAIR_SERVER].endpoint, p->now, 1000 + n,
                                                   packet, len, answer, &len),
                     RILL_OK);
    pair_pump(p);
    return answer[0];
}

/*
 * docs/protocol.md: what is known of a connection is forgotten in the end. Then its first
 * packets, and only those, begin one that is never success.
 */
static void test_what_can_come_again_when_all_is_forgotten(void **state)
{
    (void)state;
    pair p;
    pair_options o = pair_defaults();
    o.stay = true;
    pair_open(&p, &o);
    p.on_packet = keep_all;
    assert_int_equal(pair_connect(&p, &o.connection), RILL_OK);
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    pair_write(s, "first", 5);
    pair_run(&p, RILL_SECOND);
    pair_write(s, "second", 6);
    pair_run(&p, RILL_SECOND);
    assert_int_equal(rill_stream_end(s), RILL_OK);
    assert_int_equal(rill_connection_end(p.end[PAIR_CLIENT].connection), RILL_OK);
    pair_run(&p, RILL_SECOND);
    assert_int_equal(p.end[PAIR_SERVER].end_error, RILL_OK);
    p.on_packet = NULL;
    pair_run(&p, 25 * RILL_SECOND);
    for (unsigned n = 0; n < 3; n++)
        assert_int_equal(again(&p, n), RILL_ILP_REJECT);
    pair_run(&p, 40 * RILL_SECOND);
    for (unsigned n = 1; n < 3; n++)
        assert_int_equal(again(&p, n), RILL_ILP_REJECT);
    assert_int_equal(p.end[PAIR_SERVER].events[RILL_EVENT_CONNECTION], 1);
    assert_int_equal(again(&p, 0), RILL_ILP_FULFILL);
    assert_int_equal(p.end[PAIR_SERVER].events[RILL_EVENT_CONNECTION], 2);
    const pair_stream *seen = pair_seen(&p, PAIR_SERVER, 1);
    assert_int_equal(seen->len, 5);
    assert_memory_equal(seen->data, "first", 5);
    for (unsigned n = 1; n < 3; n++)
        assert_int_equal(again(&p, n), RILL_ILP_REJECT);
    pair_run(&p, 200 * RILL_SECOND);
    assert_int_equal(seen->len, 5);
    assert_true(seen->ended);
    assert_int_equal(seen->error, RILL_ERR_IDLE);
    assert_int_equal(p.end[PAIR_SERVER].end_error, RILL_ERR_IDLE);
    pair_close(&p);
}

/* How it answers a packet that goes on with a connection of this mark. */
static rill_ilp_code_id answer_to_mark(pair *p, uint32_t mark, const rill_frame *frame)
{
    raw_peer r;
    raw_open(&r, p->credentials.destination_account, p->credentials.shared_secret);
    raw_send(&r, p->end[PAIR_SERVER].endpoint, p->now,
             &(raw_packet){
                 .sequence = rill_number_marked(mark, 1000000), .frames = frame, .frame_count = 1},
             &reply);
    raw_close(&r);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    assert_true(reply.authentic);
    assert_non_null(raw_find(&reply, RILL_FRAME_CONNECTION_CLOSE));
    return reply.code;
}

/*
 * Another server of the secret may know a connection that this one does not: of those behind one
 * account the next is asked after F06, and nobody after F99.
 */
static void test_what_another_server_may_know_is_f06(void **state)
{
    (void)state;
    static const rill_frame money = {.type = RILL_FRAME_STREAM_MONEY, .stream = 1, .value = 1};
    static const rill_frame leave = {.type = RILL_FRAME_CONNECTION_CLOSE, .code = 1};
    pair p;
    pair_options o = pair_defaults();
    o.stay = true;
    pair_open(&p, &o);
    assert_int_equal(answer_to_mark(&p, 77, &money), RILL_ILP_F06_UNEXPECTED_PAYMENT);
    assert_int_equal(answer_to_mark(&p, 77, &leave), RILL_ILP_F06_UNEXPECTED_PAYMENT);
    begin(&p, &o);
    pair_run(&p, RILL_SECOND);
    uint32_t mark = p.end[PAIR_SERVER].connection->numbers.mark;
    assert_int_equal(answer_to_mark(&p, mark ^ 1, &money), RILL_ILP_F06_UNEXPECTED_PAYMENT);
    /* It knows both of two lives of a client. */
    begin(&p, &o);
    pair_run(&p, RILL_SECOND);
    assert_int_not_equal(p.end[PAIR_SERVER].connection->numbers.mark, mark);
    assert_int_equal(answer_to_mark(&p, mark, &money), RILL_ILP_F99_APPLICATION_ERROR);
    assert_int_equal(answer_to_mark(&p, mark ^ 1, &money), RILL_ILP_F06_UNEXPECTED_PAYMENT);
    /* The same for one that is over. */
    mark = p.end[PAIR_SERVER].connection->numbers.mark;
    assert_int_equal(rill_connection_end(p.end[PAIR_CLIENT].connection), RILL_OK);
    pair_run(&p, RILL_SECOND);
    assert_int_equal(answer_to_mark(&p, mark, &money), RILL_ILP_F99_APPLICATION_ERROR);
    assert_int_equal(answer_to_mark(&p, mark ^ 1, &money), RILL_ILP_F06_UNEXPECTED_PAYMENT);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_wait_for_an_end),
        cmocka_unit_test(test_who_cannot_make_way_is_told_as_well),
        cmocka_unit_test(test_its_bytes_are_its_own),
        cmocka_unit_test(test_a_clock_that_is_set_back_replaces_nobody),
        cmocka_unit_test(test_another_life_does_not_wait_for_the_one_before),
        cmocka_unit_test(test_who_ends_another_is_told),
        cmocka_unit_test(test_an_end_is_told_before_the_next_beginning),
        cmocka_unit_test(test_who_has_made_way_is_not_forgotten),
        cmocka_unit_test(test_who_waits_for_an_end_is_not_asked_about),
        cmocka_unit_test(test_what_another_server_may_know_is_f06),
        cmocka_unit_test(test_what_can_come_again_when_all_is_forgotten),
        cmocka_unit_test(test_a_replay_does_not_begin_anew),
        cmocka_unit_test(test_a_server_gives_no_number_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
