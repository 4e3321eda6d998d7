/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP calls of low rate, as SPSP and Open Payments make them: on the loop, by libcurl. Servers are
 * verified; http is for this machine, or by leave. Proxies are those of the environment, but for
 * http to this machine, which must not leave it.
 *
 * Not for packets: the link of ILP over HTTP has its own.
 */
#ifndef RILL_CLIENTS_WEB_CLIENT_H
#define RILL_CLIENTS_WEB_CLIENT_H

#include <rill/http_signature.h>
#include <rill/loop.h>

#define RILL_WEB_MAX_REDIRECTS 5

typedef struct rill_web_client_options {
    uint64_t timeout_ns;         /* for a call as a whole; default 30 s */
    uint64_t connect_timeout_ns; /* for one connection to begin; default 10 s */
    size_t max_body;             /* bytes of an answer; default 1 MiB */
    const char *ca_file;         /* PEM of authorities to trust beside the system's; copied; NULL */
    bool insecure;               /* http to other machines, too */
} rill_web_client_options;

void rill_web_client_options_init(rill_web_client_options *o);

typedef struct rill_web_client rill_web_client;
typedef struct rill_web_call rill_web_call;

/* Keeps connections open between calls. RILL_ERR_NOMEM; RILL_ERR_TLS: ca_file cannot be read. */
RILL_MUST_CHECK int rill_web_client_new(rill_web_client **out, rill_loop *loop,
                                        const rill_web_client_options *options);
/* Ends what is under way: nobody is called. NULL is allowed. */
void rill_web_client_free(rill_web_client *client);

/* All is borrowed, and copied where it is needed later. */
typedef struct rill_web_ask {
    const char *method; /* "GET" */
    const char *url;    /* checked as rill_receiver_url does */
    const rill_request_header *fields;
    size_t field_count;
    rill_bytes body;
    bool follow;         /* redirects, to https alone, RILL_WEB_MAX_REDIRECTS at most: for GET */
    uint64_t timeout_ns; /* 0: the client's */
    size_t max_body;     /* bytes of the answer; 0: the client's */
    /*
     * Sent once at most: over a new connection, since libcurl sends a request again if a connection
     * that was kept has ended before an answer.
     */
    bool once;
    bool ignore_body; /* of the answer: its status is all that is wanted */
} rill_web_ask;

/* What came of it. All is valid until `done` returns. */
typedef struct rill_web_answer {
    int error;           /* RILL_OK: there is an answer, whatever its status */
    const char *problem; /* one line for people; "" where error is RILL_OK */
    unsigned status;
    const char *content_type; /* "" where there is none */
    const char *cache_control;
    const char *url;    /* that answered at last */
    unsigned redirects; /* that were followed */
    const char *body;   /* with a NUL behind it */
    size_t len;
} rill_web_answer;

/*
 * done is called once, from the loop, never from inside this call. Errors that it is told:
 * RILL_ERR_RESOLVE, RILL_ERR_CONNECT, RILL_ERR_TLS, RILL_ERR_TIMEOUT, RILL_ERR_TOO_LARGE (the
 * answer), RILL_ERR_IO, RILL_ERR_PROTOCOL (not HTTP, too many redirects, one that leads away from
 * https), RILL_ERR_NOMEM.
 * Returns RILL_ERR_INVALID (a URL that cannot be asked, a line break in a header), RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_web_call_start(rill_web_call **out, rill_web_client *client,
                                        const rill_web_ask *ask,
                                        void (*done)(const rill_web_answer *answer, void *user),
                                        void *user);
/* done is not called. Not from inside done, whose call is over. */
void rill_web_call_cancel(rill_web_call *call);

#endif
