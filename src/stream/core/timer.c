/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/timer.h"

#include <assert.h>

#include "base/muldiv.h"
#include "stream/core/contact.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/flights.h"
#include "stream/core/patience.h"
#include "stream/core/probe.h"
#include "stream/core/schedule_money.h"
#include "stream/core/tell.h"

static void earliest(uint64_t *at, uint64_t other)
{
    if (other < *at)
        *at = other;
}

/*
 * A path may refuse all money for longer than either side waits for a sign of
 * life (T04), and let other packets pass: while somebody wants something, one
 * without money shows both that the other is there.
 */
uint64_t rill_connection_alive_deadline(const rill_connection *c)
{
    bool wish = c->streams.paying > 0 || !rill_list_empty(&c->streams.with_money) ||
                !rill_list_empty(&c->streams.with_data) ||
                (c->options->keep_alive && !rill_list_empty(&c->streams.all));
    return wish && c->peer.address ? rill_contact_alive_deadline(&c->contact, c->options)
                                   : RILL_NEVER;
}

/* Something may wait for the congestion window to let it go. */
static bool wants_to_send(const rill_connection *c)
{
    return !rill_list_empty(&c->streams.with_money) || !rill_list_empty(&c->streams.with_data) ||
           rill_tell_urgent(c) || c->probing->active;
}

/* A time after which something that waits to be sent may leave. is_free names all it looks at. */
static uint64_t send_deadline(const rill_connection *c, uint64_t now_ns)
{
    uint64_t at = RILL_NEVER;
    if (c->holdoffs.path.until > now_ns) {
        at = c->holdoffs.path.until;
        if (c->probing->active) /* no longer than that, whatever the path does */
            earliest(&at, rill_probe_gives_up(c));
        return at;
    }
    if (!rill_list_empty(&c->streams.with_money)) {
        uint64_t money = rill_schedule_money_not_before(c);
        if (money > now_ns)
            earliest(&at, money);
    }
    if (c->holdoffs.plain.until > now_ns &&
        (!rill_list_empty(&c->streams.with_data) || rill_tell_urgent(c)))
        earliest(&at, c->holdoffs.plain.until);
    if (rill_congestion_packets_not_before(c->path->congestion) > now_ns && wants_to_send(c))
        earliest(&at, rill_congestion_packets_not_before(c->path->congestion));
    if (c->probing->active)
        earliest(&at, rill_probe_deadline(c, now_ns));
    if (c->blocked.ask_at != 0)
        earliest(&at, c->blocked.ask_at);
    return at;
}

/*
 * Nothing holds anything back, and nothing waits for a look at the rate or a maximum: the usual
 * case. Then there is no deadline for any of that, and none is looked for, packet after packet.
 */
static bool is_free(const rill_connection *c)
{
    uint64_t held = c->holdoffs.path.until | c->holdoffs.plain.until | c->holdoffs.refusals.until;
    uint64_t looks =
        c->path->patience.low_rate_since | c->path->patience.look_at | c->blocked.ask_at;
    return (held | looks) == 0 && rill_congestion_is_free(c->path->congestion) &&
           !c->probing->active;
}

/* Of what is not free: something may leave, or is looked at again. */
RILL_NOINLINE static uint64_t held_deadline(const rill_connection *c, uint64_t now_ns)
{
    uint64_t at = send_deadline(c, now_ns);
    earliest(&at, rill_patience_deadline(c));
    if (c->path->patience.look_at != 0)
        earliest(&at, c->path->patience.look_at);
    return at;
}

/* When the oldest packet that is waited for is no longer. */
uint64_t rill_connection_overdue_deadline(const rill_connection *c)
{
    const rill_flight *f = rill_flights_first(&c->path->flights.out);
    return f ? rill_add_sat(f->sent_ns, rill_congestion_patience(c->path->congestion)) : RILL_NEVER;
}

static uint64_t deadline(const rill_connection *c, uint64_t now_ns)
{
    uint64_t at = RILL_NEVER;
    const rill_flight *out = rill_flights_first(&c->path->flights.out);
    const rill_flight *aside = rill_flights_first(&c->path->flights.aside);
    if (out)
        earliest(&at, out->expires_ns);
    if (aside)
        earliest(&at, aside->expires_ns);
    earliest(&at, c->undecided->deadline);
    if (c->state != RILL_STATE_OPEN) {
        earliest(&at, c->closing.deadline);
        if (c->state == RILL_STATE_CLOSING && c->closing.again_at > now_ns)
            earliest(&at, c->closing.again_at);
        return at;
    }
    if (c->in_vain)
        return now_ns;
    earliest(&at, rill_connection_overdue_deadline(c));
    if (!c->contact.connected) {
        earliest(&at, rill_contact_connect_deadline(&c->contact, c->options));
        earliest(&at, rill_contact_hello_deadline(&c->contact));
    }
    earliest(&at, rill_contact_idle_deadline(&c->contact, c->options));
    earliest(&at, rill_connection_alive_deadline(c));
    if (!is_free(c))
        earliest(&at, held_deadline(c, now_ns));
    return at;
}

/*
 * A timer that is too early is left alone: it fires, and is set anew; that is rarer than packets.
 * So is one whose time has come: what it was set for is still to be done.
 */
static void set_timer(rill_connection *c, uint64_t now_ns)
{
    rill_timer *t = &c->deadline.timer;
    if (t->deadline <= now_ns || c->state == RILL_STATE_GONE)
        return;
    uint64_t at = deadline(c, now_ns);
    if (t->deadline <= at)
        return;
    assert(t->index != 0); /* it is in the heap from its beginning until its end is fetched */
    rill_heap_move(&c->endpoint->heap, t, at);
}

void rill_endpoint_set_timers(const rill_endpoint *e)
{
    for (rill_connection *c; (c = e->untimed) != NULL;) {
        assert(c->untimed && c->endpoint == e);
        c->endpoint->untimed = c->next_untimed;
        c->untimed = false;
        set_timer(c, e->untimed_ns);
    }
}
