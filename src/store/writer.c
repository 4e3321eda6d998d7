/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L /* sigfillset, pthread_sigmask */
#include "store/writer.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rill/error.h>

#include "base/alloc.h"

typedef struct writer {
    rill_store store; /* first */
    rill_writer_options options;
    rill_sqlite *file; /* the thread's; NULL: it is closed */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under the lock. */
    const rill_store_batch *given; /* to be written; NULL: nothing is */
    const rill_store_batch *done;  /* to be collected; NULL: nothing is */
    int rc;                        /* of done */
    char problem[RILL_SQLITE_PROBLEM];
    rill_store_look *looks;                  /* that wait, the first first */
    rill_store_look *looked;                 /* that are done, the last first */
    char merge_problem[RILL_SQLITE_PROBLEM]; /* to be told; empty: nothing is */
    bool ending;
    /* The thread's. */
    rill_sqlite_merging merging;
    bool merges;
    uint64_t merged_ms; /* when it was begun last; 0: never */
    bool seals;
    char seal_problem[RILL_SQLITE_PROBLEM]; /* that was told last */
} writer;

/*
 * Whose turn is it? The first, but a copy of everything takes long, and others do not wait for it.
 * NULL: there is none, or it waits for its disk.
 */
static rill_store_look *next_look(const writer *w)
{
    rill_store_look *copy = NULL;
    for (rill_store_look *one = w->looks; one != NULL; one = one->next) {
        if (one->kind != RILL_LOOK_BACKUP)
            return one;
        if (copy == NULL && !one->waits)
            copy = one;
    }
    return copy;
}

/* Is there another look than a copy? Then sums stay as they are. */
static bool is_looking(const writer *w)
{
    for (const rill_store_look *one = w->looks; one != NULL; one = one->next) {
        if (one->kind != RILL_LOOK_BACKUP)
            return true;
    }
    return false;
}

/* From the thread that a copy has. */
static void go_on(rill_store_look *look)
{
    writer *w = look->store;
    pthread_mutex_lock(&w->lock);
    look->waits = false;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

/* Looks for a moment; a batch that came meanwhile is next. Under the lock, which it leaves. */
static void look_on(writer *w, rill_store_look *look)
{
    bool more = false;
    pthread_mutex_unlock(&w->lock);
    rill_sqlite_look(w->file, look, &more);
    pthread_mutex_lock(&w->lock);
    if (more)
        return;
    rill_store_look **at = &w->looks;
    while (*at != look)
        at = &(*at)->next;
    *at = look->next;
    look->next = w->looked;
    w->looked = look;
    w->options.wake(w->options.user);
}

static void write_one(writer *w)
{
    const rill_store_batch *batch = w->given;
    pthread_mutex_unlock(&w->lock);
    int rc = rill_sqlite_write(w->file, batch);
    pthread_mutex_lock(&w->lock);
    w->given = NULL;
    w->done = batch;
    w->rc = rc;
    snprintf(w->problem, sizeof w->problem, "%s",
             rc == RILL_OK ? "" : rill_sqlite_problem(w->file));
    /* Under the lock: after it the owner may have closed all this. */
    w->options.wake(w->options.user);
}

/* ---- sums of days ---- */

enum { MS_A_MINUTE = 60000, MS_AN_HOUR = 60 * MS_A_MINUTE };

static uint64_t now_ms(const writer *w)
{
    struct timespec t = {.tv_sec = 0};
    if (w->options.now_ms != NULL)
        return w->options.now_ms(w->options.user);
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Something was written: is it time again? A clock that was set back does not keep it for longer.
 */
static void look_if_old(writer *w)
{
    const uint64_t keep = w->options.keep_minutes;
    const uint64_t now = keep == 0 ? 0 : now_ms(w);
    const uint64_t past = now >= w->merged_ms ? now - w->merged_ms : MS_AN_HOUR;
    if (keep == 0 || w->merges || now / MS_A_MINUTE <= keep ||
        (w->merged_ms != 0 && past < MS_AN_HOUR))
        return;
    w->merged_ms = now;
    w->merges = true;
    w->merging = (rill_sqlite_merging){.before_minute = (int64_t)(now / MS_A_MINUTE - keep)};
}

/* An error, such as a full disk, is one of the next batch, too: it is tried again in an hour. */
static void merge_on(writer *w)
{
    bool more = false;
    pthread_mutex_unlock(&w->lock);
    int rc = rill_sqlite_merge(w->file, &w->merging, &more);
    pthread_mutex_lock(&w->lock);
    w->merges = rc == RILL_OK && more;
    if (rc == RILL_OK)
        return;
    snprintf(w->merge_problem, sizeof w->merge_problem, "%s", rill_sqlite_problem(w->file));
    w->options.wake(w->options.user);
}

/* An error is told once, and it is tried again when the next minute is over. */
static void seal_on(writer *w)
{
    pthread_mutex_unlock(&w->lock);
    int rc = rill_sqlite_seal(w->file, &w->seals);
    pthread_mutex_lock(&w->lock);
    if (rc == RILL_OK || strcmp(w->seal_problem, rill_sqlite_problem(w->file)) == 0)
        return;
    snprintf(w->seal_problem, sizeof w->seal_problem, "%s", rill_sqlite_problem(w->file));
    snprintf(w->merge_problem, sizeof w->merge_problem, "%s", w->seal_problem);
    w->options.wake(w->options.user);
}

/* One thing, under the lock, which it leaves. False: there is nothing to do for now. */
static bool do_one(writer *w)
{
    rill_store_look *look = next_look(w);
    if (w->given != NULL) {
        write_one(w);
        w->seals = w->seals || rill_sqlite_wants_seal(w->file);
        look_if_old(w);
    } else if (look != NULL) {
        look_on(w, look);
    } else if (w->seals && !is_looking(w)) {
        seal_on(w);
    } else if (w->merges && w->looks == NULL) {
        merge_on(w);
    } else {
        return false;
    }
    return true;
}

static void *run(void *user)
{
    writer *w = user;
    pthread_mutex_lock(&w->lock);
    while (w->given != NULL || !w->ending) {
        if (!do_one(w))
            pthread_cond_wait(&w->changed, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void give(rill_store *s, const rill_store_batch *batch)
{
    writer *w = (writer *)s;
    pthread_mutex_lock(&w->lock);
    assert(w->given == NULL && w->done == NULL);
    w->given = batch;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static void look(rill_store *s, rill_store_look *look)
{
    writer *w = (writer *)s;
    look->next = NULL;
    look->waits = false;
    look->go_on = go_on;
    look->store = w;
    pthread_mutex_lock(&w->lock);
    rill_store_look **at = &w->looks;
    while (*at != NULL)
        at = &(*at)->next;
    *at = look;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

/* Each may be gone when `done` returns. */
static void tell_looks(rill_store_look *looks)
{
    while (looks != NULL) {
        rill_store_look *one = looks;
        looks = one->next;
        one->done(one);
    }
}

static void collect(rill_store *s)
{
    writer *w = (writer *)s;
    char problem[RILL_SQLITE_PROBLEM];
    char merge_problem[RILL_SQLITE_PROBLEM];
    pthread_mutex_lock(&w->lock);
    rill_store_look *looked = w->looked;
    w->looked = NULL;
    const rill_store_batch *batch = w->done;
    int rc = w->rc;
    memcpy(problem, w->problem, sizeof problem);
    memcpy(merge_problem, w->merge_problem, sizeof merge_problem);
    w->merge_problem[0] = '\0';
    w->done = NULL;
    pthread_mutex_unlock(&w->lock);
    tell_looks(looked);
    if (merge_problem[0] != '\0' && w->options.merge_failed != NULL)
        w->options.merge_failed(w->options.user, merge_problem);
    if (batch != NULL)
        w->options.written(w->options.user, batch, rc, problem);
}

/* The disk of a copy may hang for hours: the books do not stay locked meanwhile. */
void rill_writer_close_books(rill_store *s)
{
    writer *w = (writer *)s;
    if (w == NULL || w->file == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    w->ending = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    for (rill_store_look *one = w->looks; one != NULL; one = one->next)
        rill_sqlite_leave_books(w->file, one);
    rill_sqlite_close(w->file);
    w->file = NULL;
}

static void end(rill_store *s)
{
    writer *w = (writer *)s;
    rill_writer_close_books(s);
    for (rill_store_look *one = w->looks; one != NULL; one = one->next) {
        snprintf(one->problem, sizeof one->problem, "the node stops");
        one->rc = rill_sqlite_end_look(one, one->problem);
        if (one->rc == RILL_OK)
            one->problem[0] = '\0';
    }
    tell_looks(w->looked);
    tell_looks(w->looks);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    rill_free(w->options.allocator, w);
}

static const rill_store_ops writer_ops = {
    .write = give, .collect = collect, .close = end, .look = look};

/* The process's signals are for the thread of the loop. */
static int start(writer *w)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? RILL_OK : RILL_ERR_LIMIT;
}

int rill_writer_new(rill_store **out, rill_sqlite *file, const rill_writer_options *options)
{
    writer *w = rill_calloc(options->allocator, 1, sizeof *w);
    if (w == NULL)
        return RILL_ERR_NOMEM;
    w->store.ops = &writer_ops;
    w->options = *options;
    w->file = file;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    int rc = start(w);
    if (rc != RILL_OK) {
        pthread_cond_destroy(&w->changed);
        pthread_mutex_destroy(&w->lock);
        rill_free(options->allocator, w);
        return rc;
    }
    *out = &w->store;
    return RILL_OK;
}
