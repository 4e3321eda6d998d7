/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* mkstemps */

#include "cli/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/list.h"
#include "cli/writer.h"

static const char suffix[] = ".part";

typedef enum store_kind { STORE_STDOUT, STORE_FILE, STORE_FOLDER } store_kind;

struct cli_store {
    rill_loop *loop;
    cli_store_handlers on;
    const char *path;
    store_kind kind;
    bool overwrite;
    bool taken; /* the one stream that it is for has taken it */
    bool failed;
    unsigned full; /* files whose writers are open */
    unsigned busy; /* files that are open */
    rill_list files;
    mode_t mode; /* number of new files */
};

struct cli_stored_file {
    rill_list node;
    cli_store *store;
    cli_writer *writer; /* NULL: it could not be opened */
    int fd;
    uint64_t connection;
    uint64_t stream;
    uint64_t bytes; /* bytes given to the writer */
    char *name;
    char *partial; /* its temporary name until it is complete; NULL: none */
    bool full;
    bool complete;
    bool ended; /* its stream has ended */
    bool failed;
};

/* ---- before anything comes ---- */

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static store_kind kind_of(const char *path)
{
    size_t len = strlen(path);
    if (strcmp(path, "-") == 0)
        return STORE_STDOUT;
    return is_folder(path) || (len > 0 && path[len - 1] == '/') ? STORE_FOLDER : STORE_FILE;
}

/* Whether files can be made in the folder of a file. */
static int check_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int error = !folder ? ENOMEM : access(folder, W_OK | X_OK) != 0 ? errno : 0;
    free(folder);
    return error;
}

int cli_store_check(const char *path, bool overwrite)
{
    struct stat status;
    if (*path == '\0')
        return ENOENT;
    switch (kind_of(path)) {
    case STORE_STDOUT:
        return 0;
    case STORE_FOLDER:
        if (!is_folder(path) && mkdir(path, 0777) != 0)
            return errno == EEXIST ? ENOTDIR : errno;
        return access(path, W_OK | X_OK) == 0 ? 0 : errno;
    case STORE_FILE:
        if (!overwrite && lstat(path, &status) == 0)
            return EEXIST;
        return check_folder_of(path);
    }
    return 0;
}

cli_store *cli_store_open(rill_loop *loop, const char *path, bool overwrite,
                          const cli_store_handlers *handlers)
{
    cli_store *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    mode_t mask = umask(0);
    umask(mask);
    *s = (cli_store){
        .loop = loop,
        .on = *handlers,
        .path = path,
        .kind = kind_of(path),
        .overwrite = overwrite,
        .mode = 0666 & ~mask,
    };
    rill_list_init(&s->files);
    return s;
}

bool cli_store_is_for_one(const char *path)
{
    return kind_of(path) != STORE_FOLDER;
}

unsigned cli_store_busy(const cli_store *s)
{
    return s->busy;
}

void cli_store_free(cli_store *s)
{
    free(s);
}

/* ---- a file ---- */

static void free_file(cli_stored_file *f)
{
    free(f->name);
    free(f->partial);
    free(f);
}

/* Names that sort in the order of arrival, and are new in each run. */
static char *name_in_folder(const cli_store *s, uint64_t connection, uint64_t stream)
{
    char day[32];
    time_t now = time(NULL);
    struct tm parts;
    size_t size = strlen(s->path) + 96;
    char *name = malloc(size);
    if (!name || !gmtime_r(&now, &parts) || strftime(day, sizeof day, "%Y%m%d-%H%M%S", &parts) == 0)
        return name;
    bool slash = s->path[strlen(s->path) - 1] == '/';
    snprintf(name, size, "%s%s%s-%" PRIu64 "-%" PRIu64, s->path, slash ? "" : "/", day, connection,
             stream);
    return name;
}

static char *temporary_name(const char *name)
{
    size_t size = strlen(name) + sizeof ".XXXXXX" + sizeof suffix;
    char *partial = malloc(size);
    if (partial)
        snprintf(partial, size, "%s.XXXXXX%s", name, suffix);
    return partial;
}

/* 0, or an errno value. */
static int open_file(cli_stored_file *f)
{
    cli_store *s = f->store;
    if (s->kind == STORE_STDOUT) {
        f->name = strdup("standard output");
        f->fd = STDOUT_FILENO;
        return f->name ? 0 : ENOMEM;
    }
    f->name = s->kind == STORE_FILE ? strdup(s->path) : name_in_folder(s, f->connection, f->stream);
    f->partial = f->name ? temporary_name(f->name) : NULL;
    if (!f->partial)
        return ENOMEM;
    f->fd = mkstemps(f->partial, (int)strlen(suffix));
    if (f->fd < 0) {
        int error = errno;
        free(f->partial);
        f->partial = NULL;
        return error;
    }
    (void)fchmod(f->fd, s->mode);
    return 0;
}

static void fail(cli_stored_file *f, int error)
{
    cli_store *s = f->store;
    f->failed = true;
    if (s->failed)
        return;
    s->failed = true;
    s->on.failed(f->name ? f->name : s->path, error, s->on.user);
}

/*
 * Gives the file its own name. Nobody else's file is replaced without permission. 0, or an errno
 * value.
 */
static int give_name(const cli_stored_file *f)
{
    if (f->store->overwrite)
        return rename(f->partial, f->name) == 0 ? 0 : errno;
    if (link(f->partial, f->name) == 0) {
        (void)unlink(f->partial);
        return 0;
    }
    if (errno == EEXIST)
        return EEXIST;
    /* This file system has no links. */
    if (access(f->name, F_OK) == 0)
        return EEXIST;
    return rename(f->partial, f->name) == 0 ? 0 : errno;
}

/* ---- what the writer reports ---- */

static void on_room(void *user)
{
    cli_stored_file *f = user;
    cli_store *s = f->store;
    if (!f->full)
        return;
    f->full = false;
    if (--s->full == 0)
        s->on.room(s->on.user);
}

static void on_failed(int error, void *user)
{
    fail(user, error);
}

static void finish(cli_stored_file *f, uint64_t unwritten)
{
    cli_store *s = f->store;
    bool complete = f->complete && !f->failed && unwritten == 0;
    if (f->partial && f->fd >= 0 && close(f->fd) != 0 && complete) {
        complete = false;
        fail(f, errno);
    }
    if (complete && f->partial) {
        int error = give_name(f);
        complete = error == 0;
        if (error != 0)
            fail(f, error);
    }
    cli_stored what = {
        .connection = f->connection,
        .stream = f->stream,
        .bytes = f->bytes - unwritten,
        .name = complete || !f->partial ? f->name : f->partial,
        .complete = complete,
    };
    if (!complete && f->partial && what.bytes == 0) {
        (void)unlink(f->partial);
        what.name = f->name;
    }
    /* A file of which only a part came may still come whole. Bytes in a pipe are gone. */
    s->taken = s->taken && (complete || s->kind == STORE_STDOUT);
    s->busy--;
    rill_list_remove(&f->node);
    s->on.stored(&what, s->on.user);
    free_file(f);
}

static void on_closed(size_t unwritten, void *user)
{
    cli_stored_file *f = user;
    on_room(f);
    finish(f, unwritten);
}

/* ---- streams ---- */

/* NULL if it is not possible: `failed` has been called, or there is no memory. */
static cli_stored_file *begin(cli_store *s, rill_stream *stream, uint64_t connection)
{
    cli_stored_file *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    const cli_writer_handlers handlers = {
        .room = on_room, .failed = on_failed, .closed = on_closed, .user = f};
    f->store = s;
    f->fd = -1;
    f->connection = connection;
    f->stream = rill_stream_id(stream);
    int error = open_file(f);
    if (error == 0) {
        f->writer = cli_writer_open(s->loop, f->fd, &handlers);
        error = f->writer ? 0 : ENOMEM;
    }
    if (error != 0) {
        fail(f, error);
        if (f->partial) {
            close(f->fd);
            (void)unlink(f->partial);
        }
        free_file(f);
        return NULL;
    }
    s->taken = s->kind != STORE_FOLDER;
    s->busy++;
    rill_list_push_back(&s->files, &f->node);
    rill_stream_set_user(stream, f);
    return f;
}

cli_store_verdict cli_store_add(cli_store *s, rill_stream *stream, uint64_t connection,
                                const uint8_t *data, size_t len)
{
    cli_stored_file *f = rill_stream_user(stream);
    if (s->failed || (!f && s->taken))
        return CLI_STORE_REFUSED;
    if (!f)
        f = begin(s, stream, connection);
    if (!f)
        return CLI_STORE_REFUSED;
    if (!cli_writer_add(f->writer, data, len)) {
        int error = cli_writer_error(f->writer);
        fail(f, error != 0 ? error : ENOMEM);
        return CLI_STORE_REFUSED;
    }
    f->bytes += len;
    if (!f->full && cli_writer_full(f->writer)) {
        f->full = true;
        s->full++;
    }
    return f->full ? CLI_STORE_FULL : CLI_STORE_TAKEN;
}

void cli_store_end(cli_store *s, rill_stream *stream, bool complete)
{
    cli_stored_file *f = rill_stream_user(stream);
    (void)s;
    if (!f)
        return;
    rill_stream_set_user(stream, NULL);
    f->complete = complete;
    f->ended = true;
    cli_writer_close(f->writer, 0);
}

void cli_store_hurry(cli_store *s, uint64_t patience)
{
    for (rill_list *at = s->files.next; at != &s->files; at = at->next) {
        cli_stored_file *f = RILL_CONTAINER(at, cli_stored_file, node);
        if (f->ended)
            cli_writer_close(f->writer, patience);
    }
}
