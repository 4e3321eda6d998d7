/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/marks.h"

#include <assert.h>

void rill_connection_mark_all(rill_connection *c)
{
    for (rill_list *n = c->streams.all.next; n != &c->streams.all; n = n->next)
        rill_stream_mark(RILL_CONTAINER(n, rill_stream, node), RILL_MARK_ANY);
    rill_connection_mark(c);
}

void rill_connection_mark_timer(rill_connection *c)
{
    rill_connection_mark(c);
    c->retime = true;
}

void rill_stream_counted(rill_stream *s)
{
    rill_streams_count(&s->connection->streams);
}

void rill_stream_uncounted(rill_stream *s)
{
    rill_connection *c = s->connection;
    assert(!s->over || !s->waited); /* nothing waits for what is over */
    rill_list_remove(&s->unsettled_node);
    if (!s->over)
        rill_streams_over(&c->streams);
    if (s->waited)
        rill_streams_wait_no_more(&c->streams);
}
