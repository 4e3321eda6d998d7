/* SPDX-License-Identifier: Apache-2.0 */
/* A client and a server against each other, in both versions of HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/http_pair.h"

static http_pair p;
static unsigned long allocations;
static size_t blocks_out;

static void *count_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    allocations++;
    blocks_out += ptr == NULL ? 1 : 0;
    return realloc(ptr, size);
}

static void count_free(void *user, void *ptr)
{
    (void)user;
    blocks_out--;
    free(ptr);
}

static const rill_allocator counting = {count_realloc, count_free, NULL};

static void open_pair(rill_http_protocol protocol)
{
    allocations = 0;
    blocks_out = 0;
    http_pair_open(&p, protocol, &counting);
}

static void close_pair(void)
{
    http_pair_close(&p);
    assert_int_equal(blocks_out, 0);
}

static const http_told *told(uint64_t outgoing_id)
{
    for (size_t i = 0; i < p.told_count; i++)
        if (p.told[i].outgoing_id == outgoing_id)
            return &p.told[i];
    fail_msg("nothing was said of request %llu", (unsigned long long)outgoing_id);
    return NULL;
}

static void post(uint64_t outgoing_id, size_t len)
{
    assert_int_equal(http_pair_post(&p, outgoing_id, (uint8_t)outgoing_id, len, NULL), RILL_OK);
}

static void one_request(rill_http_protocol protocol, size_t piece, size_t len)
{
    open_pair(protocol);
    p.piece = piece;
    post(7, len);
    http_pair_run(&p);
    assert_int_equal(p.asked_count, 1);
    assert_string_equal(p.asked[0].method, "POST");
    assert_string_equal(p.asked[0].path, "/packet");
    assert_string_equal(p.asked[0].authority, "localhost:7770");
    assert_int_equal(p.asked[0].body_len, len);
    assert_int_equal(p.asked[0].first, len == 0 ? 0 : 7);
    assert_int_equal(rill_http_server_protocol(p.server), protocol);
    assert_int_equal(p.told_count, 0);
    assert_int_equal(rill_http_server_open_count(p.server), 1);
    assert_int_equal(http_pair_answer(&p, p.asked[0].handle, 200, 9, len + 1), RILL_OK);
    assert_int_equal(http_pair_answer(&p, p.asked[0].handle, 200, 9, 1), RILL_ERR_NOT_FOUND);
    assert_int_equal(rill_http_server_open_count(p.server), 0);
    http_pair_run(&p);
    assert_int_equal(p.told_count, 1);
    assert_int_equal(told(7)->status, 200);
    assert_int_equal(told(7)->body_len, len + 1);
    assert_int_equal(told(7)->first, 9);
    assert_false(rill_http_client_is_done(p.client));
    assert_false(rill_http_server_is_done(p.server));
    assert_int_equal(rill_http_client_open_count(p.client), 0);
    close_pair();
}

static void test_a_request_is_answered(void **state)
{
    static const size_t lengths[] = {0, 1, 1000, 32767, 65535};
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        one_request(RILL_HTTP_1, 0, lengths[i]);
        one_request(RILL_HTTP_2, 0, lengths[i]);
        one_request(RILL_HTTP_1, 7, lengths[i]);
        one_request(RILL_HTTP_2, 7, lengths[i]);
    }
    one_request(RILL_HTTP_1, 1, 300);
    one_request(RILL_HTTP_2, 1, 300);
}

static void test_answers_come_in_any_order(void **state)
{
    (void)state;
    open_pair(RILL_HTTP_2);
    for (uint64_t i = 0; i < 100; i++)
        post(i, 10);
    http_pair_run(&p);
    assert_int_equal(p.asked_count, 100);
    for (size_t i = 100; i-- > 0;) {
        assert_int_equal(http_pair_answer(&p, p.asked[i].handle, 200, p.asked[i].first, 20),
                         RILL_OK);
        http_pair_run(&p);
        assert_int_equal(p.told_count, 100 - i);
        assert_int_equal(p.told[99 - i].outgoing_id, i);
    }
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(told(i)->first, i);
    close_pair();
}

/* Windows: hundreds of bodies as large as a packet may be, both ways, before anybody answers. */
static void test_hundreds_of_large_packets_are_in_flight(void **state)
{
    enum { STREAMS = 200, BODY = 32768 };
    (void)state;
    open_pair(RILL_HTTP_2);
    p.limits.max_pending = (size_t)16 * 1024 * 1024;
    /* The settings of both are on their way. */
    http_pair_run(&p);
    for (uint64_t i = 0; i < STREAMS; i++)
        post(i, BODY);
    http_pair_run(&p);
    assert_int_equal(p.asked_count, STREAMS);
    for (size_t i = 0; i < STREAMS; i++)
        assert_int_equal(http_pair_answer(&p, p.asked[i].handle, 200, p.asked[i].first, BODY),
                         RILL_OK);
    http_pair_run(&p);
    assert_int_equal(p.told_count, STREAMS);
    for (uint64_t i = 0; i < STREAMS; i++)
        assert_int_equal(told(i)->body_len, BODY);
    close_pair();
}

static void test_nothing_is_allocated_once_pools_have_grown(void **state)
{
    (void)state;
    for (rill_http_protocol v = RILL_HTTP_1; v <= RILL_HTTP_2; v++) {
        size_t many = v == RILL_HTTP_1 ? 1 : 50;
        uint64_t outgoing_id = 0;
        open_pair(v);
        p.echo = true;
        for (unsigned turn = 0; turn < 40; turn++) {
            if (turn == 20)
                allocations = 0;
            p.asked_count = p.told_count = 0;
            for (size_t i = 0; i < many; i++)
                post(outgoing_id++, 100 + i * 20);
            http_pair_run(&p);
            assert_int_equal(p.told_count, many);
        }
        assert_int_equal(allocations, 0);
        close_pair();
    }
}

static void test_a_client_counts_its_room(void **state)
{
    (void)state;
    open_pair(RILL_HTTP_1);
    assert_int_equal(rill_http_client_room(p.client), 1);
    post(1, 1);
    assert_int_equal(rill_http_client_room(p.client), 0);
    assert_int_equal(http_pair_post(&p, 2, 1, 1, NULL), RILL_ERR_BLOCKED);
    close_pair();

    open_pair(RILL_HTTP_2);
    http_pair_close(&p);
    rill_http_limits_init(&p.limits);
    p.limits.max_streams = 3;
    p.client = NULL;
    p.server = NULL;
    assert_int_equal(http_pair_try(&p, RILL_HTTP_2, &counting), RILL_OK);
    http_pair_run(&p);
    assert_int_equal(rill_http_client_room(p.client), 3);
    for (uint64_t i = 0; i < 3; i++)
        post(i, 1);
    assert_int_equal(http_pair_post(&p, 9, 1, 1, NULL), RILL_ERR_BLOCKED);
    http_pair_run(&p);
    assert_int_equal(http_pair_answer(&p, p.asked[0].handle, 200, 1, 1), RILL_OK);
    http_pair_run(&p);
    assert_int_equal(rill_http_client_room(p.client), 1);
    close_pair();
}

static void test_what_never_left_was_not_sent(void **state)
{
    (void)state;
    for (rill_http_protocol v = RILL_HTTP_1; v <= RILL_HTTP_2; v++) {
        open_pair(v);
        http_pair_run(&p);
        post(1, 100);
        rill_http_client_lost(p.client, RILL_ERR_IO, p.client_bytes);
        assert_int_equal(told(1)->error, RILL_ERR_IO);
        assert_false(told(1)->sent);
        assert_true(rill_http_client_is_done(p.client));
        assert_int_equal(rill_http_client_room(p.client), 0);
        assert_int_equal(http_pair_post(&p, 2, 1, 1, NULL), RILL_ERR_CLOSED);
        close_pair();
    }
}

static void test_what_was_handed_over_in_part_was_sent(void **state)
{
    (void)state;
    for (rill_http_protocol v = RILL_HTTP_1; v <= RILL_HTTP_2; v++) {
        for (unsigned handed = 0; handed < 2; handed++) {
            open_pair(v);
            http_pair_run(&p);
            uint64_t before = p.client_bytes;
            post(1, 100);
            while (http_pair_to_server(&p))
                continue;
            /* Nothing of this request left, or one byte of it, of everything that was written. */
            rill_http_client_lost(p.client, RILL_ERR_IO, before + handed);
            assert_int_equal(told(1)->sent, handed);
            close_pair();
        }
    }
}

static void test_of_two_requests_only_the_first_was_sent(void **state)
{
    (void)state;
    open_pair(RILL_HTTP_2);
    http_pair_run(&p);
    post(1, 100);
    while (http_pair_to_server(&p))
        continue;
    uint64_t first = p.client_bytes;
    post(2, 100);
    while (http_pair_to_server(&p))
        continue;
    rill_http_client_lost(p.client, RILL_ERR_IO, first);
    assert_true(told(1)->sent);
    assert_false(told(2)->sent);
    close_pair();
}

static void test_a_server_that_drains_finishes_what_is_open(void **state)
{
    (void)state;
    for (rill_http_protocol v = RILL_HTTP_1; v <= RILL_HTTP_2; v++) {
        open_pair(v);
        post(1, 10);
        http_pair_run(&p);
        rill_http_server_drain(p.server);
        http_pair_run(&p);
        assert_false(rill_http_server_is_done(p.server));
        assert_int_equal(rill_http_client_room(p.client), 0);
        assert_int_equal(http_pair_answer(&p, p.asked[0].handle, 200, 1, 1), RILL_OK);
        http_pair_run(&p);
        assert_int_equal(told(1)->status, 200);
        assert_true(rill_http_server_is_done(p.server));
        assert_true(rill_http_client_is_done(p.client));
        close_pair();
    }
}

static void test_what_crossed_a_goaway_may_be_sent_elsewhere(void **state)
{
    (void)state;
    open_pair(RILL_HTTP_2);
    post(1, 10);
    http_pair_run(&p);
    rill_http_server_drain(p.server);
    post(2, 10);
    /* The request is written before what the server said has come. */
    while (http_pair_to_server(&p))
        continue;
    http_pair_run(&p);
    assert_int_equal(p.asked_count, 1);
    assert_int_equal(told(2)->error, RILL_ERR_REFUSED);
    assert_false(told(2)->sent);
    assert_int_equal(http_pair_answer(&p, p.asked[0].handle, 200, 1, 1), RILL_OK);
    http_pair_run(&p);
    assert_int_equal(told(1)->status, 200);
    close_pair();
}

static void test_what_waits_when_a_goaway_comes_may_be_sent_elsewhere(void **state)
{
    (void)state;
    open_pair(RILL_HTTP_2);
    post(1, 10);
    http_pair_run(&p);
    post(2, 10);
    rill_http_server_drain(p.server);
    while (http_pair_to_client(&p))
        continue;
    http_pair_run(&p);
    assert_int_equal(p.asked_count, 1);
    assert_false(told(2)->sent);
    assert_int_equal(rill_http_client_open_count(p.client), 1);
    assert_int_equal(http_pair_answer(&p, p.asked[0].handle, 200, 1, 1), RILL_OK);
    http_pair_run(&p);
    assert_int_equal(rill_http_client_open_count(p.client), 0);
    close_pair();
}

static void test_a_client_that_drains_is_done_when_it_was_answered(void **state)
{
    (void)state;
    for (rill_http_protocol v = RILL_HTTP_1; v <= RILL_HTTP_2; v++) {
        open_pair(v);
        post(1, 10);
        http_pair_run(&p);
        rill_http_client_drain(p.client);
        assert_int_equal(http_pair_post(&p, 2, 1, 1, NULL), RILL_ERR_CLOSED);
        assert_false(rill_http_client_is_done(p.client));
        assert_int_equal(http_pair_answer(&p, p.asked[0].handle, 200, 1, 1), RILL_OK);
        http_pair_run(&p);
        assert_int_equal(told(1)->status, 200);
        assert_true(rill_http_client_is_done(p.client));
        close_pair();
    }
}

static void test_a_cancelled_stream_is_gone_at_the_server(void **state)
{
    uint64_t handle;
    (void)state;
    open_pair(RILL_HTTP_2);
    assert_int_equal(http_pair_post(&p, 1, 1, 10, &handle), RILL_OK);
    post(2, 10);
    http_pair_run(&p);
    rill_http_client_cancel(p.client, handle);
    rill_http_client_cancel(p.client, handle);
    http_pair_run(&p);
    assert_true(p.asked[0].gone);
    assert_false(p.asked[1].gone);
    assert_int_equal(http_pair_answer(&p, p.asked[0].handle, 200, 1, 1), RILL_ERR_NOT_FOUND);
    assert_int_equal(http_pair_answer(&p, p.asked[1].handle, 200, 1, 1), RILL_OK);
    http_pair_run(&p);
    assert_int_equal(p.told_count, 1);
    assert_int_equal(told(2)->status, 200);
    assert_int_equal(rill_http_client_open_count(p.client), 0);
    close_pair();
}

static void test_what_is_cancelled_before_it_left_never_leaves(void **state)
{
    uint64_t handle;
    (void)state;
    for (rill_http_protocol v = RILL_HTTP_1; v <= RILL_HTTP_2; v++) {
        open_pair(v);
        http_pair_run(&p);
        assert_int_equal(http_pair_post(&p, 1, 1, 10, &handle), RILL_OK);
        rill_http_client_cancel(p.client, handle);
        http_pair_run(&p);
        assert_int_equal(p.asked_count, 0);
        assert_int_equal(p.told_count, 0);
        assert_int_equal(rill_http_client_open_count(p.client), 0);
        assert_int_equal(rill_http_client_is_done(p.client), v == RILL_HTTP_1);
        close_pair();
    }
}

static void test_too_large_a_body_is_refused(void **state)
{
    (void)state;
    for (rill_http_protocol v = RILL_HTTP_1; v <= RILL_HTTP_2; v++) {
        open_pair(v);
        post(1, p.limits.max_body);
        http_pair_run(&p);
        assert_int_equal(p.asked_count, 1);
        assert_int_equal(http_pair_answer(&p, p.asked[0].handle, 200, 1, 1), RILL_OK);
        http_pair_run(&p);
        post(2, p.limits.max_body + 1);
        http_pair_run(&p);
        assert_int_equal(p.asked_count, 1);
        assert_int_equal(told(2)->status, 413);
        assert_non_null(v == RILL_HTTP_1 ? rill_http_server_problem(p.server) : "");
        assert_int_equal(rill_http_server_is_done(p.server), v == RILL_HTTP_1);
        close_pair();
    }
}

static void test_too_large_an_answer_is_a_failure(void **state)
{
    (void)state;
    for (rill_http_protocol v = RILL_HTTP_1; v <= RILL_HTTP_2; v++) {
        open_pair(v);
        post(1, 1);
        http_pair_run(&p);
        assert_int_equal(http_pair_answer(&p, p.asked[0].handle, 200, 1, p.limits.max_body + 1),
                         RILL_OK);
        http_pair_run(&p);
        assert_int_equal(told(1)->error, RILL_ERR_TOO_LARGE);
        assert_true(told(1)->sent);
        assert_non_null(rill_http_client_problem(p.client));
        close_pair();
    }
}

static void test_what_http_makes_itself_is_not_sent_twice(void **state)
{
    static const char *const names[] = {
        "content-length", "transfer-encoding", "connection", "host", "Upper", "", "a b", "a:"};
    (void)state;
    for (rill_http_protocol v = RILL_HTTP_1; v <= RILL_HTTP_2; v++) {
        open_pair(v);
        post(1, 1);
        http_pair_run(&p);
        for (size_t i = 0; i < sizeof names / sizeof names[0] + 1; i++) {
            bool value = i == sizeof names / sizeof names[0];
            const char *name = value ? "x" : names[i];
            rill_http_field f = {{(const uint8_t *)name, 0},
                                 {(const uint8_t *)(value ? "1\r\nx: 2" : "1"), value ? 7 : 1}};
            while (name[f.name.len] != '\0')
                f.name.len++;
            rill_http_response r = {.status = 200, .fields = &f, .field_count = 1};
            assert_int_equal(rill_http_respond(p.server, p.asked[0].handle, &r), RILL_ERR_INVALID);
            rill_http_request q = {.method = {(const uint8_t *)"GET", 3},
                                   .scheme = {(const uint8_t *)"http", 4},
                                   .authority = {(const uint8_t *)"a", 1},
                                   .path = {(const uint8_t *)"/", 1},
                                   .fields = &f,
                                   .field_count = 1};
            assert_int_equal(rill_http_client_request(p.client, &q, 2, NULL), RILL_ERR_INVALID);
        }
        rill_http_response r = {.status = 199};
        assert_int_equal(rill_http_respond(p.server, p.asked[0].handle, &r), RILL_ERR_INVALID);
        r.status = 204;
        r.body = (rill_bytes){(const uint8_t *)"x", 1};
        assert_int_equal(rill_http_respond(p.server, p.asked[0].handle, &r), RILL_ERR_INVALID);
        close_pair();
    }
}

static void test_head_has_no_body(void **state)
{
    (void)state;
    for (rill_http_protocol v = RILL_HTTP_1; v <= RILL_HTTP_2; v++) {
        open_pair(v);
        rill_http_request q = {.method = {(const uint8_t *)"HEAD", 4},
                               .scheme = {(const uint8_t *)"http", 4},
                               .authority = {(const uint8_t *)"a", 1},
                               .path = {(const uint8_t *)"/", 1}};
        assert_int_equal(rill_http_client_request(p.client, &q, 1, NULL), RILL_OK);
        http_pair_run(&p);
        assert_int_equal(http_pair_answer(&p, p.asked[0].handle, 200, 1, 1000), RILL_OK);
        http_pair_run(&p);
        assert_int_equal(told(1)->status, 200);
        assert_int_equal(told(1)->body_len, 0);
        p.asked_count = 0;
        post(2, 5);
        http_pair_run(&p);
        assert_int_equal(http_pair_answer(&p, p.asked[0].handle, 204, 1, 0), RILL_OK);
        http_pair_run(&p);
        assert_int_equal(told(2)->status, 204);
        close_pair();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_is_answered),
        cmocka_unit_test(test_answers_come_in_any_order),
        cmocka_unit_test(test_hundreds_of_large_packets_are_in_flight),
        cmocka_unit_test(test_nothing_is_allocated_once_pools_have_grown),
        cmocka_unit_test(test_a_client_counts_its_room),
        cmocka_unit_test(test_what_never_left_was_not_sent),
        cmocka_unit_test(test_what_was_handed_over_in_part_was_sent),
        cmocka_unit_test(test_of_two_requests_only_the_first_was_sent),
        cmocka_unit_test(test_a_server_that_drains_finishes_what_is_open),
        cmocka_unit_test(test_what_crossed_a_goaway_may_be_sent_elsewhere),
        cmocka_unit_test(test_what_waits_when_a_goaway_comes_may_be_sent_elsewhere),
        cmocka_unit_test(test_a_client_that_drains_is_done_when_it_was_answered),
        cmocka_unit_test(test_a_cancelled_stream_is_gone_at_the_server),
        cmocka_unit_test(test_what_is_cancelled_before_it_left_never_leaves),
        cmocka_unit_test(test_too_large_a_body_is_refused),
        cmocka_unit_test(test_too_large_an_answer_is_a_failure),
        cmocka_unit_test(test_what_http_makes_itself_is_not_sent_twice),
        cmocka_unit_test(test_head_has_no_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
