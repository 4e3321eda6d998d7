/* SPDX-License-Identifier: Apache-2.0 */
/* A client that is gone without a word, and begins anew with the same credentials. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"

typedef struct ends {
    unsigned streams;
    unsigned connections;
    int error;
    bool remote;
} ends;

static void note_ends(pair *p, pair_side side, const rill_event *event)
{
    ends *e = p->user;
    if (side != PAIR_SERVER)
        return;
    if (event->type == RILL_EVENT_STREAM_END) {
        e->streams++;
        e->error = event->error;
        e->remote = event->remote;
    }
    e->connections += event->type == RILL_EVENT_CONNECTION_END;
}

static void open_and_send(pair *p, ends *seen, const uint8_t *bytes, size_t len)
{
    pair_options o;
    memset(seen, 0, sizeof *seen);
    pair_options_init(&o);
    pair_open(p, &o);
    p->user = seen;
    p->on_event = note_ends;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, bytes, len);
    assert_int_equal(rill_stream_set_send_max(s, 100), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, len);
}

static void test_its_bytes_are_its_own(void **state)
{
    static uint8_t before[3000], after[2000];
    pair p;
    pair_options o;
    ends seen;
    (void)state;
    memset(before, 'b', sizeof before);
    memset(after, 'a', sizeof after);
    open_and_send(&p, &seen, before, sizeof before);
    /* The same endpoint, which counts as another client: it has forgotten the first connection. */
    pair_options_init(&o);
    assert_int_equal(pair_connect(&p, &o.connection), RILL_OK);
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    pair_write(s, after, sizeof after);
    assert_int_equal(rill_stream_set_send_max(s, 7), RILL_OK);
    pair_run(&p, 2 * RILL_SECOND);
    /* The first one's stream ended with an error; the second's began at its beginning. */
    assert_int_equal(seen.streams, 1);
    assert_int_equal(seen.connections, 1);
    assert_int_equal(seen.error, RILL_ERR_REMOTE);
    assert_true(seen.remote);
    const pair_stream *got = pair_seen(&p, PAIR_SERVER, 1);
    assert_int_equal(got->len, sizeof after);
    assert_memory_equal(got->data, after, sizeof after);
    assert_int_equal(p.end[PAIR_SERVER].fulfilled_in, 107);
    rill_stream_totals totals;
    rill_stream_totals_of(s, &totals);
    assert_int_equal(totals.sent, 7);
    pair_check_books(&p);
    pair_close(&p);
}

static void keep_first(pair *p, pair_packet *packet)
{
    if (packet->from == PAIR_CLIENT && packet->number == 3)
        packet->copies = 2;
    (void)p;
}

static void test_a_replay_does_not_begin_anew(void **state)
{
    static const uint8_t bytes[4000] = {1};
    pair p;
    pair_options o;
    ends seen;
    (void)state;
    memset(&seen, 0, sizeof seen);
    pair_options_init(&o);
    pair_open(&p, &o);
    p.user = &seen;
    p.on_event = note_ends;
    p.on_packet = keep_first;
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    for (unsigned i = 0; i < 10; i++) {
        pair_write(s, bytes, 400);
        pair_run(&p, RILL_SECOND);
    }
    assert_int_equal(seen.connections, 0);
    assert_int_equal(pair_seen(&p, PAIR_SERVER, 1)->len, 4000);
    pair_check_books(&p);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_its_bytes_are_its_own),
        cmocka_unit_test(test_a_replay_does_not_begin_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
