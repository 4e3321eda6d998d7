/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/rate_feed.h"

#include <string.h>

#include "base/muldiv.h"

/* splitmix64: it only has to be different from node to node. */
static uint64_t next_random(rill_rate_feed *f)
{
    uint64_t z = f->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* From nine to eleven tenths of it, so that nodes that were started together do not ask together.
 */
static uint64_t about(rill_rate_feed *f, uint64_t wait)
{
    return wait - wait / 10 + next_random(f) % (wait / 5 + 1);
}

void rill_rate_feed_begin(rill_rate_feed *f, uint64_t refresh, uint64_t seed, uint64_t now)
{
    uint64_t ticket = f->ticket + 1; /* an answer to a question before is not waited for */
    *f = (rill_rate_feed){.refresh = refresh, .random = seed, .ticket = ticket};
    f->wait = RILL_FEED_FIRST_WAIT;
    f->due = refresh == 0 ? RILL_NEVER : now;
}

void rill_rate_feed_change(rill_rate_feed *f, uint64_t refresh, uint64_t now)
{
    f->refresh = refresh;
    if (f->due != RILL_NEVER)
        f->due = now;
}

bool rill_rate_feed_ask(rill_rate_feed *f, uint64_t now)
{
    if (now < f->due)
        return false;
    f->due = RILL_NEVER;
    f->asked_at = now;
    f->ticket++;
    return true;
}

bool rill_rate_feed_expects(const rill_rate_feed *f, uint64_t ticket)
{
    return f->refresh != 0 && f->due == RILL_NEVER && f->ticket == ticket;
}

static void say(rill_rate_feed *f, const char *problem, uint64_t wall_ms)
{
    size_t len = strlen(problem);
    if (len >= sizeof f->problem)
        len = sizeof f->problem - 1;
    for (size_t i = 0; i < len; i++)
        f->problem[i] = (char)(problem[i] >= 0x20 && problem[i] < 0x7f ? problem[i] : '?');
    f->problem[len] = '\0';
    f->problem_ms = wall_ms;
}

void rill_rate_feed_taken(rill_rate_feed *f, const char *problem, rill_now now)
{
    f->taken++;
    f->good_at = f->asked_at;
    f->wait = RILL_FEED_FIRST_WAIT;
    f->due = rill_add_sat(now.mono_ns, about(f, f->refresh));
    say(f, problem == NULL ? "" : problem, now.wall_ms);
}

void rill_rate_feed_failed(rill_rate_feed *f, const char *problem, rill_now now)
{
    uint64_t wait = f->wait < f->refresh ? f->wait : f->refresh;
    f->failed++;
    f->wait = wait * 2;
    f->due = rill_add_sat(now.mono_ns, about(f, wait));
    say(f, problem, now.wall_ms);
}
