/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/uri_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <rill/crypto.h>
#include <rill/error.h>

enum { MAX_URI = 4096 };

/* A pipe has nobody else at its end. */
static bool is_readable(FILE *file)
{
    struct stat status;
    return fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode) &&
           (status.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

const char *cli_uri_read(const char *path, char **uri, bool *readable)
{
    *uri = NULL;
    *readable = false;
    FILE *file = fopen(path, "r");
    if (!file)
        return strerror(errno);
    /* Unbuffered, since the buffer of the C library would keep the secret. */
    setvbuf(file, NULL, _IONBF, 0);
    *readable = is_readable(file);
    char line[MAX_URI];
    bool read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    size_t len = read ? strlen(line) : 0;
    while (len > 0 && strchr(" \t\r\n", line[len - 1]))
        line[--len] = '\0';
    char *start = line;
    while (len > 0 && strchr(" \t", *start)) {
        start++;
        len--;
    }
    if (len > 0)
        *uri = strdup(start);
    rill_wipe(line, sizeof line);
    if (len == 0)
        return "holds no URI";
    return *uri ? NULL : rill_strerror(RILL_ERR_NOMEM);
}

void cli_uri_free(char *uri)
{
    if (uri)
        rill_wipe(uri, strlen(uri));
    free(uri);
}
