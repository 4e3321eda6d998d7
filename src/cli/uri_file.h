/* SPDX-License-Identifier: Apache-2.0 */
/* A URI with a token in it, in a file: `--link @FILE`, `--uplink @FILE`. */
#ifndef RILL_CLI_URI_FILE_H
#define RILL_CLI_URI_FILE_H

#include <stdbool.h>

/*
 * The first line of a file, without white space around it, into *uri, which is the caller's: it is
 * wiped and freed by cli_uri_free. *readable: others than its owner can read the file. NULL; or why
 * there is none, valid until the next call of the C library, and then *uri is NULL.
 */
const char *cli_uri_read(const char *path, char **uri, bool *readable);
/* NULL: nothing happens. */
void cli_uri_free(char *uri);

#endif
