/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node on a loop, over loopback: its ports, its accounts, how it ends. Whoever connects is a ping
 * (rill/ping.h), which is tested with it. Allocations fail one after the other.
 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

#include <rill/node.h>
#include <rill/ping.h>

#include "support/certificate.h"

#define TIME_LIMIT 60 /* seconds, for a test */
#define MOST_RUNS  5000

/* ---- malloc ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static unsigned long asked;
static unsigned long fail_at; /* 0: none fails */

static bool refused(void)
{
    return fail_at != 0 && ++asked == fail_at;
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

/* ---- the world ---- */

enum { PINGS = 3, LINES = 32 };

typedef struct world {
    rill_loop *loop;
    rill_node *node;
    rill_node_port *port;
    char uri[64];
    char lines[LINES][512];
    rill_log_level levels[LINES];
    unsigned line_count;
    unsigned drained;
    bool closed;
    /* the pings */
    rill_ping *ping;
    uint64_t answered;
    uint64_t unanswered;
    char code[4]; /* of the last Reject */
    bool done;
    bool stays; /* the node is not closed when the ping is done */
    int error;
    char detail[256];
} world;

static void on_line(rill_log_level level, const char *line, void *user)
{
    world *w = user;
    assert_true(w->line_count < LINES && strlen(line) < 512);
    w->levels[w->line_count] = level;
    strcpy(w->lines[w->line_count++], line);
}

static void on_drained(void *user)
{
    world *w = user;
    w->drained++;
    rill_node_close(w->node);
}

static void on_closed(void *user)
{
    world *w = user;
    assert_false(w->closed);
    w->closed = true;
}

static void on_answered(uint64_t number, uint64_t round_trip_ns, void *user)
{
    world *w = user;
    w->answered++;
    assert_true(number == w->answered + w->unanswered && round_trip_ns > 0);
}

static void on_unanswered(uint64_t number, int error, const rill_reject *reject, void *user)
{
    world *w = user;
    w->unanswered++;
    assert_true(number == w->answered + w->unanswered && error != RILL_OK);
    assert_true((error == RILL_ERR_REFUSED) == (reject != NULL));
    if (reject != NULL)
        memcpy(w->code, reject->code.text, sizeof w->code);
}

static void on_done(int error, bool reached, const char *detail, void *user)
{
    world *w = user;
    (void)reached;
    assert_false(w->done);
    w->done = true;
    w->error = error;
    snprintf(w->detail, sizeof w->detail, "%s", detail);
    if (w->node != NULL && !w->stays)
        rill_node_close(w->node);
}

static const rill_node_handlers node_handlers = {
    .size = sizeof(rill_node_handlers),
    .log = on_line,
    .drained = on_drained,
    .closed = on_closed,
};

static const rill_ping_handlers ping_handlers = {
    .size = sizeof(rill_ping_handlers),
    .answered = on_answered,
    .unanswered = on_unanswered,
    .done = on_done,
};

static void use_port(world *w, const char *scheme, const char *account)
{
    snprintf(w->uri, sizeof w->uri, "%s://%s:token@127.0.0.1:%u", scheme, account,
             (unsigned)rill_node_port_number(w->port));
}

static world *start(const rill_node_options *options, const rill_node_port_options *port)
{
    static world w;
    memset(&w, 0, sizeof w);
    alarm(TIME_LIMIT);
    assert_int_equal(rill_loop_new(&w.loop, NULL), RILL_OK);
    assert_int_equal(rill_node_open(&w.node, w.loop, options, &node_handlers, &w, NULL), RILL_OK);
    assert_int_equal(rill_node_listen(&w.port, w.node, port, NULL), RILL_OK);
    use_port(&w, "btp+ws", "alice");
    return &w;
}

static void ping(world *w, const char *destination, uint64_t count)
{
    rill_ping_options o;
    rill_ping_options_init(&o);
    o.link_uri = w->uri;
    o.count = count;
    o.interval_ns = RILL_MS;
    w->done = false;
    assert_int_equal(rill_ping_open(&w->ping, w->loop, destination, &o, &ping_handlers, w, NULL),
                     RILL_OK);
}

static void end(world *w)
{
    assert_int_equal(rill_loop_run(w->loop), RILL_OK);
    assert_true(w->closed);
    assert_int_equal(rill_loop_free(w->loop), RILL_OK);
    alarm(0);
}

/* ---- options ---- */

static void test_options(void **state)
{
    (void)state;
    rill_node_options o;
    rill_node_options_init(&o);
    assert_null(rill_node_options_problem(&o));
    assert_null(rill_node_options_problem(NULL));
    o.address = "no address";
    assert_non_null(rill_node_options_problem(&o));
    o.address = NULL;
    assert_non_null(rill_node_options_problem(&o));
    rill_node_options_init(&o);
    o.asset_code = NULL;
    assert_non_null(rill_node_options_problem(&o));
    rill_node_options_init(&o);
    o.max_sessions = 65;
    assert_non_null(rill_node_options_problem(&o));
    rill_node_options_init(&o);
    o.size = 0;
    rill_node *n = NULL;
    const char *problem = NULL;
    assert_int_equal(rill_node_open(&n, NULL, &o, &node_handlers, NULL, &problem),
                     RILL_ERR_INVALID);
    assert_non_null(problem);
    const rill_node_handlers none = {.size = 0};
    problem = NULL;
    assert_int_equal(rill_node_open(&n, NULL, NULL, &none, NULL, &problem), RILL_ERR_INVALID);
    assert_non_null(problem);
    assert_null(n);
}

/* A program that was built for a later version may ask for what this one does not have. */
static void test_options_of_another_version(void **state)
{
    (void)state;
    struct {
        rill_node_options now;
        uint64_t later;
    } o;
    struct {
        rill_node_port_options now;
        uint64_t later;
    } port;
    memset(&o, 0, sizeof o);
    memset(&port, 0, sizeof port);
    rill_node_options_init_sized(&o.now, sizeof o);
    rill_node_port_options_init_sized(&port.now, sizeof port);
    assert_null(rill_node_options_problem(&o.now));
    o.later = 1;
    assert_non_null(rill_node_options_problem(&o.now));
    world *w = start(NULL, &port.now);
    rill_node_port *p = NULL;
    port.later = 1;
    assert_int_equal(rill_node_listen(&p, w->node, &port.now, NULL), RILL_ERR_UNSUPPORTED);
    rill_node_close(w->node);
    end(w);
}

static void test_ports_that_cannot_be(void **state)
{
    (void)state;
    world *w = start(NULL, NULL);
    rill_node_port *p = NULL;
    rill_node_port_options o;
    const char *problem = NULL;
    rill_node_port_options_init(&o);
    o.port = rill_node_port_number(w->port);
    for (int http = 0; http < 2; http++) {
        o.http = http != 0;
        assert_int_equal(rill_node_listen(&p, w->node, &o, &problem), RILL_ERR_ADDRESS_IN_USE);
        assert_non_null(problem);
    }
    rill_node_port_options_init(&o);
    o.host = "localhost";
    assert_int_equal(rill_node_listen(&p, w->node, &o, NULL), RILL_ERR_INVALID);
    o.host = NULL;
    assert_int_equal(rill_node_listen(&p, w->node, &o, NULL), RILL_ERR_INVALID);
    rill_node_port_options_init(&o);
    o.cert_file = "/nowhere";
    assert_int_equal(rill_node_listen(&p, w->node, &o, NULL), RILL_ERR_INVALID);
    o.key_file = "/nowhere";
    assert_int_equal(rill_node_listen(&p, w->node, &o, NULL), RILL_ERR_TLS);
    rill_node_port_options_init(&o);
    o.max_strangers = 0;
    assert_int_equal(rill_node_listen(&p, w->node, &o, NULL), RILL_ERR_INVALID);
    rill_node_port_options_init(&o);
    o.idle_timeout_ns = 0;
    assert_int_equal(rill_node_listen(&p, w->node, &o, NULL), RILL_ERR_INVALID);
    rill_node_stop(w->node);
    assert_int_equal(rill_node_listen(&p, w->node, NULL, &problem), RILL_ERR_CLOSED);
    assert_non_null(problem);
    assert_int_equal(rill_node_port_renew_tls(w->port, "/nowhere", "/nowhere"), RILL_ERR_INVALID);
    assert_null(p);
    /* on_drained closes it */
    end(w);
    assert_int_equal(w->drained, 1);
}

/* ---- accounts ---- */

static void test_pings_are_answered_and_counted(void **state)
{
    (void)state;
    rill_node_account a;
    rill_node_stats stats;
    size_t cursor = 0;
    world *w = start(NULL, NULL);
    w->stays = true;
    ping(w, "private.rill", PINGS);
    while (!w->done)
        (void)uv_run(rill_loop_uv(w->loop), UV_RUN_ONCE);
    assert_int_equal(w->error, RILL_OK);
    assert_int_equal(w->answered, PINGS);
    assert_int_equal(rill_node_get_account(w->node, "alice", &a), RILL_OK);
    assert_string_equal(a.name, "alice");
    assert_int_equal(a.packets_from, PINGS + 1); /* and the question about its address */
    assert_int_equal(a.packets_to, PINGS);
    assert_int_equal(a.rejected_from, 0);
    assert_int_equal(a.open, 0);
    assert_int_equal(rill_node_get_account(w->node, "bob", &a), RILL_ERR_NOT_FOUND);
    assert_true(rill_node_next_account(w->node, &cursor, &a));
    assert_string_equal(a.name, "alice");
    assert_false(rill_node_next_account(w->node, &cursor, &a));
    rill_node_get_stats(w->node, &stats);
    assert_true(stats.open == 0 && stats.accounts == 1);
    /* A program that was built before the struct grew gets what it knows. */
    char name[sizeof a.name];
    assert_int_equal(rill_node_get_account_sized(w->node, "alice",
                                                 (rill_node_account *)(void *)name, sizeof name),
                     RILL_OK);
    assert_string_equal(name, "alice");
    rill_node_close(w->node);
    rill_node_close(w->node);
    end(w);
    assert_int_equal(w->drained, 0);
}

static void test_log_level(void **state)
{
    (void)state;
    rill_node_options o;
    rill_node_options_init(&o);
    world *w = start(&o, NULL);
    ping(w, "private.rill", 1);
    end(w);
    assert_int_equal(w->line_count, 0);
    o.log_level = RILL_LOG_INFO;
    w = start(&o, NULL);
    ping(w, "private.rill", 1);
    end(w);
    assert_true(w->line_count > 0);
    assert_int_equal(w->levels[0], RILL_LOG_INFO);
    assert_string_equal(w->lines[0], "account alice: connected");
}

static void test_who_does_not_answer(void **state)
{
    (void)state;
    world *w = start(NULL, NULL);
    ping(w, "private.rill.nobody", 2);
    end(w);
    assert_int_equal(w->error, RILL_OK);
    assert_int_equal(w->unanswered, 2);
    assert_string_equal(w->code, "F02");
}

/* Over HTTP an account sends, and is not sent to: so what comes back does not reach it. */
static void test_http(void **state)
{
    (void)state;
    rill_node_port_options o;
    rill_ping_options p;
    rill_node_port_options_init(&o);
    o.http = true;
    world *w = start(NULL, &o);
    /* BTP comes in by the same port. */
    w->stays = true;
    ping(w, "private.rill", 1);
    while (!w->done)
        (void)uv_run(rill_loop_uv(w->loop), UV_RUN_ONCE);
    assert_int_equal(w->answered, 1);
    use_port(w, "ilp+http", "");
    rill_ping_options_init(&p);
    p.link_uri = w->uri;
    p.address = "private.rill.somebody";
    w->done = w->stays = false;
    w->answered = 0;
    assert_int_equal(rill_ping_open(&w->ping, w->loop, "private.rill", &p, &ping_handlers, w, NULL),
                     RILL_OK);
    end(w);
    assert_int_equal(w->unanswered, 1);
    assert_string_equal(w->code, "F02");
}

static void test_tls_is_renewed(void **state)
{
    (void)state;
    const char *const files[] = {test_certificate.cert_file, test_certificate.key_file};
    rill_node_port_options o;
    rill_node_port_options_init(&o);
    o.cert_file = files[0];
    o.key_file = files[1];
    world *w = start(NULL, &o);
    assert_int_equal(rill_node_port_renew_tls(w->port, files[0], files[1]), RILL_OK);
    assert_int_equal(rill_node_port_renew_tls(w->port, files[0], "/nowhere"), RILL_ERR_TLS);
    assert_int_equal(rill_node_port_renew_tls(w->port, files[0], NULL), RILL_ERR_INVALID);
    use_port(w, "btp+wss", "alice");
    rill_link_options link;
    rill_link_options_init(&link);
    link.ca_file = files[0];
    rill_ping_options p;
    rill_ping_options_init(&p);
    p.link_uri = w->uri;
    p.link_options = &link;
    assert_int_equal(rill_ping_open(&w->ping, w->loop, "private.rill", &p, &ping_handlers, w, NULL),
                     RILL_OK);
    end(w);
    assert_int_equal(w->answered, 1);
}

/* ---- the end ---- */

/* A port is closed with its sessions; the node and its other port stay. */
static void test_a_port_is_closed(void **state)
{
    (void)state;
    world *w = start(NULL, NULL);
    rill_node_port *other = NULL;
    assert_int_equal(rill_node_listen(&other, w->node, NULL, NULL), RILL_OK);
    w->stays = true;
    ping(w, "private.rill", UINT64_MAX);
    while (w->answered == 0)
        (void)uv_run(rill_loop_uv(w->loop), UV_RUN_ONCE);
    rill_node_port_close(w->port);
    while (!w->done)
        (void)uv_run(rill_loop_uv(w->loop), UV_RUN_ONCE);
    assert_int_not_equal(w->error, RILL_OK);
    assert_true(strlen(w->detail) > 0);
    assert_false(w->closed);
    w->port = other;
    w->stays = false;
    w->answered = w->unanswered = 0;
    use_port(w, "btp+ws", "alice");
    ping(w, "private.rill", 1);
    end(w);
    assert_int_equal(w->answered, 1);
}

/* Stopped while a session is there: it may stay, what it sends is refused, nobody else comes. */
static void test_a_node_that_stops_refuses(void **state)
{
    (void)state;
    world *w = start(NULL, NULL);
    rill_waiting waiting;
    ping(w, "private.rill", UINT64_MAX);
    while (w->answered == 0)
        (void)uv_run(rill_loop_uv(w->loop), UV_RUN_ONCE);
    rill_ping_get_waiting(w->ping, &waiting);
    assert_int_equal(waiting.reason, RILL_WAIT_NOTHING);
    rill_node_stop(w->node);
    rill_node_stop(w->node);
    rill_node_abandon(w->node);
    assert_int_equal(w->drained, 0);
    end(w);
    assert_int_equal(w->drained, 1);
    assert_true(w->done);
}

/* Nobody is there any more, but what came last came just now: it waits, and the loop with it. */
static void test_a_node_that_stops_when_all_have_left(void **state)
{
    (void)state;
    world *w = start(NULL, NULL);
    w->stays = true;
    ping(w, "private.rill", 1);
    while (!w->done)
        (void)uv_run(rill_loop_uv(w->loop), UV_RUN_ONCE);
    rill_node_stop(w->node);
    assert_int_equal(w->drained, 0);
    end(w);
    assert_int_equal(w->drained, 1);
}

/* Closed from inside a handler, and before anything came of it. */
static void test_pings_that_are_closed(void **state)
{
    (void)state;
    rill_waiting waiting;
    world *w = start(NULL, NULL);
    ping(w, "private.rill", 1);
    rill_ping_get_waiting(w->ping, &waiting);
    assert_int_not_equal(waiting.reason, RILL_WAIT_NOTHING);
    rill_ping_close(w->ping);
    rill_ping_close(w->ping);
    assert_false(w->done);
    end(w);
    assert_int_equal(w->error, RILL_OK);
    assert_int_equal(w->answered + w->unanswered, 0);
}

static void test_pings_that_cannot_be(void **state)
{
    (void)state;
    world *w = start(NULL, NULL);
    rill_ping *p = NULL;
    rill_ping_options o;
    const char *problem = NULL;
    rill_ping_options_init(&o);
    o.link_uri = w->uri;
    assert_int_equal(rill_ping_open(&p, w->loop, "no address", &o, &ping_handlers, w, &problem),
                     RILL_ERR_ADDRESS);
    assert_non_null(problem);
    o.address = "no address";
    assert_int_equal(rill_ping_open(&p, w->loop, "private.rill", &o, &ping_handlers, w, NULL),
                     RILL_ERR_ADDRESS);
    o.address = NULL;
    o.count = 0;
    assert_int_equal(rill_ping_open(&p, w->loop, "private.rill", &o, &ping_handlers, w, NULL),
                     RILL_ERR_INVALID);
    o.count = 1;
    o.link_uri = "btp+ws://";
    problem = NULL;
    assert_int_equal(rill_ping_open(&p, w->loop, "private.rill", &o, &ping_handlers, w, &problem),
                     RILL_ERR_URI);
    assert_non_null(problem);
    o.link_uri = w->uri;
    const rill_ping_handlers none = {.size = sizeof none};
    assert_int_equal(rill_ping_open(&p, w->loop, "private.rill", &o, &none, w, NULL),
                     RILL_ERR_INVALID);
    /* Nobody is there. */
    o.link_uri = "btp+ws://127.0.0.1:1";
    assert_null(p);
    assert_int_equal(rill_ping_open(&p, w->loop, "private.rill", &o, &ping_handlers, w, NULL),
                     RILL_OK);
    end(w);
    assert_int_equal(w->error, RILL_ERR_CONNECT);
}

/* ---- memory ---- */

/* False: nothing had failed. Whatever fails, somebody is told, and all of it ends. */
static bool run_with_failure(unsigned long n, bool http)
{
    static world w;
    rill_node_port_options o;
    rill_ping_options p;
    static const char *const origins[] = {"https://one.example", "https://two.example", NULL};
    memset(&w, 0, sizeof w);
    assert_int_equal(rill_loop_new(&w.loop, NULL), RILL_OK);
    rill_node_port_options_init(&o);
    o.http = http;
    o.allow_origins = origins;
    rill_ping_options_init(&p);
    asked = 0;
    fail_at = n;
    int error = rill_node_open(&w.node, w.loop, NULL, &node_handlers, &w, NULL);
    w.closed = error != RILL_OK;
    if (error == RILL_OK)
        error = rill_node_listen(&w.port, w.node, &o, NULL);
    if (error == RILL_OK) {
        use_port(&w, "btp+ws", "alice");
        p.link_uri = w.uri;
        error = rill_ping_open(&w.ping, w.loop, "private.rill", &p, &ping_handlers, &w, NULL);
    }
    if (error != RILL_OK && !w.closed)
        rill_node_close(w.node);
    assert_int_equal(rill_loop_run(w.loop), RILL_OK);
    bool failed = asked >= n;
    fail_at = 0;
    assert_true(w.closed);
    assert_true(error != RILL_OK || w.done);
    if (!failed)
        assert_int_equal(w.answered, 1);
    assert_int_equal(rill_loop_free(w.loop), RILL_OK);
    return failed;
}

static void test_allocations_that_fail(void **state)
{
    (void)state;
    for (int http = 0; http < 2; http++) {
        unsigned long n = 1;
        alarm(TIME_LIMIT);
        while (run_with_failure(n, http != 0))
            assert_true(++n < MOST_RUNS);
        assert_true(n > 20);
    }
    alarm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_options_of_another_version),
        cmocka_unit_test(test_ports_that_cannot_be),
        cmocka_unit_test(test_pings_are_answered_and_counted),
        cmocka_unit_test(test_log_level),
        cmocka_unit_test(test_who_does_not_answer),
        cmocka_unit_test(test_http),
        cmocka_unit_test(test_tls_is_renewed),
        cmocka_unit_test(test_a_port_is_closed),
        cmocka_unit_test(test_a_node_that_stops_refuses),
        cmocka_unit_test(test_a_node_that_stops_when_all_have_left),
        cmocka_unit_test(test_pings_that_are_closed),
        cmocka_unit_test(test_pings_that_cannot_be),
        cmocka_unit_test(test_allocations_that_fail),
    };
    return cmocka_run_group_tests(tests, certificate_make, certificate_remove);
}
