/* SPDX-License-Identifier: Apache-2.0 */
/* One link of an account. */
#ifndef RILL_NODE_SESSION_H
#define RILL_NODE_SESSION_H

#include <rill/link.h>

#include "base/list.h"

struct rill_account;

typedef struct rill_session {
    rill_list in_account;         /* linked while connected */
    rill_list open;               /* rill_pending.of_source: its requests that wait for an answer */
    struct rill_account *account; /* NULL: free, in an account that has no session */
    rill_link *link;
    struct rill_account *last_to; /* where its last packet went: perhaps another account by now,
                                     or none, but its memory stays (accounts.c) */
    uint32_t serial;              /* of this session alone, not 0 */
    bool complained : 1;          /* something malformed from it has been logged */
    bool only_asks : 1;           /* its link takes no Prepares */
    bool parting : 1;             /* another link is in its place: it has what is out, no more */
    bool deaf : 1;                /* did not answer the last Prepare (owners.c) */
    bool refuses : 1;             /* said of some packet that it is not its own (owners.c) */
    uint8_t place;                /* among its account's, below 64 (owners.c) */
    uint8_t taken;                /* new destinations that it took at once (owners.c) */
} rill_session;

#endif
