/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connector keeps a packet that was paid, and sends it again after its connection is over. The
 * packet is refused until it has expired, whatever has come and gone meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"

typedef struct kept {
    size_t len;
    uint8_t bytes[RILL_PACKET_BUFFER];
} kept;

/* The first packet with money. */
static void keep(pair *p, pair_packet *packet)
{
    kept *k = p->user;
    if (k->len != 0 || packet->from != PAIR_CLIENT || packet->amount == 0)
        return;
    k->len = packet->len;
    memcpy(k->bytes, packet->bytes, packet->len);
}

static bool is_paid_again(pair *p, const kept *k)
{
    static uint8_t reply[RILL_PACKET_BUFFER];
    size_t len;
    rill_fulfill fulfill;
    assert_int_equal(rill_endpoint_receive_prepare(p->end[PAIR_SERVER].endpoint, p->now, UINT64_MAX,
                                                   k->bytes, k->len, reply, &len),
                     RILL_OK);
    assert_true(len > 0);
    return rill_fulfill_decode(&fulfill, reply, len) == RILL_OK;
}

/* Pays on a connection that ends then. */
static void pay_and_end(pair *p, uint64_t amount)
{
    uint64_t before = p->end[PAIR_SERVER].fulfilled_in;
    unsigned ended = p->end[PAIR_SERVER].events[RILL_EVENT_CONNECTION_END];
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(s, amount), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(rill_connection_end(p->end[PAIR_CLIENT].connection), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, before + amount);
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_CONNECTION_END], ended + 1);
}

static void test_others_that_end_are_no_reason_to_forget(void **state)
{
    static pair p;
    kept first = {0};
    pair_options o = pair_defaults();
    (void)state;
    o.server.max_connections = 1;
    pair_open(&p, &o);
    p.user = &first;
    p.on_packet = keep;
    pay_and_end(&p, 500);
    assert_true(first.len > 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(
            rill_endpoint_generate_credentials(p.end[PAIR_SERVER].endpoint, NULL, &p.credentials),
            RILL_OK);
        assert_int_equal(pair_connect(&p, &o.connection), RILL_OK);
        pay_and_end(&p, 1);
    }
    assert_false(is_paid_again(&p, &first));
    pair_check_books(&p);
    pair_close(&p);
}

/* Ten minutes are what its sender gave it: so long it is known. */
static void test_long_lifetimes(void **state)
{
    static pair p;
    kept first = {0};
    pair_options o = pair_defaults();
    rill_prepare prepare;
    (void)state;
    o.connection.packet_lifetime_ns = 600 * RILL_SECOND;
    pair_open(&p, &o);
    p.user = &first;
    p.on_packet = keep;
    pay_and_end(&p, 500);
    assert_int_equal(rill_prepare_decode(&prepare, first.bytes, first.len), RILL_OK);
    for (unsigned i = 0; i < 5; i++) {
        pair_run(&p, 110 * RILL_SECOND);
        assert_true(prepare.expires_at_ms > p.now.wall_ms);
        assert_false(is_paid_again(&p, &first));
    }
    pair_check_books(&p);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_others_that_end_are_no_reason_to_forget),
        cmocka_unit_test(test_long_lifetimes),
    };
    return cmocka_run_group_tests_name("replays", tests, NULL, NULL);
}
