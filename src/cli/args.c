/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/muldiv.h"
#include "cli/cli.h"
#include "cli/colour.h"
#include "cli/suggest.h"

size_t cli_public_len(const char *word, size_t len)
{
    const char *end = strstr(word, "://");
    return end && (size_t)(end - word) + 3 < len ? (size_t)(end - word) + 3 : len;
}

int cli_unknown(const cli_command *command, const char *what, const char *word, size_t len,
                const char *meant)
{
    char shown[128];
    char question[128] = "";
    cli_escape(shown, sizeof shown, (const uint8_t *)word, cli_public_len(word, len));
    if (meant)
        snprintf(question, sizeof question, "; did you mean \"%s\"?", meant);
    cli_error(command, "there is no %s \"%s\"%s%s see \"rill help%s%s\"", what, shown, question,
              meant ? "" : ";", command ? " " : "", command ? command->name : "");
    return CLI_USAGE;
}

static int usage(const cli_args *args, const char *what, const char *word, size_t len)
{
    char shown[128];
    len = cli_public_len(word, len);
    cli_escape(shown, sizeof shown, (const uint8_t *)word, len);
    cli_error(args->command, "%s \"%s\"; see \"rill help %s\"", what, shown, args->command->name);
    return CLI_USAGE;
}

/*
 * An unknown option. Suggests the option of the command, or of all commands, that is most like it.
 */
static int unknown_option(const cli_args *args, const char *word, size_t len)
{
    const cli_option *tables[] = {args->command->options, cli_common_options};
    cli_suggestion s;
    cli_suggest_begin(&s, word, cli_public_len(word, len));
    for (size_t t = 0; t < 2; t++) {
        for (const cli_option *o = tables[t]; o && o->name; o++)
            cli_suggest_offer(&s, o->name);
    }
    return cli_unknown(args->command, "option", word, len, s.best);
}

static bool may_come_again(const cli_option *option)
{
    size_t len = option->value ? strlen(option->value) : 0;
    return len > 3 && strcmp(option->value + len - 3, "...") == 0;
}

/* One line more; NULL without memory. */
static char *joined(const char *lines, const char *line)
{
    size_t size = strlen(lines) + strlen(line) + 2;
    char *both = malloc(size);
    if (both)
        snprintf(both, size, "%s\n%s", lines, line);
    return both;
}

/* Keeps a copy, and erases the argument itself if it may hold a secret. */
static int keep(cli_args *args, const cli_option *option, size_t place, char *value)
{
    const char *before = args->values[place];
    if (before && !may_come_again(option))
        return usage(args, "this option was given twice:", option->name, strlen(option->name));
    char *copy = before ? joined(before, value) : strdup(value);
    if (copy)
        cli_free_secret((char *)(uintptr_t)before);
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
    const cli_option *option = cli_find_option(args->command, word, name_len, &place);
    if (!option)
        return unknown_option(args, word, name_len);
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

static bool is_web_url(const char *word)
{
    return strncasecmp(word, "http://", 7) == 0 || strncasecmp(word, "https://", 8) == 0;
}

static int parse_operand(cli_args *args, const char *word)
{
    const char *const *names = args->command->operands;
    /* The URI of a link is never an operand, and an error about it would show what it holds. */
    if (strstr(word, "://") && !(args->command->takes_urls && is_web_url(word)))
        return usage(args, "the URI of a link goes after --link:", word, strlen(word));
    for (size_t i = 0; i < CLI_MAX_OPERANDS && names[i]; i++) {
        if (!args->operands[i]) {
            args->operands[i] = word;
            return CLI_DONE;
        }
    }
    return usage(args, "too many arguments:", word, strlen(word));
}

/* -q stands for --quiet: the long form of a short option; NULL if there is none. */
static const char *long_option(char letter)
{
    switch (letter) {
    case 'h':
        return "--help";
    case 'q':
        return "--quiet";
    case 'v':
        return "--verbose";
    default:
        return NULL;
    }
}

/* "-q" or "-qv": each letter is an option. */
static int parse_letters(cli_args *args, const char *word)
{
    for (const char *letter = word + 1; *letter; letter++) {
        const char *name = long_option(*letter);
        size_t place = 0;
        static char empty[] = "";
        const cli_option *option =
            name ? cli_find_option(args->command, name, strlen(name), &place) : NULL;
        if (!option)
            return unknown_option(args, word, strcspn(word, "="));
        int code = args->values[place] ? CLI_DONE : keep(args, option, place, empty);
        if (code != CLI_DONE)
            return code;
    }
    return CLI_DONE;
}

bool cli_below_zero(const char *word)
{
    const char *digits = word + (word[0] == '-') + (word[0] == '-' && word[1] == '.');
    return word[0] == '-' && *digits >= '0' && *digits <= '9';
}

static int parse_word(cli_args *args, int argc, char **argv, int *at, bool *options)
{
    char *word = argv[*at];
    /* Of a number below zero it is said what is wrong with it, and not that it is no option. */
    if (!*options || word[0] != '-' || word[1] == '\0' || cli_below_zero(word))
        return parse_operand(args, word);
    if (strcmp(word, "--") == 0) {
        *options = false;
        return CLI_DONE;
    }
    return word[1] == '-' ? parse_option(args, argc, argv, at) : parse_letters(args, word);
}

/* Applies the options that every command has. */
static int check_common(const cli_args *args)
{
    const char *color = cli_value(args, "--color");
    cli_when when = CLI_AUTO;
    if (color && !cli_when_parse(color, &when))
        return cli_bad_value(args, "--color", color, "is not auto, always or never");
    cli_colour_choose(when);
    if (cli_quiet(args) && cli_verbose(args)) {
        cli_error(args->command, "give --quiet or --verbose, not both");
        return CLI_USAGE;
    }
    return CLI_DONE;
}

int cli_args_parse(cli_args *out, const cli_command *command, int argc, char **argv)
{
    *out = (cli_args){.command = command};
    bool options = true;
    for (int i = 0; i < argc; i++) {
        int code = parse_word(out, argc, argv, &i, &options);
        if (code != CLI_DONE)
            return code;
    }
    out->help = cli_value(out, "--help") != NULL;
    int code = check_common(out);
    for (size_t i = 0; i < CLI_MAX_OPERANDS && code == CLI_DONE && !out->help; i++) {
        const char *name = command->operands[i];
        if (name && name[0] != '[' && !out->operands[i]) {
            cli_error(command, "%s is missing; see \"rill help %s\"", name, command->name);
            code = CLI_USAGE;
        }
    }
    return code;
}

void cli_args_clear(cli_args *args)
{
    for (size_t i = 0; i < 2 * CLI_MAX_OPTIONS; i++)
        cli_free_secret((char *)(uintptr_t)args->values[i]);
    *args = (cli_args){0};
}

int cli_bad_value(const cli_args *args, const char *name, const char *value, const char *why)
{
    char shown[64];
    cli_escape(shown, sizeof shown, (const uint8_t *)value, strlen(value));
    cli_error(args->command, "%s: \"%s\" %s", name, shown, why);
    return CLI_USAGE;
}

int cli_metadata(const cli_args *args, const char **out)
{
    const char *text = cli_value(args, "--metadata");
    json_t *object = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    bool good = json_is_object(object);
    json_decref(object);
    if (!text)
        return CLI_DONE;
    *out = text;
    return good ? CLI_DONE
                : cli_bad_value(args, "--metadata", text,
                                "is not a JSON object, such as {\"description\":\"rent\"}");
}

static int bad_amount(const cli_args *args, const char *name, const char *value, int error,
                      const char *form)
{
    if (error == RILL_ERR_RANGE)
        return cli_bad_value(args, name, value, "is too large: at most 18446744073709551615");
    return cli_bad_value(args, name, value, cli_below_zero(value) ? CLI_BELOW_ZERO : form);
}

int cli_amount(const cli_args *args, const char *name, uint64_t *out)
{
    const char *value = cli_value(args, name);
    int rc = value ? rill_amount_parse(value, out) : RILL_OK;
    if (rc == RILL_OK)
        return CLI_DONE;
    return bad_amount(args, name, value, rc,
                      "is not an amount: a whole number of the account's smallest unit, "
                      "without sign or point");
}

int cli_amount_text_of(const cli_args *args, const char *name, const char *value,
                       cli_amount_text *out)
{
    int rc = value ? cli_amount_text_parse(value, out) : RILL_OK;
    if (rc == RILL_OK)
        return CLI_DONE;
    return bad_amount(args, name, value, rc,
                      "is not an amount: a whole number of the account's smallest unit, or how "
                      "much of its asset, like 1.5XRP");
}

int cli_count(const cli_args *args, const char *name, uint64_t *out)
{
    const char *value = cli_value(args, name);
    if (!value)
        return CLI_DONE;
    if (rill_amount_parse(value, out) != RILL_OK || *out == 0)
        return cli_bad_value(args, name, value, "is not a whole number from 1 on");
    return CLI_DONE;
}

int cli_count_most(const cli_args *args, const char *name, uint64_t *out, uint64_t most)
{
    char problem[64];
    int code = cli_count(args, name, out);
    if (code != CLI_DONE || *out <= most)
        return code;
    snprintf(problem, sizeof problem, "is too large: at most %" PRIu64, most);
    return cli_bad_value(args, name, cli_value(args, name), problem);
}

int cli_ratio(const cli_args *args, const char *name, rill_ratio *out)
{
    const char *value = cli_value(args, name);
    if (!value)
        return CLI_DONE;
    int rc = rill_ratio_parse(value, out);
    if (rc == RILL_ERR_RANGE)
        return cli_bad_value(args, name, value, "has too many digits");
    if (rc != RILL_OK)
        return cli_bad_value(args, name, value, "is not a ratio: like 0.985 or 3/4");
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
        return cli_bad_value(args, name, value, "is not a time: seconds above 0, like 30 or 0.5");
    /* Years: as good as for ever, but far from where clocks overflow. */
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
    cli_suggestion meant;
    cli_suggest_begin(&meant, name, strlen(name));
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        cli_suggest_offer(&meant, known[i].name);
        if (strcmp(name, known[i].name) != 0)
            continue;
        if (!rill_crypto_available(known[i].backend)) {
            cli_error(args->command, "--crypto: this build or this processor has no %s", name);
            return CLI_USAGE;
        }
        *out = known[i].backend;
        return CLI_DONE;
    }
    if (meant.best)
        return cli_unknown(args->command, "--crypto", name, strlen(name), meant.best);
    return usage(args, "--crypto is openssl, ipsec-mb or fastest, and not", name, strlen(name));
}
