/* SPDX-License-Identifier: Apache-2.0 */
/* The server's end against bytes that no client of ours would write. */
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
static rill_http_protocol version;
static char method[16];
static char raw[4096];
static size_t raw_len;
static uint8_t out[1 << 20];
static size_t out_len;
static int last;
static h2_bytes in, block;

static int answer(uint64_t handle, unsigned status, const char *body)
{
    rill_http_response r = {.status = status, .body = {(const uint8_t *)body, strlen(body)}};
    return rill_http_respond(server, handle, &r);
}

static void on_request(void *owner, uint64_t handle, const rill_http_message *m)
{
    (void)owner;
    assert_true(asked < MOST);
    version = m->version == 20 ? RILL_HTTP_2 : RILL_HTTP_1;
    bodies[asked] = m->body_len;
    rill_bytes name = rill_http_text(m, m->method);
    snprintf(method, sizeof method, "%.*s", (int)name.len, (const char *)name.data);
    handles[asked++] = handle;
    if (at_once)
        assert_int_equal(answer(handle, 200, "yes"), RILL_OK);
}

static void on_gone(void *owner, uint64_t handle)
{
    (void)owner;
    (void)handle;
    gone++;
}

static bool on_upgrade(void *owner, const rill_http_message *m, rill_bytes bytes)
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

static void collect(void)
{
    rill_bytes more;
    while (rill_http_server_output(server, &more) == RILL_OK && more.len != 0) {
        assert_true(more.len <= sizeof out - out_len);
        memcpy(out + out_len, more.data, more.len);
        out_len += more.len;
    }
    out[out_len] = '\0';
}

static void feed_bytes(const uint8_t *data, size_t len)
{
    last = rill_http_server_feed(server, data, len);
    collect();
}

static void feed(const char *text)
{
    feed_bytes((const uint8_t *)text, strlen(text));
}

static void flush_in(void)
{
    feed_bytes(in.data, in.len);
    in.len = 0;
}

static bool has_said(const char *text)
{
    return strstr((const char *)out, text) != NULL;
}

static int set_up(void **state)
{
    (void)state;
    failing_memory_init(&memory, 0, 1);
    rill_blocks_init(&blocks, &memory.allocator, 1 << 22);
    rill_http_limits_init(&limits);
    asked = gone = upgrades = out_len = raw_len = 0;
    at_once = takes_over = false;
    h2_begin(&in);
    assert_int_equal(
        rill_http_server_new(&server, &blocks, &limits, RILL_HTTP_AUTO, &handlers, NULL), RILL_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rill_http_server_free(server);
    rill_blocks_clear(&blocks);
    assert_int_equal(memory.blocks, 0);
    failing_memory_end(&memory);
    return 0;
}

/* ---- HTTP/1.1 ---- */

static void test_what_is_sent_ahead_waits_its_turn(void **state)
{
    (void)state;
    feed(HEAD "Content-Length: 1\r\n\r\na" HEAD "Content-Length: 2\r\n\r\nbb" HEAD "Content-");
    feed("Length: 3\r\n\r\nccc");
    assert_int_equal(asked, 1);
    assert_int_equal(bodies[0], 1);
    assert_int_equal(answer(handles[0], 200, "one"), RILL_OK);
    assert_int_equal(asked, 1);
    feed("");
    assert_int_equal(asked, 2);
    assert_int_equal(bodies[1], 2);
    assert_int_equal(answer(handles[1], 200, "two"), RILL_OK);
    feed("");
    assert_int_equal(bodies[2], 3);
    assert_int_equal(answer(handles[0], 200, "again"), RILL_ERR_NOT_FOUND);
    assert_int_equal(answer(handles[2], 200, "three"), RILL_OK);
    collect();
    assert_string_equal((const char *)out, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none"
                                           "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\ntwo"
                                           "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nthree");
    assert_false(rill_http_server_is_done(server));
}

static void test_who_sends_ahead_too_much_is_stopped(void **state)
{
    static char much[70000];
    (void)state;
    memset(much, 'x', sizeof much - 1);
    feed(HEAD "\r\n");
    assert_int_equal(asked, 1);
    assert_false(rill_http_server_is_full(server));
    feed(much);
    assert_true(rill_http_server_is_full(server));
    for (unsigned i = 0; i < 3; i++)
        feed(much);
    assert_int_equal(last, RILL_ERR_CLOSED);
    assert_false(rill_http_server_is_done(server));
    assert_int_equal(answer(handles[0], 200, ""), RILL_OK);
    collect();
    assert_true(rill_http_server_is_done(server));
}

static void test_answers_from_inside_serve_all(void **state)
{
    (void)state;
    at_once = true;
    feed(HEAD "\r\n" HEAD "Content-Length: 1\r\n\r\nx" HEAD "\r\n");
    assert_int_equal(asked, 3);
    assert_int_equal(rill_http_server_open_count(server), 0);
    assert_false(rill_http_server_is_amid(server));
    feed("P");
    assert_true(rill_http_server_is_amid(server));
}

static void test_a_refusal_says_why_and_closes(void **state)
{
    (void)state;
    feed(HEAD "X : 1\r\n\r\n" HEAD "\r\n");
    assert_int_equal(last, RILL_ERR_CLOSED);
    assert_int_equal(asked, 0);
    assert_true(has_said("HTTP/1.1 400 Bad Request\r\n"));
    assert_true(has_said("connection: close\r\n"));
    assert_true(has_said("the name of a header field is malformed"));
    assert_true(rill_http_server_is_done(server));
    assert_non_null(rill_http_server_problem(server));
    feed(HEAD "\r\n");
    assert_int_equal(last, RILL_ERR_CLOSED);
    assert_int_equal(asked, 0);
}

static void test_connections_stay_as_the_client_asks(void **state)
{
    (void)state;
    at_once = true;
    feed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_true(has_said("connection: keep-alive\r\n"));
    assert_false(rill_http_server_is_done(server));
    feed(HEAD "Connection: close\r\n\r\n" HEAD "\r\n");
    assert_int_equal(asked, 2);
    assert_true(has_said("connection: close\r\n"));
    assert_true(rill_http_server_is_done(server));
}

static void test_a_body_is_called_for(void **state)
{
    (void)state;
    feed(HEAD "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_string_equal((const char *)out, "HTTP/1.1 100 Continue\r\n\r\n");
    feed("a");
    feed("bc");
    assert_int_equal(asked, 1);
    assert_string_equal((const char *)out, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(answer(handles[0], 200, ""), RILL_OK);
    feed("");
    out_len = 0;
    feed(HEAD "Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n");
    assert_true(has_said("HTTP/1.1 413 "));
    assert_false(has_said("100 Continue"));
}

static void test_who_ends_its_side_still_gets_its_answer(void **state)
{
    (void)state;
    feed(HEAD "\r\n");
    rill_http_server_end(server);
    assert_false(rill_http_server_is_done(server));
    assert_int_equal(answer(handles[0], 200, "late"), RILL_OK);
    assert_false(rill_http_server_is_done(server));
    collect();
    assert_true(has_said("late"));
    assert_true(has_said("connection: close"));
    assert_true(rill_http_server_is_done(server));
}

static void test_who_ends_in_the_middle_is_done(void **state)
{
    (void)state;
    feed(HEAD "Content-Length: 3\r\n\r\na");
    rill_http_server_end(server);
    assert_true(rill_http_server_is_done(server));
    assert_int_equal(asked, 0);
}

static void test_draining_closes_what_is_idle(void **state)
{
    (void)state;
    at_once = true;
    feed(HEAD "\r\n");
    rill_http_server_drain(server);
    collect();
    assert_true(rill_http_server_is_done(server));
    feed(HEAD "\r\n");
    assert_int_equal(last, RILL_ERR_CLOSED);
    assert_int_equal(asked, 1);
}

static void test_draining_serves_what_has_begun(void **state)
{
    (void)state;
    feed(HEAD "Content-Length: 3\r\n\r\na");
    rill_http_server_drain(server);
    assert_false(rill_http_server_is_done(server));
    feed("bc");
    assert_int_equal(asked, 1);
    assert_int_equal(answer(handles[0], 200, ""), RILL_OK);
    collect();
    assert_true(has_said("connection: close"));
    assert_true(rill_http_server_is_done(server));
}

static void test_another_protocol_takes_over(void **state)
{
    static const char request[] = "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
                                  "Upgrade: websocket\r\n\r\n";
    (void)state;
    takes_over = true;
    /* In two pieces, and with what follows it. */
    feed_bytes((const uint8_t *)request, 30);
    char rest[128];
    snprintf(rest, sizeof rest, "%s%s", request + 30, "frames");
    feed(rest);
    assert_int_equal(upgrades, 1);
    assert_int_equal(asked, 0);
    assert_int_equal(raw_len, strlen(request) + 6);
    assert_memory_equal(raw, request, strlen(request));
    assert_memory_equal(raw + strlen(request), "frames", 6);
    assert_int_equal(last, RILL_ERR_CLOSED);
    assert_int_equal(out_len, 0);
}

static void test_who_is_not_taken_over_is_answered(void **state)
{
    (void)state;
    feed("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    assert_int_equal(upgrades, 1);
    assert_int_equal(asked, 1);
    assert_int_equal(bodies[0], 0);
    assert_int_equal(answer(handles[0], 426, ""), RILL_OK);
    feed(HEAD "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\nx");
    assert_int_equal(upgrades, 1);
    assert_int_equal(asked, 2);
    assert_int_equal(bodies[1], 1);
}

/* ---- which of the two it is ---- */

static void test_the_first_bytes_decide(void **state)
{
    (void)state;
    assert_int_equal(rill_http_server_protocol(server), RILL_HTTP_AUTO);
    feed("P");
    feed("R");
    assert_int_equal(rill_http_server_protocol(server), RILL_HTTP_AUTO);
    assert_true(rill_http_server_is_amid(server));
    feed("OPFIND / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(rill_http_server_protocol(server), RILL_HTTP_1);
    /* A method of WebDAV: what was kept while it could have been the other is put before it. */
    assert_int_equal(asked, 1);
    assert_string_equal(method, "PROPFIND");
}

static void test_prior_knowledge_is_http_2(void **state)
{
    (void)state;
    h2_preface(&in);
    h2_post(&in, 1, 10, true);
    for (size_t i = 0; i < in.len; i++)
        feed_bytes(in.data + i, 1);
    assert_int_equal(rill_http_server_protocol(server), RILL_HTTP_2);
    assert_int_equal(asked, 1);
    assert_int_equal(bodies[0], 10);
    assert_int_equal(version, RILL_HTTP_2);
}

static void test_half_of_the_preface_is_refused(void **state)
{
    (void)state;
    feed("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
    assert_int_equal(last, RILL_ERR_CLOSED);
    assert_int_equal(asked, 0);
    collect();
    assert_true(rill_http_server_is_done(server));
}

/* ---- HTTP/2 ---- */

static void begin_2(void)
{
    h2_preface(&in);
    flush_in();
    assert_int_equal(last, RILL_OK);
    out_len = 0;
}

/* It has said goodbye, and calls for calm if that is due. */
static void is_stopped(uint32_t code)
{
    uint32_t said = 0;
    collect();
    assert_int_equal(h2_count(out, out_len, H2_GOAWAY, &said), 1);
    assert_int_equal(said, code);
    assert_int_equal(last, RILL_ERR_CLOSED);
    assert_true(rill_http_server_is_done(server));
}

enum { CALM = 11 };

static void test_resets_without_end_are_stopped(void **state)
{
    static const uint8_t cancel[4] = {0, 0, 0, 8};
    uint32_t i;
    (void)state;
    begin_2();
    for (i = 0; i < 3000 && last == RILL_OK; i++) {
        h2_post(&in, 2 * i + 1, 0, true);
        h2_frame(&in, H2_RESET, 0, 2 * i + 1, cancel, 4);
        flush_in();
    }
    assert_true(i > 500 && i <= 1000);
    /* The last one was still open when the connection ended. */
    assert_int_equal(gone, asked - 1);
    is_stopped(CALM);
}

/* It does not help that each request was answered before it was reset: nobody reads that answer. */
static void test_resets_of_what_is_answered_at_once_are_stopped(void **state)
{
    static const uint8_t cancel[4] = {0, 0, 0, 8};
    uint32_t i;
    (void)state;
    begin_2();
    at_once = true;
    for (i = 0; i < 3000 && last == RILL_OK; i++) {
        h2_post(&in, 2 * i + 1, 0, true);
        h2_frame(&in, H2_RESET, 0, 2 * i + 1, cancel, 4);
        flush_in();
    }
    assert_true(i > 500 && i <= 1000);
    is_stopped(CALM);
}

static void test_resets_now_and_then_are_nothing(void **state)
{
    static const uint8_t cancel[4] = {0, 0, 0, 8};
    (void)state;
    begin_2();
    at_once = true;
    for (uint32_t i = 0; i < 2700; i++) {
        at_once = i % 3 != 0;
        h2_post(&in, 2 * i + 1, 20, true);
        if (!at_once)
            h2_frame(&in, H2_RESET, 0, 2 * i + 1, cancel, 4);
        flush_in();
        assert_int_equal(last, RILL_OK);
        out_len = 0;
    }
    assert_int_equal(gone, 900);
}

static void floods(unsigned type, unsigned flags, uint32_t stream, const void *payload, size_t len)
{
    unsigned i;
    begin_2();
    if (stream != 0) {
        h2_post(&in, stream, 0, false);
        flush_in();
    }
    for (i = 0; i < 100000 && last == RILL_OK; i++) {
        h2_frame(&in, type, flags, stream, payload, len);
        flush_in();
        if (out_len > sizeof out / 2 && last == RILL_OK)
            out_len = 0;
    }
    assert_true(i > 1000 && i <= 10000);
    is_stopped(CALM);
}

static void test_pings_without_end_are_stopped(void **state)
{
    (void)state;
    floods(H2_PING, 0, 0, "12345678", 8);
}

static void test_settings_without_end_are_stopped(void **state)
{
    (void)state;
    floods(H2_SETTINGS, 0, 0, NULL, 0);
}

static void test_empty_data_without_end_is_stopped(void **state)
{
    (void)state;
    floods(H2_DATA, 0, 1, NULL, 0);
}

static void test_windows_without_end_are_stopped(void **state)
{
    static const uint8_t one[4] = {0, 0, 0, 1};
    (void)state;
    floods(H2_WINDOW, 0, 0, one, 4);
}

static void test_fields_that_are_too_many_are_refused(void **state)
{
    (void)state;
    begin_2();
    block.len = 0;
    h2_post_fields(&block);
    for (unsigned i = 0; i < RILL_HTTP_MAX_FIELDS + 1; i++)
        h2_field(&block, "x", "1");
    h2_frame(&in, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 1, block.data, block.len);
    h2_post(&in, 3, 0, true);
    flush_in();
    assert_int_equal(last, RILL_OK);
    assert_int_equal(asked, 1);
    assert_int_equal(h2_count(out, out_len, H2_HEADERS, NULL), 1);
}

/* A table entry of 4 KB is named again and again, with one byte each. */
static void test_a_block_that_unfolds_without_end_is_stopped(void **state)
{
    static char value[4000];
    static uint8_t again[9000];
    (void)state;
    begin_2();
    memset(value, 'v', sizeof value - 1);
    block.len = 0;
    h2_post_fields(&block);
    size_t before = block.len;
    h2_field(&block, "x", value);
    block.data[before] = 0x40; /* into the table */
    memset(again, 0x80 | 62, sizeof again);
    memcpy(block.data + block.len, again, sizeof again);
    block.len += sizeof again;
    h2_frame(&in, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 1, block.data, block.len);
    flush_in();
    assert_int_equal(asked, 0);
    is_stopped(CALM);
}

static void test_continuations_without_end_are_stopped(void **state)
{
    (void)state;
    begin_2();
    block.len = 0;
    h2_post_fields(&block);
    h2_frame(&in, H2_HEADERS, 0, 1, block.data, block.len);
    for (unsigned i = 0; i < 20000 && last == RILL_OK; i++) {
        h2_frame(&in, H2_CONTINUATION, 0, 1, NULL, 0);
        flush_in();
    }
    assert_int_equal(asked, 0);
    assert_int_equal(last, RILL_ERR_CLOSED);
    assert_true(rill_http_server_is_done(server));
}

static void refused_fields(const char *name, const char *value)
{
    set_up(NULL);
    begin_2();
    block.len = 0;
    h2_post_fields(&block);
    h2_field(&block, name, value);
    h2_frame(&in, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 1, block.data, block.len);
    h2_post(&in, 3, 0, true);
    flush_in();
    assert_int_equal(asked, 1);
    assert_int_equal(h2_count(out, out_len, H2_RESET, NULL), 1);
    tear_down(NULL);
}

static void test_fields_out_of_form_are_refused_with_their_request(void **state)
{
    (void)state;
    refused_fields("X", "1");
    refused_fields("x y", "1");
    refused_fields("x", "1\r\n2");
    refused_fields("connection", "close");
    refused_fields("transfer-encoding", "chunked");
    refused_fields(":path", "/again");
    refused_fields(":unknown", "1");
    refused_fields("content-length", "7");
    refused_fields("", "1");
}

static void test_what_is_pending_is_limited(void **state)
{
    uint32_t i;
    uint32_t code = 0;
    (void)state;
    limits.max_pending = 1 << 20;
    begin_2();
    for (i = 0; i < 40; i++)
        h2_post(&in, 2 * i + 1, 20000, false);
    flush_in();
    assert_int_equal(last, RILL_OK);
    assert_true(blocks.used < (size_t)3 << 20);
    assert_true(h2_count(out, out_len, H2_RESET, &code) > 0);
    assert_int_equal(code, 7); /* REFUSED_STREAM */
    assert_true(rill_http_server_is_amid(server));
}

static void test_no_more_streams_than_allowed(void **state)
{
    uint32_t code = 0;
    (void)state;
    limits.max_streams = 2;
    begin_2();
    /* It has acknowledged our settings, and goes beyond them. */
    h2_frame(&in, H2_SETTINGS, H2_ACK, 0, NULL, 0);
    for (uint32_t i = 0; i < 3; i++)
        h2_post(&in, 2 * i + 1, 0, true);
    flush_in();
    assert_int_equal(asked, 2);
    assert_int_equal(h2_count(out, out_len, H2_GOAWAY, &code), 1);
    assert_int_equal(code, 1); /* PROTOCOL_ERROR */
}

static void test_an_answer_before_the_end_stops_the_rest(void **state)
{
    uint32_t code = 1;
    (void)state;
    begin_2();
    h2_post(&in, 1, limits.max_body + 1, false);
    flush_in();
    assert_int_equal(asked, 0);
    assert_int_equal(h2_count(out, out_len, H2_HEADERS, NULL), 1);
    assert_int_equal(h2_count(out, out_len, H2_RESET, &code), 1);
    assert_int_equal(code, 0); /* NO_ERROR: the answer stands */
}

static void test_an_end_of_http_2_is_the_end(void **state)
{
    (void)state;
    begin_2();
    h2_post(&in, 1, 0, true);
    flush_in();
    rill_http_server_end(server);
    assert_true(rill_http_server_is_done(server));
}

static void test_draining_before_anything_came(void **state)
{
    (void)state;
    rill_http_server_drain(server);
    assert_true(rill_http_server_is_done(server));
    h2_preface(&in);
    h2_post(&in, 1, 0, true);
    flush_in();
    assert_int_equal(asked, 0);
}

/* Each allocation fails in turn, once or for good: no crash, no leak, nothing reported twice. */
static void test_without_memory(void **state)
{
    (void)state;
    for (unsigned two = 0; two < 2; two++)
        for (unsigned long n = 1; n < 200; n++) {
            failing_memory_init(&memory, n, n % 2 == 0 ? 1 : FAILING_FOR_EVER);
            rill_blocks_init(&blocks, &memory.allocator, 0);
            asked = gone = out_len = 0;
            in.len = 0;
            at_once = false;
            if (rill_http_server_new(&server, &blocks, &limits, RILL_HTTP_AUTO, &handlers, NULL) !=
                RILL_OK) {
                assert_int_equal(memory.blocks, 0);
                failing_memory_end(&memory);
                continue;
            }
            if (two) {
                h2_preface(&in);
                h2_post(&in, 1, 3000, true);
                flush_in();
            } else {
                feed(HEAD "Content-Length: 3\r\n");
                feed("X: 1\r\n\r\nabc" HEAD "\r\n");
            }
            assert_true(asked <= 1);
            for (size_t i = 0; i < asked; i++) {
                int error = answer(handles[i], 200, "yes");
                assert_true(error == RILL_OK || error == RILL_ERR_NOMEM ||
                            error == RILL_ERR_NOT_FOUND);
                collect();
            }
            rill_http_server_free(server);
            rill_blocks_clear(&blocks);
            assert_int_equal(memory.blocks, 0);
            failing_memory_end(&memory);
        }
    set_up(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_sent_ahead_waits_its_turn),
        TEST(test_who_sends_ahead_too_much_is_stopped),
        TEST(test_answers_from_inside_serve_all),
        TEST(test_a_refusal_says_why_and_closes),
        TEST(test_connections_stay_as_the_client_asks),
        TEST(test_a_body_is_called_for),
        TEST(test_who_ends_its_side_still_gets_its_answer),
        TEST(test_who_ends_in_the_middle_is_done),
        TEST(test_draining_closes_what_is_idle),
        TEST(test_draining_serves_what_has_begun),
        TEST(test_another_protocol_takes_over),
        TEST(test_who_is_not_taken_over_is_answered),
        TEST(test_the_first_bytes_decide),
        TEST(test_prior_knowledge_is_http_2),
        TEST(test_half_of_the_preface_is_refused),
        TEST(test_resets_without_end_are_stopped),
        TEST(test_resets_of_what_is_answered_at_once_are_stopped),
        TEST(test_resets_now_and_then_are_nothing),
        TEST(test_pings_without_end_are_stopped),
        TEST(test_settings_without_end_are_stopped),
        TEST(test_empty_data_without_end_is_stopped),
        TEST(test_windows_without_end_are_stopped),
        TEST(test_fields_that_are_too_many_are_refused),
        TEST(test_a_block_that_unfolds_without_end_is_stopped),
        TEST(test_continuations_without_end_are_stopped),
        cmocka_unit_test(test_fields_out_of_form_are_refused_with_their_request),
        TEST(test_what_is_pending_is_limited),
        TEST(test_no_more_streams_than_allowed),
        TEST(test_an_answer_before_the_end_stops_the_rest),
        TEST(test_an_end_of_http_2_is_the_end),
        TEST(test_draining_before_anything_came),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
