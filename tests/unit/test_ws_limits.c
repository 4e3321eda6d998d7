/* SPDX-License-Identifier: Apache-2.0 */
/* How a server keeps clients that take its room or its memory from keeping others out. */
#define _POSIX_C_SOURCE 200809L

#include "net_fixture.h"

#include "io/loop.h"

static raw first_, second_, third_;

static const char upgrade_request[] =
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/* MESSAGE 7 with auth and auth_token, in a frame masked with zeros. */
static const uint8_t auth[] = {0x82, 0x80 | 40, 0,   0,   0,   0,   6,   0,   0,   0,  7,   34,
                               1,    2,         4,   'a', 'u', 't', 'h', 0,   0,   10, 'a', 'u',
                               't',  'h',       '_', 't', 'o', 'k', 'e', 'n', 1,   12, 's', 'e',
                               'c',  'r',       'e', 't', '-', 't', 'o', 'k', 'e', 'n'};
static const uint8_t accepted[] = {0x82, 8, 1, 0, 0, 0, 7, 2, 1, 0};

static bool first_ended(net *n)
{
    (void)n;
    return first_.ended;
}

static bool second_ended(net *n)
{
    (void)n;
    return second_.ended;
}

static bool session_up(net *n)
{
    return n->session.ups > 0;
}

static bool session_down(net *n)
{
    return n->session.downs > 0;
}

static bool session_asked(net *n)
{
    return n->session.prepares > 0;
}

static bool first_connected(net *n)
{
    (void)n;
    return raw_has(&first_, "101");
}

static bool third_connected(net *n)
{
    (void)n;
    return raw_has(&third_, "101");
}

/* The last bytes that came are these. */
static bool got_last(const raw *r, const void *bytes, size_t len)
{
    return r->got_len >= len && memcmp(r->got + r->got_len - len, bytes, len) == 0;
}

static void authenticate_raw(net *n, raw *r)
{
    n->session.ups = 0;
    raw_open(n, r);
    raw_say(r, upgrade_request);
    raw_send(r, auth, sizeof auth);
    until(n, session_up);
}

static void test_too_many_sessions(void **state)
{
    (void)state;
    static const uint8_t try_later[] = {0x88, 2, 1013 >> 8, 1013 & 0xff};
    net n;
    net_begin(&n);
    n.options.max_sessions = 1;
    net_serve(&n);
    authenticate_raw(&n, &first_);
    raw_open(&n, &second_);
    raw_say(&second_, upgrade_request);
    raw_send(&second_, auth, sizeof auth);
    until(&n, second_ended);
    /* No ERROR: a client would take it for the last word. */
    assert_true(got_last(&second_, try_later, sizeof try_later));
    assert_false(got_last(&second_, accepted, sizeof accepted));
    assert_int_equal(n.session.downs, 0);
    /* There is room again when one has left. */
    raw_close(&first_);
    until(&n, session_down);
    authenticate_raw(&n, &third_);
    raw_close(&second_);
    raw_close(&third_);
    net_end(&n);
}

static void test_the_oldest_stranger_gives_way(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    n.options.listen.max_strangers = 1;
    n.options.auth_timeout = 3600 * RILL_SECOND;
    net_serve(&n);
    raw_open(&n, &first_);
    raw_say(&first_, upgrade_request);
    until(&n, first_connected);
    authenticate_raw(&n, &second_);
    until(&n, first_ended);
    assert_int_equal(n.lines, 1);
    /* A client that has authenticated is no stranger, however old it is. */
    raw_open(&n, &third_);
    raw_say(&third_, upgrade_request);
    until(&n, third_connected);
    assert_int_equal(n.session.downs, 0);
    assert_false(second_.ended);
    raw_close(&first_);
    raw_close(&second_);
    raw_close(&third_);
    net_end(&n);
}

static void on_drip(uv_timer_t *timer)
{
    raw_send(timer->data, "x", 1);
}

/* A byte now and then is no sign of life: only a whole message is, or a ping. */
static void test_drip(void **state)
{
    (void)state;
    static const uint8_t header[] = {0x82, 0x80 | 126, 0x4e, 0x20, 0, 0, 0, 0};
    uv_timer_t timer;
    net n;
    net_begin(&n);
    n.options.idle_timeout = 100 * RILL_MS;
    net_serve(&n);
    authenticate_raw(&n, &first_);
    raw_send(&first_, header, sizeof header);
    uv_timer_init(rill_loop_uv(n.loop), &timer);
    timer.data = &first_;
    uv_timer_start(&timer, on_drip, 1, 5);
    until(&n, session_down);
    uv_close((uv_handle_t *)&timer, NULL);
    assert_int_equal(n.session.error, RILL_ERR_IDLE);
    raw_close(&first_);
    net_end(&n);
}

static void test_beginnings_of_messages_are_limited(void **state)
{
    (void)state;
    /* 2040 bytes of which 2000 come: 2 KiB are kept of 3. */
    static uint8_t message[8 + 2040] = {0x82, 0x80 | 126, 2040 >> 8, 2040 & 0xff};
    static const uint8_t btp[] = {6, 0, 0, 0, 1, 13, 1, 1, 3, 'i', 'l', 'p', 0, 5, 12, 3, 1, 2, 3};
    memcpy(message + 8, btp, sizeof btp);
    net n;
    net_begin(&n);
    net_serve(&n);
    n.loop->max_storage = 12 * 1024;
    authenticate_raw(&n, &first_);
    told slow = n.session;
    rill_link_set_user(n.session.link, &slow);
    raw_send(&first_, message, 2008);
    while (n.loop->partial == 0)
        uv_run(rill_loop_uv(n.loop), UV_RUN_ONCE);
    assert_int_equal(n.loop->partial, 2048);
    authenticate_raw(&n, &second_);
    raw_send(&second_, message, 2008);
    until(&n, first_ended);
    assert_int_equal(slow.error, RILL_ERR_LIMIT);
    assert_int_equal(n.loop->partial, 2048);
    raw_send(&second_, message + 2008, sizeof message - 2008);
    until(&n, session_asked);
    assert_int_equal(n.session.downs, 0);
    assert_int_equal(n.loop->partial, 0);
    raw_close(&first_);
    raw_close(&second_);
    net_end(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_too_many_sessions),
        cmocka_unit_test(test_the_oldest_stranger_gives_way),
        cmocka_unit_test(test_drip),
        cmocka_unit_test(test_beginnings_of_messages_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
