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

/* For flags of rill_connection_options. */
typedef enum rill_connection_flag {
    /*
     * A packet with money that opens a stream waits for rill_endpoint_decide, whatever the stream's
     * receive max. So the application can set it in answer to RILL_EVENT_STREAM, which comes before
     * RILL_EVENT_INCOMING of that packet. The packet is refused if the receive max has no room for
     * it when it is decided. This is for programs that decide for each stream what they accept:
     * their default_receive_max is 0, and yet the first packet is not lost.
     */
    RILL_CONNECTION_ASK_NEW_STREAMS = 1
} rill_connection_flag;

/* Limits and settings of a connection: of a client's, or of those that a server accepts. */
typedef struct rill_connection_options {
    size_t size; /* sizeof(rill_connection_options): see rill/types.h */
    /* The receive max of each new stream, in our units. Default: RILL_UNLIMITED. */
    uint64_t default_receive_max;
    /* The largest amount that we put into one packet, in our units. Default: RILL_UNLIMITED. */
    uint64_t max_packet_amount;
    /*
     * The lowest rate at which we send: units of the other side for one of ours. Default: not set
     * (num 0): then we probe the path first, and take slippage off the rate that we find. If it is
     * set, the first packet carries money already. Money that leaves before any answer has come,
     * and whose reply is lost, stays in doubt unless the receiver says that it has it.
     */
    rill_ratio min_rate;
    /* The part of the probed rate that we accept to lose, less than 1. Default: 1/100. */
    rill_ratio slippage;
    /*
     * The most bytes that wait for the reader of one stream, and of all streams together. The other
     * side is told the second number. A peer that does not count the bytes of closed streams, as
     * the reference implementation, may use stream_receive_buffer for each open stream.
     */
    uint32_t stream_receive_buffer;     /* At least 16384. Default: 262144. */
    uint32_t connection_receive_buffer; /* At least 65534. Default: 1048576. */
    /* The most bytes of one stream that are written and not acknowledged yet. Default: 4194304. */
    uint32_t stream_send_buffer;
    /* The most streams that the other side may have open, 10 to 1000000. Default: 10. */
    uint32_t max_remote_streams;
    /*
     * The most packets in flight, 1 to 65536. Packets whose reply is overdue or can no longer come
     * do not count; there may be 16 times as many of those. Default: 4096.
     */
    uint32_t max_in_flight;
    /*
     * The most incoming packets that wait for a decision. Further ones are refused with T02.
     * Default: 1024.
     */
    uint32_t max_undecided;
    /*
     * The connection ends with RILL_ERR_IDLE after it has heard nothing authentic from the other
     * side for so long. 0: never. Default: 60 s. It does not end before the deadline of a
     * rill_stream_send_total under way. If the process was stopped in the meantime, it first reads
     * what has arrived. While the path refuses money that is to be sent, packets without money show
     * both sides that the other one is there.
     */
    uint64_t idle_timeout_ns;
    /* From the sending of a Prepare to its expiresAt, 0.1 s to 1 h. Default: 30 s. */
    uint64_t packet_lifetime_ns;
    /* How long we probe the rate, or try a path that cannot be reached. Default: 30 s. */
    uint64_t connect_timeout_ns;
    /* Pads every packet to the largest size. This hides lengths and costs bandwidth. Default:
     * false. */
    bool padding;
    /*
     * Tells the other side our address, so that it can pay us and write to us without being asked.
     * Default: true.
     */
    bool tell_address;
    /*
     * Every incoming packet with money waits for rill_endpoint_decide. Default: false: every packet
     * within the limits is fulfilled.
     */
    bool ask_before_fulfill;
    /*
     * The receive buffers above grow up to these sizes while they, and not the path, slow the other
     * side down. They do not grow if these are smaller.
     */
    uint32_t max_stream_receive_buffer;     /* Default: 8388608. */
    uint32_t max_connection_receive_buffer; /* Default: 16777216. */
    /*
     * While a stream is open, sends packets without money when nothing else is sent, so that
     * neither side takes the connection for idle. For a program that waits for input of its own.
     * Default: false.
     */
    bool keep_alive;
    /* rill_connection_flag values, added up. Default: 0. */
    uint64_t flags;
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
 * Totals over all streams, also closed ones, and what the connection has learnt of the path. A sum
 * of amounts that reaches 2^64 - 1 stays there.
 */
typedef struct rill_connection_stats {
    uint64_t sent;         /* our units: fulfilled */
    uint64_t in_flight;    /* our units: on the way, or in doubt */
    uint64_t in_doubt;     /* our units, part of in_flight: no reply can come any more */
    uint64_t delivered;    /* the other side's units: what it says has arrived */
    uint64_t received;     /* our units */
    uint64_t packets_sent; /* Prepares */
    uint64_t packets_fulfilled;
    uint64_t packets_rejected;  /* by the other side or on the way */
    uint64_t packets_lost;      /* expired without a reply */
    uint64_t packets_received;  /* authentic Prepares */
    uint64_t packets_refused;   /* of those: not fulfilled */
    uint32_t packets_in_flight; /* without those in doubt */
    uint32_t window;            /* packets that may be in flight now */
    uint64_t max_packet_amount; /* our units: the largest packet that is known to pass */
    rill_ratio rate;        /* of the last authentic reply; num is 0 as long as it is not known */
    rill_ratio min_rate;    /* nothing is sent below it; num is 0 as long as it is not known */
    uint64_t round_trip_ns; /* smoothed; 0 as long as it is not known */
    rill_ilp_code last_reject; /* empty if there was none */
    /*
     * An earlier connection with the same credentials was open when this one began, and was ended
     * for it (with RILL_ERR_REMOTE). So another program pays with these credentials, or did and was
     * killed. A server knows this; a client learns it from a Rill server with the first answer.
     */
    bool ended_another;
    /* The rate is less than this, as replies say: rate and this are its bounds. den 0: not known.
     */
    rill_ratio rate_below;
} rill_connection_stats;

/* How the connection does. *out is filled in. */
RILL_API void rill_connection_get_stats_sized(const rill_connection *c, rill_connection_stats *out,
                                              size_t size);
static inline void rill_connection_get_stats(const rill_connection *c, rill_connection_stats *out)
{
    rill_connection_get_stats_sized(c, out, sizeof *out);
}

/* What the last reject of a packet of ours said, beside its code. */
typedef struct rill_last_reject {
    rill_ilp_code code;
    bool authentic; /* the receiver itself refused it, and not somebody on the way */
    /* Who rejected the packet: an ILP address, or another text of the characters of addresses; ""
     * if it does not say. NUL-terminated. */
    char triggered_by[RILL_ILP_MAX_ADDRESS + 1];
    /* For people: text of a stranger, to be printed escaped, cut to fit. NUL-terminated; "" */
    char message[256];
} rill_last_reject;

/*
 * The last reject on the way, or of the receiver if it had a message, into *out. An endpoint
 * remembers only the latest reject of all its client connections. False, with all of *out 0: this
 * connection had none, another one has had a later one, or there was no memory to keep it.
 * Allocates nothing.
 */
RILL_API bool rill_connection_get_last_reject_sized(const rill_connection *c, rill_last_reject *out,
                                                    size_t size);
static inline bool rill_connection_get_last_reject(const rill_connection *c, rill_last_reject *out)
{
    return rill_connection_get_last_reject_sized(c, out, sizeof *out);
}

/* A pointer for the application, which the library only keeps. NULL before it is set. */
RILL_API void rill_connection_set_user(rill_connection *c, void *user);
RILL_API void *rill_connection_user(const rill_connection *c);

/* Whether the other side opened it. */
RILL_API bool rill_connection_is_server(const rill_connection *c);
/*
 * The tag that was sealed into the address that the client uses (rill_credentials_options):
 * NUL-terminated, the connection's; "" if there is none, and at a client.
 */
RILL_API const char *rill_connection_tag(const rill_connection *c);
/* The other side's ILP address: NUL-terminated, the connection's; "" until it has told one. */
RILL_API const char *rill_connection_remote_address(const rill_connection *c);
/* The other side's asset; false until it has told one. *code is NUL-terminated, the connection's.
 */
RILL_API bool rill_connection_remote_asset(const rill_connection *c, const char **code,
                                           uint8_t *scale);

/*
 * Opens a stream. The other side learns of it with its first money or bytes.
 * RILL_ERR_STREAM_ID: the other side does not allow another one yet. It is asked for more
 * (ConnectionStreamIdBlocked), and RILL_EVENT_STREAMS_AVAILABLE comes when it
 * allows one. RILL_ERR_CLOSED: the connection has ended or is ending. RILL_ERR_NOMEM.
 */
RILL_API RILL_MUST_CHECK int rill_connection_open_stream(rill_connection *c, rill_stream **out);

/* The stream with that id, or NULL. */
RILL_API rill_stream *rill_connection_stream(rill_connection *c, uint64_t id);

/*
 * Finds out what the path makes of our money, and pays nothing: packets that cannot be fulfilled
 * say what would arrive. amount, our units: what is to be sent later; larger packets are of no
 * interest. RILL_EVENT_PROBED follows, and rill_connection_get_stats then has rate, min_rate
 * (the rate less the options' slippage), max_packet_amount and round_trip_ns; or
 * RILL_EVENT_CONNECTION_END says why nothing gets through, after connect_timeout_ns at the latest.
 * Money that streams may send leaves as soon as the rate is known.
 * RILL_ERR_INVALID: amount is 0. RILL_ERR_STATE: the minimum rate is known or was given, or a
 * question is open. RILL_ERR_CLOSED: the connection has ended or is ending. RILL_ERR_NOMEM.
 */
RILL_API RILL_MUST_CHECK int rill_connection_probe(rill_connection *c, uint64_t amount);

/*
 * Sets the minimum rate from now on, as min_rate of the options. A probe that is under way ends,
 * without an event.
 * RILL_ERR_INVALID: num or den is 0. RILL_ERR_NOMEM: nothing has been sent yet, and there is no
 * memory for what sending needs; nothing has changed.
 */
RILL_API RILL_MUST_CHECK int rill_connection_set_min_rate(rill_connection *c, rill_ratio rate);

/* Ends every stream (rill_stream_end), then closes. RILL_ERR_CLOSED: it has ended or is ending. */
RILL_API RILL_MUST_CHECK int rill_connection_end(rill_connection *c);

/*
 * Closes at once. All streams end, and the other side is told the code and the message (for people,
 * at most 255 bytes, may be NULL; RFC 29 section 5.4). RILL_EVENT_CONNECTION_END comes when it has
 * answered or can no longer answer. Does nothing if the connection is closed already.
 */
RILL_API void rill_connection_close(rill_connection *c, rill_close_code code, const char *message);

/*
 * Ends at once, and neither tells the other side nor waits: for when no packet can come or go any
 * more. Money on the way stays in doubt for good, and every wait and every stream ends.
 * RILL_EVENT_CONNECTION_END says error (not RILL_OK), unless the connection has ended with another
 * one. Does nothing if that event waits or was fetched already.
 */
RILL_API void rill_connection_abandon(rill_connection *c, int error);

RILL_END_DECLS

#endif
