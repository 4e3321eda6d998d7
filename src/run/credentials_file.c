/* SPDX-License-Identifier: Apache-2.0 */
/* rill/credentials_file.h. */
#include <errno.h>
#include <string.h>

#include "crypto/crypto.h"
#include "files/file.h"
#include <rill/credentials_file.h>
#include <rill/error.h>

#define MAX_FILE 16384

int rill_credentials_load(rill_credentials *out, const char *path, const char **problem)
{
    char text[MAX_FILE];
    size_t len = 0;
    memset(out, 0, sizeof *out);
    if (problem)
        *problem = NULL;
    int error = rill_file_read(path, text, sizeof text, &len, NULL);
    int rc = RILL_ERR_IO;
    /* A file that fills the buffer has no end that we know: it is cut off, and malformed. */
    if (error == 0)
        rc = rill_credentials_decode(out, text, len < sizeof text ? len : 0, problem);
    rill_wipe(text, sizeof text);
    errno = error;
    return rc;
}

int rill_server_secret_load(uint8_t out[RILL_SHARED_SECRET_LEN], const char *path)
{
    char text[256];
    size_t len = 0;
    memset(out, 0, RILL_SHARED_SECRET_LEN);
    int error = rill_file_read(path, text, sizeof text, &len, NULL);
    int rc = error != 0 ? RILL_ERR_IO : rill_server_secret_decode(out, text, len);
    rill_wipe(text, sizeof text);
    errno = error;
    return rc;
}

int rill_credentials_save(const char *path, const rill_credentials *in)
{
    char text[RILL_CREDENTIALS_TEXT_MAX];
    size_t len;
    int rc = rill_credentials_encode(in, text, sizeof text, &len);
    if (rc != RILL_OK)
        return rc;
    int error = rill_file_replace(path, text, len);
    rill_wipe(text, sizeof text);
    errno = error;
    if (error == ENOMEM)
        return RILL_ERR_NOMEM;
    return error == 0 ? RILL_OK : RILL_ERR_IO;
}
