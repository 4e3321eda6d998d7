/* SPDX-License-Identifier: Apache-2.0 */
/* The client's end against bytes that no server of ours would write, and against silence. */
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

static int ask(uint64_t outgoing_id, uint64_t *handle)
{
    rill_http_request r = {.method = {(const uint8_t *)"POST", 4},
                           .scheme = {(const uint8_t *)"http", 4},
                           .authority = {(const uint8_t *)"h", 1},
                           .path = {(const uint8_t *)"/", 1},
                           .body = {(const uint8_t *)"packet", 6}};
    return rill_http_client_request(client, &r, outgoing_id, handle);
}

static void on_response(void *owner, uint64_t outgoing_id, const rill_http_message *m)
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

static void on_failed(void *owner, uint64_t outgoing_id, int error, bool sent)
{
    (void)owner;
    (void)outgoing_id;
    failed++;
    error_of = error;
    sent_of = sent;
}

static const rill_http_client_handlers handlers = {on_response, on_failed};

static void collect(void)
{
    rill_bytes more;
    while (rill_http_client_output(client, &more) == RILL_OK && more.len != 0) {
        assert_true(more.len < sizeof out - out_len);
        memcpy(out + out_len, more.data, more.len);
        out_len += more.len;
    }
    out[out_len] = '\0';
}

static void feed_bytes(const uint8_t *data, size_t len)
{
    last = rill_http_client_feed(client, data, len);
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

static void begin(rill_http_protocol protocol)
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

static void end(void)
{
    rill_http_client_free(client);
    rill_blocks_clear(&blocks);
    assert_int_equal(memory.blocks, 0);
    failing_memory_end(&memory);
}

/* ---- HTTP/1.1 ---- */

static void answers(const char *text, unsigned want, const char *want_body, bool goes_on)
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

static void test_answers(void **state)
{
    (void)state;
    answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", 200, "ab", true);
    answers("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX: 1\r\n\r\n"
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
            200, "ab", true);
    answers("HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 503, "", false);
    answers("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", 200, "a", false);
    /* Nobody asked for the bytes behind an answer. */
    answers("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc", 200, "a", false);
    answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", 200, "ab",
            true);
}

static void test_an_answer_may_end_with_the_connection(void **state)
{
    (void)state;
    begin(RILL_HTTP_1);
    assert_int_equal(ask(1, NULL), RILL_OK);
    collect();
    feed("HTTP/1.1 200 OK\r\n\r\nabc");
    assert_int_equal(answered, 0);
    rill_http_client_end(client);
    assert_int_equal(answered, 1);
    assert_string_equal(body, "abc");
    assert_true(rill_http_client_is_done(client));
    end();
}

static void test_what_is_cut_off_is_no_answer(void **state)
{
    (void)state;
    begin(RILL_HTTP_1);
    assert_int_equal(ask(1, NULL), RILL_OK);
    collect();
    feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc");
    rill_http_client_end(client);
    assert_int_equal(answered, 0);
    assert_int_equal(failed, 0);
    rill_http_client_lost(client, RILL_ERR_IO, out_len);
    assert_int_equal(failed, 1);
    assert_true(sent_of);
    end();
}

static void test_no_answer_in_form(void **state)
{
    static const char *const wrong[] = {
        "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        begin(RILL_HTTP_1);
        assert_int_equal(ask(1, NULL), RILL_OK);
        collect();
        feed(wrong[i]);
        assert_int_equal(last, RILL_ERR_CLOSED);
        assert_int_equal(failed, 1);
        assert_true(sent_of);
        assert_non_null(rill_http_client_problem(client));
        assert_true(rill_http_client_is_done(client));
        end();
    }
}

/* A server that waits for nothing: it may still not have seen what waits to be written. */
static void test_an_answer_before_the_question(void **state)
{
    (void)state;
    begin(RILL_HTTP_1);
    feed("HTTP/1.1 408 Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(last, RILL_ERR_CLOSED);
    assert_int_equal(answered, 0);
    assert_true(rill_http_client_is_done(client));
    assert_int_equal(ask(1, NULL), RILL_ERR_CLOSED);
    end();
}

static void test_the_server_says_how_long_it_waits(void **state)
{
    static const struct {
        const char *value;
        uint32_t ms;
    } cases[] = {{"timeout=5", 5000},   {"max=3, timeout=72", 72000},     {"timeout=", 0},
                 {"max=5", UINT32_MAX}, {"timeout=99999999", UINT32_MAX}, {"timeout=0", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[160] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: ";
        begin(RILL_HTTP_1);
        assert_int_equal(rill_http_client_idle_ms(client), UINT32_MAX);
        assert_int_equal(ask(1, NULL), RILL_OK);
        collect();
        strcat(text, cases[i].value);
        strcat(text, "\r\n\r\n");
        feed(text);
        assert_int_equal(answered, 1);
        assert_int_equal(rill_http_client_idle_ms(client), cases[i].ms);
        end();
    }
}

static void test_the_next_request_may_come_from_inside(void **state)
{
    (void)state;
    for (rill_http_protocol v = RILL_HTTP_1; v <= RILL_HTTP_2; v++) {
        begin(v);
        assert_int_equal(ask(1, NULL), RILL_OK);
        collect();
        ask_again = true;
        if (v == RILL_HTTP_1) {
            feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        } else {
            h2_frame(&in, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 1, "\x88", 1);
            flush_in();
        }
        assert_int_equal(answered, 1);
        assert_int_equal(rill_http_client_open_count(client), 1);
        if (v == RILL_HTTP_1)
            feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        else {
            h2_frame(&in, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 3, "\x88", 1);
            flush_in();
        }
        assert_int_equal(answered, 2);
        end();
    }
}

/* ---- HTTP/2 ---- */

static void response_2(uint32_t stream, const char *code, bool end_stream)
{
    block.len = 0;
    h2_field(&block, ":status", code);
    h2_frame(&in, H2_HEADERS, H2_END_HEADERS | (end_stream ? H2_END_STREAM : 0), stream, block.data,
             block.len);
}

static void test_answers_of_http_2(void **state)
{
    (void)state;
    begin(RILL_HTTP_2);
    assert_int_equal(ask(1, NULL), RILL_OK);
    collect();
    response_2(1, "103", false);
    response_2(1, "200", false);
    h2_frame(&in, H2_DATA, 0, 1, "ab", 2);
    block.len = 0;
    h2_field(&block, "trailer", "1");
    h2_frame(&in, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 1, block.data, block.len);
    flush_in();
    assert_int_equal(answered, 1);
    assert_int_equal(status, 200);
    assert_string_equal(body, "ab");
    assert_int_equal(rill_http_client_open_count(client), 0);
    end();
}

static void resets(uint32_t code, bool sent, int error)
{
    uint8_t payload[4] = {0, 0, 0, (uint8_t)code};
    begin(RILL_HTTP_2);
    assert_int_equal(ask(1, NULL), RILL_OK);
    collect();
    h2_frame(&in, H2_RESET, 0, 1, payload, 4);
    flush_in();
    assert_int_equal(failed, 1);
    assert_int_equal(sent_of, sent);
    assert_int_equal(error_of, error);
    assert_int_equal(rill_http_client_open_count(client), 0);
    end();
}

static void test_resets(void **state)
{
    (void)state;
    resets(7, false, RILL_ERR_REFUSED); /* REFUSED_STREAM: nothing was done */
    resets(0, true, RILL_ERR_REMOTE);
    resets(2, true, RILL_ERR_REMOTE);
    resets(11, true, RILL_ERR_REMOTE);
}

static void test_a_response_without_its_end_is_none(void **state)
{
    (void)state;
    begin(RILL_HTTP_2);
    assert_int_equal(ask(1, NULL), RILL_OK);
    collect();
    response_2(1, "200", false);
    h2_frame(&in, H2_DATA, 0, 1, "ab", 2);
    flush_in();
    rill_http_client_end(client);
    assert_true(rill_http_client_is_done(client));
    rill_http_client_lost(client, RILL_ERR_IO, 1 << 20);
    assert_int_equal(answered, 0);
    assert_int_equal(failed, 1);
    assert_true(sent_of);
    end();
}

static void test_responses_out_of_form_fail_alone(void **state)
{
    (void)state;
    begin(RILL_HTTP_2);
    assert_int_equal(ask(1, NULL), RILL_OK);
    assert_int_equal(ask(2, NULL), RILL_OK);
    collect();
    block.len = 0;
    h2_field(&block, ":status", "200");
    h2_field(&block, "X", "1");
    h2_frame(&in, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 1, block.data, block.len);
    response_2(3, "200", true);
    flush_in();
    assert_int_equal(failed, 1);
    assert_true(sent_of);
    assert_int_equal(answered, 1);
    end();
}

static void test_a_push_is_refused(void **state)
{
    (void)state;
    begin(RILL_HTTP_2);
    assert_int_equal(ask(1, NULL), RILL_OK);
    collect();
    h2_frame(&in, H2_SETTINGS, H2_ACK, 0, NULL, 0);
    h2_frame(&in, H2_PUSH, H2_END_HEADERS, 1, "\0\0\0\2", 4);
    flush_in();
    assert_int_equal(rill_http_client_room(client), 0);
    collect();
    assert_true(rill_http_client_is_done(client));
    end();
}

static void test_a_server_that_makes_work_is_left(void **state)
{
    unsigned i;
    (void)state;
    begin(RILL_HTTP_2);
    for (i = 0; i < 20000 && last == RILL_OK; i++) {
        h2_frame(&in, H2_PING, 0, 0, "12345678", 8);
        flush_in();
        out_len = 0;
    }
    assert_true(i < 20000);
    assert_true(rill_http_client_is_done(client));
    end();
}

static void test_room_is_what_the_server_allows(void **state)
{
    static const uint8_t two[6] = {0, 3, 0, 0, 0, 2};
    (void)state;
    begin(RILL_HTTP_2);
    h2_frame(&in, H2_SETTINGS, 0, 0, two, 6);
    flush_in();
    assert_int_equal(rill_http_client_room(client), 2);
    assert_int_equal(ask(1, NULL), RILL_OK);
    assert_int_equal(ask(2, NULL), RILL_OK);
    assert_int_equal(ask(3, NULL), RILL_ERR_BLOCKED);
    end();
}

static void test_a_lost_connection_ends_each_once(void **state)
{
    uint64_t handle;
    (void)state;
    begin(RILL_HTTP_2);
    assert_int_equal(ask(1, &handle), RILL_OK);
    assert_int_equal(ask(2, NULL), RILL_OK);
    collect();
    rill_http_client_cancel(client, handle);
    rill_http_client_lost(client, RILL_ERR_IO, 1 << 20);
    assert_int_equal(failed, 1);
    feed("x");
    assert_int_equal(last, RILL_ERR_CLOSED);
    rill_http_client_cancel(client, handle);
    rill_http_client_end(client);
    rill_http_client_drain(client);
    assert_int_equal(failed, 1);
    end();
}

static void test_without_memory(void **state)
{
    (void)state;
    for (rill_http_protocol v = RILL_HTTP_1; v <= RILL_HTTP_2; v++)
        for (unsigned long n = 1; n < 300; n++) {
            failing_memory_init(&memory, n, n % 2 == 0 ? 1 : FAILING_FOR_EVER);
            rill_blocks_init(&blocks, &memory.allocator, 0);
            answered = failed = out_len = 0;
            in.len = 0;
            if (rill_http_client_new(&client, &blocks, &limits, v, &handlers, NULL) != RILL_OK) {
                assert_int_equal(memory.blocks, 0);
                failing_memory_end(&memory);
                continue;
            }
            collect();
            int error = ask(1, NULL);
            assert_true(error == RILL_OK || error == RILL_ERR_NOMEM || error == RILL_ERR_CLOSED);
            size_t open = error == RILL_OK ? 1 : 0;
            /* Bodies that wait for each other: nghttp2 has a queue of them that grows. */
            for (uint64_t more = 2; v == RILL_HTTP_2 && more < 20; more++)
                open += ask(more, NULL) == RILL_OK ? 1 : 0;
            collect();
            if (v == RILL_HTTP_1) {
                feed("HTTP/1.1 200 OK\r\nContent-Le");
                feed("ngth: 3\r\n\r\nabc");
            } else {
                h2_frame(&in, H2_SETTINGS, 0, 0, NULL, 0);
                if (error == RILL_OK) {
                    response_2(1, "200", false);
                    h2_frame(&in, H2_DATA, H2_END_STREAM, 1, "abc", 3);
                }
                flush_in();
            }
            rill_http_client_lost(client, RILL_ERR_IO, 1 << 20);
            assert_int_equal(answered + failed, open);
            rill_http_client_free(client);
            rill_blocks_clear(&blocks);
            assert_int_equal(memory.blocks, 0);
            failing_memory_end(&memory);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_an_answer_may_end_with_the_connection),
        cmocka_unit_test(test_what_is_cut_off_is_no_answer),
        cmocka_unit_test(test_no_answer_in_form),
        cmocka_unit_test(test_an_answer_before_the_question),
        cmocka_unit_test(test_the_server_says_how_long_it_waits),
        cmocka_unit_test(test_the_next_request_may_come_from_inside),
        cmocka_unit_test(test_answers_of_http_2),
        cmocka_unit_test(test_resets),
        cmocka_unit_test(test_a_response_without_its_end_is_none),
        cmocka_unit_test(test_responses_out_of_form_fail_alone),
        cmocka_unit_test(test_a_push_is_refused),
        cmocka_unit_test(test_a_server_that_makes_work_is_left),
        cmocka_unit_test(test_room_is_what_the_server_allows),
        cmocka_unit_test(test_a_lost_connection_ends_each_once),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
