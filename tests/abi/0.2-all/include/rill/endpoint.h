/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An endpoint: all STREAM connections (RFC 29) of one ILP account, those that it opens as a client
 * and those that it accepts as a server. It is for programs that have a loop and a link of their
 * own. Whoever wants neither uses rill/net.h.
 *
 * An endpoint does no input or output, and reads no clock unless it is given one. Packets, the two
 * clocks and decisions come in as arguments; packets, events and one deadline go out. now, wherever
 * it is an argument, is both clocks, read for this call.
 *
 * A turn of the program's loop:
 *   - for each Prepare from the link:  rill_endpoint_receive_prepare, and send the reply
 *   - for each reply from the link:    rill_endpoint_receive_reply
 *   - when the deadline has come:      rill_endpoint_timeout
 *   - until it gives none:             rill_endpoint_next_event
 *   - until it gives none:             rill_endpoint_next_prepare, to the link
 *   - set one timer to                 rill_endpoint_deadline
 *
 * An endpoint belongs to one thread at a time. There is no global state. No function calls the
 * program, except for wake and clock of the options. Amounts are in the units of our own account.
 */
#ifndef RILL_ENDPOINT_H
#define RILL_ENDPOINT_H

#include <rill/connection.h>
#include <rill/credentials.h>
#include <rill/crypto.h>
#include <rill/error.h>
#include <rill/shared.h>

RILL_BEGIN_DECLS

typedef struct rill_endpoint rill_endpoint;

/* Bytes of a server's name: `instance`, below. */
#define RILL_MAX_INSTANCE 64

typedef struct rill_endpoint_options {
    size_t size; /* sizeof(rill_endpoint_options): see rill/types.h */
    /* Where memory comes from. The caller's; it must outlive the endpoint. Default: malloc's. */
    const rill_allocator *allocator;
    /*
     * A server: the secret from which the address and secret of every client are made, 32 bytes,
     * copied. Default: NULL: a random one, so that credentials end with the endpoint.
     */
    const uint8_t *server_secret;
    bool accept;              /* Accept connections from clients. Default: true. */
    uint32_t max_connections; /* Open at once; more are refused with T02. Default: 100000. */
    /* Of connections that are accepted; copied. Default: NULL: rill_connection_options_init. */
    const rill_connection_options *connection;
    /*
     * Called when a function that takes a connection or a stream has made something to send or an
     * event. It must not call the endpoint; it arranges for a turn of the loop. Default: NULL.
     */
    void (*wake)(void *user);
    void *user;                 /* for wake, clock and wall_ns */
    rill_crypto_backend crypto; /* What encrypts. Default: RILL_CRYPTO_OPENSSL. */
    /*
     * The most packets, of all connections, that wait for rill_endpoint_decide; at least 1. Keep it
     * below the number of requests that a link can have open, so that other packets go on while
     * these wait. One connection never has more places than are free for all others. Further
     * packets are refused with T02. Default: 8192.
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
    /*
     * What it shares with other endpoints of its thread: see rill/shared.h. It must outlive the
     * endpoint. Then crypto of these options is not looked at. Default: NULL: the endpoint has its
     * own.
     */
    rill_shared *shared;
} rill_endpoint_options;

RILL_API void rill_endpoint_options_init_sized(rill_endpoint_options *o, size_t size);
/* Sets size and every default. */
static inline void rill_endpoint_options_init(rill_endpoint_options *o)
{
    rill_endpoint_options_init_sized(o, sizeof *o);
}

/*
 * Makes an endpoint. The options, and the connection's that they point at, are copied.
 * RILL_ERR_INVALID: a limit is 0, instance is too long, crypto is no rill_crypto_backend,
 * rill_connection_options_check says so, or the options were not initialised. RILL_ERR_UNSUPPORTED:
 * rill_crypto_available does not have crypto, or the options are those of a later version.
 * RILL_ERR_NOMEM, RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int rill_endpoint_new(rill_endpoint **out, const rill_endpoint_options *o);
/*
 * Frees it, with every connection and stream, without telling the other sides: see
 * rill_endpoint_end. Secrets are wiped. NULL is allowed.
 */
RILL_API void rill_endpoint_free(rill_endpoint *e);

/*
 * Tells the endpoint its ILP address and asset, from IL-DCP (rill/ilp.h) or from configuration.
 * Both are copied. It comes before anything is sent or received. It may come again: another address
 * is told to every open connection (RFC 29 section 4.3.2). asset_scale: a unit is 10^-asset_scale.
 * RILL_ERR_ADDRESS: the address is none. RILL_ERR_TOO_LARGE: it leaves no room for the token that
 * each client's address has after it, or the asset code has more than RILL_MAX_ASSET_CODE bytes.
 * RILL_ERR_ASSET: it is another asset than before, and connections are open. RILL_ERR_NOMEM.
 */
RILL_API RILL_MUST_CHECK int rill_endpoint_set_account(rill_endpoint *e, rill_bytes address,
                                                       rill_bytes asset_code, uint8_t asset_scale);
/*
 * Our address and asset. Texts end with a NUL, and are the endpoint's, until the next
 * rill_endpoint_set_account. "" and 0 before the first.
 */
RILL_API const char *rill_endpoint_address(const rill_endpoint *e);
RILL_API const char *rill_endpoint_asset_code(const rill_endpoint *e);
RILL_API uint8_t rill_endpoint_asset_scale(const rill_endpoint *e);

/* The endpoint of a connection, and the user of the options that it was made with. */
RILL_API rill_endpoint *rill_connection_endpoint(rill_connection *c);
RILL_API void *rill_endpoint_user(const rill_endpoint *e);

/*
 * Makes an address and a shared secret for one more client (RFC 29 section 4.1). The endpoint
 * stores nothing: all that it must know is sealed in the address. *out is the caller's, and holds a
 * secret (rill_credentials_wipe). options may be NULL. RILL_ERR_STATE: there is no account yet.
 * RILL_ERR_TOO_LARGE: the tag does not fit into an address. RILL_ERR_INVALID: a receipt's nonce
 * without its secret or the other way, or options that were not initialised. RILL_ERR_UNSUPPORTED:
 * options of a later version. RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int
rill_endpoint_generate_credentials(rill_endpoint *e, const rill_credentials_options *options,
                                   rill_credentials *out);

/*
 * Opens a connection to a server. Address, secret and options are copied; options may be NULL.
 * Streams can be opened and used at once. RILL_EVENT_CONNECTED comes with the first authentic
 * reply. If it cannot connect, RILL_EVENT_CONNECTION_END says why. *out is the endpoint's, until
 * the event after RILL_EVENT_CONNECTION_END has been asked for. RILL_ERR_STATE: there is no account
 * yet. RILL_ERR_ADDRESS: destination_account is no ILP address. RILL_ERR_INVALID: the secret is
 * empty; that and RILL_ERR_UNSUPPORTED also as rill_connection_options_check. RILL_ERR_LIMIT:
 * max_connections are open. RILL_ERR_NOMEM, RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int rill_endpoint_connect(rill_endpoint *e, rill_now now,
                                                   const char *destination_account,
                                                   const uint8_t *shared_secret, size_t secret_len,
                                                   const rill_connection_options *options,
                                                   rill_connection **out);

/* Room for any packet that an endpoint writes, and for any Prepare that it reads. */
#define RILL_PACKET_BUFFER 41091

/*
 * A Prepare came from the link. incoming_id is the caller's number for it, any; packet is not kept.
 * *reply_len becomes the length of the Fulfill or Reject that was written to
 * reply[RILL_PACKET_BUFFER], to be sent back. Or it becomes 0: the application is asked
 * (ask_before_fulfill in rill/connection.h), RILL_EVENT_INCOMING carries the same incoming_id, and
 * rill_endpoint_decide makes the reply.
 * A packet that is malformed or not for us is answered like any other: RILL_OK.
 * RILL_ERR_STATE: there is no account yet.
 */
RILL_API RILL_MUST_CHECK int rill_endpoint_receive_prepare(rill_endpoint *e, rill_now now,
                                                           uint64_t incoming_id,
                                                           const uint8_t *packet, size_t len,
                                                           uint8_t *reply, size_t *reply_len);

/*
 * The application's decision on a packet that waits. Writes the Fulfill or Reject to
 * reply[RILL_PACKET_BUFFER], of *reply_len bytes, to be sent back. If fulfill is false, or the
 * packet has expired by now, or its connection is closing, closed or gone, it is a Reject, and no
 * money is credited. *fulfilled (may be NULL) says what became of it.
 * Each packet to which rill_endpoint_receive_prepare gave no reply has one RILL_EVENT_INCOMING,
 * also if it has expired by then, and one decision. RILL_ERR_NOT_FOUND: there is no such packet. It
 * was decided already; or it expired, or its connection closed, more than max_undecided such
 * packets ago.
 */
RILL_API RILL_MUST_CHECK int rill_endpoint_decide(rill_endpoint *e, rill_now now,
                                                  uint64_t decision_id, bool fulfill,
                                                  uint8_t *reply, size_t *reply_len,
                                                  bool *fulfilled);

/*
 * Writes the next Prepare to send to packet[RILL_PACKET_BUFFER]. *len becomes its length, or 0 if
 * there is nothing to send now. *outgoing_id becomes its number, for rill_endpoint_receive_reply.
 * Call it only while the link takes packets: what it gives is in flight.
 * RILL_ERR_NOMEM, RILL_ERR_CRYPTO: one could not be made (*len is 0). It is tried again by itself,
 * after a deadline.
 */
RILL_API RILL_MUST_CHECK int rill_endpoint_next_prepare(rill_endpoint *e, rill_now now,
                                                        uint8_t *packet, size_t *len,
                                                        uint64_t *outgoing_id);

/*
 * The reply to a Prepare of ours came: a whole Fulfill or Reject, which is not kept. A malformed
 * one counts as no reply. RILL_ERR_NOT_FOUND: the packet is unknown or answered already, and the
 * reply was ignored.
 */
RILL_API RILL_MUST_CHECK int rill_endpoint_receive_reply(rill_endpoint *e, rill_now now,
                                                         uint64_t outgoing_id,
                                                         const uint8_t *packet, size_t len);

/*
 * No reply can come any more to this Prepare of ours: the link was lost, or answered with an error
 * that is no ILP packet. If sent is false, it certainly never left, and counts as rejected with
 * T01. If it is true, its money is in doubt: once the packet has expired, the receiver is asked
 * what it got (RFC 29 sections 5.3.9 and 5.3.10), as it is about every packet that expires without
 * a reply. An outgoing_id that is unknown or answered already is ignored.
 */
RILL_API void rill_endpoint_unanswered(rill_endpoint *e, rill_now now, uint64_t outgoing_id,
                                       bool sent);

/* When rill_endpoint_timeout is due, monotonic nanoseconds; RILL_NEVER if nothing is. */
RILL_API uint64_t rill_endpoint_deadline(const rill_endpoint *e);
/* Does what is due by now. It may be called at any time, too early as well. */
RILL_API void rill_endpoint_timeout(rill_endpoint *e, rill_now now);

/* Connections that are not over yet, ours and those of clients. */
RILL_API size_t rill_endpoint_connection_count(const rill_endpoint *e);
/*
 * Ends all connections as rill_connection_end does, and refuses new ones with T99 from now on: for
 * a clean stop. Each still has its RILL_EVENT_CONNECTION_END.
 */
RILL_API void rill_endpoint_end(rill_endpoint *e);

/*
 * true: from now on packets that bring money are refused with T02, which makes their sender try
 * again. It is for an application that cannot take note of more. What else such packets carry takes
 * effect. Packets that the application was asked about still wait for its decision. false: no more.
 */
RILL_API void rill_endpoint_refuse_money(rill_endpoint *e, bool refuse);

/* ---- events ---- */

/* A number never changes its meaning. A later version may have more. */
typedef enum rill_event_type {
    /*
     * A client has connected to us. If it has begun again with the same credentials, this comes
     * after the CONNECTION_END of its connection before.
     */
    RILL_EVENT_CONNECTION = 1,
    RILL_EVENT_CONNECTED,         /* the server has answered us */
    RILL_EVENT_STREAM,            /* the other side opened a stream */
    RILL_EVENT_MONEY,             /* money came in: amount, since the last such event */
    RILL_EVENT_DATA,              /* rill_stream_peek has bytes */
    RILL_EVENT_OUTGOING_MONEY,    /* money was fulfilled: amount, since the last such event */
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
    rill_stream *stream; /* NULL if the event is not one of a stream */
    /*
     * MONEY: what was received. OUTGOING_MONEY: what was sent. INCOMING: what the whole packet
     * brings. Our units.
     */
    uint64_t amount;
    /*
     * SEND_TOTAL_END: RILL_OK; or why it stopped before, such as RILL_ERR_TIMEOUT, RILL_ERR_RATE
     * (the minimum rate), RILL_ERR_IN_DOUBT (all but what stays in doubt for good was sent),
     * RILL_ERR_CLOSED, RILL_ERR_PATH, RILL_ERR_CLOCK, RILL_ERR_UNREACHABLE, RILL_ERR_REMOTE.
     * rill_stream_get_totals says what was sent, what was delivered, and what is in doubt.
     *
     * RECEIVE_TOTAL_END: RILL_OK, RILL_ERR_TIMEOUT, RILL_ERR_CLOSED.
     *
     * STREAM_END: RILL_OK if it closed without an error and all that was asked of it is done.
     * RILL_ERR_IN_DOUBT: money stays in doubt. RILL_ERR_CLOSED: rill_stream_send_total,
     * rill_stream_receive_total or rill_stream_end was cut short; bytes that were written are not
     * acknowledged; bytes that the other side has written are missing, or were not read within a
     * minute after it closed. Another error: why it closed.
     *
     * CONNECTION_END: the same of the connection and of all its streams.
     */
    int error;
    uint8_t close_code;   /* STREAM_END, CONNECTION_END: rill_close_code of whichever side closed */
    bool remote;          /* ... and it was the other side */
    const char *message;  /* ... its message, NUL-terminated, never NULL: text of a stranger */
    uint64_t incoming_id; /* INCOMING: as given to rill_endpoint_receive_prepare */
    uint64_t decision_id; /* INCOMING: for rill_endpoint_decide */
    uint64_t expires_at_ms; /* INCOMING: milliseconds since 1970-01-01 UTC */
    /* INCOMING: the same for the same packet, so that it is written into one's books once. */
    uint8_t packet_id[32];
} rill_event;

/*
 * Fetches the next event; false if there is none: then `connection` and `stream` are NULL, and the
 * rest of *out says nothing. What it points at is valid until the next call of any function here. A
 * stream is gone with the call after its STREAM_END, and a connection with the call after its
 * CONNECTION_END.
 */
RILL_API bool rill_endpoint_next_event_sized(rill_endpoint *e, rill_event *out, size_t size);
static inline bool rill_endpoint_next_event(rill_endpoint *e, rill_event *out)
{
    return rill_endpoint_next_event_sized(e, out, sizeof *out);
}

RILL_END_DECLS

#endif
