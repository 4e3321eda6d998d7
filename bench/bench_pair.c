/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that STREAM does for a packet, both ends, without a link.
 *
 * usage: bench_pair money|data SECONDS
 *        bench_pair connections|streams COUNT SECONDS REPEATS
 * The last prints "one": one of COUNT is busy and the others are idle; and "all":
 * all are busy in turn.
 */
#include <string.h>

#include "clock.h"
#include "pair.h"

#define ROUND 10 /* packets of one stream before it is another's turn */

static void money(uint64_t ns)
{
    bench_pair p;
    bench_pair_open(&p, 10, 10, rill_allocator_default());
    rill_stream *stream = bench_pair_stream(bench_pair_connect(&p, 10));
    rill_stream_totals totals;
    bench_span span = bench_begin(ns);
    uint64_t total = 0;

    while (bench_goes_on(&span)) {
        total += 1000 * PAIR_PACKET;
        bench_check(rill_stream_set_send_max(stream, total), "rill_stream_set_send_max");
        do {
            bench_pair_turn(&p);
            rill_stream_totals_of(stream, &totals);
        } while (totals.sent < total);
    }
    bench_rate("packets", (double)totals.sent / PAIR_PACKET, bench_spent(&span));
    bench_figure("prepare_bytes", (double)p.prepare_bytes / (double)p.packets);
    bench_figure("reply_bytes", (double)p.reply_bytes / (double)p.packets);
    bench_pair_close(&p);
}

static void data(uint64_t ns)
{
    static const uint8_t bytes[1 << 20];
    bench_pair p;
    bench_pair_open(&p, 10, 10, rill_allocator_default());
    rill_stream *stream = bench_pair_stream(bench_pair_connect(&p, 10));
    bench_span span = bench_begin(ns);

    while (bench_goes_on(&span)) {
        for (int turns = 0; turns < 100; turns++) {
            size_t accepted;
            int error = rill_stream_write(stream, bytes, sizeof bytes, &accepted);
            if (error != RILL_ERR_BLOCKED)
                bench_check(error, "rill_stream_write");
            bench_pair_turn(&p);
        }
    }
    bench_rate("megabytes", (double)p.received / 1e6, bench_spent(&span));
    bench_figure("prepare_bytes", (double)p.prepare_bytes / (double)p.packets);
    bench_figure("reply_bytes", (double)p.reply_bytes / (double)p.packets);
    bench_pair_close(&p);
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
                ; /* learns how many streams it may open */
        }
        streams[i] = bench_pair_stream(c);
        bench_check(rill_stream_set_send_max(streams[i], PAIR_PACKET), "rill_stream_set_send_max");
        if (i % 1000 == 0)
            bench_pair_turn(p);
    }
    for (uint32_t i = 0; i < count; i++) {
        do {
            bench_pair_turn(p);
            rill_stream_totals_of(streams[i], &totals);
            if (bench_ns(CLOCK_MONOTONIC) - start > 30 * RILL_SECOND)
                bench_check(-1, "opening all within 30 s");
        } while (totals.sent < PAIR_PACKET);
    }
    return streams;
}

static void pay_round(bench_pair *p, rill_stream *stream)
{
    rill_stream_totals totals;
    rill_stream_totals_of(stream, &totals);
    uint64_t total = totals.sent + ROUND * PAIR_PACKET;
    bench_check(rill_stream_set_send_max(stream, total), "rill_stream_set_send_max");
    do {
        bench_pair_turn(p);
        rill_stream_totals_of(stream, &totals);
    } while (totals.sent < total);
}

static void busy(const char *name, bench_pair *p, rill_stream **streams, uint32_t count, bool all,
                 uint64_t ns)
{
    uint64_t step = 7919 % count ? 7919 : 1; /* a prime: not in the order of memory */
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

static void many(uint32_t count, bool connections, uint64_t ns, int repeats)
{
    bench_pair p;
    bench_pair_open(&p, count + 10, connections ? 10 : count + 10, rill_allocator_default());
    rill_stream **streams = open_all(&p, count, connections);
    for (int i = 0; i < repeats; i++) {
        busy("one", &p, streams, count, false, ns);
        busy("all", &p, streams, count, true, ns);
    }
    free(streams);
    bench_pair_close(&p);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    bool connections = strcmp(what, "connections") == 0;

    if (strcmp(what, "money") == 0 && argc == 3) {
        money((uint64_t)(bench_number(argv[2]) * 1e9));
    } else if (strcmp(what, "data") == 0 && argc == 3) {
        data((uint64_t)(bench_number(argv[2]) * 1e9));
    } else if (argc == 5 && (connections || strcmp(what, "streams") == 0)) {
        many((uint32_t)bench_number(argv[2]), connections, (uint64_t)(bench_number(argv[3]) * 1e9),
             (int)bench_number(argv[4]));
    } else {
        return 2;
    }
    return 0;
}
