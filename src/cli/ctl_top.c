/* SPDX-License-Identifier: Apache-2.0 */
/* `rillctl top`: what accounts do now, the busiest first. */
#define _DEFAULT_SOURCE /* winsize */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/ctl.h"

enum { DEFAULT_SECONDS = 2, MOST_SECONDS = 3600, MOST_TIMES = 1000000, HEAD_LINES = 4 };

/* What the node said, and when. */
typedef struct sample {
    json_t *node;
    json_t *accounts; /* an array */
    double at;        /* seconds; monotonic */
} sample;

/* An account between two samples. */
typedef struct row {
    const json_t *account;
    double fulfilled; /* packets a second */
    double rejected;
    double to;
} row;

static void clear(sample *s)
{
    json_decref(s->node);
    json_decref(s->accounts);
    *s = (sample){.node = NULL};
}

static int ask(const ctl_args *args, const char *path, json_t **out)
{
    ctl_reply r;
    int code = ctl_ask(args, "GET", path, NULL, &r);
    *out = code == CTL_DONE ? json_incref(r.value) : NULL;
    ctl_reply_clear(&r);
    return code;
}

static int take(const ctl_args *args, sample *out)
{
    struct timespec now;
    json_t *answer = NULL;
    *out = (sample){.node = NULL};
    int code = ask(args, "/v1/node", &out->node);
    if (code == CTL_DONE)
        code = ask(args, "/v1/accounts", &answer);
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    out->at = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    out->accounts = json_incref(json_object_get(answer, "accounts"));
    json_decref(answer);
    return code;
}

/* ---- between two samples ---- */

/* Packets that were answered, and not rejected. */
static json_int_t fulfilled_of(const json_t *account)
{
    const json_t *packets = json_object_get(account, "packets");
    return ctl_number(packets, "from") - ctl_number(packets, "open") -
           ctl_number(packets, "rejected");
}

static double speed(json_int_t now, json_int_t before, double seconds)
{
    return now >= before ? (double)(now - before) / seconds : 0;
}

static int compare(const void *a, const void *b)
{
    const row *x = a;
    const row *y = b;
    double busy = (y->fulfilled + y->rejected + y->to) - (x->fulfilled + x->rejected + x->to);
    if (busy > 0 || busy < 0)
        return busy > 0 ? 1 : -1;
    return strcmp(ctl_text(x->account, "name"), ctl_text(y->account, "name"));
}

/* NULL: no memory. By name, so that an account that has come or gone disturbs no other. */
static row *rows_of(const sample *before, const sample *now)
{
    size_t i;
    json_t *one;
    json_t *names = json_object();
    row *rows = calloc(json_array_size(now->accounts) + 1, sizeof *rows);
    double seconds = fmax(now->at - before->at, 0.001);
    json_array_foreach(before->accounts, i, one)
    {
        if (names == NULL || json_object_set(names, ctl_text(one, "name"), one) != 0) {
            free(rows);
            rows = NULL;
            break;
        }
    }
    json_array_foreach(now->accounts, i, one)
    {
        const json_t *old = json_object_get(names, ctl_text(one, "name"));
        const json_t *packets = json_object_get(one, "packets");
        const json_t *old_packets = json_object_get(old, "packets");
        if (rows == NULL)
            break;
        rows[i].account = one;
        if (old == NULL)
            continue;
        rows[i].fulfilled = speed(fulfilled_of(one), fulfilled_of(old), seconds);
        rows[i].rejected =
            speed(ctl_number(packets, "rejected"), ctl_number(old_packets, "rejected"), seconds);
        rows[i].to = speed(ctl_number(packets, "to"), ctl_number(old_packets, "to"), seconds);
    }
    json_decref(names);
    if (rows != NULL)
        qsort(rows, json_array_size(now->accounts), sizeof *rows, compare);
    return rows;
}

/* ---- showing ---- */

static void cell_speed(ctl_table *t, double value)
{
    char text[40];
    (void)snprintf(text, sizeof text, value < 9.95 ? "%.1f" : "%.0f", value);
    ctl_cell(t, text);
}

static void show_table(const row *rows, size_t count)
{
    ctl_table *t =
        ctl_table_new("ACCOUNT|ASSET|>BALANCE|>HELD|>LINKS|>FULFILLED/S|>REJECTED/S|>SENT TO IT/S");
    for (size_t i = 0; i < count; i++) {
        char asset[80];
        const json_t *of = json_object_get(rows[i].account, "asset");
        unsigned scale = (unsigned)ctl_number(of, "scale");
        ctl_asset_text(of, asset, sizeof asset);
        ctl_cell(t, ctl_text(rows[i].account, "name"));
        ctl_cell(t, asset);
        ctl_cell_units(t, json_object_get(rows[i].account, "balance"), scale);
        ctl_cell_units(t, json_object_get(rows[i].account, "held"), scale);
        ctl_cell_number(t, ctl_number(rows[i].account, "sessions"));
        cell_speed(t, rows[i].fulfilled);
        cell_speed(t, rows[i].rejected);
        cell_speed(t, rows[i].to);
    }
    ctl_table_print(t);
}

static void show(const sample *now, const row *rows, bool terminal)
{
    struct winsize size = {.ws_row = 0};
    double fulfilled = 0;
    double rejected = 0;
    size_t count = json_array_size(now->accounts);
    size_t shown = count;
    for (size_t i = 0; i < count; i++) {
        fulfilled += rows[i].fulfilled;
        rejected += rows[i].rejected;
    }
    if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > HEAD_LINES + 1 &&
        shown > size.ws_row - (size_t)HEAD_LINES)
        shown = size.ws_row - (size_t)HEAD_LINES;
    if (terminal)
        (void)fputs("\x1b[H\x1b[J", stdout);
    (void)printf("%s: %s; %.1f packets a second fulfilled, %.1f rejected; %" JSON_INTEGER_FORMAT
                 " under way",
                 ctl_text(now->node, "address"), ctl_text(now->node, "state"), fulfilled, rejected,
                 ctl_number(now->node, "open"));
    if (shown < count)
        (void)printf("; %zu of %zu accounts", shown, count);
    (void)fputs("\n\n", stdout);
    show_table(rows, shown);
    if (!terminal)
        (void)fputc('\n', stdout);
}

static int show_json(const sample *now, const row *rows)
{
    size_t count = json_array_size(now->accounts);
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *one = json_pack(
            "{s:s, s:O, s:f, s:f, s:f}", "name", ctl_text(rows[i].account, "name"), "balance",
            json_object_get(rows[i].account, "balance"), "fulfilled_a_second", rows[i].fulfilled,
            "rejected_a_second", rows[i].rejected, "sent_a_second", rows[i].to);
        if (json_array_append_new(all, one) != 0) {
            json_decref(all);
            all = NULL;
            break;
        }
    }
    json_t *line = all == NULL ? NULL : json_pack("{s:O, s:o}", "node", now->node, "accounts", all);
    int rc = line == NULL ? -1 : json_dumpf(line, stdout, JSON_COMPACT);
    json_decref(line);
    if (rc != 0) {
        ctl_error(NULL, "%s", rill_strerror(RILL_ERR_NOMEM));
        return CTL_INCOMPLETE;
    }
    (void)fputc('\n', stdout);
    return CTL_DONE;
}

/* ---- again and again ---- */

/* A whole number from 1 to most; else it is complained about, and 0. */
static unsigned number_of(const ctl_args *args, const char *option, unsigned otherwise,
                          unsigned most)
{
    const char *text = ctl_value(args, option);
    char *end = NULL;
    errno = 0;
    unsigned long value = text == NULL ? otherwise : strtoul(text, &end, 10);
    bool whole = text == NULL || (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0);
    if (whole && value >= 1 && value <= most)
        return (unsigned)value;
    ctl_error(args, "%s: a whole number from 1 to %u, not \"%s\"", option, most,
              text == NULL ? "" : text);
    return 0;
}

static void wait_for(unsigned seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

int ctl_top(const ctl_args *args)
{
    sample before;
    unsigned seconds = number_of(args, "--interval", DEFAULT_SECONDS, MOST_SECONDS);
    unsigned times = number_of(args, "--count", MOST_TIMES, MOST_TIMES);
    if (seconds == 0 || times == 0)
        return CTL_USAGE;
    bool terminal = !ctl_json(args) && isatty(STDOUT_FILENO) == 1;
    int code = take(args, &before);
    for (unsigned i = 0; i < times && code == CTL_DONE; i++) {
        sample now;
        wait_for(seconds);
        code = take(args, &now);
        row *rows = code == CTL_DONE ? rows_of(&before, &now) : NULL;
        if (code == CTL_DONE && rows == NULL) {
            ctl_error(args, "%s", rill_strerror(RILL_ERR_NOMEM));
            code = CTL_INCOMPLETE;
        } else if (code == CTL_DONE && ctl_json(args)) {
            code = show_json(&now, rows);
        } else if (code == CTL_DONE) {
            show(&now, rows, terminal);
        }
        if (fflush(stdout) != 0)
            code = CTL_INCOMPLETE;
        free(rows);
        clear(&before);
        before = now;
    }
    clear(&before);
    return code;
}
