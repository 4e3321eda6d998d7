/* SPDX-License-Identifier: Apache-2.0 */
/* A client's end, without a socket, and what its owner is told. Included by its tests. */
#ifndef RILL_TESTS_HTTP_CLIENT_FIXTURE_H
#define RILL_TESTS_HTTP_CLIENT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/client.h"
#include "support/failing_memory.h"
#include "support/h2_frames.h"

static failing_memory memory;
static rill_blocks blocks;
static rill_http_limits limits;
static rill_http_client *client;
static size_t answered, failed;
static unsigned status;
static char body[64];
static int error_of;
static bool sent_of;
static uint8_t out[1 << 18];
static size_t out_len;
static int last;
static h2_bytes in, block;
static bool ask_again;

static inline int ask(uint64_t outgoing_id, uint64_t *handle)
{
    rill_http_request r = {.method = {(const uint8_t *)"POST", 4},
                           .scheme = {(const uint8_t *)"http", 4},
                           .authority = {(const uint8_t *)"h", 1},
                           .path = {(const uint8_t *)"/", 1},
                           .body = {(const uint8_t *)"packet", 6}};
    return rill_http_client_request(client, &r, outgoing_id, handle);
}

static inline void on_response(void *owner, uint64_t outgoing_id, const rill_http_message *m)
{
    (void)owner;
    answered++;
    status = m->status;
    assert_true(m->body_len < sizeof body);
    if (m->body_len != 0)
        memcpy(body, m->body, m->body_len);
    body[m->body_len] = '\0';
    if (ask_again) {
        ask_again = false;
        assert_int_equal(ask(outgoing_id + 1, NULL), RILL_OK);
    }
}

static inline void on_failed(void *owner, uint64_t outgoing_id, int error, bool sent)
{
    (void)owner;
    (void)outgoing_id;
    failed++;
    error_of = error;
    sent_of = sent;
}

static const rill_http_client_handlers handlers = {on_response, on_failed};

static inline void collect(void)
{
    rill_bytes more;
    while (rill_http_client_output(client, &more) == RILL_OK && more.len != 0) {
        assert_true(more.len < sizeof out - out_len);
        memcpy(out + out_len, more.data, more.len);
        out_len += more.len;
    }
    out[out_len] = '\0';
}

static inline void feed_bytes(const uint8_t *data, size_t len)
{
    last = rill_http_client_feed(client, data, len);
    collect();
}

static inline void feed(const char *text)
{
    feed_bytes((const uint8_t *)text, strlen(text));
}

static inline void flush_in(void)
{
    feed_bytes(in.data, in.len);
    in.len = 0;
}

static inline void begin(rill_http_protocol protocol)
{
    failing_memory_init(&memory, 0, 1);
    rill_blocks_init(&blocks, &memory.allocator, 1 << 22);
    rill_http_limits_init(&limits);
    answered = failed = out_len = 0;
    status = 0;
    ask_again = false;
    h2_begin(&in);
    assert_int_equal(rill_http_client_new(&client, &blocks, &limits, protocol, &handlers, NULL),
                     RILL_OK);
    collect();
    if (protocol == RILL_HTTP_2) {
        h2_frame(&in, H2_SETTINGS, 0, 0, NULL, 0);
        flush_in();
    }
    out_len = 0;
}

static inline void end(void)
{
    rill_http_client_free(client);
    rill_blocks_clear(&blocks);
    assert_int_equal(memory.blocks, 0);
    failing_memory_end(&memory);
}

/* ---- HTTP/1.1 ---- */

static inline void answers(const char *text, unsigned want, const char *want_body, bool goes_on)
{
    begin(RILL_HTTP_1);
    assert_int_equal(ask(1, NULL), RILL_OK);
    collect();
    assert_string_equal((const char *)out,
                        "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\npacket");
    feed(text);
    assert_int_equal(answered, 1);
    assert_int_equal(status, want);
    assert_string_equal(body, want_body);
    assert_int_equal(rill_http_client_room(client), goes_on);
    assert_int_equal(rill_http_client_is_done(client), !goes_on);
    end();
}

/* ---- HTTP/2 ---- */

static inline void response_2(uint32_t stream, const char *code, bool end_stream)
{
    block.len = 0;
    h2_field(&block, ":status", code);
    h2_frame(&in, H2_HEADERS, H2_END_HEADERS | (end_stream ? H2_END_STREAM : 0), stream, block.data,
             block.len);
}

#endif
