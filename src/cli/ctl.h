/* SPDX-License-Identifier: Apache-2.0 */
/* What the subcommands of `rillctl` share: how they ask a node, and how they print. */
#ifndef RILL_CLI_CTL_H
#define RILL_CLI_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <rill/error.h>

/* Exit codes: as rill's. */
enum {
    CTL_DONE = 0,
    CTL_INCOMPLETE = 1, /* the node refused, or something is wrong with its books */
    CTL_USAGE = 2,
    CTL_UNREACHABLE = 3 /* the node cannot be reached, or does not know us */
};

/* Where nothing else says it. */
#define CTL_SOCKET       "/run/rilld/admin.sock"
#define CTL_MAX_OPTIONS  12
#define CTL_MAX_OPERANDS 24

typedef struct ctl_option {
    const char *name;  /* "--from"; NULL ends a table */
    const char *value; /* "TIME"; NULL: it takes none */
    const char *help;
} ctl_option;

typedef struct ctl_args ctl_args;

typedef struct ctl_command {
    const char *name;
    const char *summary;
    const char *usage; /* what follows the name */
    const char *about;
    const ctl_option *options;
    size_t operands; /* at most */
    size_t needed;   /* of them */
    int (*run)(const ctl_args *args);
} ctl_command;

struct ctl_args {
    const ctl_command *command;
    const char *values[2 * CTL_MAX_OPTIONS]; /* the command's, then the common ones */
    const char *operands[CTL_MAX_OPERANDS];
};

extern const ctl_command ctl_commands[]; /* name NULL ends */

/* ---- ctl_args.c ---- */

extern const ctl_option ctl_common_options[];
/* CTL_DONE, or CTL_USAGE with a line on stderr. */
int ctl_args_parse(ctl_args *out, const ctl_command *command, int argc, char **argv);
/* "" where the option takes no value; NULL: it was not given. */
const char *ctl_value(const ctl_args *args, const char *name);
bool ctl_json(const ctl_args *args);
/* Of one command, or of all (NULL). */
void ctl_print_help(const ctl_command *command);
const ctl_command *ctl_find_command(const char *name);
/* "rillctl settle: ...", on stderr. args may be NULL. */
void ctl_error(const ctl_args *args, const char *format, ...) RILL_PRINTF(2, 3);

/* ---- ctl_http.c ---- */

typedef struct ctl_reply {
    unsigned status;
    char *text; /* NUL-terminated */
    size_t len;
    size_t cap;
    json_t *value; /* of a JSON answer; NULL */
} ctl_reply;

/*
 * Asks the node. body (may be NULL) is taken. CTL_DONE: it has answered with a status below 300.
 * Else a line was printed; *out is to be cleared all the same.
 */
int ctl_ask(const ctl_args *args, const char *method, const char *path, json_t *body,
            ctl_reply *out);
void ctl_reply_clear(ctl_reply *reply);
/* "/v1/accounts/" + the name, and what comes after. False: it does not fit. */
bool ctl_account_path(char *out, size_t cap, const char *account, const char *after);
/* Appends a value to a path as "?name=value" or "&name=value". NULL: nothing is. */
bool ctl_add_query(char *path, size_t cap, const char *name, const char *value);

/* ---- ctl_show.c ---- */

/* A table for people: columns as wide as they must be. Cells are copied. */
typedef struct ctl_table ctl_table;
/* headings: "ACCOUNT|>BALANCE": '>' for a column of numbers. NULL: no memory. */
ctl_table *ctl_table_new(const char *headings);
void ctl_cell(ctl_table *t, const char *text);
void ctl_cell_number(ctl_table *t, json_int_t number);
/* Units of an asset as coins: "-5.00". Null: "none". */
void ctl_cell_units(ctl_table *t, const json_t *units, unsigned scale);
/* Prints it and frees it. */
void ctl_table_print(ctl_table *t);
/* The same; a table without lines is not printed. */
void ctl_table_print_if_any(ctl_table *t);
/* "-5.00" of "-500" at scale 2, exact. */
void ctl_coins(const char *units, unsigned scale, char *out, size_t cap);
/* A member that is a string; "" where it is none. */
const char *ctl_text(const json_t *object, const char *name);
json_int_t ctl_number(const json_t *object, const char *name);
/* The answer as it is, one line. */
int ctl_print_json(const ctl_reply *reply);

/* ---- ctl_commands.c ---- */

/* "USD/2" of an asset. */
void ctl_asset_text(const json_t *asset, char *out, size_t cap);
/* Of the asset of what an answer is about. */
unsigned ctl_scale(const json_t *object);
/* Who does this, for the audit. */
const char *ctl_who(const ctl_args *args);
/* "90 s", "12 min", "3 h". */
void ctl_duration_text(json_int_t seconds, char *out, size_t cap);
/* How the service of prices is; nothing if there is none. */
void ctl_print_price_service(const json_t *service);

/* ---- the commands ---- */

int ctl_accounts(const ctl_args *args);
int ctl_balance(const ctl_args *args);
int ctl_rates(const ctl_args *args);
int ctl_routes(const ctl_args *args);
int ctl_list_accounts(const ctl_args *args); /* what `accounts` without an argument does */
int ctl_settle(const ctl_args *args);
int ctl_outstanding(const ctl_args *args);
int ctl_peer(const ctl_args *args);
int ctl_proposals(const ctl_args *args);
int ctl_confirm(const ctl_args *args);
int ctl_reject(const ctl_args *args);
int ctl_statement(const ctl_args *args);
int ctl_audit(const ctl_args *args);
int ctl_backup(const ctl_args *args);
int ctl_drain(const ctl_args *args);
int ctl_log_level(const ctl_args *args);
int ctl_reload(const ctl_args *args);
int ctl_why(const ctl_args *args);
int ctl_in_flight(const ctl_args *args);
int ctl_packets(const ctl_args *args);
int ctl_status(const ctl_args *args);
int ctl_top(const ctl_args *args);

#endif
