/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection: two endpoints that share a secret and any number of streams
 * (RFC 29 section 4).
 *
 * A rill_connection belongs to its endpoint. It is valid until the event
 * RILL_EVENT_CONNECTION_END has been delivered and the next event is asked for.
 */
#ifndef RILL_CONNECTION_H
#define RILL_CONNECTION_H

#include <rill/ilp.h>
#include <rill/stream.h>

RILL_BEGIN_DECLS

/* Limits and habits of connections, those of a client and those that a server accepts. */
typedef struct rill_connection_options {
    size_t size; /* sizeof(rill_connection_options): see rill/types.h */
    /* receive max of each new stream, our units; RILL_UNLIMITED at first */
    uint64_t default_receive_max;
    /* The largest amount that we put in a packet, our units; RILL_UNLIMITED at first */
    uint64_t max_packet_amount;
    /*
     * The lowest rate at which we send: units of the other side for units of
     * ours. Where set (num and den not 0), the first packet carries money
     * already; where not, the path is probed first and slippage is applied to
     * what the probes find. Money that leaves before any answer has come, and
     * whose reply is lost, stays in doubt unless the receiver's total has it.
     */
    rill_ratio min_rate;
    /* Part of the probed rate that we are ready to lose: 1/100 at first; less than 1 */
    rill_ratio slippage;
    /*
     * Bytes buffered at most for one stream's reader, and what the other side
     * is told for all of them. A peer that forgets the bytes of closed streams,
     * as the reference does, may use up to stream_receive_buffer for each open one.
     */
    uint32_t stream_receive_buffer;     /* 262144 at first; at least 16384 */
    uint32_t connection_receive_buffer; /* 1048576 at first; at least 65534 */
    /* Bytes written and not yet acknowledged, at most, for one stream */
    uint32_t stream_send_buffer; /* 4194304 at first; at least 1 */
    /* Streams that the other side may have open at once: 10 at first and at least, at most 1000000
     */
    uint32_t max_remote_streams;
    /*
     * Packets in flight at most, not counting those whose reply is overdue or cannot come any
     * more, of which there may be 16 times as many: 4096 at first
     */
    uint32_t max_in_flight;
    /* Undecided incoming packets at most: 1024 at first; more are refused T02 */
    uint32_t max_undecided;
    /*
     * Nothing authentic from the other side for so long ends the connection with
     * RILL_ERR_IDLE: 60 s at first; 0 never. Nanoseconds. Not before the deadline
     * of a rill_stream_send_total under way, where that is later; and not at
     * once where the process was stopped meanwhile, so that what has come is
     * read first. While something is to be sent, and the path refuses it, packets
     * without money show both sides that the other is there.
     */
    uint64_t idle_timeout;
    /* From sending a Prepare to its expiresAt: 30 s at first. Nanoseconds. */
    uint64_t packet_lifetime;
    /* The rate is probed, or an unreachable path retried, no longer than this: 30 s. Nanoseconds.
     */
    uint64_t connect_timeout;
    /* Pads packets to the largest size: hides lengths, costs bandwidth. false at first */
    bool padding;
    /* Tells the other side our address, so that it can pay and write to us unasked. true at first
     */
    bool receive;
    /*
     * Every incoming packet with money waits for rill_endpoint_decide: false
     * at first (every packet that fits the limits is fulfilled)
     */
    bool ask_before_fulfill;
    /*
     * The receive buffers above grow up to these while they, and not the path,
     * hold the other side back. Where these are less, they do not grow.
     */
    uint32_t max_stream_receive_buffer;     /* 8388608 at first */
    uint32_t max_connection_receive_buffer; /* 16777216 at first */
    /*
     * While there is a stream, packets without money are sent in silence, so that neither side
     * takes the connection for idle however long the application has nothing to say: for one
     * that waits for input of its own. false at first
     */
    bool keep_alive;
} rill_connection_options;

RILL_API void rill_connection_options_init_sized(rill_connection_options *o, size_t size);
/* Sets size and every default. */
static inline void rill_connection_options_init(rill_connection_options *o)
{
    rill_connection_options_init_sized(o, sizeof *o);
}

/*
 * RILL_ERR_INVALID where a value is out of its range, or the options were not initialised;
 * RILL_ERR_UNSUPPORTED where they are of a later version, and ask for what this one does not
 * have. *problem (may be NULL) then names it, static.
 */
RILL_API RILL_MUST_CHECK int rill_connection_options_check(const rill_connection_options *o,
                                                           const char **problem);

/*
 * Totals over all streams, and what the connection has learnt of the path. A sum
 * of units that reaches 2^64 - 1 stays there.
 */
typedef struct rill_connection_stats {
    uint64_t sent;         /* our units: as rill_stream_totals, of all streams there were */
    uint64_t in_flight;    /* our units: with what is in doubt for good */
    uint64_t in_doubt;     /* our units, part of in_flight */
    uint64_t delivered;    /* other side's units */
    uint64_t received;     /* our units */
    uint64_t packets_sent; /* Prepares */
    uint64_t packets_fulfilled;
    uint64_t packets_rejected;  /* by whomever */
    uint64_t packets_lost;      /* expired without a reply */
    uint64_t packets_received;  /* authentic Prepares */
    uint64_t packets_refused;   /* of those, not fulfilled */
    uint32_t packets_in_flight; /* without those in doubt */
    uint32_t window;            /* packets that may be in flight now */
    uint64_t max_packet_amount; /* our units: what the path takes as far as we know */
    rill_ratio rate;            /* of the last authentic reply; num 0 where not known yet */
    rill_ratio min_rate;        /* below it nothing is sent; num 0 where not known yet */
    uint64_t round_trip;        /* smoothed, nanoseconds; 0 where not known yet */
    rill_ilp_code last_reject;  /* empty where there was none */
    /*
     * An earlier connection with the same credentials was open when this one
     * began, and has been ended for it (with RILL_ERR_REMOTE): another program
     * pays with them, or one did and was killed. A server knows; a client is told
     * by a Rill server, with the first answer.
     */
    bool ended_another;
} rill_connection_stats;

RILL_API void rill_connection_stats_of_sized(const rill_connection *c, rill_connection_stats *out,
                                             size_t size);
static inline void rill_connection_stats_of(const rill_connection *c, rill_connection_stats *out)
{
    rill_connection_stats_of_sized(c, out, sizeof *out);
}

RILL_API void rill_connection_set_user(rill_connection *c, void *user);
RILL_API void *rill_connection_user(const rill_connection *c);

RILL_API bool rill_connection_is_server(const rill_connection *c);
/* The tag sealed in the address that the client uses: NUL-terminated, "" where none. */
RILL_API const char *rill_connection_tag(const rill_connection *c);
/* The other side's address: NUL-terminated, "" where it has told none. */
RILL_API const char *rill_connection_remote_address(const rill_connection *c);
/* The other side's asset; false where it has told none. *code is NUL-terminated, the connection's.
 */
RILL_API bool rill_connection_remote_asset(const rill_connection *c, const char **code,
                                           uint8_t *scale);

/*
 * Opens a stream; the other side learns of it with its first money or data.
 * RILL_ERR_STREAM_ID: the other side does not allow another one yet (it is
 * told, ConnectionStreamIdBlocked; RILL_EVENT_STREAMS_AVAILABLE comes when it
 * allows more). RILL_ERR_CLOSED, RILL_ERR_NOMEM.
 */
RILL_API RILL_MUST_CHECK int rill_connection_open_stream(rill_connection *c, rill_stream **out);

/* The stream with that id, or NULL. */
RILL_API rill_stream *rill_connection_stream(rill_connection *c, uint64_t id);

/*
 * A new minimum rate, from now on: as min_rate of the options.
 * RILL_ERR_INVALID num or den is 0.
 */
RILL_API RILL_MUST_CHECK int rill_connection_set_min_rate(rill_connection *c, rill_ratio rate);

/* Ends every stream (rill_stream_end), then closes. RILL_ERR_CLOSED. */
RILL_API RILL_MUST_CHECK int rill_connection_end(rill_connection *c);

/*
 * Closes at once: streams end, the other side is told code and message (may be
 * NULL, for people, at most 255 bytes). RILL_EVENT_CONNECTION_END comes when
 * it has answered or cannot. Nothing where closed already.
 */
RILL_API void rill_connection_close(rill_connection *c, rill_close_code code, const char *message);

/*
 * Ends at once, telling nobody and waiting for nothing: for when no packet can
 * come or go any more. What is under way stays in flight and in doubt for good,
 * every wait ends, every stream ends, and RILL_EVENT_CONNECTION_END brings
 * error, unless the connection has ended with another one. error is not
 * RILL_OK. Nothing where that event is there or was fetched already.
 */
RILL_API void rill_connection_abandon(rill_connection *c, int error);

RILL_END_DECLS

#endif
