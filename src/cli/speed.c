/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/speed.h"

#include "base/muldiv.h"

#define STEP (RILL_SECOND / 4)

void cli_speed_note(cli_speed *s, uint64_t now, uint64_t value)
{
    unsigned last = (s->next + CLI_SPEED_SAMPLES - 1) % CLI_SPEED_SAMPLES;
    if (s->count > 0 && now - s->at[last] < STEP)
        return;
    s->at[s->next] = now;
    s->value[s->next] = value;
    s->next = (s->next + 1) % CLI_SPEED_SAMPLES;
    if (s->count < CLI_SPEED_SAMPLES)
        s->count++;
}

/* How much came in which time since the oldest sample. */
static bool window(const cli_speed *s, uint64_t now, uint64_t value, uint64_t *grown,
                   uint64_t *time)
{
    if (s->count == 0)
        return false;
    unsigned oldest = (s->next + CLI_SPEED_SAMPLES - s->count) % CLI_SPEED_SAMPLES;
    *grown = value - s->value[oldest];
    *time = now - s->at[oldest];
    return *time >= STEP;
}

bool cli_speed_per_second(const cli_speed *s, uint64_t now, uint64_t value, uint64_t *out)
{
    uint64_t grown;
    uint64_t time;
    if (!window(s, now, value, &grown, &time))
        return false;
    *out = rill_mul_div_floor_sat(grown, RILL_SECOND, time);
    return true;
}

bool cli_speed_left(const cli_speed *s, uint64_t now, uint64_t value, uint64_t remaining,
                    uint64_t *out)
{
    uint64_t grown;
    uint64_t time;
    if (!window(s, now, value, &grown, &time) || grown == 0)
        return false;
    uint64_t left = rill_mul_div_ceil_sat(time, remaining, grown);
    *out = left / RILL_SECOND + (left % RILL_SECOND != 0);
    return true;
}
