/* SPDX-License-Identifier: Apache-2.0 */
/*
 * However few file descriptors are left, what needs one fails with an error, and the process goes
 * on. Each number of descriptors is tried in a process of its own, because libuv initialises itself
 * once for each process.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <rill/net.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "links/btp/btp_server.h"

#define MOST  24 /* more than all that is tried here opens */
#define FILES 128

static int kept[FILES];
static int kept_count;

/* Leaves exactly so many descriptors free. */
static void leave(int count)
{
    const struct rlimit limit = {FILES, FILES};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        _exit(90);
    while (kept_count < FILES && (kept[kept_count] = open("/dev/null", O_RDONLY)) >= 0)
        kept_count++;
    for (int i = 0; i < count; i++)
        close(kept[--kept_count]);
}

static void give_back(void)
{
    while (kept_count > 0)
        close(kept[--kept_count]);
}

static void on_closed(int error, const char *detail, void *user)
{
    (void)error;
    (void)detail;
    ++*(int *)user;
}

static int pay(int count)
{
    static const uint8_t secret[32] = {1};
    rill_pay_options o;
    rill_pay_result result;
    rill_net_options net;
    rill_link_options once;
    rill_pay_options_init(&o);
    rill_net_options_init(&net);
    rill_link_options_init(&once);
    once.reconnect = false;
    net.link_uri = "btp+ws://:token@127.0.0.1:1";
    net.link_options = &once;
    o.net = &net;
    o.destination_account = "test.nobody";
    o.shared_secret = secret;
    o.secret_len = sizeof secret;
    o.amount = 1;
    leave(count);
    int rc = rill_pay(&o, &result);
    give_back();
    /* The error names the shortage, whether it hit the loop, the lookup or the socket. */
    bool named = strstr(result.detail, "too many") != NULL && strstr(result.detail, "open") != NULL;
    if (count == 0 && (rc != RILL_ERR_FILES || !named))
        return 4;
    bool refused = strstr(result.detail, "refused") != NULL;
    return rc < 0 && (named || (refused && count >= 8)) ? 0 : 1;
}

static int listen_and_connect(int count)
{
    static const uint8_t secret[32] = {1};
    const rill_handlers handlers = {.size = sizeof(rill_handlers), .closed = on_closed};
    int begun = 0;
    int closed = 0;
    rill_loop *loop;
    rill_server *server;
    rill_client *client;
    rill_net_options o;
    rill_link_options once;
    rill_net_options_init(&o);
    rill_link_options_init(&once);
    once.reconnect = false;
    o.link_uri = "btp+ws://:token@localhost:1";
    o.link_options = &once;
    o.handlers = &handlers;
    o.user = &closed;
    leave(count);
    int rc = rill_loop_new(&loop, NULL);
    if (rc != RILL_OK)
        return rc == RILL_ERR_FILES ? 0 : 4;
    begun += rill_server_open(&server, loop, &o, NULL) == RILL_OK;
    begun +=
        rill_client_open(&client, loop, &o, "test.nobody", secret, sizeof secret, NULL) == RILL_OK;
    if (rill_loop_run(loop) != RILL_OK)
        return 2;
    rill_loop_free(loop);
    give_back();
    return begun == closed ? 0 : 3;
}

static int on_authenticate(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                           const rill_link_handlers **handlers, void **user)
{
    (void)owner;
    (void)name;
    (void)token;
    (void)session;
    (void)handlers;
    (void)user;
    return RILL_ERR_AUTH;
}

/* The node's side: it cannot listen, or cannot accept a client, which is then told to go. */
static int serve(int count)
{
    int closed = 0;
    rill_loop *loop;
    rill_btp_server *node;
    rill_server *server;
    rill_btp_server_options options;
    char link[64];
    const rill_handlers handlers = {.size = sizeof(rill_handlers), .closed = on_closed};
    rill_net_options o;
    rill_btp_server_options_init(&options);
    options.authenticate = on_authenticate;
    leave(count);
    if (rill_loop_new(&loop, NULL) != RILL_OK)
        return 0;
    if (rill_btp_server_open(&node, loop, &options) == RILL_OK) {
        snprintf(link, sizeof link, "btp+ws://:token@127.0.0.1:%u",
                 (unsigned)rill_listener_port(rill_btp_server_listener(node)));
        rill_net_options_init(&o);
        o.link_uri = link;
        rill_link_options once;
        rill_link_options_init(&once);
        once.reconnect = false;
        once.connect_timeout_ns = RILL_SECOND;
        o.link_options = &once;
        o.handlers = &handlers;
        o.user = &closed;
        bool begun = rill_server_open(&server, loop, &o, NULL) == RILL_OK;
        while (begun && closed == 0)
            (void)uv_run(rill_loop_uv(loop), UV_RUN_ONCE);
        rill_btp_server_close(node, NULL);
    }
    if (rill_loop_run(loop) != RILL_OK)
        return 2;
    rill_loop_free(loop);
    give_back();
    return 0;
}

static void each_count(int (*what)(int count))
{
    for (int count = 0; count <= MOST; count++) {
        int status = -1;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            alarm(50);
            _exit(what(count));
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fail_msg("with %d free: status %x", count, (unsigned)status);
    }
}

static void test_pay(void **state)
{
    (void)state;
    each_count(pay);
}

static void test_listen_and_connect(void **state)
{
    (void)state;
    each_count(listen_and_connect);
}

static void test_serve(void **state)
{
    (void)state;
    each_count(serve);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pay),
        cmocka_unit_test(test_listen_and_connect),
        cmocka_unit_test(test_serve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
