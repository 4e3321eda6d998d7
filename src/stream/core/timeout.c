/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when nothing happens: packets without replies, idle connections, late closes. */
#include "base/muldiv.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/settle.h"

static void earliest(uint64_t *at, uint64_t other)
{
    if (other < *at)
        *at = other;
}

/* A timer that is later than this was not looked at. */
#define LATE RILL_SECOND
/*
 * A path may refuse all money for longer than either side waits for a sign of
 * life (T04), and let other packets pass: while somebody wants something, one
 * without money shows both that the other is there.
 */
static uint64_t alive_deadline(const rill_connection *c)
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
           rill_tell_urgent(c) || rill_probe_is_active(c);
}

/* A time after which something that waits to be sent may leave. is_free names all it looks at. */
static uint64_t send_deadline(const rill_connection *c, uint64_t now_ns)
{
    uint64_t at = RILL_NEVER;
    if (c->holdoffs.path.until > now_ns)
        return c->holdoffs.path.until;
    if (!rill_list_empty(&c->streams.with_money)) {
        uint64_t money = rill_money_not_before(c);
        if (money > now_ns)
            earliest(&at, money);
    }
    if (c->holdoffs.plain.until > now_ns &&
        (!rill_list_empty(&c->streams.with_data) || rill_tell_urgent(c)))
        earliest(&at, c->holdoffs.plain.until);
    if (rill_congestion_packets_not_before(c->path.congestion) > now_ns && wants_to_send(c))
        earliest(&at, rill_congestion_packets_not_before(c->path.congestion));
    if (rill_probe_is_active(c))
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
    uint64_t looks = c->patience.low_rate_since | c->patience.look_at | c->blocked.ask_at;
    return (held | looks) == 0 && rill_congestion_is_free(c->path.congestion) &&
           !rill_probe_is_active(c);
}

/* Of what is not free: something may leave, or is looked at again. */
RILL_NOINLINE static uint64_t held_deadline(const rill_connection *c, uint64_t now_ns)
{
    uint64_t at = send_deadline(c, now_ns);
    earliest(&at, rill_low_rate_deadline(c));
    if (c->patience.look_at != 0)
        earliest(&at, c->patience.look_at);
    return at;
}

/* When the oldest packet that is waited for is no longer. */
static uint64_t overdue_deadline(const rill_connection *c)
{
    if (rill_list_empty(&c->flights.out))
        return RILL_NEVER;
    return rill_add_sat(RILL_CONTAINER(c->flights.out.next, rill_flight, node)->sent_ns,
                        rill_congestion_patience(c->path.congestion));
}

static uint64_t deadline(const rill_connection *c, uint64_t now_ns)
{
    uint64_t at = RILL_NEVER;
    if (!rill_list_empty(&c->flights.out))
        earliest(&at, RILL_CONTAINER(c->flights.out.next, rill_flight, node)->expires_ns);
    if (!rill_list_empty(&c->flights.aside))
        earliest(&at, RILL_CONTAINER(c->flights.aside.next, rill_flight, node)->expires_ns);
    earliest(&at, c->undecided.deadline);
    if (c->state != RILL_STATE_OPEN) {
        earliest(&at, c->closing.deadline);
        if (c->state == RILL_STATE_CLOSING && c->closing.again_at > now_ns)
            earliest(&at, c->closing.again_at);
        return at;
    }
    if (c->in_vain)
        return now_ns;
    earliest(&at, overdue_deadline(c));
    if (!c->contact.connected) {
        earliest(&at, rill_contact_connect_deadline(&c->contact, c->options));
        earliest(&at, rill_contact_hello_deadline(&c->contact));
    }
    earliest(&at, rill_contact_idle_deadline(&c->contact, c->options));
    earliest(&at, alive_deadline(c));
    if (!is_free(c))
        earliest(&at, held_deadline(c, now_ns));
    return at;
}

/*
 * A timer that is too early is left alone: it fires, and is set anew; that is rarer than packets.
 * So is one whose time has come: what it was set for is still to be done.
 */
void rill_connection_rearm(rill_connection *c, uint64_t now_ns)
{
    uint64_t at = deadline(c, now_ns);
    rill_timer *t = &c->deadline.timer;
    if (t->index != 0 && (t->deadline <= now_ns || t->deadline <= at) &&
        t->deadline < RILL_NEVER - 1)
        return;
    /* Every connection has had a place in the heap since it was added to the endpoint. */
    int err = rill_heap_set(&c->endpoint->heap, t, at != RILL_NEVER ? at : RILL_NEVER - 1);
    (void)err;
}

/* A round trip ends without the reply: what it carried is sent again, but for money. */
static void note_overdue(rill_connection *c, uint64_t now_ns)
{
    while (c->state == RILL_STATE_OPEN && overdue_deadline(c) <= now_ns) {
        rill_flight *f = RILL_CONTAINER(c->flights.out.next, rill_flight, node);
        rill_congestion_refused(c->path.congestion, now_ns, f->sent_ns, rill_flight_value(f),
                                RILL_SIGNAL_LOST);
        rill_flight_overdue(c, f);
    }
}

static void expire_flights(rill_connection *c, rill_list *flights, uint64_t now_ns)
{
    while (!rill_list_empty(flights)) {
        rill_flight *f = RILL_CONTAINER(flights->next, rill_flight, node);
        if (f->expires_ns > now_ns)
            return;
        rill_flight_kind kind = f->kind;
        uint8_t volley = f->volley;
        uint64_t amount = f->amount;
        if (!f->in_doubt) {
            c->counts.packets_lost++;
            if (!f->overdue)
                rill_congestion_refused(c->path.congestion, now_ns, f->sent_ns,
                                        rill_flight_value(f), RILL_SIGNAL_LOST);
        }
        rill_flight_expire(c, f);
        rill_settle_now(c);
        if (kind == RILL_FLIGHT_PROBE)
            rill_probe_failed(c, now_ns, volley, amount, RILL_PROBE_ACCIDENT);
        else if (kind == RILL_FLIGHT_CLOSE)
            rill_connection_shut(c);
    }
}

/* A payment that was given more time than idleness is: that is its to use. */
static void spare_payments(rill_connection *c, uint64_t now_ns)
{
    for (rill_list *n = c->streams.all.next; c->streams.paying > 0 && n != &c->streams.all;
         n = n->next) {
        const rill_stream *s = RILL_CONTAINER(n, rill_stream, node);
        if (s->out.goal_set && s->out.goal_deadline != RILL_NEVER && s->out.goal_deadline > now_ns)
            rill_contact_spare(&c->contact, s->out.goal_deadline);
    }
}

static void open_deadlines(rill_connection *c, uint64_t now_ns)
{
    rill_contact *k = &c->contact;
    if (rill_contact_connect_deadline(k, c->options) <= now_ns) {
        rill_connection_fail(c, RILL_CLOSE_INTERNAL_ERROR, rill_contact_failure(k),
                             "the receiver did not answer in time");
        return;
    }
    if (rill_contact_idle_deadline(k, c->options) <= now_ns)
        spare_payments(c, now_ns);
    if (rill_contact_idle_deadline(k, c->options) <= now_ns) {
        rill_connection_fail(c, RILL_CLOSE_NO_ERROR, RILL_ERR_IDLE, "nothing came for too long");
        return;
    }
    if (rill_contact_hello_deadline(k) <= now_ns) {
        rill_connection_tell(c, RILL_TELL(HELLO), true);
        rill_contact_hello(k, now_ns);
    }
    if (alive_deadline(c) <= now_ns) {
        k->alive_at = now_ns;
        rill_connection_tell(c, RILL_TELL(HELLO), true);
    }
    if (c->in_vain)
        rill_money_give_up_vain(c);
    rill_patience_on_deadline(c, now_ns);
    rill_probe_on_deadline(c, now_ns);
    rill_blocked_on_deadline(c, now_ns);
    rill_connection_ready(c);
}

void rill_connection_on_deadline(rill_connection *c, rill_now now)
{
    uint64_t now_ns = now.mono_ns;
    rill_settle_check(c);
    if (rill_sub_sat(now_ns, c->deadline.timer.deadline) > LATE)
        rill_contact_look_around(&c->contact, c->options, now_ns);
    expire_flights(c, &c->flights.out, now_ns);
    expire_flights(c, &c->flights.aside, now_ns);
    note_overdue(c, now_ns);
    rill_undecided_expire(c, now_ns);
    rill_settle_now(c);
    if (c->state == RILL_STATE_OPEN)
        open_deadlines(c, now_ns);
    if (c->state == RILL_STATE_CLOSING && !c->closing.sent)
        rill_connection_ready(c);
    if (c->state == RILL_STATE_CLOSING)
        rill_connection_closing_on_deadline(c, now_ns);
    if (c->state == RILL_STATE_CLOSED && c->closing.deadline <= now_ns) {
        c->closing.forced = true;
        c->closing.deadline = RILL_NEVER;
        rill_connection_mark_all(c);
    }
    rill_settle(c, now_ns);
}

void rill_connection_connected(rill_connection *c)
{
    if (!c->server)
        rill_connection_notify(c, RILL_EVENT_CONNECTED);
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
    rill_congestion_neutral(c->path.congestion, rill_flight_value(f));
    if (sent && kind == RILL_FLIGHT_NORMAL && f->amount > 0) {
        c->counts.packets_lost++;
        rill_flight_doubt(c, f);
    } else {
        f->unsure = sent;
        rill_flight_lose(c, f);
    }
    rill_settle_now(c);
    /* A link that takes nothing, or answers nothing, is not asked again and again. */
    rill_holdoffs_path(&c->holdoffs, sent_ns, now.mono_ns);
    if (kind == RILL_FLIGHT_PROBE)
        rill_probe_failed(c, now.mono_ns, volley, amount, RILL_PROBE_ACCIDENT);
    else if (kind == RILL_FLIGHT_CLOSE)
        rill_connection_shut(c);
    rill_settle(c, now.mono_ns);
}
