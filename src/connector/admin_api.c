/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/admin_api.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/wide_text.h"

static const char type_json[] = "application/json";
static const char type_text[] = "text/plain; version=0.0.4; charset=utf-8";

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

void rill_admin_free(rill_admin_answer *answer)
{
    rill_free(memory(), answer->body);
    answer->body = NULL;
}

/* ---- answers ---- */

static void give_text(rill_admin_answer *out, unsigned status, const char *type, const char *text)
{
    size_t size = strlen(text) + 1;
    out->status = status;
    out->type = type;
    out->body = rill_alloc(memory(), size);
    if (out->body == NULL)
        out->status = 503;
    else
        memcpy(out->body, text, size);
}

/* Takes the value, which may be NULL where there was no memory. */
static void give_json(rill_admin_answer *out, unsigned status, json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT);
    json_decref(value);
    if (text == NULL)
        out->status = 503;
    else
        give_text(out, status, type_json, text);
    free(text);
}

__attribute__((format(printf, 3, 4))) static void refuse(rill_admin_answer *out, unsigned status,
                                                         const char *format, ...)
{
    char why[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, sizeof why, format, args);
    va_end(args);
    give_json(out, status, json_pack("{s:s}", "error", why));
}

/* ---- accounts ---- */

static json_t *wide_json(rill_u128 value)
{
    char text[RILL_WIDE_TEXT];
    rill_wide_text(value, text);
    return json_string(text);
}

static json_t *limit_json(uint64_t limit)
{
    return limit == RILL_NO_LIMIT ? json_null() : wide_json(rill_wide(limit));
}

static json_t *sum_json(rill_sum sum)
{
    return wide_json(rill_wide_of(sum.high, sum.low));
}

static const char *const relations[] = {"parent", "peer", "child"};

/* Amounts are strings: JSON's numbers lose units above 2^53 in many readers. */
static json_t *account_json(const rill_core *core, const rill_holder_account *a)
{
    char booked[RILL_WIDE_TEXT];
    rill_node_account traffic = {.sessions = 0};
    const char *name = a->config->name;
    rill_wide_signed_text(a->balance.booked, booked);
    int rc = rill_hub_account(rill_core_hub(core),
                              (rill_bytes){(const uint8_t *)name, strlen(name)}, &traffic);
    (void)rc; /* it is there */
    json_t *packets = json_pack("{s:I, s:I, s:I, s:I}", "from", (json_int_t)traffic.packets_from,
                                "rejected", (json_int_t)traffic.rejected_from, "to",
                                (json_int_t)traffic.packets_to, "open", (json_int_t)traffic.open);
    return json_pack("{s:s, s:s, s:{s:s, s:i}, s:s, s:o, s:o, s:o, s:o, s:i, s:s?, s:o}", "name",
                     name, "relation", relations[a->config->relation], "asset", "code",
                     a->config->asset.code, "scale", (int)a->config->asset.scale, "balance", booked,
                     "held", sum_json(a->balance.held), "coming", sum_json(a->balance.coming),
                     "credit", limit_json(a->balance.credit), "most", limit_json(a->balance.most),
                     "sessions", (int)traffic.sessions, "address", a->address, "packets", packets);
}

static void list_accounts(const rill_core *core, rill_admin_answer *out)
{
    json_t *all = json_array();
    for (size_t i = 0; all != NULL && i < rill_core_accounts(core); i++) {
        if (json_array_append_new(all, account_json(core, rill_core_account(core, i))) != 0) {
            json_decref(all);
            all = NULL;
        }
    }
    give_json(out, 200, all == NULL ? NULL : json_pack("{s:o}", "accounts", all));
}

/* ---- entries ---- */

static const struct {
    const char *name;
    rill_entry_kind kind;
} kinds[] = {
    {"settled-in", RILL_ENTRY_SETTLED_IN},
    {"settled-out", RILL_ENTRY_SETTLED_OUT},
    {"deposit", RILL_ENTRY_DEPOSIT},
    {"withdrawal", RILL_ENTRY_WITHDRAWAL},
};

static bool find_kind(const char *name, rill_entry_kind *out)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            *out = kinds[i].kind;
            return true;
        }
    }
    return false;
}

/* A text that may be left out. False: it is something else. */
static bool text_of(const json_t *object, const char *name, const char **out)
{
    const json_t *value = json_object_get(object, name);
    *out = value == NULL ? "" : json_string_value(value);
    return *out != NULL;
}

/* NULL, or what is wrong. */
static const char *read_entry(const json_t *object, rill_store_entry *out)
{
    const char *kind;
    const char *amount;
    if (!json_is_object(object))
        return "the body must be an object in JSON";
    if (!text_of(object, "kind", &kind) || !find_kind(kind, &out->kind))
        return "kind must be settled-in, settled-out, deposit or withdrawal";
    if (!text_of(object, "amount", &amount) || rill_amount_parse(amount, &out->amount) != RILL_OK ||
        out->amount == 0)
        return "amount must be a string with a whole number of units, at least 1";
    if (!text_of(object, "who", &out->who) || out->who[0] == '\0')
        return "who must say who did this";
    if (!text_of(object, "note", &out->note) || !text_of(object, "key", &out->key))
        return "note and key must be strings";
    return NULL;
}

static void answer_entered(rill_admin_answer *out, int rc, const rill_core *core,
                           const rill_holder_account *a)
{
    switch (rc) {
    case RILL_OK:
        give_json(out, 201, account_json(core, a));
        break;
    case RILL_ERR_EXISTS:
        give_json(out, 200, account_json(core, a));
        break;
    case RILL_ERR_STATE:
        refuse(out, 409, "this key was used for another amount or kind");
        break;
    case RILL_ERR_INVALID:
        refuse(out, 400, "who, note and key have at most %d bytes", RILL_ENTRY_TEXT_MAX);
        break;
    default:
        refuse(out, 503, "%s", rill_strerror(rc));
        break;
    }
}

static void enter(rill_core *core, rill_holder_account *a, rill_bytes body, rill_admin_answer *out)
{
    rill_store_entry entry = {.at_ms = rill_core_now(core).wall_ms};
    json_t *object = json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
    const char *problem = read_entry(object, &entry);
    if (problem != NULL) {
        refuse(out, 400, "%s", problem);
    } else {
        uint64_t group = 0;
        int rc = rill_core_enter(core, a, &entry, &group);
        answer_entered(out, rc, core, a);
        /* One that was entered before may not be kept yet either. */
        out->group = rc == RILL_OK ? group : 0;
    }
    json_decref(object);
}

/* ---- what Prometheus reads ---- */

typedef struct lines {
    char *text;
    size_t len;
    size_t cap;
    bool failed;
} lines;

__attribute__((format(printf, 2, 3))) static void line(lines *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char one[700];
    int len = vsnprintf(one, sizeof one, format, args);
    va_end(args);
    size_t need = len < 0 ? 0 : (size_t)len;
    if (len < 0 || need >= sizeof one || l->failed) {
        l->failed = true;
        return;
    }
    if (l->len + need + 1 > l->cap) {
        size_t cap = l->cap * 2 + 4096;
        char *grown = rill_realloc_array(memory(), l->text, cap, 1);
        if (grown == NULL) {
            l->failed = true;
            return;
        }
        l->text = grown;
        l->cap = cap;
    }
    memcpy(l->text + l->len, one, need + 1);
    l->len += need;
}

/* Names of accounts have no character that needs an escape; codes of assets may. */
static void label(const char *text, char *out, size_t cap)
{
    size_t len = 0;
    for (; *text != '\0' && len + 3 < cap; text++) {
        if (*text == '"' || *text == '\\')
            out[len++] = '\\';
        out[len++] = *text;
    }
    out[len] = '\0';
}

typedef enum metric { BALANCE, HELD, FROM_FULFILLED, FROM_REJECTED, TO_FULFILLED, SESSIONS } metric;

static void put_metric(const rill_core *core, lines *l, const rill_holder_account *a, metric which)
{
    char asset[80];
    char labels[420];
    char value[RILL_WIDE_TEXT];
    rill_node_account t = {.sessions = 0};
    const char *name = a->config->name;
    label(a->config->asset.code, asset, sizeof asset);
    (void)snprintf(labels, sizeof labels, "account=\"%s\",asset=\"%s\",scale=\"%u\"", name, asset,
                   (unsigned)a->config->asset.scale);
    int rc = rill_hub_account(rill_core_hub(core),
                              (rill_bytes){(const uint8_t *)name, strlen(name)}, &t);
    (void)rc;
    switch (which) {
    case BALANCE:
        rill_wide_signed_text(a->balance.booked, value);
        line(l, "ilp_connector_balance{%s} %s\n", labels, value);
        break;
    case HELD:
        rill_wide_text(rill_wide_of(a->balance.held.high, a->balance.held.low), value);
        line(l, "rill_connector_held{%s} %s\n", labels, value);
        break;
    case FROM_FULFILLED:
        line(l, "ilp_connector_incoming_ilp_packets{%s,result=\"fulfilled\"} %" PRIu64 "\n", labels,
             t.packets_from - t.rejected_from - t.open);
        break;
    case FROM_REJECTED:
        line(l, "ilp_connector_incoming_ilp_packets{%s,result=\"rejected\"} %" PRIu64 "\n", labels,
             t.rejected_from);
        break;
    case TO_FULFILLED:
        line(l, "ilp_connector_outgoing_ilp_packets{%s} %" PRIu64 "\n", labels, t.packets_to);
        break;
    case SESSIONS:
        line(l, "rill_connector_sessions{%s} %" PRIu32 "\n", labels, t.sessions);
        break;
    }
}

static void put_family(const rill_core *core, lines *l, const char *name, const char *type,
                       const char *help, metric first, metric last)
{
    line(l, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
    for (size_t i = 0; i < rill_core_accounts(core); i++) {
        for (metric which = first; which <= last; which++)
            put_metric(core, l, rill_core_account(core, i), which);
    }
}

/* Names of ilp-connector where it has one, so that its dashboards go on. */
static void put_metrics(const rill_core *core, rill_admin_answer *out)
{
    lines l = {NULL, 0, 0, false};
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
    line(&l,
         "# HELP rill_connector_books_ok 1 while the books can be written.\n"
         "# TYPE rill_connector_books_ok gauge\nrill_connector_books_ok %d\n",
         rill_core_is_failing(core) ? 0 : 1);
    if (l.failed || l.text == NULL)
        out->status = 503;
    else
        give_text(out, 200, type_text, l.text);
    rill_free(memory(), l.text);
}

/* ---- which resource ---- */

static bool same(rill_bytes a, const char *text)
{
    return a.len == strlen(text) && memcmp(a.data, text, a.len) == 0;
}

static bool begins(rill_bytes *path, const char *with)
{
    size_t len = strlen(with);
    if (path->len < len || memcmp(path->data, with, len) != 0)
        return false;
    *path = (rill_bytes){path->data + len, path->len - len};
    return true;
}

static bool allows(const rill_admin_request *r, const char *method, rill_admin_answer *out)
{
    if (same(r->method, method))
        return true;
    refuse(out, 405, "this resource takes %s", method);
    out->allow = method;
    return false;
}

/* /v1/accounts/NAME and what is below it; path is NAME and the rest. */
static void ask_account(rill_core *core, const rill_admin_request *r, rill_bytes path,
                        rill_admin_answer *out)
{
    size_t len = 0;
    while (len < path.len && path.data[len] != '/')
        len++;
    const rill_bytes rest = {path.data + len, path.len - len};
    rill_holder_account *a = rill_core_find(core, (rill_bytes){path.data, len});
    bool entries = same(rest, "/entries");
    if (a == NULL || (rest.len > 0 && !entries)) {
        refuse(out, 404, a == NULL ? "there is no such account" : "there is no such resource");
        return;
    }
    if (entries) {
        if (allows(r, "POST", out))
            enter(core, a, r->body, out);
    } else if (allows(r, "GET", out)) {
        give_json(out, 200, account_json(core, a));
    }
}

static void ask_known(rill_core *core, const rill_admin_request *r, rill_bytes path,
                      rill_admin_answer *out)
{
    if (same(path, "/metrics")) {
        if (allows(r, "GET", out))
            put_metrics(core, out);
    } else if (same(path, "/v1/accounts")) {
        if (allows(r, "GET", out))
            list_accounts(core, out);
    } else if (begins(&path, "/v1/accounts/")) {
        ask_account(core, r, path, out);
    } else {
        refuse(out, 404, "there is no such resource");
    }
}

void rill_admin_ask(rill_core *core, const rill_admin_request *request, rill_admin_answer *out)
{
    rill_bytes path = request->path;
    *out = (rill_admin_answer){.type = type_json};
    const uint8_t *query = path.len == 0 ? NULL : memchr(path.data, '?', path.len);
    if (query != NULL)
        path.len = (size_t)(query - path.data);
    if (same(path, "/healthz")) {
        if (allows(request, "GET", out))
            give_json(out, 200, json_pack("{s:s}", "status", "ok"));
    } else if (same(path, "/readyz")) {
        if (!allows(request, "GET", out))
            return;
        if (rill_core_is_failing(core))
            refuse(out, 503, "the books cannot be written");
        else
            give_json(out, 200, json_pack("{s:s}", "status", "ready"));
    } else if (!request->known) {
        refuse(out, 401, "a token of the configuration is needed");
    } else {
        ask_known(core, request, path, out);
    }
}
