/* SPDX-License-Identifier: Apache-2.0 */
/* The options that every command has, and what was given to those of one. args.c reads them. */
#define _POSIX_C_SOURCE 200809L

#include <assert.h>
#include <string.h>

#include "cli/cli.h"

const cli_option cli_common_options[] = {
    {"--link", "URI", "the node's URI, btp+ws://:TOKEN@HOST:PORT; or @FILE with the URI in it"},
    {"--link-file", "FILE", "a file with the URI in it"},
    {"--ca-file", "FILE", "more certificate authorities (PEM) to trust for btp+wss"},
    {"--client-cert", "FILE", "our certificate (PEM), if the node asks for one; with --client-key"},
    {"--client-key", "FILE", "its key (PEM)"},
    {"--address", "ADDRESS",
     "our ILP address, if the node does not tell it (IL-DCP); with --asset"},
    {"--asset", "CODE/SCALE", "our asset and its scale, such as USD/9; with --address"},
    {"--json", NULL, "print JSON: one object on each line"},
    {"--quiet", NULL, "print only errors (-q)"},
    {"--verbose", NULL, "print more about what happens (-v)"},
    {"--color", "WHEN",
     "auto, always or never; NO_COLOR in the environment means never. Default: auto"},
    {"--help", NULL, "explain the command (-h)"},
    {NULL, NULL, NULL},
};

/* The place of an option in args->values, and its description; NULL if there is no such option. */
const cli_option *cli_find_option(const cli_command *command, const char *name, size_t len,
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

const char *cli_value(const cli_args *args, const char *name)
{
    size_t place = 0;
    const cli_option *option = cli_find_option(args->command, name, strlen(name), &place);
    assert(option);
    return option ? args->values[place] : NULL;
}

bool cli_quiet(const cli_args *args)
{
    return cli_value(args, "--quiet") != NULL;
}

bool cli_verbose(const cli_args *args)
{
    return cli_value(args, "--verbose") != NULL;
}
