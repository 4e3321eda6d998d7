/* SPDX-License-Identifier: Apache-2.0 */
/* What Prometheus reads. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/wide_text.h"
#include "connector/admin_answer.h"

static const char type_text[] = "text/plain; version=0.0.4; charset=utf-8";

typedef enum metric {
    BALANCE,
    HELD,
    FROM_FULFILLED,
    FROM_REJECTED,
    TO_FULFILLED,
    SESSIONS,
    UNSEEN
} metric;

static void put_metric(const rill_core *core, rill_admin_lines *l, const rill_holder_account *a,
                       metric which)
{
    char asset[80];
    char labels[420];
    char value[RILL_WIDE_TEXT];
    rill_node_account t = {.sessions = 0};
    const char *name = a->config->name;
    rill_admin_label(a->config->asset.code, asset, sizeof asset);
    (void)snprintf(labels, sizeof labels, "account=\"%s\",asset=\"%s\",scale=\"%u\"", name, asset,
                   (unsigned)a->config->asset.scale);
    int rc = rill_hub_account(rill_core_hub(core),
                              (rill_bytes){(const uint8_t *)name, strlen(name)}, &t);
    (void)rc;
    switch (which) {
    case BALANCE:
        rill_wide_signed_text(a->balance.booked, value);
        rill_admin_line(l, "ilp_connector_balance{%s} %s\n", labels, value);
        break;
    case HELD:
        rill_wide_text(rill_wide_of(a->balance.held.high, a->balance.held.low), value);
        rill_admin_line(l, "rill_connector_held{%s} %s\n", labels, value);
        break;
    case FROM_FULFILLED:
        rill_admin_line(l,
                        "ilp_connector_incoming_ilp_packets{%s,result=\"fulfilled\"} %" PRIu64 "\n",
                        labels, t.packets_from - t.rejected_from - t.open);
        break;
    case FROM_REJECTED:
        rill_admin_line(l,
                        "ilp_connector_incoming_ilp_packets{%s,result=\"rejected\"} %" PRIu64 "\n",
                        labels, t.rejected_from);
        break;
    case TO_FULFILLED:
        rill_admin_line(l, "ilp_connector_outgoing_ilp_packets{%s} %" PRIu64 "\n", labels,
                        t.packets_to);
        break;
    case SESSIONS:
        rill_admin_line(l, "rill_connector_sessions{%s} %" PRIu32 "\n", labels, t.sessions);
        break;
    case UNSEEN:
        rill_admin_line(l, "rill_connector_unseen_money_total{%s} %" PRIu64 "\n", labels,
                        rill_core_unseen(a).amount);
        break;
    }
}

static void put_family(const rill_core *core, rill_admin_lines *l, const char *name,
                       const char *type, const char *help, metric first, metric last)
{
    rill_admin_line(l, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
    for (size_t i = 0; i < rill_core_accounts(core); i++) {
        for (metric which = first; which <= last; which++)
            put_metric(core, l, rill_core_account(core, i), which);
    }
}

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
    } families[] = {
        {"rill_connector_settlement_outstanding", "gauge",
         "Units that the engine was asked to settle, and has not taken yet."},
        {"ilp_connector_outgoing_money", "counter",
         "Units that the account's engine has taken to settle."},
        {"ilp_connector_incoming_money", "counter",
         "Units that the account's engine has told, and that were credited."},
        {"rill_connector_engine_failures_total", "counter", "Calls to the engine that failed."},
    };
    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        const char *name = families[f].name;
        rill_admin_line(l, "# HELP %s %s\n# TYPE %s %s\n", name, families[f].help, name,
                        families[f].type);
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
    put_family(core, &l, "ilp_connector_balance", "gauge",
               "What the node owes the account, in units of its asset.", BALANCE, BALANCE);
    put_family(core, &l, "rill_connector_held", "gauge",
               "Units that packets from the account hold until they are answered.", HELD, HELD);
    put_family(core, &l, "ilp_connector_incoming_ilp_packets", "counter",
               "Packets from the account that were answered.", FROM_FULFILLED, FROM_REJECTED);
    put_family(core, &l, "ilp_connector_outgoing_ilp_packets", "counter",
               "Packets that were sent to the account.", TO_FULFILLED, TO_FULFILLED);
    put_family(core, &l, "rill_connector_sessions", "gauge", "Connections of the account.",
               SESSIONS, SESSIONS);
    put_family(core, &l, "rill_connector_unseen_money_total", "counter",
               "Units of packets that were fulfilled after the account's connection was lost.",
               UNSEEN, UNSEEN);
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
