/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/flights.h"

void rill_flights_init(rill_flights *fs)
{
    *fs = (rill_flights){0};
    rill_list_init(&fs->out);
    rill_list_init(&fs->aside);
    rill_list_init(&fs->lost);
}

/* Only its expiry is waited for. */
static void set_aside(rill_flights *fs, rill_flight *f)
{
    rill_list *before = &fs->aside;
    while (before->prev != &fs->aside &&
           RILL_CONTAINER(before->prev, rill_flight, node)->expires_ns > f->expires_ns)
        before = before->prev;
    rill_list_remove(&f->node);
    rill_list_push_back(before, &f->node);
}

void rill_flights_overdue(rill_flights *fs, rill_flight *f)
{
    assert(!f->overdue && !f->in_doubt);
    f->overdue = true;
    fs->overdue_count++;
    set_aside(fs, f);
}

bool rill_flights_found(rill_flights *fs, rill_flight *f)
{
    if (!f->overdue)
        return false;
    assert(fs->overdue_count > 0);
    f->overdue = false;
    fs->overdue_count--;
    return true;
}

void rill_flights_doubt(rill_flights *fs, rill_flight *f)
{
    assert(!f->in_doubt);
    set_aside(fs, f);
    f->in_doubt = true;
    fs->doubt_count++;
}

void rill_flights_lost(rill_flights *fs, rill_flight *f)
{
    assert(f->in_doubt && fs->lost_count < fs->doubt_count);
    (void)rill_flights_found(fs, f); /* it is not late any more */
    rill_list_remove(&f->node);
    rill_list_push_back(&fs->lost, &f->node);
    fs->lost_count++;
}

void rill_flights_resolve(rill_flights *fs, rill_flight *f)
{
    assert(f->in_doubt && fs->count >= fs->doubt_count && fs->lost_count > 0);
    rill_list_remove(&f->node);
    fs->count--;
    fs->doubt_count--;
    fs->lost_count--;
}

uint64_t rill_flights_last_expiry(const rill_flights *fs)
{
    uint64_t at = 0;
    if (!rill_list_empty(&fs->out))
        at = RILL_CONTAINER(fs->out.prev, const rill_flight, node)->expires_ns;
    if (!rill_list_empty(&fs->aside)) {
        uint64_t aside = RILL_CONTAINER(fs->aside.prev, const rill_flight, node)->expires_ns;
        at = aside > at ? aside : at;
    }
    return at != 0 ? at : RILL_NEVER;
}
