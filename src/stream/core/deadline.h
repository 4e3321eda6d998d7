/* SPDX-License-Identifier: Apache-2.0 */
/* A timer of the endpoint's heap that knows what it belongs to. */
#ifndef RILL_STREAM_DEADLINE_H
#define RILL_STREAM_DEADLINE_H

#include "base/heap.h"

typedef enum rill_deadline_kind {
    RILL_DEADLINE_CONNECTION = 1,
    RILL_DEADLINE_STREAM,
    RILL_DEADLINE_PAST
} rill_deadline_kind;

typedef struct rill_deadline {
    rill_timer timer; /* first: the heap gives this back */
    rill_deadline_kind kind;
} rill_deadline;

#endif
