/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both ends of HTTP/2 (RFC 9113) have in common: a session of nghttp2 that takes its
 * memory from blocks, windows wide enough that no message waits for one, and limits on what a
 * peer may make us do for nothing.
 */
#ifndef RILL_HTTP_H2_H
#define RILL_HTTP_H2_H

#include <nghttp2/nghttp2.h>

#include "base/list.h"
#include "http/exchange.h"

/*
 * Frames that carry nothing cost patience, messages that are whole give some back: so many
 * frames for nothing end the connection. A reset costs more: a thousand of them in a row do.
 */
#define RILL_H2_PATIENCE   10000u
#define RILL_H2_RESET_COST 10u
#define RILL_H2_REWARD     20u

typedef struct rill_h2 {
    nghttp2_session *session;
    nghttp2_mem mem;
    rill_list held; /* the session's blocks */
    rill_blocks *blocks;
    const rill_http_limits *limits;
    uint64_t output; /* bytes of it that were given out */
    unsigned patience;
    size_t pending;    /* bytes that messages of the peer's hold */
    size_t unsent;     /* server: bytes of answers that are not sent, or not to their end */
    uint64_t bodies;   /* server: bytes of bodies that were sent, ever */
    size_t held_bytes; /* of the session's blocks */
    bool failed;       /* nothing is read any more */
    bool dead;         /* nothing is written either, and the session is not to be touched */
    const char *problem;
} rill_h2;

/* callbacks are nghttp2's, set but for what every end does the same way. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_h2_begin(rill_h2 *h, rill_blocks *blocks, const rill_http_limits *limits,
                                  nghttp2_session_callbacks *callbacks, bool server, void *user);
void rill_h2_end(rill_h2 *h);
/* RILL_ERR_CLOSED: nothing more is read. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_h2_feed(rill_h2 *h, const uint8_t *data, size_t len);
RILL_MUST_CHECK int rill_h2_output(rill_h2 *h, rill_bytes *out);
bool rill_h2_is_done(const rill_h2 *h);
/* The connection is of no use any more: says so to the peer. */
void rill_h2_fail(rill_h2 *h, uint32_t code, const char *problem);
/* A frame of the peer's begins. */
void rill_h2_count_frame(rill_h2 *h, const nghttp2_frame_hd *hd);
void rill_h2_reward(rill_h2 *h);

/* A header field of m, a pseudo one too. An nghttp2 error to return from its callback, or 0. */
int rill_h2_take_field(rill_h2 *h, rill_http_message *m, rill_bytes name, rill_bytes value);
/* Bytes of the body of m, likewise; the message says where they are too many. */
int rill_h2_take_body(rill_h2 *h, rill_http_message *m, const uint8_t *data, size_t len);
/* Its message holds nothing any more. */
void rill_h2_forget(rill_h2 *h, rill_http_message *m);

nghttp2_nv rill_h2_field(const char *name, rill_bytes value);
/* Fields behind the first `at`; returns how many there are then. */
size_t rill_h2_fields(nghttp2_nv *nva, size_t at, const rill_http_field *fields, size_t count);
/* nghttp2's data_source_read_callback for the body of an exchange, which is source->ptr. */
ssize_t rill_h2_read_body(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t length,
                          uint32_t *flags, nghttp2_data_source *source, void *user);

#endif
