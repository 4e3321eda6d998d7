/* SPDX-License-Identifier: Apache-2.0 */
/* Files with credentials and secrets in them, as text (rill/credentials.h). */
#ifndef RILL_CREDENTIALS_FILE_H
#define RILL_CREDENTIALS_FILE_H

#include <rill/credentials.h>

RILL_BEGIN_DECLS

/*
 * Writes the credentials to the file at path, which only its owner can read and write (mode 0600).
 * All or nothing: a new file takes the place of an old one in one step, or nothing has changed.
 * RILL_ERR_IO: errno says why; RILL_ERR_ADDRESS, RILL_ERR_NOMEM.
 */
RILL_API RILL_MUST_CHECK int rill_credentials_save(const char *path, const rill_credentials *in);

/*
 * Reads them back. Who can read the file is not looked at.
 * RILL_ERR_IO: errno says why; RILL_ERR_MALFORMED: as rill_credentials_decode, or the file is
 * longer than 16 KiB.
 */
RILL_API RILL_MUST_CHECK int rill_credentials_load(rill_credentials *out, const char *path,
                                                   const char **problem);

/*
 * Reads a server's secret from a file, such as "openssl rand -base64 32" writes.
 * RILL_ERR_IO: errno says why; RILL_ERR_MALFORMED.
 */
RILL_API RILL_MUST_CHECK int rill_server_secret_load(uint8_t out[RILL_SHARED_SECRET_LEN],
                                                     const char *path);

RILL_END_DECLS

#endif
