/* SPDX-License-Identifier: Apache-2.0 */
/* Prepares that a node waits for: answers find theirs alone, and copies have a limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/pending.h"
#include "support/failing_memory.h"
#include <rill/error.h>

static rill_pending *open_one(rill_pendings *p, uint64_t deadline)
{
    rill_pending *entry = NULL;
    assert_int_equal(rill_pendings_open(p, deadline, &entry), RILL_OK);
    return entry;
}

static void test_an_answer_finds_its_own_alone(void **state)
{
    (void)state;
    rill_pendings p;
    rill_pendings_init(&p, rill_allocator_default(), 1000);
    assert_null(rill_pendings_find(&p, 0));
    assert_null(rill_pendings_find(&p, 1));
    rill_pending *one = open_one(&p, 10);
    uint64_t id = one->outgoing_id;
    assert_true(id != 0);
    assert_ptr_equal(rill_pendings_find(&p, id), one);
    one->amount = 5;
    one->request = 6;
    memset(one->condition, 7, sizeof one->condition);
    rill_pendings_close(&p, one);
    assert_null(rill_pendings_find(&p, id));
    /* The same entry, for somebody else: under another name, and empty. */
    rill_pending *two = open_one(&p, 20);
    static const uint8_t zeros[32];
    assert_ptr_equal(two, one);
    assert_true(two->outgoing_id != id);
    assert_null(rill_pendings_find(&p, id));
    assert_int_equal(two->amount, 0);
    assert_int_equal(two->request, 0);
    assert_memory_equal(two->condition, zeros, sizeof zeros);
    assert_null(rill_pendings_find(&p, 0));
    assert_null(rill_pendings_find(&p, UINT64_MAX));
    rill_pendings_close(&p, two);
    rill_pendings_clear(&p);
}

static void test_as_many_as_allowed(void **state)
{
    (void)state;
    enum { MANY = 600 };
    static rill_pending *all[MANY];
    rill_pending *more;
    rill_pendings p;
    rill_pendings_init(&p, rill_allocator_default(), MANY);
    for (size_t i = 0; i < MANY; i++)
        all[i] = open_one(&p, MANY - i);
    assert_int_equal(rill_pendings_open(&p, 1, &more), RILL_ERR_LIMIT);
    for (size_t i = 0; i < MANY; i++) /* they have not moved */
        assert_ptr_equal(rill_pendings_find(&p, all[i]->outgoing_id), all[i]);
    rill_pendings_close(&p, all[3]);
    all[3] = open_one(&p, 1);
    /* The earliest first. */
    uint64_t last = 0;
    assert_null(rill_pendings_due(&p, 0));
    for (size_t i = 0; i < MANY; i++) {
        rill_pending *due = rill_pendings_due(&p, MANY);
        assert_non_null(due);
        assert_true(due->timer.deadline >= last);
        last = due->timer.deadline;
        rill_pendings_close(&p, due);
    }
    assert_true(rill_pendings_deadline(&p) == RILL_NEVER);
    assert_null(rill_pendings_due(&p, RILL_NEVER));
    rill_pendings_clear(&p);
}

/* What is booked waits for its group, and for no time any more. */
static void test_booked_in_order(void **state)
{
    (void)state;
    rill_pendings p;
    rill_pendings_init(&p, rill_allocator_default(), 10);
    rill_pending *one = open_one(&p, 5);
    rill_pending *two = open_one(&p, 5);
    assert_null(rill_pendings_booked(&p, UINT64_MAX));
    rill_pendings_book(&p, two, 1);
    rill_pendings_book(&p, one, 2);
    assert_true(rill_pendings_deadline(&p) == RILL_NEVER);
    assert_ptr_equal(rill_pendings_find(&p, one->outgoing_id), one);
    assert_null(rill_pendings_booked(&p, 0));
    assert_ptr_equal(rill_pendings_booked(&p, 1), two);
    rill_pendings_close(&p, two);
    assert_null(rill_pendings_booked(&p, 1));
    assert_ptr_equal(rill_pendings_booked(&p, 2), one);
    rill_pendings_close(&p, one);
    assert_int_equal(p.open, 0);
    rill_pendings_clear(&p);
}

static void test_a_copy_is_of_all_parts(void **state)
{
    (void)state;
    rill_pendings p;
    const rill_bytes parts[] = {{(const uint8_t *)"ab", 2}, {NULL, 0}, {(const uint8_t *)"cde", 3}};
    rill_pendings_init(&p, rill_allocator_default(), 10);
    rill_pending *one = open_one(&p, 5);
    assert_int_equal(rill_pendings_keep(&p, one, parts, 3), RILL_OK);
    assert_int_equal(one->copy_len, 5);
    assert_memory_equal(one->copy, "abcde", 5);
    /* A shorter one needs no memory. */
    const uint8_t *storage = one->copy;
    assert_int_equal(rill_pendings_keep(&p, one, parts, 1), RILL_OK);
    assert_ptr_equal(one->copy, storage);
    assert_int_equal(one->copy_len, 2);
    assert_int_equal(p.held, 5);
    /* The storage stays with the entry, and the copy does not. */
    rill_pendings_close(&p, one);
    one = open_one(&p, 5);
    assert_int_equal(one->copy_len, 0);
    assert_int_equal(p.held, 5);
    rill_pendings_close(&p, one);
    rill_pendings_clear(&p);
}

/* Who does not answer for long gives way: the oldest copies go first. */
static void test_copies_have_a_limit(void **state)
{
    (void)state;
    enum { PIECE = 1024 * 1024, COUNT = RILL_PENDINGS_MAX_HELD / PIECE };
    static rill_pending *all[COUNT];
    uint8_t *data = calloc(1, PIECE);
    assert_non_null(data);
    const rill_bytes part = {data, PIECE};
    rill_pendings p;
    rill_pendings_init(&p, rill_allocator_default(), COUNT + 2);
    for (size_t i = 0; i < COUNT; i++) {
        all[i] = open_one(&p, 5);
        assert_int_equal(rill_pendings_keep(&p, all[i], &part, 1), RILL_OK);
    }
    assert_true(p.held == RILL_PENDINGS_MAX_HELD);
    rill_pending *late = open_one(&p, 5);
    assert_int_equal(rill_pendings_keep(&p, late, &part, 1), RILL_OK);
    assert_true(p.held == RILL_PENDINGS_MAX_HELD);
    assert_int_equal(all[0]->copy_len, 0);
    assert_int_equal(all[1]->copy_len, PIECE);
    assert_int_equal(late->copy_len, PIECE);
    /* Of an entry that is free first. */
    rill_pendings_close(&p, all[5]);
    rill_pending *later = open_one(&p, 5);
    assert_int_equal(rill_pendings_keep(&p, later, &part, 1), RILL_OK);
    assert_int_equal(all[1]->copy_len, PIECE);
    free(data);
    rill_pendings_clear(&p);
}

/* A packet does not wait for as many small copies to go as a large one needs: it is not kept. */
static void test_what_finds_no_room_is_not_kept(void **state)
{
    (void)state;
    enum { PIECE = 64 * 1024, COUNT = RILL_PENDINGS_MAX_HELD / PIECE, LARGE = 200 * PIECE };
    uint8_t *data = calloc(1, LARGE);
    assert_non_null(data);
    const rill_bytes small = {data, PIECE};
    const rill_bytes large = {data, LARGE};
    rill_pendings p;
    rill_pendings_init(&p, rill_allocator_default(), COUNT + 1);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(rill_pendings_keep(&p, open_one(&p, 5), &small, 1), RILL_OK);
    rill_pending *late = open_one(&p, 5);
    assert_int_equal(rill_pendings_keep(&p, late, &large, 1), RILL_ERR_LIMIT);
    assert_int_equal(late->copy_len, 0);
    assert_in_range(p.held, 0, RILL_PENDINGS_MAX_HELD);
    /* What it took away is room for the next try. */
    int rc = RILL_ERR_LIMIT;
    for (unsigned i = 0; i < 4 && rc == RILL_ERR_LIMIT; i++)
        rc = rill_pendings_keep(&p, late, &large, 1);
    assert_int_equal(rc, RILL_OK);
    assert_in_range(p.held, LARGE, RILL_PENDINGS_MAX_HELD);
    free(data);
    rill_pendings_clear(&p);
}

static void test_without_memory(void **state)
{
    (void)state;
    const rill_bytes part = {(const uint8_t *)"ab", 2};
    for (unsigned long nth = 1; nth <= 4; nth++) {
        failing_memory m;
        rill_pendings p;
        rill_pending *entry = NULL;
        failing_memory_init(&m, nth, 1);
        rill_pendings_init(&p, &m.allocator, 10);
        int rc = rill_pendings_open(&p, 5, &entry);
        if (rc == RILL_OK)
            rc = rill_pendings_keep(&p, entry, &part, 1);
        assert_int_equal(rc, RILL_ERR_NOMEM);
        assert_int_equal(p.held, 0);
        assert_int_equal(p.open, entry != NULL ? 1 : 0);
        if (entry == NULL)
            entry = open_one(&p, 5);
        assert_int_equal(rill_pendings_keep(&p, entry, &part, 1), RILL_OK);
        rill_pendings_close(&p, entry);
        rill_pendings_clear(&p);
        assert_int_equal(m.blocks, 0);
        failing_memory_end(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_finds_its_own_alone),
        cmocka_unit_test(test_as_many_as_allowed),
        cmocka_unit_test(test_booked_in_order),
        cmocka_unit_test(test_a_copy_is_of_all_parts),
        cmocka_unit_test(test_copies_have_a_limit),
        cmocka_unit_test(test_what_finds_no_room_is_not_kept),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
