/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that wait for the application's decision, and the replies that the host itself makes. */
#define _POSIX_C_SOURCE 200809L

#include <stdlib.h>

#include "net/host_impl.h"

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

/* The endpoint's answer to a decision goes to the link; one that it has forgotten is refused. */
static int settle(rill_host *h, host_undecided *u, bool fulfill, bool *fulfilled)
{
    uint64_t decision = u->decision;
    uint64_t request = u->request;
    (void)rill_map_remove(&h->undecided, decision);
    rill_list_remove(&u->order);
    free(u);
    size_t len;
    int rc = rill_endpoint_decide(h->endpoint, rill_loop_now(h->loop), decision, fulfill, h->buffer,
                                  &len, fulfilled);
    if (rc == RILL_OK)
        (void)!rill_link_reply(h->link, request, h->buffer, len);
    else
        rill_host_refuse(h, request, RILL_ILP_T99_APPLICATION_ERROR);
    rill_host_schedule(h);
    return rc;
}

int rill_host_decide(rill_host *h, uint64_t decision, bool fulfill, bool *fulfilled)
{
    if (fulfilled)
        *fulfilled = false;
    host_undecided *u = rill_map_get(&h->undecided, decision);
    return u ? settle(h, u, fulfill, fulfilled) : RILL_ERR_NOT_FOUND;
}

void rill_host_refuse_undecided(rill_host *h, const rill_connection *c, bool expired_only)
{
    uint64_t wall = rill_loop_now(h->loop).wall_ms;
    rill_list *at = h->undecided_order.next;
    while (at != &h->undecided_order) {
        host_undecided *u = RILL_CONTAINER(at, host_undecided, order);
        at = at->next;
        /* Nearly in the order of their expiry: one that is kept a little longer does no harm. */
        if (expired_only && u->expires_at > wall)
            return;
        if (!c || u->connection == c)
            (void)!settle(h, u, false, NULL);
    }
}

bool rill_host_remember_undecided(rill_host *h, const rill_event *event)
{
    host_undecided *u = NULL;
    if (event->expires_at > rill_loop_now(h->loop).wall_ms)
        u = malloc(sizeof *u);
    if (u) {
        *u = (host_undecided){.decision = event->decision,
                              .request = event->request,
                              .expires_at = event->expires_at,
                              .connection = event->connection};
        if (rill_map_put(&h->undecided, u->decision, u) == RILL_OK) {
            rill_list_push_back(&h->undecided_order, &u->order);
            if (!h->handlers.incoming)
                (void)!settle(h, u, false, NULL);
            return true;
        }
        free(u);
    }
    size_t len;
    if (rill_endpoint_decide(h->endpoint, rill_loop_now(h->loop), event->decision, false, h->buffer,
                             &len, NULL) == RILL_OK)
        (void)!rill_link_reply(h->link, event->request, h->buffer, len);
    return false;
}
