/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where asynchronous replies of one loop come together (RFC 35): the links whose Prepares are
 * answered at a port, the ports, and the Request-Ids that wait. A reply finds its Prepare by both
 * its Request-Id and the account whose token it came with, and by nothing less.
 */
#ifndef RILL_LINKS_HTTP_HTTP_DESK_H
#define RILL_LINKS_HTTP_HTTP_DESK_H

#include "base/map.h"
#include "io/loop.h"
#include "link/link_impl.h"
#include "links/http/http_id.h"

/* A server of the loop. */
typedef struct http_desk_server {
    rill_list node;
    void (*log)(void *owner, const char *line); /* NULL: it says nothing */
    void *owner;
} http_desk_server;

/* A link of the asynchronous form. */
typedef struct http_desk_link {
    rill_list node;
    rill_link *link;
    bool parting; /* another one of its account is there, or comes */
} http_desk_link;

/* A Prepare whose reply may come. */
typedef struct http_awaited {
    http_id id;
    rill_link *link; /* by which it left */
    bool listed;
} http_awaited;

typedef struct http_desk {
    rill_loop *loop;
    unsigned holds;
    rill_list servers;
    rill_list links;
    rill_map awaited;
    size_t random_left;
    uint8_t random[1024];
} http_desk;

/* The loop's, made where there is none. RILL_ERR_NOMEM, RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int http_desk_hold(http_desk **out, rill_loop *loop);
void http_desk_drop(http_desk *d);

void http_desk_add_server(http_desk *d, http_desk_server *s);
void http_desk_remove_server(http_desk_server *s);
bool http_desk_has_server(const http_desk *d);
void http_desk_add_link(http_desk *d, http_desk_link *l);
/* Nothing the second time. */
void http_desk_remove_link(http_desk_link *l);
bool http_desk_has_link(const http_desk *d);
/* The link of this account, one that parts where it has no other; NULL: it has none. */
rill_link *http_desk_link_of(http_desk *d, const void *account);

/* Gives it an id of its own. RILL_ERR_NOMEM, RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int http_desk_expect(http_desk *d, http_awaited *w);
/* Again: nothing. */
void http_desk_forget(http_desk *d, http_awaited *w);
/* What the account may answer under this id; NULL: nothing. */
http_awaited *http_desk_find(const http_desk *d, const http_id *id, const void *account);

/* A line for the log about somebody outside. */
void http_desk_log(const http_desk *d, const char *line);

#endif
