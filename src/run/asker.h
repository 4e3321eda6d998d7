/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What asks a node something over a link of its own, a packet at a time: the link, a timer, and an
 * end that is told once both are closed.
 */
#ifndef RILL_RUN_ASKER_H
#define RILL_RUN_ASKER_H

#include <rill/link.h>
#include <uv.h>

#include "io/loop.h"

typedef struct rill_asker {
    rill_loop *loop;
    rill_link *link;
    uv_timer_t timer; /* its data is the asker */
    unsigned parts;   /* link and timer, while they are not closed */
    bool closing;
    bool reached;     /* for gone: the node was, so that an error is not about it */
    int error;        /* so too */
    char detail[256]; /* one line for people about it */
    /* The last call: tells, and frees what the asker is a part of. */
    void (*gone)(struct rill_asker *a);
} rill_asker;

/*
 * Opens the link (uri NULL: that of the environment), and holds the loop. a is all zeros but for
 * `gone`, and is the user of the handlers. `closed` of the handlers is set here. Errors as
 * rill_link_open and rill_link_uri_from_environment, *problem as theirs: there is nothing to close.
 */
RILL_MUST_CHECK int rill_asker_open(rill_asker *a, rill_loop *loop, const char *uri,
                                    const rill_link_options *options,
                                    const rill_link_handlers *handlers, const char **problem);
/* Closes both; gone follows. Nothing the second time. */
void rill_asker_close(rill_asker *a);
/* The same, and why. detail NULL or "": what the error's name says. Nothing once it closes. */
void rill_asker_fail(rill_asker *a, int error, const char *detail);
/* What the link's `down` is: it is over, and why. */
void rill_asker_down(rill_link *l, int error, const char *detail, bool final, void *user);
/* What the link's `writable` is: one packet at a time is never too many. */
void rill_asker_writable(rill_link *l, void *user);
/*
 * What it waits for: the link, or else, where what is not RILL_WAIT_NOTHING, this, about `more`,
 * until then (monotonic nanoseconds, RILL_NEVER).
 */
void rill_asker_waiting(const rill_asker *a, rill_wait what, const char *more, uint64_t until,
                        rill_waiting *out);

#endif
