/* SPDX-License-Identifier: Apache-2.0 */
/* What changed when, and what neighbours are told of it. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "connector/rib_log.h"
#include "ilp/oer.h"

/* ---- what is told ---- */

static bool same(rill_bytes a, rill_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool rill_rib_may_be_told(const rill_rib *r, const rill_rib_entry *e)
{
    rill_bytes prefix = rill_rib_prefix(e);
    if (prefix.len <= r->global.len || !rill_address_has_prefix(prefix, r->global))
        return false;
    return same(prefix, r->options.address) || !rill_address_has_prefix(prefix, r->options.address);
}

const rill_rib_route *rill_rib_shown(const rill_rib *r, const rill_rib_entry *entry,
                                     const rill_via *to)
{
    const rill_rib_route *best = entry->best;
    if (best == NULL || best->via == to || !rill_rib_may_be_told(r, entry))
        return NULL;
    if (best->via != NULL && best->via->quiet && best->kind == RILL_ROUTE_STATIC)
        return NULL;
    bool from_above = best->via != NULL && best->via->relation != RILL_RELATION_CHILD;
    return from_above && to->relation == RILL_RELATION_PARENT ? NULL : best;
}

/* The first slot whose epoch is not before this one. */
static size_t slot_from(const rill_rib *r, uint32_t epoch)
{
    size_t low = 0;
    size_t high = r->log_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->log[middle].epoch < epoch)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void rill_rib_take_out(rill_rib *r, rill_rib_entry *e)
{
    if (!e->logged)
        return;
    size_t at = slot_from(r, e->epoch);
    assert(at < r->log_count && r->log[at].entry == e);
    r->log[at].entry = NULL;
    r->dead++;
    e->logged = false;
    if (!e->told)
        r->withdrawn--;
}

/* Half of the slots may be dead. */
int rill_rib_make_room(rill_rib *r)
{
    enum { FIRST = 64 };
    if (r->dead > FIRST && r->dead > r->log_count / 2) {
        size_t kept = 0;
        for (size_t i = 0; i < r->log_count; i++) {
            if (r->log[i].entry != NULL)
                r->log[kept++] = r->log[i];
        }
        r->log_count = kept;
        r->dead = 0;
    }
    if (r->log_count < r->log_cap)
        return RILL_OK;
    size_t cap = r->log_cap == 0 ? FIRST : r->log_cap * 2;
    rill_rib_slot *log = rill_realloc_array(r->options.allocator, r->log, cap, sizeof *log);
    if (log == NULL)
        return RILL_ERR_NOMEM;
    r->log = log;
    r->log_cap = cap;
    return RILL_OK;
}

void rill_rib_write_down(rill_rib *r, rill_rib_entry *e, bool told)
{
    rill_rib_take_out(r, e);
    e->epoch = r->epoch++;
    e->logged = true;
    e->told = told;
    if (!told)
        r->withdrawn++;
    r->log[r->log_count++] = (rill_rib_slot){e->epoch, e};
}

void rill_rib_renumber(rill_rib *r)
{
    r->epoch = 0;
    r->forgotten = 0;
    for (size_t i = 0; i < r->log_count; i++) {
        rill_rib_slot *slot = &r->log[i];
        slot->epoch = r->epoch++;
        if (slot->entry != NULL)
            slot->entry->epoch = slot->epoch;
    }
}

/* ---- telling ---- */

static void auth_of(const rill_rib *r, const rill_rib_route *route, uint8_t out[RILL_SHA256_LEN])
{
    uint8_t own[32 + RILL_ILP_MAX_ADDRESS];
    uint8_t auth[RILL_CCP_AUTH_LEN];
    int rc = RILL_OK;
    memcpy(auth, rill_rib_words_of(route)->auth, sizeof auth);
    if (route->kind != RILL_ROUTE_LEARNT) {
        rill_bytes prefix = rill_rib_prefix(route->entry);
        memcpy(own, r->options.secret, 32);
        memcpy(own + 32, prefix.data, prefix.len);
        rc = rill_crypto_sha256(r->options.crypto, own, 32 + prefix.len, auth);
        rill_wipe(own, sizeof own);
    }
    if (rc == RILL_OK)
        rc = rill_crypto_sha256(r->options.crypto, auth, sizeof auth, out);
    if (rc != RILL_OK)
        memset(out, 0, RILL_SHA256_LEN); /* nobody checks it */
}

static size_t size_of(rill_bytes prefix)
{
    return rill_oer_length_size(prefix.len) + prefix.len;
}

static size_t size_of_route(const rill_rib *r, const rill_rib_route *route)
{
    enum { COUNTS = 2 * 9 };
    const rill_ccp_route *told = &rill_rib_words_of(route)->told;
    return size_of(rill_rib_prefix(route->entry)) + size_of(r->options.address) + told->path.len +
           RILL_CCP_AUTH_LEN + told->props.len + COUNTS;
}

/* Which slots there is room for: up to *end, exclusive. */
static void measure(const rill_rib *r, const rill_via *to, rill_ccp_update *u, size_t start,
                    size_t room, size_t *end)
{
    size_t i = start;
    u->route_count = 0;
    u->withdrawn_count = 0;
    for (; i < r->log_count; i++) {
        const rill_rib_entry *e = r->log[i].entry;
        if (e == NULL)
            continue;
        const rill_rib_route *route = rill_rib_shown(r, e, to);
        size_t size = route == NULL ? size_of(rill_rib_prefix(e)) : size_of_route(r, route);
        if (size > room)
            break;
        room -= size;
        if (route == NULL)
            u->withdrawn_count++;
        else
            u->route_count++;
    }
    *end = i;
}

size_t rill_rib_write(const rill_rib *r, const rill_via *to, rill_ccp_update *update, uint8_t *buf,
                      size_t cap)
{
    enum { HEADER = 64 + RILL_ILP_MAX_ADDRESS };
    rill_writer w = rill_writer_of(buf, cap);
    size_t start = slot_from(r, update->from_epoch);
    size_t end = start;
    assert(cap >= 16384);
    measure(r, to, update, start, cap - HEADER, &end);
    update->current_epoch = r->epoch;
    update->to_epoch = end < r->log_count ? r->log[end].epoch : r->epoch;
    rill_ccp_update_begin(&w, update);
    for (size_t i = start; i < end; i++) {
        const rill_rib_entry *e = r->log[i].entry;
        const rill_rib_route *route = e == NULL ? NULL : rill_rib_shown(r, e, to);
        if (route == NULL)
            continue;
        uint8_t auth[RILL_SHA256_LEN];
        rill_ccp_route told = rill_rib_words_of(route)->told;
        auth_of(r, route, auth);
        told.prefix = rill_rib_prefix(e);
        told.auth = auth;
        rill_ccp_put_route(&w, r->options.address, &told);
    }
    rill_ccp_begin_withdrawn(&w, update->withdrawn_count);
    for (size_t i = start; i < end; i++) {
        const rill_rib_entry *e = r->log[i].entry;
        if (e != NULL && rill_rib_shown(r, e, to) == NULL)
            rill_ccp_put_withdrawn(&w, rill_rib_prefix(e));
    }
    assert(!w.failed);
    return rill_writer_len(&w);
}
