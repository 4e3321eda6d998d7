/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a service of prices is asked, and how it went. It makes no call: its owner asks when it says
 * so, and tells it what came of it. Times are monotonic nanoseconds where nothing else is said.
 */
#ifndef RILL_CONNECTOR_RATE_FEED_H
#define RILL_CONNECTOR_RATE_FEED_H

#include <rill/types.h>

#define RILL_FEED_PROBLEM 160
/* After an answer that could not be taken it is asked again, at first after this long. */
#define RILL_FEED_FIRST_WAIT RILL_SECOND

typedef struct rill_rate_feed {
    uint64_t refresh; /* from one question to the next; 0: there is no service */
    uint64_t due;     /* RILL_NEVER: it is being asked */
    uint64_t ticket;  /* of the question that is out, or was last */
    uint64_t asked_at;
    uint64_t wait;    /* before the next question, while answers cannot be taken */
    uint64_t good_at; /* when the answer that was taken last had been asked for; 0: none was */
    uint64_t taken;   /* answers */
    uint64_t failed;
    uint64_t random;
    uint64_t problem_ms;             /* wall clock: when that was */
    char problem[RILL_FEED_PROBLEM]; /* of the last answer; empty: all of it was taken */
} rill_rate_feed;

/* Asks at once, and then every `refresh`, a tenth more or less. refresh 0: never. */
void rill_rate_feed_begin(rill_rate_feed *f, uint64_t refresh, uint64_t seed, uint64_t now);
/* The same service is asked at other times. */
void rill_rate_feed_change(rill_rate_feed *f, uint64_t refresh, uint64_t now);
/* Is it time? Then the question counts as asked, and f->ticket is what its answer brings back. */
bool rill_rate_feed_ask(rill_rate_feed *f, uint64_t now);
/* Is this the answer that is waited for? */
bool rill_rate_feed_expects(const rill_rate_feed *f, uint64_t ticket);
/* The answer was taken; what is wrong with a part of it, or NULL. Copied as below. */
void rill_rate_feed_taken(rill_rate_feed *f, const char *problem, rill_now now);
/* It could not be: problem says why, and is copied without what would hurt a terminal. */
void rill_rate_feed_failed(rill_rate_feed *f, const char *problem, rill_now now);

#endif
