/* SPDX-License-Identifier: Apache-2.0 */
/* The core's scenarios. Any of the things that may fail can fail in them. */
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define C PAIR_CLIENT
#define S PAIR_SERVER

static void run(scene *s, uint64_t ms)
{
    pair_run(&s->p, ms * RILL_MS);
}

static uint64_t money_of(scene *s, pair_side side)
{
    return s->p.end[side].fulfilled_in;
}

static uint64_t bytes_of(const scene *s, pair_side side)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < s->p.end[side].stream_count; i++)
        sum += s->p.end[side].streams[i].len;
    return sum;
}

static unsigned events(const scene *s, pair_side side, rill_event_type type)
{
    return s->p.end[side].events[type];
}

/* ---- a connection ---- */

static void run_connect(scene *s)
{
    run(s, 1000);
}

static void check_connect(scene *s)
{
    assert_int_equal(events(s, C, RILL_EVENT_CONNECTED), 1);
    assert_int_equal(events(s, S, RILL_EVENT_CONNECTION), 1);
}

/* ---- money both ways, after probing ---- */

static void money_options(pair_options *o)
{
    o->connection.min_rate = o->accepted.min_rate = (rill_ratio){0, 1};
}

static void run_money(scene *s)
{
    s->p.rate[C] = (rill_ratio){1, 2};
    s->p.maximum[C] = 300;
    uint64_t a = scene_open(s, C);
    scene_send(s, C, a, 1000, RILL_NEVER);
    run(s, 2000);
    scene_send(s, S, a, 300, RILL_NEVER);
    uint64_t b = scene_open(s, S);
    scene_send(s, S, b, 400, RILL_NEVER);
    run(s, 5000);
}

static void check_money(scene *s)
{
    assert_int_equal(money_of(s, S), 500);
    assert_int_equal(money_of(s, C), 700);
}

/* The path is probed when nothing else happens. */
static void run_late_money(scene *s)
{
    uint64_t a = scene_open(s, C);
    run(s, 500);
    scene_send(s, C, a, 1000, RILL_NEVER);
    run(s, 2000);
    /* Not only when something else wakes it. */
    if (s->problems == 0 && s->one_failure)
        assert_int_equal(money_of(s, S), 1000);
}

static void check_late_money(scene *s)
{
    assert_int_equal(money_of(s, S), 1000);
}

/* ---- bytes both ways ---- */

static void run_data(scene *s)
{
    uint64_t a = scene_open(s, C);
    scene_write(s, C, a, 90000);
    run(s, 100);
    scene_write(s, S, a, 30000);
    uint64_t b = scene_open(s, S);
    scene_write(s, S, b, 5000);
    scene_end_stream(s, S, b);
    run(s, 5000);
}

static void check_data(scene *s)
{
    assert_int_equal(bytes_of(s, S), 90000);
    assert_int_equal(bytes_of(s, C), 35000);
}

/* ---- more streams than are allowed at once ---- */

static void run_streams(scene *s)
{
    uint64_t ids[30];
    for (unsigned i = 0; i < 30; i++) {
        ids[i] = i < 10 || i % 2 ? scene_open(s, C) : 0;
        if (i == 9)
            (void)scene_open(s, C); /* there are no more yet */
        scene_write(s, C, ids[i], 200);
        scene_send(s, C, ids[i], 10, RILL_NEVER);
        scene_end_stream(s, C, ids[i]);
        if (i >= 9)
            run(s, 100);
    }
    run(s, 3000);
}

static void check_streams(scene *s)
{
    assert_int_equal(events(s, S, RILL_EVENT_STREAM), 20);
    assert_int_equal(money_of(s, S), 200);
    assert_int_equal(bytes_of(s, S), 4000);
}

/* ---- limits that are reached and raised ---- */

static void limit_options(pair_options *o)
{
    o->accepted.default_receive_max = 100;
    o->accepted.stream_receive_buffer = 16384;
    o->accepted.connection_receive_buffer = 65534;
    o->connection.stream_send_buffer = 50000;
}

static void run_limits(scene *s)
{
    uint64_t a = scene_open(s, C);
    s->p.maximum[C] = 70;
    s->p.no_read[S] = true;
    scene_write(s, C, a, 40000);
    scene_send(s, C, a, 300, RILL_NEVER);
    run(s, 400);
    scene_receive(s, S, a, 300, RILL_NEVER);
    run(s, 400);
    s->p.no_read[S] = false;
    rill_stream *t = scene_stream(s, S, a);
    while (t && rill_stream_peek(t).len > 0) {
        rill_bytes bytes = rill_stream_peek(t);
        pair_stream *seen = pair_seen(&s->p, S, a);
        pair_keep_bytes(seen, bytes);
        rill_stream_consume(t, bytes.len);
    }
    scene_write(s, C, a, 30000);
    run(s, 8000);
}

static void check_limits(scene *s)
{
    assert_int_equal(money_of(s, S), 300);
    assert_true(bytes_of(s, S) > 65534); /* what the send buffer took has arrived */
    assert_int_equal(events(s, S, RILL_EVENT_RECEIVE_TOTAL_END), 1);
}

/* ---- the application decides, late ---- */

static void decide_options(pair_options *o)
{
    o->accepted.ask_before_fulfill = true;
    o->accepted.max_undecided = 4;
}

static void run_decide(scene *s)
{
    s->p.maximum[C] = 60;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t id = scene_open(s, C);
        scene_write(s, C, id, 3000);
        scene_send(s, C, id, 100, 60 * RILL_SECOND);
    }
    for (unsigned i = 0; i < 30; i++) {
        run(s, i == 5 ? 31000 : 300); /* some of them expire */
        scene_decide(s, S, 3);
    }
}

static void check_decide(scene *s)
{
    assert_int_equal(money_of(s, S), 300);
    assert_true(s->p.end[S].asked_count > 5);
}

/* ---- ends ---- */

static void run_stream_close(scene *s)
{
    uint64_t a = scene_open(s, C);
    uint64_t b = scene_open(s, C);
    scene_write(s, C, a, 100);
    scene_write(s, C, b, 100);
    run(s, 100);
    rill_stream *mine = scene_stream(s, C, a);
    rill_stream *theirs = scene_stream(s, S, b);
    if (mine)
        rill_stream_close(mine, RILL_CLOSE_APPLICATION_ERROR, "that is all");
    if (theirs)
        rill_stream_close(theirs, RILL_CLOSE_NO_ERROR, "enough");
    run(s, 1000);
}

static void check_stream_close(scene *s)
{
    assert_int_equal(pair_seen(&s->p, S, 1)->code, RILL_CLOSE_APPLICATION_ERROR);
    assert_int_equal(pair_seen(&s->p, C, 3)->error, RILL_OK);
    assert_true(pair_seen(&s->p, C, 3)->remote);
}

static void run_close(scene *s)
{
    uint64_t a = scene_open(s, C);
    scene_write(s, C, a, 100);
    scene_send(s, C, a, 10, RILL_NEVER);
    run(s, 100);
    rill_connection *c = s->p.end[S].connection;
    if (c)
        rill_connection_close(c, RILL_CLOSE_APPLICATION_ERROR, "closing time");
    run(s, 1000);
}

static void check_close(scene *s)
{
    assert_int_equal(s->p.end[C].end_code, RILL_CLOSE_APPLICATION_ERROR);
    assert_int_equal(s->p.end[C].end_error, RILL_ERR_REMOTE);
}

static void run_server_end(scene *s)
{
    uint64_t a = scene_open(s, C);
    scene_write(s, C, a, 20000);
    scene_send(s, C, a, 10, RILL_NEVER);
    run(s, 100);
    uint64_t b = scene_open(s, S);
    scene_write(s, S, b, 20000);
    rill_endpoint_end(s->p.end[S].endpoint);
    run(s, 2000);
}

static void check_server_end(scene *s)
{
    assert_int_equal(bytes_of(s, C), 20000);
    assert_int_equal(bytes_of(s, S), 20000);
}

/* ---- the path loses, delays, doubles, refuses ---- */

static void lose_money(pair *p, pair_packet *packet)
{
    (void)p;
    static const pair_action actions[] = {PAIR_LOSE_REPLY, PAIR_IN_DOUBT, PAIR_DROP, PAIR_UNSENT};
    if (packet->from == C && packet->amount > 0)
        packet->action = actions[packet->number % 4];
}

static void run_timeouts(scene *s)
{
    s->p.maximum[C] = 50;
    uint64_t a = scene_open(s, C);
    scene_write(s, C, a, 500);
    run(s, 50);
    s->p.on_packet = lose_money;
    scene_send(s, C, a, 400, RILL_SECOND);
    scene_receive(s, S, a, 1000, 2 * RILL_SECOND);
    run(s, 40000);
    s->p.on_packet = NULL;
    uint64_t b = scene_open(s, C);
    scene_send(s, C, b, 100, RILL_NEVER);
    run(s, 2000);
}

static void check_timeouts(scene *s)
{
    assert_int_equal(events(s, C, RILL_EVENT_SEND_TOTAL_END), 2);
    assert_int_equal(s->p.end[C].sent_error, RILL_OK);
    assert_int_equal(s->p.end[S].received_error, RILL_ERR_TIMEOUT);
    assert_true(money_of(s, S) > 100);
    assert_int_equal(s->p.end[C].fulfilled_out, 100);
}

static void jumble(pair *p, pair_packet *packet)
{
    (void)p;
    packet->copies = 1 + (unsigned)(packet->number % 3);
    packet->delay += (packet->number * 7 % 5) * 3 * RILL_MS;
}

static void run_jumbled(scene *s)
{
    s->p.on_packet = jumble;
    s->p.maximum[C] = 20;
    uint64_t a = scene_open(s, C);
    scene_write(s, C, a, 120000);
    scene_send(s, C, a, 400, RILL_NEVER);
    run(s, 300);
    uint64_t b = scene_open(s, S);
    scene_write(s, S, b, 60000);
    run(s, 5000);
}

static void check_jumbled(scene *s)
{
    /* A copy of a packet that was refused for want of memory may be fulfilled. */
    assert_true(money_of(s, S) >= 400);
    assert_int_equal(s->p.end[C].fulfilled_out, 400);
    assert_int_equal(bytes_of(s, S), 120000);
    assert_int_equal(bytes_of(s, C), 60000);
}

/* Streams arrive in any order, also their ends before their beginnings. */
static void reverse(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->number < 8)
        packet->delay += (8 - packet->number) * 4 * RILL_MS;
}

static void run_reversed(scene *s)
{
    s->p.on_packet = reverse;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t id = scene_open(s, C);
        scene_write(s, C, id, 40);
        rill_stream *stream = scene_stream(s, C, id);
        if (stream && i % 2)
            rill_stream_close(stream, RILL_CLOSE_APPLICATION_ERROR, NULL);
        pair_pump(&s->p);
    }
    run(s, 3000);
}

static void check_reversed(scene *s)
{
    assert_true(events(s, S, RILL_EVENT_STREAM) >= 4);
    assert_int_equal(events(s, C, RILL_EVENT_STREAM_END), 8);
}

static void refuse_some(pair *p, pair_packet *packet)
{
    (void)p;
    static const rill_ilp_code_id codes[] = {RILL_ILP_T04_INSUFFICIENT_LIQUIDITY,
                                             RILL_ILP_F02_UNREACHABLE, RILL_ILP_T03_CONNECTOR_BUSY,
                                             RILL_ILP_R01_INSUFFICIENT_SOURCE_AMOUNT};
    if (packet->number % 3 == 1) {
        packet->action = packet->number % 2 ? PAIR_REJECT : PAIR_DROP;
        packet->code = codes[packet->number / 3 % 4];
    }
}

static void run_refused(scene *s)
{
    s->p.on_packet = refuse_some;
    s->p.maximum[C] = 77;
    s->p.silent_maximum = true;
    uint64_t a = scene_open(s, C);
    scene_write(s, C, a, 60000);
    scene_send(s, C, a, 800, RILL_NEVER);
    run(s, 40000);
}

static void check_refused(scene *s)
{
    assert_int_equal(s->p.end[C].fulfilled_out, 800);
    assert_int_equal(bytes_of(s, S), 60000);
}

/* ---- replays, before and after the end; credentials used again ---- */

typedef struct kept_packet {
    size_t len;
    uint8_t bytes[2000];
} kept_packet;

static kept_packet kept;

static void keep_money(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->from == C && packet->amount > 0 && packet->len <= sizeof kept.bytes) {
        kept.len = packet->len;
        memcpy(kept.bytes, packet->bytes, packet->len);
    }
}

/* Somebody on the path sends the last packet with money once more. It was fulfilled already. */
static void replay(scene *s)
{
    static uint8_t reply[RILL_PACKET_BUFFER];
    size_t len;
    if (kept.len == 0)
        return;
    assert_int_equal(rill_endpoint_receive_prepare(s->p.end[S].endpoint, s->p.now, 0, kept.bytes,
                                                   kept.len, reply, &len),
                     RILL_OK);
    assert_true(len > 0);
    if (s->p.end[C].fulfilled_out > 0)
        assert_int_equal(reply[0], RILL_ILP_REJECT);
}

static void run_replays(scene *s)
{
    kept.len = 0;
    for (unsigned i = 0; i < 3; i++) {
        s->p.on_packet = keep_money;
        uint64_t a = scene_open(s, C);
        scene_send(s, C, a, 10, RILL_NEVER);
        run(s, 100);
        s->p.on_packet = NULL;
        replay(s);
        rill_connection *c = s->p.end[C].connection;
        if (c)
            rill_connection_close(c, RILL_CLOSE_NO_ERROR, NULL);
        run(s, 500);
        replay(s);
        if (i < 2 && !s->p.end[C].connection)
            (void)scene_connect(s);
        for (unsigned k = 0; k < 10; k++) {
            replay(s);
            run(s, 2);
        }
    }
}

static void check_replays(scene *s)
{
    assert_int_equal(money_of(s, S), 30);
    assert_int_equal(events(s, S, RILL_EVENT_CONNECTION), 3);
}

/* ---- a new address while the connection is open ---- */

static void run_address(scene *s)
{
    const rill_bytes code = {(const uint8_t *)"ABC", 3};
    const rill_bytes next = {(const uint8_t *)"test.client.elsewhere", 21};
    uint64_t a = scene_open(s, C);
    scene_write(s, C, a, 1000);
    run(s, 100);
    int err = rill_endpoint_set_account(s->p.end[C].endpoint, next, code, 9);
    assert_true(err == RILL_ERR_NOMEM || err == RILL_OK);
    s->problems += err != RILL_OK;
    run(s, 200);
    scene_write(s, S, a, 20000);
    scene_send(s, S, a, 100, RILL_NEVER);
    run(s, 3000);
}

static void check_address(scene *s)
{
    assert_string_equal(rill_endpoint_address(s->p.end[C].endpoint), "test.client.elsewhere");
    assert_int_equal(bytes_of(s, C), 20000);
    assert_int_equal(money_of(s, C), 100);
}

/* ---- receipts, a tag, padded packets, weights ---- */

static void receipt_options(pair_options *o)
{
    static const uint8_t nonce[RILL_RECEIPT_NONCE_LEN] = {1};
    static const uint8_t secret[RILL_RECEIPT_SECRET_LEN] = {2};
    o->credentials =
        (rill_credentials_options){sizeof(rill_credentials_options), "invoice 17", nonce, secret};
    o->connection.padding = o->accepted.padding = true;
}

static void run_receipts(scene *s)
{
    s->p.maximum[C] = 40;
    uint64_t a = scene_open(s, C);
    uint64_t b = scene_open(s, C);
    rill_stream *heavy = scene_stream(s, C, b);
    if (heavy)
        assert_int_equal(rill_stream_set_weight(heavy, 3), RILL_OK);
    scene_write(s, C, a, 100);
    scene_send(s, C, a, 100, RILL_NEVER);
    scene_send(s, C, b, 100, RILL_NEVER);
    run(s, 1000);
}

static void check_receipts(scene *s)
{
    assert_int_equal(money_of(s, S), 200);
    assert_int_equal(bytes_of(s, S), 100);
}

/* ---- a server with many clients ---- */

/* With credentials of its own. */
static bool connect_another(scene *s)
{
    int err = rill_endpoint_generate_credentials(s->p.end[S].endpoint, NULL, &s->p.credentials);
    assert_true(err == RILL_OK || err == RILL_ERR_CRYPTO);
    s->problems += err != RILL_OK;
    return err == RILL_OK && scene_connect(s);
}

static void run_many(scene *s)
{
    for (unsigned i = 0; i < 9; i++) {
        if (i > 0 && !connect_another(s))
            continue;
        uint64_t id = scene_open(s, C);
        scene_write(s, C, id, 50);
        scene_send(s, C, id, 20, RILL_NEVER);
        if (i % 4 == 3)
            run(s, 20);
    }
    run(s, 1000);
}

static void check_many(scene *s)
{
    assert_int_equal(events(s, S, RILL_EVENT_CONNECTION), 9);
    assert_int_equal(money_of(s, S), 180);
}

static void eviction_options(pair_options *o)
{
    o->server.max_connections = 2;
}

/* Connections one after the other. Only two of those that are over are remembered. */
static void run_eviction(scene *s)
{
    for (unsigned i = 0; i < 6; i++) {
        if (i > 0 && !connect_another(s))
            continue;
        uint64_t id = scene_open(s, C);
        scene_send(s, C, id, 20, 20 * RILL_SECOND);
        run(s, 200);
        rill_connection *c = s->p.end[C].connection;
        if (c)
            rill_connection_close(c, RILL_CLOSE_NO_ERROR, NULL);
        run(s, 8000);
    }
}

static void check_eviction(scene *s)
{
    assert_int_equal(events(s, S, RILL_EVENT_CONNECTION), 6);
    assert_int_equal(money_of(s, S), 120);
}

const scenario scenarios[] = {
    {"connect", NULL, run_connect, check_connect, false},
    {"money both ways", money_options, run_money, check_money, false},
    {"money, late", money_options, run_late_money, check_late_money, false},
    {"data both ways", NULL, run_data, check_data, false},
    {"many streams", NULL, run_streams, check_streams, false},
    {"raising limits", limit_options, run_limits, check_limits, false},
    {"late decisions", decide_options, run_decide, check_decide, true},
    {"closing streams", NULL, run_stream_close, check_stream_close, false},
    {"closing a connection", NULL, run_close, check_close, false},
    {"a server that ends", NULL, run_server_end, check_server_end, false},
    {"time-outs", NULL, run_timeouts, check_timeouts, true},
    {"reordered and doubled", NULL, run_jumbled, check_jumbled, false},
    {"ends before beginnings", NULL, run_reversed, check_reversed, false},
    {"refused by the path", NULL, run_refused, check_refused, true},
    {"replays", NULL, run_replays, check_replays, false},
    {"a new address", NULL, run_address, check_address, false},
    {"receipts and padding", receipt_options, run_receipts, check_receipts, false},
    {"many clients", NULL, run_many, check_many, false},
    {"eviction", eviction_options, run_eviction, check_eviction, true},
};
const unsigned scenario_count = sizeof scenarios / sizeof scenarios[0];
