/* SPDX-License-Identifier: Apache-2.0 */
/* Settlement engines over HTTP: the port at which they ask, and the calls by which we ask them. */
#ifndef RILL_CONNECTOR_ENGINE_PORT_H
#define RILL_CONNECTOR_ENGINE_PORT_H

#include "connector/core_engines.h"
#include "connector/tokens.h"
#include "web/web.h"

typedef struct rill_engine_port rill_engine_port;

typedef struct rill_engine_port_options {
    const char *host;
    uint16_t port;
    const char *cert_file; /* NULL: no TLS */
    const char *key_file;
    rill_core *core;
    /* Of engines, borrowed, of any account. None: whoever reaches the port may ask. */
    const rill_tokens *tokens;
    const rill_tokens *own_tokens; /* of engines of one account each, by rill_engine_token_of */
    void (*log)(void *user, const char *line);
    void (*closed)(void *user);
    void *user;
} rill_engine_port_options;

/*
 * The hash by which a token of one account is known: that of its own hash, and the account's name.
 * So the same engine may show the same token for several accounts. RILL_ERR_CRYPTO.
 */
RILL_MUST_CHECK int rill_engine_token_of(rill_crypto *crypto, const uint8_t hash[RILL_SHA256_LEN],
                                         rill_bytes account, uint8_t out[RILL_SHA256_LEN]);
/* The errors of rill_listener_open; RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_engine_port_open(rill_engine_port **out, rill_loop *loop,
                                          const rill_engine_port_options *options);
uint16_t rill_engine_port_number(const rill_engine_port *p);
/* As rill_listener_renew_tls. */
RILL_MUST_CHECK int rill_engine_port_renew_tls(const rill_engine_port *p, const char *cert_file,
                                               const char *key_file);
/* The books are kept up to this group: what waited for it is answered. */
void rill_engine_port_kept(rill_engine_port *p, uint64_t group);
/* What a neighbour has answered: rill_core_options.messaged. */
void rill_engine_port_messaged(rill_engine_port *p, uint64_t message, unsigned status,
                               rill_bytes data);
/* `closed` follows. */
void rill_engine_port_close(rill_engine_port *p);

#endif
