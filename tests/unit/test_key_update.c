/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS 1.3 answers each key update that asks for an answer. A peer that asks without end and reads
 * nothing is held to the limit for everything that waits, at both ends of a link. The sockets are
 * fake: one of them takes nothing.
 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "fake_uv.h"
#include "io/tcp.h"
#include "support/certificate.h"

#define MAX_BACKLOG ((size_t)64 * 1024)

typedef struct side {
    rill_loop *loop;
    rill_tcp *tcp;
    uv_tcp_t listener;
    rill_tls_context *context;
    fake_socket *socket;
    SSL_CTX *peer_context;
    SSL *peer;
    BIO *in, *out; /* the peer's */
    unsigned opened, lost, closed;
    int error;
    size_t most; /* that waited */
} side;

static void on_open(void *owner)
{
    ((side *)owner)->opened++;
}

static void on_read(void *owner, uint8_t *data, size_t len)
{
    (void)owner;
    (void)data;
    (void)len;
    fail_msg("there is nothing to read");
}

static void on_lost(void *owner, int error, const char *detail)
{
    side *s = owner;
    assert_non_null(strstr(detail, "does not read"));
    s->lost++;
    s->error = error;
}

static void on_drained(void *owner)
{
    (void)owner;
}

static void on_closed(void *owner)
{
    ((side *)owner)->closed++;
}

static const rill_tcp_handlers handlers = {
    .open = on_open, .read = on_read, .lost = on_lost, .drained = on_drained, .closed = on_closed};

static void turn(side *s)
{
    fake_uv_turn(rill_loop_uv(s->loop));
    size_t waits = rill_tcp_backlog(s->tcp);
    if (waits > s->most)
        s->most = waits;
}

/* Bytes both ways, of which the program sees one block a turn. */
static void exchange(side *s)
{
    uint8_t *bytes;
    rill_bytes output = fake_socket_output(s->socket);
    if (output.len != 0)
        assert_int_equal(BIO_write(s->in, output.data, (int)output.len), (int)output.len);
    (void)SSL_do_handshake(s->peer);
    long len = BIO_get_mem_data(s->out, &bytes);
    if (len > 0)
        fake_socket_feed(s->socket, bytes, (size_t)len);
    (void)BIO_reset(s->out);
    turn(s);
}

static void begin(side *s)
{
    memset(s, 0, sizeof *s);
    fake_uv_reset();
    assert_int_equal(rill_loop_new(&s->loop, NULL), RILL_OK);
    assert_int_equal(rill_tcp_new(&s->tcp, s->loop, &handlers, s), RILL_OK);
    rill_tcp_limit(s->tcp, MAX_BACKLOG);
}

static void peer_is(side *s, const SSL_METHOD *method)
{
    s->peer_context = SSL_CTX_new(method);
    assert_non_null(s->peer_context);
    assert_int_equal(
        SSL_CTX_use_certificate_file(s->peer_context, test_certificate.cert_file, SSL_FILETYPE_PEM),
        1);
    assert_int_equal(
        SSL_CTX_use_PrivateKey_file(s->peer_context, test_certificate.key_file, SSL_FILETYPE_PEM),
        1);
    s->peer = SSL_new(s->peer_context);
    s->in = BIO_new(BIO_s_mem());
    s->out = BIO_new(BIO_s_mem());
    assert_true(s->peer != NULL && s->in != NULL && s->out != NULL);
    SSL_set_bio(s->peer, s->in, s->out);
}

static void flood(side *s)
{
    for (int i = 0; i < 100 && s->opened == 0; i++)
        exchange(s);
    exchange(s);
    assert_int_equal(s->opened, 1);
    fake_socket_room(s->socket, 0);
    s->most = 0;
    for (int i = 0; i < 1000 && s->lost == 0; i++) {
        for (int k = 0; k < 200; k++) {
            assert_int_equal(SSL_key_update(s->peer, SSL_KEY_UPDATE_REQUESTED), 1);
            assert_int_equal(SSL_do_handshake(s->peer), 1);
        }
        exchange(s);
    }
    /* It ends, and nobody had to keep more than the limit and what one read asks for. */
    assert_int_equal(s->lost, 1);
    assert_int_equal(s->error, RILL_ERR_LIMIT);
    assert_in_range(s->most, MAX_BACKLOG / 2, MAX_BACKLOG + RILL_BLOCK);
}

static void end(side *s)
{
    rill_tcp_close(s->tcp);
    if (s->listener.loop != NULL)
        uv_close((uv_handle_t *)&s->listener, NULL);
    fake_uv_turn(rill_loop_uv(s->loop));
    assert_int_equal(s->closed, 1);
    rill_tls_context_free(s->context);
    SSL_free(s->peer);
    SSL_CTX_free(s->peer_context);
    rill_loop_free(s->loop);
}

static void on_connection(uv_stream_t *stream, int status)
{
    side *s = stream->data;
    assert_int_equal(status, 0);
    assert_int_equal(rill_tcp_accept(s->tcp, stream, s->context), RILL_OK);
}

static void test_a_client_that_does_not_read(void **state)
{
    (void)state;
    side s;
    begin(&s);
    assert_int_equal(rill_tls_server_context(&s.context, test_certificate.cert_file,
                                             test_certificate.key_file, NULL),
                     RILL_OK);
    peer_is(&s, TLS_client_method());
    SSL_set_connect_state(s.peer);
    uv_tcp_init(rill_loop_uv(s.loop), &s.listener);
    s.listener.data = &s;
    assert_int_equal(uv_listen((uv_stream_t *)&s.listener, 1, on_connection), 0);
    s.socket = fake_uv_arrive();
    assert_non_null(s.socket);
    turn(&s);
    flood(&s);
    end(&s);
}

static void test_a_server_that_does_not_read(void **state)
{
    (void)state;
    side s;
    begin(&s);
    assert_int_equal(rill_tls_client_context(&s.context, NULL, false, NULL), RILL_OK);
    peer_is(&s, TLS_server_method());
    SSL_set_accept_state(s.peer);
    assert_int_equal(rill_tcp_connect(s.tcp, "node", 1, s.context), RILL_OK);
    for (int i = 0; i < 10 && s.socket == NULL; i++) {
        turn(&s);
        s.socket = fake_uv_attempt();
    }
    assert_non_null(s.socket);
    fake_socket_answer(s.socket, 0);
    turn(&s);
    flood(&s);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_that_does_not_read),
        cmocka_unit_test(test_a_server_that_does_not_read),
    };
    return cmocka_run_group_tests(tests, certificate_make, certificate_remove);
}
