/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "files/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

static bool is_exposed(int fd)
{
    struct stat about;
    return fstat(fd, &about) == 0 && S_ISREG(about.st_mode) &&
           (about.st_mode & (S_IRWXG | S_IRWXO)) != 0;
}

/* To the end of the file, or until cap is full. 0, or errno. */
static int read_all(int fd, char *buf, size_t cap, size_t *len)
{
    while (*len < cap) {
        ssize_t n = read(fd, buf + *len, cap - *len);
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

/* A named pipe to which nobody writes is empty, and is not waited for without a word. */
static int open_to_read(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    return fd;
}

int rill_file_read(const char *path, char *buf, size_t cap, size_t *len, bool *exposed)
{
    *len = 0;
    if (exposed)
        *exposed = false;
    int fd = open_to_read(path);
    if (fd < 0)
        return errno;
    int error = 0;
    if (exposed && is_exposed(fd))
        *exposed = true;
    else
        error = read_all(fd, buf, cap, len);
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
    size_t size = strlen(path) + sizeof suffix;
    char *name = rill_alloc(rill_allocator_default(), size);
    if (name)
        snprintf(name, size, "%s%s", path, suffix);
    return name;
}

/*
 * That the new name is on the disk too; a file system that cannot say so is believed, and a folder
 * that must not be read. 0, or errno.
 */
static int sync_folder(const char *path)
{
    size_t size = strlen(path) + 1;
    int error = 0;
    char *folder = rill_alloc(rill_allocator_default(), size);
    if (!folder)
        return ENOMEM;
    memcpy(folder, path, size);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        error = errno;
    if (fd >= 0)
        close(fd);
    rill_free(rill_allocator_default(), folder);
    return error == EINVAL || error == ENOTSUP || error == ENOSYS || error == EACCES ? 0 : error;
}

static int write_and_close(int fd, const char *text, size_t len)
{
    int error = write_all(fd, text, len);
    if (error == 0 && fsync(fd) != 0)
        error = errno;
    if (close(fd) != 0 && error == 0)
        error = errno;
    return error;
}

/* Gives a file that is written its name. Linking fails where the name is taken. 0, or errno. */
static int name_it(const char *temporary, const char *path, bool replaces)
{
    if (replaces)
        return rename(temporary, path) == 0 ? 0 : errno;
    int error = link(temporary, path) == 0 ? 0 : errno;
    (void)unlink(temporary);
    return error;
}

static int put(const char *path, const char *text, size_t len, bool replaces)
{
    char *temporary = temporary_name(path);
    if (!temporary)
        return ENOMEM;
    int fd = mkstemp(temporary); /* mode 0600 */
    int error = fd < 0 ? errno : write_and_close(fd, text, len);
    if (error == 0)
        error = name_it(temporary, path, replaces);
    if (error != 0 && fd >= 0)
        (void)unlink(temporary);
    else if (error == 0)
        error = sync_folder(path);
    rill_free(rill_allocator_default(), temporary);
    return error;
}

int rill_file_replace(const char *path, const char *text, size_t len)
{
    return put(path, text, len, true);
}

int rill_file_create(const char *path, const char *text, size_t len)
{
    return put(path, text, len, false);
}
