/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the examples pass a server's credentials to its client: a file, the same
 * that `rill receive` writes and `rill send` reads. A real service hands them
 * out over HTTPS.
 */
#ifndef EXAMPLE_CREDENTIALS_H
#define EXAMPLE_CREDENTIALS_H

#include <rill/credentials.h>

/* Readable by ourselves alone. False, with a line on stderr, where it cannot. */
bool save_credentials(const char *path, const rill_credentials *credentials);
bool load_credentials(const char *path, rill_credentials *credentials);

#endif
