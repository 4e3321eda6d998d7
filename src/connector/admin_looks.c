/* SPDX-License-Identifier: Apache-2.0 */
/* Audits and statements: what is asked of the store, and what its answer looks like. */
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

void rill_admin_begin_audit(rill_admin_answer *out)
{
    (void)begin(out, RILL_LOOK_AUDIT);
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

void rill_admin_begin_statement(const rill_core *core, const rill_holder_account *a,
                                rill_bytes query, rill_admin_answer *out)
{
    uint64_t from = 0;
    uint64_t to = rill_core_now(core).wall_ms + 1;
    size_t step;
    bool csv;
    if (!read_when(query, "from", &from, out) || !read_when(query, "to", &to, out) ||
        !read_step(query, &step, out) || !read_format(query, &csv, out))
        return;
    if (from >= to) {
        rill_admin_refuse(out, 400, "from must be earlier than to");
        return;
    }
    rill_admin_look *look = begin(out, RILL_LOOK_STATEMENT);
    if (look == NULL)
        return;
    look->look.account = a->balance.id;
    look->look.from_ms = from;
    look->look.to_ms = to;
    look->look.step_minutes = steps[step].minutes;
    look->csv = csv;
    look->step = steps[step].name;
    look->scale = a->config->asset.scale;
    (void)snprintf(look->account, sizeof look->account, "%s", a->config->name);
    (void)snprintf(look->asset, sizeof look->asset, "%s", a->config->asset.code);
}

/* ---- what is found ---- */

static void answer_audit(const rill_audit *a, rill_admin_answer *out)
{
    bool good = a->uneven_balances == 0 && a->uneven_assets == 0 && a->broken_entries == 0;
    rill_admin_json(out, 200,
                    json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "good", good, "accounts",
                              (json_int_t)a->accounts, "flows", (json_int_t)a->flows, "entries",
                              (json_int_t)a->entries, "uneven_balances",
                              (json_int_t)a->uneven_balances, "uneven_assets",
                              (json_int_t)a->uneven_assets, "broken_entries",
                              (json_int_t)a->broken_entries, "first", a->first));
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
        return json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "at", at, "kind", kind_of(line), "with",
                         line->texts[0] == NULL ? "" : line->texts[0], "packets",
                         (json_int_t)line->packets, "change", change, "balance", balance);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "at", at, "kind", kind_of(line), "who",
                     line->texts[0], "note", line->texts[1], "key", line->texts[2], "change",
                     change, "balance", balance);
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
    rill_when_text(look->look.to_ms, to);
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

static void statement_csv(const rill_admin_look *look, rill_admin_answer *out)
{
    const rill_statement *st = &look->look.statement;
    rill_admin_lines l = {.text = NULL};
    char at[RILL_WHEN_TEXT];
    char text[RILL_WIDE_TEXT];
    rill_i128 balance = st->opening;
    rill_when_text(look->look.from_ms, at);
    rill_admin_line(&l, "time,kind,with,packets,change,balance,who,note,key\r\n");
    rill_admin_line(&l, "%s,opening,,,,%s,,,\r\n", at, running(&balance, NULL, text));
    for (size_t i = 0; i < st->count; i++)
        line_csv(&l, &st->lines[i], running(&balance, &st->lines[i], text));
    rill_when_text(look->look.to_ms, at);
    balance = st->closing;
    rill_admin_line(&l, "%s,closing,,,,%s,,,\r\n", at, running(&balance, NULL, text));
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
        answer_audit(&look->look.audit, out);
    else if (look->csv)
        statement_csv(look, out);
    else
        rill_admin_json(out, 200, statement_json(look));
}
