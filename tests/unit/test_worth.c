/* SPDX-License-Identifier: Apache-2.0 */
/* Which amounts are worth a packet, by what packets have brought. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/muldiv.h"
#include "stream/path/worth.h"

#define LIMIT 1000000

static rill_worth w;
static rill_rate r;

static int setup(void **state)
{
    (void)state;
    rill_worth_init(&w);
    rill_rate_init(&r, (rill_ratio){1, 200}, (rill_ratio){1, 100});
    return 0;
}

static void brought(uint64_t amount, uint64_t delivered)
{
    rill_worth_learn(&w, &r,
                     &(rill_word){.limit = LIMIT, .amount = amount, .delivered = delivered});
}

static void refused(uint64_t amount, uint64_t delivered, uint64_t affords)
{
    rill_worth_learn(&w, &r,
                     &(rill_word){.limit = LIMIT,
                                  .amount = amount,
                                  .delivered = delivered,
                                  .refused = true,
                                  .affords = affords});
}

/* Before anything has come back the largest packet is tried, and anything may come of it. */
static void test_nothing_is_known_at_first(void **state)
{
    (void)state;
    rill_offer o = rill_worth_offer(&w, &r, 500, 10000);
    assert_true(o.amount == 500 && o.brings == UINT64_MAX && !o.trial);
    assert_true(rill_worth_expects(&w, &r, 500) == UINT64_MAX);
    assert_true(rill_worth_seen(&w, &r, 500).amount == 0);
    assert_false(rill_worth_nothing(&w, &r, 1));
}

/* One of 99 cents for 10,000: the packet is a multiple of what brings a whole unit. */
static void test_no_unit_is_rounded_away(void **state)
{
    (void)state;
    brought(10000, 100);
    rill_offer o = rill_worth_offer(&w, &r, 1050, 1050);
    assert_true(o.amount > 0 && o.amount <= 1050 &&
                o.brings == rill_worth_expects(&w, &r, o.amount));
    assert_true(rill_ratio_floor((rill_ratio){1, 100}, o.amount) == 10);
    assert_true(rill_worth_seen(&w, &r, 1050).amount == 1000);
    assert_true(rill_worth_seen(&w, &r, 1050).brings == 10);
    assert_true(rill_worth_seen(&w, &r, 99).brings == 0); /* less than one unit is worth */
}

static void test_of_what_is_too_small_nothing_arrives(void **state)
{
    (void)state;
    brought(10000, 100);
    brought(60, 0);
    assert_true(w.barren == 60 && w.dust == 0);
    assert_true(rill_worth_expects(&w, &r, 60) == 0);
    assert_true(rill_worth_nothing(&w, &r, 60));
    assert_true(rill_worth_offer(&w, &r, 60, 60).amount == 0);
    assert_true(rill_worth_seen(&w, &r, 60).amount == 0);
    rill_worth_too_small(&w, 70); /* the path says so itself */
    assert_true(w.barren == 70 && w.dust == 70);
    rill_worth_again(&w); /* what follows from rounding is true for good */
    assert_true(w.barren == 70 && w.dust == 70);
    brought(65, 1); /* and if it is not, it was another's */
    assert_true(w.barren == 64);
}

/* What was refused once is what the same packet brings the next time. */
static void test_what_was_refused_is_remembered(void **state)
{
    (void)state;
    brought(10000, 100);
    refused(950, 4, 800);
    assert_true(w.soured && w.refused == 1);
    assert_true(rill_worth_expects(&w, &r, 950) == 4);
    assert_true(rill_worth_in_vain(&w, 950) && rill_worth_in_vain(&w, 801));
    assert_false(rill_worth_in_vain(&w, 800)); /* so many units the minimum allows for that */
    assert_false(rill_worth_in_vain(&w, 951));
    assert_true(rill_worth_offer(&w, &r, 950, 950).amount <= 800);
    refused(900, 4, 790); /* the two ranges are one */
    assert_true(rill_worth_in_vain(&w, 791) && rill_worth_in_vain(&w, 950));
    brought(10000, 100);
    assert_true(w.refused == 0 && w.last == 0 && w.soured);
    rill_worth_again(&w);
    assert_false(w.soured || rill_worth_in_vain(&w, 950));
}

/* A refusal for any other amount than the minimum allows makes nothing vain. */
static void test_a_refusal_that_the_minimum_affords_is_no_vain_size(void **state)
{
    (void)state;
    brought(10000, 100);
    refused(950, 9, 950);
    assert_false(rill_worth_in_vain(&w, 950));
    assert_true(w.refused == 1);
}

/* Where all is known, nothing is learnt from the same again: but that it was fulfilled. */
static void test_the_same_again_ends_a_row_of_refusals(void **state)
{
    (void)state;
    brought(1000, 1000);
    refused(1000, 900, 1000);
    assert_true(w.refused == 1 && w.tried.num == 900 && w.tried.den == 1000);
    brought(1000, 1000);
    assert_true(w.refused == 0 && w.tried.num == 0);
    for (unsigned i = 0; i < 300; i++)
        refused(1000, 900, 1000);
    assert_int_equal(w.refused, UINT8_MAX); /* it does not begin again */
}

/* With another size of packets what was learnt of the old ones is forgotten. */
static void test_another_limit_is_a_new_start(void **state)
{
    (void)state;
    brought(10000, 100);
    refused(950, 4, 800);
    rill_worth_learn(&w, &r, &(rill_word){.limit = LIMIT / 2, .amount = 10000, .delivered = 100});
    assert_false(w.soured);
    assert_true(w.limit == LIMIT / 2);
    rill_worth_learn(&w, &r, &(rill_word){.limit = 0, .amount = 10000, .delivered = 100});
    assert_true(w.limit == LIMIT / 2); /* it is not known while it is searched for */
}

/* Two hops round: some size brings less than its rate says, and fewer units may bring as much. */
static void test_fewer_units_are_tried_that_bring_as_much(void **state)
{
    (void)state;
    brought(100000, 1000);
    brought(1099, 8); /* 10 at that rate: more than one rounding is needed to explain it */
    assert_true(w.enough == 1099 && w.brings == 8);
    rill_offer o = rill_worth_offer(&w, &r, 1099, 1099);
    assert_true(o.trial && o.amount == 800 && o.brings == 8);
    assert_true(rill_worth_expects(&w, &r, 1099) == 8);
    assert_true(rill_worth_expects(&w, &r, 2198) == 16); /* two of them */
    assert_true(rill_worth_expects(&w, &r, 900) == 8);   /* no more than that */
    /* It does: those are enough. */
    rill_worth_learn(&w, &r,
                     &(rill_word){.limit = LIMIT, .amount = 800, .delivered = 8, .trial = true});
    assert_true(w.enough == 800 && w.brings == 8);
    /* Of much larger packets rounding takes less. */
    brought(4 * 800, 32);
    assert_true(w.enough == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nothing_is_known_at_first, setup),
        cmocka_unit_test_setup(test_no_unit_is_rounded_away, setup),
        cmocka_unit_test_setup(test_of_what_is_too_small_nothing_arrives, setup),
        cmocka_unit_test_setup(test_what_was_refused_is_remembered, setup),
        cmocka_unit_test_setup(test_a_refusal_that_the_minimum_affords_is_no_vain_size, setup),
        cmocka_unit_test_setup(test_the_same_again_ends_a_row_of_refusals, setup),
        cmocka_unit_test_setup(test_another_limit_is_a_new_start, setup),
        cmocka_unit_test_setup(test_fewer_units_are_tried_that_bring_as_much, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
