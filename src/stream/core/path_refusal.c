/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/path_refusal.h"

#include <assert.h>

#include "stream/core/close.h"
#include "stream/core/contact.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/holdoffs.h"
#include "stream/core/outcome.h"
#include "stream/core/patience.h"
#include "stream/core/probe.h"
#include "stream/core/settle.h"

/* Packets of less may come to their end on a path of many hops. */
#define CLOCK_LIFETIME (10 * RILL_SECOND)
/* F08s in a row that are taken for packets that are too small, while larger ones meet T04. */
#define MOST_SUSPICIONS 16
/* Units that arrive of a packet, rather, where value is short. */
#define FINE 400
#define FEW  50 /* where nothing is rounded */

typedef struct refused_packet {
    rill_connection *c;
    rill_now now;
    rill_flight *f;
} refused_packet;

/* That the packet is not under way any more says nothing of how many pass. */
static void neutral(const refused_packet *a)
{
    rill_congestion_neutral(a->c->path->congestion, rill_flight_value(a->f));
}

static int final_error_meaning(rill_ilp_code_id code)
{
    if (code == RILL_ILP_F02_UNREACHABLE)
        return RILL_ERR_UNREACHABLE;
    if (code == RILL_ILP_F06_UNEXPECTED_PAYMENT)
        return RILL_ERR_AUTH;
    return RILL_ERR_PATH;
}

static void final_error(const refused_packet *a, int error)
{
    rill_connection *c = a->c;
    rill_contact_refused(&c->contact, error);
    if (!rill_hold_refused(&c->holdoffs.path, a->f->sent_ns, a->now.mono_ns))
        return;
    if (rill_contact_final_error(&c->contact, error))
        rill_connection_fail(c, RILL_CLOSE_INTERNAL_ERROR, error, rill_contact_error_text(error),
                             a->now.mono_ns);
}

/* Of so many that arrive a unit matters little, also where several hops take one each. */
static uint64_t good_piece(const rill_rate *r)
{
    if (!rill_rate_is_known(r))
        return 1;
    return rill_rate_needed_ceil(r, rill_rate_guess(r).den == 1 ? FEW : FINE);
}

static void temporary_error(const refused_packet *a, rill_congestion_signal signal)
{
    rill_connection *c = a->c;
    rill_flight *f = a->f;
    if (signal == RILL_SIGNAL_VALUE)
        rill_congestion_prefer(c->path->congestion, good_piece(&c->path->rate));
    /* A probe's money is nobody's: that it was too much says nothing of how many packets pass. */
    if (f->kind == RILL_FLIGHT_PROBE && f->amount > 0 && signal == RILL_SIGNAL_VALUE)
        rill_congestion_neutral(c->path->congestion, 0);
    else
        rill_congestion_refused(c->path->congestion, a->now.mono_ns, f->sent_ns,
                                rill_flight_value(f), signal);
    rill_contact_refused(&c->contact, RILL_ERR_UNREACHABLE);
    /* The congestion window paces money; what is not money is held back here. */
    if (f->amount == 0)
        rill_holdoffs_path(&c->holdoffs, f->sent_ns, a->now.mono_ns);
}

/* Which of them say that it is too many packets, and not merely that it went wrong. */
static rill_congestion_signal temporary_signal(rill_ilp_code_id code)
{
    if (code == RILL_ILP_T02_PEER_BUSY || code == RILL_ILP_T03_CONNECTOR_BUSY ||
        code == RILL_ILP_T05_RATE_LIMITED)
        return RILL_SIGNAL_PACKETS;
    return RILL_SIGNAL_FAILED;
}

/*
 * Connectors say F08 of a packet that rounding would leave nothing of, and R01
 * where too little would be left: then it is too small, and not too large. What
 * is much smaller than what passes is believed to be that once: if it is refused
 * again, the maximum has fallen. But where value is short larger ones can not be
 * tried, and only the smallest meet anything but T04. What passes may be what one
 * connector says: what is as large as something that has arrived is too large for
 * another. So is what meets F08 again and again, and nothing larger passes.
 */
static bool value_is_short(const rill_connection *c)
{
    return rill_congestion_value_is_short(c->path->congestion);
}

static bool is_dust(const rill_connection *c, uint64_t amount)
{
    const rill_path *p = c->path;
    uint64_t passed = p->packet_size.passed;
    bool known = rill_rate_is_known(&p->rate);
    if (passed > 0 && amount > passed) /* what is smaller has passed */
        return false;
    bool arrives = known && amount >= rill_rate_latest(&p->rate).den;
    bool much_smaller = amount <= passed / 8 && !arrives && p->suspicions < MOST_SUSPICIONS;
    bool once = amount > p->suspected || value_is_short(c);
    return (much_smaller && once) || (known && rill_rate_delivers(&p->rate, amount) <= 1);
}

static void too_small(const refused_packet *a, bool certain)
{
    rill_connection *c = a->c;
    uint64_t amount = a->f->amount;
    if (certain)
        rill_worth_too_small(&c->path->worth, amount);
    else if (c->path->suspected < amount)
        c->path->suspected = amount;
    if (certain || !value_is_short(c)) /* else larger ones wait for value, and not for a rate */
        rill_patience_low_rate(c, a->now.mono_ns);
    if (!certain && c->path->suspicions < MOST_SUSPICIONS)
        c->path->suspicions++;
    (void)rill_hold_refused(&c->holdoffs.refusals, a->f->sent_ns, a->now.mono_ns);
}

/* Of a probe that is F08 the volley decides what it means, unless it is told. */
static rill_probe_failure too_large(const refused_packet *a, rill_bytes data)
{
    rill_connection *c = a->c;
    rill_flight *f = a->f;
    bool told = rill_packet_size_is_told(f->amount, data);
    neutral(a);
    if (f->kind == RILL_FLIGHT_PROBE && !told)
        return RILL_PROBE_SIZE;
    if (f->kind != RILL_FLIGHT_PROBE && !told && is_dust(c, f->amount)) {
        too_small(a, rill_rate_delivers(&c->path->rate, f->amount) <= 1);
        return RILL_PROBE_DUST;
    }
    if (f->amount <= c->path->suspected || c->path->suspicions == MOST_SUSPICIONS)
        c->path->suspected = 0; /* smaller ones pass, if any do */
    rill_packet_size_refused(&c->path->packet_size, f->amount, data, a->now.mono_ns);
    if (rill_packet_size_next(&c->path->packet_size, a->now.mono_ns) > 0)
        return RILL_PROBE_JUDGED;
    if (c->path->money.sent > 0) {
        /* It did: what is left is too small after all. */
        rill_packet_size_init(&c->path->packet_size, c->path->packet_size.configured);
        too_small(a, true);
    } else {
        rill_connection_fail(c, RILL_CLOSE_INTERNAL_ERROR, RILL_ERR_PATH,
                             "the path takes no amount at all", a->now.mono_ns);
    }
    return RILL_PROBE_JUDGED;
}

/*
 * Of a packet that has most of its time left by our clock somebody says that its time is over:
 * they are not of one time, unless a lifetime was asked for that no path can keep to.
 * Where nothing has got through yet, nothing will.
 */
static bool clocks_differ(const refused_packet *a)
{
    uint64_t lifetime = a->c->options->packet_lifetime_ns;
    return !a->c->contact.connected && lifetime >= CLOCK_LIFETIME &&
           a->now.mono_ns - a->f->sent_ns < lifetime / 2;
}

/* What a connector's reject says of the path. Returned: what it says of a probe. */
static rill_probe_failure learn_from_reject(const refused_packet *a, const rill_reject *reject)
{
    const rill_flight *f = a->f;
    rill_ilp_code_id code = rill_ilp_code_find(reject->code);
    char class = reject->code.text[0];
    if (code == RILL_ILP_F08_AMOUNT_TOO_LARGE && f->amount > 0)
        return too_large(a, reject->data);
    if (code == RILL_ILP_T04_INSUFFICIENT_LIQUIDITY) {
        temporary_error(a, RILL_SIGNAL_VALUE);
        return RILL_PROBE_VALUE;
    }
    if (code == RILL_ILP_R01_INSUFFICIENT_SOURCE_AMOUNT && f->amount > 0) {
        neutral(a);
        if (f->kind != RILL_FLIGHT_PROBE)
            too_small(a, true);
        return RILL_PROBE_DUST;
    }
    if (class == 'R' && clocks_differ(a)) {
        neutral(a);
        if (f->kind != RILL_FLIGHT_CLOSE)
            final_error(a, RILL_ERR_CLOCK);
        return RILL_PROBE_ACCIDENT;
    }
    if (class == 'T' || class == 'R') {
        temporary_error(a, class == 'R' ? RILL_SIGNAL_LATE : temporary_signal(code));
        return RILL_PROBE_ACCIDENT;
    }
    neutral(a);
    if (f->kind != RILL_FLIGHT_CLOSE)
        final_error(a, final_error_meaning(code));
    return RILL_PROBE_JUDGED;
}

/* Connectors say these of packets that they have not passed on; others they may have. */
static bool refused_unsent(rill_ilp_code_id code)
{
    switch (code) {
    case RILL_ILP_F08_AMOUNT_TOO_LARGE:
    case RILL_ILP_T02_PEER_BUSY:
    case RILL_ILP_T03_CONNECTOR_BUSY:
    case RILL_ILP_T04_INSUFFICIENT_LIQUIDITY:
    case RILL_ILP_T05_RATE_LIMITED:
    case RILL_ILP_R01_INSUFFICIENT_SOURCE_AMOUNT:
    case RILL_ILP_R02_INSUFFICIENT_TIMEOUT:
        return true;
    default:
        return false;
    }
}

void rill_refused_by_path(rill_connection *c, rill_now now, rill_flight *f,
                          const rill_reject *reject)
{
    rill_flight_kind kind = f->kind;
    uint8_t volley = f->volley;
    uint64_t amount = f->amount;
    const refused_packet packet = {.c = c, .now = now, .f = f};
    uint32_t others = c->path->congestion->packets.in_flight - 1;
    assert(f->connection == c && !f->in_doubt && !f->overdue);
    rill_probe_failure why = learn_from_reject(&packet, reject);
    assert(c->path->congestion->packets.in_flight == others); /* one outcome, whatever it is */
    (void)others;
    rill_holdoffs_plain(&c->holdoffs, f->amount, f->sent_ns, now.mono_ns);
    f->unsure = !refused_unsent(rill_ilp_code_find(reject->code));
    rill_flight_lose(c, f, now.mono_ns);
    rill_settle_now(c, now.mono_ns);
    if (kind == RILL_FLIGHT_PROBE)
        rill_probe_failed(c, now.mono_ns, volley, amount, why);
}
