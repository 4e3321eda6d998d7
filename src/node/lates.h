/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that were rejected because no answer had come in time, or because the link by which they
 * had left was gone. A Fulfill may still come: the neighbour has booked it, and these books have
 * not. The last of them are remembered, so that such a Fulfill is known for what it is. All storage
 * is taken when this is opened: nothing is allocated for a packet.
 */
#ifndef RILL_NODE_LATES_H
#define RILL_NODE_LATES_H

#include <rill/types.h>

struct rill_account;

/*
 * So many, of all accounts together: the oldest is forgotten for a new one. More than one account
 * may have open at a time by default, so that a neighbour that was silent for a while, and then
 * answers all of them, is understood. Memory is touched as it is used, 72 bytes each.
 */
#define RILL_LATES_MAX 32768

typedef struct rill_late {
    uint64_t outgoing_id; /* 0: forgotten */
    uint64_t given;       /* units of the account that it was sent to */
    /* That account. Only compared: it may be gone by now. */
    const struct rill_account *to;
    uint8_t condition[32];
    uint32_t next; /* in the chain of its id: a place and 1; 0: none */
    /* In the chain of its condition, the newest first, both ways. */
    uint32_t older;
    uint32_t newer;
} rill_late;

typedef struct rill_lates {
    const rill_allocator *allocator;
    uint64_t key[2];
    rill_late *ring;        /* NULL: nothing is remembered */
    uint32_t *chains;       /* by the id's hash: a place and 1; 0: none */
    uint32_t *by_condition; /* the same, by the condition's */
    uint32_t at;            /* the place that is written next */
    uint32_t used;          /* places that were ever written */
} rill_lates;

/* key: 16 random bytes. */
void rill_lates_init(rill_lates *l, const rill_allocator *allocator, const uint64_t key[2]);
/* It remembers from now on. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_lates_open(rill_lates *l);
void rill_lates_clear(rill_lates *l);
/* No other one that is remembered has this id, which is not 0. */
void rill_lates_remember(rill_lates *l, uint64_t outgoing_id, const struct rill_account *to,
                         const uint8_t condition[32], uint64_t given);
/* Good until the next call that changes something. NULL: it is not remembered. */
const rill_late *rill_lates_find(const rill_lates *l, uint64_t outgoing_id);
/*
 * The same for who knows no id: the newest with this condition that went to this account. NULL also
 * where many newer ones have the same condition and went elsewhere.
 */
const rill_late *rill_lates_find_condition(const rill_lates *l, const struct rill_account *to,
                                           const uint8_t condition[32]);
void rill_lates_forget(rill_lates *l, uint64_t outgoing_id);

#endif
