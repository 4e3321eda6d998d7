/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port whose protocols are the test's own, and clients of it. Included by its tests, which define
 * _POSIX_C_SOURCE.
 */
#ifndef RILL_TESTS_LISTENER_FIXTURE_H
#define RILL_TESTS_LISTENER_FIXTURE_H

#include <ctype.h>

#include "net_fixture.h"

#include <openssl/ssl.h>
#include <rill/btp.h>

#include "io/listener.h"
#include "support/certificate.h"
#include "ws/ws_frame.h"

typedef struct shouting {
    rill_tcp *tcp;
    bool open;
    bool welcome; /* who says something with a '!' in it may stay */
    int lost;
    char detail[512];
    unsigned closed;
} shouting;

static net n;
static rill_listener *listener;
static rill_protocol protocols[3];
static rill_listener_options options;
static shouting shouts[4];
static size_t shout_count;
static bool listener_closed;
static bool refuse; /* to take anything */

/* ---- the protocol of the test ---- */

static inline void shout_open(void *owner)
{
    ((shouting *)owner)->open = true;
}

static inline void shout_read(void *owner, uint8_t *data, size_t len)
{
    shouting *s = owner;
    assert_true(s->open);
    uint8_t *room = rill_tcp_reserve(s->tcp, len);
    assert_non_null(room);
    for (size_t i = 0; i < len; i++)
        room[i] = (uint8_t)toupper(data[i]);
    rill_tcp_commit(s->tcp, len);
    if (memchr(data, '!', len) != NULL)
        rill_tcp_welcome(s->tcp);
}

static inline void shout_lost(void *owner, int error, const char *detail)
{
    shouting *s = owner;
    s->lost = error;
    snprintf(s->detail, sizeof s->detail, "%s", detail);
    rill_tcp_finish(s->tcp);
}

static inline void shout_drained(void *owner)
{
    (void)owner;
}

static inline void shout_closed(void *owner)
{
    ((shouting *)owner)->closed++;
}

static const rill_tcp_handlers shout_handlers = {
    .open = shout_open,
    .read = shout_read,
    .lost = shout_lost,
    .drained = shout_drained,
    .closed = shout_closed,
};

static inline int shout_take(void *user, rill_tcp *t)
{
    (void)user;
    if (refuse)
        return RILL_ERR_NOMEM;
    shouting *s = &shouts[shout_count++];
    assert_true(shout_count <= sizeof shouts / sizeof shouts[0]);
    s->tcp = t;
    rill_tcp_give(t, &shout_handlers, s);
    return RILL_OK;
}

static inline rill_sniffed shout_sniff(const uint8_t *data, size_t len)
{
    static const char word[] = "shout:";
    size_t all = sizeof word - 1;
    if (memcmp(data, word, len < all ? len : all) != 0)
        return RILL_SNIFF_NO;
    return len < all ? RILL_SNIFF_MORE : RILL_SNIFF_YES;
}

/* ---- the port ---- */

static inline void begin(bool tls)
{
    net_begin(&n);
    memset(shouts, 0, sizeof shouts);
    shout_count = 0;
    listener_closed = false;
    refuse = false;
    n.options.listen.host = NULL;
    assert_int_equal(rill_btp_server_open(&n.server, n.loop, &n.options), RILL_OK);
    assert_null(rill_btp_server_listener(n.server));
    protocols[0] = (rill_protocol){.alpn = "shout/1", .sniff = shout_sniff, .take = shout_take};
    protocols[1] = rill_btp_server_protocol(n.server);
    rill_listener_options_init(&options);
    options.protocols = protocols;
    options.protocol_count = 2;
    options.log = on_line;
    options.user = &n;
    if (tls) {
        options.cert_file = test_certificate.cert_file;
        options.key_file = test_certificate.key_file;
    }
}

static inline void serve(void)
{
    assert_int_equal(rill_listener_open(&listener, n.loop, &options), RILL_OK);
    n.options.listen.port = rill_listener_port(listener);
    assert_int_not_equal(n.options.listen.port, 0);
}

static inline void on_listener_closed(void *user)
{
    assert_ptr_equal(user, &n);
    listener_closed = true;
}

static inline bool listener_gone(net *unused)
{
    (void)unused;
    return listener_closed;
}

static inline void end(void)
{
    if (!listener_closed)
        rill_listener_close(listener, on_listener_closed);
    until(&n, listener_gone);
    for (size_t i = 0; i < shout_count; i++)
        if (shouts[i].closed == 0)
            rill_tcp_close(shouts[i].tcp);
    net_end(&n);
    for (size_t i = 0; i < shout_count; i++)
        assert_int_equal(shouts[i].closed, 1);
}

static raw first, second;

static inline bool first_heard(net *unused)
{
    (void)unused;
    return first.got_len >= strlen("SHOUT:HELLO") || first.ended;
}

static inline bool first_shouts(net *unused)
{
    (void)unused;
    return first.got_len > 0;
}

static inline bool second_shouts(net *unused)
{
    (void)unused;
    return second.got_len > 0;
}

static inline bool first_ended(net *unused)
{
    (void)unused;
    return first.ended;
}

static inline bool client_up(net *unused)
{
    (void)unused;
    return n.client.ups > 0 && n.session.ups > 0;
}

/* What was written on loopback has been read by then. */
static inline void turns(void)
{
    for (int i = 0; i < 5; i++)
        uv_run(rill_loop_uv(n.loop), UV_RUN_NOWAIT);
}

static inline bool first_connected(net *unused)
{
    (void)unused;
    return first.connected;
}

static inline bool second_connected(net *unused)
{
    (void)unused;
    return second.connected;
}

#endif
