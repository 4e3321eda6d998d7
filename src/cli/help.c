/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/cli.h"

static void print_options(FILE *out, const cli_option *options)
{
    for (; options && options->name; options++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", options->name, options->value ? " " : "",
                 options->value ? options->value : "");
        fprintf(out, "  %-22s %s\n", left, options->help);
    }
}

static void print_overview(FILE *out)
{
    fputs("rill - send and receive money and data over Interledger (STREAM)\n\n"
          "usage: rill COMMAND [OPTIONS]\n\ncommands:\n",
          out);
    for (const cli_command *const *c = cli_commands; *c; c++)
        fprintf(out, "  %-10s %s\n", (*c)->name, (*c)->summary);
    fputs("\noptions of every command:\n", out);
    print_options(out, cli_common_options);
    fputs(
        "\n\"rill help COMMAND\" tells more about one.\n\n"
        "Without --link the environment names the node, as for ilp-plugin: ILP_CREDENTIALS,\n"
        "ILP_BTP_SERVER, else localhost port 7768 with a fresh random token. \"rilld local\"\n"
        "starts a node there. A link's URI holds a secret: put it into the environment or into\n"
        "a file, for the arguments of a program can be seen by others until it has read them.\n\n"
        "Amounts are whole numbers of an account's smallest unit; \"rill info\" tells its scale:\n"
        "at asset scale 9, one XRP is 1000000000 units.\n\n"
        "exit codes: 0 done, 1 incomplete, 2 usage, 3 the node cannot be reached\n",
        out);
}

void cli_print_help(FILE *out, const cli_command *command)
{
    if (!command) {
        print_overview(out);
        return;
    }
    fprintf(out, "rill %s - %s\n\nusage: rill %s %s\n\n%s\n", command->name, command->summary,
            command->name, command->usage, command->about);
    if (command->options && command->options->name) {
        fputs("\noptions:\n", out);
        print_options(out, command->options);
    }
    fputs("\noptions of every command:\n", out);
    print_options(out, cli_common_options);
}

static int run_help(const cli_args *args)
{
    if (!args->operand) {
        print_overview(stdout);
        return CLI_DONE;
    }
    const cli_command *command = cli_find_command(args->operand);
    if (!command) {
        char name[64];
        cli_escape(name, sizeof name, (const uint8_t *)args->operand, strlen(args->operand));
        cli_error(NULL, "there is no command \"%s\"; \"rill help\" lists the commands", name);
        return CLI_USAGE;
    }
    cli_print_help(stdout, command);
    return CLI_DONE;
}

const cli_command cli_help = {
    .name = "help",
    .summary = "explain a command",
    .usage = "[COMMAND]",
    .about = "Explains all commands, or one.",
    .operand = "[COMMAND]",
    .run = run_help,
};
