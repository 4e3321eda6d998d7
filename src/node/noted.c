/* SPDX-License-Identifier: Apache-2.0 */
#include "node/noted.h"

void rill_noted_sent(const rill_hub_options *o, rill_pending *entry, const rill_prepare *in,
                     const rill_prepare *out, rill_now now)
{
    const rill_packet_view packet = {
        .destination = out->destination,
        .condition = out->condition,
        .amount = in->amount,
        .sent = out->amount,
        .expires_ms = in->expires_at_ms,
    };
    entry->note = o->notes->sent(o->notes->user, &packet, now);
}

void rill_noted_over(const rill_hub_options *o, rill_pending *entry, const rill_reject *reject,
                     bool by_node)
{
    const rill_packet_end end = {
        .source = entry->from->of.terms,
        .destination = entry->to->of.terms,
        .reject = reject,
        .by_node = by_node,
        .unseen = entry->source == NULL,
    };
    uint32_t number = entry->note;
    entry->note = 0;
    o->notes->over(o->notes->user, number, &end, o->now(o->user));
}

void rill_noted_refused(const rill_hub_options *o, const rill_account *from,
                        const rill_prepare *prepare, const rill_reject *reject, rill_now now)
{
    const rill_packet_end end = {.source = from->of.terms, .reject = reject, .by_node = true};
    rill_packet_view packet = {.amount = 0};
    if (prepare != NULL)
        packet = (rill_packet_view){
            .destination = prepare->destination,
            .condition = prepare->condition,
            .amount = prepare->amount,
            .expires_ms = prepare->expires_at_ms,
        };
    o->notes->refused(o->notes->user, &packet, &end, now);
}
