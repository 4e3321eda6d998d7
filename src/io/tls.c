/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "io/tls.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <uv.h>

#include "base/alloc.h"

struct rill_tls_context {
    SSL_CTX *ssl;
    bool server;
    unsigned holds; /* whoever made it, and each connection */
    /* As on the wire: each name with a byte of length before it. */
    unsigned char alpn[RILL_TLS_MAX_ALPN];
    unsigned alpn_len;
};

struct rill_tls {
    rill_tls_context *context; /* held */
    SSL *ssl;
    BIO *in;  /* owned by ssl */
    BIO *out; /* owned by ssl */
    char problem[160];
    char alpn[UINT8_MAX + 1];
};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static int context_new(rill_tls_context **out, const SSL_METHOD *method)
{
    rill_tls_context *c = rill_calloc(memory(), 1, sizeof *c);
    if (c == NULL)
        return RILL_ERR_NOMEM;
    c->holds = 1;
    c->server = method == TLS_server_method();
    c->ssl = SSL_CTX_new(method);
    /* Of TLS 1.2 what 1.3 has left: forward secrecy, and ciphers that authenticate. */
    if (c->ssl == NULL || SSL_CTX_set_min_proto_version(c->ssl, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(c->ssl, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
        rill_tls_context_free(c);
        return RILL_ERR_TLS;
    }
    /* A turn's output moves between two writes of the same bytes. Idle ones give memory back. */
    SSL_CTX_set_mode(c->ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(c->ssl,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CLEANSE_PLAINTEXT);
    *out = c;
    return RILL_OK;
}

static int bad_file(const char **problem, const char *text)
{
    if (problem != NULL)
        *problem = text;
    ERR_clear_error();
    return RILL_ERR_TLS;
}

static int refused(rill_tls_context *c, const char **problem, const char *text)
{
    rill_tls_context_free(c);
    return bad_file(problem, text);
}

int rill_tls_client_context(rill_tls_context **out, const char *ca_file, bool verify,
                            const char **problem)
{
    rill_tls_context *c;
    int error = context_new(&c, TLS_client_method());
    if (error != RILL_OK)
        return error;
    if (SSL_CTX_set_default_verify_paths(c->ssl) != 1)
        return refused(c, problem, "the system's certificate authorities cannot be used");
    if (ca_file != NULL && SSL_CTX_load_verify_locations(c->ssl, ca_file, NULL) != 1)
        return refused(c, problem, "the file of certificate authorities cannot be used");
    SSL_CTX_set_verify(c->ssl, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    *out = c;
    return RILL_OK;
}

/* Of a key that is encrypted: OpenSSL would ask the terminal for it, and wait. */
static int no_password(char *buf, int size, int writing, void *user)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)user;
    return 0;
}

int rill_tls_context_identify(rill_tls_context *c, const char *cert_file, const char *key_file,
                              const char **problem)
{
    SSL_CTX_set_default_passwd_cb(c->ssl, no_password);
    if (SSL_CTX_use_certificate_chain_file(c->ssl, cert_file) != 1)
        return bad_file(problem, "the certificate file cannot be used");
    if (SSL_CTX_use_PrivateKey_file(c->ssl, key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(c->ssl) != 1)
        return bad_file(problem, "the private key file cannot be used");
    return RILL_OK;
}

int rill_tls_server_context(rill_tls_context **out, const char *cert_file, const char *key_file,
                            const char **problem)
{
    rill_tls_context *c;
    int error = context_new(&c, TLS_server_method());
    if (error != RILL_OK)
        return error;
    error = rill_tls_context_identify(c, cert_file, key_file, problem);
    if (error != RILL_OK) {
        rill_tls_context_free(c);
        return error;
    }
    *out = c;
    return RILL_OK;
}

/* The first of ours that the client offers too. */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *offered, unsigned offered_len, void *user)
{
    const rill_tls_context *c = user;
    unsigned char *chosen = NULL;
    (void)ssl;
    if (SSL_select_next_proto(&chosen, out_len, c->alpn, c->alpn_len, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

int rill_tls_context_offer(rill_tls_context *c, const char *const *names, size_t count)
{
    unsigned used = 0;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]);
        if (len == 0 || len > UINT8_MAX || len + 1 > sizeof c->alpn - used)
            return RILL_ERR_INVALID;
        c->alpn[used++] = (unsigned char)len;
        memcpy(c->alpn + used, names[i], len);
        used += (unsigned)len;
    }
    c->alpn_len = used;
    if (used == 0)
        return RILL_OK;
    if (c->server)
        SSL_CTX_set_alpn_select_cb(c->ssl, choose_alpn, c);
    else if (SSL_CTX_set_alpn_protos(c->ssl, c->alpn, used) != 0)
        return RILL_ERR_NOMEM;
    return RILL_OK;
}

void rill_tls_context_free(rill_tls_context *c)
{
    if (c == NULL)
        return;
    assert(c->holds > 0);
    if (--c->holds != 0)
        return;
    SSL_CTX_free(c->ssl);
    rill_free(memory(), c);
}

static bool is_numeric(const char *host)
{
    unsigned char address[16];
    return uv_inet_pton(AF_INET, host, address) == 0 || uv_inet_pton(AF_INET6, host, address) == 0;
}

static bool expect_host(SSL *ssl, const char *host)
{
    if (is_numeric(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

int rill_tls_new(rill_tls **out, rill_tls_context *c, const char *host)
{
    rill_tls *t = rill_calloc(memory(), 1, sizeof *t);
    if (t == NULL)
        return RILL_ERR_NOMEM;
    t->ssl = SSL_new(c->ssl);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (t->ssl == NULL || t->in == NULL || t->out == NULL) {
        BIO_free(t->in);
        BIO_free(t->out);
        SSL_free(t->ssl);
        rill_free(memory(), t);
        return RILL_ERR_NOMEM;
    }
    SSL_set_bio(t->ssl, t->in, t->out);
    t->context = c;
    c->holds++;
    if (host == NULL) {
        SSL_set_accept_state(t->ssl);
    } else {
        SSL_set_connect_state(t->ssl);
        if (!expect_host(t->ssl, host)) {
            rill_tls_free(t);
            return RILL_ERR_TLS;
        }
    }
    *out = t;
    return RILL_OK;
}

void rill_tls_free(rill_tls *t)
{
    if (t == NULL)
        return;
    SSL_free(t->ssl);
    rill_tls_context_free(t->context);
    rill_free(memory(), t);
}

const char *rill_tls_alpn(const rill_tls *t)
{
    return t->alpn;
}

/* What OpenSSL's reason means where the other side does not speak TLS at all; NULL elsewhere. */
static const char *no_tls(const rill_tls *t, unsigned long code)
{
    if (ERR_GET_LIB(code) != ERR_LIB_SSL)
        return NULL;
    switch (ERR_GET_REASON(code)) {
    case SSL_R_WRONG_VERSION_NUMBER:
        return SSL_is_server(t->ssl) == 1
                   ? "what it sends is no TLS"
                   : "it speaks none: the URI of a link to it begins with btp+ws://";
    case SSL_R_HTTP_REQUEST:
        return "it sent HTTP without TLS, and this address speaks TLS only";
    default:
        return NULL;
    }
}

/* What an SSL_* call that did not succeed means. */
static int outcome(rill_tls *t, int result)
{
    int reason = SSL_get_error(t->ssl, result);
    if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE)
        return RILL_ERR_BLOCKED;
    if (reason == SSL_ERROR_ZERO_RETURN)
        return RILL_ERR_CLOSED;
    unsigned long code = ERR_peek_error();
    long verified = SSL_get_verify_result(t->ssl);
    if (verified != X509_V_OK && (SSL_get_verify_mode(t->ssl) & SSL_VERIFY_PEER) != 0) {
        snprintf(t->problem, sizeof t->problem, "the certificate is not trusted: %s",
                 X509_verify_cert_error_string(verified));
    } else {
        const char *text = no_tls(t, code);
        if (text == NULL)
            text = ERR_reason_error_string(code);
        snprintf(t->problem, sizeof t->problem, "%s", text != NULL ? text : "TLS failed");
    }
    ERR_clear_error();
    return RILL_ERR_TLS;
}

int rill_tls_feed(rill_tls *t, const uint8_t *data, size_t len)
{
    size_t written = 0;
    if (BIO_write_ex(t->in, data, len, &written) != 1 || written != len)
        return RILL_ERR_NOMEM;
    return RILL_OK;
}

int rill_tls_handshake(rill_tls *t)
{
    ERR_clear_error();
    int result = SSL_do_handshake(t->ssl);
    if (result != 1)
        return outcome(t, result);
    const unsigned char *name = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(t->ssl, &name, &len);
    assert(len < sizeof t->alpn); /* it has a byte of length on the wire */
    if (len != 0)
        memcpy(t->alpn, name, len);
    t->alpn[len] = '\0';
    return RILL_OK;
}

int rill_tls_read(rill_tls *t, uint8_t *buf, size_t cap, size_t *len)
{
    ERR_clear_error();
    int result = SSL_read_ex(t->ssl, buf, cap, len);
    return result == 1 ? RILL_OK : outcome(t, result);
}

int rill_tls_write(rill_tls *t, const uint8_t *data, size_t len)
{
    ERR_clear_error();
    while (len != 0) {
        size_t written = 0;
        int result = SSL_write_ex(t->ssl, data, len, &written);
        if (result != 1) {
            /* A memory BIO never lacks room, and renegotiation is off. */
            int error = outcome(t, result);
            return error == RILL_ERR_BLOCKED ? RILL_ERR_TLS : error;
        }
        data += written;
        len -= written;
    }
    return RILL_OK;
}

void rill_tls_end(rill_tls *t)
{
    ERR_clear_error();
    if (SSL_is_init_finished(t->ssl) && SSL_shutdown(t->ssl) < 0)
        ERR_clear_error();
}

size_t rill_tls_pending(const rill_tls *t)
{
    return BIO_ctrl_pending(t->out);
}

size_t rill_tls_take(rill_tls *t, uint8_t *buf, size_t cap)
{
    size_t taken = 0;
    if (cap == 0 || BIO_read_ex(t->out, buf, cap, &taken) != 1)
        return 0;
    return taken;
}

const char *rill_tls_problem(const rill_tls *t)
{
    return t->problem;
}
