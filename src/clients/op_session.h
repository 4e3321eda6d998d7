/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the servers of one wallet, one after the other, each one request, signed where it
 * must be, under one grant at a time. An access token that is over is renewed by itself.
 */
#ifndef RILL_CLIENTS_OP_SESSION_H
#define RILL_CLIENTS_OP_SESSION_H

#include "clients/op_documents.h"
#include "clients/web_client.h"

typedef enum rill_op_credential {
    RILL_OP_NO_TOKEN,
    RILL_OP_ACCESS_TOKEN,
    RILL_OP_CONTINUE_TOKEN
} rill_op_credential;

/* An answer to a question, whose status may be any. user: the session's. */
typedef void (*rill_op_answered)(const rill_web_answer *a, void *user);

/* What is asked; kept until it is answered, for it may have to be asked again. */
typedef struct rill_op_question {
    const char *method;
    char url[RILL_MAX_URL];
    char *body; /* NULL: none */
    size_t len;
    rill_op_credential token;
    bool is_signed;
    /* Also where there is no answer (its error is not RILL_OK); else `failed` is told of that. */
    bool whatever;
    bool once;      /* not again with a token that was renewed */
    bool sent_once; /* what it does must not be done twice: see rill_web_ask.once */
    bool tidies;    /* all else is done: it is not waited for longer than RILL_OP_TIDY */
    rill_op_answered answered;
} rill_op_question;

/* For each question at the end, whose answer changes nothing: grants that are given back. */
#define RILL_OP_TIDY (5 * RILL_SECOND)

typedef struct rill_op_timer rill_op_timer;

typedef struct rill_op_session {
    rill_loop *loop;
    rill_web_client *http;
    bool borrowed;       /* http is another's */
    rill_web_call *call; /* NULL: none is under way */
    rill_op_timer *timer;
    rill_signer signer;
    rill_jwk jwk;
    bool insecure;
    uint64_t timeout_ns;
    rill_op_question asked;
    char from[RILL_MAX_URL]; /* who names the URLs that are asked; "": nobody yet */
    char why[500];           /* a URL that a server named cannot be asked */
    rill_op_grant grant;
    bool rotating; /* the access token is being made anew, for what is asked to be asked again */
    bool rotated;  /* that has been done for this question */
    /* What stops it. The session may be cleared in it. */
    void (*failed)(int error, const char *problem, void *user);
    void *user;
} rill_op_session;

/*
 * session: all zero, but that http may be another's, which then outlives it, and trusts whom it
 * trusts. Copies what it needs of signer, public_key, timeout_ns, ca_file and insecure.
 * RILL_ERR_INVALID: no signer, no key, not an id of a key. RILL_ERR_TLS: ca_file cannot be read.
 * RILL_ERR_NOMEM. rill_op_session_clear follows, also on failure.
 */
RILL_MUST_CHECK int rill_op_session_open(rill_op_session *session, rill_loop *loop,
                                         const rill_op_options *options);
/* Gives up what is under way: nobody is called. */
void rill_op_session_clear(rill_op_session *session);
/* The same, but goes on to be used. */
void rill_op_session_stop(rill_op_session *session);

/* A question without body, by GET and unsigned; the rest is to be set where it is otherwise. */
rill_op_question rill_op_question_of(const char *method, rill_op_credential token,
                                     rill_op_answered answered);
/*
 * Asks question at a URL that may be asked. Takes question->body over, also on failure.
 * RILL_ERR_INVALID: not such a URL, and session->why says why not. RILL_ERR_NOMEM, RILL_ERR_CRYPTO,
 * the signer's error.
 */
RILL_MUST_CHECK int rill_op_session_ask(rill_op_session *session, const char *url,
                                        const rill_op_question *question);
/* After ms milliseconds; the one before is forgotten. */
void rill_op_session_after(rill_op_session *session, uint64_t ms, void (*then)(void *user));

/* A URL that may be asked, into out[RILL_MAX_URL]. RILL_ERR_INVALID: session->why says why not. */
RILL_MUST_CHECK int rill_op_session_url(rill_op_session *session, const char *url, char *out);
/* A path behind the URL of a server, into out[RILL_MAX_URL]. RILL_ERR_INVALID: too long. */
RILL_MUST_CHECK int rill_op_session_path(rill_op_session *session, const char *server,
                                         const char *path, char *out);

/* Tells `failed`, in one line. */
void rill_op_session_fail(rill_op_session *session, int error, const char *format, ...)
    RILL_PRINTF(3, 4);
/* A question that follows an answer: what stops it is told. */
void rill_op_session_go_on(rill_op_session *session, int error);
/* What is wrong with an answer's status: true where it was told. */
bool rill_op_session_refused(rill_op_session *session, const rill_web_answer *a, const char *what);

/* How long to wait before a grant that is pending is asked for again: milliseconds. */
uint64_t rill_op_session_wait_ms(const rill_op_session *session);

#endif
