/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused of HTTP/1.1, and with which status; what is taken, whole and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/h1_reader.h"

static rill_blocks blocks;
static rill_http_limits limits;
static rill_http_message message;
static rill_h1_reader reader;

typedef struct result {
    int error;
    unsigned refusal;
    size_t used;
} result;

static result read_in(const char *text, size_t len, bool response, bool to_head, size_t piece)
{
    result r = {RILL_ERR_BLOCKED, 0, 0};
    rill_http_message_clear(&message);
    rill_h1_reader_clear(&reader);
    rill_h1_reader_init(&reader, &rill_h1_llhttp, &blocks, &limits, response);
    reader.to_head = to_head;
    while (r.used < len && r.error == RILL_ERR_BLOCKED) {
        size_t now = len - r.used < piece ? len - r.used : piece;
        size_t used = 0;
        uint8_t *copy = malloc(now);
        assert_non_null(copy);
        memcpy(copy, text + r.used, now);
        r.error = rill_h1_reader_feed(&reader, &message, copy, now, &used);
        free(copy);
        r.used += used;
    }
    r.refusal = reader.refusal;
    return r;
}

/* As a whole and in pieces: the result is the same. */
static result read_text(const char *text, bool response, bool to_head)
{
    size_t len = strlen(text);
    result whole = read_in(text, len, response, to_head, len);
    for (size_t piece = 1; piece < 4; piece++) {
        result parts = read_in(text, len, response, to_head, piece);
        if (parts.error != whole.error || parts.refusal != whole.refusal)
            fail_msg("in pieces of %zu: %d %u, and whole %d %u: %s", piece, parts.error,
                     parts.refusal, whole.error, whole.refusal, text);
        if (whole.error == RILL_OK)
            assert_int_equal(parts.used, whole.used);
    }
    return whole;
}

static void taken(const char *text, const char *body)
{
    result r = read_text(text, false, false);
    if (r.error != RILL_OK)
        fail_msg("%s: %s", reader.problem, text);
    assert_int_equal(r.used, strlen(text));
    assert_int_equal(message.body_len, strlen(body));
    assert_memory_equal(message.body_len == 0 ? (const void *)"" : message.body, body,
                        strlen(body));
}

/* Without llhttp: the reader that comes before it refuses by itself. */
static bool form_refuses(const char *text, bool response)
{
    const uint8_t *data = (const uint8_t *)text;
    size_t len = strlen(text), seen = 0, end = 0, used = 0;
    static rill_h1_form f;
    rill_h1_chunks chunks = {0};
    int error = rill_h1_head_end(data, len, &seen, &end);
    if (error != RILL_OK)
        return error == RILL_ERR_MALFORMED;
    if (end == 4)
        return true;
    f.response = response;
    f.to_head = false;
    if (rill_h1_form_read(&f, data, end) != RILL_OK)
        return true;
    return f.framing == RILL_H1_CHUNKED &&
           rill_h1_chunks_read(&chunks, data + end, len - end, &used) == RILL_ERR_MALFORMED;
}

static void refused(unsigned status, const char *text)
{
    result r = read_text(text, false, false);
    if ((status == 400 || status == 505) && !form_refuses(text, false))
        fail_msg("the form takes: %s", text);
    if (r.refusal != status || r.error == RILL_OK || r.error == RILL_ERR_BLOCKED)
        fail_msg("%d, %u instead of %u: %s", r.error, r.refusal, status, text);
    assert_non_null(reader.problem);
}

#define HEAD "POST /a HTTP/1.1\r\nHost: h\r\n"

static void test_requests_are_taken(void **state)
{
    (void)state;
    taken("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "");
    taken("GET / HTTP/1.0\r\n\r\n", "");
    taken("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "");
    taken(HEAD "\r\n", "");
    taken(HEAD "Content-Length: 0\r\n\r\n", "");
    taken(HEAD "Content-Length:3\r\n\r\nabc", "abc");
    taken(HEAD "content-length: \t 3 \r\n\r\nabc", "abc");
    taken(HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc");
    taken(HEAD "Transfer-Encoding: Chunked\r\n\r\n1\r\na\r\n00A\r\n0123456789\r\n000\r\n\r\n",
          "a0123456789");
    taken(HEAD "X-Empty:\r\nX: \r\nY: \xc3\xa4\t!\r\nConnection: keep-alive\r\n\r\n", "");
    taken(HEAD "Connection: close\r\nContent-Length: 1\r\n\r\nx", "x");
    taken(HEAD "Connection: Upgrade, close\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\nx", "x");
    taken("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "");
    taken("POST http://other:80/p?q HTTP/1.1\r\nHost: h\r\n\r\n", "");
    taken("POST https://other HTTP/1.1\r\nHost: h\r\n\r\n", "");
    taken(HEAD "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx", "x");
}

static void test_the_path_is_found_in_a_whole_uri(void **state)
{
    (void)state;
    taken("POST http://other:80/p?q HTTP/1.1\r\nHost: h\r\n\r\n", "");
    assert_true(rill_http_same(rill_http_text(&message, message.path), "/p?q"));
    assert_true(rill_http_same(rill_http_text(&message, message.authority), "other:80"));
    taken("POST https://other HTTP/1.1\r\nHost: h\r\n\r\n", "");
    assert_true(rill_http_same(rill_http_text(&message, message.path), "/"));
    taken("POST /x HTTP/1.1\r\nHost: h\r\n\r\n", "");
    assert_true(rill_http_same(rill_http_text(&message, message.authority), "h"));
    static const char *const wrong[] = {"ftp://other/", "http://", "a"};
    for (size_t i = 0; i < 3; i++) {
        char text[64];
        snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: h\r\n\r\n", wrong[i]);
        assert_int_equal(read_text(text, false, false).refusal, 400);
    }
}

static void test_line_ends_are_two_bytes(void **state)
{
    (void)state;
    refused(400, "POST /a HTTP/1.1\nHost: h\r\n\r\n");
    refused(400, HEAD "X: 1\n\r\n");
    refused(400, HEAD "\n");
    refused(400, "\n" HEAD "\r\n");
    refused(400, HEAD "X: a\rb\r\n\r\n");
    refused(400, HEAD "X: a\r\r\n\r\n");
    refused(400, "POST /a HTTP/1.1\rHost: h\r\n\r\n");
    refused(400, "\r\n\r\n" HEAD "\r\n");
    refused(400, "\r" HEAD "\r\n");
    /* What llhttp 8.1.0 took for a field of its own (CVE-2023-30589). */
    refused(400, HEAD "X: \rTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n0\r\n\r\n");
    refused(400, HEAD "X:\rTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n0\r\n\r\n");
}

static void test_a_body_has_one_length(void **state)
{
    (void)state;
    refused(400, HEAD "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
    refused(400, HEAD "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n");
    refused(400, HEAD "Content-Length: 1\r\nContent-Length: 1\r\n\r\n");
    refused(400, HEAD "Content-Length: 1, 1\r\n\r\n");
    refused(400, HEAD "Content-Length: +1\r\n\r\n");
    refused(400, HEAD "Content-Length: -1\r\n\r\n");
    refused(400, HEAD "Content-Length: 0x1\r\n\r\n");
    refused(400, HEAD "Content-Length: 1 1\r\n\r\n");
    refused(400, HEAD "Content-Length:\r\n\r\n");
    refused(400, HEAD "Content-Length: 18446744073709551617\r\n\r\n");
    refused(400, HEAD "Content-Length: 0000000000000000001\r\n\r\n");
    refused(501, HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n");
    refused(501, HEAD "Transfer-Encoding: chunked, chunked\r\n\r\n");
    refused(501, HEAD "Transfer-Encoding: xchunked\r\n\r\n");
    refused(501, HEAD "Transfer-Encoding:\r\n\r\n");
    refused(400, HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n");
    refused(400, "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
}

static void test_fields_have_one_form(void **state)
{
    (void)state;
    refused(400, HEAD "X : 1\r\n\r\n");
    refused(400, HEAD "X\t: 1\r\n\r\n");
    refused(400, HEAD " X: 1\r\n\r\n");
    refused(400, HEAD "X: 1\r\n 2\r\n\r\n");
    refused(400, HEAD "X: 1\r\n\t2\r\n\r\n");
    refused(400, HEAD "Content-Length: 1\r\n 2\r\n\r\n");
    refused(400, HEAD "X\r\n\r\n");
    refused(400, HEAD ": 1\r\n\r\n");
    refused(400, HEAD "X(y): 1\r\n\r\n");
    refused(400, HEAD "X: \x01\r\n\r\n");
    refused(400, HEAD "X: \x7f\r\n\r\n");
    refused(400, HEAD "\xc3\xa4: 1\r\n\r\n");
    refused(400, "POST / HTTP/1.1\r\n\r\n");
    refused(400, HEAD "Host: h\r\n\r\n");
    refused(400, "POST / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n");
    refused(417, HEAD "Expect: wonders\r\n\r\n");
}

static void test_request_lines_have_one_form(void **state)
{
    (void)state;
    refused(400, "POST  / HTTP/1.1\r\nHost: h\r\n\r\n");
    refused(400, "POST /  HTTP/1.1\r\nHost: h\r\n\r\n");
    refused(400, "POST\t/ HTTP/1.1\r\nHost: h\r\n\r\n");
    refused(400, " POST / HTTP/1.1\r\nHost: h\r\n\r\n");
    refused(400, "POST / HTTP/1.1 \r\nHost: h\r\n\r\n");
    refused(400, "POST /\x01 HTTP/1.1\r\nHost: h\r\n\r\n");
    refused(400, "POST /\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n");
    refused(400, "POST /\r\nHost: h\r\n\r\n");
    refused(400, "POST\r\nHost: h\r\n\r\n");
    refused(400, "POST / http/1.1\r\nHost: h\r\n\r\n");
    refused(505, "POST / HTTP/1.2\r\nHost: h\r\n\r\n");
    refused(505, "POST / HTTP/2.0\r\nHost: h\r\n\r\n");
    refused(505, "POST / HTTP/0.9\r\nHost: h\r\n\r\n");
    refused(501, "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n");
    refused(501, "PRI * HTTP/1.1\r\nHost: h\r\n\r\n");
    refused(501, "BREW / HTTP/1.1\r\nHost: h\r\n\r\n");
    refused(501, "post / HTTP/1.1\r\nHost: h\r\n\r\n");
    refused(400, "PO(ST / HTTP/1.1\r\nHost: h\r\n\r\n");
}

static void test_chunks_have_one_form(void **state)
{
    static const char *const bodies[] = {"3;x=1\r\nabc\r\n0\r\n\r\n",
                                         "3 \r\nabc\r\n0\r\n\r\n",
                                         " 3\r\nabc\r\n0\r\n\r\n",
                                         "3\nabc\r\n0\r\n\r\n",
                                         "3\r\nabc\n0\r\n\r\n",
                                         "3\r\nabcd\r\n0\r\n\r\n",
                                         "3\r\nabc\r\n0\n\r\n",
                                         "3\r\nabc\r\n0\r\nX: 1\r\n\r\n",
                                         "\r\nabc\r\n0\r\n\r\n",
                                         "000000003\r\nabc\r\n0\r\n\r\n",
                                         "g\r\n",
                                         "3\r\nabc\r\n0\r\n\rX",
                                         "0x3\r\nabc\r\n0\r\n\r\n",
                                         "-1\r\n",
                                         "3\rabc\r\n0\r\n\r\n",
                                         "3\rXabc\r\n0\r\n\r\n",
                                         "3\r\nabc\r\n0\r\n\n"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, HEAD "Transfer-Encoding: chunked\r\n\r\n%s", bodies[i]);
        refused(400, text);
    }
    refused(413, HEAD "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n");
    refused(413, HEAD "Transfer-Encoding: chunked\r\n\r\n10001\r\n");
    refused(413, HEAD "Content-Length: 65537\r\n\r\n");
}

static void test_whoever_says_close_is_closed(void **state)
{
    static const char *const texts[] = {
        HEAD "Connection: close\r\n\r\n",
        HEAD "Connection: keep-alive, close\r\n\r\n",
        HEAD "Connection: keep-alive\r\nConnection: TE,close\r\n\r\n",
        HEAD "Proxy-Connection: close\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        taken(texts[i], "");
        assert_false(reader.keep_alive);
    }
    taken("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "");
    assert_true(reader.keep_alive);
    taken("GET / HTTP/1.0\r\nProxy-Connection: Keep-Alive\r\n\r\n", "");
    assert_true(reader.keep_alive);
    taken(HEAD "Connection: closed\r\n\r\n", "");
    assert_true(reader.keep_alive);
}

static void test_what_is_there_twice_is_told(void **state)
{
    rill_bytes value;
    (void)state;
    taken(HEAD "X: 1\r\nY: 2\r\nx: 3\r\n\r\n", "");
    assert_int_equal(rill_http_find(&message, "y", &value), RILL_OK);
    assert_true(rill_http_same(value, "2"));
    assert_int_equal(rill_http_find(&message, "x", &value), RILL_ERR_EXISTS);
    assert_true(rill_http_same(value, "1"));
    assert_int_equal(rill_http_find(&message, "z", &value), RILL_ERR_NOT_FOUND);
    assert_int_equal(rill_http_find(&message, "host", &value), RILL_OK);
}

static char *repeated(const char *head, const char *part, size_t times, const char *tail)
{
    size_t len = strlen(head) + times * strlen(part) + strlen(tail) + 1;
    char *text = malloc(len);
    assert_non_null(text);
    strcpy(text, head);
    char *at = text + strlen(head);
    for (size_t i = 0; i < times; i++, at += strlen(part))
        memcpy(at, part, strlen(part));
    strcpy(at, tail);
    return text;
}

static void test_fields_are_counted(void **state)
{
    (void)state;
    char *most = repeated(HEAD, "X: 1\r\n", RILL_HTTP_MAX_FIELDS - 1, "\r\n");
    taken(most, "");
    free(most);
    char *one_more = repeated(HEAD, "X: 1\r\n", RILL_HTTP_MAX_FIELDS, "\r\n");
    refused(431, one_more);
    free(one_more);
    char *long_value = repeated(HEAD "X: ", "v", 15000, "\r\n\r\n");
    taken(long_value, "");
    free(long_value);
    char *too_long = repeated(HEAD "X: ", "v", 17000, "\r\n\r\n");
    refused(431, too_long);
    free(too_long);
    char *endless = repeated(HEAD "X: ", "v", 17000, "");
    refused(431, endless);
    free(endless);
    /* To the byte: with the 27 bytes around it this is a head of the most that is taken. */
    limits.max_head = 4096;
    char *exact = repeated("GET /", "v", 4096 - 27, " HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(strlen(exact), 4096);
    taken(exact, "");
    free(exact);
    char *over = repeated("GET /", "v", 4096 - 26, " HTTP/1.1\r\nHost: h\r\n\r\n");
    refused(431, over);
    free(over);
    limits.max_head = 16384;
    char *long_path = repeated("GET /", "v", 17000, " HTTP/1.1\r\nHost: h\r\n\r\n");
    refused(431, long_path);
    free(long_path);
}

typedef struct answer {
    const char *text;
    int error;
    bool to_head;
    size_t body;
    bool keep_alive;
} answer;

static void test_responses(void **state)
{
    static const answer answers[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", RILL_OK, false, 2, true},
        {"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nab", RILL_OK, false, 2, true},
        {"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nab", RILL_OK, false, 2, true},
        {"HTTP/1.1 204 No Content\r\n\r\n", RILL_OK, false, 0, true},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", RILL_OK, false, 0, true},
        {"HTTP/1.1 204 No\r\nContent-Length: 1\r\n\r\n", RILL_ERR_MALFORMED, false, 0, false},
        {"HTTP/1.1 100 Continue\r\n\r\n", RILL_OK, false, 0, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", RILL_OK, true, 0, true},
        {"HTTP/1.1 200 OK\r\n\r\n", RILL_OK, true, 0, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", RILL_OK, true, 0, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", RILL_OK, false,
         1, true},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", RILL_OK, false, 1,
         false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", RILL_OK, false, 1, false},
        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", RILL_OK, false,
         1, true},
        {"HTTP/1.1 200 OK\r\n\r\nabc", RILL_ERR_BLOCKED, false, 3, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", RILL_ERR_MALFORMED,
         false, 0, false},
        {"HTTP/1.1 99 OK\r\n\r\n", RILL_ERR_MALFORMED, false, 0, false},
        {"HTTP/1.1 600 OK\r\n\r\n", RILL_ERR_MALFORMED, false, 0, false},
        {"HTTP/1.1 2000 OK\r\n\r\n", RILL_ERR_MALFORMED, false, 0, false},
        {"HTTP/1.1  200 OK\r\n\r\n", RILL_ERR_MALFORMED, false, 0, false},
        {"HTTP/1.1 20x OK\r\n\r\n", RILL_ERR_MALFORMED, false, 0, false},
        {"HTTP/1.1 200 O\rK\r\n\r\n", RILL_ERR_MALFORMED, false, 0, false},
        {"HTTP/2.0 200 OK\r\n\r\n", RILL_ERR_MALFORMED, false, 0, false},
        {"\r\nHTTP/1.1 200 OK\r\n\r\n", RILL_ERR_MALFORMED, false, 0, false},
        {"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", RILL_ERR_MALFORMED, false, 0, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", RILL_ERR_UNSUPPORTED, false, 0,
         false},
        {"POST / HTTP/1.1\r\nHost: h\r\n\r\n", RILL_ERR_MALFORMED, false, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        const answer *a = &answers[i];
        result r = read_text(a->text, true, a->to_head);
        if (r.error != a->error)
            fail_msg("%d instead of %d, %s: %s", r.error, a->error,
                     reader.problem == NULL ? "" : reader.problem, a->text);
        if (r.error != RILL_OK && r.error != RILL_ERR_BLOCKED) {
            assert_true(form_refuses(a->text, true));
            continue;
        }
        assert_int_equal(message.body_len, a->body);
        assert_int_equal(reader.keep_alive, a->keep_alive);
        if (r.error == RILL_ERR_BLOCKED) {
            assert_int_equal(rill_h1_reader_end(&reader), RILL_OK);
        }
    }
    (void)read_text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", true, false);
    assert_int_equal(rill_h1_reader_end(&reader), RILL_ERR_TRUNCATED);
    (void)read_text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na", true, false);
    assert_int_equal(rill_h1_reader_end(&reader), RILL_ERR_TRUNCATED);
}

/* An engine that takes less, more or something else than what stands there is not believed. */
static bool lies_complete;
static size_t lies_bytes;

static int liar_head(rill_h1_state *s, rill_h1_form *f, const uint8_t *data, size_t len)
{
    (void)s;
    (void)f;
    (void)data;
    (void)len;
    return RILL_OK;
}

static int liar_body(rill_h1_state *s, rill_http_message *m, const uint8_t *data, size_t len,
                     bool *complete)
{
    (void)s;
    *complete = lies_complete;
    return rill_http_add_body(m, data, lies_bytes < len ? lies_bytes : len);
}

static int read_with_liar(const char *text)
{
    static const rill_h1_engine liar = {liar_head, liar_body};
    size_t used = 0;
    rill_http_message_clear(&message);
    rill_h1_reader_clear(&reader);
    rill_h1_reader_init(&reader, &liar, &blocks, &limits, false);
    return rill_h1_reader_feed(&reader, &message, (const uint8_t *)text, strlen(text), &used);
}

static void test_a_parser_that_disagrees_is_not_believed(void **state)
{
    (void)state;
    lies_complete = true;
    lies_bytes = 3;
    assert_int_equal(read_with_liar(HEAD "Content-Length: 3\r\n\r\nabc"), RILL_OK);
    assert_int_equal(read_with_liar(HEAD "Content-Length: 4\r\n\r\nabc"), RILL_ERR_MALFORMED);
    lies_complete = false;
    assert_int_equal(read_with_liar(HEAD "Content-Length: 3\r\n\r\nabc"), RILL_ERR_MALFORMED);
    lies_complete = true;
    lies_bytes = 2;
    assert_int_equal(read_with_liar(HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
                     RILL_ERR_MALFORMED);
    lies_bytes = 3;
    assert_int_equal(read_with_liar(HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
                     RILL_OK);
}

static int set_up(void **state)
{
    (void)state;
    rill_blocks_init(&blocks, rill_allocator_default(), 1 << 20);
    rill_http_limits_init(&limits);
    rill_http_message_init(&message, &blocks, &limits);
    rill_h1_reader_init(&reader, &rill_h1_llhttp, &blocks, &limits, false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rill_h1_reader_clear(&reader);
    rill_http_message_clear(&message);
    rill_blocks_clear(&blocks);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_requests_are_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_path_is_found_in_a_whole_uri, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_line_ends_are_two_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_body_has_one_length, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fields_have_one_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_request_lines_have_one_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_chunks_have_one_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_whoever_says_close_is_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_there_twice_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fields_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_responses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_parser_that_disagrees_is_not_believed, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
