/* SPDX-License-Identifier: Apache-2.0 */
/* Work that other threads hand to a loop: a list behind a lock, and uv_async to wake the loop. */
#define _POSIX_C_SOURCE 200809L

#include <assert.h>

#include "base/alloc.h"
#include "io/loop.h"

/* One call that was asked for. */
typedef struct post {
    rill_list node;
    void (*call)(void *user);
    void *user;
} post;

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static void lock(rill_posts *posts)
{
    int error = pthread_mutex_lock(&posts->lock);
    assert(error == 0); /* a mutex of ours, which this thread does not hold */
    (void)error;
}

static void unlock(rill_posts *posts)
{
    int error = pthread_mutex_unlock(&posts->lock);
    assert(error == 0);
    (void)error;
}

static post *take_first(rill_posts *posts)
{
    lock(posts);
    rill_list *node = rill_list_pop_front(&posts->taken);
    unlock(posts);
    return node == NULL ? NULL : RILL_CONTAINER(node, post, node);
}

/*
 * What is there now, and not what these calls post, so that two that post each other do not keep
 * the loop here. What was taken stays in a list of the loop's: a call may begin to free it, and
 * that makes the rest of the calls.
 */
bool rill_posts_run(rill_loop *loop)
{
    rill_posts *posts = &loop->posts;
    lock(posts);
    while (!rill_list_empty(&posts->waiting)) {
        rill_list *node = rill_list_pop_front(&posts->waiting);
        rill_list_push_back(&posts->taken, node);
    }
    unlock(posts);
    bool any = false;
    for (post *p; (p = take_first(posts)) != NULL; any = true) {
        void (*call)(void *user) = p->call;
        void *user = p->user;
        rill_free(memory(), p);
        /* As before every handler: it may take its time. */
        if (loop->owing)
            rill_loop_push(loop);
        call(user);
        rill_loop_stale(loop);
    }
    return any;
}

static void on_async(uv_async_t *handle)
{
    rill_loop *loop = handle->data;
    rill_loop_stale(loop);
    (void)rill_posts_run(loop);
}

int rill_posts_init(rill_loop *loop)
{
    rill_posts *posts = &loop->posts;
    rill_list_init(&posts->waiting);
    rill_list_init(&posts->taken);
    if (pthread_mutex_init(&posts->lock, NULL) != 0)
        return RILL_ERR_NOMEM;
    int status = uv_async_init(loop->uv, &posts->async, on_async);
    if (status != 0) {
        pthread_mutex_destroy(&posts->lock);
        return rill_loop_error(status);
    }
    posts->async.data = loop;
    uv_unref((uv_handle_t *)&posts->async);
    return RILL_OK;
}

void rill_posts_finish(rill_loop *loop)
{
    bool over = false;
    loop->posts.finishing = true;
    while (!over) {
        (void)rill_posts_run(loop);
        lock(&loop->posts);
        over = rill_list_empty(&loop->posts.waiting);
        loop->posts.over = over;
        unlock(&loop->posts);
    }
    loop->posts.finishing = false;
}

void rill_posts_go_on(rill_loop *loop)
{
    lock(&loop->posts);
    loop->posts.over = false;
    unlock(&loop->posts);
}

void rill_posts_destroy(rill_loop *loop)
{
    assert(rill_list_empty(&loop->posts.waiting) && rill_list_empty(&loop->posts.taken));
    pthread_mutex_destroy(&loop->posts.lock);
}

int rill_loop_post(rill_loop *loop, void (*call)(void *user), void *user)
{
    rill_posts *posts = &loop->posts;
    post *p = rill_alloc(memory(), sizeof *p);
    if (p == NULL)
        return RILL_ERR_NOMEM;
    *p = (post){.call = call, .user = user};
    lock(posts);
    bool over = posts->over;
    if (!over) {
        /* Where others wait the loop is woken already. */
        bool first = rill_list_empty(&posts->waiting);
        rill_list_push_back(&posts->waiting, &p->node);
        /* Behind the lock: the handle is not closed before posts are refused. */
        if (first)
            (void)uv_async_send(&posts->async);
    }
    unlock(posts);
    if (!over)
        return RILL_OK;
    rill_free(memory(), p);
    return RILL_ERR_CLOSED;
}

void rill_loop_keep(rill_loop *loop, bool keep)
{
    if (keep)
        uv_ref((uv_handle_t *)&loop->posts.async);
    else
        uv_unref((uv_handle_t *)&loop->posts.async);
}
