/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a connection: which are refused and why, and what is taken of a program's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stream/core/options.h"
#include <rill/error.h>

static rill_connection_options o;

static int setup(void **state)
{
    (void)state;
    rill_connection_options_init(&o);
    return 0;
}

/* Refused, for a reason that names the member. */
static void refused(const char *member)
{
    const char *problem = NULL;
    assert_int_equal(rill_connection_options_check(&o, &problem), RILL_ERR_INVALID);
    assert_non_null(problem);
    assert_non_null(strstr(problem, member));
    assert_int_equal(rill_connection_options_check(&o, NULL), RILL_ERR_INVALID);
    rill_connection_options_init(&o);
}

static void taken(void)
{
    const char *problem = "untouched";
    assert_int_equal(rill_connection_options_check(&o, &problem), RILL_OK);
    assert_null(problem);
    rill_connection_options_init(&o);
}

static void test_the_defaults_are_good(void **state)
{
    (void)state;
    taken();
    assert_int_equal(o.max_remote_streams, 10);
    assert_true(o.default_receive_max == RILL_UNLIMITED && o.tell_address && !o.padding);
}

static void test_amounts_and_rates(void **state)
{
    (void)state;
    o.max_packet_amount = 0;
    refused("max_packet_amount");
    o.max_packet_amount = 1;
    taken();
    o.min_rate = (rill_ratio){1, 0};
    refused("min_rate");
    o.min_rate = (rill_ratio){0, 0}; /* none is given */
    taken();
    o.slippage = (rill_ratio){1, 0};
    refused("slippage");
    o.slippage = (rill_ratio){1, 1}; /* nothing would have to arrive */
    refused("slippage");
    o.slippage = (rill_ratio){UINT64_MAX - 1, UINT64_MAX};
    taken();
    o.slippage = (rill_ratio){0, 1};
    taken();
}

static void test_buffers(void **state)
{
    (void)state;
    o.stream_receive_buffer = 16383;
    refused("stream_receive_buffer");
    o.stream_receive_buffer = 16384;
    taken();
    o.connection_receive_buffer = 65533;
    refused("connection_receive_buffer");
    o.connection_receive_buffer = 65534;
    taken();
    o.stream_send_buffer = 0;
    refused("stream_send_buffer");
    o.stream_send_buffer = 1;
    taken();
}

static void test_counts(void **state)
{
    (void)state;
    o.max_remote_streams = 9; /* the other side counts on ten */
    refused("max_remote_streams");
    o.max_remote_streams = 1000001;
    refused("max_remote_streams");
    o.max_remote_streams = 1000000;
    taken();
    o.max_in_flight = 0;
    refused("max_in_flight");
    o.max_in_flight = 65537; /* more than a receiver tells apart */
    refused("max_in_flight");
    o.max_in_flight = 65536;
    taken();
    o.max_undecided = 0;
    refused("max_undecided");
}

static void test_times(void **state)
{
    (void)state;
    o.packet_lifetime_ns = 100 * RILL_MS - 1;
    refused("packet_lifetime");
    o.packet_lifetime_ns = 100 * RILL_MS;
    taken();
    o.packet_lifetime_ns = 3600 * RILL_SECOND;
    taken();
    o.packet_lifetime_ns = 3600 * RILL_SECOND + 1;
    refused("packet_lifetime");
    o.connect_timeout_ns = 0;
    refused("connect_timeout");
    o.idle_timeout_ns = 0; /* never */
    taken();
}

static void test_what_is_not_given_is_the_default(void **state)
{
    rill_connection_options full;
    (void)state;
    memset(&full, 0xff, sizeof full);
    assert_int_equal(rill_connection_options_take(&full, NULL), RILL_OK);
    assert_int_equal(full.size, sizeof full);
    assert_int_equal(full.max_in_flight, 4096);
    o.max_in_flight = 7;
    o.size = offsetof(rill_connection_options, packet_lifetime_ns); /* it knows no more */
    o.packet_lifetime_ns = 1;
    assert_int_equal(rill_connection_options_take(&full, &o), RILL_OK);
    assert_int_equal(full.max_in_flight, 7);
    assert_true(full.packet_lifetime_ns == 30 * RILL_SECOND);
}

static void test_what_was_not_initialised_is_named(void **state)
{
    const char *problem = NULL;
    rill_connection_options zero = {0};
    struct {
        rill_connection_options o;
        uint64_t later;
    } of_tomorrow = {.o = o, .later = 1};
    (void)state;
    assert_int_equal(rill_connection_options_check(&zero, &problem), RILL_ERR_INVALID);
    assert_non_null(strstr(problem, "not initialised"));
    of_tomorrow.o.size = sizeof of_tomorrow;
    assert_int_equal(rill_connection_options_check(&of_tomorrow.o, &problem), RILL_ERR_UNSUPPORTED);
    assert_non_null(strstr(problem, "does not know"));
    of_tomorrow.later = 0; /* it does not ask for it */
    assert_int_equal(rill_connection_options_check(&of_tomorrow.o, &problem), RILL_OK);
}

/* An option that is new is compared as well: same_limits and its like in options.c, and then here.
 */
_Static_assert(sizeof(rill_connection_options) <= 128 || sizeof(void *) != 8, "a new option");

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_defaults_are_good, setup),
        cmocka_unit_test_setup(test_amounts_and_rates, setup),
        cmocka_unit_test_setup(test_buffers, setup),
        cmocka_unit_test_setup(test_counts, setup),
        cmocka_unit_test_setup(test_times, setup),
        cmocka_unit_test_setup(test_what_is_not_given_is_the_default, setup),
        cmocka_unit_test_setup(test_what_was_not_initialised_is_named, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
