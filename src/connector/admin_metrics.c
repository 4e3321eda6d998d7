/* SPDX-License-Identifier: Apache-2.0 */
/* What Prometheus reads. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/wide_text.h"
#include "connector/admin_answer.h"

static const char type_text[] = "text/plain; version=0.0.4; charset=utf-8";

/* Samples of a family follow each other. */
typedef enum metric {
    PEER_BALANCE,
    BALANCE,
    HELD,
    FROM_FULFILLED,
    FROM_REJECTED,
    FROM_FAILED,
    FROM_VALUE_FULFILLED,
    FROM_VALUE_REJECTED,
    FROM_VALUE_FAILED,
    TO_FULFILLED,
    TO_REJECTED, /* a sample for each code */
    TO_FAILED,
    TO_VALUE_FULFILLED,
    TO_VALUE_REJECTED,
    TO_VALUE_FAILED,
    LIMITED,
    LIMITED_MONEY,
    SESSIONS,
    UNSEEN,
    LATE,
    UNANSWERED
} metric;

#define FULFILLED ",result=\"fulfilled\""
#define REJECTED  ",result=\"rejected\""
#define FAILED    ",result=\"failed\""

static const struct {
    const char *labels; /* beside those of the account */
    bool always;        /* also where it is 0 */
} samples[] = {
    [PEER_BALANCE] = {"", true},
    [BALANCE] = {"", true},
    [HELD] = {"", true},
    [FROM_FULFILLED] = {FULFILLED, true},
    [FROM_REJECTED] = {REJECTED, false},
    [FROM_FAILED] = {FAILED, false},
    [FROM_VALUE_FULFILLED] = {FULFILLED, true},
    [FROM_VALUE_REJECTED] = {REJECTED, false},
    [FROM_VALUE_FAILED] = {FAILED, false},
    [TO_FULFILLED] = {FULFILLED, true},
    [TO_REJECTED] = {REJECTED, false},
    [TO_FAILED] = {FAILED, false},
    [TO_VALUE_FULFILLED] = {FULFILLED, true},
    [TO_VALUE_REJECTED] = {REJECTED, false},
    [TO_VALUE_FAILED] = {FAILED, false},
    [LIMITED] = {"", false},
    [LIMITED_MONEY] = {"", false},
    [SESSIONS] = {"", true},
    [UNSEEN] = {"", true},
    [LATE] = {"", true},
    [UNANSWERED] = {"", true},
};

/*
 * As ilp-connector counts: what the account owes the node, and what its packets that are not
 * answered yet hold counts as owed.
 */
static rill_i128 peer_balance(const rill_balance *b)
{
    rill_i128 owed = rill_wide_negate(b->booked);
    bool fits =
        rill_wide_sum(owed, rill_wide_signed(rill_wide_of(b->held.high, b->held.low)), &owed);
    (void)fits; /* of no neighbour is there so much */
    return owed;
}

static void wide_value(const rill_holder_account *a, metric which, char out[RILL_WIDE_TEXT])
{
    if (which == PEER_BALANCE)
        rill_wide_signed_text(peer_balance(&a->balance), out);
    else if (which == BALANCE)
        rill_wide_signed_text(a->balance.booked, out);
    else
        rill_wide_text(rill_wide_of(a->balance.held.high, a->balance.held.low), out);
}

static uint64_t value_of(const rill_holder_account *a, const rill_node_account *t, metric which)
{
    static const rill_outcomes none;
    const rill_outcomes *o = a->outcomes == NULL ? &none : a->outcomes;
    switch (which) {
    case FROM_FULFILLED:
        return t->packets_from - t->rejected_from - t->open;
    case FROM_REJECTED:
        return o->from_rejected.packets;
    case FROM_FAILED:
        return o->from_failed.packets;
    case FROM_VALUE_FULFILLED:
        return t->fulfilled_from;
    case FROM_VALUE_REJECTED:
        return o->from_rejected.amount;
    case FROM_VALUE_FAILED:
        return o->from_failed.amount;
    case TO_FULFILLED:
        return a->fulfilled_to;
    case TO_FAILED:
        return o->to_failed.packets;
    case TO_VALUE_FULFILLED:
        return t->fulfilled_to;
    case TO_VALUE_REJECTED:
        return o->to_rejected_amount;
    case TO_VALUE_FAILED:
        return o->to_failed.amount;
    case LIMITED:
        return o->limited;
    case SESSIONS:
        return t->sessions;
    case UNSEEN:
        return rill_core_unseen(a).amount;
    case LATE:
        return o->late.amount;
    case UNANSWERED:
        return o->unanswered.amount;
    default:
        return 0;
    }
}

/* Codes that nobody knows share one name, so that a neighbour cannot make up any number of them. */
static void put_codes(rill_admin_lines *l, const char *name, const char *labels,
                      const rill_outcomes *o)
{
    for (unsigned code = 0; o != NULL && code <= RILL_ILP_CODE_UNKNOWN; code++) {
        if (o->to_rejected[code] == 0)
            continue;
        char text[8] = "other";
        if (code != RILL_ILP_CODE_UNKNOWN)
            (void)snprintf(text, sizeof text, "%s", rill_ilp_code_of((rill_ilp_code_id)code).text);
        rill_admin_line(l, "%s{%s" REJECTED ",code=\"%s\"} %" PRIu64 "\n", name, labels, text,
                        o->to_rejected[code]);
    }
}

static void put_account(const rill_core *core, rill_admin_lines *l, const char *name,
                        const rill_holder_account *a, metric first, metric last)
{
    char asset[80];
    char labels[420];
    char value[RILL_WIDE_TEXT];
    rill_node_account t = {.sessions = 0};
    const char *of = a->config->name;
    rill_admin_label(a->config->asset.code, asset, sizeof asset);
    (void)snprintf(labels, sizeof labels, "account=\"%s\",asset=\"%s\",scale=\"%u\"", of, asset,
                   (unsigned)a->config->asset.scale);
    int rc =
        rill_hub_account(rill_core_hub(core), (rill_bytes){(const uint8_t *)of, strlen(of)}, &t);
    (void)rc;
    for (metric which = first; which <= last; which++) {
        if (which == TO_REJECTED) {
            put_codes(l, name, labels, a->outcomes);
        } else if (which <= HELD) {
            wide_value(a, which, value);
            rill_admin_line(l, "%s{%s} %s\n", name, labels, value);
        } else if (samples[which].always || value_of(a, &t, which) > 0) {
            rill_admin_line(l, "%s{%s%s} %" PRIu64 "\n", name, labels, samples[which].labels,
                            value_of(a, &t, which));
        }
    }
}

static const struct {
    const char *name;
    const char *type;
    const char *help;
    metric first, last;
} families[] = {
    {"ilp_connector_balance", "gauge",
     "What the account owes the node, with what its packets under way hold, as ilp-connector "
     "counts.",
     PEER_BALANCE, PEER_BALANCE},
    {"rill_connector_balance", "gauge", "What the node owes the account, in units of its asset.",
     BALANCE, BALANCE},
    {"rill_connector_held", "gauge",
     "Units that packets from the account hold until they are answered.", HELD, HELD},
    {"ilp_connector_incoming_ilp_packets", "counter",
     "Packets from the account: fulfilled, rejected by a neighbour, or failed at this node.",
     FROM_FULFILLED, FROM_FAILED},
    {"ilp_connector_incoming_ilp_packet_value", "counter",
     "Units of packets from the account, by how they ended.", FROM_VALUE_FULFILLED,
     FROM_VALUE_FAILED},
    {"ilp_connector_outgoing_ilp_packets", "counter",
     "Packets to the account: fulfilled, rejected by it, or failed, which it did not answer in "
     "time "
     "or rightly.",
     TO_FULFILLED, TO_FAILED},
    {"ilp_connector_outgoing_ilp_packet_value", "counter",
     "Units of packets to the account, by how they ended.", TO_VALUE_FULFILLED, TO_VALUE_FAILED},
    {"ilp_connector_rate_limited_ilp_packets", "counter",
     "Packets from the account above its packets a second.", LIMITED, LIMITED},
    {"ilp_connector_rate_limited_money", "counter",
     "Settlements above a rate: there is no such limit here, so that this has no samples.",
     LIMITED_MONEY, LIMITED_MONEY},
    {"rill_connector_sessions", "gauge", "Connections of the account.", SESSIONS, SESSIONS},
    {"rill_connector_unseen_money_total", "counter",
     "Units of packets that were fulfilled after the account's connection or request was lost.",
     UNSEEN, UNSEEN},
    {"rill_connector_late_money_total", "counter",
     "Units of packets that the account fulfilled after they were rejected here as too late, or as "
     "its link was lost.",
     LATE, LATE},
    {"rill_connector_unanswered_money_total", "counter",
     "Units of packets to the account whose answer could not come any more, as its link was lost: "
     "it may have fulfilled them.",
     UNANSWERED, UNANSWERED},
};

static void put_settlement(rill_admin_lines *l, const char *name, const char *more,
                           const rill_holder_account *a, uint64_t value)
{
    char asset[80];
    rill_admin_label(a->config->asset.code, asset, sizeof asset);
    rill_admin_line(l, "%s{account=\"%s\",asset=\"%s\",scale=\"%u\"%s} %" PRIu64 "\n", name,
                    a->config->name, asset, (unsigned)a->config->asset.scale, more, value);
}

/* Of accounts with engines alone. */
static void put_settlements(const rill_core *core, rill_admin_lines *l)
{
    static const struct {
        const char *name;
        const char *type;
        const char *help;
    } of_engines[] = {
        {"rill_connector_settlement_outstanding", "gauge",
         "Units that the engine was asked to settle, and has not taken yet."},
        {"ilp_connector_outgoing_money", "counter",
         "Units that the account's engine has taken to settle."},
        {"ilp_connector_incoming_money", "counter",
         "Units that the account's engine has told, and that were credited."},
        {"rill_connector_engine_failures_total", "counter", "Calls to the engine that failed."},
    };
    for (size_t f = 0; f < sizeof of_engines / sizeof *of_engines; f++) {
        const char *name = of_engines[f].name;
        rill_admin_line(l, "# HELP %s %s\n# TYPE %s %s\n", name, of_engines[f].help, name,
                        of_engines[f].type);
        for (size_t i = 0; i < rill_core_accounts(core); i++) {
            const rill_holder_account *a = rill_core_account(core, i);
            const rill_settling *s = a->settling;
            if (s == NULL)
                continue;
            const uint64_t values[] = {s->of == NULL ? 0 : s->asked, s->units_out, s->units_in,
                                       s->failures};
            put_settlement(l, name, f == 1 || f == 2 ? ",result=\"succeeded\"" : "", a, values[f]);
        }
    }
}

/* Names of ilp-connector where it has one, so that its dashboards go on. */
void rill_admin_metrics(const rill_core *core, rill_admin_answer *out)
{
    rill_admin_lines l = {.text = NULL};
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        const char *name = families[f].name;
        rill_admin_line(&l, "# HELP %s %s\n# TYPE %s %s\n", name, families[f].help, name,
                        families[f].type);
        for (size_t i = 0; i < rill_core_accounts(core); i++)
            put_account(core, &l, name, rill_core_account(core, i), families[f].first,
                        families[f].last);
    }
    put_settlements(core, &l);
    rill_admin_line(&l,
                    "# HELP rill_connector_books_ok 1 while the books can be written.\n"
                    "# TYPE rill_connector_books_ok gauge\nrill_connector_books_ok %d\n",
                    rill_core_is_failing(core) ? 0 : 1);
    rill_admin_times(core, &l);
    rill_admin_price_metrics(core, &l);
    rill_admin_webhook_metrics(core, &l);
    rill_admin_peer_metrics(core, &l);
    rill_admin_packet_metrics(core, &l);
    if (l.failed || l.text == NULL)
        out->status = 503;
    else
        rill_admin_text(out, 200, type_text, l.text);
    rill_admin_lines_clear(&l);
}
