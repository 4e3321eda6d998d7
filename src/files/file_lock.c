/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* flock */

#include "files/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

/* The file with that name is still the one that is locked. */
static bool is_there(int fd, const char *path)
{
    struct stat held, named;
    return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

/* The caller frees; NULL without memory. */
static char *name_of_lock(const char *path)
{
    static const char suffix[] = ".lock";
    size_t size = strlen(path) + sizeof suffix;
    char *name = rill_alloc(rill_allocator_default(), size);
    if (name)
        snprintf(name, size, "%s%s", path, suffix);
    return name;
}

static int take(const char *name, int *out)
{
    for (;;) {
        int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return errno;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            int error = errno;
            close(fd);
            return error;
        }
        if (is_there(fd, name)) {
            *out = fd;
            return 0;
        }
        close(fd); /* whoever had it has removed it */
    }
}

int rill_file_lock(const char *path, int *out)
{
    *out = -1;
    char *name = name_of_lock(path);
    int error = name ? take(name, out) : ENOMEM;
    rill_free(rill_allocator_default(), name);
    return error;
}

bool rill_file_lock_holds(const char *path, int lock)
{
    char *name = name_of_lock(path);
    bool holds = name && is_there(lock, name);
    rill_free(rill_allocator_default(), name);
    return holds;
}

void rill_file_unlock(const char *path, int lock)
{
    char *name = name_of_lock(path);
    /* If it was removed, it may be somebody else's now. */
    if (name && is_there(lock, name))
        (void)unlink(name);
    rill_free(rill_allocator_default(), name);
    close(lock);
}
