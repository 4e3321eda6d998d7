/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* flock */

#include "connector/packet_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rill/error.h>

#include "base/alloc.h"

struct rill_packet_folder {
    const rill_allocator *allocator;
    int folder;
    int lock;
};

static int folder_of(void *user)
{
    const rill_packet_folder *f = user;
    return f->folder;
}

static int list(void *user, void (*found)(void *found_user, const char *name), void *found_user)
{
    /* Of its own: closing it closes the descriptor. */
    int fd = openat(folder_of(user), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *all = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    if (all == NULL) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return -error;
    }
    errno = 0;
    while ((entry = readdir(all)) != NULL) {
        found(found_user, entry->d_name);
        errno = 0;
    }
    int error = errno;
    (void)closedir(all);
    return -error;
}

static int create(void *user, const char *name)
{
    int fd = openat(folder_of(user), name, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC,
                    S_IRUSR | S_IWUSR);
    return fd < 0 ? -errno : fd;
}

static int open_one(void *user, const char *name, bool writes)
{
    int fd = openat(folder_of(user), name,
                    (writes ? O_RDWR | O_APPEND : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

static void close_one(void *user, int file)
{
    (void)user;
    close(file);
}

static ptrdiff_t append(void *user, int file, const void *data, size_t len)
{
    ssize_t n;
    (void)user;
    do
        n = write(file, data, len);
    while (n < 0 && errno == EINTR);
    return n > 0 ? n : n == 0 ? -ENOSPC : -errno;
}

static ptrdiff_t read_at(void *user, int file, void *data, size_t len, uint64_t offset)
{
    ssize_t n;
    (void)user;
    do
        n = pread(file, data, len, (off_t)offset);
    while (n < 0 && errno == EINTR);
    return n >= 0 ? n : -errno;
}

static int64_t size_of(void *user, int file)
{
    struct stat found;
    (void)user;
    return fstat(file, &found) == 0 ? (int64_t)found.st_size : -errno;
}

static int cut(void *user, int file, uint64_t size)
{
    (void)user;
    return ftruncate(file, (off_t)size) == 0 ? 0 : -errno;
}

static int remove_one(void *user, const char *name)
{
    return unlinkat(folder_of(user), name, 0) == 0 ? 0 : -errno;
}

/* ---- the folder ---- */

static int lock_it(rill_packet_folder *f, char *problem)
{
    f->lock = openat(f->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (f->lock >= 0 && flock(f->lock, LOCK_EX | LOCK_NB) == 0)
        return RILL_OK;
    if (f->lock >= 0 && errno == EWOULDBLOCK) {
        (void)snprintf(problem, RILL_PACKET_FILES_PROBLEM, "another node logs its packets there");
        return RILL_ERR_STATE;
    }
    (void)snprintf(problem, RILL_PACKET_FILES_PROBLEM, "%s", strerror(errno));
    return RILL_ERR_IO;
}

int rill_packet_folder_open(rill_packet_folder **out, const rill_allocator *allocator,
                            const char *path, char *problem)
{
    rill_packet_folder *f = rill_calloc(allocator, 1, sizeof *f);
    if (f == NULL) {
        (void)snprintf(problem, RILL_PACKET_FILES_PROBLEM, "out of memory");
        return RILL_ERR_NOMEM;
    }
    f->allocator = allocator;
    f->lock = -1;
    int error = mkdir(path, S_IRWXU) == 0 || errno == EEXIST ? 0 : errno;
    f->folder = error != 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (error == 0 && f->folder < 0)
        error = errno;
    int rc = error == 0 ? lock_it(f, problem) : RILL_ERR_IO;
    if (error != 0)
        (void)snprintf(problem, RILL_PACKET_FILES_PROBLEM, "%s", strerror(error));
    if (rc != RILL_OK)
        rill_packet_folder_close(f);
    else
        *out = f;
    return rc;
}

void rill_packet_folder_close(rill_packet_folder *f)
{
    if (f == NULL)
        return;
    if (f->lock >= 0)
        close(f->lock);
    if (f->folder >= 0)
        close(f->folder);
    rill_free(f->allocator, f);
}

void rill_packet_folder_files(rill_packet_folder *f, rill_packet_files *out)
{
    *out = (rill_packet_files){
        .list = list,
        .create = create,
        .open = open_one,
        .close = close_one,
        .append = append,
        .read_at = read_at,
        .size = size_of,
        .truncate = cut,
        .remove = remove_one,
        .user = f,
    };
}
