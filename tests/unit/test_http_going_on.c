/* SPDX-License-Identifier: Apache-2.0 */
/* Answers whose body goes on for as long as their owner wants, in both versions of HTTP. */
#include "http_server_fixture.h"

#define GET "GET /events HTTP/1.1\r\nHost: h\r\n\r\n"

static int begin(uint64_t handle, const char *body)
{
    static const rill_http_field type = {{(const uint8_t *)"content-type", 12},
                                         {(const uint8_t *)"text/plain", 10}};
    const rill_http_response r = {.status = 200,
                                  .fields = &type,
                                  .field_count = 1,
                                  .body = {(const uint8_t *)body, strlen(body)},
                                  .goes_on = true};
    return rill_http_respond(server, handle, &r);
}

static int more(uint64_t handle, const char *text)
{
    return rill_http_go_on(server, handle, (rill_bytes){(const uint8_t *)text, strlen(text)});
}

/* ---- HTTP/1.1 ---- */

static void test_parts_leave_as_they_come(void **state)
{
    (void)state;
    feed(GET);
    assert_int_equal(begin(handles[0], ""), RILL_OK);
    collect();
    assert_string_equal((const char *)out, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"
                                           "transfer-encoding: chunked\r\n\r\n");
    out_len = 0;
    assert_int_equal(more(handles[0], "one"), RILL_OK);
    assert_int_equal(more(handles[0], ""), RILL_OK); /* nothing, and not the end */
    assert_int_equal(more(handles[0], "and the second"), RILL_OK);
    assert_int_equal(rill_http_behind(server, handles[0]), 27);
    collect();
    assert_int_equal(rill_http_behind(server, handles[0]), 0);
    assert_string_equal((const char *)out, "3\r\none\r\ne\r\nand the second\r\n");
    assert_int_equal(rill_http_server_open_count(server), 1);
    assert_int_equal(answer(handles[0], 200, "whole"), RILL_ERR_NOT_FOUND);
    out_len = 0;
    assert_int_equal(rill_http_go_no_further(server, handles[0]), RILL_OK);
    assert_int_equal(more(handles[0], "late"), RILL_ERR_NOT_FOUND);
    assert_int_equal(rill_http_go_no_further(server, handles[0]), RILL_ERR_NOT_FOUND);
    collect();
    assert_string_equal((const char *)out, "0\r\n\r\n");
    assert_int_equal(rill_http_server_open_count(server), 0);
    /* The connection goes on as well. */
    feed(GET);
    assert_int_equal(asked, 2);
    assert_int_equal(answer(handles[1], 200, "x"), RILL_OK);
    assert_false(rill_http_server_is_done(server));
}

static void test_a_first_part_leaves_with_the_head(void **state)
{
    (void)state;
    feed(GET);
    assert_int_equal(begin(handles[0], "hello"), RILL_OK);
    assert_int_equal(rill_http_go_no_further(server, handles[0]), RILL_OK);
    collect();
    assert_true(has_said("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
    assert_false(has_said("content-length"));
}

static void test_what_is_sent_ahead_waits_for_the_end(void **state)
{
    (void)state;
    feed(GET GET);
    assert_int_equal(begin(handles[0], "a"), RILL_OK);
    feed("");
    assert_int_equal(asked, 1);
    assert_int_equal(rill_http_go_no_further(server, handles[0]), RILL_OK);
    feed("");
    assert_int_equal(asked, 2);
}

/* It knows no chunks: the end of the connection is the end of the body (RFC 9112 section 6.3). */
static void test_http_1_0_reads_to_the_end(void **state)
{
    (void)state;
    feed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_int_equal(begin(handles[0], "a"), RILL_OK);
    assert_int_equal(more(handles[0], "bc"), RILL_OK);
    assert_int_equal(rill_http_go_no_further(server, handles[0]), RILL_OK);
    collect();
    assert_true(has_said("connection: close\r\n\r\nabc"));
    assert_false(has_said("chunked"));
    assert_true(rill_http_server_is_done(server));
}

static void test_to_head_there_is_no_body(void **state)
{
    (void)state;
    feed("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(begin(handles[0], "a"), RILL_OK);
    assert_int_equal(more(handles[0], "b"), RILL_ERR_NOT_FOUND);
    assert_int_equal(rill_http_server_open_count(server), 0);
    collect();
    assert_true(has_said("200 OK"));
    assert_string_equal(strstr((const char *)out, "\r\n\r\n"), "\r\n\r\n");
}

static void test_who_leaves_reads_what_there_is(void **state)
{
    (void)state;
    feed(GET);
    assert_int_equal(begin(handles[0], "a"), RILL_OK);
    rill_http_server_end(server);
    assert_false(rill_http_server_is_done(server));
    assert_int_equal(more(handles[0], "b"), RILL_OK);
    assert_int_equal(rill_http_go_no_further(server, handles[0]), RILL_OK);
    collect();
    assert_true(has_said("1\r\nb\r\n0\r\n\r\n"));
    assert_true(rill_http_server_is_done(server));
}

static void test_an_answer_without_a_body_cannot_go_on(void **state)
{
    const rill_http_response r = {.status = 204, .goes_on = true};
    (void)state;
    feed(GET);
    assert_int_equal(rill_http_respond(server, handles[0], &r), RILL_ERR_INVALID);
    assert_int_equal(answer(handles[0], 204, ""), RILL_OK);
}

/* ---- HTTP/2 ---- */

static void begin_2(void)
{
    h2_preface(&in);
    h2_post(&in, 1, 0, true);
    flush_in();
    assert_int_equal(asked, 1);
    out_len = 0;
}

/* What bodies have in all, and whether one has ended. */
static size_t count_body(bool *ended)
{
    size_t sum = 0;
    *ended = false;
    for (size_t at = 0; at + 9 <= out_len;) {
        size_t size = (size_t)out[at] << 16 | (size_t)out[at + 1] << 8 | out[at + 2];
        if (out[at + 3] == H2_DATA) {
            sum += size;
            *ended = *ended || (out[at + 4] & H2_END_STREAM) != 0;
        }
        at += 9 + size;
    }
    return sum;
}

static void test_2_parts_leave_as_they_come(void **state)
{
    bool ended;
    (void)state;
    begin_2();
    assert_int_equal(begin(handles[0], ""), RILL_OK);
    collect();
    assert_int_equal(h2_count(out, out_len, H2_HEADERS, NULL), 1);
    assert_int_equal(count_body(&ended), 0);
    assert_false(ended);
    assert_int_equal(more(handles[0], "one"), RILL_OK);
    assert_int_equal(more(handles[0], "second"), RILL_OK);
    assert_int_equal(rill_http_behind(server, handles[0]), 9);
    collect();
    assert_int_equal(rill_http_behind(server, handles[0]), 0);
    assert_int_equal(count_body(&ended), 9);
    assert_false(ended);
    assert_int_equal(answer(handles[0], 200, "whole"), RILL_ERR_NOT_FOUND);
    assert_int_equal(rill_http_server_open_count(server), 1);
    assert_int_equal(more(handles[0], "x"), RILL_OK);
    assert_int_equal(rill_http_go_no_further(server, handles[0]), RILL_OK);
    assert_int_equal(rill_http_server_open_count(server), 0);
    collect();
    assert_int_equal(count_body(&ended), 10);
    assert_true(ended);
    assert_int_equal(more(handles[0], "late"), RILL_ERR_NOT_FOUND);
    assert_int_equal(gone, 0);
}

/* Who makes no room is not written to, and the owner can see that. */
static void test_2_a_slow_reader_is_seen(void **state)
{
    static char much[30001];
    static const uint8_t room[4] = {0, 0, 0x40, 0};
    bool ended;
    (void)state;
    memset(much, 'x', sizeof much - 1);
    begin_2();
    assert_int_equal(begin(handles[0], ""), RILL_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(more(handles[0], much), RILL_OK);
        collect();
    }
    assert_int_equal(count_body(&ended), 65535);
    assert_int_equal(rill_http_behind(server, handles[0]), 90000 - 65535);
    h2_frame(&in, H2_WINDOW, 0, 0, room, 4);
    h2_frame(&in, H2_WINDOW, 0, 1, room, 4);
    flush_in();
    assert_int_equal(count_body(&ended), 65535 + 0x4000);
    assert_int_equal(rill_http_behind(server, handles[0]), 90000 - 65535 - 0x4000);
}

static void test_2_who_resets_is_gone(void **state)
{
    static const uint8_t cancel[4] = {0, 0, 0, 8};
    (void)state;
    begin_2();
    assert_int_equal(begin(handles[0], "a"), RILL_OK);
    collect();
    h2_frame(&in, H2_RESET, 0, 1, cancel, 4);
    flush_in();
    assert_int_equal(gone, 1);
    assert_int_equal(rill_http_server_open_count(server), 0);
    assert_int_equal(more(handles[0], "b"), RILL_ERR_NOT_FOUND);
    assert_int_equal(rill_http_behind(server, handles[0]), 0);
}

/* A reader that makes room after each part does so for as long as it wants. */
static void test_2_it_goes_on_for_days(void **state)
{
    static const uint8_t room[4] = {0, 0, 0, 4};
    (void)state;
    begin_2();
    assert_int_equal(begin(handles[0], ""), RILL_OK);
    for (unsigned i = 0; i < 30000; i++) {
        assert_int_equal(more(handles[0], "tick"), RILL_OK);
        out_len = 0;
        collect();
        assert_true(out_len > 0);
        h2_frame(&in, H2_WINDOW, 0, 0, room, 4);
        h2_frame(&in, H2_WINDOW, 0, 1, room, 4);
        flush_in();
        assert_int_equal(last, RILL_OK);
    }
}

/* ---- without memory ---- */

static void test_without_memory(void **state)
{
    (void)state;
    tear_down(NULL);
    for (unsigned two = 0; two < 2; two++)
        for (unsigned long n = 1; n < 120; n++) {
            failing_memory_init(&memory, n, n % 2 == 0 ? 1 : FAILING_FOR_EVER);
            rill_blocks_init(&blocks, &memory.allocator, 0);
            asked = gone = out_len = in.len = 0;
            if (rill_http_server_new(&server, &blocks, &limits, RILL_HTTP_AUTO, &handlers, NULL) ==
                RILL_OK) {
                if (two) {
                    h2_preface(&in);
                    h2_post(&in, 1, 0, true);
                    flush_in();
                } else {
                    feed(GET);
                }
                int rc = asked == 0 ? RILL_ERR_NOMEM : begin(handles[0], "first");
                for (unsigned i = 0; i < 40 && rc == RILL_OK; i++) {
                    rc = more(handles[0], "a part of it that takes some room in the memory");
                    if (i % 3 == 0)
                        collect();
                }
                if (rc == RILL_OK)
                    rc = rill_http_go_no_further(server, handles[0]);
                assert_true(rc == RILL_OK || rc == RILL_ERR_NOMEM || rc == RILL_ERR_NOT_FOUND);
                collect();
                rill_http_server_free(server);
            }
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
        TEST(test_parts_leave_as_they_come),
        TEST(test_a_first_part_leaves_with_the_head),
        TEST(test_what_is_sent_ahead_waits_for_the_end),
        TEST(test_http_1_0_reads_to_the_end),
        TEST(test_to_head_there_is_no_body),
        TEST(test_who_leaves_reads_what_there_is),
        TEST(test_an_answer_without_a_body_cannot_go_on),
        TEST(test_2_parts_leave_as_they_come),
        TEST(test_2_a_slow_reader_is_seen),
        TEST(test_2_who_resets_is_gone),
        TEST(test_2_it_goes_on_for_days),
        TEST(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
