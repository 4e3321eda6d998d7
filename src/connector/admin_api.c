/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Over 600 lines: the table of all resources, and one function for each, of a few lines.
 */
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
    const json_t *asset = json_object_get(object, "asset");
    if (object != NULL && rill_admin_read_entry(object, &entry, out) &&
        (asset == NULL || rill_admin_is_asset(asset, q->account, out))) {
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
    else if (!rill_core_is_agreed(q->core))
        rill_admin_refuse(out, 503, "%s", rill_core_state(q->core));
    else
        rill_admin_json(out, 200, json_pack("{s:s}", "status", "ready"));
}

static void show_metrics(const question *q, rill_admin_answer *out)
{
    rill_admin_metrics(q->core, out);
}

static void show_statement(const question *q, rill_admin_answer *out)
{
    rill_admin_begin_statement(q->core, q->account, q->name, q->query, out);
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

static void watch_packets(const question *q, rill_admin_answer *out)
{
    rill_admin_watch_packets(q->query, out);
}

static void audit(const question *q, rill_admin_answer *out)
{
    rill_admin_begin_audit(q->query, out);
}

static void show_lines(const question *q, rill_admin_answer *out)
{
    rill_admin_begin_lines(q->query, out);
}

static void show_backup(const question *q, rill_admin_answer *out)
{
    rill_admin_backup_state(q->control, 200, out);
}

static void backup(const question *q, rill_admin_answer *out)
{
    json_t *object = object_of(q, out);
    if (object != NULL)
        rill_admin_begin_backup(q->core, q->control, q->request, object, out);
    json_decref(object);
}

static void stop_backup(const question *q, rill_admin_answer *out)
{
    json_t *object = object_of(q, out);
    if (object != NULL)
        rill_admin_stop_backup(q->core, q->control, object, out);
    json_decref(object);
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

/*
 * What a token needs. Everybody who adds a resource has to say it: this type is one of its own, so
 * that it cannot be left out of a line below.
 */
typedef struct need {
    unsigned scope; /* of rill_scope; 0: none, not even a token */
} need;

#define OPEN     ((need){0})
#define READ     ((need){RILL_SCOPE_READ})
#define METRICS  ((need){RILL_SCOPE_METRICS})
#define ACCOUNTS ((need){RILL_SCOPE_ACCOUNTS})
#define MONEY    ((need){RILL_SCOPE_MONEY})
#define RATES    ((need){RILL_SCOPE_RATES})
#define NODE     ((need){RILL_SCOPE_NODE})
#define BACKUP   ((need){RILL_SCOPE_BACKUP})

typedef struct resource {
    const char *path; /* {account}: the name of one */
    const char *method;
    need need;
    void (*answer)(const question *q, rill_admin_answer *out);
    bool control; /* needs who runs the connector */
} resource;

static const resource resources[] = {
    {"/healthz", "GET", OPEN, say_healthy, false},
    {"/readyz", "GET", OPEN, say_ready, false},
    {"/v1/openapi.json", "GET", OPEN, show_openapi, false},
    {"/metrics", "GET", METRICS, show_metrics, false},
    {"/v1/node", "GET", READ, show_node, false},
    {"/v1/accounts", "GET", READ, list_accounts, false},
    {"/v1/accounts", "POST", ACCOUNTS, add_account, true},
    {"/v1/accounts/{account}", "GET", READ, show_account, false},
    {"/v1/accounts/{account}", "PATCH", ACCOUNTS, set_account, true},
    {"/v1/accounts/{account}", "DELETE", ACCOUNTS, drop_account, true},
    {"/v1/accounts/{account}/entries", "POST", MONEY, enter, false},
    {"/v1/accounts/{account}/outstanding", "POST", MONEY, end_outstanding, false},
    {"/v1/outstanding", "GET", READ, show_outstanding, false},
    {"/v1/proposals", "GET", READ, show_proposals, false},
    {"/v1/proposals/{proposal}", "POST", MONEY, confirm, false},
    {"/v1/proposals/{proposal}", "DELETE", MONEY, reject_proposal, false},
    {"/v1/peers", "GET", READ, show_peers, false},
    {"/v1/peers", "POST", ACCOUNTS, add_peer, true},
    {"/v1/peers/{peer}", "POST", ACCOUNTS, approve, true},
    {"/v1/peers/{peer}", "DELETE", ACCOUNTS, drop_peer, true},
    {"/v1/accounts/{account}/statement", "GET", READ, show_statement, true},
    {"/v1/accounts/{account}/rejects", "GET", READ, show_rejects, false},
    {"/v1/rejects", "GET", READ, show_all_rejects, false},
    {"/v1/entries", "GET", READ, show_entries, false},
    {"/v1/events", "GET", READ, follow, false},
    {"/v1/in-flight", "GET", READ, show_flights, false},
    {"/v1/packets", "GET", READ, show_packets, true},
    {"/v1/packets/live", "GET", READ, watch_packets, false},
    {"/v1/assets", "GET", READ, show_assets, false},
    {"/v1/rates", "GET", READ, show_rates, false},
    {"/v1/rates", "PUT", RATES, enter_price, false},
    {"/v1/routes", "GET", READ, show_routes, false},
    {"/v1/routes", "PUT", ACCOUNTS, put_route, true},
    {"/v1/routes", "DELETE", ACCOUNTS, drop_route, true},
    {"/v1/audit", "GET", READ, audit, true},
    {"/v1/lines", "GET", READ, show_lines, true},
    {"/v1/backup", "GET", BACKUP, show_backup, true},
    {"/v1/backup", "POST", BACKUP, backup, true},
    {"/v1/backup", "DELETE", BACKUP, stop_backup, true},
    {"/v1/drain", "POST", NODE, drain, true},
    {"/v1/reload", "POST", NODE, load, true},
    {"/v1/log-level", "GET", READ, show_level, true},
    {"/v1/log-level", "PUT", NODE, set_level, true},
};

enum { RESOURCES = sizeof resources / sizeof resources[0] };

const char *rill_admin_resource(size_t index, const char **method, unsigned *scope)
{
    if (index >= RESOURCES)
        return NULL;
    *scope = resources[index].need.scope;
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
    {19, "GET, POST, DELETE"},
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
           r->answer != drop_account && r->answer != end_outstanding && r->answer != show_statement;
}

static void answer_resource(question *q, const resource *r, rill_bytes name, rill_admin_answer *out)
{
    q->account = name.data == NULL ? NULL : rill_core_find(q->core, name);
    size_t len = name.len < sizeof q->name ? name.len : 0;
    if (name.data != NULL && len > 0)
        memcpy(q->name, name.data, len);
    if (name.data != NULL && needs_account(r) && q->account == NULL)
        rill_admin_no_account(q->core, q->name, out);
    else if (r->control && q->control == NULL)
        rill_admin_refuse(out, 503, "this node cannot do that");
    else
        r->answer(q, out);
}

static void refuse_scope(rill_scope needed, rill_admin_answer *out)
{
    const char *name = rill_config_scope_name(needed);
    char text[80];
    (void)snprintf(text, sizeof text, "this token may not do that: it has not the scope %s", name);
    rill_admin_json(out, 403, json_pack("{s:s, s:s}", "error", text, "scope", name));
}

static void ask(rill_core *core, const rill_admin_control *control,
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
    const unsigned needed = r == NULL ? 0 : r->need.scope;
    bool open = r != NULL && needed == 0;
    if (!open && request->scopes == 0) {
        rill_admin_refuse(out, 401, "a token of the configuration is needed");
    } else if ((needed & ~request->scopes) != 0) {
        refuse_scope(needed, out);
    } else if (r != NULL) {
        answer_resource(&q, r, name, out);
    } else if (methods != NULL) {
        rill_admin_refuse(out, 405, "this resource takes %s", methods);
        out->allow = methods;
    } else {
        rill_admin_refuse(out, 404, "there is no such resource");
    }
}

/* What is written into the audit meanwhile is of who asks, whatever name he gives. */
void rill_admin_ask(rill_core *core, const rill_admin_control *control,
                    const rill_admin_request *request, rill_admin_answer *out)
{
    rill_core_ask_as(core, request->known != NULL ? request->known : request->person);
    ask(core, control, request, out);
    rill_core_ask_as(core, NULL);
}
