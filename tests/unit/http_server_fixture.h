/* SPDX-License-Identifier: Apache-2.0 */
/* A server's end, without a socket, and what its owner is told. Included by its tests. */
#ifndef RILL_TESTS_HTTP_SERVER_FIXTURE_H
#define RILL_TESTS_HTTP_SERVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/server.h"
#include "support/failing_memory.h"
#include "support/h2_frames.h"

#define HEAD "POST /a HTTP/1.1\r\nHost: h\r\n"
enum { MOST = 8192 };

static failing_memory memory;
static rill_blocks blocks;
static rill_http_limits limits;
static rill_http_server *server;
static uint64_t handles[MOST];
static size_t bodies[MOST];
static size_t asked, gone, upgrades;
static bool at_once, takes_over;
static const char *body_text; /* of the answers that are made at once */
static rill_http_protocol version;
static char method[16];
static char raw[4096];
static size_t raw_len;
static uint8_t out[1 << 21];
static size_t out_len;
static int last;
static h2_bytes in;

static inline int answer(uint64_t handle, unsigned status, const char *body)
{
    rill_http_response r = {.status = status, .body = {(const uint8_t *)body, strlen(body)}};
    return rill_http_respond(server, handle, &r);
}

static inline void on_request(void *owner, uint64_t handle, const rill_http_message *m)
{
    (void)owner;
    assert_true(asked < MOST);
    version = m->version == 20 ? RILL_HTTP_2 : RILL_HTTP_1;
    bodies[asked] = m->body_len;
    rill_bytes name = rill_http_text(m, m->method);
    snprintf(method, sizeof method, "%.*s", (int)name.len, (const char *)name.data);
    handles[asked++] = handle;
    if (at_once)
        assert_int_equal(answer(handle, 200, body_text), RILL_OK);
}

static inline void on_gone(void *owner, uint64_t handle)
{
    (void)owner;
    (void)handle;
    gone++;
}

static inline bool on_upgrade(void *owner, const rill_http_message *m, rill_bytes bytes)
{
    (void)owner;
    assert_int_equal(m->body_len, 0);
    assert_true(bytes.len < sizeof raw);
    memcpy(raw, bytes.data, bytes.len);
    raw_len = bytes.len;
    upgrades++;
    return takes_over;
}

static const rill_http_server_handlers handlers = {on_request, on_gone, on_upgrade};

static inline void collect(void)
{
    rill_bytes more;
    while (rill_http_server_output(server, &more) == RILL_OK && more.len != 0) {
        assert_true(more.len <= sizeof out - out_len);
        memcpy(out + out_len, more.data, more.len);
        out_len += more.len;
    }
    out[out_len] = '\0';
}

static inline void feed_bytes(const uint8_t *data, size_t len)
{
    last = rill_http_server_feed(server, data, len);
    collect();
}

static inline void feed(const char *bytes)
{
    feed_bytes((const uint8_t *)bytes, strlen(bytes));
}

static inline void flush_in(void)
{
    feed_bytes(in.data, in.len);
    in.len = 0;
}

static inline bool has_said(const char *what)
{
    return strstr((const char *)out, what) != NULL;
}

static inline int set_up(void **state)
{
    (void)state;
    failing_memory_init(&memory, 0, 1);
    rill_blocks_init(&blocks, &memory.allocator, 1 << 22);
    rill_http_limits_init(&limits);
    asked = gone = upgrades = out_len = raw_len = 0;
    at_once = takes_over = false;
    body_text = "yes";
    h2_begin(&in);
    assert_int_equal(
        rill_http_server_new(&server, &blocks, &limits, RILL_HTTP_AUTO, &handlers, NULL), RILL_OK);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    rill_http_server_free(server);
    rill_blocks_clear(&blocks);
    assert_int_equal(memory.blocks, 0);
    failing_memory_end(&memory);
    return 0;
}

#endif
