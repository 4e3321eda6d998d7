/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "run/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int rill_file_read(const char *path, char *buf, size_t cap, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
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
    close(fd);
    return error;
}

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

int rill_file_replace(const char *path, const char *text, size_t len)
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
