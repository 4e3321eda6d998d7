/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are memory, on a disk that does what it is told: for tests of the log of packets. */
#ifndef RILL_TESTS_PACKET_DISK_H
#define RILL_TESTS_PACKET_DISK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>
#include <errno.h>

#include "connector/packet_files.h"

enum { DISK_FILES = 5000, DISK_OPEN = 64 };

typedef enum disk_call {
    DISK_LIST,
    DISK_CREATE,
    DISK_OPENS,
    DISK_APPEND,
    DISK_READ,
    DISK_SIZE,
    DISK_TRUNCATE,
    DISK_REMOVE,
    DISK_CALLS
} disk_call;

typedef struct disk_file {
    char name[80];
    char *data;
    size_t len, cap;
    bool there;
} disk_file;

static struct packet_disk {
    disk_file files[DISK_FILES];
    size_t count;
    int open[DISK_OPEN]; /* which file, by its number; -1: none */
    size_t opened;
    size_t room;             /* bytes that still fit */
    size_t most;             /* bytes that one call takes */
    int refuses[DISK_CALLS]; /* errno of each call; 0: it does what it is asked */
    unsigned calls[DISK_CALLS];
    unsigned fail_at; /* the number of the call of any kind that fails; 0: none */
    unsigned all;
} folder;

static inline bool disk_fails(disk_call call, int *error)
{
    folder.calls[call]++;
    folder.all++;
    *error = folder.fail_at != 0 && folder.all == folder.fail_at ? EIO : folder.refuses[call];
    return *error != 0;
}

static inline void disk_reset(void)
{
    for (size_t i = 0; i < folder.count; i++)
        free(folder.files[i].data);
    memset(&folder, 0, sizeof folder);
    for (size_t i = 0; i < DISK_OPEN; i++)
        folder.open[i] = -1;
    folder.room = SIZE_MAX;
    folder.most = SIZE_MAX;
}

static inline disk_file *disk_find(const char *name)
{
    for (size_t i = 0; i < folder.count; i++) {
        if (folder.files[i].there && strcmp(folder.files[i].name, name) == 0)
            return &folder.files[i];
    }
    return NULL;
}

static inline size_t disk_number(void)
{
    size_t n = 0;
    for (size_t i = 0; i < folder.count; i++)
        n += folder.files[i].there;
    return n;
}

static inline size_t disk_bytes(void)
{
    size_t n = 0;
    for (size_t i = 0; i < folder.count; i++)
        n += folder.files[i].there ? folder.files[i].len : 0;
    return n;
}

/* The file that was made last; NULL: there is none. */
static inline disk_file *disk_last(void)
{
    disk_file *last = NULL;
    for (size_t i = 0; i < folder.count; i++) {
        if (folder.files[i].there && (last == NULL || strcmp(folder.files[i].name, last->name) > 0))
            last = &folder.files[i];
    }
    return last;
}

static inline int disk_handle(const disk_file *f)
{
    for (int i = 0; i < DISK_OPEN; i++) {
        if (folder.open[i] < 0) {
            folder.open[i] = (int)(f - folder.files);
            folder.opened++;
            return i;
        }
    }
    fail_msg("too many files are open");
    return -EMFILE;
}

static inline void disk_put(disk_file *f, const void *data, size_t len)
{
    if (f->len + len > f->cap) {
        f->cap = (f->len + len) * 2;
        f->data = realloc(f->data, f->cap);
        assert_non_null(f->data);
    }
    memcpy(f->data + f->len, data, len);
    f->len += len;
}

static inline disk_file *disk_make(const char *name, const char *text)
{
    assert_true(folder.count < DISK_FILES);
    disk_file *f = &folder.files[folder.count++];
    snprintf(f->name, sizeof f->name, "%s", name);
    f->there = true;
    if (text != NULL)
        disk_put(f, text, strlen(text));
    return f;
}

static inline int disk_on_list(void *user, void (*found)(void *u, const char *name), void *u)
{
    int error;
    (void)user;
    if (disk_fails(DISK_LIST, &error))
        return -error;
    for (size_t i = 0; i < folder.count; i++) {
        if (folder.files[i].there)
            found(u, folder.files[i].name);
    }
    return 0;
}

static inline int disk_on_create(void *user, const char *name)
{
    int error;
    (void)user;
    if (disk_fails(DISK_CREATE, &error))
        return -error;
    return disk_find(name) != NULL ? -EEXIST : disk_handle(disk_make(name, NULL));
}

static inline int disk_on_open(void *user, const char *name, bool writes)
{
    int error;
    const disk_file *f = disk_find(name);
    (void)user;
    (void)writes;
    if (disk_fails(DISK_OPENS, &error))
        return -error;
    return f == NULL ? -ENOENT : disk_handle(f);
}

static inline void disk_on_close(void *user, int file)
{
    (void)user;
    assert_true(folder.open[file] >= 0);
    folder.open[file] = -1;
    folder.opened--;
}

static inline ptrdiff_t disk_on_append(void *user, int file, const void *data, size_t len)
{
    int error;
    (void)user;
    if (disk_fails(DISK_APPEND, &error))
        return -error;
    size_t n = len < folder.most ? len : folder.most;
    n = n < folder.room ? n : folder.room;
    if (n == 0)
        return -ENOSPC;
    if (folder.room != SIZE_MAX)
        folder.room -= n;
    disk_put(&folder.files[folder.open[file]], data, n);
    return (ptrdiff_t)n;
}

static inline ptrdiff_t disk_on_read(void *user, int file, void *data, size_t len, uint64_t offset)
{
    int error;
    const disk_file *f = &folder.files[folder.open[file]];
    (void)user;
    if (disk_fails(DISK_READ, &error))
        return -error;
    size_t left = offset < f->len ? f->len - (size_t)offset : 0;
    size_t n = len < left ? len : left;
    if (n > 0)
        memcpy(data, f->data + offset, n);
    return (ptrdiff_t)n;
}

static inline int64_t disk_on_size(void *user, int file)
{
    int error;
    (void)user;
    return disk_fails(DISK_SIZE, &error) ? -error : (int64_t)folder.files[folder.open[file]].len;
}

static inline int disk_on_truncate(void *user, int file, uint64_t size)
{
    int error;
    (void)user;
    if (disk_fails(DISK_TRUNCATE, &error))
        return -error;
    folder.files[folder.open[file]].len = (size_t)size;
    return 0;
}

static inline int disk_on_remove(void *user, const char *name)
{
    int error;
    disk_file *f = disk_find(name);
    (void)user;
    if (disk_fails(DISK_REMOVE, &error))
        return -error;
    if (f == NULL)
        return -ENOENT;
    f->there = false;
    return 0;
}

static const rill_packet_files disk_files = {
    .list = disk_on_list,
    .create = disk_on_create,
    .open = disk_on_open,
    .close = disk_on_close,
    .append = disk_on_append,
    .read_at = disk_on_read,
    .size = disk_on_size,
    .truncate = disk_on_truncate,
    .remove = disk_on_remove,
};

#endif
