/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ILP over HTTP, the client: the way to one neighbour, over as many connections as are needed
 * (RFC 35). Each Prepare is a POST. In the synchronous form its response has the Fulfill or Reject;
 * in the asynchronous one that comes to a port of ours, as a request. Over HTTP/2 there are many on
 * one connection, over HTTP/1.1 one at a time on each.
 */
#ifndef RILL_LINKS_HTTP_CLIENT_H
#define RILL_LINKS_HTTP_CLIENT_H

#include <rill/link.h>

struct http_awaited;

/* As rill_scheme.open, for ilp+http://, ilp+https:// and ilp+h2c://. */
RILL_MUST_CHECK int rill_http_link_open(rill_link **out, rill_loop *loop, const char *uri,
                                        const rill_link_options *options,
                                        const rill_link_handlers *handlers, void *user,
                                        const char **problem);

/* The reply to a Prepare of such a link has come to a port, from the account whose link it is. */
void http_link_take_reply(struct http_awaited *w, rill_bytes packet);

#endif
