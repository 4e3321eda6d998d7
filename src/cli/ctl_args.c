/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <stdarg.h>
#include <string.h>

#include "cli/ctl.h"
#include "cli/suggest.h"
#include "cli/wrap.h"

enum { WIDTH = 90, INDENT = 25 };

const ctl_option ctl_common_options[] = {
    {"--socket", "PATH",
     "the node's socket. Default: RILLCTL_SOCKET of the environment, else " CTL_SOCKET},
    {"--config", "FILE", "the node's configuration, which says where its socket is"},
    {"--url", "URL", "the node's port instead, such as https://node.example:7780"},
    {"--token-file", "FILE",
     "the token that is shown at the port. Default: RILLCTL_TOKEN of the environment"},
    {"--ca-file", "FILE", "authorities (PEM) that the port's certificate may be from"},
    {"--timeout", "SECONDS", "wait so long for each answer of the node. Default: 60"},
    {"--json", NULL, "print the node's answer in JSON"},
    {"--help", NULL, "explain the command"},
    {NULL, NULL, NULL},
};

void ctl_error(const ctl_args *args, const char *format, ...)
{
    va_list list;
    (void)fflush(stdout);
    (void)fprintf(stderr, "rillctl%s%s: ", args != NULL ? " " : "",
                  args != NULL ? args->command->name : "");
    va_start(list, format);
    (void)vfprintf(stderr, format, list);
    va_end(list);
    (void)fputc('\n', stderr);
}

static const ctl_option *find(const ctl_command *command, const char *name, size_t len,
                              size_t *place)
{
    const ctl_option *tables[] = {command->options, ctl_common_options};
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; tables[t] != NULL && tables[t][i].name != NULL; i++) {
            if (strlen(tables[t][i].name) == len && memcmp(tables[t][i].name, name, len) == 0) {
                *place = t * CTL_MAX_OPTIONS + i;
                return &tables[t][i];
            }
        }
    }
    return NULL;
}

static int unknown_option(const ctl_args *args, const char *word, size_t len)
{
    const ctl_option *tables[] = {args->command->options, ctl_common_options};
    cli_suggestion s;
    cli_suggest_begin(&s, word, len);
    for (size_t t = 0; t < 2; t++) {
        for (const ctl_option *o = tables[t]; o != NULL && o->name != NULL; o++)
            cli_suggest_offer(&s, o->name);
    }
    if (s.best != NULL)
        ctl_error(args, "there is no option \"%.*s\"; did you mean \"%s\"?", (int)len, word,
                  s.best);
    else
        ctl_error(args, "there is no option \"%.*s\"; see \"rillctl help %s\"", (int)len, word,
                  args->command->name);
    return CTL_USAGE;
}

static int parse_option(ctl_args *args, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    size_t len = strcspn(word, "=");
    size_t place = 0;
    const ctl_option *option = find(args->command, word, len, &place);
    if (option == NULL)
        return unknown_option(args, word, len);
    const char *value = word[len] == '=' ? word + len + 1 : NULL;
    if (option->value == NULL && value != NULL) {
        ctl_error(args, "%s takes no value", option->name);
        return CTL_USAGE;
    }
    if (option->value != NULL && value == NULL) {
        if (*at + 1 >= argc) {
            ctl_error(args, "%s needs a value: %s", option->name, option->value);
            return CTL_USAGE;
        }
        value = argv[++*at];
    }
    args->values[place] = value == NULL ? "" : value;
    return CTL_DONE;
}

int ctl_args_parse(ctl_args *out, const ctl_command *command, int argc, char **argv)
{
    size_t count = 0;
    bool options = true;
    *out = (ctl_args){.command = command};
    for (int i = 0; i < argc; i++) {
        int rc = CTL_DONE;
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && strcmp(argv[i], "-h") == 0) {
            static char help[] = "--help";
            char *again[] = {help};
            int first = 0;
            rc = parse_option(out, 1, again, &first);
        } else if (options && argv[i][0] == '-' && argv[i][1] == '-') {
            rc = parse_option(out, argc, argv, &i);
        } else if (count == command->operands) {
            ctl_error(out, "\"%s\" is one argument too many; see \"rillctl help %s\"", argv[i],
                      command->name);
            rc = CTL_USAGE;
        } else {
            out->operands[count++] = argv[i];
        }
        if (rc != CTL_DONE)
            return rc;
    }
    if (count < command->needed && ctl_value(out, "--help") == NULL) {
        ctl_error(out, "an argument is missing: rillctl %s %s", command->name, command->usage);
        return CTL_USAGE;
    }
    return CTL_DONE;
}

const char *ctl_value(const ctl_args *args, const char *name)
{
    size_t place = 0;
    return find(args->command, name, strlen(name), &place) == NULL ? NULL : args->values[place];
}

bool ctl_json(const ctl_args *args)
{
    return ctl_value(args, "--json") != NULL;
}

/* ---- help ---- */

static void print_options(const ctl_option *o)
{
    for (; o != NULL && o->name != NULL; o++) {
        char left[64];
        (void)snprintf(left, sizeof left, "%s%s%s", o->name, o->value != NULL ? " " : "",
                       o->value != NULL ? o->value : "");
        size_t at = (size_t)printf("  %-22s ", left);
        cli_wrap(stdout, o->help, INDENT, at, WIDTH);
    }
}

static void print_exit_status(void)
{
    (void)fputs("\nexit status:\n"
                "  0  done\n"
                "  1  the node refused, or its books are wrong\n"
                "  2  wrong usage: an option, an account or an amount; nothing was done\n"
                "  3  the node cannot be reached, or does not know the token\n",
                stdout);
}

void ctl_print_help(const ctl_command *command)
{
    if (command != NULL) {
        (void)printf("rillctl %s - %s\n\nusage: rillctl %s %s\n\n", command->name, command->summary,
                     command->name, command->usage);
        cli_wrap(stdout, command->about, 0, 0, WIDTH);
        if (command->options != NULL)
            (void)fputs("\noptions:\n", stdout);
        print_options(command->options);
    } else {
        (void)fputs("rillctl - look after a connector (rilld run)\n\n"
                    "usage: rillctl COMMAND [OPTIONS]\n\ncommands:\n",
                    stdout);
        for (const ctl_command *c = ctl_commands; c->name != NULL; c++)
            (void)printf("  %-11s %s\n", c->name, c->summary);
        (void)printf("  %-11s %s\n", "help", "explain a command");
    }
    (void)fputs("\noptions of every command:\n", stdout);
    print_options(ctl_common_options);
    print_exit_status();
}

const ctl_command *ctl_find_command(const char *name)
{
    for (const ctl_command *c = ctl_commands; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}
