/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The question for our account: when it is asked again, and what is reported if there is no answer.
 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>

#include <rill/error.h>
#include <rill/net.h>

#include "io/loop.h"
#include "link/link_impl.h"
#include "run/account_query.h"

#define WALL UINT64_C(1700000000000)

typedef struct fake {
    rill_link link; /* first */
    bool blocked;
    unsigned asked;
    uint64_t outgoing_ids[32];
    rill_prepare last;
    uint8_t packet[256];
} fake;

static fake link_;
static rill_account_query q;
static rill_now now;
static uint8_t buffer[RILL_ILP_MAX_PACKET];

static int fake_send(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len)
{
    fake *f = (fake *)l;
    if (f->blocked)
        return RILL_ERR_BLOCKED;
    assert_in_range(len, 1, sizeof f->packet);
    memcpy(f->packet, packet, len);
    assert_int_equal(rill_prepare_decode(&f->last, f->packet, len), RILL_OK);
    assert_true(rill_ildcp_is_request(&f->last));
    f->outgoing_ids[f->asked++ % 32] = outgoing_id;
    return RILL_OK;
}

static const rill_link_ops ops = {.send = fake_send};

static void begin(void)
{
    memset(&link_, 0, sizeof link_);
    link_.link.ops = &ops;
    now = (rill_now){RILL_SECOND, WALL};
    rill_account_query_init(&q);
}

/* Time passes until it wants to ask, if so soon. */
static bool asks_within(uint64_t ns)
{
    unsigned before = link_.asked;
    if (q.retry_at == RILL_NEVER || q.retry_at > now.mono_ns + ns)
        return false;
    now.mono_ns = q.retry_at;
    rill_account_query_run(&q, &link_.link, now, buffer);
    return link_.asked > before;
}

static int reject(rill_ilp_code_id code)
{
    uint8_t packet[128];
    size_t len;
    rill_ildcp_info info;
    rill_reject r = {.code = rill_ilp_code_of(code)};
    assert_int_equal(rill_reject_encode(&r, packet, sizeof packet, &len), RILL_OK);
    return rill_account_query_reply(&q, link_.outgoing_ids[(link_.asked - 1) % 32], now, packet,
                                    len, &info);
}

static int answer(uint64_t outgoing_id)
{
    uint8_t packet[128];
    size_t len;
    rill_ildcp_info info = {{(const uint8_t *)"test.a", 6}, 9, {(const uint8_t *)"XRP", 3}};
    assert_int_equal(rill_ildcp_response_encode(&info, packet, sizeof packet, &len), RILL_OK);
    return rill_account_query_reply(&q, outgoing_id, now, packet, len, &info);
}

static const char *explained(int error)
{
    static char text[256];
    rill_account_query_explain(&q, error, text, sizeof text);
    return text;
}

/* A clock that is less than a minute behind still gets an answer. */
static void test_lives_for_a_minute(void **state)
{
    (void)state;
    begin();
    rill_account_query_start(&q, now);
    assert_true(asks_within(0));
    assert_true(link_.last.expires_at_ms == WALL + 60000);
    assert_int_equal(answer(link_.outgoing_ids[0]), RILL_OK);
    assert_true(q.retry_at == RILL_NEVER);
}

/* A node that loses what comes with the authentication, and what comes right behind it too. */
static void test_asks_again(void **state)
{
    (void)state;
    begin();
    rill_account_query_early(&q, &link_.link, now, buffer);
    assert_int_equal(link_.asked, 1);
    now.mono_ns += 40 * RILL_MS;
    rill_account_query_start(&q, now);
    assert_true(asks_within(25 * RILL_MS));
    assert_true(asks_within(RILL_SECOND));
    assert_true(asks_within(2 * RILL_SECOND));
    /* With longer and longer pauses, but without end. */
    for (unsigned i = 0; i < 10; i++) {
        assert_false(asks_within(RILL_SECOND));
        assert_true(asks_within(10 * RILL_SECOND));
    }
    /* Whichever is answered. */
    assert_int_equal(answer(link_.outgoing_ids[1]), RILL_OK);
}

static void test_a_link_that_takes_nothing(void **state)
{
    (void)state;
    begin();
    link_.blocked = true;
    rill_account_query_start(&q, now);
    assert_false(asks_within(0));
    assert_false(asks_within(5 * RILL_SECOND));
    link_.blocked = false;
    assert_true(asks_within(5 * RILL_SECOND));
}

static void test_what_is_said(void **state)
{
    (void)state;
    begin();
    rill_account_query_start(&q, now);
    assert_true(asks_within(0));
    assert_non_null(strstr(explained(RILL_ERR_TIMEOUT), "does not answer"));
    /* It may be otherwise soon. */
    assert_int_equal(reject(RILL_ILP_T01_PEER_UNREACHABLE), RILL_ERR_BLOCKED);
    assert_true(asks_within(RILL_SECOND));
    assert_non_null(strstr(explained(RILL_ERR_TIMEOUT), "T01"));
    assert_int_equal(reject(RILL_ILP_F02_UNREACHABLE), RILL_ERR_REFUSED);
    assert_non_null(strstr(explained(RILL_ERR_REFUSED), "F02"));
    assert_non_null(strstr(explained(RILL_ERR_MALFORMED), "malformed"));
    char small[20];
    rill_account_query_explain(&q, RILL_ERR_REFUSED, small, sizeof small);
    assert_int_equal(strlen(small), sizeof small - 1);
}

/* A minute has not passed: the clocks differ. That does not get better by asking. */
static void test_a_slow_clock(void **state)
{
    (void)state;
    begin();
    rill_account_query_start(&q, now);
    assert_true(asks_within(0));
    now.mono_ns += 200 * RILL_MS;
    assert_int_equal(reject(RILL_ILP_R00_TRANSFER_TIMED_OUT), RILL_ERR_REFUSED);
    assert_non_null(strstr(explained(RILL_ERR_REFUSED), "clock"));
    /* Over another connection of the link it is asked anew. */
    rill_account_query_stop(&q);
    rill_account_query_start(&q, now);
    assert_true(asks_within(0));
    assert_null(strstr(explained(RILL_ERR_TIMEOUT), "clock"));
    /* One that did take so long is as good as none. */
    now.mono_ns += 31 * RILL_SECOND;
    assert_int_equal(reject(RILL_ILP_R00_TRANSFER_TIMED_OUT), RILL_ERR_BLOCKED);
}

/* ---- a server over a link that is up, to a node that answers nothing ---- */

static rill_task task;
static bool closing;
static int server_error;
static char server_detail[256];

static bool fake_is_up(const rill_link *l)
{
    (void)l;
    return !closing;
}

static void fake_close(rill_link *l)
{
    closing = true;
    rill_loop_defer(l->loop, &task);
}

static void on_task(rill_task *t)
{
    (void)t;
    rill_link *l = &link_.link;
    if (closing)
        l->on.closed(l, l->user);
    else
        l->on.up(l, l->user);
}

int __wrap_rill_link_open(rill_link **out, rill_loop *loop, const char *uri,
                          const rill_link_options *options, const rill_link_handlers *handlers,
                          void *user, const char **problem);
int __wrap_rill_link_open(rill_link **out, rill_loop *loop, const char *uri,
                          const rill_link_options *options, const rill_link_handlers *handlers,
                          void *user, const char **problem)
{
    static const rill_link_ops whole = {
        .is_up = fake_is_up, .send = fake_send, .close = fake_close};
    (void)uri;
    (void)options;
    (void)problem;
    link_.link = (rill_link){.ops = &whole, .loop = loop, .on = *handlers, .user = user};
    rill_task_init(&task, on_task);
    rill_loop_defer(loop, &task);
    *out = &link_.link;
    return RILL_OK;
}

static void on_server_closed(int error, const char *detail, void *user)
{
    (void)user;
    server_error = error;
    strncpy(server_detail, detail, sizeof server_detail - 1);
}

/* Every wait has a deadline, also that of a server. */
static void test_a_server_gives_up(void **state)
{
    (void)state;
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .closed = on_server_closed};
    rill_loop *loop;
    rill_server *server;
    rill_net_options o;
    begin();
    rill_net_options_init(&o);
    assert_true(o.connect_timeout_ns == 30 * RILL_SECOND);
    o.link_uri = "fake";
    o.handlers = &handlers;
    o.connect_timeout_ns = 20 * RILL_MS;
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    assert_int_equal(rill_server_open(&server, loop, &o, NULL), RILL_OK);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    rill_loop_free(loop);
    assert_int_equal(server_error, RILL_ERR_TIMEOUT);
    assert_non_null(strstr(server_detail, "IL-DCP"));
    assert_true(link_.asked > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lives_for_a_minute),
        cmocka_unit_test(test_asks_again),
        cmocka_unit_test(test_a_link_that_takes_nothing),
        cmocka_unit_test(test_what_is_said),
        cmocka_unit_test(test_a_slow_clock),
        cmocka_unit_test(test_a_server_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
