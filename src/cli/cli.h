/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the subcommands of `rill` share. Each subcommand has a file; the table of them is in
 * commands.c.
 */
#ifndef RILL_CLI_CLI_H
#define RILL_CLI_CLI_H

#include <jansson.h>
#include <rill/net.h>
#include <stdio.h>

#include "cli/amount_text.h"

/* Exit codes. */
enum {
    CLI_DONE = 0,
    CLI_INCOMPLETE = 1, /* a payment, or anything else that was begun, is incomplete */
    CLI_USAGE = 2,
    CLI_UNREACHABLE = 3 /* the node cannot be reached */
};

#define CLI_MAX_OPTIONS  24
#define CLI_MAX_OPERANDS 4

typedef struct cli_option {
    const char *name; /* "--amount"; NULL ends a table */
    /* "N"; NULL: the option takes no value; "N...": it may be given again, see cli_value */
    const char *value;
    const char *help;
} cli_option;

typedef struct cli_args cli_args;

typedef struct cli_command {
    const char *name;
    const char *summary; /* for the list of commands */
    const char *usage;   /* what follows the name in the usage line */
    const char *about;   /* paragraphs for the command's help */
    const cli_option *options;
    /*
     * Names of the arguments that stand without an option, in brackets if they are optional. NULL:
     * none.
     */
    const char *operands[CLI_MAX_OPERANDS];
    const char *examples; /* lines for the command's help; NULL: none */
    /* without --link the command starts a node itself, and ignores the environment */
    bool own_node;
    bool takes_urls; /* an argument without an option may be an http or https URL */
    int (*run)(const cli_args *args);
} cli_command;

extern const cli_command *const cli_commands[]; /* NULL ends */
extern const cli_option cli_common_options[];   /* those of every command */

extern const cli_command cli_demo;
extern const cli_command cli_help;
extern const cli_command cli_info;
extern const cli_command cli_keys;
extern const cli_command cli_op;
extern const cli_command cli_pay;
extern const cli_command cli_ping;
extern const cli_command cli_quote;
extern const cli_command cli_receipt;
extern const cli_command cli_receive;
extern const cli_command cli_send;
extern const cli_command cli_trace;

/* ---- commands.c ---- */

/* NULL: there is none of this name. */
const cli_command *cli_find_command(const char *name);
/* The command that a word looks like; NULL if there is none. */
const char *cli_meant_command(const char *word);

/* ---- help.c ---- */

/* Prints the help of one command, or of all (NULL). */
void cli_print_help(FILE *out, const cli_command *command);

/* ---- args.c ---- */

struct cli_args {
    const cli_command *command;
    const char
        /* by place in the command's options, then in the common options */
        *values[2 * CLI_MAX_OPTIONS];
    const char *operands[CLI_MAX_OPERANDS]; /* NULL: not given */
    bool help;
};

/*
 * Reads the arguments after the command's name. The value of --link is copied and then erased in
 * argv, where other users of the machine could see it. CLI_DONE, or CLI_USAGE with a line on
 * stderr.
 */
int cli_args_parse(cli_args *out, const cli_command *command, int argc, char **argv);
/* How much of a word may be shown: of a URI only its scheme, since the rest may be a secret. */
size_t cli_public_len(const char *word, size_t len);
/* Whether the word is a number below zero, such as -5, -.5 or -5XRP: no option looks like that. */
bool cli_below_zero(const char *word);
/* What is said of such an amount. */
#define CLI_BELOW_ZERO "is not an amount: it is below 0"
/* CLI_USAGE, with a line on stderr: NAME: "VALUE" WHY. */
int cli_bad_value(const cli_args *args, const char *name, const char *value, const char *why);
/*
 * A word that is not known, and what may have been meant (NULL: nothing). Prints a line; CLI_USAGE.
 */
int cli_unknown(const cli_command *command, const char *what, const char *word, size_t len,
                const char *meant);
/* Frees what parsing copied. */
void cli_args_clear(cli_args *args);

/*
 * Each returns CLI_DONE, and leaves *out as it is if the option was not given; or CLI_USAGE with a
 * line on stderr.
 */
int cli_amount(const cli_args *args, const char *name, uint64_t *out);
/* The same for an amount that may be in the account's asset, as written after name. */
int cli_amount_text_of(const cli_args *args, const char *name, const char *value,
                       cli_amount_text *out);
int cli_ratio(const cli_args *args, const char *name, rill_ratio *out);
int cli_count(const cli_args *args, const char *name, uint64_t *out);
int cli_count_most(const cli_args *args, const char *name, uint64_t *out, uint64_t most);
int cli_seconds(const cli_args *args, const char *name, uint64_t *nanoseconds);
/* --metadata: a JSON object, as it was written. */
int cli_metadata(const cli_args *args, const char **out);
/* --crypto */
int cli_crypto(const cli_args *args, rill_crypto_backend *out);

/* ---- values.c ---- */

/* The place of an option in args->values, and its description; NULL if there is no such option. */
const cli_option *cli_find_option(const cli_command *command, const char *name, size_t len,
                                  size_t *place);
/*
 * The value of an option; "" for an option without a value that was given; NULL if it was not
 * given. Several values of one option are lines of one text.
 */
const char *cli_value(const cli_args *args, const char *name);
/* Whether --quiet or --verbose was given; never both. */
bool cli_quiet(const cli_args *args);
bool cli_verbose(const cli_args *args);

/* ---- output.c ---- */

/* From now on each error is also an event on standard output. */
void cli_json_errors(void);
/* The error's name as --json has it: "RATE". */
const char *cli_error_word(int error);
/* Prints one line on stderr: "rill send: ..." */
void cli_fail(const cli_command *command, int error, const char *format, ...) RILL_PRINTF(3, 4);
/* The same for wrong arguments or files: RILL_ERR_INVALID. */
void cli_error(const cli_command *command, const char *format, ...) RILL_PRINTF(2, 3);
/*
 * The same for something that is no reason to stop: "rill send: warning: ...". Nothing with
 * --quiet.
 */
void cli_warn(const cli_args *args, const char *format, ...) RILL_PRINTF(2, 3);
/* An error of rill_server_open or rill_client_open. Prints a line and returns the exit code. */
int cli_start_error(const cli_command *command, int error, const char *problem);
/* The node cannot be reached, or has refused us. Prints a line; CLI_UNREACHABLE. */
int cli_unreachable(const cli_command *command, int error, const char *detail);
/*
 * Prints text from outside on one line. Characters that are not printable, or not UTF-8, are
 * escaped.
 */
void cli_print_text(FILE *out, const uint8_t *text, size_t len);
/* The same into a buffer, which is NUL-terminated. The text is cut if it does not fit. */
void cli_escape(char *out, size_t cap, const uint8_t *text, size_t len);

json_t *cli_json_amount(uint64_t amount);
json_t *cli_json_text(const char *text);
json_t *cli_json_base64(const uint8_t *data, size_t len);
/*
 * Prints one object on one line, at once. Takes the reference. NULL means out of memory. False:
 * stdout fails.
 */
bool cli_print_json(json_t *object);
/*
 * From now on objects go to another function, which takes the reference; NULL: to standard output
 * again.
 */
void cli_json_to(bool (*print)(json_t *object, void *user), void *user);
/* The same to a stream, which is not flushed. */
bool cli_write_json(FILE *out, json_t *object);
/* Makes sure that everything printed has left; prints a line on stderr if not. */
bool cli_flush(const cli_command *command);

/* ---- secret.c ---- */

/* Wipes a text, and frees it. NULL is allowed. */
void cli_free_secret(char *text);

/* ---- link_option.c ---- */

/*
 * The URI of the link, from --link or --link-file. *uri is NULL if the environment names it. The
 * caller wipes and frees it. CLI_DONE, or CLI_USAGE with a line on stderr.
 */
int cli_link_uri(const cli_args *args, char **uri);
/* The options for the network, and the structs that they point at. Do not copy it. */
typedef struct cli_net {
    rill_net_options options;
    rill_link_options link;
    rill_connection_options connection;
    char asset_code[RILL_MAX_ASSET_CODE + 1]; /* of --asset */
} cli_net;

/* Sets defaults, --ca-file, --address and --asset, and the link. uri is kept by reference. */
void cli_net_init(cli_net *net, const cli_args *args, const char *uri);

/* ---- link_words.c ---- */

/*
 * Checks the URI of a link: CLI_DONE, or CLI_USAGE with a line. `where` says where the URI stands.
 */
int cli_link_check(const cli_args *args, const char *where, const char *uri);
/* The same for the environment's URI. Warns if the URI will not be used as it stands. */
int cli_link_check_environment(const cli_args *args);

/* ---- account.c ---- */

typedef struct cli_account {
    char address[RILL_ILP_MAX_ADDRESS + 1];
    char asset_code[RILL_MAX_ASSET_CODE + 1];
    uint8_t asset_scale;
} cli_account;

/*
 * Asks the node about our account, for `most` nanoseconds (0: the usual time, 15 s, which is the
 * most anyway). CLI_DONE, or another exit code with a line on stderr.
 */
int cli_account_ask(const cli_args *args, const char *uri, uint64_t most, cli_account *out);
/*
 * Converts an amount that was written in an asset to units, with the same results. It asks the
 * node, and sets the asset's *scale, only if it must. Without an amount it sets nothing.
 */
int cli_amount_units(const cli_args *args, const char *name, const char *uri,
                     const cli_amount_text *text, uint64_t *units, uint8_t *scale);
/* "1500000000 units (1.5 XRP)"; without a code "1500000000 units". out is always NUL-terminated. */
void cli_units_text(uint64_t units, const char *asset_code, uint8_t asset_scale, char *out,
                    size_t cap);

/* ---- credentials_file.c ---- */

/* problem[cap] gets one line. "-" is standard input. RILL_ERR_IO, RILL_ERR_MALFORMED. */
RILL_MUST_CHECK int cli_credentials_load(const char *path, rill_credentials *out, char *problem,
                                         size_t cap);
/* A server's secret, in base64. As cli_credentials_load; the caller wipes it. */
RILL_MUST_CHECK int cli_secret_load(const char *path, uint8_t out[RILL_SHARED_SECRET_LEN],
                                    char *problem, size_t cap);
/*
 * Writes all or nothing: a new file of mode 0600 replaces the old one, or nothing changes. "-" is
 * standard output. RILL_ERR_IO.
 */
RILL_MUST_CHECK int cli_credentials_save(const char *path, const rill_credentials *credentials,
                                         char *problem, size_t cap);

/* ---- readable.c ---- */

/* Warns of a file with a secret that others can read. Path "-" is no file. */
void cli_warn_readable(const cli_args *args, const char *path, const char *holds);

/* ---- json_memory.c ---- */

/*
 * From now on, everything that the JSON library frees is wiped. Call it before the library's first
 * use.
 */
void cli_wipe_json(void);

/* ---- signals.c ---- */

/* Calls stop for the first SIGINT or SIGTERM. The second one ends the process. */
typedef struct cli_signals cli_signals;
cli_signals *cli_signals_open(rill_loop *loop, void (*stop)(void *user), void *user);
/*
 * The same where money may be under way: a terminal that closes (SIGHUP) stops it as well, unless
 * that is ignored.
 */
cli_signals *cli_signals_open_paying(rill_loop *loop, void (*stop)(void *user), void *user);
/* NULL is allowed. */
void cli_signals_close(cli_signals *s);

#endif
