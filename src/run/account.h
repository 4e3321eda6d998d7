/* SPDX-License-Identifier: Apache-2.0 */
/* What an account is for the clients on it. */
#ifndef RILL_RUN_ACCOUNT_H
#define RILL_RUN_ACCOUNT_H

#include "base/list.h"
#include "run/host.h"
#include <rill/account.h>

typedef struct rill_member rill_member;

typedef struct rill_member_hooks {
    /* The account is known: it may connect. Once. */
    void (*ready)(void *owner);
    void (*link)(void *owner, bool up, const char *detail);
    /* It is a member no more: its connection has ended, or there was none. detail is not NULL. */
    void (*gone)(void *owner, int error, const char *detail);
} rill_member_hooks;

/* A client's place in its account. */
struct rill_member {
    rill_guest guest; /* first: whom the host tells of the connection */
    rill_list node;   /* in one of the account's lists */
    rill_account *account;
    rill_connection *connection; /* NULL before it has one and after its end */
    uint64_t until;              /* monotonic nanoseconds: abandoned then, where it closes */
    const rill_member_hooks *hooks;
    void *owner;
};

rill_host *rill_account_host(const rill_account *a);
bool rill_account_is_on(const rill_account *a, const rill_loop *loop);
/*
 * Takes a client in: `ready` comes from the loop, never from inside this call. RILL_ERR_CLOSED: the
 * account ends.
 */
RILL_MUST_CHECK int rill_account_join(rill_account *a, rill_member *m);
/* Its connection, which is added to the host. RILL_ERR_NOMEM: not, and it can be closed. */
RILL_MUST_CHECK int rill_account_connected(rill_member *m, rill_connection *c);
/* Closes its connection, and waits for its end for a second. `gone` follows, from the loop. */
void rill_account_leave(rill_member *m);

#endif
