/* SPDX-License-Identifier: Apache-2.0 */
/* rill-net-sim: runs seeds, and shows one that fails. */
#define _POSIX_C_SOURCE 200809L /* fork, fdopen */
#include "parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHOWN = 60, LINE = 400 };

typedef struct options {
    uint64_t seeds;
    uint64_t start;
    bool one;
    bool keep_going;
    bool trace;
    bool tap;
    bool twice;
    bool coverage;
} options;

static void usage(FILE *f)
{
    fputs(
        "usage: rill-net-sim [--seeds N] [--start SEED] [--keep-going] [--coverage]\n"
        "       rill-net-sim --seed SEED [--trace]\n"
        "\n"
        "Runs networks of 2 to 7 connectors (the node's own code, with its store and its list of\n"
        "packets that are out) and STREAM endpoints in virtual time, and checks their books\n"
        "after every event. Equal seeds are equal runs.\n"
        "\n"
        "  --seeds N      how many seeds, one after the other (1000)\n"
        "  --start SEED   the first of them (1)\n"
        "  --seed SEED    only this one\n"
        "  --keep-going   goes on after a violation\n"
        "  --twice        runs every seed twice: both must be equal\n"
        "  --coverage     how often each thing happened\n"
        "  --trace        prints what happens\n"
        "  --tap          prints the Test Anything Protocol\n"
        "\n"
        "Exits 1 after a violation, and prints the seed and what happened before it.\n",
        f);
}

static uint64_t number(const char *option, const char *text)
{
    char *end = NULL;
    errno = 0;
    bool digit = text != NULL && *text >= '0' && *text <= '9';
    uint64_t x = digit ? strtoull(text, &end, 10) : 0;
    if (!digit || *end != '\0' || errno != 0) {
        fprintf(stderr, "rill-net-sim: %s needs a number\n", option);
        exit(2);
    }
    return x;
}

static bool parse_flag(options *o, const char *a)
{
    static const char *const names[] = {"--keep-going", "--trace", "--tap", "--twice",
                                        "--coverage"};
    bool *const flags[] = {&o->keep_going, &o->trace, &o->tap, &o->twice, &o->coverage};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(a, names[i]) == 0) {
            *flags[i] = true;
            return true;
        }
    }
    return false;
}

static options parse(int argc, char **argv)
{
    options o = {.seeds = 1000, .start = 1};
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--help") == 0) {
            usage(stdout);
            exit(0);
        }
        if (parse_flag(&o, a))
            continue;
        if (strcmp(a, "--seeds") == 0) {
            o.seeds = number(a, argv[++i]);
        } else if (strcmp(a, "--start") == 0) {
            o.start = number(a, argv[++i]);
        } else if (strcmp(a, "--seed") == 0) {
            o.start = number(a, argv[++i]);
            o.seeds = 1;
            o.one = true;
        } else {
            fprintf(stderr, "rill-net-sim: what is '%s'? --help explains\n", a);
            exit(2);
        }
    }
    return o;
}

static net world;

/* Runs it again in another process, and shows the last lines of what happens. */
static void show(uint64_t seed, const char *mark)
{
    static char lines[SHOWN][LINE];
    int ends[2];
    size_t count = 0;
    fflush(stdout);
    if (pipe(ends) != 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        net_node_forget_files();
        if (dup2(ends[1], STDOUT_FILENO) < 0)
            _exit(2);
        close(ends[0]);
        close(ends[1]);
        exit(net_run(&world, seed, true) ? 0 : 1);
    }
    close(ends[1]);
    FILE *f = fdopen(ends[0], "r");
    while (f != NULL && fgets(lines[count % SHOWN], LINE, f) != NULL)
        count++;
    for (size_t i = count < SHOWN ? 0 : count - SHOWN; i < count; i++)
        printf("%s%s", mark, lines[i % SHOWN]);
    if (f != NULL)
        fclose(f);
    if (child > 0)
        (void)waitpid(child, NULL, 0);
}

static bool run_seed(const options *o, uint64_t seed)
{
    const char *mark = o->tap ? "# " : "";
    bool good = net_run(&world, seed, o->trace);
    uint64_t digest = world.report.digest;
    if (good && o->twice) {
        good = net_run(&world, seed, false);
        if (good && world.report.digest != digest) {
            printf("%sseed %" PRIu64 ": two runs of it are not equal\n", mark, seed);
            return false;
        }
    }
    if (good)
        return true;
    printf("%sseed %" PRIu64 ": %s\n", mark, seed, world.report.text);
    if (!o->trace && !o->keep_going)
        show(seed, mark);
    printf("%sall of it: rill-net-sim --seed %" PRIu64 " --trace\n", mark, seed);
    return false;
}

static void print_counts(const char *mark)
{
    const net_counts *c = &world.counts;
    const struct {
        const char *what;
        uint64_t count;
    } all[] = {
        {"seeds", c->seeds},
        {"stores that were SQLite", c->real_stores},
        {"lives of nodes", c->nodes},
        {"Prepares on all ways", c->prepares},
        {"forwarded by nodes", c->forwarded},
        {"booked by nodes", c->booked},
        {"connections cut", c->cuts},
        {"nodes killed", c->kills},
        {"nodes drained and started again", c->drains},
        {"configurations loaded", c->reloads},
        {"clocks set", c->clocks},
        {"stores that stood still", c->stalls},
        {"stores that failed", c->failures},
        {"tricks", c->tricks},
        {"packets of thieves that were fulfilled after they had left", c->thefts},
        {"deposits and withdrawals", c->entries},
        {"asked for again with their key", c->asked_again},
        {"packets that were out at a kill", c->left},
        {"bookings found in the list after a kill", c->recovered},
        {"of them, not charged to the source", c->uncharged},
        {"bookings kept by the store before a kill, and not passed on", c->unheard},
        {"packets given up by who sent them, as over HTTP", c->given_up},
        {"packets fulfilled after their source had left", c->unseen},
        {"Fulfills that came too late", c->late},
        {"packets about which two neighbours disagree, each explained", c->named},
        {"accounts taken out", c->taken_out},
        {"of them, gone", c->gone},
        {"put back", c->put_back},
        {"configurations that had to be refused", c->refused_loads},
        {"settlements begun", c->settled},
        {"calls of engines", c->engine_calls},
        {"paid by engines", c->paid},
        {"... less, or otherwise than they say", c->lies},
        {"told by engines, and booked", c->told},
        {"told again", c->told_again},
        {"ended by operators", c->ended},
        {"of all these, undone by a kill", c->undone},
        {"proposals that take two people", c->proposals},
        {"prices changed", c->prices},
        {"accounts added by operators", c->added},
        {"... taken out", c->dropped},
        {"... not taken out, since they were not even", c->refused_drops},
        {"... given other terms", c->patched},
        {"of all these, undone by a kill", c->unkept},
        {"connections that flap", c->flaps},
        {"connections that are away for long", c->dark},
        {"neighbours that are not told, or not heard, of routes", c->quiet},
        {"packets that limits in a second have counted", c->paced},
        {"logs of packets", c->kept_logs},
        {"lines of them", c->lines},
        {"probes at the end", c->probes},
        {"of them, with no way to go", c->unreachable},
        {"payments", c->payments},
        {"of them, complete", c->complete},
        {"of them, of which something arrived", c->delivered_some},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        printf("%s%10" PRIu64 "  %s\n", mark, all[i].count, all[i].what);
}

int main(int argc, char **argv)
{
    const options o = parse(argc, argv);
    uint64_t bad = 0;
    if (o.trace)
        setvbuf(stdout, NULL, _IOLBF, 0);
    for (uint64_t i = 0; i < o.seeds && (bad == 0 || o.keep_going); i++)
        bad += !run_seed(&o, o.start + i);
    if (o.coverage)
        print_counts(o.tap ? "# " : "");
    if (o.tap)
        printf("%s 1 - seeds from %" PRIu64 "\n1..1\n", bad == 0 ? "ok" : "not ok", o.start);
    else
        printf("%" PRIu64 " seeds, %" PRIu64 " violations, digest of the last %016" PRIx64 "\n",
               world.counts.seeds, bad, world.report.digest);
    return bad == 0 ? 0 : 1;
}
