/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's end against bytes that no client of ours would write: HTTP/1.1, and which of the two
 * versions it is.
 */
#include "http_server_fixture.h"

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

enum { LONG = 200000, ASKED = 200 };

static void test_answers_that_nobody_takes_are_limited(void **state)
{
    static char long_text[LONG + 1];
    static const char request[] = HEAD "\r\n";
    rill_bytes more;
    size_t taken = 0;
    (void)state;
    memset(long_text, 'x', LONG);
    body_text = long_text;
    at_once = true;
    for (unsigned i = 0; i < ASKED; i++) {
        last = rill_http_server_feed(server, (const uint8_t *)request, strlen(request));
        assert_int_equal(last, RILL_OK);
    }
    assert_int_equal(asked, 1);
    assert_true(rill_http_server_waits_for_room(server));
    assert_true(blocks.used < 64 * 1024 + 2 * LONG);
    /* Each that is taken lets the next be read, without a byte of the client's. */
    for (unsigned i = 1; i <= ASKED; i++) {
        assert_int_equal(asked, i);
        assert_int_equal(rill_http_server_output(server, &more), RILL_OK);
        assert_true(more.len > LONG && more.len < LONG + 100);
        assert_memory_equal(more.data, "HTTP/1.1 200 OK\r\n", 17);
        taken += more.len;
        assert_int_equal(rill_http_server_feed(server, NULL, 0), RILL_OK);
    }
    assert_int_equal(asked, ASKED);
    assert_true(taken > (size_t)ASKED * LONG);
    assert_false(rill_http_server_waits_for_room(server));
    assert_int_equal(rill_http_server_output(server, &more), RILL_OK);
    assert_int_equal(more.len, 0);
}

/* A request that has begun is read on: who waits for its rest would take it for a slow one. */
static void test_a_request_that_has_begun_is_read_on(void **state)
{
    static char long_text[LONG + 1];
    static const char begun[] = HEAD "Content-Length: 3\r\n\r\na";
    (void)state;
    memset(long_text, 'x', LONG);
    body_text = long_text;
    at_once = true;
    assert_int_equal(rill_http_server_feed(server, (const uint8_t *)begun, strlen(begun)), RILL_OK);
    assert_true(rill_http_server_is_amid(server));
    assert_int_equal(
        rill_http_server_feed(server, (const uint8_t *)"bc" HEAD "\r\n", strlen("bc" HEAD "\r\n")),
        RILL_OK);
    assert_int_equal(asked, 1);
    assert_int_equal(bodies[0], 3);
    assert_true(rill_http_server_waits_for_room(server));
}

/* Below the limit all are answered at once, as if there were none. */
static void test_small_answers_are_all_given_at_once(void **state)
{
    enum { MANY = 1000 };
    static char ahead[MANY * sizeof(HEAD "\r\n")];
    (void)state;
    at_once = true;
    for (unsigned i = 0; i < MANY; i++)
        strcat(ahead + i * strlen(HEAD "\r\n"), HEAD "\r\n");
    assert_int_equal(rill_http_server_feed(server, (const uint8_t *)ahead, strlen(ahead)), RILL_OK);
    assert_int_equal(asked, MANY);
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
        TEST(test_answers_that_nobody_takes_are_limited),
        TEST(test_a_request_that_has_begun_is_read_on),
        TEST(test_small_answers_are_all_given_at_once),
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
        TEST(test_draining_before_anything_came),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
