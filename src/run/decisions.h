/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Incoming packets that wait for rill_connection_decide, all of a process, by a handle which is
 * never used twice. A late decision names a connection that may be gone, and its memory another's:
 * so the connection is compared, and never looked at. Loops of several threads share the table.
 */
#ifndef RILL_RUN_DECISIONS_H
#define RILL_RUN_DECISIONS_H

#include <rill/net.h>

#include "base/list.h"

typedef struct rill_decision {
    rill_list order; /* of its host: as they came */
    struct rill_host *host;
    uint64_t handle;     /* the application's name for it: rill_connection_decide */
    uint64_t decision;   /* the endpoint's */
    uint64_t request;    /* the link's */
    uint64_t expires_at; /* wall milliseconds */
    rill_connection *connection;
} rill_decision;

/* A copy of what, with a handle. seed: for the table of handles, any number. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_decision_new(rill_decision **out, const rill_decision *what,
                                      uint64_t seed);
/* The one of this handle and this connection; NULL where there is none, or none any more. */
rill_decision *rill_decision_find(uint64_t handle, const rill_connection *c);
/* It has been decided. It is in no list. */
void rill_decision_free(rill_decision *d);

#endif
