/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the connection target plays in: one or two endpoints with their
 * applications, the path between them, virtual time. Nothing happens but by a
 * call; the target says which, and the ledgers watch.
 */
#ifndef RILL_FUZZ_WORLD_H
#define RILL_FUZZ_WORLD_H

#include "ledger.h"
#include "program.h"

enum {
    WORLD_QUEUE = 128,
    WORLD_WORK = 800, /* packets of one input at most */
    WORLD_RAW = 2     /* the place of the peer that has the keys and no rules */
};

typedef struct world_item {
    bool reply;
    unsigned to;      /* 0, 1 or WORLD_RAW */
    unsigned from;    /* likewise */
    uint64_t request; /* the sender's */
    uint64_t amount;  /* at the sender */
    size_t len;
    uint8_t bytes[]; /* of exactly that length: a byte read too many is seen */
} world_item;

typedef struct world_side {
    ledger books;
    uint64_t wall_offset; /* ms */
    bool no_read;         /* the application leaves its bytes alone */
    bool no_send;         /* the link takes nothing */
    bool server_receipts;
    rill_connection_options options;
    unsigned wakes;
} world_side;

typedef struct world {
    world_side sides[2];
    unsigned side_count; /* 1: the other one is raw */
    uint64_t mono;
    uint64_t serial;
    unsigned work;
    ledger_keys keys;
    rill_credentials credentials[LEDGER_SECRETS];
    unsigned issuer[LEDGER_SECRETS]; /* the server: 0, 1 or WORLD_RAW */
    uint64_t raw_sequence[LEDGER_SECRETS];
    char told_address[RILL_ILP_MAX_ADDRESS + 1]; /* the last one that side 0 told WORLD_RAW */
    world_item *queue[WORLD_QUEUE];
    unsigned queue_count;
    rill_ratio rate[2]; /* by the side that pays */
    uint64_t maximum[2];
} world;

rill_now world_now(const world *w, unsigned side);

/* Makes the endpoints and the keys as the first bytes of the input say. False: no memory. */
bool world_open(world *w, program *p);
/* Lets everything come to its end, checks that it does, and frees. */
void world_close(world *w);

/* Puts a packet on the path. Returns the item, or NULL if the path is full. */
world_item *world_put(world *w, bool reply, unsigned from, unsigned to, uint64_t request,
                      uint64_t amount, const uint8_t *bytes, size_t len);
world_item *world_take(world *w, unsigned index);

/* A client's connection from a side, with credentials of another. */
void world_connect(world *w, unsigned side, unsigned secret);
/* What has to happen at a side now: deadlines, events, packets to the link. */
bool world_turn(world *w, unsigned side);
/* Hands over an item, and frees it. Items to WORLD_RAW are dropped here. */
void world_deliver(world *w, world_item *item);
/* The path itself refuses a Prepare. Frees. */
void world_refuse(world *w, world_item *item, rill_ilp_code code, rill_bytes data);
/* The application decides on what waits. */
void world_decide(world *w, unsigned side, unsigned index, bool fulfill);
/* Turns and deliveries until nothing moves, or `most` rounds. */
void world_pump(world *w, unsigned most);
/* To the next deadline, or by so many nanoseconds if that is sooner. */
void world_wait(world *w, uint64_t ns);

#endif
