/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payment pointers (RFC 26), and SPSP, the Simple Payment Setup Protocol (RFC 9): the way from a
 * receiver's name, as people write it, to the credentials to pay with.
 */
#ifndef RILL_SPSP_H
#define RILL_SPSP_H

#include <rill/credentials.h>
#include <rill/loop.h>
#include <rill/types.h>

RILL_BEGIN_DECLS

#define RILL_MAX_URL 2048 /* bytes of a URL, with the NUL */

/* What a client says that it takes: the Accept header of a query (RFC 9). */
#define RILL_SPSP_ACCEPT "application/spsp4+json, application/spsp+json"

/*
 * The URL that a payment pointer stands for: "$wallet.example" is
 * https://wallet.example/.well-known/pay, "$wallet.example/alice" is https://wallet.example/alice.
 * RILL_ERR_MALFORMED: not a payment pointer; *problem (may be NULL) then says what is wrong with
 * it, a static text. RILL_ERR_BUFFER: longer than cap.
 */
RILL_API RILL_MUST_CHECK int rill_payment_pointer_url(const char *pointer, char *url, size_t cap,
                                                      const char **problem);

/*
 * The URL of a receiver: of a payment pointer, or of an https URL, which is taken as it is. http
 * is taken for this machine (localhost, 127.0.0.0/8, [::1]), and elsewhere where insecure is true.
 * RILL_ERR_MALFORMED, RILL_ERR_UNSUPPORTED (http, another scheme), RILL_ERR_BUFFER; *problem as
 * above.
 */
RILL_API RILL_MUST_CHECK int rill_receiver_url(const char *text, bool insecure, char *url,
                                               size_t cap, const char **problem);

/* An answer of SPSP. */
typedef struct rill_spsp_answer {
    rill_credentials credentials; /* wipe after use: rill_credentials_wipe */
    bool receipts_enabled;        /* the receiver can prove what it gets (STREAM receipts) */
    uint32_t max_age_s;           /* it may be used again for so many seconds; 0: not at all */
} rill_spsp_answer;

/*
 * Reads an answer with status 200. content_type and cache_control are the headers' values, ""
 * where there is none. The secret may be in base64 or base64url, with or without padding.
 * RILL_ERR_UNSUPPORTED: not an answer of SPSP, by its content type. RILL_ERR_MALFORMED: JSON that
 * is none, or lacks the address or the secret; *problem (may be NULL) says which, a static text.
 */
RILL_API RILL_MUST_CHECK int rill_spsp_answer_read_sized(rill_spsp_answer *out, size_t size,
                                                         const char *content_type,
                                                         const char *cache_control,
                                                         const char *body, size_t len,
                                                         const char **problem);
RILL_MUST_CHECK static inline int rill_spsp_answer_read(rill_spsp_answer *out,
                                                        const char *content_type,
                                                        const char *cache_control, const char *body,
                                                        size_t len, const char **problem)
{
    return rill_spsp_answer_read_sized(out, sizeof *out, content_type, cache_control, body, len,
                                       problem);
}

/* ---- asking ---- */

/*
 * Connections to servers of SPSP that stay open between queries. For a program that makes many:
 * each would otherwise look up a name, connect, and agree about TLS, which takes several round
 * trips. It keeps as many connections as there were queries at the same time, and each for two
 * minutes at most after its last query.
 */
typedef struct rill_spsp_connections rill_spsp_connections;

/*
 * ca_file and insecure: as of rill_spsp_query_options, for all queries. ca_file is copied, and may
 * be NULL. RILL_ERR_TLS: ca_file cannot be read. RILL_ERR_NOMEM.
 */
RILL_API RILL_MUST_CHECK int rill_spsp_connections_new(rill_spsp_connections **out, rill_loop *loop,
                                                       const char *ca_file, bool insecure);
/* Closes them. No query may be under way on them. NULL is allowed. Before its loop is freed. */
RILL_API void rill_spsp_connections_free(rill_spsp_connections *connections);

typedef struct rill_spsp_query_options {
    size_t size RILL_SIZE_OF(rill_spsp_query_options); /* see rill/types.h */
    uint64_t timeout_ns;                               /* for the whole query. Default: 30 s */
    const char *ca_file; /* PEM of authorities to trust beside the system's. Default: NULL */
    bool insecure;       /* http to other machines, too. Default: false */
    /* For receipts: RILL_RECEIPT_NONCE_LEN and RILL_RECEIPT_SECRET_LEN bytes. Default: both NULL */
    const uint8_t *receipt_nonce;
    const uint8_t *receipt_secret;
    /*
     * Of the same loop; ca_file and insecure are theirs then. Default: NULL: a connection for this
     * query alone
     */
    rill_spsp_connections *connections;
} rill_spsp_query_options;

RILL_API void rill_spsp_query_options_init_sized(rill_spsp_query_options *o, size_t size);
/* Sets size and every default. */
static inline void rill_spsp_query_options_init(rill_spsp_query_options *o)
{
    rill_spsp_query_options_init_sized(o, sizeof *o);
}

/* The result of a query. Valid until the handler that gets it returns. */
typedef struct rill_spsp_result {
    /*
     * RILL_OK, or: RILL_ERR_NOT_FOUND (the server knows no such receiver), RILL_ERR_REFUSED
     * (another status than 200), RILL_ERR_UNSUPPORTED (an answer, but not of SPSP),
     * RILL_ERR_MALFORMED, RILL_ERR_RESOLVE, RILL_ERR_CONNECT, RILL_ERR_TLS, RILL_ERR_TIMEOUT,
     * RILL_ERR_TOO_LARGE, RILL_ERR_PROTOCOL (not HTTP, too many redirects, one to http),
     * RILL_ERR_IO, RILL_ERR_NOMEM.
     */
    int error;
    const char *problem;            /* one line for people; "" where error is RILL_OK */
    const rill_spsp_answer *answer; /* NULL where error is not RILL_OK */
    const char *url;    /* the one that answered, after all redirects: show it if there were any */
    unsigned redirects; /* how many were followed */
} rill_spsp_result;

typedef struct rill_spsp_query rill_spsp_query;

/*
 * Asks the server of a receiver (rill_receiver_url) for credentials. done is called once, from the
 * loop, never from inside this call; the query is over then. All arguments are copied. Proxies are
 * those of the environment (https_proxy, no_proxy); requests by http to this machine use no proxy.
 * RILL_ERR_MALFORMED, RILL_ERR_UNSUPPORTED, RILL_ERR_BUFFER: not a receiver, *problem (may be NULL)
 * says why, a static text. RILL_ERR_INVALID: one receipt option
 * without the other, or options that were not initialised. RILL_ERR_UNSUPPORTED: also an option of
 * a later version. RILL_ERR_TLS: ca_file cannot be read. RILL_ERR_NOMEM.
 */
RILL_API RILL_MUST_CHECK int
rill_spsp_query_start(rill_spsp_query **out, rill_loop *loop, const char *receiver,
                      const rill_spsp_query_options *options,
                      void (*done)(const rill_spsp_result *result, void *user), void *user,
                      const char **problem);
/* Gives up: done is not called. Not after done was called. */
RILL_API void rill_spsp_query_cancel(rill_spsp_query *query);

RILL_END_DECLS

#endif
