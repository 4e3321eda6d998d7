/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "cli/cli.h"
#include "crypto/crypto.h"

#define MAX_FILE  16384
#define LINE_SIZE (RILL_ILP_MAX_ADDRESS + 128)

static int fail(char *problem, size_t cap, int error, const char *path, const char *why)
{
    char shown[128];
    cli_escape(shown, sizeof shown, (const uint8_t *)path, strlen(path));
    snprintf(problem, cap, "%s: %s", strcmp(path, "-") == 0 ? "standard input" : shown, why);
    return error;
}

/* ---- load ---- */

static int read_all(const char *path, char *buf, size_t cap, size_t *len)
{
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int error = 0;
    *len = 0;
    while (*len < cap) {
        ssize_t n = read(fd, buf + *len, cap - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            error = errno;
        if (n <= 0)
            break;
        *len += (size_t)n;
    }
    if (fd != STDIN_FILENO)
        close(fd);
    return error;
}

/* NULL, or what is wrong. */
static const char *decode(const json_t *json, rill_credentials *out)
{
    const char *account = json_string_value(json_object_get(json, "destination_account"));
    const char *secret = json_string_value(json_object_get(json, "shared_secret"));
    if (!account || !secret)
        return "holds no credentials: a JSON object with \"destination_account\" and "
               "\"shared_secret\", as \"rill receive\" writes it";
    rill_bytes address = {(const uint8_t *)account, strlen(account)};
    if (!rill_address_valid(address))
        return "\"destination_account\" is not an ILP address";
    size_t len = 0;
    if (rill_base64_decode(secret, strlen(secret), out->shared_secret, sizeof out->shared_secret,
                           &len) != RILL_OK ||
        len != sizeof out->shared_secret)
        return "\"shared_secret\" is not 32 bytes in base64";
    memcpy(out->destination_account, account, address.len + 1);
    return NULL;
}

int cli_credentials_load(const char *path, rill_credentials *out, char *problem, size_t cap)
{
    char text[MAX_FILE];
    size_t len = 0;
    int error = read_all(path, text, sizeof text, &len);
    if (error != 0)
        return fail(problem, cap, RILL_ERR_IO, path, strerror(error));
    json_t *json = len < sizeof text ? json_loadb(text, len, 0, NULL) : NULL;
    rill_wipe(text, sizeof text);
    const char *wrong = decode(json, out);
    json_decref(json);
    return wrong ? fail(problem, cap, RILL_ERR_MALFORMED, path, wrong) : RILL_OK;
}

int cli_secret_load(const char *path, uint8_t out[RILL_SHARED_SECRET_LEN], char *problem,
                    size_t cap)
{
    char text[256];
    size_t len = 0;
    size_t got = 0;
    int error = read_all(path, text, sizeof text, &len);
    if (error != 0)
        return fail(problem, cap, RILL_ERR_IO, path, strerror(error));
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        len--;
    bool good = rill_base64_decode(text, len, out, RILL_SHARED_SECRET_LEN, &got) == RILL_OK &&
                got == RILL_SHARED_SECRET_LEN;
    rill_wipe(text, sizeof text);
    if (good)
        return RILL_OK;
    rill_wipe(out, RILL_SHARED_SECRET_LEN);
    return fail(problem, cap, RILL_ERR_MALFORMED, path,
                "is not 32 bytes in base64, as \"openssl rand -base64 32\" writes them");
}

/* ---- save ---- */

static int write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        text += n;
        len -= (size_t)n;
    }
    return 0;
}

/* The name of a file in the same folder, so that renaming is one step; the caller frees. */
static char *temporary_name(const char *path)
{
    static const char suffix[] = ".XXXXXX";
    char *name = malloc(strlen(path) + sizeof suffix);
    if (name)
        sprintf(name, "%s%s", path, suffix);
    return name;
}

/* That the new name is on the disk too; a file system that cannot say so is believed. */
static void sync_folder(const char *path)
{
    char *folder = strdup(path);
    if (!folder)
        return;
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(folder);
}

static int replace_file(const char *path, const char *text, size_t len)
{
    char *temporary = temporary_name(path);
    if (!temporary)
        return ENOMEM;
    int fd = mkstemp(temporary); /* mode 0600 */
    if (fd < 0) {
        int error = errno;
        free(temporary);
        return error;
    }
    int error = write_all(fd, text, len);
    if (error == 0 && fsync(fd) != 0)
        error = errno;
    if (close(fd) != 0 && error == 0)
        error = errno;
    if (error == 0 && rename(temporary, path) != 0)
        error = errno;
    if (error != 0)
        (void)unlink(temporary);
    else
        sync_folder(path);
    free(temporary);
    return error;
}

int cli_credentials_save(const char *path, const rill_credentials *credentials, char *problem,
                         size_t cap)
{
    char secret[RILL_BASE64_SIZE(RILL_SHARED_SECRET_LEN)];
    char line[LINE_SIZE];
    rill_base64_encode(credentials->shared_secret, RILL_SHARED_SECRET_LEN, secret);
    /* An ILP address has nothing that JSON would escape. */
    int len =
        snprintf(line, sizeof line, "{\"destination_account\":\"%s\",\"shared_secret\":\"%s\"}\n",
                 credentials->destination_account, secret);
    rill_wipe(secret, sizeof secret);
    int error;
    if (strcmp(path, "-") == 0) {
        fflush(stdout);
        error = write_all(STDOUT_FILENO, line, (size_t)len);
    } else {
        error = replace_file(path, line, (size_t)len);
    }
    rill_wipe(line, sizeof line);
    if (error == 0)
        return RILL_OK;
    char shown[128];
    cli_escape(shown, sizeof shown, (const uint8_t *)path, strlen(path));
    snprintf(problem, cap, "cannot write the credentials to %s: %s",
             strcmp(path, "-") == 0 ? "standard output" : shown, strerror(error));
    return RILL_ERR_IO;
}
