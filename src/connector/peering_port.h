/* SPDX-License-Identifier: Apache-2.0 */
/* The port at which other nodes ask for an account, as Rafiki's do: POST / with JSON. */
#ifndef RILL_CONNECTOR_PEERING_PORT_H
#define RILL_CONNECTOR_PEERING_PORT_H

#include <rill/loop.h>

#include "connector/peering.h"

typedef struct rill_peering_port rill_peering_port;

typedef struct rill_peering_port_options {
    const char *host;
    uint16_t port;
    const char *cert_file;
    const char *key_file;
    rill_core *core;
    const struct rill_admin_control *control; /* stays */
    void (*log)(void *user, const char *line);
    void (*closed)(void *user); /* the last call; it is freed when this returns */
    void *user;
} rill_peering_port_options;

/* The errors of rill_listener_open, and RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_peering_port_open(rill_peering_port **out, rill_loop *loop,
                                           const rill_peering_port_options *options);
uint16_t rill_peering_port_number(const rill_peering_port *p);
/* The books are kept up to this group: answers that waited for it leave. */
void rill_peering_port_kept(rill_peering_port *p, uint64_t group);
RILL_MUST_CHECK int rill_peering_port_renew_tls(const rill_peering_port *p, const char *cert_file,
                                                const char *key_file);
/* `closed` follows. */
void rill_peering_port_close(rill_peering_port *p);

#endif
