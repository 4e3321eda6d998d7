/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.2 and later over memory: bytes in, bytes out, no socket. */
#ifndef RILL_IO_TLS_H
#define RILL_IO_TLS_H

#include <rill/error.h>
#include <rill/types.h>

/* What many connections share: certificates, and whom to trust. */
typedef struct rill_tls_context rill_tls_context;

/*
 * ca_file: PEM, trusted beside the system's authorities; NULL for none.
 * RILL_ERR_TLS (*problem says why, static; it may be NULL), RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_tls_client_context(rill_tls_context **out, const char *ca_file,
                                            bool verify, const char **problem);
/*
 * What a client shows a server that asks for a certificate. PEM files, the key not encrypted.
 * Before the first connection. RILL_ERR_TLS, as above.
 */
RILL_MUST_CHECK int rill_tls_context_identify(rill_tls_context *c, const char *cert_file,
                                              const char *key_file, const char **problem);
/* PEM files, the key not encrypted. RILL_ERR_TLS, RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_tls_server_context(rill_tls_context **out, const char *cert_file,
                                            const char *key_file, const char **problem);
/*
 * What to speak inside (ALPN, RFC 7301), most wanted first: a client offers these, a server
 * chooses of what it is offered. Where a client offers none of them, the handshake fails, as
 * RFC 7301 section 3.2 asks; one that offers nothing is let in. Not called: nothing is
 * offered, and no offer looked at. names: count of them, each of 1 to 255 bytes; copied. Before
 * the first connection. RILL_ERR_INVALID (a name, or more than RILL_TLS_MAX_ALPN bytes in all,
 * each with one more), RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_tls_context_offer(rill_tls_context *c, const char *const *names,
                                           size_t count);
#define RILL_TLS_MAX_ALPN 256
/* Connections that use it go on. NULL is allowed. */
void rill_tls_context_free(rill_tls_context *c);

typedef struct rill_tls rill_tls;

/* host: whose certificate to expect, a name or a numeric address; NULL: the server's side. */
RILL_MUST_CHECK int rill_tls_new(rill_tls **out, rill_tls_context *c, const char *host);
void rill_tls_free(rill_tls *t);

/* What ALPN has agreed on, once the handshake is done; "" where nothing. */
const char *rill_tls_alpn(const rill_tls *t);

/* Bytes that came from the network. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_tls_feed(rill_tls *t, const uint8_t *data, size_t len);
/* RILL_OK: done; RILL_ERR_BLOCKED: more must come; RILL_ERR_TLS: see rill_tls_problem. */
RILL_MUST_CHECK int rill_tls_handshake(rill_tls *t);
/*
 * Plaintext that was fed. RILL_ERR_BLOCKED: none; RILL_ERR_CLOSED: the peer
 * ended; RILL_ERR_TLS.
 */
RILL_MUST_CHECK int rill_tls_read(rill_tls *t, uint8_t *buf, size_t cap, size_t *len);
/* All of it, after the handshake. RILL_ERR_TLS. */
RILL_MUST_CHECK int rill_tls_write(rill_tls *t, const uint8_t *data, size_t len);
/* Says that nothing more will be written. */
void rill_tls_end(rill_tls *t);
/* Bytes that wait to go to the network, and taking them. */
size_t rill_tls_pending(const rill_tls *t);
size_t rill_tls_take(rill_tls *t, uint8_t *buf, size_t cap);
/* One line for people about the last RILL_ERR_TLS. */
const char *rill_tls_problem(const rill_tls *t);

#endif
