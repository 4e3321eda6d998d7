/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator can ask a connector and tell it, over HTTP: which resources there are, and what
 * each answers. It knows no connections: docs/connector.md has the table.
 */
#ifndef RILL_CONNECTOR_ADMIN_API_H
#define RILL_CONNECTOR_ADMIN_API_H

#include <rill/types.h>

#include "connector/core.h"

/* Bytes of a request's body. */
#define RILL_ADMIN_MAX_BODY 65536

typedef struct rill_admin_request {
    rill_bytes method;
    rill_bytes path; /* with the query */
    rill_bytes body;
    bool known; /* it has shown a token of the configuration */
} rill_admin_request;

typedef struct rill_admin_answer {
    unsigned status;
    const char *type;  /* of the body */
    char *body;        /* to be freed with rill_admin_free; NULL: none */
    const char *allow; /* with 405: the methods that there are */
    uint64_t group;    /* the answer is true once the books are kept up to it; 0: now */
} rill_admin_answer;

/* Never fails: what cannot be done is an answer, too. who: for the audit. */
void rill_admin_ask(rill_core *core, const rill_admin_request *request, rill_admin_answer *out);
void rill_admin_free(rill_admin_answer *answer);

#endif
