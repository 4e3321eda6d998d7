/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STREAM over real links: listen, connect, and be told what happens. The
 * functions of rill/connection.h and rill/stream.h are used on what the
 * handlers are given.
 */
#ifndef RILL_NET_H
#define RILL_NET_H

#include <rill/endpoint.h>
#include <rill/link.h>
#include <rill/reason.h>

RILL_BEGIN_DECLS

typedef struct rill_server rill_server;
typedef struct rill_client rill_client;

/* How a stream or connection ended. */
typedef struct rill_end {
    int error;           /* RILL_OK where it closed without an error */
    uint8_t close_code;  /* rill_close_code */
    bool remote;         /* the other side closed */
    const char *message; /* its message, text of a stranger; "" where none */
} rill_end;

/* An incoming packet that waits for rill_connection_decide (ask_before_fulfill). */
typedef struct rill_incoming {
    uint64_t amount;        /* our units */
    uint64_t expires_at_ms; /* wall milliseconds */
    uint8_t packet_id[32];  /* the same for the same packet */
    uint64_t decision_id;   /* for rill_connection_decide */
} rill_incoming;

/*
 * What the application wants to be told. Every member may be NULL. Pointers
 * are valid as rill/connection.h and rill/stream.h say: a connection or stream
 * until its _end handler has returned. Any function of these headers may be called from
 * inside a handler, but rill_loop_run of the same loop.
 *
 * A handler may take its time, at a price: the loop does one thing after the other, so
 * nothing is read, sent or timed out meanwhile, on any connection of the loop. What was
 * committed before has left by then. What comes meanwhile is judged by the clock after
 * it: packets that have expired are refused, and their senders try again, or give up after
 * some seconds. Work that takes longer than a few milliseconds belongs in a thread of
 * the application's: packets can wait for it (ask_before_fulfill and rill_connection_decide), and
 * so can all else (rill_server_pause). The same goes for whatever else runs on an
 * embedder's loop.
 */
typedef struct rill_handlers {
    size_t size RILL_SIZE_OF(struct rill_handlers); /* sizeof(rill_handlers): see rill/types.h */
    /*
     * The node has told the server its address: rill_server_generate_credentials works from now on.
     */
    void (*server_ready)(rill_server *server, void *user) RILL_UNSET;
    /* A server got a connection. */
    void (*connection)(rill_connection *c, void *user) RILL_UNSET;
    /*
     * The node has told the client its address: streams can be opened and used. Comes before
     * anything is sent.
     */
    void (*client_ready)(rill_client *client, rill_connection *c, void *user) RILL_UNSET;
    /* The server has answered the client. */
    void (*connected)(rill_connection *c, void *user) RILL_UNSET;
    /* The other side opened a stream. */
    void (*stream)(rill_stream *s, void *user) RILL_UNSET;
    /* Money came in: amount since the last call, our units. */
    void (*money)(rill_stream *s, uint64_t amount, void *user) RILL_UNSET;
    /*
     * Bytes in order, at most 65536; they count as consumed when it returns. The
     * handler may consume some of them or all itself, and they are gone then.
     */
    void (*data)(rill_stream *s, const uint8_t *data, size_t len, void *user) RILL_UNSET;
    /* Instead of data, for back-pressure: rill_stream_peek and rill_stream_consume. */
    void (*readable)(rill_stream *s, void *user) RILL_UNSET;
    /* Money went out, and was fulfilled: amount since the last call, our units. */
    void (*outgoing_money)(rill_stream *s, uint64_t amount, void *user) RILL_UNSET;
    /*
     * rill_stream_send_total or rill_stream_receive_total has ended. error: as of
     * RILL_EVENT_SEND_TOTAL_END and RILL_EVENT_RECEIVE_TOTAL_END.
     */
    void (*send_total_end)(rill_stream *s, int error, void *user) RILL_UNSET;
    void (*receive_total_end)(rill_stream *s, int error, void *user) RILL_UNSET;
    /* rill_stream_write has room again. */
    void (*writable)(rill_stream *s, void *user) RILL_UNSET;
    /* rill_connection_open_stream works again. */
    void (*streams_available)(rill_connection *c, void *user) RILL_UNSET;
    /* A packet waits for rill_connection_decide (ask_before_fulfill). */
    void (*incoming)(rill_connection *c, const rill_incoming *packet, void *user) RILL_UNSET;
    /* The last call of a stream, and of a connection. */
    void (*stream_end)(rill_stream *s, const rill_end *end, void *user) RILL_UNSET;
    void (*connection_end)(rill_connection *c, const rill_end *end, void *user) RILL_UNSET;
    /* The link came up, or was lost and connects again. detail is one line for people. */
    void (*link)(bool up, const char *detail, void *user) RILL_UNSET;
    /*
     * The last call: the server or client is gone when it returns; in it, its address,
     * asset and credentials can still be asked for. error:
     * RILL_OK after a close or the connection's clean end; else why it could
     * not start or go on.
     */
    void (*closed)(int error, const char *detail, void *user) RILL_UNSET;
    /* rill_connection_probe has found the rate: rill_connection_get_stats has it. */
    void (*probed)(rill_connection *c, void *user) RILL_UNSET;
} rill_handlers;

typedef struct rill_net_options {
    size_t size;                           /* sizeof(rill_net_options): see rill/types.h */
    const char *link_uri;                  /* URI; NULL: rill_link_uri_from_environment */
    const rill_link_options *link_options; /* copied; NULL: the defaults */
    const rill_handlers *handlers;         /* copied */
    void *user;
    const rill_connection_options *connection; /* copied; NULL: the defaults */
    /* Without IL-DCP: all three, or NULL / 0 */
    const char *address;
    const char *asset_code;
    uint8_t asset_scale;
    /* Server: 32 bytes, copied; NULL: random */
    const uint8_t *server_secret;
    uint32_t max_connections; /* Server: open at once. Default: 100000. */
    /*
     * Time for link and IL-DCP before a client gives up; for IL-DCP, each time that its link has
     * come up, before a server does that has no address yet: 30 s. 0: never. Nanoseconds.
     */
    uint64_t connect_timeout_ns;
    rill_crypto_backend crypto; /* What encrypts. Default: RILL_CRYPTO_OPENSSL. */
    /* Server: its name among several with one server_secret. Default: NULL. See rill/endpoint.h. */
    const char *instance;
} rill_net_options;

RILL_API void rill_net_options_init_sized(rill_net_options *o, size_t size);
/* Sets size and every default. */
static inline void rill_net_options_init(rill_net_options *o)
{
    rill_net_options_init_sized(o, sizeof *o);
}

/*
 * Opens a server: it connects to its node, and `server_ready` follows, or `closed`. *problem (may
 * be NULL) says what is wrong with the options, static, without secrets. RILL_ERR_URI,
 * RILL_ERR_UNSUPPORTED (the URI's scheme; crypto), RILL_ERR_INVALID, RILL_ERR_ADDRESS,
 * RILL_ERR_MALFORMED (environment), RILL_ERR_NOMEM, RILL_ERR_TLS, RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int rill_server_open(rill_server **out, rill_loop *loop,
                                              const rill_net_options *options,
                                              const char **problem);
/* As rill_endpoint_generate_credentials. */
RILL_API RILL_MUST_CHECK int
rill_server_generate_credentials(rill_server *server, const rill_credentials_options *options,
                                 rill_credentials *out);
RILL_API const char *rill_server_address(const rill_server *server);
RILL_API const char *rill_server_asset_code(const rill_server *server);
RILL_API uint8_t rill_server_asset_scale(const rill_server *server);
/*
 * true: until it is called with false, `link`, `server_ready` and `closed` are the only
 * handlers that are called, and packets that bring money are refused (T02: their
 * senders try again). Bytes wait in the receive buffers, which hold their sender
 * back once they are full; the rest waits too, and nothing is lost. For an application
 * that cannot take note of more for now; an incoming packet that it was asked about
 * can be decided all the same. Nothing once it closes, which ends the pause.
 */
RILL_API void rill_server_pause(rill_server *server, bool pause);
/*
 * What the server waits for: its link, its account; after rill_server_close the first of its
 * connections that is not over. NOTHING while it can serve.
 */
RILL_API void rill_server_get_waiting_sized(const rill_server *server, rill_waiting *out,
                                            size_t size);
static inline void rill_server_get_waiting(const rill_server *server, rill_waiting *out)
{
    rill_server_get_waiting_sized(server, out, sizeof *out);
}
/*
 * Stops: new connections are refused T99, replies under way leave, connections
 * end (rill_connection_end) or are closed after 5 s, the link closes; then `closed`. Clients
 * that have told no address hear of it in the answers to what they send: for those the link
 * stays for 2 s more.
 */
RILL_API void rill_server_close(rill_server *server);

/*
 * Opens a client, which connects to its node, and over it to a server: `client_ready` follows, then
 * `connected`; or `closed`. The
 * client closes by itself when its connection has ended. Errors as rill_server_open's.
 */
RILL_API RILL_MUST_CHECK int rill_client_open(rill_client **out, rill_loop *loop,
                                              const rill_net_options *options,
                                              const char *destination_account,
                                              const uint8_t *shared_secret, size_t secret_len,
                                              const char **problem);
/* NULL before `client_ready` and after `connection_end`. */
RILL_API rill_connection *rill_client_connection(rill_client *client);
RILL_API const char *rill_client_address(const rill_client *client);
RILL_API const char *rill_client_asset_code(const rill_client *client);
RILL_API uint8_t rill_client_asset_scale(const rill_client *client);
/* What the client waits for: its link, its account, and then as rill_connection_get_waiting. */
RILL_API void rill_client_get_waiting_sized(const rill_client *client, rill_waiting *out,
                                            size_t size);
static inline void rill_client_get_waiting(const rill_client *client, rill_waiting *out)
{
    rill_client_get_waiting_sized(client, out, sizeof *out);
}
/* Closes at once; `closed` follows. For a clean end, rill_connection_end. */
RILL_API void rill_client_close(rill_client *client);

/*
 * Decides an incoming packet of c, at once or later, by the clock of this moment: one that
 * has expired is refused, whatever fulfill says. A Fulfill is on its way when this
 * returns. *fulfilled (may be NULL) says what became of it. RILL_ERR_NOT_FOUND: it has
 * been decided, or its time is over, or c is gone, which may be long ago: c is compared and
 * not looked at.
 */
RILL_API RILL_MUST_CHECK int rill_connection_decide(rill_connection *c, uint64_t decision_id,
                                                    bool fulfill, bool *fulfilled);

/*
 * For a process that holds keys of money: no core dump of it is written, and
 * other processes of its user can neither trace it nor read its memory (Linux:
 * PR_SET_DUMPABLE). To be called first, by the program: the library leaves the
 * process as it is. execve() and a change of user undo it. RILL_ERR_IO.
 */
RILL_API RILL_MUST_CHECK int rill_protect_process(void);

/* ---- blocking, for short programs and scripts ---- */

typedef struct rill_pay_options {
    size_t size; /* sizeof(rill_pay_options): see rill/types.h */
    /* How the network is reached. NULL: the defaults. handlers and user are not looked at. */
    const rill_net_options *net;
    const char *destination_account;
    const uint8_t *shared_secret;
    size_t secret_len;
    /* The first failure to reach the node is the end. Default: false: it is tried again. */
    bool fail_fast;
    uint64_t amount;     /* our units; 0: no money */
    rill_bytes data;     /* sent beside it on the same stream; may be empty */
    uint64_t timeout_ns; /* for all of it, nanoseconds; 0: none */
    /* Called now and then while it goes on; false cancels. May be NULL. */
    bool (*progress)(const rill_connection_stats *stats, const rill_stream_totals *totals,
                     void *user);
    void *user;
    /*
     * No progress for so long, nanoseconds, ends it: RILL_ERR_STALLED. Progress is money that is
     * fulfilled, and bytes that are acknowledged. 0: never. Default: RILL_STALL_DEFAULT:
     * 60 s, or never if timeout_ns is set, which ends it then.
     */
    uint64_t stall_timeout_ns;
    /*
     * Called once a second while nothing has gone on for a second or more, from the first
     * attempt to connect on: what is waited for, and for how long, nanoseconds. At once where
     * the reason changes. false cancels. May be NULL.
     */
    bool (*waiting)(const rill_waiting *waiting, uint64_t waited_ns, void *user);
    /*
     * The receiver's units: it ends when so much has arrived. amount is then the most that is sent;
     * 0: what the minimum rate needs. The path is asked for its rate first. Default: 0: amount is
     * sent, whatever arrives.
     */
    uint64_t deliver;
    /*
     * The state of a payment that was begun before, as its save handler got it last
     * (rill/payment.h). It goes on from there: of these options the credentials, amount, deliver
     * and the minimum rate are not looked at. Default: empty: a new payment. Borrowed while the
     * call runs.
     */
    rill_bytes resume;
    /* As save of rill_payment_handlers (rill/payment.h), with user. May be NULL. */
    int (*save)(rill_bytes state, void *user);
} rill_pay_options;

#define RILL_STALL_DEFAULT 0xffffffffffffffffull

typedef struct rill_pay_result {
    uint64_t sent;              /* our units */
    uint64_t delivered;         /* other side's units, as it says */
    uint64_t in_doubt;          /* our units: neither sent nor unsent for certain */
    uint64_t data_acknowledged; /* bytes */
    uint64_t packets;
    uint64_t rejects;
    uint64_t duration_ns; /* nanoseconds */
    char source_asset_code[RILL_MAX_ASSET_CODE + 1];
    uint8_t source_asset_scale;
    char destination_asset_code[RILL_MAX_ASSET_CODE + 1]; /* "" where unknown */
    uint8_t destination_asset_scale;
    char detail[256]; /* one line for people about an error; "" */
    /* An earlier connection with the credentials had not ended, and was ended for this payment:
     * as in rill_connection_stats */
    bool ended_another;
    uint64_t max_source;   /* our units: no more would have been sent. RILL_UNLIMITED: not known */
    uint64_t min_delivery; /* the other side's units: what was asked for at least; 0: nothing */
    rill_reason reason;    /* finer than the error; RILL_REASON_NONE where there is none */
    /* The last reject of a packet on the way, or by the receiver, of this payment's last
     * connection; its code is "" where there was none: as in rill_connection_get_last_reject. */
    rill_ilp_code reject_code;
    bool reject_authentic;
    char reject_triggered_by[RILL_ILP_MAX_ADDRESS + 1];
    char reject_message[256];
    /* The other side's own words as it ended the connection or the stream, or what it wrote on the
     * stream: text of a stranger, to be printed escaped; "". */
    char receiver_words[256];
} rill_pay_result;

RILL_API void rill_pay_options_init_sized(rill_pay_options *o, size_t size);
/* Sets size and every default. */
static inline void rill_pay_options_init(rill_pay_options *o)
{
    rill_pay_options_init_sized(o, sizeof *o);
}

/*
 * Connects, pays and sends, closes, and returns when all is done: RILL_OK where
 * all was sent, and something of the money has arrived. Otherwise *result still says
 * what was, and its detail what was waited for. Errors as rill_server_open's
 * and rill_client_open's, RILL_ERR_CONNECT and the like where the node cannot be
 * reached, RILL_ERR_TIMEOUT, RILL_ERR_STALLED, RILL_ERR_CANCELLED, RILL_ERR_RATE,
 * RILL_ERR_TOO_LITTLE, RILL_ERR_PATH, RILL_ERR_UNREACHABLE, RILL_ERR_CLOCK, RILL_ERR_REMOTE,
 * RILL_ERR_IN_DOUBT. Where a receiver that was started again no longer knows the connection,
 * another one carries the rest of the money; bytes of which some may not have arrived
 * end with RILL_ERR_FORGOTTEN.
 *
 * Money of the other side is not taken, and its bytes are not read.
 */
RILL_API RILL_MUST_CHECK int rill_pay_sized(const rill_pay_options *options,
                                            rill_pay_result *result, size_t size);
RILL_MUST_CHECK static inline int rill_pay(const rill_pay_options *options, rill_pay_result *result)
{
    return rill_pay_sized(options, result, sizeof *result);
}

RILL_END_DECLS

#endif
