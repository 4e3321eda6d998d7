/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/muldiv.h"
#include "cli/cli.h"

const cli_option cli_common_options[] = {
    {"--link", "URI", "the node: btp+ws://:TOKEN@HOST:PORT, or @FILE that holds it"},
    {"--link-file", "FILE", "a file that holds the URI"},
    {"--ca-file", "FILE", "certificate authorities (PEM) to trust for btp+wss"},
    {"--json", NULL, "print one JSON object a line"},
    {"--help", NULL, "explain the command"},
    {NULL, NULL, NULL},
};

/* The place of an option in args->values and its description; NULL where there is none. */
static const cli_option *find(const cli_command *command, const char *name, size_t len,
                              size_t *place)
{
    const cli_option *tables[] = {command->options, cli_common_options};
    for (size_t t = 0; t < 2; t++) {
        const cli_option *o = tables[t];
        for (size_t i = 0; o && o[i].name; i++) {
            if (strlen(o[i].name) == len && strncmp(o[i].name, name, len) == 0) {
                *place = t * CLI_MAX_OPTIONS + i;
                return &o[i];
            }
        }
    }
    return NULL;
}

size_t cli_public_len(const char *word, size_t len)
{
    const char *end = strstr(word, "://");
    return end && (size_t)(end - word) + 3 < len ? (size_t)(end - word) + 3 : len;
}

static int usage(const cli_args *args, const char *what, const char *word, size_t len)
{
    char shown[128];
    len = cli_public_len(word, len);
    cli_escape(shown, sizeof shown, (const uint8_t *)word, len);
    cli_error(args->command, "%s \"%s\"; see \"rill help %s\"", what, shown, args->command->name);
    return CLI_USAGE;
}

/* Keeps a copy; the argument itself is erased where it may hold a secret. */
static int keep(cli_args *args, const cli_option *option, size_t place, char *value)
{
    if (args->values[place])
        return usage(args, "given twice:", option->name, strlen(option->name));
    char *copy = strdup(value);
    if (!copy) {
        cli_error(args->command, "%s", rill_strerror(RILL_ERR_NOMEM));
        return CLI_INCOMPLETE;
    }
    args->values[place] = copy;
    if (option == &cli_common_options[0])
        memset(value, 'x', strlen(value));
    return CLI_DONE;
}

static int parse_option(cli_args *args, int argc, char **argv, int *at)
{
    char *word = argv[*at];
    const char *equals = strchr(word, '=');
    size_t name_len = equals ? (size_t)(equals - word) : strlen(word);
    size_t place = 0;
    const cli_option *option = find(args->command, word, name_len, &place);
    if (!option)
        return usage(args, "there is no option", word, name_len);
    if (!option->value) {
        if (equals)
            return usage(args, "this option takes no value:", word, name_len);
        static char empty[] = "";
        return args->values[place] ? CLI_DONE : keep(args, option, place, empty);
    }
    if (equals)
        return keep(args, option, place, word + name_len + 1);
    if (*at + 1 >= argc)
        return usage(args, "a value is missing after", word, name_len);
    *at += 1;
    return keep(args, option, place, argv[*at]);
}

static int parse_operand(cli_args *args, const char *word)
{
    /* No operand is one; and what it holds would be shown with what is wrong. */
    if (strstr(word, "://"))
        return usage(args, "the URI of a link goes after --link:", word, strlen(word));
    if (!args->command->operand || args->operand)
        return usage(args, "too many arguments:", word, strlen(word));
    args->operand = word;
    return CLI_DONE;
}

int cli_args_parse(cli_args *out, const cli_command *command, int argc, char **argv)
{
    *out = (cli_args){.command = command};
    bool options = true;
    for (int i = 0; i < argc; i++) {
        int code = CLI_DONE;
        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (options && strcmp(argv[i], "-h") == 0)
            out->help = true;
        else if (options && argv[i][0] == '-' && argv[i][1] != '\0')
            code = parse_option(out, argc, argv, &i);
        else
            code = parse_operand(out, argv[i]);
        if (code != CLI_DONE)
            return code;
    }
    if (cli_value(out, "--help"))
        out->help = true;
    if (command->operand && command->operand[0] != '[' && !out->operand && !out->help) {
        cli_error(command, "%s is missing; see \"rill help %s\"", command->operand, command->name);
        return CLI_USAGE;
    }
    return CLI_DONE;
}

const char *cli_value(const cli_args *args, const char *name)
{
    size_t place = 0;
    const cli_option *option = find(args->command, name, strlen(name), &place);
    assert(option);
    return option ? args->values[place] : NULL;
}

void cli_args_free(cli_args *args)
{
    for (size_t i = 0; i < 2 * CLI_MAX_OPTIONS; i++)
        cli_free_secret((char *)(uintptr_t)args->values[i]);
    *args = (cli_args){0};
}

static int bad_value(const cli_args *args, const char *name, const char *value, const char *why)
{
    char shown[64];
    cli_escape(shown, sizeof shown, (const uint8_t *)value, strlen(value));
    cli_error(args->command, "%s: \"%s\" %s", name, shown, why);
    return CLI_USAGE;
}

int cli_amount(const cli_args *args, const char *name, uint64_t *out)
{
    const char *value = cli_value(args, name);
    if (!value)
        return CLI_DONE;
    int rc = rill_amount_parse(value, out);
    if (rc == RILL_ERR_RANGE)
        return bad_value(args, name, value, "is too large: at most 18446744073709551615");
    if (rc != RILL_OK)
        return bad_value(args, name, value,
                         "is not an amount: a whole number of the account's smallest unit, "
                         "without sign or point");
    return CLI_DONE;
}

int cli_count(const cli_args *args, const char *name, uint64_t *out)
{
    const char *value = cli_value(args, name);
    if (!value)
        return CLI_DONE;
    if (rill_amount_parse(value, out) != RILL_OK || *out == 0)
        return bad_value(args, name, value, "is not a whole number from 1 on");
    return CLI_DONE;
}

int cli_ratio(const cli_args *args, const char *name, rill_ratio *out)
{
    const char *value = cli_value(args, name);
    if (!value)
        return CLI_DONE;
    int rc = rill_ratio_parse(value, out);
    if (rc == RILL_ERR_RANGE)
        return bad_value(args, name, value, "has too many digits");
    if (rc != RILL_OK)
        return bad_value(args, name, value, "is not a ratio: like 0.985 or 3/4");
    return CLI_DONE;
}

int cli_seconds(const cli_args *args, const char *name, uint64_t *nanoseconds)
{
    const char *value = cli_value(args, name);
    if (!value)
        return CLI_DONE;
    rill_ratio seconds;
    int rc = rill_ratio_parse(value, &seconds);
    if (rc == RILL_OK)
        *nanoseconds = rill_ratio_floor(seconds, RILL_SECOND);
    if (rc != RILL_OK || *nanoseconds == 0)
        return bad_value(args, name, value, "is not a time: seconds above 0, like 30 or 0.5");
    /* Years: as good as for ever, and far from where clocks overflow. */
    if (*nanoseconds > UINT64_MAX / 4)
        *nanoseconds = UINT64_MAX / 4;
    return CLI_DONE;
}

int cli_crypto(const cli_args *args, rill_crypto_backend *out)
{
    static const struct {
        const char *name;
        rill_crypto_backend backend;
    } known[] = {
        {"openssl", RILL_CRYPTO_OPENSSL},
        {"ipsec-mb", RILL_CRYPTO_IPSEC_MB},
        {"fastest", RILL_CRYPTO_FASTEST},
    };
    const char *name = cli_value(args, "--crypto");
    if (!name)
        return CLI_DONE;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(name, known[i].name) != 0)
            continue;
        if (!rill_crypto_available(known[i].backend)) {
            cli_error(args->command, "--crypto: this build or this processor has no %s", name);
            return CLI_USAGE;
        }
        *out = known[i].backend;
        return CLI_DONE;
    }
    return usage(args, "--crypto is openssl, ipsec-mb or fastest, and not", name, strlen(name));
}
