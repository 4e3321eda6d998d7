/* SPDX-License-Identifier: Apache-2.0 */
/* The answers to our Prepares: from a server without rules, and from connectors. */
#include "client_fixture.h"

static void test_what_the_receiver_says_arrived_is_noted(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    assert_int_equal(rill_stream_set_send_max(c.stream, 100), RILL_OK);
    assert_true(next(&c));
    assert_int_equal(question.amount, 100); /* the minimum */
    fulfill(&c, 123, NULL, 0);
    assert_int_equal(totals(&c).sent, 100);
    assert_int_equal(totals(&c).delivered, 123);
    assert_int_equal(c.events[RILL_EVENT_CONNECTED], 1);
    close_client(&c);
}

static void test_a_fulfillment_without_data_commits(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    assert_int_equal(rill_stream_set_send_max(c.stream, 100), RILL_OK);
    assert_true(next(&c));
    size_t len = raw_answer(&c.server, c.packet, c.len, true, 0, 100, NULL, 0, answer);
    rill_fulfill decoded;
    uint8_t bare[64];
    assert_int_equal(rill_fulfill_decode(&decoded, answer, len), RILL_OK);
    decoded.data = (rill_bytes){0};
    assert_int_equal(rill_fulfill_encode(&decoded, bare, sizeof bare, &len), RILL_OK);
    memcpy(answer, bare, len);
    give(&c, len);
    assert_int_equal(totals(&c).sent, 100);
    assert_int_equal(totals(&c).in_flight, 0);
    close_client(&c);
}

static void test_a_false_fulfillment_commits_nothing(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    assert_int_equal(rill_stream_set_send_max(c.stream, 100), RILL_OK);
    assert_true(next(&c));
    size_t len = raw_answer(&c.server, c.packet, c.len, true, 0, 100, NULL, 0, answer);
    answer[10] ^= 1;
    give(&c, len);
    assert_int_equal(totals(&c).sent, 0);
    assert_int_equal(totals(&c).in_flight, 0);
    /* A second word on the same packet is not heard. */
    answer[10] ^= 1;
    assert_int_equal(rill_endpoint_receive_reply(c.endpoint, c.now, c.request, answer, len),
                     RILL_ERR_NOT_FOUND);
    assert_int_equal(totals(&c).sent, 0);
    close_client(&c);
}

static void of_any_rate(rill_connection_options *o)
{
    o->min_rate = (rill_ratio){0, 1};
}

/* A probe has no fulfillment, and zeros are none. */
static void test_a_probe_is_not_fulfilled(void **state)
{
    static const uint8_t zeros[32];
    const rill_fulfill fulfilled = {.fulfillment = zeros};
    rill_connection_stats before, stats;
    client c;
    size_t len;
    (void)state;
    open_client_with(&c, of_any_rate);
    assert_true(next(&c));
    fulfill(&c, 0, NULL, 0);
    assert_int_equal(rill_stream_set_send_max(c.stream, 100), RILL_OK);
    do
        assert_true(next(&c));
    while (c.amount == 0);
    rill_connection_get_stats(c.connection, &before);
    assert_int_equal(rill_fulfill_encode(&fulfilled, answer, sizeof answer, &len), RILL_OK);
    give(&c, len);
    rill_connection_get_stats(c.connection, &stats);
    assert_int_equal(stats.packets_rejected, before.packets_rejected + 1);
    assert_int_equal(stats.packets_fulfilled, before.packets_fulfilled);
    assert_int_equal(totals(&c).sent, 0);
    close_client(&c);
}

/* The reply to one packet put in the place of another's. */
static void test_replies_are_not_exchanged(void **state)
{
    client c;
    uint8_t other[RILL_PACKET_BUFFER];
    (void)state;
    open_client(&c);
    assert_int_equal(rill_stream_set_send_max(c.stream, 10), RILL_OK);
    assert_true(next(&c));
    uint64_t first = c.request;
    size_t len = raw_answer(&c.server, c.packet, c.len, false, RILL_ILP_F99_APPLICATION_ERROR, 1,
                            NULL, 0, other);
    assert_int_equal(rill_stream_set_send_max(c.stream, 30), RILL_OK);
    assert_true(next(&c));
    rill_connection_stats before;
    rill_connection_stats after;
    rill_connection_get_stats(c.connection, &before);
    assert_int_equal(rill_endpoint_receive_reply(c.endpoint, c.now, c.request, other, len),
                     RILL_OK);
    rill_connection_get_stats(c.connection, &after);
    assert_int_equal(after.rate.num, before.rate.num);
    assert_int_equal(c.events[RILL_EVENT_CONNECTED], 0);
    assert_int_equal(rill_endpoint_receive_reply(c.endpoint, c.now, first, other, len), RILL_OK);
    take_events(&c);
    assert_int_equal(c.events[RILL_EVENT_CONNECTED], 1);
    assert_int_equal(totals(&c).sent, 0);
    close_client(&c);
}

static void test_a_malformed_reply_leaves_money_in_doubt(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    assert_int_equal(rill_stream_set_send_max(c.stream, 100), RILL_OK);
    assert_true(next(&c));
    assert_int_equal(
        rill_endpoint_receive_reply(c.endpoint, c.now, c.request, (const uint8_t *)"\x0d\x02xx", 4),
        RILL_OK);
    assert_int_equal(totals(&c).in_doubt, 100);
    assert_int_equal(totals(&c).in_flight, 100);
    assert_int_equal(totals(&c).sent, 0);
    close_client(&c);
}

/* A server that claims to have received what does not fit in any total. */
static void test_absurd_amounts_do_not_wrap(void **state)
{
    client c;
    (void)state;
    rill_frame limit = {
        .type = RILL_FRAME_STREAM_MAX_MONEY, .stream = 1, .value = UINT64_MAX - 1, .total = 0};
    open_client(&c);
    assert_int_equal(rill_stream_set_send_max(c.stream, 2), RILL_OK);
    assert_true(next(&c));
    fulfill(&c, UINT64_MAX, &limit, 1);
    assert_int_equal(totals(&c).sent, 2);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(rill_stream_set_send_max(c.stream, 10 + 10 * i), RILL_OK);
        if (next(&c) && c.amount > 0)
            refuse(&c, UINT64_MAX, NULL, 0);
    }
    assert_true(totals(&c).delivered == UINT64_MAX);
    assert_true(totals(&c).sent <= 30);
    /*
     * The other side says that it has no more room. It is told so, and we are never busy with it.
     */
    assert_true(totals(&c).in_flight == 0 || totals(&c).in_flight <= 30);
    close_client(&c);
}

/* "No limit" counts like any other limit. An older limit that comes late is ignored. */
static void test_no_limit_does_not_sink(void **state)
{
    client c;
    (void)state;
    rill_frame limit = {.type = RILL_FRAME_STREAM_MAX_MONEY, .stream = 1, .value = RILL_UNLIMITED};
    open_client(&c);
    assert_int_equal(rill_stream_set_send_max(c.stream, 100), RILL_OK);
    assert_true(next(&c));
    assert_int_equal(c.amount, 100);
    limit.total = 100;
    fulfill(&c, 100, &limit, 1);
    assert_int_equal(rill_stream_set_send_max(c.stream, 200), RILL_OK);
    assert_true(next(&c));
    assert_int_equal(c.amount, 100);
    limit.value = 13; /* told before, and late */
    refuse(&c, 100, &limit, 1);
    assert_true(next(&c));
    assert_int_equal(c.amount, 100);
    fulfill(&c, 100, NULL, 0);
    assert_int_equal(totals(&c).sent, 200);
    close_client(&c);
}

static void test_limits_are_asked_about_and_raised(void **state)
{
    client c;
    (void)state;
    rill_frame limit = {.type = RILL_FRAME_STREAM_MAX_MONEY, .stream = 1, .value = 50};
    open_client(&c);
    assert_int_equal(rill_stream_set_send_max(c.stream, 100), RILL_OK);
    assert_true(next(&c));
    assert_int_equal(c.amount, 100);
    refuse(&c, 100, &limit, 1);
    assert_true(next(&c));
    assert_int_equal(c.amount, 50);
    limit.total = 50;
    fulfill(&c, 50, &limit, 1);
    /* Blocked: a packet of no amount says so. */
    assert_true(next(&c));
    assert_int_equal(c.amount, 0);
    const rill_frame *blocked = raw_find(&question, RILL_FRAME_STREAM_MONEY_BLOCKED);
    assert_non_null(blocked);
    assert_int_equal(blocked->value, 100);
    assert_int_equal(blocked->total, 50);
    limit.value = 40; /* limits do not sink */
    fulfill(&c, 0, &limit, 1);
    assert_true(next(&c));
    assert_int_equal(c.amount, 0);
    limit.value = 100;
    fulfill(&c, 0, &limit, 1);
    assert_true(next(&c));
    assert_int_equal(c.amount, 50);
    fulfill(&c, 50, NULL, 0);
    assert_int_equal(totals(&c).sent, 100);
    close_client(&c);
}

static void test_control_frames_are_sent_until_acknowledged(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    assert_true(next(&c));
    assert_non_null(raw_find(&question, RILL_FRAME_CONNECTION_NEW_ADDRESS));
    assert_non_null(raw_find(&question, RILL_FRAME_CONNECTION_ASSET_DETAILS));
    connector_says(&c, RILL_ILP_T01_PEER_UNREACHABLE);
    assert_true(next(&c));
    assert_non_null(raw_find(&question, RILL_FRAME_CONNECTION_NEW_ADDRESS));
    refuse(&c, 0, NULL, 0); /* any authentic reply acknowledges */
    size_t accepted;
    assert_int_equal(rill_stream_write(c.stream, "hello", 5, &accepted), RILL_OK);
    assert_true(next(&c));
    assert_null(raw_find(&question, RILL_FRAME_CONNECTION_NEW_ADDRESS));
    const rill_frame *data = raw_find(&question, RILL_FRAME_STREAM_DATA);
    assert_non_null(data);
    assert_int_equal(data->value, 0);
    connector_says(&c, RILL_ILP_T03_CONNECTOR_BUSY); /* it has not arrived, for sure */
    /* The same frame again: same offset, same bytes */
    assert_int_equal(rill_stream_write(c.stream, "world", 5, &accepted), RILL_OK);
    assert_true(next(&c));
    data = raw_find(&question, RILL_FRAME_STREAM_DATA);
    assert_int_equal(data->value, 0);
    assert_int_equal(data->text.len, 5);
    close_client(&c);
}

static void test_a_server_may_close_in_a_reply(void **state)
{
    client c;
    (void)state;
    rill_frame end = {.type = RILL_FRAME_CONNECTION_CLOSE, .code = RILL_CLOSE_ENDPOINT_BUSY};
    open_client(&c);
    assert_int_equal(rill_stream_send_total(c.stream, 100, RILL_NEVER), RILL_OK);
    assert_true(next(&c));
    refuse(&c, 100, &end, 1);
    assert_int_equal(c.events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(c.events[RILL_EVENT_CONNECTION_END], 1);
    assert_int_equal(c.end_error, RILL_ERR_REMOTE);
    assert_int_equal(c.end_code, RILL_CLOSE_ENDPOINT_BUSY);
    close_client(&c);
}

static void test_a_new_address_is_used_and_checked_first(void **state)
{
    client c;
    rill_prepare prepare;
    (void)state;
    rill_frame moved = {.type = RILL_FRAME_CONNECTION_NEW_ADDRESS,
                        .text = {(const uint8_t *)"test.raw.moved", 14}};
    rill_frame nonsense = {.type = RILL_FRAME_CONNECTION_NEW_ADDRESS,
                           .text = {(const uint8_t *)"no address", 10}};
    open_client(&c);
    assert_true(next(&c));
    fulfill(&c, 0, &moved, 1);
    assert_string_equal(rill_connection_remote_address(c.connection), "test.raw.moved");
    assert_int_equal(rill_stream_set_send_max(c.stream, 100000), RILL_OK);
    /* Without an answer from there no more than a few packets leave. */
    unsigned sent = 0;
    size_t len = 0;
    uint64_t request = 0;
    while (sent < 50 && next(&c)) {
        sent++;
        len = c.len;
        request = c.request;
        assert_int_equal(rill_prepare_decode(&prepare, c.packet, c.len), RILL_OK);
        assert_int_equal(prepare.destination.len, 14);
        assert_int_equal(rill_stream_set_send_max(c.stream, 100000 + sent), RILL_OK);
    }
    assert_in_range(sent, 1, 5);
    c.len = len;
    c.request = request;
    fulfill(&c, c.amount, &nonsense, 1);
    assert_string_equal(rill_connection_remote_address(c.connection), "test.raw.moved");
    close_client(&c);
}

static void test_final_errors_of_the_path_end_it(void **state)
{
    static const struct {
        rill_ilp_code_id code;
        int error;
    } cases[] = {{RILL_ILP_F02_UNREACHABLE, RILL_ERR_UNREACHABLE},
                 {RILL_ILP_F06_UNEXPECTED_PAYMENT, RILL_ERR_AUTH},
                 {RILL_ILP_F00_BAD_REQUEST, RILL_ERR_PATH}};
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        client c;
        open_client(&c);
        assert_int_equal(rill_stream_send_total(c.stream, 100, RILL_NEVER), RILL_OK);
        for (unsigned n = 0; n < 20 && next(&c); n++)
            connector_says(&c, cases[i].code);
        assert_int_equal(c.events[RILL_EVENT_SEND_TOTAL_END], 1);
        assert_int_equal(c.events[RILL_EVENT_CONNECTION_END], 1);
        assert_int_equal(c.end_error, cases[i].error);
        close_client(&c);
    }
}

/* Frames that belong in no reply, or for streams that do not exist, change nothing. */
static void test_frames_out_of_place(void **state)
{
    client c;
    (void)state;
    rill_frame frames[] = {
        {.type = RILL_FRAME_STREAM_DATA, .stream = 2, .text = {(const uint8_t *)"x", 1}},
        {.type = RILL_FRAME_STREAM_MONEY, .stream = 4, .value = 1},
        {.type = RILL_FRAME_STREAM_MAX_MONEY, .stream = 77, .value = 1},
        {.type = RILL_FRAME_STREAM_MAX_DATA, .stream = 2, .value = 1},
        {.type = RILL_FRAME_STREAM_CLOSE, .stream = 3, .code = 1},
        {.type = RILL_FRAME_STREAM_DATA,
         .stream = 1,
         .value = UINT64_MAX,
         .text = {(const uint8_t *)"x", 1}},
        {.type = RILL_FRAME_CONNECTION_MAX_DATA, .value = 3},
        {.type = RILL_FRAME_CONNECTION_MAX_STREAM_ID, .value = 2},
    };
    open_client(&c);
    assert_true(next(&c));
    fulfill(&c, 0, frames, sizeof frames / sizeof frames[0]);
    assert_int_equal(c.events[RILL_EVENT_STREAM], 0);
    assert_int_equal(c.events[RILL_EVENT_CONNECTION_END], 0);
    assert_int_equal(rill_stream_set_send_max(c.stream, 10), RILL_OK);
    assert_true(next(&c));
    fulfill(&c, 10, NULL, 0);
    assert_int_equal(totals(&c).sent, 10);
    rill_stream *s;
    assert_int_equal(rill_connection_open_stream(c.connection, &s), RILL_OK);
    assert_int_equal(rill_stream_id(s), 3);
    close_client(&c);
}

/* ---- bytes that were answered ---- */

static void write_bytes(client *c, const char *text)
{
    size_t accepted;
    assert_int_equal(rill_stream_write(c->stream, text, strlen(text), &accepted), RILL_OK);
    assert_int_equal(accepted, strlen(text));
}

typedef enum how { FULFILLED, UNREADABLE, REFUSED } how;

static void answer_bytes(client *c, how h, const rill_frame *frame)
{
    unsigned count = frame->type != 0;
    if (h == REFUSED) {
        refuse(c, 0, frame, count);
        return;
    }
    size_t len = raw_answer(&c->server, c->packet, c->len, true, 0, 0, frame, count, answer);
    if (h == UNREADABLE)
        answer[len - 1] ^= 1;
    give(c, len);
}

/*
 * Arrived are bytes of which the receiver says, by an answer that can be read, that it took them
 * for a stream that was not over. Bytes that may have been given to nobody never count.
 */
static void test_what_is_told_of_bytes_that_were_answered(void **state)
{
    static const struct {
        how how;
        uint8_t type;
        uint8_t code;
        uint64_t stream;
        uint64_t acknowledged;
        uint64_t answered;
        bool well;
    } cases[] = {
        {FULFILLED, 0, 0, 0, 10, 10, true},
        {FULFILLED, RILL_FRAME_STREAM_CLOSE, RILL_CLOSE_NO_ERROR, 1, 10, 10, true},
        {FULFILLED, RILL_FRAME_STREAM_CLOSE, RILL_CLOSE_APPLICATION_ERROR, 3, 10, 10, true},
        {FULFILLED, RILL_FRAME_STREAM_CLOSE, RILL_CLOSE_APPLICATION_ERROR, 1, 5, 10, false},
        {FULFILLED, RILL_FRAME_STREAM_CLOSE, RILL_CLOSE_STREAM_STATE_ERROR, 1, 5, 10, false},
        {FULFILLED, RILL_FRAME_CONNECTION_CLOSE, RILL_CLOSE_NO_ERROR, 0, 10, 10, true},
        {FULFILLED, RILL_FRAME_CONNECTION_CLOSE, RILL_CLOSE_INTERNAL_ERROR, 0, 5, 10, false},
        {UNREADABLE, 0, 0, 0, 5, 10, false},
        {REFUSED, 0, 0, 0, 5, 10, false},
        {REFUSED, RILL_FRAME_STREAM_CLOSE, RILL_CLOSE_NO_ERROR, 1, 5, 5, false},
        {REFUSED, RILL_FRAME_STREAM_CLOSE, RILL_CLOSE_STREAM_STATE_ERROR, 1, 5, 5, false},
        {REFUSED, RILL_FRAME_CONNECTION_CLOSE, RILL_CLOSE_NO_ERROR, 0, 5, 5, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const rill_frame none = {0};
        const rill_frame frame = {
            .type = cases[i].type, .stream = cases[i].stream, .code = cases[i].code};
        client c;
        open_client(&c);
        write_bytes(&c, "hello");
        assert_true(next(&c));
        answer_bytes(&c, FULFILLED, &none);
        write_bytes(&c, "again");
        assert_true(next(&c));
        assert_non_null(raw_find(&question, RILL_FRAME_STREAM_DATA));
        answer_bytes(&c, cases[i].how, &frame);
        if (c.events[RILL_EVENT_STREAM_END] == 0) {
            rill_stream_get_offsets(c.stream, &c.offsets);
            assert_int_equal(c.offsets.acknowledged, cases[i].acknowledged);
            assert_int_equal(rill_stream_end(c.stream), RILL_OK);
            while (c.events[RILL_EVENT_STREAM_END] == 0 && next(&c))
                answer_bytes(&c, FULFILLED, &none);
        }
        assert_int_equal(c.events[RILL_EVENT_STREAM_END], 1);
        assert_int_equal(c.offsets.written, 10);
        assert_int_equal(c.offsets.acknowledged, cases[i].acknowledged);
        assert_int_equal(c.offsets.answered, cases[i].answered);
        assert_int_equal(c.stream_error == RILL_OK, cases[i].well);
        close_client(&c);
    }
}

/* The answer to the bytes says nothing of the end, which another answer has told. */
static void test_bytes_after_an_end_by_an_error_have_not_arrived(void **state)
{
    const rill_frame failed = {
        .type = RILL_FRAME_STREAM_CLOSE, .stream = 1, .code = RILL_CLOSE_APPLICATION_ERROR};
    uint8_t later[RILL_PACKET_BUFFER];
    client c;
    rill_stream *other;
    (void)state;
    open_client(&c);
    write_bytes(&c, "hello");
    assert_true(next(&c));
    fulfill(&c, 0, NULL, 0);
    assert_int_equal(rill_connection_open_stream(c.connection, &other), RILL_OK);
    assert_int_equal(rill_stream_set_receive_max(other, 77), RILL_OK);
    write_bytes(&c, "again");
    assert_true(next(&c));
    assert_non_null(raw_find(&question, RILL_FRAME_STREAM_DATA));
    size_t len = raw_answer(&c.server, c.packet, c.len, true, 0, 0, NULL, 0, later);
    uint64_t request = c.request;
    assert_int_equal(rill_stream_set_receive_max(other, 88), RILL_OK);
    assert_true(next(&c));
    fulfill(&c, 0, &failed, 1);
    memcpy(answer, later, len);
    c.request = request;
    give(&c, len);
    assert_int_equal(c.events[RILL_EVENT_STREAM_END], 1);
    assert_int_equal(c.stream_error, RILL_ERR_REMOTE);
    assert_int_equal(c.offsets.acknowledged, 5);
    assert_int_equal(c.offsets.answered, 10);
    close_client(&c);
}

static bool tells_maximum(uint64_t stream, uint64_t value)
{
    for (unsigned i = 0; i < question.frame_count; i++) {
        const rill_frame *f = &question.frames[i];
        if (f->type == RILL_FRAME_STREAM_MAX_MONEY && f->stream == stream && f->value == value)
            return true;
    }
    return false;
}

/*
 * The reference looks at no frame of a packet that has bytes or money for a stream that it has
 * closed: what such a packet told is told again.
 */
static void test_what_a_packet_refused_for_its_stream_told_is_told_again(void **state)
{
    const rill_frame closed = {
        .type = RILL_FRAME_STREAM_CLOSE, .stream = 1, .code = RILL_CLOSE_STREAM_STATE_ERROR};
    (void)state;
    for (unsigned money = 0; money < 2; money++) {
        client c;
        rill_stream *other;
        open_client(&c);
        assert_int_equal(rill_connection_open_stream(c.connection, &other), RILL_OK);
        assert_int_equal(rill_stream_set_receive_max(other, 77), RILL_OK);
        if (money)
            assert_int_equal(rill_stream_set_send_max(c.stream, 10), RILL_OK);
        else
            write_bytes(&c, "hello");
        assert_true(next(&c));
        assert_int_equal(c.amount, money ? 10 : 0);
        assert_true(tells_maximum(3, 77));
        refuse(&c, c.amount, &closed, 1);
        assert_true(next(&c));
        assert_true(tells_maximum(3, 77));
        close_client(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_receiver_says_arrived_is_noted),
        cmocka_unit_test(test_a_fulfillment_without_data_commits),
        cmocka_unit_test(test_a_false_fulfillment_commits_nothing),
        cmocka_unit_test(test_a_probe_is_not_fulfilled),
        cmocka_unit_test(test_replies_are_not_exchanged),
        cmocka_unit_test(test_a_malformed_reply_leaves_money_in_doubt),
        cmocka_unit_test(test_absurd_amounts_do_not_wrap),
        cmocka_unit_test(test_limits_are_asked_about_and_raised),
        cmocka_unit_test(test_no_limit_does_not_sink),
        cmocka_unit_test(test_control_frames_are_sent_until_acknowledged),
        cmocka_unit_test(test_a_server_may_close_in_a_reply),
        cmocka_unit_test(test_a_new_address_is_used_and_checked_first),
        cmocka_unit_test(test_final_errors_of_the_path_end_it),
        cmocka_unit_test(test_frames_out_of_place),
        cmocka_unit_test(test_what_is_told_of_bytes_that_were_answered),
        cmocka_unit_test(test_bytes_after_an_end_by_an_error_have_not_arrived),
        cmocka_unit_test(test_what_a_packet_refused_for_its_stream_told_is_told_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
