/* SPDX-License-Identifier: Apache-2.0 */
/* How many files the process may have open. */
#ifndef RILL_CLI_RILLD_FILES_H
#define RILL_CLI_RILLD_FILES_H

#include <sys/resource.h>

/*
 * Raises the limit as far as it may. Each session is a file, and the usual limit of 1024 is less
 * than a few busy clients may need. Returns the limit; RLIM_INFINITY: there is none.
 */
rlim_t rilld_raise_file_limit(void);

#endif
