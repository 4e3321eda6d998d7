/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when nothing happens: packets without replies, idle connections, late closes. */
#include "stream/core/timeout.h"

#include <assert.h>

#include "base/muldiv.h"
#include "stream/core/close.h"
#include "stream/core/connection_internal.h"
#include "stream/core/contact.h"
#include "stream/core/flight.h"
#include "stream/core/holdoffs.h"
#include "stream/core/marks.h"
#include "stream/core/outcome.h"
#include "stream/core/patience.h"
#include "stream/core/probe.h"
#include "stream/core/queues.h"
#include "stream/core/schedule_amount.h"
#include "stream/core/schedule_data.h"
#include "stream/core/settle.h"
#include "stream/core/stream.h"
#include "stream/core/timer.h"
#include "stream/core/undecided.h"

/* A timer that is later than this was not looked at. */
#define LATE RILL_SECOND
/* A round trip ends without the reply: what it carried is sent again, but for money. */
static void note_overdue(rill_connection *c, uint64_t now_ns)
{
    while (c->state == RILL_STATE_OPEN && rill_connection_overdue_deadline(c) <= now_ns) {
        rill_flight *f = RILL_CONTAINER(c->path->flights.out.next, rill_flight, node);
        rill_congestion_refused(c->path->congestion, now_ns, f->sent_ns, rill_flight_value(f),
                                RILL_SIGNAL_LOST);
        rill_flight_overdue(c, f, now_ns);
    }
}

static void expire_flights(rill_connection *c, rill_list *flights, uint64_t now_ns)
{
    while (!rill_list_empty(flights)) {
        rill_flight *f = RILL_CONTAINER(flights->next, rill_flight, node);
        assert(f->connection == c);
        if (f->expires_ns > now_ns)
            return;
        rill_flight_kind kind = f->kind;
        uint8_t volley = f->volley;
        uint64_t amount = f->amount;
        if (!f->in_doubt) {
            c->counts.packets_lost++;
            if (!f->overdue)
                rill_congestion_refused(c->path->congestion, now_ns, f->sent_ns,
                                        rill_flight_value(f), RILL_SIGNAL_LOST);
        }
        rill_flight_expire(c, f, now_ns);
        rill_settle_now(c, now_ns);
        if (kind == RILL_FLIGHT_PROBE)
            rill_probe_failed(c, now_ns, volley, amount, RILL_PROBE_ACCIDENT);
        else if (kind == RILL_FLIGHT_CLOSE)
            rill_connection_shut(c, now_ns);
    }
}

/* A payment that was given more time than idleness is: that is its to use. */
static void spare_payments(rill_connection *c, uint64_t now_ns)
{
    for (rill_list *n = c->streams.all.next; c->streams.paying > 0 && n != &c->streams.all;
         n = n->next) {
        const rill_stream *s = RILL_CONTAINER(n, rill_stream, node);
        if (s->out->goal_set && s->out->goal_deadline != RILL_NEVER &&
            s->out->goal_deadline > now_ns)
            rill_contact_spare(&c->contact, s->out->goal_deadline);
    }
}

static void open_deadlines(rill_connection *c, uint64_t now_ns)
{
    rill_contact *k = &c->contact;
    if (rill_contact_connect_deadline(k, c->options) <= now_ns) {
        rill_connection_fail(c, RILL_CLOSE_INTERNAL_ERROR, rill_contact_failure(k),
                             "the receiver did not answer in time", now_ns);
        return;
    }
    if (rill_contact_idle_deadline(k, c->options) <= now_ns)
        spare_payments(c, now_ns);
    if (rill_contact_idle_deadline(k, c->options) <= now_ns) {
        rill_connection_fail(c, RILL_CLOSE_NO_ERROR, RILL_ERR_IDLE, "nothing came for too long",
                             now_ns);
        return;
    }
    if (rill_contact_hello_deadline(k) <= now_ns) {
        rill_connection_tell(c, RILL_TELL(HELLO), true);
        rill_contact_hello(k, now_ns);
    }
    if (rill_connection_alive_deadline(c) <= now_ns) {
        k->alive_at = now_ns;
        rill_connection_tell(c, RILL_TELL(HELLO), true);
    }
    if (c->in_vain)
        rill_amount_give_up_vain(c);
    rill_patience_on_deadline(c, now_ns);
    rill_probe_on_deadline(c, now_ns);
    rill_blocked_on_deadline(c, now_ns);
    rill_connection_ready(c);
}

void rill_connection_on_deadline(rill_connection *c, rill_now now, uint64_t due_ns)
{
    uint64_t now_ns = now.mono_ns;
    rill_settle_check(c);
    if (rill_sub_sat(now_ns, due_ns) > LATE)
        rill_contact_look_around(&c->contact, c->options, now_ns);
    expire_flights(c, &c->path->flights.out, now_ns);
    expire_flights(c, &c->path->flights.aside, now_ns);
    note_overdue(c, now_ns);
    rill_probe_tell(c);
    rill_undecided_expire(c, now_ns);
    rill_settle_now(c, now_ns);
    if (c->state == RILL_STATE_OPEN)
        open_deadlines(c, now_ns);
    if (c->state == RILL_STATE_CLOSING && !c->closing.sent)
        rill_connection_ready(c);
    if (c->state == RILL_STATE_CLOSING)
        rill_connection_closing_on_deadline(c, now_ns);
    if (c->state == RILL_STATE_CLOSED && c->closing.deadline <= now_ns) {
        rill_closing_force(&c->closing);
        rill_connection_mark_all(c);
    }
    rill_settle(c, now_ns);
}

void rill_connection_unanswered(rill_connection *c, rill_now now, rill_flight *f, bool sent)
{
    rill_flight_kind kind = f->kind;
    uint64_t sent_ns = f->sent_ns;
    uint8_t volley = f->volley;
    uint64_t amount = f->amount;
    if (f->in_doubt)
        return;
    rill_flight_found(c, f);
    rill_holdoffs_plain(&c->holdoffs, f->amount, f->sent_ns, now.mono_ns);
    rill_congestion_neutral(c->path->congestion, rill_flight_value(f));
    if (sent && kind == RILL_FLIGHT_NORMAL && f->amount > 0) {
        c->counts.packets_lost++;
        rill_flight_doubt(c, f, now.mono_ns);
    } else {
        f->unsure = sent;
        rill_flight_lose(c, f, now.mono_ns);
    }
    rill_settle_now(c, now.mono_ns);
    /* A link that takes nothing, or answers nothing, is not asked again and again. */
    rill_holdoffs_path(&c->holdoffs, sent_ns, now.mono_ns);
    if (kind == RILL_FLIGHT_PROBE)
        rill_probe_failed(c, now.mono_ns, volley, amount, RILL_PROBE_ACCIDENT);
    else if (kind == RILL_FLIGHT_CLOSE)
        rill_connection_shut(c, now.mono_ns);
    rill_settle(c, now.mono_ns);
}

void rill_stream_on_deadline(rill_stream *s, uint64_t now_ns)
{
    rill_settle_check(s->connection);
    rill_stream_expire(s, now_ns);
    rill_settle(s->connection, now_ns);
}
