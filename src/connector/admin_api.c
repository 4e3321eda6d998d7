/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/admin_api.h"

#include <stdio.h>
#include <string.h>

#include "connector/admin_answer.h"

/* What is asked. */
typedef struct question {
    rill_core *core;
    const rill_admin_control *control;
    const rill_admin_request *request;
    rill_holder_account *account;       /* that the path names */
    char name[RILL_STORE_NAME_MAX + 1]; /* as it is in the path */
    rill_bytes query;
} question;

static void show_account(const question *q, rill_admin_answer *out)
{
    rill_admin_json(out, 200, rill_admin_account(q->core, q->account));
}

static void list_accounts(const question *q, rill_admin_answer *out)
{
    const rill_core *core = q->core;
    json_t *all = json_array();
    for (size_t i = 0; all != NULL && i < rill_core_accounts(core); i++) {
        if (json_array_append_new(all, rill_admin_account(core, rill_core_account(core, i))) != 0) {
            json_decref(all);
            all = NULL;
        }
    }
    rill_admin_json(out, 200, all == NULL ? NULL : json_pack("{s:o}", "accounts", all));
}

static json_t *object_of(const question *q, rill_admin_answer *out);

static void enter(const question *q, rill_admin_answer *out)
{
    rill_store_entry entry = {.at_ms = rill_core_now(q->core).wall_ms};
    json_t *object = object_of(q, out);
    if (object != NULL && rill_admin_read_entry(object, &entry, out)) {
        if (rill_core_config(q->core)->admin.two_people)
            rill_admin_propose_entry(q->core, q->request, q->account, object, out);
        else
            (void)rill_admin_enter(q->core, q->account, &entry, out);
    }
    json_decref(object);
}

/* A text that may be left out. False: it is something else. */
static bool text_of(const json_t *object, const char *name, const char **out)
{
    const json_t *value = json_object_get(object, name);
    *out = value == NULL ? "" : json_string_value(value);
    return *out != NULL;
}

/* ---- which resource ---- */

static bool same(rill_bytes a, const char *text)
{
    return a.len == strlen(text) && memcmp(a.data, text, a.len) == 0;
}

static void say_healthy(const question *q, rill_admin_answer *out)
{
    (void)q;
    rill_admin_json(out, 200, json_pack("{s:s}", "status", "ok"));
}

static void say_ready(const question *q, rill_admin_answer *out)
{
    if (rill_core_is_failing(q->core))
        rill_admin_refuse(out, 503, "the books cannot be written");
    else if (rill_core_is_draining(q->core))
        rill_admin_refuse(out, 503, "the node is stopping");
    else
        rill_admin_json(out, 200, json_pack("{s:s}", "status", "ready"));
}

static void show_metrics(const question *q, rill_admin_answer *out)
{
    rill_admin_metrics(q->core, out);
}

static void show_statement(const question *q, rill_admin_answer *out)
{
    rill_admin_begin_statement(q->core, q->account, q->query, out);
}

static void show_rejects(const question *q, rill_admin_answer *out)
{
    rill_admin_rejects(q->core, q->account, out);
}

static void show_all_rejects(const question *q, rill_admin_answer *out)
{
    rill_admin_all_rejects(q->core, out);
}

static void show_entries(const question *q, rill_admin_answer *out)
{
    json_t *all =
        q->request->events == NULL ? json_array() : rill_events_entries(q->request->events);
    rill_admin_json(out, 200, all == NULL ? NULL : json_pack("{s:o}", "entries", all));
}

static void follow(const question *q, rill_admin_answer *out)
{
    out->follows = q->request->events != NULL;
    if (!out->follows)
        rill_admin_refuse(out, 503, "this node cannot do that");
}

static void show_flights(const question *q, rill_admin_answer *out)
{
    rill_admin_flights(q->core, out);
}

static void show_openapi(const question *q, rill_admin_answer *out)
{
    (void)q;
    rill_admin_openapi(out);
}

static void show_packets(const question *q, rill_admin_answer *out)
{
    rill_admin_begin_packets(q->core, q->query, out);
}

static void audit(const question *q, rill_admin_answer *out)
{
    (void)q;
    rill_admin_begin_audit(out);
}

static void show_rates(const question *q, rill_admin_answer *out)
{
    rill_admin_rates(q->core, out);
}

static void show_routes(const question *q, rill_admin_answer *out)
{
    rill_admin_routes(q->core, q->query, out);
}

static void show_assets(const question *q, rill_admin_answer *out)
{
    rill_admin_assets(q->core, out);
}

static void show_node(const question *q, rill_admin_answer *out)
{
    rill_admin_node(q->core, q->control, out);
}

/* An object, or no body at all: {}. NULL: it has been refused. */
static json_t *object_of(const question *q, rill_admin_answer *out)
{
    const rill_bytes body = q->request->body;
    json_t *object =
        body.len == 0 ? json_object()
                      : json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(object))
        return object;
    json_decref(object);
    rill_admin_refuse(out, 400, "the body must be an object in JSON");
    return NULL;
}

/* Writes into the audit who changed what. False: it has been refused. */
static bool audit_change(const question *q, const json_t *object, const char *what,
                         rill_admin_answer *out)
{
    const char *who;
    if (!text_of(object, "who", &who)) {
        rill_admin_refuse(out, 400, "who must be a string");
        return false;
    }
    int rc = rill_core_note(q->core, NULL, who[0] == '\0' ? "api" : who, what);
    if (rc == RILL_ERR_INVALID)
        rill_admin_refuse(out, 400, "who has at most %d bytes", RILL_ENTRY_TEXT_MAX);
    else if (rc != RILL_OK)
        rill_admin_refuse(out, 503, "%s", rill_strerror(rc));
    return rc == RILL_OK;
}

static void drain(const question *q, rill_admin_answer *out)
{
    json_t *object = object_of(q, out);
    if (object != NULL && audit_change(q, object, "drain", out)) {
        const json_int_t open = (json_int_t)rill_hub_open(rill_core_hub(q->core));
        q->control->drain(q->control->user);
        rill_admin_json(out, 202, json_pack("{s:I}", "open", open));
    }
    json_decref(object);
}

static void load(const question *q, rill_admin_answer *out)
{
    const char *who = "";
    json_t *object = object_of(q, out);
    if (object == NULL)
        return;
    json_t *changes = json_array();
    json_t *problems = json_array();
    if (!text_of(object, "who", &who) || strlen(who) > RILL_ENTRY_TEXT_MAX) {
        rill_admin_refuse(out, 400, "who must be a string of at most %d bytes",
                          RILL_ENTRY_TEXT_MAX);
    } else {
        int rc =
            q->control->load(q->control->user, who[0] == '\0' ? "api" : who, changes, problems);
        if (rc == RILL_OK)
            rill_admin_json(out, 200, json_pack("{s:O}", "changes", changes));
        else
            rill_admin_json(out, rc == RILL_ERR_STATE ? 409 : 422,
                            json_pack("{s:s, s:O}", "error",
                                      rc == RILL_ERR_STATE
                                          ? "the node has not begun, or stops"
                                          : "the configuration is refused, and all stays as it is",
                                      "problems", problems));
    }
    json_decref(changes);
    json_decref(problems);
    json_decref(object);
}

static void enter_price(const question *q, rill_admin_answer *out)
{
    json_t *object = object_of(q, out);
    if (object != NULL)
        rill_admin_enter_price(q->core, object, out);
    json_decref(object);
}

static void put_route(const question *q, rill_admin_answer *out)
{
    json_t *object = object_of(q, out);
    if (object != NULL)
        rill_admin_put_route(q->control, object, out);
    json_decref(object);
}

static void drop_route(const question *q, rill_admin_answer *out)
{
    json_t *object = object_of(q, out);
    if (object != NULL)
        rill_admin_drop_route(q->control, object, q->query, out);
    json_decref(object);
}

static void add_account(const question *q, rill_admin_answer *out)
{
    json_t *object = object_of(q, out);
    if (object != NULL)
        rill_admin_add_account(q->core, q->control, object, out);
    json_decref(object);
}

static void set_account(const question *q, rill_admin_answer *out)
{
    json_t *object = object_of(q, out);
    if (object != NULL)
        rill_admin_set_account(q->core, q->control, q->name, object, out);
    json_decref(object);
}

static void drop_account(const question *q, rill_admin_answer *out)
{
    json_t *object = object_of(q, out);
    if (object != NULL)
        rill_admin_drop_account(q->core, q->control, q->name, object, out);
    json_decref(object);
}

static void show_outstanding(const question *q, rill_admin_answer *out)
{
    rill_admin_outstanding(q->core, out);
}

static void end_outstanding(const question *q, rill_admin_answer *out)
{
    json_t *object = object_of(q, out);
    if (object != NULL && rill_core_config(q->core)->admin.two_people)
        rill_admin_propose_end(q->core, q->request, q->name, object, out);
    else if (object != NULL)
        (void)rill_admin_end_outstanding(q->core, q->name, object, out);
    json_decref(object);
}

static void show_proposals(const question *q, rill_admin_answer *out)
{
    rill_admin_proposals(q->core, out);
}

static void confirm(const question *q, rill_admin_answer *out)
{
    json_t *object = object_of(q, out);
    if (object != NULL)
        rill_admin_confirm(q->core, q->request, q->name, object, out);
    json_decref(object);
}

static void reject_proposal(const question *q, rill_admin_answer *out)
{
    json_t *object = object_of(q, out);
    if (object != NULL)
        rill_admin_reject_proposal(q->core, q->request, q->name, object, out);
    json_decref(object);
}

static void show_peers(const question *q, rill_admin_answer *out)
{
    rill_admin_peers(q->core, out);
}

static void add_peer(const question *q, rill_admin_answer *out)
{
    json_t *object = object_of(q, out);
    if (object != NULL)
        rill_admin_add_peer(q->core, q->control, object, out);
    json_decref(object);
}

static void approve(const question *q, rill_admin_answer *out)
{
    json_t *object = object_of(q, out);
    if (object != NULL)
        rill_admin_approve(q->core, q->control, q->name, object, out);
    json_decref(object);
}

static void drop_peer(const question *q, rill_admin_answer *out)
{
    json_t *object = object_of(q, out);
    if (object != NULL)
        rill_admin_drop_peer(q->core, q->control, q->name, object, out);
    json_decref(object);
}

static const char *const levels[] = {"warning", "info", "debug"};

static void show_level(const question *q, rill_admin_answer *out)
{
    rill_admin_json(out, 200,
                    json_pack("{s:s}", "level", levels[q->control->level(q->control->user)]));
}

static void set_level(const question *q, rill_admin_answer *out)
{
    const char *level;
    char what[40];
    json_t *object = object_of(q, out);
    if (object == NULL)
        return;
    size_t i = 0;
    while (text_of(object, "level", &level) && i < sizeof levels / sizeof *levels &&
           strcmp(levels[i], level) != 0)
        i++;
    (void)snprintf(what, sizeof what, "log-level %s", levels[i % (sizeof levels / sizeof *levels)]);
    if (level == NULL || i == sizeof levels / sizeof *levels) {
        rill_admin_refuse(out, 400, "level must be warning, info or debug");
    } else if (audit_change(q, object, what, out)) {
        q->control->set_level(q->control->user, (rill_log_level)i);
        show_level(q, out);
    }
    json_decref(object);
}

typedef struct resource {
    const char *path; /* {account}: the name of one */
    const char *method;
    void (*answer)(const question *q, rill_admin_answer *out);
    bool open;    /* to everybody */
    bool control; /* needs who runs the connector */
} resource;

static const resource resources[] = {
    {"/healthz", "GET", say_healthy, true, false},
    {"/readyz", "GET", say_ready, true, false},
    {"/v1/openapi.json", "GET", show_openapi, true, false},
    {"/metrics", "GET", show_metrics, false, false},
    {"/v1/node", "GET", show_node, false, false},
    {"/v1/accounts", "GET", list_accounts, false, false},
    {"/v1/accounts", "POST", add_account, false, true},
    {"/v1/accounts/{account}", "GET", show_account, false, false},
    {"/v1/accounts/{account}", "PATCH", set_account, false, true},
    {"/v1/accounts/{account}", "DELETE", drop_account, false, true},
    {"/v1/accounts/{account}/entries", "POST", enter, false, false},
    {"/v1/accounts/{account}/outstanding", "POST", end_outstanding, false, false},
    {"/v1/outstanding", "GET", show_outstanding, false, false},
    {"/v1/proposals", "GET", show_proposals, false, false},
    {"/v1/proposals/{proposal}", "POST", confirm, false, false},
    {"/v1/proposals/{proposal}", "DELETE", reject_proposal, false, false},
    {"/v1/peers", "GET", show_peers, false, false},
    {"/v1/peers", "POST", add_peer, false, true},
    {"/v1/peers/{peer}", "POST", approve, false, true},
    {"/v1/peers/{peer}", "DELETE", drop_peer, false, true},
    {"/v1/accounts/{account}/statement", "GET", show_statement, false, true},
    {"/v1/accounts/{account}/rejects", "GET", show_rejects, false, false},
    {"/v1/rejects", "GET", show_all_rejects, false, false},
    {"/v1/entries", "GET", show_entries, false, false},
    {"/v1/events", "GET", follow, false, false},
    {"/v1/in-flight", "GET", show_flights, false, false},
    {"/v1/packets", "GET", show_packets, false, true},
    {"/v1/assets", "GET", show_assets, false, false},
    {"/v1/rates", "GET", show_rates, false, false},
    {"/v1/rates", "PUT", enter_price, false, false},
    {"/v1/routes", "GET", show_routes, false, false},
    {"/v1/routes", "PUT", put_route, false, true},
    {"/v1/routes", "DELETE", drop_route, false, true},
    {"/v1/audit", "GET", audit, false, true},
    {"/v1/drain", "POST", drain, false, true},
    {"/v1/reload", "POST", load, false, true},
    {"/v1/log-level", "GET", show_level, false, true},
    {"/v1/log-level", "PUT", set_level, false, true},
};

enum { RESOURCES = sizeof resources / sizeof resources[0] };

const char *rill_admin_resource(size_t index, const char **method)
{
    if (index >= RESOURCES)
        return NULL;
    *method = resources[index].method;
    return resources[index].path;
}

/* Does a path have this form? *name is what stands for {account}. */
static bool has_form(rill_bytes path, const char *form, rill_bytes *name)
{
    const char *open = strchr(form, '{');
    const char *rest = open == NULL ? NULL : strchr(open, '}') + 1;
    if (open == NULL)
        return same(path, form);
    size_t before = (size_t)(open - form);
    if (path.len < before || memcmp(path.data, form, before) != 0)
        return false;
    size_t end = before;
    while (end < path.len && path.data[end] != '/')
        end++;
    *name = (rill_bytes){path.data + before, end - before};
    return same((rill_bytes){path.data + end, path.len - end}, rest);
}

static const char *const all_methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

/* What resources take: each set of methods that there is. */
static const struct {
    unsigned methods; /* a bit for each of all_methods */
    const char *text;
} sets[] = {
    {1, "GET"},
    {2, "POST"},
    {3, "GET, POST"},
    {5, "GET, PUT"},
    {21, "GET, PUT, DELETE"},
    {18, "POST, DELETE"},
    {25, "GET, PATCH, DELETE"},
};

static unsigned bit_of(const char *method)
{
    unsigned i = 0;
    while (strcmp(all_methods[i], method) != 0)
        i++;
    return 1u << i;
}

static const char *text_of_methods(unsigned methods)
{
    size_t i = 0;
    while (i + 1 < sizeof sets / sizeof sets[0] && sets[i].methods != methods)
        i++;
    return sets[i].text;
}

/* The resource; NULL: there is none, or not with this method. *methods: those that it has. */
static const resource *find_resource(const rill_admin_request *r, rill_bytes path, rill_bytes *name,
                                     const char **methods)
{
    unsigned known = 0;
    *methods = NULL;
    for (size_t i = 0; i < RESOURCES; i++) {
        if (!has_form(path, resources[i].path, name))
            continue;
        known |= bit_of(resources[i].method);
        if (same(r->method, resources[i].method))
            return &resources[i];
    }
    if (known != 0)
        *methods = text_of_methods(known);
    return NULL;
}

/* One that was added may be set aside, or is taken out, and is no account of the core then. */
static bool needs_account(const resource *r)
{
    return strstr(r->path, "{account}") != NULL && r->answer != set_account &&
           r->answer != drop_account && r->answer != end_outstanding;
}

static void answer_resource(question *q, const resource *r, rill_bytes name, rill_admin_answer *out)
{
    q->account = name.data == NULL ? NULL : rill_core_find(q->core, name);
    size_t len = name.len < sizeof q->name ? name.len : 0;
    if (name.data != NULL && len > 0)
        memcpy(q->name, name.data, len);
    if (name.data != NULL && needs_account(r) && q->account == NULL)
        rill_admin_refuse(out, 404, "there is no such account");
    else if (r->control && q->control == NULL)
        rill_admin_refuse(out, 503, "this node cannot do that");
    else
        r->answer(q, out);
}

void rill_admin_ask(rill_core *core, const rill_admin_control *control,
                    const rill_admin_request *request, rill_admin_answer *out)
{
    question q = {.core = core, .control = control, .request = request};
    rill_bytes path = request->path;
    rill_bytes name = {NULL, 0};
    const char *methods;
    *out = (rill_admin_answer){.type = "application/json"};
    const uint8_t *query = path.len == 0 ? NULL : memchr(path.data, '?', path.len);
    if (query != NULL) {
        q.query = (rill_bytes){query + 1, path.len - (size_t)(query + 1 - path.data)};
        path.len = (size_t)(query - path.data);
    }
    if (rill_admin_is_foreign(&request->from, &rill_core_config(core)->admin.names,
                              rill_admin_is_page(path))) {
        rill_admin_refuse(out, 403, "a page of another origin may not ask");
        return;
    }
    if (rill_admin_is_page(path)) {
        rill_admin_page(core, request, path, out);
        return;
    }
    const resource *r = find_resource(request, path, &name, &methods);
    bool open = r != NULL && r->open;
    if (!open && !request->known) {
        rill_admin_refuse(out, 401, "a token of the configuration is needed");
    } else if (r != NULL) {
        answer_resource(&q, r, name, out);
    } else if (methods != NULL) {
        rill_admin_refuse(out, 405, "this resource takes %s", methods);
        out->allow = methods;
    } else {
        rill_admin_refuse(out, 404, "there is no such resource");
    }
}
