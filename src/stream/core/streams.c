/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/streams.h"

#include <assert.h>

#include "base/muldiv.h"
#include "stream/core/contact.h"
#include "stream/core/queues.h"

int rill_connection_check_stream(const rill_connection *c, uint64_t id)
{
    if (rill_streams_find(&c->streams, id))
        return RILL_OK;
    bool client_opened = id % 2 == 1;
    if (id == 0 || client_opened != c->server)
        return id != 0 && id < c->streams.next_id ? RILL_ERR_CLOSED : RILL_ERR_PROTOCOL;
    /* What was opened was asked for here before, and the limit only rises. */
    assert(id <= c->streams.max_remote_id || !rill_id_set_has(&c->streams.opened_by_remote, id));
    if (rill_id_set_has(&c->streams.opened_by_remote, id))
        return RILL_ERR_CLOSED;
    if (id > c->streams.max_remote_id)
        return RILL_ERR_STREAM_ID;
    /* The connection ends with the streams that it has. */
    return c->closing.ending ? RILL_ERR_CLOSED : RILL_OK;
}

void rill_connection_allow_another(rill_connection *c)
{
    c->streams.max_remote_id = rill_add_sat(c->streams.max_remote_id, 2);
    rill_connection_tell(c, RILL_TELL(MAX_STREAM_ID), true);
}
