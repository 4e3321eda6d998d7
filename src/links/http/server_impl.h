/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the server share: its sessions, and the requests between them and connections.
 */
#ifndef RILL_LINKS_HTTP_SERVER_IMPL_H
#define RILL_LINKS_HTTP_SERVER_IMPL_H

#include "base/map.h"
#include "http/bearer.h"
#include "link/link_impl.h"
#include "links/http/http_desk.h"
#include "links/http/http_server.h"
#include "web/web.h"

typedef struct http_session http_session;

/* What a Prepare has more whose reply is to be posted. */
typedef struct http_later {
    char id[HTTP_ID_TEXT];
    uint64_t expires_ms; /* by the wall clock */
} http_later;

/* A Prepare that a session's owner is to answer. */
typedef struct http_request {
    uint64_t id; /* of the link; its key in the map */
    uint64_t handle;
    rill_web_connection *connection; /* NULL: its reply is to be posted */
    http_session *session;
    http_later *later; /* NULL: its reply is in the response */
    rill_list of_connection;
    rill_list of_session;
} http_request;

/* What was sent to somebody who takes nothing: it is rejected from the loop. */
typedef struct http_unwanted {
    rill_list node;
    uint64_t cookie;
} http_unwanted;

/* What a session has more if its account was added. */
typedef struct http_account {
    rill_link *out; /* by which it is asked; NULL: none now */
    char *uri;      /* NULL: it is not asked. A secret */
    char *name;     /* for people */
    char *callback_url;
    char *answers_url;
    rill_link_options options;
    uint64_t tried_at; /* uv_now() when out was last opened */
    bool lost;         /* told so */
    size_t more_count;
    uint8_t more[][RILL_BEARER_HASH]; /* its tokens but the first */
} http_account;

/* An account that asks. */
struct http_session {
    rill_link link; /* first */
    rill_http_link_server *server;
    rill_list node;
    rill_list requests;
    rill_list unwanted;
    rill_task rejecting;
    rill_task ending;
    uint64_t used_at; /* uv_now() */
    uint8_t token[RILL_BEARER_HASH];
    bool has_token;
    struct http_account *account; /* of one that was added; NULL: it came by itself */
    size_t later;                 /* of requests: those whose reply is to be posted */
    bool not_posted;              /* a Fulfill could not be posted, which is in the log */
    bool owned;                   /* has handlers */
    bool up;
    bool over;    /* down has been said */
    bool closing; /* its end has begun */
};

struct rill_http_link_server {
    rill_loop *loop;
    rill_http_link_server_options options;
    rill_web web;
    rill_bearers bearers; /* account: the address of the session */
    http_desk *desk;
    http_desk_server on_desk;
    uint8_t key[32];
    rill_map requests; /* by http_request.id */
    uint64_t next_request;
    rill_list sessions;
    uint32_t known_count; /* connections that have brought a good token */
    bool web_closed;
    bool closing;
    void (*closed)(void *owner);
};

/* http_session.c */
/*
 * Whose this token is: the session, made where there is none. RILL_ERR_AUTH, RILL_ERR_LIMIT,
 * RILL_ERR_NOMEM, RILL_ERR_CRYPTO.
 */
RILL_MUST_CHECK int http_session_of(rill_http_link_server *s, rill_bytes token, http_session **out);
/* It ends: its owner is told, and closes it. */
void http_session_end(http_session *session, int error, const char *why);

/* Those that ask nothing for too long end. */
void http_sessions_look(rill_http_link_server *s, uint64_t now);

/* One that authenticate has not seen. RILL_ERR_NOMEM, and as rill_bearers_add. */
RILL_MUST_CHECK int http_session_make(rill_http_link_server *s, rill_bytes token,
                                      http_session **out);
/* Shows it to authenticate; an error ends it. */
RILL_MUST_CHECK int http_session_admit(http_session *session, rill_bytes name, rill_bytes token);
/* Ends it; its owner, if it has one, has been told. */
void http_session_close(http_session *session);

/* http_account.c */
/* Opens the link by which it is asked. As rill_link_open. */
RILL_MUST_CHECK int http_account_open(http_session *session, const char **problem);
RILL_MUST_CHECK int http_account_send(http_session *session, uint64_t cookie, const uint8_t *packet,
                                      size_t len);
/*
 * Its tokens are nobody's any more, and its link closes. False: it has closed. True:
 * session->ending is deferred when it has.
 */
bool http_account_close(http_session *session);
void http_account_free(http_account *a);

/* http_request.c */
extern const rill_web_handlers http_request_handlers;

/* http_later.c */

/*
 * A request of an account whose replies are asynchronous: a Prepare whose reply is to be posted, or
 * a reply to one of ours. False: it is a request as others are, or none.
 */
bool http_later_take(http_session *session, rill_web_connection *c, uint64_t handle,
                     const rill_http_message *m);

/* What came in this request may be a Fulfill that nothing waits for: who keeps the books is shown
 * it.
 */
void http_later_stray(http_session *session, const rill_http_message *m);

/* http_prepare.c */

/* Gives a Prepare to its owner. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int http_request_ask(http_session *session, rill_web_connection *c, uint64_t handle,
                                     rill_bytes packet);
/*
 * The two halves of it, for who says something in between. later: copied; c is NULL then, and the
 * reply goes into the outbox of the account's link. The second gives away a request that may be
 * gone when it returns.
 */
RILL_MUST_CHECK int http_request_open(http_session *session, rill_web_connection *c,
                                      uint64_t handle, const http_later *later, http_request **out);
void http_request_give(const http_request *r, rill_bytes packet);
/* The response to a Prepare. */
RILL_MUST_CHECK int http_request_reply(rill_web_connection *c, uint64_t handle, rill_bytes packet);
/* The reply to one that has `later`. RILL_ERR_NOT_CONNECTED: its link is gone. */
RILL_MUST_CHECK int http_request_post(const http_request *r, rill_bytes packet);
/* A Fulfill of one that has `later` is lost: a line for the log, once a session. */
void http_request_not_posted(const http_request *r);
/* The request is answered, or its asker gone. */
void http_request_free(http_request *r);

/* http_server_end.c */
/* Frees one that closes, once no connection and no session of it is left. */
void http_server_maybe_free(rill_http_link_server *s);

#endif
