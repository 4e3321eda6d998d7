/* SPDX-License-Identifier: Apache-2.0 */
/* One link of an account. */
#ifndef RILL_NODE_SESSION_H
#define RILL_NODE_SESSION_H

#include <rill/link.h>

#include "node/accounts.h"

typedef struct rill_session {
    rill_list in_account; /* linked while connected */
    rill_list open;       /* rill_pending.of_source: its requests that wait for an answer */
    rill_account *account;
    rill_link *link;
    struct rill_node *node;
    bool complained; /* something malformed from it has been logged */
} rill_session;

#endif
