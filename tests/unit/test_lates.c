/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that were rejected as too late, and are remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include "node/lates.h"
#include <cmocka.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "support/failing_memory.h"

static rill_lates lates;
static const uint64_t key[2] = {1, 2};
/* Accounts are only compared. */
static char accounts[2];

static const struct rill_account *account(size_t i)
{
    return (const void *)&accounts[i];
}

static void remember(uint64_t id)
{
    uint8_t condition[32];
    memset(condition, (int)(id & 0xff), sizeof condition);
    rill_lates_remember(&lates, id, account(0), condition, id * 3);
}

static const rill_late *find(size_t of, uint64_t condition_of)
{
    uint8_t condition[32];
    memset(condition, (int)(condition_of & 0xff), sizeof condition);
    return rill_lates_find_condition(&lates, account(of), condition);
}

static bool knows(uint64_t id)
{
    const rill_late *late = rill_lates_find(&lates, id);
    if (late == NULL)
        return false;
    assert_int_equal(late->outgoing_id, id);
    assert_int_equal(late->given, id * 3);
    assert_int_equal(late->condition[31], id & 0xff);
    return true;
}

/* As the hub numbers them: an index below, and how often it was used above. */
static uint64_t id_of(uint64_t n)
{
    return (n / 100 + 1) << 32 | n % 100;
}

static void test_the_last_are_remembered(void **state)
{
    (void)state;
    rill_lates_init(&lates, rill_allocator_default(), key);
    assert_int_equal(rill_lates_open(&lates), RILL_OK);
    assert_false(knows(id_of(0)));
    assert_false(knows(0));
    for (uint64_t n = 0; n < 3 * RILL_LATES_MAX + 7; n++) {
        remember(id_of(n));
        assert_true(knows(id_of(n)));
        assert_false(knows(id_of(n + 1)));
        if (n >= RILL_LATES_MAX - 1)
            assert_true(knows(id_of(n - RILL_LATES_MAX + 1)));
        if (n >= RILL_LATES_MAX)
            assert_false(knows(id_of(n - RILL_LATES_MAX)));
    }
    rill_lates_clear(&lates);
}

/* What was forgotten makes no room, and what is written over it does not hurt its neighbours. */
static void test_some_are_forgotten(void **state)
{
    (void)state;
    rill_lates_init(&lates, rill_allocator_default(), key);
    assert_int_equal(rill_lates_open(&lates), RILL_OK);
    for (uint64_t n = 0; n < 2 * RILL_LATES_MAX; n++) {
        remember(id_of(n));
        if (n % 3 == 0)
            rill_lates_forget(&lates, id_of(n));
        rill_lates_forget(&lates, id_of(n + 5));
    }
    for (uint64_t n = RILL_LATES_MAX; n < 2 * RILL_LATES_MAX; n++) {
        assert_int_equal(knows(id_of(n)), n % 3 != 0);
        rill_lates_forget(&lates, id_of(n));
        rill_lates_forget(&lates, id_of(n));
        assert_false(knows(id_of(n)));
    }
    remember(id_of(1));
    assert_true(knows(id_of(1)));
    rill_lates_clear(&lates);
}

/* By condition and account, the newest first, whatever was forgotten between them. */
static void test_by_condition(void **state)
{
    (void)state;
    uint8_t condition[32];
    memset(condition, 7, sizeof condition);
    rill_lates_init(&lates, rill_allocator_default(), key);
    assert_null(find(0, 7));
    assert_int_equal(rill_lates_open(&lates), RILL_OK);
    assert_null(find(0, 7));
    for (uint64_t id = 1; id <= 5; id++)
        rill_lates_remember(&lates, id, account(id == 4), condition, 100 + id);
    assert_int_equal(find(0, 7)->outgoing_id, 5);
    assert_int_equal(find(1, 7)->given, 104);
    assert_null(find(0, 8));
    rill_lates_forget(&lates, 5);
    rill_lates_forget(&lates, 2);
    assert_int_equal(find(0, 7)->outgoing_id, 3);
    rill_lates_forget(&lates, 3);
    assert_int_equal(find(0, 7)->outgoing_id, 1);
    rill_lates_forget(&lates, 1);
    assert_null(find(0, 7));
    rill_lates_forget(&lates, 4);
    assert_null(find(1, 7));
    /* All are found also once each place was written over, and none that was. */
    for (uint64_t n = 0; n < 2 * RILL_LATES_MAX + 7; n++) {
        memcpy(condition, &n, sizeof n);
        rill_lates_remember(&lates, id_of(n), account(0), condition, n);
    }
    for (uint64_t n = 0; n < 2 * RILL_LATES_MAX + 7; n++) {
        memcpy(condition, &n, sizeof n);
        const rill_late *late = rill_lates_find_condition(&lates, account(0), condition);
        assert_int_equal(late != NULL, n >= RILL_LATES_MAX + 7);
        assert_true(late == NULL || late->given == n);
    }
    rill_lates_clear(&lates);
}

/* Who sends may choose one condition for all: that costs a look at some of them, and not at all. */
static void test_one_condition_for_all(void **state)
{
    (void)state;
    rill_lates_init(&lates, rill_allocator_default(), key);
    assert_int_equal(rill_lates_open(&lates), RILL_OK);
    uint8_t condition[32] = {0};
    rill_lates_remember(&lates, id_of(0), account(1), condition, 1);
    for (uint64_t n = 1; n <= 63; n++)
        rill_lates_remember(&lates, id_of(n), account(0), condition, 1);
    assert_int_equal(find(1, 0)->outgoing_id, id_of(0));
    rill_lates_remember(&lates, id_of(64), account(0), condition, 1);
    assert_null(find(1, 0));
    assert_int_equal(find(0, 0)->outgoing_id, id_of(64));
    rill_lates_clear(&lates);
}

static void test_without_memory(void **state)
{
    (void)state;
    for (unsigned long at = 1; at <= 3; at++) {
        failing_memory memory;
        failing_memory_init(&memory, at, 1);
        rill_lates_init(&lates, &memory.allocator, key);
        assert_int_equal(rill_lates_open(&lates), RILL_ERR_NOMEM);
        assert_int_equal(memory.blocks, 0);
        remember(id_of(1)); /* nothing comes of it */
        assert_null(rill_lates_find(&lates, id_of(1)));
        rill_lates_forget(&lates, id_of(1));
        rill_lates_clear(&lates);
        failing_memory_end(&memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_are_remembered),
        cmocka_unit_test(test_some_are_forgotten),
        cmocka_unit_test(test_by_condition),
        cmocka_unit_test(test_one_condition_for_all),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
