/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials in files, or on standard input and output, and one line about what is wrong. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <rill/credentials_file.h>

#include "cli/cli.h"

#define MAX_INPUT 16384

static int fail(char *problem, size_t cap, int error, const char *path, const char *why)
{
    char shown[128];
    cli_escape(shown, sizeof shown, (const uint8_t *)path, strlen(path));
    snprintf(problem, cap, "%s: %s", strcmp(path, "-") == 0 ? "standard input" : shown, why);
    return error;
}

/* 0, or errno. */
static int read_input(char *buf, size_t cap, size_t *len)
{
    *len = 0;
    while (*len < cap) {
        ssize_t n = read(STDIN_FILENO, buf + *len, cap - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0)
            break;
        *len += (size_t)n;
    }
    return 0;
}

static int load_input(rill_credentials *out, const char **wrong)
{
    char text[MAX_INPUT];
    size_t len;
    int error = read_input(text, sizeof text, &len);
    int rc = RILL_ERR_IO;
    if (error == 0)
        rc = rill_credentials_decode(out, text, len < sizeof text ? len : 0, wrong);
    rill_wipe(text, sizeof text);
    errno = error;
    return rc;
}

int cli_credentials_load(const char *path, rill_credentials *out, char *problem, size_t cap)
{
    const char *wrong = NULL;
    int rc =
        strcmp(path, "-") == 0 ? load_input(out, &wrong) : rill_credentials_load(out, path, &wrong);
    if (rc == RILL_OK)
        return RILL_OK;
    return fail(problem, cap, rc, path, wrong ? wrong : strerror(errno));
}

static int load_secret_input(uint8_t out[RILL_SHARED_SECRET_LEN])
{
    char text[256];
    size_t len;
    int error = read_input(text, sizeof text, &len);
    int rc = error != 0 ? RILL_ERR_IO : rill_server_secret_decode(out, text, len);
    rill_wipe(text, sizeof text);
    errno = error;
    return rc;
}

int cli_secret_load(const char *path, uint8_t out[RILL_SHARED_SECRET_LEN], char *problem,
                    size_t cap)
{
    int rc = strcmp(path, "-") == 0 ? load_secret_input(out) : rill_server_secret_load(out, path);
    if (rc == RILL_OK)
        return RILL_OK;
    return fail(problem, cap, rc, path,
                rc == RILL_ERR_IO
                    ? strerror(errno)
                    : "is not 32 bytes in base64, as \"openssl rand -base64 32\" writes them");
}

/* 0, or errno. */
static int write_output(const char *text, size_t len)
{
    fflush(stdout);
    while (len > 0) {
        ssize_t n = write(STDOUT_FILENO, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        text += n;
        len -= (size_t)n;
    }
    return 0;
}

static int save_output(const rill_credentials *credentials)
{
    char text[RILL_CREDENTIALS_TEXT_MAX];
    size_t len;
    int rc = rill_credentials_encode(credentials, text, sizeof text, &len);
    if (rc != RILL_OK)
        return rc;
    int error = write_output(text, len);
    rill_wipe(text, sizeof text);
    errno = error;
    return error == 0 ? RILL_OK : RILL_ERR_IO;
}

int cli_credentials_save(const char *path, const rill_credentials *credentials, char *problem,
                         size_t cap)
{
    bool output = strcmp(path, "-") == 0;
    int rc = output ? save_output(credentials) : rill_credentials_save(path, credentials);
    if (rc == RILL_OK)
        return RILL_OK;
    const char *why = rc == RILL_ERR_IO ? strerror(errno) : rill_strerror(rc);
    char shown[128];
    cli_escape(shown, sizeof shown, (const uint8_t *)path, strlen(path));
    snprintf(problem, cap, "cannot write the credentials to %s: %s",
             output ? "standard output" : shown, why);
    return RILL_ERR_IO;
}
