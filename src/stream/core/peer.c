/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/peer.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

#define ASSUMED_MAX_STREAM_ID 20u /* RFC 29 section 3.3 */

void rill_peer_init(rill_peer *p)
{
    *p = (rill_peer){.max_stream_id = ASSUMED_MAX_STREAM_ID};
}

void rill_peer_clear(rill_peer *p, const rill_allocator *a)
{
    rill_free(a, p->address);
}

int rill_peer_set_address(rill_peer *p, const rill_allocator *a, rill_bytes address, uint64_t next,
                          bool *changed)
{
    /* Whoever calls has checked it: it goes into Prepares as it is. */
    assert(address.len <= RILL_ILP_MAX_ADDRESS);
    bool same = p->address && p->address_len == address.len &&
                memcmp(p->address, address.data, address.len) == 0;
    *changed = false;
    if (same || address.len == 0)
        return RILL_OK;
    char *copy = rill_alloc(a, address.len + 1);
    if (!copy)
        return RILL_ERR_NOMEM;
    memcpy(copy, address.data, address.len);
    copy[address.len] = '\0';
    rill_free(a, p->address);
    p->address = copy;
    p->address_len = (uint16_t)address.len;
    p->validated = false;
    p->address_since = next;
    *changed = true;
    return RILL_OK;
}

int rill_peer_learn_asset(rill_peer *p, rill_bytes code, uint8_t scale)
{
    if (code.len > RILL_MAX_ASSET_CODE ||
        memchr(code.data ? code.data : (const uint8_t *)"", 0, code.len))
        return RILL_OK; /* optional; what we cannot keep we do not know */
    if (p->asset_known) {
        bool same = p->asset_scale == scale && strlen(p->asset_code) == code.len &&
                    memcmp(p->asset_code, code.data, code.len) == 0;
        return same ? RILL_OK : RILL_ERR_ASSET;
    }
    if (code.len > 0)
        memcpy(p->asset_code, code.data, code.len);
    p->asset_code[code.len] = '\0';
    p->asset_scale = scale;
    p->asset_known = true;
    return RILL_OK;
}
