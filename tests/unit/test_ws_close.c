/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that send Close, as they should, and then leave the connection open. */
#define _POSIX_C_SOURCE 200809L

#include "raw_session.h"

#include "io/loop.h"

/* Only the Close frames must be able to end it, so nobody may end by a time limit. */
int __real_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat);

int __wrap_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
    bool lingers = timeout == 1000 && repeat == 1000;
    return lingers ? 0 : __real_uv_timer_start(t, cb, timeout, repeat);
}

static bool session_closed(net *n)
{
    return n->session.closed > 0;
}

static bool close_came(net *n)
{
    (void)n;
    return memchr(raw_.got, 0x88, raw_.got_len) != NULL;
}

static void test_answers_close_and_stays(void **state)
{
    (void)state;
    net n;
    raw_session_begin(&n);
    rill_link_close(n.session.link);
    until(&n, close_came);
    assert_int_equal(n.session.closed, 0);
    /* Something that was on its way, then the answer to the Close. */
    raw_frame(0x89, "ping", 4);
    raw_frame(0x88, "\3\xe8", 2);
    until(&n, session_closed);
    raw_session_end(&n);
}

static void test_closes_and_stays(void **state)
{
    (void)state;
    net n;
    raw_session_begin(&n);
    raw_frame(0x88, "\3\xe8", 2);
    until(&n, session_closed);
    raw_session_end(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_close_and_stays),
        cmocka_unit_test(test_closes_and_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
