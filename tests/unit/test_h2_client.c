/* SPDX-License-Identifier: Apache-2.0 */
/* The client's end of HTTP/2 against bytes that no server of ours would write. */
#include "http_client_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_of_http_2),
        cmocka_unit_test(test_resets),
        cmocka_unit_test(test_a_response_without_its_end_is_none),
        cmocka_unit_test(test_responses_out_of_form_fail_alone),
        cmocka_unit_test(test_a_push_is_refused),
        cmocka_unit_test(test_a_server_that_makes_work_is_left),
        cmocka_unit_test(test_room_is_what_the_server_allows),
        cmocka_unit_test(test_a_lost_connection_ends_each_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
