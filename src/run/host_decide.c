/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that wait for the application's decision, and the replies that the host itself makes. */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "run/host_impl.h"

void rill_host_schedule(rill_host *h)
{
    if (h->pumping)
        h->again = true;
    else if (h->state != HOST_GONE)
        rill_loop_before_flush(h->loop, &h->pump);
}

void rill_host_refuse(rill_host *h, uint64_t request, rill_ilp_code_id code)
{
    rill_reject reject = {.code = rill_ilp_code_of(code)};
    size_t len;
    /* A reject that small always fits; a link that is gone needs none. */
    if (rill_reject_encode(&reject, h->buffer, sizeof h->buffer, &len) == RILL_OK)
        (void)!rill_link_reply(h->link, request, h->buffer, len);
}

/*
 * All of a process, by handle: a connection that a late decision names may be gone, its
 * memory another's, so it is compared and never looked at. Handles are never used twice.
 */
static struct {
    pthread_mutex_t lock;
    bool made;
    rill_map by_handle;
    uint64_t last;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Gives it a handle. RILL_ERR_NOMEM. */
static int enter(host_undecided *u)
{
    pthread_mutex_lock(&all.lock);
    if (!all.made) {
        rill_map_init(&all.by_handle, rill_allocator_default(),
                      rill_loop_clock(u->host->loop).mono_ns);
        all.made = true;
    }
    u->handle = ++all.last;
    int rc = rill_map_put(&all.by_handle, u->handle, u);
    pthread_mutex_unlock(&all.lock);
    return rc;
}

static void leave(const host_undecided *u)
{
    pthread_mutex_lock(&all.lock);
    (void)rill_map_remove(&all.by_handle, u->handle);
    if (rill_map_count(&all.by_handle) == 0) {
        rill_map_free(&all.by_handle);
        all.made = false;
    }
    pthread_mutex_unlock(&all.lock);
}

static host_undecided *find(uint64_t handle, const rill_connection *c)
{
    pthread_mutex_lock(&all.lock);
    host_undecided *u = all.made ? rill_map_get(&all.by_handle, handle) : NULL;
    if (u && u->connection != c)
        u = NULL;
    pthread_mutex_unlock(&all.lock);
    return u;
}

/* The endpoint's answer to a decision goes to the link; one that it has forgotten is refused. */
static int settle(host_undecided *u, bool fulfill, bool *fulfilled)
{
    rill_host *h = u->host;
    uint64_t decision = u->decision;
    uint64_t request = u->request;
    leave(u);
    rill_list_remove(&u->order);
    free(u);
    size_t len;
    int rc = rill_endpoint_decide(h->endpoint, rill_loop_clock(h->loop), decision, fulfill,
                                  h->buffer, &len, fulfilled);
    if (rc == RILL_OK)
        (void)!rill_link_reply(h->link, request, h->buffer, len);
    else
        rill_host_refuse(h, request, RILL_ILP_T99_APPLICATION_ERROR);
    rill_host_schedule(h);
    return rc;
}

/*
 * Judged by the clock of this moment, and on its way when it returns: who is asked may have
 * taken his time before it, and may take it after.
 */
int rill_decide(rill_connection *c, uint64_t decision, bool fulfill, bool *fulfilled)
{
    bool done = false;
    host_undecided *u = find(decision, c);
    if (fulfilled)
        *fulfilled = false;
    if (!u)
        return RILL_ERR_NOT_FOUND;
    rill_host *h = u->host;
    rill_loop_stale(h->loop);
    int rc = settle(u, fulfill, &done);
    if (done)
        rill_loop_push(h->loop);
    if (fulfilled)
        *fulfilled = done;
    return rc;
}

void rill_host_refuse_undecided(rill_host *h, const rill_connection *c, bool expired_only)
{
    uint64_t wall = rill_loop_clock(h->loop).wall_ms;
    rill_list *at = h->undecided_order.next;
    while (at != &h->undecided_order) {
        host_undecided *u = RILL_CONTAINER(at, host_undecided, order);
        at = at->next;
        /* Nearly in the order of their expiry: one that is kept a little longer does no harm. */
        if (expired_only && u->expires_at > wall)
            return;
        if (!c || u->connection == c)
            (void)!settle(u, false, NULL);
    }
}

static void refuse_event(rill_host *h, const rill_event *event)
{
    size_t len;
    if (rill_endpoint_decide(h->endpoint, rill_loop_clock(h->loop), event->decision, false,
                             h->buffer, &len, NULL) == RILL_OK)
        (void)!rill_link_reply(h->link, event->request, h->buffer, len);
}

void rill_host_ask(rill_host *h, const rill_event *event)
{
    host_undecided *u = NULL;
    if (h->handlers.incoming && event->expires_at > rill_loop_clock(h->loop).wall_ms)
        u = malloc(sizeof *u);
    if (u) {
        *u = (host_undecided){.host = h,
                              .decision = event->decision,
                              .request = event->request,
                              .expires_at = event->expires_at,
                              .connection = event->connection};
        if (enter(u) != RILL_OK) {
            free(u);
            u = NULL;
        }
    }
    if (!u) {
        refuse_event(h, event);
        return;
    }
    rill_list_push_back(&h->undecided_order, &u->order);
    rill_event asked = *event;
    asked.decision = u->handle;
    rill_host_before_handler(h);
    rill_host_dispatch(&h->handlers, h->user, &asked);
    rill_host_after_handler(h);
}
