/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client and a server of HTTP with nothing between them but bytes that the test moves, in
 * pieces of any size; what each is told is written down.
 */
#ifndef RILL_TESTS_HTTP_PAIR_H
#define RILL_TESTS_HTTP_PAIR_H

#include "http/client.h"

enum { HTTP_MOST = 2048, HTTP_NOTE = 96 };

typedef struct http_told {
    uint64_t outgoing_id;
    unsigned status; /* 0: it failed */
    int error;
    bool sent;
    size_t body_len;
    uint8_t first; /* byte of the body */
} http_told;

typedef struct http_asked {
    uint64_t handle;
    bool gone;
    size_t body_len;
    uint8_t first;
    char method[HTTP_NOTE];
    char path[HTTP_NOTE];
    char authority[HTTP_NOTE];
} http_asked;

typedef struct http_pair {
    rill_blocks blocks;
    rill_http_limits limits;
    rill_http_client *client;
    rill_http_server *server;
    size_t piece;     /* bytes that are fed at a time; 0: all */
    bool echo;        /* requests are answered at once, with their own body */
    int client_error; /* of the last feed or output that was not well */
    int server_error;
    uint64_t client_bytes; /* that left the client */
    uint64_t server_bytes;
    size_t told_count;
    http_told told[HTTP_MOST];
    size_t asked_count;
    http_asked asked[HTTP_MOST];
} http_pair;

/* Aborts where something fails that a test did not ask to. allocator: NULL for malloc's. */
void http_pair_open(http_pair *p, rill_http_protocol protocol, const rill_allocator *allocator);
/* The same, with limits that the caller has set in p->limits. RILL_ERR_NOMEM leaves nothing. */
int http_pair_try(http_pair *p, rill_http_protocol protocol, const rill_allocator *allocator);
void http_pair_close(http_pair *p);

/* Gives one side's output to the other; false if there was none. */
bool http_pair_to_server(http_pair *p);
bool http_pair_to_client(http_pair *p);
/* Until nobody has anything to say. */
void http_pair_run(http_pair *p);

/* A POST to /packet with a body of len bytes of this value. */
int http_pair_post(http_pair *p, uint64_t outgoing_id, uint8_t value, size_t len, uint64_t *handle);
/* Answers with status and as many bytes of this value. */
int http_pair_answer(http_pair *p, uint64_t handle, unsigned status, uint8_t value, size_t len);

#endif
