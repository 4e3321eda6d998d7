/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums of amounts at the ends of 64 bits. What a connection says of its streams is their sum in 128
 * bits, or the largest number if that is larger, whatever was added and taken away before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rill/rill.h>

#include "../oracle.h"
#include "base/sum.h"

enum { RUNS = 300, STEPS = 60, STREAMS = 3, PENDING = 64 };

static uint64_t state;

static uint64_t next_random(void)
{
    state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t below(uint64_t n)
{
    return next_random() % n;
}

/* Mostly at an end of the range, or where two or three of them add up to 2^64. */
static uint64_t draw_amount(void)
{
    static const uint64_t ends[] = {1,
                                    2,
                                    1000,
                                    UINT64_MAX,
                                    UINT64_MAX - 1,
                                    UINT64_C(1) << 63,
                                    (UINT64_C(1) << 63) - 1,
                                    (UINT64_C(1) << 63) + 1,
                                    UINT64_MAX / 3,
                                    UINT64_MAX / 3 + 1};
    return below(4) == 0 ? next_random() >> below(64) | 1
                         : ends[below(sizeof ends / sizeof ends[0])];
}

static uint64_t shown(oracle_u128 sum)
{
    return sum > UINT64_MAX ? UINT64_MAX : (uint64_t)sum;
}

static void test_a_sum_is_exact_whatever_is_taken(void **unused)
{
    (void)unused;
    state = 1;
    for (unsigned run = 0; run < RUNS; run++) {
        uint64_t parts[STEPS];
        unsigned count = 0;
        rill_sum sum = {0};
        oracle_u128 expected = 0;
        for (unsigned i = 0; i < STEPS; i++) {
            if (count > 0 && below(2)) {
                unsigned at = (unsigned)below(count);
                rill_sum_take(&sum, parts[at]);
                expected -= parts[at];
                parts[at] = parts[--count];
            } else {
                parts[count] = draw_amount();
                rill_sum_add(&sum, parts[count]);
                expected += parts[count++];
            }
            assert_int_equal(rill_sum_shown(&sum), shown(expected));
            rill_sum same = {(uint64_t)expected, (uint64_t)(expected >> 64)};
            rill_sum other = {same.low, same.high + 1};
            assert_true(rill_sum_equal(&sum, &same));
            assert_false(rill_sum_equal(&sum, &other));
        }
    }
}

/* ---- two endpoints, and a path that delivers, refuses, or never answers ---- */

typedef struct world {
    rill_endpoint *client;
    rill_endpoint *server;
    rill_connection *to;
    rill_connection *from;         /* NULL until it is there */
    rill_stream *streams[STREAMS]; /* NULL: over, with these totals */
    rill_stream_totals final[STREAMS];
    bool over;
    rill_now now;
    struct {
        uint64_t request;
        size_t len;
        uint8_t bytes[RILL_PACKET_BUFFER];
    } pending[PENDING];
    unsigned pending_count;
    oracle_u128 arrived;
} world;

static rill_endpoint *endpoint(const char *address)
{
    rill_endpoint *e;
    rill_endpoint_options o;
    rill_endpoint_options_init(&o);
    rill_connection_options connection;
    rill_connection_options_init(&connection);
    connection.min_rate = (rill_ratio){1, 1};
    connection.idle_timeout_ns = 0;
    o.connection = &connection;
    assert_int_equal(rill_endpoint_new(&e, &o), RILL_OK);
    rill_bytes text = {(const uint8_t *)address, strlen(address)};
    assert_int_equal(rill_endpoint_set_account(e, text, (rill_bytes){(const uint8_t *)"X", 1}, 9),
                     RILL_OK);
    return e;
}

static void open_world(world *w)
{
    rill_credentials credentials;
    rill_connection_options o;
    rill_connection_options_init(&o);
    o.min_rate = (rill_ratio){1, 1};
    o.idle_timeout_ns = 0;
    memset(w, 0, sizeof *w);
    w->now = (rill_now){.mono_ns = RILL_SECOND, .wall_ms = UINT64_C(1790000000000)};
    w->client = endpoint("test.c");
    w->server = endpoint("test.s");
    assert_int_equal(rill_endpoint_generate_credentials(w->server, NULL, &credentials), RILL_OK);
    assert_int_equal(rill_endpoint_connect(w->client, w->now, credentials.destination_account,
                                           credentials.shared_secret, RILL_SHARED_SECRET_LEN, &o,
                                           &w->to),
                     RILL_OK);
    for (unsigned i = 0; i < STREAMS; i++)
        assert_int_equal(rill_connection_open_stream(w->to, &w->streams[i]), RILL_OK);
}

static void close_world(world *w)
{
    rill_endpoint_free(w->client);
    rill_endpoint_free(w->server);
}

static void check_client(const world *w)
{
    rill_connection_stats s;
    rill_connection_get_stats(w->to, &s);
    oracle_u128 sent = 0, in_flight = 0, in_doubt = 0, delivered = 0;
    for (unsigned i = 0; i < STREAMS; i++) {
        rill_stream_totals t = w->final[i];
        if (w->streams[i])
            rill_stream_get_totals(w->streams[i], &t);
        assert_true((oracle_u128)t.sent + t.in_flight <= t.send_max);
        assert_true(t.in_doubt <= t.in_flight);
        sent += t.sent;
        in_flight += t.in_flight;
        in_doubt += t.in_doubt;
        delivered += t.delivered;
    }
    assert_int_equal(s.sent, shown(sent));
    assert_int_equal(s.in_flight, shown(in_flight));
    assert_int_equal(s.in_doubt, shown(in_doubt));
    assert_int_equal(s.delivered, shown(delivered));
}

static void check_server(const world *w)
{
    oracle_u128 received = 0;
    if (!w->from)
        return;
    for (unsigned i = 0; i < STREAMS; i++) {
        rill_stream *s = rill_connection_stream(w->from, 2 * i + 1);
        rill_stream_totals t = {0};
        if (s)
            rill_stream_get_totals(s, &t);
        received += t.received;
    }
    rill_connection_stats s;
    rill_connection_get_stats(w->from, &s);
    assert_true(received == w->arrived);
    assert_int_equal(s.received, shown(received));
}

static void take_events(world *w)
{
    rill_event e;
    while (rill_endpoint_next_event(w->client, &e)) {
        for (unsigned i = 0; e.type == RILL_EVENT_STREAM_END && i < STREAMS; i++) {
            if (w->streams[i] != e.stream)
                continue;
            rill_stream_get_totals(e.stream, &w->final[i]);
            w->streams[i] = NULL;
        }
        if (e.type == RILL_EVENT_CONNECTION_END) {
            check_client(w);
            w->over = true;
        }
    }
    while (rill_endpoint_next_event(w->server, &e)) {
        if (e.type == RILL_EVENT_CONNECTION)
            w->from = e.connection;
    }
}

static void collect(world *w)
{
    while (w->pending_count < PENDING) {
        unsigned i = w->pending_count;
        assert_int_equal(rill_endpoint_next_prepare(w->client, w->now, w->pending[i].bytes,
                                                    &w->pending[i].len, &w->pending[i].request),
                         RILL_OK);
        if (w->pending[i].len == 0)
            return;
        w->pending_count++;
    }
}

static void settle_one(world *w)
{
    static uint8_t reply[RILL_PACKET_BUFFER];
    size_t len;
    unsigned i = (unsigned)below(w->pending_count);
    uint64_t request = w->pending[i].request;
    rill_prepare prepare;
    assert_int_equal(rill_prepare_decode(&prepare, w->pending[i].bytes, w->pending[i].len),
                     RILL_OK);
    uint64_t fate = prepare.amount == 0 ? 0 : below(4);
    uint64_t amount = prepare.amount;
    assert_int_equal(rill_endpoint_receive_prepare(w->server, w->now, request, w->pending[i].bytes,
                                                   fate == 2 ? 1 : w->pending[i].len, reply, &len),
                     RILL_OK);
    rill_fulfill fulfill;
    if (rill_fulfill_decode(&fulfill, reply, len) == RILL_OK)
        w->arrived += amount;
    if (fate == 1)
        rill_endpoint_unanswered(w->client, w->now, request, true);
    else if (fate == 2)
        rill_endpoint_unanswered(w->client, w->now, request, false);
    else /* late if it has expired meanwhile */
        (void)!rill_endpoint_receive_reply(w->client, w->now, request, reply, len);
    w->pending[i] = w->pending[--w->pending_count];
}

static void pass_time(world *w, uint64_t ns)
{
    w->now.mono_ns += ns;
    w->now.wall_ms += ns / RILL_MS;
    if (rill_endpoint_deadline(w->client) <= w->now.mono_ns)
        rill_endpoint_timeout(w->client, w->now);
    if (rill_endpoint_deadline(w->server) <= w->now.mono_ns)
        rill_endpoint_timeout(w->server, w->now);
}

static void raise(world *w)
{
    rill_stream *s = w->streams[below(STREAMS)];
    if (!s)
        return;
    rill_stream_totals t;
    rill_stream_get_totals(s, &t);
    uint64_t more = draw_amount();
    uint64_t max = t.send_max > UINT64_MAX - more ? UINT64_MAX : t.send_max + more;
    int rc = rill_stream_set_send_max(s, max);
    assert_true(rc == RILL_OK || rc == RILL_ERR_CLOSED);
}

static void test_a_connection_is_the_sum_of_its_streams(void **unused)
{
    static world w;
    unsigned steps = 0;
    (void)unused;
    state = 2;
    for (unsigned run = 0; run < RUNS; run++) {
        open_world(&w);
        for (unsigned i = 0; i < STEPS && !w.over; i++) {
            uint64_t what = below(8);
            if (what < 2)
                raise(&w);
            else if (what < 6 && w.pending_count > 0)
                settle_one(&w);
            else
                pass_time(&w, what == 7 && below(8) == 0 ? 40 * RILL_SECOND : RILL_SECOND);
            take_events(&w);
            if (w.over)
                break;
            steps++;
            collect(&w);
            check_client(&w);
            check_server(&w);
        }
        close_world(&w);
    }
    /* Most of them do not end before their time. */
    assert_true(steps > RUNS * STEPS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sum_is_exact_whatever_is_taken),
        cmocka_unit_test(test_a_connection_is_the_sum_of_its_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
