/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <rill/error.h>

#include "connector/clerk.h"
#include "support/failing_memory.h"
#include <cmocka.h>

/* A store that does what it is told: it keeps the last batch until it is asked. */
typedef struct fake {
    rill_store store; /* first */
    const rill_store_batch *batch;
    unsigned batches;
} fake;

static fake disk;
static rill_books books;
static rill_clerk clerk;
static rill_balance alice, bob;
static uint64_t kept;
static unsigned kept_calls;
static char problem[64];
static unsigned failing_calls;
static failing_memory memory;

static void take(rill_store *s, const rill_store_batch *batch)
{
    fake *f = (fake *)s;
    assert_null(f->batch);
    f->batch = batch;
    f->batches++;
}

static void nothing(rill_store *s)
{
    (void)s;
}

static const rill_store_ops ops = {take, nothing, nothing, NULL};

static void on_kept(void *user, uint64_t group)
{
    (void)user;
    assert_true(group == kept + 1);
    kept = group;
    kept_calls++;
}

static void on_failing(void *user, const char *what)
{
    (void)user;
    snprintf(problem, sizeof problem, "%s", what == NULL ? "" : what);
    failing_calls++;
}

static int set_up(void **state)
{
    (void)state;
    const rill_i128 zero = rill_wide_signed(rill_wide(0));
    const rill_clerk_options o = {.allocator = &memory.allocator,
                                  .durability = RILL_DURABILITY_FULL,
                                  .kept = on_kept,
                                  .failing = on_failing,
                                  .seed = 5};
    failing_memory_init(&memory, 0, 0);
    disk = (fake){.store = {&ops}};
    kept = 0;
    kept_calls = 0;
    failing_calls = 0;
    problem[0] = '\0';
    rill_books_init(&books, &memory.allocator, 7);
    rill_balance_init(&alice, 3, 0, zero);
    rill_balance_init(&bob, 4, 0, zero);
    alice.credit = RILL_NO_LIMIT;
    rill_clerk_init(&clerk, &books, &o);
    rill_clerk_begin(&clerk, &disk.store, 0);
    return rill_books_add_asset(&books, 1, zero, 2, zero);
}

static int tear_down(void **state)
{
    (void)state;
    rill_clerk_clear(&clerk);
    rill_books_clear(&books);
    assert_int_equal(memory.blocks, 0);
    failing_memory_end(&memory);
    return 0;
}

static uint64_t pay(uint64_t amount)
{
    rill_flow *flow = NULL;
    assert_int_equal(rill_books_flow(&books, &alice, &bob, &flow), RILL_OK);
    assert_int_equal(rill_books_hold(flow, amount, amount), RILL_HOLD_TAKEN);
    return rill_books_commit(&books, flow, amount, amount, true, 0);
}

static void written(int rc, uint64_t now)
{
    assert_non_null(disk.batch);
    disk.batch = NULL;
    rill_clerk_written(&clerk, rc, rc == RILL_OK ? "" : "the disk is full", now);
}

static int64_t booked(rill_balance_id id)
{
    for (size_t i = 0; i < disk.batch->balance_count; i++) {
        if (disk.batch->balances[i].id == id)
            return (int64_t)rill_wide_low(rill_wide_bits(disk.batch->balances[i].booked));
    }
    fail_msg("no balance");
    return 0;
}

static void test_one_is_written_while_the_next_fills(void **state)
{
    (void)state;
    rill_clerk_turn(&clerk, 0);
    assert_int_equal(disk.batches, 0);
    assert_true(rill_clerk_is_done(&clerk));
    uint64_t first = pay(10);
    assert_false(rill_clerk_is_done(&clerk));
    rill_clerk_turn(&clerk, 0);
    assert_int_equal(booked(4), 10);
    uint64_t second = pay(5);
    uint64_t third = pay(6);
    assert_int_equal(second, first + 1);
    assert_int_equal(third, second);
    rill_clerk_turn(&clerk, 0);
    assert_int_equal(disk.batches, 1);
    assert_int_equal(booked(4), 10); /* what is being written does not change */
    assert_false(rill_clerk_has_kept(&clerk, first));
    written(RILL_OK, 0);
    assert_int_equal(kept, first);
    assert_true(rill_clerk_has_kept(&clerk, first));
    assert_false(rill_clerk_has_kept(&clerk, second));
    rill_clerk_turn(&clerk, 0);
    assert_int_equal(booked(4), 21);
    written(RILL_OK, 0);
    assert_int_equal(kept, second);
    assert_true(rill_clerk_is_done(&clerk));
}

/* Nobody is told before it is kept, however often it fails. */
static void test_a_store_that_fails(void **state)
{
    (void)state;
    uint64_t now = 100;
    uint64_t wait = RILL_CLERK_FIRST_WAIT;
    uint64_t first = pay(10);
    rill_clerk_turn(&clerk, now);
    for (unsigned i = 0; i < 8; i++) {
        written(RILL_ERR_IO, now);
        assert_int_equal(failing_calls, 1);
        assert_string_equal(problem, "the disk is full");
        assert_true(rill_clerk_deadline(&clerk) == now + wait);
        pay(1);
        rill_clerk_turn(&clerk, now + wait - 1);
        assert_null(disk.batch);
        now += wait;
        rill_clerk_turn(&clerk, now);
        assert_int_equal(booked(4), 10); /* the same group */
        assert_true(rill_clerk_deadline(&clerk) == RILL_NEVER);
        wait = wait * 2 < RILL_CLERK_LONGEST_WAIT ? wait * 2 : RILL_CLERK_LONGEST_WAIT;
    }
    assert_int_equal(kept_calls, 0);
    assert_false(rill_clerk_has_kept(&clerk, first));
    written(RILL_OK, now);
    assert_int_equal(failing_calls, 2);
    assert_string_equal(problem, "");
    assert_int_equal(kept, first);
    rill_clerk_turn(&clerk, now);
    assert_int_equal(booked(4), 18);
    written(RILL_ERR_IO, now);
    assert_true(rill_clerk_deadline(&clerk) == now + RILL_CLERK_FIRST_WAIT);
}

static rill_store_entry entry(const char *key, uint64_t amount)
{
    return (rill_store_entry){9, 0, RILL_ENTRY_DEPOSIT, amount, "me", "a note", key, NULL};
}

static void test_entries_and_their_keys(void **state)
{
    (void)state;
    uint64_t group = 0;
    rill_store_entry e = entry("k", 70);
    assert_int_equal(rill_clerk_enter(&clerk, &bob, &e, &group), RILL_OK);
    assert_int_equal(group, 1);
    assert_int_equal(rill_clerk_enter(&clerk, &bob, &e, &group), RILL_ERR_EXISTS);
    e.amount = 71;
    assert_int_equal(rill_clerk_enter(&clerk, &bob, &e, &group), RILL_ERR_STATE);
    e = entry("k", 70);
    e.kind = RILL_ENTRY_WITHDRAWAL;
    assert_int_equal(rill_clerk_enter(&clerk, &bob, &e, &group), RILL_ERR_STATE);
    /* Another account may have the same key; and without one each is new. */
    assert_int_equal(rill_clerk_enter(&clerk, &alice, &e, &group), RILL_OK);
    e = entry("", 1);
    assert_int_equal(rill_clerk_enter(&clerk, &bob, &e, &group), RILL_OK);
    assert_int_equal(rill_clerk_enter(&clerk, &bob, &e, &group), RILL_OK);
    rill_clerk_turn(&clerk, 0);
    assert_int_equal(disk.batch->entry_count, 4);
    assert_int_equal(disk.batch->entries[0].account, 4);
    assert_string_equal(disk.batch->entries[0].key, "k");
    assert_string_equal(disk.batch->entries[0].note, "a note");
    assert_int_equal(disk.batch->entries[1].account, 3);
    assert_int_equal(booked(4), 72);
    assert_int_equal(booked(3), -70);
    written(RILL_OK, 0);
    e = entry("k", 70);
    assert_int_equal(rill_clerk_enter(&clerk, &bob, &e, &group), RILL_ERR_EXISTS);
    /* One that the store had before. */
    assert_int_equal(rill_clerk_know_key(&clerk, 4, "old", RILL_ENTRY_DEPOSIT, 5), RILL_OK);
    e = entry("old", 5);
    assert_int_equal(rill_clerk_enter(&clerk, &bob, &e, &group), RILL_ERR_EXISTS);
    assert_true(rill_clerk_is_done(&clerk));
}

static void test_texts(void **state)
{
    (void)state;
    uint64_t group = 0;
    char text[RILL_ENTRY_TEXT_MAX + 2];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    rill_store_entry e = entry(text, 1);
    assert_int_equal(rill_clerk_enter(&clerk, &bob, &e, &group), RILL_ERR_INVALID);
    e = entry("", 1);
    e.who = "";
    assert_int_equal(rill_clerk_enter(&clerk, &bob, &e, &group), RILL_ERR_INVALID);
    e.who = text + 1;
    e.note = text + 1;
    e.key = text + 1;
    assert_int_equal(rill_clerk_enter(&clerk, &bob, &e, &group), RILL_OK);
    memset(text, 'y', sizeof text - 1); /* it has a copy */
    rill_clerk_turn(&clerk, 0);
    assert_int_equal(disk.batch->entries[0].key[0], 'x');
}

/* A line keeps what it can hold of where a token is from, and no half of a character. */
static void test_a_long_person(void **state)
{
    (void)state;
    uint64_t group = 0;
    char own[RILL_ENTRY_TEXT_MAX + 200];
    char of_all[RILL_ENTRY_TEXT_MAX + 3];
    memset(own, 'x', sizeof own);
    own[sizeof own - 1] = '\0';
    memcpy(own + RILL_ENTRY_TEXT_MAX - 1, "\xc3\xa4", 2);
    memset(of_all, 'y', sizeof of_all);
    of_all[RILL_ENTRY_TEXT_MAX] = '\0';
    rill_store_entry e = entry("", 1);
    e.person = own;
    assert_int_equal(rill_clerk_enter(&clerk, &bob, &e, &group), RILL_OK);
    e.person = NULL;
    clerk.person = of_all;
    assert_int_equal(rill_clerk_enter(&clerk, &bob, &e, &group), RILL_OK);
    of_all[RILL_ENTRY_TEXT_MAX] = 'z';
    of_all[RILL_ENTRY_TEXT_MAX + 1] = '\0';
    assert_int_equal(rill_clerk_enter(&clerk, &bob, &e, &group), RILL_OK);
    clerk.person = NULL;
    rill_clerk_turn(&clerk, 0);
    const char *got = disk.batch->entries[0].person;
    assert_int_equal(strlen(got), RILL_ENTRY_TEXT_MAX - 1);
    assert_int_equal(got[RILL_ENTRY_TEXT_MAX - 2], 'x');
    for (size_t i = 1; i <= 2; i++) {
        got = disk.batch->entries[i].person;
        assert_int_equal(strlen(got), RILL_ENTRY_TEXT_MAX);
        assert_int_equal(got[RILL_ENTRY_TEXT_MAX - 1], 'y');
    }
}

static void test_an_account_alone(void **state)
{
    (void)state;
    char name[] = "carol";
    const rill_store_account a = {5, RILL_HOLDER_NEIGHBOUR, name, "USD", 2, 7};
    assert_int_equal(rill_clerk_open_account(&clerk, &a), RILL_OK);
    name[0] = 'x';
    assert_false(rill_clerk_is_done(&clerk));
    rill_clerk_turn(&clerk, 0);
    assert_int_equal(disk.batch->account_count, 1);
    assert_string_equal(disk.batch->accounts[0].name, "carol");
    assert_int_equal(disk.batch->balance_count, 0);
    written(RILL_OK, 0);
    assert_int_equal(kept_calls, 0);
    assert_true(rill_clerk_is_done(&clerk));
    /* The page is used again without it. */
    pay(1);
    rill_clerk_turn(&clerk, 0);
    written(RILL_OK, 0);
    pay(1);
    rill_clerk_turn(&clerk, 0);
    assert_int_equal(disk.batch->account_count, 0);
}

static void test_without_waiting(void **state)
{
    (void)state;
    clerk.options.durability = RILL_DURABILITY_NONE;
    uint64_t group = pay(1);
    assert_true(rill_clerk_has_kept(&clerk, group));
    rill_clerk_turn(&clerk, 0);
    written(RILL_ERR_IO, 0);
    /* But not if nothing can be written at all. */
    assert_false(rill_clerk_has_kept(&clerk, pay(1)));
}

/* Each allocation fails once: then nothing has changed, and the same call succeeds afterwards. */
static void test_without_memory(void **state)
{
    (void)state;
    const rill_store_account a = {5, RILL_HOLDER_NEIGHBOUR, "carol", "USD", 2, 7};
    rill_store_entry e = entry("k", 3);
    uint64_t group = 0;
    for (unsigned long n = 0;; n++) {
        failing_memory_after(&memory, n);
        int rc = rill_clerk_enter(&clerk, &bob, &e, &group);
        failing_memory_well(&memory);
        if (rc == RILL_OK)
            break;
        assert_int_equal(rc, RILL_ERR_NOMEM);
        assert_true(rill_clerk_is_done(&clerk));
        assert_true(n < 20);
    }
    for (unsigned long n = 0;; n++) {
        failing_memory_after(&memory, n);
        int rc = rill_clerk_open_account(&clerk, &a);
        failing_memory_well(&memory);
        if (rc == RILL_OK)
            break;
        assert_int_equal(rc, RILL_ERR_NOMEM);
        assert_true(n < 20);
    }
    failing_memory_after(&memory, 0);
    rill_clerk_turn(&clerk, 0);
    assert_null(disk.batch);
    failing_memory_well(&memory);
    rill_clerk_turn(&clerk, 0);
    assert_int_equal(disk.batch->entry_count, 1);
    assert_int_equal(disk.batch->account_count, 1);
    assert_int_equal(booked(4), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_one_is_written_while_the_next_fills),
        TEST(test_a_store_that_fails),
        TEST(test_entries_and_their_keys),
        TEST(test_texts),
        TEST(test_a_long_person),
        TEST(test_an_account_alone),
        TEST(test_without_waiting),
        TEST(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
