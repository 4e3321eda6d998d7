/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L /* mkstemp, ftruncate */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka.h comes after what it needs. */
#include <rill/error.h>

#include "store/flights.h"
#include <cmocka.h>

static char path[64];
static char problem[300];
static rill_flights *f;

static int open_it(void)
{
    return rill_flights_open(&f, rill_allocator_default(), path, problem, sizeof problem);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/rill-flights-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0 || open_it() != RILL_OK;
}

static int tear_down(void **state)
{
    (void)state;
    rill_flights_close(f);
    f = NULL;
    return unlink(path);
}

static uint32_t add(uint64_t taken)
{
    const rill_flight flight = {
        .source = 3, .destination = 4, .taken = taken, .given = 2 * taken, .expires_ms = 7};
    return rill_flights_add(f, &flight);
}

static unsigned count(rill_flight *last)
{
    uint32_t cursor = 0;
    uint32_t slot;
    unsigned n = 0;
    while (rill_flights_next(f, &cursor, &slot, last))
        n++;
    return n;
}

static void test_it_outlives_the_process(void **state)
{
    (void)state;
    rill_flight last;
    rill_flights_close(f);
    f = NULL;
    pid_t child = fork();
    if (child == 0) {
        if (open_it() != RILL_OK)
            _exit(1);
        rill_flights_begin(f, 9);
        uint32_t gone = add(1);
        (void)add(5);
        rill_flights_fulfilled(f, add(6), 77, true);
        rill_flights_remove(f, gone);
        (void)kill(getpid(), SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(open_it(), RILL_OK);
    assert_int_equal(rill_flights_count(f), 2);
    assert_int_equal(count(&last), 2);
    uint32_t cursor = 0;
    uint32_t slot;
    unsigned seen = 0;
    while (rill_flights_next(f, &cursor, &slot, &last)) {
        assert_int_equal(last.run, 9);
        assert_int_equal(last.source, 3);
        assert_int_equal(last.destination, 4);
        assert_int_equal(last.given, 2 * last.taken);
        assert_int_equal(last.expires_ms, 7);
        assert_int_equal(last.group, last.taken == 6 ? 77 : 0);
        assert_int_equal(last.charged, last.taken == 6);
        seen |= 1u << last.taken;
        rill_flights_remove(f, slot);
    }
    assert_int_equal(seen, 1u << 5 | 1u << 6);
    assert_int_equal(rill_flights_count(f), 0);
}

/* Beyond its room nothing is listed, and nothing else happens. */
static void test_full(void **state)
{
    (void)state;
    rill_flight last;
    rill_flights_begin(f, 1);
    uint32_t first = add(1);
    for (uint32_t i = 1; i < RILL_FLIGHTS_MAX; i++)
        assert_true(add(1) != 0);
    assert_int_equal(add(1), 0);
    rill_flights_fulfilled(f, 0, 1, true);
    rill_flights_remove(f, 0);
    assert_int_equal(count(&last), RILL_FLIGHTS_MAX);
    rill_flights_remove(f, first);
    assert_int_equal(add(2), first);
    assert_int_equal(add(2), 0);
}

/* A slot that is not whole is none. */
static void test_torn(void **state)
{
    (void)state;
    rill_flight last;
    rill_flights_begin(f, 1);
    uint32_t slots[8];
    for (size_t i = 0; i < 8; i++)
        slots[i] = add(100 + i);
    assert_int_equal(count(&last), 8);
    rill_flights_close(f);
    f = NULL;
    /* Each of the first seven words of another one. */
    FILE *file = fopen(path, "r+");
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(fseek(file, (long)(slots[i] * 64 + 8 * i), SEEK_SET), 0);
        assert_int_equal(fputc(0x55, file), 0x55);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(open_it(), RILL_OK);
    assert_int_equal(count(&last), 2);
    assert_int_equal(rill_flights_count(f), 2);
}

static void test_another_file(void **state)
{
    (void)state;
    rill_flights_close(f);
    f = NULL;
    FILE *file = fopen(path, "r+");
    assert_int_equal(fputc('x', file), 'x');
    assert_int_equal(fclose(file), 0);
    assert_int_equal(open_it(), RILL_ERR_MALFORMED);
    assert_non_null(strstr(problem, "no list of packets"));
    assert_int_equal(truncate(path, 5), 0);
    assert_int_equal(open_it(), RILL_ERR_MALFORMED);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(open_it(), RILL_OK);
    rill_flights *other = NULL;
    assert_int_equal(rill_flights_open(&other, rill_allocator_default(), "/none/at/all", problem,
                                       sizeof problem),
                     RILL_ERR_IO);
    assert_non_null(strstr(problem, "/none/at/all: No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
        TEST(test_it_outlives_the_process),
        TEST(test_full),
        TEST(test_torn),
        TEST(test_another_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
