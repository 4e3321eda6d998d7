/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is there already where a copy of the books is to be, and is about to be replaced or taken
 * away. A database is asked for by SQLite's own locks: another process may run on it, and so may
 * this one, whose locks would end if the file were just opened and closed.
 */
#define _XOPEN_SOURCE 700 /* fstatat, openat */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rill/error.h>

#include "store/sqlite_impl.h"

bool rill_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* What the names of files end with that SQLite or the node has beside books. */
static const char *const besides[] = {"-wal", "-shm", "-journal", ".flights", ".key", ".sock"};
enum { BESIDES = sizeof besides / sizeof *besides };

const char *rill_backup_end_of_beside(const char *file)
{
    const size_t len = strlen(file);
    for (size_t i = 0; i < BESIDES; i++) {
        const size_t end = strlen(besides[i]);
        if (len > end && strcmp(file + len - end, besides[i]) == 0)
            return besides[i];
    }
    return NULL;
}

bool rill_backup_is_of_books(const rill_backup_folder *f, const struct stat *folder,
                             const char *file)
{
    char path[RILL_BACKUP_PATH];
    struct stat own;
    (void)snprintf(path, sizeof path, "%s", f->books);
    char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    const size_t len = strlen(name);
    if (strncmp(file, name, len) != 0)
        return false;
    bool one = file[len] == '\0';
    for (size_t i = 0; i < BESIDES; i++)
        one = one || strcmp(file + len, besides[i]) == 0;
    if (slash != NULL)
        slash[slash == path] = '\0';
    return one && stat(slash == NULL ? "." : path, &own) == 0 && rill_same_file(&own, folder);
}

/* A regular file, which is not the books themselves. RILL_ERR_NOT_FOUND, RILL_ERR_INVALID. */
static int find(const rill_backup_folder *f, const char *name)
{
    struct stat there;
    struct stat own;
    if (fstatat(f->fd, name, &there, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? RILL_ERR_NOT_FOUND : RILL_ERR_INVALID;
    return S_ISREG(there.st_mode) && stat(f->books, &own) == 0 && !rill_same_file(&own, &there)
               ? RILL_OK
               : RILL_ERR_INVALID;
}

int rill_backup_head_of(const rill_backup_folder *f, const char *name, void *head, size_t *len)
{
    int rc = find(f, name);
    if (rc != RILL_OK)
        return rc;
    int fd = openat(f->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return RILL_ERR_INVALID;
    ssize_t got = read(fd, head, *len);
    close(fd);
    *len = got < 0 ? 0 : (size_t)got;
    return got < 0 ? RILL_ERR_INVALID : RILL_OK;
}

/* SQLITE_BUSY: somebody has it open. */
static int lock(sqlite3_file *file)
{
    int rc = file->pMethods->xLock(file, SQLITE_LOCK_SHARED);
    if (rc != SQLITE_OK)
        return rc;
    /* One that may only be read cannot be had alone, but a node keeps it from being had at all. */
    rc = file->pMethods->xLock(file, SQLITE_LOCK_EXCLUSIVE);
    return rc == SQLITE_BUSY ? rc : SQLITE_OK;
}

/* The first bytes; where the file ends before, there are fewer. */
static int read_head(sqlite3_file *file, void *head, size_t *len)
{
    sqlite3_int64 size = 0;
    int rc = file->pMethods->xFileSize(file, &size);
    if (rc == SQLITE_OK && (uint64_t)size < *len)
        *len = (size_t)size;
    if (rc == SQLITE_OK && *len > 0)
        rc = file->pMethods->xRead(file, head, (int)*len, 0);
    return rc;
}

int rill_backup_hold(sqlite3 **out, const rill_backup_folder *f, const char *name, void *head,
                     size_t *len)
{
    char path[PATH_MAX + NAME_MAX + 2];
    sqlite3_file *file = NULL;
    *out = NULL;
    int error = find(f, name);
    if (error != RILL_OK)
        return error;
    (void)snprintf(path, sizeof path, "%s/%s", f->path, name);
    int rc = sqlite3_open_v2(
        path, out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_file_control(*out, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (rc == SQLITE_OK)
        rc = lock(file);
    if (rc == SQLITE_OK)
        rc = read_head(file, head, len);
    if (rc == SQLITE_OK)
        return RILL_OK;
    sqlite3_close(*out);
    *out = NULL;
    return rc == SQLITE_BUSY ? RILL_ERR_EXISTS : RILL_ERR_INVALID;
}

int rill_backup_make_place(sqlite3 **out, const rill_backup_folder *f, const char *name)
{
    char byte;
    size_t len = sizeof byte;
    *out = NULL;
    int fd = openat(f->fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? RILL_ERR_EXISTS : RILL_ERR_IO;
    close(fd);
    int rc = rill_backup_hold(out, f, name, &byte, &len);
    if (rc == RILL_OK && len == 0)
        return RILL_OK;
    sqlite3_close(*out);
    *out = NULL;
    return RILL_ERR_EXISTS;
}
