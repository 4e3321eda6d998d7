/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L /* mkstemp, threads */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <pthread.h>
/* cmocka.h comes after what it needs. */
#include <rill/error.h>

#include "store/writer.h"
#include <cmocka.h>

/* Longer than any machine takes that works, and less than a test may take. */
enum { PATIENCE_S = 30 };

static char path[64];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static unsigned wakes;
static unsigned written;
static int last_rc;
static char last_problem[RILL_SQLITE_PROBLEM];

static void wake(void *user)
{
    (void)user;
    pthread_mutex_lock(&lock);
    wakes++;
    pthread_cond_signal(&woken);
    pthread_mutex_unlock(&lock);
}

static void on_written(void *user, const rill_store_batch *batch, int rc, const char *what)
{
    (void)user;
    assert_non_null(batch);
    written++;
    last_rc = rc;
    snprintf(last_problem, sizeof last_problem, "%s", what);
}

/* Fails instead of waiting for ever. */
static void wait_for_wakes(unsigned count)
{
    struct timespec latest;
    int rc = 0;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &latest), 0);
    latest.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&lock);
    while (wakes < count && rc == 0)
        rc = pthread_cond_timedwait(&woken, &lock, &latest);
    unsigned seen = wakes;
    pthread_mutex_unlock(&lock);
    assert_in_range(seen, count, UINT32_MAX);
}

static rill_store *opened(void)
{
    char problem[RILL_SQLITE_PROBLEM];
    rill_sqlite *file = NULL;
    rill_store *store = NULL;
    rill_sqlite_options o = {.path = path};
    const rill_writer_options w = {
        .allocator = rill_allocator_default(), .wake = wake, .written = on_written};
    assert_int_equal(rill_sqlite_open(&file, &o, problem), RILL_OK);
    assert_int_equal(rill_writer_new(&store, file, &w), RILL_OK);
    return store;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/rill-store-XXXXXX");
    int fd = mkstemp(path);
    wakes = 0;
    written = 0;
    return fd < 0 || close(fd) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static void on_done(rill_store_look *look)
{
    *(bool *)look->user = true;
}

static uint64_t a_later_day(void *user)
{
    (void)user;
    return UINT64_C(20) * 1440 * 60000;
}

/* Old sums of minutes become sums of days by themselves, when there is nothing else to do. */
static void test_old_minutes(void **state)
{
    (void)state;
    static const rill_store_account accounts[] = {{1, RILL_HOLDER_EXCHANGE, "", "USD", 2, 7},
                                                  {2, RILL_HOLDER_NEIGHBOUR, "a", "USD", 2, 7},
                                                  {3, RILL_HOLDER_NEIGHBOUR, "b", "USD", 2, 7}};
    const rill_store_flow flows[] = {{10 * 1440 + 7, 2, 3, 1, {5, 0}, {5, 0}},
                                     {19 * 1440, 2, 3, 1, {5, 0}, {5, 0}}};
    const rill_store_batch batch = {
        .accounts = accounts, .account_count = 3, .flows = flows, .flow_count = 2};
    char problem[RILL_SQLITE_PROBLEM];
    rill_sqlite *file = NULL;
    rill_store *store = NULL;
    rill_sqlite_options o = {.path = path};
    const rill_writer_options w = {.allocator = rill_allocator_default(),
                                   .wake = wake,
                                   .written = on_written,
                                   .keep_minutes = 5 * 1440,
                                   .now_ms = a_later_day};
    assert_int_equal(rill_sqlite_open(&file, &o, problem), RILL_OK);
    assert_int_equal(rill_writer_new(&store, file, &w), RILL_OK);
    rill_store_write(store, &batch);
    unsigned seen = 1;
    int rc = RILL_OK;
    while (rc == RILL_OK) {
        bool done = false;
        rill_store_look look = {.kind = RILL_LOOK_STATEMENT,
                                .account = 2,
                                .to_ms = UINT64_MAX,
                                .step_minutes = 1,
                                .done = on_done,
                                .user = &done};
        rill_store_look_into(store, &look);
        while (!done) {
            wait_for_wakes(seen);
            rill_store_collect(store);
            seen += !done;
        }
        rc = look.rc;
        rill_look_clear(&look, rill_allocator_default());
    }
    assert_int_equal(rc, RILL_ERR_RANGE); /* a minute is not known any more */
    rill_store_close(store);
}

static char merge_problem[RILL_SQLITE_PROBLEM];

static void on_merge_failed(void *user, const char *problem)
{
    (void)user;
    snprintf(merge_problem, sizeof merge_problem, "%s", problem);
}

/* That they cannot is told, and hurts nothing else. */
static void test_old_minutes_that_stay(void **state)
{
    (void)state;
    static const rill_store_account accounts[] = {{1, RILL_HOLDER_EXCHANGE, "", "USD", 2, 7},
                                                  {2, RILL_HOLDER_NEIGHBOUR, "a", "USD", 2, 7},
                                                  {3, RILL_HOLDER_NEIGHBOUR, "b", "USD", 2, 7}};
    /* Of one day, and more than it has room for. */
    const rill_store_flow flows[] = {{10 * 1440 + 7, 2, 3, INT64_MAX, {5, 0}, {5, 0}},
                                     {10 * 1440 + 8, 2, 3, 1, {5, 0}, {5, 0}},
                                     {19 * 1440, 2, 3, 1, {5, 0}, {5, 0}}};
    const rill_store_batch batch = {
        .accounts = accounts, .account_count = 3, .flows = flows, .flow_count = 3};
    char problem[RILL_SQLITE_PROBLEM];
    rill_sqlite *file = NULL;
    rill_store *store = NULL;
    rill_sqlite_options o = {.path = path};
    const rill_writer_options w = {.allocator = rill_allocator_default(),
                                   .wake = wake,
                                   .written = on_written,
                                   .merge_failed = on_merge_failed,
                                   .keep_minutes = 5 * 1440,
                                   .now_ms = a_later_day};
    merge_problem[0] = '\0';
    assert_int_equal(rill_sqlite_open(&file, &o, problem), RILL_OK);
    assert_int_equal(rill_writer_new(&store, file, &w), RILL_OK);
    rill_store_write(store, &batch);
    wait_for_wakes(2);
    rill_store_collect(store);
    assert_non_null(strstr(merge_problem, "a sum is too large"));
    assert_int_equal(last_rc, RILL_OK);
    merge_problem[0] = '\0';
    rill_store_collect(store);
    assert_string_equal(merge_problem, ""); /* once */
    rill_store_close(store);
}

static const rill_store_account account = {1, RILL_HOLDER_EXCHANGE, "", "USD", 2, 7};

static void test_batches_one_after_the_other(void **state)
{
    (void)state;
    rill_store *store = opened();
    rill_store_collect(store); /* nothing to collect */
    assert_int_equal(written, 0);
    for (unsigned i = 1; i <= 50; i++) {
        const rill_store_balance balance = {1, rill_wide_signed(rill_wide(i))};
        const rill_store_batch batch = {
            .accounts = &account, .account_count = 1, .balances = &balance, .balance_count = 1};
        rill_store_write(store, &batch);
        wait_for_wakes(i);
        rill_store_collect(store);
        assert_int_equal(written, i);
        assert_int_equal(last_rc, RILL_OK);
        assert_string_equal(last_problem, "");
    }
    rill_store_close(store);
}

static void test_errors_are_told(void **state)
{
    (void)state;
    rill_store *store = opened();
    const rill_store_balance balance = {9, rill_wide_signed(rill_wide(1))};
    const rill_store_batch batch = {.balances = &balance, .balance_count = 1};
    rill_store_write(store, &batch);
    wait_for_wakes(1);
    rill_store_collect(store);
    assert_int_equal(last_rc, RILL_ERR_IO);
    assert_non_null(strstr(last_problem, path));
    rill_store_close(store);
}

/* What was handed over is kept, also if the owner closes at once. */
static void test_closing_waits(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 20; i++) {
        rill_store *store = opened();
        const rill_store_balance balance = {1, rill_wide_signed(rill_wide(i))};
        const rill_store_batch batch = {
            .accounts = &account, .account_count = 1, .balances = &balance, .balance_count = 1};
        rill_store_write(store, &batch);
        rill_store_close(store);
        assert_int_equal(wakes, i);
    }
    rill_store_close(NULL);
}

static unsigned looked;
static int look_rc;

static void on_looked(rill_store_look *look)
{
    looked++;
    look_rc = look->rc;
    rill_look_clear(look, rill_allocator_default());
}

/* Batches go first; each look is answered once. */
static void test_looks(void **state)
{
    (void)state;
    rill_store *store = opened();
    rill_store_look looks[3];
    const rill_store_balance balance = {1, rill_wide_signed(rill_wide(0))};
    const rill_store_batch batch = {
        .accounts = &account, .account_count = 1, .balances = &balance, .balance_count = 1};
    looked = 0;
    for (size_t i = 0; i < 3; i++) {
        looks[i] = (rill_store_look){.kind = i == 1 ? RILL_LOOK_STATEMENT : RILL_LOOK_AUDIT,
                                     .account = 1,
                                     .to_ms = 1,
                                     .step_minutes = 1,
                                     .done = on_looked};
        rill_store_look_into(store, &looks[i]);
    }
    rill_store_write(store, &batch);
    wait_for_wakes(4);
    rill_store_collect(store);
    assert_int_equal(looked, 3);
    assert_int_equal(look_rc, RILL_OK);
    assert_int_equal(written, 1);
    rill_store_close(store);
}

/* What is not found yet when the store is closed is answered all the same. */
static void test_closing_answers_looks(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        rill_store *store = opened();
        rill_store_look looks[20];
        looked = 0;
        for (size_t k = 0; k < 20; k++) {
            looks[k] = (rill_store_look){.kind = RILL_LOOK_AUDIT, .done = on_looked};
            rill_store_look_into(store, &looks[k]);
        }
        rill_store_close(store);
        assert_int_equal(looked, 20);
        assert_true(look_rc == RILL_OK || look_rc == RILL_ERR_CLOSED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_batches_one_after_the_other), TEST(test_errors_are_told), TEST(test_old_minutes),
        TEST(test_old_minutes_that_stay),       TEST(test_closing_waits),   TEST(test_looks),
        TEST(test_closing_answers_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
