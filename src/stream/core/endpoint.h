/* SPDX-License-Identifier: Apache-2.0 */
/* The table of connections, and the clock of calls that bring none. */
#ifndef RILL_STREAM_ENDPOINT_H
#define RILL_STREAM_ENDPOINT_H

#include "stream/core/endpoint_internal.h"

/* The time of a call that brings none: by the application's clock, or else that of the latest call
 * that brought it. Nothing but the calls themselves asks for it: they hand it down. */
static inline rill_now rill_endpoint_read_clock(rill_endpoint *e)
{
    if (e->clock)
        e->latest = e->clock(e->wake_user);
    return e->latest;
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
void rill_endpoint_retire(rill_connection *c, rill_now now);

#endif
