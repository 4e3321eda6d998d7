/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole payments over paths that are drawn: one to three connectors that each
 * round down, limits of packets told and not, rates that fall and rise on the
 * way. What arrives is never a unit below the minimum of what was sent, for any
 * stream and for all of them; success means that it arrived; where the path
 * could bring it, it does, in a number of packets and a time that are bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../oracle.h"
#include "base/muldiv.h"
#include "support/pair.h"

#define CASES   1500
#define HOPS    3
#define STREAMS 3
/* How long a wait for a better rate takes, with a search for sizes on top of it. */
#define LONGEST (45 * RILL_SECOND)

typedef struct payment {
    uint64_t seed;
    unsigned hops;
    rill_ratio rate[HOPS];
    uint64_t limit; /* most units of a packet, at the sender */
    bool told;
    uint64_t turns_at; /* the rate changes after so many packets with money; 0: never */
    rill_ratio turn;
    unsigned streams;
    uint64_t amount[STREAMS];
    rill_ratio minimum; /* num 0: probed */
    rill_ratio slippage;
    uint64_t own_limit;
    uint64_t seen; /* packets with money */
    bool trace;
} payment;

/* SplitMix64: every case has its own seed, so that a failure names one case. */
static uint64_t next(uint64_t *seed)
{
    *seed += 0x9e3779b97f4a7c15;
    uint64_t z = *seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static uint64_t below(uint64_t *seed, uint64_t bound)
{
    return next(seed) % bound;
}

static uint64_t power(uint64_t digits)
{
    uint64_t value = 1;
    while (digits-- > 0)
        value *= 10;
    return value;
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("case %llu: %s", (unsigned long long)y->seed, #condition);                    \
    } while (0)

static uint64_t times(rill_ratio rate, uint64_t amount)
{
    oracle_u128 product = (oracle_u128)amount * rate.num / rate.den;
    return product > UINT64_MAX ? UINT64_MAX : (uint64_t)product;
}

static uint64_t brings(const payment *y, uint64_t amount, bool turned)
{
    if (turned)
        amount = times(y->turn, amount);
    for (unsigned i = 0; i < y->hops; i++)
        amount = times(y->rate[i], amount);
    return amount;
}

static void on_packet(pair *p, pair_packet *packet)
{
    payment *y = p->user;
    if (packet->from != PAIR_CLIENT || packet->amount == 0)
        return;
    if (packet->amount > y->limit) {
        packet->action = PAIR_REJECT;
        packet->code = RILL_ILP_F08_AMOUNT_TOO_LARGE;
        packet->maximum = y->told ? y->limit : 0;
        if (y->trace)
            fprintf(stderr, "  %llu F08\n", (unsigned long long)packet->amount);
        return;
    }
    y->seen++;
    uint64_t arrives = brings(y, packet->amount, y->turns_at != 0 && y->seen > y->turns_at);
    if (y->trace)
        fprintf(stderr, "  %llu -> %llu\n", (unsigned long long)packet->amount,
                (unsigned long long)arrives);
    /* The amount of a Prepare stands behind its type and its length, which takes two more bytes. */
    uint8_t *at = packet->bytes + (packet->bytes[1] < 0x80 ? 2 : 2 + (packet->bytes[1] & 0x7f));
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(arrives >> (56 - 8 * i));
}

static rill_ratio draw_rate(uint64_t *seed)
{
    switch (below(seed, 6)) {
    case 0:
        return (rill_ratio){1, 1};
    case 1: /* a spread */
        return (rill_ratio){90 + below(seed, 11), 100};
    case 2: /* to a scale with fewer digits */
        return (rill_ratio){1, power(1 + below(seed, 7))};
    case 3: /* to a scale with more digits */
        return (rill_ratio){power(1 + below(seed, 7)), 1};
    case 4:
        return (rill_ratio){1 + below(seed, 20), 1 + below(seed, 20)};
    default:
        return (rill_ratio){1 + below(seed, 1000000), 1 + below(seed, 1000000)};
    }
}

static double rate_of(const payment *y)
{
    double rate = 1;
    for (unsigned i = 0; i < y->hops; i++)
        rate *= (double)y->rate[i].num / (double)y->rate[i].den;
    return rate;
}

/* The best that one packet brings for its units, of all sizes up to the limit. */
static double best_ratio(const payment *y)
{
    uint64_t most = y->limit < y->own_limit ? y->limit : y->own_limit;
    double best = 0;
    if (most > 20000)
        return -1; /* not tried out */
    for (uint64_t a = 1; a <= most; a++) {
        double ratio = (double)brings(y, a, false) / (double)a;
        best = ratio > best ? ratio : best;
    }
    return best;
}

static payment draw(uint64_t seed)
{
    static const rill_ratio slippage[] = {{1, 100}, {1, 100}, {5, 100}, {1, 1000}, {1, 2}};
    payment y = {.seed = seed};
    y.hops = 1 + (unsigned)below(&seed, HOPS);
    for (unsigned i = 0; i < y.hops; i++)
        y.rate[i] = draw_rate(&seed);
    /* Packets that bring a few units, or many, or as much as one likes. */
    double unit = 1 / rate_of(&y);
    double size = (unit > 1 ? unit : 1) * (double)(1 + below(&seed, below(&seed, 2) ? 10 : 3000)) +
                  (double)below(&seed, 3);
    y.limit = below(&seed, 4) == 0 ? UINT64_MAX : (uint64_t)size;
    y.own_limit = below(&seed, 5) == 0 ? (uint64_t)size : UINT64_MAX;
    y.told = below(&seed, 3) != 0;
    if (below(&seed, 4) == 0) {
        y.turns_at = 1 + below(&seed, 30);
        y.turn = below(&seed, 2) ? (rill_ratio){1, 2} : (rill_ratio){900 + below(&seed, 200), 1000};
    }
    y.slippage = slippage[below(&seed, 5)];
    if (below(&seed, 2) == 0) {
        rill_ratio whole = {1, 1};
        for (unsigned i = 0; i < y.hops; i++)
            whole = rill_ratio_multiply_floor(whole, y.rate[i]);
        rill_ratio part = {1 + below(&seed, 100), 100};
        if (part.num < 80 && below(&seed, 2))
            part.num = 99 + below(&seed, 2);
        y.minimum = rill_ratio_multiply_floor(whole, part);
    }
    y.streams = below(&seed, 3) == 0 ? STREAMS : 1;
    for (unsigned i = 0; i < y.streams; i++) {
        double amount = size * (double)(1 + below(&seed, 4000)) / (double)(1 + below(&seed, 200));
        y.amount[i] = 1 + (uint64_t)amount;
    }
    return y;
}

static void check_promise(const payment *y, rill_ratio minimum, uint64_t sent, uint64_t delivered)
{
    /* floor(minimum x sent), to the unit. */
    CHECK(minimum.num == 0 || delivered >= times(minimum, sent));
}

static void check_success(const payment *y, uint64_t total, uint64_t delivered)
{
    uint64_t most = y->limit < y->own_limit ? y->limit : y->own_limit;
    double best = best_ratio(y);
    if (y->turns_at != 0 || y->hops > 1 || y->streams > 1 || best < 0)
        return;
    /*
     * The whole amount in packets of the best size, less what finding it out takes, and the last
     * rounds.
     */
    double packets = (double)total / (double)most;
    double allowed = 2 + 12 * (packets < 20 ? packets / 20 : 1) + best * (double)total / 50;
    if ((double)delivered + allowed < best * (double)total)
        fail_msg("case %llu: %llu of %g delivered", (unsigned long long)y->seed,
                 (unsigned long long)delivered, best * (double)total);
}

static void check_failure(const payment *y, rill_ratio minimum, int error, uint64_t total)
{
    double least = (double)minimum.num / (double)minimum.den;
    double best = best_ratio(y);
    CHECK(error == RILL_ERR_RATE || error == RILL_ERR_TOO_LITTLE || error == RILL_ERR_PATH);
    if (error == RILL_ERR_TOO_LITTLE)
        CHECK(y->streams > 1 || brings(y, total, false) == 0);
    if (error != RILL_ERR_RATE || y->turns_at != 0 || best < 0 || y->hops > 1 || y->streams > 1)
        return;
    /* There was a size that would have done, and enough money for several packets of it. */
    if (best > least * 1.02 && (double)total * (best - least) > 1)
        fail_msg("case %llu: stopped, and %g is above %g", (unsigned long long)y->seed, best,
                 least);
}

static void run(payment *y)
{
    pair *p = calloc(1, sizeof *p);
    pair_options o = pair_defaults();
    rill_stream *s[STREAMS];
    rill_connection_stats stats;
    uint64_t total = 0, sent = 0, delivered = 0;
    o.connection.min_rate = y->minimum.num != 0 ? y->minimum : (rill_ratio){0, 1};
    o.connection.slippage = y->slippage;
    o.connection.max_packet_amount = y->own_limit;
    o.connection.idle_timeout_ns = 0;
    pair_open(p, &o);
    p->user = y;
    p->on_packet = on_packet;
    for (unsigned i = 0; i < y->streams; i++) {
        s[i] = pair_stream_open(p, PAIR_CLIENT);
        assert_int_equal(rill_stream_send_total(s[i], y->amount[i], RILL_NEVER), RILL_OK);
        total += y->amount[i];
    }
    uint64_t until = p->now.mono_ns + LONGEST;
    pair_end *end = &p->end[PAIR_CLIENT];
    while (end->events[RILL_EVENT_SEND_TOTAL_END] < y->streams && p->now.mono_ns < until)
        pair_run(p, 20 * RILL_MS);
    if (end->events[RILL_EVENT_CONNECTION_END] == 0)
        rill_connection_get_stats(end->connection, &stats);
    else
        stats = end->last;
    if (y->trace)
        fprintf(stderr,
                "sent %llu of %llu, delivered %llu, minimum %g, rate %g, %d, packets %llu\n",
                (unsigned long long)stats.sent, (unsigned long long)total,
                (unsigned long long)stats.delivered,
                (double)stats.min_rate.num / (double)stats.min_rate.den, rate_of(y),
                end->sent_error, (unsigned long long)end->packets);
    CHECK(end->events[RILL_EVENT_SEND_TOTAL_END] == y->streams);
    for (unsigned i = 0; i < y->streams; i++) {
        rill_stream_totals t = {0};
        if (end->events[RILL_EVENT_CONNECTION_END] == 0)
            rill_stream_get_totals(s[i], &t);
        uint64_t arrived = pair_seen(p, PAIR_SERVER, 2 * i + 1)->money;
        check_promise(y, stats.min_rate, t.sent, arrived);
        CHECK(t.sent < y->amount[i] || arrived > 0);
        sent += t.sent;
        delivered += arrived;
    }
    check_promise(y, stats.min_rate, stats.sent, stats.delivered);
    CHECK(stats.delivered == delivered);
    uint64_t most = y->limit < y->own_limit ? y->limit : y->own_limit;
    CHECK(end->packets < 250 + 3 * (total / most));
    if (end->sent_error == RILL_OK && sent == total)
        check_success(y, total, delivered);
    else
        check_failure(y, stats.min_rate, end->sent_error, total);
    pair_check_books(p);
    pair_close(p);
    free(p);
}

static uint64_t only;

static void test_payments(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        payment y = draw(only != 0 ? only : seed);
        y.trace = only != 0;
        if (y.trace) {
            for (unsigned i = 0; i < y.hops; i++)
                fprintf(stderr, "rate %llu / %llu\n", (unsigned long long)y.rate[i].num,
                        (unsigned long long)y.rate[i].den);
            fprintf(stderr, "limit %llu own %llu told %d turns %llu streams %u minimum %g\n",
                    (unsigned long long)y.limit, (unsigned long long)y.own_limit, y.told,
                    (unsigned long long)y.turns_at, y.streams,
                    (double)y.minimum.num / (double)(y.minimum.den ? y.minimum.den : 1));
        }
        run(&y);
        if (only != 0)
            return;
    }
}

/* An argument: the seed of the only case, which tells what happens. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_payments)};
    only = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    return cmocka_run_group_tests_name("payments", tests, NULL, NULL);
}
