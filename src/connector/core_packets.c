/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hub tells of packets becomes lines of the log of packets, and is shown to those who
 * watch. If there are neither, the hub tells nothing.
 */
#include <string.h>

#include "connector/core_impl.h"

/* A packet's number is the log's, and above it the one for those who watch. Each may be 0. */
enum { LOG_BITS = 18, LOG_MASK = (1 << LOG_BITS) - 1 };

_Static_assert(RILL_PACKET_NOTES <= LOG_MASK, "the log's numbers have room");
_Static_assert(RILL_LIVE_NUMBER_MAX < 1 << (32 - LOG_BITS), "so have those of who watches");

static const char *text_of(const rill_terms *terms)
{
    const rill_holder_account *holder = (const rill_holder_account *)terms; /* first */
    return terms == NULL ? NULL : holder->config->name;
}

static rill_bytes name_of(const rill_terms *terms)
{
    const char *name = text_of(terms);
    return (rill_bytes){(const uint8_t *)name, name == NULL ? 0 : strlen(name)};
}

/* ---- what is told ---- */

static uint32_t show_sent(rill_live *live, const rill_packet_view *packet, rill_now now)
{
    const rill_live_packet sent = {
        .from = text_of(packet->from),
        .to = text_of(packet->to),
        .condition = packet->condition,
        .in = packet->amount,
        .out = packet->sent,
        .begun_ns = now.mono_ns,
    };
    return rill_live_sent(live, &sent, now);
}

static uint32_t on_sent(void *user, const rill_packet_view *packet, rill_now now)
{
    const rill_core *c = user;
    const rill_packet_sent sent = {
        .address = packet->destination,
        .condition = packet->condition,
        .in = packet->amount,
        .out = packet->sent,
        .expires_ms = packet->expires_ms,
    };
    uint32_t number = c->desk == NULL ? 0 : rill_packet_desk_sent(c->desk, &sent, now);
    if (c->live != NULL)
        number |= show_sent(c->live, packet, now) << LOG_BITS;
    return number;
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

static rill_live_packet live_of(const rill_packet_end *end)
{
    return (rill_live_packet){
        .from = text_of(end->source),
        .to = text_of(end->destination),
        .condition = end->condition,
        .in = end->taken,
        .out = end->given,
        .begun_ns = end->begun_ns,
        .code = end->reject == NULL ? NULL : &end->reject->code,
        .by_node = end->by_node,
    };
}

static void on_over(void *user, uint32_t number, const rill_packet_end *end, rill_now now)
{
    const rill_core *c = user;
    const uint32_t in_log = number & LOG_MASK;
    const uint32_t shown = number >> LOG_BITS;
    if (in_log != 0 && c->desk != NULL) {
        rill_packet_line line = line_of(end);
        rill_packet_desk_over(c->desk, in_log, &line, now);
    }
    /* Who watches now may not have watched when it came. */
    if (shown != 0 && c->live != NULL) {
        const rill_live_packet over = live_of(end);
        rill_live_over(c->live, shown, &over, now);
    }
}

static void on_refused(void *user, const rill_packet_view *packet, const rill_packet_end *end,
                       rill_now now)
{
    const rill_core *c = user;
    if (c->desk != NULL) {
        rill_packet_line line = line_of(end);
        line.in = packet->amount;
        line.destination = packet->destination;
        line.expires_ms = packet->expires_ms;
        line.has_id = packet->condition != NULL;
        if (line.has_id)
            memcpy(line.id, packet->condition, sizeof line.id);
        rill_packet_desk_refused(c->desk, &line, now);
    }
    if (c->live != NULL) {
        rill_live_packet refused = live_of(end);
        refused.condition = packet->condition;
        refused.in = packet->amount;
        refused.begun_ns = now.mono_ns;
        rill_live_refused(c->live, &refused, now);
    }
}

/* ---- who is told ---- */

/* Of packets that are under way nothing is told any more. */
static void tell_hub(rill_core *c)
{
    c->notes = (rill_packet_notes){on_sent, on_over, on_refused, c};
    rill_hub_set_notes(c->hub, c->desk == NULL && c->live == NULL ? NULL : &c->notes);
    if (c->live != NULL)
        rill_live_forget(c->live);
}

void rill_core_log_packets(rill_core *c, rill_packet_desk *desk)
{
    c->desk = desk;
    tell_hub(c);
}

rill_packet_desk *rill_core_packet_log(const rill_core *c)
{
    return c->desk;
}

int rill_core_watch_packets(rill_core *c, const rill_live_filter *filter, unsigned *watch)
{
    const bool first = c->live == NULL;
    int rc = first ? rill_live_new(&c->live, c->options.allocator) : RILL_OK;
    if (rc != RILL_OK)
        return rc;
    /* With a log the hub tells of packets already, and goes on with those that are under way. */
    if (first && c->desk == NULL)
        tell_hub(c);
    return rill_live_watch(c->live, filter, rill_core_now(c), watch); /* the first has room */
}

void rill_core_unwatch_packets(rill_core *c, unsigned watch)
{
    rill_live_leave(c->live, watch);
    if (!rill_live_is_idle(c->live))
        return;
    rill_live_free(c->live);
    c->live = NULL;
    if (c->desk == NULL)
        tell_hub(c);
}

rill_live *rill_core_live_packets(const rill_core *c)
{
    return c->live;
}
