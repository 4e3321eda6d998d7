/* SPDX-License-Identifier: Apache-2.0 */
/* What a payment tells: sums, what it waits for, and why it ended. */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/muldiv.h"
#include "base/ratio_text.h"
#include "base/sized.h"
#include "link/link_impl.h"
#include "run/payment_impl.h"

/* Who waits for longer says so, and as often. */
#define TELL_AFTER RILL_SECOND

/* ---- sums ---- */

/* What a later connection of this payment ends is an earlier one of it. */
static bool ended_another(const rill_payment *p, const rill_connection_stats *stats)
{
    return p->before.packets > 0 ? p->before.ended_another : stats->ended_another;
}

void rill_payment_take_stats(rill_payment *p)
{
    const rill_pay_result *before = &p->before;
    rill_connection_stats stats;
    rill_connection_get_stats(p->connection, &stats);
    p->result.sent = rill_add_sat(before->sent, stats.sent);
    p->result.delivered = rill_add_sat(before->delivered, stats.delivered);
    p->result.in_doubt = rill_add_sat(before->in_doubt, stats.in_flight);
    p->result.packets = before->packets + stats.packets_sent;
    p->result.rejects = before->rejects + stats.packets_rejected;
    p->result.ended_another = ended_another(p, &stats);
    rill_payment_take_reject(p);
    const char *code;
    uint8_t scale;
    if (rill_connection_remote_asset(p->connection, &code, &scale)) {
        snprintf(p->result.destination_asset_code, sizeof p->result.destination_asset_code, "%s",
                 code);
        p->result.destination_asset_scale = scale;
    }
}

void rill_payment_take_reject(rill_payment *p)
{
    rill_last_reject last;
    if (!p->connection || !rill_connection_get_last_reject(p->connection, &last))
        return;
    p->result.reject_code = last.code;
    p->result.reject_authentic = last.authentic;
    memcpy(p->result.reject_triggered_by, last.triggered_by, sizeof last.triggered_by);
    memcpy(p->result.reject_message, last.message, sizeof last.message);
}

void rill_payment_take_words(rill_payment *p, const void *text, size_t len)
{
    char *out = p->result.receiver_words;
    size_t room = sizeof p->result.receiver_words - 1;
    if (p->words_taken || len == 0)
        return;
    len = len < room ? len : room;
    memcpy(out, text, len);
    out[len] = '\0';
    p->words_taken = true;
}

void rill_payment_take_stream(rill_payment *p)
{
    rill_stream_offsets offsets;
    rill_stream_get_offsets(p->stream, &offsets);
    p->result.data_acknowledged = p->before.data_acknowledged + offsets.acknowledged;
    bool proved = rill_stream_get_receipt(p->stream, p->result.receipt) == RILL_OK;
    p->result.receipt_len = proved ? RILL_RECEIPT_LEN : 0;
}

void rill_payment_add_before(const rill_payment *p, rill_connection_stats *stats,
                             rill_stream_totals *totals)
{
    const rill_pay_result *before = &p->before;
    stats->ended_another = ended_another(p, stats);
    stats->sent = rill_add_sat(stats->sent, before->sent);
    stats->delivered = rill_add_sat(stats->delivered, before->delivered);
    stats->in_flight = rill_add_sat(stats->in_flight, before->in_doubt);
    stats->in_doubt = rill_add_sat(stats->in_doubt, before->in_doubt);
    stats->packets_sent += before->packets;
    stats->packets_rejected += before->rejects;
    totals->send_max = rill_add_sat(totals->send_max, rill_add_sat(before->sent, before->in_doubt));
    totals->sent = rill_add_sat(totals->sent, before->sent);
    totals->delivered = rill_add_sat(totals->delivered, before->delivered);
    totals->in_flight = rill_add_sat(totals->in_flight, before->in_doubt);
    totals->in_doubt = rill_add_sat(totals->in_doubt, before->in_doubt);
}

/* ---- waiting ---- */

static void find_waiting(rill_payment *p, rill_waiting *out)
{
    *out = (rill_waiting){.until_ns = RILL_NEVER};
    rill_waiting_set(out, RILL_WAIT_NOTHING, NULL);
    if (p->client)
        rill_client_get_waiting(p->client, out);
    bool open = p->connection && p->error == RILL_OK && !p->ended;
    if (open && out->reason == RILL_WAIT_NOTHING && !p->data_read)
        rill_waiting_set(out, RILL_WAIT_INPUT, NULL);
    out->since_ns = p->progress_at;
    uint64_t stall = p->stall != 0 && out->reason != RILL_WAIT_INPUT
                         ? rill_add_sat(p->progress_at, p->stall)
                         : RILL_NEVER;
    uint64_t ours = p->deadline < stall ? p->deadline : stall;
    if (p->error != RILL_OK)
        ours = p->grace_at;
    if (ours < out->until_ns)
        out->until_ns = ours;
}

void rill_payment_get_waiting_sized(rill_payment *p, rill_waiting *out, size_t size)
{
    rill_waiting waiting;
    find_waiting(p, &waiting);
    rill_sized_give(out, size, &waiting, sizeof waiting);
}

static void note_progress(rill_payment *p)
{
    uint64_t seen = p->before.sent + p->before.data_acknowledged;
    if (p->connection) {
        rill_connection_stats stats;
        rill_connection_get_stats(p->connection, &stats);
        seen += stats.sent;
    }
    if (p->stream) {
        rill_stream_offsets offsets;
        rill_stream_get_offsets(p->stream, &offsets);
        seen += offsets.acknowledged;
    }
    if (seen == p->progress_seen)
        return;
    p->progress_seen = seen;
    p->progress_at = rill_payment_now(p);
}

bool rill_payment_tell(rill_payment *p)
{
    note_progress(p);
    /* The clock goes on within a turn: this is not before progress_at. */
    uint64_t now = rill_payment_now(p);
    find_waiting(p, &p->last);
    if (now - p->progress_at < TELL_AFTER) {
        p->told = RILL_WAIT_NOTHING;
        p->told_at = 0;
        return true;
    }
    if (!p->handlers.waiting || (p->last.reason == p->told && now - p->told_at < TELL_AFTER))
        return true;
    p->told = p->last.reason;
    p->told_at = now;
    return p->handlers.waiting(&p->last, now - p->progress_at, p->handlers.user);
}

/* Who waits for more to send has not stalled. */
bool rill_payment_stalled(rill_payment *p)
{
    return p->stall != 0 && rill_payment_now(p) - p->progress_at >= p->stall &&
           p->last.reason != RILL_WAIT_INPUT;
}

/* ---- why ---- */

/* False where the code alone says too little. */
static bool describe_reject(rill_payment *p, rill_ilp_code code)
{
    char *detail = p->result.detail;
    size_t size = sizeof p->result.detail;
    const char *name = rill_ilp_code_name(code);
    switch (rill_ilp_code_find(code)) {
    case RILL_ILP_F06_UNEXPECTED_PAYMENT:
        snprintf(detail, size,
                 "the receiver does not accept these credentials (%s %s): it may have been "
                 "restarted since it made them",
                 code.text, name);
        return true;
    case RILL_ILP_F02_UNREACHABLE:
    case RILL_ILP_T01_PEER_UNREACHABLE:
        snprintf(detail, size, "the receiver cannot be reached (%s %s): is it running?", code.text,
                 name);
        return true;
    default:
        return false;
    }
}

/* Of so many that arrive a unit more or less is a thousandth: it is not rounding. */
#define FINE 1000

/* One unit more would have been enough: where packets are small that is what rounding takes. */
static bool is_rounding(const rill_connection_stats *stats)
{
    rill_ratio more = {stats->rate.num + 1, stats->rate.den};
    return stats->rate.num < FINE && rill_ratio_compare(more, stats->min_rate) > 0;
}

static bool describe_rate(rill_payment *p, const rill_connection_stats *stats)
{
    const char *what = rill_strerror(RILL_ERR_RATE);
    char *detail = p->result.detail;
    size_t size = sizeof p->result.detail;
    char rate[RILL_RATIO_TEXT], minimum[RILL_RATIO_TEXT];
    rill_ratio_text(stats->rate, rate);
    rill_ratio_text(stats->min_rate, minimum);
    if (stats->rate.num == 0)
        snprintf(detail, size, "%s: nothing of what is sent arrives, the minimum is %s", what,
                 minimum);
    else if (rill_ratio_compare(stats->rate, stats->min_rate) >= 0)
        snprintf(detail, size,
                 "%s: the path's rate is %s, but rounding would leave less than the minimum %s of "
                 "what is left",
                 what, rate, minimum);
    else if (is_rounding(stats))
        snprintf(detail, size,
                 "%s: packets of %" PRIu64 " units bring %" PRIu64
                 ", the minimum is %s: small packets lose by rounding",
                 what, stats->rate.den, stats->rate.num, minimum);
    else
        snprintf(detail, size, "%s: the path's rate is %s, the minimum %s", what, rate, minimum);
    return true;
}

/* Who refused the last packet, and with which words: " (T04 ..., by example.node: ...)". */
static void add_reject(rill_payment *p)
{
    const rill_pay_result *r = &p->result;
    size_t len = strlen(p->result.detail);
    rill_payment_take_reject(p);
    if (!r->reject_code.text[0] || r->reject_authentic ||
        (!*r->reject_triggered_by && !*r->reject_message))
        return;
    snprintf(p->result.detail + len, sizeof p->result.detail - len, "%s%.64s%s%.100s",
             *r->reject_triggered_by ? "; refused by " : "; refused", r->reject_triggered_by,
             *r->reject_message ? ": " : "", r->reject_message);
}

/* Nothing went on, and time ran out: what was waited for, when that was last seen, is why. */
static bool describe_wait(rill_payment *p, int error)
{
    char what[64];
    if (p->last.reason == RILL_WAIT_NOTHING)
        return false;
    if (error == RILL_ERR_STALLED)
        snprintf(what, sizeof what, "no progress for %" PRIu64 " s", p->stall / RILL_SECOND);
    else
        snprintf(what, sizeof what, "%s", rill_strerror(error));
    snprintf(p->result.detail, sizeof p->result.detail, "%s, waiting for %.170s", what,
             p->last.text);
    return true;
}

/* What the other side says it did. */
static bool describe_close(rill_payment *p, int error, const char *message)
{
    if (error != RILL_ERR_CLOSED && !*message)
        return false;
    snprintf(p->result.detail, sizeof p->result.detail, "%s%s%s",
             error == RILL_ERR_CLOSED ? "the receiver has closed the connection before all was sent"
                                      : rill_strerror(error),
             *message ? ": " : "", message);
    return true;
}

void rill_payment_describe(rill_payment *p, int error, const char *message, bool remote)
{
    rill_connection_stats stats = {0};
    if (*p->result.detail)
        return;
    if (p->connection)
        rill_connection_get_stats(p->connection, &stats);
    bool late = error == RILL_ERR_TIMEOUT || error == RILL_ERR_STALLED;
    bool silent = p->before.sent == 0 && stats.packets_fulfilled == 0;
    bool refused = silent && stats.last_reject.text[0] && error != RILL_ERR_CANCELLED;
    if ((remote && describe_close(p, error, message ? message : "")) ||
        (error == RILL_ERR_RATE && describe_rate(p, &stats)) ||
        (late && !refused && describe_wait(p, error)))
        return;
    if (refused && describe_reject(p, stats.last_reject)) {
        add_reject(p);
        return;
    }
    if (late && describe_wait(p, error)) {
        if (refused)
            add_reject(p);
        return;
    }
    if (message && *message)
        snprintf(p->result.detail, sizeof p->result.detail, "%s: %s", rill_strerror(error),
                 message);
    else if (refused)
        snprintf(p->result.detail, sizeof p->result.detail, "%s (last reject: %s %s)",
                 rill_strerror(error), stats.last_reject.text,
                 rill_ilp_code_name(stats.last_reject));
    else
        snprintf(p->result.detail, sizeof p->result.detail, "%s", rill_strerror(error));
    if (refused)
        add_reject(p);
}

bool rill_payment_describe_refused_anew(rill_payment *p, const rill_end *end)
{
    bool state = end->remote && end->close_code == RILL_CLOSE_STREAM_STATE_ERROR;
    if (p->error == RILL_OK || !state || p->result.sent > 0 || p->result.data_acknowledged > 0)
        return false;
    snprintf(p->result.detail, sizeof p->result.detail,
             "the receiver has not ended an earlier connection with these credentials, and takes "
             "nothing on this one: try again in a minute, or ask for new credentials");
    return true;
}

/* ---- which reason ---- */

/* What it waited for says more than that it was too long. */
static rill_reason reason_of_wait(const rill_payment *p, rill_reason otherwise)
{
    switch (p->last.reason) {
    case RILL_WAIT_RECEIVE_MAX:
        return RILL_REASON_RECEIVE_MAX;
    case RILL_WAIT_LIQUIDITY:
        return RILL_REASON_LIQUIDITY;
    case RILL_WAIT_MINIMUM:
        return RILL_REASON_RATE;
    case RILL_WAIT_ANSWER:
        return RILL_REASON_NO_ANSWER;
    default:
        return otherwise;
    }
}

static rill_reason reason_unreached(int error)
{
    switch (error) {
    case RILL_ERR_AUTH:
    case RILL_ERR_REFUSED:
        return RILL_REASON_NODE_REFUSED;
    case RILL_ERR_CANCELLED:
        return RILL_REASON_CANCELLED;
    case RILL_ERR_NOMEM:
    case RILL_ERR_CRYPTO:
        return RILL_REASON_OTHER;
    default:
        return RILL_REASON_NODE_UNREACHABLE;
    }
}

static rill_reason reason_of_path(const rill_payment *p)
{
    rill_connection_stats stats = {0};
    if (p->connection)
        rill_connection_get_stats(p->connection, &stats);
    else
        stats.last_reject = p->result.reject_code;
    return rill_ilp_code_find(stats.last_reject) == RILL_ILP_T04_INSUFFICIENT_LIQUIDITY
               ? RILL_REASON_LIQUIDITY
               : RILL_REASON_PATH;
}

rill_reason rill_payment_reason(const rill_payment *p, int error)
{
    static const struct {
        int error;
        rill_reason reason;
    } reasons[] = {
        {RILL_ERR_CANCELLED, RILL_REASON_CANCELLED},
        {RILL_ERR_RATE, RILL_REASON_RATE},
        {RILL_ERR_TOO_LITTLE, RILL_REASON_TOO_LITTLE},
        {RILL_ERR_IN_DOUBT, RILL_REASON_IN_DOUBT},
        {RILL_ERR_FORGOTTEN, RILL_REASON_FORGOTTEN},
        {RILL_ERR_CLOCK, RILL_REASON_CLOCK},
        {RILL_ERR_EXHAUSTED, RILL_REASON_EXHAUSTED},
        {RILL_ERR_ASSET, RILL_REASON_ASSET_CONFLICT},
        {RILL_ERR_UNREACHABLE, RILL_REASON_NO_ROUTE},
        {RILL_ERR_AUTH, RILL_REASON_UNKNOWN_CREDENTIALS},
        {RILL_ERR_IDLE, RILL_REASON_NO_ANSWER},
        {RILL_ERR_REMOTE, RILL_REASON_CLOSED_BY_RECEIVER},
        {RILL_ERR_CLOSED, RILL_REASON_CLOSED_BY_RECEIVER},
        {RILL_ERR_PROTOCOL, RILL_REASON_PROTOCOL},
        {RILL_ERR_FLOW_CONTROL, RILL_REASON_PROTOCOL},
        {RILL_ERR_STREAM_ID, RILL_REASON_PROTOCOL},
        {RILL_ERR_MALFORMED, RILL_REASON_PROTOCOL},
    };
    if (!p->reached)
        return reason_unreached(error);
    if (error == RILL_ERR_STALLED)
        return reason_of_wait(p, RILL_REASON_STALLED);
    if (error == RILL_ERR_TIMEOUT) /* ours, or that of a connection that was never answered */
        return reason_of_wait(p, RILL_REASON_TIMEOUT);
    if (error == RILL_ERR_PATH)
        return reason_of_path(p);
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].error == error)
            return reasons[i].reason;
    }
    return RILL_REASON_OTHER;
}

void rill_payment_tell_quote(rill_payment *p)
{
    rill_quote_handlers *h = &p->quote.handlers;
    p->deadline = RILL_NEVER; /* it was for asking */
    if (h->quoted)
        h->quoted(&p->quote, &p->path, h->user);
}
