/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our account at a node, with its link: opened once, and used by any number of clients, payments
 * and quotes, at the same time and one after the other. For a program that makes many payments:
 * each would otherwise open a link of its own, authenticate, and ask the node for the account
 * (IL-DCP, RFC 31), which takes several round trips.
 *
 * A client is opened on it by `account` of rill_net_options; a payment or a quote by the same in
 * `net` of rill_pay_options. Each still has a STREAM connection of its own.
 */
#ifndef RILL_ACCOUNT_H
#define RILL_ACCOUNT_H

#include <rill/net.h>

RILL_BEGIN_DECLS

/* Called from the loop, never from inside a call. Every member may be NULL. */
typedef struct rill_account_handlers {
    size_t size RILL_SIZE_OF(struct rill_account_handlers); /* see rill/types.h */
    /* Once: the node has told address and asset. Clients need not wait for it to be opened. */
    void (*ready)(rill_account *account, void *user) RILL_UNSET;
    /* The link came up, or was lost and connects again. detail is one line for people. */
    void (*link)(bool up, const char *detail, void *user) RILL_UNSET;
    /*
     * The last call: every client has been told that it is closed, and the account is gone when
     * this returns. error: RILL_OK after rill_account_close; else why it could not start or go on.
     */
    void (*closed)(int error, const char *detail, void *user) RILL_UNSET;
} rill_account_handlers;

/*
 * Opens an account. All of options and handlers is copied; both may be NULL. Of the options it uses
 * link_uri, link_options, address, asset_code, asset_scale, max_connections (of its clients, open
 * at once), connect_timeout_ns (until it is ready for the first time) and crypto. The errors of
 * rill_server_open; RILL_ERR_INVALID also if the options have an account.
 */
RILL_API RILL_MUST_CHECK int rill_account_open(rill_account **out, rill_loop *loop,
                                               const rill_net_options *options,
                                               const rill_account_handlers *handlers, void *user,
                                               const char **problem);
/* As rill_endpoint_address: "" and 0 before `ready`. */
RILL_API const char *rill_account_address(const rill_account *account);
RILL_API const char *rill_account_asset_code(const rill_account *account);
RILL_API uint8_t rill_account_asset_scale(const rill_account *account);
/* What it waits for: its link, or to be told its address. RILL_WAIT_NOTHING while it is usable. */
RILL_API void rill_account_get_waiting_sized(const rill_account *account, rill_waiting *out,
                                             size_t size);
static inline void rill_account_get_waiting(const rill_account *account, rill_waiting *out)
{
    rill_account_get_waiting_sized(account, out, sizeof *out);
}
/*
 * Closes the connections of all its clients, which have 1 s to agree, and then the link; `closed`
 * follows. Payments under way end with what they have sent: let them end first. No client can be
 * opened on it any more. A second call does nothing.
 */
RILL_API void rill_account_close(rill_account *account);

RILL_END_DECLS

#endif
