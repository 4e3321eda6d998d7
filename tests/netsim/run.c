/* SPDX-License-Identifier: Apache-2.0 */
/* A whole run: what there is, what happens, and then nothing, until all of it can be judged. */
#include "parts.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "sim/randomness.h"
#include "support/crash_vfs.h"

/* No faults any more, and nobody plays tricks. */
#define CALM_AT (30 * RILL_SECOND)
/* Most settlements are begun later. */
#define ENGINES_CALM_AT (70 * RILL_SECOND)
/* All payments are over by then. */
#define OVER_BY (400 * RILL_SECOND)
/* What is held when they are over is over after so long: a packet's lifetime, and what clocks were
 * set back. */
#define REST (100 * RILL_SECOND)

static void calms(void *context, uint64_t argument)
{
    net *n = context;
    (void)argument;
    n->calm = true;
    for (unsigned i = 0; i < n->node_count; i++)
        n->nodes[i].kill_at_booking = n->nodes[i].kill_at_keeping = 0;
    for (unsigned i = 0; i < n->node_count; i++) {
        if (net_node_can_reload(&n->nodes[i]))
            net_members_restore(&n->nodes[i]);
    }
    sim_trace(&n->report, "no faults any more");
}

static void calms_engines(void *context, uint64_t argument)
{
    net *n = context;
    (void)argument;
    n->engines_calm = true;
    sim_trace(&n->report, "engines are honest from now on");
}

static void begin(net *n)
{
    for (unsigned i = 0; i < n->node_count; i++)
        net_node_begin(&n->nodes[i]);
    for (unsigned i = 0; i < n->node_count; i++)
        net_joiners_begin(&n->nodes[i]);
    for (unsigned i = 0; i < n->program_count; i++)
        net_program_begin(&n->programs[i]);
    net_plan_faults(n);
    sim_queue_put(&n->queue, CALM_AT, calms, n, 0, NULL);
    sim_queue_put(&n->queue, ENGINES_CALM_AT, calms_engines, n, 0, NULL);
}

static void run_until(net *n, uint64_t time, bool over)
{
    while (!n->report.failed && sim_queue_next(&n->queue) <= time &&
           !(over && n->calm && net_programs_over(n)))
        sim_queue_step(&n->queue);
}

/* What nodes tell each other of routes is not under way, either. */
static bool all_is_still(const net *n)
{
    for (unsigned i = 0; i < n->node_count; i++) {
        const net_node *node = &n->nodes[i];
        if (!node->running || rill_hub_open(rill_core_hub(node->core)) > 0 ||
            !rill_core_is_kept(node->core))
            return false;
    }
    return net_settle_is_over(n) && net_joiners_are_there(n);
}

static void wait_for_rest(net *n, uint64_t until)
{
    while (!n->report.failed && !all_is_still(n) && sim_queue_next(&n->queue) < until)
        sim_queue_step(&n->queue);
}

static void clear(net *n)
{
    net_limits_free(n);
    for (unsigned i = 0; i < n->node_count; i++) {
        net_node_free(&n->nodes[i]);
        net_log_free(&n->nodes[i]);
    }
    for (unsigned i = 0; i < n->program_count; i++)
        net_program_free(&n->programs[i]);
    sim_queue_free(&n->queue);
    for (unsigned i = 0; i < n->way_count; i++) {
        while (n->ways[i].conns != NULL) {
            net_conn *c = n->ways[i].conns;
            n->ways[i].conns = c->next;
            free(c);
        }
    }
    while (!rill_list_empty(&n->done))
        free(RILL_CONTAINER(rill_list_pop_front(&n->done), net_flight, link));
    for (size_t i = 0; i < n->prepare_count; i++)
        free(n->prepares[i]);
    free(n->prepares);
    net_settle_free(n);
    rill_crypto_free(n->crypto);
}

bool net_run(net *n, uint64_t seed, bool trace)
{
    const net_counts counts = n->counts;
    memset(n, 0, sizeof *n);
    n->counts = counts;
    n->counts.seeds++;
    n->seed = seed;
    n->report.trace = trace;
    n->report.now = &n->queue.now;
    sim_queue_init(&n->queue);
    sim_rng_seed(&n->plan, seed, 1);
    sim_rng_seed(&n->rng, seed, 2);
    sim_randomness_seed(seed);
    crash_vfs_register();
    crash_vfs_reset();
    n->crypto = rill_crypto_new(rill_allocator_default());
    if (n->crypto == NULL)
        abort();
    rill_list_init(&n->done);
    net_draw(n);
    net_patience_draw(n);
    begin(n);
    run_until(n, OVER_BY, true);
    if (!n->report.failed && !net_programs_over(n))
        sim_violation(&n->report, "a payment has no end");
    uint64_t rest = net_now(n) + REST;
    run_until(n, rest, false);
    wait_for_rest(n, rest + REST);
    if (!n->report.failed)
        run_until(n, net_probes_begin(n), false);
    wait_for_rest(n, net_now(n) + REST);
    if (!n->report.failed)
        net_probes_judge(n);
    if (!n->report.failed)
        net_judge(n);
    clear(n);
    return !n->report.failed;
}
