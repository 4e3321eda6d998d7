/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials that `rill receive` gives its clients. */
#ifndef RILL_CLI_HAND_OUT_H
#define RILL_CLI_HAND_OUT_H

#include "cli/cli.h"

/*
 * Writes `count` credentials: one to path, more to path.1, path.2 and so on; or, where path is
 * "-", each to a line of standard output. Where there are several, their number follows tag
 * (may be NULL) in the same way. say: a line about each file; NULL: none. problem[cap] becomes one
 * line. RILL_ERR_IO, RILL_ERR_TOO_LARGE (path, tag), and as rill_server_credentials.
 */
RILL_MUST_CHECK int cli_hand_out(rill_server *server, const char *path, const char *tag,
                                 uint64_t count, FILE *say, char *problem, size_t cap);

#endif
