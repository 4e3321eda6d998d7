/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connector between senders and receivers, in virtual time. It has the limit that a sender must
 * find. It counts what passes, and how long packets waited.
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
    uint64_t delay;  /* delay each way, nanoseconds; half of it on each side of the connector */
    uint64_t jitter; /* each packet takes up to this much longer, each way */
    uint64_t packets_per_second; /* packets in a second; 0: no limit */
    unsigned queue;              /* packets that may wait; 0: T05 beyond the burst */
    /* packets that do not fit are dropped without a word, not refused with T05 */
    bool silent_queue;
    uint64_t value_per_second;   /* value in a second; 0: no limit; T04 beyond the burst */
    uint64_t burst_ms;           /* of both, if no packets may wait */
    uint64_t balance;            /* 0: none; T04 if it is too small for a packet */
    uint64_t refill_ms;          /* after this time the balance is full again */
    uint64_t max_packet;         /* 0: none; F08 for larger packets */
    bool max_told;               /* F08 tells the maximum */
    bool max_lies;               /* F08 tells a wrong maximum */
    rill_ratio hops[PATHS_HOPS]; /* rates one after the other; each rounds down; den 0: none */
    /* the code for a packet that rounds to nothing; NULL: it is passed on */
    const char *dust;
    /*
     * Replies wait until the connector has committed them, as one that books on a disk does: all
     * that came while it committed the last ones are one group, however many. 0: they do not.
     */
    uint64_t commit;                 /* a commit takes so long, nanoseconds */
    uint64_t commit_most;            /* some take longer, up to this; 0: none does */
    unsigned commit_slow;            /* so many of them, permille */
    unsigned lose;                   /* packets lost after the connector, permille */
    bool silent;                     /* lost packets get no reply; otherwise T00 */
    const struct paths_config *then; /* how the path changes later, once or again and again */
    uint64_t then_at;
} paths_config;

typedef struct paths_packet paths_packet;

typedef struct paths_bin {
    uint64_t packets; /* packets that passed */
    uint64_t value;
    uint64_t rejects; /* packets refused, for any reason */
    uint64_t lost;
    uint64_t waited; /* sum of all waits, nanoseconds */
    uint64_t waited_most;
    uint64_t flow[PATHS_MAX_FLOWS]; /* value that passed of each flow */
} paths_bin;

/* One end of a flow. A reply with len 0 means that a model's packet was fulfilled. */
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
    paths_packet *next; /* of those that wait for the same commit */
    size_t len;
    size_t room;
    uint8_t bytes[];
};

typedef struct paths {
    const paths_config *config;
    sim_queue queue;
    sim_rng rng;
    uint64_t free_at;       /* when the connector has served everything that waits */
    uint64_t packets_level; /* contents of the buckets, times RILL_SECOND */
    uint64_t value_level;
    uint64_t filled_at;
    uint64_t balance_left;
    uint64_t balance_at;
    paths_packet *uncommitted; /* replies that wait for a commit, the newest first */
    paths_packet *committing;
    bool commits; /* one is under way, or about to begin */
    paths_bin bins[PATHS_BINS];
} paths;

/* Print what becomes of each packet. */
extern bool paths_trace;

void paths_init(paths *p, const paths_config *config, uint64_t seed);
void paths_free(paths *p);
/*
 * limited: the packet goes through the bottleneck; otherwise it only takes the path's time. The
 * bytes are copied.
 */
void paths_send(paths *p, const paths_port *from, const paths_port *to, bool limited,
                uint64_t request, uint64_t amount, const uint8_t *bytes, size_t len);
/* How much of amount arrives, rounded down at each hop. */
uint64_t paths_arrives(const paths_config *c, uint64_t amount);
/* The answer to a packet that came by a port; takes the packet. */
void paths_answer(paths_packet *packet, const uint8_t *bytes, size_t len);
/* How much of each second's capacity was used in a time, permille. */
unsigned paths_utilisation(const paths *p, const paths_config *c, uint64_t from, uint64_t to);
/* Jain's index of fairness of the flows' parts, permille. */
unsigned paths_fairness(const paths *p, unsigned flows, uint64_t from, uint64_t to);

#endif
