/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials that `rill receive` gives to its payers. */
#ifndef RILL_CLI_HAND_OUT_H
#define RILL_CLI_HAND_OUT_H

#include "cli/cli.h"

/*
 * Writes `count` credentials: one to path, or several to path.1, path.2 and so on. If path is "-",
 * each goes to a line of standard output. If there are several, their numbers also follow tag (may
 * be NULL). say gets a line about each file; NULL: none. problem[cap] gets one line. RILL_ERR_IO,
 * RILL_ERR_TOO_LARGE (path, tag), and the errors of rill_server_generate_credentials.
 */
RILL_MUST_CHECK int cli_hand_out(rill_server *server, const char *path, const char *tag,
                                 uint64_t count, FILE *say, char *problem, size_t cap);

#endif
