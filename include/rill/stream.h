/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream: one of the many channels of a connection, carrying money and bytes
 * both ways at once (RFC 29 section 4.4). Either side opens streams; either
 * side pays.
 *
 * A rill_stream belongs to its connection. It is valid until the event
 * RILL_EVENT_STREAM_END has been delivered and the next event is asked for.
 * No function here sends anything by itself: the endpoint's wake callback
 * says that there is something to send.
 */
#ifndef RILL_STREAM_H
#define RILL_STREAM_H

#include <rill/types.h>

RILL_BEGIN_DECLS

typedef struct rill_stream rill_stream;
typedef struct rill_connection rill_connection;

/* Why a stream or connection closes (RFC 29 section 5.4). */
typedef enum rill_close_code {
    RILL_CLOSE_NO_ERROR = 0x01,
    RILL_CLOSE_INTERNAL_ERROR = 0x02,
    RILL_CLOSE_ENDPOINT_BUSY = 0x03,
    RILL_CLOSE_FLOW_CONTROL_ERROR = 0x04,
    RILL_CLOSE_STREAM_ID_ERROR = 0x05,
    RILL_CLOSE_STREAM_STATE_ERROR = 0x06,
    RILL_CLOSE_FRAME_FORMAT_ERROR = 0x07,
    RILL_CLOSE_PROTOCOL_VIOLATION = 0x08,
    RILL_CLOSE_APPLICATION_ERROR = 0x09
} rill_close_code;

/* RFC 29's name of a code ("FlowControlError"), "unknown error" for others: static. */
RILL_API const char *rill_close_code_name(uint8_t code);

#define RILL_UNLIMITED UINT64_MAX

/*
 * The money of one stream. Amounts sent are in units of our account, amounts
 * received too; delivered is in units of the other side's account.
 */
typedef struct rill_stream_totals {
    uint64_t send_max;    /* we never send more, counting what is in flight */
    uint64_t sent;        /* fulfilled: by a reply, or by the total that the other side told */
    uint64_t in_flight;   /* neither sent nor free again: it may have arrived */
    uint64_t in_doubt;    /* of in_flight: no reply can come any more; see below */
    uint64_t delivered;   /* what the other side says arrived, of what was fulfilled */
    uint64_t receive_max; /* we refuse more */
    uint64_t received;    /* fulfilled by us */
} rill_stream_totals;

/*
 * Money in doubt stays so until its packet has expired. Then the other side is
 * asked how much it has received in all (RFC 29 section 5.3.9), and the stream
 * sends no money until it has answered: what arrived is sent then, and the rest
 * free to be sent again. Where it does not tell, where its total does not say
 * which packets arrived, and where the stream closes first, that money stays in
 * flight and in doubt for good: it is never sent twice.
 */

RILL_API uint64_t rill_stream_id(const rill_stream *s);
RILL_API rill_connection *rill_stream_connection(const rill_stream *s);
RILL_API void rill_stream_totals_of_sized(const rill_stream *s, rill_stream_totals *out,
                                          size_t size);
static inline void rill_stream_totals_of(const rill_stream *s, rill_stream_totals *out)
{
    rill_stream_totals_of_sized(s, out, sizeof *out);
}

/* A pointer for the application: never looked at. */
RILL_API void rill_stream_set_user(rill_stream *s, void *user);
RILL_API void *rill_stream_user(const rill_stream *s);

/* ---- money ---- */

/*
 * The total that may be sent on this stream since it opened; 0 at first. It
 * may be lowered as far as what is sent and in flight.
 * RILL_ERR_RANGE lower than that; RILL_ERR_CLOSED.
 */
RILL_API RILL_MUST_CHECK int rill_stream_set_send_max(rill_stream *s, uint64_t send_max);

/*
 * The total that we accept on this stream since it opened; at first the
 * connection's default_receive_max. An advertised limit is never lowered
 * (RFC 29 section 4.4.4): RILL_ERR_RANGE. RILL_ERR_CLOSED.
 * A packet may bring up to 1 % more than what is left, for the rounding of
 * exchange rates.
 */
RILL_API RILL_MUST_CHECK int rill_stream_set_receive_max(rill_stream *s, uint64_t receive_max);

/*
 * Raises the send max to total, and reports RILL_EVENT_SENT once so much has
 * been sent, or no more can be, or the deadline (monotonic nanoseconds, or
 * RILL_NEVER) has come. One at a time: RILL_ERR_STATE while another is under
 * way. At its deadline the send max falls back to what is sent and in flight.
 * RILL_ERR_IN_DOUBT is reported where nothing but money that is in doubt for
 * good is left of the send max.
 * RILL_ERR_RANGE: less than already sent or in flight. RILL_ERR_CLOSED.
 */
RILL_API RILL_MUST_CHECK int rill_stream_send_total(rill_stream *s, uint64_t total,
                                                    uint64_t deadline);

/*
 * Raises the receive max to at least total, and reports RILL_EVENT_RECEIVED
 * once so much has been received in all, or the stream ends, or the deadline
 * has come. One at a time: RILL_ERR_STATE. RILL_ERR_CLOSED.
 */
RILL_API RILL_MUST_CHECK int rill_stream_receive_total(rill_stream *s, uint64_t total,
                                                       uint64_t deadline);

/*
 * This stream's part of what its connection can send, against the weights of
 * the other streams: 1 to 256, 1 at first. RILL_ERR_RANGE.
 */
RILL_API RILL_MUST_CHECK int rill_stream_set_weight(rill_stream *s, uint32_t weight);

/* ---- bytes ---- */

/*
 * Queues a copy of as many of the bytes as there is room for and sets
 * *accepted to their number. Where that is not all, RILL_EVENT_WRITABLE comes
 * when there is room again.
 * RILL_ERR_BLOCKED none accepted; RILL_ERR_CLOSED; RILL_ERR_NOMEM.
 */
RILL_API RILL_MUST_CHECK int rill_stream_write(rill_stream *s, const void *data, size_t len,
                                               size_t *accepted);

/* Bytes that rill_stream_write would accept now. */
RILL_API size_t rill_stream_writable(const rill_stream *s);

/*
 * Received bytes in order, as far as they lie in one piece; empty where there
 * are none. Valid until the next call that takes the endpoint.
 */
RILL_API rill_bytes rill_stream_peek(const rill_stream *s);

/*
 * Takes len bytes off the front, or all where there are fewer, which lets the
 * other side send as many more. What rill_stream_peek gave is gone then.
 */
RILL_API void rill_stream_consume(rill_stream *s, size_t len);

/* Offsets of the byte streams: bytes written, of those acknowledged, received in order, consumed.
 */
typedef struct rill_stream_offsets {
    uint64_t written;
    uint64_t acknowledged;
    uint64_t received;
    uint64_t consumed;
} rill_stream_offsets;
RILL_API void rill_stream_offsets_of_sized(const rill_stream *s, rill_stream_offsets *out,
                                           size_t size);
static inline void rill_stream_offsets_of(const rill_stream *s, rill_stream_offsets *out)
{
    rill_stream_offsets_of_sized(s, out, sizeof *out);
}

/* ---- end ---- */

/*
 * No more from us: once all bytes written are acknowledged and all money up to
 * the send max is sent, the stream closes in both directions; or once nothing
 * of it has got through for the connection's connect_timeout, and its end then
 * says RILL_ERR_BLOCKED; or RILL_ERR_IN_DOUBT where all else is sent and some
 * money stays in doubt. Nothing can be written after this. RILL_ERR_CLOSED.
 */
RILL_API RILL_MUST_CHECK int rill_stream_end(rill_stream *s);

/*
 * Closes in both directions at once. message (NUL-terminated, for people, sent
 * to the other side, at most 255 bytes) may be NULL. Nothing where closed already.
 */
RILL_API void rill_stream_close(rill_stream *s, rill_close_code code, const char *message);

RILL_END_DECLS

#endif
