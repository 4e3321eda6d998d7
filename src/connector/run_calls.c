/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of a connector by HTTP, to engines and to peers. */
#define _POSIX_C_SOURCE 200809L

#include "connector/run_impl.h"

static void on_answer(const rill_web_answer *answer, void *user)
{
    connector_call *call = user;
    rill_list_remove(&call->linked);
    rill_loop_stale(call->owner->loop);
    call->answered(call, answer);
}

int rill_connector_start_call(connector_call *call, rill_list *all, rill_web_client *web,
                              const rill_web_ask *ask)
{
    rill_web_call *ignored; /* it ends with its client */
    int rc = rill_web_call_start(&ignored, web, ask, on_answer, call);
    if (rc == RILL_OK)
        rill_list_push_back(all, &call->linked);
    return rc;
}

connector_call *rill_connector_take_call(rill_list *all)
{
    connector_call *call =
        rill_list_empty(all) ? NULL : RILL_CONTAINER(all->next, connector_call, linked);
    if (call != NULL)
        rill_list_remove(&call->linked);
    return call;
}
