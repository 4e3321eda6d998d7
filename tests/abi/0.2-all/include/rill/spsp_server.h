/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server of SPSP, the Simple Payment Setup Protocol (RFC 9). A payer asks for a receiver by a
 * payment pointer (RFC 26) or a URL, and gets credentials: an address and a secret of their own for
 * each query. The server speaks HTTP/1.1 and HTTP/2, with TLS or, behind a proxy that does TLS,
 * without.
 *
 * There are two kinds of receivers. For one that was added (rill_spsp_server_add), the server
 * answers by itself, with credentials of options.server and the receiver's tag. For all others it
 * asks the application (`asked`), which answers at once or later. This is for receivers that are in
 * a database, and for endpoints without rill_server.
 *
 * Some things the application need not look at. The server takes GET, HEAD and OPTIONS, and no
 * other method unless the application wants what is posted (`posted`). It refuses a URL with a
 * query, and a receipt nonce without a secret or of a wrong length (400). Scripts of any web page
 * can ask (CORS). No answer may be stored: "Cache-Control: no-cache, no-store".
 */
#ifndef RILL_SPSP_SERVER_H
#define RILL_SPSP_SERVER_H

#include <rill/net.h>

RILL_BEGIN_DECLS

typedef struct rill_spsp_server rill_spsp_server;

/* Where a payment pointer without a path leads (RFC 26): "$wallet.example". */
#define RILL_SPSP_WELL_KNOWN "/.well-known/pay"
#define RILL_SPSP_MAX_PATH   2047 /* bytes of a receiver's path */

/* The receiver that somebody asks for. The library's, and valid until `asked` returns. */
typedef struct rill_spsp_asked {
    const char *path; /* of the URL, with "%41" as "A": "/alice". Text of a stranger, any bytes */
    const char *host; /* and port, as the client names this server; "" where it does not */
    /* RILL_RECEIPT_NONCE_LEN and RILL_RECEIPT_SECRET_LEN bytes, or both NULL: no receipts */
    const uint8_t *receipt_nonce;
    const uint8_t *receipt_secret;
} rill_spsp_asked;

/* What somebody sends. The library's, and valid until `posted` returns. */
typedef struct rill_spsp_posted {
    const char *path; /* as of rill_spsp_asked */
    rill_bytes body;  /* at most 65536 bytes. Of a stranger */
} rill_spsp_posted;

/* All may be NULL. Called from the loop, never from inside a call. */
typedef struct rill_spsp_server_handlers {
    size_t size RILL_SIZE_OF(struct rill_spsp_server_handlers); /* see rill/types.h */
    /*
     * Somebody asks for a receiver that was not added. Answer once, now or later, by
     * rill_spsp_server_hand_out, rill_spsp_server_answer or rill_spsp_server_refuse with this
     * query_id. NULL: there are no other receivers.
     */
    void (*asked)(rill_spsp_server *s, uint64_t query_id, const rill_spsp_asked *asked,
                  void *user) RILL_UNSET;
    /* A line about somebody outside, such as a handshake that failed. Text of strangers. */
    void (*log)(const char *line, void *user) RILL_UNSET;
    /* After rill_spsp_server_close: the last call; the server is gone when it returns. */
    void (*closed)(void *user) RILL_UNSET;
    /*
     * Somebody sends something by POST. That is no part of SPSP: it is for an application that has
     * something else to say at the same port, as one that credits receipts. Answer once, now or
     * later, by rill_spsp_server_reply. Scripts of any web page may post: look at what they want.
     * NULL: POST is refused (405).
     */
    void (*posted)(rill_spsp_server *s, uint64_t query_id, const rill_spsp_posted *posted,
                   void *user) RILL_UNSET;
} rill_spsp_server_handlers;

typedef struct rill_spsp_server_options {
    size_t size;           /* sizeof(rill_spsp_server_options): see rill/types.h */
    const char *host;      /* numeric address to listen on. Default: "127.0.0.1" */
    const char *cert_file; /* PEM files, for TLS 1.2 and later. Default: both NULL, no TLS */
    const char *key_file;
    /*
     * The server whose credentials are handed out for receivers that were added. Keep it open
     * until rill_spsp_server_close was called; you may close it in the `closed` handler. Default:
     * NULL: no receiver can be added.
     */
    rill_server *server;
    const rill_spsp_server_handlers *handlers; /* copied; NULL: none */
    void *user;
    uint16_t port; /* 0: any that is free. Default: 0 */
    /*
     * The most connections at a time, at least 1. If one more comes, the oldest is closed, but not
     * before it is 500 ms old. Until then the new one waits. Default: 1024.
     */
    uint32_t max_connections;
    uint64_t idle_timeout_ns; /* of a connection that asks nothing. Default: 60 s */
} rill_spsp_server_options;

RILL_API void rill_spsp_server_options_init_sized(rill_spsp_server_options *o, size_t size);
/* Sets size and every default. */
static inline void rill_spsp_server_options_init(rill_spsp_server_options *o)
{
    rill_spsp_server_options_init_sized(o, sizeof *o);
}

/*
 * Listens. options may be NULL. RILL_ERR_ADDRESS_IN_USE; RILL_ERR_INVALID (the host is no address
 * of this machine, one file without the other, options that were not initialised, a number that
 * cannot be); RILL_ERR_UNSUPPORTED (an option of a later version); RILL_ERR_TLS (a file cannot be
 * read, or the two do not belong together); RILL_ERR_FILES, RILL_ERR_IO, RILL_ERR_NOMEM,
 * RILL_ERR_CRYPTO. Nothing is open then, and `closed` is not called.
 */
RILL_API RILL_MUST_CHECK int rill_spsp_server_open(rill_spsp_server **out, rill_loop *loop,
                                                   const rill_spsp_server_options *options);
/* The port that it listens on. */
RILL_API uint16_t rill_spsp_server_port(const rill_spsp_server *s);
/*
 * Reads new certificates from these files, for connections to come. RILL_ERR_TLS, RILL_ERR_NOMEM:
 * the old ones stay. RILL_ERR_INVALID: it serves without TLS.
 */
RILL_API RILL_MUST_CHECK int rill_spsp_server_renew_tls(rill_spsp_server *s, const char *cert_file,
                                                        const char *key_file);

/*
 * A receiver: the path of its URL, such as "/alice" or RILL_SPSP_WELL_KNOWN, without escapes, and
 * the tag of the connections that pay it (NULL: none; rill_connection_tag). Both are copied.
 * RILL_ERR_INVALID: no path (it begins with "/", and has 2 to RILL_SPSP_MAX_PATH bytes), or a tag
 * of more than RILL_MAX_TAG bytes. RILL_ERR_STATE: there is no options.server. RILL_ERR_EXISTS: the
 * path was added before, and stays as it was. RILL_ERR_LIMIT: two paths have the same hash of 64
 * bits, which does not happen in practice. RILL_ERR_NOMEM.
 */
RILL_API RILL_MUST_CHECK int rill_spsp_server_add(rill_spsp_server *s, const char *path,
                                                  const char *tag);
/* Credentials that it handed out stay good. RILL_ERR_NOT_FOUND. */
RILL_API RILL_MUST_CHECK int rill_spsp_server_remove(rill_spsp_server *s, const char *path);

/*
 * Answers with credentials that server makes now, with this tag (NULL: none) and, where they were
 * asked for, receipts. RILL_ERR_NOT_FOUND: the one who asked has gone, or the query was answered
 * before. After other errors it is not answered yet: RILL_ERR_NOMEM, and as
 * rill_server_generate_credentials RILL_ERR_STATE (no address yet), RILL_ERR_INVALID (tag) and
 * RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int rill_spsp_server_hand_out(rill_spsp_server *s, uint64_t query_id,
                                                       rill_server *server, const char *tag);
/*
 * Answers with these credentials, which are copied. receipts: they were made with the query's nonce
 * and secret. RILL_ERR_NOT_FOUND: as above. RILL_ERR_ADDRESS: the destination is no ILP address.
 * RILL_ERR_NOMEM. It is not answered yet then.
 */
RILL_API RILL_MUST_CHECK int rill_spsp_server_answer(rill_spsp_server *s, uint64_t query_id,
                                                     const rill_credentials *credentials,
                                                     bool receipts);
/*
 * Answers that there is no such receiver (RILL_ERR_NOT_FOUND: status 404, as RFC 9 has it), or, for
 * any other error, that the server cannot say it now (503). RILL_ERR_NOT_FOUND: the one who asked
 * has gone.
 */
RILL_API int rill_spsp_server_refuse(rill_spsp_server *s, uint64_t query_id, int error);

/*
 * Answers what was posted: with a status from 200 to 599, and a text, which is copied.
 * RILL_ERR_INVALID: another status. RILL_ERR_NOT_FOUND: the one who posted has gone, or was
 * answered before. RILL_ERR_NOMEM: it is not answered yet.
 */
RILL_API RILL_MUST_CHECK int rill_spsp_server_reply(rill_spsp_server *s, uint64_t query_id,
                                                    unsigned status, const char *text);

/* Stops answering, and closes every connection. `closed` follows. */
RILL_API void rill_spsp_server_close(rill_spsp_server *s);

RILL_END_DECLS

#endif
