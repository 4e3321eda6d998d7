/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the rate, where the application gave none: unfulfillable packets of
 * 1 to 10^12 units at once, as the reference does it, whose authentic rejects
 * say what arrived; then more of the sizes that the path takes, until the rate
 * is precise enough.
 */
#include "stream/core/probe.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "stream/core/close.h"
#include "stream/core/contact.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/holdoffs.h"
#include "stream/core/probing.h"
#include "stream/core/queues.h"

#define MAX_ATTEMPTS      15u
#define RETRY_DELAY_FIRST (100 * RILL_MS)
#define RETRY_DELAY_MOST  RILL_SECOND
#define SETTLE_DELAY      (200 * RILL_MS)
/* A volley of which nothing came back is sent again after this; of which something did, sooner. */
#define PATIENCE     (3 * RILL_SECOND)
#define PATIENCE_MIN (500 * RILL_MS)

/* So near to each other the largest that passed and the smallest that did not are not bettered...
 */
#define NEAR_PART 4
/* ... by more volleys than this. */
#define NEAR_VOLLEYS 3
/* Of a size that a path has no value for, these are tried: a third less, and this part. */
#define SHORT_PART 8
/* Units that arrive of a probe whose rate is precise enough. */
#define PRECISE 100

static bool add_amount(rill_probing *p, uint64_t amount)
{
    for (unsigned i = 0; i < p->count; i++)
        if (p->amounts[i] == amount)
            return false;
    if (amount == 0 || p->count == RILL_PROBE_AMOUNTS)
        return false;
    p->amounts[p->count++] = amount;
    return true;
}

/* All that streams want to send now: how much of it arrives is what matters in the end. */
static uint64_t to_be_sent(const rill_connection *c)
{
    uint64_t all = c->probing->asked;
    for (const rill_list *n = c->streams.with_money.next; n != &c->streams.with_money; n = n->next)
        all = rill_add_sat(all,
                           rill_stream_sendable(RILL_CONTAINER(n, const rill_stream, money_node)));
    return all;
}

static void begin_volley(rill_probing *p)
{
    p->count = 0;
    p->next = 0;
    p->accidents = 0;
    p->too_large = UINT64_MAX;
    p->patience = 0;
    p->rose = false;
}

/* False without memory. */
static bool own_probing(rill_connection *c)
{
    rill_endpoint *e = c->endpoint;
    if (c->probing != &e->shared->unused_probing)
        return true;
    rill_probing *own = rill_calloc(e->allocator, 1, sizeof *own);
    if (own)
        c->probing = own;
    return own != NULL;
}

int rill_probe_ask(rill_connection *c, uint64_t amount)
{
    if (!own_probing(c))
        return RILL_ERR_NOMEM;
    c->probing->asked = amount;
    return RILL_OK;
}

/* Somebody wants to know the rate: who has money to send, or who asked. */
static bool is_wanted(const rill_connection *c)
{
    return c->probing->asked != 0 || !rill_list_empty(&c->streams.with_money);
}

/* False without memory. */
static bool start(rill_connection *c, uint64_t now_ns)
{
    static const uint64_t first[] = {1, 1000, 1000000, 1000000000, 1000000000000};
    if (!own_probing(c))
        return false;
    rill_probing *p = c->probing;
    /* Answers to volleys of before are none to these. */
    uint8_t volley = (uint8_t)(p->volleys + 1);
    *p = (rill_probing){.asked = p->asked,
                        .active = true,
                        .volleys = volley,
                        .first = volley,
                        .delay = RETRY_DELAY_FIRST,
                        .started = now_ns,
                        .short_of = UINT64_MAX};
    begin_volley(p);
    uint64_t most = c->path->packet_size.configured;
    uint64_t all = to_be_sent(c);
    for (unsigned i = 0; i < sizeof first / sizeof first[0]; i++)
        add_amount(p, first[i] < most ? first[i] : most);
    add_amount(p, all < most ? all : most);
    return true;
}

bool rill_probe_wanted(rill_connection *c, uint64_t now_ns)
{
    if (rill_rate_has_minimum(&c->path->rate) || !is_wanted(c))
        return false;
    if (!c->probing->active && !start(c, now_ns)) {
        rill_holdoffs_path(&c->holdoffs, now_ns, now_ns); /* tried again when that is over */
        return false;
    }
    const rill_probing *p = c->probing;
    return p->next < p->count && p->retry_at <= now_ns;
}

uint64_t rill_probe_take(rill_connection *c, uint64_t now_ns)
{
    if (c->probing->next == 0) {
        c->probing->retry_at = 0;
        c->probing->launched = now_ns;
        c->probing->patience = now_ns + PATIENCE;
    }
    assert(c->probing->active && c->probing->next < c->probing->count); /* rill_probe_wanted */
    c->probing->in_flight++;
    return c->probing->amounts[c->probing->next++];
}

/* The receiver's limits come with the answer to a packet that it takes, which may be later than
 * what it refuses. */
void rill_probe_tell(rill_connection *c)
{
    if (!c->probing->found)
        return;
    for (const rill_list *n = c->path->flights.out.next; n != &c->path->flights.out; n = n->next)
        if (RILL_CONTAINER(n, const rill_flight, node)->kind == RILL_FLIGHT_NORMAL)
            return;
    c->probing->found = false;
    c->probing->asked = 0;
    rill_connection_notify(c, RILL_EVENT_PROBED);
}

static void finish(rill_connection *c, uint64_t now_ns)
{
    const rill_probing *p = c->probing;
    c->probing->active = false;
    if (rill_rate_settle(&c->path->rate)) {
        bool near = p->answered >= p->short_of / SHORT_PART && p->short_of <= to_be_sent(c);
        rill_congestion_tested(c->path->congestion, now_ns, p->answered,
                               near ? p->short_of : UINT64_MAX);
        c->probing->found = p->asked != 0;
        rill_probe_tell(c);
        rill_connection_ready(c);
        return;
    }
    /* Some sizes got as far as to somebody who wants none of them. */
    bool unwanted = !c->contact.connected && c->contact.final_errors > 0;
    rill_connection_fail(c, RILL_CLOSE_INTERNAL_ERROR,
                         unwanted ? c->contact.last_failure : RILL_ERR_PATH,
                         unwanted ? rill_contact_error_text(c->contact.last_failure)
                                  : "no packet of any size gets through the path",
                         now_ns);
}

/* Volleys that bring us closer to a first rate are not counted: there are no more than bits. */
static void count_attempt(rill_connection *c)
{
    rill_probing *p = c->probing;
    if (!p->rose || rill_rate_was_probed(&c->path->rate))
        p->attempts++;
    else
        p->delay = RETRY_DELAY_FIRST;
}

/* As long as a connection has to connect; once it has, as a payment was given. */
uint64_t rill_probe_gives_up(const rill_connection *c)
{
    uint64_t at = rill_add_sat(c->probing->started, c->options->connect_timeout_ns);
    if (!c->contact.connected)
        return at;
    for (const rill_list *n = c->streams.with_money.next; n != &c->streams.with_money;
         n = n->next) {
        const rill_stream *s = RILL_CONTAINER(n, const rill_stream, money_node);
        if (s->out->goal_set && s->out->goal_deadline != RILL_NEVER && s->out->goal_deadline > at)
            at = s->out->goal_deadline;
    }
    return at;
}

static bool over(const rill_connection *c, uint64_t now_ns)
{
    const rill_probing *p = c->probing;
    return p->attempts >= MAX_ATTEMPTS || (uint8_t)(p->volleys - p->first) == UINT8_MAX ||
           now_ns >= rill_probe_gives_up(c);
}

/* What met errors that have nothing to do with it says something of the rate, when it arrives. */
static void add_accidents(rill_connection *c, const rill_probing *last)
{
    for (unsigned i = 0; i < last->count; i++)
        if ((last->accidents & 1u << i) && last->amounts[i] < c->path->packet_size.refused &&
            last->amounts[i] > last->answered)
            add_amount(c->probing, last->amounts[i]);
}

/*
 * The path has no value for that much: less of it, also much less, and what a
 * precise rate needs. Of what is larger there is no hope.
 */
static void add_short(rill_connection *c, const rill_probing *last)
{
    uint64_t size = last->short_of;
    if (size == UINT64_MAX)
        return;
    const uint64_t tried[] = {
        last->retry_at != 0 ? size - size / 3 : last->answered + (size - last->answered) / 2,
        size / SHORT_PART,
        rill_rate_is_known(&c->path->rate) ? rill_rate_needed_ceil(&c->path->rate, PRECISE) : 0};
    for (unsigned i = 0; i < sizeof tried / sizeof tried[0]; i++)
        if (tried[i] > last->answered && tried[i] < size)
            add_amount(c->probing, tried[i]);
}

/*
 * Nothing was answered, and some sizes met F08: those between them may neither
 * be too small nor too large. A maximum that was told is one connector's: another may take
 * less, and tell nothing.
 */
static bool add_between(rill_connection *c)
{
    static const uint64_t sizes[RILL_PROBE_AMOUNTS] = {
        10, 100, 10000, 100000, 10000000, 100000000, 10000000000, 100000000000};
    rill_probing *p = c->probing;
    if (p->between || (c->path->packet_size.refused != UINT64_MAX && !c->path->packet_size.exact))
        return false;
    p->between = true;
    uint64_t most =
        c->path->packet_size.exact ? c->path->packet_size.passed : c->path->packet_size.configured;
    for (unsigned i = 0; i < RILL_PROBE_AMOUNTS; i++)
        if (sizes[i] <= most)
            add_amount(p, sizes[i]);
    return p->count > 0;
}

/*
 * Of sizes that met F08 those above one that passes are too large; those below it, too small. What
 * one connector told to be its maximum has not passed the others by that: there what was answered
 * is what passes.
 */
static void judge_sizes(rill_connection *c, const rill_probing *last, uint64_t now_ns)
{
    const rill_packet_size *size = &c->path->packet_size;
    if (last->too_large != UINT64_MAX && last->too_large > last->answered &&
        (last->too_large > size->passed || (size->exact && last->answered > 0)))
        rill_packet_size_refused(&c->path->packet_size, last->too_large, (rill_bytes){NULL, 0},
                                 now_ns);
}

/* The largest that passes is known nearly enough, or is all that there is to send. */
static bool near_enough(rill_connection *c, const rill_probing *last)
{
    rill_probing *p = c->probing;
    uint64_t limit = last->short_of < last->too_large ? last->short_of : last->too_large;
    if (!rill_rate_was_probed(&c->path->rate))
        return false;
    if (last->answered >= to_be_sent(c))
        return true;
    bool near = limit - last->answered <= last->answered / NEAR_PART;
    p->close = near ? p->close + 1 : 0;
    return p->close >= NEAR_VOLLEYS;
}

static void next_volley(rill_connection *c, uint64_t now_ns)
{
    rill_probing *p = c->probing;
    const rill_probing last = *p;
    bool again = p->retry_at != 0;
    p->volleys++;
    begin_volley(p);
    bool between = last.answered == 0 && last.too_large != UINT64_MAX && add_between(c);
    if (!between && (last.answered > 0 || !again))
        judge_sizes(c, &last, now_ns);
    add_accidents(c, &last);
    add_short(c, &last);
    uint64_t largest = rill_packet_size_next(&c->path->packet_size, now_ns);
    uint64_t smallest = UINT64_MAX;
    bool tried = false;
    for (unsigned i = 0; i < last.count; i++) {
        smallest = last.amounts[i] < smallest ? last.amounts[i] : smallest;
        tried = tried || last.amounts[i] == largest;
    }
    if (!again && largest >= smallest)
        count_attempt(c);
    /* Where no size was refused there is no limit that is known: no size is the largest. */
    if (!between && (p->count == 0 || c->path->packet_size.refused != UINT64_MAX) &&
        largest > last.answered && largest < last.short_of)
        add_amount(p, largest);
    if (p->count == 0 && again) /* nothing smaller is left to try: the same again */
        add_amount(p, last.short_of != UINT64_MAX ? last.short_of : last.amounts[0]);
    if (over(c, now_ns) || near_enough(c, &last) || p->count == 0 ||
        (tried && !again && !between)) {
        p->count = 0;
        finish(c, now_ns);
        return;
    }
    if (again) {
        p->retry_at = now_ns + p->delay;
        p->delay = p->delay < RETRY_DELAY_MOST ? p->delay + p->delay / 2 : RETRY_DELAY_MOST;
    }
    rill_connection_ready(c);
}

static void step(rill_connection *c, uint64_t now_ns)
{
    rill_probing *p = c->probing;
    bool all = p->next == p->count && p->in_flight == 0;
    if (rill_rate_ready(&c->path->rate)) {
        if (all)
            finish(c, now_ns);
        else if (p->settle_at == 0)
            p->settle_at = now_ns + SETTLE_DELAY;
    } else if (all) {
        next_volley(c, now_ns);
    }
}

/* The rest of the volley should not take much longer than this answer did. */
static void shorten_patience(rill_probing *p, uint64_t now_ns)
{
    uint64_t more = 2 * (now_ns - p->launched);
    uint64_t until = now_ns + (more > PATIENCE_MIN ? more : PATIENCE_MIN);
    if (until < p->patience)
        p->patience = until;
}

void rill_probe_answered(rill_connection *c, uint64_t now_ns, const rill_flight *f,
                         uint64_t delivered)
{
    rill_probing *p = c->probing;
    rill_packet_size_passed(&c->path->packet_size, f->amount, now_ns);
    if (!p->active) {
        rill_rate_learn(&c->path->rate, f->amount, delivered);
        return;
    }
    rill_rate_probe(&c->path->rate, f->amount, delivered);
    if (f->amount > p->answered) {
        p->answered = f->amount;
        p->rose = true;
    }
    /* What failed and is smaller was too small, or is of no use any more. */
    if (p->short_of <= p->answered)
        p->short_of = UINT64_MAX;
    if (p->too_large <= p->answered)
        p->too_large = UINT64_MAX;
    if (f->volley == p->volleys) {
        p->in_flight--;
        shorten_patience(p, now_ns);
    }
    step(c, now_ns);
}

static void note_failure(rill_probing *p, uint64_t now_ns, uint64_t amount, rill_probe_failure why)
{
    switch (why) {
    case RILL_PROBE_ACCIDENT:
        for (unsigned i = 0; i < p->count; i++)
            if (p->amounts[i] == amount)
                p->accidents |= (uint8_t)(1u << i);
        p->retry_at = now_ns + p->delay;
        break;
    case RILL_PROBE_VALUE:
        if (amount > p->answered && amount < p->short_of)
            p->short_of = amount;
        p->retry_at = now_ns + p->delay;
        break;
    case RILL_PROBE_SIZE:
        if (amount > p->answered && amount < p->too_large)
            p->too_large = amount;
        break;
    case RILL_PROBE_DUST:
    case RILL_PROBE_JUDGED:
        break;
    }
}

void rill_probe_failed(rill_connection *c, uint64_t now_ns, uint8_t volley, uint64_t amount,
                       rill_probe_failure why)
{
    rill_probing *p = c->probing;
    if (!p->active || volley != p->volleys)
        return;
    p->in_flight--;
    note_failure(p, now_ns, amount, why);
    step(c, now_ns);
}

/* A retry whose time has come waits for the window, not for time. */
uint64_t rill_probe_deadline(const rill_connection *c, uint64_t now_ns)
{
    const rill_probing *p = c->probing;
    if (!p->active)
        return RILL_NEVER;
    uint64_t at = rill_probe_gives_up(c);
    uint64_t next = RILL_NEVER;
    if (p->settle_at != 0)
        next = p->settle_at;
    else if (p->next < p->count && p->retry_at > now_ns)
        next = p->retry_at;
    else if (p->next == p->count && p->patience != 0)
        next = p->patience;
    return next < at ? next : at;
}

/* Some of the volley was lost without a word: all of it once more. */
static void repeat(rill_connection *c, uint64_t now_ns)
{
    rill_probing *p = c->probing;
    p->in_flight = 0;
    p->next = 0;
    p->patience = 0;
    p->volleys++;
    p->attempts++;
    if (over(c, now_ns))
        finish(c, now_ns);
    else
        rill_connection_ready(c);
}

void rill_probe_on_deadline(rill_connection *c, uint64_t now_ns)
{
    rill_probing *p = c->probing;
    if (!p->active)
        return;
    bool settled = p->settle_at != 0 && p->settle_at <= now_ns;
    bool over = rill_probe_gives_up(c) <= now_ns;
    if (over && !settled && !is_wanted(c))
        rill_probing_stop(c->probing);
    else if (settled || over)
        finish(c, now_ns);
    else if (p->next < p->count && p->retry_at <= now_ns)
        rill_connection_ready(c);
    else if (p->next == p->count && p->patience != 0 && p->patience <= now_ns)
        repeat(c, now_ns);
}
