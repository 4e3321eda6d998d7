/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ILP over HTTP, the client: the way to one neighbour, over as many connections as are needed
 * (RFC 35, in its synchronous form). Each Prepare is a POST, and its response has the Fulfill or
 * Reject. Over HTTP/2 there are many on one connection, over HTTP/1.1 one at a time on each.
 */
#ifndef RILL_LINKS_HTTP_CLIENT_H
#define RILL_LINKS_HTTP_CLIENT_H

#include <rill/link.h>

/* As rill_scheme.open, for ilp+http://, ilp+https:// and ilp+h2c://. */
RILL_MUST_CHECK int rill_http_link_open(rill_link **out, rill_loop *loop, const char *uri,
                                        const rill_link_options *options,
                                        const rill_link_handlers *handlers, void *user,
                                        const char **problem);

#endif
