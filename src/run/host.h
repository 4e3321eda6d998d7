/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The meeting of one link and one endpoint: what comes from the link goes into
 * the endpoint, what the endpoint gives goes to the link, its events go to the
 * application. A server and a client are each a host and a few lines.
 *
 * A host works once a turn of the loop, just before the loop writes: whatever
 * number of packets and calls made it necessary, one pump answers them all.
 */
#ifndef RILL_RUN_HOST_H
#define RILL_RUN_HOST_H

#include <rill/net.h>

typedef struct rill_host rill_host;

/*
 * Who is told of a connection instead of the host's own application: a client among many on one
 * account. It stays where it is until the connection has ended.
 */
typedef struct rill_guest {
    const rill_handlers *handlers;
    void *user;
} rill_guest;

typedef struct rill_host_hooks {
    /* Once: the account is known, so that connections can be opened and accepted. */
    void (*ready)(void *owner);
    /* The application has been told of the end of a connection; or its guest, where it has one. */
    void (*connection_end)(void *owner, const rill_event *event, rill_guest *guest);
    /* The host is gone; the owner goes too, and tells the application last of all. */
    void (*closed)(void *owner, const rill_handlers *handlers, void *user, int error,
                   const char *detail);
} rill_host_hooks;

/*
 * What the program gave (NULL: nothing), with the defaults of what it does not know. What it points
 * at is the program's still. RILL_ERR_INVALID, RILL_ERR_UNSUPPORTED; *problem.
 */
RILL_MUST_CHECK int rill_net_options_take(rill_net_options *full, const rill_net_options *o,
                                          const char **problem);

/*
 * Options and hooks are copied, the endpoint's wake callback is the host's.
 * give_up: how long the link and IL-DCP may take, nanoseconds; 0: for ever.
 * Errors and *problem as rill_server_open's.
 */
RILL_MUST_CHECK int rill_host_open(rill_host **out, rill_loop *loop,
                                   const rill_net_options *options, rill_endpoint_options *endpoint,
                                   uint64_t give_up, const rill_host_hooks *hooks, void *owner,
                                   const char **problem);

rill_endpoint *rill_host_endpoint(rill_host *h);
rill_now rill_host_now(rill_host *h);
const rill_handlers *rill_host_handlers(const rill_host *h, void **user);

/*
 * A connection that rill_endpoint_connect made, so that closing the host ends it. guest: who is
 * told of it; NULL: the host's own application. RILL_ERR_NOMEM, not after rill_host_reserve.
 */
RILL_MUST_CHECK int rill_host_add_connection(rill_host *h, rill_connection *c, rill_guest *guest);
/* Room for one more connection: one that cannot be noted must not be made. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_host_reserve(rill_host *h);
/* True until it begins to end. */
bool rill_host_is_open(const rill_host *h);
/* Why it ends; RILL_OK where nothing is wrong. *detail is one line, the host's. */
int rill_host_error(const rill_host *h, const char **detail);

/* Ends all connections, closes at once those left after 5 s, then the link. error is for `closed`.
 */
void rill_host_end(rill_host *h, int error, const char *detail);
/* The same with no patience: connections are told that they are closed, and have 1 s to agree. */
void rill_host_close(rill_host *h, int error, const char *detail);

/*
 * Around every handler of the application, which may take its time: what was committed
 * before it has left, and no clock is believed that was read before it.
 */
void rill_host_before_handler(rill_host *h);
void rill_host_after_handler(rill_host *h);

/*
 * true: no handlers of connections are called and no money is taken, until false.
 * Nothing while it ends, which ends it.
 */
void rill_host_pause(rill_host *h, bool pause);

/*
 * What the host waits for: the link, its account, or, where it ends, the first of its connections
 * that waits for something. NOTHING where it could go on.
 */
void rill_host_waiting(const rill_host *h, rill_waiting *out);

/* Passes another event to the handler that wants it. */
void rill_host_dispatch(const rill_handlers *handlers, void *user, const rill_event *event);

#endif
