/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes with a port and one neighbour each, on one loop: the neighbour's account asks with a token,
 * and is asked by a link whose replies are asynchronous. Each account is a `told`.
 */
#ifndef RILL_TESTS_HTTP_ASYNC_FIXTURE_H
#define RILL_TESTS_HTTP_ASYNC_FIXTURE_H

#include "net_fixture.h"

#include "link/link_impl.h"
#include "links/http/http_server.h"

typedef struct side {
    net *n;
    rill_http_link_server *http;
    rill_listener *port;
    uint16_t number;
    told told; /* of its neighbour */
    rill_link_handlers handlers;
    char callback[128];
    char answers[128];
    bool sync; /* its link has the synchronous form */
    bool http_closed, port_closed;
    bool full; /* lets nobody in */
} side;

static inline rill_bytes text_of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

/* The account with TOKEN is the neighbour's; one with "stranger" is another one, of this told. */
static told stranger;

static inline int side_let_in(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                              const rill_link_handlers **handlers, void **user)
{
    side *s = owner;
    (void)name;
    bool known = token.len == strlen(TOKEN) && memcmp(token.data, TOKEN, token.len) == 0;
    bool other = token.len == 8 && memcmp(token.data, "stranger", 8) == 0;
    if (!known && !other)
        return RILL_ERR_AUTH;
    if (s->full)
        return RILL_ERR_LIMIT;
    told *t = known ? &s->told : &stranger;
    t->link = session;
    t->close_when_down = true;
    session->account = t;
    *handlers = &s->handlers;
    *user = t;
    return RILL_OK;
}

static inline void side_log(void *owner, const char *line)
{
    const side *s = owner;
    on_line(s->n, line);
}

static inline int side_open(side *s, net *n)
{
    rill_http_link_server_options o;
    rill_listener_options l;
    rill_protocol protocols[RILL_HTTP_LINK_PROTOCOLS];
    memset(s, 0, sizeof *s);
    s->n = n;
    s->handlers = link_handlers;
    rill_http_link_server_options_init(&o);
    o.authenticate = side_let_in;
    o.log = side_log;
    o.owner = s;
    int error = rill_http_link_server_new(&s->http, n->loop, &o);
    if (error != RILL_OK)
        return error;
    rill_http_link_server_protocols(s->http, protocols);
    rill_listener_options_init(&l);
    l.protocols = protocols;
    l.protocol_count = RILL_HTTP_LINK_PROTOCOLS;
    assert_int_equal(rill_listener_open(&s->port, n->loop, &l), RILL_OK);
    s->number = rill_listener_port(s->port);
    snprintf(s->callback, sizeof s->callback, "http://127.0.0.1:%u/replies", (unsigned)s->number);
    return RILL_OK;
}

/* Its neighbour is at this port, and takes replies at /theirs there. */
static inline int side_add(side *s, const char *scheme, uint16_t there, const char **problem)
{
    char uri[160];
    const rill_bytes token = text_of(TOKEN);
    rill_link_options o;
    rill_link_options_init(&o);
    snprintf(uri, sizeof uri, "%s://:%s@127.0.0.1:%u/ilp", scheme, TOKEN, (unsigned)there);
    snprintf(s->answers, sizeof s->answers, "http://127.0.0.1:%u/theirs", (unsigned)there);
    if (!s->sync) {
        o.callback_url = s->callback;
        o.answers_url = s->answers;
    }
    const rill_link_account a = {
        .name = text_of("them"), .tokens = &token, .token_count = 1, .uri = uri, .options = &o};
    return rill_http_link_server_add(s->http, &a, problem);
}

static inline void side_http_closed(void *owner)
{
    side *s = owner;
    s->http_closed = true;
}

/* The listener has no owner of its own. */
static unsigned side_ports_closed;

static inline void side_port_closed(void *owner)
{
    (void)owner;
    side_ports_closed++;
}

static inline void side_close(side *s)
{
    rill_listener_close(s->port, side_port_closed);
    rill_http_link_server_close(s->http, side_http_closed);
}

/* A Prepare whose expiry is so far away. */
static inline size_t make_prepare(const net *n, uint64_t ms, uint8_t *out, size_t cap)
{
    static const uint8_t condition[32];
    size_t len = 0;
    const rill_prepare p = {.amount = 1,
                            .expires_at_ms = rill_loop_now(n->loop).wall_ms + ms,
                            .condition = condition,
                            .destination = {(const uint8_t *)"test.x", 6}};
    assert_int_equal(rill_prepare_encode(&p, out, cap, &len), RILL_OK);
    return len;
}

#endif
