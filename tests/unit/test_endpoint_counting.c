/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers that count their packets from 1, as the reference does. If one of them begins anew, its
 * packets show it, and no bytes or money cross over from before.
 */
#include "begins_fixture.h"

static raw_reply reply;

static void answer_bytes(pair *p, raw_peer *r, rill_stream *s, const rill_frame *frames,
                         unsigned count)
{
    static uint8_t packet[RILL_PACKET_BUFFER], answer[RILL_PACKET_BUFFER];
    rill_endpoint *client = p->end[PAIR_CLIENT].endpoint;
    uint64_t request;
    size_t len;
    pair_write(s, "hello", 5);
    assert_int_equal(rill_endpoint_next_prepare(client, p->now, packet, &len, &request), RILL_OK);
    assert_true(len > 0);
    size_t n = raw_answer(r, packet, len, true, 0, 0, frames, count, answer);
    assert_int_equal(rill_endpoint_receive_reply(client, p->now, request, answer, n), RILL_OK);
}

/*
 * The reference tells the limits of streams in every reply, unless it has no address of the client.
 * Then it was restarted, and nobody will read the bytes that it took.
 */
static void test_a_counting_server_that_begins_anew_is_noticed(void **state)
{
    const rill_frame limits[] = {
        {.type = RILL_FRAME_CONNECTION_MAX_DATA, .value = 65534},
        {.type = RILL_FRAME_STREAM_MAX_MONEY, .stream = 1, .value = 100},
        {.type = RILL_FRAME_STREAM_MAX_DATA, .stream = 1, .value = 16384},
    };
    pair *p = *state;
    pair_options o = same_secret();
    raw_peer r;
    pair_open(p, &o);
    raw_open(&r, p->credentials.destination_account, p->credentials.shared_secret);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    answer_bytes(p, &r, s, limits, 1); /* one that never says more is none of that kind */
    answer_bytes(p, &r, s, limits, 1);
    answer_bytes(p, &r, s, limits, 3);
    answer_bytes(p, &r, s, limits, 3);
    answer_bytes(p, &r, s, NULL, 0);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 0);
    rill_stream_offsets before;
    rill_stream_offsets after;
    rill_stream_get_offsets(s, &before);
    assert_int_equal(before.acknowledged, before.written);
    answer_bytes(p, &r, s, limits, 1);
    rill_stream_get_offsets(s, &after);
    assert_true(after.answered > before.answered);
    assert_int_equal(after.acknowledged, before.acknowledged);
    pair_run(p, 10 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].end_error, RILL_ERR_FORGOTTEN);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->error, RILL_ERR_FORGOTTEN);
    raw_close(&r);
}

/* ---- peers that count ---- */

static const rill_frame here = {.type = RILL_FRAME_CONNECTION_NEW_ADDRESS,
                                .text = {(const uint8_t *)"test.client.x", 13}};
static const rill_frame pays = {.type = RILL_FRAME_STREAM_MONEY, .stream = 1, .value = 1};
static const rill_frame first_bytes = {
    .type = RILL_FRAME_STREAM_DATA, .stream = 1, .text = {(const uint8_t *)"AAAA", 4}};
static const rill_frame next_bytes = {
    .type = RILL_FRAME_STREAM_DATA, .stream = 1, .value = 4, .text = {(const uint8_t *)"BBBB", 4}};

static raw_peer *open_raw(pair *p)
{
    static raw_peer r;
    pair_options o = same_secret();
    o.stay = true;
    pair_open(p, &o);
    raw_open(&r, p->credentials.destination_account, p->credentials.shared_secret);
    return &r;
}

static void expect_close(bool with_error)
{
    const rill_frame *close = raw_find(&reply, RILL_FRAME_CONNECTION_CLOSE);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    assert_non_null(close);
    assert_true((close->code != RILL_CLOSE_NO_ERROR) == with_error);
}

/* The reference: its server is started again, and it goes on with its bytes. */
static void test_counted_bytes_do_not_cross_a_restart(void **state)
{
    pair *p = *state;
    raw_peer *r = open_raw(p);
    pair_options o = same_secret();
    send_to(p, r, 1, &here, 1, 0, &reply);
    send_to(p, r, 2, &first_bytes, 1, 0, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    pair_restart_server(p, &o);
    send_to(p, r, 3, &next_bytes, 1, 0, &reply);
    expect_close(true);
    assert_int_equal(rill_endpoint_connection_count(p->end[PAIR_SERVER].endpoint), 0);
    raw_close(r);
}

/* Money may go on, where few packets had been sent: bytes that follow it may not. */
static void test_counted_money_then_bytes_across_a_restart(void **state)
{
    pair *p = *state;
    raw_peer *r = open_raw(p);
    pair_options o = same_secret();
    send_to(p, r, 1, &here, 1, 0, &reply);
    send_to(p, r, 2, &first_bytes, 1, 0, &reply);
    pair_restart_server(p, &o);
    send_to(p, r, 3, &pays, 1, 10, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    send_to(p, r, 4, &next_bytes, 1, 0, &reply);
    expect_close(true);
    assert_int_equal(p->end[PAIR_SERVER].end_error, RILL_ERR_PROTOCOL);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 0);
    raw_close(r);
}

/* Its first packets may overtake each other, or be lost. */
static void test_first_packets_of_those_who_count(void **state)
{
    pair *p = *state;
    raw_peer *r = open_raw(p);
    const rill_frame both[] = {here, next_bytes};
    send_to(p, r, 2, both, 2, 0, &reply);
    assert_int_equal(reply.code, RILL_ILP_T02_PEER_BUSY);
    send_to(p, r, 3, &pays, 1, 10, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    /* A packet that clearly begins a connection has no bytes from before. */
    send_to(p, r, 4, both, 2, 0, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    send_to(p, r, 1, &first_bytes, 1, 0, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 8);
    raw_close(r);
}

/* A client that closes towards a server that does not know it gets no error. */
static void test_leave_is_taken_of_anybody(void **state)
{
    const rill_frame leave = {.type = RILL_FRAME_CONNECTION_CLOSE, .code = RILL_CLOSE_NO_ERROR};
    pair *p = *state;
    raw_peer *r = open_raw(p);
    send_to(p, r, 9, &leave, 1, 0, &reply);
    expect_close(false);
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_CONNECTION], 0);
    raw_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST_TO_OPEN(test_a_counting_server_that_begins_anew_is_noticed),
        PAIR_TEST_TO_OPEN(test_counted_bytes_do_not_cross_a_restart),
        PAIR_TEST_TO_OPEN(test_counted_money_then_bytes_across_a_restart),
        PAIR_TEST_TO_OPEN(test_first_packets_of_those_who_count),
        PAIR_TEST_TO_OPEN(test_leave_is_taken_of_anybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
