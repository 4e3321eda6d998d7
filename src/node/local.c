/* SPDX-License-Identifier: Apache-2.0 */
#include "node/local.h"

#include <string.h>

#include "base/cursor.h"

rill_bytes rill_local_address(const rill_node_options *o)
{
    return (rill_bytes){(const uint8_t *)o->address, strlen(o->address)};
}

bool rill_local_is_node(const rill_node_options *o, rill_bytes destination)
{
    rill_bytes own = rill_local_address(o);
    return destination.len == own.len && memcmp(destination.data, own.data, own.len) == 0;
}

const char *rill_local_ildcp(const rill_node_options *o, const rill_prepare *request,
                             rill_bytes account, uint8_t *buf, size_t cap, size_t *len)
{
    static const char config[] = RILL_ILDCP_DESTINATION;
    if (request->destination.len != sizeof config - 1 ||
        memcmp(request->destination.data, config, sizeof config - 1) != 0)
        return "unknown peer protocol";
    if (!rill_ildcp_is_request(request))
        return "an IL-DCP request needs the condition of 32 zero bytes";
    if (request->amount != 0)
        return "an IL-DCP request carries no money";
    uint8_t address[RILL_ILP_MAX_ADDRESS];
    rill_writer w = rill_writer_of(address, sizeof address);
    rill_bytes own = rill_local_address(o);
    rill_write_bytes(&w, own.data, own.len);
    rill_write_u8(&w, '.');
    rill_write_bytes(&w, account.data, account.len);
    rill_ildcp_info info = {
        .address = {address, rill_writer_len(&w)},
        .asset_scale = o->asset_scale,
        .asset_code = {(const uint8_t *)o->asset_code, strlen(o->asset_code)},
    };
    if (w.failed || rill_ildcp_response_encode(&info, buf, cap, len) != RILL_OK)
        return "the account has no address";
    return NULL;
}
