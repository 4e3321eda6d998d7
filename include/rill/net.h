/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STREAM over real links, on a loop (rill/loop.h): a server waits for connections, a client opens
 * one, and both are told what happens. The functions of rill/connection.h and rill/stream.h are
 * used on what the handlers are given.
 *
 * Server and client open a link to their node, and ask it for their ILP address and asset (IL-DCP,
 * RFC 31). If the link is lost, it connects again. Amounts are in the units of that account.
 */
#ifndef RILL_NET_H
#define RILL_NET_H

#include <rill/endpoint.h>
#include <rill/link.h>
#include <rill/reason.h>
#include <rill/receipt.h>

RILL_BEGIN_DECLS

typedef struct rill_server rill_server;
typedef struct rill_client rill_client;
typedef struct rill_account rill_account; /* rill/account.h */

/* How a stream or a connection ended. Valid while the handler runs that is given it. */
typedef struct rill_end {
    int error;           /* as of RILL_EVENT_STREAM_END and RILL_EVENT_CONNECTION_END */
    uint8_t close_code;  /* rill_close_code */
    bool remote;         /* the other side closed */
    const char *message; /* its message, text of a stranger; "" if there is none */
} rill_end;

/* An incoming packet that waits for rill_connection_decide (ask_before_fulfill). */
typedef struct rill_incoming {
    uint64_t amount; /* of the whole packet, our units */
    uint64_t
        expires_at_ms; /* milliseconds since 1970-01-01 UTC: not decided by then, it is refused */
    uint8_t packet_id[32]; /* the same for the same packet, to write it into one's books once */
    uint64_t decision_id;  /* for rill_connection_decide */
} rill_incoming;

/*
 * What the application wants to be told. Every member may be NULL. A connection or a stream is
 * valid until its _end handler has returned, as rill/connection.h and rill/stream.h say. A handler
 * may call any function of these headers, except rill_loop_run of the same loop.
 *
 * A handler may take its time, at a price. The loop does one thing after the other, so meanwhile
 * nothing is read, sent or timed out on any connection of the loop. What was committed before has
 * left by then. What comes meanwhile is judged by the clock after it: packets that have expired are
 * refused. Their senders try again, or give up after some seconds. Work that takes longer than a
 * few milliseconds belongs in a thread of the application's. Packets can wait for it
 * (ask_before_fulfill and rill_connection_decide), and so can all else (rill_server_pause). The
 * same is true of whatever else runs on a loop of the program's own.
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
    /*
     * There are bytes. It is called instead of data, so that the application reads them when it
     * likes (rill_stream_peek, rill_stream_consume), and holds the sender back until then.
     */
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

/* Of a server or a client. All of it is copied. */
typedef struct rill_net_options {
    size_t size; /* sizeof(rill_net_options): see rill/types.h */
    /* The node: rill_link_open says which URIs. Default: NULL: rill_link_uri_from_environment. */
    const char *link_uri;
    const rill_link_options *link_options;     /* Default: NULL: rill_link_options_init. */
    const rill_handlers *handlers;             /* Default: NULL: nobody is told. */
    void *user;                                /* for the handlers */
    const rill_connection_options *connection; /* Default: NULL: rill_connection_options_init. */
    /*
     * Our account, if the node is not to be asked for it: all three. Default: NULL, NULL and 0: it
     * is asked.
     */
    const char *address;
    const char *asset_code;
    uint8_t asset_scale;
    /* Server: see rill/endpoint.h. 32 bytes. Default: NULL: a random one. */
    const uint8_t *server_secret;
    uint32_t max_connections; /* Server: open at once. Default: 100000. */
    /*
     * How long, in nanoseconds, a client tries to reach its node and to be told its account. For a
     * server without an address yet, how long its node may take to tell it, each time that the link
     * has come up. After that it closes. 0: no limit. Default: 30 s.
     */
    uint64_t connect_timeout_ns;
    rill_crypto_backend crypto; /* What encrypts. Default: RILL_CRYPTO_OPENSSL. */
    /* Server: its name among several with one server_secret. Default: NULL. See rill/endpoint.h. */
    const char *instance;
    /*
     * Client: an account that is open already (rill/account.h), on the same loop. It is used
     * instead of a link of the client's own, and has to stay open until the client is closed. Of
     * these options handlers, user and connection are used then. Default: NULL: a link of its own.
     */
    rill_account *account;
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
 * RILL_ERR_UNSUPPORTED (the URI's scheme; crypto), RILL_ERR_INVALID (also: an account, which is for
 * clients), RILL_ERR_ADDRESS, RILL_ERR_MALFORMED (environment), RILL_ERR_NOMEM, RILL_ERR_TLS,
 * RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int rill_server_open(rill_server **out, rill_loop *loop,
                                              const rill_net_options *options,
                                              const char **problem);
/* As rill_endpoint_generate_credentials. RILL_ERR_STATE before `server_ready`. */
RILL_API RILL_MUST_CHECK int
rill_server_generate_credentials(rill_server *server, const rill_credentials_options *options,
                                 rill_credentials *out);
/* The server's account, as rill_endpoint_address: "" and 0 before `server_ready`. */
RILL_API const char *rill_server_address(const rill_server *server);
RILL_API const char *rill_server_asset_code(const rill_server *server);
RILL_API uint8_t rill_server_asset_scale(const rill_server *server);
/*
 * true: the application cannot take note of more for now. Until it is called with false, `link`,
 * `server_ready` and `closed` are the only handlers that are called. Packets that bring money are
 * refused with T02, so that their senders try again. Bytes wait in the receive buffers, which hold
 * their senders back once they are full. The rest waits too, and nothing is lost. A packet that the
 * application was asked about before can be decided all the same. rill_server_close ends the pause.
 */
RILL_API void rill_server_pause(rill_server *server, bool pause);
/*
 * What the server waits for: its link, its account; after rill_server_close, what the first of its
 * connections waits for that is not over. RILL_WAIT_NOTHING while it can serve.
 */
RILL_API void rill_server_get_waiting_sized(const rill_server *server, rill_waiting *out,
                                            size_t size);
static inline void rill_server_get_waiting(const rill_server *server, rill_waiting *out)
{
    rill_server_get_waiting_sized(server, out, sizeof *out);
}
/*
 * Stops the server. New connections are refused with T99. Those that are open end
 * (rill_connection_end), or are closed after 5 s. Then the link closes once replies have left, and
 * `closed` follows. Clients that have told no address hear of the end in the answers to what they
 * send; for those the link stays 2 s longer. A second call does nothing.
 */
RILL_API void rill_server_close(rill_server *server);

/*
 * Opens a client, which connects to its node, and over it to a server: `client_ready` follows, then
 * `connected`; or `closed`. It closes by itself when its connection has ended. destination_account
 * and shared_secret are the server's credentials, and are copied.
 * The errors of rill_server_open; RILL_ERR_ADDRESS also if destination_account is none;
 * RILL_ERR_INVALID also if the secret is empty, or the options' account is on another loop.
 * RILL_ERR_CLOSED: that account is closed, or being closed.
 */
RILL_API RILL_MUST_CHECK int rill_client_open(rill_client **out, rill_loop *loop,
                                              const rill_net_options *options,
                                              const char *destination_account,
                                              const uint8_t *shared_secret, size_t secret_len,
                                              const char **problem);
/* Its connection: NULL before `client_ready` and after `connection_end`. */
RILL_API rill_connection *rill_client_connection(rill_client *client);
/* The client's account, as rill_endpoint_address: "" and 0 before `client_ready`. */
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
/*
 * Closes the connection and the link at once; `closed` follows. For an end after all was sent, use
 * rill_connection_end. A second call does nothing.
 */
RILL_API void rill_client_close(rill_client *client);

/*
 * Decides a packet that waits (`incoming`), by the clock of this moment: one that has expired is
 * refused, whatever fulfill says. A Fulfill is on its way when this returns. *fulfilled (may be
 * NULL) says what became of it.
 * RILL_ERR_NOT_FOUND: it has been decided, its time is over, or the connection is gone. c may be
 * the pointer of a connection that was freed: it is compared, and never read.
 */
RILL_API RILL_MUST_CHECK int rill_connection_decide(rill_connection *c, uint64_t decision_id,
                                                    bool fulfill, bool *fulfilled);

/*
 * For a process that holds secrets: no core dump of it is written, and other processes of its user
 * can neither trace it nor read its memory (Linux: PR_SET_DUMPABLE). The program calls it first; no
 * other function of the library does. execve() and a change of user undo it. RILL_ERR_IO: the
 * system refuses.
 */
RILL_API RILL_MUST_CHECK int rill_protect_process(void);

/* ---- blocking, for short programs and scripts ---- */

typedef struct rill_pay_options {
    size_t size; /* sizeof(rill_pay_options): see rill/types.h */
    /* The node. handlers and user are not looked at. Default: NULL: rill_net_options_init. */
    const rill_net_options *net;
    /* The receiver's credentials, 32 bytes of secret as a rule. */
    const char *destination_account;
    const uint8_t *shared_secret;
    size_t secret_len;
    /*
     * The first failure to reach the node (`down` in rill/link.h) is the end, unless the node has
     * let us in before: one that is restarted gets connect_timeout_ns to come back. Default: false:
     * it is tried again.
     */
    bool fail_fast;
    uint64_t amount;     /* Our units; 0: no money. Default: 0. */
    rill_bytes data;     /* Sent beside it on the same stream. Default: empty. */
    uint64_t timeout_ns; /* For all of it, nanoseconds; 0: no limit. Default: 0. */
    /* Called every tenth of a second, or more often, while it goes on; false cancels. Default:
     * NULL.
     */
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
     * the reason changes. false cancels. Default: NULL.
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

/* What became of a payment, whether it failed or not. */
typedef struct rill_pay_result {
    uint64_t sent;              /* our units, fulfilled */
    uint64_t delivered;         /* in the other side's units, as it says */
    uint64_t in_doubt;          /* our units: neither sent nor unsent for certain */
    uint64_t data_acknowledged; /* bytes */
    uint64_t packets;
    uint64_t rejects;
    uint64_t duration_ns; /* nanoseconds */
    char source_asset_code[RILL_MAX_ASSET_CODE + 1];
    uint8_t source_asset_scale;
    char destination_asset_code[RILL_MAX_ASSET_CODE + 1]; /* "" if it is not known */
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
    /* Of the payment's last connection, the receiver's latest receipt, as rill_stream_get_receipt:
     * nobody has verified it. receipt_len: 0 where none came, else RILL_RECEIPT_LEN. */
    size_t receipt_len;
    uint8_t receipt[RILL_RECEIPT_LEN];
} rill_pay_result;

RILL_API void rill_pay_options_init_sized(rill_pay_options *o, size_t size);
/* Sets size and every default. */
static inline void rill_pay_options_init(rill_pay_options *o)
{
    rill_pay_options_init_sized(o, sizeof *o);
}

/*
 * Connects, pays and sends, closes, and returns when all is done, on a loop of its own.
 * rill_payment_start (rill/payment.h) does the same on the program's loop. Money of the other side
 * is not taken, and its bytes are not read.
 *
 * RILL_OK: all was sent, and some of the money has arrived. After an error *result still says what
 * was sent, and its detail what was waited for: the errors of rill_client_open; RILL_ERR_CONNECT
 * and the like, if the node cannot be reached; RILL_ERR_TIMEOUT, RILL_ERR_STALLED,
 * RILL_ERR_CANCELLED, RILL_ERR_RATE, RILL_ERR_TOO_LITTLE, RILL_ERR_PATH, RILL_ERR_UNREACHABLE,
 * RILL_ERR_CLOCK, RILL_ERR_REMOTE, RILL_ERR_IN_DOUBT (rill/error.h says what each means).
 *
 * If a receiver that was started again no longer knows the connection, another one carries the rest
 * of the money. Bytes of which some may not have arrived end with RILL_ERR_FORGOTTEN.
 */
RILL_API RILL_MUST_CHECK int rill_pay_sized(const rill_pay_options *options,
                                            rill_pay_result *result, size_t size);
RILL_MUST_CHECK static inline int rill_pay(const rill_pay_options *options, rill_pay_result *result)
{
    return rill_pay_sized(options, result, sizeof *result);
}

RILL_END_DECLS

#endif
