/* SPDX-License-Identifier: Apache-2.0 */
/* rillctl peer: accounts on which nodes agree by themselves. */
#define _POSIX_C_SOURCE 200809L

#include <string.h>

#include "cli/ctl.h"

enum { PATH = 1024 };

/* ---- looking ---- */

static bool is_wanted(const json_t *peer, const char *name)
{
    return name == NULL || strcmp(ctl_text(peer, "name"), name) == 0;
}

static bool add_peer(ctl_table *t, const json_t *a, const char *name)
{
    char asset[80];
    const json_t *peered = json_object_get(a, "peered");
    if (!is_wanted(a, name))
        return false;
    ctl_asset_text(json_object_get(a, "asset"), asset, sizeof asset);
    ctl_cell(t, ctl_text(a, "name"));
    ctl_cell(t, ctl_text(peered, "address"));
    ctl_cell(t, asset);
    ctl_cell(t, ctl_text(peered, "made"));
    ctl_cell(t, ctl_text(peered, "with"));
    ctl_cell(t, ctl_text(peered, "at"));
    ctl_cell_units(t, json_object_get(a, "balance"), ctl_scale(a));
    ctl_cell_units(t, json_object_get(a, "credit"), ctl_scale(a));
    ctl_cell_number(t, ctl_number(a, "sessions"));
    return true;
}

static bool add_waiting(ctl_table *t, const json_t *w, const char *name)
{
    if (!is_wanted(w, name))
        return false;
    ctl_cell(t, ctl_text(w, "name"));
    ctl_cell(t, ctl_text(w, "address"));
    ctl_cell(t, ctl_text(w, "asset"));
    ctl_cell(t, ctl_text(w, "url"));
    ctl_cell(t, ctl_text(w, "from"));
    ctl_cell(t, ctl_text(w, "at"));
    ctl_cell(t, ctl_text(w, "credit"));
    ctl_cell(t, ctl_text(w, "max_packet"));
    ctl_cell(t, ctl_text(w, "id"));
    return true;
}

/* How many there were. */
static size_t print_peers(const json_t *value, const char *name)
{
    size_t i;
    size_t count = 0;
    const json_t *one;
    ctl_table *peers = ctl_table_new("PEER|ADDRESS|ASSET|MADE|WITH|AT|>BALANCE|>CREDIT|>LINKS");
    ctl_table *waiting = ctl_table_new("WAITS|ADDRESS|ASSET|URL|FROM|AT|>CREDIT|>MAX PACKET|ID");
    json_array_foreach(json_object_get(value, "peers"), i, one)
    {
        count += add_peer(peers, one, name);
    }
    json_array_foreach(json_object_get(value, "waiting"), i, one)
    {
        count += add_waiting(waiting, one, name);
    }
    ctl_table_print(peers);
    ctl_table_print_if_any(waiting);
    return count;
}

/* One, or all (NULL). */
static int list(const ctl_args *args, const char *name)
{
    ctl_reply r;
    int code = ctl_ask(args, "GET", "/v1/peers", NULL, &r);
    if (code == CTL_DONE && ctl_json(args)) {
        code = ctl_print_json(&r);
    } else if (code == CTL_DONE && print_peers(r.value, name) == 0 && name != NULL) {
        ctl_error(args, "there is no such peer");
        code = CTL_INCOMPLETE;
    }
    ctl_reply_clear(&r);
    return code;
}

/* ---- changing ---- */

static void print_changes(const ctl_reply *r)
{
    size_t i;
    const json_t *line;
    json_array_foreach(json_object_get(r->value, "changes"), i, line)
    {
        (void)printf("%s\n", json_string_value(line));
    }
}

static bool put(json_t *into, const char *key, const char *value)
{
    return value == NULL || json_object_set_new(into, key, json_string(value)) == 0;
}

/* NULL: no memory. */
static json_t *question(const ctl_args *args)
{
    json_t *account = json_object();
    json_t *body = json_pack("{s:s, s:s}", "url", ctl_value(args, "--auto"), "who", ctl_who(args));
    if (put(account, "credit", ctl_value(args, "--credit")) &&
        put(account, "most", ctl_value(args, "--most")) &&
        put(account, "max-packet", ctl_value(args, "--max-packet")) &&
        put(account, "packets-a-second", ctl_value(args, "--packets-a-second")) &&
        put(account, "amount-a-second", ctl_value(args, "--amount-a-second")) &&
        put(body, "asset", ctl_value(args, "--asset")) &&
        put(body, "name", ctl_value(args, "--name")) &&
        json_object_set(body, "account", account) == 0) {
        json_decref(account);
        return body;
    }
    json_decref(account);
    json_decref(body);
    return NULL;
}

static int add(const ctl_args *args)
{
    ctl_reply r;
    if (ctl_value(args, "--auto") == NULL) {
        ctl_error(args, "--auto URL is missing; an account by hand is \"rillctl accounts add\"");
        return CTL_USAGE;
    }
    json_t *body = question(args);
    if (body == NULL) {
        ctl_error(args, "%s", rill_strerror(RILL_ERR_NOMEM));
        return CTL_INCOMPLETE;
    }
    int code = ctl_ask(args, "POST", "/v1/peers", body, &r);
    if (code == CTL_DONE && ctl_json(args)) {
        code = ctl_print_json(&r);
    } else if (code == CTL_DONE) {
        print_changes(&r);
        (void)printf("account %s: %s with %s (%s), at %s\n", ctl_text(r.value, "name"),
                     json_is_true(json_object_get(r.value, "again")) ? "agreed again" : "agreed",
                     ctl_text(r.value, "address"), ctl_text(r.value, "peer"),
                     ctl_text(r.value, "url"));
    }
    ctl_reply_clear(&r);
    return code;
}

/* id: of what was looked at; NULL: that does not matter. */
static int decide(const ctl_args *args, const char *method, const char *id)
{
    char path[PATH] = "/v1/peers/";
    ctl_reply r;
    const char *name = args->operands[1];
    for (const char *c = name; *c != '\0'; c++) {
        if (strchr("/?#%", *c) != NULL || *c <= ' ' || strlen(name) > 255) {
            ctl_error(args, "\"%.80s\" is no name of a peer", name);
            return CTL_USAGE;
        }
    }
    (void)snprintf(path, sizeof path, "/v1/peers/%s", name);
    json_t *body = json_pack("{s:s, s:s*}", "who", ctl_who(args), "id", id);
    int code = ctl_ask(args, method, path, body, &r);
    if (code == CTL_DONE && ctl_json(args)) {
        code = ctl_print_json(&r);
    } else if (code == CTL_DONE) {
        print_changes(&r);
        if (json_array_size(json_object_get(r.value, "changes")) == 0)
            (void)printf("%s does not wait any more\n", name);
    }
    ctl_reply_clear(&r);
    return code;
}

static bool has(const ctl_args *args, const char *verb, size_t operands)
{
    const char *extra = args->operands[operands];
    if (operands > 2 && args->operands[operands - 1] == NULL)
        ctl_error(args,
                  "an argument is missing: peer %s NAME ID; \"rillctl peer\" shows the ID of each "
                  "that waits",
                  verb);
    else if (operands > 1 && args->operands[operands - 1] == NULL)
        ctl_error(args, "an argument is missing: peer %s NAME", verb);
    else if (extra != NULL)
        ctl_error(args, "\"%s\" is one argument too many; see \"rillctl help peer\"", extra);
    else
        return true;
    return false;
}

int ctl_peer(const ctl_args *args)
{
    const char *verb = args->operands[0];
    if (verb == NULL || strcmp(verb, "list") == 0)
        return has(args, "list", 1) ? list(args, NULL) : CTL_USAGE;
    if (strcmp(verb, "add") == 0)
        return has(args, verb, 1) ? add(args) : CTL_USAGE;
    if (strcmp(verb, "show") == 0)
        return has(args, verb, 2) ? list(args, args->operands[1]) : CTL_USAGE;
    if (strcmp(verb, "approve") == 0)
        return has(args, verb, 3) ? decide(args, "POST", args->operands[2]) : CTL_USAGE;
    if (strcmp(verb, "remove") == 0)
        return has(args, verb, 2) ? decide(args, "DELETE", NULL) : CTL_USAGE;
    ctl_error(args, "there is no \"peer %s\"; there are: list, show, add, approve, remove", verb);
    return CTL_USAGE;
}
