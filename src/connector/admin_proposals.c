/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two people's rule: what one operator wants to book by hand is kept as a proposal, and booked once
 * another one confirms it. It is in the books, so that it is there after a restart. Booking it and
 * taking the proposal away are one batch; its key keeps it from being booked twice.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connector/admin_answer.h"
#include "connector/core_impl.h"
#include "connector/when.h"

/* Bytes of a proposal's name, and of who proposes or confirms: both are in a line of the audit. */
enum { ID = 16, MOST_WHO = 100 };

/* NULL: it has been refused. */
static const char *who_of(const json_t *object, rill_admin_answer *out)
{
    const char *who = json_string_value(json_object_get(object, "who"));
    if (who != NULL && who[0] != '\0' && strlen(who) <= MOST_WHO)
        return who;
    rill_admin_refuse(out, 400, "who must say who did this, in at most %d bytes", (int)MOST_WHO);
    return NULL;
}

static const char *person_of(const rill_admin_request *request)
{
    return request->person == NULL ? "" : request->person;
}

/* The line of what is booked has both names. Without memory it has to do. */
static void note(rill_core *core, const rill_admin_request *request, const char *who,
                 const char *what, const char *id)
{
    char line[RILL_ENTRY_TEXT_MAX + 1];
    (void)snprintf(line, sizeof line, "%s proposal %s, by %.150s", what, id, person_of(request));
    int rc = rill_core_note(core, NULL, who, line);
    (void)rc;
}

/* ---- proposing ---- */

static void answer_proposed(rill_admin_answer *out, json_t *proposal, uint64_t group)
{
    rill_admin_json(out, 202, proposal == NULL ? NULL : json_pack("{s:O}", "proposal", proposal));
    out->group = group;
}

/* Keeps it, with a name that nobody can guess. Takes the proposal; NULL: no memory. */
static void propose(rill_core *core, const rill_admin_request *request, const char *who,
                    json_t *proposal, rill_admin_answer *out)
{
    rill_overlay *all = rill_core_proposals(core);
    char token[RILL_CORE_TOKEN] = "";
    char hash[RILL_CORE_HASH];
    uint64_t group = 0;
    int rc = proposal == NULL ? RILL_ERR_NOMEM : rill_core_new_token(core, token, hash);
    if (rc == RILL_OK && all->count >= RILL_PROPOSALS_MAX)
        rc = RILL_ERR_LIMIT;
    token[ID] = '\0';
    if (rc == RILL_OK && json_object_set_new(proposal, "id", json_string(token)) != 0)
        rc = RILL_ERR_NOMEM;
    char *text = rc == RILL_OK ? json_dumps(proposal, JSON_COMPACT) : NULL;
    if (rc == RILL_OK && text == NULL)
        rc = RILL_ERR_NOMEM;
    if (rc == RILL_OK)
        rc = rill_overlay_put(all, RILL_SETTING_PROPOSAL, token, text);
    const rill_store_setting setting = {RILL_SETTING_PROPOSAL, token, text};
    if (rc == RILL_OK) {
        rc = rill_core_put_setting(core, &setting, &group);
        if (rc != RILL_OK)
            rill_overlay_remove(all, RILL_SETTING_PROPOSAL, token);
    }
    if (rc == RILL_ERR_LIMIT)
        rill_admin_refuse(out, 409, "%d proposals wait already", RILL_PROPOSALS_MAX);
    else if (rc == RILL_ERR_TOO_LARGE)
        rill_admin_refuse(out, 400, "the texts of a proposal are too long");
    else if (rc != RILL_OK)
        rill_admin_refuse(out, 503, "%s", rill_strerror(rc));
    else
        answer_proposed(out, proposal, group);
    if (rc == RILL_OK)
        note(core, request, who, "makes", token);
    free(text);
    json_decref(proposal);
}

/* What of it is one's own: by whom, when, and what a unit is. */
static json_t *begin(const rill_core *core, const rill_admin_request *request, const char *what,
                     const char *account, const char *code, uint8_t scale, const json_t *asked)
{
    char at[RILL_WHEN_TEXT];
    rill_when_text(rill_core_now(core).wall_ms, at);
    return json_pack("{s:s, s:s, s:{s:s, s:i}, s:s, s:s, s:O}", "what", what, "account", account,
                     "asset", "code", code, "scale", (int)scale, "by", person_of(request), "at", at,
                     "asked", asked);
}

void rill_admin_propose_entry(rill_core *core, const rill_admin_request *request,
                              const rill_holder_account *a, const json_t *object,
                              rill_admin_answer *out)
{
    const char *key = json_string_value(json_object_get(object, "key"));
    const char *text = json_string_value(json_object_get(object, "note"));
    const char *who = who_of(object, out);
    if (who == NULL)
        return;
    if ((key != NULL && strlen(key) > RILL_ENTRY_TEXT_MAX) ||
        (text != NULL && strlen(text) > RILL_ENTRY_TEXT_MAX)) {
        rill_admin_refuse(out, 400, "note and key have at most %d bytes", RILL_ENTRY_TEXT_MAX);
        return;
    }
    const rill_config_asset *asset = &a->config->asset;
    propose(core, request, who,
            begin(core, request, "entry", a->config->name, asset->code, asset->scale, object), out);
}

/* NULL: nothing with this key is outstanding. */
static const rill_settling *find_outstanding(const rill_core *core, const char *name,
                                             const char *key)
{
    const rill_settling *a = NULL;
    while (rill_core_next_outstanding(core, &a)) {
        if (strcmp(a->name, name) == 0 && key != NULL && strcmp(a->key, key) == 0)
            return a;
    }
    return NULL;
}

/* How much it is may be looked at while it waits, also of an account that is gone by then. */
static json_t *begin_end(const rill_core *core, const rill_admin_request *request,
                         const rill_settling *a, const json_t *object)
{
    char amount[24];
    rill_core_holding holding;
    if (!rill_core_asset_of(core, a, &holding))
        holding = (rill_core_holding){.code = "", .scale = a->scale};
    json_t *proposal = begin(core, request, "end", a->name, holding.code, holding.scale, object);
    (void)snprintf(amount, sizeof amount, "%" PRIu64, a->asked);
    if (json_object_set_new(proposal, "amount", json_string(amount)) == 0)
        return proposal;
    json_decref(proposal);
    return NULL;
}

void rill_admin_propose_end(rill_core *core, const rill_admin_request *request, const char *name,
                            const json_t *object, rill_admin_answer *out)
{
    const char *who = who_of(object, out);
    const char *key = json_string_value(json_object_get(object, "key"));
    const rill_settling *a = find_outstanding(core, name, key);
    if (who == NULL)
        return;
    if (!json_is_boolean(json_object_get(object, "paid")))
        rill_admin_refuse(out, 400, "paid must be true or false");
    else if (a == NULL)
        rill_admin_refuse(out, 404, "nothing with this key is outstanding of such an account");
    else
        propose(core, request, who, begin_end(core, request, a, object), out);
}

/* ---- what a store had ---- */

/* All that is looked at when it is confirmed. */
static bool is_proposal(const json_t *value)
{
    const json_t *asked = json_object_get(value, "asked");
    return json_is_string(json_object_get(value, "what")) &&
           json_is_string(json_object_get(value, "account")) &&
           json_is_string(json_object_get(value, "by")) &&
           json_is_string(json_object_get(asked, "who"));
}

int rill_core_know_proposal(rill_core *core, const rill_store_setting *setting)
{
    json_t *value = json_loads(setting->value, 0, NULL);
    int rc = RILL_ERR_MALFORMED;
    if (is_proposal(value))
        rc = rill_overlay_put(rill_core_proposals(core), setting->kind, setting->name,
                              setting->value);
    json_decref(value);
    if (rc == RILL_OK || rc == RILL_ERR_NOMEM)
        return rc;
    rill_log_line(&core->options.log, RILL_LOG_WARNING,
                  "the proposal %.64s of the store cannot be read, and is left out", setting->name);
    return RILL_OK;
}

/* ---- looking ---- */

void rill_admin_proposals(const rill_core *core, rill_admin_answer *out)
{
    json_t *all = json_array();
    for (const rill_overlay_item *item = rill_core_all_proposals(core)->first;
         all != NULL && item != NULL; item = item->next) {
        if (json_array_append_new(all, json_loads(item->value, 0, NULL)) != 0) {
            json_decref(all);
            all = NULL;
        }
    }
    rill_admin_json(out, 200, all == NULL ? NULL : json_pack("{s:o}", "proposals", all));
}

/* NULL: it has been refused. */
static json_t *find(const rill_core *core, const char *id, rill_admin_answer *out)
{
    const rill_overlay_item *item =
        rill_overlay_find(rill_core_all_proposals(core), RILL_SETTING_PROPOSAL, id);
    json_t *proposal = item == NULL ? NULL : json_loads(item->value, 0, NULL);
    if (item == NULL)
        rill_admin_refuse(out, 404, "there is no such proposal");
    else if (!json_is_object(proposal))
        rill_admin_refuse(out, 503, "%s", rill_strerror(RILL_ERR_NOMEM));
    return proposal;
}

/* ---- confirming ---- */

/* In the batch of what was booked. Without memory it is found to be booked when it is tried again.
 */
static void take_away(rill_core *core, const char *id)
{
    const rill_store_setting gone = {RILL_SETTING_PROPOSAL, id, ""};
    uint64_t group;
    if (rill_core_put_setting(core, &gone, &group) == RILL_OK)
        rill_overlay_remove(rill_core_proposals(core), RILL_SETTING_PROPOSAL, id);
}

/* An account of the same name may have another asset or scale by now: its units are others. */
static bool is_of_asset(const json_t *proposal, const rill_holder_account *a,
                        rill_admin_answer *out)
{
    const json_t *asset = json_object_get(proposal, "asset");
    if (asset != NULL)
        return rill_admin_is_asset(asset, a, out);
    rill_admin_refuse(out, 409,
                      "it does not say in which asset it is: reject it, and propose it "
                      "again");
    return false;
}

static int confirm_entry(rill_core *core, const json_t *proposal, const char *id, const char *who,
                         rill_admin_answer *out)
{
    const char *name = json_string_value(json_object_get(proposal, "account"));
    char key[ID + sizeof "proposal "];
    rill_store_entry entry = {.at_ms = rill_core_now(core).wall_ms};
    rill_holder_account *a =
        rill_core_find(core, (rill_bytes){(const uint8_t *)name, strlen(name)});
    if (a == NULL) {
        rill_admin_refuse(out, 409, "the account is not there any more");
        return RILL_ERR_NOT_FOUND;
    }
    if (!rill_admin_read_entry(json_object_get(proposal, "asked"), &entry, out) ||
        !is_of_asset(proposal, a, out))
        return RILL_ERR_INVALID;
    (void)snprintf(key, sizeof key, "proposal %.16s", id);
    entry.who = who;
    if (entry.key[0] == '\0')
        entry.key = key;
    return rill_admin_enter(core, a, &entry, out);
}

static int confirm_end(rill_core *core, const json_t *proposal, const char *who,
                       rill_admin_answer *out)
{
    json_t *asked = json_copy(json_object_get(proposal, "asked"));
    int rc = RILL_ERR_NOMEM;
    if (asked != NULL && json_object_set_new(asked, "who", json_string(who)) == 0)
        rc = rill_admin_end_outstanding(
            core, json_string_value(json_object_get(proposal, "account")), asked, out);
    else
        rill_admin_refuse(out, 503, "%s", rill_strerror(rc));
    json_decref(asked);
    return rc;
}

void rill_admin_confirm(rill_core *core, const rill_admin_request *request, const char *id,
                        const json_t *object, rill_admin_answer *out)
{
    char both[2 * MOST_WHO + 20];
    const char *who = who_of(object, out);
    json_t *proposal = who == NULL ? NULL : find(core, id, out);
    if (proposal == NULL)
        return;
    const char *by = json_string_value(json_object_get(proposal, "by"));
    const json_t *asked = json_object_get(proposal, "asked");
    (void)snprintf(both, sizeof both, "%s, confirmed by %s",
                   json_string_value(json_object_get(asked, "who")), who);
    if (request->person == NULL || strcmp(by, request->person) == 0) {
        rill_admin_refuse(out, 409,
                          "it takes another person to confirm it: with another token, or "
                          "by the socket");
    } else {
        bool entry = strcmp(json_string_value(json_object_get(proposal, "what")), "entry") == 0;
        int rc = entry ? confirm_entry(core, proposal, id, both, out)
                       : confirm_end(core, proposal, both, out);
        if (rc == RILL_OK || rc == RILL_ERR_EXISTS) {
            take_away(core, id);
            note(core, request, who, "confirms", id);
        }
    }
    json_decref(proposal);
}

void rill_admin_reject_proposal(rill_core *core, const rill_admin_request *request, const char *id,
                                const json_t *object, rill_admin_answer *out)
{
    const rill_store_setting gone = {RILL_SETTING_PROPOSAL, id, ""};
    const char *who = who_of(object, out);
    json_t *proposal = who == NULL ? NULL : find(core, id, out);
    uint64_t group = 0;
    if (proposal == NULL)
        return;
    int rc = rill_core_put_setting(core, &gone, &group);
    if (rc == RILL_OK) {
        rill_admin_json(out, 200, json_pack("{s:O}", "proposal", proposal));
        out->group = group;
        rill_overlay_remove(rill_core_proposals(core), RILL_SETTING_PROPOSAL, id);
        note(core, request, who, "rejects", id);
    } else {
        rill_admin_refuse(out, 503, "%s", rill_strerror(rc));
    }
    json_decref(proposal);
}
