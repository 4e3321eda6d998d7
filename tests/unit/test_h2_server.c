/* SPDX-License-Identifier: Apache-2.0 */
/* The server's end of HTTP/2 against bytes that no client of ours would write. */
#include "http_server_fixture.h"

static h2_bytes block;

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

enum { LONG = 200000, REFUSED = 7, ALL = 1023 };
static char long_text[LONG + 1];

static void answer_at_length(void)
{
    memset(long_text, 'x', LONG);
    at_once = true;
    body_text = long_text;
}

/* It asks a thousand times, and makes room for no byte of an answer. */
static void test_answers_that_nobody_reads_are_limited(void **state)
{
    static const uint8_t no_window[6] = {0, 4, 0, 0, 0, 0};
    static const uint8_t wide[6] = {0, 4, 0, 4, 0, 0};
    static const uint8_t wider[4] = {0, 0x7f, 0, 0};
    uint32_t code = 0;
    (void)state;
    begin_2();
    h2_frame(&in, H2_SETTINGS, 0, 0, no_window, 6);
    answer_at_length();
    for (uint32_t i = 0; i < ALL; i++)
        h2_post(&in, 2 * i + 1, 0, false);
    flush_in();
    size_t before = blocks.used;
    /* All are open before the first of them is whole. */
    for (uint32_t i = 0; i < ALL; i++)
        h2_frame(&in, H2_DATA, H2_END_STREAM, 2 * i + 1, NULL, 0);
    flush_in();
    assert_int_equal(last, RILL_OK);
    assert_int_equal(asked, ((1 << 20) / LONG) + 1);
    assert_int_equal(h2_count(out, out_len, H2_RESET, &code), ALL - asked);
    assert_int_equal(code, REFUSED);
    assert_true(blocks.used < before + (1 << 20) + 2 * LONG);
    /* It reads after all: what was answered comes whole, and it is served again. */
    size_t answered = asked;
    out_len = 0;
    h2_frame(&in, H2_SETTINGS, 0, 0, wide, 6);
    h2_frame(&in, H2_WINDOW, 0, 0, wider, 4);
    h2_post(&in, 2 * ALL + 1, 0, true);
    flush_in();
    assert_int_equal(asked, answered);
    assert_int_equal(h2_count(out, out_len, H2_RESET, &code), 1);
    assert_true(out_len > answered * LONG);
    body_text = "yes";
    for (uint32_t i = 1; i <= 10; i++) {
        h2_post(&in, 2 * (ALL + i) + 1, 0, true);
        flush_in();
    }
    assert_int_equal(asked, answered + 10);
}

/* All were asked before any was answered. */
static void test_answers_that_come_later_are_limited(void **state)
{
    enum { MOST_LATE = 32 << 20 };
    static const uint8_t no_window[6] = {0, 4, 0, 0, 0, 0};
    size_t answered = 0;
    (void)state;
    begin_2();
    h2_frame(&in, H2_SETTINGS, 0, 0, no_window, 6);
    for (uint32_t i = 0; i < ALL; i++)
        h2_post(&in, 2 * i + 1, 0, true);
    flush_in();
    assert_int_equal(asked, ALL);
    assert_false(rill_http_server_waits_for_reader(server));
    memset(long_text, 'x', LONG);
    size_t before = blocks.used;
    while (answer(handles[answered], 200, long_text) == RILL_OK)
        answered++;
    assert_int_equal(answered, MOST_LATE / LONG + 1);
    assert_int_equal(answer(handles[answered], 200, ""), RILL_ERR_LIMIT);
    collect();
    assert_true(blocks.used < before + MOST_LATE + (size_t)4 * LONG);
    assert_true(rill_http_server_waits_for_reader(server));
}

/* Small answers are not limited before as many streams are open as may be. */
static void test_small_answers_that_nobody_reads_are_kept(void **state)
{
    static const uint8_t no_window[6] = {0, 4, 0, 0, 0, 0};
    (void)state;
    begin_2();
    h2_frame(&in, H2_SETTINGS, 0, 0, no_window, 6);
    at_once = true;
    memset(long_text, 'x', 1000);
    long_text[1000] = '\0';
    body_text = long_text;
    for (uint32_t i = 0; i < ALL; i++)
        h2_post(&in, 2 * i + 1, 0, true);
    flush_in();
    assert_int_equal(asked, ALL);
    assert_int_equal(h2_count(out, out_len, H2_RESET, NULL), 0);
}

/* ---- who stands still among others ---- */

enum { REQUEST_MS = 10000, READER_MS = 60000, CANCEL = 8, SHORT = 1000 };
static const uint8_t shut_windows[6] = {0, 4, 0, 0, 0, 0};
static const uint8_t ten[4] = {0, 0, 0, 10};
static const uint8_t much[4] = {0, 1, 0, 0};

static size_t look_at(uint64_t now)
{
    size_t ended = rill_http_server_end_late(server, now, REQUEST_MS, READER_MS);
    collect();
    return ended;
}

static void was_reset(size_t times, uint32_t with)
{
    uint32_t code = with;
    assert_int_equal(h2_count(out, out_len, H2_RESET, &code), times);
    assert_int_equal(code, with);
}

/* It drips, and others of its connection are answered meanwhile. */
static void test_a_request_without_end_is_ended_alone(void **state)
{
    (void)state;
    begin_2();
    at_once = true;
    h2_post(&in, 1, 100, false);
    flush_in();
    assert_int_equal(look_at(1000), 0);
    for (uint32_t i = 1; i < 10; i++) {
        h2_frame(&in, H2_DATA, 0, 1, "x", 1);
        h2_post(&in, 2 * i + 1, 0, true);
        flush_in();
        assert_int_equal(look_at(1000 + UINT64_C(1000) * i), 0);
    }
    assert_int_equal(asked, 9);
    was_reset(0, 0);
    assert_int_equal(look_at(1000 + REQUEST_MS), 1);
    was_reset(1, REFUSED);
    assert_false(rill_http_server_is_amid(server));
    /* What was on its way when it ended is nothing, and the connection goes on. */
    h2_frame(&in, H2_DATA, H2_END_STREAM, 1, "x", 1);
    h2_post(&in, 101, 0, true);
    flush_in();
    assert_int_equal(last, RILL_OK);
    assert_int_equal(asked, 10);
    assert_int_equal(look_at(1000000), 0);
    assert_int_equal(gone, 0);
}

/* A request that waits for its answer has the time of whoever answers. */
static void test_who_waits_for_an_answer_is_not_late(void **state)
{
    (void)state;
    begin_2();
    h2_post(&in, 1, 100, true);
    flush_in();
    assert_int_equal(look_at(1000), 0);
    assert_int_equal(look_at(1000000), 0);
    assert_int_equal(answer(handles[0], 200, "yes"), RILL_OK);
    collect();
    was_reset(0, 0);
}

static void answer_in_short(void)
{
    memset(long_text, 'x', SHORT);
    long_text[SHORT] = '\0';
    at_once = true;
    body_text = long_text;
}

/* The client shuts the window of one answer, and reads another one. */
static void test_an_answer_that_is_not_read_is_ended_alone(void **state)
{
    (void)state;
    begin_2();
    answer_in_short();
    h2_frame(&in, H2_SETTINGS, 0, 0, shut_windows, 6);
    h2_post(&in, 1, 0, true);
    h2_post(&in, 3, 0, true);
    flush_in();
    size_t before = blocks.used;
    for (uint64_t now = 1000; now < 1000 + READER_MS; now += 1000) {
        assert_int_equal(look_at(now), 0);
        h2_frame(&in, H2_WINDOW, 0, 3, ten, 4);
        flush_in();
    }
    was_reset(0, 0);
    assert_int_equal(look_at(1000 + READER_MS), 1);
    was_reset(1, CANCEL);
    assert_true(blocks.used < before);
    assert_int_equal(gone, 0); /* it had been answered */
    out_len = 0;
    h2_frame(&in, H2_WINDOW, 0, 3, much, 4);
    flush_in();
    assert_true(out_len > 9 && out_len < SHORT);
    assert_int_equal(last, RILL_OK);
}

/* Its own window is open, and the connection's is shut: it waits for its turn. */
static void test_answers_take_turns(void **state)
{
    static const uint8_t wide[6] = {0, 4, 0, 0x7f, 0, 0};
    (void)state;
    for (int reads = 1; reads >= 0; reads--) {
        tear_down(state);
        set_up(state);
        begin_2();
        answer_at_length();
        h2_frame(&in, H2_SETTINGS, 0, 0, wide, 6);
        for (uint32_t i = 0; i < 3; i++)
            h2_post(&in, 2 * i + 1, 0, true);
        flush_in();
        assert_true(out_len < 70000); /* the connection's window */
        for (uint64_t now = 1000; now < 1000 + READER_MS; now += 10000) {
            assert_int_equal(look_at(now), 0);
            if (reads == 1)
                h2_frame(&in, H2_WINDOW, 0, 0, ten, 4);
            flush_in();
        }
        /* Ten bytes are one answer's: the two others have moved by none of them. */
        assert_int_equal(look_at(1000 + READER_MS), reads == 1 ? 0 : 3);
        was_reset(reads == 1 ? 0 : 3, CANCEL);
    }
}

/* Its reader is gone to the owner: what goes on is told to go no further. */
static void test_what_goes_on_unread_is_ended(void **state)
{
    const rill_http_response r = {.status = 200, .goes_on = true};
    const rill_bytes more = {(const uint8_t *)"more", 4};
    (void)state;
    begin_2();
    h2_frame(&in, H2_SETTINGS, 0, 0, shut_windows, 6);
    h2_post(&in, 1, 0, true);
    flush_in();
    assert_int_equal(rill_http_respond(server, handles[0], &r), RILL_OK);
    assert_int_equal(look_at(1000), 0);
    assert_int_equal(look_at(1000000), 0); /* there is nothing to read */
    assert_int_equal(rill_http_go_on(server, handles[0], more), RILL_OK);
    assert_int_equal(look_at(1001000), 0);
    assert_int_equal(rill_http_go_on(server, handles[0], more), RILL_OK);
    assert_int_equal(rill_http_server_end_late(server, 1001000 + READER_MS, REQUEST_MS, READER_MS),
                     1);
    assert_int_equal(rill_http_go_on(server, handles[0], more), RILL_ERR_NOT_FOUND);
    collect();
    assert_int_equal(gone, 1);
    assert_int_equal(rill_http_server_open_count(server), 0);
}

/* Nothing can come behind half a head but its rest: the connection is of no use. */
static void test_half_a_head_ends_the_connection(void **state)
{
    (void)state;
    begin_2();
    h2_post(&in, 1, 0, true);
    block.len = 0;
    h2_post_fields(&block);
    h2_frame(&in, H2_HEADERS, 0, 3, block.data, block.len);
    flush_in();
    assert_int_equal(asked, 1);
    assert_int_equal(look_at(1000), 0);
    assert_int_equal(look_at(999 + REQUEST_MS), 0);
    assert_int_equal(look_at(1000 + REQUEST_MS), 1);
    assert_non_null(rill_http_server_problem(server));
    feed("x");
    is_stopped(CALM);
}

static void test_a_connection_says_what_it_holds(void **state)
{
    (void)state;
    size_t before = rill_http_server_held(server);
    begin_2();
    size_t idle = rill_http_server_held(server);
    assert_true(idle > before && idle < 40960); /* RILL_WEB_IDLE */
    for (uint32_t i = 0; i < 20; i++)
        h2_post(&in, 2 * i + 1, 16384, false);
    flush_in();
    assert_true(rill_http_server_held(server) > idle + (size_t)20 * 16384);
    assert_true(rill_http_server_held(server) <= blocks.used + 4096);
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

/* Each allocation fails once: then nothing of the session is used any more. */
static void test_a_session_without_memory_is_over(void **state)
{
    unsigned over = 0;
    for (unsigned long n = 1; n < 100; n++) {
        tear_down(state);
        set_up(state);
        blocks.max_kept = 0;
        begin_2();
        memory.fail_at = memory.asked + n;
        h2_post(&in, 1, 3000, true);
        flush_in();
        if (last != RILL_ERR_NOMEM)
            continue;
        /* The memory is there again. It says nothing more, and nothing is asked. */
        size_t before = asked;
        over++;
        assert_int_equal(out_len, 0);
        assert_true(rill_http_server_is_done(server));
        h2_post(&in, 3, 0, true);
        flush_in();
        assert_int_equal(last, RILL_ERR_CLOSED);
        assert_int_equal(out_len, 0);
        assert_int_equal(asked, before);
    }
    assert_true(over > 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
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
        TEST(test_answers_that_nobody_reads_are_limited),
        TEST(test_answers_that_come_later_are_limited),
        TEST(test_small_answers_that_nobody_reads_are_kept),
        TEST(test_a_request_without_end_is_ended_alone),
        TEST(test_who_waits_for_an_answer_is_not_late),
        TEST(test_an_answer_that_is_not_read_is_ended_alone),
        TEST(test_answers_take_turns),
        TEST(test_what_goes_on_unread_is_ended),
        TEST(test_half_a_head_ends_the_connection),
        TEST(test_a_connection_says_what_it_holds),
        TEST(test_no_more_streams_than_allowed),
        TEST(test_an_answer_before_the_end_stops_the_rest),
        TEST(test_an_end_of_http_2_is_the_end),
        TEST(test_a_session_without_memory_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
