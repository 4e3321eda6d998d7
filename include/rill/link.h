/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link: the way to one neighbour, over which Prepares and their replies travel in both directions
 * (JavaScript calls it a plugin). There is one interface for every kind: BTP over WebSocket
 * (RFC 23), and ILP over HTTP (RFC 35).
 *
 * A link is a neighbour, not a socket. It decides how many sockets it has, and when it opens one.
 * It is up while it can send over any of them.
 */
#ifndef RILL_LINK_H
#define RILL_LINK_H

#include <rill/loop.h>
#include <rill/waiting.h>

RILL_BEGIN_DECLS

typedef struct rill_link rill_link;

/* What the bytes of a message's part are, as BTP numbers it (RFC 23). */
typedef enum rill_content {
    RILL_CONTENT_BYTES = 0,
    RILL_CONTENT_TEXT = 1, /* UTF-8 */
    RILL_CONTENT_JSON = 2
} rill_content;

typedef struct rill_message_part {
    rill_bytes protocol;  /* the name of the side protocol, 1 to 255 bytes */
    uint8_t content_type; /* rill_content. Others come as the neighbour numbers them */
    rill_bytes data;
} rill_message_part;

/*
 * What neighbours say to each other beside ILP packets, in side protocols of theirs: settlement
 * above all. The first part says what it is about, the others go with it. This struct stays as it
 * is.
 */
typedef struct rill_message {
    const rill_message_part *parts;
    size_t count; /* at most RILL_MAX_MESSAGE_PARTS */
    /* It says that this amount was settled (BTP's TRANSFER). It may have no parts then. */
    bool transfer;
    uint64_t amount; /* as those who settle count it; 0 where it is no transfer */
} rill_message;

#define RILL_MAX_MESSAGE_PARTS 16

/*
 * What a link tells its owner. Called from the loop, never from inside a call. Only `early` and the
 * handlers of messages (their names begin with `message`) may be NULL.
 */
typedef struct rill_link_handlers {
    size_t size
        RILL_SIZE_OF(struct rill_link_handlers); /* sizeof(rill_link_handlers): see rill/types.h */
    /* Connected and authenticated: packets can be sent. */
    void (*up)(rill_link *l, void *user) RILL_UNSET;
    /*
     * Not connected any more, or not yet: detail is one line for people
     * without secrets. final: it will not come back by itself (refused by the
     * neighbour, a session of a server that ended); otherwise the link is
     * connecting again. A node that is restarted may take a connection and end it before the link
     * is up. Such an attempt is not told: others follow, and what became of the last one is told
     * where the third connection is ended, too, or connect_timeout_ns is over. Requests open at
     * that time have been reported before,
     * but for those that a neighbour may still answer at another place
     * (callback_url of rill_link_options).
     */
    void (*down)(rill_link *l, int error, const char *detail, bool final, void *user) RILL_UNSET;
    /* A Prepare came; answer with rill_link_reply and this incoming_id, once, at any time. */
    void (*prepare)(rill_link *l, uint64_t incoming_id, const uint8_t *packet, size_t len,
                    void *user) RILL_UNSET;
    /* The reply (Fulfill or Reject, not decoded yet) to the Prepare that was sent with this
     * outgoing_id. */
    void (*reply)(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len,
                  void *user) RILL_UNSET;
    /*
     * No reply will come: the link was lost, the neighbour answered with an
     * error, or nothing came within 35 s. sent false: it certainly never left.
     */
    void (*unanswered)(rill_link *l, uint64_t outgoing_id, int error, bool sent,
                       void *user) RILL_UNSET;
    /* After RILL_ERR_BLOCKED: packets are taken again. */
    void (*writable)(rill_link *l, void *user) RILL_UNSET;
    /* After rill_link_close: the last call; the link is freed when it returns. */
    void (*closed)(rill_link *l, void *user) RILL_UNSET;
    /*
     * Connected, and our authentication is on its way: what is sent from inside
     * this call follows it at once, a round trip before `up`. For requests that
     * may be lost and asked again: a neighbour may not look at anything that
     * comes before it has authenticated us. NULL: nothing to send yet.
     */
    void (*early)(rill_link *l, void *user) RILL_UNSET;
    /*
     * A message that is no ILP packet came; answer once, at any time, with
     * rill_link_reply_message or rill_link_refuse_message and this incoming_id. It is borrowed
     * until this returns. NULL: all are refused.
     */
    void (*message)(rill_link *l, uint64_t incoming_id, const rill_message *message,
                    void *user) RILL_UNSET;
    /* The reply to the message that was sent with this outgoing_id, borrowed; it may have no parts.
     */
    void (*message_reply)(rill_link *l, uint64_t outgoing_id, const rill_message *reply,
                          void *user) RILL_UNSET;
    /* No reply will come, as `unanswered` says it of a packet. RILL_ERR_REFUSED: it was refused. */
    void (*message_unanswered)(rill_link *l, uint64_t outgoing_id, int error, bool sent,
                               void *user) RILL_UNSET;
} rill_link_handlers;

typedef struct rill_link_options {
    size_t size; /* sizeof(rill_link_options): see rill/types.h */
    /* How long one attempt to connect and authenticate may take. Default: 10 s. */
    uint64_t connect_timeout_ns;
    /* Connect again after a failure or a loss. Default: true. */
    bool reconnect;
    /*
     * btp+wss: a PEM file of certificate authorities to trust beside those of the system.
     * Default: NULL: those of the system alone.
     */
    const char *ca_file;
    /* btp+wss: check the certificate; false accepts any. Default: true. */
    bool verify;
    /*
     * How many connections there are to the neighbour at once, 1 to 16. Each authenticates by
     * itself. A packet goes over the one that waits for the fewest replies. The link is up while
     * one of them is. Default: 1.
     */
    uint32_t connections;
    /*
     * With TLS: a certificate with those above it, and its key, for a neighbour that asks for one.
     * PEM files, read when the link is opened. Default: both NULL
     */
    const char *cert_file;
    const char *key_file;
    /*
     * ILP over HTTP: the neighbour is asked to answer asynchronously (RFC 35), at this URL of a
     * port of the same node: http://HOST/PATH or https://HOST/PATH. This also lets the neighbour
     * have its own Prepares answered so. It is for a neighbour of a node's port
     * (rill_node_port_add_neighbour), which takes such answers; rill_link_open refuses it. With one
     * connection. Copied. Default: NULL: each reply is in the response to its Prepare
     */
    const char *callback_url;
    /*
     * With callback_url: where the neighbour takes our answers, on the host and port of the link's
     * URI. No other URL that the neighbour may name is ever answered to. Copied. Default: NULL: the
     * link's URI
     */
    const char *answers_url;
} rill_link_options;

RILL_API void rill_link_options_init_sized(rill_link_options *o, size_t size);
/* Sets size and every default. */
static inline void rill_link_options_init(rill_link_options *o)
{
    rill_link_options_init_sized(o, sizeof *o);
}

/*
 * Opens a link to the neighbour that a URI names: btp+ws://[account]:[token]@host[:port][/path], or
 * btp+wss, with TLS; ilp+http and ilp+https, by HTTP/1.1 or HTTP/2; ilp+h2c, by HTTP/2 without TLS.
 * It connects at once, and again after it was lost, until it is closed. uri, options and handlers
 * are copied; options may be NULL. RILL_ERR_URI; RILL_ERR_UNSUPPORTED: another scheme, or options
 * of a later version; RILL_ERR_INVALID: a handler is missing, connections is not 1 to 16, a
 * certificate is without its key or the other way round, or options were not initialised;
 * RILL_ERR_TLS: ca_file cannot be used; RILL_ERR_STATE: there is a callback_url, and no account of
 * a node that it could be for; RILL_ERR_NOMEM. *problem (may be NULL) then says what is wrong,
 * static, without secrets.
 */
RILL_API RILL_MUST_CHECK int rill_link_open(rill_link **out, rill_loop *loop, const char *uri,
                                            const rill_link_options *options,
                                            const rill_link_handlers *handlers, void *user,
                                            const char **problem);

/*
 * What rill_link_open would say of a URI, without opening anything: RILL_ERR_URI,
 * RILL_ERR_UNSUPPORTED (another scheme). *problem (may be NULL) then says what is wrong, static,
 * without anything of the URI.
 */
RILL_API RILL_MUST_CHECK int rill_link_uri_check(const char *uri, const char **problem);

/*
 * Writes the URI to out[cap], with a new random token in the place of its account and token. This
 * is for a node that gives everybody an account. The result holds a secret. RILL_ERR_URI,
 * RILL_ERR_UNSUPPORTED, RILL_ERR_BUFFER (RILL_LINK_URI_SIZE is always enough), RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int rill_link_uri_with_new_token(char *out, size_t cap, const char *uri);
#define RILL_LINK_URI_SIZE 4096

/*
 * The URI that the environment names, as ilp-plugin reads it: the "server" of ILP_CREDENTIALS
 * (JSON); else ILP_BTP_SERVER, else localhost port 7768, both with a new random token. Written to
 * uri[cap] (RILL_LINK_URI_SIZE); it holds a secret.
 * RILL_ERR_MALFORMED: ILP_CREDENTIALS; RILL_ERR_UNSUPPORTED: ILP_PLUGIN names a module that Rill
 * does not replace; RILL_ERR_URI: ILP_BTP_SERVER; RILL_ERR_BUFFER, RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int rill_link_uri_from_environment(char *uri, size_t cap);

/* Packets can be sent now: `up` has come, and `down` has not. */
RILL_API bool rill_link_is_up(const rill_link *l);

/*
 * What a link that is not up waits for: its neighbour's name, its address, a connection,
 * handshakes, the answer to our token. until_ns is the end of this attempt, or the beginning of
 * the next one. NOTHING while it is up.
 */
RILL_API void rill_link_get_waiting_sized(const rill_link *l, rill_waiting *out, size_t size);
static inline void rill_link_get_waiting(const rill_link *l, rill_waiting *out)
{
    rill_link_get_waiting_sized(l, out, sizeof *out);
}

/*
 * Sends a Prepare, copied. outgoing_id comes back with its reply.
 * RILL_ERR_NOT_CONNECTED; RILL_ERR_BLOCKED (too much waits to be written: wait for
 * writable); RILL_ERR_LIMIT (too many requests open); RILL_ERR_NOMEM. Not sent then.
 */
RILL_API RILL_MUST_CHECK int rill_link_send(rill_link *l, uint64_t outgoing_id,
                                            const uint8_t *packet, size_t len);

/*
 * Answers a Prepare, copied. Replies are never blocked: a neighbour that does
 * not read is disconnected at a limit. An answer whose link was lost since is
 * ignored: RILL_ERR_NOT_CONNECTED. RILL_ERR_NOMEM.
 */
RILL_API RILL_MUST_CHECK int rill_link_reply(rill_link *l, uint64_t incoming_id,
                                             const uint8_t *packet, size_t len);

/*
 * Sends a message, copied. outgoing_id comes back with its reply. The ids of messages are
 * apart from those of packets. RILL_ERR_NOT_CONNECTED, RILL_ERR_BLOCKED, RILL_ERR_LIMIT,
 * RILL_ERR_NOMEM: as rill_link_send. RILL_ERR_INVALID: no part and no transfer, too many parts, a
 * part without a name or with one that comes twice or is "ilp". RILL_ERR_TOO_LARGE: it does not fit
 * into one of the neighbour's frames. RILL_ERR_UNSUPPORTED: this kind of link carries no messages.
 */
RILL_API RILL_MUST_CHECK int rill_link_send_message(rill_link *l, uint64_t outgoing_id,
                                                    const rill_message *message);
/*
 * Answers a message, copied. reply: NULL or without parts, it is just accepted; a reply is no
 * transfer. RILL_ERR_INVALID, RILL_ERR_TOO_LARGE: nothing was answered. RILL_ERR_NOT_CONNECTED:
 * its link was lost since, and it is ignored.
 */
RILL_API RILL_MUST_CHECK int rill_link_reply_message(rill_link *l, uint64_t incoming_id,
                                                     const rill_message *reply);
/* Refuses a message. why: for people, at most 100 bytes of it are told. RILL_ERR_NOT_CONNECTED. */
RILL_API RILL_MUST_CHECK int rill_link_refuse_message(rill_link *l, uint64_t incoming_id,
                                                      const char *why);

/* Writes what waits, then ends; `closed` follows. Open requests are reported unanswered first. */
RILL_API void rill_link_close(rill_link *l);

/* The user that the handlers are given from now on; and the one that they are given. */
RILL_API void rill_link_set_user(rill_link *l, void *user);
RILL_API void *rill_link_user(const rill_link *l);

RILL_END_DECLS

#endif
