/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of BTP, the Bilateral Transfer Protocol (RFC 23). Each travels in one binary message of
 * WebSocket. Whoever uses links (rill/link.h) does not need this.
 *
 * Decoding borrows: every pointer in a decoded frame points into the bytes that were decoded, and
 * is valid as long as they are. Encoding copies. The structs here stay as they are.
 */
#ifndef RILL_BTP_H
#define RILL_BTP_H

#include <rill/types.h>

RILL_BEGIN_DECLS

/* Entries of protocolData in one frame, at most. */
#define RILL_BTP_MAX_ENTRIES 16
/* Bytes of one frame: room for a Reject whose message and data are as long as they may be. */
#define RILL_BTP_MAX_FRAME 50000

/* RFC 23, "BTP Call Types". */
typedef enum rill_btp_type {
    RILL_BTP_RESPONSE = 1, /* the answer to a MESSAGE or a TRANSFER */
    RILL_BTP_ERROR = 2,    /* it could not be handled */
    RILL_BTP_MESSAGE = 6,  /* an ILP packet, or another protocol's data */
    RILL_BTP_TRANSFER = 7  /* says that an amount was settled */
} rill_btp_type;

/* What the bytes of an entry are. Others may come. */
typedef enum rill_btp_content {
    RILL_BTP_OCTET_STREAM = 0,
    RILL_BTP_TEXT = 1, /* UTF-8 */
    RILL_BTP_JSON = 2
} rill_btp_content;

/* An entry of protocolData. */
typedef struct rill_btp_entry {
    rill_bytes name;      /* of the protocol: "ilp", "auth", ...; at most 255 bytes, no NUL after */
    uint8_t content_type; /* rill_btp_content, or a number that is not in it: kept as it came */
    rill_bytes data;
} rill_btp_entry;

typedef struct rill_btp_frame {
    rill_btp_type type;
    uint32_t request_id; /* of a request, and of the RESPONSE or ERROR that answers it */
    uint64_t amount;     /* TRANSFER: in the units in which the two settle; else 0 */
    /* ERROR; else empty */
    rill_bytes code;         /* 3 bytes, such as F00 */
    rill_bytes name;         /* of the error, such as NotAcceptedError */
    rill_bytes triggered_at; /* a time in UTC: YYYYMMDDHHMMSS.mmmZ; not checked */
    rill_bytes data;
    size_t entry_count;
    rill_btp_entry entries[RILL_BTP_MAX_ENTRIES];
} rill_btp_frame;

/*
 * Reads one frame. Bytes after its end are ignored, for what is to come (RFC 30). *out borrows from
 * bytes.
 * RILL_ERR_TRUNCATED. RILL_ERR_MALFORMED: a length that is not canonical or does not fit, a name
 * that comes twice. RILL_ERR_TOO_LARGE: more entries than RILL_BTP_MAX_ENTRIES, or more bytes than
 * RILL_BTP_MAX_FRAME. RILL_ERR_UNSUPPORTED: a type that is not in rill_btp_type; out->request_id is
 * set all the same, so that the caller can answer.
 */
RILL_API RILL_MUST_CHECK int rill_btp_decode(rill_btp_frame *out, const uint8_t *bytes, size_t len);
/*
 * Writes a frame into buf[cap]; *len becomes its length.
 * RILL_ERR_BUFFER: it does not fit (rill_btp_size). RILL_ERR_INVALID: the type is unknown, the code
 * of an ERROR does not have 3 bytes, there are too many entries, or a name comes twice.
 */
RILL_API RILL_MUST_CHECK int rill_btp_encode(const rill_btp_frame *in, uint8_t *buf, size_t cap,
                                             size_t *len);
/* How many bytes rill_btp_encode writes for this frame. */
RILL_API size_t rill_btp_size(const rill_btp_frame *in);
/* The entry of that name, which ends with a NUL; NULL if there is none. It is the frame's. */
RILL_API const rill_btp_entry *rill_btp_find(const rill_btp_frame *frame, const char *name);

/*
 * Writes the beginning of a MESSAGE or RESPONSE whose one entry, "ilp", is a packet of packet_len
 * bytes, and returns its length, at most RILL_BTP_ILP_HEADER_MAX. The packet's bytes follow, and
 * end the frame. Nearly all frames are of this form, and so a packet need not be copied.
 */
#define RILL_BTP_ILP_HEADER_MAX 32
RILL_API size_t rill_btp_ilp_header(rill_btp_type type, uint32_t request_id, size_t packet_len,
                                    uint8_t out[RILL_BTP_ILP_HEADER_MAX]);

RILL_END_DECLS

#endif
