/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books of one endpoint. They are kept from what crosses its link and from what its application
 * did, and compared with what the endpoint says. Nothing may be sent twice, nothing may be credited
 * that was not fulfilled, and every unit must be in one stream.
 */
#ifndef RILL_FUZZ_LEDGER_H
#define RILL_FUZZ_LEDGER_H

#include <rill/rill.h>

#include "crypto/crypto.h"
#include "stream/wire/packet.h"

enum {
    LEDGER_SECRETS = 3,
    LEDGER_CONNECTIONS = 12,
    LEDGER_STREAMS = 96,
    LEDGER_FLIGHTS = 512,
    LEDGER_FULFILLED = 1024,
    LEDGER_WAITING = 64
};

/* The keys of one pair of credentials: the target's own copy. */
typedef struct ledger_keys {
    rill_crypto *crypto;
    rill_keys *keys[LEDGER_SECRETS]; /* NULL: not given out yet */
} ledger_keys;

/* A STREAM packet as somebody who has the keys reads it. */
typedef struct ledger_packet {
    unsigned secret; /* LEDGER_SECRETS: it belongs to no secret */
    bool well_formed;
    bool header_ok;
    rill_stream_packet packet; /* points into a buffer that the next reading overwrites */
} ledger_packet;

typedef struct ledger_connection {
    rill_connection *connection; /* NULL: ended */
    unsigned secret;
    bool server;
    rill_ratio min_rate;
    bool rate_fixed; /* as the options said, since nobody changed it */
    uint64_t last_sequence;
    bool any_sequence;
    rill_connection_stats final;
} ledger_connection;

typedef struct ledger_stream {
    rill_stream *stream; /* NULL: ended */
    unsigned connection;
    uint64_t id;
    bool remote;
    bool send_open;
    bool receive_open;
    uint64_t highest_send_max;
    uint64_t written;
    uint64_t read;
    uint64_t received_before;
    uint64_t room_before;
    rill_stream_totals final;
} ledger_stream;

/* A Prepare that left. */
typedef struct ledger_flight {
    uint64_t request;
    uint64_t amount;
    uint64_t sequence;
    uint64_t expires_ns; /* monotonic; from then on it is in doubt */
    uint8_t condition[32];
    unsigned secret;
    bool fulfillable;
    bool open;  /* may still be answered */
    bool doubt; /* the endpoint was told that no answer can come */
} ledger_flight;

/* A Prepare that came. */
typedef struct ledger_arrival {
    uint64_t request; /* as rill_endpoint_receive_prepare was told */
    uint64_t decision;
    bool asked; /* the application was asked */
    uint64_t amount;
    uint64_t minimum;
    uint64_t expires_at;
    uint64_t sequence;
    uint8_t condition[32];
    unsigned secret;
    bool readable; /* the keys open it, and it contains a STREAM packet */
    void *origin;  /* made by the target */
} ledger_arrival;

typedef struct ledger_fulfilled {
    uint8_t condition[32];
    uint64_t sequence;
    uint64_t expires_at;
    unsigned secret;
} ledger_fulfilled;

typedef struct ledger {
    rill_endpoint *endpoint;
    ledger_keys *keys;
    bool replays_forgotten; /* clocks went back, so an earlier connection may come again */
    bool foreign_data;      /* bytes that do not follow the pattern were sent to it */
    ledger_connection connections[LEDGER_CONNECTIONS];
    unsigned connection_count;
    ledger_stream streams[LEDGER_STREAMS];
    unsigned stream_count;
    /* more streams or connections came than there is room for, so sums are not compared */
    bool full;
    ledger_flight flights[LEDGER_FLIGHTS];
    unsigned flight_count;
    ledger_arrival waiting[LEDGER_WAITING];
    unsigned waiting_count;
    bool waiting_full; /* one of them was not recorded, for want of room */
    ledger_fulfilled fulfilled[LEDGER_FULFILLED];
    unsigned fulfilled_count;
    uint64_t sent;     /* amount that left and was fulfilled at the link */
    uint64_t received; /* amount that came and was fulfilled at the link */
} ledger;

/* Reads the STREAM packet in the data of a Prepare or reply. */
void ledger_read(ledger_keys *k, rill_bytes data, ledger_packet *out);
/* Never fails: this is the target's own use of cryptography. */
void ledger_hash(ledger_keys *k, const uint8_t fulfillment[32], uint8_t condition[32]);
bool ledger_fulfillment(ledger_keys *k, unsigned secret, rill_bytes data, uint8_t fulfillment[32],
                        uint8_t condition[32]);
/* The byte at an offset of a stream, in one direction. */
uint8_t ledger_pattern(unsigned secret, bool from_server, uint64_t stream, uint64_t offset);

ledger_connection *ledger_find_connection(ledger *l, const rill_connection *c);
ledger_stream *ledger_find_stream(ledger *l, const rill_stream *s);
ledger_connection *ledger_add_connection(ledger *l, rill_connection *c, unsigned secret);
ledger_stream *ledger_add_stream(ledger *l, rill_stream *s, bool remote);

/* A Prepare leaves. */
void ledger_sent(ledger *l, rill_now now, uint64_t request, const uint8_t *packet, size_t len);
ledger_flight *ledger_flight_of(ledger *l, uint64_t request);
/* rill_endpoint_receive_reply was called, and said this. */
void ledger_replied(ledger *l, uint64_t request, const uint8_t *packet, size_t len, int result);

/* A Prepare is about to be given to the endpoint. */
ledger_arrival ledger_arriving(ledger *l, uint64_t request, const uint8_t *packet, size_t len);
/* Its answer, at once or after a decision. */
void ledger_answered(ledger *l, rill_now now, const ledger_arrival *a, const uint8_t *reply,
                     size_t len);

/* Remembers what is known of a stream or connection that ends. */
void ledger_stream_ends(ledger *l, ledger_stream *s);
void ledger_connection_ends(ledger *l, ledger_connection *c);
/* Compares all sums, when no event waits to be fetched. */
void ledger_check(ledger *l);

#endif
