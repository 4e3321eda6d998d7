/* SPDX-License-Identifier: Apache-2.0 */
/* `rilld run` and `rilld check`: the connector of a configuration file. */
#ifndef RILL_CLI_RILLD_CONNECTOR_H
#define RILL_CLI_RILLD_CONNECTOR_H

#include "cli/rilld_options.h"

/* Runs it until a signal stops it. Returns rilld's exit code, as do the next two. */
int rilld_run(const rilld_options *options);
/* Says what is wrong with a configuration, or that nothing is. */
int rilld_check(const rilld_options *options);
/* Prints the JSON schema of configurations. */
int rilld_print_schema(void);

#endif
