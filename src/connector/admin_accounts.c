/* SPDX-License-Identifier: Apache-2.0 */
/* What an account has, and entries that operators make. */
#include <stdio.h>
#include <string.h>

#include "base/wide_text.h"
#include "connector/admin_answer.h"

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

/* Null: it is none that nodes agreed on by themselves. NULL: no memory. */
static json_t *peered_json(const rill_config_account *a)
{
    const rill_config_peered *p = a->peered;
    if (p->address == NULL)
        return json_null();
    return json_pack("{s:s, s:s, s:s?, s:s?, s:b}", "address", p->address, "made",
                     p->made == RILL_PEERING_ASKED ? "asked" : "accepted", "with", p->with, "at",
                     p->at, "quiet", (int)p->quiet);
}

static json_t *number_json(uint64_t limit)
{
    return limit == 0 ? json_null() : json_integer((json_int_t)limit);
}

/* Null: no limit. */
static json_t *limits_json(const rill_config_account *a)
{
    const uint64_t none = RILL_NO_LIMIT;
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "max_packet", limit_json(a->max_packet),
                     "packets_a_second", number_json(a->packets_a_second), "amount_a_second",
                     limit_json(a->amount_a_second == 0 ? none : a->amount_a_second),
                     "packets_to_a_second", number_json(a->packets_to_a_second),
                     "amount_to_a_second",
                     limit_json(a->amount_to_a_second == 0 ? none : a->amount_to_a_second));
}

json_t *rill_admin_unanswered(const rill_holder_account *a)
{
    const rill_tally t = a->outcomes == NULL ? (rill_tally){0, 0} : a->outcomes->unanswered;
    return json_pack("{s:I, s:o}", "packets", (json_int_t)t.packets, "amount",
                     wide_json(rill_wide(t.amount)));
}

json_t *rill_admin_late(const rill_holder_account *a)
{
    const rill_tally late = a->outcomes == NULL ? (rill_tally){0, 0} : a->outcomes->late;
    return json_pack("{s:I, s:o}", "packets", (json_int_t)late.packets, "amount",
                     wide_json(rill_wide(late.amount)));
}

/* Amounts are strings: JSON's numbers lose units above 2^53 in many readers. */
json_t *rill_admin_account(const rill_core *core, const rill_holder_account *a)
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
    const rill_unseen counted = rill_core_unseen(a);
    json_t *unseen =
        json_pack("{s:I, s:o, s:b}", "packets", (json_int_t)counted.packets, "amount",
                  sum_json((rill_sum){.low = counted.amount}), "charged", a->charge_unseen);
    return json_pack("{s:s, s:s, s:s, s:{s:s, s:i}, s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:s?, s:o, "
                     "s:o, s:o, s:o, s:o, s:o}",
                     "name", name, "source", a->config->place.line == 0 ? "api" : "configuration",
                     "relation", relations[a->config->relation], "asset", "code",
                     a->config->asset.code, "scale", (int)a->config->asset.scale, "balance", booked,
                     "held", sum_json(a->balance.held), "coming", sum_json(a->balance.coming),
                     "credit", limit_json(a->balance.credit), "most", limit_json(a->balance.most),
                     "limits", limits_json(a->config), "sessions", (int)traffic.sessions, "address",
                     (const char *)a->terms.address.data, "packets", packets, "unseen", unseen,
                     "late", rill_admin_late(a), "unanswered", rill_admin_unanswered(a),
                     "settlement", rill_admin_settlement(a), "peered", peered_json(a->config));
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
        rill_admin_json(out, 201, rill_admin_account(core, a));
        break;
    case RILL_ERR_EXISTS:
        rill_admin_json(out, 200, rill_admin_account(core, a));
        break;
    case RILL_ERR_STATE:
        rill_admin_refuse(out, 409, "this key was used for another amount or kind");
        break;
    case RILL_ERR_INVALID:
        rill_admin_refuse(out, 400, "who, note and key have at most %d bytes", RILL_ENTRY_TEXT_MAX);
        break;
    default:
        rill_admin_refuse(out, 503, "%s", rill_strerror(rc));
        break;
    }
}

bool rill_admin_read_entry(const json_t *object, rill_store_entry *entry, rill_admin_answer *out)
{
    const char *problem = read_entry(object, entry);
    if (problem != NULL)
        rill_admin_refuse(out, 400, "%s", problem);
    return problem == NULL;
}

bool rill_admin_is_asset(const json_t *asset, const rill_holder_account *a, rill_admin_answer *out)
{
    const rill_config_asset *its = &a->config->asset;
    const char *code = json_string_value(json_object_get(asset, "code"));
    const json_t *scale = json_object_get(asset, "scale");
    if (code == NULL || !json_is_integer(scale)) {
        rill_admin_refuse(out, 400,
                          "asset must have a code and a scale, as {\"code\":\"USD\","
                          "\"scale\":2}");
        return false;
    }
    if (strcmp(code, its->code) == 0 && json_integer_value(scale) == its->scale)
        return true;
    rill_admin_refuse(out, 409, "the amount is in %.40s/%lld, and the account is in %s/%u", code,
                      (long long)json_integer_value(scale), its->code, (unsigned)its->scale);
    return false;
}

int rill_admin_enter(rill_core *core, rill_holder_account *a, const rill_store_entry *entry,
                     rill_admin_answer *out)
{
    uint64_t group = 0;
    int rc = rill_core_enter(core, a, entry, &group);
    answer_entered(out, rc, core, a);
    /* One that was entered before may not be kept yet either. */
    out->group = rc == RILL_OK || rc == RILL_ERR_EXISTS ? group : 0;
    return rc;
}
