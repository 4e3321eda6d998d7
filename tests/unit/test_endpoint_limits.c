/* SPDX-License-Identifier: Apache-2.0 */
/* Limits: connections, tags and receipts in credentials. (Memory: test_alloc.c.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"
#include "support/raw.h"

static void test_connections_are_bounded(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    raw_peer r[5];
    rill_credentials c;
    static raw_reply reply;
    o.stay = true;
    o.server.max_connections = 3;
    pair_open(p, &o);
    rill_endpoint *server = p->end[PAIR_SERVER].endpoint;
    const raw_packet packet = {0};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(rill_endpoint_generate_credentials(server, NULL, &c), RILL_OK);
        raw_open(&r[i], c.destination_account, c.shared_secret);
        raw_send(&r[i], server, p->now, &packet, &reply);
        assert_int_equal(reply.type, i < 3 ? RILL_ILP_FULFILL : RILL_ILP_REJECT);
    }
    assert_int_equal(reply.code, RILL_ILP_T02_PEER_BUSY);
    assert_int_equal(rill_endpoint_connection_count(server), 3);
    pair_run(p, 61 * RILL_SECOND);
    assert_int_equal(rill_endpoint_connection_count(server), 0);
    raw_send(&r[3], server, p->now, &packet, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    /* A client whose connection is over is told so. It gets no new one by going on. */
    raw_send(&r[1], server, p->now, &packet, &reply);
    assert_int_equal(reply.code, RILL_ILP_F99_APPLICATION_ERROR);
    assert_int_equal(rill_endpoint_connection_count(server), 1);
    /* A server that stops takes no more. */
    assert_int_equal(rill_endpoint_generate_credentials(server, NULL, &c), RILL_OK);
    raw_open(&r[4], c.destination_account, c.shared_secret);
    rill_endpoint_end(server);
    pair_run(p, RILL_SECOND);
    raw_send(&r[4], server, p->now, &packet, &reply);
    assert_int_equal(reply.code, RILL_ILP_T99_APPLICATION_ERROR);
    for (unsigned i = 0; i < 5; i++)
        raw_close(&r[i]);
}

static void test_a_connection_has_the_tag_of_its_address(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.credentials.tag = "invoice 17";
    pair_open(p, &o);
    pair_run(p, 100 * RILL_MS);
    assert_string_equal(rill_connection_tag(p->end[PAIR_SERVER].connection), "invoice 17");
}

/* A client whose credentials ask for receipts. */
static void open_with_receipts(pair *p, raw_peer *r)
{
    pair_options o = pair_defaults();
    uint8_t nonce[RILL_RECEIPT_NONCE_LEN] = {1};
    uint8_t secret[RILL_RECEIPT_SECRET_LEN] = {2};
    o.stay = true;
    o.credentials.receipt_nonce = nonce;
    o.credentials.receipt_secret = secret;
    pair_open(p, &o);
    raw_open(r, p->credentials.destination_account, p->credentials.shared_secret);
}

static void test_receipts_are_given_where_the_credentials_ask(void **state)
{
    pair *p = *state;
    raw_peer r;
    static raw_reply reply;
    open_with_receipts(p, &r);
    for (uint64_t i = 1; i <= 2; i++) {
        rill_frame money = {.type = RILL_FRAME_STREAM_MONEY, .stream = 1, .value = 1};
        raw_packet packet = {.amount = 10, .frames = &money, .frame_count = 1};
        raw_send(&r, p->end[PAIR_SERVER].endpoint, p->now, &packet, &reply);
        const rill_frame *receipt = raw_find(&reply, RILL_FRAME_STREAM_RECEIPT);
        assert_non_null(receipt);
        assert_int_equal(receipt->text.len, 58);
        assert_int_equal(receipt->text.data[17], 1);
        assert_int_equal(receipt->text.data[25], 10 * i);
    }
    raw_close(&r);
}

/* However many frames of a packet name a stream, it has one part of it, and one receipt. */
static void test_a_stream_has_one_part_of_a_packet(void **state)
{
    pair *p = *state;
    raw_peer r;
    static raw_reply reply;
    open_with_receipts(p, &r);
    rill_frame money[4];
    for (unsigned i = 0; i < 4; i++)
        money[i] = (rill_frame){
            .type = RILL_FRAME_STREAM_MONEY, .stream = i == 2 ? 3 : 1, .value = i == 3 ? 0 : 2};
    raw_packet packet = {.amount = 60, .frames = money, .frame_count = 4};
    raw_send(&r, p->end[PAIR_SERVER].endpoint, p->now, &packet, &reply);
    assert_true(reply.authentic);
    unsigned receipts = 0;
    for (unsigned i = 0; i < reply.frame_count; i++) {
        const rill_frame *frame = &reply.frames[i];
        if (frame->type != RILL_FRAME_STREAM_RECEIPT)
            continue;
        receipts++;
        assert_int_equal(frame->text.data[25], frame->stream == 1 ? 40 : 20);
    }
    assert_int_equal(receipts, 2);
    raw_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST_TO_OPEN(test_connections_are_bounded),
        PAIR_TEST_TO_OPEN(test_a_connection_has_the_tag_of_its_address),
        PAIR_TEST_TO_OPEN(test_receipts_are_given_where_the_credentials_ask),
        PAIR_TEST_TO_OPEN(test_a_stream_has_one_part_of_a_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
