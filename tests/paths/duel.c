/* SPDX-License-Identifier: Apache-2.0 */
#include "duel.h"

#include "../sim/randomness.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS(x)  ((x)*RILL_MS)
#define SEC(x) ((x)*RILL_SECOND)
/* How long a payment is watched. */
#define WATCHED SEC(120)
/*
 * How many packets and how much time Rill may take: a multiple of the reference's, and a little
 * more.
 */
#define TIMES        4
#define MORE_PACKETS 120
#define MORE_TIME    SEC(3)

/*
 * Rounding takes some last units, which depend on the sizes of single packets. Neither sender is to
 * blame for them. So a thousandth may be missing, and on paths that nobody chose half of the
 * slippage of a hundredth.
 */
#define DUST_NAMED 1000
#define DUST_DRAWN 200

/*
 * Drawn paths on which Rill is worse by these rules, and why. None of them is left out. A path that
 * Rill wins must be taken off this list.
 */
static const struct {
    uint64_t seed;
    const char *why;
} known[] = {
    {400, "one unit in the middle is 140 at the end: 5 units a packet bring 0.7 % less than 8"},
    {719, "one unit in the middle is 1000 at the end: larger packets bring 2.4 % more"},
    {894, "one unit in the middle is 140 at the end: two units a packet bring 5 % more than one"},
};

static const char *known_loss(uint64_t seed)
{
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].seed == seed)
            return known[i].why;
    return NULL;
}

typedef struct duel {
    const char *name;
    paths_config config;
    uint64_t total;
} duel;

#define RATE(n, d)      .hops = {{n, d}}
#define BUCKET(size, s) .value_per_second = (s), .burst_ms = 1000 * (uint64_t)(size) / (s)
#define TOLD(most)      .max_packet = (most), .max_told = true

static const duel duels[] = {
    {"cents at 0.99, bucket of 500",
     {.delay = MS(10), BUCKET(500, 200), TOLD(500), RATE(99, 100)},
     2000},
    {"cents at 0.9, bucket of 500",
     {.delay = MS(10), BUCKET(500, 200), TOLD(500), RATE(9, 10)},
     2000},
    {"cents at 0.9, no delay",
     {.delay = RILL_MS / 10, BUCKET(500, 200), TOLD(500), RATE(9, 10)},
     2000},
    {"cents at 0.9, 100 ms", {.delay = MS(50), BUCKET(500, 200), TOLD(500), RATE(9, 10)}, 2000},
    {"millions at 0.99",
     {.delay = MS(10), BUCKET(500000000, 200000000), TOLD(500000000), RATE(99, 100)},
     2000000000},
    {"millions at 0.99, no F08",
     {.delay = MS(10), BUCKET(500000000, 200000000), RATE(99, 100)},
     2000000000},
    {"1 to 100, T04 only", {.delay = RILL_MS / 10, BUCKET(100000, 100000), RATE(1, 100)}, 300000},
    {"1 to 10, T04 only", {.delay = RILL_MS / 10, BUCKET(100000, 100000), RATE(1, 10)}, 300000},
    {"1 to 1, T04 only", {.delay = RILL_MS / 10, BUCKET(100000, 100000), RATE(1, 1)}, 300000},
    {"1 to 1000, T04 only", {.delay = RILL_MS / 10, BUCKET(100000, 100000), RATE(1, 1000)}, 300000},
    {"1 to 200000, T04 only",
     {.delay = RILL_MS / 10, BUCKET(100000000, 100000000), RATE(1, 200000)},
     1000000000},
    {"1 to 20 million, T04 only",
     {.delay = RILL_MS / 10, BUCKET(100000000, 100000000), RATE(1, 20000000)},
     1000000000},
    {"throughput of 10000 a second", {.delay = MS(5), BUCKET(10000, 10000), RATE(97, 100)}, 100000},
    {"throughput of 100 a second", {.delay = MS(5), BUCKET(100, 100)}, 1000},
    {"balance of 1000 each 2 s",
     {.delay = MS(20), .balance = 1000, .refill_ms = 2000, RATE(95, 100)},
     10000},
    {"cents, dust is F08",
     {.delay = MS(10), BUCKET(5000, 2000), RATE(1, 10), .dust = "F08"},
     20000},
    {"cents, dust is R01",
     {.delay = MS(10), BUCKET(5000, 2000), RATE(1, 10), .dust = "R01"},
     20000},
    {"three hops that round",
     {.delay = MS(10), BUCKET(50000, 20000), .hops = {{99, 100}, {7, 5}, {70, 101}}},
     200000},
    {"9 digits, cents, 9 digits",
     {.delay = MS(10), BUCKET(500000000000, 200000000000), .hops = {{3, 10000000}, {10000000, 3}}},
     2000000000000},
    {"18 digits to 2", {.delay = MS(10), .hops = {{1, 10000000000000000}}}, 5000000000000000000},
};

static void pay(const paths_config *config, uint64_t total, uint64_t seed,
                const paths_sender *sender, paths_result *out)
{
    static paths p;
    paths_work work = {.total = total};
    sim_randomness_seed(seed);
    paths_init(&p, config, seed);
    void *flow = sender->create(&p, 0, 0, &work);
    do
        sender->result(flow, out);
    while (out->done_ns == 0 && out->error == RILL_OK && sim_queue_next(&p.queue) < WATCHED &&
           sim_queue_step(&p.queue));
    paths_free(&p);
    sender->destroy(flow);
}

/* Dust: rounding may take one of so many units. */
static const char *verdict(const paths_result *rill, const paths_result *other, uint64_t dust)
{
    /* The rest may be worth nothing. Then it stays with its owner. */
    if (rill->delivered + 1 + other->delivered / dust < other->delivered)
        return "LESS";
    if (other->done_ns != 0 && rill->done_ns > TIMES * other->done_ns + MORE_TIME)
        return "LATE";
    /* For the amounts that each has delivered. */
    double packets = (double)rill->packets * (double)other->delivered;
    if (packets > (double)(TIMES * other->packets + MORE_PACKETS) * (double)rill->delivered)
        return "PACKETS";
    return "ok";
}

/* why: Rill is known to lose this one. */
static int fight(const duel *d, uint64_t seed, uint64_t dust, const char *why, bool tap,
                 unsigned *number)
{
    paths_result rill;
    paths_result other;
    pay(&d->config, d->total, seed, &paths_rill, &rill);
    pay(&d->config, d->total, seed, &paths_stream, &other);
    const char *v = verdict(&rill, &other, dust);
    bool ok = strcmp(v, "ok") == 0;
    if (tap)
        printf("%sok %u - ", ok ? "" : "not ", ++*number);
    printf("%s: %" PRIu64 " of %" PRIu64 " arrive as %" PRIu64 " in %" PRIu64 " ms, %" PRIu64
           " packets, %s; reference %" PRIu64 " as %" PRIu64 " in %" PRIu64 " ms, %" PRIu64
           " packets, %s; %s%s%s\n",
           d->name, rill.fulfilled, d->total, rill.delivered, rill.done_ns / RILL_MS, rill.packets,
           rill_error_name(rill.error), other.fulfilled, other.delivered, other.done_ns / RILL_MS,
           other.packets, rill_error_name(other.error), v, why != NULL ? " # TODO " : "",
           why != NULL ? why : "");
    fflush(stdout);
    return ok == (why != NULL);
}

int paths_duels_named(uint64_t seed, const char *only, bool tap, unsigned *number)
{
    int lost = 0;
    for (unsigned i = 0; i < sizeof(duels) / sizeof(duels[0]); i++)
        if (only == NULL || strstr(duels[i].name, only) != NULL)
            lost += fight(&duels[i], seed, DUST_NAMED, NULL, tap, number);
    return lost;
}

/* ---- drawn ---- */

static uint64_t power(uint64_t base, uint64_t exponent)
{
    uint64_t x = 1;
    while (exponent-- > 0)
        x *= base;
    return x;
}

/* Rates near one, between scales, and back again. At the end a whole number of units that count. */
static void draw_rates(sim_rng *r, paths_config *c)
{
    static const rill_ratio near_one[] = {{1, 1}, {99, 100}, {9, 10}, {97, 100}, {995, 1000},
                                          {4, 3}, {1, 3},    {7, 5},  {70, 101}, {999, 1000}};
    for (unsigned i = 0; i < 1 + sim_rng_below(r, PATHS_HOPS); i++) {
        c->hops[i] = near_one[sim_rng_below(r, sizeof(near_one) / sizeof(near_one[0]))];
        uint64_t scale = power(10, sim_rng_below(r, 4));
        if (sim_rng_below(r, 3) == 0)
            c->hops[i].num *= scale;
        else if (sim_rng_below(r, 2) == 0)
            c->hops[i].den *= scale;
    }
}

static void draw(sim_rng *r, duel *d, char *name, size_t room)
{
    static const char *const dust[] = {NULL, NULL, "F08", "R01"};
    paths_config *c = &d->config;
    *d = (duel){.name = name};
    c->delay = sim_rng_below(r, 4) == 0 ? RILL_MS / 10 : sim_rng_magnitude(r, 1, 150) * RILL_MS;
    draw_rates(r, c);
    /* An amount that brings at least a hundred units of the other side. */
    uint64_t unit = 1;
    while (paths_arrives(c, unit) < 100 && unit < UINT64_C(1000000000000))
        unit *= 2;
    uint64_t size = unit * sim_rng_magnitude(r, 2, 100000);
    if (sim_rng_below(r, 3) == 0) {
        c->balance = size;
        c->refill_ms = sim_rng_magnitude(r, 100, 5000);
    } else {
        c->burst_ms = sim_rng_magnitude(r, 100, 5000);
        c->value_per_second = size * 1000 / c->burst_ms + 1;
    }
    switch (sim_rng_below(r, 4)) {
    case 0:
        c->max_packet = size;
        c->max_told = true;
        break;
    case 1:
        c->max_packet = size / (1 + sim_rng_below(r, 4));
        break;
    default:
        break;
    }
    c->dust = dust[sim_rng_below(r, 4)];
    c->max_lies = sim_rng_below(r, 8) == 0;
    d->total = size * (1 + sim_rng_below(r, 12)) + sim_rng_below(r, size);
    snprintf(name, room,
             "%" PRIu64 " ms, %" PRIu64 "/%" PRIu64 " %" PRIu64 "/%" PRIu64 " %" PRIu64 "/%" PRIu64
             ", %" PRIu64 "/s burst %" PRIu64 " ms, balance %" PRIu64 " each %" PRIu64
             " ms, most %" PRIu64 "%s%s, dust %s",
             c->delay / RILL_MS, c->hops[0].num, c->hops[0].den, c->hops[1].num, c->hops[1].den,
             c->hops[2].num, c->hops[2].den, c->value_per_second, c->burst_ms, c->balance,
             c->refill_ms, c->max_packet, c->max_told ? " told" : "", c->max_lies ? " lied" : "",
             c->dust == NULL ? "passes" : c->dust);
}

int paths_duels_drawn(uint64_t seed, uint64_t count, bool tap, unsigned *number)
{
    int lost = 0;
    for (uint64_t i = seed; i - seed < count; i++) {
        static char name[400];
        duel d;
        sim_rng r;
        int n = snprintf(name, sizeof(name), "%" PRIu64 ": ", i);
        sim_rng_seed(&r, i, 9);
        draw(&r, &d, name + n, sizeof(name) - (size_t)n);
        d.name = name;
        lost += fight(&d, i, DUST_DRAWN, known_loss(i), tap, number);
    }
    return lost;
}
