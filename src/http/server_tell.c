/* SPDX-License-Identifier: Apache-2.0 */
/* What a server's owner is told, whatever the version. */
#include "http/server_impl.h"

bool rill_http_server_tell(rill_http_server *s, rill_http_exchange *x)
{
    x->asked = true;
    x->to_head = rill_http_same(rill_http_text(&x->in, x->in.method), "HEAD");
    s->asked++;
    s->telling = x;
    s->on->request(s->owner, rill_http_handle(x), &x->in);
    s->telling = NULL;
    return !x->answered;
}

void rill_http_server_close_exchange(rill_http_server *s, rill_http_exchange *x)
{
    if (s->telling != x)
        rill_http_table_close(&s->table, x);
}
