/* SPDX-License-Identifier: Apache-2.0 */
/* The client's end against bytes that no server of ours would write, and against silence. */
#include "http_client_fixture.h"

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
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
