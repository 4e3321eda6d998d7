/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a link has brought for an engine: packets, one after the other, until the engine's next
 * turn takes them. What a turn has taken stays until the next one, for handlers that look at it.
 */
#include <stdlib.h>
#include <string.h>

#include "link.h"

#define LEAST_ROOM 4096

direct *direct_of(engine *e)
{
    if (!e->direct)
        e->direct = calloc(1, sizeof *e->direct);
    return e->direct;
}

void direct_free(engine *e)
{
    if (!e->direct)
        return;
    destination_drop(e->direct->latest);
    free(e->direct->bytes);
    free(e->direct);
    e->direct = NULL;
}

static size_t padded(size_t len)
{
    return (len + 7) & ~(size_t)7;
}

static bool grow(direct *d, size_t need)
{
    size_t room = d->room ? d->room : LEAST_ROOM;
    while (room < need)
        room *= 2;
    if (room == d->room)
        return true;
    uint8_t *grown = realloc(d->bytes, room);
    if (!grown)
        return false;
    d->bytes = grown;
    d->room = room;
    return true;
}

bool queue_add(engine *e, const queue_entry *entry, const uint8_t *packet)
{
    direct *d = direct_of(e);
    if (!d || !grow(d, d->len + sizeof *entry + padded(entry->len)))
        return false;
    memcpy(d->bytes + d->len, entry, sizeof *entry);
    if (entry->len > 0)
        memcpy(d->bytes + d->len + sizeof *entry, packet, entry->len);
    d->len += sizeof *entry + padded(entry->len);
    return true;
}

bool queue_is_empty(const engine *e)
{
    return !e->direct || e->direct->at == e->direct->len;
}

const uint8_t *queue_next(const engine *e, queue_entry *out)
{
    if (queue_is_empty(e))
        return NULL;
    const direct *d = e->direct;
    memcpy(out, d->bytes + d->at, sizeof *out);
    return d->bytes + d->at + sizeof *out;
}

void queue_taken(engine *e, const queue_entry *entry)
{
    e->direct->at += sizeof *entry + padded(entry->len);
}

void queue_trim(engine *e)
{
    direct *d = e->direct;
    if (!d)
        return;
    /* Nothing has come since the turn before: it may be long until something does. */
    if (d->len == 0) {
        free(d->bytes);
        d->bytes = NULL;
        d->room = 0;
    }
    if (d->at == 0)
        return;
    d->len -= d->at;
    if (d->len > 0)
        memmove(d->bytes, d->bytes + d->at, d->len);
    d->at = 0;
}
