/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts on which nodes agreed by themselves, and who waits for one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "connector/admin_answer.h"
#include "connector/peering.h"

/* ---- looking ---- */

/* NULL: no memory. */
static json_t *peers_of(const rill_core *core)
{
    json_t *all = json_array();
    for (size_t i = 0; all != NULL && i < rill_core_accounts(core); i++) {
        const rill_holder_account *a = rill_core_account(core, i);
        if (a->config->peered->address == NULL)
            continue;
        if (json_array_append_new(all, rill_admin_account(core, a)) != 0) {
            json_decref(all);
            all = NULL;
        }
    }
    return all;
}

/* Without hashes and keys, which are of no use to people. NULL: no memory. */
static json_t *waiting_json(const rill_core *core, const rill_overlay_item *item)
{
    char id[RILL_PEERING_ID];
    if (rill_peering_id(core, item->value, id) != RILL_OK)
        return NULL;
    json_t *account = json_loads(item->value, 0, NULL);
    const json_t *peered = json_object_get(account, "peered");
    json_t *shown = json_pack(
        "{s:s, s:s, s:O?, s:O?, s:O?, s:O?, s:O?, s:O?, s:O?, s:O?}", "name", item->name, "id", id,
        "address", json_object_get(peered, "address"), "asset", json_object_get(account, "asset"),
        "url", json_object_get(json_object_get(account, "link"), "uri"), "from",
        json_object_get(peered, "with"), "at", json_object_get(peered, "at"), "credit",
        json_object_get(account, "credit"), "most", json_object_get(account, "most"), "max_packet",
        json_object_get(account, "max-packet"));
    json_decref(account);
    return shown;
}

void rill_admin_peers(const rill_core *core, rill_admin_answer *out)
{
    json_t *peers = peers_of(core);
    json_t *waiting = json_array();
    for (const rill_overlay_item *i = rill_core_peering_state(core)->waiting.first;
         waiting != NULL && i != NULL; i = i->next) {
        if (json_array_append_new(waiting, waiting_json(core, i)) != 0) {
            json_decref(waiting);
            waiting = NULL;
        }
    }
    if (peers != NULL && waiting != NULL) {
        rill_admin_json(out, 200, json_pack("{s:o, s:o}", "peers", peers, "waiting", waiting));
        return;
    }
    json_decref(peers);
    json_decref(waiting);
    rill_admin_json(out, 200, NULL);
}

/* ---- asking a peer ---- */

void rill_admin_add_peer(const rill_core *core, const rill_admin_control *control,
                         const json_t *object, rill_admin_answer *out)
{
    rill_peering_question *q = rill_alloc(rill_allocator_default(), sizeof *q);
    if (q == NULL) {
        rill_admin_refuse(out, 503, "%s", rill_strerror(RILL_ERR_NOMEM));
        return;
    }
    if (!rill_peering_ask(q, core, object, out)) {
        rill_peering_clear(q);
        rill_free(rill_allocator_default(), q);
        return;
    }
    switch (control->ask_peer(control->user, q, &out->ticket)) {
    case RILL_OK:
        break;
    case RILL_ERR_LIMIT:
        rill_admin_refuse(out, 409, "other peers are being asked: try again in a moment");
        break;
    case RILL_ERR_CLOSED:
        rill_admin_refuse(out, 409, "the node has not begun, or stops");
        break;
    case RILL_ERR_INVALID:
        rill_admin_refuse(out, 400, "the URL cannot be asked");
        break;
    case RILL_ERR_TLS:
        rill_admin_refuse(out, 409, "peering: ca cannot be read");
        break;
    default:
        rill_admin_refuse(out, 503, "%s", rill_strerror(RILL_ERR_NOMEM));
        break;
    }
}

/* ---- deciding ---- */

/* NULL: it has been refused. */
static const rill_overlay_item *find(const rill_core *core, const char *name,
                                     rill_admin_answer *out)
{
    const rill_overlay_item *item =
        rill_overlay_find(&rill_core_peering_state(core)->waiting, RILL_SETTING_PEER, name);
    if (item == NULL)
        rill_admin_refuse(out, 404, "there is no such peer, or it does not wait");
    return item;
}

/* Without memory it stays, and is found to be an account when it is tried again. */
static uint64_t take_away(rill_core *core, const char *name)
{
    const rill_store_setting gone = {RILL_SETTING_PEER, name, ""};
    uint64_t group = 0;
    if (rill_core_put_setting(core, &gone, &group) == RILL_OK)
        rill_overlay_remove(&rill_core_peering(core)->waiting, RILL_SETTING_PEER, name);
    return group;
}

static void note(rill_core *core, const char *who, const char *what, const char *name)
{
    char line[RILL_ENTRY_TEXT_MAX + 1];
    (void)snprintf(line, sizeof line, "auto-peering: %s %.200s", what, name);
    int rc = rill_core_note(core, NULL, who, line);
    (void)rc;
}

/* Much may have changed since it was asked for. */
static bool is_free(const rill_core *core, const rill_admin_control *control, const char *value,
                    rill_admin_answer *out)
{
    char problem[RILL_PEERING_PROBLEM];
    json_t *account = json_loads(value, 0, NULL);
    const char *address =
        json_string_value(json_object_get(json_object_get(account, "peered"), "address"));
    bool free_address =
        address != NULL &&
        rill_peering_address_is_free(core, control->overlay(control->user), address, problem);
    if (account == NULL || address == NULL)
        rill_admin_refuse(out, 503, "%s", rill_strerror(RILL_ERR_NOMEM));
    else if (!free_address)
        rill_admin_refuse(out, 409, "%.100s: %.300s", address, problem);
    json_decref(account);
    return free_address;
}

/*
 * Who agrees says what has been looked at: it may have been refused since by another operator, and
 * somebody else may wait in its place.
 */
static bool was_seen(const rill_core *core, const rill_overlay_item *item, const json_t *object,
                     rill_admin_answer *out)
{
    const char *seen = json_string_value(json_object_get(object, "id"));
    char id[RILL_PEERING_ID];
    if (seen == NULL)
        rill_admin_refuse(out, 400,
                          "id is missing: which of those that wait was looked at, as GET "
                          "/v1/peers has it");
    else if (rill_peering_id(core, item->value, id) != RILL_OK)
        rill_admin_refuse(out, 503, "%s", rill_strerror(RILL_ERR_CRYPTO));
    else if (strcmp(seen, id) != 0)
        rill_admin_refuse(out, 409, "what waits there is not what was looked at: look again");
    else
        return true;
    return false;
}

void rill_admin_approve(rill_core *core, const rill_admin_control *control, const char *name,
                        const json_t *object, rill_admin_answer *out)
{
    const char *who = rill_admin_who(object, out);
    const rill_overlay_item *item = who == NULL ? NULL : find(core, name, out);
    if (item == NULL || !was_seen(core, item, object, out) ||
        !is_free(core, control, item->value, out) ||
        !rill_admin_change_account(control, name, item->value, who, 201, out))
        return;
    (void)take_away(core, name);
    note(core, who, "agrees to", name);
    rill_core_peering(core)->made++;
}

void rill_admin_drop_peer(rill_core *core, const rill_admin_control *control, const char *name,
                          const json_t *object, rill_admin_answer *out)
{
    const char *who = rill_admin_who(object, out);
    const rill_holder_account *a =
        rill_core_find(core, (rill_bytes){(const uint8_t *)name, strlen(name)});
    if (who == NULL)
        return;
    /* One that is set aside is no account now, and goes all the same. */
    const bool aside = a == NULL && rill_overlay_find(control->overlay(control->user),
                                                      RILL_SETTING_ACCOUNT, name) != NULL;
    if (aside || (a != NULL && a->config->peered->address != NULL)) {
        rill_admin_drop_account(core, control, name, object, out);
        return;
    }
    if (find(core, name, out) == NULL)
        return;
    rill_admin_json(out, 200,
                    json_pack("{s:s, s:s?, s:[]}", "name", name, "token", NULL, "changes"));
    out->group = take_away(core, name);
    note(core, who, "refuses", name);
}

/* ---- metrics ---- */

void rill_admin_peer_metrics(const rill_core *core, rill_admin_lines *l)
{
    const rill_peering *p = rill_core_peering_state(core);
    const struct {
        const char *result;
        uint64_t count;
    } results[] = {
        {"made", p->made},       {"waits", p->began},     {"again", p->again},
        {"refused", p->refused}, {"limited", p->limited},
    };
    if (rill_core_config(core)->peering.url == NULL)
        return;
    rill_admin_line(l, "# HELP rill_connector_peering_requests_total Requests of nodes that want an"
                       " account.\n"
                       "# TYPE rill_connector_peering_requests_total counter\n");
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        rill_admin_line(l, "rill_connector_peering_requests_total{result=\"%s\"} %" PRIu64 "\n",
                        results[i].result, results[i].count);
    rill_admin_line(l,
                    "# HELP rill_connector_peering_waiting Nodes that wait for an operator.\n"
                    "# TYPE rill_connector_peering_waiting gauge\n"
                    "rill_connector_peering_waiting %zu\n",
                    p->waiting.count);
    rill_admin_line(l,
                    "# HELP rill_connector_peering_questions_total Questions of ours to peers.\n"
                    "# TYPE rill_connector_peering_questions_total counter\n"
                    "rill_connector_peering_questions_total{result=\"agreed\"} %" PRIu64 "\n"
                    "rill_connector_peering_questions_total{result=\"failed\"} %" PRIu64 "\n",
                    p->asked, p->unsettled);
}
