/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the rate, where the application gave none: unfulfillable packets of
 * 1 to 10^12 units at once, as the reference does it, whose authentic rejects
 * say what arrived; then more of the sizes that the path takes, until the rate
 * is precise enough.
 */
#include "base/alloc.h"
#include "base/muldiv.h"
#include "stream/endpoint_internal.h"

#define MAX_ATTEMPTS      15u
#define RETRY_DELAY_FIRST (100 * RILL_MS)
#define SETTLE_DELAY      (200 * RILL_MS)
/* A volley of which nothing came back is sent again after this; of which something did, sooner. */
#define PATIENCE     (3 * RILL_SECOND)
#define PATIENCE_MIN (500 * RILL_MS)

#define MAX_AMOUNTS (sizeof((rill_probing *)0)->amounts / sizeof(uint64_t))

static void add_amount(rill_probing *p, uint64_t amount)
{
    for (unsigned i = 0; i < p->count; i++)
        if (p->amounts[i] == amount)
            return;
    if (amount > 0 && p->count < MAX_AMOUNTS)
        p->amounts[p->count++] = amount;
}

/* False without memory. */
static bool start(rill_connection *c, uint64_t now_ns)
{
    static const uint64_t first[] = {1, 1000, 1000000, 1000000000, 1000000000000};
    rill_endpoint *e = c->endpoint;
    if (c->probing == &e->unused_probing) {
        rill_probing *own = rill_alloc(e->allocator, sizeof *own);
        if (!own)
            return false;
        c->probing = own;
    }
    rill_probing *p = c->probing;
    *p = (rill_probing){.active = true, .delay = RETRY_DELAY_FIRST, .started = now_ns};
    uint64_t most = c->packet_size.configured;
    for (unsigned i = 0; i < sizeof first / sizeof first[0]; i++)
        add_amount(p, first[i] < most ? first[i] : most);
    return true;
}

bool rill_probe_wanted(rill_connection *c, uint64_t now_ns)
{
    if (c->rate.minimum.num != 0 || rill_list_empty(&c->money_streams))
        return false;
    if (!c->probing->active && !start(c, now_ns)) {
        rill_connection_hold_path(c, now_ns, now_ns); /* tried again when that is over */
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
    c->probing->in_flight++;
    return c->probing->amounts[c->probing->next++];
}

static void finish(rill_connection *c)
{
    c->probing->active = false;
    if (rill_rate_settle(&c->rate)) {
        rill_connection_ready(c);
        return;
    }
    rill_connection_fail(c, RILL_CLOSE_INTERNAL_ERROR, RILL_ERR_PATH,
                         "no packet of any size gets through the path");
}

/*
 * Of a volley that met errors which may pass, all sizes that may yet arrive go
 * out again: those that say something of the rate must not be lost to them.
 */
static void keep_amounts(rill_connection *c)
{
    rill_probing *p = c->probing;
    uint64_t smallest = UINT64_MAX;
    unsigned count = p->count;
    p->count = 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t amount = p->amounts[i];
        if (amount >= c->packet_size.refused || amount <= p->answered)
            continue;
        smallest = amount < smallest ? amount : smallest;
        /* There is room for the largest, in any case. */
        if (p->count < MAX_AMOUNTS - 1)
            add_amount(p, amount);
    }
    /* The path may be short of value for as much as that. */
    if (smallest != UINT64_MAX && smallest - smallest / 3 > p->answered &&
        p->count < MAX_AMOUNTS - 1)
        add_amount(p, smallest - smallest / 3);
}

/* Volleys that bring us closer to a first rate are not counted: there are no more than bits. */
static void count_attempt(rill_connection *c)
{
    rill_probing *p = c->probing;
    if (!p->rose || c->rate.probed.num > 0)
        p->attempts++;
    else
        p->delay = RETRY_DELAY_FIRST;
}

static bool over(const rill_connection *c, uint64_t now_ns)
{
    const rill_probing *p = c->probing;
    return p->attempts >= MAX_ATTEMPTS || p->volleys == UINT8_MAX ||
           now_ns >= rill_add_sat(p->started, c->options->connect_timeout);
}

/* The next volley: the largest that may pass, and those that were not judged by their size. */
static void next_volley(rill_connection *c, uint64_t now_ns)
{
    rill_probing *p = c->probing;
    bool again = p->retry_at != 0;
    uint64_t smallest = p->amounts[0];
    uint64_t largest = rill_packet_size_next(&c->packet_size, now_ns);
    bool tried = false;
    for (unsigned i = 0; i < p->count; i++) {
        smallest = p->amounts[i] < smallest ? p->amounts[i] : smallest;
        tried = tried || p->amounts[i] == largest;
    }
    p->volleys++;
    if (largest >= smallest)
        count_attempt(c);
    p->rose = false;
    if (over(c, now_ns) || (tried && !again)) {
        finish(c);
        return;
    }
    p->next = 0;
    p->patience = 0;
    if (again) {
        keep_amounts(c);
        p->retry_at = now_ns + p->delay;
        p->delay += p->delay / 2;
    } else {
        p->count = 0;
    }
    /* Where no size was refused there is no limit that is known: no size is the largest. */
    if (p->count == 0 || c->packet_size.refused != UINT64_MAX)
        add_amount(p, largest);
    rill_connection_ready(c);
}

static void step(rill_connection *c, uint64_t now_ns)
{
    rill_probing *p = c->probing;
    bool all = p->next == p->count && p->in_flight == 0;
    if (rill_rate_ready(&c->rate)) {
        if (all)
            finish(c);
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
    rill_packet_size_passed(&c->packet_size, f->amount, now_ns);
    if (!p->active) {
        rill_rate_learn(&c->rate, f->amount, delivered);
        return;
    }
    rill_rate_probe(&c->rate, f->amount, delivered);
    if (f->amount > p->answered) {
        p->answered = f->amount;
        p->rose = true;
    }
    if (f->volley == p->volleys) {
        p->in_flight--;
        shorten_patience(p, now_ns);
    }
    step(c, now_ns);
}

void rill_probe_failed(rill_connection *c, uint64_t now_ns, uint8_t volley, bool temporary)
{
    rill_probing *p = c->probing;
    if (!p->active || volley != p->volleys)
        return;
    p->in_flight--;
    if (temporary)
        p->retry_at = now_ns + p->delay;
    step(c, now_ns);
}

/* A retry whose time has come waits for the window, not for time. */
uint64_t rill_probe_deadline(const rill_connection *c, uint64_t now_ns)
{
    const rill_probing *p = c->probing;
    if (!p->active)
        return RILL_NEVER;
    if (p->settle_at != 0)
        return p->settle_at;
    if (p->next < p->count && p->retry_at > now_ns)
        return p->retry_at;
    return p->next == p->count && p->patience != 0 ? p->patience : RILL_NEVER;
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
        finish(c);
    else
        rill_connection_ready(c);
}

void rill_probe_on_deadline(rill_connection *c, uint64_t now_ns)
{
    rill_probing *p = c->probing;
    if (!p->active)
        return;
    if (p->settle_at != 0 && p->settle_at <= now_ns)
        finish(c);
    else if (p->next < p->count && p->retry_at <= now_ns)
        rill_connection_ready(c);
    else if (p->next == p->count && p->patience != 0 && p->patience <= now_ns)
        repeat(c, now_ns);
}
