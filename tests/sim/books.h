/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books of one endpoint, kept from what crossed its link and from what its
 * application asked for, and compared with what the endpoint says after every
 * event. They never take the endpoint's word for what happened.
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
 * Books of a pair have a second place: for the connection that a later life of the client has
 * ended, until the application has been told so. What crosses the link is the later one's.
 */
#define SIM_FORMER (SIM_MAX_PAIRS + 1)
#define SIM_PLACES (2 * SIM_MAX_PAIRS + 1)

/* The secret of one connection and who its two ends are: host 0 is the server. */
typedef struct sim_pair {
    sim_keys keys;
    unsigned client;
    unsigned life;                    /* counts how often the client has begun again */
    uint64_t lives[SIM_CLIENT_LIVES]; /* what it calls them in its packets */
    bool rogue;                       /* one of the ends is no endpoint, and keeps no rule: */
    bool rogue_serves;                /* it is the server; else the client */
    bool stands_in; /* no endpoint serves it, but a model of another implementation (peer.h) */
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
    bool scrawls;      /* rogues write bytes of no pattern */
    bool fleet;        /* two servers have one secret, */
    sim_set fulfilled; /* and of what either fulfilled these are the conditions */
} sim_directory;

typedef struct sim_bounds {
    uint64_t low;
    uint64_t high;
} sim_bounds;

/* Of Prepares that have left and may yet be answered. */
typedef struct sim_outstanding {
    sim_bounds in_flight;
    sim_bounds in_doubt;
    uint64_t expired; /* of those: the endpoint may have found that it was sent after all */
    bool divided;
} sim_outstanding;

/* What became of money, beyond what the link told its sender: the sender's units. */
typedef struct sim_fate {
    uint64_t lost;    /* expired without a reply that its endpoint heard */
    uint64_t reached; /* fulfilled by the receiver */
    uint64_t kept;    /* of that: its sender was told that it was not */
} sim_fate;

/* den x delivered - num x sent, at a minimum rate. */
typedef struct sim_tally {
    oracle_i128 balance; /* of what was fulfilled */
    oracle_i128 unsure;  /* so much less it may be, by what the sender can know */
} sim_tally;

typedef struct sim_stream_book {
    uint64_t id;
    rill_stream *stream; /* NULL once its end was told */
    rill_stream_totals final;
    /* from the application */
    uint64_t send_bound; /* sent and in flight may not be more */
    uint64_t receive_max;
    uint64_t read; /* bytes */
    /* from the link */
    uint64_t sent;
    sim_fate fate;
    uint64_t received_low; /* without remainders that may be another stream's */
    uint64_t max_data;     /* the highest StreamMaxData that we were told */
    uint64_t highest;      /* end of the bytes that we sent */
    uint64_t told_data;    /* the StreamMaxData and StreamMaxMoney that we told last */
    uint64_t told_money;
    uint64_t came;        /* end of the bytes that came for it */
    uint64_t dropped;     /* bytes that came when it was over, or might have been */
    bool over;            /* its close is under way: what comes for it may be dropped */
    sim_outstanding open; /* while it is checked */
    bool divided;         /* some packet's parts are not known to the unit */
    bool receive_divided;
    sim_tally tally;   /* as the ledger's */
    oracle_i128 worst; /* while it is checked */
} sim_stream_book;

#define SIM_SAID 64
/* What packets without money said, over and over. */
typedef struct sim_said {
    uint64_t what; /* a mix of it */
    uint64_t since_ms;
    unsigned times;
} sim_said;

/* One end of one connection. */
typedef struct sim_ledger {
    rill_connection *connection; /* NULL before it is known and once its end was told */
    bool ended;
    bool idled;           /* for idleness, and rightly */
    bool restarted;       /* its server was made again: it may end with an error for that */
    unsigned life;        /* counts that */
    unsigned client_life; /* which of its client's lives it is of, */
    unsigned coming_life; /* and which the one that comes next is of, */
    uint64_t coming_name; /* as it calls itself */
    unsigned written;     /* which life of our host: of that are the bytes that it writes */
    uint64_t last_ns;     /* our monotonic clock, when something authentic came */
    bool heard;           /* it did */
    bool ending;          /* its application has ended it: no stream opens any more */
    bool closing;         /* its ConnectionClose has left */
    bool told_close;      /* in a packet or an answer, */
    uint64_t idle_ns;     /* so long after last_ns */
    uint64_t came;        /* authentic Prepares */
    uint64_t provoked;    /* Prepares of ours with no money and no bytes */
    uint64_t provoked_ns;
    bool vague;    /* a packet had more parts than these books have room for */
    bool reopened; /* a late packet made a new connection of it: not compared any more */
    rill_connection_stats final;
    rill_ratio min_rate; /* num 0: no money has left yet, and the application did not fix it */
    sim_tally tally;
    uint64_t max_packet_amount;
    uint32_t max_in_flight;
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
    uint64_t told_data; /* that we told last */
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
    unsigned book; /* of a flight: which of its ledger's streams */
} sim_part;

typedef enum sim_flight_state {
    SIM_FLIGHT_OPEN,
    SIM_FLIGHT_DOUBT, /* its endpoint was told that no reply can come */
    SIM_FLIGHT_SPOILT /* a reply came that is none */
} sim_flight_state;

/* A Prepare that left by this link and has no reply yet. */
typedef struct sim_flight {
    uint64_t request;
    unsigned pair; /* or its former place */
    uint64_t amount;
    uint64_t minimum;
    uint64_t sequence;
    uint64_t sent_ns;
    uint64_t expires_ns; /* our monotonic clock, as it was when it left */
    uint8_t condition[32];
    bool fulfillable;
    bool reached; /* the receiver has fulfilled it: */
    uint64_t arrived;
    bool missed; /* it had expired, and its receiver had not fulfilled it */
    bool late;   /* and then, by a clock that is behind, its receiver did */
    sim_flight_state state;
    unsigned part_count;
    bool divided;
    sim_part parts[SIM_PARTS];
} sim_flight;

/* A Prepare that came by this link and has no reply yet. */
typedef struct sim_incoming {
    uint64_t handle;
    unsigned pair; /* or its former place; SIM_MAX_PAIRS: of no connection, not authentic */
    uint64_t amount;
    uint64_t minimum;
    uint64_t sequence;
    uint64_t expiry_ms;
    uint64_t came_ns; /* our monotonic clock */
    uint8_t condition[32];
    bool malformed;
    bool beyond;  /* it brings bytes that there is no room for */
    bool claimed; /* some stream is to have the money */
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
    const rill_connection_options *options; /* of its connections */
    bool asks;          /* what it credits was judged earlier, when other packets were undecided */
    uint64_t pattern;   /* seed of the bytes that this run's applications write */
    uint64_t late;      /* nanoseconds that replies may lie unread */
    unsigned unchecked; /* events since the books were last compared */
    sim_stream_packet scratch;
} sim_books;

/* A Fulfill of this host must be for a rate of at least min_rate: asked of the sender's books. */
typedef struct sim_origin {
    sim_books *books; /* of the sender; NULL: not known */
    uint64_t request;
    bool copy; /* a connector has sent it again, and pays for it itself */
} sim_origin;

sim_books *sim_books_new(sim_report *report, sim_directory *directory, unsigned host, bool server,
                         uint64_t pattern);
void sim_books_free(sim_books *b);

/* What crossed the link. */
void sim_books_sent(sim_books *b, rill_now now, uint64_t request, uint8_t *packet, size_t len);
/* error: what the endpoint said to it. */
void sim_books_reply(sim_books *b, rill_now now, uint64_t request, uint8_t *packet, size_t len,
                     int error);
void sim_books_unanswered(sim_books *b, uint64_t request, bool sent);
void sim_books_incoming(sim_books *b, rill_now now, uint64_t handle, uint8_t *packet, size_t len);
void sim_books_answer(sim_books *b, rill_now now, uint64_t handle, sim_origin origin,
                      uint8_t *reply, size_t len);

/* A model of a peer fulfilled what this sender's books have as origin. */
void sim_books_reached(sim_books *b, sim_origin origin, const uint8_t condition[32],
                       uint64_t amount);

/*
 * What a further packet may lose of a connection's and a stream's minimum, by these books:
 * whatever becomes of what is under way, or of what nobody has told of.
 */
typedef struct sim_spare {
    rill_ratio rate;
    oracle_i128 connection;
    oracle_i128 stream;
} sim_spare;
sim_spare sim_books_spare(sim_books *b, unsigned pair, uint64_t stream);
/* Whether one of amount that brings so much keeps it, or, as the last, but for a unit. */
bool sim_spare_bears(const sim_spare *s, uint64_t amount, uint64_t brings, bool last);

/* The application is asked about a packet that came and is not answered: once. */
void sim_books_asked(sim_books *b, uint64_t handle);

/* A packet of a rogue's connection to an address that is not the rogue's: to be counted. */
bool sim_books_stray(sim_books *b, uint64_t request);
/* A Prepare that waits for its reply; false where there is none. */
bool sim_books_open_request(const sim_books *b, uint64_t *request);

sim_stream_book *sim_books_stream(sim_books *b, unsigned place, uint64_t id);

/* What the application did: of the connection that it knows, for it is told of them in turn. */
unsigned sim_books_known(const sim_books *b, unsigned pair);
sim_stream_book *sim_books_app_stream(sim_books *b, unsigned pair, uint64_t id);
void sim_books_stream_opened(sim_books *b, unsigned pair, rill_stream *stream);
/* It has taken so many bytes more. */
void sim_books_read(sim_books *b, unsigned pair, uint64_t stream, uint64_t bytes);
void sim_books_stream_ended(sim_books *b, unsigned pair, rill_stream *stream);
void sim_books_connection_ended(sim_books *b, unsigned pair);
/* It ended since nothing came: true? */
void sim_books_idle(sim_books *b, unsigned pair, rill_now now, uint64_t idle_timeout);
/* The endpoint is gone, with all that it knew and nothing that it had told. */
void sim_books_crash(sim_books *b);

/* This life of its client has begun: what there was of the pair is over, or soon will be. */
void sim_books_begin_again(sim_books *b, unsigned pair, unsigned life);

/* Everything that the endpoint says against everything that is known. */
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
 * A process that was started again writes other bytes than before: no byte of one life is
 * the one that another life has at that place, so one byte says whose it is.
 */
#define SIM_LIVES (4 * SIM_CLIENT_LIVES)
uint8_t sim_pattern_of_life(uint64_t seed, unsigned life, unsigned pair, bool server,
                            uint64_t stream, uint64_t offset);
/* Which life's bytes this side of the connection writes: a server's to each life of its client. */
unsigned sim_books_written(const sim_books *b, unsigned pair);
/* Rogues write several different ones, each called by a number below this. */
#define SIM_VERSIONS 3
uint64_t sim_pattern_version(uint64_t seed, unsigned version);

#endif
