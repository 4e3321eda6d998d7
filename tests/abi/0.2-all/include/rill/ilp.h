/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interledger packets (RFC 27), addresses (RFC 15), and the question for one's own account, IL-DCP
 * (RFC 31). Packets are encoded by OER (RFC 30).
 *
 * Decoding borrows: every pointer in a decoded packet points into the bytes that were decoded, and
 * is valid as long as they are. Encoding copies. No function here keeps anything. The structs here
 * stay as they are.
 */
#ifndef RILL_ILP_H
#define RILL_ILP_H

#include <rill/types.h>

RILL_BEGIN_DECLS

/* Bytes of an address (RFC 15). */
#define RILL_ILP_MAX_ADDRESS 1023
/* Bytes of data in a packet that is written: what RFC 27 allows. */
#define RILL_ILP_MAX_DATA 32767
/* Bytes of data in a packet that is read: other implementations write more than RFC 27 allows. */
#define RILL_ILP_MAX_DATA_READ 40000
/* The largest Prepare that is read: type, length, amount, expiry, condition, address, data. */
#define RILL_ILP_MAX_PACKET 41091
/* Bytes of a Reject's message that are read: of a longer one, the first. */
#define RILL_ILP_MAX_MESSAGE 8191

/* The first byte of a packet (RFC 27). */
typedef enum rill_ilp_type {
    RILL_ILP_PREPARE = 12,
    RILL_ILP_FULFILL = 13,
    RILL_ILP_REJECT = 14
} rill_ilp_type;

/* An error code: three characters and a NUL, so that it compares as text. */
typedef struct rill_ilp_code {
    char text[4];
} rill_ilp_code;

/*
 * The error codes of RFC 27, one constant each.
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

/* The code as it is in a packet: "F02". id is not RILL_ILP_CODE_UNKNOWN. */
RILL_API rill_ilp_code rill_ilp_code_of(rill_ilp_code_id id);
/* Which of them a code is, or RILL_ILP_CODE_UNKNOWN: peers may send others. */
RILL_API rill_ilp_code_id rill_ilp_code_find(rill_ilp_code code);
/* RFC 27's name of a code, "unknown code" for others. Static, never NULL. */
RILL_API const char *rill_ilp_code_name(rill_ilp_code code);

/* Offers an amount to whoever fulfils its condition. */
typedef struct rill_prepare {
    uint64_t amount;          /* units of the account over which it travels */
    uint64_t expires_at_ms;   /* milliseconds since 1970-01-01 UTC */
    const uint8_t *condition; /* 32 bytes: SHA-256 of the fulfillment */
    rill_bytes destination;   /* ILP address, no NUL after it */
    rill_bytes data;          /* for the receiver, at the end of the path */
} rill_prepare;

/* The receiver's answer that takes the amount. */
typedef struct rill_fulfill {
    const uint8_t *fulfillment; /* 32 bytes */
    rill_bytes data;            /* for the sender */
} rill_fulfill;

/* The answer by which no money moves. */
typedef struct rill_reject {
    rill_ilp_code code;
    rill_bytes triggered_by; /* ILP address, empty, or a word of an address's characters:
                                ilp-connector says "unknown" before it knows its own */
    rill_bytes message;      /* UTF-8 for people: print it escaped */
    rill_bytes data;
} rill_reject;

/*
 * Each reads one packet of its type from len bytes. *out borrows from packet. Bytes after the last
 * field, and after the packet, are ignored, for what is to come (RFC 30).
 * RILL_ERR_TRUNCATED: it ends too early. RILL_ERR_MALFORMED: it is of another type, a length is not
 * canonical, the expiry is no date. Of a Prepare also: RILL_ERR_RANGE: it expired before 1970.
 * RILL_ERR_TOO_LARGE: the address, or data over RILL_ILP_MAX_DATA_READ. RILL_ERR_ADDRESS: the
 * destination is no ILP address.
 *
 * Answers are read liberally, because whoever gets one must know what became of the money. A
 * Fulfill needs a fulfillment, and a Reject needs the three bytes of its code. What follows is
 * empty if it cannot be read or is too large. triggered_by is empty if it has characters that no
 * address has. A byte of the code that is not visible ASCII is read as '?'.
 */
RILL_API RILL_MUST_CHECK int rill_prepare_decode(rill_prepare *out, const uint8_t *packet,
                                                 size_t len);
RILL_API RILL_MUST_CHECK int rill_fulfill_decode(rill_fulfill *out, const uint8_t *packet,
                                                 size_t len);
RILL_API RILL_MUST_CHECK int rill_reject_decode(rill_reject *out, const uint8_t *packet,
                                                size_t len);

/*
 * Each writes a packet into buf[cap]; *len becomes its length. If data.data is NULL and data.len is
 * not 0, room is left for so many bytes at the end of the packet, and the caller writes them there:
 * data is the last field of all three.
 * RILL_ERR_BUFFER: it does not fit. RILL_ERR_TOO_LARGE: the address, the message, or data over
 * RILL_ILP_MAX_DATA. RILL_ERR_RANGE: it expires after the year 9999.
 */
RILL_API RILL_MUST_CHECK int rill_prepare_encode(const rill_prepare *in, uint8_t *buf, size_t cap,
                                                 size_t *len);
RILL_API RILL_MUST_CHECK int rill_fulfill_encode(const rill_fulfill *in, uint8_t *buf, size_t cap,
                                                 size_t *len);
RILL_API RILL_MUST_CHECK int rill_reject_encode(const rill_reject *in, uint8_t *buf, size_t cap,
                                                size_t *len);

/* The data of an F08 (RFC 27, Amount Too Large), in units of the account of whoever rejected. */
typedef struct rill_amount_too_large {
    uint64_t received; /* the amount that arrived */
    uint64_t maximum;  /* the largest that would have passed */
} rill_amount_too_large;

/* Reads it. RILL_ERR_TRUNCATED: fewer than 16 bytes; more are ignored. */
RILL_API RILL_MUST_CHECK int rill_amount_too_large_decode(rill_amount_too_large *out,
                                                          rill_bytes data);
/* Writes it. */
RILL_API void rill_amount_too_large_encode(rill_amount_too_large in, uint8_t out[16]);

/*
 * Between the 17 digits of an expiry, YYYYMMDDHHMMSSmmm in UTC without a NUL, and milliseconds
 * since 1970-01-01 UTC.
 * RILL_ERR_MALFORMED: not a date and a time of day; neither 24:00 nor a second 60 is one.
 * RILL_ERR_RANGE: before 1970, or after 9999.
 */
RILL_API RILL_MUST_CHECK int rill_ilp_time_decode(const uint8_t text[17], uint64_t *wall_ms);
RILL_API RILL_MUST_CHECK int rill_ilp_time_encode(uint64_t wall_ms, uint8_t text[17]);

/* ---- ILP addresses (RFC 15) ---- */

/*
 * It is a whole address: a scheme (g, private, example, peer, self, test, ...), then one or more
 * segments, with dots between them. A segment has characters of [A-Za-z0-9_~-]. At most
 * RILL_ILP_MAX_ADDRESS bytes.
 */
RILL_API bool rill_address_valid(rill_bytes address);
/* It can be the prefix of addresses: an address, a scheme alone, or empty. */
RILL_API bool rill_address_prefix_valid(rill_bytes prefix);
/* The address is the prefix itself, or goes on with a dot after it. An empty prefix has all. */
RILL_API bool rill_address_has_prefix(rill_bytes address, rill_bytes prefix);
/* The first segment of an address after this prefix of it, borrowed; empty if there is none. */
RILL_API rill_bytes rill_address_segment_after(rill_bytes address, rill_bytes prefix);

/* ---- IL-DCP (RFC 31): a child asks its parent what its account is ---- */

/* Where the question goes. */
#define RILL_ILDCP_DESTINATION "peer.config"
#define RILL_MAX_ASSET_CODE    32 /* bytes of an asset code that Rill keeps */

/* The answer. */
typedef struct rill_ildcp_info {
    rill_bytes address;    /* the child's */
    uint8_t asset_scale;   /* a unit is 10^-asset_scale of the asset */
    rill_bytes asset_code; /* UTF-8, no NUL after it */
} rill_ildcp_info;

/*
 * Writes the question, a whole Prepare, into buf[cap]; *len becomes its length. expires_at:
 * milliseconds since 1970-01-01 UTC. RILL_ERR_BUFFER: it does not fit; RILL_ERR_RANGE: it expires
 * after the year 9999.
 */
RILL_API RILL_MUST_CHECK int rill_ildcp_request_encode(uint64_t expires_at, uint8_t *buf,
                                                       size_t cap, size_t *len);
/*
 * It is the question: it goes to RILL_ILDCP_DESTINATION, and has the condition that RFC 31 fixes.
 * Its expiry and amount are the caller's to judge.
 */
RILL_API bool rill_ildcp_is_request(const rill_prepare *prepare);
/*
 * Writes the answer, a whole Fulfill of 32 zero bytes, into buf[cap]; *len becomes its length.
 * RILL_ERR_BUFFER: it does not fit. RILL_ERR_TOO_LARGE: the address has more than
 * RILL_ILP_MAX_ADDRESS bytes, or the asset code more than RILL_MAX_ASSET_CODE. RILL_ERR_ADDRESS:
 * the address is none.
 */
RILL_API RILL_MUST_CHECK int rill_ildcp_response_encode(const rill_ildcp_info *info, uint8_t *buf,
                                                        size_t cap, size_t *len);
/*
 * Reads the answer, a whole packet. *out borrows from it.
 * RILL_ERR_REFUSED: it is a Reject. RILL_ERR_TRUNCATED and RILL_ERR_MALFORMED as
 * rill_fulfill_decode; RILL_ERR_MALFORMED also if the fulfillment is not 32 zero bytes.
 * RILL_ERR_ADDRESS: the address is none. RILL_ERR_TOO_LARGE: the address or the asset code has more
 * bytes than rill_ildcp_response_encode allows.
 */
RILL_API RILL_MUST_CHECK int rill_ildcp_response_decode(rill_ildcp_info *out, const uint8_t *packet,
                                                        size_t len);

RILL_END_DECLS

#endif
