/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node, a receiver, a server of SPSP and a client without rules, on one loop and over real
 * sockets. Included by its tests, which define _GNU_SOURCE.
 *
 * The linker puts the functions below before malloc's (--wrap), for the code of this tree.
 */
#ifndef RILL_TESTS_SPSP_SERVER_FIXTURE_H
#define RILL_TESTS_SPSP_SERVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <rill/receipt.h>
#include <rill/rill.h>
#include <rill/spsp.h>
#include <rill/spsp_server.h>
#include <uv.h>

#include "cli/demo_node.h"

#define DEADLINE_MS 60000
#define NONCE       "AAECAwQFBgcICQoLDA0ODw=="
#define SECRET      "6jR5iNIVRvqeasJeCty6C-YB5X9FhSOUPCL_5nha5Vs"

/* ---- allocations that fail ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static bool counting;
static unsigned long asked_for, fail_at;

static inline bool refused(void)
{
    return counting && ++asked_for == fail_at;
}

void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
    return refused() ? NULL : __real_realloc(ptr, size);
}

/* ---- the world ---- */

typedef struct world {
    rill_loop *loop;
    rill_node *node;
    rill_server *server;
    rill_spsp_server *spsp;
    uv_timer_t deadline;
    bool ready, server_closed, spsp_closed, tagged;
    char uri[64];
    char tag[RILL_MAX_TAG + 1];
    /* the client */
    uv_tcp_t socket;
    uv_connect_t connecting;
    uv_write_t writing;
    uv_shutdown_t shutting;
    bool half; /* it says at once that it says nothing more */
    const char *request;
    size_t request_len;
    char got[65536]; /* NUL-terminated */
    size_t got_len;
    bool ended, socket_closed;
    unsigned answers; /* that are wanted before it hangs up; 0: it waits for the server */
    /* what the application was asked */
    unsigned asked;
    uint64_t query;
    char path[RILL_SPSP_MAX_PATH + 1];
    char host[256];
    bool receipts;
    int answer; /* RILL_OK: hand out; 1: later; else refuse with it */
    char line[512];
} world;

static world w;

static inline void on_deadline(uv_timer_t *timer)
{
    (void)timer;
    fprintf(stderr, "# it does not end: got \"%s\"\n", w.got);
    _exit(1);
}

static inline void until(const bool *done)
{
    while (!*done)
        (void)uv_run(rill_loop_uv(w.loop), UV_RUN_ONCE);
}

static inline void on_server_ready(rill_server *server, void *user)
{
    (void)server;
    ((world *)user)->ready = true;
}

static inline void on_connection(rill_connection *c, void *user)
{
    world *m = user;
    snprintf(m->tag, sizeof m->tag, "%s", rill_connection_tag(c));
    m->tagged = true;
}

static inline void on_server_closed(int error, const char *detail, void *user)
{
    (void)error;
    (void)detail;
    ((world *)user)->server_closed = true;
}

static inline void on_asked(rill_spsp_server *s, uint64_t query_id, const rill_spsp_asked *asked,
                            void *user)
{
    world *m = user;
    m->asked++;
    m->query = query_id;
    snprintf(m->path, sizeof m->path, "%s", asked->path);
    snprintf(m->host, sizeof m->host, "%s", asked->host);
    m->receipts = asked->receipt_nonce != NULL;
    assert_true((asked->receipt_nonce != NULL) == (asked->receipt_secret != NULL));
    if (m->answer == RILL_OK)
        assert_int_equal(rill_spsp_server_hand_out(s, query_id, m->server, "asked"), RILL_OK);
    else if (m->answer < 0)
        assert_int_equal(rill_spsp_server_refuse(s, query_id, m->answer), RILL_OK);
}

static inline void on_log(const char *line, void *user)
{
    snprintf(((world *)user)->line, sizeof w.line, "%s", line);
}

static inline void on_spsp_closed(void *user)
{
    world *m = user;
    m->spsp_closed = true;
    m->spsp = NULL;
}

static const rill_spsp_server_handlers handlers = {
    .size = sizeof handlers, .asked = on_asked, .log = on_log, .closed = on_spsp_closed};
static const rill_spsp_server_handlers quiet = {.size = sizeof quiet, .closed = on_spsp_closed};

static inline int open_spsp(const rill_spsp_server_handlers *on)
{
    rill_spsp_server_options o;
    rill_spsp_server_options_init(&o);
    o.server = w.server;
    o.handlers = on;
    o.user = &w;
    w.spsp_closed = false;
    return rill_spsp_server_open(&w.spsp, w.loop, &o);
}

static inline void begin_without(void)
{
    static const rill_handlers on = {.size = sizeof on,
                                     .server_ready = on_server_ready,
                                     .connection = on_connection,
                                     .closed = on_server_closed};
    static char link[128];
    rill_net_options o;
    memset(&w, 0, sizeof w);
    assert_int_equal(rill_loop_new(&w.loop, NULL), RILL_OK);
    uv_timer_init(rill_loop_uv(w.loop), &w.deadline);
    uv_timer_start(&w.deadline, on_deadline, DEADLINE_MS, 0);
    assert_int_equal(demo_node_open(&w.node, w.loop, w.uri, sizeof w.uri), RILL_OK);
    snprintf(link, sizeof link, "btp+ws://shop:open@%s", strstr(w.uri, "127."));
    rill_net_options_init(&o);
    o.link_uri = link;
    o.handlers = &on;
    o.user = &w;
    assert_int_equal(rill_server_open(&w.server, w.loop, &o, NULL), RILL_OK);
}

static inline void begin(const rill_spsp_server_handlers *on)
{
    begin_without();
    until(&w.ready);
    assert_int_equal(open_spsp(on), RILL_OK);
}

static inline void finish(void)
{
    if (!w.spsp_closed) {
        rill_spsp_server_close(w.spsp);
        rill_spsp_server_close(w.spsp); /* again: nothing */
    }
    rill_server_close(w.server);
    until(&w.spsp_closed);
    until(&w.server_closed);
    rill_node_close(w.node);
    uv_close((uv_handle_t *)&w.deadline, NULL);
    assert_int_equal(rill_loop_run(w.loop), RILL_OK);
    assert_int_equal(rill_loop_free(w.loop), RILL_OK);
}

/* ---- the client ---- */

static inline void on_socket_closed(uv_handle_t *handle)
{
    (void)handle;
    w.socket_closed = true;
}

static inline void hang_up(void)
{
    if (!uv_is_closing((uv_handle_t *)&w.socket))
        uv_close((uv_handle_t *)&w.socket, on_socket_closed);
}

static inline void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(w.got + w.got_len, (unsigned)(sizeof w.got - 1 - w.got_len));
}

/* Whole responses that have come: each says how long its body is. */
static inline unsigned whole(void)
{
    unsigned count = 0;
    for (const char *at = w.got;; count++) {
        const char *head = strstr(at, "\r\n\r\n");
        if (head == NULL)
            return count;
        const char *length = strcasestr(at, "content-length: ");
        size_t body = length != NULL && length < head && strstr(w.request, "HEAD ") != w.request
                          ? strtoul(length + 16, NULL, 10)
                          : 0;
        if (strlen(head + 4) < body)
            return count;
        at = head + 4 + body;
    }
}

static inline void on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    (void)stream;
    (void)buf;
    if (n > 0) {
        w.got_len += (size_t)n;
        w.got[w.got_len] = '\0';
    }
    if (n < 0 || (w.answers > 0 && whole() >= w.answers)) {
        w.ended = true;
        hang_up();
    }
}

static inline void on_written(uv_write_t *req, int status)
{
    (void)req;
    (void)status;
}

static inline void on_shut(uv_shutdown_t *req, int status)
{
    (void)req;
    (void)status;
}

static inline void on_connected(uv_connect_t *req, int status)
{
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)w.request, (unsigned)w.request_len);
    (void)req;
    assert_int_equal(status, 0);
    assert_int_equal(uv_write(&w.writing, (uv_stream_t *)&w.socket, &buf, 1, on_written), 0);
    if (w.half)
        assert_int_equal(uv_shutdown(&w.shutting, (uv_stream_t *)&w.socket, on_shut), 0);
    assert_int_equal(uv_read_start((uv_stream_t *)&w.socket, on_room, on_bytes), 0);
}

static inline void begin_ask(const char *request, unsigned answers)
{
    struct sockaddr_in at;
    w.request = request;
    w.request_len = strlen(request);
    w.answers = answers;
    w.got_len = 0;
    w.got[0] = '\0';
    w.ended = w.socket_closed = false;
    assert_int_equal(uv_ip4_addr("127.0.0.1", rill_spsp_server_port(w.spsp), &at), 0);
    assert_int_equal(uv_tcp_init(rill_loop_uv(w.loop), &w.socket), 0);
    assert_int_equal(
        uv_tcp_connect(&w.connecting, &w.socket, (const struct sockaddr *)&at, on_connected), 0);
}

/* All that came back, until so many responses are whole, or the server hung up. */
static const char *ask_for(const char *request, unsigned answers)
{
    begin_ask(request, answers);
    until(&w.ended);
    until(&w.socket_closed);
    return w.got;
}

static const char *ask(const char *request)
{
    return ask_for(request, 1);
}

static const char *get(const char *path, const char *fields)
{
    static char request[16384];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: wallet.example\r\n%s\r\n", path,
             fields);
    return ask(request);
}

static inline bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static const char *body_of(const char *response)
{
    const char *end = strstr(response, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

/* The credentials of an answer, as our client reads them. */
static inline rill_spsp_answer read_answer(const char *response)
{
    rill_spsp_answer answer;
    const char *problem = "";
    assert_true(starts(response, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(response, "cache-control: no-cache, no-store\r\n"));
    assert_non_null(strstr(response, "access-control-allow-origin: *\r\n"));
    const char *type = strstr(response, "content-type: ") + 14;
    char kind[64];
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(type, "\r"), type);
    const char *body = body_of(response);
    assert_int_equal(
        rill_spsp_answer_read(&answer, kind, "no-cache, no-store", body, strlen(body), &problem),
        RILL_OK);
    assert_int_equal(answer.max_age_s, 0);
    return answer;
}

/* ---- receivers that were added ---- */

#endif
