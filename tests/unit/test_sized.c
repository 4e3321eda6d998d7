/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include "base/sized.h"
#include <cmocka.h>

#include <rill/rill.h>
#include <string.h>

/* One struct, as it was in an earlier version, is in this one, and will be in a later one. */
typedef struct early {
    size_t size;
    uint64_t first;
} early;
typedef struct now {
    size_t size;
    uint64_t first;
    uint64_t second;
} now;
typedef struct later {
    size_t size;
    uint64_t first;
    uint64_t second;
    uint64_t third;
} later;

static const now defaults = {.first = 1, .second = 2};

static void test_an_earlier_program_gets_the_default_of_what_it_does_not_know(void **state)
{
    (void)state;
    now full = defaults;
    const later given = {sizeof(early), 10, 20, 30};
    assert_int_equal(rill_sized_take(&full, sizeof full, &given), RILL_OK);
    assert_int_equal(full.size, sizeof full);
    assert_int_equal(full.first, 10);
    assert_int_equal(full.second, 2);
}

static void test_the_same_version_gives_all(void **state)
{
    (void)state;
    now full = defaults;
    const later given = {sizeof(now), 10, 20, 30};
    assert_int_equal(rill_sized_take(&full, sizeof full, &given), RILL_OK);
    assert_int_equal(full.first, 10);
    assert_int_equal(full.second, 20);
}

static void test_a_later_program_may_not_ask_for_what_is_not_there(void **state)
{
    (void)state;
    now full = defaults;
    later given = {sizeof given, 10, 20, 0};
    assert_int_equal(rill_sized_take(&full, sizeof full, &given), RILL_OK);
    assert_int_equal(full.size, sizeof full);
    assert_int_equal(full.second, 20);
    given.third = 1;
    assert_int_equal(rill_sized_take(&full, sizeof full, &given), RILL_ERR_UNSUPPORTED);
}

static void test_a_size_that_was_never_set_is_seen(void **state)
{
    (void)state;
    now full = defaults;
    now given = {0, 10, 20};
    assert_int_equal(rill_sized_take(&full, sizeof full, &given), RILL_ERR_INVALID);
    given.size = sizeof given.size - 1;
    assert_int_equal(rill_sized_take(&full, sizeof full, &given), RILL_ERR_INVALID);
    memset(&given, 0xa5, sizeof given);
    assert_int_equal(rill_sized_take(&full, sizeof full, &given), RILL_ERR_INVALID);
    assert_int_equal(full.first, 1);
}

static void test_what_is_given_ends_where_the_program_ends(void **state)
{
    (void)state;
    const now full = {7, 1, 2};
    later out = {0, 0, 0xee, 0xee};
    rill_sized_give(&out, sizeof(early), &full, sizeof full);
    assert_int_equal(out.size, 7);
    assert_int_equal(out.first, 1);
    assert_int_equal(out.second, 0xee);
    rill_sized_give(&out, sizeof out, &full, sizeof full);
    assert_int_equal(out.second, 2);
    assert_int_equal(out.third, 0);
}

static void test_an_initialised_struct_has_the_size_of_the_program(void **state)
{
    (void)state;
    later out = {0, 0, 0xee, 0xee};
    rill_sized_init(&out, sizeof(early), &defaults, sizeof defaults);
    assert_int_equal(out.size, sizeof(early));
    assert_int_equal(out.first, 1);
    assert_int_equal(out.second, 0xee);
    rill_sized_init(&out, sizeof out, &defaults, sizeof defaults);
    assert_int_equal(out.size, sizeof out);
    assert_int_equal(out.second, 2);
    assert_int_equal(out.third, 0);
}

/* ---- the public structs ---- */

static void test_connection_options_of_an_earlier_program(void **state)
{
    (void)state;
    rill_connection_options o;
    memset(&o, 0xff, sizeof o);
    rill_connection_options_init_sized(&o, offsetof(rill_connection_options, max_packet_amount));
    assert_int_equal(o.size, offsetof(rill_connection_options, max_packet_amount));
    assert_true(o.default_receive_max == RILL_UNLIMITED);
    assert_int_equal(o.max_in_flight, UINT32_MAX);
    /* What lies behind is not looked at. Otherwise it would be refused. */
    assert_int_equal(rill_connection_options_check(&o, NULL), RILL_OK);
    o.size = sizeof o;
    assert_int_equal(rill_connection_options_check(&o, NULL), RILL_ERR_INVALID);
}

static void test_options_that_were_not_initialised_are_named(void **state)
{
    (void)state;
    const rill_connection_options none = {0};
    const char *problem = NULL;
    assert_int_equal(rill_connection_options_check(&none, &problem), RILL_ERR_INVALID);
    assert_non_null(strstr(problem, "not initialised"));
    rill_endpoint_options o = {0};
    rill_endpoint *e;
    assert_int_equal(rill_endpoint_new(&e, &o), RILL_ERR_INVALID);
    rill_endpoint_options_init(&o);
    o.connection = &none;
    assert_int_equal(rill_endpoint_new(&e, &o), RILL_ERR_INVALID);
    assert_null(e);
}

static void test_options_of_a_later_program(void **state)
{
    (void)state;
    struct {
        rill_endpoint_options known;
        uint64_t unknown;
    } o;
    rill_endpoint *e;
    rill_endpoint_options_init_sized(&o.known, sizeof o);
    assert_int_equal(o.unknown, 0);
    assert_int_equal(rill_endpoint_new(&e, &o.known), RILL_OK);
    rill_endpoint_free(e);
    o.unknown = 1;
    assert_int_equal(rill_endpoint_new(&e, &o.known), RILL_ERR_UNSUPPORTED);
}

static void test_events_of_an_earlier_program(void **state)
{
    (void)state;
    rill_endpoint_options o;
    rill_endpoint *e;
    rill_endpoint_options_init(&o);
    assert_int_equal(rill_endpoint_new(&e, &o), RILL_OK);
    rill_event event;
    memset(&event, 0xff, sizeof event);
    assert_false(rill_endpoint_next_event_sized(e, &event, offsetof(rill_event, amount)));
    assert_null(event.connection);
    assert_true(event.amount == UINT64_MAX);
    rill_endpoint_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_earlier_program_gets_the_default_of_what_it_does_not_know),
        cmocka_unit_test(test_the_same_version_gives_all),
        cmocka_unit_test(test_a_later_program_may_not_ask_for_what_is_not_there),
        cmocka_unit_test(test_a_size_that_was_never_set_is_seen),
        cmocka_unit_test(test_what_is_given_ends_where_the_program_ends),
        cmocka_unit_test(test_an_initialised_struct_has_the_size_of_the_program),
        cmocka_unit_test(test_connection_options_of_an_earlier_program),
        cmocka_unit_test(test_options_that_were_not_initialised_are_named),
        cmocka_unit_test(test_options_of_a_later_program),
        cmocka_unit_test(test_events_of_an_earlier_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
