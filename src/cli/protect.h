/* SPDX-License-Identifier: Apache-2.0 */
/* What both programs do before anything else, since they hold secrets that are worth money. */
#ifndef RILL_CLI_PROTECT_H
#define RILL_CLI_PROTECT_H

#include <stdbool.h>

/*
 * Makes sure of four things. The standard files are open, if only to nowhere. No program that we
 * start gets more rights than we have. There is no core dump. Nobody of the same user can read our
 * memory. RILL_CORE_DUMPS=1 turns off the last two. False: the system refuses.
 */
bool cli_protect(void);

#endif
