/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books of one endpoint, kept from what crossed its link and from what its
 * application asked for, and compared with what the endpoint says after every
 * event. They never take the endpoint's word for what happened.
 */
#ifndef SIM_BOOKS_H
#define SIM_BOOKS_H

#include "observer.h"
#include "report.h"
#include "wire.h"
#include <rill/endpoint.h>

#define SIM_MAX_PAIRS 6
#define SIM_PARTS     16

/* The secret of one connection and who its two ends are. */
typedef struct sim_pair {
    sim_keys keys;
    unsigned client; /* host */
} sim_pair;

typedef struct sim_directory {
    sim_pair pairs[SIM_MAX_PAIRS];
    unsigned count;
} sim_directory;

typedef struct sim_stream_book {
    uint64_t id;
    rill_stream *stream; /* NULL once its end was told */
    rill_stream_totals final;
    /* from the application */
    uint64_t send_bound; /* sent and in flight may not be more */
    uint64_t receive_max;
    /* from the link */
    uint64_t sent;
    uint64_t received_low; /* without remainders that may be another stream's */
    uint64_t max_data;     /* the highest StreamMaxData that we were told */
    uint64_t highest;      /* end of the bytes that we sent */
    bool divided;          /* some packet's parts are not known to the unit */
    bool receive_divided;
} sim_stream_book;

/* One end of one connection. */
typedef struct sim_ledger {
    rill_connection *connection; /* NULL before it is known and once its end was told */
    bool ended;
    bool reopened; /* a late packet made a new connection of it: not compared any more */
    rill_connection_stats final;
    rill_ratio min_rate; /* num 0: not fixed by the application */
    uint64_t max_packet_amount;
    uint32_t max_in_flight;
    uint64_t prepares;
    uint64_t fulfilled;
    uint64_t sent;
    uint64_t delivered_low;
    uint64_t delivered_high;
    uint64_t received;
    uint64_t last_sequence;
    uint64_t said; /* a mix of the control frames of the last packet with nothing else */
    uint64_t said_at;
    unsigned said_again;
    bool any_sequence;
    sim_stream_book *streams;
    unsigned stream_count;
    unsigned stream_capacity;
} sim_ledger;

typedef struct sim_part {
    uint64_t stream;
    uint64_t amount;
} sim_part;

typedef enum sim_flight_state {
    SIM_FLIGHT_OPEN,
    SIM_FLIGHT_DOUBT, /* its endpoint was told that no reply can come */
    SIM_FLIGHT_SPOILT /* a reply came that is none */
} sim_flight_state;

/* A Prepare that left by this link and has no reply yet. */
typedef struct sim_flight {
    uint64_t request;
    unsigned pair;
    uint64_t amount;
    uint64_t sequence;
    uint64_t expiry_ms;
    uint8_t condition[32];
    bool fulfillable;
    sim_flight_state state;
    unsigned part_count;
    bool divided;
    sim_part parts[SIM_PARTS];
} sim_flight;

/* A Prepare that came by this link and has no reply yet. */
typedef struct sim_incoming {
    uint64_t handle;
    unsigned pair; /* SIM_MAX_PAIRS: of no connection, not authentic */
    uint64_t amount;
    uint64_t minimum;
    uint64_t sequence;
    uint64_t expiry_ms;
    uint8_t condition[32];
    unsigned part_count;
    bool divided;
    sim_part parts[SIM_PARTS];
} sim_incoming;

typedef struct sim_set {
    uint64_t *slots;
    size_t capacity;
    size_t count;
} sim_set;

typedef struct sim_books {
    sim_report *report;
    const sim_directory *directory;
    unsigned host;
    bool server;
    sim_ledger ledgers[SIM_MAX_PAIRS];
    sim_flight *flights;
    unsigned flight_count;
    unsigned flight_capacity;
    sim_incoming *incoming;
    unsigned incoming_count;
    unsigned incoming_capacity;
    sim_set fulfilled; /* conditions of what this endpoint fulfilled */
    uint64_t default_receive_max;
    bool asks;        /* what it credits was judged earlier, when other packets were undecided */
    uint64_t pattern; /* seed of the bytes that this run's applications write */
    sim_stream_packet scratch;
} sim_books;

/* A Fulfill of this host must be for a rate of at least min_rate: asked of the sender's books. */
typedef struct sim_origin {
    const sim_books *books; /* of the sender; NULL: not known */
    uint64_t request;
} sim_origin;

sim_books *sim_books_new(sim_report *report, const sim_directory *directory, unsigned host,
                         bool server, uint64_t pattern);
void sim_books_free(sim_books *b);

/* What crossed the link. */
void sim_books_sent(sim_books *b, uint64_t wall_ms, uint64_t request, uint8_t *packet, size_t len);
/* error: what the endpoint said to it. */
void sim_books_reply(sim_books *b, uint64_t wall_ms, uint64_t request, uint8_t *packet, size_t len,
                     int error);
void sim_books_unanswered(sim_books *b, uint64_t request, bool sent);
void sim_books_incoming(sim_books *b, uint64_t handle, uint8_t *packet, size_t len);
void sim_books_answer(sim_books *b, uint64_t wall_ms, uint64_t handle, sim_origin origin,
                      uint8_t *reply, size_t len);

/* What the application did. */
sim_stream_book *sim_books_stream(sim_books *b, unsigned pair, uint64_t id);
void sim_books_stream_opened(sim_books *b, unsigned pair, rill_stream *stream);
void sim_books_stream_ended(sim_books *b, unsigned pair, rill_stream *stream);
void sim_books_connection_ended(sim_books *b, unsigned pair);

/* Everything that the endpoint says against everything that is known. */
void sim_books_check(sim_books *b, uint64_t wall_ms);
/* After the end of all connections. */
void sim_books_close(sim_books *b);

/* The byte at this place of the stream of bytes that this side of this connection writes. */
uint8_t sim_pattern(uint64_t seed, unsigned pair, bool server, uint64_t stream, uint64_t offset);

#endif
