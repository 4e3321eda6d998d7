/* SPDX-License-Identifier: Apache-2.0 */
/* `rillctl packets`: what the log of packets has. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/ctl.h"

enum { PATH = 2048, PAGE = 1000, DEFAULT_LIMIT = 1000, MOST_LIMIT = 100000000, HOUR = 3600 };

typedef enum form { TABLE, LINES, CSV, JSON } form;

/* What is asked, and how far it has come. */
typedef struct asking {
    const ctl_args *args;
    form form;
    bool follow;
    char from[40];  /* where nobody says from when on; empty: from the beginning */
    char after[48]; /* `next` of the last answer; empty: there was none */
    size_t left;    /* lines that are still wanted */
    ctl_table *table;
    json_t *events; /* for after the table */
} asking;

/* ---- asking ---- */

static bool path_of(const asking *a, char path[PATH])
{
    const ctl_args *args = a->args;
    const char *from = ctl_value(args, "--from");
    char limit[24];
    (void)snprintf(limit, sizeof limit, "%zu", a->left < PAGE ? a->left : (size_t)PAGE);
    (void)snprintf(path, PATH, "/v1/packets");
    return ctl_add_query(path, PATH, "account", args->operands[0]) &&
           ctl_add_query(path, PATH, "from",
                         from != NULL         ? from
                         : a->from[0] != '\0' ? a->from
                                              : NULL) &&
           ctl_add_query(path, PATH, "to", ctl_value(args, "--to")) &&
           ctl_add_query(path, PATH, "destination", ctl_value(args, "--destination")) &&
           ctl_add_query(path, PATH, "id", ctl_value(args, "--id")) &&
           ctl_add_query(path, PATH, "code", ctl_value(args, "--code")) &&
           ctl_add_query(path, PATH, "rejected",
                         ctl_value(args, "--rejected") != NULL ? "true" : NULL) &&
           ctl_add_query(path, PATH, "limit", limit) &&
           ctl_add_query(path, PATH, "after", a->after[0] != '\0' ? a->after : NULL);
}

/* ---- showing ---- */

static const char *by_of(const json_t *p)
{
    const char *by = ctl_text(p, "by");
    return strcmp(by, "node") == 0        ? "this node"
           : strcmp(by, "neighbour") == 0 ? ctl_text(p, "to")
                                          : "";
}

static void ms_of(const json_t *p, char out[40])
{
    json_int_t us = ctl_number(p, "us");
    (void)snprintf(out, 40, "%" JSON_INTEGER_FORMAT ".%03d", us / 1000, (int)(us % 1000));
}

static void add_row(ctl_table *t, const json_t *p)
{
    char ms[40];
    char id[16];
    bool unseen = json_is_true(json_object_get(p, "unseen"));
    ms_of(p, ms);
    (void)snprintf(id, sizeof id, "%.12s", ctl_text(p, "id"));
    ctl_cell(t, ctl_text(p, "at"));
    ctl_cell(t, ctl_text(p, "from"));
    ctl_cell(t, ctl_text(p, "to"));
    ctl_cell(t, ctl_text(p, "in"));
    ctl_cell(t, ctl_text(p, "out"));
    ctl_cell(t, ctl_text(p, "result"));
    ctl_cell(t, by_of(p));
    ctl_cell(t, ms);
    ctl_cell(t, id);
    ctl_cell(t, ctl_text(p, "destination"));
    ctl_cell(t, unseen ? "its source had left" : ctl_text(p, "message"));
}

static void print_line(const json_t *p)
{
    char ms[40];
    ms_of(p, ms);
    (void)printf("%s %s %s -> %s %s %s%s%s %s ms %.12s %s %s\n", ctl_text(p, "at"),
                 ctl_text(p, "from"), ctl_text(p, "in"),
                 ctl_text(p, "to")[0] == '\0' ? "-" : ctl_text(p, "to"), ctl_text(p, "out"),
                 ctl_text(p, "result"), by_of(p)[0] == '\0' ? "" : " by ", by_of(p), ms,
                 ctl_text(p, "id"), ctl_text(p, "destination"), ctl_text(p, "message"));
}

/* In quotes; none begins a formula. The node writes neither newlines nor what is not ASCII. */
static void print_cell(const char *text, bool last)
{
    if (text[0] != '\0')
        (void)fputc('"', stdout);
    if (text[0] != '\0' && strchr("=+-@", text[0]) != NULL)
        (void)fputc('\'', stdout);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"')
            (void)fputc('"', stdout);
        (void)fputc(*c, stdout);
    }
    (void)fputs(text[0] != '\0' ? "\"" : "", stdout);
    (void)fputs(last ? "\r\n" : ",", stdout);
}

static void print_csv(const json_t *p)
{
    static const char *const names[] = {"at", "from", "to", "in", "out", "result", "by"};
    static const char *const more[] = {"id", "expires", "triggered_by", "message", "destination"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        print_cell(ctl_text(p, names[i]), false);
    (void)printf("%" JSON_INTEGER_FORMAT ",%s,", ctl_number(p, "us"),
                 json_is_true(json_object_get(p, "unseen")) ? "true" : "");
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        print_cell(ctl_text(p, more[i]), i + 1 == sizeof more / sizeof *more);
}

static int print_json(const json_t *p)
{
    int rc = json_dumpf(p, stdout, JSON_COMPACT);
    (void)fputc('\n', stdout);
    return rc == 0 ? CTL_DONE : CTL_INCOMPLETE;
}

/* What the log says of itself, for people. */
static void print_event(FILE *out, const json_t *e)
{
    const char *event = ctl_text(e, "event");
    if (strcmp(event, "missing") == 0)
        (void)fprintf(out,
                      "%" JSON_INTEGER_FORMAT " packets from %s to %s are missing in the log\n",
                      ctl_number(e, "packets"), ctl_text(e, "since"), ctl_text(e, "at"));
    else if (strcmp(event, "begun") == 0 && strcmp(ctl_text(e, "after"), "kill") == 0)
        (void)fprintf(out,
                      "%s the node was started; it had not ended before, so that packets right "
                      "before that may be missing\n",
                      ctl_text(e, "at"));
    else
        (void)fprintf(out, "%s the log %s\n", ctl_text(e, "at"),
                      strcmp(event, "begun") == 0 ? "begins" : "ends");
}

static int show_page(asking *a, const json_t *answer)
{
    size_t i;
    json_t *p;
    int code = CTL_DONE;
    if (a->form == TABLE && a->events == NULL) {
        a->table =
            ctl_table_new("TIME|FROM|TO|>IN (UNITS)|>OUT|RESULT|BY|>MS|ID|DESTINATION|MESSAGE");
        a->events = json_array();
    }
    json_array_foreach(json_object_get(answer, "packets"), i, p)
    {
        if (a->form == JSON && code == CTL_DONE)
            code = print_json(p);
        else if (a->form == CSV)
            print_csv(p);
        else if (a->form == LINES)
            print_line(p);
        else if (a->form == TABLE)
            add_row(a->table, p);
    }
    json_array_foreach(json_object_get(answer, "events"), i, p)
    {
        if (a->form == JSON && code == CTL_DONE)
            code = print_json(p);
        else if (a->form == TABLE && json_array_append(a->events, p) != 0)
            code = CTL_INCOMPLETE;
        else if (a->form == CSV || a->form == LINES)
            print_event(a->form == CSV ? stderr : stdout, p);
    }
    if (ctl_number(answer, "unreadable") > 0)
        ctl_error(a->args, "%" JSON_INTEGER_FORMAT " lines of the log cannot be read",
                  ctl_number(answer, "unreadable"));
    return code;
}

static void end_table(asking *a)
{
    size_t i;
    const json_t *e;
    if (a->events == NULL)
        return; /* there was no answer */
    ctl_table_print(a->table);
    json_array_foreach(a->events, i, e) print_event(stdout, e);
    json_decref(a->events);
}

/* ---- page after page ---- */

/* One page. *more: the next one is to be had at once. */
static int ask_page(asking *a, bool *more)
{
    char path[PATH];
    ctl_reply r;
    if (!path_of(a, path)) {
        ctl_error(a->args, "the arguments are too long");
        return CTL_USAGE;
    }
    int code = ctl_ask(a->args, "GET", path, NULL, &r);
    if (code == CTL_DONE) {
        size_t count = json_array_size(json_object_get(r.value, "packets"));
        code = show_page(a, r.value);
        *more = json_is_true(json_object_get(r.value, "more"));
        (void)snprintf(a->after, sizeof a->after, "%s", ctl_text(r.value, "next"));
        a->left -= count < a->left ? count : a->left;
    }
    ctl_reply_clear(&r);
    return code;
}

static int follow(asking *a)
{
    int code = CTL_DONE;
    while (code == CTL_DONE) {
        struct timespec second = {.tv_sec = 1};
        bool more = false;
        a->left = PAGE;
        code = ask_page(a, &more);
        if (fflush(stdout) != 0)
            code = CTL_INCOMPLETE;
        if (!more && code == CTL_DONE)
            (void)nanosleep(&second, NULL);
    }
    return code;
}

static bool read_limit(asking *a)
{
    const char *text = ctl_value(a->args, "--limit");
    char *end = NULL;
    errno = 0;
    unsigned long value = text == NULL ? DEFAULT_LIMIT : strtoul(text, &end, 10);
    a->left = value;
    if (text == NULL || (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 &&
                         value >= 1 && value <= MOST_LIMIT))
        return true;
    ctl_error(a->args, "--limit: a whole number from 1 to %d, not \"%s\"", MOST_LIMIT, text);
    return false;
}

static int begin(asking *a)
{
    const ctl_args *args = a->args;
    bool csv = ctl_value(args, "--csv") != NULL;
    a->follow = ctl_value(args, "--follow") != NULL;
    if (csv && ctl_json(args)) {
        ctl_error(args, "only one of --csv and --json can be given");
        return CTL_USAGE;
    }
    if (a->follow && (ctl_value(args, "--to") != NULL || ctl_value(args, "--limit") != NULL)) {
        ctl_error(args, "--follow has no end: --to and --limit cannot be given with it");
        return CTL_USAGE;
    }
    if (!read_limit(a))
        return CTL_USAGE;
    a->form = csv ? CSV : ctl_json(args) ? JSON : a->follow ? LINES : TABLE;
    if (ctl_value(args, "--from") == NULL && a->follow) {
        (void)snprintf(a->after, sizeof a->after, "end");
    } else if (ctl_value(args, "--from") == NULL && ctl_value(args, "--id") == NULL) {
        time_t then = time(NULL) - HOUR;
        struct tm utc;
        if (gmtime_r(&then, &utc) != NULL)
            (void)strftime(a->from, sizeof a->from, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    return CTL_DONE;
}

int ctl_packets(const ctl_args *args)
{
    asking a = {.args = args};
    bool more = true;
    int code = begin(&a);
    if (code != CTL_DONE)
        return code;
    if (a.form == CSV)
        (void)printf("at,from,to,in,out,result,by,us,unseen,id,expires,triggered_by,message,"
                     "destination\r\n");
    if (a.follow)
        return follow(&a);
    while (more && a.left > 0 && code == CTL_DONE)
        code = ask_page(&a, &more);
    end_table(&a);
    if (code == CTL_DONE && more)
        ctl_error(args, "there may be more: ask with another --limit, or a later --from");
    return code;
}
