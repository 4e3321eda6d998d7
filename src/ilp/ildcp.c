/* SPDX-License-Identifier: Apache-2.0 */
/* IL-DCP (RFC 31): a parent tells its child the child's address and asset. */
#include <rill/error.h>
#include <rill/ilp.h>
#include <string.h>

#include "ilp/oer.h"
#include "ilp/peer.h"

/* RFC 31 fixes the fulfillment as 32 zero bytes, and so the condition is their SHA-256. */
static const uint8_t fulfillment[32];
const uint8_t rill_peer_condition[32] = {
    0x66, 0x68, 0x7a, 0xad, 0xf8, 0x62, 0xbd, 0x77, 0x6c, 0x8f, 0xc1, 0x8b, 0x8e, 0x9f, 0x8e, 0x20,
    0x08, 0x97, 0x14, 0x85, 0x6e, 0xe2, 0x33, 0xb3, 0x90, 0x2a, 0x59, 0x1d, 0x0d, 0x5f, 0x29, 0x25};

static rill_bytes destination(void)
{
    return (rill_bytes){(const uint8_t *)RILL_ILDCP_DESTINATION,
                        sizeof(RILL_ILDCP_DESTINATION) - 1};
}

int rill_ildcp_request_encode(uint64_t expires_at, uint8_t *buf, size_t cap, size_t *len)
{
    rill_prepare request = {
        .amount = 0,
        .expires_at_ms = expires_at,
        .condition = rill_peer_condition,
        .destination = destination(),
    };
    return rill_prepare_encode(&request, buf, cap, len);
}

bool rill_peer_is_request(const rill_prepare *prepare, const char *to)
{
    size_t len = strlen(to);
    return prepare->destination.len == len && memcmp(prepare->destination.data, to, len) == 0 &&
           memcmp(prepare->condition, rill_peer_condition, sizeof rill_peer_condition) == 0;
}

bool rill_peer_is_settlement(const rill_prepare *prepare)
{
    /* SHA-256 of nothing. */
    static const uint8_t as_the_rfc_has_it[32] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                                  0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                                  0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                                  0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
    size_t len = sizeof RILL_SETTLE - 1;
    return rill_peer_is_request(prepare, RILL_SETTLE) ||
           (prepare->destination.len == len &&
            memcmp(prepare->destination.data, RILL_SETTLE, len) == 0 &&
            memcmp(prepare->condition, as_the_rfc_has_it, sizeof as_the_rfc_has_it) == 0);
}

int rill_peer_answer_encode(rill_bytes data, uint8_t *buf, size_t cap, size_t *len)
{
    const rill_fulfill answer = {fulfillment, data};
    return rill_fulfill_encode(&answer, buf, cap, len);
}

bool rill_ildcp_is_request(const rill_prepare *prepare)
{
    return rill_peer_is_request(prepare, RILL_ILDCP_DESTINATION);
}

int rill_ildcp_response_encode(const rill_ildcp_info *info, uint8_t *buf, size_t cap, size_t *len)
{
    if (info->address.len > RILL_ILP_MAX_ADDRESS || info->asset_code.len > RILL_MAX_ASSET_CODE)
        return RILL_ERR_TOO_LARGE;
    if (!rill_address_valid(info->address))
        return RILL_ERR_ADDRESS;
    size_t size = rill_oer_length_size(info->address.len) + info->address.len + 1 +
                  rill_oer_length_size(info->asset_code.len) + info->asset_code.len;
    size_t total;
    int err = rill_peer_answer_encode((rill_bytes){NULL, size}, buf, cap, &total);
    if (err != RILL_OK)
        return err;
    rill_writer w = rill_writer_of(buf + total - size, size);
    rill_oer_write_octets(&w, info->address);
    rill_write_u8(&w, info->asset_scale);
    rill_oer_write_octets(&w, info->asset_code);
    *len = total;
    return RILL_OK;
}

int rill_ildcp_response_decode(rill_ildcp_info *out, const uint8_t *packet, size_t len)
{
    if (len > 0 && packet[0] == RILL_ILP_REJECT)
        return RILL_ERR_REFUSED;
    rill_fulfill response;
    int err = rill_fulfill_decode(&response, packet, len);
    if (err != RILL_OK)
        return err;
    if (memcmp(response.fulfillment, fulfillment, sizeof(fulfillment)) != 0)
        return RILL_ERR_MALFORMED;
    rill_reader r = rill_reader_of(response.data.data, response.data.len);
    rill_ildcp_info info;
    err = rill_oer_read_octets(&r, RILL_ILP_MAX_ADDRESS, &info.address);
    if (err != RILL_OK)
        return err;
    if (!rill_address_valid(info.address))
        return RILL_ERR_ADDRESS;
    if (!rill_read_u8(&r, &info.asset_scale))
        return RILL_ERR_TRUNCATED;
    err = rill_oer_read_octets(&r, RILL_MAX_ASSET_CODE, &info.asset_code);
    if (err != RILL_OK)
        return err;
    *out = info;
    return RILL_OK;
}
