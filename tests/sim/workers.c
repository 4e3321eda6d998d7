/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700

#include "workers.h"

#include "commit.h"
#include "shrink.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS 0x20
#endif

#define MAX_JOBS       64
#define REPORT_SECONDS 60
/* Every so many seeds are run twice: a seed is one run and no other. */
#define REPEAT 64

/* What a worker writes and its parent reads. */
typedef struct share {
    uint64_t seed; /* that it is at, or has failed at */
    bool done;     /* with all of its seeds */
    sim_result result;
    sim_totals totals;
} share;

typedef struct crew {
    const sim_plan *plan;
    share *shares;
    pid_t parent;
    pid_t pids[MAX_JOBS]; /* 0: not at work */
    uint64_t next[MAX_JOBS];
    time_t until; /* 0: no limit */
    time_t started;
} crew;

static void add_totals(sim_totals *to, const sim_totals *t)
{
    to->runs += t->runs;
    to->packets += t->packets;
    to->fulfilled += t->fulfilled;
    to->units += t->units;
    to->violations += t->violations;
    for (unsigned f = 0; f < SIM_FEATURE_COUNT; f++) {
        to->on[f] += t->on[f];
        to->counts[f] += t->counts[f];
    }
}

static void count_run(sim_totals *t, const sim_result *r)
{
    t->runs++;
    t->packets += r->packets;
    t->fulfilled += r->fulfilled;
    t->units += r->units;
    for (unsigned f = 0; f < SIM_FEATURE_COUNT; f++) {
        t->on[f] += r->on[f];
        t->counts[f] += r->counts[f];
    }
}

static void repeat(const sim_job *job, sim_result *result)
{
    sim_result again;
    if (job->seed % REPEAT != 0 || result->failed)
        return;
    sim_run(job, &again);
    if (again.digest == result->digest && again.packets == result->packets)
        return;
    result->failed = true;
    snprintf(result->rule, sizeof(result->rule), "the same seed gave another run");
    snprintf(result->text, sizeof(result->text), "%s", result->rule);
}

/* In the child: until something is found. */
static void work(const crew *c, unsigned k)
{
    const sim_plan *p = c->plan;
    share *s = &c->shares[k];
    sim_job job = {.scenario = p->scenario, .cut = p->cut};
    for (uint64_t seed = c->next[k]; p->seeds == 0 || seed - p->start < p->seeds; seed += p->jobs) {
        if (c->until != 0 && time(NULL) >= c->until)
            break;
        /* Nobody is left to be told. */
        if (getppid() != c->parent)
            _exit(0);
        s->seed = seed;
        job.seed = seed;
        sim_watch();
        if (!sim_run(&job, &s->result))
            _exit(2);
        repeat(&job, &s->result);
        count_run(&s->totals, &s->result);
        if (s->result.failed)
            _exit(0);
    }
    s->done = true;
}

static void start(crew *c, unsigned k)
{
    fflush(stdout);
    c->shares[k].done = false;
    memset(&c->shares[k].result, 0, sizeof(c->shares[k].result));
    pid_t pid = fork();
    if (pid < 0) {
        perror("rill-sim: fork");
        exit(2);
    }
    if (pid == 0) {
        signal(SIGALRM, SIG_DFL);
        work(c, k);
        _exit(0);
    }
    c->pids[k] = pid;
}

static void print_found(const sim_plan *p, sim_job *job, sim_result *result)
{
    char command[SIM_COMMAND];
    sim_job_command(job, command);
    printf("%sseed %" PRIu64 ": %s\n", p->mark, job->seed, result->text);
    printf("%s  commit: %s\n", p->mark, SIM_COMMIT);
    printf("%s  replay: rill-sim %s --trace\n", p->mark, command);
    fflush(stdout);
    if (!p->shrink)
        return;
    unsigned tries = sim_shrink(job, result);
    sim_job_command(job, command);
    printf("%s  smallest of %u: rill-sim %s --trace\n", p->mark, tries, command);
    printf("%s  there: %s\n", p->mark, result->text);
    fflush(stdout);
}

/* A worker has ended: with a find, or with its seeds. False: stop. */
static bool ended(crew *c, unsigned k, int status)
{
    share *s = &c->shares[k];
    const sim_plan *p = c->plan;
    c->pids[k] = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2 && !s->result.failed) {
        fprintf(stderr, "rill-sim: no scenario '%s'; --help lists them\n", p->scenario);
        exit(2);
    }
    if (status != 0)
        sim_result_of_crash(&s->result, status);
    if (!s->result.failed)
        return true;
    s->totals.violations++;
    sim_job job = {.scenario = p->scenario, .seed = s->seed, .cut = p->cut};
    print_found(p, &job, &s->result);
    if (!p->keep_going)
        return false;
    c->next[k] = s->seed + p->jobs;
    start(c, k);
    return true;
}

static unsigned find(const crew *c, pid_t pid)
{
    unsigned k = 0;
    while (k < c->plan->jobs && c->pids[k] != pid)
        k++;
    return k;
}

static void stop(crew *c)
{
    for (unsigned k = 0; k < c->plan->jobs; k++)
        if (c->pids[k] != 0) {
            kill(c->pids[k], SIGTERM);
            waitpid(c->pids[k], NULL, 0);
            c->pids[k] = 0;
        }
}

static void on_alarm(int number)
{
    (void)number;
}

static void sum(const crew *c, sim_totals *t)
{
    for (unsigned k = 0; k < c->plan->jobs; k++)
        add_totals(t, &c->shares[k].totals);
}

static void print_progress(const crew *c)
{
    sim_totals t = {0};
    sum(c, &t);
    printf("%s%4ld min: %" PRIu64 " seeds, %" PRIu64 " packets, %" PRIu64 " violations\n",
           c->plan->mark, (long)(time(NULL) - c->started) / 60, t.runs, t.packets, t.violations);
    fflush(stdout);
}

static void wait_for_all(crew *c)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, 0);
        if (pid < 0 && errno == EINTR) {
            print_progress(c);
            continue;
        }
        if (pid < 0)
            return;
        unsigned k = find(c, pid);
        if (k < c->plan->jobs && !ended(c, k, status)) {
            stop(c);
            return;
        }
    }
}

static void report_each_minute(bool on)
{
    struct itimerval every = {{REPORT_SECONDS, 0}, {REPORT_SECONDS, 0}};
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on ? on_alarm : SIG_DFL;
    if (!on)
        memset(&every, 0, sizeof(every));
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
}

bool sim_workers_run(const sim_plan *plan, sim_totals *totals)
{
    crew c = {.plan = plan, .started = time(NULL), .parent = getpid()};
    size_t size = plan->jobs * sizeof(share);
    if (plan->jobs == 0 || plan->jobs > MAX_JOBS) {
        fprintf(stderr, "rill-sim: 1 to %d jobs\n", MAX_JOBS);
        exit(2);
    }
    c.shares = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c.shares == MAP_FAILED) {
        perror("rill-sim: mmap");
        exit(2);
    }
    if (plan->hours > 0)
        c.until = c.started + (time_t)(plan->hours * 3600);
    report_each_minute(plan->progress);
    for (unsigned k = 0; k < plan->jobs; k++) {
        c.next[k] = plan->start + k;
        start(&c, k);
    }
    wait_for_all(&c);
    report_each_minute(false);
    sim_totals mine = {0};
    sum(&c, &mine);
    add_totals(totals, &mine);
    munmap(c.shares, size);
    return mine.violations == 0;
}

void sim_totals_print(const sim_totals *t, const char *mark)
{
    printf("%s%" PRIu64 " seeds, %" PRIu64 " packets (%" PRIu64 " fulfilled), %" PRIu64
           " violations\n",
           mark, t->runs, t->packets, t->fulfilled, t->violations);
}

void sim_coverage_print(const sim_totals *t, const char *mark)
{
    printf("%s%-20s %12s %14s\n", mark, "feature", "runs with it", "times");
    for (unsigned f = 0; f < SIM_FEATURE_COUNT; f++) {
        printf("%s%-20s %12" PRIu64, mark, sim_feature_name((sim_feature)f), t->on[f]);
        if (t->counts[f] != 0)
            printf(" %14" PRIu64, t->counts[f]);
        putchar('\n');
    }
}
