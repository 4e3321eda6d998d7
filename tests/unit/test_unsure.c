/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that may have arrived, at a server whose streams stall if bytes come twice. With each
 * Fulfill it says how far its reader has come, as the reference does.
 */
#include "client_fixture.h"

#include "support/pair.h"

#define BUFFER 16384u

/* A reader of the reference: what it has, and whether it stalls. */
typedef struct reader {
    uint64_t buffer;
    uint64_t read;
    uint64_t pieces[64][2]; /* offset and length of those that came and are not read */
    unsigned count;
    bool stalled; /* bytes came twice */
} reader;

/*
 * As the reference sorts bytes: pieces in order; the first one is read if it begins exactly at the
 * reader's place.
 */
static void take(reader *r, uint64_t offset, uint64_t len)
{
    if (offset < r->read)
        r->stalled = true;
    for (unsigned i = 0; i < r->count; i++)
        if (r->pieces[i][0] == offset)
            r->stalled = true;
    assert_true(r->count < 64);
    r->pieces[r->count][0] = offset;
    r->pieces[r->count++][1] = len;
    for (unsigned i = 0; !r->stalled && i < r->count;) {
        if (r->pieces[i][0] != r->read) {
            i++;
            continue;
        }
        r->read += r->pieces[i][1];
        r->count--;
        r->pieces[i][0] = r->pieces[r->count][0];
        r->pieces[i][1] = r->pieces[r->count][1];
        i = 0;
    }
}

/* The packet that was sent last arrives. */
static void arrive(reader *r)
{
    for (unsigned i = 0; i < question.frame_count; i++)
        if (question.frames[i].type == RILL_FRAME_STREAM_DATA)
            take(r, question.frames[i].value, question.frames[i].text.len);
}

static bool has_data(void)
{
    return raw_find(&question, RILL_FRAME_STREAM_DATA) != NULL;
}

static void reply(client *c, const reader *r)
{
    rill_frame limit = {.type = RILL_FRAME_STREAM_MAX_DATA,
                        .stream = rill_stream_id(c->stream),
                        .value = r->read + r->buffer};
    fulfill(c, 0, &limit, r->buffer != 0);
}

static void write_bytes(client *c, size_t len)
{
    static const uint8_t bytes[8000];
    size_t accepted;
    assert_int_equal(rill_stream_write(c->stream, bytes, len, &accepted), RILL_OK);
    assert_int_equal(accepted, len);
}

static uint64_t acknowledged(const client *c)
{
    rill_stream_offsets o;
    rill_stream_get_offsets(c->stream, &o);
    return o.acknowledged;
}

/* 100 bytes have arrived, and the server has told a limit. */
static void begin(client *c, reader *r, uint64_t buffer)
{
    *r = (reader){.buffer = buffer};
    open_client(c);
    write_bytes(c, 100);
    assert_true(next(c));
    assert_true(has_data());
    arrive(r);
    reply(c, r);
    assert_int_equal(acknowledged(c), 100);
}

/* A piece of bytes goes, and no reply can come. */
static void lose(client *c, reader *r, size_t len, bool arrives)
{
    write_bytes(c, len);
    assert_true(next(c));
    assert_true(has_data());
    if (arrives)
        arrive(r);
    rill_endpoint_unanswered(c->endpoint, c->now, c->request, true);
}

/* Goes on until everything is acknowledged. The time that it took. */
static uint64_t finish(client *c, reader *r, uint64_t all)
{
    uint64_t began = c->now.mono_ns;
    for (unsigned i = 0; i < 200 && acknowledged(c) < all; i++) {
        if (!next(c)) /* until a packet has expired */
            continue;
        arrive(r);
        reply(c, r);
    }
    assert_int_equal(acknowledged(c), all);
    return c->now.mono_ns - began;
}

static void test_bytes_that_arrived_are_not_sent_again(void **state)
{
    static const uint64_t buffers[] = {16384, 65536};
    client c;
    reader r;
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        begin(&c, &r, buffers[i]);
        lose(&c, &r, 1000, true);
        assert_true(next(&c));
        assert_false(has_data());
        reply(&c, &r);
        assert_int_equal(acknowledged(&c), 1100);
        assert_false(r.stalled);
        close_client(&c);
    }
}

static void test_whether_they_arrived_is_waited_for(void **state)
{
    client c;
    reader r;
    rill_waiting w;
    (void)state;
    begin(&c, &r, BUFFER);
    lose(&c, &r, 1000, false);
    assert_true(next(&c));
    assert_false(has_data());
    reply(&c, &r);
    rill_connection_get_waiting(c.connection, &w);
    assert_int_equal(w.reason, RILL_WAIT_DATA_WINDOW);
    assert_non_null(strstr(w.text, "whether it has the bytes from 100 on"));
    finish(&c, &r, 1100);
    rill_connection_get_waiting(c.connection, &w);
    assert_int_equal(w.reason, RILL_WAIT_NOTHING);
    close_client(&c);
}

static void test_bytes_that_did_not_arrive_are_sent_once_that_is_known(void **state)
{
    client c;
    reader r;
    (void)state;
    begin(&c, &r, BUFFER);
    lose(&c, &r, 1000, false);
    uint64_t took = finish(&c, &r, 1100);
    assert_in_range(took, 2 * RILL_SECOND, 6 * RILL_SECOND);
    assert_int_equal(r.read, 1100);
    assert_false(r.stalled);
    close_client(&c);
}

/* Late on the way, and not lost: it comes before anybody sends it again. */
static void test_bytes_that_come_late_come_once(void **state)
{
    client c;
    reader r;
    (void)state;
    begin(&c, &r, BUFFER);
    lose(&c, &r, 1000, false);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(next(&c));
        assert_false(has_data());
        reply(&c, &r);
    }
    take(&r, 100, 1000);
    finish(&c, &r, 1100);
    assert_false(r.stalled);
    close_client(&c);
}

/* No reply comes for 15 s: of the connection's first packet, or of a later one. Then it does. */
static void wait_for_a_late_reply(bool first)
{
    client c;
    reader r = {.buffer = BUFFER};
    if (first)
        open_client(&c);
    else
        begin(&c, &r, BUFFER);
    write_bytes(&c, 1000);
    assert_true(next(&c));
    assert_true(has_data());
    arrive(&r);
    uint64_t all = first ? 1000 : 1100;
    uint64_t request = c.request;
    uint64_t began = c.now.mono_ns;
    uint8_t packet[RILL_PACKET_BUFFER];
    size_t len = c.len;
    unsigned others = 0;
    memcpy(packet, c.packet, len);
    while (c.now.mono_ns - began < 15 * RILL_SECOND) {
        if (!next(&c))
            continue;
        others++;
        assert_false(has_data());
        reply(&c, &r);
    }
    assert_true(others > 0 || !first); /* whether anybody is there is asked after three seconds */
    assert_int_equal(acknowledged(&c), all - 1000);
    c.request = request;
    c.len = len;
    memcpy(c.packet, packet, len);
    reply(&c, &r);
    assert_int_equal(acknowledged(&c), all);
    close_client(&c);
}

static void test_bytes_whose_reply_is_late_are_waited_for(void **state)
{
    (void)state;
    wait_for_a_late_reply(false);
    wait_for_a_late_reply(true);
}

/* Any of several pieces: those behind a hole are there or not, and nobody sees it before. */
static void test_each_choice_of_pieces(void **state)
{
    client c;
    reader r;
    (void)state;
    for (unsigned arrives = 0; arrives < 32; arrives++) {
        begin(&c, &r, BUFFER);
        for (unsigned i = 0; i < 5; i++)
            lose(&c, &r, 1000 + i, (arrives >> i & 1) != 0);
        uint64_t took = finish(&c, &r, 5110);
        assert_true(took < 20 * RILL_SECOND);
        assert_int_equal(r.read, 5110);
        assert_false(r.stalled);
        close_client(&c);
    }
}

/* The reply to what fills a hole leaves before its reader has read on: it says less than there is.
 */
static void test_who_has_just_read_may_read_on(void **state)
{
    client c;
    reader r;
    (void)state;
    begin(&c, &r, BUFFER);
    lose(&c, &r, 1000, false);
    lose(&c, &r, 1000, true);
    do {
        assert_true(next(&c));
        if (!has_data())
            reply(&c, &r);
    } while (!has_data());
    arrive(&r);
    assert_int_equal(r.read, 2100);
    reader before = r;
    before.read = 1100;
    reply(&c, &before);
    assert_true(next(&c));
    assert_false(has_data());
    reply(&c, &r);
    assert_int_equal(acknowledged(&c), 2100);
    assert_false(r.stalled);
    close_client(&c);
}

static unsigned packets_with_data(client *c, reader *r, unsigned packets)
{
    unsigned count = 0;
    for (unsigned i = 0; i < packets; i++) {
        if (!next(c))
            return count;
        count += has_data();
        reply(c, r);
    }
    return count;
}

/* A reader that has stopped before them says nothing of them: they wait. */
static void test_a_reader_that_stopped_is_not_asked_in_vain(void **state)
{
    client c;
    reader r;
    (void)state;
    begin(&c, &r, BUFFER);
    write_bytes(&c, 500);
    assert_true(next(&c));
    reply(&c, &r); /* taken, but not read */
    lose(&c, &r, 1000, false);
    assert_int_equal(packets_with_data(&c, &r, 8), 0);
    take(&r, 100, 500);
    finish(&c, &r, 1600);
    assert_false(r.stalled);
    close_client(&c);
}

/* Its limit is of another kind: it takes bytes twice, and gets them at once. */
static void test_other_peers_get_them_again(void **state)
{
    static const uint64_t buffers[] = {262144, 100000};
    client c;
    reader r;
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        begin(&c, &r, buffers[i]);
        lose(&c, &r, 1000, true);
        assert_true(next(&c));
        assert_true(has_data());
        reply(&c, &r);
        assert_int_equal(acknowledged(&c), 1100);
        close_client(&c);
    }
}

/* One that never tells a limit: it does not stall for this reason either. */
static void test_a_peer_without_limits_gets_them_again(void **state)
{
    client c;
    reader r;
    (void)state;
    begin(&c, &r, 0);
    lose(&c, &r, 1000, false);
    uint64_t took = finish(&c, &r, 1100);
    assert_in_range(took, 5 * RILL_SECOND, 12 * RILL_SECOND);
    close_client(&c);
}

/* Its limit rises by more than was read: then nothing is known of what was. */
static void test_a_buffer_that_grows_says_nothing(void **state)
{
    client c;
    reader r;
    (void)state;
    begin(&c, &r, BUFFER);
    lose(&c, &r, 1000, false);
    r.buffer = 3 * BUFFER;
    assert_true(next(&c));
    reply(&c, &r);
    assert_int_equal(acknowledged(&c), 100);
    assert_true(next(&c));
    assert_true(has_data());
    close_client(&c);
}

static void test_what_a_connector_says_of_them(void **state)
{
    static const struct {
        rill_ilp_code_id code;
        bool sure;
    } codes[] = {{RILL_ILP_R00_TRANSFER_TIMED_OUT, false},
                 {RILL_ILP_T00_INTERNAL_ERROR, false},
                 {RILL_ILP_T01_PEER_UNREACHABLE, false},
                 {RILL_ILP_T02_PEER_BUSY, true},
                 {RILL_ILP_T03_CONNECTOR_BUSY, true},
                 {RILL_ILP_T04_INSUFFICIENT_LIQUIDITY, true},
                 {RILL_ILP_T05_RATE_LIMITED, true},
                 {RILL_ILP_R02_INSUFFICIENT_TIMEOUT, true},
                 {RILL_ILP_R01_INSUFFICIENT_SOURCE_AMOUNT, true}};
    client c;
    reader r;
    (void)state;
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        begin(&c, &r, BUFFER);
        write_bytes(&c, 1000);
        assert_true(next(&c));
        connector_says(&c, codes[i].code);
        assert_true(next(&c));
        assert_int_equal(has_data(), codes[i].sure);
        arrive(&r);
        reply(&c, &r);
        finish(&c, &r, 1100);
        assert_false(r.stalled);
        close_client(&c);
    }
}

/* Its reply was lost: it is waited for until the packet has expired, and then asked about. */
static void test_packets_that_expire(void **state)
{
    client c;
    reader r;
    (void)state;
    for (unsigned arrives = 0; arrives < 2; arrives++) {
        begin(&c, &r, BUFFER);
        write_bytes(&c, 1000);
        assert_true(next(&c));
        if (arrives)
            arrive(&r);
        finish(&c, &r, 1100);
        assert_false(r.stalled);
        close_client(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_that_arrived_are_not_sent_again),
        cmocka_unit_test(test_whether_they_arrived_is_waited_for),
        cmocka_unit_test(test_bytes_that_did_not_arrive_are_sent_once_that_is_known),
        cmocka_unit_test(test_bytes_that_come_late_come_once),
        cmocka_unit_test(test_bytes_whose_reply_is_late_are_waited_for),
        cmocka_unit_test(test_each_choice_of_pieces),
        cmocka_unit_test(test_who_has_just_read_may_read_on),
        cmocka_unit_test(test_a_reader_that_stopped_is_not_asked_in_vain),
        cmocka_unit_test(test_other_peers_get_them_again),
        cmocka_unit_test(test_a_peer_without_limits_gets_them_again),
        cmocka_unit_test(test_a_buffer_that_grows_says_nothing),
        cmocka_unit_test(test_what_a_connector_says_of_them),
        cmocka_unit_test(test_packets_that_expire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
