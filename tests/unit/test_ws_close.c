/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that say Close, as they should, and then leave the connection open. */
#define _POSIX_C_SOURCE 200809L

#include "net_fixture.h"

#include "net/loop.h"

#define REQUEST                                                                                    \
    "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                   \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

/* So that only the Close frames can end it: nobody lingers until his patience is over. */
int __real_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat);

int __wrap_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
    bool lingers = timeout == 1000 && repeat == 1000;
    return lingers ? 0 : __real_uv_timer_start(t, cb, timeout, repeat);
}

static raw socket_;

static bool upgraded(net *n)
{
    (void)n;
    return raw_has(&socket_, "\r\n\r\n");
}

static bool session_up(net *n)
{
    return n->session.ups > 0;
}

static bool session_closed(net *n)
{
    return n->session.closed > 0;
}

static bool close_came(net *n)
{
    (void)n;
    return memchr(socket_.got, 0x88, socket_.got_len) != NULL;
}

/* Masked with nothing, which is a mask like any other. */
static void send_frame(uint8_t first, const uint8_t *payload, uint8_t len)
{
    uint8_t frame[128] = {first, 0x80 | len};
    memcpy(frame + 6, payload, len);
    raw_send(&socket_, frame, 6 + (size_t)len);
}

static void begin(net *n)
{
    static const uint8_t auth[] = "\6\0\0\0\7\x32\1\3\4auth\0\0\x0a"
                                  "auth_token\1\x0csecret-token\x0d"
                                  "auth_username\1";
    net_begin(n);
    net_serve(n);
    n->session.close_when_down = true;
    raw_open(n, &socket_);
    raw_say(&socket_, REQUEST);
    until(n, upgraded);
    send_frame(0x82, auth, sizeof auth);
    until(n, session_up);
    socket_.got_len = 0;
}

static void end(net *n)
{
    raw_close(&socket_);
    net_end(n);
}

static void test_answers_close_and_stays(void **state)
{
    (void)state;
    net n;
    begin(&n);
    rill_link_close(n.session.link);
    until(&n, close_came);
    assert_int_equal(n.session.closed, 0);
    /* Something that was on its way, then the answer to the Close. */
    send_frame(0x89, (const uint8_t *)"ping", 4);
    send_frame(0x88, (const uint8_t *)"\3\xe8", 2);
    until(&n, session_closed);
    end(&n);
}

static void test_closes_and_stays(void **state)
{
    (void)state;
    net n;
    begin(&n);
    send_frame(0x88, (const uint8_t *)"\3\xe8", 2);
    until(&n, session_closed);
    end(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_close_and_stays),
        cmocka_unit_test(test_closes_and_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
