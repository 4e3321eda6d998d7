/* SPDX-License-Identifier: Apache-2.0 */
#include "node/local.h"

#include <rill/error.h>

#include <string.h>

#include "base/cursor.h"
#include "ilp/peer.h"

rill_bytes rill_local_address(const rill_hub_options *o)
{
    return (rill_bytes){(const uint8_t *)o->address, strlen(o->address)};
}

bool rill_local_is_node(const rill_hub_options *o, rill_bytes destination)
{
    rill_bytes own = rill_local_address(o);
    return destination.len == own.len && memcmp(destination.data, own.data, own.len) == 0;
}

static bool is_to(const rill_prepare *request, const char *destination)
{
    size_t len = strlen(destination);
    return request->destination.len == len &&
           memcmp(request->destination.data, destination, len) == 0;
}

static int answer_ildcp(const rill_hub_options *o, rill_bytes account, uint8_t *buf, size_t cap,
                        size_t *len)
{
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
    return w.failed ? RILL_ERR_TOO_LARGE : rill_ildcp_response_encode(&info, buf, cap, len);
}

/* Only a child has an address from us. */
static int answer_terms(const rill_terms *terms, uint8_t *buf, size_t cap, size_t *len)
{
    rill_ildcp_info info = {terms->address, terms->asset_scale, terms->asset_code};
    return terms->address.len == 0 ? RILL_ERR_NOT_FOUND
                                   : rill_ildcp_response_encode(&info, buf, cap, len);
}

/*
 * A connector that is told no would ask again for ever, or report to its operator that this
 * account does not work (interledger-rs: status 500). It is told yes, and that is all that
 * comes: whatever it sends here, it may send without knowing a route.
 */
static bool is_routing(const rill_prepare *request, bool *well_made)
{
    static const char *const all[] = {RILL_CCP_CONTROL, RILL_CCP_UPDATE};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (is_to(request, all[i])) {
            *well_made = rill_peer_is_request(request, all[i]);
            return true;
        }
    }
    return false;
}

const char *rill_local_answer(const rill_hub_options *o, const rill_terms *terms,
                              const rill_prepare *request, rill_bytes account, uint8_t *buf,
                              size_t cap, size_t *len)
{
    bool config = is_to(request, RILL_ILDCP_DESTINATION);
    bool well_made = rill_ildcp_is_request(request);
    if (!config && !is_routing(request, &well_made))
        return "unknown peer protocol";
    if (!well_made)
        return "a request to a peer needs the condition of 32 zero bytes";
    if (request->amount != 0)
        return "a request to a peer carries no money";
    int rc = config && terms != NULL ? answer_terms(terms, buf, cap, len)
             : config                ? answer_ildcp(o, account, buf, cap, len)
                      : rill_peer_answer_encode((rill_bytes){NULL, 0}, buf, cap, len);
    return rc == RILL_OK ? NULL : "the account has no address";
}
