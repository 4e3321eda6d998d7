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
        .from = entry->from->of.terms,
        .to = entry->to->of.terms,
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
        .begun_ns = entry->hold.at_ns,
        .taken = entry->hold.taken,
        .given = entry->hold.given,
        /* Of one that was fulfilled it may be the fulfillment by now. */
        .condition = reject == NULL ? NULL : entry->condition,
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

enum { MOST_SHOWN = 128 };

static int shown(rill_bytes text)
{
    return text.len > MOST_SHOWN ? MOST_SHOWN : (int)text.len;
}

void rill_say_refused(const rill_log *log, const rill_account *from, const rill_prepare *prepare,
                      const rill_reject *reject)
{
    const rill_bytes to = prepare->destination;
    const rill_log_about about = {
        .account = rill_account_text(from),
        .packet = prepare->condition,
        .destination = to,
        .code = reject->code.text,
        .by = "node",
    };
    rill_log_about_line(log, RILL_LOG_DEBUG, &about, "account %s: packet to %.*s rejected %s: %.*s",
                        about.account, shown(to), (const char *)to.data, about.code,
                        shown(reject->message), (const char *)reject->message.data);
}

void rill_say_rejected(const rill_log *log, const rill_pending *entry, const rill_reject *reject,
                       bool by_node)
{
    if (entry->own)
        return;
    const rill_log_about about = {
        .account = rill_account_text(entry->from),
        .packet = entry->condition,
        .code = reject->code.text,
        .by = by_node ? "node" : rill_account_text(entry->to),
    };
    rill_log_about_line(log, RILL_LOG_DEBUG, &about, "account %s: packet rejected %s by %s: %.*s",
                        about.account, about.code, about.by, shown(reject->message),
                        (const char *)reject->message.data);
}
