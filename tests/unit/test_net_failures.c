/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A payment over loopback, from a client through a node to a server, all on one
 * loop, in which one allocation fails: each of ours, one run after the other, a
 * process for each. It is paid, or somebody is told why not; the books hold;
 * nothing is left allocated; and the same node then carries another payment.
 *
 * The linker puts the functions below before malloc's (--wrap), for the code
 * of this tree; libuv is told of them. It calls abort() where it cannot grow its
 * table of descriptors, the only block that it resizes: that one does not fail.
 */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <rill/net.h>
#include <rill/rill.h>
#include <uv.h>

#include "cli/demo_node.h"

#define AMOUNT     1000
#define PACKET     100 /* units at most in one packet */
#define BYTES      3000
#define STUCK_MS   60000
#define AT_ONCE    12
#define MOST_RUNS  2000
#define NEVER_FAIL 0

/* ---- malloc ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void __real_free(void *ptr);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
void __wrap_free(void *ptr);

static unsigned long asked;
static unsigned long fail_at;
static bool counting;
static long blocks; /* that are out */

static bool refused(void)
{
    return counting && ++asked == fail_at;
}

void *__wrap_malloc(size_t size)
{
    void *p = refused() ? NULL : __real_malloc(size);
    blocks += p != NULL;
    return p;
}

void *__wrap_calloc(size_t count, size_t size)
{
    void *p = refused() ? NULL : __real_calloc(count, size);
    blocks += p != NULL;
    return p;
}

void *__wrap_realloc(void *ptr, size_t size)
{
    void *p = refused() ? NULL : __real_realloc(ptr, size);
    blocks += p != NULL && ptr == NULL;
    return p;
}

void __wrap_free(void *ptr)
{
    blocks -= ptr != NULL;
    __real_free(ptr);
}

static void *realloc_of_libuv(void *ptr, size_t size)
{
    void *p = __real_realloc(ptr, size);
    blocks += p != NULL && ptr == NULL;
    return p;
}

/* ---- the payment ---- */

typedef struct payment {
    bool told; /* of an error */
    uint64_t sent;
    uint64_t received;
    uint64_t bytes; /* received, and right */
} payment;

typedef struct world {
    rill_loop *loop;
    rill_node *node;
    char uri[64];
    rill_server *server;
    rill_client *client;
    bool listening; /* ... and is not to be closed */
    rill_credentials credentials;
    uv_timer_t timer; /* of the next step */
    uv_timer_t stuck;
    unsigned round; /* 0: something may fail; 1: nothing does */
    payment payments[2];
} world;

/* Ends the process: the parent reports it. */
static void wrong(const char *what)
{
    fprintf(stderr, "# %s\n", what);
    _exit(1);
}

static void on_step(uv_timer_t *timer);

static void tell(world *w, const char *what, int error)
{
    payment *p = &w->payments[w->round];
    if (error == RILL_OK)
        return;
    if (!p->told && getenv("NET_FAILURES_VERBOSE"))
        fprintf(stderr, "# allocation %lu, payment %u: %s: %s\n", fail_at, w->round, what,
                rill_strerror(error));
    p->told = true;
}

static payment *now(world *w)
{
    return &w->payments[w->round];
}

static void step_soon(world *w)
{
    uv_timer_start(&w->timer, on_step, 0, 0);
}

static void on_ready(rill_client *client, rill_connection *c, void *user)
{
    world *w = user;
    rill_stream *s;
    size_t accepted;
    uint8_t bytes[BYTES];
    (void)client;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 31);
    int err = rill_connection_open_stream(c, &s);
    if (err == RILL_OK)
        err = rill_stream_send_total(s, AMOUNT, RILL_NEVER);
    if (err == RILL_OK)
        err = rill_stream_write(s, bytes, sizeof bytes, &accepted);
    tell(w, "use", err);
    tell(w, "end", rill_connection_end(c));
}

static void on_progress(rill_stream *s, uint64_t amount, void *user)
{
    (void)s;
    now(user)->sent += amount;
}

static void on_sent(rill_stream *s, int error, void *user)
{
    (void)s;
    tell(user, "sent", error);
}

static void on_stream_end(rill_stream *s, const rill_end *end, void *user)
{
    (void)s;
    tell(user, "stream_end", end->error);
}

static void on_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    (void)c;
    tell(user, "connection_end", end->error);
}

static void on_client_closed(int error, const char *detail, void *user)
{
    world *w = user;
    if (error != RILL_OK && *detail == '\0')
        wrong("an error without a word");
    tell(w, "client closed", error);
    w->client = NULL;
    step_soon(w);
}

static void on_money(rill_stream *s, uint64_t amount, void *user)
{
    (void)s;
    now(user)->received += amount;
}

static void on_data(rill_stream *s, const uint8_t *data, size_t len, void *user)
{
    payment *p = now(user);
    (void)s;
    for (size_t i = 0; i < len; i++, p->bytes++)
        if (data[i] != (uint8_t)(p->bytes * 31))
            wrong("a byte is wrong");
}

static void on_listening(rill_server *server, void *user)
{
    world *w = user;
    (void)server;
    w->listening = true;
    step_soon(w);
}

static void on_server_closed(int error, const char *detail, void *user)
{
    world *w = user;
    if (error != RILL_OK && *detail == '\0')
        wrong("an error without a word");
    tell(w, "server closed", error);
    if (w->listening)
        wrong("a server with clients went away for one of them");
    w->server = NULL;
    if (!w->client)
        step_soon(w);
}

/* account: its name and token at the node. */
static rill_net_options options_of(world *w, const rill_handlers *handlers, const char *account)
{
    static char link[128];
    static rill_connection_options connection;
    rill_net_options o;
    rill_net_options_init(&o);
    rill_connection_options_init(&connection);
    o.connection = &connection;
    snprintf(link, sizeof link, "btp+ws://%s@%s", account, strstr(w->uri, "127."));
    o.link_uri = link;
    o.handlers = handlers;
    o.user = w;
    connection.min_rate = (rill_ratio){1, 1};
    connection.max_packet_amount = PACKET;
    connection.packet_lifetime_ns = 3 * RILL_SECOND;
    connection.connect_timeout_ns = 3 * RILL_SECOND;
    connection.idle_timeout_ns = 5 * RILL_SECOND;
    o.connect_timeout_ns = 5 * RILL_SECOND;
    return o;
}

static int start_server(world *w)
{
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .server_ready = on_listening,
                                           .money = on_money,
                                           .data = on_data,
                                           .closed = on_server_closed};
    rill_net_options o = options_of(w, &handlers, "shop:open");
    const char *problem;
    int err = rill_server_open(&w->server, w->loop, &o, &problem);
    if (err != RILL_OK && (problem == NULL || *problem == '\0'))
        wrong("an error without a word");
    return err;
}

static int start_client(world *w)
{
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .client_ready = on_ready,
                                           .outgoing_money = on_progress,
                                           .send_total_end = on_sent,
                                           .stream_end = on_stream_end,
                                           .connection_end = on_connection_end,
                                           .closed = on_client_closed};
    rill_net_options o = options_of(w, &handlers, "guest:sesame");
    const char *problem;
    int err = rill_server_generate_credentials(w->server, NULL, &w->credentials);
    if (err != RILL_OK)
        return err;
    err = rill_client_open(&w->client, w->loop, &o, w->credentials.destination_account,
                           w->credentials.shared_secret, RILL_SHARED_SECRET_LEN, &problem);
    if (err != RILL_OK && (problem == NULL || *problem == '\0'))
        wrong("an error without a word");
    return err;
}

static void check(const payment *p)
{
    if (p->sent > p->received)
        wrong("more was sent than received");
    if (p->sent > AMOUNT || p->bytes > BYTES)
        wrong("too much was sent");
    if (!p->told && (p->sent != AMOUNT || p->bytes != BYTES))
        wrong("it was not all sent, and nobody was told");
}

static void close_all(world *w)
{
    w->listening = false;
    if (w->server)
        rill_server_close(w->server);
    if (w->node)
        rill_node_close(w->node);
    uv_close((uv_handle_t *)&w->timer, NULL);
    uv_close((uv_handle_t *)&w->stuck, NULL);
}

/* Makes what there is not yet; the callbacks come back here. */
static void on_step(uv_timer_t *timer)
{
    world *w = timer->data;
    static bool started[2];
    if (w->client)
        return;
    if (started[w->round] || now(w)->told) {
        /* This payment is over, well or not. */
        if (w->round == 1) {
            close_all(w);
            return;
        }
        counting = false;
        w->round = 1;
    }
    int err = w->node ? RILL_OK : demo_node_open(&w->node, w->loop, w->uri, sizeof w->uri);
    if (err == RILL_OK && !w->server) {
        err = start_server(w);
    } else if (err == RILL_OK) {
        started[w->round] = true;
        err = start_client(w);
    }
    tell(w, "start", err);
    if (err != RILL_OK)
        step_soon(w);
}

static void on_stuck(uv_timer_t *timer)
{
    (void)timer;
    wrong("it does not end");
}

/* 0 if all is well. *out gets the number of allocations. */
static int run_child(unsigned long n, int out)
{
    static world w;
    long before = blocks;
    fail_at = n;
    counting = true;
    if (rill_loop_new(&w.loop, NULL) != RILL_OK) {
        counting = false;
        if (n == NEVER_FAIL || rill_loop_new(&w.loop, NULL) != RILL_OK)
            return 1;
    }
    uv_timer_init(rill_loop_uv(w.loop), &w.timer);
    uv_timer_init(rill_loop_uv(w.loop), &w.stuck);
    w.timer.data = w.stuck.data = &w;
    uv_timer_start(&w.stuck, on_stuck, STUCK_MS, 0);
    step_soon(&w);
    if (rill_loop_run(w.loop) != RILL_OK)
        wrong("the loop failed");
    rill_loop_free(w.loop);
    check(&w.payments[0]);
    check(&w.payments[1]);
    if (w.payments[1].told)
        wrong("the payment after it failed");
    if (n == NEVER_FAIL && w.payments[0].told)
        wrong("it failed without a failure");
    if (blocks != before)
        wrong("something is left allocated");
    char told = (char)w.payments[0].told;
    if (write(out, &asked, sizeof asked) != sizeof asked || write(out, &told, 1) != 1)
        return 1;
    return 0;
}

/* ---- the processes ---- */

typedef struct child {
    pid_t pid; /* 0: none */
    unsigned long n;
    int result;
} child;

static void begin(child *c, unsigned long n)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    c->pid = fork();
    assert_true(c->pid >= 0);
    if (c->pid == 0) {
        close(ends[0]);
        _exit(run_child(n, ends[1]));
    }
    close(ends[1]);
    c->result = ends[0];
    c->n = n;
}

static unsigned long end(child *c, bool *told)
{
    int status;
    unsigned long count = 0;
    char was_told = 0;
    bool read_all =
        read(c->result, &count, sizeof count) == sizeof count && read(c->result, &was_told, 1) == 1;
    close(c->result);
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !read_all) {
        print_error("# allocation %lu: %s %d\n", c->n, WIFEXITED(status) ? "status" : "signal",
                    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        fail();
    }
    c->pid = 0;
    *told = was_told;
    return count;
}

static void test_every_allocation_of_a_payment_fails(void **state)
{
    child children[AT_ONCE] = {{0}};
    bool told;
    unsigned long completed = 0;
    (void)state;
    begin(&children[0], NEVER_FAIL);
    unsigned long all = end(&children[0], &told);
    assert_in_range(all, 1, MOST_RUNS);
    for (unsigned long n = 1; n <= all + AT_ONCE; n++) {
        child *c = &children[n % AT_ONCE];
        if (c->pid) {
            (void)end(c, &told);
            completed += !told;
        }
        if (n <= all)
            begin(c, n);
    }
    print_message("# %lu allocations; of as many payments in which one failed %lu completed\n", all,
                  completed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_of_a_payment_fails),
    };
    if (uv_replace_allocator(__wrap_malloc, realloc_of_libuv, __wrap_calloc, __wrap_free) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
