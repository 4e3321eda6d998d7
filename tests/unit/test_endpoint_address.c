/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that change, and connections that are remembered after their end, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"
#include "support/raw.h"

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

/* Packets of the server's that reach the address given in user; others do not arrive. */
static void only_to(pair *p, pair_packet *packet)
{
    rill_prepare prepare;
    const char *address = p->user;
    if (packet->from != PAIR_SERVER)
        return;
    assert_int_equal(rill_prepare_decode(&prepare, packet->bytes, packet->len), RILL_OK);
    size_t len = strlen(address);
    bool there = prepare.destination.len > len && prepare.destination.data[len] == '.' &&
                 memcmp(prepare.destination.data, address, len) == 0;
    if (!there) {
        packet->action = PAIR_REJECT;
        packet->code = RILL_ILP_F02_UNREACHABLE;
    }
}

static const char *address_of_client(pair *p)
{
    return rill_connection_remote_address(p->end[PAIR_SERVER].connection);
}

static void move(pair *p, const char *address)
{
    p->user = (void *)(uintptr_t)address;
    assert_int_equal(
        rill_endpoint_set_account(p->end[PAIR_CLIENT].endpoint, text(address), text("ABC"), 9),
        RILL_OK);
}

/* RFC 29 section 4.3.2: the other side is told the new address, and sends to it from then on. */
static void test_a_new_address_is_told(void **state)
{
    pair *p = *state;
    p->on_packet = only_to;
    p->user = (void *)(uintptr_t) "test.client";
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, 100 * RILL_MS);
    assert_memory_equal(address_of_client(p), "test.client.", 12);
    move(p, "test.moved");
    /* Nothing else is to be sent: it is worth a packet of its own. */
    pair_run(p, 100 * RILL_MS);
    assert_memory_equal(address_of_client(p), "test.moved.", 11);
    rill_stream *back = rill_connection_stream(p->end[PAIR_SERVER].connection, 1);
    assert_int_equal(rill_stream_send_total(back, 500, RILL_NEVER), RILL_OK);
    pair_write(back, "hello", 5);
    pair_run(p, 500 * RILL_MS);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->money, 500);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->len, 5);
    /* The same again is no news. */
    uint64_t packets = p->end[PAIR_CLIENT].packets;
    move(p, "test.moved");
    pair_run(p, 500 * RILL_MS);
    assert_int_equal(p->end[PAIR_CLIENT].packets, packets);
    pair_check_books(p);
}

/* Packets under way to the old address come back; their money is sent again, to the new one. */
static void test_money_follows_to_a_new_address(void **state)
{
    pair *p = *state;
    rill_stream_totals t;
    p->on_packet = only_to;
    p->user = (void *)(uintptr_t) "test.client";
    p->maximum[PAIR_SERVER] = 10;
    p->delay[PAIR_SERVER] = 30 * RILL_MS;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, 100 * RILL_MS);
    rill_stream *back = rill_connection_stream(p->end[PAIR_SERVER].connection, 1);
    assert_int_equal(rill_stream_send_total(back, 5000, RILL_NEVER), RILL_OK);
    for (unsigned i = 0; i < 3; i++) {
        pair_run(p, 70 * RILL_MS);
        move(p, i % 2 ? "test.client" : "test.moved");
    }
    pair_run(p, 5 * RILL_SECOND);
    rill_stream_get_totals(back, &t);
    assert_int_equal(t.sent, 5000);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->money, 5000);
    pair_check_books(p);
}

/* A side that does not receive tells no address, so it tells no new one either. */
static void test_who_does_not_receive_keeps_it_to_itself(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.tell_address = false;
    pair_open(p, &o);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, 100 * RILL_MS);
    uint64_t packets = p->end[PAIR_CLIENT].packets;
    move(p, "test.moved");
    pair_run(p, 500 * RILL_MS);
    assert_int_equal(p->end[PAIR_CLIENT].packets, packets);
    assert_string_equal(address_of_client(p), "");
}

/* ---- connections that are over ---- */

static const rill_frame money = {.type = RILL_FRAME_STREAM_MONEY, .stream = 1, .value = 1};
static const raw_packet payment = {.amount = 5, .frames = &money, .frame_count = 1};

/* A payment from credentials of their own, and its end; its bytes are kept. */
static size_t pay_and_close(pair *p, raw_peer *r, uint8_t *bytes, uint64_t lifetime)
{
    static raw_reply reply;
    rill_credentials c;
    rill_endpoint *server = p->end[PAIR_SERVER].endpoint;
    rill_frame close = {.type = RILL_FRAME_CONNECTION_CLOSE, .code = RILL_CLOSE_NO_ERROR};
    raw_packet last = {.frames = &close, .frame_count = 1};
    assert_int_equal(rill_endpoint_generate_credentials(server, NULL, &c), RILL_OK);
    raw_open(r, c.destination_account, c.shared_secret);
    raw_packet pays = payment;
    pays.expires_in = lifetime;
    size_t len = raw_write(r, p->now, &pays, bytes);
    raw_deliver(r, server, p->now, bytes, len, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    raw_send(r, server, p->now, &last, &reply);
    pair_pump(p);
    return len;
}

/* Is it remembered that this packet came? */
static bool refuses(pair *p, raw_peer *r, const uint8_t *bytes, size_t len)
{
    static raw_reply reply;
    raw_deliver(r, p->end[PAIR_SERVER].endpoint, p->now, bytes, len, &reply);
    pair_pump(p);
    return reply.type == RILL_ILP_REJECT;
}

#define ENDED 4

/* However many are open at once: none is forgotten while its packets could come again. */
static void test_none_that_is_over_is_forgotten_early(void **state)
{
    static uint8_t bytes[ENDED][2000];
    size_t len[ENDED];
    raw_peer r[ENDED];
    pair *p = *state;
    pair_options o = pair_defaults();
    o.stay = true;
    o.server.max_connections = 1;
    pair_open(p, &o);
    for (unsigned i = 0; i < ENDED; i++)
        len[i] = pay_and_close(p, &r[i], bytes[i], 0);
    assert_int_equal(rill_endpoint_connection_count(p->end[PAIR_SERVER].endpoint), 0);
    for (unsigned i = ENDED; i-- > 0;)
        assert_true(refuses(p, &r[i], bytes[i], len[i]));
    for (unsigned i = 0; i < ENDED; i++)
        raw_close(&r[i]);
}

#define HOUR_MS 3600000u

/* As long as a packet may live, so long it is known that it came. */
static void test_packets_may_live_for_an_hour(void **state)
{
    static uint8_t bytes[2000];
    raw_peer r;
    pair *p = *state;
    pair_options o = pair_defaults();
    o.stay = true;
    pair_open(p, &o);
    size_t len = pay_and_close(p, &r, bytes, HOUR_MS);
    pair_run(p, (HOUR_MS - 1000) * RILL_MS);
    assert_true(refuses(p, &r, bytes, len));
    assert_true(rill_endpoint_deadline(p->end[PAIR_SERVER].endpoint) != RILL_NEVER);
    pair_run(p, 2 * RILL_SECOND);
    assert_true(rill_endpoint_deadline(p->end[PAIR_SERVER].endpoint) == RILL_NEVER);
    raw_close(&r);
}

/* Nothing is remembered for longer than a packet of then could still be alive. */
static void test_what_is_over_is_forgotten_in_time(void **state)
{
    static uint8_t bytes[2000];
    raw_peer r;
    pair *p = *state;
    pair_options o = pair_defaults();
    o.stay = true;
    pair_open(p, &o);
    size_t len = pay_and_close(p, &r, bytes, 0);
    rill_endpoint *server = p->end[PAIR_SERVER].endpoint;
    pair_run(p, 29 * RILL_SECOND);
    assert_true(refuses(p, &r, bytes, len));
    assert_true(rill_endpoint_deadline(server) != RILL_NEVER);
    pair_run(p, 2 * RILL_SECOND);
    assert_true(rill_endpoint_deadline(server) == RILL_NEVER);
    /* It has expired itself by now. */
    assert_true(refuses(p, &r, bytes, len));
    assert_int_equal(rill_endpoint_connection_count(server), 0);
    raw_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_a_new_address_is_told),
        PAIR_TEST(test_money_follows_to_a_new_address),
        PAIR_TEST_TO_OPEN(test_who_does_not_receive_keeps_it_to_itself),
        PAIR_TEST_TO_OPEN(test_none_that_is_over_is_forgotten_early),
        PAIR_TEST_TO_OPEN(test_packets_may_live_for_an_hour),
        PAIR_TEST_TO_OPEN(test_what_is_over_is_forgotten_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
