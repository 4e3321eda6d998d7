/* SPDX-License-Identifier: Apache-2.0 */
/* A server's connections with the same credentials, one after another. */
#ifndef RILL_STREAM_SUCCESSION_H
#define RILL_STREAM_SUCCESSION_H

#include "stream/core/beginning.h"

typedef struct rill_succession {
    rill_past *past; /* what was before, and what will be left */
    rill_past *left; /* what is left, where it has made way; while former is set */
    struct rill_connection *waits_for; /* the one before: its end is told before anything of this */
    struct rill_connection *holds;     /* the one that waits for this */
    bool unsure;   /* its first packet may have gone on with something forgotten */
    bool replaced; /* another life of its client has begun */
} rill_succession;

#endif
