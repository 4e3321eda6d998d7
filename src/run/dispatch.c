/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <string.h>

#include "run/host_impl.h"

/* Given at once at most: who is slow with each can be paused in between. */
#define PIECE 65536

/* What the handler has not taken itself of the bytes that it was given. */
static void consume_rest(rill_stream *s, uint64_t before, size_t len)
{
    rill_stream_offsets after;
    rill_stream_get_offsets(s, &after);
    uint64_t taken = after.consumed - before;
    if (taken < len)
        rill_stream_consume(s, len - (size_t)taken);
}

/*
 * All that can be read now, in as many pieces as it lies in. The handler may
 * close the stream, after which there is nothing more to read.
 */
bool rill_host_deliver_data(rill_host *host, const rill_guest *to, rill_stream *s)
{
    const rill_handlers *h = to->handlers;
    if (h->readable) {
        rill_host_before_handler(host);
        h->readable(s, to->user);
        rill_host_after_handler(host);
        return true;
    }
    if (!h->data)
        return true;
    for (;;) {
        rill_bytes bytes = rill_stream_peek(s);
        if (bytes.len == 0)
            return true;
        if (host->paused)
            return false;
        rill_stream_offsets offsets;
        rill_stream_get_offsets(s, &offsets);
        size_t len = bytes.len < PIECE ? bytes.len : PIECE;
        rill_host_before_handler(host);
        h->data(s, bytes.data, len, to->user);
        rill_host_after_handler(host);
        consume_rest(s, offsets.consumed, len);
    }
}

static void dispatch_end(const rill_handlers *h, void *user, const rill_event *event)
{
    rill_end end = {
        .error = event->error,
        .close_code = event->close_code,
        .remote = event->remote,
        .message = event->message ? event->message : "",
    };
    if (event->type == RILL_EVENT_STREAM_END) {
        if (h->stream_end)
            h->stream_end(event->stream, &end, user);
    } else if (h->connection_end) {
        h->connection_end(event->connection, &end, user);
    }
}

static void dispatch_incoming(const rill_handlers *h, void *user, const rill_event *event)
{
    if (!h->incoming)
        return;
    rill_incoming packet = {
        .amount = event->amount,
        .expires_at_ms = event->expires_at_ms,
        .decision_id = event->decision_id,
    };
    memcpy(packet.packet_id, event->packet_id, sizeof packet.packet_id);
    h->incoming(event->connection, &packet, user);
}

static void dispatch_connection(const rill_handlers *h, void *user, const rill_event *event)
{
    void (*handler)(rill_connection *, void *) =
        event->type == RILL_EVENT_CONNECTION  ? h->connection
        : event->type == RILL_EVENT_CONNECTED ? h->connected
        : event->type == RILL_EVENT_PROBED    ? h->probed
                                              : h->streams_available;
    if (handler)
        handler(event->connection, user);
}

static void dispatch_amount(void (*handler)(rill_stream *, uint64_t, void *), void *user,
                            const rill_event *event)
{
    if (handler)
        handler(event->stream, event->amount, user);
}

static void dispatch_result(void (*handler)(rill_stream *, int, void *), void *user,
                            const rill_event *event)
{
    if (handler)
        handler(event->stream, event->error, user);
}

void rill_host_dispatch(const rill_handlers *h, void *user, const rill_event *event)
{
    switch (event->type) {
    case RILL_EVENT_CONNECTION:
    case RILL_EVENT_CONNECTED:
    case RILL_EVENT_PROBED:
    case RILL_EVENT_STREAMS_AVAILABLE:
        dispatch_connection(h, user, event);
        break;
    case RILL_EVENT_STREAM:
        if (h->stream)
            h->stream(event->stream, user);
        break;
    case RILL_EVENT_WRITABLE:
        if (h->writable)
            h->writable(event->stream, user);
        break;
    case RILL_EVENT_MONEY:
        dispatch_amount(h->money, user, event);
        break;
    case RILL_EVENT_OUTGOING_MONEY:
        dispatch_amount(h->outgoing_money, user, event);
        break;
    case RILL_EVENT_SEND_TOTAL_END:
        dispatch_result(h->send_total_end, user, event);
        break;
    case RILL_EVENT_RECEIVE_TOTAL_END:
        dispatch_result(h->receive_total_end, user, event);
        break;
    case RILL_EVENT_DATA: /* rill_host_deliver_data */
        break;
    case RILL_EVENT_INCOMING:
        dispatch_incoming(h, user, event);
        break;
    case RILL_EVENT_STREAM_END:
    case RILL_EVENT_CONNECTION_END:
        dispatch_end(h, user, event);
        break;
    }
}
