/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is due when, of one link: the requests and the connections that take too long, and the next
 * attempt to connect. One timer of libuv's serves them all.
 */
#ifndef RILL_LINKS_HTTP_HTTP_DUE_H
#define RILL_LINKS_HTTP_HTTP_DUE_H

#include "base/heap.h"
#include "io/loop.h"

typedef enum http_due_kind { DUE_REQUEST, DUE_SOCKET, DUE_RETRY } http_due_kind;

typedef struct http_due {
    rill_timer timer; /* first */
    http_due_kind kind;
} http_due;

typedef struct http_dues {
    rill_loop *loop;
    rill_heap heap;
    uv_timer_t timer;
    bool started;
    bool stopped;
    /* Its time has come; it is in no heap any more. May stop them all. */
    void (*passed)(void *owner, http_due *due);
    void (*closed)(void *owner);
    void *owner;
} http_dues;

/* Nothing is on the loop yet: it may end by http_dues_clear alone. */
void http_dues_init(http_dues *d, rill_loop *loop, void (*passed)(void *owner, http_due *due),
                    void *owner);
/* What is due passes from now on. It ends by http_dues_close, and then http_dues_clear. */
void http_dues_start(http_dues *d);
/* So many nanoseconds from now, also where it was due at another time. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int http_due_set(http_dues *d, http_due *due, uint64_t after_ns);
/* Again, or one that never was set: nothing. */
void http_due_clear(http_dues *d, http_due *due);
/* How soon one is due, nanoseconds. */
uint64_t http_dues_wait(const http_dues *d);
/* None passes any more. */
void http_dues_stop(http_dues *d);
/* closed(owner) follows from the loop. */
void http_dues_close(http_dues *d, void (*closed)(void *owner));
void http_dues_clear(http_dues *d);

#endif
