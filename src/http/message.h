/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request or a response that has come, whichever version of HTTP brought it, and the limits
 * for one. Its text lies in one block and its body in another; both are given back when it ends.
 */
#ifndef RILL_HTTP_MESSAGE_H
#define RILL_HTTP_MESSAGE_H

#include <rill/error.h>

#include "http/blocks.h"

#define RILL_HTTP_MAX_FIELDS 64 /* header fields of one message */

/* rill_http_limits_init sets the numbers in brackets. */
typedef struct rill_http_limits {
    size_t max_head;      /* bytes of the header fields of a message, and its first line [16384] */
    size_t max_body;      /* bytes of a message's body [65536] */
    uint32_t max_streams; /* requests that are open at a time on one connection of HTTP/2 [1024] */
    size_t max_pending;   /* bytes of all requests that are open on one connection [8 MiB] */
} rill_http_limits;

void rill_http_limits_init(rill_http_limits *l);

typedef struct rill_http_span {
    uint32_t at; /* in the message's text */
    uint32_t len;
} rill_http_span;

/* Of what comes, and of what is sent. */
typedef struct rill_http_field {
    rill_bytes name; /* of what is sent: lower case */
    rill_bytes value;
} rill_http_field;

typedef struct rill_http_message {
    rill_blocks *blocks;
    const rill_http_limits *limits;
    unsigned status;  /* of a response; 0: a request */
    unsigned version; /* 10, 11 or 20 */
    bool overflown;   /* a limit was reached: fields or text were left out */
    bool too_large;   /* the body was */
    rill_http_span method;
    rill_http_span path; /* with the query */
    rill_http_span authority;
    size_t field_count;
    size_t listed; /* what HTTP/2 counts of the fields: their bytes and 32 for each */
    size_t text_len;
    size_t body_len;
    uint8_t *text; /* a block, or NULL */
    uint8_t *body; /* a block, or NULL */
    struct {
        rill_http_span name;
        rill_http_span value;
    } fields[RILL_HTTP_MAX_FIELDS];
} rill_http_message;

/* ---- for who reads one ---- */

rill_bytes rill_http_text(const rill_http_message *m, rill_http_span span);
/*
 * The value of a header field; name in lower case, its case in the message does not matter.
 * RILL_ERR_NOT_FOUND; RILL_ERR_EXISTS: there are several, and *value is the first.
 */
RILL_MUST_CHECK int rill_http_find(const rill_http_message *m, const char *name, rill_bytes *value);
/* The value without a parameter (";") and blanks is this word, in any case. */
bool rill_http_value_is(rill_bytes value, const char *word);
/* A comma-separated list has this word, in any case. */
bool rill_http_list_has(rill_bytes list, const char *word);
bool rill_http_same(rill_bytes a, const char *b);        /* byte for byte */
bool rill_http_same_nocase(rill_bytes a, const char *b); /* ASCII in any case */

/* ---- for who makes one ---- */

void rill_http_message_init(rill_http_message *m, rill_blocks *blocks,
                            const rill_http_limits *limits);
/* Gives its blocks back. */
void rill_http_message_clear(rill_http_message *m);
/* How many bytes it holds. */
size_t rill_http_message_held(const rill_http_message *m);
/* Each copies. RILL_ERR_NOMEM; RILL_ERR_TOO_LARGE: overflown or too_large is set then. */
RILL_MUST_CHECK int rill_http_add_text(rill_http_message *m, rill_bytes text, rill_http_span *span);
RILL_MUST_CHECK int rill_http_add_field(rill_http_message *m, rill_bytes name, rill_bytes value);
RILL_MUST_CHECK int rill_http_add_body(rill_http_message *m, const uint8_t *data, size_t len);
/* So many bytes of body will come: room for them at once. RILL_ERR_NOMEM, RILL_ERR_TOO_LARGE. */
RILL_MUST_CHECK int rill_http_expect_body(rill_http_message *m, uint64_t len);

#endif
