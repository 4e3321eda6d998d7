/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A turn of the loop: the handles of libuv that say where in it we are, the tasks that wait for
 * each of its parts, and its clocks.
 */
#define _POSIX_C_SOURCE 200809L

#include <time.h>

#include "io/loop.h"

/* Timers are late by a few milliseconds now and then; more means that the loop stood still. */
#define LATE (20 * RILL_MS)
/* Who sends without end does not keep the others' timers from running. */
#define CATCH_UP RILL_SECOND

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

size_t rill_loop_share(unsigned unread)
{
    size_t share = unread == 0 ? RILL_BLOCK : RILL_TURN / unread;
    if (share > RILL_BLOCK)
        return RILL_BLOCK;
    return share < RILL_BLOCK_SMALL ? RILL_BLOCK_SMALL : share;
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
    loop->share = rill_loop_share(loop->unread);
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

void rill_turns_init(rill_loop *loop)
{
    rill_list_init(&loop->pumps);
    rill_list_init(&loop->dirty);
    rill_list_init(&loop->deferred);
    loop->share = RILL_BLOCK;
    uv_prepare_init(loop->uv, &loop->prepare);
    uv_check_init(loop->uv, &loop->check);
    uv_idle_init(loop->uv, &loop->idle);
    loop->prepare.data = loop->check.data = loop->idle.data = loop;
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_check_start(&loop->check, on_check);
    /* They serve what is open; alone they are no reason to go on. */
    uv_unref((uv_handle_t *)&loop->prepare);
    uv_unref((uv_handle_t *)&loop->check);
}
