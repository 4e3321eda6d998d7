/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700

#include "run.h"

#include "world.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS 0x20
#endif

/* Of one run, in seconds of processor time: many times what the longest takes. */
#define HANG_SECONDS 60

static const struct {
    const char *name;
    size_t offset;
} numbers[] = {
    {"clients", offsetof(sim_cut, clients)},
    {"connections", offsetof(sim_cut, connections)},
    {"hops", offsetof(sim_cut, hops)},
    {"actions", offsetof(sim_cut, actions)},
    {"streams", offsetof(sim_cut, streams)},
    {"amount", offsetof(sim_cut, amount)},
    {"data", offsetof(sim_cut, data)},
    {"duration", offsetof(sim_cut, duration_ms)},
    {"rogue-packets", offsetof(sim_cut, rogue_packets)},
};

const char *sim_cut_name(unsigned i)
{
    return i < sizeof(numbers) / sizeof(numbers[0]) ? numbers[i].name : NULL;
}

uint64_t *sim_cut_number(sim_cut *cut, unsigned i)
{
    return (uint64_t *)(void *)((char *)cut + numbers[i].offset);
}

static void hangs(int number)
{
    (void)number;
    _exit(SIM_HANGS);
}

void sim_watch(void)
{
    static const struct itimerval limit = {{0, 0}, {HANG_SECONDS, 0}};
    signal(SIGPROF, hangs);
    setitimer(ITIMER_PROF, &limit, NULL);
}

bool sim_run(const sim_job *job, sim_result *result)
{
    /* Too large for a stack of many. */
    sim_scenario *s = sim_allocate(sizeof(*s));
    sim_report report = {.trace = job->trace};
    memset(result, 0, sizeof(*result));
    if (!sim_scenario_make(s, job->scenario, job->seed)) {
        free(s);
        return false;
    }
    sim_scenario_cut(s, &job->cut);
    if (job->trace)
        printf("scenario %s\n", s->name);
    sim_world_run(s, job->seed, &report);
    result->failed = report.failed;
    if (report.failed) {
        snprintf(result->text, sizeof(result->text), "%s", report.text);
        snprintf(result->rule, sizeof(result->rule), "%s", report.rule);
    }
    result->digest = report.digest;
    result->packets = report.packets;
    result->fulfilled = report.fulfilled;
    result->units = report.units;
    for (unsigned f = 0; f < SIM_FEATURE_COUNT; f++)
        result->on[f] = sim_feature_on(s, (sim_feature)f);
    memcpy(result->counts, report.counts, sizeof(result->counts));
    free(s);
    return true;
}

void sim_result_of_crash(sim_result *result, int status)
{
    result->failed = true;
    if (WIFSIGNALED(status))
        snprintf(result->rule, sizeof(result->rule), "crashes: signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) == SIM_HANGS)
        snprintf(result->rule, sizeof(result->rule), "hangs inside the core");
    else
        snprintf(result->rule, sizeof(result->rule), "crashes: exit status %d",
                 WEXITSTATUS(status));
    snprintf(result->text, sizeof(result->text), "%s", result->rule);
}

void sim_run_apart(const sim_job *job, sim_result *result)
{
    sim_result *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("rill-sim: mmap");
        exit(2);
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        sim_watch();
        sim_run(job, shared);
        _exit(0);
    }
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0)
        ;
    *result = *shared;
    if (child < 0 || status != 0)
        sim_result_of_crash(result, status);
    munmap(shared, sizeof(*shared));
}

void sim_job_command(const sim_job *job, char *out)
{
    size_t n = 0;
    if (job->scenario != NULL)
        n += (size_t)snprintf(out + n, SIM_COMMAND - n, "--scenario %s ", job->scenario);
    n += (size_t)snprintf(out + n, SIM_COMMAND - n, "--seed %" PRIu64, job->seed);
    const char *before = " --without ";
    for (unsigned f = 0; f < SIM_FEATURE_COUNT && n < SIM_COMMAND - 100; f++)
        if (job->cut.without[f]) {
            n += (size_t)snprintf(out + n, SIM_COMMAND - n, "%s%s", before,
                                  sim_feature_name((sim_feature)f));
            before = ",";
        }
    sim_cut cut = job->cut;
    for (unsigned i = 0; sim_cut_name(i) != NULL && n < SIM_COMMAND - 100; i++)
        if (*sim_cut_number(&cut, i) != 0)
            n += (size_t)snprintf(out + n, SIM_COMMAND - n, " --%s %" PRIu64, sim_cut_name(i),
                                  *sim_cut_number(&cut, i));
}
