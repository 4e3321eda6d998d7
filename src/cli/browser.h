/* SPDX-License-Identifier: Apache-2.0 */
/* Shows a page in the person's browser. No shell sees its address. */
#ifndef RILL_CLI_BROWSER_H
#define RILL_CLI_BROWSER_H

#include "cli/cli.h"

typedef struct cli_browser cli_browser;

/*
 * Starts the first command of $BROWSER, or xdg-open, with url (http or https, without blanks).
 * failed is called from the loop when the command ends and says that it could not. NULL: there is
 * none to be started; *why is a static text.
 */
cli_browser *cli_browser_open(rill_loop *loop, const char *url,
                              void (*failed)(const char *command, void *user), void *user,
                              const char **why);
/* Forgets it, and leaves the browser alone. NULL is allowed. */
void cli_browser_close(cli_browser *browser);

#endif
