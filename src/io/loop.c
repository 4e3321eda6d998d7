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

/* Two descriptors each: what uv_loop_init opens, and a socket. */
#define SPARE_PAIRS 4

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static void release(rill_loop *loop)
{
    if (loop->uv != NULL) {
        rill_posts_destroy(loop);
        (void)rill_loop_drop_adopted(loop);
    }
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
    rill_list_init(&loop->adopted);
    rill_list_init(&loop->listening);
    rill_turns_init(loop);
    loop->handles = 4; /* these, and that of the posts */
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
