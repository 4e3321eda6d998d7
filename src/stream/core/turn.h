/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An endpoint's turn to send: the time of it, and where a packet goes. It is handed down to all
 * that take part in sending, as the arrival is when a packet comes in.
 */
#ifndef RILL_STREAM_TURN_H
#define RILL_STREAM_TURN_H

#include <rill/endpoint.h>

typedef struct rill_turn {
    rill_now now;
    uint8_t *packet;   /* RILL_PACKET_BUFFER bytes */
    size_t *len;       /* of the packet; 0 until there is one */
    uint64_t *request; /* our name of it: its reply will have that */
} rill_turn;

#endif
