/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused on the way is sent again, less and less often, whatever the path answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"

/* A second has room for waits of 10 ms, doubling, of 640 ms at most. */
#define IN_A_SECOND 12u

static rill_ilp_code_id refusal;
static unsigned plain; /* packets without money that the client sent */
static unsigned empty; /* those of them that say who the client is, and no more */

#define VOLLEY       24u
#define SAYS_NOTHING 230u

static void refuse_plain(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->from != PAIR_CLIENT || packet->amount != 0)
        return;
    plain++;
    if (packet->len < SAYS_NOTHING)
        empty++;
    packet->action = PAIR_REJECT;
    packet->code = refusal;
}

static const rill_ilp_code_id codes[] = {
    RILL_ILP_F00_BAD_REQUEST,
    RILL_ILP_F02_UNREACHABLE,
    RILL_ILP_F05_WRONG_CONDITION,
    RILL_ILP_F08_AMOUNT_TOO_LARGE,
    RILL_ILP_F99_APPLICATION_ERROR,
    RILL_ILP_T00_INTERNAL_ERROR,
    RILL_ILP_T04_INSUFFICIENT_LIQUIDITY,
    RILL_ILP_T99_APPLICATION_ERROR,
    RILL_ILP_R00_TRANSFER_TIMED_OUT,
    RILL_ILP_R01_INSUFFICIENT_SOURCE_AMOUNT,
    RILL_ILP_R02_INSUFFICIENT_TIMEOUT,
};
#define CODES (sizeof codes / sizeof *codes)

/* Its answers are no reason to send it at the speed of the path, also before anything got through.
 */
static void test_a_close_is_repeated_ever_more_slowly(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * CODES; i++) {
        pair p;
        pair_options o = pair_defaults();
        pair_open(&p, &o);
        refusal = codes[i / 2];
        if (i % 2 == 0) /* something got through before */
            pair_run(&p, 100 * RILL_MS);
        plain = 0;
        p.on_packet = refuse_plain;
        p.delay[PAIR_CLIENT] = p.delay[PAIR_SERVER] = RILL_MS / 10;
        pair_run(&p, RILL_MS / 2);
        rill_connection_close(p.end[PAIR_CLIENT].connection, RILL_CLOSE_NO_ERROR, NULL);
        pair_run(&p, RILL_SECOND);
        assert_in_range(plain, 1, IN_A_SECOND);
        pair_run(&p, 6 * RILL_SECOND);
        assert_int_equal(p.end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
        pair_close(&p);
    }
}

/* Money that passes does not say that bytes do. */
static void test_refused_bytes_are_paced_beside_money(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CODES; i++) {
        pair p;
        pair_options o = pair_defaults();
        o.connection.max_packet_amount = 1000;
        o.connection.max_in_flight = 1;
        pair_open(&p, &o);
        pair_run(&p, 100 * RILL_MS);
        rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
        assert_int_equal(rill_stream_set_send_max(s, 2500 * 1000), RILL_OK);
        pair_run(&p, 10 * RILL_MS);
        refusal = codes[i];
        plain = 0;
        p.on_packet = refuse_plain;
        p.delay[PAIR_CLIENT] = p.delay[PAIR_SERVER] = RILL_MS / 10;
        pair_write(s, "hello", 5);
        uint64_t before = p.end[PAIR_CLIENT].fulfilled_out;
        pair_run(&p, RILL_SECOND);
        assert_in_range(plain, 1, IN_A_SECOND);
        assert_true(p.end[PAIR_CLIENT].fulfilled_out > before);
        p.on_packet = NULL;
        pair_run(&p, RILL_SECOND + RILL_SECOND / 10); /* money has ended: nothing else wakes us */
        assert_int_equal(pair_seen(&p, PAIR_SERVER, 1)->len, 5);
        pair_close(&p);
    }
}

/* Each of many bytes that may have arrived asks whether it has: one question is enough for all. */
static void test_a_volley_is_not_answered_by_a_volley(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CODES; i++) {
        pair p;
        pair_options o = pair_defaults();
        pair_open(&p, &o);
        refusal = codes[i];
        p.on_packet = refuse_plain;
        p.delay[PAIR_CLIENT] = p.delay[PAIR_SERVER] = 180 * RILL_MS;
        rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
        for (unsigned n = 0; n < VOLLEY; n++) {
            pair_write(s, "x", 1);
            pair_run(&p, 4 * RILL_MS);
        }
        plain = 0;
        empty = 0;
        pair_run(&p, RILL_SECOND);
        if (empty > IN_A_SECOND)
            fail_msg("code %u: %u packets say nothing, of %u", i, empty, plain);
        pair_close(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_close_is_repeated_ever_more_slowly),
        cmocka_unit_test(test_refused_bytes_are_paced_beside_money),
        cmocka_unit_test(test_a_volley_is_not_answered_by_a_volley),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
