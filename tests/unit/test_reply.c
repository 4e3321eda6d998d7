/* SPDX-License-Identifier: Apache-2.0 */
/* The replies of an endpoint: what is in them, and that their parts fit together. */
#include "client_fixture.h"

#include "stream/core/close.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/reply.h"

static const uint8_t fulfillment[32] = {5};
static raw_reply got;

/* Nothing is to be told, unless a test says so. */
static void open_quiet(client *c)
{
    open_client(c);
    c->connection->telling = (rill_telling){0};
    c->stream->tell = 0;
    c->stream->urgent = 0;
    rill_list_remove(&c->stream->tell_node);
}

static rill_reply reply_to(uint64_t sequence, uint64_t amount)
{
    memset(&got, 0, offsetof(raw_reply, bytes));
    return (rill_reply){.sequence = sequence, .amount = amount, .out = got.bytes, .len = &got.len};
}

static void fulfill_it(client *c, const rill_reply *r)
{
    rill_fulfill read;
    assert_int_equal(rill_reply_fulfill(c->connection, r, fulfillment), RILL_OK);
    assert_int_equal(rill_fulfill_decode(&read, got.bytes, got.len), RILL_OK);
    assert_memory_equal(read.fulfillment, fulfillment, 32);
    raw_read_answer(&c->server, &got);
    assert_true(got.authentic && got.sequence == r->sequence && got.amount == r->amount);
}

static void reject_it(client *c, const rill_reply *r)
{
    assert_int_equal(rill_reply_reject(c->connection, r, RILL_ILP_F99_APPLICATION_ERROR), RILL_OK);
    raw_read_answer(&c->server, &got);
    assert_true(got.authentic && got.sequence == r->sequence && got.amount == r->amount);
    assert_int_equal(got.code, RILL_ILP_F99_APPLICATION_ERROR);
}

static void test_whose_word_it_is(void **state)
{
    static const uint64_t numbers[] = {0, 1, UINT64_MAX};
    client c;
    (void)state;
    open_quiet(&c);
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        rill_reply r = reply_to(numbers[i], numbers[i]);
        fulfill_it(&c, &r);
        assert_int_equal(got.frame_count, 0);
        r = reply_to(numbers[i], UINT64_MAX - numbers[i]);
        reject_it(&c, &r);
    }
    rill_reject bare;
    memset(&got, 0, offsetof(raw_reply, bytes));
    assert_int_equal(rill_reply_bare(c.endpoint, RILL_ILP_F02_UNREACHABLE, got.bytes, &got.len),
                     RILL_OK);
    assert_int_equal(rill_reject_decode(&bare, got.bytes, got.len), RILL_OK);
    assert_true(bare.data.len == 0 && bare.message.len == 0 && bare.triggered_by.len == 6);
    close_client(&c);
}

/* The length of the data is known when it is there: whatever it is, and whatever our address is,
 * the header ends where it begins. */
static void test_data_of_every_length(void **state)
{
    static const size_t addresses[] = {6, 120, 127, 128, 255, 256, 510};
    static uint8_t address[510];
    (void)state;
    memset(address, 'a', sizeof address);
    for (unsigned i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        client c;
        open_quiet(&c);
        memcpy(address, "test.", 5);
        assert_int_equal(rill_endpoint_set_account(c.endpoint, (rill_bytes){address, addresses[i]},
                                                   (rill_bytes){(const uint8_t *)"ABC", 3}, 9),
                         RILL_OK);
        c.connection->telling = (rill_telling){0};
        rill_stream_close(c.stream, RILL_CLOSE_NO_ERROR, NULL);
        for (size_t len = 0; len < 255; len++) { /* of a message, which makes the data longer */
            char message[256] = {0};
            memset(message, 'm', len);
            c.stream->message = message;
            rill_reply r = reply_to(1, 2);
            fulfill_it(&c, &r);
            const rill_frame *frame = raw_find(&got, RILL_FRAME_STREAM_CLOSE);
            assert_true(frame && frame->text.len == len);
            r = reply_to(1, 2);
            reject_it(&c, &r);
            frame = raw_find(&got, RILL_FRAME_STREAM_CLOSE);
            assert_true(frame && frame->text.len == len);
        }
        c.stream->message = NULL;
        close_client(&c);
    }
}

/* Of a Fulfill, for each stream that got something; they count streams in one byte. */
static void test_receipts(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    uint8_t details[RILL_RECEIPT_NONCE_LEN + RILL_RECEIPT_SECRET_LEN] = {1};
    c.connection->identity.receipt_details = details;
    rill_stream *far;
    c.connection->streams.next_id = 257;
    c.connection->peer.max_stream_id = 257;
    assert_int_equal(rill_connection_open_stream(c.connection, &far), RILL_OK);
    c.connection->telling = (rill_telling){0};
    far->tell = 0;
    rill_list_remove(&far->tell_node);
    c.stream->in.received = 12;
    far->in.received = 7;
    const rill_part parts[] = {{c.stream, 5}, {far, 7}};
    rill_reply r = reply_to(1, 12);
    r.parts = parts;
    r.part_count = 2;
    fulfill_it(&c, &r);
    assert_int_equal(got.frame_count, 1);
    rill_receipt receipt;
    assert_int_equal(rill_receipt_verify(&receipt, raw_find(&got, RILL_FRAME_STREAM_RECEIPT)->text,
                                         details + RILL_RECEIPT_NONCE_LEN),
                     RILL_OK);
    assert_true(receipt.stream_id == 1 && receipt.total_received == 12);
    r = reply_to(1, 12);
    r.parts = parts;
    r.part_count = 2;
    reject_it(&c, &r);
    assert_null(raw_find(&got, RILL_FRAME_STREAM_RECEIPT)); /* nothing was credited */
    c.connection->identity.receipt_details = NULL;
    close_client(&c);
}

/* All streams that are over, as many as are noted. */
static void test_streams_that_are_over(void **state)
{
    client c;
    rill_closed_streams closed = {0};
    (void)state;
    open_quiet(&c);
    for (uint64_t id = 0; id < RILL_MAX_CLOSED + 5; id++)
        rill_closed_streams_note(&closed, UINT64_MAX - id, id % 2 != 0);
    rill_closed_streams_note(&closed, UINT64_MAX, false); /* known */
    rill_closed_streams_note(&closed, UINT64_MAX - 1, false);
    rill_reply r = reply_to(1, 0);
    r.closed = &closed;
    reject_it(&c, &r);
    assert_int_equal(got.frame_count, RILL_MAX_CLOSED);
    for (unsigned i = 0; i < got.frame_count; i++) {
        assert_int_equal(got.frames[i].type, RILL_FRAME_STREAM_CLOSE);
        assert_int_equal(got.frames[i].code, RILL_CLOSE_STREAM_STATE_ERROR);
        assert_true(got.frames[i].stream == UINT64_MAX - i);
        /* The reference takes it for an error where there is a message. */
        assert_int_equal(got.frames[i].text.len > 0, i % 2);
    }
    close_client(&c);
}

/* Who has closed says so; who was told of it does not say it back. */
static void test_a_connection_that_is_over(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    rill_connection_close(c.connection, RILL_CLOSE_APPLICATION_ERROR, "enough");
    rill_reply r = reply_to(1, 0);
    reject_it(&c, &r);
    const rill_frame *end = raw_find(&got, RILL_FRAME_CONNECTION_CLOSE);
    assert_non_null(end);
    assert_true(end->code == RILL_CLOSE_APPLICATION_ERROR && end->text.len == 6);
    c.connection->closing.by_remote = true;
    r = reply_to(1, 0);
    reject_it(&c, &r);
    assert_int_equal(got.frame_count, 0);
    c.connection->closing.by_remote = false;
    close_client(&c);
}

/* To the first packets of a Rill client: by which mark it is known, and whether another was ended.
 */
static void test_the_mark(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    rill_connection *x = c.connection;
    bool server = x->server;
    x->server = true;
    x->numbers.marked = true;
    x->numbers.mark = 0x1234567;
    rill_reply r = reply_to(RILL_NUMBER_LIMIT - 1, 0);
    fulfill_it(&c, &r);
    assert_true(got.trailer == RILL_TRAILER_MARK && got.trailer_value == 0x1234567 && !got.ended);
    x->counts.ended_another = true;
    r = reply_to(RILL_NUMBER_LIMIT - 1, 0);
    fulfill_it(&c, &r);
    assert_true(got.trailer == RILL_TRAILER_MARK && got.ended);
    r = reply_to(RILL_NUMBER_LIMIT, 0); /* it knows by now */
    fulfill_it(&c, &r);
    assert_int_equal(got.trailer, RILL_TRAILER_NONE);
    x->server = server;
    x->numbers.marked = false;
    close_client(&c);
}

/* Where lengths are hidden all replies are as long as the longest, whatever is behind the frames.
 */
static void test_padding(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    rill_connection_options padded = *c.connection->options;
    const rill_connection_options *before = c.connection->options;
    padded.padding = true;
    c.connection->options = &padded;
    rill_reply r = reply_to(1, 0);
    fulfill_it(&c, &r);
    size_t len = got.len;
    c.connection->server = true;
    c.connection->numbers.marked = true;
    c.connection->counts.ended_another = true;
    r = reply_to(1, UINT64_MAX);
    fulfill_it(&c, &r);
    assert_true(got.trailer == RILL_TRAILER_MARK && got.ended && got.len == len);
    c.connection->server = false;
    c.connection->numbers.marked = false;
    c.connection->options = before;
    close_client(&c);
}

/* Of no connection that is open: whether another server may be asked decides on the code. */
static void test_what_is_over(void **state)
{
    static const struct {
        rill_over over;
        rill_ilp_code_id code;
        uint8_t close_code;
        bool says_why;
    } cases[] = {
        {{.why = RILL_TRAILER_NONE}, RILL_ILP_F99_APPLICATION_ERROR, RILL_CLOSE_NO_ERROR, false},
        {{.why = RILL_TRAILER_FORGOTTEN, .of_another = true},
         RILL_ILP_F06_UNEXPECTED_PAYMENT,
         RILL_CLOSE_INTERNAL_ERROR,
         true},
        {{.why = RILL_TRAILER_REPLACED, .sequence = 9, .amount = UINT64_MAX},
         RILL_ILP_F99_APPLICATION_ERROR,
         RILL_CLOSE_INTERNAL_ERROR,
         true},
    };
    client c;
    (void)state;
    open_quiet(&c);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        memset(&got, 0, offsetof(raw_reply, bytes));
        assert_int_equal(rill_reply_over(c.endpoint, c.connection->identity.keys,
                                         c.connection->options, &cases[i].over, got.bytes,
                                         &got.len),
                         RILL_OK);
        raw_read_answer(&c.server, &got);
        assert_true(got.authentic && got.code == cases[i].code);
        assert_true(got.trailer == cases[i].over.why);
        assert_true(got.sequence == cases[i].over.sequence && got.amount == cases[i].over.amount);
        assert_int_equal(got.frame_count, 1);
        assert_int_equal(got.frames[0].type, RILL_FRAME_CONNECTION_CLOSE);
        assert_int_equal(got.frames[0].code, cases[i].close_code);
        assert_int_equal(got.frames[0].text.len > 0, cases[i].says_why);
    }
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whose_word_it_is),
        cmocka_unit_test(test_data_of_every_length),
        cmocka_unit_test(test_receipts),
        cmocka_unit_test(test_streams_that_are_over),
        cmocka_unit_test(test_a_connection_that_is_over),
        cmocka_unit_test(test_the_mark),
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_what_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
