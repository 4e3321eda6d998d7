/* SPDX-License-Identifier: Apache-2.0 */
/* Work that other threads hand to a loop. Built a second time for the thread sanitizer. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <rill/loop.h>
#include <uv.h>

#define THREADS 4
#define POSTS   5000

typedef struct world {
    rill_loop *loop;
    pthread_t runs; /* the thread that runs the loop */
    unsigned made;
    unsigned order[THREADS];
    int ended;
} world;

typedef struct poster {
    world *w;
    unsigned index;
    pthread_t thread;
} poster;

typedef struct job {
    world *w;
    unsigned index;
    unsigned number;
} job;

static job jobs[THREADS][POSTS];

static world set_up(struct uv_loop_s *uv)
{
    world w = {.runs = pthread_self()};
    assert_int_equal(rill_loop_new(&w.loop, uv), RILL_OK);
    return w;
}

static void count(void *user)
{
    world *w = user;
    w->made++;
}

static void post_again(void *user)
{
    world *w = user;
    if (++w->made < 3)
        assert_int_equal(rill_loop_post(w->loop, post_again, w), RILL_OK);
}

/* ---- threads ---- */

static void do_job(void *user)
{
    job *j = user;
    world *w = j->w;
    assert_true(pthread_equal(pthread_self(), w->runs));
    assert_int_equal(j->number, w->order[j->index]);
    w->order[j->index]++;
    w->made++;
}

static void end_thread(void *user)
{
    world *w = user;
    if (++w->ended == THREADS)
        rill_loop_stop(w->loop);
}

static void *post_all(void *user)
{
    poster *p = user;
    for (unsigned i = 0; i < POSTS; i++) {
        job *j = &jobs[p->index][i];
        *j = (job){p->w, p->index, i};
        if (rill_loop_post(p->w->loop, do_job, j) != RILL_OK)
            return p;
    }
    return rill_loop_post(p->w->loop, end_thread, p->w) == RILL_OK ? NULL : p;
}

static void test_every_post_of_every_thread_is_made_in_order(void **state)
{
    (void)state;
    world w = set_up(NULL);
    poster posters[THREADS];
    rill_loop_keep(w.loop, true);
    for (unsigned i = 0; i < THREADS; i++) {
        posters[i] = (poster){.w = &w, .index = i};
        assert_int_equal(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]), 0);
    }
    assert_int_equal(rill_loop_run(w.loop), RILL_OK);
    for (unsigned i = 0; i < THREADS; i++) {
        void *failed;
        assert_int_equal(pthread_join(posters[i].thread, &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(w.made, THREADS * POSTS);
    assert_int_equal(rill_loop_free(w.loop), RILL_OK);
}

/* The loop's thread ends as it likes: what comes too late to be run is made when it is freed. */
static void test_no_post_is_lost_where_the_loop_ends_at_once(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 5; round++) {
        world w = set_up(NULL);
        poster posters[THREADS];
        for (unsigned i = 0; i < THREADS; i++) {
            posters[i] = (poster){.w = &w, .index = i};
            assert_int_equal(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]), 0);
        }
        assert_int_equal(rill_loop_run(w.loop), RILL_OK);
        for (unsigned i = 0; i < THREADS; i++)
            assert_int_equal(pthread_join(posters[i].thread, NULL), 0);
        assert_int_equal(rill_loop_free(w.loop), RILL_OK);
        assert_int_equal(w.made, THREADS * POSTS);
        assert_int_equal(w.ended, THREADS);
    }
}

/* ---- one thread ---- */

static void test_what_was_posted_before_is_made_by_run(void **state)
{
    (void)state;
    world w = set_up(NULL);
    assert_int_equal(rill_loop_post(w.loop, post_again, &w), RILL_OK);
    assert_int_equal(w.made, 0); /* not from inside the call */
    assert_int_equal(rill_loop_run(w.loop), RILL_OK);
    assert_int_equal(w.made, 3);
    assert_int_equal(rill_loop_free(w.loop), RILL_OK);
}

static void test_what_was_posted_after_is_made_by_free(void **state)
{
    (void)state;
    world w = set_up(NULL);
    assert_int_equal(rill_loop_run(w.loop), RILL_OK);
    assert_int_equal(rill_loop_post(w.loop, post_again, &w), RILL_OK);
    assert_int_equal(rill_loop_free(w.loop), RILL_OK);
    assert_int_equal(w.made, 3);
}

static uv_timer_t timer;

static void start_timer(void *user)
{
    world *w = user;
    w->made++;
    uv_timer_init(rill_loop_uv(w->loop), &timer);
}

/* A call made by free opens something: the loop stays, and takes posts again. */
static void test_a_call_may_keep_the_loop(void **state)
{
    (void)state;
    world w = set_up(NULL);
    assert_int_equal(rill_loop_post(w.loop, start_timer, &w), RILL_OK);
    assert_int_equal(rill_loop_free(w.loop), RILL_ERR_STATE);
    assert_int_equal(rill_loop_post(w.loop, count, &w), RILL_OK);
    uv_close((uv_handle_t *)&timer, NULL);
    assert_int_equal(rill_loop_run(w.loop), RILL_OK);
    assert_int_equal(w.made, 2);
    assert_int_equal(rill_loop_free(w.loop), RILL_OK);
}

static void free_it(void *user)
{
    world *w = user;
    w->made++;
    assert_int_equal(rill_loop_free(w->loop), w->ended);
}

static void test_a_call_of_free_may_not_free(void **state)
{
    (void)state;
    world w = set_up(NULL);
    w.ended = RILL_ERR_STATE;
    assert_int_equal(rill_loop_post(w.loop, free_it, &w), RILL_OK);
    assert_int_equal(rill_loop_free(w.loop), RILL_OK);
    assert_int_equal(w.made, 1);
}

static void test_a_call_of_run_may_free(void **state)
{
    (void)state;
    world w = set_up(NULL);
    rill_loop_keep(w.loop, false);
    assert_int_equal(rill_loop_post(w.loop, free_it, &w), RILL_OK);
    assert_int_equal(rill_loop_post(w.loop, count, &w), RILL_OK);
    assert_int_equal(rill_loop_run(w.loop), RILL_OK);
    assert_int_equal(w.made, 2);
}

static void test_an_embedders_loop(void **state)
{
    (void)state;
    uv_loop_t uv;
    assert_int_equal(uv_loop_init(&uv), 0);
    world w = set_up(&uv);
    rill_loop_keep(w.loop, true);
    assert_int_equal(rill_loop_post(w.loop, count, &w), RILL_OK);
    assert_int_equal(uv_run(&uv, UV_RUN_ONCE), 1);
    assert_int_equal(w.made, 1);
    /* The loop goes when libuv has closed its handles: nothing is taken by then. */
    assert_int_equal(rill_loop_post(w.loop, count, &w), RILL_OK);
    assert_int_equal(rill_loop_free(w.loop), RILL_OK);
    assert_int_equal(w.made, 2);
    assert_int_equal(rill_loop_post(w.loop, count, &w), RILL_ERR_CLOSED);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(w.made, 2);
    assert_int_equal(uv_loop_close(&uv), 0);
}

/* A call on an embedder's loop begins to free it: the calls behind it are made by then. */
static void test_an_embedders_loop_is_freed_by_a_call(void **state)
{
    (void)state;
    uv_loop_t uv;
    assert_int_equal(uv_loop_init(&uv), 0);
    world w = set_up(&uv);
    rill_loop_keep(w.loop, true);
    assert_int_equal(rill_loop_post(w.loop, free_it, &w), RILL_OK);
    assert_int_equal(rill_loop_post(w.loop, count, &w), RILL_OK);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(w.made, 2);
    assert_int_equal(uv_loop_close(&uv), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_post_of_every_thread_is_made_in_order),
        cmocka_unit_test(test_no_post_is_lost_where_the_loop_ends_at_once),
        cmocka_unit_test(test_what_was_posted_before_is_made_by_run),
        cmocka_unit_test(test_what_was_posted_after_is_made_by_free),
        cmocka_unit_test(test_a_call_may_keep_the_loop),
        cmocka_unit_test(test_a_call_of_free_may_not_free),
        cmocka_unit_test(test_a_call_of_run_may_free),
        cmocka_unit_test(test_an_embedders_loop),
        cmocka_unit_test(test_an_embedders_loop_is_freed_by_a_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
