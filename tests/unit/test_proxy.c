/* SPDX-License-Identifier: Apache-2.0 */
/* Proxies of the environment: which connections go through which, and the way through one. */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>

#include <rill/error.h>

#include "io/proxy.h"
#include "io/tcp.h"

static const char *const variables[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                        "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};

static int forget(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        unsetenv(variables[i]);
    return 0;
}

static void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

/* ---- which ---- */

static void goes_by(const char *host, uint16_t port, bool tls, const char *proxy)
{
    rill_proxy p;
    const char *variable;
    char found[300];
    int rc = rill_proxy_find(&p, host, port, tls, &variable);
    assert_int_equal(rc, proxy != NULL ? RILL_OK : RILL_ERR_NOT_FOUND);
    snprintf(found, sizeof found, "%s:%u", p.host, (unsigned)p.port);
    if (proxy != NULL)
        assert_string_equal(found, proxy);
}

static void test_variables(void **state)
{
    (void)state;
    goes_by("a.example", 443, true, NULL);
    set("HTTP_PROXY", "http://never:1"); /* it may be somebody's request header */
    goes_by("a.example", 80, false, NULL);
    set("all_proxy", "http://all:3");
    goes_by("a.example", 80, false, "all:3");
    goes_by("a.example", 443, true, "all:3");
    set("http_proxy", "clear:8080");
    set("HTTPS_PROXY", "http://secret.example/");
    goes_by("a.example", 80, false, "clear:8080");
    goes_by("a.example", 443, true, "secret.example:80");
    set("https_proxy", "http://[fe80::1]:81");
    goes_by("a.example", 443, true, "fe80::1:81");
    set("https_proxy", ""); /* as if it were not there */
    goes_by("a.example", 443, true, "secret.example:80");
}

static void test_this_machine_has_none(void **state)
{
    (void)state;
    set("all_proxy", "http://all:3");
    goes_by("localhost", 80, false, NULL);
    goes_by("LocalHost", 80, true, NULL);
    goes_by("127.0.0.1", 80, false, NULL);
    goes_by("127.9.9.9", 80, false, NULL);
    goes_by("::1", 80, false, NULL);
    goes_by("128.0.0.1", 80, false, "all:3");
    goes_by("::2", 80, false, "all:3");
    goes_by("localhost.example", 80, false, "all:3");
}

static void test_hosts_without(void **state)
{
    (void)state;
    set("all_proxy", "http://all:3");
    set("NO_PROXY", "one.example, .two.example,10.1.0.0/16 192.168.0.1,[fd00::]/8,fd01::/16,"
                    "three.example:81,[fe80::1]:82,256.0.0.0/8,10.2.0.0/33,,/,.");
    goes_by("one.example", 80, false, NULL);
    goes_by("ONE.example", 80, false, NULL);
    goes_by("a.one.example", 80, false, NULL);
    goes_by("anyone.example", 80, false, "all:3");
    goes_by("two.example", 80, false, "all:3");
    goes_by("a.two.example", 80, false, NULL);
    goes_by("10.1.255.1", 80, false, NULL);
    goes_by("10.2.0.1", 80, false, "all:3");
    goes_by("192.168.0.1", 80, false, NULL);
    goes_by("192.168.0.11", 80, false, "all:3");
    goes_by("fd01:0::7", 80, false, NULL);
    goes_by("fd02::7", 80, false, "all:3");
    goes_by("three.example", 81, false, NULL);
    goes_by("three.example", 80, false, "all:3");
    goes_by("fe80::1", 82, false, NULL);
    goes_by("fe80::1", 80, false, "all:3");
    set("no_proxy", "*");
    goes_by("b.example", 80, true, NULL);
}

static void test_who_we_are(void **state)
{
    rill_proxy p;
    const char *variable;
    (void)state;
    set("all_proxy", "http://user:p%40ss@w%3Ard@proxy.example:8");
    assert_int_equal(rill_proxy_find(&p, "a.example", 1, true, &variable), RILL_OK);
    assert_string_equal(p.host, "proxy.example");
    assert_string_equal(p.user, "dXNlcjpwQHNzQHc6cmQ="); /* user:p@ss@w:rd */
}

static void test_what_is_no_proxy(void **state)
{
    static const char *const bad[] = {"socks5://a:1",   "https://a:1",
                                      "http://",        "http://a:",
                                      "http://a:0",     "http://a:65536",
                                      "http://a:1/b",   "http://[::1",
                                      "http://[::1]1",  "http://a b",
                                      "http://u%4@a",   "http://u%zz@a",
                                      "http://a:1\r\n", "http://a:12345678901234567890"};
    rill_proxy p;
    const char *variable;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        set("ALL_PROXY", bad[i]);
        assert_int_equal(rill_proxy_find(&p, "a.example", 1, true, &variable), RILL_ERR_INVALID);
        assert_string_equal(variable, "ALL_PROXY");
    }
    static char huge[3000];
    memset(huge, 'a', sizeof huge - 1);
    for (size_t i = 100; i < sizeof huge; i += 100) { /* each length: refused, or as it is */
        char user[3200];
        snprintf(user, sizeof user, "%.*s@a", (int)i, huge);
        set("ALL_PROXY", user);
        int rc = rill_proxy_find(&p, "a.example", 1, true, &variable);
        assert_true(rc == RILL_ERR_INVALID || (rc == RILL_OK && strlen(p.user) >= i));
        assert_true(strlen(p.user) < sizeof p.user);
    }
}

/* ---- through one ---- */

/* A proxy that says what it is told to, and who connects through it. */
typedef struct world {
    rill_loop *loop;
    uv_tcp_t listener;
    uv_tcp_t client;
    uv_timer_t deadline;
    uv_timer_t rest;
    const char *answer; /* NULL: it closes */
    size_t cut;         /* so many bytes of it first, and the rest later; 0: all at once */
    char asked[1024];
    rill_tcp *tcp;
    size_t close_at; /* the caller closes when so many bytes of the question have come; 0 */
    unsigned opened, closed;
    int lost;
    char heard[64]; /* by the caller, through it */
    char name[RILL_TCP_NAME];
    char detail[512];
} world;

static void finish(world *w)
{
    uv_handle_t *all[] = {(uv_handle_t *)&w->listener, (uv_handle_t *)&w->client,
                          (uv_handle_t *)&w->deadline, (uv_handle_t *)&w->rest};
    for (size_t i = 0; i < 4; i++)
        if (!uv_is_closing(all[i]))
            uv_close(all[i], NULL);
    rill_tcp_close(w->tcp);
}

static void on_open(void *owner)
{
    world *w = owner;
    w->opened++;
    memcpy(w->name, w->tcp->name, sizeof w->name);
    if (w->answer != NULL && strstr(w->answer, "early") == NULL)
        finish(w);
}

static void on_read(void *owner, uint8_t *data, size_t len)
{
    world *w = owner;
    size_t had = strlen(w->heard);
    assert_true(had + len < sizeof w->heard);
    memcpy(w->heard + had, data, len);
    if (strstr(w->heard, "early") != NULL)
        finish(w);
}

static void on_lost(void *owner, int error, const char *detail)
{
    world *w = owner;
    w->lost = error;
    snprintf(w->detail, sizeof w->detail, "%s", detail);
    finish(w);
}

static void on_drained(void *owner)
{
    (void)owner;
}

static void on_closed(void *owner)
{
    ((world *)owner)->closed++;
}

static const rill_tcp_handlers handlers = {
    .open = on_open, .read = on_read, .lost = on_lost, .drained = on_drained, .closed = on_closed};

static void write_now(world *w, const char *text, size_t len)
{
    uv_buf_t all = uv_buf_init((char *)(uintptr_t)text, (unsigned)len);
    assert_int_equal(uv_try_write((uv_stream_t *)&w->client, &all, 1), len);
}

static void on_rest(uv_timer_t *timer)
{
    world *w = timer->data;
    write_now(w, w->answer + w->cut, strlen(w->answer) - w->cut);
}

static void on_question(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    world *w = stream->data;
    (void)buf;
    if (count < 0 || uv_is_closing((uv_handle_t *)&w->listener))
        return;
    if (w->close_at != 0) {
        finish(w);
        return;
    }
    if (strstr(w->asked, "\r\n\r\n") == NULL)
        return;
    if (w->answer == NULL) {
        uv_close((uv_handle_t *)&w->client, NULL);
        return;
    }
    write_now(w, w->answer, w->cut != 0 ? w->cut : strlen(w->answer));
    if (w->cut != 0)
        uv_timer_start(&w->rest, on_rest, 20, 0);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    world *w = handle->data;
    (void)suggested;
    size_t had = strlen(w->asked);
    *buf = uv_buf_init(w->asked + had, (unsigned)(sizeof w->asked - 1 - had));
}

static void on_connection(uv_stream_t *server, int status)
{
    world *w = server->data;
    assert_int_equal(status, 0);
    assert_int_equal(uv_accept(server, (uv_stream_t *)&w->client), 0);
    assert_int_equal(uv_read_start((uv_stream_t *)&w->client, on_alloc, on_question), 0);
}

static void on_deadline(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("nothing came of it in time");
}

static void listen_as_proxy(world *w, const char *user)
{
    struct sockaddr_in at;
    int len = sizeof at;
    char proxy[128];
    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &at), 0);
    assert_int_equal(uv_tcp_bind(&w->listener, (const struct sockaddr *)&at, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&w->listener, 8, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&w->listener, (struct sockaddr *)&at, &len), 0);
    const unsigned char *port = (const unsigned char *)&at.sin_port;
    snprintf(proxy, sizeof proxy, "http://%s127.0.0.1:%u", user,
             (unsigned)(port[0] << 8 | port[1]));
    set("http_proxy", proxy);
}

/* One connection to wallet.example:7768. */
static const world *connect_by(const char *user, const char *answer, size_t cut, size_t close_at)
{
    static world w;
    memset(&w, 0, sizeof w);
    w.answer = answer;
    w.cut = cut;
    w.close_at = close_at;
    assert_int_equal(rill_loop_new(&w.loop, NULL), RILL_OK);
    uv_loop_t *uv = rill_loop_uv(w.loop);
    uv_tcp_init(uv, &w.listener);
    uv_tcp_init(uv, &w.client);
    uv_timer_init(uv, &w.deadline);
    uv_timer_init(uv, &w.rest);
    w.listener.data = w.client.data = w.deadline.data = w.rest.data = &w;
    uv_timer_start(&w.deadline, on_deadline, 60000, 0);
    listen_as_proxy(&w, user);
    assert_int_equal(rill_tcp_new(&w.tcp, w.loop, &handlers, &w), RILL_OK);
    assert_int_equal(rill_tcp_connect(w.tcp, "wallet.example", 7768, NULL), RILL_OK);
    assert_int_equal(rill_loop_run(w.loop), RILL_OK);
    rill_loop_free(w.loop);
    assert_int_equal(w.closed, 1);
    return &w;
}

static void test_a_way(void **state)
{
    (void)state;
    const world *w = connect_by("", "HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n", 0, 0);
    assert_string_equal(
        w->asked, "CONNECT wallet.example:7768 HTTP/1.1\r\nHost: wallet.example:7768\r\n\r\n");
    assert_int_equal(w->opened, 1);
    assert_string_equal(w->name, "wallet.example:7768");
    w = connect_by("me:it%40@", "HTTP/1.0 204 \n\n", 0, 0);
    assert_int_equal(w->opened, 1);
    assert_non_null(strstr(w->asked, "\r\nProxy-Authorization: Basic bWU6aXRA\r\n\r\n"));
}

/* What the other end says at once may come with the proxy's answer, and that in pieces. */
static void test_who_speaks_first(void **state)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\n\r\nearly";
    (void)state;
    for (size_t cut = 0; cut < sizeof answer - 1; cut++) {
        const world *w = connect_by("", answer, cut, 0);
        assert_int_equal(w->opened, 1);
        assert_string_equal(w->heard, "early");
    }
}

static void test_no_way(void **state)
{
    static char endless[10000];
    static const struct {
        const char *answer;
        const char *said;
    } cases[] = {
        {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
         "said: 407 Proxy Authentication Required"},
        {"HTTP/1.1 403 \x1b[31mno\r\n\r\n", "said: 403 "},
        {"HTTP/1.1 2\r\n\r\n", "said: 2"},
        {"HTTP/2 200\r\n\r\n", "does not speak HTTP/1.1"},
        {"SSH-2.0-x\r\n\r\n", "does not speak HTTP/1.1"},
        {endless, "answers too much"},
        {NULL, "closed the connection"},
    };
    (void)state;
    memset(endless, 'x', sizeof endless - 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const world *w = connect_by("", cases[i].answer, 0, 0);
        assert_int_equal(w->opened, 0);
        assert_int_equal(w->lost, RILL_ERR_CONNECT);
        assert_non_null(strstr(w->detail, "no way to wallet.example:7768: the proxy 127.0.0.1:"));
        assert_non_null(strstr(w->detail, cases[i].said));
        assert_null(strchr(w->detail, '\x1b'));
    }
}

static void test_given_up_in_the_middle(void **state)
{
    (void)state;
    const world *w = connect_by("", "", 0, 1);
    assert_int_equal(w->opened, 0);
    assert_int_equal(w->lost, 0);
}

static void test_a_variable_that_is_wrong(void **state)
{
    world w = {0};
    (void)state;
    set("all_proxy", "socks5://user:password@a:1");
    assert_int_equal(rill_loop_new(&w.loop, NULL), RILL_OK);
    uv_loop_t *uv = rill_loop_uv(w.loop);
    uv_tcp_init(uv, &w.listener);
    uv_tcp_init(uv, &w.client);
    uv_timer_init(uv, &w.deadline);
    uv_timer_init(uv, &w.rest);
    assert_int_equal(rill_tcp_new(&w.tcp, w.loop, &handlers, &w), RILL_OK);
    assert_int_equal(rill_tcp_connect(w.tcp, "wallet.example", 7768, NULL), RILL_OK);
    assert_int_equal(w.lost, 0);
    assert_int_equal(rill_loop_run(w.loop), RILL_OK);
    rill_loop_free(w.loop);
    assert_int_equal(w.lost, RILL_ERR_CONNECT);
    assert_non_null(strstr(w.detail, "all_proxy is not a proxy"));
    assert_null(strstr(w.detail, "password@a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_variables, forget),
        cmocka_unit_test_setup(test_this_machine_has_none, forget),
        cmocka_unit_test_setup(test_hosts_without, forget),
        cmocka_unit_test_setup(test_who_we_are, forget),
        cmocka_unit_test_setup(test_what_is_no_proxy, forget),
        cmocka_unit_test_setup(test_a_way, forget),
        cmocka_unit_test_setup(test_who_speaks_first, forget),
        cmocka_unit_test_setup(test_no_way, forget),
        cmocka_unit_test_setup(test_given_up_in_the_middle, forget),
        cmocka_unit_test_setup(test_a_variable_that_is_wrong, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
