/* SPDX-License-Identifier: Apache-2.0 */
/* Audits, lines of the audit, and statements: what is asked of the store, and what its answer looks
 * like. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/wide_text.h"
#include "connector/admin_answer.h"
#include "connector/when.h"

static const char type_csv[] = "text/csv; charset=utf-8";

/* Of packets, and by rill_entry_kind. */
static const char *const kinds[] = {NULL,         "settled-in", "settled-out", "deposit",
                                    "withdrawal", "change",     "settled-back"};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

void rill_admin_free_look(rill_admin_look *look)
{
    if (look == NULL)
        return;
    rill_look_clear(&look->look, memory());
    rill_free(memory(), look);
}

static rill_admin_look *begin(rill_admin_answer *out, rill_look_kind kind)
{
    out->look = rill_calloc(memory(), 1, sizeof *out->look);
    if (out->look == NULL)
        out->status = 503;
    else
        out->look->look.kind = kind;
    return out->look;
}

/* ---- heads ---- */

/* "12.340:9f86...": the newest line of the audit, that of the chain of sums, and their hash. */
enum { HEAD = 2 * 20 + 2 + 64 + 1 };

static void head_text(const rill_audit_head *head, char out[HEAD])
{
    int at = snprintf(out, HEAD, "%" PRIu64 ".%" PRIu64 ":", head->entry, head->seal);
    for (size_t i = 0; i < sizeof head->hash; i++)
        at += snprintf(out + at, HEAD - (size_t)at, "%02x", head->hash[i]);
}

static bool number_of(const char **text, char end, uint64_t *out)
{
    const char *stop = strchr(*text, end);
    char digits[24];
    size_t len = stop == NULL ? 0 : (size_t)(stop - *text);
    if (len == 0 || len >= sizeof digits)
        return false;
    memcpy(digits, *text, len);
    digits[len] = '\0';
    *text = stop + 1;
    return rill_amount_parse(digits, out) == RILL_OK;
}

static bool read_head(const char *text, rill_audit_head *out)
{
    char again[HEAD];
    if (!number_of(&text, '.', &out->entry) || !number_of(&text, ':', &out->seal) ||
        strlen(text) != 2 * sizeof out->hash)
        return false;
    for (size_t i = 0; i < sizeof out->hash; i++) {
        unsigned byte = 0;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1)
            return false;
        out->hash[i] = (uint8_t)byte;
    }
    head_text(out, again);
    return strcmp(strchr(again, ':') + 1, text) == 0;
}

void rill_admin_begin_audit(rill_bytes query, rill_admin_answer *out)
{
    char text[HEAD] = "";
    rill_audit_head since;
    bool compares = rill_admin_query(query, "since", text, sizeof text);
    if (compares && !read_head(text, &since)) {
        rill_admin_refuse(out, 400, "since must be the head that an audit has had");
        return;
    }
    rill_admin_look *look = begin(out, RILL_LOOK_AUDIT);
    if (look == NULL || !compares)
        return;
    look->compares = true;
    look->since = since;
    look->look.since = &look->since;
}

/* ---- lines ---- */

/* False: it has been refused. */
static bool read_number(rill_bytes query, const char *name, uint64_t least, uint64_t most,
                        uint64_t *out, rill_admin_answer *answer)
{
    char text[24];
    if (!rill_admin_query(query, name, text, sizeof text))
        return true;
    if (rill_amount_parse(text, out) == RILL_OK && *out >= least && *out <= most)
        return true;
    rill_admin_refuse(answer, 400, "%s must be a whole number from %" PRIu64 " to %" PRIu64, name,
                      least, most);
    return false;
}

static bool read_format(rill_bytes query, bool *csv, rill_admin_answer *answer);

void rill_admin_begin_lines(rill_bytes query, rill_admin_answer *out)
{
    enum { MOST = 1000 };
    uint64_t after = 0;
    uint64_t limit = MOST;
    bool csv;
    if (!read_number(query, "after", 0, INT64_MAX, &after, out) ||
        !read_number(query, "limit", 1, MOST, &limit, out) || !read_format(query, &csv, out))
        return;
    rill_admin_look *look = begin(out, RILL_LOOK_LINES);
    if (look == NULL)
        return;
    look->look.after = after;
    look->look.most = (size_t)limit;
    look->csv = csv;
}

/* ---- a statement's time ---- */

static const struct {
    const char *name;
    uint64_t minutes;
} steps[] = {{"minute", 1}, {"hour", 60}, {"day", 1440}, {"all", UINT64_MAX / 60000}};

enum { STEPS = sizeof steps / sizeof steps[0], DAY = 2 };

/* False: it has been refused. */
static bool read_when(rill_bytes query, const char *name, uint64_t *out, rill_admin_answer *answer)
{
    char text[40];
    if (!rill_admin_query(query, name, text, sizeof text) || rill_when_parse(text, out))
        return true;
    rill_admin_refuse(answer, 400,
                      "%s: a day or a time in UTC, such as 2026-11-01 or 2026-11-01T12:00:00Z",
                      name);
    return false;
}

static bool read_step(rill_bytes query, size_t *out, rill_admin_answer *answer)
{
    char text[16];
    *out = DAY;
    if (!rill_admin_query(query, "step", text, sizeof text))
        return true;
    for (*out = 0; *out < STEPS; ++*out) {
        if (strcmp(steps[*out].name, text) == 0)
            return true;
    }
    rill_admin_refuse(answer, 400, "step: minute, hour, day or all");
    return false;
}

static bool read_format(rill_bytes query, bool *csv, rill_admin_answer *answer)
{
    char text[16] = "json";
    (void)rill_admin_query(query, "format", text, sizeof text);
    *csv = strcmp(text, "csv") == 0;
    if (*csv || strcmp(text, "json") == 0)
        return true;
    rill_admin_refuse(answer, 400, "format: json or csv");
    return false;
}

void rill_admin_no_account(const rill_core *core, const char *name, rill_admin_answer *out)
{
    const rill_i128 zero = rill_wide_signed(rill_wide(0));
    char text[RILL_WIDE_TEXT];
    size_t cursor = 0;
    rill_core_closed k;
    while (rill_core_next_closed(core, &cursor, &k)) {
        if (strcmp(k.name, name) != 0 || rill_wide_equal(k.booked, zero))
            continue;
        rill_wide_signed_text(k.booked, text);
        rill_admin_refuse(out, 404,
                          "the account is not in the configuration any more; its balance is %s "
                          "%s/%u",
                          text, k.asset, (unsigned)k.scale);
        return;
    }
    rill_admin_refuse(out, 404, "there is no such account");
}

/* Whose statement it is: an account's, or what is left of one. False: it has been refused. */
static bool find_subject(const rill_core *core, const rill_holder_account *a, const char *name,
                         rill_bytes query, rill_core_closed *out, rill_admin_answer *answer)
{
    char asset[RILL_STORE_ASSET_MAX + 8];
    char its[RILL_STORE_ASSET_MAX + 8];
    bool any = !rill_admin_query(query, "asset", asset, sizeof asset);
    size_t cursor = 0;
    size_t found = 0;
    rill_core_closed k;
    if (a != NULL) {
        *out = (rill_core_closed){a->config->name, a->config->asset.code, a->config->asset.scale,
                                  a->balance.id, a->balance.booked};
        (void)snprintf(its, sizeof its, "%s/%u", out->asset, (unsigned)out->scale);
        if (any || strcmp(its, asset) == 0)
            return true;
    }
    while (rill_core_next_closed(core, &cursor, &k)) {
        (void)snprintf(its, sizeof its, "%s/%u", k.asset, (unsigned)k.scale);
        if (strcmp(k.name, name) != 0 || (!any && strcmp(its, asset) != 0))
            continue;
        *out = k;
        found++;
    }
    if (found > 1)
        rill_admin_refuse(answer, 400, "it was held in several assets: asset says which, as USD/2");
    else if (found == 0)
        rill_admin_refuse(answer, 404, "there is no such account");
    return found == 1;
}

void rill_admin_begin_statement(const rill_core *core, const rill_holder_account *a,
                                const char *name, rill_bytes query, rill_admin_answer *out)
{
    rill_core_closed of;
    uint64_t from = 0;
    const uint64_t now = rill_core_now(core).wall_ms + 1;
    uint64_t to = UINT64_MAX; /* a clock that was ahead has left lines behind now, too */
    size_t step;
    bool csv;
    if (!find_subject(core, a, name, query, &of, out) || !read_when(query, "from", &from, out) ||
        !read_when(query, "to", &to, out) || !read_step(query, &step, out) ||
        !read_format(query, &csv, out))
        return;
    if (from >= to) {
        rill_admin_refuse(out, 400, "from must be earlier than to");
        return;
    }
    rill_admin_look *look = begin(out, RILL_LOOK_STATEMENT);
    if (look == NULL)
        return;
    look->look.account = of.id;
    look->look.from_ms = from;
    look->look.to_ms = to;
    look->until_ms = to == UINT64_MAX ? now : to;
    look->look.step_minutes = steps[step].minutes;
    look->csv = csv;
    look->step = steps[step].name;
    look->scale = of.scale;
    (void)snprintf(look->account, sizeof look->account, "%s", of.name);
    (void)snprintf(look->asset, sizeof look->asset, "%s", of.asset);
}

/* ---- what is found ---- */

static void answer_audit(const rill_admin_look *look, rill_admin_answer *out)
{
    const rill_audit *a = &look->look.audit;
    const bool cut = look->compares && !a->has_since;
    const char *first =
        a->first[0] == '\0' && cut ? "the head that was kept is not of these books" : a->first;
    bool good = a->uneven_balances == 0 && a->uneven_assets == 0 && a->broken_entries == 0 &&
                a->broken_seals == 0 && !cut;
    char head[HEAD];
    head_text(&a->head, head);
    rill_admin_json(
        out, 200,
        json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:o, s:s}", "good", good,
                  "accounts", (json_int_t)a->accounts, "flows", (json_int_t)a->flows, "entries",
                  (json_int_t)a->entries, "seals", (json_int_t)a->seals, "uneven_balances",
                  (json_int_t)a->uneven_balances, "uneven_assets", (json_int_t)a->uneven_assets,
                  "broken_entries", (json_int_t)a->broken_entries, "broken_seals",
                  (json_int_t)a->broken_seals, "unsealed", (json_int_t)a->unsealed, "head", head,
                  "continues", look->compares ? json_boolean(a->has_since) : json_null(), "first",
                  first));
}

static const char *kind_of_entry(rill_entry_kind kind)
{
    return kind > 0 && (size_t)kind < sizeof kinds / sizeof kinds[0] ? kinds[kind] : "unknown";
}

static void hash_text(const uint8_t hash[32], char out[65])
{
    for (size_t i = 0; i < 32; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

/* Null where there is no money: a change, of an account or of the node. */
static json_t *amount_json(const rill_audit_line *line)
{
    char text[24];
    if (line->kind == RILL_ENTRY_CHANGE)
        return json_null();
    (void)snprintf(text, sizeof text, "%" PRIu64, line->amount);
    return json_string(text);
}

/* Null: it is of the node itself. */
static json_t *asset_of(const rill_audit_line *line)
{
    return line->holder == RILL_HOLDER_NODE
               ? json_null()
               : json_pack("{s:s, s:i}", "code", line->asset, "scale", (int)line->scale);
}

static json_t *audit_line_json(const rill_audit_line *line)
{
    char at[RILL_WHEN_TEXT];
    char hash[65];
    rill_when_text(line->at_ms, at);
    hash_text(line->hash, hash);
    return json_pack("{s:I, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "number",
                     (json_int_t)line->id, "at", at, "account",
                     line->holder == RILL_HOLDER_NODE ? json_null() : json_string(line->account),
                     "kind", kind_of_entry(line->kind), "amount", amount_json(line), "asset",
                     asset_of(line), "who", rill_text_json(line->who), "person",
                     rill_text_json(line->person), "note", rill_text_json(line->note), "key",
                     rill_text_json(line->key), "hash", hash);
}

static json_t *lines_json(const rill_audit_lines *lines)
{
    json_t *all = json_array();
    for (size_t i = 0; all != NULL && i < lines->count; i++) {
        if (json_array_append_new(all, audit_line_json(&lines->all[i])) != 0) {
            json_decref(all);
            all = NULL;
        }
    }
    return all == NULL ? NULL
                       : json_pack("{s:o, s:I}", "lines", all, "last", (json_int_t)lines->last);
}

static const char *kind_of(const rill_statement_line *line)
{
    if (line->kind == 0)
        return line->from ? "sent" : "received";
    size_t kind = (size_t)line->kind;
    return kind < sizeof kinds / sizeof kinds[0] ? kinds[kind] : "unknown";
}

/* What an account had before the first line, and after each. */
static const char *running(rill_i128 *balance, const rill_statement_line *line,
                           char out[RILL_WIDE_TEXT])
{
    if (line != NULL && !rill_wide_sum(*balance, line->change, balance))
        return "";
    rill_wide_signed_text(*balance, out);
    return out;
}

static json_t *line_json(const rill_statement_line *line, const char *balance)
{
    char at[RILL_WHEN_TEXT];
    char change[RILL_WIDE_TEXT];
    rill_when_text(line->at_ms, at);
    rill_wide_signed_text(line->change, change);
    if (line->kind == 0)
        return json_pack("{s:s, s:s, s:o, s:I, s:s, s:s}", "at", at, "kind", kind_of(line), "with",
                         rill_text_json(line->texts[0]), "packets", (json_int_t)line->packets,
                         "change", change, "balance", balance);
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:s}", "at", at, "kind", kind_of(line),
                     "who", rill_text_json(line->texts[0]), "person",
                     rill_text_json(line->texts[3]), "note", rill_text_json(line->texts[1]), "key",
                     rill_text_json(line->texts[2]), "change", change, "balance", balance);
}

static json_t *statement_json(const rill_admin_look *look)
{
    const rill_statement *st = &look->look.statement;
    char from[RILL_WHEN_TEXT];
    char to[RILL_WHEN_TEXT];
    char opening[RILL_WIDE_TEXT];
    char closing[RILL_WIDE_TEXT];
    char text[RILL_WIDE_TEXT];
    rill_i128 balance = st->opening;
    json_t *lines = json_array();
    for (size_t i = 0; lines != NULL && i < st->count; i++) {
        const char *now = running(&balance, &st->lines[i], text);
        if (json_array_append_new(lines, line_json(&st->lines[i], now)) != 0) {
            json_decref(lines);
            lines = NULL;
        }
    }
    if (lines == NULL)
        return NULL;
    rill_when_text(look->look.from_ms, from);
    rill_when_text(look->until_ms, to);
    rill_wide_signed_text(st->opening, opening);
    rill_wide_signed_text(st->closing, closing);
    return json_pack("{s:s, s:{s:s, s:i}, s:s, s:s, s:s, s:s, s:s, s:o}", "account", look->account,
                     "asset", "code", look->asset, "scale", (int)look->scale, "from", from, "to",
                     to, "step", look->step, "opening", opening, "closing", closing, "lines",
                     lines);
}

/* In quotes, each of its own doubled (RFC 4180); no line of it begins a formula. */
static void add_cell(rill_admin_lines *l, const char *text)
{
    if (text == NULL || text[0] == '\0') {
        rill_admin_add(l, ",", 1);
        return;
    }
    rill_admin_add(l, ",\"", 2);
    if (strchr("=+-@\t\r", text[0]) != NULL)
        rill_admin_add(l, "'", 1);
    for (; *text != '\0'; text++)
        rill_admin_add(l, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    rill_admin_add(l, "\"", 1);
}

static void line_csv(rill_admin_lines *l, const rill_statement_line *line, const char *balance)
{
    char at[RILL_WHEN_TEXT];
    char change[RILL_WIDE_TEXT];
    rill_when_text(line->at_ms, at);
    rill_wide_signed_text(line->change, change);
    rill_admin_line(l, "%s,%s", at, kind_of(line));
    add_cell(l, line->kind == 0 ? line->texts[0] : NULL);
    if (line->kind == 0)
        rill_admin_line(l, ",%" PRIu64, line->packets);
    else
        rill_admin_add(l, ",", 1);
    rill_admin_line(l, ",%s,%s", change, balance);
    for (size_t i = 0; i < sizeof line->texts / sizeof line->texts[0]; i++)
        add_cell(l, line->kind == 0 ? NULL : line->texts[i]);
    rill_admin_add(l, "\r\n", 2);
}

static void audit_line_csv(rill_admin_lines *l, const rill_audit_line *line)
{
    char at[RILL_WHEN_TEXT];
    char hash[65];
    rill_when_text(line->at_ms, at);
    hash_text(line->hash, hash);
    rill_admin_line(l, "%" PRIu64 ",%s", line->id, at);
    add_cell(l, line->account);
    rill_admin_line(l, ",%s", kind_of_entry(line->kind));
    if (line->kind == RILL_ENTRY_CHANGE)
        rill_admin_add(l, ",", 1);
    else
        rill_admin_line(l, ",%" PRIu64, line->amount);
    add_cell(l, line->asset);
    if (line->holder == RILL_HOLDER_NODE)
        rill_admin_add(l, ",", 1);
    else
        rill_admin_line(l, ",%u", (unsigned)line->scale);
    add_cell(l, line->who);
    add_cell(l, line->person);
    add_cell(l, line->note);
    add_cell(l, line->key);
    rill_admin_line(l, ",%s\r\n", hash);
}

/* The first page has the names of columns. */
static void lines_csv(const rill_admin_look *look, rill_admin_answer *out)
{
    const rill_audit_lines *lines = &look->look.lines;
    rill_admin_lines l = {.text = NULL};
    if (look->look.after == 0)
        rill_admin_line(&l,
                        "number,time,account,kind,amount,asset,scale,who,person,note,key,hash\r\n");
    else
        rill_admin_add(&l, "", 0);
    for (size_t i = 0; i < lines->count; i++)
        audit_line_csv(&l, &lines->all[i]);
    if (l.failed)
        out->status = 503;
    else
        rill_admin_text(out, 200, type_csv, l.text);
    rill_admin_lines_clear(&l);
}

static void statement_csv(const rill_admin_look *look, rill_admin_answer *out)
{
    const rill_statement *st = &look->look.statement;
    rill_admin_lines l = {.text = NULL};
    char at[RILL_WHEN_TEXT];
    char text[RILL_WIDE_TEXT];
    rill_i128 balance = st->opening;
    rill_when_text(look->look.from_ms, at);
    rill_admin_line(&l, "time,kind,with,packets,change,balance,who,note,key,person\r\n");
    rill_admin_line(&l, "%s,opening,,,,%s,,,,\r\n", at, running(&balance, NULL, text));
    for (size_t i = 0; i < st->count; i++)
        line_csv(&l, &st->lines[i], running(&balance, &st->lines[i], text));
    rill_when_text(look->until_ms, at);
    balance = st->closing;
    rill_admin_line(&l, "%s,closing,,,,%s,,,,\r\n", at, running(&balance, NULL, text));
    if (l.failed)
        out->status = 503;
    else
        rill_admin_text(out, 200, type_csv, l.text);
    rill_admin_lines_clear(&l);
}

void rill_admin_answer_look(const rill_admin_look *look, rill_admin_answer *out)
{
    *out = (rill_admin_answer){.type = type_csv};
    if (look->look.rc == RILL_ERR_LIMIT)
        rill_admin_refuse(out, 413,
                          "the statement has more than %d lines: ask for less time, or longer "
                          "steps",
                          RILL_STATEMENT_MAX);
    else if (look->look.rc == RILL_ERR_RANGE)
        rill_admin_refuse(out, 400,
                          "of this time there are sums of whole days alone: begin and end it with "
                          "a day, and sum packets for days or for all of it");
    else if (look->look.rc != RILL_OK)
        rill_admin_refuse(out, 503, "%s", look->look.problem);
    else if (look->look.kind == RILL_LOOK_AUDIT)
        answer_audit(look, out);
    else if (look->look.kind == RILL_LOOK_LINES && look->csv)
        lines_csv(look, out);
    else if (look->look.kind == RILL_LOOK_LINES)
        rill_admin_json(out, 200, lines_json(&look->look.lines));
    else if (look->csv)
        statement_csv(look, out);
    else
        rill_admin_json(out, 200, statement_json(look));
}
