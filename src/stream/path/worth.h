/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which amounts are worth a packet: connectors round down in each, so an amount
 * is chosen by what it brings. Where the rate is known well, arithmetic says
 * which; where one unit of the other side's is much, or several hops round, it
 * is tried. A packet that tries demands what is hoped for, so that the receiver
 * refuses it where the hope was vain: a trial costs time, never money.
 */
#ifndef RILL_STREAM_WORTH_H
#define RILL_STREAM_WORTH_H

#include "stream/path/rate.h"

/* Of so many units that arrive, the one that rounding takes matters no more. */
#define RILL_WORTH_FINE 1000
/* Refused in a row, before nothing more is hoped for. */
#define RILL_WORTH_TRIALS 16

typedef struct rill_worth {
    uint64_t limit; /* of a packet, with which the rest was learnt */
    /* Where packets bring less than the rate says: the fewest units known to bring `brings`, the
     * most known to bring less, and the rate that was believed. enough 0: no such thing is known */
    uint64_t enough;
    uint64_t brings;
    uint64_t less;
    rill_ratio believed;
    /* Of more than vain and up to vain_to, packets bring too little for the minimum; 0, 0: none */
    uint64_t vain;
    uint64_t vain_to;
    uint64_t barren; /* the largest amount of which nothing arrived, rounded away; 0: none */
    uint64_t dust;   /* the largest that the path itself refused for that; 0: none */
    uint64_t last;   /* units of the packet that was refused last; 0: none */
    uint64_t last_brought;
    uint8_t refused;  /* since one was fulfilled */
    bool soured;      /* something was refused at all: it may be taken when the rate is better */
    uint8_t wrong;    /* packets that brought less than the rate guessed promises */
    rill_ratio tried; /* the best of those that were refused: brought / sent; num 0: none */
} rill_worth;

typedef struct rill_offer {
    uint64_t amount; /* 0: none */
    uint64_t brings; /* other side's units, as hoped */
    bool trial;      /* that it brings so much has not been seen */
} rill_offer;

void rill_worth_init(rill_worth *w);
/* A receiver's word on a packet. */
typedef struct rill_word {
    uint64_t limit; /* packets may be so large now; 0 while that is not known */
    uint64_t amount;
    uint64_t delivered;
    bool refused; /* for bringing too little */
    bool trial;
    uint64_t hoped;   /* for a trial: what it demanded */
    uint64_t affords; /* where refused: the most units that the minimum allows for so much */
} rill_word;
/* r is told, too. */
void rill_worth_learn(rill_worth *w, rill_rate *r, const rill_word *word);
/* A connector refused a packet of amount since nothing would be left of it. */
void rill_worth_too_small(rill_worth *w, uint64_t amount);
/* A new start, after a while: what was refused may be taken now. */
void rill_worth_again(rill_worth *w);
/* The best packet of at most `most` units for somebody who has `all` to send. */
rill_offer rill_worth_offer(const rill_worth *w, const rill_rate *r, uint64_t most, uint64_t all);
/* The same, where that brings less than the minimum: one that does not, if there may be any. */
rill_offer rill_worth_even(const rill_worth *w, const rill_rate *r, uint64_t most);
/* The best of those that need no hope: they bring what the best reply says. */
rill_offer rill_worth_seen(const rill_worth *w, const rill_rate *r, uint64_t most);
/* A packet of that amount was refused, or one that brings as much. */
bool rill_worth_in_vain(const rill_worth *w, uint64_t amount);
/* What a packet of amount brings, as hoped. */
uint64_t rill_worth_expects(const rill_worth *w, const rill_rate *r, uint64_t amount);
/* All of it brings less than one unit: that is certain. */
bool rill_worth_nothing(const rill_worth *w, const rill_rate *r, uint64_t all);

#endif
