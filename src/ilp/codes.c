/* SPDX-License-Identifier: Apache-2.0 */
#include <rill/ilp.h>
#include <string.h>

static const struct {
    rill_ilp_code code;
    const char *name;
} codes[] = {
    [RILL_ILP_F00_BAD_REQUEST] = {{"F00"}, "Bad Request"},
    [RILL_ILP_F01_INVALID_PACKET] = {{"F01"}, "Invalid Packet"},
    [RILL_ILP_F02_UNREACHABLE] = {{"F02"}, "Unreachable"},
    [RILL_ILP_F03_INVALID_AMOUNT] = {{"F03"}, "Invalid Amount"},
    [RILL_ILP_F04_INSUFFICIENT_DESTINATION_AMOUNT] = {{"F04"}, "Insufficient Destination Amount"},
    [RILL_ILP_F05_WRONG_CONDITION] = {{"F05"}, "Wrong Condition"},
    [RILL_ILP_F06_UNEXPECTED_PAYMENT] = {{"F06"}, "Unexpected Payment"},
    [RILL_ILP_F07_CANNOT_RECEIVE] = {{"F07"}, "Cannot Receive"},
    [RILL_ILP_F08_AMOUNT_TOO_LARGE] = {{"F08"}, "Amount Too Large"},
    [RILL_ILP_F99_APPLICATION_ERROR] = {{"F99"}, "Application Error"},
    [RILL_ILP_T00_INTERNAL_ERROR] = {{"T00"}, "Internal Error"},
    [RILL_ILP_T01_PEER_UNREACHABLE] = {{"T01"}, "Peer Unreachable"},
    [RILL_ILP_T02_PEER_BUSY] = {{"T02"}, "Peer Busy"},
    [RILL_ILP_T03_CONNECTOR_BUSY] = {{"T03"}, "Connector Busy"},
    [RILL_ILP_T04_INSUFFICIENT_LIQUIDITY] = {{"T04"}, "Insufficient Liquidity"},
    [RILL_ILP_T05_RATE_LIMITED] = {{"T05"}, "Rate Limited"},
    [RILL_ILP_T99_APPLICATION_ERROR] = {{"T99"}, "Application Error"},
    [RILL_ILP_R00_TRANSFER_TIMED_OUT] = {{"R00"}, "Transfer Timed Out"},
    [RILL_ILP_R01_INSUFFICIENT_SOURCE_AMOUNT] = {{"R01"}, "Insufficient Source Amount"},
    [RILL_ILP_R02_INSUFFICIENT_TIMEOUT] = {{"R02"}, "Insufficient Timeout"},
    [RILL_ILP_R99_APPLICATION_ERROR] = {{"R99"}, "Application Error"},
};

rill_ilp_code rill_ilp_code_of(rill_ilp_code_id id)
{
    /* Whatever id is, a code is sent. F00 is the catch-all of RFC 27. */
    unsigned index = (unsigned)id;
    return codes[index < RILL_ILP_CODE_UNKNOWN ? index : RILL_ILP_F00_BAD_REQUEST].code;
}

rill_ilp_code_id rill_ilp_code_find(rill_ilp_code code)
{
    for (unsigned i = 0; i < RILL_ILP_CODE_UNKNOWN; i++) {
        if (memcmp(codes[i].code.text, code.text, sizeof(code.text)) == 0)
            return (rill_ilp_code_id)i;
    }
    return RILL_ILP_CODE_UNKNOWN;
}

const char *rill_ilp_code_name(rill_ilp_code code)
{
    rill_ilp_code_id id = rill_ilp_code_find(code);
    return id == RILL_ILP_CODE_UNKNOWN ? "unknown code" : codes[id].name;
}
