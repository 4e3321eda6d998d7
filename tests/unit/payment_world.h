/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A payer, a receiver and a node on one loop, and allocations that can be refused. Included by its
 * tests, which define _POSIX_C_SOURCE.
 */
#ifndef RILL_TESTS_PAYMENT_WORLD_H
#define RILL_TESTS_PAYMENT_WORLD_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

#include "cli/demo_node.h"
#include "run/payment_impl.h"
#include "run/payment_state.h"
#include "share.h"

#define TIME_LIMIT 60 /* seconds, for a test */
/* Seconds, for a process that shares the machine with as many as AT_ONCE, and all of them with
 * others, below valgrind: one that waits for ever is found late rather than one that is slow. */
#define CHILD_LIMIT 600
#define PACKET      100
#define AT_ONCE     16

static unsigned time_limit = TIME_LIMIT;

/* ---- malloc ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static unsigned long asked;
static unsigned long fail_at;
static bool counting;

static inline bool refused(void)
{
    return counting && ++asked == fail_at;
}

void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
    return refused() ? NULL : __real_realloc(ptr, size);
}

/* ---- a world ---- */

typedef struct world world;
struct world {
    rill_loop *loop;
    rill_node *node;
    char uri[256];
    char payer_uri[300];
    rill_server *server;
    rill_connection_options accepted; /* of the receiver */
    rill_credentials credentials;
    rill_pay_options options;
    rill_net_options net;               /* what options point at */
    rill_connection_options connection; /* what net points at */
    rill_quote *quote;
    rill_payment *payment;
    rill_quote_path path;
    rill_quote_options wanted;
    rill_quote_terms terms;
    uint64_t received; /* by the receiver, all in all */
    const char *words; /* with which it ends a stream, once money has come */
    unsigned quotes;   /* that were told */
    bool done;
    int error;
    rill_pay_result result;
    /* the states that were saved */
    unsigned saves;
    unsigned crash_at; /* that one is the last: the payer is gone; 0 */
    bool crashed;
    unsigned fail_save; /* that one fails */
    rill_payment_state state;
    uint8_t text[RILL_PAYMENT_STATE_MAX];
    size_t len;
    void (*begin)(world *w); /* once there are credentials */
    void (*decide)(world *w);
    uv_timer_t timer;
};

static inline void on_money(rill_stream *s, uint64_t amount, void *user)
{
    world *w = user;
    w->received += amount;
    /* Whatever leaves was announced before: a payer that dies now knows of it. */
    if (fail_at == 0 && w->saves > 0 && !w->crashed)
        assert_true(w->received <= w->state.sent + w->state.in_doubt);
    if (w->words)
        rill_stream_close(s, RILL_CLOSE_APPLICATION_ERROR, w->words);
}

static inline void on_ready(rill_server *server, void *user)
{
    world *w = user;
    assert_int_equal(rill_server_generate_credentials(server, NULL, &w->credentials), RILL_OK);
    w->options.destination_account = w->credentials.destination_account;
    w->options.shared_secret = w->credentials.shared_secret;
    w->options.secret_len = sizeof w->credentials.shared_secret;
    counting = fail_at > 0;
    w->begin(w);
}

static inline void on_closed(int error, const char *detail, void *user)
{
    (void)error;
    (void)detail;
    rill_node_close(((world *)user)->node);
}

static inline void end_world(world *w)
{
    counting = false;
    rill_server_close(w->server);
}

static inline void on_done(int error, bool reached, const rill_pay_result *result, void *user)
{
    world *w = user;
    (void)reached;
    w->done = true;
    w->error = error;
    w->result = *result;
    assert_true((error == RILL_OK) == (result->reason == RILL_REASON_NONE));
    end_world(w);
}

static inline int on_save(rill_bytes state, void *user)
{
    world *w = user;
    if (w->crashed)
        return RILL_OK; /* nobody is there to keep it */
    rill_payment_state last = w->state;
    assert_int_equal(rill_payment_state_read(&w->state, state, NULL), RILL_OK);
    /* What is certain stays so, and all that may leave was announced. */
    assert_true(w->state.sent >= last.sent && w->state.delivered >= last.delivered);
    assert_true(w->saves == 0 || w->state.sent + w->state.in_doubt >= last.sent);
    /* A node without memory refuses what it has passed on, and pays for that itself. */
    if (fail_at == 0 && w->received > w->state.sent + w->state.in_doubt)
        fail_msg("%llu received, and the state has %llu sent, %llu in doubt",
                 (unsigned long long)w->received, (unsigned long long)w->state.sent,
                 (unsigned long long)w->state.in_doubt);
    memcpy(w->text, state.data, state.len);
    w->len = state.len;
    w->saves++;
    w->crashed = w->saves == w->crash_at;
    return w->saves == w->fail_save ? RILL_ERR_IO : RILL_OK;
}

static const rill_payment_handlers *pay_handlers(world *w, bool saves)
{
    static rill_payment_handlers h;
    h = (rill_payment_handlers){
        .size = sizeof h, .done = on_done, .user = w, .save = saves ? on_save : NULL};
    return &h;
}

static inline void on_quoted(rill_quote *quote, const rill_quote_path *path, void *user)
{
    world *w = user;
    assert_ptr_equal(quote, w->quote);
    w->quotes++;
    w->path = *path;
    w->decide(w);
}

static inline void ask(world *w)
{
    const rill_quote_handlers handlers = {
        .size = sizeof handlers, .quoted = on_quoted, .done = on_done, .user = w};
    int error = rill_quote_start(&w->quote, w->loop, &w->options, &handlers, NULL);
    if (error == RILL_OK)
        return;
    assert_int_equal(error, RILL_ERR_NOMEM);
    w->error = error;
    end_world(w);
}

static inline void start(world *w)
{
    assert_int_equal(
        rill_payment_start(&w->payment, w->loop, &w->options, pay_handlers(w, true), NULL),
        RILL_OK);
}

static inline int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    alarm(time_limit);
    assert_int_equal(rill_loop_new(&w->loop, NULL), RILL_OK);
    assert_int_equal(demo_node_open(&w->node, w->loop, w->uri, sizeof w->uri), RILL_OK);
    rill_pay_options_init(&w->options);
    rill_net_options_init(&w->net);
    rill_connection_options_init(&w->connection);
    rill_connection_options_init(&w->accepted);
    rill_quote_options_init(&w->wanted);
    w->net.connection = &w->connection;
    w->options.net = &w->net;
    w->options.fail_fast = true;
    w->begin = ask;
    *state = w;
    return 0;
}

static inline int tear_down(void **state)
{
    world *w = *state;
    rill_loop_free(w->loop);
    free(w);
    return 0;
}

static inline void run(world *w)
{
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .server_ready = on_ready,
                                           .money = on_money,
                                           .closed = on_closed};
    char link[300];
    const char *host = strstr(w->uri, "://") + 3;
    host = strchr(host, '@') ? strchr(host, '@') + 1 : host;
    rill_net_options net;
    rill_net_options_init(&net);
    snprintf(link, sizeof link, "btp+ws://receiver:token@%s", host);
    snprintf(w->payer_uri, sizeof w->payer_uri, "btp+ws://payer:token@%s", host);
    w->net.link_uri = w->payer_uri;
    net.link_uri = link;
    net.handlers = &handlers;
    net.user = w;
    net.connection = &w->accepted;
    assert_int_equal(rill_server_open(&w->server, w->loop, &net, NULL), RILL_OK);
    assert_int_equal(rill_loop_run(w->loop), RILL_OK);
}

/* ---- without memory ---- */

/*
 * How a child ends that found nothing wrong; exit codes that no sanitizer and no checker has.
 * CUT_OFF: the time was over before there were so many allocations, which says nothing about how
 * many there are.
 */
enum { ONE_FAILED = 42, ALL_PASSED = 43, CUT_OFF = 44 };

static inline int verdict(bool good, unsigned long at, bool complete)
{
    return !good ? 2 : asked >= at ? ONE_FAILED : complete ? ALL_PASSED : CUT_OFF;
}

typedef struct child {
    pid_t pid;        /* 0: none */
    unsigned long at; /* which allocation fails in it */
    time_t begun;
} child;

static volatile sig_atomic_t stopped; /* whoever runs the tests wants no more of them */

static inline void on_stop(int number)
{
    (void)number;
    stopped = 1;
}

static inline void begin_child(child *c, unsigned long at, int (*play)(unsigned long at))
{
    fflush(NULL);
    *c = (child){.at = at, .begun = time(NULL)};
    c->pid = fork();
    assert_true(c->pid >= 0);
    if (c->pid != 0)
        return;
    (void)signal(SIGTERM, SIG_DFL);
    /* An assertion that fails here ends this process, which is no test of its own. */
    (void)setenv("CMOCKA_TEST_ABORT", "1", 1);
    time_limit = CHILD_LIMIT;
    exit(play(at));
}

/* Which allocation it was, and how its process ended, on one line. */
static inline void describe_child(const child *c, int status, char *out, size_t cap)
{
    int took = (int)(time(NULL) - c->begun);
    if (WIFSIGNALED(status))
        snprintf(out, cap, "allocation %lu: ended after %d s by signal %d, %s", c->at, took,
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(out, cap, "allocation %lu: ended after %d s with exit code %d", c->at, took,
                 WEXITSTATUS(status));
    fprintf(stderr, "# %s\n", out);
}

/* Nobody waits for these any more. */
static inline void end_children(child *children)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        if (children[i].pid == 0)
            continue;
        fprintf(stderr, "# allocation %lu: still runs after %d s\n", children[i].at,
                (int)(time(NULL) - children[i].begun));
        (void)kill(children[i].pid, SIGKILL);
    }
}

/*
 * How one of them has ended, as play says it; -1: badly, and why is in out, unless another reason
 * is there. Where none ends any more: stopped.
 */
static inline int await_child(child *children, char *out, size_t cap)
{
    char line[200];
    int status = 0;
    size_t i = 0;
    pid_t pid = wait(&status);
    if (pid < 0) {
        stopped = 1;
        return -1;
    }
    while (children[i].pid != pid)
        assert_true(++i < AT_ONCE);
    children[i].pid = 0;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == ONE_FAILED || code == ALL_PASSED || code == CUT_OFF)
        return code;
    describe_child(&children[i], status, line, sizeof line);
    if (*out == '\0')
        snprintf(out, cap, "%s", line);
    return -1;
}

/*
 * Plays once for each allocation, which fails, each time in a process of its own: so what one
 * leaves behind is found. Many of them wait for what never comes, so many run at once. After a bad
 * one no other begins, and those that run are waited for, lest their words hide what was wrong.
 */
static inline void fail_each_allocation(int (*play)(unsigned long at))
{
    const struct sigaction stop = {.sa_handler = on_stop}; /* and wait() returns */
    child children[AT_ONCE] = {{0}};
    char bad[200] = "";
    unsigned long at = 0, failed = 0;
    size_t running = 0;
    bool all = false;
    alarm(0);
    stopped = 0;
    assert_int_equal(sigaction(SIGTERM, &stop, NULL), 0);
    while (running > 0 || (!all && *bad == '\0')) {
        size_t i = 0;
        while (i < AT_ONCE && children[i].pid != 0)
            i++;
        if (!all && *bad == '\0' && i < AT_ONCE) {
            assert_true(at < 3000);
            at += at == 0 ? 1 : test_share();
            begin_child(&children[i], at, play);
            running++;
            continue;
        }
        int code = await_child(children, bad, sizeof bad);
        if (stopped) {
            end_children(children);
            fail_msg("stopped before all had ended; %s", *bad != '\0' ? bad : "none had failed");
        }
        running--;
        all = all || code == ALL_PASSED;
        failed += code == ONE_FAILED;
    }
    (void)signal(SIGTERM, SIG_DFL);
    if (*bad != '\0')
        fail_msg("%s", bad);
    assert_true(failed > 30 / test_share());
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
