/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of other implementations, which do not follow every word of the specifications. */
#include "support/pair.h"
#include "support/raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"

static const uint8_t bytes[RILL_ILP_MAX_DATA_READ];
/* ILP data: what RFC 27 allows, a byte more, what ilp-protocol-stream sends, the most we take. */
static const size_t sizes[] = {32767, 32768, 32773, 40000};

static void open_server(pair *p, raw_peer *r)
{
    pair_options o = pair_defaults();
    o.stay = true;
    o.accepted.stream_receive_buffer = 1000000;
    o.accepted.connection_receive_buffer = 1000000;
    o.accepted.max_connection_receive_buffer = 1000000;
    pair_open(p, &o);
    raw_open(r, p->credentials.destination_account, p->credentials.shared_secret);
}

/* A Prepare of exactly that much data, which carries bytes and money. */
static void test_large_prepares_are_taken_whole(void **state)
{
    static raw_reply reply;
    pair *p = *state;
    raw_peer r;
    open_server(p, &r);
    uint64_t sent = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        rill_frame frames[2] = {
            {.type = RILL_FRAME_STREAM_MONEY, .stream = 1, .value = 1},
            {.type = RILL_FRAME_STREAM_DATA, .stream = 1, .value = sent, .text = {bytes, 32000}}};
        raw_packet packet = {.amount = 10, .frames = frames, .frame_count = 2};
        static uint8_t packet_bytes[RILL_PACKET_BUFFER];
        rill_prepare p1;
        size_t len = raw_write(&r, p->now, &packet, packet_bytes);
        assert_int_equal(rill_prepare_decode(&p1, packet_bytes, len), RILL_OK);
        assert_true(p1.data.len < sizes[i]);
        packet.tail = (rill_bytes){bytes, sizes[i] - p1.data.len};
        len = raw_write(&r, p->now, &packet, packet_bytes);
        assert_int_equal(rill_prepare_decode(&p1, packet_bytes, len), RILL_OK);
        assert_int_equal(p1.data.len, sizes[i]);
        raw_deliver(&r, p->end[PAIR_SERVER].endpoint, p->now, packet_bytes, len, &reply);
        pair_pump(p);
        assert_int_equal(reply.type, RILL_ILP_FULFILL);
        assert_true(reply.authentic);
        sent += 32000;
        assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, sent);
        assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 10 * (i + 1));
    }
    raw_close(&r);
}

/* The same with the bytes themselves: one frame over the length of RFC 27's whole packet. */
static void test_a_frame_of_more_than_a_packet(void **state)
{
    static raw_reply reply;
    pair *p = *state;
    raw_peer r;
    open_server(p, &r);
    rill_frame frame = {.type = RILL_FRAME_STREAM_DATA, .stream = 1, .text = {bytes, 39900}};
    raw_packet packet = {.frames = &frame, .frame_count = 1};
    raw_send(&r, p->end[PAIR_SERVER].endpoint, p->now, &packet, &reply);
    pair_pump(p);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 39900);
    raw_close(&r);
}

/* ---- answers ---- */

enum { KEPT = 16 };

typedef struct answerer {
    raw_peer r;
    uint8_t prepares[KEPT][RILL_PACKET_BUFFER]; /* that the client sent last */
    size_t lens[KEPT];
    unsigned sent;
    size_t size; /* of the bytes in its answers */
    unsigned answered;
    rill_frame frame;
} answerer;

static void keep_prepare(pair *p, pair_packet *packet)
{
    answerer *a = p->user;
    if (packet->from == PAIR_CLIENT) {
        memcpy(a->prepares[a->sent % KEPT], packet->bytes, packet->len);
        a->lens[a->sent++ % KEPT] = packet->len;
    }
}

/* Which packet was it that this fulfills? */
static unsigned prepare_of(answerer *a, const uint8_t *fulfillment)
{
    for (unsigned i = 0; i < KEPT && i < a->sent; i++) {
        rill_prepare p;
        uint8_t its[32];
        assert_int_equal(rill_prepare_decode(&p, a->prepares[i], a->lens[i]), RILL_OK);
        assert_int_equal(rill_keys_fulfill(a->r.keys, p.data.data, p.data.len, its, NULL), RILL_OK);
        if (memcmp(its, fulfillment, sizeof its) == 0)
            return i;
    }
    fail_msg("it fulfills nothing");
    return 0;
}

/*
 * The most bytes that may come, and a report about the money that is known only if all of it was
 * read.
 */
static void answer_large(pair *p, pair_side to, uint8_t *out, size_t *len)
{
    answerer *a = p->user;
    if (to != PAIR_CLIENT || out[0] != RILL_ILP_FULFILL)
        return;
    rill_prepare prepare;
    rill_fulfill was;
    assert_int_equal(rill_fulfill_decode(&was, out, *len), RILL_OK);
    unsigned i = prepare_of(a, was.fulfillment);
    assert_int_equal(rill_prepare_decode(&prepare, a->prepares[i], a->lens[i]), RILL_OK);
    a->frame = (rill_frame){
        .type = RILL_FRAME_STREAM_DATA, .stream = 1, .value = 0, .text = {bytes, a->size}};
    *len = raw_answer(&a->r, a->prepares[i], a->lens[i], true, RILL_ILP_F99_APPLICATION_ERROR,
                      2 * prepare.amount, &a->frame, 1, out);
    assert_int_equal(rill_fulfill_decode(&was, out, *len), RILL_OK);
    if (was.data.len > RILL_ILP_MAX_DATA)
        a->answered++;
}

static void test_large_answers_are_read(void **state)
{
    pair *p = *state;
    static answerer a;
    memset(&a, 0, sizeof a);
    a.size = 39900;
    raw_open(&a.r, p->credentials.destination_account, p->credentials.shared_secret);
    p->user = &a;
    p->on_packet = keep_prepare;
    p->on_reply = answer_large;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(s, 1000), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_true(a.answered > 0);
    rill_stream_totals t;
    rill_stream_get_totals(s, &t);
    assert_int_equal(t.sent, 1000);
    assert_int_equal(t.delivered, 2000);
    raw_close(&a.r);
}

/* ---- Rejects with junk beside their code ---- */

/* The path spoils it, so that nobody takes its money, and answers for the receiver. */
static void spoil(pair *p, pair_packet *packet)
{
    const unsigned *left = p->user;
    if (packet->from == PAIR_CLIENT && packet->amount > 0 && *left > 0)
        packet->bytes[packet->len - 1] ^= 1;
}

static void refuse_oddly(pair *p, pair_side to, uint8_t *out, size_t *len)
{
    /* T00, from whom no address is, in bytes that are no text, with data that is cut short. */
    static const uint8_t odd[] = "\x0e\x0d"
                                 "T00"
                                 "\x04g. b"
                                 "\x02\xff\xfe"
                                 "\x05"
                                 "d";
    unsigned *left = p->user;
    if (to != PAIR_CLIENT || out[0] != RILL_ILP_REJECT || *left == 0)
        return;
    --*left;
    memcpy(out, odd, sizeof odd - 1);
    *len = sizeof odd - 1;
}

/* The money of a packet that was rejected is free again at once, whoever rejected it. */
static void test_a_reject_with_junk_is_a_reject(void **state)
{
    pair *p = *state;
    unsigned left = 3;
    pair_run(p, RILL_SECOND);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    p->user = &left;
    p->on_packet = spoil;
    p->on_reply = refuse_oddly;
    assert_int_equal(rill_stream_set_send_max(s, 1000), RILL_OK);
    pair_run(p, 2 * RILL_SECOND);
    assert_int_equal(left, 0);
    rill_stream_totals t;
    rill_stream_get_totals(s, &t);
    assert_int_equal(t.sent, 1000);
    assert_int_equal(t.in_doubt, 0);
}

/* ---- a connector, or a receiver, of another time ---- */

typedef struct other_time {
    rill_ilp_code_id code;
    unsigned refusals; /* then packets pass */
} other_time;

static void refuse_as_expired(pair *p, pair_packet *packet)
{
    other_time *o = p->user;
    if (packet->from != PAIR_CLIENT || o->refusals == 0)
        return;
    o->refusals--;
    packet->action = PAIR_REJECT;
    packet->code = o->code;
}

/* Half a minute is left by our clock. Within seconds the error says that clocks differ. */
static void test_clocks_that_differ(void **state)
{
    pair *p = *state;
    static const rill_ilp_code_id codes[] = {RILL_ILP_R00_TRANSFER_TIMED_OUT,
                                             RILL_ILP_R02_INSUFFICIENT_TIMEOUT};
    for (unsigned probed = 0; probed < 2; probed++) {
        for (size_t i = 0; i < 2; i++) {
            other_time o = {codes[i], 1000};
            pair_options options = pair_defaults();
            if (probed)
                options.connection.min_rate = (rill_ratio){0, 0};
            pair_open(p, &options);
            p->user = &o;
            p->on_packet = refuse_as_expired;
            rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
            assert_int_equal(rill_stream_set_send_max(s, 1000), RILL_OK);
            pair_run(p, 10 * RILL_SECOND);
            assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
            assert_int_equal(p->end[PAIR_CLIENT].end_error, RILL_ERR_CLOCK);
            pair_close(p);
        }
    }
}

/* Once or twice may happen; and packets that are meant to live shortly end soon. */
static void test_clocks_that_do_not_differ(void **state)
{
    pair *p = *state;
    other_time o = {RILL_ILP_R00_TRANSFER_TIMED_OUT, 3};
    for (unsigned shortly = 0; shortly < 2; shortly++) {
        pair_options options = pair_defaults();
        o.refusals = shortly ? 20 : 3;
        if (shortly)
            options.connection.packet_lifetime_ns = 5 * RILL_SECOND;
        pair_open(p, &options);
        p->user = &o;
        p->on_packet = refuse_as_expired;
        rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
        assert_int_equal(rill_stream_set_send_max(s, 1000), RILL_OK);
        pair_run(p, 25 * RILL_SECOND);
        assert_int_equal(o.refusals, 0);
        assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 0);
        rill_stream_totals t;
        rill_stream_get_totals(s, &t);
        assert_int_equal(t.sent, 1000);
        pair_close(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST_TO_OPEN(test_large_prepares_are_taken_whole),
        PAIR_TEST_TO_OPEN(test_a_frame_of_more_than_a_packet),
        PAIR_TEST(test_large_answers_are_read),
        PAIR_TEST_TO_OPEN(test_clocks_that_differ),
        PAIR_TEST_TO_OPEN(test_clocks_that_do_not_differ),
        PAIR_TEST(test_a_reject_with_junk_is_a_reject),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
