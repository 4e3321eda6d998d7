/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node at the other end of fake sockets (fuzz/fake_uv.h), in virtual time. It reads what a
 * program writes at the moment at which it is written, and judges it by the clock of that moment. A
 * Fulfill that leaves after its packet's expiry is not paid, and is counted. What it sends to a
 * program arrives whether the program looks or not.
 */
#ifndef RILL_TESTS_WIRE_NODE_H
#define RILL_TESTS_WIRE_NODE_H

#include <rill/ilp.h>
#include <rill/loop.h>

#include "fake_uv.h"
#include "wire.h"

enum { NODE_SIDES = 4, NODE_SOCKETS = 64, NODE_OPEN = 4096 };

/* A connection to it. */
typedef struct node_line {
    fake_socket *socket; /* NULL: unused */
    wire wire;
    int side; /* -1 before it has authenticated */
} node_line;

/* An account: "test.node.0" has the token "0", and so on. */
typedef struct node_side {
    fake_socket *socket; /* NULL while it is not connected */
    uint64_t paid_in;    /* fulfilled by this side in time, so the node owes it */
    uint64_t late_in;    /* fulfilled by this side too late, so nobody pays it */
    uint64_t charged;    /* sent by this side and fulfilled */
    unsigned late;       /* Fulfills after the expiry */
    unsigned stale;      /* Prepares of this side that had expired when they left it */
    unsigned prepares;   /* that were given to it */
} node_side;

typedef struct node_item node_item;

typedef struct wire_node {
    rill_loop *loop;
    node_side sides[NODE_SIDES];
    node_line lines[NODE_SOCKETS];
    node_item *queue;
    uint64_t serial;
    uint64_t delay; /* of everything on its way to a program, nanoseconds */
    /* the most that is left of a packet's time when it is forwarded, ms; 0: everything */
    uint64_t lifetime;
    struct node_open {
        bool used;
        int from;
        uint32_t id; /* the sender's name for it */
        int to;
        uint64_t amount;
        uint64_t expires_at;
    } open[NODE_OPEN];
    uint32_t next_open;
    size_t last_len; /* the Prepare that was forwarded last */
    uint8_t last[RILL_ILP_MAX_PACKET];
} wire_node;

void wire_node_open(wire_node *n, rill_loop *loop);
void wire_node_close(wire_node *n);
/* Takes new connections, and hands over what has arrived by now. */
void wire_node_step(wire_node *n);
/* When it has something to do next; RILL_NEVER if nothing. */
uint64_t wire_node_deadline(const wire_node *n);
/* Sends any packet to a side, with a number of its own. Its answer belongs to nobody. */
void wire_node_inject(wire_node *n, int side, const uint8_t *packet, size_t len);
/* The connection of a side breaks. */
void wire_node_cut(wire_node *n, int side);
/* Time passes, in which the node goes on and no program runs. */
void wire_node_sleep(wire_node *n, uint64_t ns);

#endif
