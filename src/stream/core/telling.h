/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be told of the connection itself: a bit for each frame that is due. */
#ifndef RILL_STREAM_TELLING_H
#define RILL_STREAM_TELLING_H

#include <stdint.h>

typedef struct rill_telling {
    uint16_t due;        /* RILL_TELL bits: with the next packet or reply */
    uint16_t urgent;     /* of those: worth a packet of their own */
    uint16_t known;      /* who we are, as far as the other side has acknowledged it */
    uint64_t known_from; /* by packets from this sequence on: our address is that since */
} rill_telling;

#endif
