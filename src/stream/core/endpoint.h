/* SPDX-License-Identifier: Apache-2.0 */
/* The table of connections, and the clock of calls that bring none. */
#ifndef RILL_STREAM_ENDPOINT_H
#define RILL_STREAM_ENDPOINT_H

#include "stream/core/endpoint_internal.h"

/* First in what an application calls without a clock. */
static inline void rill_endpoint_read_clock(rill_endpoint *e)
{
    if (e->clock)
        e->last_now = e->clock(e->wake_user);
}

/* The open connection of that token; else NULL, and *past what is left of one, or NULL. */
rill_connection *rill_endpoint_find(rill_endpoint *e, rill_bytes token, rill_past **past);
/*
 * Into the table and the list of open ones. A server's has a past: one that
 * lies in the table leaves it.
 * RILL_ERR_LIMIT, RILL_ERR_NOMEM, RILL_ERR_EXISTS: all is as it was.
 */
RILL_MUST_CHECK int rill_endpoint_add(rill_endpoint *e, rill_connection *c);
/* Its end has been fetched: it is freed with the next event, and what is left of it kept. */
void rill_endpoint_retire(rill_connection *c);

#endif
