/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books of one endpoint. They are kept from what crossed its link and from what its application
 * asked for, and are compared with what the endpoint says after every event. They never believe the
 * endpoint about what happened.
 */
#ifndef SIM_BOOKS_H
#define SIM_BOOKS_H

#include "../oracle.h"
#include "observer.h"
#include "report.h"
#include "wire.h"
#include <rill/endpoint.h>

#define SIM_MAX_PAIRS    6
#define SIM_PARTS        16
#define SIM_CLIENT_LIVES 4 /* of a client, at most */
/*
 * The books of a pair have a second place. It is for the connection that a later life of the client
 * has ended, until the application has been told so. What crosses the link belongs to the later
 * connection.
 */
#define SIM_FORMER (SIM_MAX_PAIRS + 1)
#define SIM_PLACES (2 * SIM_MAX_PAIRS + 1)

/* The secret of one connection, and its two ends. Host 0 is the server. */
typedef struct sim_pair {
    sim_keys keys;
    unsigned client;
    unsigned life;                    /* how often the client has begun again */
    uint64_t lives[SIM_CLIENT_LIVES]; /* the name of each life in its packets */
    bool rogue;                       /* one of the ends is no endpoint, and keeps no rules: */
    bool rogue_serves;                /* the server; otherwise the client */
    bool stands_in; /* a model of another implementation serves it, and no endpoint (peer.h) */
} sim_pair;

typedef struct sim_set {
    uint64_t *slots;
    size_t capacity;
    size_t count;
} sim_set;

typedef struct sim_directory {
    sim_pair pairs[SIM_MAX_PAIRS];
    unsigned count;
    bool faithful;     /* no connector sends a packet twice */
    bool steady;       /* clocks agree, rates do not fall, expiries stay */
    bool scrawls;      /* rogues write bytes without a pattern */
    bool fleet;        /* two servers have one secret, */
    sim_set fulfilled; /* and these are the conditions of what either has fulfilled */
} sim_directory;

typedef struct sim_bounds {
    uint64_t low;
    uint64_t high;
} sim_bounds;

/* Sums of Prepares that have left and may still be answered. */
typedef struct sim_outstanding {
    sim_bounds in_flight;
    sim_bounds in_doubt;
    uint64_t expired; /* of those: the endpoint may have found out that they were sent */
    bool divided;
} sim_outstanding;

/* What became of money, beyond what the link told its sender. In the sender's units. */
typedef struct sim_fate {
    uint64_t lost;    /* expired without a reply that its endpoint heard */
    uint64_t reached; /* fulfilled by the receiver */
    uint64_t kept;    /* of that: its sender was told that it was not fulfilled */
} sim_fate;

/* den x delivered - num x sent, at a minimum rate. */
typedef struct sim_tally {
    oracle_i128 balance; /* of everything that was fulfilled */
    oracle_i128 unsure;  /* how much less it may be, by what the sender can know */
} sim_tally;

typedef struct sim_stream_book {
    uint64_t id;
    rill_stream *stream; /* NULL once its end was reported */
    rill_stream_totals final;
    /* from the application */
    uint64_t send_bound; /* the most that may be sent and in flight */
    uint64_t receive_max;
    uint64_t read; /* bytes */
    /* from the link */
    uint64_t sent;
    sim_fate fate;
    uint64_t received_low;    /* without remainders that may belong to another stream */
    uint64_t received_before; /* the same, before the latest packet that brought some */
    uint64_t max_data;        /* the highest StreamMaxData that we were told */
    uint64_t highest;         /* end of the bytes that we sent */
    uint64_t told_data;       /* the StreamMaxData and StreamMaxMoney that we sent last */
    uint64_t told_money;
    uint64_t came;        /* end of the bytes that came for it */
    uint64_t dropped;     /* bytes that came when it was over, or may have been over */
    bool over;            /* its close is under way, so what comes for it may be dropped */
    sim_outstanding open; /* used during the check */
    bool divided;         /* the parts of some packet are not known to the unit */
    bool receive_divided;
    sim_tally tally;   /* as in the ledger */
    oracle_i128 worst; /* used during the check */
} sim_stream_book;

#define SIM_SAID 64
/* What packets without money said again and again. */
typedef struct sim_said {
    uint64_t what; /* a hash of it */
    uint64_t since_ms;
    unsigned times;
} sim_said;

/* One end of one connection. */
typedef struct sim_ledger {
    rill_connection *connection; /* NULL before it is known, and once its end was reported */
    bool ended;
    bool idled;           /* it ended by idleness, and rightly so */
    bool restarted;       /* its server was restarted, so it may end with an error */
    unsigned life;        /* number of restarts */
    unsigned client_life; /* the life of its client to which it belongs, */
    unsigned coming_life; /* and the life of the next one, */
    uint64_t coming_name; /* by its own name */
    unsigned written;     /* the life of our host to which the bytes that it writes belong */
    uint64_t last_ns;     /* when something authentic came, by our monotonic clock */
    bool heard;           /* something authentic has come */
    bool ending;          /* its application has ended it, so no stream opens any more */
    bool closing;         /* its ConnectionClose has left */
    bool told_close;      /* in a packet or in an answer, */
    uint64_t idle_ns;     /* this long after last_ns */
    uint64_t came;        /* authentic Prepares */
    uint64_t provoked;    /* Prepares of ours with no money and no bytes */
    uint64_t provoked_ns;
    bool vague;    /* a packet had more parts than these books have room for */
    bool reopened; /* a late packet made it a new connection, so it is not compared any more */
    rill_connection_stats final;
    rill_ratio min_rate; /* num 0: no money has left yet, and the application has not set it */
    sim_tally tally;
    uint64_t max_packet_amount;
    uint64_t prepares;
    uint64_t fulfilled;
    uint64_t sent;
    sim_fate fate;
    uint64_t delivered_low;
    uint64_t delivered_high;
    uint64_t received;
    uint64_t last_sequence;
    uint64_t max_data; /* the highest ConnectionMaxData that we were told */
    uint64_t max_stream_id;
    uint64_t told_data; /* that we sent last */
    uint64_t told_stream_id;
    sim_said said[SIM_SAID]; /* by what was said */
    bool any_sequence;
    sim_stream_book *streams;
    unsigned stream_count;
    unsigned stream_capacity;
} sim_ledger;

typedef struct sim_part {
    uint64_t stream;
    uint64_t amount;
    unsigned book; /* the streams of a flight, in its ledger */
} sim_part;

typedef enum sim_flight_state {
    SIM_FLIGHT_OPEN,
    SIM_FLIGHT_DOUBT, /* its endpoint was told that no reply can come */
    SIM_FLIGHT_SPOILT /* a reply came that is none */
} sim_flight_state;

/* A Prepare that left through this link and has no reply yet. */
typedef struct sim_flight {
    uint64_t request;
    unsigned pair; /* or the second place of that pair */
    uint64_t amount;
    uint64_t minimum;
    uint64_t sequence;
    uint64_t sent_ns;
    uint64_t expires_ns; /* our monotonic clock when it left */
    uint8_t condition[32];
    bool fulfillable;
    bool reached; /* the receiver has fulfilled it: */
    uint64_t arrived;
    bool missed; /* it had expired, and its receiver had not fulfilled it */
    bool late;   /* and then its receiver did, by a clock that is behind */
    sim_flight_state state;
    unsigned part_count;
    bool divided;
    sim_part parts[SIM_PARTS];
} sim_flight;

/* A Prepare that came through this link and has no reply yet. */
typedef struct sim_incoming {
    uint64_t handle;
    /* or the second place of that pair; SIM_MAX_PAIRS: no connection's, not authentic */
    unsigned pair;
    uint64_t amount;
    uint64_t minimum;
    uint64_t sequence;
    uint64_t expiry_ms;
    uint64_t came_ns; /* our monotonic clock */
    uint8_t condition[32];
    bool malformed;
    bool beyond;  /* it brings bytes for which there is no room */
    bool claimed; /* the money is for some stream */
    bool vague;
    bool asked; /* the application was asked about it */
    unsigned part_count;
    bool divided;
    sim_part parts[SIM_PARTS];
} sim_incoming;

typedef struct sim_books {
    sim_report *report;
    sim_directory *directory;
    unsigned host;
    bool server;
    sim_ledger ledgers[SIM_PLACES];
    sim_flight *flights;
    unsigned flight_count;
    unsigned flight_capacity;
    sim_incoming *incoming;
    unsigned incoming_count;
    unsigned incoming_capacity;
    sim_set fulfilled; /* conditions of what this endpoint fulfilled */
    sim_set sequences; /* and the numbers of those packets */
    uint64_t default_receive_max;
    const rill_connection_options *options; /* sums over its connections */
    bool asks;          /* what it credits was judged earlier, when other packets were undecided */
    uint64_t pattern;   /* seed of the bytes that this run's applications write */
    uint64_t late;      /* how long replies may wait unread, nanoseconds */
    unsigned unchecked; /* number of events since the books were last compared */
    sim_stream_packet scratch;
} sim_books;

/* A Fulfill of this host must be for a rate of at least min_rate, by the sender's books. */
typedef struct sim_origin {
    sim_books *books; /* the sender's; NULL: not known */
    uint64_t request;
    bool copy; /* a connector has sent it again, and pays for it itself */
} sim_origin;

sim_books *sim_books_new(sim_report *report, sim_directory *directory, unsigned host, bool server,
                         uint64_t pattern);
void sim_books_free(sim_books *b);

/* What crossed the link. */
void sim_books_sent(sim_books *b, rill_now now, uint64_t request, uint8_t *packet, size_t len);
/* error: what the endpoint returned. */
void sim_books_reply(sim_books *b, rill_now now, uint64_t request, uint8_t *packet, size_t len,
                     int error);
void sim_books_unanswered(sim_books *b, uint64_t request, bool sent);
void sim_books_incoming(sim_books *b, rill_now now, uint64_t handle, uint8_t *packet, size_t len);
void sim_books_answer(sim_books *b, rill_now now, uint64_t handle, sim_origin origin,
                      uint8_t *reply, size_t len);

/*
 * A model of a peer has fulfilled this Prepare, which is origin in this sender's books, or a copy
 * of it. The peer credits copies, too.
 */
void sim_books_reached(sim_books *b, sim_origin origin, const sim_packet *prepare);

/*
 * How much one more packet may take from a connection's and a stream's minimum, by these books,
 * whatever becomes of packets under way or of packets that nobody has told of.
 */
typedef struct sim_spare {
    rill_ratio rate;
    oracle_i128 connection;
    oracle_i128 stream;
} sim_spare;
sim_spare sim_books_spare(sim_books *b, unsigned pair, uint64_t stream);
/*
 * Whether a packet of amount that brings so much keeps the minimum, or, if it is the last one, all
 * but a unit.
 */
bool sim_spare_bears(const sim_spare *s, uint64_t amount, uint64_t brings, bool last);

/* The application is asked about a packet that came and is not answered. This happens once. */
void sim_books_asked(sim_books *b, uint64_t handle);

/* A packet of a rogue's connection to an address that is not the rogue's. It must be counted. */
bool sim_books_stray(sim_books *b, uint64_t request);
/* A Prepare that waits for its reply; false if there is none. */
bool sim_books_open_request(const sim_books *b, uint64_t *request);

sim_stream_book *sim_books_stream(sim_books *b, unsigned place, uint64_t id);

/*
 * What the application did with the connection that it knows. It is told of connections one after
 * the other.
 */
unsigned sim_books_known(const sim_books *b, unsigned pair);
sim_stream_book *sim_books_app_stream(sim_books *b, unsigned pair, uint64_t id);
void sim_books_stream_opened(sim_books *b, unsigned pair, rill_stream *stream);
/* The application has taken so many more bytes. */
void sim_books_read(sim_books *b, unsigned pair, uint64_t stream, uint64_t bytes);
void sim_books_stream_ended(sim_books *b, unsigned pair, rill_stream *stream);
void sim_books_connection_ended(sim_books *b, unsigned pair);
/* It ended because nothing came: is that true? */
void sim_books_idle(sim_books *b, unsigned pair, rill_now now, uint64_t idle_timeout);
/* The endpoint is destroyed, with everything that it knew and had not reported. */
void sim_books_crash(sim_books *b);

/* This life of its client has begun. An earlier connection of the pair is over, or soon will be. */
void sim_books_begin_again(sim_books *b, unsigned pair, unsigned life);

/* Compares everything that the endpoint says with everything that is known. */
void sim_books_check(sim_books *b, rill_now now);
/* After the end of all connections. */
void sim_books_close(sim_books *b);

static inline unsigned sim_pair_of(unsigned place)
{
    return place < SIM_FORMER ? place : place - SIM_FORMER;
}

/* Whether this host's end of the pair may say what it likes. */
static inline bool sim_books_by_rogue(const sim_books *b, unsigned place)
{
    return b->directory->pairs[sim_pair_of(place)].rogue;
}

/* The byte at this place of the stream of bytes that this side of this connection writes. */
uint8_t sim_pattern(uint64_t seed, unsigned pair, bool server, uint64_t stream, uint64_t offset);
/*
 * A restarted process writes other bytes than before. At no place do two lives have the same byte,
 * so one byte says whose it is.
 */
#define SIM_LIVES (4 * SIM_CLIENT_LIVES)
uint8_t sim_pattern_of_life(uint64_t seed, unsigned life, unsigned pair, bool server,
                            uint64_t stream, uint64_t offset);
/*
 * Which life's bytes this side of the connection writes. For a server: those for each life of its
 * client.
 */
unsigned sim_books_written(const sim_books *b, unsigned pair);
/* Rogues write several different patterns, each with a number below this. */
#define SIM_VERSIONS 3
uint64_t sim_pattern_version(uint64_t seed, unsigned version);

#endif
