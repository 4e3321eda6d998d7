/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <rill/api.h>
#include <signal.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/protect.h"

static int unknown_command(const char *word)
{
    if (word[0] != '-')
        return cli_unknown(NULL, "command", word, strlen(word), cli_meant_command(word));
    for (const cli_option *o = cli_common_options; o->name; o++) {
        if (strcmp(o->name, word) == 0) {
            cli_error(NULL, "a command comes first: \"rill COMMAND %s ...\"; see \"rill help\"",
                      word);
            return CLI_USAGE;
        }
    }
    return cli_unknown(NULL, "option", word, strcspn(word, "="), NULL);
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int run(const cli_command *command, int argc, char **argv)
{
    cli_args args;
    int code = cli_args_parse(&args, command, argc, argv);
    if (code == CLI_DONE && args.help)
        cli_print_help(stdout, command);
    else if (code == CLI_DONE)
        code = command->run(&args);
    cli_args_clear(&args);
    if (!cli_flush(command) && code == CLI_DONE)
        code = CLI_INCOMPLETE;
    return code;
}

int main(int argc, char **argv)
{
    /*
     * A reader that went away and a full disk are errors to report, and must not end the process.
     */
    signal(SIGPIPE, SIG_IGN);
#ifdef SIGXFSZ
    signal(SIGXFSZ, SIG_IGN);
#endif
    cli_wipe_json();
    /* Even if the other arguments are wrong. */
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            cli_json_errors();
    if (!cli_protect()) {
        cli_error(
            NULL,
            "not started: the system does not let rill protect its memory from other processes");
        return CLI_INCOMPLETE;
    }
    if (argc < 2) {
        cli_print_help(stderr, NULL);
        return CLI_USAGE;
    }
    if (asks_for_help(argv[1])) {
        cli_print_help(stdout, NULL);
        return cli_flush(NULL) ? CLI_DONE : CLI_INCOMPLETE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("rill %s\n", RILL_VERSION);
        return cli_flush(NULL) ? CLI_DONE : CLI_INCOMPLETE;
    }
    const cli_command *command = cli_find_command(argv[1]);
    if (!command) {
        return unknown_command(argv[1]);
    }
    return run(command, argc - 2, argv + 2);
}
