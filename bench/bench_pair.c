/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that STREAM does for a packet, at both ends, without a link.
 *
 * usage: bench_pair money|data SECONDS ROUNDS, or bench_pair connections|streams COUNT SECONDS
 * ROUNDS
 *
 * The first form prints, for each of ROUNDS, "pair" and the limits: its cryptography alone. The
 * second form prints "few": there is only one; "one": one of COUNT is busy and the others are idle;
 * and "all": all are busy in turn.
 */
#include <string.h>

#include "clock.h"
#include "limit.h"
#include "pair.h"

#define ROUND 10 /* packets of one stream before the next stream's turn */

/* One kind of packet, encrypted by one backend, and its cryptography alone. */
typedef struct side {
    bench_pair p;
    rill_stream *stream;
    bench_limit *limit;
    uint64_t total; /* units that may be sent */
} side;

/* How much was moved in a second, from the amount in this processor time. */
typedef double slice(side *s, uint64_t ns);

static void side_open(side *s, rill_crypto_backend backend)
{
    *s = (side){.limit = bench_limit_new(backend)};
    bench_pair_open(&s->p, 10, 10, rill_allocator_default(), backend);
    s->stream = bench_pair_stream(bench_pair_connect(&s->p, 10));
}

static void side_close(side *s)
{
    bench_pair_close(&s->p);
    bench_limit_free(s->limit);
}

static double money(side *s, uint64_t ns)
{
    rill_stream_totals totals;
    bench_span span = bench_begin(ns);
    uint64_t before = s->total;

    while (bench_goes_on(&span)) {
        s->total += 1000 * PAIR_PACKET;
        bench_check(rill_stream_set_send_max(s->stream, s->total), "rill_stream_set_send_max");
        do {
            bench_pair_turn(&s->p);
            rill_stream_get_totals(s->stream, &totals);
        } while (totals.sent < s->total);
    }
    return (double)(s->total - before) / PAIR_PACKET * 1e9 / (double)bench_spent(&span);
}

static double data(side *s, uint64_t ns)
{
    static const uint8_t bytes[1 << 20];
    bench_span span = bench_begin(ns);
    uint64_t before = s->p.received;

    while (bench_goes_on(&span)) {
        for (int turns = 0; turns < 100; turns++) {
            size_t accepted;
            int error = rill_stream_write(s->stream, bytes, sizeof bytes, &accepted);
            if (error != RILL_ERR_BLOCKED)
                bench_check(error, "rill_stream_write");
            bench_pair_turn(&s->p);
        }
    }
    return (double)(s->p.received - before) / 1e6 * 1e9 / (double)bench_spent(&span);
}

/*
 * In each round the parts run one after the other. So if the machine is faster or slower for a
 * while, it is so for all of them: OpenSSL's side, its cryptography called directly and through
 * Rill's interface, and the same with intel-ipsec-mb.
 */
static void rounds(slice *moves, size_t len, double unit, uint64_t ns, int count)
{
    side openssl, other;
    bool both = rill_crypto_available(RILL_CRYPTO_IPSEC_MB);

    side_open(&openssl, RILL_CRYPTO_OPENSSL);
    if (both)
        side_open(&other, RILL_CRYPTO_IPSEC_MB);
    for (int i = 0; i < count; i++) {
        bench_figure("pair", moves(&openssl, ns));
        bench_figure("limit_direct", unit * bench_limit_packets(openssl.limit, true, len, ns / 2));
        bench_figure("limit_rill", unit * bench_limit_packets(openssl.limit, false, len, ns / 2));
        if (!both)
            continue;
        bench_figure("pair_ipsec_mb", moves(&other, ns));
        bench_figure("limit_ipsec_mb", unit * bench_limit_packets(other.limit, false, len, ns / 2));
    }
    bench_figure("prepare_bytes", (double)openssl.p.prepare_bytes / (double)openssl.p.packets);
    bench_figure("reply_bytes", (double)openssl.p.reply_bytes / (double)openssl.p.packets);
    side_close(&openssl);
    if (both)
        side_close(&other);
}

/* Opens `count` streams, on as many connections or on one, and sends a packet on each. */
static rill_stream **open_all(bench_pair *p, uint32_t count, bool connections)
{
    rill_stream **streams = calloc(count, sizeof *streams);
    rill_connection *c = NULL;
    rill_stream_totals totals;
    uint64_t start = bench_ns(CLOCK_MONOTONIC);

    bench_check(streams ? 0 : -1, "memory");
    for (uint32_t i = 0; i < count; i++) {
        if (connections || c == NULL)
            c = bench_pair_connect(p, connections ? 10 : count);
        if (i == 1 && !connections) {
            while (bench_pair_turn(p))
                ; /* it must first learn how many streams it may open */
        }
        streams[i] = bench_pair_stream(c);
        bench_check(rill_stream_set_send_max(streams[i], PAIR_PACKET), "rill_stream_set_send_max");
        if (i % 1000 == 0)
            bench_pair_turn(p);
    }
    for (uint32_t i = 0; i < count; i++) {
        do {
            bench_pair_turn(p);
            rill_stream_get_totals(streams[i], &totals);
            if (bench_ns(CLOCK_MONOTONIC) - start > 30 * RILL_SECOND)
                bench_check(-1, "opening all within 30 s");
        } while (totals.sent < PAIR_PACKET);
    }
    return streams;
}

static void pay_round(bench_pair *p, rill_stream *stream)
{
    rill_stream_totals totals;
    rill_stream_get_totals(stream, &totals);
    uint64_t total = totals.sent + ROUND * PAIR_PACKET;
    bench_check(rill_stream_set_send_max(stream, total), "rill_stream_set_send_max");
    do {
        bench_pair_turn(p);
        rill_stream_get_totals(stream, &totals);
    } while (totals.sent < total);
}

static void busy(const char *name, bench_pair *p, rill_stream **streams, uint32_t count, bool all,
                 uint64_t ns)
{
    uint64_t step = 7919 % count ? 7919 : 1; /* a prime, so that the order is not that of memory */
    bench_span span = bench_begin(ns);
    uint64_t at = 0, rounds = 0;

    while (bench_goes_on(&span)) {
        for (int i = 0; i < 100; i++, rounds++) {
            at = all ? (at + step) % count : count / 2;
            pay_round(p, streams[at]);
        }
    }
    bench_rate(name, (double)(rounds * ROUND), bench_spent(&span));
}

/* One connection with one stream, and another pair with as many as `count`, in turns. */
static void many(uint32_t count, bool connections, uint64_t ns, int turns)
{
    bench_pair few, p;
    bench_pair_open(&few, 10, 10, rill_allocator_default(), RILL_CRYPTO_OPENSSL);
    rill_stream **one = open_all(&few, 1, true);
    bench_pair_open(&p, count + 10, connections ? 10 : count + 10, rill_allocator_default(),
                    RILL_CRYPTO_OPENSSL);
    rill_stream **streams = open_all(&p, count, connections);
    for (int i = 0; i < turns; i++) {
        busy("few", &few, one, 1, false, ns);
        busy("one", &p, streams, count, false, ns);
        busy("all", &p, streams, count, true, ns);
    }
    free(one);
    free(streams);
    bench_pair_close(&few);
    bench_pair_close(&p);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    bool connections = strcmp(what, "connections") == 0;

    if (strcmp(what, "money") == 0 && argc == 4) {
        rounds(money, LIMIT_MONEY_LEN, 1, (uint64_t)(bench_number(argv[2]) * 1e9),
               (int)bench_number(argv[3]));
    } else if (strcmp(what, "data") == 0 && argc == 4) {
        rounds(data, LIMIT_DATA_LEN, LIMIT_DATA_LEN / 1e6, (uint64_t)(bench_number(argv[2]) * 1e9),
               (int)bench_number(argv[3]));
    } else if (argc == 5 && (connections || strcmp(what, "streams") == 0)) {
        many((uint32_t)bench_number(argv[2]), connections, (uint64_t)(bench_number(argv[3]) * 1e9),
             (int)bench_number(argv[4]));
    } else {
        return 2;
    }
    return 0;
}
