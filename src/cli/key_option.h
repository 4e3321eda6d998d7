/* SPDX-License-Identifier: Apache-2.0 */
/* The key that --key and --key-id name. */
#ifndef RILL_CLI_KEY_OPTION_H
#define RILL_CLI_KEY_OPTION_H

#include <rill/http_signature.h>

#include "cli/cli.h"

typedef struct cli_key {
    rill_key *key; /* NULL: none was named; to be freed by rill_key_free */
    rill_signer signer;
    char id[RILL_KEY_THUMBPRINT_LEN + 1]; /* where --key-id names none */
} cli_key;

/*
 * Reads it: CLI_DONE, or CLI_USAGE with a line. out stays where it is, for its signer points into
 * it, and at the value of --key-id.
 */
int cli_key_load(const cli_args *args, cli_key *out);

#endif
