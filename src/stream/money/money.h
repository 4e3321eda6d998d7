/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The money that a stream sends, by where it is. Every unit of its send max is in exactly one
 * place, and each function below moves units from one place to another: no other code does.
 *
 *     free --hold--> away --commit--> sent
 *       ^             |  \
 *       +--release----+   doubt --> late --expire--> lost --resolve--> sent, free or abandoned
 *
 * A connection keeps the sums of all its streams beside it, which change with them. Amounts
 * are in our units, but for those that say that they are in the other side's.
 */
#ifndef RILL_STREAM_MONEY_H
#define RILL_STREAM_MONEY_H

#include "base/sum.h"
#include <rill/types.h>

/* All zero at first: nothing may be sent. */
typedef struct rill_money {
    uint64_t free;      /* may be sent */
    uint64_t away;      /* in packets whose reply may still come */
    uint64_t late;      /* in packets that no reply can come to, and that have not expired */
    uint64_t lost;      /* in packets that have expired: the receiver is to be asked */
    uint64_t abandoned; /* so too, but nobody will tell any more */
    uint64_t sent;      /* fulfilled, or told by the receiver to have arrived */
    uint64_t delivered; /* other side's units, of what was sent; UINT64_MAX: that or more */
    uint64_t expected;  /* other side's units, of what is away, late and lost */
} rill_money;

/* Of all streams that a connection ever had. */
typedef struct rill_money_sums {
    rill_sum held;
    rill_sum in_doubt;
    uint64_t sent;      /* UINT64_MAX: that or more; so is delivered */
    uint64_t delivered; /* other side's units */
} rill_money_sums;

/* What the receiver's word tells of all that is lost of a stream; the rest is abandoned. */
typedef struct rill_money_word {
    uint64_t sent;
    uint64_t unsent;
    uint64_t delivered; /* other side's units */
    uint64_t expected;  /* other side's units: of all that was lost, as it was held with */
} rill_money_word;

/* No reply can come any more. */
static inline uint64_t rill_money_in_doubt(const rill_money *m)
{
    return m->late + m->lost + m->abandoned;
}

/* Neither sent nor free: it may have arrived. */
static inline uint64_t rill_money_held(const rill_money *m)
{
    return m->away + rill_money_in_doubt(m);
}

/* Held, and it will be known some time what became of it. */
static inline uint64_t rill_money_open(const rill_money *m)
{
    return m->away + m->late + m->lost;
}

/* What is sent and held cannot be taken back: send max is never less. */
static inline uint64_t rill_money_committed(const rill_money *m)
{
    return m->sent + rill_money_held(m);
}

/* The sum of all places: what is under way in all, and may be sent still, and was. */
static inline uint64_t rill_money_max(const rill_money *m)
{
    return m->free + rill_money_committed(m);
}

/* Some of what is held by a connection's streams may still be answered. */
static inline bool rill_money_awaits_reply(const rill_money_sums *all)
{
    return !rill_sum_equal(&all->held, &all->in_doubt);
}

/* max: not less than rill_money_committed. */
void rill_money_set_max(rill_money *m, uint64_t max);
/* What is free is not sent any more. */
void rill_money_forgo(rill_money *m);
/*
 * amount, of what is free, leaves in a packet, and is to bring expected units of the other side.
 * Returns what counts of those, for the calls that follow: a peer may claim any rate, and the
 * sum of what is expected has 64 bits.
 */
RILL_MUST_CHECK uint64_t rill_money_hold(rill_money *m, rill_money_sums *all, uint64_t amount,
                                         uint64_t expected);
/* It has not been taken. */
void rill_money_release(rill_money *m, rill_money_sums *all, uint64_t amount, uint64_t expected);
/* It has arrived, and brought delivered units of the other side. */
void rill_money_commit(rill_money *m, rill_money_sums *all, uint64_t amount, uint64_t expected,
                       uint64_t delivered);
/* A packet without money has brought some all the same: whoever carried it has added it. */
void rill_money_gift(rill_money_sums *all, uint64_t delivered);
/* No reply to its packet can come any more, but it may be taken until that expires. */
void rill_money_doubt(rill_money *m, rill_money_sums *all, uint64_t amount);
/* The packet of something late has expired: nobody can take it any more. */
void rill_money_expire(rill_money *m, uint64_t amount);
/* All that is lost is known now, as far as it ever will be. */
void rill_money_resolve(rill_money *m, rill_money_sums *all, const rill_money_word *word);

#endif
