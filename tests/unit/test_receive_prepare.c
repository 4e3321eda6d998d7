/* SPDX-License-Identifier: Apache-2.0 */
/* A Prepare whose envelope has been opened: what is checked, what takes effect, what is answered.
 */
#include "client_fixture.h"

#include "stream/core/endpoint_internal.h"
#include "stream/core/receive_prepare.h"

static raw_reply got;

static bool asks;

static void asking(rill_connection_options *o)
{
    o->ask_before_fulfill = asks;
}

static void open_receiver(client *c)
{
    open_client_with(c, asking);
    take_events(c);
}

/* From the server, to the client's connection itself. */
static void arrive(client *c, const raw_packet *packet)
{
    static uint8_t bytes[RILL_PACKET_BUFFER], text[RILL_ILP_MAX_DATA_READ];
    rill_arrival a = {
        .e = c->endpoint, .now = c->now, .request = 77, .reply = got.bytes, .reply_len = &got.len};
    size_t len = raw_write(&c->server, c->now, packet, bytes);
    assert_int_equal(rill_prepare_decode(&a.prepare, bytes, len), RILL_OK);
    rill_bytes data = a.prepare.data;
    assert_int_equal(rill_keys_open(c->server.keys, data.data, data.len, text), RILL_OK);
    memset(&got, 0, offsetof(raw_reply, bytes));
    assert_int_equal(
        rill_connection_receive(c->connection, &a, text, data.len - RILL_ENVELOPE_OVERHEAD),
        RILL_OK);
    raw_read_answer(&c->server, &got);
}

static rill_frame money(uint64_t stream, uint64_t shares)
{
    return (rill_frame){.type = RILL_FRAME_STREAM_MONEY, .stream = stream, .value = shares};
}

/* So much, for one stream. */
static void pay(client *c, uint64_t stream, uint64_t amount)
{
    const rill_frame frame = money(stream, 1);
    arrive(c, &(raw_packet){.amount = amount, .frames = &frame, .frame_count = 1});
}

static uint64_t received(const client *c, uint64_t stream)
{
    const rill_stream *s = rill_connection_stream(c->connection, stream);
    return s ? s->in.received : 0;
}

static void assert_refused(rill_ilp_code_id code, bool authentic)
{
    assert_int_equal(got.type, RILL_ILP_REJECT);
    assert_int_equal(got.code, code);
    assert_int_equal(got.authentic, authentic);
}

static void test_no_money_and_one_unit(void **state)
{
    client c;
    (void)state;
    open_receiver(&c);
    arrive(&c, &(raw_packet){.amount = 0});
    assert_true(got.type == RILL_ILP_FULFILL && got.amount == 0 && got.sequence == 1);
    pay(&c, 1, 1);
    assert_true(got.type == RILL_ILP_FULFILL && got.amount == 1 && got.sequence == 2);
    assert_true(received(&c, 1) == 1 && c.connection->counts.received == 1);
    assert_true(c.connection->counts.packets_received == 2);
    close_client(&c);
}

/* Money that is for nobody is refused; so is what would be more than there are numbers for. */
static void test_money_for_nobody_and_for_too_many(void **state)
{
    client c;
    (void)state;
    open_receiver(&c);
    arrive(&c, &(raw_packet){.amount = 1});
    assert_refused(RILL_ILP_F99_APPLICATION_ERROR, true);
    assert_true(got.amount == 1); /* it says what came, for the sender's rate */
    rill_frame frame = money(1, 0);
    arrive(&c, &(raw_packet){.amount = 1, .frames = &frame, .frame_count = 1});
    assert_refused(RILL_ILP_F99_APPLICATION_ERROR, true);
    const rill_frame shares[] = {money(1, UINT64_MAX), money(2, 1)};
    arrive(&c, &(raw_packet){.amount = 1, .frames = shares, .frame_count = 2});
    assert_refused(RILL_ILP_F99_APPLICATION_ERROR, true);
    assert_true(received(&c, 1) == 0 && c.connection->counts.packets_refused == 3);
    close_client(&c);
}

/* All units there are, and not one more. */
static void test_all_units_there_are(void **state)
{
    client c;
    (void)state;
    open_receiver(&c);
    pay(&c, 1, UINT64_MAX - 1);
    assert_int_equal(got.type, RILL_ILP_FULFILL);
    pay(&c, 1, 2);
    assert_refused(RILL_ILP_F99_APPLICATION_ERROR, true);
    pay(&c, 1, 1);
    assert_int_equal(got.type, RILL_ILP_FULFILL);
    pay(&c, 1, 1);
    assert_refused(RILL_ILP_F99_APPLICATION_ERROR, true);
    assert_true(received(&c, 1) == UINT64_MAX && c.connection->counts.received == UINT64_MAX);
    close_client(&c);
}

/* By their shares, rounded down; the unit that is left is the lowest stream's. */
static void test_two_streams(void **state)
{
    client c;
    const rill_frame even[] = {money(2, 1), money(1, 1)};
    const rill_frame most[] = {money(1, 1), money(2, UINT64_MAX - 1)};
    (void)state;
    open_receiver(&c);
    arrive(&c, &(raw_packet){.amount = 1, .frames = even, .frame_count = 2});
    assert_true(received(&c, 1) == 1 && received(&c, 2) == 0);
    arrive(&c, &(raw_packet){.amount = 9, .frames = even, .frame_count = 2});
    assert_true(received(&c, 1) == 6 && received(&c, 2) == 4);
    arrive(&c, &(raw_packet){.amount = 1000, .frames = most, .frame_count = 2});
    assert_true(received(&c, 1) == 7 && received(&c, 2) == 1003);
    close_client(&c);
}

/* However often a packet names a stream, its parts are one. */
static void test_a_stream_that_is_named_twice(void **state)
{
    client c;
    const rill_frame twice[] = {money(1, 1), money(2, 2), money(1, 1)};
    (void)state;
    asks = true;
    open_receiver(&c);
    asks = false;
    arrive(&c, &(raw_packet){.amount = 100, .frames = twice, .frame_count = 3});
    assert_int_equal(got.len, 0); /* the application is asked */
    assert_true(!rill_list_empty(&c.connection->undecided->waiting));
    const rill_undecided *u =
        RILL_CONTAINER(c.connection->undecided->waiting.next, rill_undecided, node);
    assert_int_equal(u->part_count, 2);
    assert_true(u->parts[0].stream->id == 1 && u->parts[0].amount == 50);
    assert_true(u->parts[1].stream->id == 2 && u->parts[1].amount == 50);
    assert_true(u->request == 77 && c.stream->in.reserved == 50 && received(&c, 1) == 0);
    close_client(&c);
}

/* A hundredth over the maximum is taken, for rates are rounded: of all of it together, not of each.
 */
static void test_the_receive_max(void **state)
{
    static const struct {
        uint64_t max, paid;
        bool taken;
    } cases[] = {
        {0, 1, false},    {1, 1, true},      {1, 2, true},       {1, 3, false},
        {100, 101, true}, {100, 102, false}, {1000, 1010, true}, {1000, 1011, false},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        client c;
        const rill_frame twice[] = {money(1, 1), money(1, 1)};
        open_receiver(&c);
        assert_int_equal(rill_stream_set_receive_max(c.stream, cases[i].max), RILL_OK);
        arrive(&c, &(raw_packet){.amount = cases[i].paid, .frames = twice, .frame_count = 2});
        assert_int_equal(got.type, cases[i].taken ? RILL_ILP_FULFILL : RILL_ILP_REJECT);
        assert_true(received(&c, 1) == (cases[i].taken ? cases[i].paid : 0));
        if (cases[i].taken) { /* what is over is over: nothing is left of it */
            pay(&c, 1, cases[i].max);
            assert_int_equal(got.type, RILL_ILP_REJECT);
        }
        close_client(&c);
    }
}

static void test_the_minimum(void **state)
{
    client c;
    const rill_frame frame = money(1, 1);
    (void)state;
    open_receiver(&c);
    arrive(&c, &(raw_packet){.amount = 99, .minimum = 100, .frames = &frame, .frame_count = 1});
    assert_refused(RILL_ILP_F99_APPLICATION_ERROR, true);
    assert_true(got.amount == 99);
    arrive(&c, &(raw_packet){.amount = 100, .minimum = 100, .frames = &frame, .frame_count = 1});
    assert_true(got.type == RILL_ILP_FULFILL && received(&c, 1) == 100);
    close_client(&c);
}

/* Too late, or once more: refused without a word of the connection, and nothing takes effect. */
static void test_what_is_not_for_now(void **state)
{
    client c;
    const rill_frame frame = money(1, 1);
    (void)state;
    open_receiver(&c);
    arrive(&c, &(raw_packet){.amount = 5, .frames = &frame, .frame_count = 1, .expires_in = 1});
    assert_refused(RILL_ILP_R00_TRANSFER_TIMED_OUT, false);
    arrive(&c,
           &(raw_packet){
               .amount = 5, .frames = &frame, .frame_count = 1, .sequence = 50, .expires_in = 2});
    assert_int_equal(got.type, RILL_ILP_FULFILL);
    arrive(&c, &(raw_packet){.amount = 5, .frames = &frame, .frame_count = 1, .sequence = 50});
    assert_refused(RILL_ILP_F99_APPLICATION_ERROR, false);
    assert_true(received(&c, 1) == 5 && c.connection->counts.packets_received == 1);
    close_client(&c);
}

/* Whatever becomes of its money, the rest of what a packet says takes effect. */
static void test_frames_of_a_packet_that_is_refused(void **state)
{
    client c;
    const rill_frame frames[] = {
        money(1, 1),
        {.type = RILL_FRAME_STREAM_MAX_MONEY, .stream = 1, .value = 1234, .total = 5},
        {.type = RILL_FRAME_STREAM_DATA, .stream = 1, .text = {(const uint8_t *)"abc", 3}},
    };
    (void)state;
    open_receiver(&c);
    arrive(&c,
           &(raw_packet){.amount = 5, .frames = frames, .frame_count = 3, .unfulfillable = true});
    assert_refused(RILL_ILP_F99_APPLICATION_ERROR, true);
    assert_true(received(&c, 1) == 0 && c.stream->theirs.max == 1234);
    assert_int_equal(rill_stream_peek(c.stream).len, 3);
    close_client(&c);
}

/* ... but of one that breaks the protocol nothing does, and the connection ends. */
static void test_frames_of_a_packet_that_is_wrong(void **state)
{
    const rill_frame limits[] = {
        {.type = RILL_FRAME_STREAM_MAX_MONEY, .stream = 1, .value = 1234},
        {.type = RILL_FRAME_STREAM_DATA,
         .stream = 1,
         .value = UINT64_MAX,
         .text = {(const uint8_t *)"abc", 3}},
    };
    const rill_frame parity[] = {{.type = RILL_FRAME_STREAM_MAX_MONEY, .stream = 1, .value = 1234},
                                 money(7, 1)};
    const struct {
        const rill_frame *frames;
        bool broken;
        uint8_t code;
    } cases[] = {
        {limits, false, RILL_CLOSE_FLOW_CONTROL_ERROR},
        {parity, false, RILL_CLOSE_PROTOCOL_VIOLATION},
        {limits, true, RILL_CLOSE_FRAME_FORMAT_ERROR},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        client c;
        open_receiver(&c);
        arrive(&c, &(raw_packet){.amount = 5,
                                 .frames = cases[i].frames,
                                 .frame_count = 2,
                                 .broken = cases[i].broken});
        assert_refused(RILL_ILP_F99_APPLICATION_ERROR, true);
        assert_true(c.stream->theirs.max == UINT64_MAX && c.stream->in.received == 0);
        assert_int_equal(c.connection->state, RILL_STATE_CLOSING);
        assert_int_equal(c.connection->closing.code, cases[i].code);
        assert_non_null(raw_find(&got, RILL_FRAME_CONNECTION_CLOSE));
        close_client(&c);
    }
}

/* A close in the packet comes after its money, wherever it stands. */
static void test_money_and_a_close(void **state)
{
    client c;
    const rill_frame frames[] = {
        {.type = RILL_FRAME_STREAM_CLOSE, .stream = 1, .code = RILL_CLOSE_NO_ERROR}, money(1, 1)};
    (void)state;
    open_receiver(&c);
    arrive(&c, &(raw_packet){.amount = 5, .frames = frames, .frame_count = 2});
    assert_int_equal(got.type, RILL_ILP_FULFILL);
    assert_true(c.stream->closed_remote && c.stream->in.received == 5);
    pay(&c, 1, 5); /* it is closed now: its sender is told */
    assert_refused(RILL_ILP_F99_APPLICATION_ERROR, true);
    assert_true(raw_find(&got, RILL_FRAME_STREAM_CLOSE)->stream == 1);
    close_client(&c);
}

/* The application cannot take note of money now: that is refused for a while, and nothing else. */
static void test_money_is_not_taken_now(void **state)
{
    client c;
    (void)state;
    open_receiver(&c);
    rill_endpoint_refuse_money(c.endpoint, true);
    pay(&c, 1, 5);
    assert_refused(RILL_ILP_T02_PEER_BUSY, true);
    arrive(&c, &(raw_packet){.amount = 0});
    assert_int_equal(got.type, RILL_ILP_FULFILL);
    rill_endpoint_refuse_money(c.endpoint, false);
    pay(&c, 1, 5);
    assert_true(got.type == RILL_ILP_FULFILL && received(&c, 1) == 5);
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_money_and_one_unit),
        cmocka_unit_test(test_money_for_nobody_and_for_too_many),
        cmocka_unit_test(test_all_units_there_are),
        cmocka_unit_test(test_two_streams),
        cmocka_unit_test(test_a_stream_that_is_named_twice),
        cmocka_unit_test(test_the_receive_max),
        cmocka_unit_test(test_the_minimum),
        cmocka_unit_test(test_what_is_not_for_now),
        cmocka_unit_test(test_frames_of_a_packet_that_is_refused),
        cmocka_unit_test(test_frames_of_a_packet_that_is_wrong),
        cmocka_unit_test(test_money_and_a_close),
        cmocka_unit_test(test_money_is_not_taken_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
