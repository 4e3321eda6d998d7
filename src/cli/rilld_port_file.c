/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/rilld_port_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/rilld_options.h"

enum { PIPE_PATIENCE_MS = 5000, PIPE_PAUSE_MS = 20 };

static int write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, text, len);
        if (written < 0 && errno != EINTR)
            return errno;
        if (written > 0) {
            text += written;
            len -= (size_t)written;
        }
    }
    return 0;
}

/* Writes and closes. Some file systems report a full disk only when a file is closed. */
static int write_and_close(int fd, const char *text, size_t len)
{
    int error = write_all(fd, text, len);
    if (close(fd) != 0 && error == 0)
        error = errno;
    return error;
}

/* Writes a temporary file and renames it, so that a reader never sees half of it. */
static int replace(rilld_port_file *f, const char *text, size_t len)
{
    char temporary[PATH_MAX];
    struct stat made;
    int size = snprintf(temporary, sizeof temporary, "%s.XXXXXX", f->path);
    if (size < 0 || (size_t)size >= sizeof temporary)
        return ENAMETOOLONG;
    int fd = mkstemp(temporary);
    if (fd < 0)
        return errno;
    /* A port is no secret, but mkstemp makes every file private. */
    int error = fchmod(fd, 0644) != 0 || fstat(fd, &made) != 0 ? errno : 0;
    int write_error = write_and_close(fd, text, len);
    if (error == 0)
        error = write_error;
    if (error == 0 && rename(temporary, f->path) != 0)
        error = errno;
    if (error != 0) {
        (void)unlink(temporary);
        return error;
    }
    f->device = made.st_dev;
    f->inode = made.st_ino;
    return 0;
}

/*
 * /dev/stdout and its like may lead to a file. The user wants us to write there, and not to replace
 * the system's link by a file of ours.
 */
static bool is_descriptor(const char *path)
{
    struct stat link;
    return lstat(path, &link) == 0 && S_ISLNK(link.st_mode) &&
           (strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0);
}

/* Opening a pipe would wait for its reader for ever, and no signal would end that. */
static int open_pipe(const char *path)
{
    const struct timespec pause = {.tv_nsec = PIPE_PAUSE_MS * 1000000L};
    for (int waited = 0;; waited += PIPE_PAUSE_MS) {
        int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 || errno != ENXIO)
            return fd;
        if (waited >= PIPE_PATIENCE_MS) {
            errno = ETIMEDOUT;
            return -1;
        }
        (void)nanosleep(&pause, NULL);
    }
}

int rilld_port_file_write(rilld_port_file *f, const char *path, const uint16_t *ports, size_t count)
{
    char text[RILLD_MAX_LISTEN * 6 + 1] = "";
    size_t len = 0;
    struct stat there;
    *f = (rilld_port_file){.path = path};
    for (size_t i = 0; i < count && i < RILLD_MAX_LISTEN; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%u\n", (unsigned)ports[i]);
    if (stat(path, &there) != 0 || (S_ISREG(there.st_mode) && !is_descriptor(path)))
        return replace(f, text, len);
    /* We write to a pipe or a device (/dev/stdout), since renaming would replace it. */
    int fd = S_ISFIFO(there.st_mode) ? open_pipe(path)
                                     : open(path, O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC);
    return fd < 0 ? errno : write_and_close(fd, text, len);
}

void rilld_port_file_remove(rilld_port_file *f)
{
    struct stat there;
    if (f->inode != 0 && lstat(f->path, &there) == 0 && there.st_ino == f->inode &&
        there.st_dev == f->device)
        (void)unlink(f->path);
    f->inode = 0;
}
