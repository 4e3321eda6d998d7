/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700

#include "shrink.h"

#include <string.h>
#include <time.h>

/* Where it stops, whatever it has. */
#define MAX_TRIES   1500U
#define MAX_SECONDS 90

typedef struct shrinking {
    sim_job *job;
    sim_result *result;
    unsigned tries;
    time_t until;
} shrinking;

/* Keeps the smaller job if it breaks the same rule. */
static bool try(shrinking *s, const sim_cut *cut)
{
    if (s->tries >= MAX_TRIES || time(NULL) >= s->until)
        return false;
    sim_job smaller = *s->job;
    sim_result result;
    smaller.cut = *cut;
    s->tries++;
    sim_run_apart(&smaller, &result);
    if (!result.failed || strcmp(result.rule, s->result->rule) != 0)
        return false;
    *s->job = smaller;
    *s->result = result;
    return true;
}

/* Which features are left; after a crash the run cannot say, and all may be. */
static unsigned left(const shrinking *s, sim_feature out[SIM_FEATURE_COUNT])
{
    bool known = false;
    unsigned count = 0;
    for (unsigned f = 0; f < SIM_FEATURE_COUNT; f++)
        known = known || s->result->on[f];
    for (unsigned f = 0; f < SIM_FEATURE_COUNT; f++)
        if (!s->job->cut.without[f] && (s->result->on[f] || !known))
            out[count++] = (sim_feature)f;
    return count;
}

/* First all of them, then halves, quarters, at last each alone. */
static bool take_features(shrinking *s)
{
    bool smaller = false;
    sim_feature on[SIM_FEATURE_COUNT];
    unsigned count = left(s, on);
    for (unsigned part = count; part > 0; part = part == 1 ? 0 : (part + 1) / 2) {
        count = left(s, on);
        for (unsigned from = 0; from < count; from += part) {
            sim_cut cut = s->job->cut;
            for (unsigned i = from; i < count && i < from + part; i++)
                cut.without[on[i]] = true;
            smaller = try(s, &cut) || smaller;
        }
    }
    return smaller;
}

/* As small as it goes: by bisection, though a smaller number need not be a smaller run. */
static bool lower_number(shrinking *s, unsigned i)
{
    static const uint64_t largest[] = {3, 2, 4, 60, 12, 2000000, 200000, 20000, 200};
    uint64_t now = *sim_cut_number(&s->job->cut, i);
    uint64_t high = now == 0 ? largest[i] : now;
    uint64_t low = 0; /* does not fail, or is not a number of this kind */
    bool smaller = false;
    while (high - low > 1) {
        sim_cut cut = s->job->cut;
        uint64_t middle = low == 0 && high > 8 ? high / 8 : low + (high - low) / 2;
        *sim_cut_number(&cut, i) = middle;
        if (try(s, &cut)) {
            high = middle;
            smaller = true;
        } else {
            low = middle;
        }
        if (high - low <= high / 16)
            break;
    }
    return smaller;
}

/* What made no difference is not said. */
static void tidy(shrinking *s)
{
    for (unsigned i = 0; sim_cut_name(i) != NULL; i++) {
        sim_job larger = *s->job;
        sim_result result;
        if (*sim_cut_number(&larger.cut, i) == 0)
            continue;
        *sim_cut_number(&larger.cut, i) = 0;
        s->tries++;
        sim_run_apart(&larger, &result);
        if (result.failed && result.digest == s->result->digest &&
            strcmp(result.text, s->result->text) == 0)
            *s->job = larger;
    }
}

unsigned sim_shrink(sim_job *job, sim_result *result)
{
    shrinking s = {.job = job, .result = result, .until = time(NULL) + MAX_SECONDS};
    bool smaller = true;
    for (unsigned round = 0; smaller && round < 6; round++) {
        smaller = take_features(&s);
        for (unsigned i = 0; sim_cut_name(i) != NULL; i++)
            smaller = lower_number(&s, i) || smaller;
    }
    tidy(&s);
    return s.tries;
}
