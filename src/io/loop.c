/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "io/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

/* Timers are late by a few milliseconds now and then; more means that the loop stood still. */
#define LATE (20 * RILL_MS)
/* Who sends without end does not keep the others' timers from running. */
#define CATCH_UP RILL_SECOND
/* Two descriptors each: what uv_loop_init opens, and a socket. */
#define SPARE_PAIRS 4

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

void rill_task_init(rill_task *task, void (*run)(rill_task *task))
{
    rill_list_init(&task->node);
    task->run = run;
    task->push = NULL;
}

void rill_task_cancel(rill_task *task)
{
    rill_list_remove(&task->node);
}

/*
 * Runs what is in the list now; what is added meanwhile waits for the next
 * turn, so that two tasks that start each other do not keep the loop here.
 */
static void take_list(rill_list *batch, rill_list *list)
{
    rill_list_init(batch);
    if (rill_list_empty(list))
        return;
    *batch = *list;
    batch->next->prev = batch;
    batch->prev->next = batch;
    rill_list_init(list);
}

static void run_batch(rill_list *batch)
{
    for (rill_list *node; (node = rill_list_pop_front(batch)) != NULL;) {
        rill_task *task = RILL_CONTAINER(node, rill_task, node);
        task->run(task);
    }
}

static void run_tasks(rill_list *list)
{
    rill_list batch;
    take_list(&batch, list);
    run_batch(&batch);
}

static void on_idle(uv_idle_t *handle)
{
    rill_loop *loop = handle->data;
    loop->now_valid = false;
    run_tasks(&loop->deferred);
    if (rill_list_empty(&loop->deferred))
        uv_idle_stop(handle);
}

static void push_all(rill_list *list)
{
    for (rill_list *at = list->next; at != list; at = at->next) {
        rill_task *task = RILL_CONTAINER(at, rill_task, node);
        if (task->push)
            task->push(task);
    }
}

void rill_loop_push(rill_loop *loop)
{
    loop->owing = false;
    if (loop->flushing)
        push_all(loop->flushing);
    push_all(&loop->dirty);
}

/* All is written before anybody is told of what came of it. */
static void flush(rill_loop *loop)
{
    rill_list batch;
    loop->owing = false;
    push_all(&loop->dirty);
    take_list(&batch, &loop->dirty);
    loop->flushing = &batch;
    run_batch(&batch);
    loop->flushing = NULL;
}

static void on_prepare(uv_prepare_t *handle)
{
    rill_loop *loop = handle->data;
    run_tasks(&loop->pumps);
    flush(loop);
    /* Added since: they must not wait for whatever happens to come next. */
    if (!rill_list_empty(&loop->pumps) || !rill_list_empty(&loop->dirty))
        uv_idle_start(&loop->idle, on_idle);
    else
        uv_unref((uv_handle_t *)handle);
    loop->polled_at = uv_hrtime();
    loop->unread = 0;
    loop->now_valid = false;
}

static void on_check(uv_check_t *handle)
{
    rill_loop *loop = handle->data;
    loop->now_valid = false;
    if (loop->unread == 0)
        loop->behind_until = 0;
    /* The embedder's own timers and what else it has on this loop may take their time too. */
    rill_loop_push(loop);
}

/* What waits for the next turn is a reason for one, even if nothing else is open any more. */
static void keep_running(rill_loop *loop)
{
    uv_ref((uv_handle_t *)&loop->prepare);
}

void rill_loop_before_wait(rill_loop *loop, rill_task *task)
{
    if (!rill_list_linked(&task->node))
        rill_list_push_back(&loop->dirty, &task->node);
    keep_running(loop);
}

void rill_loop_before_flush(rill_loop *loop, rill_task *task)
{
    if (!rill_list_linked(&task->node))
        rill_list_push_back(&loop->pumps, &task->node);
    keep_running(loop);
}

void rill_loop_defer(rill_loop *loop, rill_task *task)
{
    if (rill_list_linked(&task->node))
        return;
    rill_list_push_back(&loop->deferred, &task->node);
    uv_idle_start(&loop->idle, on_idle);
}

static void release(rill_loop *loop)
{
    if (loop->uv != NULL)
        rill_posts_destroy(loop);
    while (loop->pool_count != 0)
        rill_free(memory(), loop->pool[--loop->pool_count]);
    rill_free(memory(), loop->read_block);
    rill_free(memory(), loop->record);
    rill_crypto_free(loop->crypto);
    rill_free(memory(), loop);
}

static int reserve(rill_loop *loop)
{
    loop->read_block = rill_alloc(memory(), RILL_BLOCK);
    loop->record = rill_alloc(memory(), RILL_TLS_RECORD);
    if (loop->read_block == NULL || loop->record == NULL)
        return RILL_ERR_NOMEM;
    loop->crypto = rill_crypto_new(memory());
    return loop->crypto == NULL ? RILL_ERR_CRYPTO : RILL_OK;
}

int rill_loop_error(int status)
{
    if (status == UV_EMFILE || status == UV_ENFILE)
        return RILL_ERR_FILES;
    return status == UV_ENOMEM ? RILL_ERR_NOMEM : RILL_ERR_IO;
}

/*
 * libuv ends the process where the pipe of its signals cannot be made, the first time that a
 * loop is; so a loop is begun only while there are as many free descriptors as it opens, and some.
 */
static int need_descriptors(void)
{
    int pairs[SPARE_PAIRS][2];
    size_t count = 0;
    int error = RILL_OK;
    while (count < SPARE_PAIRS && error == RILL_OK) {
        if (pipe(pairs[count]) == 0)
            count++;
        else
            error = rill_loop_error(uv_translate_sys_error(errno));
    }
    for (size_t i = 0; i < count; i++) {
        close(pairs[i][0]);
        close(pairs[i][1]);
    }
    return error;
}

static int begin_own(rill_loop *loop)
{
    int error = need_descriptors();
    if (error != RILL_OK)
        return error;
    int status = uv_loop_init(&loop->own);
    return status == 0 ? RILL_OK : rill_loop_error(status);
}

int rill_loop_new(rill_loop **out, struct uv_loop_s *uv)
{
    rill_loop *loop = rill_calloc(memory(), 1, sizeof *loop);
    if (loop == NULL)
        return RILL_ERR_NOMEM;
    int error = reserve(loop);
    if (error == RILL_OK && uv == NULL)
        error = begin_own(loop);
    if (error != RILL_OK) {
        release(loop);
        return error;
    }
    loop->uv = uv != NULL ? uv : &loop->own;
    error = rill_posts_init(loop);
    if (error != RILL_OK) {
        if (uv == NULL)
            (void)uv_loop_close(&loop->own);
        loop->uv = NULL;
        release(loop);
        return error;
    }
    loop->max_storage = RILL_LOOP_MAX_OUTPUT;
    rill_list_init(&loop->heavy);
    rill_list_init(&loop->partials);
    rill_list_init(&loop->pumps);
    rill_list_init(&loop->dirty);
    rill_list_init(&loop->deferred);
    uv_prepare_init(loop->uv, &loop->prepare);
    uv_check_init(loop->uv, &loop->check);
    uv_idle_init(loop->uv, &loop->idle);
    loop->handles = 4;
    loop->prepare.data = loop->check.data = loop->idle.data = loop;
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_check_start(&loop->check, on_check);
    /* They serve what is open; alone they are no reason to go on. */
    uv_unref((uv_handle_t *)&loop->prepare);
    uv_unref((uv_handle_t *)&loop->check);
    *out = loop;
    return RILL_OK;
}

static void on_handle_closed(uv_handle_t *handle)
{
    rill_loop *loop = handle->data;
    /* An embedder's loop is the embedder's to run: the last of our handles takes us along. */
    if (--loop->handles == 0 && loop->uv != &loop->own && !loop->running)
        release(loop);
}

static void close_handles(rill_loop *loop)
{
    rill_posts_finish(loop);
    uv_close((uv_handle_t *)&loop->posts.async, on_handle_closed);
    uv_close((uv_handle_t *)&loop->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&loop->check, on_handle_closed);
    uv_close((uv_handle_t *)&loop->idle, on_handle_closed);
}

void rill_loop_hold(rill_loop *loop)
{
    loop->held++;
}

void rill_loop_drop(rill_loop *loop)
{
    assert(loop->held > 0);
    if (--loop->held == 0 && loop->freed && loop->uv != &loop->own)
        close_handles(loop);
}

/* Handles that are not ours: open ones, and those that only need a turn to be gone. */
typedef struct others {
    const rill_loop *loop;
    unsigned open;
    unsigned closing;
} others;

static void count_other(uv_handle_t *handle, void *user)
{
    others *o = user;
    const rill_loop *loop = o->loop;
    if (handle == (const uv_handle_t *)&loop->posts.async ||
        handle == (const uv_handle_t *)&loop->prepare ||
        handle == (const uv_handle_t *)&loop->check || handle == (const uv_handle_t *)&loop->idle)
        return;
    if (uv_is_closing(handle))
        o->closing++;
    else
        o->open++;
}

static bool in_use(rill_loop *loop)
{
    others o;
    do {
        o = (others){.loop = loop};
        uv_walk(loop->uv, count_other, &o);
        if (o.open == 0 && o.closing != 0)
            uv_run(loop->uv, UV_RUN_NOWAIT);
    } while (o.open == 0 && o.closing != 0);
    return o.open != 0 || loop->held != 0 || loop->uv->active_reqs.count != 0;
}

static int free_own(rill_loop *loop)
{
    loop->freed = false;
    if (loop->posts.finishing)
        return RILL_ERR_STATE;
    rill_posts_finish(loop);
    if (in_use(loop)) {
        rill_posts_go_on(loop);
        return RILL_ERR_STATE;
    }
    /* Nothing is open: all that connections had has been given back. */
    assert(loop->storage == 0 && loop->partial == 0 && loop->leaving == 0);
    close_handles(loop);
    while (loop->handles != 0)
        uv_run(loop->uv, UV_RUN_NOWAIT);
    int busy = uv_loop_close(loop->uv);
    assert(busy == 0);
    if (busy == 0)
        release(loop);
    return RILL_OK;
}

int rill_loop_free(rill_loop *loop)
{
    if (loop == NULL)
        return RILL_OK;
    if (loop->uv == &loop->own && !loop->running)
        return free_own(loop);
    bool again = loop->freed;
    loop->freed = true;
    if (loop->uv != &loop->own && loop->held == 0 && !again)
        close_handles(loop);
    return RILL_OK;
}

struct uv_loop_s *rill_loop_uv(rill_loop *loop)
{
    return loop->uv;
}

/*
 * libuv writes with write(2): a peer that is gone raises SIGPIPE. It is held
 * back in this thread alone while the loop runs, and dropped if it came.
 */
int rill_loop_run(rill_loop *loop)
{
    sigset_t pipe_only, before, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    if (pthread_sigmask(SIG_BLOCK, &pipe_only, &before) != 0)
        return RILL_ERR_IO;
    loop->running = true;
    (void)rill_posts_run(loop);
    int result;
    do /* a call may have come when nothing was left to wait for, and begin something */
        result = uv_run(loop->uv, UV_RUN_DEFAULT);
    while (result == 0 && rill_posts_run(loop));
    loop->running = false;
    const struct timespec at_once = {0};
    if (!was_pending)
        while (sigtimedwait(&pipe_only, NULL, &at_once) == SIGPIPE)
            continue;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    int error = result < 0 ? RILL_ERR_IO : RILL_OK;
    if (loop->uv != &loop->own && loop->handles == 0)
        release(loop);
    else if (loop->uv == &loop->own && loop->freed && free_own(loop) != RILL_OK)
        error = RILL_ERR_STATE;
    return error;
}

void rill_loop_stop(rill_loop *loop)
{
    uv_stop(loop->uv);
}

void rill_loop_set_max_output(rill_loop *loop, size_t bytes)
{
    loop->max_storage = bytes;
}

uint64_t rill_loop_wall_ns(void)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    return (uint64_t)wall.tv_sec * RILL_SECOND + (uint64_t)wall.tv_nsec;
}

rill_now rill_loop_now(rill_loop *loop)
{
    loop->now.mono_ns = uv_hrtime();
    loop->now.wall_ms = rill_loop_wall_ns() / RILL_MS;
    loop->now_uv = uv_now(loop->uv);
    loop->now_valid = true;
    return loop->now;
}

rill_now rill_loop_clock(rill_loop *loop)
{
    /* libuv's own reading moves where a loop starts again after a pause outside it. */
    if (!loop->now_valid || loop->now_uv != uv_now(loop->uv))
        return rill_loop_now(loop);
    return loop->now;
}

void rill_loop_stale(rill_loop *loop)
{
    loop->now_valid = false;
}

bool rill_loop_is_behind(rill_loop *loop, uint64_t due)
{
    uint64_t now = rill_loop_now(loop).mono_ns;
    if (due > now || now - due < LATE)
        return false;
    if (loop->polled_at >= due && loop->unread == 0)
        return false;
    if (loop->behind_until == 0)
        loop->behind_until = now + CATCH_UP;
    return now < loop->behind_until;
}
