/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener that pauses: a client that cannot be accepted goes away, the next one waits and is
 * accepted.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <rill/error.h>

#include "io/acceptor.h"

static rill_loop *loop;
static rill_acceptor listener;
static uv_tcp_t taken;
static unsigned calls;
static unsigned pauses; /* to be made */
static bool closed;

static void on_taken_closed(uv_handle_t *handle)
{
    (void)handle;
    rill_acceptor_close(&listener);
}

static void on_ready(rill_acceptor *l, uv_stream_t *stream)
{
    calls++;
    if (calls <= pauses) {
        rill_acceptor_pause(l);
        rill_acceptor_pause(l);
        return;
    }
    uv_tcp_init(loop->uv, &taken);
    assert_int_equal(uv_accept(stream, (uv_stream_t *)&taken), 0);
    uv_close((uv_handle_t *)&taken, on_taken_closed);
}

static void on_trouble(rill_acceptor *l, int status)
{
    (void)l;
    (void)status;
    fail();
}

static void on_closed(rill_acceptor *l)
{
    (void)l;
    closed = true;
}

static void begin(unsigned how_often)
{
    calls = 0;
    closed = false;
    pauses = how_often;
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    memset(&listener, 0, sizeof listener);
    listener.loop = loop;
    listener.ready = on_ready;
    listener.trouble = on_trouble;
    listener.closed = on_closed;
    assert_int_equal(rill_acceptor_open(&listener, "127.0.0.1", 0), RILL_OK);
}

/* Connected, as far as the kernel goes. */
static int client(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(rill_acceptor_port(&listener))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void test_a_pause(void **state)
{
    (void)state;
    begin(3);
    int fds[4];
    /* They are there at once: three pauses, and none after the first finds the door shut. */
    for (size_t i = 0; i < 4; i++)
        fds[i] = client();
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_int_equal(calls, 4);
    assert_true(closed);
    for (size_t i = 0; i < 4; i++) {
        char byte;
        /* The end, or a reset. */
        assert_true(recv(fds[i], &byte, 1, 0) <= 0);
        close(fds[i]);
    }
    rill_loop_free(loop);
}

static uv_timer_t timer;
static int late = -1;

static void on_timer(uv_timer_t *t)
{
    /* While it pauses: it is still ours, and nobody is refused. */
    if (!listener.open && late < 0) {
        late = client();
        uv_close((uv_handle_t *)t, NULL);
    }
}

static void test_a_client_in_a_pause_waits(void **state)
{
    (void)state;
    begin(1);
    late = -1;
    uv_timer_init(loop->uv, &timer);
    uv_timer_start(&timer, on_timer, 1, 1);
    int first = client();
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_true(late >= 0);
    assert_int_equal(calls, 2);
    assert_true(closed);
    close(first);
    close(late);
    rill_loop_free(loop);
}

static void on_close_now(uv_timer_t *t)
{
    if (!listener.open) {
        rill_acceptor_close(&listener);
        uv_close((uv_handle_t *)t, NULL);
    }
}

static void test_closing_in_a_pause(void **state)
{
    (void)state;
    begin(1);
    uv_timer_init(loop->uv, &timer);
    uv_timer_start(&timer, on_close_now, 1, 1);
    int first = client();
    uint16_t port = rill_acceptor_port(&listener);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_true(closed);
    /* Nothing of it is left. */
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
    close(first);
    rill_loop_free(loop);
}

static void on_none(rill_acceptor *l, uv_stream_t *stream)
{
    (void)l;
    (void)stream;
    fail();
}

static int open_at(const char *path)
{
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    memset(&listener, 0, sizeof listener);
    listener.loop = loop;
    listener.ready = on_none;
    listener.trouble = on_trouble;
    listener.closed = on_closed;
    closed = false;
    return rill_acceptor_open_unix(&listener, path);
}

static void end_at(void)
{
    rill_acceptor_close(&listener);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_true(closed);
    rill_loop_free(loop);
}

/* Its own user's alone, and gone with it; what is another's stays. */
static void test_a_path(void **state)
{
    (void)state;
    char folder[] = "/tmp/rill-acceptor-XXXXXX";
    char path[64];
    char other[64];
    char long_one[200];
    struct stat found;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    snprintf(other, sizeof other, "%s/file", folder);
    mode_t mask = umask(0);
    assert_int_equal(open_at(path), RILL_OK);
    umask(mask);
    assert_int_equal(lstat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_int_equal(rill_acceptor_port(&listener), 0);
    rill_unix_socket second;
    int fd = -1;
    assert_int_equal(rill_unix_bind(&second, &fd, path), RILL_ERR_ADDRESS_IN_USE);
    end_at();
    assert_int_equal(lstat(path, &found), -1);
    /* What a process that died has left. */
    assert_int_equal(rill_unix_bind(&second, &fd, path), RILL_OK);
    assert_int_equal(open_at(path), RILL_OK);
    /* The first one's is gone; it does not take away the new one. */
    rill_unix_remove(&second);
    close(fd);
    assert_int_equal(lstat(path, &found), 0);
    end_at();
    fd = open(other, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0 && close(fd) == 0);
    assert_int_equal(open_at(other), RILL_ERR_EXISTS);
    end_at();
    assert_int_equal(unlink(other), 0);
    memset(long_one, 'x', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    assert_int_equal(open_at(long_one), RILL_ERR_TOO_LARGE);
    end_at();
    assert_int_equal(open_at("/none/at/all"), RILL_ERR_IO);
    end_at();
    assert_int_equal(rmdir(folder), 0);
}

/* ---- sockets that another process has opened ---- */

/* It listens at a free port of this machine. */
static int opened(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static int call(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

static void begin_listener(void (*ready)(rill_acceptor *, uv_stream_t *))
{
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    memset(&listener, 0, sizeof listener);
    listener.loop = loop;
    listener.ready = ready;
    listener.trouble = on_trouble;
    listener.closed = on_closed;
    calls = 0;
    pauses = 0;
    closed = false;
}

static int passed_on;

static void pass_on(void *user, int fd)
{
    assert_ptr_equal(user, &passed_on);
    passed_on = dup(fd);
}

/* Who had connected before is served, and the socket can be passed on once more. */
static void test_an_adopted_socket(void **state)
{
    (void)state;
    uint16_t port;
    int fd = opened(&port);
    int early = call(port);
    assert_true(early >= 0);
    begin_listener(on_ready);
    assert_int_equal(rill_loop_adopt_socket(loop, fd), RILL_OK);
    assert_int_equal(rill_acceptor_open(&listener, "127.0.0.1", port), RILL_OK);
    assert_int_equal(rill_acceptor_port(&listener), port);
    assert_int_equal(rill_loop_drop_adopted(loop), 0);
    passed_on = -1;
    rill_loop_each_listening(loop, pass_on, &passed_on);
    assert_true(passed_on >= 0);
    assert_int_equal(rill_loop_run(loop), RILL_OK); /* which serves one, and closes */
    assert_int_equal(calls, 1);
    assert_true(closed);
    rill_loop_each_listening(loop, pass_on, &passed_on); /* none is open */
    rill_loop_free(loop);
    close(early);
    /* Between the two processes nobody is refused. */
    int between = call(port);
    assert_true(between >= 0);
    begin_listener(on_ready);
    assert_int_equal(rill_loop_adopt_socket(loop, passed_on), RILL_OK);
    assert_int_equal(rill_acceptor_open(&listener, "127.0.0.1", port), RILL_OK);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_int_equal(calls, 1);
    rill_loop_free(loop);
    close(between);
    assert_int_equal(call(port), -1);
}

static void test_what_is_not_adopted(void **state)
{
    (void)state;
    uint16_t port, other;
    int fds[2];
    begin_listener(on_none);
    assert_int_equal(rill_loop_adopt_socket(loop, -1), RILL_ERR_INVALID);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(rill_loop_adopt_socket(loop, fds[0]), RILL_ERR_INVALID);
    close(fds[0]);
    close(fds[1]);
    int datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(rill_loop_adopt_socket(loop, datagrams), RILL_ERR_INVALID);
    close(datagrams);
    int deaf = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(rill_loop_adopt_socket(loop, deaf), RILL_ERR_INVALID);
    close(deaf);
    /* Nobody listens at this one's address. */
    int fd = opened(&port);
    int second = opened(&other);
    assert_int_equal(rill_loop_adopt_socket(loop, fd), RILL_OK);
    assert_int_equal(rill_loop_adopt_socket(loop, second), RILL_OK);
    assert_int_equal(rill_acceptor_open(&listener, "127.0.0.1", other), RILL_OK);
    assert_int_equal(rill_loop_drop_adopted(loop), 1);
    assert_int_equal(call(port), -1);
    rill_acceptor_close(&listener);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    /* One that is left is closed with the loop. */
    fd = opened(&port);
    assert_int_equal(rill_loop_adopt_socket(loop, fd), RILL_OK);
    rill_loop_free(loop);
    assert_int_equal(call(port), -1);
}

/* By two descriptors, as who passes it has it from two places: it is one. */
static void test_a_socket_that_is_adopted_twice(void **state)
{
    (void)state;
    uint16_t port;
    int fd = opened(&port);
    int again = dup(fd);
    begin_listener(on_none);
    assert_int_equal(rill_loop_adopt_socket(loop, fd), RILL_OK);
    assert_int_equal(rill_loop_adopt_socket(loop, again), RILL_OK);
    assert_int_equal(fcntl(again, F_GETFD), -1);
    assert_int_equal(rill_acceptor_open(&listener, "127.0.0.1", port), RILL_OK);
    assert_int_equal(rill_loop_drop_adopted(loop), 0);
    rill_acceptor_close(&listener);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    rill_loop_free(loop);
    assert_int_equal(call(port), -1);
}

/* A path that another has made stays. */
static void test_an_adopted_path(void **state)
{
    (void)state;
    char folder[] = "/tmp/rill-acceptor-XXXXXX";
    char path[64];
    struct stat found;
    rill_unix_socket theirs;
    int fd = -1;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    assert_int_equal(rill_unix_bind(&theirs, &fd, path), RILL_OK);
    assert_int_equal(listen(fd, 1), 0);
    begin_listener(on_none);
    assert_int_equal(rill_loop_adopt_socket(loop, fd), RILL_OK);
    assert_int_equal(rill_acceptor_open_unix(&listener, path), RILL_OK);
    passed_on = -1;
    rill_loop_each_listening(loop, pass_on, &passed_on);
    assert_true(passed_on >= 0);
    close(passed_on);
    end_at();
    assert_int_equal(lstat(path, &found), 0);
    rill_unix_remove(&theirs);
    /* Where everybody may connect, whoever is at a path would not be who we take them for. */
    assert_int_equal(rill_unix_bind(&theirs, &fd, path), RILL_OK);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(chmod(path, 0666), 0);
    begin_listener(on_none);
    assert_int_equal(rill_loop_adopt_socket(loop, fd), RILL_OK);
    assert_int_equal(rill_acceptor_open_unix(&listener, path), RILL_ERR_INVALID);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    end_at();
    rill_unix_remove(&theirs);
    /* One whose file is gone is made anew. */
    assert_int_equal(rill_unix_bind(&theirs, &fd, path), RILL_OK);
    assert_int_equal(listen(fd, 1), 0);
    rill_unix_remove(&theirs);
    begin_listener(on_none);
    assert_int_equal(rill_loop_adopt_socket(loop, fd), RILL_OK);
    assert_int_equal(rill_acceptor_open_unix(&listener, path), RILL_OK);
    assert_int_equal(lstat(path, &found), 0);
    end_at();
    assert_int_equal(lstat(path, &found), -1);
    /* One of its own is gone with it, and nothing to pass on. */
    assert_int_equal(open_at(path), RILL_OK);
    passed_on = -1;
    rill_loop_each_listening(loop, pass_on, &passed_on);
    assert_int_equal(passed_on, -1);
    end_at();
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pause),
        cmocka_unit_test(test_a_client_in_a_pause_waits),
        cmocka_unit_test(test_closing_in_a_pause),
        cmocka_unit_test(test_a_path),
        cmocka_unit_test(test_an_adopted_socket),
        cmocka_unit_test(test_what_is_not_adopted),
        cmocka_unit_test(test_a_socket_that_is_adopted_twice),
        cmocka_unit_test(test_an_adopted_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
