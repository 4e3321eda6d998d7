/* SPDX-License-Identifier: Apache-2.0 */
/* The link of a BTP client: connects, authenticates, pings, and comes back. */
#ifndef RILL_LINKS_BTP_CLIENT_H
#define RILL_LINKS_BTP_CLIENT_H

#include <rill/link.h>

/* As rill_link_open, for btp+ws:// and btp+wss://. options and problem are not NULL. */
RILL_MUST_CHECK int rill_btp_client_open(rill_link **out, rill_loop *loop, const char *uri,
                                         const rill_link_options *options,
                                         const rill_link_handlers *handlers, void *user,
                                         const char **problem);

#endif
