/* SPDX-License-Identifier: Apache-2.0 */
/* A server of HTTP/1.1 that says what it is told to, and what it was asked. */
#ifndef RILL_TESTS_HTTP_SCRIPT_H
#define RILL_TESTS_HTTP_SCRIPT_H

#include "net_fixture.h"

static uv_tcp_t scripted;
static const char *script; /* the answer to each request; NULL: none */
static bool script_closes; /* after the answer, or instead of it */
static unsigned script_requests;
static unsigned script_connections;
static char script_last[4096]; /* the head of the last request */
static uint8_t script_body[2048];
static size_t script_body_len;

typedef struct visitor visitor;
static visitor *script_visitor; /* who asked last */

struct visitor {
    uv_tcp_t handle;
    uv_write_t write;
    char buffer[4096];
    size_t len;
    bool closing;
};

static inline void on_visitor_closed(uv_handle_t *handle)
{
    if (script_visitor == handle->data)
        script_visitor = NULL;
    free(handle->data);
}

static inline void close_visitor(visitor *v)
{
    if (v->closing)
        return;
    v->closing = true;
    uv_close((uv_handle_t *)&v->handle, on_visitor_closed);
}

static inline void on_visitor_written(uv_write_t *write, int status)
{
    visitor *v = write->data;
    (void)status;
    if (script_closes)
        close_visitor(v);
}

static inline void on_visitor_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    visitor *v = handle->data;
    (void)size;
    *buf = uv_buf_init(v->buffer + v->len, (unsigned)(sizeof v->buffer - v->len));
}

static inline size_t length_of(const char *head, size_t len)
{
    static const char name[] = "ontent-length: ";
    const char *at = memmem(head, len, name, sizeof name - 1);
    if (at == NULL)
        at = memmem(head, len, "ontent-Length: ", sizeof name - 1);
    return at != NULL ? strtoul(at + sizeof name - 1, NULL, 10) : 0;
}

/* To who asked last; it stays where it is. */
static inline void script_say(const char *text)
{
    visitor *v = script_visitor;
    uv_buf_t out = uv_buf_init((char *)(uintptr_t)text, (unsigned)strlen(text));
    assert_non_null(v);
    v->write.data = v;
    assert_int_equal(uv_write(&v->write, (uv_stream_t *)&v->handle, &out, 1, on_visitor_written),
                     0);
}

static inline void on_visitor_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    visitor *v = stream->data;
    (void)buf;
    if (count < 0) {
        close_visitor(v);
        return;
    }
    v->len += (size_t)count;
    const char *end = memmem(v->buffer, v->len, "\r\n\r\n", 4);
    size_t head = end == NULL ? 0 : (size_t)(end + 4 - v->buffer);
    if (end == NULL || v->len - head < length_of(v->buffer, head))
        return;
    memcpy(script_last, v->buffer, head);
    script_last[head] = '\0';
    script_body_len = v->len - head;
    assert_in_range(script_body_len, 0, sizeof script_body);
    memcpy(script_body, v->buffer + head, script_body_len);
    v->len = 0;
    script_requests++;
    script_visitor = v;
    if (script != NULL)
        script_say(script);
    else if (script_closes)
        close_visitor(v);
}

static inline void on_visitor(uv_stream_t *server, int status)
{
    visitor *v = calloc(1, sizeof *v);
    assert_int_equal(status, 0);
    assert_non_null(v);
    script_connections++;
    uv_tcp_init(server->loop, &v->handle);
    v->handle.data = v;
    assert_int_equal(uv_accept(server, (uv_stream_t *)&v->handle), 0);
    uv_read_start((uv_stream_t *)&v->handle, on_visitor_alloc, on_visitor_read);
}

/* At this port; 0: at any that is free. */
static inline void listen_to_visitors(net *n, uint16_t at)
{
    struct sockaddr_in address;
    int len = sizeof address;
    uv_tcp_init(rill_loop_uv(n->loop), &scripted);
    assert_int_equal(uv_ip4_addr("127.0.0.1", at, &address), 0);
    assert_int_equal(uv_tcp_bind(&scripted, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&scripted, 16, on_visitor), 0);
    assert_int_equal(uv_tcp_getsockname(&scripted, (struct sockaddr *)&address, &len), 0);
    n->options.listen.port = ntohs(address.sin_port);
}

static inline void serve_script(net *n, const char *answer, bool closes)
{
    script = answer;
    script_closes = closes;
    script_requests = script_connections = 0;
    script_visitor = NULL;
    listen_to_visitors(n, 0);
}

#endif
