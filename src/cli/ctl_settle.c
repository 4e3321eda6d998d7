/* SPDX-License-Identifier: Apache-2.0 */
/* Settling by hand, and ending what an engine will not end. */
#define _DEFAULT_SOURCE /* getentropy */

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cli/amount_text.h"
#include "cli/ctl.h"

enum { PATH = 1024 };

/* ---- what was settled ---- */

static const struct {
    const char *option;
    const char *kind;
} kinds[] = {{"--in", "settled-in"},
             {"--out", "settled-out"},
             {"--deposit", "deposit"},
             {"--withdrawal", "withdrawal"}};

/* NULL: it has been complained about. */
static const char *kind_of(const ctl_args *args)
{
    const char *kind = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (ctl_value(args, kinds[i].option) == NULL)
            continue;
        if (kind != NULL) {
            ctl_error(args, "only one of --in, --out, --deposit and --withdrawal can be given");
            return NULL;
        }
        kind = kinds[i].kind;
    }
    if (kind == NULL)
        ctl_error(args, "--in (the account has paid) or --out (you have paid) is missing");
    return kind;
}

/*
 * "300" is units; "3.00USD" is coins of the account's asset. *its: the asset that was read so; the
 * node books nothing if the account has another one by then. It is the caller's to release.
 */
static int read_amount(const ctl_args *args, const char *account, uint64_t *units, json_t **its)
{
    char path[PATH];
    cli_amount_text text;
    ctl_reply r;
    int rc = cli_amount_text_parse(args->operands[1], &text);
    if (rc != RILL_OK) {
        ctl_error(args, "the amount \"%s\" is not like 300 (units) or 3.00USD", args->operands[1]);
        return CTL_USAGE;
    }
    if (!ctl_account_path(path, sizeof path, account, "")) {
        ctl_error(args, "the account's name is too long");
        return CTL_USAGE;
    }
    int code = ctl_ask(args, "GET", path, NULL, &r);
    json_t *asset = json_object_get(r.value, "asset");
    *units = text.whole;
    *its = json_incref(asset);
    if (code == CTL_DONE && text.code[0] != '\0' &&
        cli_amount_text_units(&text, ctl_text(asset, "code"), (uint8_t)ctl_number(asset, "scale"),
                              units) != RILL_OK) {
        ctl_error(args,
                  "the amount \"%s\" is no amount of %s with at most %u digits after the point",
                  args->operands[1], ctl_text(asset, "code"), ctl_scale(r.value));
        code = CTL_USAGE;
    }
    ctl_reply_clear(&r);
    return code;
}

static bool new_key(char *out, size_t cap)
{
    uint8_t random[12];
    if (getentropy(random, sizeof random) != 0)
        return false;
    for (size_t i = 0; i < sizeof random; i++)
        (void)snprintf(out + 2 * i, cap - 2 * i, "%02x", (unsigned)random[i]);
    return true;
}

/* The configuration wants two people. */
static void print_proposed(const ctl_reply *r)
{
    const char *id = ctl_text(json_object_get(r->value, "proposal"), "id");
    (void)printf("proposed, and not booked yet: somebody else confirms it with\n"
                 "rillctl confirm %s\n",
                 id);
}

static int enter(const ctl_args *args, const char *kind, uint64_t units, json_t *asset,
                 const char *key)
{
    char path[PATH];
    char amount[24];
    ctl_reply r;
    const char *note = ctl_value(args, "--note");
    (void)snprintf(amount, sizeof amount, "%" PRIu64, units);
    (void)ctl_account_path(path, sizeof path, args->operands[0], "/entries");
    json_t *body =
        json_pack("{s:s, s:s, s:O, s:s, s:s, s:s}", "kind", kind, "amount", amount, "asset", asset,
                  "who", ctl_who(args), "note", note == NULL ? "" : note, "key", key);
    int code = body == NULL ? CTL_USAGE : ctl_ask(args, "POST", path, body, &r);
    if (body == NULL) {
        ctl_error(args, "--who, --note and --key must be text in UTF-8");
        return code;
    }
    if (code == CTL_UNREACHABLE || r.status >= 500)
        ctl_error(args,
                  "nobody knows if it is booked: try again with --key %s; with the same key "
                  "nothing is booked twice",
                  key);
    if (code == CTL_DONE && ctl_json(args)) {
        code = ctl_print_json(&r);
    } else if (code == CTL_DONE && r.status == 202) {
        print_proposed(&r);
    } else if (code == CTL_DONE) {
        char coins[340];
        ctl_coins(ctl_text(r.value, "balance"), ctl_scale(r.value), coins, sizeof coins);
        (void)printf("%s; the balance of %s is %s %s now (key %s)\n",
                     r.status == 200 ? "it was booked before" : "booked", args->operands[0], coins,
                     ctl_text(json_object_get(r.value, "asset"), "code"), key);
    }
    ctl_reply_clear(&r);
    return code;
}

static int record(const ctl_args *args)
{
    char made[32];
    uint64_t units = 0;
    json_t *asset = NULL;
    const char *key = ctl_value(args, "--key");
    if (args->operands[1] == NULL) {
        ctl_error(args, "an argument is missing: the amount, such as 300 (units) or 3.00USD");
        return CTL_USAGE;
    }
    const char *kind = kind_of(args);
    if (kind == NULL)
        return CTL_USAGE;
    if (key == NULL) {
        if (!new_key(made, sizeof made)) {
            ctl_error(args, "the system gives no random numbers: use --key");
            return CTL_INCOMPLETE;
        }
        key = made;
    }
    int code = read_amount(args, args->operands[0], &units, &asset);
    if (code == CTL_DONE)
        code = enter(args, kind, units, asset, key);
    json_decref(asset);
    return code;
}

/* ---- what no engine will end ---- */

/* CTL_USAGE: it has been complained about. */
static int judge_end(const ctl_args *args)
{
    bool paid = ctl_value(args, "--paid") != NULL;
    bool unpaid = ctl_value(args, "--unpaid") != NULL;
    if (paid == unpaid) {
        ctl_error(args, "--end needs one of --paid (the engine has paid it) and --unpaid (it has "
                        "not, and you owe it again)");
        return CTL_USAGE;
    }
    if (args->operands[1] != NULL || ctl_value(args, "--key") != NULL) {
        ctl_error(args, "--end ends all of the settlement: it takes no amount and no --key");
        return CTL_USAGE;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (ctl_value(args, kinds[i].option) != NULL) {
            ctl_error(args, "%s cannot be given with --end", kinds[i].option);
            return CTL_USAGE;
        }
    }
    return CTL_DONE;
}

static int end(const ctl_args *args, const char *key)
{
    char path[PATH];
    char coins[340];
    ctl_reply r;
    const char *note = ctl_value(args, "--note");
    bool paid = ctl_value(args, "--paid") != NULL;
    int code = judge_end(args);
    if (code != CTL_DONE)
        return code;
    if (!ctl_account_path(path, sizeof path, args->operands[0], "/outstanding")) {
        ctl_error(args, "the account's name is too long");
        return CTL_USAGE;
    }
    json_t *body = json_pack("{s:s, s:b, s:s, s:s}", "key", key, "paid", (int)paid, "who",
                             ctl_who(args), "note", note == NULL ? "" : note);
    if (body == NULL) {
        ctl_error(args, "--end, --who and --note must be text in UTF-8");
        return CTL_USAGE;
    }
    code = ctl_ask(args, "POST", path, body, &r);
    if (code == CTL_DONE && ctl_json(args)) {
        code = ctl_print_json(&r);
    } else if (code == CTL_DONE && r.status == 202) {
        print_proposed(&r);
    } else if (code == CTL_DONE) {
        ctl_coins(ctl_text(r.value, "balance"), ctl_scale(r.value), coins, sizeof coins);
        (void)printf("%s as %s; the balance of %s is %s %s now\n",
                     r.status == 200 ? "it was ended before" : "ended", paid ? "paid" : "not paid",
                     args->operands[0], coins, ctl_text(json_object_get(r.value, "asset"), "code"));
    }
    ctl_reply_clear(&r);
    return code;
}

int ctl_settle(const ctl_args *args)
{
    const char *key = ctl_value(args, "--end");
    if (key != NULL)
        return end(args, key);
    if (ctl_value(args, "--paid") != NULL || ctl_value(args, "--unpaid") != NULL) {
        ctl_error(args, "--paid and --unpaid need --end: rillctl outstanding shows the keys");
        return CTL_USAGE;
    }
    return record(args);
}

/* The first cells of a row: whose, in which asset, how much. */
static void put_amount(ctl_table *t, const json_t *one)
{
    char asset[80];
    ctl_asset_text(json_object_get(one, "asset"), asset, sizeof asset);
    ctl_cell(t, ctl_text(one, "account"));
    ctl_cell(t, asset);
    ctl_cell_units(t, json_object_get(one, "amount"), ctl_scale(one));
}

/* What no engine took: it is owed beside the balances. */
static void print_left_out(const json_t *all)
{
    size_t i;
    const json_t *one;
    if (json_array_size(all) == 0)
        return;
    ctl_table *t = ctl_table_new("NOT TAKEN BY AN ENGINE|ASSET|>STILL OWED");
    json_array_foreach(all, i, one)
    {
        put_amount(t, one);
    }
    (void)printf("\n");
    ctl_table_print(t);
}

int ctl_outstanding(const ctl_args *args)
{
    ctl_reply r;
    size_t i;
    const json_t *one;
    int code = ctl_ask(args, "GET", "/v1/outstanding", NULL, &r);
    const json_t *all = json_object_get(r.value, "outstanding");
    if (code == CTL_DONE && ctl_json(args)) {
        code = ctl_print_json(&r);
    } else if (code == CTL_DONE && json_array_size(all) == 0) {
        (void)printf("nothing is outstanding\n");
        print_left_out(json_object_get(r.value, "left_out"));
    } else if (code == CTL_DONE) {
        ctl_table *t = ctl_table_new("ACCOUNT|ASSET|>AMOUNT|ENGINE|SINCE|KEY|>TRIES|PROBLEM");
        json_array_foreach(all, i, one)
        {
            put_amount(t, one);
            ctl_cell(t, ctl_text(one, "engine"));
            ctl_cell(t, ctl_text(one, "begun"));
            ctl_cell(t, ctl_text(one, "key"));
            ctl_cell_number(t, ctl_number(one, "tries"));
            ctl_cell(t, ctl_text(one, "problem"));
        }
        ctl_table_print(t);
        print_left_out(json_object_get(r.value, "left_out"));
    }
    ctl_reply_clear(&r);
    return code;
}

/* ---- what one proposes and another one confirms ---- */

static void add_proposal(ctl_table *t, const json_t *p)
{
    const json_t *asked = json_object_get(p, "asked");
    bool entry = strcmp(ctl_text(p, "what"), "entry") == 0;
    char what[80];
    char asset[80];
    ctl_asset_text(json_object_get(p, "asset"), asset, sizeof asset);
    (void)snprintf(what, sizeof what, "%s",
                   entry                                          ? ctl_text(asked, "kind")
                   : json_is_true(json_object_get(asked, "paid")) ? "end as paid"
                                                                  : "end as not paid");
    ctl_cell(t, ctl_text(p, "id"));
    ctl_cell(t, ctl_text(p, "account"));
    ctl_cell(t, what);
    ctl_cell(t, asset);
    ctl_cell_units(t, json_object_get(entry ? asked : p, "amount"), ctl_scale(p));
    ctl_cell(t, ctl_text(asked, "key"));
    ctl_cell(t, ctl_text(asked, "who"));
    ctl_cell(t, ctl_text(p, "by"));
    ctl_cell(t, ctl_text(p, "at"));
    ctl_cell(t, ctl_text(asked, "note"));
}

int ctl_proposals(const ctl_args *args)
{
    ctl_reply r;
    size_t i;
    const json_t *one;
    int code = ctl_ask(args, "GET", "/v1/proposals", NULL, &r);
    const json_t *all = json_object_get(r.value, "proposals");
    if (code == CTL_DONE && ctl_json(args)) {
        code = ctl_print_json(&r);
    } else if (code == CTL_DONE && json_array_size(all) == 0) {
        (void)printf("nothing waits for somebody to confirm it\n");
    } else if (code == CTL_DONE) {
        ctl_table *t = ctl_table_new("ID|ACCOUNT|WHAT|ASSET|>AMOUNT|KEY|WHO|BY|SINCE|NOTE");
        json_array_foreach(all, i, one) add_proposal(t, one);
        ctl_table_print(t);
    }
    ctl_reply_clear(&r);
    return code;
}

static int decide(const ctl_args *args, const char *method, const char *said)
{
    char path[PATH];
    ctl_reply r;
    const char *id = args->operands[0];
    if (strspn(id, "0123456789abcdef") != strlen(id) || strlen(id) > 64) {
        ctl_error(args, "\"%s\" is no proposal's name: rillctl proposals shows them", id);
        return CTL_USAGE;
    }
    (void)snprintf(path, sizeof path, "/v1/proposals/%s", id);
    int code = ctl_ask(args, method, path, json_pack("{s:s}", "who", ctl_who(args)), &r);
    if (code == CTL_DONE && ctl_json(args))
        code = ctl_print_json(&r);
    else if (code == CTL_DONE)
        (void)printf("%s\n", r.status == 200 && strcmp(method, "POST") == 0 ? "it was booked before"
                                                                            : said);
    ctl_reply_clear(&r);
    return code;
}

int ctl_confirm(const ctl_args *args)
{
    return decide(args, "POST", "booked");
}

int ctl_reject(const ctl_args *args)
{
    return decide(args, "DELETE", "rejected: it will not be booked");
}
