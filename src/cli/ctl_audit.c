/* SPDX-License-Identifier: Apache-2.0 */
/* The books computed anew, and the lines of the audit. */
#include <stdlib.h>
#include <string.h>

#include "cli/ctl.h"

enum { PATH = 1024 };

#define NUMBER "%" JSON_INTEGER_FORMAT

static void print_audit(const json_t *a, bool good)
{
    const json_t *continues = json_object_get(a, "continues");
    (void)printf(NUMBER " balances computed anew from " NUMBER " sums of packets and " NUMBER
                        " entries\n"
                        "balances that differ:           " NUMBER "\n"
                        "assets that do not add up to 0: " NUMBER "\n"
                        "entries that were changed:      " NUMBER "\n"
                        "sums that were changed:         " NUMBER "\n"
                        "sums that are not sealed yet:   " NUMBER "\n"
                        "head: %s\n",
                 ctl_number(a, "accounts"), ctl_number(a, "flows"), ctl_number(a, "entries"),
                 ctl_number(a, "uneven_balances"), ctl_number(a, "uneven_assets"),
                 ctl_number(a, "broken_entries"), ctl_number(a, "broken_seals"),
                 ctl_number(a, "unsealed"), ctl_text(a, "head"));
    if (json_is_boolean(continues))
        (void)printf("the head that was kept: %s\n",
                     json_is_true(continues) ? "these books had it" : "NOT OF THESE BOOKS");
    (void)printf("%s%s\n", good ? "the books are right" : "THE BOOKS ARE WRONG: ",
                 good ? "" : ctl_text(a, "first"));
}

static int audit(const ctl_args *args)
{
    char path[PATH] = "/v1/audit";
    ctl_reply r;
    if (!ctl_add_query(path, sizeof path, "since", ctl_value(args, "--since-head"))) {
        ctl_error(args, "the head is too long");
        return CTL_USAGE;
    }
    int code = ctl_ask(args, "GET", path, NULL, &r);
    if (code == CTL_DONE) {
        bool good = json_is_true(json_object_get(r.value, "good"));
        if (ctl_json(args))
            (void)ctl_print_json(&r);
        else
            print_audit(r.value, good);
        code = good ? CTL_DONE : CTL_INCOMPLETE;
    }
    ctl_reply_clear(&r);
    return code;
}

/* ---- lines ---- */

/* A page of lines behind this one; with a limit, as a table for spreadsheets. */
static int ask_page(const ctl_args *args, const char *after, const char *limit, ctl_reply *out)
{
    char path[PATH] = "/v1/lines";
    if (ctl_add_query(path, sizeof path, "after", after) &&
        ctl_add_query(path, sizeof path, "limit", limit) &&
        ctl_add_query(path, sizeof path, "format", limit != NULL ? "csv" : NULL))
        return ctl_ask(args, "GET", path, NULL, out);
    *out = (ctl_reply){.status = 0};
    ctl_error(args, "the arguments are too long");
    return CTL_USAGE;
}

static void add_line(ctl_table *t, const json_t *line)
{
    char person[600];
    const char *known = ctl_text(line, "person");
    const json_t *asset = json_object_get(line, "asset");
    (void)snprintf(person, sizeof person, known[0] == '\0' ? "%s" : "%s (%s)",
                   ctl_text(line, "who"), known);
    ctl_cell_number(t, ctl_number(line, "number"));
    ctl_cell(t, ctl_text(line, "at"));
    ctl_cell(t, json_is_null(asset) ? "-" : ctl_text(line, "account"));
    ctl_cell(t, ctl_text(line, "kind"));
    if (json_is_string(json_object_get(line, "amount")))
        ctl_cell_units(t, json_object_get(line, "amount"), ctl_scale(line));
    else
        ctl_cell(t, "");
    ctl_cell(t, ctl_text(asset, "code"));
    ctl_cell(t, person);
    ctl_cell(t, ctl_text(line, "note"));
}

/* All lines, page by page, in `all`. */
static int collect(const ctl_args *args, json_t *all, json_int_t *last)
{
    char after[24];
    const char *behind = ctl_value(args, "--after");
    for (;;) {
        ctl_reply r;
        int code = ask_page(args, behind, NULL, &r);
        json_t *lines = json_object_get(r.value, "lines");
        size_t count = json_array_size(lines);
        const json_t *newest = json_array_get(lines, count - 1);
        *last = ctl_number(r.value, "last");
        (void)snprintf(after, sizeof after, NUMBER, ctl_number(newest, "number"));
        behind = after;
        bool done = count == 0 || ctl_number(newest, "number") >= *last;
        if (code == CTL_DONE && count > 0 && json_array_extend(all, lines) != 0) {
            ctl_error(args, "%s", rill_strerror(RILL_ERR_NOMEM));
            code = CTL_INCOMPLETE;
        }
        ctl_reply_clear(&r);
        if (code != CTL_DONE || done)
            return code;
    }
}

static int print_lines(const ctl_args *args)
{
    json_t *all = json_array();
    json_int_t last = 0;
    int code = collect(args, all, &last);
    if (code == CTL_DONE && ctl_json(args)) {
        json_t *whole = json_pack("{s:O, s:I}", "lines", all, "last", last);
        char *text = json_dumps(whole, JSON_COMPACT);
        (void)printf("%s\n", text == NULL ? "" : text);
        free(text);
        json_decref(whole);
    } else if (code == CTL_DONE) {
        size_t i;
        const json_t *line;
        ctl_table *t = ctl_table_new(">NUMBER|TIME|ACCOUNT|KIND|>AMOUNT|ASSET|BY|NOTE");
        json_array_foreach(all, i, line) add_line(t, line);
        ctl_table_print(t);
    }
    json_decref(all);
    return code;
}

/* How many lines there are behind this one, and their last number, then just these as a table. */
static int print_csv(const ctl_args *args)
{
    char after[24];
    char limit[24];
    const char *behind = ctl_value(args, "--after");
    for (bool more = true; more;) {
        ctl_reply r;
        int code = ask_page(args, behind, NULL, &r);
        const json_t *lines = json_object_get(r.value, "lines");
        const size_t count = json_array_size(lines);
        const json_int_t newest = ctl_number(json_array_get(lines, count - 1), "number");
        more = count > 0 && newest < ctl_number(r.value, "last");
        (void)snprintf(limit, sizeof limit, "%zu", count > 0 ? count : 1);
        ctl_reply_clear(&r);
        if (code != CTL_DONE)
            return code;
        code = ask_page(args, behind, limit, &r);
        if (code == CTL_DONE && r.text != NULL)
            (void)fputs(r.text, stdout);
        ctl_reply_clear(&r);
        if (code != CTL_DONE)
            return code;
        (void)snprintf(after, sizeof after, NUMBER, newest);
        behind = after;
    }
    return CTL_DONE;
}

int ctl_audit(const ctl_args *args)
{
    const bool lines = ctl_value(args, "--lines") != NULL;
    const bool csv = ctl_value(args, "--csv") != NULL;
    if (!lines && (csv || ctl_value(args, "--after") != NULL)) {
        ctl_error(args, "--after and --csv are of --lines");
        return CTL_USAGE;
    }
    if (lines && ctl_value(args, "--since-head") != NULL) {
        ctl_error(args, "only one of --lines and --since-head can be given");
        return CTL_USAGE;
    }
    if (csv && ctl_json(args)) {
        ctl_error(args, "only one of --csv and --json can be given");
        return CTL_USAGE;
    }
    return !lines ? audit(args) : csv ? print_csv(args) : print_lines(args);
}
