/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An endpoint: all STREAM connections of one ILP account, those it opens as a
 * client and those it accepts as a server. This is the whole of STREAM without
 * input or output: packets, the two clocks and decisions come in as
 * arguments; packets, events and one deadline go out.
 *
 * A loop turn of an embedder:
 *   - for each Prepare from the link:  rill_endpoint_receive_prepare, and send the reply
 *   - for each reply from the link:    rill_endpoint_receive_reply
 *   - when the deadline has come:      rill_endpoint_timeout
 *   - until it gives none:             rill_endpoint_next_event
 *   - until it gives none:             rill_endpoint_next_prepare, to the link
 *   - set one timer to                 rill_endpoint_deadline
 *
 * An endpoint belongs to one thread at a time. It keeps no global state. No
 * function calls back, but for the wake callback.
 */
#ifndef RILL_ENDPOINT_H
#define RILL_ENDPOINT_H

#include <rill/connection.h>
#include <rill/credentials.h>
#include <rill/crypto.h>
#include <rill/error.h>

RILL_BEGIN_DECLS

typedef struct rill_endpoint rill_endpoint;

#define RILL_MAX_INSTANCE 64

typedef struct rill_endpoint_options {
    size_t size; /* sizeof(rill_endpoint_options): see rill/types.h */
    /* Where memory comes from. Stays the caller's, and must outlive the endpoint. Default: malloc.
     */
    const rill_allocator *allocator;
    /*
     * A server: the secret from which the address and secret of every client are made, 32 bytes,
     * copied. Default: NULL: a random one, so that credentials end with the endpoint.
     */
    const uint8_t *server_secret;
    bool accept;              /* Accept connections from clients. Default: true. */
    uint32_t max_connections; /* Open at once; more are refused with T02. Default: 100000. */
    const rill_connection_options *connection; /* of accepted ones, copied; NULL: the defaults */
    /*
     * Called when a function that takes a connection or a stream has made something to send or an
     * event. It must not call the endpoint; it arranges for a turn of the loop. May be NULL.
     */
    void (*wake)(void *user);
    void *user;                 /* for wake, clock and wall_ns */
    rill_crypto_backend crypto; /* What encrypts. Default: RILL_CRYPTO_OPENSSL. */
    /*
     * The most packets, of all connections, that wait for rill_endpoint_decide; at least 1. Fewer
     * than a link has requests open, so that others go on while some wait. One connection gets no
     * more of them than are left for others. Further ones are refused with T02. Default: 8192.
     */
    uint32_t max_undecided;
    /*
     * A server: the most connections that are over and still remembered, so that nothing is taken
     * twice, until all that they received has expired. Each takes some 130 bytes. If there are
     * more, new connections are refused with T02. Default: 1000000.
     */
    uint32_t max_remembered;
    /*
     * A server: its name among several servers with one server_secret, NUL-terminated, at most
     * RILL_MAX_INSTANCE bytes. If it is set, only the server of that name takes packets for the
     * addresses that it has made; the others refuse them with F02. Servers without a name take each
     * other's. "" is the same as NULL. Default: NULL. See docs/protocol.md, "Fleets".
     */
    const char *instance;
    /*
     * Reads the clocks, for functions that take a connection or a stream and no clock: so an
     * application that has worked for long before such a call still has all of the time that begins
     * with it. Default: NULL: the clocks of the latest function that was given some.
     */
    rill_now (*clock)(void *user);
    /*
     * A client: reads the wall clock, in nanoseconds since 1970, when rill_endpoint_connect begins
     * a connection. Of two connections with the same credentials the later one counts, and the
     * earlier one ends. So a program, or several of one machine, may connect again and again with
     * the same credentials, also within a millisecond. Default: NULL: only the milliseconds of
     * rill_endpoint_connect's clock are known. Then two connections of one millisecond are taken in
     * any order, and the later one may be refused with RILL_ERR_REMOTE; but those of one endpoint
     * are always in order. See docs/protocol.md, "Lives".
     */
    uint64_t (*wall_ns)(void *user);
} rill_endpoint_options;

RILL_API void rill_endpoint_options_init_sized(rill_endpoint_options *o, size_t size);
/* Sets size and every default. */
static inline void rill_endpoint_options_init(rill_endpoint_options *o)
{
    rill_endpoint_options_init_sized(o, sizeof *o);
}

/*
 * Options, and the connection's that they point at, are copied.
 * RILL_ERR_INVALID (rill_connection_options_check, max_connections, max_undecided,
 * max_remembered, crypto, instance), RILL_ERR_UNSUPPORTED (crypto is none that
 * rill_crypto_available has; options of a later version), RILL_ERR_NOMEM, RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int rill_endpoint_new(rill_endpoint **out, const rill_endpoint_options *o);
/* Frees every connection and stream without telling anybody. NULL is allowed. */
RILL_API void rill_endpoint_free(rill_endpoint *e);

/*
 * Our ILP address and asset, from IL-DCP or configuration. Needed before
 * anything is sent. A later change of address is told to every open
 * connection (RFC 29 section 4.3.2).
 * RILL_ERR_ADDRESS, RILL_ERR_TOO_LARGE (too long for tokens after it, or asset
 * code over RILL_MAX_ASSET_CODE), RILL_ERR_ASSET (the asset differs from
 * before while connections are open), RILL_ERR_NOMEM.
 */
RILL_API RILL_MUST_CHECK int rill_endpoint_set_account(rill_endpoint *e, rill_bytes address,
                                                       rill_bytes asset_code, uint8_t asset_scale);
/* Our address and asset: NUL-terminated, the endpoint's; "" and 0 before rill_endpoint_set_account.
 */
RILL_API const char *rill_endpoint_address(const rill_endpoint *e);
RILL_API const char *rill_endpoint_asset_code(const rill_endpoint *e);
RILL_API uint8_t rill_endpoint_asset_scale(const rill_endpoint *e);

/* The endpoint of a connection, and the user of the options that it was made with. */
RILL_API rill_endpoint *rill_connection_endpoint(rill_connection *c);
RILL_API void *rill_endpoint_user(const rill_endpoint *e);

/*
 * An address and a secret for one more client; nothing is stored. options may
 * be NULL. RILL_ERR_STATE no account yet; RILL_ERR_TOO_LARGE tag;
 * RILL_ERR_INVALID one of nonce and secret alone, or options that were not initialised;
 * RILL_ERR_UNSUPPORTED options of a later version; RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int
rill_endpoint_generate_credentials(rill_endpoint *e, const rill_credentials_options *options,
                                   rill_credentials *out);

/*
 * Opens a connection to a server. options may be NULL (defaults). Streams can
 * be opened and used at once; RILL_EVENT_CONNECTED comes with the first
 * authentic reply. Where it cannot connect, RILL_EVENT_CONNECTION_END says why.
 * RILL_ERR_STATE no account yet; RILL_ERR_ADDRESS; RILL_ERR_INVALID and RILL_ERR_UNSUPPORTED as
 * rill_connection_options_check, and no secret; RILL_ERR_LIMIT; RILL_ERR_NOMEM; RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int rill_endpoint_connect(rill_endpoint *e, rill_now now,
                                                   const char *destination_account,
                                                   const uint8_t *shared_secret, size_t secret_len,
                                                   const rill_connection_options *options,
                                                   rill_connection **out);

/* Room for any packet that an endpoint writes, and for any Prepare that it reads. */
#define RILL_PACKET_BUFFER 41091

/*
 * A Prepare came from the link. *reply_len becomes the length of the Fulfill
 * or Reject written to reply[RILL_PACKET_BUFFER], to be sent back; or 0: the
 * application is asked (RILL_EVENT_INCOMING carries the same incoming_id), and
 * rill_endpoint_decide makes the reply. incoming_id is the caller's name for it.
 * A packet that is malformed or not for us is answered like any other: RILL_OK.
 * RILL_ERR_STATE no account yet.
 */
RILL_API RILL_MUST_CHECK int rill_endpoint_receive_prepare(rill_endpoint *e, rill_now now,
                                                           uint64_t incoming_id,
                                                           const uint8_t *packet, size_t len,
                                                           uint8_t *reply, size_t *reply_len);

/*
 * The application's decision on an incoming packet. fulfill false, a packet
 * that has expired by now, or one whose connection is closing, closed or gone,
 * makes a Reject, and no money is credited. *fulfilled (may be NULL) says what
 * became of it. Each packet that rill_endpoint_receive_prepare gave no reply to has one
 * RILL_EVENT_INCOMING, also where it has expired by then, and one decision.
 * RILL_ERR_NOT_FOUND no such packet: decided already; or it expired, or its
 * connection closed, more than max_undecided such packets ago.
 */
RILL_API RILL_MUST_CHECK int rill_endpoint_decide(rill_endpoint *e, rill_now now,
                                                  uint64_t decision_id, bool fulfill,
                                                  uint8_t *reply, size_t *reply_len,
                                                  bool *fulfilled);

/*
 * The next Prepare to send, written to packet[RILL_PACKET_BUFFER]: *len its
 * length, or 0 where there is nothing to send now. *outgoing_id names it for
 * rill_endpoint_receive_reply. Call it only while the link takes packets: what it
 * gives is in flight.
 * RILL_ERR_NOMEM, RILL_ERR_CRYPTO: there is none now (*len is 0) since one
 * could not be made; it is tried again by itself, after a deadline.
 */
RILL_API RILL_MUST_CHECK int rill_endpoint_next_prepare(rill_endpoint *e, rill_now now,
                                                        uint8_t *packet, size_t *len,
                                                        uint64_t *outgoing_id);

/*
 * The reply to a Prepare of ours came: a Fulfill or Reject, whole. Malformed ones
 * count as no reply. Replies to packets that are unknown or answered already are ignored:
 * RILL_ERR_NOT_FOUND.
 */
RILL_API RILL_MUST_CHECK int rill_endpoint_receive_reply(rill_endpoint *e, rill_now now,
                                                         uint64_t outgoing_id,
                                                         const uint8_t *packet, size_t len);

/*
 * No reply can come any more to this Prepare of ours (the link was lost, or answered
 * with an error that is no ILP packet). sent false: it certainly never left,
 * as if rejected T01; true: its money is in doubt. Once the packet has expired
 * the receiver is asked what it got (RFC 29 sections 5.3.9 and 5.3.10), as it is
 * for every packet that expired without a reply.
 */
RILL_API void rill_endpoint_unanswered(rill_endpoint *e, rill_now now, uint64_t outgoing_id,
                                       bool sent);

/* Deadline (monotonic nanoseconds) of the next rill_endpoint_timeout; RILL_NEVER where there is
 * none. */
RILL_API uint64_t rill_endpoint_deadline(const rill_endpoint *e);
/* Does what is due by now. It may be called at any time. */
RILL_API void rill_endpoint_timeout(rill_endpoint *e, rill_now now);

/* Open connections. */
RILL_API size_t rill_endpoint_connection_count(const rill_endpoint *e);
/* rill_connection_end for all; new connections are refused T99. For a clean stop. */
RILL_API void rill_endpoint_end(rill_endpoint *e);

/*
 * true: packets that bring money are refused T02 from now on (their sender tries
 * again), for an application that cannot take note of more; what else they carry
 * takes effect. Packets that it was asked about stay undecided. false: no more.
 */
RILL_API void rill_endpoint_refuse_money(rill_endpoint *e, bool refuse);

/* ---- events ---- */

typedef enum rill_event_type {
    /*
     * A client has connected to us. Of one that has begun again with the same credentials nothing
     * is told before the CONNECTION_END of its connection before.
     */
    RILL_EVENT_CONNECTION = 1,
    RILL_EVENT_CONNECTED,         /* the server has answered us */
    RILL_EVENT_STREAM,            /* the other side opened a stream */
    RILL_EVENT_MONEY,             /* money came in: amount since the last such event */
    RILL_EVENT_DATA,              /* rill_stream_peek has bytes */
    RILL_EVENT_OUTGOING_MONEY,    /* money went out: amount since the last such event */
    RILL_EVENT_SEND_TOTAL_END,    /* rill_stream_send_total has ended: error says how */
    RILL_EVENT_RECEIVE_TOTAL_END, /* rill_stream_receive_total has ended: error says how */
    RILL_EVENT_WRITABLE,          /* rill_stream_write has room again */
    RILL_EVENT_STREAMS_AVAILABLE, /* rill_connection_open_stream works again */
    RILL_EVENT_INCOMING,          /* a packet waits for rill_endpoint_decide */
    RILL_EVENT_STREAM_END,        /* last event of a stream */
    RILL_EVENT_CONNECTION_END,    /* last event of a connection */
    RILL_EVENT_PROBED             /* rill_connection_probe has found the rate */
} rill_event_type;

typedef struct rill_event {
    rill_event_type type;
    rill_connection *connection;
    rill_stream *stream; /* NULL where the event is not of a stream */
    /*
     * MONEY: our units received. PROGRESS: our units sent. INCOMING: the whole
     * packet's, our units.
     */
    uint64_t amount;
    /*
     * SENT: RILL_OK, RILL_ERR_TIMEOUT, RILL_ERR_RATE (it stopped the money), RILL_ERR_IN_DOUBT
     * (the rest, for good), RILL_ERR_CLOSED, RILL_ERR_PATH, RILL_ERR_CLOCK, RILL_ERR_UNREACHABLE,
     * RILL_ERR_REMOTE ... ; rill_stream_get_totals says what was sent, delivered and is in
     * doubt. RECEIVED: RILL_OK, RILL_ERR_TIMEOUT, RILL_ERR_CLOSED. STREAM_END: RILL_OK where it
     * closed without an error, and all that was asked of it is done: no money is in doubt
     * (RILL_ERR_IN_DOUBT), no rill_stream_send_total, rill_stream_receive_total or
     * rill_stream_end was cut short, every byte written is acknowledged, and none is missing of
     * what the other side is known to have written, or unread a minute after it closed
     * (RILL_ERR_CLOSED). CONNECTION_END: the same of the connection and of all its streams.
     */
    int error;
    uint8_t close_code;   /* STREAM_END, CONNECTION_END: rill_close_code of whichever side closed */
    bool remote;          /* ... and it was the other side */
    const char *message;  /* ... its message, NUL-terminated, never NULL: text of a stranger */
    uint64_t incoming_id; /* INCOMING: as given to rill_endpoint_receive_prepare */
    uint64_t decision_id; /* INCOMING: for rill_endpoint_decide */
    uint64_t expires_at_ms; /* INCOMING: wall milliseconds */
    uint8_t
        packet_id[32]; /* INCOMING: the same for the same packet, to write it in one's books once */
} rill_event;

/* The next event, or false. What it points at is valid until the next call of any function here. */
RILL_API bool rill_endpoint_next_event_sized(rill_endpoint *e, rill_event *out, size_t size);
static inline bool rill_endpoint_next_event(rill_endpoint *e, rill_event *out)
{
    return rill_endpoint_next_event_sized(e, out, sizeof *out);
}

RILL_END_DECLS

#endif
