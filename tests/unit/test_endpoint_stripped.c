/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connector removes the STREAM packet from Fulfills. So it is not known what the receiver did
 * with the bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/pair.h"

static void strip(pair *p, pair_side to, uint8_t *bytes, size_t *len)
{
    uint8_t fulfillment[32];
    rill_fulfill fulfill;
    (void)p;
    if (to != PAIR_CLIENT || rill_fulfill_decode(&fulfill, bytes, *len) != RILL_OK)
        return;
    for (unsigned i = 0; i < sizeof fulfillment; i++)
        fulfillment[i] = fulfill.fulfillment[i];
    fulfill = (rill_fulfill){.fulfillment = fulfillment};
    assert_int_equal(rill_fulfill_encode(&fulfill, bytes, *len, len), RILL_OK);
}

static int end_of_a_stream(bool stripped)
{
    pair p;
    pair_options o;
    pair_options_init(&o);
    pair_open(&p, &o);
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    pair_write(s, "first", 5);
    pair_run(&p, RILL_SECOND);
    if (stripped)
        p.on_reply = strip;
    pair_write(s, "second", 6);
    pair_run(&p, RILL_SECOND);
    p.on_reply = NULL;
    assert_int_equal(pair_seen(&p, PAIR_SERVER, 1)->len, 11);
    assert_int_equal(rill_stream_end(s), RILL_OK);
    pair_run(&p, RILL_SECOND);
    const pair_stream *seen = pair_seen(&p, PAIR_CLIENT, 1);
    assert_true(seen->ended);
    int error = seen->error;
    pair_check_books(&p);
    pair_close(&p);
    return error;
}

static void test_bytes_that_nobody_vouches_for_are_an_error(void **state)
{
    (void)state;
    assert_int_equal(end_of_a_stream(false), RILL_OK);
    assert_int_equal(end_of_a_stream(true), RILL_ERR_CLOSED);
}

/*
 * What was removed from all replies may have said that our server is another one now. So a reader
 * there is told that there was more than what came.
 */
static void test_a_close_tells_of_bytes_that_nobody_vouches_for(void **state)
{
    static const uint8_t secret[32] = {7};
    pair p;
    pair_options o;
    (void)state;
    pair_options_init(&o);
    o.server.server_secret = secret;
    o.connection.default_receive_max = 50;
    pair_open(&p, &o);
    p.on_reply = strip;
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    pair_write(s, "first", 5);
    pair_run(&p, RILL_SECOND);
    assert_int_equal(pair_seen(&p, PAIR_SERVER, 1)->len, 5);
    pair_restart_server(&p, &o);
    p.on_reply = NULL;
    assert_int_equal(rill_stream_set_receive_max(s, 100), RILL_OK); /* opens it there */
    pair_run(&p, RILL_SECOND);
    assert_int_equal(rill_stream_end(s), RILL_OK);
    pair_run(&p, RILL_SECOND);
    assert_int_equal(p.end[PAIR_SERVER].events[RILL_EVENT_CONNECTION], 2);
    const pair_stream *seen = pair_seen(&p, PAIR_SERVER, 1);
    assert_true(seen->ended);
    assert_int_equal(seen->error, RILL_ERR_CLOSED);
    pair_close(&p);
}

/* So the present server has not been told where its client is, and writes to it anyway. */
static void test_who_speaks_first_knows_the_address(void **state)
{
    static const uint8_t secret[32] = {7};
    pair p;
    pair_options o;
    (void)state;
    pair_options_init(&o);
    o.server.server_secret = secret;
    pair_open(&p, &o);
    p.on_reply = strip;
    pair_run(&p, RILL_SECOND);
    assert_true(p.end[PAIR_CLIENT].packets > 0);
    pair_restart_server(&p, &o);
    p.on_reply = NULL;
    pair_write(pair_stream_open(&p, PAIR_CLIENT), "question", 8);
    pair_run(&p, RILL_SECOND);
    assert_int_equal(pair_seen(&p, PAIR_SERVER, 1)->len, 8);
    pair_write(rill_connection_stream(p.end[PAIR_SERVER].connection, 1), "answer", 6);
    pair_run(&p, RILL_SECOND);
    assert_int_equal(pair_seen(&p, PAIR_CLIENT, 1)->len, 6);
    pair_check_books(&p);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_that_nobody_vouches_for_are_an_error),
        cmocka_unit_test(test_a_close_tells_of_bytes_that_nobody_vouches_for),
        cmocka_unit_test(test_who_speaks_first_knows_the_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
