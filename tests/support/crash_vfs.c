/* SPDX-License-Identifier: Apache-2.0 */
#include "support/crash_vfs.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { FILES = 8, SECTOR = 512, PENDING = 4096, PATH = 64 };

/* A write that the disk may not have. data NULL: a truncation to offset. */
typedef struct unsynced {
    size_t offset;
    size_t len;
    uint8_t *data;
} unsynced;

typedef struct content {
    char path[PATH]; /* empty: no such file */
    uint8_t *now;    /* what was written */
    size_t len;
    uint8_t *disk; /* what a crash cannot take */
    size_t disk_len;
    unsynced pending[PENDING];
    size_t pending_count;
} content;

typedef struct open_file {
    sqlite3_file base; /* first */
    content *of;
    unsigned life; /* dead if it is not the file system's */
} open_file;

static content files[FILES];
static unsigned life;
static unsigned operations;
static unsigned fail_at; /* 0: none */
static unsigned fail_count;
static int fail_code;

static content *find(const char *path, bool create)
{
    content *empty = NULL;
    for (size_t i = 0; i < FILES; i++) {
        if (strcmp(files[i].path, path) == 0)
            return &files[i];
        if (files[i].path[0] == '\0' && empty == NULL)
            empty = &files[i];
    }
    if (!create)
        return NULL;
    assert(empty != NULL && strlen(path) < PATH);
    strcpy(empty->path, path);
    return empty;
}

static void resize(uint8_t **data, size_t *len, size_t to)
{
    if (to > *len) {
        *data = realloc(*data, to);
        assert(*data != NULL);
        memset(*data + *len, 0, to - *len);
    }
    *len = to;
}

static void put(uint8_t **data, size_t *len, const unsynced *w, size_t bytes)
{
    if (w->data == NULL) {
        resize(data, len, w->offset);
        return;
    }
    if (w->offset + bytes > *len)
        resize(data, len, w->offset + bytes);
    memcpy(*data + w->offset, w->data, bytes);
}

static void forget_pending(content *c)
{
    for (size_t i = 0; i < c->pending_count; i++)
        free(c->pending[i].data);
    c->pending_count = 0;
}

static void take_away(content *c)
{
    forget_pending(c);
    free(c->now);
    free(c->disk);
    *c = (content){.path = ""};
}

static bool fails(int *code)
{
    operations++;
    if (fail_at == 0 || --fail_at > 0)
        return false;
    *code = fail_code;
    if (fail_count > 0) {
        fail_count--;
        fail_at = 1;
    }
    return true;
}

void crash_vfs_reset(void)
{
    for (size_t i = 0; i < FILES; i++)
        take_away(&files[i]);
    life++;
    operations = 0;
    fail_at = 0;
}

void crash_vfs_fail(unsigned n, unsigned more, int sqlite_code)
{
    fail_at = n;
    fail_count = more;
    fail_code = sqlite_code;
}

unsigned crash_vfs_operations(void)
{
    return operations;
}

static uint64_t next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

void crash_vfs_power_loss(uint64_t seed)
{
    uint64_t state = seed;
    life++;
    fail_at = 0;
    for (size_t i = 0; i < FILES; i++) {
        content *c = &files[i];
        /* All, none, or each by itself. */
        uint64_t how = next(&state) % 4;
        for (size_t k = 0; k < c->pending_count; k++) {
            const unsynced *w = &c->pending[k];
            size_t bytes = w->len;
            if (how == 0 || (how > 1 && next(&state) % 2 == 0))
                continue;
            if (how == 3 && bytes > SECTOR && next(&state) % 4 == 0)
                bytes = (size_t)(next(&state) % (bytes / SECTOR)) * SECTOR; /* torn */
            put(&c->disk, &c->disk_len, w, bytes);
        }
        forget_pending(c);
        resize(&c->now, &c->len, c->disk_len);
        if (c->disk_len > 0)
            memcpy(c->now, c->disk, c->disk_len);
    }
}

void crash_vfs_kill(void)
{
    life++;
    fail_at = 0;
}

void crash_vfs_put(const char *path, const uint8_t *data, size_t len)
{
    const unsynced w = {0, len, (uint8_t *)(uintptr_t)data};
    content *c = find(path, true);
    forget_pending(c);
    resize(&c->now, &c->len, len);
    resize(&c->disk, &c->disk_len, len);
    if (len > 0) {
        put(&c->now, &c->len, &w, len);
        put(&c->disk, &c->disk_len, &w, len);
    }
}

const uint8_t *crash_vfs_get(const char *path, size_t *len)
{
    const content *c = find(path, false);
    *len = c == NULL ? 0 : c->len;
    return c == NULL ? NULL : c->now;
}

bool crash_vfs_damage(const char *path, uint64_t offset)
{
    content *c = find(path, false);
    if (c == NULL || offset >= c->len)
        return false;
    c->now[offset] ^= 0x55;
    return true;
}

/* ---- what SQLite calls ---- */

static bool dead(const open_file *f)
{
    return f->life != life;
}

static int file_close(sqlite3_file *file)
{
    (void)file;
    return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *out, int amount, sqlite3_int64 offset)
{
    const open_file *f = (const open_file *)file;
    size_t at = (size_t)offset;
    size_t want = (size_t)amount;
    if (dead(f))
        return SQLITE_IOERR_READ;
    size_t have = at >= f->of->len ? 0 : f->of->len - at;
    if (have > want)
        have = want;
    if (have > 0)
        memcpy(out, f->of->now + at, have);
    memset((uint8_t *)out + have, 0, want - have);
    return have == want ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static void keep_pending(content *c, size_t offset, const void *data, size_t len)
{
    assert(c->pending_count < PENDING);
    unsynced *w = &c->pending[c->pending_count++];
    *w = (unsynced){offset, len, NULL};
    if (data != NULL) {
        w->data = malloc(len);
        assert(w->data != NULL);
        memcpy(w->data, data, len);
    }
    put(&c->now, &c->len, w, len);
}

static int file_write(sqlite3_file *file, const void *data, int amount, sqlite3_int64 offset)
{
    open_file *f = (open_file *)file;
    int code = SQLITE_IOERR_WRITE;
    if (dead(f) || fails(&code))
        return code;
    keep_pending(f->of, (size_t)offset, data, (size_t)amount);
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    open_file *f = (open_file *)file;
    int code = SQLITE_IOERR_TRUNCATE;
    if (dead(f) || fails(&code))
        return code;
    keep_pending(f->of, (size_t)size, NULL, 0);
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *file, int flags)
{
    open_file *f = (open_file *)file;
    int code = SQLITE_IOERR_FSYNC;
    (void)flags;
    if (dead(f) || fails(&code))
        return code;
    content *c = f->of;
    forget_pending(c);
    resize(&c->disk, &c->disk_len, c->len);
    if (c->len > 0)
        memcpy(c->disk, c->now, c->len);
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    const open_file *f = (const open_file *)file;
    if (dead(f))
        return SQLITE_IOERR_FSTAT;
    *size = (sqlite3_int64)f->of->len;
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *file, int kind)
{
    (void)file;
    (void)kind;
    return SQLITE_OK;
}

static int file_reserved(sqlite3_file *file, int *out)
{
    (void)file;
    *out = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    (void)file;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *file)
{
    (void)file;
    return SECTOR;
}

static int file_traits(sqlite3_file *file)
{
    (void)file;
    return 0; /* it promises nothing */
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_lock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
};

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out)
{
    open_file *f = (open_file *)file;
    (void)vfs;
    f->base.pMethods = NULL;
    content *c = find(path, (flags & SQLITE_OPEN_CREATE) != 0);
    if (c == NULL)
        return SQLITE_CANTOPEN;
    f->base.pMethods = &methods;
    f->of = c;
    f->life = life;
    if (out != NULL)
        *out = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
    (void)vfs;
    (void)sync;
    content *c = find(path, false);
    if (c == NULL)
        return SQLITE_IOERR_DELETE_NOENT;
    take_away(c);
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    (void)vfs;
    (void)flags;
    const content *c = find(path, false);
    *out = c != NULL && c->len > 0;
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
    (void)vfs;
    if (strlen(path) >= (size_t)size)
        return SQLITE_CANTOPEN;
    strcpy(out, path);
    return SQLITE_OK;
}

static int vfs_random(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs;
    memset(out, 7, (size_t)size); /* the same in each run of a seed */
    return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static int vfs_time(sqlite3_vfs *vfs, double *out)
{
    (void)vfs;
    *out = 2460000.5;
    return SQLITE_OK;
}

void crash_vfs_register(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 1,
        .szOsFile = sizeof(open_file),
        .mxPathname = PATH,
        .zName = CRASH_VFS,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_random,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
    };
    int rc = sqlite3_vfs_register(&vfs, 0);
    assert(rc == SQLITE_OK);
    (void)rc;
}
