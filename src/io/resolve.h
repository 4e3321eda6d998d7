/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of a host, looked up in a thread of its own: the system's resolver
 * may take half a minute, and nothing stops it. Whoever gives up does not wait for
 * it; neither does a loop that is freed, nor a program that ends.
 */
#ifndef RILL_IO_RESOLVE_H
#define RILL_IO_RESOLVE_H

#include <netdb.h>

#include "io/loop.h"

/* Lookups of a process that go on, also those that nobody waits for any more. */
#define RILL_MAX_LOOKUPS 32

typedef struct rill_lookup rill_lookup;

/* From the loop: the addresses, the caller's to free; or NULL, and libuv's error. */
typedef void rill_resolved(void *owner, int status, struct addrinfo *found);

/*
 * done follows, once, never from inside this call, unless it is cancelled. What
 * is an address already is not looked up. RILL_ERR_NOMEM, RILL_ERR_LIMIT.
 */
RILL_MUST_CHECK int rill_resolve(rill_lookup **out, rill_loop *loop, const char *host,
                                 uint16_t port, rill_resolved *done, void *owner);
/* Before done has come: then it does not. */
void rill_resolve_cancel(rill_lookup *l);
/* NULL is allowed. */
void rill_resolve_free(struct addrinfo *found);

#endif
