/* SPDX-License-Identifier: Apache-2.0 */
#include "node/outgoing.h"

#include <rill/error.h>

#include <string.h>

#include "ilp/address.h"
#include "link/link_impl.h"

static void put_amount(uint8_t out[8], uint64_t amount)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(amount >> (56 - 8 * i));
}

/*
 * The packet with another amount and expiry is the bytes that came but for 25 of them,
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
        int rc = rill_ilp_time_encode(out->expires_at_ms, w->changed + 8);
        if (rc != RILL_OK)
            return rc;
        w->expiry_ms = out->expires_at_ms;
    }
    put_amount(w->changed, out->amount);
    /* The condition comes right after them. */
    const uint8_t *amount = came->condition - sizeof w->changed;
    *result = (rill_outgoing){
        .parts = {{packet.data, (size_t)(amount - packet.data)},
                  {w->changed, sizeof w->changed},
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
