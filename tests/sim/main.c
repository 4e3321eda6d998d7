/* SPDX-License-Identifier: Apache-2.0 */
/* rill-sim: runs seeds, and shows the one that fails. */
#define _XOPEN_SOURCE 700

#include "world.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* Of one run, in seconds of processor time: a hundred times what the longest takes. */
#define HANG_SECONDS 20

typedef struct options {
    uint64_t start;
    uint64_t seeds;
    const char *scenario;
    bool all_scenarios;
    bool trace;
    bool tap;
    bool keep_going;
} options;

typedef struct totals {
    uint64_t runs;
    uint64_t packets;
    uint64_t fulfilled;
    uint64_t units;
    uint64_t events;
    uint64_t violations;
} totals;

static void usage(FILE *f)
{
    fputs("usage: rill-sim [--seeds N] [--start SEED] [--keep-going] [--tap]\n"
          "       rill-sim --seed SEED [--scenario NAME] [--trace]\n"
          "       rill-sim --scenario NAME [--seeds N] [--start SEED]\n"
          "       rill-sim --scenarios [--seeds N] [--start SEED] [--tap]\n"
          "\n"
          "Runs endpoints over simulated paths in virtual time, and checks after every\n"
          "event what must always hold. Equal seeds are equal runs, on every machine.\n"
          "\n"
          "  --seeds N        how many seeds, one after the other (1000)\n"
          "  --start SEED     the first of them (1)\n"
          "  --seed SEED      only this one\n"
          "  --scenario NAME  a named scenario instead of one drawn from the seed\n"
          "  --scenarios      every named scenario\n"
          "  --trace          prints what happens\n"
          "  --keep-going     goes on after a violation\n"
          "  --tap            prints the Test Anything Protocol\n"
          "\n"
          "Exits 1 after a violation, and prints the command that replays it.\n"
          "Scenarios:",
          f);
    for (unsigned i = 0; sim_scenario_name(i) != NULL; i++)
        fprintf(f, " %s", sim_scenario_name(i));
    fputc('\n', f);
}

/* For the watchdog alone, which must not wait for the run to come to an end. */
static char replay[256];

/* A run that never comes back from the core: the one thing that virtual time does not see. */
static void hangs(int number)
{
    (void)number;
    static const char text[] = "hangs inside the core; replay: ";
    if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0 ||
        write(STDOUT_FILENO, replay, strlen(replay)) < 0)
        _exit(3);
    _exit(1);
}

static void watch(const char *name, uint64_t seed)
{
    static const struct itimerval limit = {{0, 0}, {HANG_SECONDS, 0}};
    snprintf(replay, sizeof(replay), "rill-sim%s%s --seed %" PRIu64 " --trace\n",
             name == NULL ? "" : " --scenario ", name == NULL ? "" : name, seed);
    signal(SIGPROF, hangs);
    setitimer(ITIMER_PROF, &limit, NULL);
}

static void run_once(const options *o, const char *name, uint64_t seed, sim_report *report)
{
    /* Too large for a stack of many. */
    sim_scenario *s = sim_allocate(sizeof(*s));
    *report = (sim_report){.trace = o->trace};
    if (!sim_scenario_make(s, name, seed)) {
        fprintf(stderr, "rill-sim: no scenario '%s'; --help lists them\n", name);
        exit(2);
    }
    watch(name, seed);
    if (o->trace) {
        setvbuf(stdout, NULL, _IOLBF, 0);
        printf("scenario %s\n", s->name);
    }
    sim_world_run(s, seed, report);
    free(s);
}

/* Every so often: that a seed is one run and no other. */
static void check_replay(const options *o, const char *name, uint64_t seed, sim_report *report)
{
    if (seed % 64 != 0 || report->failed || o->trace)
        return;
    sim_report again;
    run_once(o, name, seed, &again);
    if (again.digest != report->digest || again.packets != report->packets)
        sim_violation(report, "the same seed gave another run");
}

static bool run(const options *o, const char *name, uint64_t seed, totals *t)
{
    sim_report report;
    run_once(o, name, seed, &report);
    check_replay(o, name, seed, &report);
    t->runs++;
    t->packets += report.packets;
    t->fulfilled += report.fulfilled;
    t->units += report.units;
    t->events += report.events;
    t->violations += report.failed;
    if (report.failed) {
        printf("%sseed %" PRIu64 ": %s\n", o->tap ? "# " : "", seed, report.text);
        printf("%s  replay: %s", o->tap ? "# " : "", replay);
        fflush(stdout);
    }
    return !report.failed;
}

static bool run_seeds(const options *o, const char *name, totals *t)
{
    bool good = true;
    for (uint64_t i = 0; i < o->seeds && (good || o->keep_going); i++)
        good = run(o, name, o->start + i, t) && good;
    return good;
}

static uint64_t number(const char *option, const char *text)
{
    char *end;
    errno = 0;
    uint64_t x = text == NULL || *text < '0' || *text > '9' ? 0 : strtoull(text, &end, 10);
    if (text == NULL || *text < '0' || *text > '9' || *end != '\0' || errno != 0) {
        fprintf(stderr, "rill-sim: %s needs a number\n", option);
        exit(2);
    }
    return x;
}

static options parse(int argc, char **argv)
{
    options o = {.start = 1, .seeds = 1000};
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--help") == 0) {
            usage(stdout);
            exit(0);
        } else if (strcmp(a, "--trace") == 0) {
            o.trace = true;
        } else if (strcmp(a, "--tap") == 0) {
            o.tap = true;
        } else if (strcmp(a, "--keep-going") == 0) {
            o.keep_going = true;
        } else if (strcmp(a, "--scenarios") == 0) {
            o.all_scenarios = true;
        } else if (strcmp(a, "--seeds") == 0) {
            o.seeds = number(a, argv[++i]);
        } else if (strcmp(a, "--start") == 0) {
            o.start = number(a, argv[++i]);
        } else if (strcmp(a, "--seed") == 0) {
            o.start = number(a, argv[++i]);
            o.seeds = 1;
        } else if (strcmp(a, "--scenario") == 0 && i + 1 < argc) {
            o.scenario = argv[++i];
        } else {
            fprintf(stderr, "rill-sim: what is '%s'? --help explains\n", a);
            exit(2);
        }
    }
    return o;
}

int main(int argc, char **argv)
{
    options o = parse(argc, argv);
    totals t = {0};
    unsigned tests = 0;
    if (o.all_scenarios) {
        for (; sim_scenario_name(tests) != NULL; tests++) {
            const char *name = sim_scenario_name(tests);
            bool good = run_seeds(&o, name, &t);
            if (o.tap)
                printf("%s %u - %s\n", good ? "ok" : "not ok", tests + 1, name);
        }
    } else {
        bool good = run_seeds(&o, o.scenario, &t);
        tests = 1;
        if (o.tap)
            printf("%s 1 - seeds from %" PRIu64 "\n", good ? "ok" : "not ok", o.start);
    }
    if (o.tap)
        printf("1..%u\n", tests);
    printf("%s%" PRIu64 " seeds, %" PRIu64 " packets (%" PRIu64 " fulfilled), %" PRIu64
           " units, %" PRIu64 " violations\n",
           o.tap ? "# " : "", t.runs, t.packets, t.fulfilled, t.units, t.violations);
    return t.violations == 0 ? 0 : 1;
}
