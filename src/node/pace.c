/* SPDX-License-Identifier: Apache-2.0 */
#include "node/pace.h"

static const rill_paced nothing;

rill_pace_verdict rill_pace_take(const rill_paced_packet *packet, uint64_t mono_ns, rill_paced *out)
{
    rill_pace *from = packet->source;
    rill_pace *to = packet->destination;
    *out = nothing;
    if (from != NULL &&
        !rill_value_bucket_has(&from->from, from->amount_from, packet->amount, mono_ns))
        return RILL_PACE_FROM;
    if (to != NULL) {
        if (to->amount_to != 0 && packet->sent > to->amount_to)
            return RILL_PACE_TOO_LARGE;
        if (!rill_value_bucket_has(&to->to, to->amount_to, packet->sent, mono_ns))
            return RILL_PACE_TO;
        /* Last, since it cannot be given back. */
        if (!rill_bucket_take(&to->sent, to->packets_to, mono_ns))
            return RILL_PACE_SENT;
        if (to->amount_to != 0)
            out->to = rill_value_bucket_take(&to->to, packet->sent);
    }
    if (from != NULL && from->amount_from != 0)
        out->from = rill_value_bucket_take(&from->from, packet->amount);
    return RILL_PACE_KEPT;
}

void rill_pace_give_back(const rill_paced_packet *packet, const rill_paced *paced, uint64_t mono_ns)
{
    rill_pace *from = packet->source;
    rill_pace *to = packet->destination;
    if (from != NULL)
        rill_value_bucket_give_back(&from->from, from->amount_from, packet->amount, paced->from,
                                    mono_ns);
    if (to != NULL)
        rill_value_bucket_give_back(&to->to, to->amount_to, packet->sent, paced->to, mono_ns);
}
