/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node with accounts of its own has agreed with each, and the money that it keeps for them.
 * The node of `rilld local` has none of this: whoever comes gets an account, and there is no money.
 */
#ifndef RILL_NODE_TERMS_H
#define RILL_NODE_TERMS_H

#include <rill/ilp.h>
#include <rill/types.h>

#include "base/names.h"
#include "base/rate_limit.h"

struct rill_pace;
struct rill_account;

/* What is agreed with an account. Its owner's, who may change it between two packets. */
typedef struct rill_terms {
    /*
     * The hub's, from rill_hub_add until rill_hub_remove, and zero before. Most accounts of a node
     * may never come, so what sessions and packets need of one is made for its first session.
     */
    rill_name name;
    struct rill_account *account; /* NULL: it never had a session */
    uint32_t routes;              /* that lead to it */
    uint32_t max_sessions;        /* at once */
    uint64_t max_packet_amount;   /* units of a Prepare from the account */
    rill_rate_limit rate_limit;   /* of Prepares from it */
    /* What IL-DCP tells the account, if it is a child; address empty: it has none. */
    rill_bytes address;
    rill_bytes asset_code;
    uint8_t asset_scale;
    struct rill_pace *pace; /* further limits (pace.h); NULL: none */
    /* This node opens a link to it: it is there while that, or one that it opened, can be used. */
    bool linked;
} rill_terms;

typedef enum rill_money_verdict {
    RILL_MONEY_HELD,
    RILL_MONEY_NO_CREDIT,    /* T04: the source may not owe that much */
    RILL_MONEY_NO_ROOM,      /* T04: we may not owe the destination that much */
    RILL_MONEY_NO_PRICE,     /* F07: nobody knows what one asset is worth in the other */
    RILL_MONEY_OLD_PRICE,    /* T00: what was known is too old */
    RILL_MONEY_TOO_LARGE,    /* F03: more than 64 bits can say in the destination's asset */
    RILL_MONEY_CANNOT_BOOK,  /* T00: the books cannot be written */
    RILL_MONEY_NOT_AGREED,   /* T00: one of them is held in another asset by the neighbour */
    RILL_MONEY_NOT_IN_BOOKS, /* T00: one of the accounts is new, and not in the store yet */
    RILL_MONEY_OUT_OF_MEMORY /* T00 */
} rill_money_verdict;

/* What a packet that is out holds. All zero: nothing. */
typedef struct rill_money_hold {
    void *between;  /* the books' flow; NULL: nothing is held, or it is booked */
    uint64_t taken; /* from the source, in units of its asset */
    uint64_t given; /* to the destination, in units of its asset */
    uint64_t at_ns; /* when it was held: monotonic */
    uint32_t slot;  /* where the books list it; 0: nowhere */
} rill_money_hold;

/* A packet that was not fulfilled. What reject points at is good until the call returns. */
typedef struct rill_money_reject {
    rill_terms *source;
    rill_terms *destination; /* to which it was sent; NULL: it was not sent */
    const rill_reject *reject;
    uint64_t taken;      /* units of the source's asset that it would have taken */
    uint64_t given;      /* units of the destination's asset that were sent; 0: it was not */
    bool by_destination; /* rejected by that neighbour; false: by this node */
    bool limited;        /* above the source's packets a second */
} rill_money_reject;

/* Accounts and books, as the hub sees them. It asks on the packet path, so nothing here waits. */
typedef struct rill_money {
    /* Whose token is it? name may be empty. NULL: nobody's, or not of the account of this name. */
    rill_terms *(*identify)(void *user, rill_bytes name, rill_bytes token);
    /*
     * Reserves what a packet takes and gives; the amount that goes on is hold->given. expires_ms:
     * when it expires where it goes to.
     */
    rill_money_verdict (*hold)(void *user, rill_terms *source, rill_terms *destination,
                               uint64_t amount, uint64_t expires_ms, rill_now now,
                               rill_money_hold *hold);
    /* Rejected, expired, or never sent. */
    void (*release)(void *user, const rill_money_hold *hold);
    /*
     * Fulfilled. Returns the group that the booking is in; 0: the Fulfill may go on at once.
     * seen false: the source has left, or has given up its request, and will never see the Fulfill.
     */
    uint64_t (*commit)(void *user, const rill_money_hold *hold, bool seen, rill_now now);
    /* May be NULL. */
    void (*rejected)(void *user, const rill_money_reject *rejected, rill_now now);
    /*
     * A Fulfill came, and is a right one, of a packet that was rejected before: as too late, or as
     * the link by which it had left was gone. Nothing is booked of it here, while the destination
     * counts so many units as owed to it. Told of the last that were rejected so, as many as are
     * remembered (lates.h). Not NULL.
     */
    void (*late)(void *user, rill_terms *destination, uint64_t given, rill_now now);
    /*
     * No answer can come any more by the way that the packet took, before it has expired: the link
     * was lost, or what stands before the neighbour gave up. It is rejected, and the destination
     * may have fulfilled it. May be NULL.
     */
    void (*unanswered)(void *user, rill_terms *destination, uint64_t given);
    void *user;
} rill_money;

/* A packet, for who keeps a log of them. What it points at is good until the call returns. */
typedef struct rill_packet_view {
    rill_bytes destination;   /* where it goes; empty: it was malformed */
    const uint8_t *condition; /* [32]; NULL: it was malformed */
    uint64_t amount;          /* units that came */
    uint64_t sent;            /* units that go on; 0 of one that does not */
    uint64_t expires_ms;      /* as it came */
    rill_terms *from;         /* the account that it came from; `sent` alone has these two */
    rill_terms *to;           /* the account that it goes to */
} rill_packet_view;

/* What became of it. */
typedef struct rill_packet_end {
    rill_terms *source;
    rill_terms *destination;   /* the account that it was sent to; NULL: none */
    const rill_reject *reject; /* NULL: it was fulfilled */
    bool by_node;              /* rejected by this node, and not by the account */
    bool unseen;               /* the source has left, and is told nothing */
    /* Of one that was sent: */
    uint64_t begun_ns;        /* when it came: monotonic */
    uint64_t taken;           /* units that it was to take from the source */
    uint64_t given;           /* units that it was to bring */
    const uint8_t *condition; /* [32]; NULL: it was fulfilled, and is not remembered any more */
} rill_packet_end;

/*
 * A log of packets, as the hub sees it. It is told on the packet path, so nothing here waits. Who
 * sends more than its rate limit allows is not in it: else that would fill it.
 */
typedef struct rill_packet_notes {
    /* It goes on. A number, by which `over` knows it; 0: nothing is told of how it ends. */
    uint32_t (*sent)(void *user, const rill_packet_view *packet, rill_now now);
    void (*over)(void *user, uint32_t number, const rill_packet_end *end, rill_now now);
    /* It was never sent. */
    void (*refused)(void *user, const rill_packet_view *packet, const rill_packet_end *end,
                    rill_now now);
    void *user;
} rill_packet_notes;

/* How a question to a neighbour was answered. */
typedef struct rill_talk_answer {
    bool fulfilled;
    rill_ilp_code code; /* of a Reject, the neighbour's or our own; empty: nobody answered */
    rill_bytes data;
} rill_talk_answer;

/* What neighbours say to each other about routes (CCP) and settlement, as the hub sees it. */
typedef struct rill_talk {
    /*
     * Data of a Prepare to peer.route.update, or else to peer.route.control. *problem says what is
     * wrong, static. RILL_OK: it is fulfilled. RILL_ERR_MALFORMED, RILL_ERR_NOMEM.
     */
    int (*hear)(void *user, rill_terms *from, bool update, rill_bytes data, const char **problem);
    /* The account can be asked now, or not any more. */
    void (*present)(void *user, rill_terms *account, bool is);
    /*
     * What rill_hub_ask sent was fulfilled; or not, or nobody knows. What answer points at is good
     * until this returns.
     */
    void (*answered)(void *user, rill_terms *account, uint64_t id, const rill_talk_answer *answer);
    /*
     * Data of a Prepare to peer.settle (RFC 38), a message for a settlement engine. RILL_OK:
     * rill_hub_answer follows, with this ticket. RILL_ERR_NOT_FOUND: the account has no engine.
     * RILL_ERR_LIMIT: too many messages wait. RILL_ERR_NOMEM. NULL: no account has one.
     */
    int (*settle)(void *user, rill_terms *from, rill_bytes message, uint64_t ticket);
    void *user;
} rill_talk;

#endif
