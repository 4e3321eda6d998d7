/* SPDX-License-Identifier: Apache-2.0 */
/* What a connector's Reject says of the path, and what becomes of the packet. */
#include "client_fixture.h"

#include "stream/core/contact.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/path_refusal.h"
#include "stream/core/settle.h"

/* The packet that is out meets this, on its way. */
static void meets(client *c, rill_ilp_code_id code, rill_bytes data)
{
    const rill_reject reject = {.code = rill_ilp_code_of(code), .data = data};
    rill_flight *f = rill_flight_find(c->endpoint->flights, c->request);
    assert_non_null(f);
    uint32_t in_flight = c->connection->path->congestion->packets.in_flight;
    rill_refused_by_path(c->connection, c->now, f, &reject);
    rill_settle(c->connection, c->now.mono_ns);
    /* It has one outcome, and what it carried is nobody's any more. */
    assert_int_equal(c->connection->path->congestion->packets.in_flight, in_flight - 1);
    assert_null(rill_flight_find(c->endpoint->flights, c->request));
}

static void meets_code(client *c, rill_ilp_code_id code)
{
    meets(c, code, (rill_bytes){NULL, 0});
}

/* Something has come back before, and so much is under way. */
static void open_paying(client *c, uint64_t amount)
{
    open_client(c);
    assert_true(next(c));
    fulfill(c, 0, NULL, 0);
    assert_int_equal(rill_stream_set_send_max(c->stream, amount), RILL_OK);
    assert_true(next(c));
    assert_true(c->amount == amount && totals(c).in_flight == amount);
}

static void test_its_money_is_free_again(void **state)
{
    static const rill_ilp_code_id codes[] = {
        RILL_ILP_F00_BAD_REQUEST,
        RILL_ILP_F02_UNREACHABLE,
        RILL_ILP_F08_AMOUNT_TOO_LARGE,
        RILL_ILP_T00_INTERNAL_ERROR,
        RILL_ILP_T04_INSUFFICIENT_LIQUIDITY,
        RILL_ILP_T05_RATE_LIMITED,
        RILL_ILP_R00_TRANSFER_TIMED_OUT,
        RILL_ILP_R01_INSUFFICIENT_SOURCE_AMOUNT,
    };
    (void)state;
    for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
        client c;
        open_paying(&c, 1000);
        meets_code(&c, codes[i]);
        assert_true(totals(&c).in_flight == 0 && totals(&c).sent == 0);
        assert_true(totals(&c).send_max == 1000 && c.connection->state == RILL_STATE_OPEN);
        close_client(&c);
    }
}

/* What is told is believed, in proportion; where nothing is, the size is searched. */
static void test_too_large(void **state)
{
    uint8_t data[16];
    client c;
    (void)state;
    rill_amount_too_large_encode((rill_amount_too_large){.received = 500, .maximum = 100}, data);
    open_paying(&c, 1000);
    const rill_packet_size *size = &c.connection->path->packet_size;
    meets(&c, RILL_ILP_F08_AMOUNT_TOO_LARGE, (rill_bytes){data, sizeof data});
    assert_true(size->passed == 200 && size->refused == 201 && size->exact);
    close_client(&c);
    open_paying(&c, 1000);
    size = &c.connection->path->packet_size;
    meets_code(&c, RILL_ILP_F08_AMOUNT_TOO_LARGE);
    assert_true(size->passed == 0 && size->refused == 1000 && !size->exact);
    close_client(&c);
}

/* One unit is too large, and nothing has ever got through: that is the end. */
static void test_no_amount_at_all(void **state)
{
    client c;
    (void)state;
    open_paying(&c, 1);
    meets_code(&c, RILL_ILP_F08_AMOUNT_TOO_LARGE);
    take_events(&c);
    assert_true(c.events[RILL_EVENT_CONNECTION_END] == 1 && c.end_error == RILL_ERR_PATH);
    close_client(&c);
    /* Where something has, what is left is too small. */
    open_paying(&c, 1);
    c.connection->path->money.sent = 1000;
    meets_code(&c, RILL_ILP_F08_AMOUNT_TOO_LARGE);
    assert_int_equal(c.connection->state, RILL_STATE_OPEN);
    assert_true(c.connection->path->worth.dust == 1);
    assert_true(c.connection->path->packet_size.refused == UINT64_MAX);
    close_client(&c);
}

/* R01: rounding would leave nothing of it. */
static void test_too_small(void **state)
{
    client c;
    (void)state;
    open_paying(&c, 7);
    meets_code(&c, RILL_ILP_R01_INSUFFICIENT_SOURCE_AMOUNT);
    const rill_connection *x = c.connection;
    assert_true(x->path->worth.dust == 7 && x->path->worth.barren == 7);
    assert_true(x->path->patience.low_rate_since != 0 &&
                x->holdoffs.refusals.until > c.now.mono_ns);
    close_client(&c);
}

/* F08 of what is much smaller than what passes: too small, once. Then the maximum has fallen. */
static void test_much_smaller_is_too_small_once(void **state)
{
    client c;
    (void)state;
    open_paying(&c, 10);
    rill_path *path = c.connection->path;
    rill_path_passed(path, 1000, c.now.mono_ns);
    meets_code(&c, RILL_ILP_F08_AMOUNT_TOO_LARGE);
    assert_true(path->suspected == 10 && path->suspicions == 1);
    assert_true(path->packet_size.passed == 1000 && path->packet_size.refused == UINT64_MAX);
    assert_true(next(&c));
    assert_int_equal(c.amount, 10);
    meets_code(&c, RILL_ILP_F08_AMOUNT_TOO_LARGE);
    assert_true(path->packet_size.passed == 0 && path->packet_size.refused == 10);
    assert_int_equal(path->suspected, 0); /* smaller ones are tried */
    assert_true(next(&c));
    assert_in_range(c.amount, 1, 9);
    close_client(&c);
}

/* T04 is about value, and T05 about packets: each is held back by its own window. */
static void test_which_is_too_much(void **state)
{
    client c;
    (void)state;
    open_paying(&c, 1000);
    meets_code(&c, RILL_ILP_T04_INSUFFICIENT_LIQUIDITY);
    assert_true(rill_congestion_value_is_short(c.connection->path->congestion));
    close_client(&c);
    open_paying(&c, 1000);
    uint32_t window = rill_congestion_window(c.connection->path->congestion);
    meets_code(&c, RILL_ILP_T05_RATE_LIMITED);
    assert_false(rill_congestion_value_is_short(c.connection->path->congestion));
    assert_true(rill_congestion_window(c.connection->path->congestion) < window);
    close_client(&c);
}

/* So many rounds of F02 are enough: three where nothing has ever come back, and eight after that.
 */
static void test_final_errors(void **state)
{
    (void)state;
    for (unsigned connected = 0; connected < 2; connected++) {
        client c;
        unsigned rounds = 0;
        open_client(&c);
        c.connection->contact.connected = connected != 0;
        uint64_t last = 0;
        while (c.connection->state == RILL_STATE_OPEN && rounds < 20) {
            assert_true(next(&c));
            rounds++;
            uint64_t now = c.now.mono_ns;
            meets_code(&c, RILL_ILP_F02_UNREACHABLE);
            uint64_t held = c.connection->holdoffs.path.until - now;
            assert_true(held > last || held == RILL_SECOND); /* ever longer */
            last = held;
        }
        assert_int_equal(rounds, connected ? 8 : 3);
        take_events(&c);
        assert_true(c.events[RILL_EVENT_CONNECTION_END] == 1 &&
                    c.end_error == RILL_ERR_UNREACHABLE);
        close_client(&c);
    }
}

/* A packet that has most of its time left counts as expired: a clock is wrong, and may be set. */
static void test_clocks_that_differ(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    assert_true(next(&c));
    meets_code(&c, RILL_ILP_R00_TRANSFER_TIMED_OUT);
    assert_int_equal(c.connection->contact.last_failure, RILL_ERR_CLOCK);
    assert_int_equal(c.connection->contact.final_errors, 1);
    assert_true(next(&c));
    /* Half of its time is over: it was merely late. */
    c.now.mono_ns += c.connection->options->packet_lifetime_ns / 2;
    meets_code(&c, RILL_ILP_R00_TRANSFER_TIMED_OUT);
    assert_int_equal(c.connection->contact.last_failure, RILL_ERR_UNREACHABLE);
    assert_int_equal(c.connection->contact.final_errors, 1);
    close_client(&c);
}

/* Of some codes it is known that the packet was not passed on; bytes of others may have arrived. */
static void test_bytes_that_may_have_arrived(void **state)
{
    static const struct {
        rill_ilp_code_id code;
        bool unsure;
    } cases[] = {
        {RILL_ILP_T00_INTERNAL_ERROR, true},
        {RILL_ILP_F00_BAD_REQUEST, true},
        {RILL_ILP_T02_PEER_BUSY, false},
        {RILL_ILP_T05_RATE_LIMITED, false},
        {RILL_ILP_R02_INSUFFICIENT_TIMEOUT, false},
        {RILL_ILP_R00_TRANSFER_TIMED_OUT, true},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        client c;
        size_t accepted;
        uint64_t from;
        open_client(&c);
        assert_true(next(&c));
        fulfill(&c, 0, NULL, 0);
        assert_int_equal(rill_stream_write(c.stream, "abc", 3, &accepted), RILL_OK);
        assert_true(next(&c));
        meets_code(&c, cases[i].code);
        assert_int_equal(rill_sendbuf_unsure(c.stream->sendbuf, &from), cases[i].unsure);
        assert_int_equal(rill_sendbuf_has_lost(c.stream->sendbuf), !cases[i].unsure);
        assert_true(c.connection->holdoffs.plain.until > c.now.mono_ns); /* it brought no money */
        close_client(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_its_money_is_free_again),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_no_amount_at_all),
        cmocka_unit_test(test_too_small),
        cmocka_unit_test(test_much_smaller_is_too_small_once),
        cmocka_unit_test(test_which_is_too_much),
        cmocka_unit_test(test_final_errors),
        cmocka_unit_test(test_clocks_that_differ),
        cmocka_unit_test(test_bytes_that_may_have_arrived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
