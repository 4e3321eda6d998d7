/* SPDX-License-Identifier: Apache-2.0 */
/* Output whose reader is slow or gone, or whose disk is full. The loop never waits for it. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "cli/writer.h"

#define MORE ((size_t)1 << 20) /* than a pipe and a writer take */

typedef struct output {
    rill_loop *loop;
    uv_timer_t alive; /* what may come keeps no loop running */
    cli_writer *writer;
    int fds[2];
    unsigned room;
    unsigned failed;
    int error;
    unsigned closed;
    size_t unwritten;
} output;

static void on_room(void *user)
{
    ((output *)user)->room++;
}

static void on_failed(int error, void *user)
{
    output *o = user;
    o->failed++;
    o->error = error;
}

static void on_closed(size_t unwritten, void *user)
{
    output *o = user;
    o->closed++;
    o->unwritten = unwritten;
}

static void on_deadline(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("nothing happened for a minute");
}

static void open_output(output *o, int fd)
{
    const cli_writer_handlers handlers = {on_room, on_failed, on_closed, o};
    alarm(60);
    assert_int_equal(rill_loop_new(&o->loop, NULL), RILL_OK);
    uv_timer_init(rill_loop_uv(o->loop), &o->alive);
    uv_timer_start(&o->alive, on_deadline, 60000, 0);
    o->writer = cli_writer_open(o->loop, fd, &handlers);
    assert_non_null(o->writer);
}

static void end_output(output *o)
{
    uv_close((uv_handle_t *)&o->alive, NULL);
    assert_int_equal(rill_loop_run(o->loop), RILL_OK);
    assert_int_equal(o->closed, 1);
    rill_loop_free(o->loop);
    alarm(0);
}

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 31 + i / 251);
}

static void add_pattern(output *o, size_t from, size_t len)
{
    uint8_t *data = malloc(len);
    assert_non_null(data);
    for (size_t i = 0; i < len; i++)
        data[i] = byte_at(from + i);
    assert_true(cli_writer_add(o->writer, data, len));
    free(data);
}

/* Reads so many bytes and looks at each. */
static void read_pattern(int fd, size_t len)
{
    static uint8_t buffer[65536];
    for (size_t at = 0; at < len;) {
        ssize_t n = read(fd, buffer, len - at < sizeof buffer ? len - at : sizeof buffer);
        assert_true(n > 0);
        for (size_t i = 0; i < (size_t)n; i++)
            assert_int_equal(buffer[i], byte_at(at + i));
        at += (size_t)n;
    }
}

/* Nobody reads: what is added waits, and nothing else does. Then it is all there, in order. */
static void test_slow_reader(void **state)
{
    output o = {0};
    (void)state;
    assert_int_equal(pipe(o.fds), 0);
    open_output(&o, o.fds[1]);
    assert_false(cli_writer_full(o.writer));
    add_pattern(&o, 0, MORE);
    assert_true(cli_writer_full(o.writer));
    (void)uv_run(rill_loop_uv(o.loop), UV_RUN_NOWAIT);
    assert_true(cli_writer_full(o.writer));
    assert_int_equal(o.room, 0);
    add_pattern(&o, MORE, MORE);
    read_pattern(o.fds[0], 2 * MORE);
    while (o.room == 0)
        (void)uv_run(rill_loop_uv(o.loop), UV_RUN_ONCE);
    assert_false(cli_writer_full(o.writer));
    assert_int_equal(cli_writer_error(o.writer), 0);
    cli_writer_close(o.writer, 0);
    end_output(&o);
    assert_int_equal(o.room, 1);
    assert_int_equal(o.failed, 0);
    assert_int_equal(o.unwritten, 0);
    close(o.fds[0]);
    close(o.fds[1]);
}

/* What was printed leaves as a whole when it is committed. */
static void test_stream(void **state)
{
    output o = {0};
    char text[64] = "";
    (void)state;
    assert_int_equal(pipe(o.fds), 0);
    open_output(&o, o.fds[1]);
    fprintf(cli_writer_stream(o.writer), "a line of %d bytes\n", 19);
    assert_true(cli_writer_commit(o.writer));
    fputs("two\n", cli_writer_stream(o.writer));
    assert_true(cli_writer_commit(o.writer));
    assert_true(cli_writer_commit(o.writer));
    cli_writer_close(o.writer, 0);
    end_output(&o);
    assert_int_equal(read(o.fds[0], text, sizeof text - 1), 23);
    assert_string_equal(text, "a line of 19 bytes\ntwo\n");
    close(o.fds[0]);
    close(o.fds[1]);
}

/* Somebody else made the descriptor non-blocking: it is waited for all the same. */
static void test_non_blocking(void **state)
{
    output o = {0};
    (void)state;
    assert_int_equal(pipe(o.fds), 0);
    assert_int_equal(fcntl(o.fds[1], F_SETFL, O_NONBLOCK), 0);
    open_output(&o, o.fds[1]);
    add_pattern(&o, 0, MORE);
    cli_writer_close(o.writer, 0);
    read_pattern(o.fds[0], MORE);
    end_output(&o);
    assert_int_equal(o.unwritten, 0);
    close(o.fds[0]);
    close(o.fds[1]);
}

static void until_failed(output *o)
{
    while (o->failed == 0)
        (void)uv_run(rill_loop_uv(o->loop), UV_RUN_ONCE);
}

/* A reader that went away is reported once, as an error and not as a signal. */
static void test_reader_gone(void **state)
{
    output o = {0};
    (void)state;
    signal(SIGPIPE, SIG_DFL);
    assert_int_equal(pipe(o.fds), 0);
    close(o.fds[0]);
    open_output(&o, o.fds[1]);
    assert_true(cli_writer_add(o.writer, "x", 1));
    until_failed(&o);
    assert_int_equal(o.error, EPIPE);
    assert_int_equal(cli_writer_error(o.writer), EPIPE);
    assert_false(cli_writer_add(o.writer, "x", 1));
    cli_writer_close(o.writer, 0);
    end_output(&o);
    assert_int_equal(o.failed, 1);
    close(o.fds[1]);
}

static void test_disk_full(void **state)
{
    output o = {0};
    int fd = open("/dev/full", O_WRONLY);
    (void)state;
    if (fd < 0)
        skip();
    open_output(&o, fd);
    assert_true(cli_writer_add(o.writer, "x", 1));
    until_failed(&o);
    assert_int_equal(o.error, ENOSPC);
    cli_writer_close(o.writer, 0);
    end_output(&o);
    close(fd);
}

/* A reader that takes nothing is waited for so long and no longer. The rest is counted. */
static void test_patience(void **state)
{
    output o = {0};
    (void)state;
    assert_int_equal(pipe(o.fds), 0);
    open_output(&o, o.fds[1]);
    add_pattern(&o, 0, MORE);
    cli_writer_close(o.writer, 0);
    cli_writer_close(o.writer, 50 * RILL_MS);
    cli_writer_close(o.writer, 0);
    end_output(&o);
    assert_true(o.unwritten > 0 && o.unwritten < MORE);
    assert_int_equal(o.failed, 0);
    /* The thread ends by itself once it can. */
    read_pattern(o.fds[0], MORE - o.unwritten);
    close(o.fds[0]);
    close(o.fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_reader),  cmocka_unit_test(test_stream),
        cmocka_unit_test(test_non_blocking), cmocka_unit_test(test_reader_gone),
        cmocka_unit_test(test_disk_full),    cmocka_unit_test(test_patience),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
