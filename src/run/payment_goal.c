/* SPDX-License-Identifier: Apache-2.0 */
/* How much of a payment's money may leave, in which steps, and what is saved before it does. */
#define _POSIX_C_SOURCE 200809L

#include <string.h>

#include "base/muldiv.h"
#include "base/sized.h"
#include "crypto/crypto.h"
#include "run/payment_impl.h"
#include "run/payment_state.h"

/* Whose state is saved sends in so many steps at least, where it is more than a packet: what is in
 * doubt after a crash is no more than one of them. */
#define STEPS 8
/* What the path is asked for where nobody says how much will be sent. */
#define USUAL_HINT UINT64_C(1000000000000)

/* ---- the path ---- */

void rill_payment_take_path(rill_payment *p)
{
    rill_quote_path *path = &p->path;
    rill_connection_stats stats;
    rill_stream_totals totals;
    const char *code;
    rill_connection_get_stats(p->connection, &stats);
    rill_stream_get_totals(p->stream, &totals);
    if (stats.rate.num != 0) {
        path->low_rate = stats.rate;
        path->high_rate = stats.rate_below;
    }
    path->max_packet_amount = stats.max_packet_amount;
    path->receive_max = totals.remote_receive_max;
    path->round_trip_ns = stats.round_trip_ns;
    memcpy(path->source_asset_code, p->result.source_asset_code, sizeof path->source_asset_code);
    path->source_asset_scale = p->result.source_asset_scale;
    if (rill_connection_remote_asset(p->connection, &code, &path->destination_asset_scale)) {
        size_t len = strnlen(code, sizeof path->destination_asset_code - 1);
        memcpy(path->destination_asset_code, code, len);
        path->destination_asset_code[len] = '\0';
    }
}

int rill_payment_ask(rill_payment *p)
{
    return rill_connection_probe(p->connection, p->hint != 0 ? p->hint : USUAL_HINT);
}

int rill_payment_take_terms(rill_payment *p, uint64_t amount, uint64_t deliver, rill_ratio min_rate)
{
    p->amount = amount;
    p->goal = rill_sub_sat(amount, rill_payment_gone(p));
    p->deliver = deliver;
    p->min_rate = min_rate;
    p->connection_options.min_rate = min_rate; /* of another connection, should it need one */
    p->money_sent = p->goal == 0;
    p->result.max_source = amount;
    return rill_connection_set_min_rate(p->connection, min_rate);
}

/* ---- saving ---- */

/* What has certainly been sent, and what may have been beside it, with all that may be from now
 * on. */
static void take_sums(const rill_payment *p, rill_payment_state *s)
{
    s->sent = p->result.sent;
    s->delivered = p->result.delivered;
    s->in_doubt = p->result.in_doubt;
    if (!p->stream)
        return;
    rill_stream_totals totals;
    rill_stream_get_totals(p->stream, &totals);
    s->sent = rill_add_sat(p->before.sent, totals.sent);
    s->delivered = rill_add_sat(p->before.delivered, totals.delivered);
    uint64_t all =
        p->allowed > totals.sent + totals.in_flight ? p->allowed : totals.sent + totals.in_flight;
    s->in_doubt = rill_add_sat(p->before.in_doubt, all - totals.sent);
}

static int write_state(rill_payment *p, bool at_end)
{
    rill_payment_state s = {.amount = p->amount,
                            .deliver = p->deliver,
                            .min_rate = p->min_rate,
                            .packet_lifetime_ns = p->packet_lifetime};
    char text[RILL_PAYMENT_STATE_MAX];
    size_t len;
    take_sums(p, &s);
    s.complete =
        s.in_doubt == 0 && (p->deliver != 0 ? s.delivered >= p->deliver : s.sent >= p->amount);
    s.complete = s.complete || (at_end && p->error == RILL_OK);
    memcpy(s.credentials.shared_secret, p->secret, sizeof s.credentials.shared_secret);
    memcpy(s.credentials.destination_account, p->destination_account,
           strlen(p->destination_account) + 1);
    int error = rill_payment_state_write(&s, text, &len);
    rill_credentials_wipe(&s.credentials);
    if (error == RILL_OK)
        error = p->handlers.save((rill_bytes){(const uint8_t *)text, len}, p->handlers.user);
    rill_wipe(text, sizeof text);
    if (error == RILL_OK) {
        p->saved_at = rill_payment_now(p);
        p->saved_sent = s.sent;
    }
    return error;
}

bool rill_payment_saves(const rill_payment *p)
{
    return p->handlers.save != NULL && p->amount > 0 && p->secret != NULL;
}

int rill_payment_save(rill_payment *p, bool at_end)
{
    return rill_payment_saves(p) ? write_state(p, at_end) : RILL_OK;
}

/* Money arrives: that it did is noted now and then. */
int rill_payment_save_progress(rill_payment *p)
{
    if (!rill_payment_saves(p) || !p->stream || p->allowed == 0 ||
        rill_payment_now(p) - p->saved_at < RILL_SECOND)
        return RILL_OK;
    rill_stream_totals totals;
    rill_stream_get_totals(p->stream, &totals);
    if (rill_add_sat(p->before.sent, totals.sent) == p->saved_sent)
        return RILL_OK;
    return write_state(p, false);
}

/* ---- steps ---- */

/* What still has to arrive, if all that may have arrived has. */
uint64_t rill_payment_left(const rill_payment *p, uint64_t delivered)
{
    uint64_t all = rill_add_sat(p->before.delivered, delivered);
    /* Of an earlier connection or process: it may have come to the best that was known. */
    if (p->before.in_doubt > 0) {
        rill_ratio best = p->path.high_rate.den != 0 ? p->path.high_rate : p->path.low_rate;
        all = rill_add_sat(all, rill_ratio_floor(best, p->before.in_doubt));
    }
    return rill_sub_sat(p->deliver, all);
}

/*
 * So much of ours brings `wanted`, or a little less: what is missing then is known better. More
 * would be a present, and is refused where the receiver waits for so much and no more.
 */
static uint64_t estimate(const rill_payment *p, uint64_t wanted)
{
    rill_ratio low = p->path.low_rate;
    rill_ratio high = p->path.high_rate;
    uint64_t enough = rill_ratio_inverse_ceil(low.num != 0 ? low : p->min_rate, wanted);
    if (low.num == 0 || high.den == 0)
        return enough;
    if (rill_mul_div_ceil_sat(high.num, enough, high.den) - 1 <= wanted)
        return enough;
    uint64_t fewest = rill_ratio_inverse_floor(high, wanted);
    return rill_ratio_floor(low, fewest) > 0 ? fewest : enough;
}

/* All that this connection is to send in the end, as far as is known now. */
static uint64_t find_goal(const rill_payment *p, const rill_stream_totals *totals)
{
    if (p->deliver == 0 || p->pushed)
        return p->goal;
    uint64_t more = estimate(p, rill_payment_left(p, totals->delivered));
    uint64_t all = rill_add_sat(totals->sent, more);
    return all < p->goal ? all : p->goal;
}

static uint64_t limit_step(const rill_payment *p, const rill_stream_totals *totals, uint64_t goal)
{
    if (!rill_payment_saves(p) || goal <= p->path.max_packet_amount)
        return goal;
    uint64_t step = (p->amount - 1) / STEPS + 1;
    uint64_t most = rill_add_sat(totals->sent, step);
    return most < goal ? most : goal;
}

bool rill_payment_has_all(const rill_payment *p)
{
    rill_stream_totals totals = {0};
    if (p->stream)
        rill_stream_get_totals(p->stream, &totals);
    if (p->deliver != 0)
        return rill_payment_left(p, totals.delivered) == 0;
    return totals.sent >= p->goal;
}

int rill_payment_send_more(rill_payment *p)
{
    rill_stream_totals totals;
    if (p->goal == 0)
        return RILL_OK;
    rill_payment_take_path(p);
    rill_stream_get_totals(p->stream, &totals);
    uint64_t goal = limit_step(p, &totals, find_goal(p, &totals));
    if (goal <= totals.sent) /* all that may be sent is, and it has not brought enough */
        return p->before.in_doubt > 0 || totals.in_doubt > 0 ? RILL_ERR_IN_DOUBT : RILL_ERR_RATE;
    p->allowed = goal;
    int error = rill_payment_save(p, false);
    if (error != RILL_OK) {
        p->result.reason = RILL_REASON_SAVE;
        return error;
    }
    return rill_stream_send_total(p->stream, goal, p->deadline);
}

/* A step that was too small for the path: what else may be sent can be enough. */
bool rill_payment_push(rill_payment *p, int error)
{
    if ((error != RILL_ERR_RATE && error != RILL_ERR_TOO_LITTLE) || p->pushed ||
        p->allowed >= p->goal)
        return false;
    p->pushed = true;
    return true;
}
