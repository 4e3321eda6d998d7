/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The neighbours of a node. Each has a socket with bytes of its own choice. What the node wrote to
 * it is read and recorded. Everything that must be true of a node's money is checked here, from the
 * sockets alone.
 */
#ifndef RILL_FUZZ_NODE_PEER_H
#define RILL_FUZZ_NODE_PEER_H

#include <rill/btp.h>
#include <rill/ilp.h>

#include "fake_uv.h"
#include "wire.h"

enum { NODE_PEERS = 8, NODE_REQUESTS = 256 };

#define NODE_ADDRESS "private.rill"

/* A peer's request, which the node must answer once. */
typedef struct node_request {
    unsigned peer;
    uint32_t id;
    bool ilp;       /* a Prepare that can be decoded */
    bool answered;  /* or its session is gone */
    bool echo;      /* sent to the node itself, and comes back changed */
    bool fulfilled; /* a peer that the node asked has fulfilled it */
    bool config;    /* to peer.config */
    uint64_t amount;
    uint64_t expires_at;
    uint8_t condition[32];
    uint8_t fulfillment[32];
    uint8_t to[64];
    size_t to_len;
} node_request;

/* A Prepare that the node has sent to a peer. */
typedef struct node_forwarded {
    unsigned peer;
    uint32_t id;
    unsigned request; /* NODE_REQUESTS: none that we know */
    bool answered;
} node_forwarded;

typedef struct node_peer {
    fake_socket *socket; /* NULL: not connected yet */
    wire wire;
    bool up;     /* authenticated */
    bool slow;   /* it did not take everything at once, so what comes may have waited */
    bool broken; /* it was cut, or sent bytes that nobody has checked */
} node_peer;

typedef struct node_peers {
    node_peer peers[NODE_PEERS];
    unsigned count;
    bool foreign; /* bytes were sent that are not in the books */
    uint32_t next_id;
    node_request requests[NODE_REQUESTS];
    unsigned request_count;
    node_forwarded forwarded[NODE_REQUESTS];
    unsigned forwarded_count;
    uint64_t wall_ms; /* the node's time, now */
    uint64_t window;
    uint64_t max_hold;
    uint64_t max_amount;
} node_peers;

void node_peers_open(node_peers *n);
void node_peers_close(node_peers *n);
/* Makes one more connection; false if none is accepted. */
bool node_peer_connect(node_peers *n);
/* Takes what the node wrote to all of them. */
void node_peers_read(node_peers *n);

/* Each makes the bytes of one BTP frame and records it. Returns the length. */
size_t node_make_auth(node_peers *n, unsigned peer, program *p, uint8_t *out, size_t cap);
size_t node_make_prepare(node_peers *n, unsigned peer, program *p, uint8_t *out, size_t cap);
size_t node_make_reply(node_peers *n, unsigned peer, program *p, uint8_t *out, size_t cap);
size_t node_make_other(node_peers *n, unsigned peer, program *p, uint8_t *out, size_t cap);

#endif
