/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routes of a connector: those of its configuration, and those that its neighbours tell, in the
 * table by which the hub forwards. It speaks with the neighbours by way of the hub.
 */
#ifndef RILL_CONNECTOR_ROUTING_H
#define RILL_CONNECTOR_ROUTING_H

#include "connector/speaker.h"
#include "node/hub.h"

/* How long an answer to what we say of routes is waited for. */
#define RILL_ROUTING_PATIENCE (10 * RILL_SECOND)

/* Bytes of what is saved of a route. */
#define RILL_ROUTING_VALUE (RILL_RIB_MAX_PATH + RILL_RIB_MAX_PROPS + 2048)
/* Routes that are named, of those that are missing after a start. */
#define RILL_ROUTING_NAMED 20

typedef struct rill_routing {
    rill_speaker speaker;
    rill_hub *hub; /* NULL: it is not open */
    rill_log log;
    int (*save)(void *user, const rill_store_route *route);
    rill_speaker_peer *(*peer_of)(void *user, rill_terms *terms);
    rill_speaker_peer *(*peer_at)(void *user, size_t index);
    void *user;
    size_t
        given; /* addresses of children that were in the hub's table alone; rill_rib.taken_over */
    bool opening; /* routes of the configuration are saved at its end, if the store has not had them
                   */
    bool restoring;
    bool touched;     /* what is known of some neighbour's table may have to be saved */
    unsigned missing; /* routes of the store that were named, and have not come back */
    uint8_t value[RILL_ROUTING_VALUE]; /* of the last route that was saved */
} rill_routing;

typedef struct rill_routing_options {
    const rill_allocator *allocator;
    rill_crypto *crypto;
    const rill_config *config;
    rill_hub *hub;
    rill_log log;
    /* What is known of a route is to be kept. The errors of rill_clerk_put_route. */
    int (*save)(void *user, const rill_store_route *route);
    /* The neighbour with these terms, which it was added with. */
    rill_speaker_peer *(*peer_of)(void *user, rill_terms *terms);
    /* All that are there, by numbers from 0 on; NULL: there is no such one. For rill_routing_next.
     */
    rill_speaker_peer *(*peer_at)(void *user, size_t index);
    void *user;
} rill_routing_options;

/* All that the options point at stays. RILL_ERR_NOMEM, RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_routing_open(rill_routing *r, const rill_routing_options *options);
/* Also of one that was not opened, and is all zero. */
void rill_routing_close(rill_routing *r);

/* What its configuration says of routes, now; p is zero at first. What config points at stays. */
void rill_routing_agree(rill_speaker_peer *p, const rill_config_account *config);
/*
 * A neighbour, of which rill_routing_agree has been told, with its terms, which the hub has, and
 * its address (of a child; else empty), which stay. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_routing_add(rill_routing *r, rill_speaker_peer *p, rill_bytes address,
                                     rill_terms *terms);
/*
 * Before rill_routing_agree tells another configuration of a neighbour that is there.
 * RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_routing_prepare(rill_routing *r, rill_speaker_peer *p,
                                         const rill_config_account *config);
/* It leaves: what it told is forgotten, and it is neither asked nor told any more. */
void rill_routing_part(rill_routing *r, rill_speaker_peer *p);
/* It is gone: nothing leads to it. */
void rill_routing_remove(rill_routing *r, rill_speaker_peer *p);
/* Another configuration, which all neighbours have been told of by rill_routing_agree. */
void rill_routing_change(rill_routing *r, const rill_config *config);
/*
 * A route of our own, which packets take at once: RILL_ROUTE_STATIC or RILL_ROUTE_CHILD. Most
 * addresses of children have no other way, and are told to nobody: such a one is in the hub's table
 * alone, until there is another way to it. The errors of rill_rib_add.
 */
RILL_MUST_CHECK int rill_routing_set(rill_routing *r, rill_speaker_peer *p, rill_route_kind kind,
                                     rill_bytes prefix);
/*
 * A static route leads to another neighbour. RILL_ERR_NOT_FOUND: there is none of the prefix, or
 * only the address of a child.
 */
RILL_MUST_CHECK int rill_routing_move(rill_routing *r, rill_speaker_peer *p, rill_bytes prefix);
/* It is gone. RILL_ERR_NOT_FOUND: there is none of this kind. */
RILL_MUST_CHECK int rill_routing_unset(rill_routing *r, rill_route_kind kind, rill_bytes prefix);

/*
 * What a store had, in its order, once all neighbours and routes of the configuration are there;
 * p is the account's, or NULL if there is none any more. What is missing is named in the log. And
 * then the end of it. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_routing_restore(rill_routing *r, rill_speaker_peer *p,
                                         const rill_store_route *route, rill_now now);
RILL_MUST_CHECK int rill_routing_restored(rill_routing *r);

/* As of rill_talk. */
int rill_routing_hear(rill_routing *r, rill_speaker_peer *p, bool update, rill_bytes data,
                      rill_now now, const char **problem);
void rill_routing_present(rill_routing *r, rill_speaker_peer *p, bool is, rill_now now);
void rill_routing_answered(rill_routing *r, rill_speaker_peer *p, uint64_t id, bool fulfilled,
                           rill_now now);

/* Sends what is to be sent now. */
void rill_routing_turn(rill_routing *r, rill_now now);
/* When it is wanted though nothing happens; 0: at once. */
uint64_t rill_routing_deadline(const rill_routing *r);

/* ---- looking ---- */

/* A way to a prefix, for people. */
typedef struct rill_routing_line {
    rill_bytes prefix;
    const char *account; /* NULL: this node itself */
    rill_route_kind kind;
    size_t hops; /* LEARNT: of its path */
    bool best;   /* packets take it */
    bool away;   /* its neighbour is not connected */
} rill_routing_line;

typedef struct rill_routing_cursor {
    size_t entry;
    const rill_rib_route *next;
    size_t peer;
} rill_routing_cursor;

/*
 * Each way once, those to the same prefix together, in no other order. Begin with a cursor of
 * zeros. Nothing may happen to the connector in between.
 */
bool rill_routing_next(const rill_routing *r, rill_routing_cursor *cursor, rill_routing_line *out);
/* Prefixes, also withdrawn ones. */
size_t rill_routing_count(const rill_routing *r);

#endif
