/* SPDX-License-Identifier: Apache-2.0 */
/* The receipts that a payer has (RFC 39): the latest of each stream, whatever order they come in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rill/receipt.h>

#include "stream/core/apply.h"
#include "support/pair.h"

static const uint8_t nonce[RILL_RECEIPT_NONCE_LEN] = {1, 2, 3};
static const uint8_t secret[RILL_RECEIPT_SECRET_LEN] = {4, 5, 6};

static void open_with_receipts(pair *p)
{
    pair_options o = pair_defaults();
    o.credentials.receipt_nonce = nonce;
    o.credentials.receipt_secret = secret;
    o.connection.max_packet_amount = 100;
    pair_open(p, &o);
}

static uint64_t total_of(const rill_stream *s)
{
    uint8_t bytes[RILL_RECEIPT_LEN];
    rill_receipt receipt;
    assert_int_equal(rill_stream_get_receipt(s, bytes), RILL_OK);
    assert_int_equal(rill_receipt_verify(&receipt, (rill_bytes){bytes, sizeof bytes}, secret),
                     RILL_OK);
    assert_int_equal(receipt.stream_id, rill_stream_id(s));
    assert_memory_equal(receipt.nonce, nonce, sizeof nonce);
    return receipt.total_received;
}

static void test_each_stream_has_its_latest(void **state)
{
    pair *p = *state;
    uint8_t bytes[RILL_RECEIPT_LEN];
    open_with_receipts(p);
    rill_stream *a = pair_stream_open(p, PAIR_CLIENT);
    rill_stream *b = pair_stream_open(p, PAIR_CLIENT);
    rill_stream *idle = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_get_receipt(a, bytes), RILL_ERR_NOT_FOUND);
    assert_int_equal(rill_stream_send_total(a, 1000, RILL_NEVER), RILL_OK);
    assert_int_equal(rill_stream_send_total(b, 70, RILL_NEVER), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(total_of(a), 1000);
    assert_int_equal(total_of(b), 70);
    assert_int_equal(rill_stream_send_total(a, 1250, RILL_NEVER), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(total_of(a), 1250);
    assert_int_equal(total_of(b), 70);
    assert_int_equal(rill_stream_get_receipt(idle, bytes), RILL_ERR_NOT_FOUND);
}

static uint64_t at_the_end;

static void on_event(pair *p, pair_side side, const rill_event *event)
{
    (void)p;
    if (side == PAIR_CLIENT && event->type == RILL_EVENT_STREAM_END)
        at_the_end = total_of(event->stream);
}

static void test_it_is_there_at_the_end(void **state)
{
    pair *p = *state;
    at_the_end = 0;
    open_with_receipts(p);
    p->on_event = on_event;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 350, RILL_NEVER), RILL_OK);
    assert_int_equal(rill_stream_end(s), RILL_OK);
    pair_run(p, 5 * RILL_SECOND);
    assert_int_equal(at_the_end, 350);
}

static void test_none_where_the_credentials_did_not_ask(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    uint8_t bytes[RILL_RECEIPT_LEN];
    pair_open(p, &o);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 1000, RILL_NEVER), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(rill_stream_get_receipt(s, bytes), RILL_ERR_NOT_FOUND);
}

static void say(rill_stream *s, const uint8_t *bytes, size_t len)
{
    const rill_frame frame = {
        .type = RILL_FRAME_STREAM_RECEIPT, .stream = rill_stream_id(s), .text = {bytes, len}};
    const rill_frame_source from = {.now_ns = 0};
    assert_int_equal(rill_apply_frame(rill_stream_connection(s), &frame, &from), RILL_OK);
}

static void say_total(rill_stream *s, uint8_t stream_id, uint64_t total)
{
    uint8_t bytes[RILL_RECEIPT_LEN];
    rill_receipt receipt = {.stream_id = stream_id, .total_received = total};
    memcpy(receipt.nonce, nonce, sizeof nonce);
    assert_int_equal(rill_receipt_create(bytes, &receipt, secret), RILL_OK);
    say(s, bytes, sizeof bytes);
}

static void test_answers_that_overtake_each_other(void **state)
{
    pair *p = *state;
    uint8_t bytes[RILL_RECEIPT_LEN];
    open_with_receipts(p);
    pair_run(p, RILL_SECOND);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_id(s), 1);
    say_total(s, 1, 500);
    say_total(s, 1, 300);
    assert_int_equal(total_of(s), 500);
    say_total(s, 1, UINT64_C(1) << 40);
    say_total(s, 1, 501);
    assert_int_equal(total_of(s), UINT64_C(1) << 40);
    /* What is none changes nothing. */
    say_total(s, 3, UINT64_MAX);
    assert_int_equal(rill_stream_get_receipt(s, bytes), RILL_OK);
    memset(bytes, 0xff, sizeof bytes);
    say(s, bytes, sizeof bytes);
    bytes[0] = 1;
    say(s, bytes, sizeof bytes - 1);
    say(s, bytes, 0);
    assert_int_equal(total_of(s), UINT64_C(1) << 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST_TO_OPEN(test_each_stream_has_its_latest),
        PAIR_TEST_TO_OPEN(test_it_is_there_at_the_end),
        PAIR_TEST_TO_OPEN(test_none_where_the_credentials_did_not_ask),
        PAIR_TEST_TO_OPEN(test_answers_that_overtake_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
