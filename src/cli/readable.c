/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"

void cli_warn_readable(const cli_args *args, const char *path, const char *holds)
{
    struct stat status;
    if (strcmp(path, "-") == 0 || stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return;
    if ((status.st_mode & (S_IRGRP | S_IROTH)) == 0)
        return;
    char shown[256];
    cli_escape(shown, sizeof shown, (const uint8_t *)path, strlen(path));
    cli_warn(args, "others can read %s, which holds %s (mode %04o): chmod 600 %s", shown, holds,
             (unsigned)(status.st_mode & 07777), shown);
}
