/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

/*
 * At most so many bytes are written at once, so that progress is seen even if a reader takes only a
 * little.
 */
#define CHUNK 65536
/* How often a close checks its time limit. */
#define LOOK_MS 100

struct cli_writer {
    rill_loop *loop;
    cli_writer_handlers on;
    uv_async_t wake;
    uv_timer_t look; /* set while it closes */
    unsigned parts;  /* handles that still point here */
    int fd;
    FILE *stream;
    char *staged; /* of the stream */
    size_t staged_len;
    bool was_full;
    bool told; /* it has reported its failure */
    bool closing;
    uint64_t patience;
    uint64_t moved_at; /* monotonic nanoseconds */
    size_t left;       /* when moved_at was set */

    pthread_t thread;
    /* Shared with the thread. */
    pthread_mutex_t lock;
    pthread_cond_t more;
    uint8_t *data; /* waits until the thread takes it */
    size_t len;
    size_t cap;
    size_t taken; /* taken by the thread, and not written yet */
    int error;
    bool ending;      /* no more comes */
    bool ended;       /* the thread has ended its work */
    bool deaf;        /* the loop must not be woken any more */
    bool left_behind; /* nobody waits for the thread, so it frees this */
};

static void dispose(cli_writer *w)
{
    if (w->stream)
        fclose(w->stream);
    free(w->staged);
    free(w->data);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->more);
    free(w);
}

/* ---- the thread ---- */

/* 0, or the errno value that says why not everything could be written. */
static int write_all(cli_writer *w, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(w->fd, data, len < CHUNK ? len : CHUNK);
        if (n < 0 && errno == EAGAIN) {
            /* Another program has made the descriptor non-blocking. */
            struct pollfd p = {.fd = w->fd, .events = POLLOUT};
            (void)poll(&p, 1, -1);
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        data += n;
        len -= (size_t)n;
        pthread_mutex_lock(&w->lock);
        w->taken -= (size_t)n;
        if (!w->deaf)
            uv_async_send(&w->wake);
        pthread_mutex_unlock(&w->lock);
    }
    return 0;
}

static void *run(void *user)
{
    cli_writer *w = user;
    uint8_t *data = NULL;
    size_t cap = 0;
    pthread_mutex_lock(&w->lock);
    while (w->error == 0 && !(w->ending && w->len == 0)) {
        if (w->len == 0) {
            pthread_cond_wait(&w->more, &w->lock);
            continue;
        }
        uint8_t *spare = data;
        size_t spare_cap = cap;
        size_t len = w->len;
        data = w->data;
        cap = w->cap;
        w->data = spare;
        w->cap = spare_cap;
        w->len = 0;
        w->taken = len;
        pthread_mutex_unlock(&w->lock);
        int error = write_all(w, data, len);
        pthread_mutex_lock(&w->lock);
        w->error = error;
    }
    w->ended = true;
    bool left_behind = w->left_behind;
    if (!w->deaf)
        uv_async_send(&w->wake);
    pthread_mutex_unlock(&w->lock);
    free(data);
    if (left_behind)
        dispose(w);
    return NULL;
}

/* ---- the loop ---- */

static size_t waiting(const cli_writer *w)
{
    return w->len + w->taken;
}

static void on_handle_closed(uv_handle_t *handle)
{
    cli_writer *w = handle->data;
    if (--w->parts > 0)
        return;
    pthread_mutex_lock(&w->lock);
    size_t unwritten = waiting(w);
    bool ended = w->ended;
    w->left_behind = !ended;
    cli_writer_handlers on = w->on;
    pthread_mutex_unlock(&w->lock);
    if (ended) {
        pthread_join(w->thread, NULL);
        dispose(w);
    } else {
        pthread_detach(w->thread);
    }
    if (on.closed)
        on.closed(unwritten, on.user);
}

static void let_go(cli_writer *w)
{
    if (uv_is_closing((uv_handle_t *)&w->wake))
        return;
    pthread_mutex_lock(&w->lock);
    w->deaf = true;
    pthread_mutex_unlock(&w->lock);
    uv_close((uv_handle_t *)&w->wake, on_handle_closed);
    uv_close((uv_handle_t *)&w->look, on_handle_closed);
}

static void look(cli_writer *w)
{
    pthread_mutex_lock(&w->lock);
    size_t left = waiting(w);
    int error = w->error;
    bool ended = w->ended;
    pthread_mutex_unlock(&w->lock);
    uint64_t now = rill_loop_now(w->loop).mono_ns;
    if (left != w->left) {
        w->left = left;
        w->moved_at = now;
    }
    if (error != 0 && !w->told) {
        w->told = true;
        if (w->on.failed)
            w->on.failed(error, w->on.user);
    } else if (error == 0 && w->was_full && left <= CLI_WRITER_LOW) {
        w->was_full = false;
        if (w->on.room)
            w->on.room(w->on.user);
    }
    if (w->closing && (ended || (w->patience != 0 && now - w->moved_at >= w->patience)))
        let_go(w);
}

static void on_wake(uv_async_t *wake)
{
    look(wake->data);
}

static void on_look(uv_timer_t *timer)
{
    look(timer->data);
}

static bool start_thread(cli_writer *w)
{
    sigset_t all, before;
    sigfillset(&all);
    /* Signals are for the loop. A reader that went away is an error, not a signal. */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0;
}

static void on_abandoned(uv_handle_t *handle)
{
    cli_writer *w = handle->data;
    if (--w->parts == 0)
        dispose(w);
}

cli_writer *cli_writer_open(rill_loop *loop, int fd, const cli_writer_handlers *handlers)
{
    cli_writer *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->loop = loop;
    w->fd = fd;
    w->on = *handlers;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    w->stream = open_memstream(&w->staged, &w->staged_len);
    if (!w->stream || uv_async_init(rill_loop_uv(loop), &w->wake, on_wake) != 0) {
        dispose(w);
        return NULL;
    }
    uv_timer_init(rill_loop_uv(loop), &w->look);
    w->wake.data = w->look.data = w;
    w->parts = 2;
    /* Waiting for more to write does not keep the loop running. */
    uv_unref((uv_handle_t *)&w->wake);
    if (!start_thread(w)) {
        uv_close((uv_handle_t *)&w->wake, on_abandoned);
        uv_close((uv_handle_t *)&w->look, on_abandoned);
        return NULL;
    }
    return w;
}

/* Makes room for len more bytes. Call it with the lock. */
static bool grow(cli_writer *w, size_t len)
{
    if (len > SIZE_MAX / 4 - w->len)
        return false;
    size_t cap = w->cap ? w->cap : 4096;
    while (cap - w->len < len)
        cap *= 2;
    if (cap == w->cap)
        return true;
    uint8_t *data = realloc(w->data, cap);
    if (!data)
        return false;
    w->data = data;
    w->cap = cap;
    return true;
}

bool cli_writer_add(cli_writer *w, const void *data, size_t len)
{
    if (len == 0)
        return true;
    pthread_mutex_lock(&w->lock);
    bool taken = w->error == 0 && !w->ending && grow(w, len);
    if (taken) {
        memcpy(w->data + w->len, data, len);
        w->len += len;
        pthread_cond_signal(&w->more);
    }
    if (waiting(w) > CLI_WRITER_HIGH)
        w->was_full = true;
    pthread_mutex_unlock(&w->lock);
    return taken;
}

FILE *cli_writer_stream(cli_writer *w)
{
    return w->stream;
}

bool cli_writer_commit(cli_writer *w)
{
    /* The position is what came since the last time. musl leaves staged_len as it was after rewind.
     */
    off_t len = ftello(w->stream);
    bool ok = fflush(w->stream) == 0 && !ferror(w->stream) && len >= 0 &&
              cli_writer_add(w, w->staged, (size_t)len);
    rewind(w->stream);
    return ok;
}

bool cli_writer_full(const cli_writer *w)
{
    return w->was_full;
}

int cli_writer_error(cli_writer *w)
{
    pthread_mutex_lock(&w->lock);
    int error = w->error;
    pthread_mutex_unlock(&w->lock);
    return error;
}

void cli_writer_close(cli_writer *w, uint64_t patience)
{
    if (!w->closing) {
        w->closing = true;
        w->moved_at = rill_loop_now(w->loop).mono_ns;
        uv_timer_start(&w->look, on_look, 0, LOOK_MS);
        pthread_mutex_lock(&w->lock);
        w->ending = true;
        pthread_cond_signal(&w->more);
        pthread_mutex_unlock(&w->lock);
    } else if (w->patience != 0 && (patience == 0 || patience > w->patience)) {
        return;
    }
    w->patience = patience;
}
