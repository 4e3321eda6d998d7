/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/log_lines.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_NOTE 256

typedef struct batch {
    uint64_t lost; /* number of lines that were lost before these */
    size_t len;
    char text[LOG_LINES_ROOM];
} batch;

struct log_lines {
    int fd;
    log_lines_note *note;
    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_cond_t moved;
    batch *filling;
    batch *writing; /* while busy, the thread's */
    uint64_t lost;  /* number of lines that were lost after those in filling */
    uint64_t written;
    bool busy;
    bool failed; /* writing has failed; it is tried again with the next line */
};

/* Returns how much of it was written. errno says why not everything was. */
static size_t write_some(log_lines *l, const char *text, size_t len)
{
    size_t at = 0;
    while (at < len) {
        ssize_t n = write(l->fd, text + at, len - at);
        if (n < 0 && errno == EAGAIN) {
            /* Another program has made the descriptor non-blocking. */
            struct pollfd p = {.fd = l->fd, .events = POLLOUT};
            (void)poll(&p, 1, -1);
        } else if (n < 0 && errno != EINTR) {
            break;
        } else if (n >= 0) {
            at += (size_t)n;
            pthread_mutex_lock(&l->lock);
            l->written += (size_t)n;
            pthread_cond_signal(&l->moved);
            pthread_mutex_unlock(&l->lock);
        }
    }
    return at;
}

static uint64_t count_lines(const char *text, size_t len)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    return lines;
}

/* Returns how many of its lines were lost. */
static uint64_t write_batch(log_lines *l, const batch *b)
{
    char note[MAX_NOTE];
    uint64_t lost = b->lost;
    if (lost > 0) {
        size_t len = l->note(lost, note, sizeof note);
        if (write_some(l, note, len) < len)
            return lost + count_lines(b->text, b->len);
    }
    size_t at = write_some(l, b->text, b->len);
    return count_lines(b->text + at, b->len - at);
}

/* Call it with the lock. */
static bool something_to_write(const log_lines *l)
{
    /* After a failure it is not tried over and over. */
    return l->filling->len > 0 || (l->filling->lost > 0 && !l->failed);
}

/* Call it with the lock. Lines that are lost from now on came after those that the thread has. */
static void take(log_lines *l)
{
    batch *b = l->filling;
    l->filling = l->writing;
    l->writing = b;
    l->filling->len = 0;
    l->filling->lost = l->lost;
    l->lost = 0;
    l->busy = true;
}

static void *run(void *user)
{
    log_lines *l = user;
    pthread_mutex_lock(&l->lock);
    for (;;) {
        while (!something_to_write(l))
            pthread_cond_wait(&l->more, &l->lock);
        take(l);
        pthread_mutex_unlock(&l->lock);
        uint64_t lost = write_batch(l, l->writing);
        pthread_mutex_lock(&l->lock);
        l->failed = lost > 0;
        l->filling->lost += lost;
        l->busy = false;
        pthread_cond_signal(&l->moved);
    }
    return NULL;
}

static bool start_thread(log_lines *l)
{
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    /* Signals are for the loop. A reader that went away is an error, not a signal. */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, NULL, run, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        pthread_detach(thread);
    return error == 0;
}

log_lines *log_lines_open(int fd, log_lines_note *note)
{
    log_lines *l = calloc(1, sizeof *l + 2 * sizeof(batch));
    pthread_condattr_t monotonic;
    if (!l)
        return NULL;
    l->fd = fd;
    l->note = note;
    l->filling = (batch *)(l + 1);
    l->writing = l->filling + 1;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->more, NULL);
    pthread_cond_init(&l->moved, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (start_thread(l))
        return l;
    free(l);
    return NULL;
}

void log_lines_add(log_lines *l, const char *line, size_t len)
{
    pthread_mutex_lock(&l->lock);
    batch *b = l->filling;
    /*
     * After a lost line the next lines are lost too, until the thread has come. So their place in
     * the log is one, and is reported once.
     */
    if (l->lost > 0 || len > sizeof b->text - b->len) {
        l->lost++;
    } else {
        memcpy(b->text + b->len, line, len);
        b->len += len;
        pthread_cond_signal(&l->more);
    }
    pthread_mutex_unlock(&l->lock);
}

static bool done(const log_lines *l)
{
    return !l->busy && !something_to_write(l);
}

void log_lines_end(log_lines *l, unsigned patience_ms)
{
    int rc = 0;
    pthread_mutex_lock(&l->lock);
    while (!done(l) && rc == 0) {
        struct timespec until;
        uint64_t before = l->written;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (time_t)(patience_ms / 1000);
        until.tv_nsec += (long)(patience_ms % 1000) * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        while (!done(l) && rc == 0 && l->written == before)
            rc = pthread_cond_timedwait(&l->moved, &l->lock, &until);
    }
    pthread_mutex_unlock(&l->lock);
}
