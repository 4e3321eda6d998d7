/* SPDX-License-Identifier: Apache-2.0 */
/* Why packets of an account were rejected: by which code, and by whom. */
#ifndef RILL_CONNECTOR_REJECTS_H
#define RILL_CONNECTOR_REJECTS_H

#include <rill/ilp.h>

#include "store/store.h"

/* More reasons than these are counted together. */
#define RILL_REJECTS_KEPT 16
/* Bytes of an address and of a message that are kept, with a NUL. */
#define RILL_REJECTS_TEXT 96

typedef struct rill_reject_row {
    rill_ilp_code code;
    rill_balance_id by;                   /* the neighbour that it came from; 0: this node */
    char triggered_by[RILL_REJECTS_TEXT]; /* an address, or the beginning of one */
    char message[RILL_REJECTS_TEXT];      /* the last one, or the beginning of it */
    uint64_t count;
    uint64_t last_ms;
} rill_reject_row;

/* All zero: none yet. */
typedef struct rill_rejects {
    rill_reject_row rows[RILL_REJECTS_KEPT];
    size_t count;
    uint64_t others; /* of reasons that there was no row for */
} rill_rejects;

/* by: the neighbour's balance; 0: this node. */
void rill_rejects_count(rill_rejects *r, const rill_reject *reject, rill_balance_id by,
                        uint64_t wall_ms);

#endif
