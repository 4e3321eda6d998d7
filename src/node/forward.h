/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a Prepare, and of its answer. The node's own rejects:
 *
 * | code | when |
 * |---|---|
 * | F00 | the packet is malformed |
 * | F01 | not a Prepare; an unknown or wrong peer.* request; the node's own address without echo |
 * | F02 | no route, no such account; nobody but the sender's own session at the destination |
 * | F05 | the fulfillment does not match the condition |
 * | F03 | more than 64 bits can say in the destination's asset |
 * | F07 | no price between the two assets |
 * | F08 | above the maximum packet amount; data: what came, and the maximum |
 * | T00 | out of memory; no price that is new enough; the books cannot be written |
 * | T00 | one of the two accounts is new, and not in the books yet |
 * | T01 | the account is not connected, left before it answered, or gave no ILP packet |
 * | T01 | all sessions of the account say F02, but one has just left (owners.h) |
 * | T03 | the destination does not read; too many requests are open; the node is stopping |
 * | T04 | the source may not owe that much, or the node may not owe the destination that much |
 * | T05 | above the account's rate limit |
 * | R00 | expired, before it came or while it waited |
 * | R02 | too little time is left to forward it |
 *
 * A BTP ERROR and an empty RESPONSE are no ILP packets (T01). Too many are open, too, where too
 * much is kept for the other sessions of an account. T03 and not T04: senders answer that with
 * smaller amounts, which would not help.
 */
#ifndef RILL_NODE_FORWARD_H
#define RILL_NODE_FORWARD_H

#include <rill/ilp.h>

#include "node/accounts.h"
#include "node/hub.h"
#include "node/lates.h"
#include "node/outgoing.h"
#include "node/owners.h"
#include "node/pending.h"
#include "node/routes.h"
#include "node/session.h"

typedef struct rill_forwarder {
    const rill_hub_options *options; /* the node's, as are the next four */
    rill_bytes address;
    rill_accounts *accounts;
    const rill_routes *routes;
    rill_crypto *crypto;
    rill_pendings pendings;
    rill_owners owners;
    rill_lates lates;         /* where there is money */
    uint64_t armed;           /* the deadline that `wake` was last called with */
    uint64_t returning_until; /* monotonic ns: accounts may not have come back yet */
    uint64_t heard_at;        /* monotonic ns: when a Prepare came last; 0: never */
    bool draining;
    bool drained; /* ... and it has been said */
    rill_rewriter rewriter;
} rill_forwarder;

/*
 * All but pendings, owners and lates is set by the caller. key: 16 random bytes. Late Fulfills are
 * not told before rill_lates_open.
 */
void rill_forward_init(rill_forwarder *f, const uint64_t key[2]);
void rill_forward_clear(rill_forwarder *f);

void rill_forward_prepare(rill_forwarder *f, rill_session *from, uint64_t request,
                          rill_bytes packet);
/* As rill_hub_ask. */
RILL_MUST_CHECK int rill_forward_own(rill_forwarder *f, rill_account *to,
                                     const rill_prepare *prepare, uint64_t wait, uint64_t id);
/* As rill_hub_answer. */
void rill_forward_answer(rill_forwarder *f, uint64_t ticket, const rill_talk_answer *told,
                         const char *message);
/*
 * by: whose answer it is. One that is not waited for any more is ignored, but for a Fulfill of a
 * packet that was rejected as too late, as its link was lost, or as this node was stopping: that is
 * told (terms.h).
 */
void rill_forward_reply(rill_forwarder *f, rill_session *by, uint64_t outgoing_id,
                        const uint8_t *packet, size_t len);
/*
 * A packet came as an answer by that session, and its link knows of no question to it. A Fulfill of
 * a packet that this account had and that was rejected here is told, as above.
 */
void rill_forward_stray(rill_forwarder *f, const rill_session *by, const uint8_t *packet,
                        size_t len);
/* error and sent: as rill_link_handlers tells them. */
void rill_forward_unanswered(rill_forwarder *f, rill_session *by, uint64_t outgoing_id, int error,
                             bool sent);
/* Its requests need no answer any more. */
void rill_forward_source_gone(rill_forwarder *f, rill_session *source);
void rill_forward_expire(rill_forwarder *f);
/* The books are kept up to this group: what waited for it is passed on. */
void rill_forward_kept(rill_forwarder *f, uint64_t group);
/* Rejects all that is open. */
void rill_forward_abandon(rill_forwarder *f);
void rill_forward_drain(rill_forwarder *f);

#endif
