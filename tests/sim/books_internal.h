/* SPDX-License-Identifier: Apache-2.0 */
/* What both sides of the books share. */
#ifndef SIM_BOOKS_INTERNAL_H
#define SIM_BOOKS_INTERNAL_H

#include "books.h"

/* False if it was there already. */
bool sim_set_add(sim_set *s, uint64_t key);
/* The pair whose key opens the data, and the packet in b->scratch; or SIM_MAX_PAIRS. */
unsigned sim_books_open(sim_books *b, const uint8_t *data, size_t len);
/* The sum of all shares, however many there are. */
oracle_u128 sim_books_shares(const sim_stream_packet *p);
/*
 * Reads StreamMoney frames: each stream's part of amount. False: parts do not say it to the unit.
 * *vague: there were more than SIM_PARTS, and some are left out.
 */
bool sim_books_divide(const sim_stream_packet *p, uint64_t amount, sim_part *parts, unsigned *count,
                      bool *vague);
/* Whether the packet in b->scratch, which is ours, closes its connection. */
bool sim_books_note_close(sim_books *b, sim_ledger *l, uint64_t now_ns);
/* No reply to it was heard, and none will be. */
void sim_books_lost(sim_books *b, const sim_flight *f);
/* Records the limits that the packet in b->scratch tells, and the bytes that it brings. */
void sim_books_learn_limits(sim_books *b, unsigned pair);
/* Whether it brings bytes for a stream whose buffer has no room for them. */
bool sim_books_beyond(sim_books *b, unsigned pair);
/* Records the limits of ours that it tells, if we made it. */
void sim_books_tell_limits(sim_books *b, unsigned pair);
/*
 * Whether what we have sent, with the Prepare in b->scratch, respects the limits that we were told.
 */
void sim_books_check_windows(sim_books *b, unsigned pair);
void sim_books_check_bytes(sim_books *b, const sim_stream_book *s, uint64_t end);
/* Whether there is room for everything that has arrived and is not read. */
void sim_books_check_buffers(sim_books *b, unsigned pair);

/* Sums of units stop there, as an endpoint's do: many streams, or a rogue, may bring more. */
static inline void sim_sum_up(uint64_t *sum, uint64_t more)
{
    *sum = *sum + more < more ? UINT64_MAX : *sum + more;
}

/* ---- books_minimum.c ---- */
/* A reply said that it was fulfilled. */
void sim_books_minimum_told(sim_books *b, const sim_flight *f, uint64_t delivered);
/* No reply will come. The receiver tells whether it was fulfilled. */
void sim_books_minimum_untold(sim_books *b, const sim_flight *f);
/* Its sender was told that it was not fulfilled. So what its receiver has of it cost nothing. */
void sim_books_minimum_kept(sim_books *b, const sim_flight *f);
/* The same for a packet that a connector had sent again, and that its receiver has fulfilled. */
void sim_books_minimum_free(sim_books *b, const sim_incoming *in);
/* Its receiver has fulfilled it. */
void sim_books_minimum_reached(sim_flight *f, uint64_t arrived);
/* Money leaves. From now on the minimum rate of its connection is fixed. */
void sim_books_learn_minimum(sim_ledger *l, const sim_books *b);
/* A packet leaves. */
void sim_books_check_minimum(sim_books *b, unsigned pair, rill_now now);

unsigned sim_books_life(const sim_books *b, unsigned pair, uint64_t name);

#endif
