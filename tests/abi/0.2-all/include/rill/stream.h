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

#include <rill/receipt.h>
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

#define RILL_UNLIMITED 0xffffffffffffffffull /* of amounts: no limit */

/*
 * The money of one stream. All amounts are in units of our account, but delivered, which is in
 * units of the other side's account.
 */
typedef struct rill_stream_totals {
    uint64_t send_max;    /* the most that we send in all, with what is in flight */
    uint64_t sent;        /* fulfilled: a reply says so, or the total that the other side told */
    uint64_t in_flight;   /* on the way, or in doubt: it may have arrived */
    uint64_t in_doubt;    /* part of in_flight: no reply can come any more; see below */
    uint64_t delivered;   /* what the other side says has arrived of what was fulfilled */
    uint64_t receive_max; /* the most that we accept in all */
    uint64_t received;    /* fulfilled by us */
    /* The most that the other side takes in all, its units; RILL_UNLIMITED: no limit that it told
     */
    uint64_t remote_receive_max;
    /* Part of in_doubt: nobody will tell any more. It stays in doubt, and is never sent again. */
    uint64_t in_doubt_for_good;
} rill_stream_totals;

/*
 * Money in doubt stays in doubt until its packet has expired. Then the other side is asked how much
 * it has received in all (RFC 29 section 5.3.9), and the stream sends no money until it has
 * answered. What has arrived counts as sent then, and the rest may be sent again. Money stays in
 * doubt for good if the other side does not tell its total, if its total does not show which
 * packets have arrived, or if the stream closes first. Such money is never sent again.
 */

/* Odd if the client opened it, even if the server did (RFC 29 section 4.4). */
RILL_API uint64_t rill_stream_id(const rill_stream *s);
/* The connection that it belongs to. */
RILL_API rill_connection *rill_stream_connection(const rill_stream *s);
RILL_API void rill_stream_get_totals_sized(const rill_stream *s, rill_stream_totals *out,
                                           size_t size);
static inline void rill_stream_get_totals(const rill_stream *s, rill_stream_totals *out)
{
    rill_stream_get_totals_sized(s, out, sizeof *out);
}

/* A pointer for the application, which the library only keeps. NULL before it is set. */
RILL_API void rill_stream_set_user(rill_stream *s, void *user);
RILL_API void *rill_stream_user(const rill_stream *s);

/* ---- money ---- */

/*
 * Sets the most that this stream may send in all since it opened, in our units. Default: 0. It may
 * be lowered to what is sent and in flight. RILL_ERR_RANGE: it is lower than that. RILL_ERR_CLOSED:
 * the stream is closed or ending. RILL_ERR_NOMEM: it is as it was.
 */
RILL_API RILL_MUST_CHECK int rill_stream_set_send_max(rill_stream *s, uint64_t send_max);

/*
 * Sets the most that we accept on this stream in all since it opened, in our units. Default: the
 * connection's default_receive_max. A packet may bring up to 1 % more than what is left, because
 * exchange rates are rounded.
 * RILL_ERR_RANGE: it is lower than before; a limit that the other side knows is never lowered (RFC
 * 29 section 4.4.4). RILL_ERR_CLOSED.
 */
RILL_API RILL_MUST_CHECK int rill_stream_set_receive_max(rill_stream *s, uint64_t receive_max);

/*
 * Raises the send max to total (our units). RILL_EVENT_SEND_TOTAL_END comes when that much has been
 * sent, when no more can be sent, or at the deadline: monotonic nanoseconds, or RILL_NEVER. At the
 * deadline the send max is lowered to what is sent and in flight. The event says RILL_ERR_IN_DOUBT
 * if nothing of the send max is left but money that stays in doubt. RILL_ERR_STATE: another one is
 * under way. RILL_ERR_RANGE: total is less than what is sent or in flight. RILL_ERR_CLOSED.
 * RILL_ERR_NOMEM: the stream is as it was.
 */
RILL_API RILL_MUST_CHECK int rill_stream_send_total(rill_stream *s, uint64_t total,
                                                    uint64_t deadline_ns);

/*
 * Gives up a rill_stream_send_total that is under way: the send max is lowered to what is sent and
 * in flight, and RILL_EVENT_SEND_TOTAL_END comes with RILL_ERR_CANCELLED. What is in flight may
 * still arrive. If a packet is rejected, its money is not sent again before the send max is raised.
 * The stream stays open. Does nothing if none is under way.
 */
RILL_API void rill_stream_stop_sending(rill_stream *s);

/*
 * Raises the receive max to at least total (our units). RILL_EVENT_RECEIVE_TOTAL_END comes when
 * that much has been received in all, when the stream ends, or at the deadline (monotonic
 * nanoseconds, or RILL_NEVER). RILL_ERR_STATE: another one is under way. RILL_ERR_CLOSED.
 */
RILL_API RILL_MUST_CHECK int rill_stream_receive_total(rill_stream *s, uint64_t total,
                                                       uint64_t deadline_ns);

/*
 * How much of what the connection can send this stream gets, compared with the weights of the other
 * streams. Default: 1. RILL_ERR_RANGE: it is not between 1 and 256.
 */
RILL_API RILL_MUST_CHECK int rill_stream_set_weight(rill_stream *s, uint32_t weight);

/* ---- bytes ---- */

/*
 * Queues a copy of as many of the bytes as there is room for, and sets *accepted to their number.
 * If that is not all of them, RILL_EVENT_WRITABLE comes when there is room again. RILL_ERR_BLOCKED:
 * none was accepted. RILL_ERR_CLOSED: the stream is closed or ending. RILL_ERR_NOMEM.
 */
RILL_API RILL_MUST_CHECK int rill_stream_write(rill_stream *s, const void *data, size_t len,
                                               size_t *accepted);

/*
 * The number of bytes that rill_stream_write would accept now. If this is 0, RILL_EVENT_WRITABLE
 * comes when there is room again, as after RILL_ERR_BLOCKED; not if the stream is closed or ending.
 */
RILL_API size_t rill_stream_writable(rill_stream *s);

/*
 * The next received bytes, in order, as far as they lie in one piece in memory. Empty if there are
 * none. They are the library's, and valid until the next call on the endpoint or anything of it.
 */
RILL_API rill_bytes rill_stream_peek(const rill_stream *s);

/*
 * Removes the first len received bytes, or all if there are fewer, so that the other side may send
 * as many more. What rill_stream_peek gave is no longer valid.
 */
RILL_API void rill_stream_consume(rill_stream *s, size_t len);

/* Positions in the two byte streams: numbers of bytes since the stream was opened. */
typedef struct rill_stream_offsets {
    uint64_t written;
    /*
     * Of those, the bytes that the other side says it had for the stream's reader, who may take
     * them or not. Never more than that: bytes of a packet that was refused, whose answer could not
     * be read, or that met a stream that the other side had ended by an error do not count, nor do
     * those after them.
     */
    uint64_t acknowledged;
    uint64_t received; /* in order */
    uint64_t consumed;
    /*
     * Of those written, the bytes whose packets were answered: they are not sent again. If this is
     * more than acknowledged, the stream's end has an error.
     */
    uint64_t answered;
} rill_stream_offsets;
RILL_API void rill_stream_get_offsets_sized(const rill_stream *s, rill_stream_offsets *out,
                                            size_t size);
static inline void rill_stream_get_offsets(const rill_stream *s, rill_stream_offsets *out)
{
    rill_stream_get_offsets_sized(s, out, sizeof *out);
}

/* ---- receipts ---- */

/*
 * The receiver's latest receipt for what we have sent on the stream (RFC 39): of those that came
 * with its answers, the one with the greatest total. Copied. It is not verified: only who knows the
 * receipt secret can do that (rill_receipt_verify). Also in the stream's end event or handler.
 * RILL_ERR_NOT_FOUND: none has come. The credentials did not ask for any, or no money has arrived
 * yet, or the stream's id is above 255, for which there are none.
 */
RILL_API RILL_MUST_CHECK int rill_stream_get_receipt(const rill_stream *s,
                                                     uint8_t out[RILL_RECEIPT_LEN]);

/* ---- end ---- */

/*
 * Says that we are done. The stream closes in both directions when all written bytes are
 * acknowledged and all money up to the send max is sent. It also closes, and its end says
 * RILL_ERR_BLOCKED, when nothing of it has passed for the connection's connect_timeout_ns; or
 * RILL_ERR_IN_DOUBT, when all else is sent and some money stays in doubt. Nothing can be written
 * after this call. RILL_ERR_CLOSED: it has ended or is ending.
 */
RILL_API RILL_MUST_CHECK int rill_stream_end(rill_stream *s);

/*
 * Closes in both directions at once (RFC 29 section 5.4). The other side is told the code and the
 * message: NUL-terminated text for people, at most 255 bytes; may be NULL. Does nothing if the
 * stream is closed already.
 */
RILL_API void rill_stream_close(rill_stream *s, rill_close_code code, const char *message);

RILL_END_DECLS

#endif
