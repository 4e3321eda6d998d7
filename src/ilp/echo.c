/* SPDX-License-Identifier: Apache-2.0 */
#include "ilp/echo.h"

#include <rill/error.h>
#include <rill/ilp.h>

#include <string.h>

#include "ilp/oer.h"

static bool has_prefix(rill_bytes data)
{
    return data.len > RILL_ECHO_PREFIX_LEN &&
           memcmp(data.data, RILL_ECHO_PREFIX, RILL_ECHO_PREFIX_LEN) == 0;
}

int rill_echo_request_decode(rill_bytes data, rill_bytes *reply_to, const char **problem)
{
    *problem = "the node itself takes echo requests only";
    if (!has_prefix(data))
        return RILL_ERR_MALFORMED;
    *problem = "not an echo request";
    if (data.data[RILL_ECHO_PREFIX_LEN] != RILL_ECHO_REQUEST)
        return RILL_ERR_MALFORMED;
    *problem = "the echo request's source address is malformed";
    rill_reader r =
        rill_reader_of(data.data + RILL_ECHO_PREFIX_LEN + 1, data.len - RILL_ECHO_PREFIX_LEN - 1);
    int rc = rill_oer_read_octets(&r, RILL_ILP_MAX_ADDRESS, reply_to);
    if (rc != RILL_OK)
        return rc;
    if (!rill_address_valid(*reply_to))
        return RILL_ERR_ADDRESS;
    *problem = NULL;
    return RILL_OK;
}

int rill_echo_request_encode(rill_bytes reply_to, uint8_t *buf, size_t cap, size_t *len)
{
    if (!rill_address_valid(reply_to))
        return RILL_ERR_ADDRESS;
    rill_writer w = rill_writer_of(buf, cap);
    rill_write_bytes(&w, RILL_ECHO_PREFIX, RILL_ECHO_PREFIX_LEN);
    rill_write_u8(&w, RILL_ECHO_REQUEST);
    rill_oer_write_octets(&w, reply_to);
    if (w.failed)
        return RILL_ERR_BUFFER;
    *len = rill_writer_len(&w);
    return RILL_OK;
}

void rill_echo_response_encode(uint8_t out[RILL_ECHO_RESPONSE_LEN])
{
    memcpy(out, RILL_ECHO_PREFIX, RILL_ECHO_PREFIX_LEN);
    out[RILL_ECHO_PREFIX_LEN] = RILL_ECHO_RESPONSE;
}

bool rill_echo_is_response(rill_bytes data)
{
    return has_prefix(data) && data.data[RILL_ECHO_PREFIX_LEN] == RILL_ECHO_RESPONSE;
}
