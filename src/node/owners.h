/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides which session of an account gets a packet, if the account has several. One session is
 * asked at a time: two that can both fulfil the packet would both be paid.
 *
 * The first is the session that took a packet of this destination last, or that was asked about
 * one and has not answered yet. If none is known, an order decides that depends on the destination
 * and the sessions alone, so that each packet of a connection goes the same way. A session that
 * says that the packet is not its own (F02, F06) has done nothing with it. Only then the next one
 * is asked.
 *
 * What is known is in a table of fixed size. A session that is forgotten is found again by the
 * order.
 */
#ifndef RILL_NODE_OWNERS_H
#define RILL_NODE_OWNERS_H

#include "node/accounts.h"
#include "node/pending.h"

#define RILL_OWNERS_SETS 4096u
#define RILL_OWNERS_WAYS 4u
/* Sessions of an account, at most: a bit each, of those that have been asked. */
#define RILL_OWNERS_PLACES 64u

typedef struct rill_owner {
    uint64_t destination; /* its hash; 0: none */
    uint32_t session;     /* rill_session.serial */
    bool asked;           /* it has not said yet that it is its own */
} rill_owner;

typedef struct rill_owners {
    const rill_allocator *allocator;
    uint64_t key[2];
    rill_owner *sets; /* RILL_OWNERS_SETS of RILL_OWNERS_WAYS, used last first; made when needed */
} rill_owners;

/* key: 16 random bytes. */
void rill_owners_init(rill_owners *o, const rill_allocator *allocator, const uint64_t key[2]);
void rill_owners_clear(rill_owners *o);

/* It is to be one of its account's sessions, and is none any more. now: monotonic nanoseconds. */
void rill_owners_comes(rill_account *account, rill_session *session);
void rill_owners_leaves(rill_account *account, rill_session *session, uint64_t now);
/*
 * One of several has left within the last ten seconds, and no other has come for it: that all
 * others say F02 of a packet does not mean that it is nobody's. It may be started again.
 */
bool rill_owners_miss_one(rill_account *account, uint64_t now);

/*
 * Begins a packet's way among the sessions of an account. except (NULL: none) is
 * not asked; source is asked first (NULL: whoever it belongs to).
 */
void rill_owners_begin(rill_owners *o, rill_turn *turn, rill_bytes destination,
                       const rill_session *except, const rill_session *source);
/*
 * The session to ask now. Each is asked once. At the end the one whose answer says most is asked
 * again, if it was not the last one. NULL: all have been asked.
 */
rill_session *rill_owners_next(rill_owners *o, const rill_account *account, rill_turn *turn);
/* The session that was asked last; NULL: it is gone. */
rill_session *rill_owners_asked(const rill_account *account, const rill_turn *turn);

/* It said that the packet is not its own; word: with data, in which its sender can read why. */
void rill_owners_not_his(rill_owners *o, rill_turn *turn, rill_session *session, bool word);
/*
 * It has taken the packet: the next ones of that destination are its own. True, once: another
 * session of the account has taken as many as it, and neither ever refused one. So both are
 * servers of one secret.
 */
bool rill_owners_took(rill_owners *o, const rill_account *account, const rill_turn *turn,
                      rill_session *session);

#endif
