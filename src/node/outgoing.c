/* SPDX-License-Identifier: Apache-2.0 */
#include "node/outgoing.h"

#include <rill/error.h>

#include <string.h>

#include "ilp/address.h"
#include "link/link_impl.h"

/*
 * The packet with another expiry is the bytes that came but for 17 of them,
 * unless it goes elsewhere than it says or has bytes after its end.
 */
int rill_rewrite(rill_rewriter *w, rill_bytes packet, const rill_prepare *came,
                 const rill_prepare *out, rill_outgoing *result)
{
    const uint8_t *end = packet.data + packet.len;
    size_t len = 0;
    if (out->destination.data != came->destination.data || out->data.data != came->data.data ||
        came->data.data + came->data.len != end) {
        int rc = rill_prepare_encode_any_size(out, w->out, sizeof w->out, &len);
        *result = (rill_outgoing){.parts = {{w->out, len}}, .count = 1};
        return rc;
    }
    if (w->expiry_ms != out->expires_at_ms) {
        w->expiry_ms = 0;
        int rc = rill_ilp_time_encode(out->expires_at_ms, w->expiry_text);
        if (rc != RILL_OK)
            return rc;
        w->expiry_ms = out->expires_at_ms;
    }
    /* The condition comes right after it. */
    const uint8_t *expiry = came->condition - sizeof w->expiry_text;
    *result = (rill_outgoing){
        .parts = {{packet.data, (size_t)(expiry - packet.data)},
                  {w->expiry_text, sizeof w->expiry_text},
                  {came->condition, (size_t)(end - came->condition)}},
        .count = 3,
    };
    return RILL_OK;
}

int rill_outgoing_send(rill_rewriter *w, rill_link *link, uint64_t outgoing_id,
                       const rill_outgoing *out)
{
    if (link->ops->send_parts != NULL)
        return link->ops->send_parts(link, outgoing_id, out->parts, out->count);
    if (out->count == 1)
        return rill_link_send(link, outgoing_id, out->parts[0].data, out->parts[0].len);
    size_t len = 0;
    for (size_t i = 0; i < out->count; i++) {
        if (out->parts[i].len > sizeof w->out - len)
            return RILL_ERR_BUFFER;
        memcpy(w->out + len, out->parts[i].data, out->parts[i].len);
        len += out->parts[i].len;
    }
    return rill_link_send(link, outgoing_id, w->out, len);
}
