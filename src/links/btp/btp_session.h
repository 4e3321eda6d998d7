/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BTP between two who know each other: requests and replies, the same on both
 * sides. A client link keeps its session over reconnections; each connection
 * of it has another generation.
 */
#ifndef RILL_LINKS_BTP_SESSION_H
#define RILL_LINKS_BTP_SESSION_H

#include "base/map.h"
#include "link/link_impl.h"
#include "ws/websocket.h"

/* How long a reply is waited for, at least. */
#define RILL_BTP_REQUEST_TIMEOUT (35 * RILL_SECOND)
#define RILL_BTP_MAX_REQUESTS    10000
/* How long one may be waited for: so often twice as long as the shortest, 75 minutes at last. */
#define RILL_BTP_WAITS 8

typedef struct rill_btp_session {
    rill_link link; /* first */
    rill_ws *ws;    /* NULL while there is none */
    bool up;
    bool early;          /* our authentication was sent: requests may follow it */
    bool blocked;        /* the owner waits for `writable` */
    bool complained;     /* about one malformed frame; further ones are not worth a line */
    uint32_t generation; /* below 2^24: RILL_LINK_REQUEST_BITS */
    uint32_t next_id;
    uint32_t max_requests;
    uint32_t incoming;        /* requests of the neighbour that are not answered */
    uint64_t request_timeout; /* RILL_BTP_REQUEST_TIMEOUT, but in tests */
    rill_map open;            /* our requests, by id */
    /* The same, oldest first: in each list those that wait twice as long as in the one before. */
    rill_list waiting[RILL_BTP_WAITS];
    rill_list spare;  /* for the next ones */
    uv_timer_t timer; /* of the request whose time is over first */
    uint64_t due;     /* when it fires: monotonic; where it is active */
    /* A line about the neighbour, after its name; may be NULL. */
    void (*log)(struct rill_btp_session *s, const char *what);
} rill_btp_session;

/* Zeroed memory becomes a session without a connection. RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_btp_session_init(rill_btp_session *s, rill_loop *loop,
                                          uint32_t max_requests);
/* Authentication has been sent on ws: until early is cleared, requests can follow it. */
void rill_btp_session_early(rill_btp_session *s, rill_ws *ws);
/* ws is authenticated. Reports nothing. */
void rill_btp_session_start(rill_btp_session *s, rill_ws *ws);
/*
 * Lets go of the connection and reports open requests unanswered. The caller
 * has closed it, and with that decided whether what waits is still written.
 */
void rill_btp_session_stop(rill_btp_session *s, int error);
/* Frees all but s itself, after stop. closed(&s->timer) follows. */
void rill_btp_session_close(rill_btp_session *s, uv_close_cb closed);
/* A frame that came. RILL_ERR_PROTOCOL: the connection must end. */
RILL_MUST_CHECK int rill_btp_session_frame(rill_btp_session *s, const uint8_t *data, size_t len);
void rill_btp_session_drained(rill_btp_session *s);

/* For rill_link_ops. */
bool rill_btp_session_is_up(const rill_link *l);
int rill_btp_session_send(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len);
int rill_btp_session_send_parts(rill_link *l, uint64_t outgoing_id, const rill_bytes *parts,
                                size_t count);
int rill_btp_session_reply(rill_link *l, uint64_t request, const uint8_t *packet, size_t len);
bool rill_btp_session_waits(const rill_link *l, uint64_t request);
bool rill_btp_session_is_busy(const rill_link *l);
int rill_btp_session_send_message(rill_link *l, uint64_t outgoing_id, const rill_message *message);
int rill_btp_session_reply_message(rill_link *l, uint64_t request, const rill_message *reply,
                                   const char *refusal);

#endif
