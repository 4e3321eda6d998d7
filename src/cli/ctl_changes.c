/* SPDX-License-Identifier: Apache-2.0 */
/* Routes and accounts: what there is, and adding, changing and taking out. */
#define _POSIX_C_SOURCE 200809L

#include <stdlib.h>
#include <string.h>

#include "cli/ctl.h"

enum { PATH = 2048 };

/* ---- what came of a change ---- */

/* body is taken; NULL: a text was not UTF-8. */
static int ask_change(const ctl_args *args, const char *method, const char *path, json_t *body)
{
    ctl_reply r;
    size_t i;
    const json_t *line;
    if (body == NULL) {
        ctl_error(args, "arguments must be text in UTF-8");
        return CTL_USAGE;
    }
    int code = ctl_ask(args, method, path, body, &r);
    if (code == CTL_DONE && ctl_json(args)) {
        code = ctl_print_json(&r);
    } else if (code == CTL_DONE) {
        const json_t *changes = json_object_get(r.value, "changes");
        json_array_foreach(changes, i, line)(void) printf("%s\n", json_string_value(line));
        if (json_array_size(changes) == 0)
            (void)printf("done\n");
        if (ctl_text(r.value, "token")[0] != '\0')
            (void)printf("its token, which is shown once: %s\n", ctl_text(r.value, "token"));
    } else {
        json_array_foreach(json_object_get(r.value, "problems"), i, line)
            ctl_error(args, "%s", json_string_value(line));
    }
    ctl_reply_clear(&r);
    return code;
}

static int missing(const ctl_args *args, const char *usage)
{
    ctl_error(args, "an argument is missing: rillctl %s", usage);
    return CTL_USAGE;
}

/* ---- routes ---- */

static void add_route_line(ctl_table *t, const json_t *one)
{
    const char *prefix = ctl_text(one, "prefix");
    const char *account = ctl_text(one, "account");
    bool taken = json_is_true(json_object_get(one, "taken"));
    bool away = json_is_true(json_object_get(one, "away"));
    ctl_cell(t, prefix[0] == '\0' ? "(all others)" : prefix);
    ctl_cell(t, account[0] == '\0' ? "(this node)" : account);
    ctl_cell(t, ctl_text(one, "kind"));
    ctl_cell_number(t, ctl_number(one, "hops"));
    ctl_cell(t, away && taken ? "taken, away" : away ? "away" : taken ? "taken" : "");
}

/* All pages, one after the other, in `all`. */
static int ask_routes(const ctl_args *args, const char *prefix, json_t *all)
{
    char next[PATH] = "";
    int code = CTL_DONE;
    bool more = true;
    while (code == CTL_DONE && more) {
        char path[3 * PATH] = "/v1/routes";
        ctl_reply r;
        if (!ctl_add_query(path, sizeof path, "prefix", prefix) ||
            !ctl_add_query(path, sizeof path, "after", next[0] == '\0' ? NULL : next)) {
            ctl_error(args, "the prefix is too long");
            return CTL_USAGE;
        }
        code = ctl_ask(args, "GET", path, NULL, &r);
        const char *after = ctl_text(r.value, "next");
        more = after[0] != '\0' && strlen(after) < sizeof next;
        (void)snprintf(next, sizeof next, "%s", more ? after : "");
        if (code == CTL_DONE && json_array_extend(all, json_object_get(r.value, "routes")) != 0) {
            ctl_error(args, "%s", rill_strerror(RILL_ERR_NOMEM));
            code = CTL_INCOMPLETE;
        }
        ctl_reply_clear(&r);
    }
    return code;
}

static int print_all(const char *name, json_t *all)
{
    json_t *object = json_pack("{s:O, s:b}", name, all, "more", 0);
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    (void)printf("%s\n", text == NULL ? "" : text);
    free(text);
    json_decref(object);
    return CTL_DONE;
}

static int list_routes(const ctl_args *args, const char *prefix)
{
    size_t i;
    const json_t *one;
    json_t *all = json_array();
    int code = ask_routes(args, prefix, all);
    if (code == CTL_DONE && ctl_json(args)) {
        code = print_all("routes", all);
    } else if (code == CTL_DONE) {
        ctl_table *t = ctl_table_new("PREFIX|ACCOUNT|KIND|>HOPS|STATE");
        json_array_foreach(all, i, one) add_route_line(t, one);
        ctl_table_print(t);
    }
    json_decref(all);
    return code;
}

static int remove_route(const ctl_args *args, const char *prefix)
{
    char path[PATH] = "/v1/routes";
    if (!ctl_add_query(path, sizeof path, "prefix", prefix)) {
        ctl_error(args, "the prefix is too long");
        return CTL_USAGE;
    }
    return ask_change(args, "DELETE", path, json_pack("{s:s}", "who", ctl_who(args)));
}

int ctl_routes(const ctl_args *args)
{
    const char *const *o = args->operands;
    bool adds = o[0] != NULL && strcmp(o[0], "add") == 0;
    bool removes = o[0] != NULL && strcmp(o[0], "remove") == 0;
    if (adds && o[2] == NULL)
        return missing(args, "routes add PREFIX ACCOUNT");
    if (removes && o[1] == NULL)
        return missing(args, "routes remove PREFIX");
    if (o[adds ? 3 : removes ? 2 : 1] != NULL) {
        ctl_error(args, "\"%s\" is one argument too many; see \"rillctl help routes\"",
                  o[adds      ? 3
                    : removes ? 2
                              : 1]);
        return CTL_USAGE;
    }
    if (adds)
        return ask_change(
            args, "PUT", "/v1/routes",
            json_pack("{s:s, s:s, s:s}", "prefix", o[1], "account", o[2], "who", ctl_who(args)));
    return removes ? remove_route(args, o[1]) : list_routes(args, o[0]);
}

/* ---- accounts ---- */

/* "link.uri=X" into {"link":{"uri":"X"}}; no value is null, which takes the key out. */
static bool put_key(json_t *account, const char *text)
{
    char key[64];
    const char *equals = strchr(text, '=');
    json_t *into = account;
    if (equals == NULL || equals == text || (size_t)(equals - text) >= sizeof key)
        return false;
    memcpy(key, text, (size_t)(equals - text));
    key[equals - text] = '\0';
    char *name = key;
    char *dot = strchr(key, '.');
    if (dot != NULL) {
        *dot = '\0';
        name = dot + 1;
        into = json_object_get(account, key);
        if (into == NULL && json_object_set_new(account, key, json_object()) == 0)
            into = json_object_get(account, key);
    }
    json_t *value = equals[1] == '\0' ? json_null() : json_string(equals + 1);
    return json_is_object(into) && name[0] != '\0' && json_object_set_new(into, name, value) == 0;
}

/* The operands from the third on. NULL: it has been complained about. */
static json_t *account_of(const ctl_args *args)
{
    json_t *account = json_object();
    for (size_t i = 2; i < CTL_MAX_OPERANDS && args->operands[i] != NULL; i++) {
        if (put_key(account, args->operands[i]))
            continue;
        ctl_error(args, "\"%s\" is not like credit=1000 or link.uri=btp+wss://HOST",
                  args->operands[i]);
        json_decref(account);
        return NULL;
    }
    return account;
}

static int put_account(const ctl_args *args, bool adds)
{
    char path[PATH];
    const char *name = args->operands[1];
    json_t *account = account_of(args);
    if (account == NULL)
        return CTL_USAGE;
    bool connects = json_object_get(account, "link") != NULL;
    bool shows = json_object_get(account, "tokens") != NULL;
    bool token = ctl_value(args, "--new-token") != NULL || (adds && !connects && !shows);
    bool drops = ctl_value(args, "--drop-old-tokens") != NULL;
    if (!ctl_account_path(path, sizeof path, name, "")) {
        json_decref(account);
        ctl_error(args, "the account's name is too long");
        return CTL_USAGE;
    }
    json_t *body = json_pack("{s:o, s:b, s:b, s:s}", "account", account, "new_token", (int)token,
                             "drop_old_tokens", (int)drops, "who", ctl_who(args));
    if (adds && body != NULL && json_object_set_new(body, "name", json_string(name)) != 0) {
        json_decref(body);
        body = NULL;
    }
    return ask_change(args, adds ? "POST" : "PATCH", adds ? "/v1/accounts" : path, body);
}

static int remove_account(const ctl_args *args)
{
    char path[PATH];
    if (args->operands[2] != NULL) {
        ctl_error(args, "\"%s\" is one argument too many; see \"rillctl help accounts\"",
                  args->operands[2]);
        return CTL_USAGE;
    }
    if (!ctl_account_path(path, sizeof path, args->operands[1], "")) {
        ctl_error(args, "the account's name is too long");
        return CTL_USAGE;
    }
    return ask_change(args, "DELETE", path, json_pack("{s:s}", "who", ctl_who(args)));
}

int ctl_accounts(const ctl_args *args)
{
    const char *verb = args->operands[0];
    if (verb == NULL)
        return ctl_list_accounts(args);
    bool adds = strcmp(verb, "add") == 0;
    if (!adds && strcmp(verb, "set") != 0 && strcmp(verb, "remove") != 0) {
        ctl_error(args, "there is no \"accounts %s\"; there are: add, set, remove", verb);
        return CTL_USAGE;
    }
    if (args->operands[1] == NULL)
        return missing(args, "accounts add|set|remove NAME [KEY=VALUE ...]");
    return strcmp(verb, "remove") == 0 ? remove_account(args) : put_account(args, adds);
}
