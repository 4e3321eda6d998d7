/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/time_left.h"

#include "base/muldiv.h"

void time_left_begin(time_left *t, uint64_t limit, uint64_t now)
{
    *t = (time_left){.until = limit == 0 ? UINT64_MAX : rill_add_sat(now, limit)};
}

void time_left_stop(time_left *t, uint64_t now)
{
    if (t->stopped == 0)
        t->stopped = now;
}

void time_left_go_on(time_left *t, uint64_t now)
{
    if (t->stopped != 0)
        t->until = rill_add_sat(t->until, now - t->stopped);
    t->stopped = 0;
}

bool time_left_get(const time_left *t, uint64_t now, uint64_t *left)
{
    bool some = t->until > now;
    *left = t->until == UINT64_MAX ? 0 : some ? t->until - now : 1;
    return some;
}
