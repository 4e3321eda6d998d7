/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BTP frames (RFC 23), the Bilateral Transfer Protocol's messages as they
 * travel in WebSocket binary frames. Decoding borrows.
 */
#ifndef RILL_BTP_H
#define RILL_BTP_H

#include <rill/types.h>

RILL_BEGIN_DECLS

#define RILL_BTP_MAX_ENTRIES 16 /* protocolData entries of one frame */
/* Bytes of one frame: room for a Reject whose message and data are as long as they may be. */
#define RILL_BTP_MAX_FRAME 50000

typedef enum rill_btp_type {
    RILL_BTP_RESPONSE = 1,
    RILL_BTP_ERROR = 2,
    RILL_BTP_MESSAGE = 6,
    RILL_BTP_TRANSFER = 7
} rill_btp_type;

typedef enum rill_btp_content {
    RILL_BTP_OCTET_STREAM = 0,
    RILL_BTP_TEXT = 1,
    RILL_BTP_JSON = 2
} rill_btp_content;

typedef struct rill_btp_entry {
    rill_bytes name;
    uint8_t content_type; /* kept also where it is none of rill_btp_content */
    rill_bytes data;
} rill_btp_entry;

typedef struct rill_btp_frame {
    rill_btp_type type;
    uint32_t request_id;
    uint64_t amount;         /* TRANSFER only */
    rill_bytes code;         /* ERROR only: 3 bytes */
    rill_bytes name;         /* ERROR only */
    rill_bytes triggered_at; /* ERROR only: YYYYMMDDHHMMSS.mmmZ */
    rill_bytes data;         /* ERROR only */
    size_t entry_count;
    rill_btp_entry entries[RILL_BTP_MAX_ENTRIES];
} rill_btp_frame;

/*
 * One frame from len bytes; what follows it is ignored (RFC 30). On RILL_ERR_UNSUPPORTED (a type
 * that is not in rill_btp_type) out->request_id is set, so that the caller can answer.
 * RILL_ERR_TRUNCATED, RILL_ERR_MALFORMED (also a name that comes twice),
 * RILL_ERR_TOO_LARGE (more entries than RILL_BTP_MAX_ENTRIES, more bytes than
 * RILL_BTP_MAX_FRAME), RILL_ERR_UNSUPPORTED.
 */
RILL_API RILL_MUST_CHECK int rill_btp_decode(rill_btp_frame *out, const uint8_t *bytes, size_t len);
/* RILL_ERR_BUFFER, RILL_ERR_INVALID (unknown type, code not 3 bytes, too many entries, a name
 * twice). */
RILL_API RILL_MUST_CHECK int rill_btp_encode(const rill_btp_frame *in, uint8_t *buf, size_t cap,
                                             size_t *len);
/* The bytes that rill_btp_encode writes. */
RILL_API size_t rill_btp_size(const rill_btp_frame *in);
/* The entry of that name (a C string), or NULL. */
RILL_API const rill_btp_entry *rill_btp_find(const rill_btp_frame *frame, const char *name);

/*
 * A MESSAGE or RESPONSE whose one entry is an ILP packet: the whole hot path
 * of BTP. rill_btp_ilp_header writes all that precedes the packet's bytes and
 * returns its length (at most RILL_BTP_ILP_HEADER_MAX).
 */
#define RILL_BTP_ILP_HEADER_MAX 32
RILL_API size_t rill_btp_ilp_header(rill_btp_type type, uint32_t request_id, size_t packet_len,
                                    uint8_t out[RILL_BTP_ILP_HEADER_MAX]);

RILL_END_DECLS

#endif
