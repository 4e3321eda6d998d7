/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packets that are under way, in a file that the process has mapped: when it is killed, the
 * next one finds there which packets were out, and which were fulfilled and perhaps not booked.
 * Writing costs a few stores to memory, and no call of the system. When the power goes, the file
 * may be of an earlier time: what it says of packets is then out of date, and what it says of
 * bookings is judged by the group that the store has (rill_flight.group).
 */
#ifndef RILL_STORE_FLIGHTS_H
#define RILL_STORE_FLIGHTS_H

#include "store/store.h"

/* What the file begins with, as the processor has it: "RILLFLT1". */
#define RILL_FLIGHTS_MAGIC UINT64_C(0x52494c4c464c5431)

/* Packets that there is room for. Those beyond are forwarded all the same, and are not listed. */
#define RILL_FLIGHTS_MAX 131072
/* For the path of the books and ".flights". */
#define RILL_FLIGHTS_PATH 1024

typedef struct rill_flight {
    uint64_t run; /* of the node, as the store numbers them */
    rill_balance_id source;
    rill_balance_id destination;
    uint64_t taken; /* from the source, in its units */
    uint64_t given; /* to the destination, in its units */
    uint64_t expires_ms;
    uint64_t group; /* fulfilled, and booked in this group; 0: it is out */
    bool charged;   /* fulfilled: the source owes it */
} rill_flight;

typedef struct rill_flights rill_flights;

/*
 * Opens the file, or makes it. RILL_ERR_IO (problem[cap] says more; a full disk, too),
 * RILL_ERR_MALFORMED (it is no such list), RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_flights_open(rill_flights **out, const rill_allocator *allocator,
                                      const char *path, char *problem, size_t cap);
/* What is listed stays in the file. NULL is allowed. */
void rill_flights_close(rill_flights *f);
/* From now on packets are of this run. */
void rill_flights_begin(rill_flights *f, uint64_t run);

/*
 * Each that is listed, of this run and of others: *cursor is 0 at first, and *slot says which one
 * it is. False: there are no more.
 */
bool rill_flights_next(const rill_flights *f, uint32_t *cursor, uint32_t *slot, rill_flight *out);
size_t rill_flights_count(const rill_flights *f);

/* A packet is out; run, group and charged are not looked at. 0: there is no room. */
uint32_t rill_flights_add(rill_flights *f, const rill_flight *flight);
/* It was fulfilled, and is booked in this group. */
void rill_flights_fulfilled(rill_flights *f, uint32_t slot, uint64_t group, bool charged);
/* It is answered, or its booking is kept. 0 is allowed. */
void rill_flights_remove(rill_flights *f, uint32_t slot);

#endif
