/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a table of routes: which prefixes have changed since when, and what is told of them.
 */
#ifndef RILL_CONNECTOR_RIB_LOG_H
#define RILL_CONNECTOR_RIB_LOG_H

#include "connector/rib.h"

/* ---- for the table alone ---- */

static inline rill_bytes rill_rib_prefix(const rill_rib_entry *e)
{
    return e->name.bytes;
}

/* What is told of a way; of one that nobody has told, nothing. */
static inline const rill_rib_words *rill_rib_words_of(const rill_rib_route *route)
{
    static const rill_rib_words none;
    return route->kind == RILL_ROUTE_LEARNT ? route->words : &none;
}

/* What is below our own address comes to us with it; and nobody is told of a way to everything. */
bool rill_rib_may_be_told(const rill_rib *r, const rill_rib_entry *e);
/* Room in the log for one change more. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_rib_make_room(rill_rib *r);
/* The entry has changed, now. There is room. told: a way leads to it; false: it is withdrawn. */
void rill_rib_write_down(rill_rib *r, rill_rib_entry *e, bool told);
/* Nobody is told of it any more. It may be in the log no longer. */
void rill_rib_take_out(rill_rib *r, rill_rib_entry *e);

/* ---- for who tells ---- */

/* Of a neighbour: is it told of this way, and of none if it is not? NULL: it is withdrawn. */
const rill_rib_route *rill_rib_shown(const rill_rib *r, const rill_rib_entry *entry,
                                     const rill_via *to);
/*
 * The data of an update for a neighbour: what has changed from update->from_epoch on, as much as
 * there is room for in buf[cap] (16384 at least). Sets to_epoch, current_epoch and the counts.
 */
size_t rill_rib_write(const rill_rib *r, const rill_via *to, rill_ccp_update *update, uint8_t *buf,
                      size_t cap);
/* Begins again with epoch 0: everybody has to be told all again, as another table. */
void rill_rib_renumber(rill_rib *r);

#endif
