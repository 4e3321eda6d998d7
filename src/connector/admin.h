/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's port: admin_api.h over HTTP. */
#ifndef RILL_CONNECTOR_ADMIN_H
#define RILL_CONNECTOR_ADMIN_H

#include "connector/admin_api.h"
#include "connector/tokens.h"
#include "web/web.h"

typedef struct rill_admin rill_admin;

typedef struct rill_admin_options {
    const char *path; /* a socket for programs of the same user, who need no token; NULL: none */
    const char *host; /* NULL: no port */
    uint16_t port;
    const char *cert_file; /* NULL: no TLS */
    const char *key_file;
    rill_core *core;
    const rill_tokens *tokens;         /* their owners are rill_config_operator; borrowed */
    const rill_admin_control *control; /* borrowed */
    void (*log)(void *user, const char *line);
    void (*closed)(void *user);
    void *user;
} rill_admin_options;

/*
 * The errors of rill_listener_open; RILL_ERR_NOMEM. *of_path: it is the socket that cannot be
 * opened, not the port.
 */
RILL_MUST_CHECK int rill_admin_open(rill_admin **out, rill_loop *loop,
                                    const rill_admin_options *options, bool *of_path);
/* 0: it has none. */
uint16_t rill_admin_port(const rill_admin *a);
/* As rill_listener_renew_tls, of its port. */
RILL_MUST_CHECK int rill_admin_renew_tls(const rill_admin *a, const char *cert_file,
                                         const char *key_file);
/* What came of asking a peer (rill_admin_answer.ticket). It is taken. */
void rill_admin_answered(rill_admin *a, uint64_t ticket, rill_admin_answer *answer);
/* The books are kept up to this group: what waited for it is answered. */
void rill_admin_kept(rill_admin *a, uint64_t group);
/* For those who follow: as `entered` of rill_core_options. */
void rill_admin_entered(rill_admin *a, const rill_holder_account *account,
                        const rill_store_entry *entry, uint64_t group);
/*
 * Another configuration is in force. If its tokens were read anew, who follows by the port has to
 * show one again, which may not be good any more, and misses nothing.
 */
void rill_admin_reloaded(rill_admin *a, const char *who, size_t changes, bool tokens);
/* `closed` follows. */
void rill_admin_close(rill_admin *a);

#endif
