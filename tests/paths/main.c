/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How well senders fill paths, in virtual time: as a table, as a CSV of each tenth of a second, or
 * as a test.
 */
#include "cases.h"
#include "drawn.h"
#include "duel.h"

#include "../sim/randomness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct options {
    const char *only; /* part of a case's name */
    const char *csv;  /* directory */
    const char *sender;
    bool tap;
    uint64_t seed;
    uint64_t drawn;   /* number of paths drawn by chance, from seed on */
    uint64_t senders; /* senders on each of them */
    bool duels;       /* payments by Rill and by the reference's model, on the same paths */
    uint64_t drawn_duels;
} options;

typedef struct outcome {
    unsigned used;
    unsigned wait_most; /* longest wait, permille of the round trip */
    unsigned wait_mean;
    unsigned fair;
    uint64_t passed;
    uint64_t rejects;
    uint64_t lost;
    unsigned of_fixed;   /* permille of what a window that is always full passes */
    paths_result result; /* of the first flow */
} outcome;

/* The mean round trip without a queue. */
static uint64_t base_round_trip(const paths_case *c, uint64_t from)
{
    const paths_config *p = &c->config;
    if (p->then != NULL && from >= p->then_at)
        p = p->then;
    return 2 * p->delay + p->jitter;
}

static void judge(const paths *p, const paths_case *c, outcome *o)
{
    const paths_config *last = &c->config;
    if (last->then != NULL && c->measure_from >= last->then_at)
        last = last->then;
    uint64_t waited = 0;
    uint64_t most = 0;
    uint64_t packets = 0;
    for (uint64_t i = 0; i < c->measure_to / PATHS_BIN && i < PATHS_BINS; i++) {
        const paths_bin *b = &p->bins[i];
        o->passed += b->packets;
        o->rejects += b->rejects;
        o->lost += b->lost;
        if (i < c->measure_from / PATHS_BIN)
            continue;
        waited += b->waited;
        packets += b->packets;
        most = b->waited_most > most ? b->waited_most : most;
    }
    uint64_t round_trip = base_round_trip(c, c->measure_from);
    o->used = paths_utilisation(p, last, c->measure_from, c->measure_to);
    o->wait_most = (unsigned)(most * 1000 / round_trip);
    o->wait_mean = packets == 0 ? 0 : (unsigned)(waited * 1000 / packets / round_trip);
    o->fair = c->flows > 1 ? paths_fairness(p, c->flows, c->measure_from, c->measure_to) : 0;
}

static void write_csv(const paths *p, const paths_case *c, const char *dir, const char *sender)
{
    char name[512];
    char slug[128];
    size_t n = 0;
    for (const char *s = c->name; *s != '\0' && n < sizeof(slug) - 1; s++)
        if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9'))
            slug[n++] = *s;
        else if (n > 0 && slug[n - 1] != '-')
            slug[n++] = '-';
    slug[n] = '\0';
    snprintf(name, sizeof(name), "%s/%s.%s.csv", dir, slug, sender);
    FILE *f = fopen(name, "w");
    if (f == NULL)
        return;
    fprintf(f, "ms,used_permille,packets,value,rejects,lost,wait_mean_us,wait_most_us\n");
    for (uint64_t i = 0; i < c->measure_to / PATHS_BIN && i < PATHS_BINS; i++) {
        const paths_bin *b = &p->bins[i];
        const paths_config *k = &c->config;
        if (k->then != NULL && i * PATHS_BIN >= k->then_at)
            k = k->then;
        fprintf(f,
                "%" PRIu64 ",%u,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
                ",%" PRIu64 "\n",
                i * 100, paths_utilisation(p, k, i * PATHS_BIN, (i + 1) * PATHS_BIN), b->packets,
                b->value, b->rejects, b->lost, b->packets ? b->waited / b->packets / 1000 : 0,
                b->waited_most / 1000);
    }
    fclose(f);
}

static bool finished(const paths_case *c, const paths_sender *sender, const void *flow)
{
    paths_result r = {0};
    if (c->done_before == 0)
        return false;
    sender->result(flow, &r);
    return r.done_ns != 0;
}

static uint64_t passed_from(const paths *p, const paths_case *c)
{
    uint64_t passed = 0;
    for (uint64_t i = c->measure_from / PATHS_BIN; i < c->measure_to / PATHS_BIN; i++)
        passed += p->bins[i].packets;
    return passed;
}

/* The same path, used by a sender that always has as many packets in flight as it may. */
static uint64_t passed_by_fixed(const paths_case *c, uint64_t seed)
{
    static paths p;
    paths_init(&p, &c->config, seed);
    void *flow = paths_fixed.create(&p, 0, 0, &c->work);
    while (sim_queue_next(&p.queue) < c->measure_to && sim_queue_step(&p.queue))
        ;
    paths_free(&p);
    paths_fixed.destroy(flow);
    return passed_from(&p, c);
}

static void run(const paths_case *c, const options *o, const paths_sender *sender, outcome *out)
{
    static paths p;
    unsigned flows = c->flows > 0 ? c->flows : 1;
    void *flow[PATHS_MAX_FLOWS];
    sim_randomness_seed(o->seed);
    paths_init(&p, &c->config, o->seed);
    for (unsigned i = 0; i < flows; i++)
        flow[i] = sender->create(&p, i, i * c->stagger, &c->work);
    while (sim_queue_next(&p.queue) < c->measure_to && !finished(c, sender, flow[0]))
        if (!sim_queue_step(&p.queue))
            break;
    memset(out, 0, sizeof(*out));
    judge(&p, c, out);
    if (c->of_fixed != 0)
        out->of_fixed = (unsigned)(1000 * passed_from(&p, c) / passed_by_fixed(c, o->seed));
    sender->result(flow[0], &out->result);
    if (o->csv != NULL)
        write_csv(&p, c, o->csv, sender->name);
    paths_free(&p);
    for (unsigned i = 0; i < flows; i++)
        sender->destroy(flow[i]);
}

/* Weights 1, 2, 3, ...: each stream must be within 2 % of its part. */
static bool by_weight(const paths_case *c, const paths_result *r)
{
    double whole = 0;
    double weights = 0;
    for (unsigned i = 0; i < c->work.streams; i++) {
        whole += (double)r->stream[i];
        weights += i + 1;
    }
    for (unsigned i = 0; i < c->work.streams; i++) {
        double part = whole * (i + 1) / weights;
        double got = (double)r->stream[i];
        if (got < part * 0.98 || got > part * 1.02)
            return false;
    }
    return true;
}

static const char *verdict(const paths_case *c, const outcome *o)
{
    if (o->result.error != RILL_OK)
        return "ERROR";
    if (c->done_before != 0 && (o->result.done_ns == 0 || o->result.done_ns > c->done_before))
        return "LATE";
    if (c->first_before != 0 && (o->result.first_ns == 0 || o->result.first_ns > c->first_before))
        return "FIRST";
    if (o->used < c->reach)
        return "UNUSED";
    if (o->of_fixed < c->of_fixed)
        return "SLOW";
    if (c->wait_most != 0 && o->wait_most > c->wait_most)
        return "QUEUE";
    if (o->fair < c->fair)
        return "UNFAIR";
    /* Refused packets are also work for the nodes that carry them. */
    if (o->rejects > o->passed * (c->most_refused > 0 ? c->most_refused : 50) / 100)
        return "FLOOD";
    if (c->work.streams > 1 && !by_weight(c, &o->result))
        return "WEIGHTS";
    return "ok";
}

static void print_row(const paths_case *c, const char *sender, const outcome *o, const char *v)
{
    printf("%-36s %-6s", c->name, sender);
    if (c->done_before != 0)
        printf(" first %4" PRIu64 " ms, done %6" PRIu64 " ms%18s", o->result.first_ns / RILL_MS,
               o->result.done_ns / RILL_MS, "");
    else if (c->of_fixed != 0)
        printf(" of what a full window passes %5.1f %%%9s", o->of_fixed / 10.0, "");
    else
        printf(" used %5.1f %% wait %5.1f/%5.1f %% rtt fair %4.2f", o->used / 10.0,
               o->wait_mean / 10.0, o->wait_most / 10.0, o->fair / 1000.0);
    printf(" passed %7" PRIu64 " refused %6" PRIu64 " lost %5" PRIu64 "  %s\n", o->passed,
           o->rejects, o->lost, v);
    fflush(stdout);
}

/* Returns 1 if a goal is missed. */
static int run_one(const options *o, const paths_sender *sender, const paths_case *c,
                   unsigned *number)
{
    outcome out;
    run(c, o, sender, &out);
    const char *v = verdict(c, &out);
    bool ok = strcmp(v, "ok") == 0;
    if (o->tap)
        printf("%sok %u - %s: used %u of fixed %u wait %u fair %u refused %" PRIu64 " of %" PRIu64
               " done %" PRIu64 " ms %s\n",
               ok ? "" : "not ", ++*number, c->name, out.used, out.of_fixed, out.wait_most,
               out.fair, out.rejects, out.rejects + out.passed, out.result.done_ns / RILL_MS,
               ok ? "" : v);
    else
        print_row(c, sender->name, &out, v);
    return !ok;
}

static int run_all(const options *o, const paths_sender *sender, unsigned *number)
{
    int failed = 0;
    for (unsigned i = 0; i < paths_case_count; i++) {
        const paths_case *c = &paths_cases[i];
        if (o->only != NULL && strstr(c->name, o->only) == NULL)
            continue;
        if (c->rill_only && sender != &paths_rill)
            continue;
        failed += run_one(o, sender, c, number);
    }
    return failed;
}

static int run_drawn(const options *o, const paths_sender *sender, unsigned *number)
{
    int failed = 0;
    for (uint64_t seed = o->seed; seed - o->seed < o->drawn; seed++) {
        static paths_drawn d;
        options own = *o;
        own.seed = seed;
        paths_draw(&d, seed);
        if (o->senders > 1) {
            d.c.flows = (unsigned)(o->senders < PATHS_MAX_FLOWS ? o->senders : PATHS_MAX_FLOWS);
            d.c.stagger = 700 * RILL_MS;
            d.c.measure_from = 20 * RILL_SECOND;
            d.c.measure_to = 40 * RILL_SECOND;
            d.c.fair = 950;
        }
        failed += run_one(&own, sender, &d.c, number);
    }
    return failed;
}

int main(int argc, char **argv)
{
    options o = {.sender = "rill", .seed = 1};
    unsigned number = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        bool value = i + 1 < argc;
        if (strcmp(argv[i], "--tap") == 0)
            o.tap = true;
        else if (strcmp(argv[i], "--trace") == 0)
            paths_trace = true;
        else if (strcmp(argv[i], "--only") == 0 && value)
            o.only = argv[++i];
        else if (strcmp(argv[i], "--duels") == 0)
            o.duels = true;
        else if (strcmp(argv[i], "--drawn-duels") == 0 && value)
            o.drawn_duels = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--csv") == 0 && value)
            o.csv = argv[++i];
        else if (strcmp(argv[i], "--sender") == 0 && value)
            o.sender = argv[++i];
        else if (strcmp(argv[i], "--drawn") == 0 && value)
            o.drawn = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--senders") == 0 && value)
            o.senders = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && value)
            o.seed = strtoull(argv[++i], NULL, 10);
        else {
            fprintf(
                stderr,
                "usage: rill-paths [--tap] [--trace] [--only NAME] [--csv DIRECTORY] [--seed N]\n"
                "                  [--sender rill|rs|pay|stream|all] [--drawn N [--senders N]]\n"
                "                  [--duels] [--drawn-duels N]\n");
            return 2;
        }
    }
    bool all = strcmp(o.sender, "all") == 0;
    const paths_sender *senders[] = {&paths_rill, &paths_rs, &paths_pay, &paths_stream};
    if (o.duels || o.drawn_duels > 0)
        failed += o.drawn_duels > 0 ? paths_duels_drawn(o.seed, o.drawn_duels, o.tap, &number)
                                    : paths_duels_named(o.seed, o.only, o.tap, &number);
    else
        for (unsigned i = 0; i < sizeof(senders) / sizeof(senders[0]); i++)
            if (all || strcmp(o.sender, senders[i]->name) == 0)
                failed += o.drawn > 0 ? run_drawn(&o, senders[i], &number)
                                      : run_all(&o, senders[i], &number);
    if (o.tap)
        printf("1..%u\n", number);
    return o.tap && failed > 0 ? 1 : 0;
}
