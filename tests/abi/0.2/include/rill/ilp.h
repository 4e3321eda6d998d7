/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interledger packets (RFC 27), encoded by OER (RFC 30). Decoding borrows:
 * every pointer in a decoded packet points into the bytes that were decoded.
 */
#ifndef RILL_ILP_H
#define RILL_ILP_H

#include <rill/types.h>

RILL_BEGIN_DECLS

#define RILL_ILP_MAX_ADDRESS 1023
/* Bytes of data in a packet that is written: what RFC 27 allows. */
#define RILL_ILP_MAX_DATA 32767
/* Bytes of data in a packet that is read: other implementations write more than RFC 27 allows. */
#define RILL_ILP_MAX_DATA_READ 40000
/* The largest Prepare that is read: type, length, amount, expiry, condition, address, data. */
#define RILL_ILP_MAX_PACKET  41091
#define RILL_ILP_MAX_MESSAGE 8191 /* bytes of a Reject's message; of a longer one, the first */

typedef enum rill_ilp_type {
    RILL_ILP_PREPARE = 12,
    RILL_ILP_FULFILL = 13,
    RILL_ILP_REJECT = 14
} rill_ilp_type;

/* Three characters and a NUL, so that a code compares as text. */
typedef struct rill_ilp_code {
    char text[4];
} rill_ilp_code;

/*
 * The error codes of RFC 27, one constant each, which is an index for rill_ilp_code_of().
 * F: final. T: temporary, the sender may try again. R: about the packet's own time or amount.
 */
typedef enum rill_ilp_code_id {
    RILL_ILP_F00_BAD_REQUEST,
    RILL_ILP_F01_INVALID_PACKET,
    RILL_ILP_F02_UNREACHABLE,
    RILL_ILP_F03_INVALID_AMOUNT,
    RILL_ILP_F04_INSUFFICIENT_DESTINATION_AMOUNT,
    RILL_ILP_F05_WRONG_CONDITION,
    RILL_ILP_F06_UNEXPECTED_PAYMENT,
    RILL_ILP_F07_CANNOT_RECEIVE,
    RILL_ILP_F08_AMOUNT_TOO_LARGE,
    RILL_ILP_F99_APPLICATION_ERROR,
    RILL_ILP_T00_INTERNAL_ERROR,
    RILL_ILP_T01_PEER_UNREACHABLE,
    RILL_ILP_T02_PEER_BUSY,
    RILL_ILP_T03_CONNECTOR_BUSY,
    RILL_ILP_T04_INSUFFICIENT_LIQUIDITY,
    RILL_ILP_T05_RATE_LIMITED,
    RILL_ILP_T99_APPLICATION_ERROR,
    RILL_ILP_R00_TRANSFER_TIMED_OUT,
    RILL_ILP_R01_INSUFFICIENT_SOURCE_AMOUNT,
    RILL_ILP_R02_INSUFFICIENT_TIMEOUT,
    RILL_ILP_R99_APPLICATION_ERROR,
    RILL_ILP_CODE_UNKNOWN /* none of them */
} rill_ilp_code_id;

RILL_API rill_ilp_code rill_ilp_code_of(rill_ilp_code_id id);
RILL_API rill_ilp_code_id rill_ilp_code_find(rill_ilp_code code);
/* RFC 27's name of a code, "unknown code" for others: static. */
RILL_API const char *rill_ilp_code_name(rill_ilp_code code);

typedef struct rill_prepare {
    uint64_t amount;          /* units of the account it travels on */
    uint64_t expires_at_ms;   /* wall milliseconds since 1970 */
    const uint8_t *condition; /* 32 bytes */
    rill_bytes destination;   /* ILP address, no NUL */
    rill_bytes data;
} rill_prepare;

typedef struct rill_fulfill {
    const uint8_t *fulfillment; /* 32 bytes */
    rill_bytes data;
} rill_fulfill;

typedef struct rill_reject {
    rill_ilp_code code;
    rill_bytes triggered_by; /* ILP address, empty, or a word of an address's characters:
                                ilp-connector says "unknown" before it knows its own */
    rill_bytes message;      /* UTF-8 for people: print it escaped */
    rill_bytes data;
} rill_reject;

/*
 * Decode one packet from len bytes. Bytes after the last field and after the
 * envelope are ignored, for what is to come (RFC 30).
 * RILL_ERR_TRUNCATED, RILL_ERR_MALFORMED (wrong type, not canonical length, not
 * a date), RILL_ERR_RANGE (expiry before 1970), RILL_ERR_TOO_LARGE (address, or
 * data over RILL_ILP_MAX_DATA_READ), RILL_ERR_ADDRESS (destination not an ILP address).
 *
 * The answers are read liberally, for whoever gets one must know what became of
 * the money. A Fulfill needs a fulfillment, a Reject the three bytes of its code;
 * what follows is empty where it cannot be read or is too large. So is a triggeredBy
 * that has characters that no address has; of the code, a byte that is not visible
 * ASCII reads as '?'. Only RILL_ERR_TRUNCATED and RILL_ERR_MALFORMED come of them.
 */
RILL_API RILL_MUST_CHECK int rill_prepare_decode(rill_prepare *out, const uint8_t *packet,
                                                 size_t len);
RILL_API RILL_MUST_CHECK int rill_fulfill_decode(rill_fulfill *out, const uint8_t *packet,
                                                 size_t len);
RILL_API RILL_MUST_CHECK int rill_reject_decode(rill_reject *out, const uint8_t *packet,
                                                size_t len);

/*
 * Encode into buf[cap]; *len becomes the length. Where data.data is NULL and
 * data.len is not 0, room is left for the data at the end of the packet and
 * the caller writes it there (data is the last field of all three).
 * RILL_ERR_BUFFER, RILL_ERR_TOO_LARGE (address, message, or data over
 * RILL_ILP_MAX_DATA), RILL_ERR_RANGE (expiry past year 9999).
 */
RILL_API RILL_MUST_CHECK int rill_prepare_encode(const rill_prepare *in, uint8_t *buf, size_t cap,
                                                 size_t *len);
RILL_API RILL_MUST_CHECK int rill_fulfill_encode(const rill_fulfill *in, uint8_t *buf, size_t cap,
                                                 size_t *len);
RILL_API RILL_MUST_CHECK int rill_reject_encode(const rill_reject *in, uint8_t *buf, size_t cap,
                                                size_t *len);

/* F08's data (RFC 27, Amount Too Large): what arrived, and the most that would have passed. */
typedef struct rill_amount_too_large {
    uint64_t received;
    uint64_t maximum;
} rill_amount_too_large;

/* RILL_ERR_TRUNCATED under 16 bytes; more is ignored. */
RILL_API RILL_MUST_CHECK int rill_amount_too_large_decode(rill_amount_too_large *out,
                                                          rill_bytes data);
RILL_API void rill_amount_too_large_encode(rill_amount_too_large in, uint8_t out[16]);

/*
 * expiresAt's 17 digits YYYYMMDDHHMMSSmmm <-> wall milliseconds. RILL_ERR_MALFORMED (not a date
 * and time of day; 24:00 and second 60 are none), RILL_ERR_RANGE (before 1970, after 9999).
 */
RILL_API RILL_MUST_CHECK int rill_ilp_time_decode(const uint8_t text[17], uint64_t *wall_ms);
RILL_API RILL_MUST_CHECK int rill_ilp_time_encode(uint64_t wall_ms, uint8_t text[17]);

/* ---- ILP addresses (RFC 15) ---- */

/* A whole address: an allocation scheme, then segments of [A-Za-z0-9_~-], at most 1023 bytes. */
RILL_API bool rill_address_valid(rill_bytes address);
/* A prefix to forward by: as an address, or one scheme alone, or empty. */
RILL_API bool rill_address_prefix_valid(rill_bytes prefix);
/* address is prefix itself, or continues it at a segment boundary. Empty matches all. */
RILL_API bool rill_address_has_prefix(rill_bytes address, rill_bytes prefix);
/* The first segment of address after prefix; empty where there is none. Asks has_prefix first. */
RILL_API rill_bytes rill_address_segment_after(rill_bytes address, rill_bytes prefix);

/* ---- IL-DCP (RFC 31) ---- */

#define RILL_ILDCP_DESTINATION "peer.config"
#define RILL_MAX_ASSET_CODE    32 /* bytes of an asset code that Rill keeps */

typedef struct rill_ildcp_info {
    rill_bytes address;
    uint8_t asset_scale;
    rill_bytes asset_code;
} rill_ildcp_info;

/* The request's Prepare, whole. expires_at in wall milliseconds. RILL_ERR_BUFFER, RILL_ERR_RANGE.
 */
RILL_API RILL_MUST_CHECK int rill_ildcp_request_encode(uint64_t expires_at, uint8_t *buf,
                                                       size_t cap, size_t *len);
/* To peer.config, with the condition that RFC 31 fixes. Expiry and amount are the caller's to
 * judge. */
RILL_API bool rill_ildcp_is_request(const rill_prepare *prepare);
/*
 * The answer's Fulfill, whole: fulfillment of 32 zero bytes.
 * RILL_ERR_BUFFER, RILL_ERR_TOO_LARGE, RILL_ERR_ADDRESS.
 */
RILL_API RILL_MUST_CHECK int rill_ildcp_response_encode(const rill_ildcp_info *info, uint8_t *buf,
                                                        size_t cap, size_t *len);
/*
 * From the Fulfill, whole. Borrows.
 * RILL_ERR_REFUSED where it is a Reject, else as rill_fulfill_decode (RILL_ERR_MALFORMED also
 * where the fulfillment is not 32 zero bytes), RILL_ERR_ADDRESS,
 * RILL_ERR_TOO_LARGE (asset code over RILL_MAX_ASSET_CODE).
 */
RILL_API RILL_MUST_CHECK int rill_ildcp_response_decode(rill_ildcp_info *out, const uint8_t *packet,
                                                        size_t len);

RILL_END_DECLS

#endif
