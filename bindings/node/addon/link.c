/* SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include <stdlib.h>
#include <string.h>

#include <rill/btp.h>
#include <rill/ilp.h>

#include "crypto/crypto.h"

#define LEAST_REQUESTS 64
/* The most that wait for a reply at once: no engine has so many in flight. */
#define MOST_REQUESTS (1u << 22)
/* Bytes of a message: more than a frame of BTP may have, so that its reader says what is wrong. */
#define LARGEST_MESSAGE (RILL_BTP_MAX_FRAME + 1)

void destination_drop(destination *d)
{
    if (d && --d->uses == 0)
        free(d);
}

destination *destination_of(direct *d, const uint8_t *packet, size_t len)
{
    rill_prepare prepare;
    destination *latest = d->latest;
    if (rill_prepare_decode(&prepare, packet, len) != RILL_OK)
        return NULL;
    if (latest && latest->len == prepare.destination.len &&
        memcmp(latest->text, prepare.destination.data, latest->len) == 0)
        return latest;
    destination *made = malloc(sizeof *made + prepare.destination.len);
    if (!made)
        return NULL;
    *made = (destination){.uses = 1, .len = (uint32_t)prepare.destination.len};
    memcpy(made->text, prepare.destination.data, prepare.destination.len);
    destination_drop(latest);
    d->latest = made;
    return made;
}

static request *slot_of(const link *l, uint32_t id)
{
    return &l->requests[id & (l->request_room - 1)];
}

/* Two that have one place in the larger table would have had one before. */
static bool grow(link *l)
{
    uint32_t room = l->request_room ? 2 * l->request_room : LEAST_REQUESTS;
    request *before = l->requests;
    uint32_t count = l->request_room;
    request *all = room <= MOST_REQUESTS ? calloc(room, sizeof *all) : NULL;
    if (!all)
        return false;
    l->requests = all;
    l->request_room = room;
    for (uint32_t i = 0; i < count; i++) {
        if (before[i].used)
            *slot_of(l, before[i].id) = before[i];
    }
    free(before);
    return true;
}

uint32_t link_id(link *l)
{
    while (l->request_room > 0 && slot_of(l, l->next_id)->used)
        l->next_id++;
    return l->next_id++;
}

int link_request(link *l, engine *e, uint64_t name, uint64_t now_ns, destination *d, uint32_t *id)
{
    if (2 * (l->request_count + 1) > l->request_room && !grow(l))
        return RILL_ERR_NOMEM;
    *id = link_id(l);
    *slot_of(l, *id) = (request){.used = true,
                                 .id = *id,
                                 .life = e->direct->life,
                                 .engine = e->name,
                                 .name = name,
                                 .at_ns = now_ns,
                                 .destination = d};
    if (d)
        d->uses++;
    l->request_count++;
    e->direct->out++;
    return RILL_OK;
}

request *link_request_of(link *l, uint32_t id)
{
    if (l->request_room == 0)
        return NULL;
    request *r = slot_of(l, id);
    return r->used && r->id == id ? r : NULL;
}

void link_settle(link *l, request *r)
{
    const engine *e = handles_find(&l->arena->engines, r->engine, false);
    if (e && e->direct && e->direct->life == r->life && e->direct->out > 0)
        e->direct->out--;
    destination_drop(r->destination);
    l->request_count--;
    *r = (request){.used = false};
}

void link_trim(link *l)
{
    if (l->request_count == 0) {
        free(l->requests);
        l->requests = NULL;
        l->request_room = 0;
    }
    if (l->partial_len == 0) {
        free(l->partial);
        l->partial = NULL;
        l->partial_room = 0;
    }
}

link *link_find(const arena *a, uint64_t name)
{
    return handles_find(&a->links, name, false);
}

link *link_new(arena *a)
{
    link *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->arena = a;
    l->name = handles_add(&a->links, l, false);
    if (!a->crypto)
        a->crypto = rill_crypto_new(rill_allocator_default());
    if (l->name == 0 || !a->crypto ||
        rill_crypto_random(a->crypto, (uint8_t *)&l->next_id, sizeof l->next_id) != RILL_OK) {
        handles_remove(&a->links, l->name);
        free(l);
        return NULL;
    }
    rill_ws_reader_init(&l->reader, false, LARGEST_MESSAGE);
    return l;
}

void link_free(napi_env env, link *l)
{
    handles_remove(&l->arena->links, l->name);
    if (l->out)
        napi_delete_reference(env, l->out);
    for (uint32_t i = 0; i < l->request_room; i++)
        destination_drop(l->requests[i].destination);
    free(l->requests);
    free(l->partial);
    free(l);
}

void link_view(napi_env env, link *l)
{
    napi_value value;
    void *at = NULL;
    size_t len = 0;
    l->out_bytes = NULL;
    l->out_room = 0;
    if (!l->out || napi_get_reference_value(env, l->out, &value) != napi_ok || !value ||
        napi_get_arraybuffer_info(env, value, &at, &len) != napi_ok || !at)
        return;
    l->out_bytes = at;
    l->out_room = len;
}

bool link_has_room(const link *l, size_t len)
{
    return l->out_bytes && l->out_len <= l->out_room && l->out_room - l->out_len >= len;
}

/* Most frames in a row have headers of one length: the packet is where it belongs at once. */
uint8_t *link_packet_room(link *l)
{
    return l->out_bytes + l->out_len + l->header;
}

int link_packet_end(link *l, rill_btp_type type, uint32_t id, uint8_t *packet, size_t len)
{
    uint8_t btp[RILL_BTP_ILP_HEADER_MAX];
    uint8_t key[4];
    if (rill_crypto_random(l->arena->crypto, key, sizeof key) != RILL_OK)
        return RILL_ERR_CRYPTO;
    size_t btp_len = rill_btp_ilp_header(type, id, len, btp);
    uint8_t ws[RILL_WS_MAX_HEADER];
    size_t ws_len = rill_ws_header(ws, RILL_WS_BINARY, btp_len + len, key);
    uint8_t *at = l->out_bytes + l->out_len;
    l->header = ws_len + btp_len;
    if (packet != at + l->header)
        memmove(at + l->header, packet, len);
    memcpy(at, ws, ws_len);
    memcpy(at + ws_len, btp, btp_len);
    rill_ws_mask(at + ws_len, btp_len + len, key);
    l->out_len += l->header + len;
    return RILL_OK;
}

int link_say(link *l, rill_ws_opcode opcode, const uint8_t *data, size_t len)
{
    uint8_t key[4];
    if (!link_has_room(l, RILL_WS_MAX_HEADER + len))
        return RILL_ERR_BUFFER;
    if (rill_crypto_random(l->arena->crypto, key, sizeof key) != RILL_OK)
        return RILL_ERR_CRYPTO;
    uint8_t *at = l->out_bytes + l->out_len;
    size_t header = rill_ws_header(at, opcode, len, key);
    if (len > 0)
        memcpy(at + header, data, len);
    rill_ws_mask(at + header, len, key);
    l->out_len += header + len;
    return RILL_OK;
}
