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
    const rill_handlers handlers = {.closed = on_closed};
    assert_int_equal(uv_loop_init(&uv), 0);
    assert_int_equal(rill_loop_new(&loop, &uv), RILL_OK);
    assert_ptr_equal(rill_loop_uv(loop), &uv);
    rill_net_options_init(&options);
    options.link = "btp+ws://:token@127.0.0.1:1";
    options.link_options.reconnect = false;
    options.handlers = &handlers;
    options.user = &s;
    assert_int_equal(rill_listen(&server, loop, &options, NULL), RILL_OK);
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

/* Whose last thing has closed frees the loop there and then. */
static void test_freed_in_a_handler(void **state)
{
    (void)state;
    rill_loop *loop;
    rill_server *server;
    rill_net_options options;
    const rill_handlers handlers = {.closed = on_closed_free};
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    rill_net_options_init(&options);
    options.link = "btp+ws://:token@127.0.0.1:1";
    options.handlers = &handlers;
    options.user = &loop;
    assert_int_equal(rill_listen(&server, loop, &options, NULL), RILL_OK);
    rill_server_close(server);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_null(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embedder_loop),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_freed_in_a_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
