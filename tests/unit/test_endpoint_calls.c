/* SPDX-License-Identifier: Apache-2.0 */
/* What the calls of an endpoint refuse, and with which error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"
#include "support/raw.h"

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

/* ---- options ---- */

static void set_packet_amount(rill_connection_options *o)
{
    o->max_packet_amount = 0;
}

static void set_rate(rill_connection_options *o)
{
    o->min_rate = (rill_ratio){1, 0};
}

static void set_slippage(rill_connection_options *o)
{
    o->slippage = (rill_ratio){1, 1};
}

static void set_no_slippage(rill_connection_options *o)
{
    o->slippage = (rill_ratio){0, 0};
}

static void set_stream_buffer(rill_connection_options *o)
{
    o->stream_receive_buffer = 16383;
}

static void set_connection_buffer(rill_connection_options *o)
{
    o->connection_receive_buffer = 65533;
}

static void set_send_buffer(rill_connection_options *o)
{
    o->stream_send_buffer = 0;
}

static void set_few_streams(rill_connection_options *o)
{
    o->max_remote_streams = 9;
}

static void set_many_streams(rill_connection_options *o)
{
    o->max_remote_streams = 1000001;
}

static void set_no_flight(rill_connection_options *o)
{
    o->max_in_flight = 0;
}

static void set_all_flights(rill_connection_options *o)
{
    o->max_in_flight = 65537;
}

static void set_undecided(rill_connection_options *o)
{
    o->max_undecided = 0;
}

static void set_short_life(rill_connection_options *o)
{
    o->packet_lifetime_ns = 100 * RILL_MS - 1;
}

static void set_long_life(rill_connection_options *o)
{
    o->packet_lifetime_ns = 3600 * RILL_SECOND + 1;
}

static void set_connect_timeout(rill_connection_options *o)
{
    o->connect_timeout_ns = 0;
}

static void set_unknown_flag(rill_connection_options *o)
{
    o->flags = RILL_CONNECTION_ASK_NEW_STREAMS | 1ull << 40;
}

static const struct {
    void (*set)(rill_connection_options *o);
    const char *names;
} bad_options[] = {
    {set_packet_amount, "max_packet_amount"},
    {set_rate, "min_rate"},
    {set_slippage, "slippage"},
    {set_no_slippage, "slippage"},
    {set_stream_buffer, "stream_receive_buffer"},
    {set_connection_buffer, "connection_receive_buffer"},
    {set_send_buffer, "stream_send_buffer"},
    {set_few_streams, "max_remote_streams"},
    {set_many_streams, "max_remote_streams"},
    {set_no_flight, "max_in_flight"},
    {set_all_flights, "max_in_flight"},
    {set_undecided, "max_undecided"},
    {set_short_life, "packet_lifetime"},
    {set_long_life, "packet_lifetime"},
    {set_connect_timeout, "connect_timeout"},
    {set_unknown_flag, "flags"},
};

static void test_options_out_of_range_are_named(void **state)
{
    pair *p = *state;
    for (unsigned i = 0; i < sizeof bad_options / sizeof bad_options[0]; i++) {
        rill_endpoint_options o;
        rill_endpoint *e;
        rill_connection *c;
        const char *problem = NULL;
        rill_connection_options connection;
        rill_endpoint_options_init(&o);
        rill_connection_options_init(&connection);
        o.connection = &connection;
        assert_int_equal(rill_connection_options_check(&connection, &problem), RILL_OK);
        assert_null(problem);
        bad_options[i].set(&connection);
        assert_int_equal(rill_connection_options_check(&connection, &problem), RILL_ERR_INVALID);
        assert_memory_equal(problem, bad_options[i].names, strlen(bad_options[i].names));
        assert_int_equal(rill_endpoint_new(&e, &o), RILL_ERR_INVALID);
        assert_null(e);
        assert_int_equal(rill_endpoint_connect(p->end[PAIR_CLIENT].endpoint, p->now,
                                               p->credentials.destination_account,
                                               p->credentials.shared_secret, 32, &connection, &c),
                         RILL_ERR_INVALID);
        assert_null(c);
    }
    rill_endpoint_options none;
    rill_endpoint *e;
    rill_endpoint_options_init(&none);
    none.max_connections = 0;
    assert_int_equal(rill_endpoint_new(&e, &none), RILL_ERR_INVALID);
}

/* ---- before there is an account ---- */

static void test_nothing_works_without_an_account(void **state)
{
    pair *p = *state;
    rill_endpoint_options o;
    rill_endpoint *e;
    rill_connection *c;
    rill_credentials credentials;
    static uint8_t buffer[RILL_PACKET_BUFFER];
    size_t len = 1;
    uint64_t request;
    rill_endpoint_options_init(&o);
    assert_int_equal(rill_endpoint_new(&e, &o), RILL_OK);
    assert_string_equal(rill_endpoint_address(e), "");
    assert_int_equal(rill_endpoint_connect(e, p->now, "test.server.x", buffer, 32, NULL, &c),
                     RILL_ERR_STATE);
    assert_int_equal(rill_endpoint_generate_credentials(e, NULL, &credentials), RILL_ERR_STATE);
    assert_int_equal(rill_endpoint_receive_prepare(e, p->now, 1, buffer, 10, buffer, &len),
                     RILL_ERR_STATE);
    assert_int_equal(len, 0);
    assert_int_equal(rill_endpoint_next_prepare(e, p->now, buffer, &len, &request), RILL_OK);
    assert_int_equal(len, 0);
    assert_true(rill_endpoint_deadline(e) == RILL_NEVER);
    rill_endpoint_free(e);
}

static void test_accounts_that_cannot_be(void **state)
{
    pair *p = *state;
    rill_endpoint *e = p->end[PAIR_CLIENT].endpoint;
    char address[RILL_ILP_MAX_ADDRESS + 1] = "test.";
    char code[RILL_MAX_ASSET_CODE + 2] = "";
    rill_connection *c;
    assert_int_equal(rill_endpoint_set_account(e, text("test..x"), text("ABC"), 9),
                     RILL_ERR_ADDRESS);
    memset(address + 5, 'a', 700);
    assert_int_equal(rill_endpoint_set_account(e, text(address), text("ABC"), 9),
                     RILL_ERR_TOO_LARGE);
    memset(code, 'A', RILL_MAX_ASSET_CODE + 1);
    assert_int_equal(rill_endpoint_set_account(e, text("test.client"), text(code), 9),
                     RILL_ERR_TOO_LARGE);
    /* RFC 29 section 4.3.3: not while a connection is open. */
    assert_int_equal(rill_endpoint_set_account(e, text("test.client"), text("XYZ"), 9),
                     RILL_ERR_ASSET);
    assert_int_equal(rill_endpoint_set_account(e, text("test.client"), text("ABC"), 8),
                     RILL_ERR_ASSET);
    assert_string_equal(rill_endpoint_address(e), "test.client");
    assert_string_equal(rill_endpoint_asset_code(e), "ABC");
    assert_int_equal(rill_endpoint_asset_scale(e), 9);
    assert_int_equal(
        rill_endpoint_connect(e, p->now, "test..x", p->credentials.shared_secret, 32, NULL, &c),
        RILL_ERR_ADDRESS);
    assert_int_equal(
        rill_endpoint_connect(e, p->now, "test.x", p->credentials.shared_secret, 0, NULL, &c),
        RILL_ERR_INVALID);
    /* Once it is over the asset may be another. */
    rill_connection_close(p->end[PAIR_CLIENT].connection, RILL_CLOSE_NO_ERROR, NULL);
    pair_run(p, RILL_SECOND);
    assert_int_equal(rill_endpoint_set_account(e, text("test.client"), text("XYZ"), 2), RILL_OK);
    assert_int_equal(rill_endpoint_asset_scale(e), 2);
}

/* ---- streams and connections ---- */

static void test_calls_on_what_is_closed(void **state)
{
    pair *p = *state;
    size_t accepted = 7;
    rill_stream *none;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    rill_connection *c = p->end[PAIR_CLIENT].connection;
    pair_write(s, "x", 1);
    assert_int_equal(rill_stream_write(s, "x", 0, &accepted), RILL_OK);
    assert_int_equal(accepted, 0);
    assert_int_equal(rill_stream_end(s), RILL_OK);
    assert_int_equal(rill_stream_end(s), RILL_ERR_CLOSED);
    assert_int_equal(rill_stream_set_send_max(s, 1), RILL_ERR_CLOSED);
    assert_int_equal(rill_stream_send_total(s, 1, RILL_NEVER), RILL_ERR_CLOSED);
    assert_int_equal(rill_stream_write(s, "x", 1, &accepted), RILL_ERR_CLOSED);
    assert_int_equal(rill_stream_writable(s), 0);
    rill_stream_close(s, RILL_CLOSE_NO_ERROR, NULL);
    rill_stream_close(s, RILL_CLOSE_INTERNAL_ERROR, "twice");
    assert_int_equal(rill_stream_set_receive_max(s, 1), RILL_ERR_CLOSED);
    assert_int_equal(rill_stream_receive_total(s, 1, RILL_NEVER), RILL_ERR_CLOSED);
    pair_run(p, 100 * RILL_MS);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->code, RILL_CLOSE_NO_ERROR);
    rill_connection_close(c, RILL_CLOSE_NO_ERROR, NULL);
    assert_int_equal(rill_connection_open_stream(c, &none), RILL_ERR_CLOSED);
    assert_null(none);
}

static void test_totals_that_are_less_than_what_left(void **state)
{
    pair *p = *state;
    rill_stream_totals t;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 50, RILL_NEVER), RILL_OK);
    assert_int_equal(rill_stream_send_total(s, 60, RILL_NEVER), RILL_ERR_STATE);
    assert_int_equal(rill_stream_receive_total(s, 50, RILL_NEVER), RILL_OK);
    assert_int_equal(rill_stream_receive_total(s, 60, RILL_NEVER), RILL_ERR_STATE);
    pair_run(p, 100 * RILL_MS);
    assert_int_equal(rill_stream_send_total(s, 49, RILL_NEVER), RILL_ERR_RANGE);
    assert_int_equal(rill_stream_set_weight(s, 0), RILL_ERR_RANGE);
    assert_int_equal(rill_stream_set_weight(s, 257), RILL_ERR_RANGE);
    assert_int_equal(rill_stream_set_weight(s, 256), RILL_OK);
    rill_stream_get_totals(s, &t);
    assert_int_equal(t.send_max, 50);
    assert_int_equal(t.sent, 50);
}

static void test_offsets_and_pointers(void **state)
{
    pair *p = *state;
    rill_stream_offsets o;
    int mark;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    rill_connection *c = p->end[PAIR_CLIENT].connection;
    assert_null(rill_stream_user(s));
    rill_stream_set_user(s, &mark);
    rill_connection_set_user(c, &mark + 1);
    assert_ptr_equal(rill_stream_user(s), &mark);
    assert_ptr_equal(rill_connection_user(c), &mark + 1);
    assert_ptr_equal(rill_connection_endpoint(c), p->end[PAIR_CLIENT].endpoint);
    rill_stream_consume(s, 0);
    p->no_read[PAIR_SERVER] = true;
    pair_write(s, "hello", 5);
    rill_stream_get_offsets(s, &o);
    assert_int_equal(o.written, 5);
    assert_int_equal(o.acknowledged, 0);
    pair_run(p, 100 * RILL_MS);
    rill_stream_get_offsets(s, &o);
    assert_int_equal(o.acknowledged, 5);
    rill_stream *t = rill_connection_stream(p->end[PAIR_SERVER].connection, 1);
    rill_stream_consume(t, 2);
    rill_stream_get_offsets(t, &o);
    assert_int_equal(o.received, 5);
    assert_int_equal(o.consumed, 2);
    assert_memory_equal(rill_stream_peek(t).data, "llo", 3);
}

/* A path that was too poor, and an application that changes its mind. */
static void test_a_new_minimum_rate_lets_money_go(void **state)
{
    pair *p = *state;
    rill_stream_totals t;
    rill_connection *c = p->end[PAIR_CLIENT].connection;
    p->rate[PAIR_CLIENT] = (rill_ratio){9, 10};
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 1000, RILL_NEVER), RILL_OK);
    pair_run(p, RILL_SECOND);
    rill_stream_get_totals(s, &t);
    assert_int_equal(t.sent, 0);
    assert_int_equal(rill_connection_set_min_rate(c, (rill_ratio){0, 1}), RILL_ERR_INVALID);
    assert_int_equal(rill_connection_set_min_rate(c, (rill_ratio){1, 0}), RILL_ERR_INVALID);
    assert_int_equal(rill_connection_set_min_rate(c, (rill_ratio){8, 10}), RILL_OK);
    pair_run(p, 2 * RILL_SECOND);
    rill_stream_get_totals(s, &t);
    assert_int_equal(t.sent, 1000);
    assert_int_equal(t.delivered, 900);
    pair_check_books(p);
}

static char last_message[1000];

static void keep_message(pair *p, pair_side side, const rill_event *event)
{
    (void)p;
    if (side == PAIR_SERVER &&
        (event->type == RILL_EVENT_STREAM_END || event->type == RILL_EVENT_CONNECTION_END))
        strncpy(last_message, event->message, sizeof last_message - 1);
}

static void test_long_messages_are_cut(void **state)
{
    pair *p = *state;
    char message[400] = {0};
    memset(message, 'm', sizeof message - 1);
    p->on_event = keep_message;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, 100 * RILL_MS);
    rill_stream_close(s, RILL_CLOSE_APPLICATION_ERROR, message);
    pair_run(p, 100 * RILL_MS);
    assert_int_equal(strlen(last_message), 255);
    last_message[0] = '\0';
    rill_connection_close(p->end[PAIR_CLIENT].connection, RILL_CLOSE_APPLICATION_ERROR, message);
    pair_run(p, 100 * RILL_MS);
    assert_int_equal(strlen(last_message), 255);
}

static void test_close_codes_have_names(void **state)
{
    (void)state;
    assert_string_equal(rill_close_code_name(RILL_CLOSE_NO_ERROR), "NoError");
    assert_string_equal(rill_close_code_name(RILL_CLOSE_FLOW_CONTROL_ERROR), "FlowControlError");
    assert_string_equal(rill_close_code_name(RILL_CLOSE_APPLICATION_ERROR), "ApplicationError");
    assert_string_equal(rill_close_code_name(0), "unknown error");
    assert_string_equal(rill_close_code_name(10), "unknown error");
    assert_string_equal(rill_close_code_name(255), "unknown error");
}

static void test_credentials_are_wiped(void **state)
{
    pair *p = *state;
    rill_credentials c;
    static const rill_credentials zero;
    assert_int_equal(rill_endpoint_generate_credentials(p->end[PAIR_SERVER].endpoint, NULL, &c),
                     RILL_OK);
    assert_memory_not_equal(c.shared_secret, zero.shared_secret, sizeof c.shared_secret);
    rill_credentials_wipe(&c);
    assert_memory_equal(&c, &zero, sizeof c);
}

/* ---- packets that are for nobody ---- */

/* A Prepare with so much data for an address; the code that it is refused with. */
static rill_ilp_code_id refusal(pair *p, const char *to, size_t data_len)
{
    static const uint8_t condition[32];
    static uint8_t data[100];
    static uint8_t packet[RILL_PACKET_BUFFER];
    static uint8_t reply[RILL_PACKET_BUFFER];
    size_t len;
    rill_reject reject;
    rill_prepare prepare = {.expires_at_ms = p->now.wall_ms + 1000,
                            .condition = condition,
                            .destination = text(to),
                            .data = {data, data_len}};
    assert_int_equal(rill_prepare_encode(&prepare, packet, sizeof packet, &len), RILL_OK);
    assert_int_equal(rill_endpoint_receive_prepare(p->end[PAIR_SERVER].endpoint, p->now, 1, packet,
                                                   len, reply, &len),
                     RILL_OK);
    assert_int_equal(rill_reject_decode(&reject, reply, len), RILL_OK);
    assert_int_equal(reject.data.len, 0);
    return rill_ilp_code_find(reject.code);
}

static void test_packets_for_nobody(void **state)
{
    pair *p = *state;
    pair_run(p, 100 * RILL_MS);
    const char *connection = p->credentials.destination_account;
    assert_int_equal(refusal(p, "test.server", 50), RILL_ILP_F02_UNREACHABLE);
    assert_int_equal(refusal(p, "test.elsewhere.x", 50), RILL_ILP_F02_UNREACHABLE);
    assert_int_equal(refusal(p, "test.server.x", 50), RILL_ILP_F06_UNEXPECTED_PAYMENT);
    /* It is for credentials that nobody has used, and comes from nobody who knows their secret. */
    rill_credentials unused;
    assert_int_equal(
        rill_endpoint_generate_credentials(p->end[PAIR_SERVER].endpoint, NULL, &unused), RILL_OK);
    assert_int_equal(refusal(p, unused.destination_account, 0), RILL_ILP_F06_UNEXPECTED_PAYMENT);
    assert_int_equal(refusal(p, unused.destination_account, 28), RILL_ILP_F06_UNEXPECTED_PAYMENT);
    assert_int_equal(refusal(p, unused.destination_account, 60), RILL_ILP_F06_UNEXPECTED_PAYMENT);
    assert_int_equal(rill_endpoint_connection_count(p->end[PAIR_SERVER].endpoint), 1);
    rill_credentials_wipe(&unused);
    /* It is for an open connection, but cannot be decrypted. */
    assert_int_equal(refusal(p, connection, 0), RILL_ILP_F06_UNEXPECTED_PAYMENT);
    assert_int_equal(refusal(p, connection, 28), RILL_ILP_F06_UNEXPECTED_PAYMENT);
    assert_int_equal(refusal(p, connection, 60), RILL_ILP_F06_UNEXPECTED_PAYMENT);
    assert_int_equal(rill_endpoint_connection_count(p->end[PAIR_SERVER].endpoint), 1);
}

static void test_who_accepts_nobody_is_unreachable(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.server.accept = false;
    pair_open(p, &o);
    assert_int_equal(refusal(p, p->credentials.destination_account, 60), RILL_ILP_F02_UNREACHABLE);
    pair_run(p, 2 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].end_error, RILL_ERR_UNREACHABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_options_out_of_range_are_named),
        PAIR_TEST(test_nothing_works_without_an_account),
        PAIR_TEST(test_accounts_that_cannot_be),
        PAIR_TEST(test_calls_on_what_is_closed),
        PAIR_TEST(test_totals_that_are_less_than_what_left),
        PAIR_TEST(test_offsets_and_pointers),
        PAIR_TEST(test_a_new_minimum_rate_lets_money_go),
        PAIR_TEST(test_long_messages_are_cut),
        PAIR_TEST(test_close_codes_have_names),
        PAIR_TEST(test_credentials_are_wiped),
        PAIR_TEST(test_packets_for_nobody),
        PAIR_TEST_TO_OPEN(test_who_accepts_nobody_is_unreachable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
