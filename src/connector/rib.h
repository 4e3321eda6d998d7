/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which ways a connector knows to which prefixes: those of its configuration, and those that its
 * neighbours have told it. Of each prefix one way is the best, which packets take; the log says
 * which prefixes have changed since when, for those who are told (connector/speaker.h).
 *
 * There is one entry for a prefix, with the epoch of its last change. One to which no way leads any
 * more stays until everybody has been told.
 *
 * Which way is the best? What the configuration says; else a child's; else the shortest. So a way
 * never becomes better by going through somebody else, and routes of many connectors come to rest.
 */
#ifndef RILL_CONNECTOR_RIB_H
#define RILL_CONNECTOR_RIB_H

#include <rill/error.h>

#include "base/list.h"
#include "base/names.h"
#include "connector/config.h"
#include "crypto/crypto.h"
#include "ilp/ccp.h"

/* Bytes of a path, and of what else a route says: a longer one is not taken. */
#define RILL_RIB_MAX_PATH  8192
#define RILL_RIB_MAX_PROPS 4096
/* Withdrawn prefixes that are kept for neighbours who are away. */
#define RILL_RIB_MOST_WITHDRAWN 10000

/* A neighbour that packets can go to. What is below `current`, and given_up, is the rib's. */
typedef struct rill_via {
    const char *name;
    rill_bytes address; /* of a child; else empty */
    rill_relation relation;
    bool away;  /* not connected: its ways count less */
    bool quiet; /* nobody is told of ways to it that are ours */
    bool purge;
    bool given_up;    /* some of its ways have been dropped since it was away: ask for all again */
    uint32_t current; /* its table: ways of another one go with the next sweep, if `purge` */
    uint32_t wave;
    rill_list routes; /* rill_rib_route.of_via; those that wait for the sweep first */
    size_t count;
    rill_list sweeping; /* in rill_rib.sweeping */
} rill_via;

typedef enum rill_route_kind {
    RILL_ROUTE_LEARNT,
    RILL_ROUTE_STATIC, /* of the configuration */
    RILL_ROUTE_CHILD,  /* an address that we gave */
    RILL_ROUTE_OWN,    /* our own address */
} rill_route_kind;

typedef struct rill_rib_entry rill_rib_entry;

/* What a neighbour says of a way. */
typedef struct rill_rib_words {
    rill_ccp_route told; /* prefix is the entry's */
    uint8_t auth[RILL_CCP_AUTH_LEN];
} rill_rib_words;

/* A way to a prefix. */
typedef struct rill_rib_route {
    struct rill_rib_route *next; /* to the same prefix */
    rill_rib_entry *entry;
    rill_via *via; /* NULL: ourselves */
    rill_list of_via;
    rill_route_kind kind;
    bool kept;      /* STATIC: a store has it; for the owner */
    uint32_t table; /* rill_via.current when it was told */
    uint32_t wave;
    uint64_t serial;        /* another one whenever it says something else */
    rill_rib_words words[]; /* LEARNT: one, and the bytes of path and props after it; else none */
} rill_rib_route;

struct rill_rib_entry {
    rill_name name;         /* the prefix */
    rill_rib_route *routes; /* all that are known */
    rill_rib_route *best;   /* NULL: none */
    rill_via *applied;      /* where packets go; NULL: nowhere */
    uint64_t serial;        /* of the way that the log tells */
    uint32_t epoch;         /* of its last change, if it is in the log */
    bool logged;
    bool told;       /* what the log tells is a way; false: it is withdrawn */
    rill_list dirty; /* in rill_rib.dirty */
    uint8_t prefix[];
};

typedef struct rill_rib_slot {
    uint32_t epoch;
    rill_rib_entry *entry; /* NULL: it has changed again since */
} rill_rib_slot;

typedef struct rill_rib_options {
    const rill_allocator *allocator;
    rill_bytes address;    /* our own; stays */
    rill_crypto *crypto;   /* stays, as does the next */
    const uint8_t *secret; /* 32 bytes, from which the auth of our own routes comes */
    uint64_t key[2];       /* random */
    /*
     * Packets to the prefix go by this neighbour now; NULL: by none, which cannot fail.
     * RILL_ERR_NOMEM: the way that was there stays, and this is tried again.
     */
    int (*apply)(void *user, rill_bytes prefix, rill_via *via);
    /*
     * A child that was given this prefix as its address, to which packets go though no way to it
     * was added (rill_rib_add): asked for when there is another one, and then added. May be NULL,
     * and return it.
     */
    rill_via *(*given)(void *user, rill_bytes prefix);
    /* A neighbour has told or withdrawn (NULL) a way: to be kept. May be NULL. */
    void (*learnt)(void *user, rill_via *via, rill_bytes prefix, const rill_ccp_route *route);
    void *user;
} rill_rib_options;

typedef struct rill_rib {
    rill_rib_options options;
    rill_bytes global; /* the first segment of our address: what is not below it is not told */
    rill_names names;
    rill_list dirty;    /* entries that are to be looked at again, oldest first */
    rill_list sweeping; /* neighbours whose ways are to be looked at again */
    rill_rib_slot *log; /* in the order of epochs */
    size_t log_count;
    size_t log_cap;
    size_t dead;        /* slots without an entry */
    size_t withdrawn;   /* entries of the log that are */
    uint32_t epoch;     /* of the next change */
    uint32_t forgotten; /* withdrawals before this one may be missing in the log */
    uint64_t serial;
    size_t taken_over; /* ways that were added since somebody was given their prefix */
} rill_rib;

/* Allocates nothing. */
void rill_rib_init(rill_rib *r, const rill_rib_options *options);
/* Applies nothing. */
void rill_rib_clear(rill_rib *r);

/* address: of a child, else empty. All of it stays. */
void rill_via_init(rill_via *via, const char *name, rill_relation relation, rill_bytes address);

/*
 * A way of our own: packets to the prefix go by this neighbour (NULL: kind OWN). RILL_ERR_EXISTS:
 * there is one for the prefix; RILL_ERR_ADDRESS, RILL_ERR_LIMIT (as of rill_routes_add),
 * RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_rib_add(rill_rib *r, rill_via *via, rill_route_kind kind,
                                 rill_bytes prefix);
/* It is by another neighbour now. RILL_ERR_NOT_FOUND: there is none of this kind. */
RILL_MUST_CHECK int rill_rib_move(rill_rib *r, rill_via *via, rill_route_kind kind,
                                  rill_bytes prefix);
/* Takes it out again. RILL_ERR_NOT_FOUND: there is none of this kind. */
RILL_MUST_CHECK int rill_rib_remove(rill_rib *r, rill_route_kind kind, rill_bytes prefix);
/*
 * A way that a neighbour tells. May it be believed? If not, what it told of the prefix before is
 * dropped, and this returns RILL_OK, with *taken false. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_rib_learn(rill_rib *r, rill_via *via, const rill_ccp_route *route,
                                   bool *taken);
/* The neighbour has no way to the prefix any more. */
void rill_rib_unlearn(rill_rib *r, rill_via *via, rill_bytes prefix);
/* Looks again at all ways of a neighbour, whose members have changed; rill_rib_settle does it. */
void rill_rib_sweep(rill_rib *r, rill_via *via);
/* Takes out all of its ways, also those of our own, and applies that: it may go then. */
void rill_rib_forget(rill_rib *r, rill_via *via);

/*
 * Looks at what has changed, at most so many prefixes, so that nobody waits for long.
 * RILL_ERR_LIMIT: there is more to do. RILL_ERR_NOMEM: to be tried again later.
 */
RILL_MUST_CHECK int rill_rib_settle(rill_rib *r, size_t most);
bool rill_rib_is_settled(const rill_rib *r);

/*
 * All neighbours that are told have been told up to this epoch. The oldest withdrawals before it
 * may go, except `keep` of them. A neighbour that comes back and knows less than
 * rill_rib.forgotten has to be told everything again.
 */
void rill_rib_told(rill_rib *r, uint32_t epoch, size_t keep);
/* ---- looking ---- */

const rill_rib_entry *rill_rib_find(const rill_rib *r, rill_bytes prefix);
/* Each once, in no order: start with *cursor 0; NULL at the end. */
const rill_rib_entry *rill_rib_next(const rill_rib *r, size_t *cursor);
/* Prefixes, also withdrawn ones. */
size_t rill_rib_count(const rill_rib *r);

#endif
