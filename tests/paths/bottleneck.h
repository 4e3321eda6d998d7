/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connector between senders and receivers, in virtual time: the limit that
 * a sender has to find. It counts what passes, and how long it waited.
 */
#ifndef PATHS_BOTTLENECK_H
#define PATHS_BOTTLENECK_H

#include "../sim/queue.h"
#include "../sim/rng.h"
#include <rill/types.h>

#define PATHS_BIN       (100 * RILL_MS)
#define PATHS_BINS      400
#define PATHS_MAX_FLOWS 16
#define PATHS_HOPS      3

typedef struct paths_config {
    uint64_t delay;  /* each way, nanoseconds; half of it on each side of the connector */
    uint64_t jitter; /* up to so much more, each way */
    uint64_t packets_per_second; /* 0: any */
    unsigned queue;              /* packets that wait at most; 0: T05 beyond the burst */
    bool silent_queue;           /* what does not fit is dropped without a word, not T05 */
    uint64_t value_per_second;   /* 0: any; T04 beyond the burst */
    uint64_t burst_ms;           /* of both, where nothing waits */
    uint64_t balance;            /* 0: none; T04 where it does not suffice */
    uint64_t refill_ms;          /* the balance is full again so often */
    uint64_t max_packet;         /* 0: none; F08 beyond */
    bool max_told;               /* with the maximum in it */
    bool max_lies;               /* with another than the maximum in it */
    rill_ratio hops[PATHS_HOPS]; /* rates one after the other, each rounds down; den 0: none */
    const char *dust;            /* the code for what rounds to nothing; NULL: it is passed on */
    unsigned lose;               /* permille, after the connector */
    bool silent;                 /* no reply; else T00 */
    const struct paths_config *then; /* what becomes of the path */
    uint64_t then_at;
} paths_config;

typedef struct paths_bin {
    uint64_t packets; /* that passed */
    uint64_t value;
    uint64_t rejects; /* of all kinds */
    uint64_t lost;
    uint64_t waited; /* sum, nanoseconds */
    uint64_t waited_most;
    uint64_t flow[PATHS_MAX_FLOWS]; /* value of each */
} paths_bin;

typedef struct paths_packet paths_packet;

/* One end of a flow. reply with len 0: a model's packet was fulfilled. */
typedef struct paths_port {
    void *user;
    unsigned flow;
    void (*prepare)(void *user, paths_packet *packet);
    void (*reply)(void *user, uint64_t request, uint8_t *packet, size_t len);
} paths_port;

struct paths_packet {
    struct paths *path;
    const paths_port *from;
    const paths_port *to;
    uint64_t request;
    uint64_t amount;
    size_t len;
    size_t room;
    uint8_t bytes[];
};

typedef struct paths {
    const paths_config *config;
    sim_queue queue;
    sim_rng rng;
    uint64_t free_at;       /* the connector has served all that waits */
    uint64_t packets_level; /* of the buckets, times RILL_SECOND */
    uint64_t value_level;
    uint64_t filled_at;
    uint64_t balance_left;
    uint64_t balance_at;
    paths_bin bins[PATHS_BINS];
} paths;

/* Prints what becomes of each packet. */
extern bool paths_trace;

void paths_init(paths *p, const paths_config *config, uint64_t seed);
void paths_free(paths *p);
/* limited: through the bottleneck; else only the way's time. The bytes are copied. */
void paths_send(paths *p, const paths_port *from, const paths_port *to, bool limited,
                uint64_t request, uint64_t amount, const uint8_t *bytes, size_t len);
/* What of amount arrives, rounded down at each hop. */
uint64_t paths_arrives(const paths_config *c, uint64_t amount);
/* The answer to a packet that came by a port; takes the packet. */
void paths_answer(paths_packet *packet, const uint8_t *bytes, size_t len);
/* How much of each second's capacity was used from one time to another, permille. */
unsigned paths_utilisation(const paths *p, const paths_config *c, uint64_t from, uint64_t to);
/* Jain's index of the flows' parts, permille. */
unsigned paths_fairness(const paths *p, unsigned flows, uint64_t from, uint64_t to);

#endif
