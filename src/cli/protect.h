/* SPDX-License-Identifier: Apache-2.0 */
/* What both programs do before anything else, since what they hold is worth money. */
#ifndef RILL_CLI_PROTECT_H
#define RILL_CLI_PROTECT_H

#include <stdbool.h>

/*
 * The standard files are open, if only to nowhere; no program that we start has
 * more rights than we; no core dump, and nobody of the same user reads our memory, unless
 * RILL_CORE_DUMPS=1 asks for it. False: the system refuses.
 */
bool cli_protect(void);

#endif
