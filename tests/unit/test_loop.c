/* SPDX-License-Identifier: Apache-2.0 */
/* Rill on a loop that belongs to somebody else. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <rill/net.h>
#include <uv.h>

typedef struct seen {
    int closed;
    int error;
} seen;

static void on_closed(int error, const char *detail, void *user)
{
    seen *s = user;
    assert_non_null(detail);
    s->closed++;
    s->error = error;
}

/* The embedder runs its loop, everything ends, and the loop is whole afterwards. */
static void test_embedder_loop(void **state)
{
    (void)state;
    uv_loop_t uv;
    rill_loop *loop;
    rill_server *server;
    rill_net_options options;
    seen s = {0};
    const rill_handlers handlers = {.size = sizeof(rill_handlers), .closed = on_closed};
    assert_int_equal(uv_loop_init(&uv), 0);
    assert_int_equal(rill_loop_new(&loop, &uv), RILL_OK);
    assert_ptr_equal(rill_loop_uv(loop), &uv);
    rill_net_options_init(&options);
    options.link_uri = "btp+ws://:token@127.0.0.1:1";
    rill_link_options once;
    rill_link_options_init(&once);
    once.reconnect = false;
    options.link_options = &once;
    options.handlers = &handlers;
    options.user = &s;
    assert_int_equal(rill_server_open(&server, loop, &options, NULL), RILL_OK);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(s.closed, 1);
    assert_int_equal(s.error, RILL_ERR_CONNECT);
    rill_loop_free(loop);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&uv), 0);
}

static void test_stop(void **state)
{
    (void)state;
    rill_loop *loop;
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    rill_now now = rill_loop_now(loop);
    assert_true(now.mono_ns > 0);
    assert_true(now.wall_ms > UINT64_C(1600000000000));
    rill_loop_stop(loop);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    rill_loop_free(loop);
}

static void on_closed_free(int error, const char *detail, void *user)
{
    (void)error;
    (void)detail;
    rill_loop **loop = user;
    rill_loop_free(*loop);
    *loop = NULL;
}

/* The last object on the loop has closed, and the loop is freed at that moment. */
static void test_freed_in_a_handler(void **state)
{
    (void)state;
    rill_loop *loop;
    rill_server *server;
    rill_net_options options;
    const rill_handlers handlers = {.size = sizeof(rill_handlers), .closed = on_closed_free};
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    rill_net_options_init(&options);
    options.link_uri = "btp+ws://:token@127.0.0.1:1";
    options.handlers = &handlers;
    options.user = &loop;
    assert_int_equal(rill_server_open(&server, loop, &options, NULL), RILL_OK);
    rill_server_close(server);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_null(loop);
}

/* ---- freed while something is open ---- */

static void count_closed(int error, const char *detail, void *user)
{
    (void)error;
    (void)detail;
    ++*(unsigned *)user;
}

/* One that goes on trying to reach its node. */
static rill_server *open_server(rill_loop *loop, unsigned *closed)
{
    static const rill_handlers handlers = {.size = sizeof(rill_handlers), .closed = count_closed};
    rill_server *server;
    rill_net_options options;
    rill_net_options_init(&options);
    options.link_uri = "btp+ws://:token@127.0.0.1:1";
    options.handlers = &handlers;
    options.user = closed;
    assert_int_equal(rill_server_open(&server, loop, &options, NULL), RILL_OK);
    return server;
}

static void test_freed_too_early(void **state)
{
    (void)state;
    rill_loop *loop;
    unsigned closed = 0;
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    rill_server *server = open_server(loop, &closed);
    assert_int_equal(rill_loop_free(loop), RILL_ERR_STATE);
    rill_loop_stop(loop);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_int_equal(rill_loop_free(loop), RILL_ERR_STATE);
    rill_server_close(server);
    assert_int_equal(rill_loop_free(loop), RILL_ERR_STATE); /* it has not said so yet */
    assert_int_equal(closed, 0);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_int_equal(closed, 1);
    assert_int_equal(rill_loop_free(loop), RILL_OK);
}

/* The same holds for the application's own handles on it. */
static void test_freed_with_a_handle_of_the_application(void **state)
{
    (void)state;
    rill_loop *loop;
    uv_timer_t timer;
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    assert_int_equal(uv_timer_init(rill_loop_uv(loop), &timer), 0);
    assert_int_equal(rill_loop_free(loop), RILL_ERR_STATE);
    uv_close((uv_handle_t *)&timer, NULL);
    assert_int_equal(rill_loop_free(loop), RILL_OK); /* which lets it close */
}

static void free_and_stop(uv_timer_t *timer)
{
    assert_int_equal(rill_loop_free(timer->data), RILL_OK);
    rill_loop_stop(timer->data);
    uv_close((uv_handle_t *)timer, NULL);
}

static void test_freed_in_a_handler_too_early(void **state)
{
    (void)state;
    rill_loop *loop;
    unsigned closed = 0;
    uv_timer_t timer;
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    rill_server *server = open_server(loop, &closed);
    assert_int_equal(uv_timer_init(rill_loop_uv(loop), &timer), 0);
    timer.data = loop;
    uv_timer_start(&timer, free_and_stop, 0, 0);
    assert_int_equal(rill_loop_run(loop), RILL_ERR_STATE);
    assert_int_equal(closed, 0);
    rill_server_close(server);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_int_equal(closed, 1);
    assert_int_equal(rill_loop_free(loop), RILL_OK);
}

/* An embedder's goes with the last of what is on it. */
static void test_an_embedders_freed_too_early(void **state)
{
    (void)state;
    uv_loop_t uv;
    for (unsigned i = 0; i < 2; i++) {
        rill_loop *loop;
        unsigned closed = 0;
        assert_int_equal(uv_loop_init(&uv), 0);
        assert_int_equal(rill_loop_new(&loop, &uv), RILL_OK);
        rill_server *server = open_server(loop, &closed);
        assert_int_equal(rill_loop_free(loop), RILL_OK);
        assert_int_equal(uv_run(&uv, UV_RUN_NOWAIT) != 0, 1);
        rill_server_close(server);
        if (i == 0)
            assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
        else
            assert_int_equal(rill_loop_run(loop), RILL_OK);
        assert_int_equal(closed, 1);
        assert_int_equal(uv_loop_close(&uv), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embedder_loop),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_freed_in_a_handler),
        cmocka_unit_test(test_freed_too_early),
        cmocka_unit_test(test_freed_with_a_handle_of_the_application),
        cmocka_unit_test(test_freed_in_a_handler_too_early),
        cmocka_unit_test(test_an_embedders_freed_too_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
