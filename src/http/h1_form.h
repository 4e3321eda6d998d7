/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form of HTTP/1.1 (RFC 9112), as strict as it can be: what two readers could understand in
 * two ways is refused before the parser sees it. Line ends are CR LF alone, no line is folded,
 * no blank stands before a colon, there is one way to say how long a body is, and it is said
 * once. It reads the same bytes as the parser and by itself, so that the two can be compared.
 */
#ifndef RILL_HTTP_H1_FORM_H
#define RILL_HTTP_H1_FORM_H

#include "http/message.h"

typedef enum rill_h1_framing {
    RILL_H1_NO_BODY,
    RILL_H1_LENGTH,
    RILL_H1_CHUNKED,
    RILL_H1_TO_END /* of the connection: a response without a length */
} rill_h1_framing;

typedef struct rill_h1_form {
    bool response;
    bool to_head;   /* a response to HEAD, which says how long a body is that does not come */
    unsigned minor; /* of HTTP/1.minor */
    unsigned status;
    rill_bytes method;
    rill_bytes target;
    rill_h1_framing framing;
    uint64_t length; /* with LENGTH: not 0 */
    bool keep_alive;
    bool upgrade;         /* asks for another protocol on this connection */
    bool expect_continue; /* the body comes when it is told that it may */
    size_t count;
    rill_http_field fields[RILL_HTTP_MAX_FIELDS];
    /* Of a refusal: the status to answer with, and what is wrong, static. */
    unsigned refusal;
    const char *problem;
} rill_h1_form;

/*
 * Looks for the end of a head in data[len], of which *seen bytes were looked at before.
 * RILL_OK: *end is its length, with the empty line. RILL_ERR_BLOCKED: not yet.
 * RILL_ERR_MALFORMED: a line feed without its carriage return.
 */
RILL_MUST_CHECK int rill_h1_head_end(const uint8_t *data, size_t len, size_t *seen, size_t *end);

/*
 * Reads a whole head, response and to_head being set. What it finds points into data.
 * RILL_ERR_MALFORMED, RILL_ERR_UNSUPPORTED, RILL_ERR_TOO_LARGE (fields): refusal and problem.
 */
RILL_MUST_CHECK int rill_h1_form_read(rill_h1_form *f, const uint8_t *data, size_t len);

/* The chunked coding: sizes and line ends. No extensions and no trailers are taken. */
typedef struct rill_h1_chunks {
    unsigned state;
    unsigned digits;
    uint64_t left;  /* of the chunk */
    uint64_t total; /* bytes of body so far */
} rill_h1_chunks;

/*
 * Zeroed at first. RILL_OK: the body ends after *used of these bytes. RILL_ERR_BLOCKED: all of
 * them belong to it. RILL_ERR_MALFORMED.
 */
RILL_MUST_CHECK int rill_h1_chunks_read(rill_h1_chunks *c, const uint8_t *data, size_t len,
                                        size_t *used);

#endif
