/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "net/loop.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "base/alloc.h"

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

void rill_task_init(rill_task *task, void (*run)(rill_task *task))
{
    rill_list_init(&task->node);
    task->run = run;
}

void rill_task_cancel(rill_task *task)
{
    rill_list_remove(&task->node);
}

/*
 * Runs what is in the list now; what is added meanwhile waits for the next
 * turn, so that two tasks that start each other do not keep the loop here.
 */
static void run_tasks(rill_list *list)
{
    rill_list batch;
    if (rill_list_empty(list))
        return;
    batch = *list;
    batch.next->prev = &batch;
    batch.prev->next = &batch;
    rill_list_init(list);
    for (rill_list *node; (node = rill_list_pop_front(&batch)) != NULL;) {
        rill_task *task = RILL_CONTAINER(node, rill_task, node);
        task->run(task);
    }
}

static void on_idle(uv_idle_t *handle)
{
    rill_loop *loop = handle->data;
    run_tasks(&loop->deferred);
    if (rill_list_empty(&loop->deferred))
        uv_idle_stop(handle);
}

void rill_loop_flush(rill_loop *loop)
{
    run_tasks(&loop->pumps);
    run_tasks(&loop->dirty);
}

static void on_prepare(uv_prepare_t *handle)
{
    rill_loop *loop = handle->data;
    rill_loop_flush(loop);
    /* Added since: they must not wait for whatever happens to come next. */
    if (!rill_list_empty(&loop->pumps) || !rill_list_empty(&loop->dirty))
        uv_idle_start(&loop->idle, on_idle);
    else
        uv_unref((uv_handle_t *)handle);
    loop->now_valid = false;
}

static void on_check(uv_check_t *handle)
{
    rill_loop *loop = handle->data;
    loop->now_valid = false;
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

int rill_loop_new(rill_loop **out, struct uv_loop_s *uv)
{
    rill_loop *loop = rill_calloc(memory(), 1, sizeof *loop);
    if (loop == NULL)
        return RILL_ERR_NOMEM;
    int error = reserve(loop);
    if (error == RILL_OK && uv == NULL && uv_loop_init(&loop->own) != 0)
        error = RILL_ERR_IO;
    if (error != RILL_OK) {
        release(loop);
        return error;
    }
    loop->uv = uv != NULL ? uv : &loop->own;
    loop->max_storage = RILL_LOOP_MAX_STORAGE;
    rill_list_init(&loop->heavy);
    rill_list_init(&loop->partials);
    rill_list_init(&loop->pumps);
    rill_list_init(&loop->dirty);
    rill_list_init(&loop->deferred);
    uv_prepare_init(loop->uv, &loop->prepare);
    uv_check_init(loop->uv, &loop->check);
    uv_idle_init(loop->uv, &loop->idle);
    loop->handles = 3;
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
    if (--loop->handles == 0 && loop->uv != &loop->own)
        release(loop);
}

void rill_loop_free(rill_loop *loop)
{
    if (loop == NULL)
        return;
    bool own = loop->uv == &loop->own;
    uv_close((uv_handle_t *)&loop->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&loop->check, on_handle_closed);
    uv_close((uv_handle_t *)&loop->idle, on_handle_closed);
    if (!own)
        return;
    while (loop->handles != 0)
        uv_run(loop->uv, UV_RUN_NOWAIT);
    int busy = uv_loop_close(loop->uv);
    assert(busy == 0);
    if (busy == 0)
        release(loop);
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
    int result = uv_run(loop->uv, UV_RUN_DEFAULT);
    const struct timespec at_once = {0};
    if (!was_pending)
        while (sigtimedwait(&pipe_only, NULL, &at_once) == SIGPIPE)
            continue;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result < 0 ? RILL_ERR_IO : RILL_OK;
}

void rill_loop_stop(rill_loop *loop)
{
    uv_stop(loop->uv);
}

rill_now rill_loop_now(rill_loop *loop)
{
    /* libuv's own reading moves where a loop starts again after a pause outside it. */
    if (!loop->now_valid || loop->now_uv != uv_now(loop->uv)) {
        struct timespec wall;
        clock_gettime(CLOCK_REALTIME, &wall);
        loop->now.mono_ns = uv_hrtime();
        loop->now.wall_ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000;
        loop->now_uv = uv_now(loop->uv);
        loop->now_valid = true;
    }
    return loop->now;
}
