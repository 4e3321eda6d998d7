/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log that nobody reads, or that cannot be written for a while. Whoever adds a line never waits.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/log_lines.h"

static size_t note(uint64_t lost, char *out, size_t cap)
{
    int len = snprintf(out, cap, "lost %u\n", (unsigned)lost);
    assert_true(len > 0);
    return (size_t)len;
}

/* Lines of many lengths: a short line may have room when a longer one had none. */
static void add(log_lines *l, unsigned number)
{
    char line[128];
    int len = snprintf(line, sizeof line, "line %u %0*d\n", number, 100 - (int)(number % 90), 0);
    assert_true(len > 0);
    log_lines_add(l, line, (size_t)len);
}

typedef struct reader {
    FILE *in;
    char line[128];
} reader;

static const char *next_line(reader *r)
{
    assert_non_null(fgets(r->line, sizeof r->line, r->in));
    return r->line;
}

/* The number of a line, or how many were lost as a negative number. */
static long next_number(reader *r)
{
    unsigned number;
    const char *line = next_line(r);
    if (sscanf(line, "lost %u", &number) == 1)
        return -(long)number;
    assert_int_equal(sscanf(line, "line %u ", &number), 1);
    return (long)number;
}

static log_lines *open_pipe(int fds[2], reader *r)
{
    alarm(60);
    assert_int_equal(pipe(fds), 0);
    r->in = fdopen(fds[0], "r");
    assert_non_null(r->in);
    log_lines *l = log_lines_open(fds[1], note);
    assert_non_null(l);
    return l;
}

static void test_in_order(void **state)
{
    int fds[2];
    reader r;
    (void)state;
    log_lines *l = open_pipe(fds, &r);
    for (unsigned i = 0; i < 100; i++)
        add(l, i);
    log_lines_end(l, 60000);
    for (long i = 0; i < 100; i++)
        assert_int_equal(next_number(&r), i);
    fclose(r.in);
}

/* Lines that nobody reads are limited. Each line is there, or is counted where it is missing. */
static void test_nobody_reads(void **state)
{
    enum { MANY = 20000 };
    int fds[2];
    reader r;
    unsigned told = 0;
    (void)state;
    log_lines *l = open_pipe(fds, &r);
    for (unsigned i = 0; i < MANY; i++)
        add(l, i);
    /* Nobody takes the last ones either. */
    log_lines_end(l, 1);
    for (long next = 0; next < MANY;) {
        long number = next_number(&r);
        if (number < 0) {
            told++;
            next -= number;
        } else {
            assert_int_equal(number, next);
            next++;
        }
    }
    /* Once for each time that the thread had come by. */
    assert_in_range(told, 1, 3);
    /* Now that somebody reads, all is as before. */
    add(l, MANY);
    assert_int_equal(next_number(&r), MANY);
    fclose(r.in);
}

/* A disk that was full: lines that could not be written are reported before those that can. */
static void test_full_disk(void **state)
{
    int fds[2];
    reader r;
    (void)state;
    alarm(60);
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    log_lines *l = log_lines_open(fd, note);
    assert_non_null(l);
    add(l, 0);
    log_lines_end(l, 60000);
    add(l, 1);
    add(l, 2);
    log_lines_end(l, 60000);
    assert_int_equal(pipe(fds), 0);
    r.in = fdopen(fds[0], "r");
    assert_non_null(r.in);
    assert_int_equal(dup2(fds[1], fd), fd);
    add(l, 3);
    assert_int_equal(next_number(&r), -3);
    assert_int_equal(next_number(&r), 3);
    fclose(r.in);
}

/* A descriptor that somebody else has made non-blocking loses nothing. */
static void test_not_blocking(void **state)
{
    int fds[2];
    reader r;
    (void)state;
    log_lines *l = open_pipe(fds, &r);
    assert_true(fcntl(fds[1], F_SETPIPE_SZ, 4096) > 0);
    assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    for (unsigned i = 0; i < 500; i++)
        add(l, i);
    for (long i = 0; i < 500; i++)
        assert_int_equal(next_number(&r), i);
    fclose(r.in);
}

/* A reader that went away is an error, no signal. */
static void test_gone(void **state)
{
    int fds[2];
    (void)state;
    alarm(60);
    (void)signal(SIGPIPE, SIG_DFL);
    assert_int_equal(pipe(fds), 0);
    log_lines *l = log_lines_open(fds[1], note);
    assert_non_null(l);
    close(fds[0]);
    add(l, 0);
    log_lines_end(l, 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),  cmocka_unit_test(test_nobody_reads),
        cmocka_unit_test(test_full_disk), cmocka_unit_test(test_not_blocking),
        cmocka_unit_test(test_gone),
    };
    return cmocka_run_group_tests_name("log lines", tests, NULL, NULL);
}
