/* SPDX-License-Identifier: Apache-2.0 */
/* What a client's owner is told, whatever the version. */
#include "http/client_impl.h"

void rill_http_client_succeed(rill_http_client *c, rill_http_exchange *x)
{
    x->answered = true;
    c->on->response(c->owner, x->outgoing_id, &x->in);
}

void rill_http_client_fail(rill_http_client *c, rill_http_exchange *x, int error, bool sent)
{
    x->doomed = true;
    c->on->failed(c->owner, x->outgoing_id, error, sent);
}
