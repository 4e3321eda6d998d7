/* SPDX-License-Identifier: Apache-2.0 */
/* What the subcommands of `rill` share. One file a subcommand; the table is in main.c. */
#ifndef RILL_CLI_CLI_H
#define RILL_CLI_CLI_H

#include <jansson.h>
#include <rill/net.h>
#include <stdio.h>

#include "cli/amount_text.h"

/* Exit codes. */
enum {
    CLI_DONE = 0,
    CLI_INCOMPLETE = 1, /* a payment, or whatever else was begun */
    CLI_USAGE = 2,
    CLI_UNREACHABLE = 3 /* the node */
};

#define CLI_MAX_OPTIONS  24
#define CLI_MAX_OPERANDS 3

typedef struct cli_option {
    const char *name;  /* "--amount"; NULL ends a table */
    const char *value; /* "N"; NULL: a flag */
    const char *help;
} cli_option;

typedef struct cli_args cli_args;

typedef struct cli_command {
    const char *name;
    const char *summary; /* for the list of commands */
    const char *usage;   /* what follows the name */
    const char *about;   /* paragraphs for its own help */
    const cli_option *options;
    /* Names of what follows without an option; in brackets where it may be left out. NULL: none. */
    const char *operands[CLI_MAX_OPERANDS];
    const char *examples; /* lines for its own help; NULL: none */
    bool own_node;        /* without --link it makes one: the environment is not looked at */
    int (*run)(const cli_args *args);
} cli_command;

extern const cli_command *const cli_commands[]; /* NULL ends */
extern const cli_option cli_common_options[];   /* those of every command */

extern const cli_command cli_demo;
extern const cli_command cli_help;
extern const cli_command cli_info;
extern const cli_command cli_keys;
extern const cli_command cli_ping;
extern const cli_command cli_receive;
extern const cli_command cli_send;

const cli_command *cli_find_command(const char *name);
/* The command that a word looks like; NULL. */
const char *cli_meant_command(const char *word);
/* Prints the help of one command, or of all (NULL). */
void cli_print_help(FILE *out, const cli_command *command);

/* ---- args.c ---- */

struct cli_args {
    const cli_command *command;
    const char
        *values[2 * CLI_MAX_OPTIONS]; /* by place in the command's, then in the common options */
    const char *operands[CLI_MAX_OPERANDS]; /* NULL: not given */
    bool help;
};

/*
 * Reads the arguments after the command's name. What --link holds is copied and
 * then erased in argv, where other users of the machine would see it.
 * CLI_DONE, or CLI_USAGE with a line on stderr.
 */
int cli_args_parse(cli_args *out, const cli_command *command, int argc, char **argv);
/* How much of a word may be shown: of a URI its scheme, for the rest may be a secret. */
size_t cli_public_len(const char *word, size_t len);
/* The value of an option; "" for a flag that was given; NULL where it was not. */
const char *cli_value(const cli_args *args, const char *name);
/* --quiet, --verbose; never both. */
bool cli_quiet(const cli_args *args);
bool cli_verbose(const cli_args *args);
/* CLI_USAGE, with a line on stderr: "NAME: "VALUE" WHY". */
int cli_bad_value(const cli_args *args, const char *name, const char *value, const char *why);
/* A word that is not known, and what may have been meant (NULL: nothing): the line; CLI_USAGE. */
int cli_unknown(const cli_command *command, const char *what, const char *word, size_t len,
                const char *meant);
/* Frees what parsing copied. */
void cli_args_free(cli_args *args);

/* Each: CLI_DONE, *out untouched where the option is not given; or CLI_USAGE with a line on stderr.
 */
int cli_amount(const cli_args *args, const char *name, uint64_t *out);
/* The same of an amount that may be in the account's asset, as written after name. */
int cli_amount_text_of(const cli_args *args, const char *name, const char *value,
                       cli_amount_text *out);
int cli_ratio(const cli_args *args, const char *name, rill_ratio *out);
int cli_count(const cli_args *args, const char *name, uint64_t *out);
int cli_seconds(const cli_args *args, const char *name, uint64_t *nanoseconds);
/* --crypto */
int cli_crypto(const cli_args *args, rill_crypto_backend *out);

/* ---- output.c ---- */

/* From now on each error is an event on standard output too. */
void cli_json_errors(void);
/* "RATE": the error's name as --json has it. */
const char *cli_error_word(int error);
/* One line on stderr: "rill send: ..." */
void cli_fail(const cli_command *command, int error, const char *format, ...) RILL_PRINTF(3, 4);
/* The same where the arguments or files make no sense: RILL_ERR_INVALID. */
void cli_error(const cli_command *command, const char *format, ...) RILL_PRINTF(2, 3);
/* The same of what is no reason to stop: "rill send: warning: ..."; nothing with --quiet. */
void cli_warn(const cli_args *args, const char *format, ...) RILL_PRINTF(2, 3);
/* An error of rill_listen, rill_connect: the line, and the exit code. */
int cli_start_error(const cli_command *command, int error, const char *problem);
/* The node cannot be reached, or has refused us: the line; CLI_UNREACHABLE. */
int cli_unreachable(const cli_command *command, int error, const char *detail);
/* Text from outside on one line: what is not printable, or not UTF-8, is escaped. */
void cli_print_text(FILE *out, const uint8_t *text, size_t len);
/* The same in a buffer that is NUL-terminated, cut where it is full. */
void cli_escape(char *out, size_t cap, const uint8_t *text, size_t len);

json_t *cli_json_amount(uint64_t amount);
json_t *cli_json_text(const char *text);
json_t *cli_json_base64(const uint8_t *data, size_t len);
/* One object, one line, at once; takes the reference. NULL is out of memory. False: stdout fails.
 */
bool cli_print_json(json_t *object);
/* From now on to somebody else, who takes the reference; NULL: to standard output again. */
void cli_json_to(bool (*print)(json_t *object, void *user), void *user);
/* The same to a stream, which is not flushed. */
bool cli_write_json(FILE *out, json_t *object);
/* What was printed has left; a line on stderr where it has not. */
bool cli_flush(const cli_command *command);

/* ---- link_option.c ---- */

/*
 * Where the link goes: --link, --link-file; *uri NULL: the environment. The
 * caller wipes and frees. CLI_DONE, or CLI_USAGE with a line on stderr.
 */
int cli_link_uri(const cli_args *args, char **uri);
/* A fresh random account at the same place: out holds a secret. RILL_ERR_*. */
RILL_MUST_CHECK int cli_link_fresh(const char *uri, char *out, size_t cap);
void cli_free_secret(char *text);
/* The way to the network, and what it points at: not to be copied. */
typedef struct cli_net {
    rill_net_options options;
    rill_link_options link;
    rill_connection_options connection;
} cli_net;

/* Defaults, --ca-file, and the link. uri is kept by reference. */
void cli_net_init(cli_net *net, const cli_args *args, const char *uri);

/* ---- link_words.c ---- */

/* Whether it is the URI of a link: CLI_DONE, or CLI_USAGE with a line about what stands `where`. */
int cli_link_check(const cli_args *args, const char *where, const char *uri);
/* The same of what the environment says; and a warning where that is not what it looks like. */
int cli_link_check_environment(const cli_args *args);

/* ---- account.c ---- */

typedef struct cli_account {
    char address[RILL_ILP_MAX_ADDRESS + 1];
    char asset_code[RILL_MAX_ASSET_CODE + 1];
    uint8_t asset_scale;
} cli_account;

/* Asks the node about our account: CLI_DONE, or another exit code with a line on stderr. */
int cli_account_ask(const cli_args *args, const char *uri, cli_account *out);
/*
 * An amount that was written in an asset becomes units: so too. Asks, and sets the asset's *scale,
 * only where it must. Without an amount nothing is set.
 */
int cli_amount_units(const cli_args *args, const char *name, const char *uri,
                     const cli_amount_text *text, uint64_t *units, uint8_t *scale);
/* "1500000000 units (1.5 XRP)"; without a code: "1500000000 units". out is always terminated. */
void cli_units_text(uint64_t units, const char *asset_code, uint8_t asset_scale, char *out,
                    size_t cap);

/* ---- credentials_file.c ---- */

/* problem[cap] becomes one line. "-" is standard input. RILL_ERR_IO, RILL_ERR_MALFORMED. */
RILL_MUST_CHECK int cli_credentials_load(const char *path, rill_credentials *out, char *problem,
                                         size_t cap);
/* A server's secret, in base64. As cli_credentials_load; the caller wipes it. */
RILL_MUST_CHECK int cli_secret_load(const char *path, uint8_t out[RILL_SHARED_SECRET_LEN],
                                    char *problem, size_t cap);
/*
 * All or nothing: a file of mode 0600 with the whole in place of the old one,
 * or no change. "-" is standard output. RILL_ERR_IO.
 */
RILL_MUST_CHECK int cli_credentials_save(const char *path, const rill_credentials *credentials,
                                         char *problem, size_t cap);

/* ---- readable.c ---- */

/* A file with a secret that others can read: a warning about it. path: "-" is none. */
void cli_warn_readable(const cli_args *args, const char *path, const char *holds);

/* ---- json_memory.c ---- */

/* What the JSON library frees is wiped from now on. Before its first use. */
void cli_wipe_json(void);

/* ---- signals.c ---- */

/* Calls stop for the first SIGINT or SIGTERM; the second ends the process. */
typedef struct cli_signals cli_signals;
cli_signals *cli_signals_open(rill_loop *loop, void (*stop)(void *user), void *user);
/* NULL is allowed. */
void cli_signals_close(cli_signals *s);

#endif
