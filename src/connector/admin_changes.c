/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts and routes that operators add, change and take out. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <rill/crypto.h>

#include "base/wide_text.h"
#include "connector/admin_answer.h"

/* Tokens of an account, at once: so that one can be replaced while both are good. */
enum { MOST_TOKENS = 8 };

/* ---- what came of it ---- */

static void refuse(rill_admin_answer *out, int rc, json_t *problems)
{
    if (rc == RILL_ERR_STATE)
        rill_admin_refuse(out, 409, "the node has not begun, or stops");
    else if (rc == RILL_ERR_LIMIT)
        rill_admin_refuse(out, 409, "there are %d accounts and routes of the API already",
                          RILL_OVERLAY_MAX);
    else if (rc == RILL_ERR_TOO_LARGE)
        rill_admin_refuse(out, 400, "an account has at most %d bytes", RILL_OVERLAY_TEXT);
    else if (rc == RILL_ERR_NOT_FOUND)
        rill_admin_refuse(out, 404, "the API has added no such thing");
    else if (rc == RILL_ERR_INVALID || rc == RILL_ERR_MALFORMED)
        rill_admin_json(out, 422,
                        json_pack("{s:s, s:O}", "error", "it is refused, and all stays as it is",
                                  "problems", problems));
    else
        rill_admin_refuse(out, 503, "%s", rill_strerror(rc));
}

/* token may be NULL. */
static bool change(const rill_admin_control *control, const rill_admin_change *what,
                   unsigned status, const char *token, rill_admin_answer *out)
{
    json_t *changes = json_array();
    json_t *problems = json_array();
    uint64_t group = 0;
    int rc = control->change(control->user, what, changes, problems, &group);
    if (rc == RILL_OK) {
        rill_admin_json(
            out, status,
            json_pack("{s:s, s:s?, s:O}", "name", what->name, "token", token, "changes", changes));
        out->group = group;
    } else {
        refuse(out, rc, problems);
    }
    json_decref(changes);
    json_decref(problems);
    return rc == RILL_OK;
}

bool rill_admin_change_account(const rill_admin_control *control, const char *name,
                               const char *value, const char *who, unsigned status,
                               rill_admin_answer *out)
{
    const rill_admin_change what = {RILL_SETTING_ACCOUNT, name, value, who};
    return change(control, &what, status, NULL, out);
}

/* "api" where nobody is named. NULL: it has been refused. */
const char *rill_admin_who(const json_t *object, rill_admin_answer *out)
{
    const json_t *value = json_object_get(object, "who");
    const char *who = value == NULL ? "api" : json_string_value(value);
    if (who != NULL && who[0] != '\0' && strlen(who) <= RILL_ENTRY_TEXT_MAX)
        return who;
    rill_admin_refuse(out, 400, "who must be a string of 1 to %d bytes", RILL_ENTRY_TEXT_MAX);
    return NULL;
}

/* ---- routes ---- */

void rill_admin_put_route(const rill_admin_control *control, const json_t *object,
                          rill_admin_answer *out)
{
    const char *prefix = json_string_value(json_object_get(object, "prefix"));
    const char *account = json_string_value(json_object_get(object, "account"));
    const char *who = rill_admin_who(object, out);
    if (who == NULL)
        return;
    if (prefix == NULL || prefix[0] == '\0' || account == NULL || account[0] == '\0') {
        rill_admin_refuse(out, 400, "prefix and account must be strings");
        return;
    }
    const rill_admin_change what = {RILL_SETTING_ROUTE, prefix, account, who};
    (void)change(control, &what, 200, NULL, out);
}

void rill_admin_drop_route(const rill_admin_control *control, const json_t *object,
                           rill_bytes query, rill_admin_answer *out)
{
    char prefix[RILL_ILP_MAX_ADDRESS + 1] = "";
    const char *who = rill_admin_who(object, out);
    if (who == NULL)
        return;
    if (!rill_admin_query(query, "prefix", prefix, sizeof prefix) || prefix[0] == '\0') {
        rill_admin_refuse(out, 400, "the query must name a prefix");
        return;
    }
    const rill_admin_change what = {RILL_SETTING_ROUTE, prefix, NULL, who};
    (void)change(control, &what, 200, NULL, out);
}

/* ---- accounts ---- */

/* Adds a new token to those of the account, or puts it in their place. */
static int add_token(const rill_core *core, json_t *account, bool alone,
                     char token[RILL_CORE_TOKEN])
{
    char hash[RILL_CORE_HASH];
    json_t *tokens = json_object_get(account, "tokens");
    int rc = rill_core_new_token(core, token, hash);
    json_t *all = rc == RILL_OK ? json_array() : NULL;
    if (json_is_array(tokens) && !alone && json_array_extend(all, tokens) != 0)
        rc = RILL_ERR_NOMEM;
    if (json_is_string(tokens) && !alone && json_array_append(all, tokens) != 0)
        rc = RILL_ERR_NOMEM;
    if (json_array_append_new(all, json_string(hash)) != 0)
        rc = rc == RILL_OK ? RILL_ERR_NOMEM : rc;
    if (rc == RILL_OK && json_array_size(all) > MOST_TOKENS)
        rc = RILL_ERR_LIMIT;
    if (rc == RILL_OK && json_object_set(account, "tokens", all) != 0)
        rc = RILL_ERR_NOMEM;
    json_decref(all);
    return rc;
}

/* An object over another one: null takes a key out. False: no memory. */
static bool merge(json_t *into, const json_t *patch)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)patch, key, value)
    {
        json_t *old = json_object_get(into, key);
        if (json_is_null(value))
            (void)json_object_del(into, key);
        else if (json_is_object(value) && json_is_object(old)) {
            if (!merge(old, value))
                return false;
        } else if (json_object_set(into, key, value) != 0) {
            return false;
        }
    }
    return true;
}

/* Applies what the account is to be. */
static void put_account(const rill_core *core, const rill_admin_control *control, const char *name,
                        json_t *account, const json_t *object, unsigned status,
                        rill_admin_answer *out)
{
    char token[RILL_CORE_TOKEN] = "";
    bool wanted = json_is_true(json_object_get(object, "new_token"));
    bool alone = json_is_true(json_object_get(object, "drop_old_tokens"));
    const char *who = rill_admin_who(object, out);
    int rc = who != NULL && wanted ? add_token(core, account, alone, token) : RILL_OK;
    char *text = who == NULL || rc != RILL_OK ? NULL : json_dumps(account, JSON_COMPACT);
    if (who != NULL && rc == RILL_ERR_LIMIT) {
        rill_admin_refuse(out, 409, "the account has %d tokens already: drop the old ones",
                          MOST_TOKENS);
    } else if (who != NULL && text == NULL) {
        rill_admin_refuse(out, 503, "%s", rill_strerror(rc == RILL_OK ? RILL_ERR_NOMEM : rc));
    } else if (who != NULL) {
        const rill_admin_change what = {RILL_SETTING_ACCOUNT, name, text, who};
        (void)change(control, &what, status, wanted ? token : NULL, out);
    }
    rill_wipe(token, sizeof token);
    free(text);
}

void rill_admin_add_account(const rill_core *core, const rill_admin_control *control,
                            json_t *object, rill_admin_answer *out)
{
    const char *name = json_string_value(json_object_get(object, "name"));
    json_t *account = json_object_get(object, "account");
    if (name == NULL || name[0] == '\0' || strlen(name) > RILL_STORE_NAME_MAX)
        rill_admin_refuse(out, 400, "name must be a string of 1 to %d bytes", RILL_STORE_NAME_MAX);
    else if (!json_is_object(account))
        rill_admin_refuse(out, 400, "account must be an object");
    else if (rill_core_find(core, (rill_bytes){(const uint8_t *)name, strlen(name)}) != NULL ||
             rill_overlay_find(control->overlay(control->user), RILL_SETTING_ACCOUNT, name) != NULL)
        rill_admin_refuse(out, 409, "there is an account of this name");
    else
        put_account(core, control, name, account, object, 201, out);
}

/* The account that the API has added. NULL: it has been refused. */
static const rill_overlay_item *find(const rill_core *core, const rill_admin_control *control,
                                     const char *name, rill_admin_answer *out)
{
    const rill_overlay_item *item =
        rill_overlay_find(control->overlay(control->user), RILL_SETTING_ACCOUNT, name);
    if (item != NULL)
        return item;
    if (rill_core_find(core, (rill_bytes){(const uint8_t *)name, strlen(name)}) != NULL)
        rill_admin_refuse(out, 409, "the configuration has this account: change it there");
    else
        rill_admin_refuse(out, 404, "there is no such account");
    return NULL;
}

void rill_admin_set_account(const rill_core *core, const rill_admin_control *control,
                            const char *name, const json_t *object, rill_admin_answer *out)
{
    const json_t *patch = json_object_get(object, "account");
    const rill_overlay_item *item = find(core, control, name, out);
    if (item == NULL)
        return;
    if (patch != NULL && !json_is_object(patch)) {
        rill_admin_refuse(out, 400, "account must be an object");
        return;
    }
    json_t *account = json_loads(item->value, 0, NULL);
    if (!json_is_object(account) || (patch != NULL && !merge(account, patch)))
        rill_admin_refuse(out, 503, "%s", rill_strerror(RILL_ERR_NOMEM));
    else
        put_account(core, control, name, account, object, 200, out);
    json_decref(account);
}

static bool is_empty(const rill_balance *b)
{
    return rill_wide_equal(b->booked, rill_wide_signed(rill_wide(0))) && b->held.low == 0 &&
           b->held.high == 0 && b->coming.low == 0 && b->coming.high == 0;
}

/* A route of the API to it; NULL: none leads there. */
static const char *route_to(const rill_overlay *o, const char *account)
{
    for (const rill_overlay_item *item = o->first; item != NULL; item = item->next) {
        if (strcmp(item->kind, RILL_SETTING_ROUTE) == 0 && strcmp(item->value, account) == 0)
            return item->name;
    }
    return NULL;
}

void rill_admin_drop_account(const rill_core *core, const rill_admin_control *control,
                             const char *name, const json_t *object, rill_admin_answer *out)
{
    char balance[RILL_WIDE_TEXT];
    const rill_overlay_item *item = find(core, control, name, out);
    const char *who = item == NULL ? NULL : rill_admin_who(object, out);
    if (who == NULL)
        return;
    const rill_holder_account *a =
        rill_core_find(core, (rill_bytes){(const uint8_t *)name, strlen(name)});
    bool used = a != NULL && item->trouble[0] == '\0';
    const char *route = route_to(control->overlay(control->user), name);
    if (used && !is_empty(&a->balance)) {
        rill_wide_signed_text(a->balance.booked, balance);
        rill_admin_refuse(out, 409,
                          "its balance is %s units, or packets are under way: settle it first",
                          balance);
    } else if (used && a->settling != NULL && a->settling->of != NULL) {
        rill_admin_refuse(out, 409,
                          "its engine %.200s has not said yet that it has settled: wait for that, "
                          "or end it, if the engine will never say it",
                          a->settling->of->url);
    } else if (used && a->settling != NULL && a->settling->left_out.units > 0) {
        rill_admin_refuse(out, 409,
                          "no engine has taken %" PRIu64 " units that are owed beside the balance: "
                          "take the engine out of the account, and settle them by hand",
                          a->settling->left_out.units);
    } else if (used && route != NULL) {
        rill_admin_refuse(out, 409, "the route %.200s leads to it: take that out first", route);
    } else {
        const rill_admin_change what = {RILL_SETTING_ACCOUNT, name, NULL, who};
        (void)change(control, &what, 200, NULL, out);
    }
}

/* ---- what is set aside ---- */

json_t *rill_admin_set_aside(const rill_admin_control *control)
{
    json_t *all = json_array();
    const rill_overlay *o = control == NULL ? NULL : control->overlay(control->user);
    for (const rill_overlay_item *item = o == NULL ? NULL : o->first; item != NULL;
         item = item->next) {
        if (item->trouble[0] != '\0' &&
            json_array_append_new(all, json_pack("{s:s, s:s, s:s}", "kind", item->kind, "name",
                                                 item->name, "why", item->trouble)) != 0)
            break;
    }
    return all;
}
