/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What settlement engines ask a connector (RFC 38), over HTTP: which resources there are, and what
 * each answers. It knows no connections.
 */
#ifndef RILL_CONNECTOR_CORE_ENGINES_H
#define RILL_CONNECTOR_CORE_ENGINES_H

#include "connector/core.h"

typedef struct rill_engine_request {
    rill_bytes method;
    rill_bytes path;
    rill_bytes key; /* Idempotency-Key; empty: there is none, or several */
    rill_bytes body;
    bool known;         /* it has shown a token of the configuration, or none is needed */
    const char *person; /* where that token is from; NULL: none is needed */
} rill_engine_request;

typedef struct rill_engine_reply {
    unsigned status;
    const char *type; /* of the body */
    char body[RILL_QUANTITY_JSON];
    uint64_t group;   /* the reply is true once the books are kept up to it; 0: now */
    uint64_t message; /* there is no reply yet: rill_core_options.messaged brings it; 0: there is */
} rill_engine_reply;

/* Has the account of this path tokens of its own, so that no other is good for it? Its name then.
 */
bool rill_core_engine_has_tokens(const rill_core *c, rill_bytes path, rill_bytes *account);
/* Never fails: what cannot be done is a reply, too. */
void rill_core_engine_ask(rill_core *c, const rill_engine_request *request, rill_engine_reply *out);

#endif
