/* SPDX-License-Identifier: Apache-2.0 */
/* IL-DCP. A response that was decoded must encode to bytes that decode to the same. */
#include <rill/error.h>
#include <rill/ilp.h>

#include "fuzz.h"

static void fuzz_response(const uint8_t *data, size_t size)
{
    static uint8_t encoded[2 * RILL_ILP_MAX_PACKET];
    rill_ildcp_info p, q;
    if (rill_ildcp_response_decode(&p, data, size) != RILL_OK)
        return;
    CHECK(rill_address_valid(p.address) && p.asset_code.len <= RILL_MAX_ASSET_CODE);
    size_t len;
    CHECK(rill_ildcp_response_encode(&p, encoded, RILL_ILP_MAX_PACKET, &len) == RILL_OK);
    CHECK(len <= size && (len < size || memcmp(encoded, data, len) == 0));
    CHECK(rill_ildcp_response_decode(&q, encoded, len) == RILL_OK);
    CHECK(rill_ildcp_response_encode(&p, encoded + len, len - 1, &size) == RILL_ERR_BUFFER);
    CHECK(same_bytes(p.address, q.address) && p.asset_scale == q.asset_scale);
    CHECK(same_bytes(p.asset_code, q.asset_code));
}

static void fuzz_request(const uint8_t *data, size_t size)
{
    rill_prepare p, q;
    if (rill_prepare_decode(&p, data, size) != RILL_OK || !rill_ildcp_is_request(&p))
        return;
    uint8_t encoded[128];
    size_t len;
    CHECK(rill_ildcp_request_encode(p.expires_at_ms, encoded, sizeof(encoded), &len) == RILL_OK);
    CHECK(rill_prepare_decode(&q, encoded, len) == RILL_OK && rill_ildcp_is_request(&q));
    CHECK(q.expires_at_ms == p.expires_at_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_response(data, size);
    fuzz_request(data, size);
    return 0;
}
