/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection knows of the way to the other side. */
#ifndef RILL_STREAM_PATH_H
#define RILL_STREAM_PATH_H

#include "stream/path/congestion.h"
#include "stream/path/packet_size.h"
#include "stream/path/rate.h"
#include "stream/path/worth.h"

typedef struct rill_path {
    rill_congestion *congestion;
    rill_packet_size packet_size;
    rill_rate rate;
    rill_worth worth;
    uint64_t suspected; /* the largest that met F08 where much larger ones passed; 0: none */
    uint8_t suspicions; /* of those, since anything passed */
} rill_path;

#endif
