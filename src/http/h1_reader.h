/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of HTTP/1.1, one after the other, from bytes in pieces of any size: their form is
 * checked (h1_form.h), a parser reads them (h1_engine.h), and where the two do not agree the
 * message is refused.
 */
#ifndef RILL_HTTP_H1_READER_H
#define RILL_HTTP_H1_READER_H

#include "http/h1_engine.h"

typedef struct rill_h1_reader {
    const rill_h1_engine *engine;
    rill_blocks *blocks;
    const rill_http_limits *limits;
    uint8_t *head; /* a block with a part of a head; or NULL */
    size_t head_len;
    size_t seen;
    rill_h1_state state;
    rill_h1_chunks chunks;
    uint64_t left; /* of a body whose length is known */
    bool response;
    bool to_head; /* the next message is a response to HEAD */
    bool in_body;
    /* The head of a request for another protocol becomes the body of its message. */
    bool keep_raw;
    /* Of the message that is being read, once its head has come. */
    rill_h1_framing framing;
    unsigned minor;
    bool keep_alive;
    bool upgrade;
    bool expect_continue;
    /* After a refusal: the status to answer with, and what is wrong, static. */
    unsigned refusal;
    const char *problem;
} rill_h1_reader;

void rill_h1_reader_init(rill_h1_reader *r, const rill_h1_engine *engine, rill_blocks *blocks,
                         const rill_http_limits *limits, bool response);
void rill_h1_reader_clear(rill_h1_reader *r);

/*
 * Reads on in the message *m, which is empty where a new one begins. *used bytes of data are
 * done with. RILL_OK: it is whole. RILL_ERR_BLOCKED: all were taken, and more must come.
 * RILL_ERR_NOMEM. Else nothing after it can be read: RILL_ERR_MALFORMED,
 * RILL_ERR_UNSUPPORTED, RILL_ERR_TOO_LARGE.
 */
RILL_MUST_CHECK int rill_h1_reader_feed(rill_h1_reader *r, rill_http_message *m,
                                        const uint8_t *data, size_t len, size_t *used);
/* The connection has ended. RILL_OK: that was the end of the message as well. */
RILL_MUST_CHECK int rill_h1_reader_end(rill_h1_reader *r);
/* In the middle of a message. */
bool rill_h1_reader_is_amid(const rill_h1_reader *r);
/* Its head has come, and its body has not. */
bool rill_h1_reader_has_head(const rill_h1_reader *r);

#endif
