/* SPDX-License-Identifier: Apache-2.0 */
/* Limits: connections, memory that runs out, tags and receipts in credentials. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "support/pair.h"
#include "support/raw.h"

/* An allocator that refuses one allocation, or all from it on. */
typedef struct meter {
    unsigned long count;
    unsigned long fail_at; /* 0: never */
    unsigned long fail_for;
    long out; /* blocks not freed */
} meter;

static void *metered(void *user, void *ptr, size_t size)
{
    meter *m = user;
    m->count++;
    if (m->fail_at && m->count >= m->fail_at && m->count < m->fail_at + m->fail_for)
        return NULL;
    if (!ptr)
        m->out++;
    return realloc(ptr, size);
}

static void metered_free(void *user, void *ptr)
{
    meter *m = user;
    m->out--;
    free(ptr);
}

/* One exchange of everything; some of it may fail for want of memory, nothing may break. */
static void exchange(meter *client, meter *server)
{
    pair p;
    pair_options o;
    rill_allocator ca = {metered, metered_free, client};
    rill_allocator sa = {metered, metered_free, server};
    unsigned long client_fails = client->fail_at;
    unsigned long server_fails = server->fail_at;
    client->fail_at = server->fail_at = 0;
    pair_options_init(&o);
    o.client.allocator = &ca;
    o.server.allocator = &sa;
    o.server.connection.ask_before_fulfill = true;
    /* Every other time the path is probed first. */
    if (client_fails % 2)
        o.connection.min_rate = (rill_ratio){0, 1};
    pair_open(&p, &o);
    p.maximum[PAIR_CLIENT] = 60;
    client->fail_at = client_fails;
    server->fail_at = server_fails;
    static uint8_t bytes[3000];
    for (unsigned i = 0; i < 3; i++) {
        rill_stream *s;
        size_t accepted;
        if (rill_connection_open_stream(p.end[PAIR_CLIENT].connection, &s) != RILL_OK)
            continue;
        int err = rill_stream_write(s, bytes, sizeof bytes, &accepted);
        assert_true(err == RILL_OK || err == RILL_ERR_NOMEM);
        err = rill_stream_send_total(s, 100, p.now.mono_ns + 20 * RILL_SECOND);
        assert_true(err == RILL_OK || err == RILL_ERR_NOMEM);
    }
    for (unsigned i = 0, done = 0; i < 40; i++) {
        pair_run(&p, 100 * RILL_MS);
        for (; done < p.end[PAIR_SERVER].asked_count; done++)
            (void)pair_decide(&p, PAIR_SERVER, done, done % 3 != 0, NULL);
    }
    if (p.end[PAIR_CLIENT].connection)
        assert_true(rill_connection_end(p.end[PAIR_CLIENT].connection) <= 0);
    for (unsigned i = 0, done = 0; i < 300; i++) {
        pair_run(&p, 500 * RILL_MS);
        for (; done < p.end[PAIR_SERVER].asked_count; done++)
            if (!p.end[PAIR_SERVER].asked[done].decided)
                (void)pair_decide(&p, PAIR_SERVER, done, true, NULL);
    }
    assert_int_equal(p.end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
    assert_int_equal(p.end[PAIR_CLIENT].last.sent, p.end[PAIR_CLIENT].fulfilled_out);
    assert_int_equal(p.end[PAIR_CLIENT].last.in_flight, 0);
    pair_close(&p);
    assert_int_equal(client->out, 0);
    assert_int_equal(server->out, 0);
}

static void starve(bool is_server, unsigned long fail_for)
{
    meter plain[2] = {{0}, {0}};
    exchange(&plain[0], &plain[1]);
    unsigned long all = plain[is_server].count;
    for (unsigned long n = 1; n <= all; n += all > 400 ? all / 400 : 1) {
        meter m[2] = {{0}, {0}};
        m[is_server].fail_at = n;
        m[is_server].fail_for = fail_for;
        exchange(&m[0], &m[1]);
    }
}

static void test_a_client_without_memory_for_once(void **state)
{
    (void)state;
    starve(false, 1);
}

static void test_a_server_without_memory_for_once(void **state)
{
    (void)state;
    starve(true, 1);
}

static void test_a_client_without_memory_for_a_while(void **state)
{
    (void)state;
    starve(false, 8);
}

static void test_a_server_without_memory_for_a_while(void **state)
{
    (void)state;
    starve(true, 8);
}

static void test_connections_are_bounded(void **state)
{
    pair p;
    pair_options o;
    raw_peer r[5];
    rill_credentials c;
    static raw_reply reply;
    (void)state;
    pair_options_init(&o);
    o.stay = true;
    o.server.max_connections = 3;
    pair_open(&p, &o);
    rill_endpoint *server = p.end[PAIR_SERVER].endpoint;
    const raw_packet packet = {0};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(rill_endpoint_credentials(server, NULL, &c), RILL_OK);
        raw_open(&r[i], c.destination_account, c.shared_secret);
        raw_send(&r[i], server, p.now, &packet, &reply);
        assert_int_equal(reply.type, i < 3 ? RILL_ILP_FULFILL : RILL_ILP_REJECT);
    }
    assert_int_equal(reply.code, RILL_ILP_T02_PEER_BUSY);
    assert_int_equal(rill_endpoint_connection_count(server), 3);
    pair_run(&p, 61 * RILL_SECOND);
    assert_int_equal(rill_endpoint_connection_count(server), 0);
    raw_send(&r[3], server, p.now, &packet, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    /* One whose connection is over is told so, and gets no other by going on. */
    raw_send(&r[1], server, p.now, &packet, &reply);
    assert_int_equal(reply.code, RILL_ILP_F99_APPLICATION_ERROR);
    assert_int_equal(rill_endpoint_connection_count(server), 1);
    /* A server that stops takes no more. */
    assert_int_equal(rill_endpoint_credentials(server, NULL, &c), RILL_OK);
    raw_open(&r[4], c.destination_account, c.shared_secret);
    rill_endpoint_end(server);
    pair_run(&p, RILL_SECOND);
    raw_send(&r[4], server, p.now, &packet, &reply);
    assert_int_equal(reply.code, RILL_ILP_T99_APPLICATION_ERROR);
    for (unsigned i = 0; i < 5; i++)
        raw_close(&r[i]);
    pair_close(&p);
}

static void test_a_connection_has_the_tag_of_its_address(void **state)
{
    pair p;
    pair_options o;
    (void)state;
    pair_options_init(&o);
    o.credentials.tag = "invoice 17";
    pair_open(&p, &o);
    pair_run(&p, 100 * RILL_MS);
    assert_string_equal(rill_connection_tag(p.end[PAIR_SERVER].connection), "invoice 17");
    pair_close(&p);
}

static void test_receipts_are_given_where_the_credentials_ask(void **state)
{
    pair p;
    pair_options o;
    raw_peer r;
    static raw_reply reply;
    uint8_t nonce[RILL_RECEIPT_NONCE_LEN] = {1};
    uint8_t secret[RILL_RECEIPT_SECRET_LEN] = {2};
    (void)state;
    pair_options_init(&o);
    o.stay = true;
    o.credentials.receipt_nonce = nonce;
    o.credentials.receipt_secret = secret;
    pair_open(&p, &o);
    raw_open(&r, p.credentials.destination_account, p.credentials.shared_secret);
    for (uint64_t i = 1; i <= 2; i++) {
        rill_frame money = {.type = RILL_FRAME_STREAM_MONEY, .stream = 1, .value = 1};
        raw_packet packet = {.amount = 10, .frames = &money, .frame_count = 1};
        raw_send(&r, p.end[PAIR_SERVER].endpoint, p.now, &packet, &reply);
        const rill_frame *receipt = raw_find(&reply, RILL_FRAME_STREAM_RECEIPT);
        assert_non_null(receipt);
        assert_int_equal(receipt->text.len, 58);
        assert_int_equal(receipt->text.data[17], 1);
        assert_int_equal(receipt->text.data[25], 10 * i);
    }
    raw_close(&r);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_without_memory_for_once),
        cmocka_unit_test(test_a_server_without_memory_for_once),
        cmocka_unit_test(test_a_client_without_memory_for_a_while),
        cmocka_unit_test(test_a_server_without_memory_for_a_while),
        cmocka_unit_test(test_connections_are_bounded),
        cmocka_unit_test(test_a_connection_has_the_tag_of_its_address),
        cmocka_unit_test(test_receipts_are_given_where_the_credentials_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
