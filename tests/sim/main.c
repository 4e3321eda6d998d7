/* SPDX-License-Identifier: Apache-2.0 */
/* rill-sim: runs seeds, and shows one that fails. */
#include "commit.h"
#include "workers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct options {
    sim_plan plan;
    bool seeds_given;
    bool all_scenarios;
    bool one;
    bool trace;
    bool tap;
    bool coverage;
} options;

static void usage(FILE *f)
{
    fputs("usage: rill-sim [--seeds N] [--start SEED] [--keep-going] [--jobs N]\n"
          "       rill-sim --hours H [--start SEED] [--keep-going] [--jobs N]\n"
          "       rill-sim --seed SEED [--scenario NAME] [--trace] [what to leave out]\n"
          "       rill-sim --scenario NAME [--seeds N] [--start SEED]\n"
          "       rill-sim --scenarios [--seeds N] [--start SEED] [--tap]\n"
          "\n"
          "Runs endpoints over simulated paths in virtual time, and checks after every\n"
          "event what must always hold. Equal seeds are equal runs, on every machine.\n"
          "\n"
          "  --seeds N          how many seeds, one after the other (1000)\n"
          "  --start SEED       the first of them (1)\n"
          "  --hours H          seeds until so much time has passed, a line each minute\n"
          "  --seed SEED        only this one\n"
          "  --scenario NAME    a named scenario instead of one drawn from the seed\n"
          "  --scenarios        every named scenario\n"
          "  --jobs N           so many processes (1)\n"
          "  --keep-going       goes on after a violation\n"
          "  --no-shrink        does not look for the smallest run that fails alike\n"
          "  --coverage         how often each fault, trick and habit happened\n"
          "  --trace            prints what happens\n"
          "  --tap              prints the Test Anything Protocol\n"
          "\n"
          "What to leave out, as the smallest failing run is printed:\n"
          "  --without A,B      these faults, tricks and habits\n"
          " ",
          f);
    for (unsigned i = 0; sim_cut_name(i) != NULL; i++)
        fprintf(f, " --%s N", sim_cut_name(i));
    fputs("\n                     at most so many, so much, so long (milliseconds)\n"
          "\n"
          "Exits 1 after a violation, and prints the command that replays it and the\n"
          "smallest run that breaks the same rule.\n"
          "Scenarios:",
          f);
    for (unsigned i = 0; sim_scenario_name(i) != NULL; i++)
        fprintf(f, " %s", sim_scenario_name(i));
    fputs("\nFaults, tricks and habits:", f);
    for (unsigned i = 0; i < SIM_FEATURE_COUNT; i++)
        fprintf(f, " %s", sim_feature_name((sim_feature)i));
    fputc('\n', f);
}

static uint64_t number(const char *option, const char *text)
{
    char *end = NULL;
    errno = 0;
    bool digit = text != NULL && *text >= '0' && *text <= '9';
    uint64_t x = digit ? strtoull(text, &end, 10) : 0;
    if (!digit || *end != '\0' || errno != 0) {
        fprintf(stderr, "rill-sim: %s needs a number\n", option);
        exit(2);
    }
    return x;
}

static double hours(const char *text)
{
    char *end = NULL;
    double x = text == NULL ? 0 : strtod(text, &end);
    if (text == NULL || *end != '\0' || !(x > 0) || x > 10000) {
        fputs("rill-sim: --hours needs a number of hours\n", stderr);
        exit(2);
    }
    return x;
}

static void leave_out(sim_cut *cut, const char *names)
{
    while (names != NULL && *names != '\0') {
        size_t len = strcspn(names, ",");
        sim_feature f = sim_feature_find(names, len);
        if (f == SIM_FEATURE_COUNT) {
            fprintf(stderr, "rill-sim: nothing is called '%.*s'; --help lists what is\n", (int)len,
                    names);
            exit(2);
        }
        cut->without[f] = true;
        names += len + (names[len] == ',');
    }
}

/* Options that take no argument. */
static bool parse_flag(options *o, const char *a)
{
    if (strcmp(a, "--trace") == 0)
        o->trace = true;
    else if (strcmp(a, "--tap") == 0)
        o->tap = true;
    else if (strcmp(a, "--keep-going") == 0)
        o->plan.keep_going = true;
    else if (strcmp(a, "--no-shrink") == 0)
        o->plan.shrink = false;
    else if (strcmp(a, "--coverage") == 0)
        o->coverage = true;
    else if (strcmp(a, "--scenarios") == 0)
        o->all_scenarios = true;
    else
        return false;
    return true;
}

static bool parse_cut(options *o, const char *a, const char *argument)
{
    for (unsigned i = 0; sim_cut_name(i) != NULL; i++)
        if (strncmp(a, "--", 2) == 0 && strcmp(a + 2, sim_cut_name(i)) == 0) {
            *sim_cut_number(&o->plan.cut, i) = number(a, argument);
            return true;
        }
    return false;
}

static bool parse_value(options *o, const char *a, const char *argument)
{
    if (strcmp(a, "--seeds") == 0) {
        o->plan.seeds = number(a, argument);
        o->seeds_given = true;
    } else if (strcmp(a, "--start") == 0) {
        o->plan.start = number(a, argument);
    } else if (strcmp(a, "--seed") == 0) {
        o->plan.start = number(a, argument);
        o->plan.seeds = 1;
        o->one = true;
    } else if (strcmp(a, "--hours") == 0) {
        o->plan.hours = hours(argument);
        o->coverage = true;
    } else if (strcmp(a, "--jobs") == 0) {
        o->plan.jobs = (unsigned)number(a, argument);
    } else if (strcmp(a, "--scenario") == 0 && argument != NULL) {
        o->plan.scenario = argument;
    } else if (strcmp(a, "--without") == 0) {
        leave_out(&o->plan.cut, argument);
    } else {
        return parse_cut(o, a, argument);
    }
    return true;
}

static options parse(int argc, char **argv)
{
    options o = {.plan = {.start = 1, .seeds = 1000, .jobs = 1, .shrink = true, .mark = ""}};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            usage(stdout);
            exit(0);
        }
        if (parse_flag(&o, argv[i]))
            continue;
        if (!parse_value(&o, argv[i], argv[i + 1])) {
            fprintf(stderr, "rill-sim: what is '%s'? --help explains\n", argv[i]);
            exit(2);
        }
        i++;
    }
    if (o.tap)
        o.plan.mark = "# ";
    /* Runs until the time is up, whatever the number. */
    if (o.plan.hours > 0 && !o.seeds_given && !o.one)
        o.plan.seeds = 0;
    return o;
}

/* Runs in this process, so that a debugger can see it. */
static int run_here(const options *o)
{
    int status = 0;
    for (uint64_t i = 0; i < o->plan.seeds && status == 0; i++) {
        sim_job job = {.scenario = o->plan.scenario,
                       .seed = o->plan.start + i,
                       .cut = o->plan.cut,
                       .trace = true};
        sim_result result;
        setvbuf(stdout, NULL, _IOLBF, 0);
        if (!sim_run(&job, &result)) {
            fprintf(stderr, "rill-sim: no scenario '%s'; --help lists them\n", job.scenario);
            return 2;
        }
        status = result.failed;
    }
    return status;
}

static bool run_scenarios(options *o, sim_totals *t)
{
    bool good = true;
    unsigned i = 0;
    for (; sim_scenario_name(i) != NULL; i++) {
        o->plan.scenario = sim_scenario_name(i);
        bool fine = sim_workers_run(&o->plan, t);
        if (o->tap)
            printf("%s %u - %s\n", fine ? "ok" : "not ok", i + 1, o->plan.scenario);
        good = good && fine;
    }
    if (o->tap)
        printf("1..%u\n", i);
    return good;
}

int main(int argc, char **argv)
{
    options o = parse(argc, argv);
    sim_totals t = {0};
    bool good;
    if (o.trace)
        return run_here(&o);
    o.plan.progress = !o.tap;
    if (!o.tap && !o.one)
        printf("%scommit %s, seeds from %" PRIu64 "\n", o.plan.mark, SIM_COMMIT, o.plan.start);
    if (o.all_scenarios) {
        good = run_scenarios(&o, &t);
    } else {
        good = sim_workers_run(&o.plan, &t);
        if (o.tap)
            printf("%s 1 - seeds from %" PRIu64 "\n1..1\n", good ? "ok" : "not ok", o.plan.start);
    }
    if (o.coverage)
        sim_coverage_print(&t, o.plan.mark);
    sim_totals_print(&t, o.plan.mark);
    return good ? 0 : 1;
}
