/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Money whose reply never came, after its packet has expired. It may have
 * arrived all the same, and only the receiver knows: the total that it tells
 * with StreamMaxMoney (RFC 29 section 5.3.9) decides. Until then the money
 * stays held and in doubt, as a record of its flight that never expires; where
 * the receiver does not tell, it stays in doubt for good.
 *
 * A total can be compared with what is known to have been delivered only where
 * nothing else is under way. So a stream sends no money while it asks, and what
 * counts is the reply to a packet that left after all else was settled, and
 * after the expiry of what is asked about: nobody can take that any more.
 *
 * A total says nothing of what another receiver took. A server that is started
 * again, or that forgets while its client sleeps, takes a client's next first
 * packet for the beginning of a connection, whatever became of those before it.
 * So what left before any answer had come counts as sent where the total says so,
 * and never as unsent.
 */
#include "stream/core/doubt.h"

#include <assert.h>

#include "base/muldiv.h"
#include "stream/core/contact.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/flight.h"
#include "stream/core/flights.h"
#include "stream/core/marks.h"
#include "stream/core/queues.h"
#include "stream/path/lost.h"

/* The place of s in the flight, or its number of places. */
static unsigned part_of(const rill_flight *f, const rill_stream *s)
{
    unsigned i = 0;
    while (i < f->money_count && f->money[i].stream != s)
        i++;
    return i;
}

/* Who looks through all that a stream has lost. */
typedef struct lost_walk {
    rill_stream *stream;
    rill_list *next;
    rill_flight *flight;
    unsigned part;
} lost_walk;

static lost_walk lost_of(rill_stream *s)
{
    return (lost_walk){.stream = s, .next = s->connection->path->flights.lost.next};
}

/* The part found may be taken before the next is asked for. */
static bool next_lost(lost_walk *w)
{
    while (w->next != &w->stream->connection->path->flights.lost) {
        w->flight = RILL_CONTAINER(w->next, rill_flight, node);
        w->next = w->next->next;
        w->part = part_of(w->flight, w->stream);
        if (w->part < w->flight->money_count)
            return true;
    }
    return false;
}

/*
 * What is known of it now counts for the tallies. What is not, or was divided
 * among streams nobody knows how, may have lost as much as it could.
 */
static void count_lost(rill_stream *s, const rill_flight *f, unsigned part, bool known)
{
    rill_connection *c = s->connection;
    if (!known || f->era != rill_rate_era(&c->path->rate))
        return;
    rill_tally_release(&s->out->tally, f->money[part].held);
    if (!f->shared)
        rill_tally_release(&c->path->tally, f->held);
}

static void count_arrived(rill_stream *s, uint64_t sent, uint64_t arrived)
{
    const rill_i128 nothing = rill_wide_signed(rill_wide(0)); /* of it is held any more */
    rill_connection *c = s->connection;
    if (s->out->tally.era != rill_rate_era(&c->path->rate) ||
        c->path->tally.era != rill_rate_era(&c->path->rate))
        return;
    (void)rill_tally_commit(&s->out->tally, nothing, sent, arrived);
    (void)rill_tally_commit(&c->path->tally, nothing, sent, arrived);
}

/* Out of the flight, which ends with the last of its parts. */
static void take(rill_connection *c, rill_flight *f, unsigned part)
{
    rill_stream *s = f->money[part].stream;
    assert(s->references > 0 && f->money[part].amount <= f->amount);
    s->references--;
    f->amount -= f->money[part].amount;
    f->money_count--;
    for (unsigned i = part; i < f->money_count; i++)
        f->money[i] = f->money[i + 1];
    if (f->money_count > 0)
        return;
    assert(f->amount == 0); /* all its parts are known */
    rill_flights_resolve(&c->path->flights, f);
    rill_flight_close(c->endpoint->flights, f);
}

/* Ends the asking. Of all that was lost, sent and unsent are known now; the rest stays in doubt. */
static void take_all(rill_stream *s, uint64_t sent, uint64_t unsent, uint64_t arrived)
{
    rill_connection *c = s->connection;
    uint64_t lost = s->out->money.lost;
    uint64_t found = 0; /* in the flights that are lost: the same */
    rill_money_word word = {.sent = sent, .unsent = unsent, .delivered = arrived};
    assert(sent <= lost && unsent <= lost - sent); /* nothing is known of what was not lost */
    /* A unit that was taken for another's is no stream's to use. */
    bool exact = s->out->drift.over == 0 && s->out->drift.under == 0;
    bool known = lost == sent + unsent && (sent == 0 || exact);
    if (known)
        count_arrived(s, sent, arrived);
    for (lost_walk w = lost_of(s); next_lost(&w);) {
        found += w.flight->money[w.part].amount;
        word.expected += w.flight->money[w.part].expected;
        count_lost(s, w.flight, w.part, known);
        take(c, w.flight, w.part);
    }
    assert(found == lost); /* each of them has a flight that says so */
    rill_money_resolve(&s->out->money, &c->path->money, &word);
    if (s->out->doubt == RILL_DOUBT_LOST)
        s->out->told_from = c->numbers.next;
    s->out->doubt = RILL_DOUBT_NONE;
    if (sent == 0)
        return;
    s->event_out = rill_add_sat(s->event_out, sent);
    rill_stream_notify(s, RILL_EVENT_OUTGOING_MONEY);
}

void rill_doubt_abandon(rill_stream *s)
{
    take_all(s, 0, 0, 0);
}

static void settled(rill_stream *s)
{
    rill_stream_mark(s, RILL_MARK_MONEY);
    rill_connection_ready(s->connection);
}

/* ---- asking ---- */

void rill_doubt_ask(rill_stream *s)
{
    rill_connection *c = s->connection;
    if (s->out->doubt != RILL_DOUBT_LOST || s->out->money.away > 0 || s->out->money.late > 0)
        return;
    assert(s->out->money.lost > 0 && rill_money_open(&s->out->money) == s->out->money.lost);
    s->out->told_from = c->numbers.next;
    s->out->doubt = RILL_DOUBT_ASKED;
    rill_stream_tell(s, RILL_TELL(MONEY_BLOCKED), true);
}

void rill_doubt_lost(rill_connection *c, rill_flight *f)
{
    rill_flights_lost(&c->path->flights, f);
    f->shared = f->money_count > 1;
    for (unsigned i = 0; i < f->money_count; i++) {
        rill_stream *s = f->money[i].stream;
        rill_money_expire(&s->out->money, f->money[i].amount);
        s->out->doubt = RILL_DOUBT_LOST;
        settled(s);
    }
}

/* ---- the answer ---- */

/* All that a stream has lost. */
typedef struct lost_sums {
    rill_lost parts;
    uint64_t brings; /* at the rate that is known, where all of it arrived */
    uint64_t dust;   /* our units: parts that bring nothing */
    uint64_t first;  /* our units: whoever took them may be another than who tells the total */
} lost_sums;

/*
 * What a part brings where it arrives, at the rate that is known, or at the
 * minimum where none is: where it was better, more counts as sent than was.
 * Each hop rounds down, and where streams share a packet its receiver does too,
 * and gives the rest to one of them. At a rate of one there is nothing to
 * round, unless packets have shown that there is; and a whole packet of the size
 * that the rate was measured with brings what that did.
 */
static void add_part(lost_sums *all, const rill_rate *rate, const rill_flight *f, uint64_t amount)
{
    uint64_t brings = rill_rate_delivers(rate, amount);
    bool known = rate->latest.num != 0;
    /* What a measured rate was rounded by counts again in each packet that is larger. */
    uint64_t over = (known ? amount / rate->latest.den : 0) + (f->shared ? RILL_FLIGHT_MONEY : 0);
    uint64_t loss = rate->loss > rate->missing ? rate->loss : rate->missing;
    /* A connector may have added to one packet what it does not to others. */
    bool sure = rate->before.num == 0;
    uint64_t least = rill_sub_sat(sure ? brings : rill_ratio_floor(rate->before, amount), loss);
    uint64_t most = rill_add_sat(brings, rill_add_sat(over, 1));
    bool even = rate->latest.num == rate->latest.den && loss == 1;
    if (known && sure && (even || (!f->shared && amount == rate->latest.den)))
        least = most = brings;
    if (!f->shared && least < f->minimum && f->minimum <= most)
        least = f->minimum;
    rill_lost_add(&all->parts, amount, least, most);
    all->brings = rill_add_sat(all->brings, brings);
    all->dust += brings == 0 ? amount : 0;
    all->first += f->first ? amount : 0;
}

/*
 * before: what counts as delivered without what was lost; total: what the other side has received
 * in all. False: that tells nothing.
 */
static bool divide(rill_stream *s, uint64_t before, uint64_t total, uint64_t now_ns)
{
    const rill_drift *drift = &s->out->drift;
    rill_arrived arrived = {.least = rill_sub_sat(total, rill_add_sat(before, drift->under)),
                            .most = rill_sub_sat(rill_add_sat(total, drift->over), before)};
    rill_connection *c = s->connection;
    lost_sums all = {0};
    uint64_t least, most;
    for (lost_walk w = lost_of(s); next_lost(&w);)
        add_part(&all, &c->path->rate, w.flight, w.flight->money[w.part].amount);
    if (arrived.least >= all.brings && arrived.least > 0) {
        least = all.parts.amount - all.dust;
        most = all.parts.amount;
    } else if (!rill_lost_bounds(&all.parts, arrived, &least, &most)) {
        return false; /* by another rate than is known */
    }
    assert(least <= most && most <= all.parts.amount); /* bounds of what was lost */
    uint64_t here = all.parts.amount - all.first;      /* of which at most that has arrived */
    uint64_t guess = most == 0 ? 0 : rill_sub_sat(total, before); /* one of what may have arrived */
    take_all(s, least, rill_sub_sat(here, most), guess);
    if (least > 0 || guess > 0) /* what is known to have been lost is no progress */
        s->progress_ns = now_ns;
    return true;
}

/*
 * The total is not what we believe to have been delivered where packets of several streams were
 * divided otherwise, and where connectors refused what the receiver had taken: what counts is how
 * much it has risen. Less than was told before is the word of who has forgotten.
 */
static void note_total(rill_stream *s, uint64_t total)
{
    bool vague = total < s->theirs.received;
    if (s->out->vague != vague) /* never of one that has sent nothing */
        s->out->vague = vague;
    s->theirs.offset = total - s->out->money.delivered;
}

/* Told in answer to a packet that left when all else was settled: it leaves nothing to guess. */
static void note_exact(rill_stream *s, uint64_t total)
{
    note_total(s, total);
    s->out->drift = (rill_drift){0, 0};
}

/*
 * Told at any other time it may be older than what arrived last. It is right where it is no less
 * than what had been delivered; where that is a guess, more may have been, as before.
 */
static void note_risen(rill_stream *s, uint64_t before, uint64_t total)
{
    rill_drift *drift = &s->out->drift;
    note_total(s, total);
    if (drift->over != 0 || drift->under != 0) /* it has sent something */
        *drift = (rill_drift){.under = rill_sub_sat(drift->under, total - before)};
}

void rill_doubt_told(rill_stream *s, uint64_t total, uint64_t sequence, uint64_t now_ns)
{
    const rill_money_out *out = s->out;
    uint64_t before = out->money.delivered + s->theirs.offset;
    bool grown = total >= s->theirs.received;
    if (sequence < out->told_from)
        return;
    if (out->doubt == RILL_DOUBT_NONE) {
        /* One that is less may have been told before the last but one had arrived. */
        if (rill_money_open(&out->money) == 0 && grown && total >= before)
            note_risen(s, before, total);
        return;
    }
    if (out->doubt < RILL_DOUBT_ASKED)
        return;
    /* What arrived at another rate than is known does not say what did not. */
    bool risen = grown && rill_add_sat(total, out->drift.over) >= before;
    if (out->vague || !risen || !divide(s, before, total, now_ns))
        rill_doubt_abandon(s);
    note_exact(s, total);
    settled(s);
}

void rill_doubt_acknowledged(rill_stream *s, uint64_t sequence)
{
    if (s->out->doubt != RILL_DOUBT_ASKED)
        return;
    if (sequence < s->out->told_from) {
        rill_stream_tell(s, RILL_TELL(MONEY_BLOCKED), true);
        return;
    }
    s->out->doubt = RILL_DOUBT_ANSWERED;
    s->connection->doubt_answered = true;
}

void rill_doubt_review(rill_connection *c)
{
    if (!c->doubt_answered)
        return;
    c->doubt_answered = false;
    for (rill_list *n = c->path->flights.lost.next; n != &c->path->flights.lost;) {
        const rill_flight *f = RILL_CONTAINER(n, rill_flight, node);
        rill_stream *silent = NULL;
        for (unsigned i = 0; i < f->money_count; i++)
            if (f->money[i].stream->out->doubt == RILL_DOUBT_ANSWERED)
                silent = f->money[i].stream;
        n = n->next;
        if (silent == NULL)
            continue;
        rill_doubt_abandon(silent);
        silent->out->vague = true;
        settled(silent);
        n = c->path->flights.lost.next;
    }
}
