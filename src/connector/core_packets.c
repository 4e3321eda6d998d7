/* SPDX-License-Identifier: Apache-2.0 */
/* What the hub tells of packets becomes lines of the log of packets. */
#include <string.h>

#include "connector/core_impl.h"

static uint32_t on_sent(void *user, const rill_packet_view *packet, rill_now now)
{
    const rill_packet_sent sent = {
        .address = packet->destination,
        .condition = packet->condition,
        .in = packet->amount,
        .out = packet->sent,
        .expires_ms = packet->expires_ms,
    };
    return rill_packet_desk_sent(user, &sent, now);
}

static rill_bytes name_of(const rill_terms *terms)
{
    if (terms == NULL)
        return (rill_bytes){NULL, 0};
    const rill_holder_account *holder = (const rill_holder_account *)terms; /* first */
    const char *name = holder->config->name;
    return (rill_bytes){(const uint8_t *)name, strlen(name)};
}

static rill_packet_line line_of(const rill_packet_end *end)
{
    rill_packet_line line = {
        .event = RILL_PACKET_OVER,
        .from = name_of(end->source),
        .to = name_of(end->destination),
        .by_node = end->by_node,
        .unseen = end->unseen,
    };
    if (end->reject != NULL) {
        memcpy(line.result, end->reject->code.text, 3);
        line.triggered_by = end->reject->triggered_by;
        line.message = end->reject->message;
    }
    return line;
}

static void on_over(void *user, uint32_t number, const rill_packet_end *end, rill_now now)
{
    rill_packet_line line = line_of(end);
    rill_packet_desk_over(user, number, &line, now);
}

static void on_refused(void *user, const rill_packet_view *packet, const rill_packet_end *end,
                       rill_now now)
{
    rill_packet_line line = line_of(end);
    line.in = packet->amount;
    line.destination = packet->destination;
    line.expires_ms = packet->expires_ms;
    line.has_id = packet->condition != NULL;
    if (line.has_id)
        memcpy(line.id, packet->condition, sizeof line.id);
    rill_packet_desk_refused(user, &line, now);
}

void rill_core_log_packets(rill_core *c, rill_packet_desk *desk)
{
    c->notes = (rill_packet_notes){on_sent, on_over, on_refused, desk};
    rill_hub_set_notes(c->hub, desk == NULL ? NULL : &c->notes);
}

rill_packet_desk *rill_core_packet_log(const rill_core *c)
{
    return c->notes.user;
}
