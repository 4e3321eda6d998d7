/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include <rill/crypto.h>

void cli_free_secret(char *text)
{
    if (!text)
        return;
    rill_wipe(text, strlen(text));
    free(text);
}
