/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CCP: the messages by which connectors tell each other routes. No RFC has them; this is what
 * ilp-connector and interledger-rs send. Each is the data of a Prepare to peer.route.control or
 * peer.route.update (ilp/peer.h).
 *
 * A connector keeps a log of its routes; each change has an epoch, 0, 1 and so on. Who wants to be
 * told asks with a control message, and says what it knows: which table, up to which epoch. Updates
 * bring what has changed from one epoch to another.
 */
#ifndef RILL_ILP_CCP_H
#define RILL_ILP_CCP_H

#include <rill/ilp.h>

#include "base/cursor.h"

#define RILL_CCP_TABLE_LEN 16
#define RILL_CCP_AUTH_LEN  32
/* Hops of a path: more is no route that anybody wants. */
#define RILL_CCP_MAX_PATH 64

typedef enum rill_ccp_mode {
    RILL_CCP_IDLE = 0, /* send no updates */
    RILL_CCP_SYNC = 1, /* send updates, from what I know on */
} rill_ccp_mode;

typedef struct rill_ccp_control {
    rill_ccp_mode mode;
    uint8_t table[RILL_CCP_TABLE_LEN]; /* the table that the sender knows; zeros: none */
    uint32_t epoch;                    /* up to which it knows it */
} rill_ccp_control;

/* RILL_ERR_TRUNCATED, RILL_ERR_MALFORMED, RILL_ERR_TOO_LARGE. Features are passed over. */
RILL_MUST_CHECK int rill_ccp_control_decode(rill_ccp_control *out, rill_bytes data);
/* Without features. RILL_ERR_BUFFER. */
RILL_MUST_CHECK int rill_ccp_control_encode(const rill_ccp_control *control, uint8_t *buf,
                                            size_t cap, size_t *len);

/* A route of an update. Borrows from it. */
typedef struct rill_ccp_route {
    rill_bytes prefix;
    size_t hops;
    rill_bytes path; /* the hops as they stand there: rill_ccp_next_address */
    const uint8_t *auth;
    rill_bytes props; /* as they stand there */
    uint64_t prop_count;
} rill_ccp_route;

typedef struct rill_ccp_update {
    uint8_t table[RILL_CCP_TABLE_LEN];
    uint32_t current_epoch; /* the newest that the sender has */
    uint32_t from_epoch;    /* this is what changed from here... */
    uint32_t to_epoch;      /* ...to before here */
    uint32_t hold_down_ms;  /* without a word for so long, all routes are gone */
    rill_bytes speaker;     /* the sender's address */
    uint64_t route_count;
    rill_bytes routes; /* as they stand there: rill_ccp_next_route */
    uint64_t withdrawn_count;
    rill_bytes withdrawn; /* as they stand there: rill_ccp_next_address gives each prefix */
} rill_ccp_update;

/*
 * Checks all of it: what follows from it cannot fail. Prefixes and hops are ILP addresses or
 * prefixes of such. RILL_ERR_TRUNCATED, RILL_ERR_MALFORMED, RILL_ERR_TOO_LARGE, RILL_ERR_ADDRESS.
 */
RILL_MUST_CHECK int rill_ccp_update_decode(rill_ccp_update *out, rill_bytes data);
/* One route after the other, from update->routes. False: there is none left. */
bool rill_ccp_next_route(rill_reader *routes, rill_ccp_route *out);
/* One address after the other, from a path or from update->withdrawn. */
bool rill_ccp_next_address(rill_reader *addresses, rill_bytes *out);

/* ---- writing an update ---- */

/* All but the routes and what is withdrawn. The writer's `failed` says if there was no room. */
void rill_ccp_update_begin(rill_writer *w, const rill_ccp_update *update);
/*
 * update->route_count times: a route whose path is `first` (empty: nothing) and then the hops of
 * route->path. Props go on as they came.
 */
void rill_ccp_put_route(rill_writer *w, rill_bytes first, const rill_ccp_route *route);
/* Once, and then update->withdrawn_count times rill_ccp_put_withdrawn. */
void rill_ccp_begin_withdrawn(rill_writer *w, uint64_t count);
void rill_ccp_put_withdrawn(rill_writer *w, rill_bytes prefix);

#endif
