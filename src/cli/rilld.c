/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <rill/api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/protect.h"
#include "cli/rilld_connector.h"
#include "cli/rilld_log.h"
#include "cli/rilld_options.h"
#include "cli/rilld_serve.h"

/* If the help could not be written (a full disk), that is an error. */
static int printed(void)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return RILLD_DONE;
    rilld_error("cannot write to standard output: %s", strerror(errno));
    return RILLD_FAILED;
}

int main(int argc, char **argv)
{
    rilld_options options;
    char problem[256];
    if (!cli_protect()) {
        rilld_error("cannot start: the system does not protect its memory");
        return RILLD_FAILED;
    }
    int rc = rilld_options_parse(&options, argc, argv, getenv, problem, sizeof problem);
    if (rc != RILLD_DONE) {
        rilld_error("%s", problem);
        return rc;
    }
    switch (options.command) {
    case RILLD_HELP:
        rilld_print_help();
        return printed();
    case RILLD_LOCAL_HELP:
        rilld_print_local_help();
        return printed();
    case RILLD_RUN_HELP:
        rilld_print_run_help();
        return printed();
    case RILLD_SCHEMA:
        rc = rilld_print_schema();
        return rc != RILLD_DONE ? rc : printed();
    case RILLD_CHECK:
        rc = rilld_check(&options);
        return rc != RILLD_DONE ? rc : printed();
    case RILLD_RUN:
        return rilld_run(&options);
    case RILLD_VERSION:
        (void)printf("rilld %s\n", RILL_VERSION);
        return printed();
    case RILLD_LOCAL:
        break;
    }
    return rilld_serve(&options);
}
