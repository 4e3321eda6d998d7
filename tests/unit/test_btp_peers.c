/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BTP as interledger-rs has spoken it since 2020: Fulfill and Reject in MESSAGE, Prepare in
 * RESPONSE. Also packets of every size that neighbours send.
 */
#define _POSIX_C_SOURCE 200809L

#include "raw_session.h"

#include <rill/btp.h>
#include <rill/ilp.h>

#include "ilp/address.h"
#include "io/loop.h"

static const uint8_t hash[32] = "0123456789abcdef0123456789abcdef";
static uint8_t packet[RILL_BTP_MAX_FRAME];
static uint8_t frame[RILL_BTP_MAX_FRAME + 100];

static void send_packet(rill_btp_type type, uint32_t id, const uint8_t *bytes, size_t len)
{
    size_t at = rill_btp_ilp_header(type, id, len, frame);
    memcpy(frame + at, bytes, len);
    raw_frame(0x82, frame, at + len);
}

static size_t make_prepare(size_t data)
{
    static const uint8_t bytes[RILL_ILP_MAX_DATA_READ + 1];
    static const uint8_t address[] = "test.a";
    size_t len = 0;
    rill_prepare p = {1, 1, hash, {address, 6}, {bytes, data}};
    assert_int_equal(rill_prepare_encode_any_size(&p, packet, sizeof packet, &len), RILL_OK);
    return len;
}

static bool asked(net *n)
{
    return n->session.prepares > 0;
}

static bool answered(net *n)
{
    return n->session.replies > 0;
}

static bool something_came(net *n)
{
    (void)n;
    return raw_.got_len > 2 + 5;
}

/* The id of the request that came to the raw side. */
static uint32_t id_of_request(net *n)
{
    rill_btp_frame f;
    until(n, something_came);
    assert_int_equal(raw_.got[0], 0x82);
    assert_int_equal(rill_btp_decode(&f, raw_.got + 2, raw_.got_len - 2), RILL_OK);
    assert_int_equal(f.type, RILL_BTP_MESSAGE);
    raw_.got_len = 0;
    return f.request_id;
}

static void test_a_prepare_in_a_response(void **state)
{
    (void)state;
    net n;
    raw_session_begin(&n);
    size_t len = make_prepare(10);
    send_packet(RILL_BTP_RESPONSE, 77, packet, len);
    until(&n, asked);
    assert_int_equal(n.session.last_len, len);
    assert_int_equal(
        rill_link_reply(n.session.link, n.session.request, (const uint8_t *)"\x0d\x01z", 3),
        RILL_OK);
    until(&n, something_came);
    rill_btp_frame f;
    assert_int_equal(rill_btp_decode(&f, raw_.got + 2, raw_.got_len - 2), RILL_OK);
    assert_int_equal(f.type, RILL_BTP_RESPONSE);
    assert_int_equal(f.request_id, 77);
    raw_session_end(&n);
}

static void test_answers_in_messages(void **state)
{
    (void)state;
    static const uint8_t types[] = {RILL_ILP_FULFILL, RILL_ILP_REJECT};
    net n;
    raw_session_begin(&n);
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t answer[] = {types[i], 3, 'F', '0', '2'};
        assert_int_equal(rill_link_send(n.session.link, 40 + i, packet, make_prepare(10)), RILL_OK);
        uint32_t id = id_of_request(&n);
        n.session.replies = 0;
        send_packet(RILL_BTP_MESSAGE, id, answer, sizeof answer);
        until(&n, answered);
        assert_int_equal(n.session.outgoing_id, 40 + i);
        assert_memory_equal(n.session.last, answer, sizeof answer);
        /* A second one answers nothing: it is a request, and one that makes no sense. */
        n.session.prepares = 0;
        send_packet(RILL_BTP_MESSAGE, id, answer, sizeof answer);
        until(&n, asked);
        assert_int_equal(n.session.replies, 1);
    }
    assert_int_equal(n.session.unanswered, 0);
    raw_session_end(&n);
}

/* A Prepare answers nothing, whatever its id: our own request goes on. */
static void test_a_prepare_with_the_id_of_a_request(void **state)
{
    (void)state;
    net n;
    raw_session_begin(&n);
    assert_int_equal(rill_link_send(n.session.link, 50, packet, make_prepare(10)), RILL_OK);
    uint32_t id = id_of_request(&n);
    send_packet(RILL_BTP_RESPONSE, id, packet, make_prepare(10));
    until(&n, asked);
    assert_int_equal(n.session.replies + n.session.unanswered, 0);
    send_packet(RILL_BTP_MESSAGE, id, (const uint8_t *)"\x0d\x01z", 3);
    until(&n, answered);
    assert_int_equal(n.session.outgoing_id, 50);
    raw_session_end(&n);
}

/* ilp-protocol-stream sends 32,773 bytes of data; 40,000 may come, and a Reject's message beside.
 */
static void test_large_packets(void **state)
{
    (void)state;
    static const size_t sizes[] = {32767, 32768, 32773, 40000};
    net n;
    raw_session_begin(&n);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t len = make_prepare(sizes[i]);
        n.session.prepares = 0;
        send_packet(RILL_BTP_MESSAGE, (uint32_t)i, packet, len);
        until(&n, asked);
        assert_int_equal(n.session.last_len, len);
    }
    static const uint8_t bytes[RILL_ILP_MAX_DATA_READ];
    rill_reject no = {rill_ilp_code_of(RILL_ILP_F99_APPLICATION_ERROR),
                      {bytes, 0},
                      {bytes, RILL_ILP_MAX_MESSAGE},
                      {bytes, sizeof bytes}};
    static uint8_t answer[RILL_BTP_MAX_FRAME];
    size_t len = 0;
    assert_int_equal(rill_reject_encode_any_size(&no, answer, sizeof answer, &len), RILL_OK);
    assert_int_equal(rill_link_send(n.session.link, 60, packet, make_prepare(10)), RILL_OK);
    uint32_t id = id_of_request(&n);
    send_packet(RILL_BTP_RESPONSE, id, answer, len);
    until(&n, answered);
    assert_int_equal(n.session.last_len, len);
    raw_session_end(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_prepare_in_a_response),
        cmocka_unit_test(test_answers_in_messages),
        cmocka_unit_test(test_a_prepare_with_the_id_of_a_request),
        cmocka_unit_test(test_large_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
