/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <rill/error.h>

#include "connector/books.h"
#include <cmocka.h>

enum { USD, XRP };
enum { MINUTE = 60000 };

static rill_books books;
static rill_balance alice, bob, carol; /* alice and carol have USD, bob has XRP */
static rill_group group;
static bool memory_fails;

static void *reallocate(void *user, void *old, size_t size)
{
    (void)user;
    return memory_fails ? NULL : realloc(old, size);
}

static void release(void *user, void *old)
{
    (void)user;
    free(old);
}

static const rill_allocator allocator = {reallocate, release, NULL};

static rill_i128 number(int64_t value)
{
    return rill_wide_signed(rill_wide_of(value < 0 ? UINT64_MAX : 0, (uint64_t)value));
}

static void booked(const rill_balance *a, int64_t value)
{
    assert_true(rill_wide_equal(a->booked, number(value)));
}

static rill_i128 sum_of(uint32_t asset)
{
    rill_i128 sum = number(0);
    rill_balance *const all[] = {&alice, &bob, &carol};
    for (size_t i = 0; i < 3; i++) {
        if (all[i]->asset == asset)
            assert_true(rill_wide_sum(sum, all[i]->booked, &sum));
    }
    return sum;
}

static void even(void)
{
    assert_true(rill_books_even(&books, USD, sum_of(USD)));
    assert_true(rill_books_even(&books, XRP, sum_of(XRP)));
}

static int set_up(void **state)
{
    (void)state;
    memory_fails = false;
    rill_books_init(&books, &allocator, 7);
    rill_balance_init(&alice, 10, USD, number(0));
    rill_balance_init(&bob, 11, XRP, number(0));
    rill_balance_init(&carol, 12, USD, number(0));
    return rill_books_add_asset(&books, 1, number(0), 2, number(0)) != RILL_OK ||
           rill_books_add_asset(&books, 3, number(0), 4, number(0)) != RILL_OK;
}

static int tear_down(void **state)
{
    (void)state;
    rill_books_clear(&books);
    rill_group_clear(&group, &allocator);
    return 0;
}

static rill_flow *flow_of(rill_balance *from, rill_balance *to)
{
    rill_flow *flow = NULL;
    assert_int_equal(rill_books_flow(&books, from, to, &flow), RILL_OK);
    return flow;
}

static void test_a_packet_books_four_lines(void **state)
{
    (void)state;
    alice.credit = 1000;
    rill_flow *flow = flow_of(&alice, &bob);
    assert_int_equal(rill_books_hold(flow, 400, 900), RILL_HOLD_TAKEN);
    booked(&alice, 0);
    booked(&bob, 0);
    assert_int_equal(rill_books_commit(&books, flow, 400, 900, true, 0), 1);
    booked(&alice, -400);
    booked(&bob, 900);
    booked(&books.assets[USD]->exchange, 400);
    booked(&books.assets[XRP]->exchange, -900);
    even();
    /* Nothing stays held. */
    assert_int_equal(alice.held.low, 0);
    assert_int_equal(bob.coming.low, 0);
}

static void test_credit_counts_what_is_held(void **state)
{
    (void)state;
    alice.credit = 1000;
    rill_flow *flow = flow_of(&alice, &bob);
    assert_int_equal(rill_books_hold(flow, 1001, 1), RILL_HOLD_NO_CREDIT);
    assert_int_equal(rill_books_hold(flow, 600, 1), RILL_HOLD_TAKEN);
    assert_int_equal(rill_books_hold(flow, 401, 1), RILL_HOLD_NO_CREDIT);
    assert_int_equal(rill_books_hold(flow, 400, 1), RILL_HOLD_TAKEN);
    assert_int_equal(rill_books_hold(flow, 1, 1), RILL_HOLD_NO_CREDIT);
    assert_int_equal(rill_books_hold(flow, 0, 1), RILL_HOLD_TAKEN);
    rill_books_release(flow, 600, 1);
    assert_int_equal(rill_books_hold(flow, 601, 1), RILL_HOLD_NO_CREDIT);
    assert_int_equal(rill_books_hold(flow, 600, 1), RILL_HOLD_TAKEN);
    rill_books_commit(&books, flow, 600, 1, true, 0);
    assert_int_equal(rill_books_hold(flow, 1, 1), RILL_HOLD_NO_CREDIT);
    /* What alice is given can be spent again. */
    rill_books_enter(&books, &alice, false, 50, 0);
    assert_int_equal(rill_books_hold(flow, 51, 1), RILL_HOLD_NO_CREDIT);
    assert_int_equal(rill_books_hold(flow, 50, 1), RILL_HOLD_TAKEN);
    even();
}

static void test_room_counts_what_is_coming(void **state)
{
    (void)state;
    alice.credit = RILL_NO_LIMIT;
    bob.most = 1000;
    rill_flow *flow = flow_of(&alice, &bob);
    assert_int_equal(rill_books_hold(flow, 1, 1001), RILL_HOLD_NO_ROOM);
    assert_int_equal(rill_books_hold(flow, 1, 1000), RILL_HOLD_TAKEN);
    assert_int_equal(rill_books_hold(flow, 1, 1), RILL_HOLD_NO_ROOM);
    /* What does not give bob anything needs no room. */
    assert_int_equal(rill_books_hold(flow, 1, 0), RILL_HOLD_TAKEN);
    rill_books_commit(&books, flow, 1, 1000, true, 0);
    assert_int_equal(rill_books_hold(flow, 1, 1), RILL_HOLD_NO_ROOM);
    rill_books_enter(&books, &bob, true, 400, 0);
    assert_int_equal(rill_books_hold(flow, 1, 401), RILL_HOLD_NO_ROOM);
    assert_int_equal(rill_books_hold(flow, 1, 400), RILL_HOLD_TAKEN);
    even();
}

/* Amounts at the end of 64 bits neither wrap nor pass a limit. */
static void test_the_largest_amounts(void **state)
{
    (void)state;
    alice.credit = UINT64_MAX - 1; /* the largest limit that is one */
    bob.most = RILL_NO_LIMIT;
    rill_flow *flow = flow_of(&alice, &bob);
    assert_int_equal(rill_books_hold(flow, UINT64_MAX, UINT64_MAX), RILL_HOLD_NO_CREDIT);
    alice.credit = RILL_NO_LIMIT;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(rill_books_hold(flow, UINT64_MAX, UINT64_MAX), RILL_HOLD_TAKEN);
    for (unsigned i = 0; i < 5; i++)
        rill_books_commit(&books, flow, UINT64_MAX, UINT64_MAX, true, 0);
    even();
    assert_true(rill_wide_negative(alice.booked));
    assert_int_equal(rill_wide_high(rill_wide_bits(bob.booked)), 4);
    assert_int_equal(rill_wide_low(rill_wide_bits(bob.booked)), UINT64_MAX - 4);
    alice.credit = UINT64_MAX - 1;
    assert_int_equal(rill_books_hold(flow, 1, 1), RILL_HOLD_NO_CREDIT);
    /* Bob's money, which he may spend to the last unit, and not one more. */
    rill_flow *back = flow_of(&bob, &alice);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(rill_books_hold(back, UINT64_MAX, 0), RILL_HOLD_TAKEN);
    assert_int_equal(rill_books_hold(back, 1, 0), RILL_HOLD_NO_CREDIT);
}

static const rill_store_balance *row_of(rill_balance_id id)
{
    for (size_t i = 0; i < group.balance_count; i++) {
        if (group.balances[i].id == id)
            return &group.balances[i];
    }
    return NULL;
}

static void test_groups_have_whole_values(void **state)
{
    (void)state;
    alice.credit = RILL_NO_LIMIT;
    rill_flow *flow = flow_of(&alice, &bob);
    assert_int_equal(rill_books_take_group(&books, &group), RILL_ERR_BLOCKED);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(rill_books_hold(flow, 10, 20), RILL_HOLD_TAKEN);
        assert_int_equal(rill_books_commit(&books, flow, 10, 20, true, 5 * MINUTE + i), 1);
    }
    assert_int_equal(rill_books_take_group(&books, &group), RILL_OK);
    assert_int_equal(group.number, 1);
    assert_int_equal(group.balance_count, 4);
    assert_true(rill_wide_equal(row_of(10)->booked, number(-30)));
    assert_true(rill_wide_equal(row_of(11)->booked, number(60)));
    assert_true(rill_wide_equal(row_of(1)->booked, number(30)));
    assert_true(rill_wide_equal(row_of(3)->booked, number(-60)));
    assert_int_equal(group.flow_count, 1);
    assert_int_equal(group.flows[0].minute, 5);
    assert_int_equal(group.flows[0].packets, 3);
    assert_int_equal(group.flows[0].taken.low, 30);
    assert_int_equal(group.flows[0].given.low, 60);

    /* The next group, which fills while the first is written, has the sums of the whole minute. */
    assert_int_equal(rill_books_hold(flow, 1, 2), RILL_HOLD_TAKEN);
    assert_int_equal(rill_books_commit(&books, flow, 1, 2, true, 5 * MINUTE + 9), 2);
    assert_int_equal(books.kept, 0);
    rill_books_group_kept(&books, &group);
    assert_int_equal(books.kept, 1);
    assert_int_equal(rill_books_take_group(&books, &group), RILL_OK);
    assert_int_equal(group.number, 2);
    assert_int_equal(group.flows[0].packets, 4);
    assert_int_equal(group.flows[0].taken.low, 31);
    assert_true(rill_wide_equal(row_of(10)->booked, number(-31)));
}

/* A group belongs to the minute in which it began, and a clock that goes back does not. */
static void test_minutes(void **state)
{
    (void)state;
    alice.credit = RILL_NO_LIMIT;
    rill_flow *flow = flow_of(&alice, &bob);
    const uint64_t at[] = {5 * MINUTE, 6 * MINUTE, 7 * MINUTE, 3 * MINUTE, 8 * MINUTE};
    const uint64_t minute[] = {5, 6, 7, 7, 8};
    const uint64_t packets[] = {1, 1, 1, 2, 1};
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(rill_books_hold(flow, 1, 1), RILL_HOLD_TAKEN);
        rill_books_commit(&books, flow, 1, 1, true, at[i]);
        assert_int_equal(rill_books_take_group(&books, &group), RILL_OK);
        assert_int_equal(group.flows[0].minute, minute[i]);
        assert_int_equal(group.flows[0].packets, packets[i]);
        rill_books_group_kept(&books, &group);
    }
    /* One group over the end of a minute. */
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(rill_books_hold(flow, 1, 1), RILL_HOLD_TAKEN);
        rill_books_commit(&books, flow, 1, 1, true, (8 + i) * MINUTE);
    }
    assert_int_equal(rill_books_take_group(&books, &group), RILL_OK);
    assert_int_equal(group.flow_count, 1);
    assert_int_equal(group.flows[0].minute, 8);
    assert_int_equal(group.flows[0].packets, 3);
}

static void test_without_memory_nothing_is_lost(void **state)
{
    (void)state;
    alice.credit = RILL_NO_LIMIT;
    rill_flow *flow = flow_of(&alice, &bob);
    rill_flow *none = NULL;
    assert_int_equal(rill_books_hold(flow, 10, 20), RILL_HOLD_TAKEN);
    rill_books_commit(&books, flow, 10, 20, true, 0);
    memory_fails = true;
    assert_int_equal(rill_books_flow(&books, &carol, &bob, &none), RILL_ERR_NOMEM);
    assert_int_equal(rill_books_take_group(&books, &group), RILL_ERR_NOMEM);
    assert_int_equal(rill_books_add_asset(&books, 5, number(0), 6, number(0)), RILL_ERR_NOMEM);
    assert_int_equal(books.asset_count, 2);
    memory_fails = false;
    assert_int_equal(rill_books_take_group(&books, &group), RILL_OK);
    assert_int_equal(group.number, 1);
    assert_int_equal(group.balance_count, 4);
    /* A group of the same size needs no memory any more. */
    memory_fails = true;
    assert_int_equal(rill_books_hold(flow, 10, 20), RILL_HOLD_TAKEN);
    rill_books_commit(&books, flow, 10, 20, true, 0);
    rill_books_group_kept(&books, &group);
    assert_int_equal(rill_books_take_group(&books, &group), RILL_OK);
    memory_fails = false;
}

static void test_an_account_is_forgotten(void **state)
{
    (void)state;
    carol.credit = RILL_NO_LIMIT;
    alice.credit = RILL_NO_LIMIT;
    rill_flow *flow = flow_of(&carol, &bob);
    rill_flow *other = flow_of(&alice, &bob);
    assert_int_equal(rill_books_hold(flow, 10, 20), RILL_HOLD_TAKEN);
    assert_false(rill_books_forget(&books, &carol, 600000)); /* a packet is out */
    rill_books_commit(&books, flow, 10, 20, true, 600000);
    assert_false(rill_books_forget(&books, &carol, 900000)); /* the store has not been told */
    assert_int_equal(rill_books_take_group(&books, &group), RILL_OK);
    /* In the same minute it could come back, and its sum there would begin anew. */
    assert_false(rill_books_forget(&books, &carol, 659999));
    assert_true(rill_books_forget(&books, &carol, 660000));
    assert_ptr_equal(flow_of(&alice, &bob), other);
    assert_true(rill_books_forget(&books, &alice, 660000));
    /* Also if the clock is set back now. */
    assert_int_equal(rill_books_hold(flow_of(&carol, &bob), 10, 20), RILL_HOLD_TAKEN);
    rill_books_commit(&books, flow_of(&carol, &bob), 10, 20, true, 600000);
    assert_int_equal(flow_of(&carol, &bob)->minute, 11);
    assert_int_equal(rill_books_take_group(&books, &group), RILL_OK);
    assert_true(rill_books_forget(&books, &carol, 720000));
    assert_true(rill_list_empty(&books.flows));
}

/* A clock that was ahead: nobody waits until it is there again. */
static void test_an_account_is_forgotten_before_its_minute(void **state)
{
    (void)state;
    carol.credit = RILL_NO_LIMIT;
    alice.credit = RILL_NO_LIMIT;
    rill_flow *flow = flow_of(&carol, &bob);
    assert_int_equal(rill_books_hold(flow, 10, 20), RILL_HOLD_TAKEN);
    rill_books_commit(&books, flow, 10, 20, true, 3600000);
    assert_false(rill_books_forget(&books, &carol, 600000)); /* the store has not been told */
    assert_int_equal(rill_books_take_group(&books, &group), RILL_OK);
    /* The group that fills is of the same minute. */
    rill_books_enter(&books, &alice, false, 5, 600000);
    assert_false(rill_books_forget(&books, &carol, 600000));
    assert_int_equal(books.minute, 60);
    rill_books_group_kept(&books, &group);
    assert_int_equal(rill_books_take_group(&books, &group), RILL_OK);
    assert_true(rill_books_forget(&books, &carol, 600000));
    assert_int_equal(books.minute, 61);
    rill_books_enter(&books, &alice, false, 5, 600000);
    assert_int_equal(books.minute, 61); /* never back */
}

static void test_one_neighbour_to_itself(void **state)
{
    (void)state;
    alice.credit = 100;
    rill_flow *flow = flow_of(&alice, &alice);
    assert_int_equal(rill_books_hold(flow, 100, 99), RILL_HOLD_TAKEN);
    rill_books_commit(&books, flow, 100, 99, true, 0);
    booked(&alice, -1);
    booked(&books.assets[USD]->exchange, 1);
    even();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_a_packet_books_four_lines),
        TEST(test_credit_counts_what_is_held),
        TEST(test_room_counts_what_is_coming),
        TEST(test_the_largest_amounts),
        TEST(test_groups_have_whole_values),
        TEST(test_minutes),
        TEST(test_without_memory_nothing_is_lost),
        TEST(test_an_account_is_forgotten),
        TEST(test_an_account_is_forgotten_before_its_minute),
        TEST(test_one_neighbour_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
