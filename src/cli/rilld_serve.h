/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the node until a signal stops it. Returns rilld's exit code. */
#ifndef RILL_CLI_RILLD_SERVE_H
#define RILL_CLI_RILLD_SERVE_H

#include "cli/rilld_options.h"

int rilld_serve(const rilld_options *options);

#endif
