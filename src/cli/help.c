/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* winsize */

#include <string.h>
#include <sys/ioctl.h>

#include "cli/cli.h"
#include "cli/colour.h"
#include "cli/wrap.h"

/*
 * The width of the terminal. Without a terminal, or on a very wide one, a width that is easy to
 * read.
 */
static size_t columns(FILE *out)
{
    struct winsize size;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col < 100 ? size.ws_col : 100;
}

static void print_options(FILE *out, const cli_option *options)
{
    for (; options && options->name; options++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", options->name, options->value ? " " : "",
                 options->value ? options->value : "");
        size_t at = (size_t)fprintf(out, "  %-22s ", left);
        cli_wrap(out, options->help, 25, at, columns(out));
    }
}

static void heading(FILE *out, const char *text)
{
    fprintf(out, "\n%s%s:%s\n", cli_colour_on(out, CLI_BOLD), text, cli_colour_off(out));
}

static void print_indented(FILE *out, const char *lines)
{
    while (*lines) {
        size_t len = strcspn(lines, "\n");
        fprintf(out, "  %.*s\n", (int)len, lines);
        lines += len + (lines[len] == '\n');
    }
}

static void print_exit_status(FILE *out)
{
    heading(out, "exit status");
    fputs("  0  done\n"
          "  1  incomplete: not everything was sent, or something could not be written\n"
          "  2  wrong usage: an option, amount, URI or file is not valid; nothing was done\n"
          "  3  the node cannot be reached, or refuses the link\n",
          out);
}

static void print_overview(FILE *out)
{
    fputs("rill - send and receive money and data over Interledger (STREAM)\n\n"
          "usage: rill COMMAND [OPTIONS]\n",
          out);
    heading(out, "commands");
    for (const cli_command *const *c = cli_commands; *c; c++)
        fprintf(out, "  %-10s %s\n", (*c)->name, (*c)->summary);
    heading(out, "options of every command");
    print_options(out, cli_common_options);
    fputc('\n', out);
    cli_wrap(
        out,
        "\"rill help COMMAND\" explains one command.\n\n"
        "Without --link the environment names the node, as for ilp-plugin: ILP_CREDENTIALS, or\n"
        "ILP_BTP_SERVER. Without these rill connects to localhost, port 7768, with a new random\n"
        "token. \"rilld local\" starts a node there. The URI of a link contains a secret: put it "
        "into\n"
        "the environment or into a file, because others may see the arguments of a program.\n\n"
        "Amounts are whole numbers of an account's smallest unit. \"rill info\" shows its scale: "
        "at\n"
        "asset scale 9, one XRP is 1000000000 units.",
        0, 0, columns(out));
    print_exit_status(out);
}

void cli_print_help(FILE *out, const cli_command *command)
{
    if (!command) {
        print_overview(out);
        return;
    }
    fprintf(out, "rill %s - %s\n\nusage: rill %s %s\n\n", command->name, command->summary,
            command->name, command->usage);
    cli_wrap(out, command->about, 0, 0, columns(out));
    if (command->examples) {
        heading(out, "examples");
        print_indented(out, command->examples);
    }
    if (command->options && command->options->name) {
        heading(out, "options");
        print_options(out, command->options);
    }
    heading(out, "options of every command");
    print_options(out, cli_common_options);
    print_exit_status(out);
}

static int run_help(const cli_args *args)
{
    const char *name = args->operands[0];
    if (!name) {
        print_overview(stdout);
        return CLI_DONE;
    }
    const cli_command *command = cli_find_command(name);
    if (!command)
        return cli_unknown(NULL, "command", name, strlen(name), cli_meant_command(name));
    cli_print_help(stdout, command);
    return CLI_DONE;
}

const cli_command cli_help = {
    .name = "help",
    .summary = "explain a command",
    .usage = "[COMMAND]",
    .about = "Explains all commands, or one.",
    .operands = {"[COMMAND]"},
    .run = run_help,
};
