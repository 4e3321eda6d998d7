/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port of settlement engines, where a reply that waited cannot be made. The core is two
 * functions here: they stand in for those of the library.
 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <arpa/inet.h>
#include <unistd.h>
#include <uv.h>

#include "connector/engine_port.h"
#include <cmocka.h>

static rill_engine_reply answer; /* what the core says to any request */
static unsigned asked;
static unsigned closed;
static uv_loop_t uv;
static rill_loop *loop;
static rill_engine_port *port;

void rill_core_engine_ask(rill_core *c, const rill_engine_request *r, rill_engine_reply *out)
{
    (void)c;
    assert_int_equal(r->body.len, 2);
    *out = answer;
    asked++;
}

bool rill_core_has_kept(const rill_core *c, uint64_t group)
{
    (void)c;
    (void)group;
    return false;
}

static void on_closed(void *user)
{
    (void)user;
    closed++;
}

static void on_line(void *user, const char *line)
{
    (void)user;
    (void)line;
}

static int set_up(void **state)
{
    (void)state;
    static const rill_tokens none;
    const rill_engine_port_options o = {
        .host = "127.0.0.1", .tokens = &none, .log = on_line, .closed = on_closed};
    asked = closed = 0;
    memset(&answer, 0, sizeof answer);
    answer.type = "text/plain";
    assert_int_equal(uv_loop_init(&uv), 0);
    assert_int_equal(rill_loop_new(&loop, &uv), RILL_OK);
    assert_int_equal(rill_engine_port_open(&port, loop, &o), RILL_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rill_engine_port_close(port);
    while (closed == 0)
        uv_run(&uv, UV_RUN_ONCE);
    assert_int_equal(rill_loop_free(loop), RILL_OK);
    while (uv_loop_close(&uv) != 0)
        uv_run(&uv, UV_RUN_ONCE);
    return 0;
}

/* An engine has asked, and waits. Returns its socket. */
static int ask(void)
{
    static const char request[] = "POST /accounts/bob/messages HTTP/1.1\r\nHost: a\r\n"
                                  "Content-Length: 2\r\n\r\nhi";
    struct sockaddr_in where = {.sin_family = AF_INET,
                                .sin_port = htons(rill_engine_port_number(port))};
    unsigned before = asked;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(s >= 0);
    assert_int_equal(connect(s, (const struct sockaddr *)&where, sizeof where), 0);
    assert_int_equal(write(s, request, sizeof request - 1), sizeof request - 1);
    while (asked == before)
        uv_run(&uv, UV_RUN_ONCE);
    return s;
}

/* Nothing was said to it, and the connection is over. */
static void is_over(int s)
{
    char byte;
    for (unsigned i = 0; i < 5; i++)
        uv_run(&uv, UV_RUN_NOWAIT);
    assert_int_equal(read(s, &byte, 1), 0);
    close(s);
}

/* There is no status 7, so that there is no such reply, as there is none without memory. */

static void test_a_message(void **state)
{
    (void)state;
    answer.message = 5;
    int s = ask();
    rill_engine_port_messaged(port, 5, 7, (rill_bytes){NULL, 0});
    rill_engine_port_messaged(port, 5, 201, (rill_bytes){NULL, 0}); /* nobody waits any more */
    is_over(s);
}

static void test_what_waits_for_the_books(void **state)
{
    (void)state;
    answer.group = 3;
    answer.status = 7;
    int first = ask();
    int second = ask();
    rill_engine_port_kept(port, 2);
    rill_engine_port_kept(port, 3);
    is_over(first);
    is_over(second);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_message),
        TEST(test_what_waits_for_the_books),
    };
    return cmocka_run_group_tests_name("engine port", tests, NULL, NULL);
}
