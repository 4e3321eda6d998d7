/* SPDX-License-Identifier: Apache-2.0 */
/* What a control or data frame does, in a Prepare and in a reply. */
#include "client_fixture.h"

#include "stream/core/apply.h"
#include "stream/core/endpoint_internal.h"
#include "stream/wire/receipt.h"

#define EVENT(type) RILL_EVENT_BIT(RILL_EVENT_##type)

static rill_closed_streams closed;

static int in_prepare(client *c, const rill_frame *frame)
{
    const rill_frame_source from = {.now_ns = c->now.mono_ns, .closed = &closed};
    return rill_apply_frame(c->connection, frame, &from);
}

/* To our packet of that number. */
static int in_reply_to(client *c, uint64_t number, const rill_frame *frame)
{
    const rill_frame_source from = {.now_ns = c->now.mono_ns, .sequence = number};
    return rill_apply_frame(c->connection, frame, &from);
}

static int in_reply(client *c, const rill_frame *frame)
{
    return in_reply_to(c, c->connection->numbers.next - 1, frame);
}

/* Some packets have left before. */
static void open_used(client *c)
{
    open_client(c);
    c->connection->numbers.next += 100;
    closed = (rill_closed_streams){0};
}

static int bytes_at(client *c, uint64_t stream, uint64_t offset, size_t len)
{
    static const uint8_t data[70000];
    const rill_frame frame = {
        .type = RILL_FRAME_STREAM_DATA, .stream = stream, .value = offset, .text = {data, len}};
    return in_prepare(c, &frame);
}

static void test_close_codes(void **state)
{
    static const struct {
        int error;
        uint8_t code;
    } known[] = {
        {RILL_ERR_FLOW_CONTROL, RILL_CLOSE_FLOW_CONTROL_ERROR},
        {RILL_ERR_STREAM_ID, RILL_CLOSE_STREAM_ID_ERROR},
        {RILL_ERR_TRUNCATED, RILL_CLOSE_FRAME_FORMAT_ERROR},
        {RILL_ERR_MALFORMED, RILL_CLOSE_FRAME_FORMAT_ERROR},
        {RILL_ERR_RANGE, RILL_CLOSE_FRAME_FORMAT_ERROR},
        {RILL_ERR_NOMEM, RILL_CLOSE_ENDPOINT_BUSY},
        {RILL_ERR_LIMIT, RILL_CLOSE_ENDPOINT_BUSY},
        {RILL_ERR_PROTOCOL, RILL_CLOSE_PROTOCOL_VIOLATION},
        {RILL_ERR_ASSET, RILL_CLOSE_PROTOCOL_VIOLATION},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
        assert_int_equal(rill_apply_close_code(known[i].error), known[i].code);
}

/* The first word replaces what was assumed; from then on a maximum only rises. */
static void test_the_most_money(void **state)
{
    rill_frame max = {.type = RILL_FRAME_STREAM_MAX_MONEY, .stream = 1, .value = 100, .total = 7};
    client c;
    (void)state;
    open_used(&c);
    const rill_money_theirs *theirs = &c.stream->theirs;
    assert_true(theirs->max == UINT64_MAX && !c.stream->max_told);
    assert_int_equal(in_prepare(&c, &max), RILL_OK);
    assert_true(theirs->max == 100 && theirs->received == 7 && c.stream->max_told);
    max.value = 99;
    max.total = 6;
    assert_int_equal(in_prepare(&c, &max), RILL_OK);
    assert_true(theirs->max == 100 && theirs->received == 7);
    max.value = UINT64_MAX;
    max.total = UINT64_MAX;
    assert_int_equal(in_prepare(&c, &max), RILL_OK);
    assert_true(theirs->max == UINT64_MAX && theirs->received == UINT64_MAX);
    close_client(&c);
}

static void test_the_most_bytes_of_a_stream(void **state)
{
    rill_frame max = {.type = RILL_FRAME_STREAM_MAX_DATA, .stream = 1};
    client c;
    (void)state;
    open_used(&c);
    uint64_t assumed = c.stream->send_window.limit;
    c.stream->data_blocked = true;
    max.value = assumed; /* no more than there was */
    assert_int_equal(in_prepare(&c, &max), RILL_OK);
    assert_true(c.stream->send_window.limit == assumed && c.stream->data_blocked);
    max.value = assumed + 1;
    assert_int_equal(in_prepare(&c, &max), RILL_OK);
    assert_true(c.stream->send_window.limit == assumed + 1 && !c.stream->data_blocked);
    max.value = 0;
    assert_int_equal(in_prepare(&c, &max), RILL_OK);
    assert_true(c.stream->send_window.limit == assumed + 1);
    close_client(&c);
}

/* Who waits for a stream is told when there is room for one more, and not of every number. */
static void test_the_most_streams(void **state)
{
    rill_frame max = {.type = RILL_FRAME_CONNECTION_MAX_STREAM_ID, .value = 20};
    client c;
    (void)state;
    open_used(&c);
    rill_connection *x = c.connection;
    x->events = 0;
    x->streams.next_id = 23;
    x->streams.wants_another = true;
    assert_int_equal(in_prepare(&c, &max), RILL_OK); /* as many as before */
    max.value = 22;
    assert_int_equal(in_prepare(&c, &max), RILL_OK);
    assert_true(x->events == 0 && x->streams.wants_another && x->peer.max_stream_id == 22);
    max.value = 23;
    assert_int_equal(in_prepare(&c, &max), RILL_OK);
    assert_true(x->events == EVENT(STREAMS_AVAILABLE) && !x->streams.wants_another);
    max.value = 4;
    assert_int_equal(in_prepare(&c, &max), RILL_OK);
    assert_true(x->peer.max_stream_id == 23);
    close_client(&c);
}

/* Up to the last byte of the window, and no offset that no number has. */
static void test_bytes_and_a_streams_window(void **state)
{
    client c;
    (void)state;
    open_used(&c);
    c.stream->receive_window.limit = 1000;
    c.stream->receive_window.advertised = 1000;
    const rill_data_flow *d = &c.connection->data;
    assert_int_equal(bytes_at(&c, 1, 1000, 1), RILL_ERR_FLOW_CONTROL);
    assert_int_equal(bytes_at(&c, 1, 0, 1001), RILL_ERR_FLOW_CONTROL);
    assert_int_equal(bytes_at(&c, 1, UINT64_MAX, 1), RILL_ERR_FLOW_CONTROL);
    assert_true(d->received == 0 && d->open_received == 0 && c.stream->events == 0);
    assert_int_equal(bytes_at(&c, 1, 999, 1), RILL_OK); /* behind a hole */
    assert_true(d->received == 1000 && c.stream->events == 0);
    assert_int_equal(bytes_at(&c, 1, 0, 999), RILL_OK);
    assert_true(c.stream->events == EVENT(DATA));
    assert_true(d->received == 1000 && d->open_received == 1000); /* once, in whichever order */
    close_client(&c);
}

/* A frame without a byte counts for nothing, wherever it says to be. */
static void test_no_bytes_at_all(void **state)
{
    client c;
    (void)state;
    open_used(&c);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(bytes_at(&c, 1, 5000, 0), RILL_OK);
    assert_true(c.connection->data.received == 0 && c.connection->data.open_received == 0);
    close_client(&c);
}

/* Each has room of its own, and all of them together have less. */
static void test_the_connections_window_is_of_all_streams(void **state)
{
    client c;
    (void)state;
    open_used(&c);
    c.connection->data.receive_window.limit = 100;
    c.connection->data.receive_window.advertised = 100;
    assert_int_equal(bytes_at(&c, 1, 0, 60), RILL_OK);
    assert_int_equal(bytes_at(&c, 2, 0, 41), RILL_ERR_FLOW_CONTROL);
    assert_int_equal(bytes_at(&c, 2, 0, 40), RILL_OK);
    assert_int_equal(bytes_at(&c, 1, 60, 1), RILL_ERR_FLOW_CONTROL);
    assert_int_equal(bytes_at(&c, 1, 0, 60), RILL_OK); /* those came before */
    close_client(&c);
}

/* In a reply there are no bytes: nobody acknowledges that. */
static void test_bytes_in_a_reply(void **state)
{
    const rill_frame frame = {
        .type = RILL_FRAME_STREAM_DATA, .stream = 1, .text = {(const uint8_t *)"x", 1}};
    client c;
    (void)state;
    open_used(&c);
    assert_int_equal(in_reply(&c, &frame), RILL_OK);
    assert_true(c.connection->data.received == 0 && c.stream->reassembly == NULL);
    close_client(&c);
}

/* Nobody reads what comes for a stream that is closed: it is read at once, and its sender told. */
static void test_bytes_for_a_closed_stream(void **state)
{
    client c;
    (void)state;
    open_used(&c);
    rill_stream_close(c.stream, RILL_CLOSE_NO_ERROR, NULL);
    assert_int_equal(bytes_at(&c, 1, 0, 50), RILL_OK);
    const rill_data_flow *d = &c.connection->data;
    assert_true(d->received == 50 && d->consumed == 50 && d->open_received == 0);
    assert_true(closed.count == 1 && closed.ids[0] == 1 && closed.dropped == 1);
    assert_int_equal(bytes_at(&c, 1, 50, 1), RILL_OK);
    assert_true(d->consumed == 51 && closed.count == 1);
    close_client(&c);
}

/* A close that comes before what it closes: the stream is not opened by what comes late. */
static void test_a_close_before_its_stream(void **state)
{
    const rill_frame end = {.type = RILL_FRAME_STREAM_CLOSE, .stream = 2};
    client c;
    (void)state;
    open_used(&c);
    uint64_t most = c.connection->streams.max_remote_id;
    assert_int_equal(in_prepare(&c, &end), RILL_OK);
    assert_true(c.connection->streams.max_remote_id == most + 2);
    assert_int_equal(in_prepare(&c, &end), RILL_OK); /* once */
    assert_true(c.connection->streams.max_remote_id == most + 2);
    assert_int_equal(bytes_at(&c, 2, 0, 5), RILL_OK);
    assert_null(rill_connection_stream(c.connection, 2));
    assert_true(closed.count == 1 && closed.ids[0] == 2 && closed.dropped == 1);
    close_client(&c);
}

/* A reply may overtake the last bytes of what it says is closed: they are waited for. */
static void test_a_close_lingers_for_bytes(void **state)
{
    const rill_frame end = {
        .type = RILL_FRAME_STREAM_CLOSE, .stream = 2, .code = RILL_CLOSE_NO_ERROR};
    client c;
    (void)state;
    open_used(&c);
    assert_int_equal(bytes_at(&c, 2, 0, 5), RILL_OK);
    rill_stream *s = rill_connection_stream(c.connection, 2);
    assert_non_null(s);
    assert_int_equal(in_reply(&c, &end), RILL_OK);
    assert_true(s->closed && s->linger_until == c.now.mono_ns + 500 * MS);
    assert_int_equal(bytes_at(&c, 2, 5, 5), RILL_OK);
    assert_true(rill_reassembly_contiguous(s->reassembly) == 10);
    s->linger_until = 0; /* the time is over */
    assert_int_equal(bytes_at(&c, 2, 10, 5), RILL_OK);
    assert_true(rill_reassembly_contiguous(s->reassembly) == 10);
    close_client(&c);
}

/* The reference counts open streams only: its limit falls, in replies to what left later. */
static void test_a_limit_that_falls(void **state)
{
    rill_frame max = {.type = RILL_FRAME_CONNECTION_MAX_DATA, .value = 100000};
    client c;
    (void)state;
    open_used(&c);
    rill_data_flow *d = &c.connection->data;
    uint64_t last = c.connection->numbers.next - 1;
    assert_int_equal(in_reply_to(&c, last, &max), RILL_OK);
    assert_true(d->send_window.limit == 100000 && d->limit_sequence == last);
    c.connection->numbers.next += 10;
    d->send_window.used = 40000;
    d->closed_sent = 40000;
    max.value = 60000;
    assert_int_equal(in_reply_to(&c, last, &max), RILL_OK); /* packets overtake each other */
    assert_true(d->send_window.limit == 100000 && !c.connection->peer.forgets_closed);
    max.value = 60001;
    assert_int_equal(in_reply_to(&c, last + 1, &max), RILL_OK); /* less than was closed */
    assert_false(c.connection->peer.forgets_closed);
    max.value = 60000;
    assert_int_equal(in_reply_to(&c, last + 1, &max), RILL_OK);
    assert_true(c.connection->peer.forgets_closed && d->send_window.limit == 60000);
    assert_true(d->limit_sequence == last + 1);
    max.value = 90000;
    assert_int_equal(in_reply_to(&c, last + 1, &max), RILL_OK); /* from before it fell */
    assert_true(d->send_window.limit == 60000);
    close_client(&c);
}

/* A wrong address in a Prepare is the sender's fault; in a reply it is nobody's word. */
static void test_an_address(void **state)
{
    rill_frame address = {.type = RILL_FRAME_CONNECTION_NEW_ADDRESS,
                          .text = {(const uint8_t *)"no address", 10}};
    client c;
    (void)state;
    open_used(&c);
    assert_int_equal(in_prepare(&c, &address), RILL_ERR_MALFORMED);
    assert_int_equal(in_reply(&c, &address), RILL_OK);
    assert_string_equal(c.connection->peer.address, "test.raw.server");
    address.text = (rill_bytes){(const uint8_t *)"test.moved", 10};
    assert_int_equal(in_prepare(&c, &address), RILL_OK);
    assert_string_equal(c.connection->peer.address, "test.moved");
    assert_false(c.connection->peer.validated);
    address.text = (rill_bytes){NULL, 0}; /* none is told: it stays */
    assert_int_equal(in_prepare(&c, &address), RILL_OK);
    assert_string_equal(c.connection->peer.address, "test.moved");
    close_client(&c);
}

/* Of receipts the greatest is kept: that of another stream, and in a Prepare, is none. */
static void test_receipts(void **state)
{
    static const uint8_t secret[RILL_RECEIPT_SECRET_LEN] = {1};
    uint8_t receipt[RILL_RECEIPT_LEN], kept[RILL_RECEIPT_LEN];
    rill_receipt r = {.stream_id = 1, .total_received = UINT64_MAX};
    const rill_frame frame = {
        .type = RILL_FRAME_STREAM_RECEIPT, .stream = 1, .text = {receipt, sizeof receipt}};
    client c;
    (void)state;
    open_used(&c);
    static const uint64_t totals_told[] = {10, 9, 0, 11, UINT64_MAX, 12};
    static const uint64_t greatest[] = {10, 10, 10, 11, UINT64_MAX, UINT64_MAX};
    assert_int_equal(rill_receipt_create(receipt, &r, secret), RILL_OK);
    assert_int_equal(in_prepare(&c, &frame), RILL_OK);
    r.stream_id = 3;
    assert_int_equal(rill_receipt_create(receipt, &r, secret), RILL_OK);
    assert_int_equal(in_reply(&c, &frame), RILL_OK);
    assert_int_equal(rill_stream_get_receipt(c.stream, kept), RILL_ERR_NOT_FOUND);
    for (unsigned i = 0; i < sizeof greatest / sizeof *greatest; i++) {
        r = (rill_receipt){.stream_id = 1, .total_received = totals_told[i]};
        assert_int_equal(rill_receipt_create(receipt, &r, secret), RILL_OK);
        assert_int_equal(in_reply(&c, &frame), RILL_OK);
        assert_int_equal(rill_stream_get_receipt(c.stream, kept), RILL_OK);
        assert_int_equal(rill_receipt_decode(&r, (rill_bytes){kept, sizeof kept}), RILL_OK);
        assert_true(r.total_received == greatest[i]);
    }
    close_client(&c);
}

/* Who asks is answered, with what there is; for a stream that is gone, that it is. */
static void test_who_is_blocked_is_told(void **state)
{
    rill_frame asks = {.type = RILL_FRAME_STREAM_DATA_BLOCKED, .stream = 1, .value = 77};
    client c;
    (void)state;
    open_used(&c);
    c.stream->tell = 0;
    c.connection->telling.due = 0;
    assert_int_equal(in_prepare(&c, &asks), RILL_OK);
    assert_true(c.stream->tell == RILL_TELL(MAX_DATA) && c.stream->remote_wants == 77);
    asks.value = 76;
    assert_int_equal(in_prepare(&c, &asks), RILL_OK);
    assert_true(c.stream->remote_wants == 77);
    asks.type = RILL_FRAME_STREAM_MONEY_BLOCKED;
    assert_int_equal(in_prepare(&c, &asks), RILL_OK);
    assert_true(c.stream->tell == (RILL_TELL(MAX_DATA) | RILL_TELL(MAX_MONEY)));
    asks.stream = 2; /* which may be opened still */
    assert_int_equal(in_prepare(&c, &asks), RILL_OK);
    assert_int_equal(closed.count, 0);
    const rill_frame end = {.type = RILL_FRAME_STREAM_CLOSE, .stream = 2};
    assert_int_equal(in_prepare(&c, &end), RILL_OK);
    assert_int_equal(in_prepare(&c, &asks), RILL_OK);
    assert_true(closed.count == 1 && closed.ids[0] == 2 && closed.dropped == 0);
    asks.type = RILL_FRAME_CONNECTION_DATA_BLOCKED;
    assert_int_equal(in_prepare(&c, &asks), RILL_OK);
    assert_true((c.connection->telling.due & RILL_TELL(CONNECTION_MAX_DATA)) != 0);
    asks.type = 0x77; /* nobody knows it: nothing happens */
    assert_int_equal(in_prepare(&c, &asks), RILL_OK);
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close_codes),
        cmocka_unit_test(test_the_most_money),
        cmocka_unit_test(test_the_most_bytes_of_a_stream),
        cmocka_unit_test(test_the_most_streams),
        cmocka_unit_test(test_bytes_and_a_streams_window),
        cmocka_unit_test(test_no_bytes_at_all),
        cmocka_unit_test(test_the_connections_window_is_of_all_streams),
        cmocka_unit_test(test_bytes_in_a_reply),
        cmocka_unit_test(test_bytes_for_a_closed_stream),
        cmocka_unit_test(test_a_close_before_its_stream),
        cmocka_unit_test(test_a_close_lingers_for_bytes),
        cmocka_unit_test(test_a_limit_that_falls),
        cmocka_unit_test(test_an_address),
        cmocka_unit_test(test_receipts),
        cmocka_unit_test(test_who_is_blocked_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
