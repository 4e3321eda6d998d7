/* SPDX-License-Identifier: Apache-2.0 */
/* The table of Prepares that are out: what a reply finds, and what it must not find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stream/core/flight.h"
#include "support/failing_memory.h"
#include <rill/types.h>

/* Never looked into. */
static rill_connection *const somebody = (rill_connection *)(uintptr_t)16;

static rill_flight_pool pool;

static rill_flight_pool *new_pool(const rill_allocator *a)
{
    rill_flight_pool_init(&pool, a);
    return &pool;
}

static rill_flight *open_one(rill_flight_table *t)
{
    rill_flight *f = rill_flight_open(t);
    assert_non_null(f);
    f->connection = somebody;
    return f;
}

static void test_found_until_it_is_closed(void **state)
{
    (void)state;
    rill_flight_table t;
    rill_flight_table_init(&t, rill_allocator_default(), new_pool(rill_allocator_default()));
    assert_null(rill_flight_find(&t, 0));
    rill_flight *one = open_one(&t);
    rill_flight *two = open_one(&t);
    assert_true(one->request != two->request);
    assert_ptr_equal(rill_flight_find(&t, one->request), one);
    assert_ptr_equal(rill_flight_find(&t, two->request), two);
    uint64_t request = one->request;
    rill_flight_close(&t, one);
    assert_null(rill_flight_find(&t, request));
    assert_ptr_equal(rill_flight_find(&t, two->request), two);
    rill_flight_close(&t, two);
    rill_flight_table_clear(&t);
    rill_flight_pool_clear(&pool);
}

/* A reply that comes twice, or late, must not be applied to who has the slot now. */
static void test_a_slot_is_used_again_under_another_name(void **state)
{
    (void)state;
    rill_flight_table t;
    rill_flight_table_init(&t, rill_allocator_default(), new_pool(rill_allocator_default()));
    rill_flight *f = open_one(&t);
    uint64_t before = f->request;
    rill_flight_close(&t, f);
    for (unsigned i = 0; i < 1000; i++) {
        rill_flight *again = open_one(&t);
        assert_ptr_equal(again, f); /* the record is kept, and not allocated anew */
        assert_int_equal((uint32_t)again->request, (uint32_t)before);
        assert_true(again->request != before);
        assert_null(rill_flight_find(&t, before));
        before = again->request;
        rill_flight_close(&t, again);
    }
    rill_flight_table_clear(&t);
    rill_flight_pool_clear(&pool);
}

static void test_a_record_begins_empty(void **state)
{
    (void)state;
    rill_flight_table t;
    rill_flight_table_init(&t, rill_allocator_default(), new_pool(rill_allocator_default()));
    rill_flight *f = open_one(&t);
    f->amount = f->minimum = f->sequence = 7;
    f->kind = RILL_FLIGHT_CLOSE;
    f->in_doubt = f->unsure = f->first = true;
    f->money_count = f->piece_count = f->control_count = 3;
    memset(f->fulfillment, 9, sizeof f->fulfillment);
    rill_flight_close(&t, f);
    /* Whoever knows it could fulfil the packet: it is wiped at once. */
    static const uint8_t zeros[32];
    assert_memory_equal(f->fulfillment, zeros, 32);
    f = open_one(&t);
    assert_int_equal(f->amount, 0);
    assert_int_equal(f->minimum, 0);
    assert_int_equal(f->sequence, 0);
    assert_int_equal(f->kind, RILL_FLIGHT_NORMAL);
    assert_false(f->in_doubt || f->unsure || f->first || f->overdue || f->trial);
    assert_int_equal(f->money_count + f->piece_count + f->control_count, 0);
    assert_false(rill_list_linked(&f->node));
    rill_flight_close(&t, f);
    rill_flight_table_clear(&t);
    rill_flight_pool_clear(&pool);
}

/* A record goes from one table to another: one that was used last, and is in no table now. */
static void test_tables_share_a_pool(void **state)
{
    (void)state;
    rill_flight_table one, two;
    rill_flight_table_init(&one, rill_allocator_default(), new_pool(rill_allocator_default()));
    rill_flight_table_init(&two, rill_allocator_default(), &pool);
    rill_flight *a = open_one(&one);
    rill_flight *b = open_one(&one);
    uint64_t request = a->request;
    rill_flight_close(&one, b);
    rill_flight_close(&one, a);
    assert_ptr_equal(open_one(&two), a);
    assert_ptr_equal(open_one(&two), b);
    assert_null(rill_flight_find(&one, request));
    rill_flight *c = open_one(&one);
    assert_true(c != a && c != b);
    rill_flight_close(&one, c);
    rill_flight_close(&two, a);
    rill_flight_close(&two, b);
    rill_flight_table_clear(&one);
    rill_flight_table_clear(&two);
    rill_flight_pool_clear(&pool);
}

static void test_numbers_that_were_never_given(void **state)
{
    (void)state;
    enum { MANY = 200 }; /* more than the table has at once */
    rill_flight *all[MANY];
    rill_flight_table t;
    rill_flight_table_init(&t, rill_allocator_default(), new_pool(rill_allocator_default()));
    for (size_t i = 0; i < MANY; i++)
        all[i] = open_one(&t);
    for (size_t i = 0; i < MANY; i++) {
        assert_ptr_equal(rill_flight_find(&t, all[i]->request), all[i]);
        assert_null(rill_flight_find(&t, all[i]->request + (UINT64_C(1) << 32)));
        assert_null(rill_flight_find(&t, (uint32_t)all[i]->request));
    }
    assert_null(rill_flight_find(&t, UINT64_MAX));
    assert_null(rill_flight_find(&t, (UINT64_C(1) << 32) | 4000000000u));
    for (size_t i = 0; i < MANY; i++)
        rill_flight_close(&t, all[i]);
    rill_flight_table_clear(&t);
    rill_flight_pool_clear(&pool);
}

static void test_nobody_can_take_a_probes_money(void **state)
{
    (void)state;
    rill_flight f = {.amount = 100};
    assert_int_equal(rill_flight_value(&f), 100);
    f.kind = RILL_FLIGHT_PROBE;
    assert_int_equal(rill_flight_value(&f), 0);
    f.kind = RILL_FLIGHT_CLOSE;
    assert_int_equal(rill_flight_value(&f), 0);
}

static void test_without_memory(void **state)
{
    (void)state;
    for (unsigned long nth = 1; nth <= 4; nth++) {
        failing_memory m;
        rill_flight_table t;
        failing_memory_init(&m, nth, 1);
        rill_flight_table_init(&t, &m.allocator, new_pool(&m.allocator));
        assert_null(rill_flight_open(&t));
        assert_int_equal(m.refused, 1);
        /* It goes on from where it was. */
        rill_flight *f = open_one(&t);
        assert_ptr_equal(rill_flight_find(&t, f->request), f);
        rill_flight_close(&t, f);
        rill_flight_table_clear(&t);
        rill_flight_pool_clear(&pool);
        assert_int_equal(m.blocks, 0);
        failing_memory_end(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_until_it_is_closed),
        cmocka_unit_test(test_a_slot_is_used_again_under_another_name),
        cmocka_unit_test(test_a_record_begins_empty),
        cmocka_unit_test(test_tables_share_a_pool),
        cmocka_unit_test(test_numbers_that_were_never_given),
        cmocka_unit_test(test_nobody_can_take_a_probes_money),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
