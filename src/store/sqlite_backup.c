/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of the books while they are written. Pages are copied in small steps between batches, by
 * the connection that writes: what is written to a page that is copied already goes into the copy,
 * too, so it never has to begin anew. It is of the moment of its last step.
 *
 * The steps write to the system's memory. What waits for the copy's disk is done by a thread of its
 * own, which makes the file, brings it to the disk a megabyte at a time, and gives it its name in
 * the end. While it has more to do than that, nothing is copied: so neither the books nor their
 * next fsync wait for what the copy has still to write.
 */
#define _XOPEN_SOURCE 700 /* realpath, openat, linkat */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "store/flights.h"
#include "store/sqlite_impl.h"

/* Pages of a step, and bytes that are not on the disk yet at which the next flush begins. */
enum { PAGES = 64, FLUSH = 1024 * 1024, NAME = 240 };

typedef enum task { NOTHING, MAKE, WRITE_BACK, KEEP } task;

struct rill_backup {
    const rill_allocator *allocator;
    rill_sqlite *s; /* NULL: it has left them */
    rill_store_look *look;
    enum { BEGINS, MAKING, COPIES, COPIED, KEEPING, FAILS } phase;
    int failed; /* why, in FAILS */
    char why[RILL_SQLITE_PROBLEM];
    sqlite3 *to;
    sqlite3_backup *copy;
    uint64_t unflushed; /* bytes */
    bool has_thread;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under the lock. */
    task task; /* the thread's */
    bool ending;
    bool asked; /* to be told when it is done */
    int rc;     /* of all that the thread has done */
    char problem[RILL_SQLITE_PROBLEM];
    /* The thread's; others look when it has nothing to do. */
    rill_backup_folder folder;
    char name[NAME];
    char partial[NAME + 16];
    int fd;
};

/* ---- what the thread does ---- */

static int say(rill_backup *b, int rc, const char *what)
{
    b->rc = rc;
    (void)snprintf(b->problem, sizeof b->problem, "%.300s: %.180s", b->look->path, what);
    return rc;
}

static int say_errno(rill_backup *b, int error)
{
    return say(b, RILL_ERR_IO, error == ENOSPC ? "the disk is full" : strerror(error));
}

/* What a copy that is not whole is called. */
static const char part[] = ".partial";

/* Into its folder and its name; the folder is made if that is wanted. */
static int find_folder(rill_backup *b)
{
    char path[RILL_BACKUP_PATH];
    (void)snprintf(path, sizeof path, "%s", b->look->path);
    char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return say(b, RILL_ERR_INVALID, "it is no name of a file");
    const size_t len = strlen(name);
    if (len >= sizeof b->name)
        return say(b, RILL_ERR_INVALID, "its name is too long");
    if (len >= sizeof part && strcmp(name + len + 1 - sizeof part, part) == 0)
        return say(b, RILL_ERR_INVALID, "so a part of a copy is called");
    memcpy(b->name, name, len + 1);
    memcpy(b->partial, name, len);
    memcpy(b->partial + len, part, sizeof part);
    if (slash != NULL)
        *slash = '\0';
    const char *folder = slash == NULL ? "." : slash == path ? "/" : path;
    if (b->look->make_folder && mkdir(folder, S_IRWXU) != 0 && errno != EEXIST)
        return say_errno(b, errno);
    /* Without links in it: SQLite opens it by its path, and follows none. */
    if (realpath(folder, b->folder.path) == NULL)
        return say_errno(b, errno);
    b->folder.fd = open(b->folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return b->folder.fd < 0 ? say_errno(b, errno) : RILL_OK;
}

/*
 * Only a copy of books is replaced, which nobody has open. *held: it, if it is there: until that is
 * closed, no node begins on it.
 */
static int hold_copy(rill_backup *b, sqlite3 **held)
{
    enum { HEADER = 72, ID = 68 };
    char header[HEADER];
    size_t len = HEADER;
    int rc = rill_backup_hold(held, &b->folder, b->name, header, &len);
    if (rc == RILL_ERR_NOT_FOUND)
        return RILL_OK;
    if (rc == RILL_ERR_EXISTS)
        return say(b, rc, "somebody has it open, such as a node that runs on it");
    if (rc == RILL_OK && len == HEADER && memcmp(header, "SQLite format 3", 16) == 0 &&
        memcmp(header + ID, "Rill", 4) == 0)
        return RILL_OK;
    sqlite3_close(*held);
    *held = NULL;
    return say(b, RILL_ERR_EXISTS, "what is there is no copy of books, and stays");
}

/*
 * What SQLite has beside a database, and a node beside its books. SQLite would play a log of an
 * older database into the copy. A node would take packets of another one for its own, and book
 * what they had fulfilled.
 */
static const uint64_t flights_begin = RILL_FLIGHTS_MAGIC;
static const struct beside {
    const char *end;
    size_t len; /* of the bytes that each such file begins with */
    const void *begins;
} besides[] = {{"-wal", 3, "\x37\x7f\x06"},
               {"-journal", 4, "\xd9\xd5\x05\xf9"},
               {".flights", sizeof flights_begin, &flights_begin}};
enum { BESIDES = sizeof besides / sizeof *besides };

/* *there: is this one there? False: it is there, and it is nothing that a node has left. */
static bool look_beside(const rill_backup *b, const struct beside *one, char name[NAME + 16],
                        bool *there)
{
    static const unsigned char zeros[8];
    unsigned char head[sizeof zeros];
    const size_t wanted = one->len < 4 ? 4 : one->len;
    (void)snprintf(name, NAME + 16, "%s%s", b->name, one->end);
    size_t len = wanted;
    const int rc = rill_backup_head_of(&b->folder, name, head, &len);
    *there = rc != RILL_ERR_NOT_FOUND;
    /* A log of which nothing counts any more begins with zeros, or is empty. */
    return !*there || (rc == RILL_OK &&
                       (len == 0 || (len == wanted && (memcmp(head, one->begins, one->len) == 0 ||
                                                       memcmp(head, zeros, wanted) == 0))));
}

/* RILL_ERR_EXISTS: one of an older database is there, and it is not to be replaced. */
static int judge_beside(rill_backup *b)
{
    char name[NAME + 16];
    char why[RILL_SQLITE_PROBLEM];
    for (size_t i = 0; i < BESIDES; i++) {
        bool there = false;
        const bool good = look_beside(b, &besides[i], name, &there);
        if (!there || (good && b->look->replace))
            continue;
        (void)snprintf(
            why, sizeof why, "a file of this name with \"%s\" at its end is there%s",
            besides[i].end,
            good ? ", of an older file: it would change the copy, and goes only with \"force\""
                 : ", which no node has left, and stays");
        return say(b, RILL_ERR_EXISTS, why);
    }
    return RILL_OK;
}

/* Before the copy has its name, and for good: else it would be read with them after a crash. */
static int clear_beside(rill_backup *b)
{
    char name[NAME + 16];
    bool any = false;
    int rc = judge_beside(b);
    for (size_t i = 0; rc == RILL_OK && i < BESIDES; i++) {
        bool there = false;
        if (!look_beside(b, &besides[i], name, &there) || !there)
            continue;
        any = true;
        if (unlinkat(b->folder.fd, name, 0) != 0 && errno != ENOENT)
            rc = say_errno(b, errno);
    }
    if (rc == RILL_OK && any && fsync(b->folder.fd) != 0)
        rc = say_errno(b, errno);
    return rc;
}

/* Does the part's name stand for our file still? Another node may have the same place for a copy.
 */
static bool has_part(const rill_backup *b)
{
    struct stat own;
    struct stat there;
    return fstat(b->fd, &own) == 0 &&
           fstatat(b->folder.fd, b->partial, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           rill_same_file(&own, &there);
}

static int judge(rill_backup *b)
{
    struct stat folder;
    struct stat there;
    if (fstat(b->folder.fd, &folder) != 0)
        return say_errno(b, errno);
    if ((folder.st_mode & S_IWOTH) != 0 && (folder.st_mode & S_ISVTX) == 0)
        return say(b, RILL_ERR_INVALID, "everybody may write in its folder");
    if (rill_backup_is_of_books(&b->folder, &folder, b->name))
        return say(b, RILL_ERR_INVALID, "this is a file of the books themselves");
    const char *end = rill_backup_end_of_beside(b->name);
    if (end != NULL) {
        char why[RILL_SQLITE_PROBLEM];
        (void)snprintf(
            why, sizeof why,
            "a file whose name ends with \"%s\" would be taken for one beside other books", end);
        return say(b, RILL_ERR_INVALID, why);
    }
    if (fstatat(b->folder.fd, b->name, &there, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? judge_beside(b) : say_errno(b, errno);
    if (!b->look->replace)
        return say(b, RILL_ERR_EXISTS, "there is a file of this name already");
    sqlite3 *held = NULL;
    int rc = hold_copy(b, &held);
    if (rc == RILL_OK)
        rc = judge_beside(b);
    sqlite3_close(held);
    return rc;
}

/*
 * A part of a copy, of a process that was killed, makes room; nothing else does. SQLite may write
 * the first page last: then zeros are there.
 */
static int clear_part(rill_backup *b)
{
    static const unsigned char zeros[16];
    unsigned char head[16];
    size_t len = sizeof head;
    sqlite3 *held = NULL;
    int rc = rill_backup_hold(&held, &b->folder, b->partial, head, &len);
    if (rc == RILL_ERR_NOT_FOUND)
        return RILL_OK;
    if (rc == RILL_ERR_EXISTS)
        return say(b, rc, "somebody else makes a copy of this name, too");
    if (rc != RILL_OK ||
        (len != 0 && (len != sizeof head || (memcmp(head, "SQLite format 3", sizeof head) != 0 &&
                                             memcmp(head, zeros, sizeof head) != 0))))
        rc = say(b, RILL_ERR_EXISTS,
                 "the file with \".partial\" at its end is no part of a copy, and stays");
    else if (unlinkat(b->folder.fd, b->partial, 0) != 0 && errno != ENOENT)
        rc = say_errno(b, errno);
    sqlite3_close(held);
    return rc;
}

static int make(rill_backup *b)
{
    int rc = find_folder(b);
    if (rc == RILL_OK)
        rc = judge(b);
    if (rc == RILL_OK)
        rc = clear_part(b);
    if (rc != RILL_OK)
        return rc;
    b->fd = openat(b->folder.fd, b->partial, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                   S_IRUSR | S_IWUSR);
    return b->fd < 0 ? say_errno(b, errno) : RILL_OK;
}

/* Where nothing is replaced, what came meanwhile stays. Some file systems have no links. */
static int give_name(const rill_backup *b, bool replaces)
{
    struct stat there;
    if (replaces)
        return renameat(b->folder.fd, b->partial, b->folder.fd, b->name) == 0 ? 0 : errno;
    if (linkat(b->folder.fd, b->partial, b->folder.fd, b->name, 0) == 0)
        return unlinkat(b->folder.fd, b->partial, 0) == 0 ? 0 : errno;
    if (errno == EEXIST || fstatat(b->folder.fd, b->name, &there, AT_SYMLINK_NOFOLLOW) == 0)
        return EEXIST;
    return renameat(b->folder.fd, b->partial, b->folder.fd, b->name) == 0 ? 0 : errno;
}

/* *made: nothing was there, and an empty file is, which makes room for the copy. */
static int hold_name(rill_backup *b, sqlite3 **held, bool *made)
{
    if (!b->look->replace)
        return RILL_OK;
    int rc = hold_copy(b, held);
    if (rc != RILL_OK || *held != NULL)
        return rc;
    rc = rill_backup_make_place(held, &b->folder, b->name);
    *made = rc == RILL_OK;
    if (rc == RILL_ERR_EXISTS)
        return say(b, rc, "somebody has just begun a file of this name");
    return *made ? rc : say_errno(b, errno);
}

static void keep(rill_backup *b)
{
    sqlite3 *held = NULL;
    bool made = false;
    int error = fsync(b->fd) != 0 ? errno : 0;
    if (error == 0 && !has_part(b)) {
        (void)say(b, RILL_ERR_EXISTS, "somebody else makes a copy of this name, too");
        return;
    }
    /* Once more: a node may have begun on it meanwhile. */
    if (error == 0 && hold_name(b, &held, &made) != RILL_OK)
        return;
    int rc = error == 0 ? clear_beside(b) : RILL_OK;
    if (error == 0 && rc == RILL_OK)
        error = give_name(b, held != NULL);
    if (made && (rc != RILL_OK || error != 0))
        (void)unlinkat(b->folder.fd, b->name, 0);
    sqlite3_close(held);
    if (rc != RILL_OK)
        return;
    if (error == EEXIST)
        (void)say(b, RILL_ERR_EXISTS, "there is a file of this name already");
    else if (error != 0 || fsync(b->folder.fd) != 0)
        (void)say_errno(b, error != 0 ? error : errno);
}

static void do_task(rill_backup *b, task what)
{
    if (what == MAKE)
        (void)make(b);
    else if (what == KEEP)
        keep(b);
    else if (fdatasync(b->fd) != 0)
        (void)say_errno(b, errno);
}

static void *run(void *user)
{
    rill_backup *b = user;
    pthread_mutex_lock(&b->lock);
    for (;;) {
        while (b->task == NOTHING && !b->ending)
            pthread_cond_wait(&b->changed, &b->lock);
        if (b->task == NOTHING)
            break;
        task what = b->task;
        pthread_mutex_unlock(&b->lock);
        do_task(b, what);
        pthread_mutex_lock(&b->lock);
        b->task = NOTHING;
        bool tell = b->asked;
        b->asked = false;
        pthread_cond_broadcast(&b->changed);
        if (!tell)
            continue;
        pthread_mutex_unlock(&b->lock);
        b->look->go_on(b->look);
        pthread_mutex_lock(&b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* ---- its life ---- */

/* The process's signals are for the thread of the loop, and this thread's parent has blocked them.
 */
rill_backup *rill_backup_new(rill_sqlite *s, rill_store_look *look)
{
    rill_backup *b = rill_calloc(s->allocator, 1, sizeof *b);
    if (b == NULL)
        return NULL;
    b->allocator = s->allocator;
    b->s = s;
    b->look = look;
    b->folder.fd = b->fd = -1;
    atomic_store(&look->pages, 0);
    atomic_store(&look->copied, 0);
    (void)snprintf(b->folder.books, sizeof b->folder.books, "%s",
                   sqlite3_db_filename(s->db, "main"));
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->changed, NULL);
    b->has_thread = pthread_create(&b->thread, NULL, run, b) == 0;
    if (b->has_thread)
        return b;
    (void)rill_backup_free(b, NULL);
    return NULL;
}

/* The copy stays open: to close its file may be to wait for its disk. */
void rill_backup_leave_books(rill_backup *b)
{
    if (b == NULL)
        return;
    if (b->copy != NULL)
        (void)sqlite3_backup_finish(b->copy);
    b->copy = NULL;
    b->s = NULL;
}

int rill_backup_free(rill_backup *b, char problem[RILL_LOOK_PROBLEM])
{
    if (b == NULL)
        return RILL_ERR_CLOSED;
    pthread_mutex_lock(&b->lock);
    b->ending = true;
    b->asked = false;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
    if (b->has_thread)
        pthread_join(b->thread, NULL);
    rill_backup_leave_books(b);
    /* Nobody stops what is about to have its name: it has it by now, or there is a reason. */
    const int rc = b->phase == KEEPING ? b->rc : b->phase == FAILS ? b->failed : RILL_ERR_CLOSED;
    const char *why = b->phase == KEEPING ? b->problem : b->why;
    if (problem != NULL && why[0] != '\0')
        (void)snprintf(problem, RILL_LOOK_PROBLEM, "%s", why);
    sqlite3_close(b->to);
    if (b->fd >= 0) {
        if (has_part(b))
            (void)unlinkat(b->folder.fd, b->partial, 0); /* whole, it has another name by now */
        close(b->fd);
    }
    if (b->folder.fd >= 0)
        close(b->folder.fd);
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
    rill_free(b->allocator, b);
    return rc;
}

/* ---- steps ---- */

static int fail(rill_backup *b, int rc)
{
    const char *why = rc == SQLITE_FULL ? "the disk is full" : sqlite3_errmsg(b->to);
    (void)snprintf(b->s->problem, sizeof b->s->problem, "%.300s: %.180s", b->look->path,
                   b->to == NULL ? "out of memory" : why);
    return rc == SQLITE_NOMEM ? RILL_ERR_NOMEM : RILL_ERR_IO;
}

/* The thread is given this; it has nothing to do now. */
static void give(rill_backup *b, task what)
{
    pthread_mutex_lock(&b->lock);
    b->task = what;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

/* Is the thread done? If not, the look waits for it. *rc: what went wrong. */
static bool is_done(rill_backup *b, int *rc)
{
    pthread_mutex_lock(&b->lock);
    while (b->task != NOTHING && b->look->go_on == NULL)
        pthread_cond_wait(&b->changed, &b->lock);
    bool done = b->task == NOTHING;
    b->asked = !done;
    b->look->waits = !done;
    *rc = done ? b->rc : RILL_OK;
    if (*rc != RILL_OK)
        memcpy(b->s->problem, b->problem, sizeof b->problem);
    pthread_mutex_unlock(&b->lock);
    return done;
}

/* Nobody else has it, and until it has its name it may be anything. */
static int open_copy(rill_backup *b)
{
    char path[PATH_MAX + sizeof b->partial + 2];
    (void)snprintf(path, sizeof path, "%s/%s", b->folder.path, b->partial);
    int rc = sqlite3_open_v2(
        path, &b->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(b->to,
                          "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF;"
                          " PRAGMA synchronous = OFF",
                          NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        b->copy = sqlite3_backup_init(b->to, "main", b->s->db, "main");
        rc = b->copy == NULL ? sqlite3_errcode(b->to) : SQLITE_OK;
    }
    return rc == SQLITE_OK ? RILL_OK : fail(b, rc);
}

static int end_copy(rill_backup *b)
{
    int rc = sqlite3_backup_finish(b->copy);
    b->copy = NULL;
    if (rc == SQLITE_OK)
        rc = sqlite3_close(b->to);
    if (rc != SQLITE_OK)
        return fail(b, rc);
    b->to = NULL;
    b->phase = COPIED;
    return RILL_OK;
}

static int copy_some(rill_backup *b)
{
    enum { PAGE = 4096 };
    int rc = RILL_OK;
    bool done = false;
    if (b->unflushed >= FLUSH) {
        if (!is_done(b, &rc) || rc != RILL_OK)
            return rc;
        b->unflushed = 0;
        give(b, WRITE_BACK);
    }
    rc = sqlite3_backup_step(b->copy, PAGES);
    done = rc == SQLITE_DONE;
    if (rc != SQLITE_OK && !done)
        return fail(b, rc);
    b->unflushed += (uint64_t)PAGES * PAGE;
    const uint64_t pages = (uint64_t)sqlite3_backup_pagecount(b->copy);
    atomic_store(&b->look->copied, pages - (uint64_t)sqlite3_backup_remaining(b->copy));
    atomic_store(&b->look->pages, pages);
    return done ? end_copy(b) : RILL_OK;
}

static int step(rill_backup *b, bool *more)
{
    int rc = RILL_OK;
    switch (b->phase) {
    case BEGINS:
        give(b, MAKE);
        b->phase = MAKING;
        break;
    case MAKING:
        if (!is_done(b, &rc) || rc != RILL_OK)
            return rc;
        b->phase = COPIES;
        return open_copy(b);
    case COPIES:
        return copy_some(b);
    case COPIED:
        if (!is_done(b, &rc) || rc != RILL_OK)
            return rc;
        give(b, KEEP);
        b->phase = KEEPING;
        break;
    case KEEPING:
        *more = !is_done(b, &rc);
        break;
    case FAILS:
        *more = !is_done(b, &rc);
        memcpy(b->s->problem, b->why, sizeof b->why);
        return *more ? RILL_OK : b->failed;
    }
    return rc;
}

/*
 * What fails, or is stopped, ends once the thread is done: to wait for it here would be to wait for
 * its disk. One that is about to have its name is not stopped any more.
 */
int rill_backup_step(rill_backup *b, bool *more)
{
    int rc = RILL_OK;
    *more = true;
    b->look->waits = false;
    if (atomic_load(&b->look->stop) && b->phase < KEEPING) {
        (void)snprintf(b->s->problem, sizeof b->s->problem, "%.300s: it was stopped",
                       b->look->path);
        rc = RILL_ERR_CLOSED;
    } else {
        rc = step(b, more);
    }
    if (rc == RILL_OK || b->phase == FAILS)
        return rc;
    b->phase = FAILS;
    b->failed = rc;
    memcpy(b->why, b->s->problem, sizeof b->why);
    *more = true;
    return RILL_OK;
}
