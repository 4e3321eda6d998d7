/* SPDX-License-Identifier: Apache-2.0 */
/* Where things are that a configuration names: the operator's socket, and secrets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/crypto.h>
#include <rill/error.h>

#include "connector/config.h"
#include "files/file.h"

int rill_config_socket(const rill_config *config, char *out, size_t cap)
{
    const char *path = config->admin.socket;
    const char *folder = getenv("RUNTIME_DIRECTORY");
    int len;
    if (path != NULL)
        len = snprintf(out, cap, "%s", strcmp(path, "none") == 0 ? "" : path);
    else if (folder != NULL && folder[0] == '/')
        len = snprintf(out, cap, "%.*s/admin.sock", (int)strcspn(folder, ":"), folder);
    else
        len = snprintf(out, cap, "%s.sock", config->store.path);
    return len < 0 || (size_t)len >= cap ? RILL_ERR_BUFFER : RILL_OK;
}

/* ---- secrets ---- */

static int secret_of_file(const char *path, char *out, size_t cap)
{
    size_t len;
    int error = rill_file_read(path, out, cap, &len, NULL);
    if (error != 0)
        return error == ENOENT ? RILL_ERR_NOT_FOUND : RILL_ERR_IO;
    if (len == cap)
        return RILL_ERR_BUFFER;
    if (len > 0 && out[len - 1] == '\n')
        len--;
    if (len > 0 && out[len - 1] == '\r')
        len--;
    out[len] = '\0';
    return len == 0 || strlen(out) != len ? RILL_ERR_INVALID : RILL_OK;
}

int rill_config_secret(const char *where, char *out, size_t cap)
{
    int rc;
    if (strncmp(where, "file:", 5) == 0) {
        rc = secret_of_file(where + 5, out, cap);
    } else {
        const char *value = getenv(where + strlen("env:"));
        size_t len = value == NULL ? 0 : strlen(value);
        rc = value == NULL ? RILL_ERR_NOT_FOUND
             : len == 0    ? RILL_ERR_INVALID
             : len >= cap  ? RILL_ERR_BUFFER
                           : RILL_OK;
        if (rc == RILL_OK)
            memcpy(out, value, len + 1);
    }
    if (rc != RILL_OK)
        rill_wipe(out, cap);
    return rc;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool rill_config_token_hash(const char *where, uint8_t out[32])
{
    const size_t skip = strlen(RILL_CONFIG_HASH);
    if (strncmp(where, RILL_CONFIG_HASH, skip) != 0 || strlen(where) != skip + 64)
        return false;
    for (size_t i = 0; i < 32; i++) {
        int high = digit_of(where[skip + 2 * i]);
        int low = digit_of(where[skip + 2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool rill_config_same_webhooks(const rill_config_webhooks *a, const rill_config_webhooks *b)
{
    return same_text(a->url, b->url) && same_text(a->secret, b->secret) &&
           same_text(a->ca_file, b->ca_file) && a->insecure == b->insecure &&
           a->timeout == b->timeout && a->retry_after == b->retry_after;
}
