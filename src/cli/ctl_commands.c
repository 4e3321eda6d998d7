/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "cli/ctl.h"

enum { PATH = 1024 };

unsigned ctl_scale(const json_t *object)
{
    return (unsigned)ctl_number(json_object_get(object, "asset"), "scale");
}

void ctl_asset_text(const json_t *asset, char *out, size_t cap)
{
    (void)snprintf(out, cap, "%s/%" JSON_INTEGER_FORMAT, ctl_text(asset, "code"),
                   ctl_number(asset, "scale"));
}

/* ---- accounts and balances ---- */

static void add_account(ctl_table *t, const json_t *a)
{
    char asset[80];
    const json_t *packets = json_object_get(a, "packets");
    unsigned scale = ctl_scale(a);
    ctl_asset_text(json_object_get(a, "asset"), asset, sizeof asset);
    ctl_cell(t, ctl_text(a, "name"));
    ctl_cell(t, ctl_text(a, "relation"));
    ctl_cell(t, asset);
    ctl_cell_units(t, json_object_get(a, "balance"), scale);
    ctl_cell_units(t, json_object_get(a, "held"), scale);
    ctl_cell_units(t, json_object_get(a, "credit"), scale);
    ctl_cell_number(t, ctl_number(a, "sessions"));
    ctl_cell_number(t, ctl_number(packets, "from"));
    ctl_cell_number(t, ctl_number(packets, "rejected"));
    ctl_cell_number(t, ctl_number(packets, "to"));
}

static ctl_table *account_table(void)
{
    return ctl_table_new(
        "ACCOUNT|RELATION|ASSET|>BALANCE|>HELD|>CREDIT|>LINKS|>SENT|>REJECTED|>GOT");
}

int ctl_list_accounts(const ctl_args *args)
{
    ctl_reply r;
    int code = ctl_ask(args, "GET", "/v1/accounts", NULL, &r);
    if (code == CTL_DONE && ctl_json(args)) {
        code = ctl_print_json(&r);
    } else if (code == CTL_DONE) {
        size_t i;
        const json_t *a;
        ctl_table *t = account_table();
        json_array_foreach(json_object_get(r.value, "accounts"), i, a) add_account(t, a);
        ctl_table_print(t);
    }
    ctl_reply_clear(&r);
    return code;
}

/* How the account is settled, and what is outstanding. */
static void print_settlement(const json_t *s, unsigned scale)
{
    const json_t *outstanding = json_object_get(s, "outstanding");
    const json_t *left = json_object_get(s, "left_out");
    bool some = json_is_object(outstanding);
    if (!json_is_object(s))
        return;
    ctl_table *t = ctl_table_new(
        "ENGINE|>THRESHOLD|>SETTLE TO|>OUTSTANDING|>NOT TAKEN|SINCE|KEY|>TRIES|PROBLEM");
    ctl_cell(t, ctl_text(some ? outstanding : s, "engine"));
    ctl_cell_units(t, json_object_get(s, "threshold"), scale);
    ctl_cell_units(t, json_object_get(s, "settle_to"), scale);
    ctl_cell_units(t, some ? json_object_get(outstanding, "amount") : NULL, scale);
    ctl_cell_units(t, json_object_get(left, "amount"), (unsigned)ctl_number(left, "scale"));
    ctl_cell(t, some ? ctl_text(outstanding, "begun") : "-");
    ctl_cell(t, some ? ctl_text(outstanding, "key") : "-");
    ctl_cell_number(t, ctl_number(s, "tries"));
    ctl_cell(t, ctl_text(s, "problem"));
    printf("\n");
    ctl_table_print(t);
}

static int balance_of(const ctl_args *args, const char *account)
{
    char path[PATH];
    ctl_reply r;
    if (!ctl_account_path(path, sizeof path, account, "")) {
        ctl_error(args, "the account's name is too long");
        return CTL_USAGE;
    }
    int code = ctl_ask(args, "GET", path, NULL, &r);
    if (code == CTL_DONE && ctl_json(args)) {
        code = ctl_print_json(&r);
    } else if (code == CTL_DONE) {
        ctl_table *t = account_table();
        add_account(t, r.value);
        ctl_table_print(t);
        print_settlement(json_object_get(r.value, "settlement"), ctl_scale(r.value));
    }
    ctl_reply_clear(&r);
    return code;
}

/* Balances of accounts that are not in the configuration any more. */
static void print_closed(const json_t *assets)
{
    size_t i;
    size_t k;
    const json_t *a;
    const json_t *one;
    size_t count = 0;
    ctl_table *t = ctl_table_new("NOT IN THE CONFIGURATION|ASSET|>BALANCE");
    json_array_foreach(assets, i, a)
    {
        char asset[80];
        ctl_asset_text(a, asset, sizeof asset);
        json_array_foreach(json_object_get(a, "closed"), k, one)
        {
            ctl_cell(t, ctl_text(one, "name"));
            ctl_cell(t, asset);
            ctl_cell_units(t, json_object_get(one, "balance"), (unsigned)ctl_number(a, "scale"));
            count++;
        }
    }
    if (count > 0)
        (void)printf("\n");
    ctl_table_print_if_any(t);
}

/* What the node has of each asset: all of it adds up to 0. */
int ctl_balance(const ctl_args *args)
{
    ctl_reply r;
    if (args->operands[0] != NULL)
        return balance_of(args, args->operands[0]);
    int code = ctl_ask(args, "GET", "/v1/assets", NULL, &r);
    if (code == CTL_DONE && ctl_json(args)) {
        code = ctl_print_json(&r);
    } else if (code == CTL_DONE) {
        size_t i;
        const json_t *a;
        ctl_table *t =
            ctl_table_new("ASSET|>OWED TO ACCOUNTS|>OWED BY ACCOUNTS|>EXCHANGE|>OUTSIDE");
        json_array_foreach(json_object_get(r.value, "assets"), i, a)
        {
            char asset[80];
            unsigned scale = (unsigned)ctl_number(a, "scale");
            ctl_asset_text(a, asset, sizeof asset);
            ctl_cell(t, asset);
            ctl_cell_units(t, json_object_get(a, "owed_to_accounts"), scale);
            ctl_cell_units(t, json_object_get(a, "owed_by_accounts"), scale);
            ctl_cell_units(t, json_object_get(a, "exchange"), scale);
            ctl_cell_units(t, json_object_get(a, "outside"), scale);
        }
        ctl_table_print(t);
        print_closed(json_object_get(r.value, "assets"));
    }
    ctl_reply_clear(&r);
    return code;
}

/* ---- who asks ---- */

const char *ctl_who(const ctl_args *args)
{
    const char *who = ctl_value(args, "--who");
    const struct passwd *user = who == NULL ? getpwuid(getuid()) : NULL;
    return who != NULL ? who : user != NULL ? user->pw_name : "rillctl";
}

/* ---- statement ---- */

static void show_statement(const json_t *st)
{
    size_t i;
    const json_t *line;
    char coins[340];
    unsigned scale = ctl_scale(st);
    const char *code = ctl_text(json_object_get(st, "asset"), "code");
    ctl_table *t = ctl_table_new("TIME|KIND|WITH / BY|>PACKETS|>CHANGE|>BALANCE|NOTE");
    ctl_coins(ctl_text(st, "opening"), scale, coins, sizeof coins);
    (void)printf("%s, from %s to %s\nopening balance: %s %s\n\n", ctl_text(st, "account"),
                 ctl_text(st, "from"), ctl_text(st, "to"), coins, code);
    json_array_foreach(json_object_get(st, "lines"), i, line)
    {
        const json_t *packets = json_object_get(line, "packets");
        ctl_cell(t, ctl_text(line, "at"));
        ctl_cell(t, ctl_text(line, "kind"));
        ctl_cell(t, ctl_text(line, packets != NULL ? "with" : "who"));
        if (packets != NULL)
            ctl_cell_number(t, json_integer_value(packets));
        else
            ctl_cell(t, "");
        ctl_cell_units(t, json_object_get(line, "change"), scale);
        ctl_cell_units(t, json_object_get(line, "balance"), scale);
        ctl_cell(t, ctl_text(line, "note"));
    }
    ctl_table_print(t);
    if (strcmp(ctl_text(st, "step"), "all") != 0)
        (void)printf("\nThe time of packets is when the %s begins that they are summed for.\n",
                     ctl_text(st, "step"));
    ctl_coins(ctl_text(st, "closing"), scale, coins, sizeof coins);
    (void)printf("\nclosing balance: %s %s\n", coins, code);
}

int ctl_statement(const ctl_args *args)
{
    char path[PATH];
    ctl_reply r;
    const char *csv = ctl_value(args, "--csv") != NULL ? "csv" : NULL;
    if (csv != NULL && ctl_json(args)) {
        ctl_error(args, "only one of --csv and --json can be given");
        return CTL_USAGE;
    }
    if (!ctl_account_path(path, sizeof path, args->operands[0], "/statement") ||
        !ctl_add_query(path, sizeof path, "from", ctl_value(args, "--from")) ||
        !ctl_add_query(path, sizeof path, "to", ctl_value(args, "--to")) ||
        !ctl_add_query(path, sizeof path, "step", ctl_value(args, "--step")) ||
        !ctl_add_query(path, sizeof path, "asset", ctl_value(args, "--asset")) ||
        !ctl_add_query(path, sizeof path, "format", csv)) {
        ctl_error(args, "the arguments are too long");
        return CTL_USAGE;
    }
    int code = ctl_ask(args, "GET", path, NULL, &r);
    if (code == CTL_DONE && csv != NULL)
        (void)fputs(r.text, stdout);
    else if (code == CTL_DONE && ctl_json(args))
        code = ctl_print_json(&r);
    else if (code == CTL_DONE)
        show_statement(r.value);
    ctl_reply_clear(&r);
    return code;
}

/* ---- the node ---- */

/* "90 s", "12 min", "3 h". */
void ctl_duration_text(json_int_t seconds, char *out, size_t cap)
{
    const char *unit = seconds < 120 ? "s" : seconds < 7200 ? "min" : "h";
    json_int_t size = seconds < 120 ? 1 : seconds < 7200 ? 60 : 3600;
    (void)snprintf(out, cap, "%" JSON_INTEGER_FORMAT " %s", seconds / size, unit);
}

void ctl_print_price_service(const json_t *service)
{
    char age[40];
    const char *problem = ctl_text(service, "problem");
    if (!json_is_object(service))
        return;
    ctl_duration_text(ctl_number(service, "age"), age, sizeof age);
    (void)printf("prices of %s: %s%s\n", ctl_text(service, "url"),
                 json_is_integer(json_object_get(service, "age")) ? age : "none has come yet",
                 json_is_integer(json_object_get(service, "age")) ? " old" : "");
    if (problem[0] != '\0')
        (void)printf("its last answer, at %s: %s\n", ctl_text(service, "problem_at"), problem);
}

static void print_webhooks(const json_t *w)
{
    const char *problem = ctl_text(w, "problem");
    if (!json_is_object(w))
        return;
    (void)printf("webhooks to %s: %" JSON_INTEGER_FORMAT " delivered, %" JSON_INTEGER_FORMAT
                 " waiting\n",
                 ctl_text(w, "url"), ctl_number(w, "delivered"), ctl_number(w, "waiting"));
    if (problem[0] != '\0')
        (void)printf("they fail since %s: %s\n", ctl_text(w, "failing_since"), problem);
}

static void print_packet_log(const json_t *l)
{
    const char *problem = ctl_text(l, "problem");
    if (!json_is_object(l))
        return;
    (void)printf("packets in %s: %" JSON_INTEGER_FORMAT " lines written, %" JSON_INTEGER_FORMAT
                 " packets missing, %" JSON_INTEGER_FORMAT " KiB%s%s\n",
                 ctl_text(l, "folder"), ctl_number(l, "lines"), ctl_number(l, "missing"),
                 ctl_number(l, "bytes") / 1024, ctl_text(l, "oldest")[0] == '\0' ? "" : " since ",
                 ctl_text(l, "oldest"));
    if (problem[0] != '\0')
        (void)printf("it cannot be written since %s: %s\n", ctl_text(l, "failing_since"), problem);
}

/* What the API added and the configuration leaves no room for. */
static void show_set_aside(const json_t *all)
{
    size_t i;
    const json_t *one;
    json_array_foreach(all, i, one)(void)
        printf("set aside: %s %s of the API: %s\n", ctl_text(one, "kind"), ctl_text(one, "name"),
               ctl_text(one, "why"));
}

int ctl_status(const ctl_args *args)
{
    ctl_reply r;
    int code = ctl_ask(args, "GET", "/v1/node", NULL, &r);
    if (code == CTL_DONE && ctl_json(args)) {
        code = ctl_print_json(&r);
    } else if (code == CTL_DONE) {
        (void)printf("%s, rilld %s: %s\n%" JSON_INTEGER_FORMAT " accounts, %" JSON_INTEGER_FORMAT
                     " packets under way, log level %s\n",
                     ctl_text(r.value, "address"), ctl_text(r.value, "version"),
                     ctl_text(r.value, "state"), ctl_number(r.value, "accounts"),
                     ctl_number(r.value, "open"), ctl_text(r.value, "log_level"));
        ctl_print_price_service(json_object_get(r.value, "price_service"));
        print_webhooks(json_object_get(r.value, "webhooks"));
        print_packet_log(json_object_get(r.value, "packet_log"));
        show_set_aside(json_object_get(r.value, "set_aside"));
    }
    ctl_reply_clear(&r);
    return code;
}

int ctl_drain(const ctl_args *args)
{
    ctl_reply r;
    int code = ctl_ask(args, "POST", "/v1/drain", json_pack("{s:s}", "who", ctl_who(args)), &r);
    if (code == CTL_DONE && ctl_json(args))
        code = ctl_print_json(&r);
    else if (code == CTL_DONE)
        (void)printf("the node takes no new packets, and ends once the %" JSON_INTEGER_FORMAT
                     " under way are answered\n",
                     ctl_number(r.value, "open"));
    ctl_reply_clear(&r);
    return code;
}

int ctl_log_level(const ctl_args *args)
{
    ctl_reply r;
    const char *level = args->operands[0];
    json_t *body =
        level == NULL ? NULL : json_pack("{s:s, s:s}", "level", level, "who", ctl_who(args));
    int code = ctl_ask(args, level == NULL ? "GET" : "PUT", "/v1/log-level", body, &r);
    if (code == CTL_DONE && ctl_json(args))
        code = ctl_print_json(&r);
    else if (code == CTL_DONE)
        (void)printf("%s\n", ctl_text(r.value, "level"));
    ctl_reply_clear(&r);
    return code;
}

int ctl_reload(const ctl_args *args)
{
    ctl_reply r;
    size_t i;
    const json_t *line;
    int code = ctl_ask(args, "POST", "/v1/reload", json_pack("{s:s}", "who", ctl_who(args)), &r);
    if (code == CTL_DONE && ctl_json(args)) {
        code = ctl_print_json(&r);
    } else if (code == CTL_DONE) {
        const json_t *changes = json_object_get(r.value, "changes");
        json_array_foreach(changes, i, line)(void) printf("%s\n", json_string_value(line));
        (void)printf("loaded: %zu changes\n", json_array_size(changes));
    } else {
        json_array_foreach(json_object_get(r.value, "problems"), i, line)
            ctl_error(args, "%s", json_string_value(line));
    }
    ctl_reply_clear(&r);
    return code;
}

/* ---- why, and what is under way ---- */

/* Of packets to it, while the others are from it. */
static void say_unanswered(const json_t *unanswered, const char *name)
{
    if (ctl_number(unanswered, "packets") > 0)
        (void)printf("%" JSON_INTEGER_FORMAT
                     " packets to %s, of %s units, were never answered, as its link was lost: they "
                     "were rejected here, and it may have fulfilled them\n",
                     ctl_number(unanswered, "packets"), name, ctl_text(unanswered, "amount"));
}

static void say_late(const json_t *late, const char *name)
{
    if (ctl_number(late, "packets") > 0)
        (void)printf("%" JSON_INTEGER_FORMAT
                     " packets to %s, of %s units, were rejected here as too late, or as its link "
                     "was lost, and it fulfilled them all the same: it may count them as owed to "
                     "it\n",
                     ctl_number(late, "packets"), name, ctl_text(late, "amount"));
}

int ctl_why(const ctl_args *args)
{
    char path[PATH];
    ctl_reply r;
    if (!ctl_account_path(path, sizeof path, args->operands[0], "/rejects")) {
        ctl_error(args, "the account's name is too long");
        return CTL_USAGE;
    }
    int code = ctl_ask(args, "GET", path, NULL, &r);
    const json_t *rows = json_object_get(r.value, "rejects");
    if (code == CTL_DONE && ctl_json(args)) {
        code = ctl_print_json(&r);
    } else if (code == CTL_DONE && json_array_size(rows) == 0) {
        (void)printf("no packet of %s was rejected since the node was started\n",
                     args->operands[0]);
    } else if (code == CTL_DONE) {
        size_t i;
        const json_t *row;
        ctl_table *t = ctl_table_new(">TIMES|CODE|MEANING|BY|WHO SAID IT|LAST|MESSAGE");
        json_array_foreach(rows, i, row)
        {
            const char *by = ctl_text(row, "by");
            ctl_cell_number(t, ctl_number(row, "count"));
            ctl_cell(t, ctl_text(row, "code"));
            ctl_cell(t, ctl_text(row, "name"));
            ctl_cell(t, by[0] == '\0' ? "this node" : by);
            ctl_cell(t, ctl_text(row, "triggered_by"));
            ctl_cell(t, ctl_text(row, "last"));
            ctl_cell(t, ctl_text(row, "message"));
        }
        ctl_table_print(t);
        if (ctl_number(r.value, "others") > 0)
            (void)printf("and %" JSON_INTEGER_FORMAT " for other reasons\n",
                         ctl_number(r.value, "others"));
    }
    if (code == CTL_DONE && !ctl_json(args)) {
        say_late(json_object_get(r.value, "late"), args->operands[0]);
        say_unanswered(json_object_get(r.value, "unanswered"), args->operands[0]);
    }
    ctl_reply_clear(&r);
    return code;
}

int ctl_in_flight(const ctl_args *args)
{
    ctl_reply r;
    int code = ctl_ask(args, "GET", "/v1/in-flight", NULL, &r);
    if (code == CTL_DONE && ctl_json(args)) {
        code = ctl_print_json(&r);
    } else if (code == CTL_DONE) {
        size_t i;
        const json_t *f;
        const json_t *before = json_object_get(r.value, "from_before");
        ctl_table *t = ctl_table_new("FROM|TO|>TAKES (UNITS)|>BRINGS (UNITS)|EXPIRES");
        (void)printf("%" JSON_INTEGER_FORMAT " packets under way\n"
                     "%" JSON_INTEGER_FORMAT
                     " that neighbours had fulfilled were booked at the start\n"
                     "%zu were out when the node was killed, and have not expired\n",
                     ctl_number(r.value, "open"), ctl_number(r.value, "booked_at_start"),
                     json_array_size(before));
        json_array_foreach(before, i, f)
        {
            ctl_cell(t, ctl_text(f, "from"));
            ctl_cell(t, ctl_text(f, "to"));
            ctl_cell(t, ctl_text(f, "taken"));
            ctl_cell(t, ctl_text(f, "given"));
            ctl_cell(t, ctl_text(f, "expires"));
        }
        if (json_array_size(before) > 0)
            (void)fputc('\n', stdout);
        ctl_table_print_if_any(t);
    }
    ctl_reply_clear(&r);
    return code;
}
