/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node on a loop of the program's: accounts that connect to its ports, and the packets that it
 * forwards between them. It is what `rilld local` runs.
 *
 * All accounts have one asset, and there are no balances: each may spend without limit. Whoever
 * connects gets an account. Over BTP (RFC 23) it is named by the user name that the client gives,
 * which it has for as long as the node runs: the first token seen for a name is kept, hashed, and
 * another one is refused. Without a name, and over ILP over HTTP (RFC 35), the token itself makes
 * the name: base64url(SHA-256(token)).
 *
 * An account is a segment of an ILP address (RFC 15): that of the node, a dot, its name. It is told
 * so by IL-DCP (RFC 31). An account may have several sessions at once; a packet for it is given to
 * one of them at a time, and to the next only if that one says that it is not its own.
 *
 * In this API an account is its name. No pointer to one is given out, for accounts come and go.
 */
#ifndef RILL_NODE_H
#define RILL_NODE_H

#include <rill/error.h>
#include <rill/link.h>
#include <rill/loop.h>

RILL_BEGIN_DECLS

typedef struct rill_node rill_node;
typedef struct rill_node_port rill_node_port;

typedef enum rill_log_level {
    RILL_LOG_WARNING = 0, /* a peer misbehaves, or a limit is reached */
    RILL_LOG_INFO = 1,    /* accounts come and go */
    RILL_LOG_DEBUG = 2    /* every packet that the node itself rejects */
} rill_log_level;

/* Every member may be NULL. */
typedef struct rill_node_handlers {
    size_t size RILL_SIZE_OF(struct rill_node_handlers); /* see rill/types.h */
    /*
     * One line about what happened, at most 511 bytes, without a newline and without secrets. It
     * may hold what a stranger sent, control characters too. Called from the loop and from inside
     * any function below, none of which it may call itself.
     */
    void (*log)(rill_log_level level, const char *line, void *user) RILL_UNSET;
    /* After rill_node_stop: no packet is under way any more. Once, from the loop. */
    void (*drained)(void *user) RILL_UNSET;
    /*
     * After rill_node_close: the last call, from the loop. In it accounts can still be asked for;
     * the node is gone when it returns.
     */
    void (*closed)(void *user) RILL_UNSET;
    /*
     * With an uplink: it has said what the node's address is, and rill_node_listen may be called.
     * Once, from the loop. Without an uplink it does not come: the address is known from the start.
     */
    void (*ready)(void *user) RILL_UNSET;
    /*
     * With an uplink, instead of ready: it refused us, or has no address for us. error as of
     * rill_link_handlers, or RILL_ERR_REFUSED; detail is one line without secrets. All that is left
     * is rill_node_close.
     */
    void (*failed)(int error, const char *detail, void *user) RILL_UNSET;
} rill_node_handlers;

typedef struct rill_node_options {
    size_t size; /* sizeof(rill_node_options): see rill/types.h */
    /* The node's own ILP address, at most 512 characters. Copied. Default: private.rill */
    const char *address;
    /* 1 to 32 printable characters of ASCII, no space. Copied. Default: XRP */
    const char *asset_code;
    uint8_t asset_scale;        /* Default: 9 */
    rill_log_level log_level;   /* What the handler log is told of. Default: RILL_LOG_WARNING */
    uint64_t max_packet_amount; /* Units in one packet (F08). Default: 2^64 - 1: no limit */
    uint64_t rate_limit;        /* Packets a second of each account (T05). Default: 0: no limit */
    /*
     * A Prepare goes on with an expiry that is earlier by min_message_window_ms, milliseconds, at
     * least 1. Default: 1000. It waits for its answer max_hold_time_ms at most, from there to an
     * hour. Default: 30000.
     */
    uint64_t min_message_window_ms;
    uint64_t max_hold_time_ms;
    /* Accounts that it keeps. At most half of them are named by user names. Default: 100000 */
    uint32_t max_accounts;
    uint32_t max_sessions;  /* Of one account, 1 to 64. Default: 64 */
    uint32_t max_open;      /* Packets that wait for an answer, of all accounts. Default: 500000 */
    uint32_t max_open_from; /* The same, of one account. Default: 20000 */
    /*
     * Memory for accounts and packets; what lives on the loop uses rill_allocator_default().
     * Borrowed until `closed` has returned. Default: NULL: malloc's, and large pages for what is
     * large.
     */
    const rill_allocator *allocator;
    /*
     * A link to a parent (as rill_link_open), to which all packets go that are for no account here,
     * and from which others come. The accounts are on its network then. Copied. It is opened by
     * rill_node_open, and again whenever it was lost. Default: NULL: none
     */
    const char *uplink;
    /*
     * Of the uplink; NULL: the defaults. Copied; its texts stay the caller's. It has no
     * callback_url (RILL_ERR_STATE), since nobody comes to a port as the parent. Default: NULL
     */
    const rill_link_options *uplink_options;
    /*
     * The uplink is asked for the node's address and asset, by IL-DCP. false: those of these
     * options are right. Default: true
     */
    bool uplink_asks;
    /*
     * For so long after the node was opened, nanoseconds, an account that it does not know is taken
     * for one that has not come back yet: packets for it are rejected with T01, so that their
     * senders try again, and not with F02. For a node in the place of one that was there just
     * before. Default: 0
     */
    uint64_t returning_ns;
} rill_node_options;

RILL_API void rill_node_options_init_sized(rill_node_options *o, size_t size);
/* Sets size and every default. */
static inline void rill_node_options_init(rill_node_options *o)
{
    rill_node_options_init_sized(o, sizeof *o);
}

/*
 * What rill_node_open would say of these options, for a program that asks before: NULL where
 * nothing is wrong, else one line for people, static.
 */
RILL_API const char *rill_node_options_problem(const rill_node_options *o);

/*
 * A node without a port. options and handlers are copied; options may be NULL. RILL_ERR_INVALID,
 * RILL_ERR_UNSUPPORTED (both as rill/types.h says of size, and INVALID as
 * rill_node_options_problem), RILL_ERR_NOMEM, RILL_ERR_CRYPTO; those of rill_link_open for the
 * uplink. *problem (may be NULL) then says what is wrong, static.
 */
RILL_API RILL_MUST_CHECK int rill_node_open(rill_node **out, rill_loop *loop,
                                            const rill_node_options *options,
                                            const rill_node_handlers *handlers, void *user,
                                            const char **problem);

/*
 * From now on nobody else connects, and new Prepares are rejected with T03. `drained` follows when
 * nothing is under way any more, and no Prepare has come for a tenth of a second. While a neighbour
 * goes on sending, it does not come: set yourself a limit, and call rill_node_abandon then. A
 * second call does nothing, and neither does one after rill_node_close. If a neighbour has a
 * callback_url, ports go on taking requests over HTTP until they are closed: its replies come
 * there.
 */
RILL_API void rill_node_stop(rill_node *n);
/* Rejects with T03 all that is under way, so that nobody waits for it. After rill_node_stop,
 * `drained` then follows even if neighbours still send. */
RILL_API void rill_node_abandon(rill_node *n);
/*
 * Closes all ports and sessions; `closed` follows. What is under way stays without an answer: see
 * rill_node_stop, which comes before. A second call does nothing.
 */
RILL_API void rill_node_close(rill_node *n);

typedef struct rill_node_stats {
    uint64_t open;     /* packets that wait for an answer */
    uint64_t accounts; /* that it knows, connected or not */
    bool uplink_up;    /* there is an uplink, and packets can be sent over it */
} rill_node_stats;

/* What is so now. */
RILL_API void rill_node_get_stats_sized(const rill_node *n, rill_node_stats *out, size_t size);
static inline void rill_node_get_stats(const rill_node *n, rill_node_stats *out)
{
    rill_node_get_stats_sized(n, out, sizeof *out);
}

/* What the node is called, and what its accounts count: the uplink's word once it is ready. */
typedef struct rill_node_identity {
    char address[513];
    char asset_code[33];
    uint8_t asset_scale;
} rill_node_identity;

/* RILL_ERR_STATE: the uplink has not said it yet. */
RILL_API RILL_MUST_CHECK int rill_node_get_identity_sized(const rill_node *n,
                                                          rill_node_identity *out, size_t size);
RILL_MUST_CHECK static inline int rill_node_get_identity(const rill_node *n,
                                                         rill_node_identity *out)
{
    return rill_node_get_identity_sized(n, out, sizeof *out);
}

/* ---- ports ---- */

typedef struct rill_node_port_options {
    size_t size;      /* sizeof(rill_node_port_options): see rill/types.h */
    const char *host; /* A numeric address of this machine. Default: 127.0.0.1 */
    uint16_t port;    /* Default: 0: any that is free */
    /*
     * Besides BTP over WebSocket, ILP over HTTP (RFC 35), by HTTP/1.1 and HTTP/2. Such accounts can
     * send, and cannot be sent to unless they were added (rill_node_port_add_neighbour). Default:
     * false: BTP alone
     */
    bool http;
    /* PEM files, for TLS: a certificate with those above it, and its key. Default: both NULL */
    const char *cert_file;
    const char *key_file;
    /*
     * Pages of browsers that may connect: a list of their Origins (RFC 6454), which NULL ends. "*":
     * any. Copied. Default: NULL: none
     */
    const char *const *allow_origins;
    /*
     * The most connections that have not authenticated. If one more comes, the oldest is closed.
     * Default: 1024
     */
    uint32_t max_strangers;
    uint32_t max_sessions;    /* of BTP; and of HTTP, connections. Default: 20000 */
    uint64_t auth_timeout_ns; /* for a token to come, nanoseconds. Default: 5 s */
    uint64_t idle_timeout_ns; /* without a message, a request or a ping. Default: 60 s */
} rill_node_port_options;

RILL_API void rill_node_port_options_init_sized(rill_node_port_options *o, size_t size);
/* Sets size and every default. */
static inline void rill_node_port_options_init(rill_node_port_options *o)
{
    rill_node_port_options_init_sized(o, sizeof *o);
}

/*
 * Listens: from now on accounts may connect. options are copied, and may be NULL; the files are
 * read now. *out is the node's, and valid until rill_node_port_close or rill_node_close.
 * RILL_ERR_ADDRESS_IN_USE; RILL_ERR_INVALID (the host is no address of this machine, one file
 * without the other, a limit of 0); RILL_ERR_STATE (before ready); RILL_ERR_UNSUPPORTED (as
 * rill/types.h says); RILL_ERR_TLS (the files cannot be used); RILL_ERR_FILES, RILL_ERR_IO (no
 * right to this port, for example), RILL_ERR_NOMEM, RILL_ERR_CRYPTO; RILL_ERR_CLOSED: after
 * rill_node_stop or rill_node_close. *problem (may be NULL) then says what is wrong, static.
 */
RILL_API RILL_MUST_CHECK int rill_node_listen(rill_node_port **out, rill_node *n,
                                              const rill_node_port_options *options,
                                              const char **problem);
/* The number of the port. */
RILL_API uint16_t rill_node_port_number(const rill_node_port *p);
/*
 * Reads certificate and key again, for connections to come. RILL_ERR_TLS, RILL_ERR_NOMEM: they stay
 * as they were. RILL_ERR_INVALID: the port is without TLS, or a file is NULL.
 */
RILL_API RILL_MUST_CHECK int rill_node_port_renew_tls(rill_node_port *p, const char *cert_file,
                                                      const char *key_file);
/* Closes it with all its sessions, soon. p is not to be used any more. */
RILL_API void rill_node_port_close(rill_node_port *p);

/* A neighbour over HTTP that is known before it comes. */
typedef struct rill_node_neighbour {
    size_t size; /* sizeof(rill_node_neighbour): see rill/types.h */
    /* The account's, and the last segment of its address: A-Z, a-z, 0-9, "_", "~", "-" */
    const char *name;
    /*
     * It asks with any of these, which NULL ends, so that one can be replaced by another. At least
     * one, each of 1 to 4096 characters. By the first one it may connect over BTP, too.
     */
    const char *const *tokens;
    /* Where it is asked: ilp+https://:TOKEN@HOST/PATH. Default: NULL: it only asks */
    const char *uri;
    const rill_link_options
        *link_options; /* of the way there; ca_file is borrowed. Default: NULL */
} rill_node_neighbour;

RILL_API void rill_node_neighbour_init_sized(rill_node_neighbour *neighbour, size_t size);
/* Sets size and every default. */
static inline void rill_node_neighbour_init(rill_node_neighbour *neighbour)
{
    rill_node_neighbour_init_sized(neighbour, sizeof *neighbour);
}

/*
 * Adds a neighbour to a port that takes HTTP, for as long as the port is open. Its account is there
 * from now on, whoever connects. All but ca_file is copied. A neighbour that cannot be reached is
 * tried again and again; the log handler is told once. RILL_ERR_INVALID (the port takes no HTTP, or
 * what a token or name must be), RILL_ERR_EXISTS (a token is another's), RILL_ERR_AUTH (the name is
 * another's), RILL_ERR_URI, RILL_ERR_UNSUPPORTED (the URI is not of HTTP; as rill/types.h says),
 * RILL_ERR_LIMIT, RILL_ERR_TLS, RILL_ERR_NOMEM, RILL_ERR_CRYPTO; RILL_ERR_CLOSED: the port is
 * closed. *problem (may be NULL) then says what is wrong, static.
 */
RILL_API RILL_MUST_CHECK int rill_node_port_add_neighbour(rill_node_port *p,
                                                          const rill_node_neighbour *neighbour,
                                                          const char **problem);

/* ---- accounts ---- */

/* Of now. Packets and units are counted when they are answered, from the node's start; units stay
 * at 2^64 - 1. An account that nobody uses may be forgotten, and what it sent with it. */
typedef struct rill_node_account {
    char name[256];
    uint32_t sessions;       /* connected */
    uint32_t open;           /* packets that it sent, and that wait for an answer */
    uint64_t packets_from;   /* Prepares that it sent */
    uint64_t rejected_from;  /* of them, those that were rejected */
    uint64_t fulfilled_from; /* units of those that were fulfilled */
    uint64_t packets_to;     /* Prepares that it was sent */
    uint64_t fulfilled_to;   /* units of those that it fulfilled */
} rill_node_account;

/* The account of this name. RILL_ERR_NOT_FOUND: *out is unchanged. */
RILL_API RILL_MUST_CHECK int rill_node_get_account_sized(const rill_node *n, const char *name,
                                                         rill_node_account *out, size_t size);
RILL_MUST_CHECK static inline int rill_node_get_account(const rill_node *n, const char *name,
                                                        rill_node_account *out)
{
    return rill_node_get_account_sized(n, name, out, sizeof *out);
}

/*
 * One account after the other, in no order: *cursor is 0 at first. False: there is no other. Each
 * comes once, if none comes or goes meanwhile: do not return to the loop in between.
 */
RILL_API bool rill_node_next_account_sized(const rill_node *n, size_t *cursor,
                                           rill_node_account *out, size_t size);
static inline bool rill_node_next_account(const rill_node *n, size_t *cursor,
                                          rill_node_account *out)
{
    return rill_node_next_account_sized(n, cursor, out, sizeof *out);
}

RILL_END_DECLS

#endif
