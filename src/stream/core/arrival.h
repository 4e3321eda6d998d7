/* SPDX-License-Identifier: Apache-2.0 */
/* A Prepare as it comes in, and where its reply goes: handed down to all that receive. */
#ifndef RILL_STREAM_ARRIVAL_H
#define RILL_STREAM_ARRIVAL_H

#include "stream/core/beginning.h"
#include <rill/endpoint.h>

typedef struct rill_arrival {
    rill_endpoint *e;
    rill_now now;
    uint64_t request; /* the link's name of it, for a reply that comes later */
    rill_prepare prepare;
    rill_bytes token;  /* of its address */
    rill_past *past;   /* of that token, which has no open connection; NULL: none */
    uint8_t *reply;    /* RILL_PACKET_BUFFER bytes */
    size_t *reply_len; /* 0: the application is asked, and the reply comes later */
} rill_arrival;

#endif
