/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many bytes a sender believes that the connection's window takes (RFC 29, ConnectionMaxData).
 */
#include "client_fixture.h"

#define CLOSED 1000 /* bytes of the stream that is closed */
#define FIRST  65534
#define OLDER  100000
#define RAISED 165534
#define LAST   180000

/* Most that was sent of stream 3. */
static uint64_t sent_end;

static void write_all(rill_stream *s, uint64_t bytes)
{
    static const uint8_t zeros[4096];
    while (bytes > 0) {
        size_t accepted = 0, len = bytes < sizeof zeros ? (size_t)bytes : sizeof zeros;
        assert_int_equal(rill_stream_write(s, zeros, len, &accepted), RILL_OK);
        bytes -= accepted;
    }
}

static void note_bytes(void)
{
    for (unsigned i = 0; i < question.frame_count; i++) {
        const rill_frame *f = &question.frames[i];
        if (f->type == RILL_FRAME_STREAM_DATA && f->stream == 3 &&
            f->value + f->text.len > sent_end)
            sent_end = f->value + f->text.len;
    }
}

/* Answers packets until one brings no bytes, which is left to be answered. */
static void pour(client *c)
{
    for (;;) {
        uint64_t before = sent_end;
        assert_true(next(c));
        note_bytes();
        if (sent_end == before)
            return;
        fulfill(c, 0, NULL, 0);
    }
}

/* Where the raw server's own packets go. */
static void learn_address(client *c)
{
    const rill_frame *address = raw_find(&question, RILL_FRAME_CONNECTION_NEW_ADDRESS);
    assert_non_null(address);
    memcpy(c->server.destination, address->text.data, address->text.len);
    c->server.destination[address->text.len] = '\0';
}

/* Sent CLOSED bytes on a stream that is closed, and on another all that the window takes. */
static void open_blocked(client *c)
{
    const rill_frame stream_limit = {
        .type = RILL_FRAME_STREAM_MAX_DATA, .stream = 3, .value = UINT64_C(1) << 30};
    rill_stream *s;
    open_client(c);
    sent_end = 0;
    write_all(c->stream, CLOSED);
    assert_true(next(c));
    learn_address(c);
    fulfill(c, 0, NULL, 0);
    rill_stream_close(c->stream, RILL_CLOSE_NO_ERROR, NULL);
    assert_true(next(c));
    fulfill(c, 0, NULL, 0);
    assert_int_equal(rill_connection_open_stream(c->connection, &s), RILL_OK);
    write_all(s, LAST);
    assert_true(next(c));
    note_bytes();
    fulfill(c, 0, &stream_limit, 1);
    pour(c);
    assert_int_equal(CLOSED + sent_end, FIRST);
}

static void server_raises(client *c, uint64_t limit)
{
    const rill_frame frame = {.type = RILL_FRAME_CONNECTION_MAX_DATA, .value = limit};
    raw_reply reply;
    raw_send(&c->server, c->endpoint, c->now, &(raw_packet){.frames = &frame, .frame_count = 1},
             &reply);
    assert_true(reply.authentic);
}

/* Bytes leave up to this limit, the closed stream's among them, and up to the next one then. */
static void window_is(client *c, uint64_t limit)
{
    pour(c);
    assert_int_equal(CLOSED + sent_end, limit);
    fulfill(c, 0, NULL, 0);
    server_raises(c, LAST);
    pour(c);
    assert_int_equal(CLOSED + sent_end, LAST);
}

/* Its lower limit is no word of forgetting: it was written before the Prepare's. */
static void test_a_reply_older_than_a_prepare_lowers_nothing(void **state)
{
    client c;
    const rill_frame older = {.type = RILL_FRAME_CONNECTION_MAX_DATA, .value = OLDER};
    (void)state;
    open_blocked(&c);
    server_raises(&c, RAISED);
    fulfill(&c, 0, &older, 1); /* the packet had left before the limit was raised */
    window_is(&c, RAISED);
    close_client(&c);
}

/* Two packets overtook each other: the reply to the second one was written first. */
static void test_a_reply_that_was_overtaken_lowers_nothing(void **state)
{
    client c, second;
    const rill_frame raised = {.type = RILL_FRAME_CONNECTION_MAX_DATA, .value = OLDER};
    const rill_frame older = {.type = RILL_FRAME_CONNECTION_MAX_DATA, .value = OLDER - CLOSED};
    (void)state;
    open_blocked(&c);
    client first = c;
    assert_true(next(&c));
    second = c;
    memcpy(c.packet, first.packet, first.len);
    c.len = first.len;
    c.request = first.request;
    fulfill(&c, 0, &raised, 1);
    memcpy(c.packet, second.packet, second.len);
    c.len = second.len;
    c.request = second.request;
    fulfill(&c, 0, &older, 1);
    window_is(&c, OLDER);
    close_client(&c);
}

/* As the reference does: its limit falls by the bytes of the stream that is closed. */
static void test_a_peer_that_forgets_closed_streams_is_believed(void **state)
{
    client c;
    const rill_frame lower = {.type = RILL_FRAME_CONNECTION_MAX_DATA, .value = FIRST - CLOSED};
    const rill_frame raised = {.type = RILL_FRAME_CONNECTION_MAX_DATA, .value = LAST - CLOSED};
    (void)state;
    open_blocked(&c);
    fulfill(&c, 0, &lower, 1);
    pour(&c);
    assert_int_equal(CLOSED + sent_end, FIRST);
    fulfill(&c, 0, &raised, 1);
    pour(&c);
    assert_int_equal(sent_end, LAST - CLOSED);
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reply_older_than_a_prepare_lowers_nothing),
        cmocka_unit_test(test_a_reply_that_was_overtaken_lowers_nothing),
        cmocka_unit_test(test_a_peer_that_forgets_closed_streams_is_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
