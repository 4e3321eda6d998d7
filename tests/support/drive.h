/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server and a client (src/run) on one loop in virtual time. The handlers of their applications
 * take seconds, decide late, read a part, and close what they were just told of. A node at the
 * other end of the sockets (wire_node.h) keeps the books.
 */
#ifndef RILL_TESTS_DRIVE_H
#define RILL_TESTS_DRIVE_H

#include <rill/net.h>

#include "support/wire_node.h"

#define DRIVE_LIMIT (UINT64_C(1200) * RILL_SECOND) /* virtual time for everything to end */
#define MAX_LATE    64
#define BYTES       250000 /* more than a handler is given at once */

typedef struct late_decision {
    rill_connection *connection;
    uint64_t decision;
    uint64_t at;
} late_decision;

typedef struct drive {
    wire_node node;
    rill_loop *loop;
    rill_server *server;
    rill_client *client;
    uint64_t random; /* 0: nothing is drawn */
    uint64_t amount;
    uint64_t started;
    rill_net_options server_options;
    rill_net_options client_options;
    rill_connection_options server_connection; /* what server_options points at */
    rill_connection_options client_connection;
    /* What a handler does, beside what is drawn. */
    uint64_t block_ready;
    uint64_t block_money;
    uint64_t block_incoming; /* before it decides */
    uint64_t block_after_deciding;
    bool end_at_once; /* after block_ready */
    bool pay;         /* as rill_pay does it */
    uint64_t pay_timeout;
    uint64_t pay_started;
    unsigned paid;
    int pay_error;
    bool consume_half; /* in the data handler */
    uint64_t pause_until;
    bool stop_when_paid;
    unsigned stop_at_prepares; /* given to the server; 0 */
    bool cuts;                 /* links break */
    /* What was seen. */
    uint64_t credited; /* by the server's money handlers */
    uint64_t received; /* of connections, at their end */
    uint64_t bytes;
    uint64_t sent, in_doubt, lost;
    int connections, streams;
    unsigned server_closed, client_closed, listening, ready, sent_told;
    int sent_error;
    bool inside; /* a handler: none is called from inside another */
    late_decision late[MAX_LATE];
    unsigned late_count;
    rill_stream *stream; /* the client's */
} drive;

/*
 * random is the source of what is drawn; 0: nothing is drawn. Options may be changed before
 * drive_start.
 */
drive *drive_begin(uint64_t random);
void drive_start(drive *d);
/*
 * Runs until everything has ended, or `until` in virtual time, or until what stop_when_paid and
 * similar members ask for.
 */
void drive_run(drive *d, uint64_t until);
/* Checks that everything has ended and that the books agree. Frees it. */
void drive_end(drive *d);
/* All of these. */
void drive_all_arrived(drive *d);

/* A number below 2^64. Without a source of chance: the largest one. */
uint64_t drive_draw(drive *d);
bool drive_one_in(drive *d, unsigned n);
/* A handler takes so long. */
void drive_block(uint64_t ns);

#endif
