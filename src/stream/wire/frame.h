/* SPDX-License-Identifier: Apache-2.0 */
/* STREAM frames (RFC 29 section 5.3). Decoding borrows. */
#ifndef RILL_STREAM_FRAME_H
#define RILL_STREAM_FRAME_H

#include "base/cursor.h"

typedef enum rill_frame_type {
    RILL_FRAME_CONNECTION_CLOSE = 0x01,
    RILL_FRAME_CONNECTION_NEW_ADDRESS = 0x02,
    RILL_FRAME_CONNECTION_MAX_DATA = 0x03,
    RILL_FRAME_CONNECTION_DATA_BLOCKED = 0x04,
    RILL_FRAME_CONNECTION_MAX_STREAM_ID = 0x05,
    RILL_FRAME_CONNECTION_STREAM_ID_BLOCKED = 0x06,
    RILL_FRAME_CONNECTION_ASSET_DETAILS = 0x07,
    RILL_FRAME_STREAM_CLOSE = 0x10,
    RILL_FRAME_STREAM_MONEY = 0x11,
    RILL_FRAME_STREAM_MAX_MONEY = 0x12,
    RILL_FRAME_STREAM_MONEY_BLOCKED = 0x13,
    RILL_FRAME_STREAM_DATA = 0x14,
    RILL_FRAME_STREAM_MAX_DATA = 0x15,
    RILL_FRAME_STREAM_DATA_BLOCKED = 0x16,
    RILL_FRAME_STREAM_RECEIPT = 0x17
} rill_frame_type;

/*
 * One frame. Which members count depends on the type:
 *   CONNECTION_CLOSE                code, text (message)
 *   CONNECTION_NEW_ADDRESS          text (address, may be empty)
 *   CONNECTION_MAX_DATA, _DATA_BLOCKED, _MAX_STREAM_ID, _STREAM_ID_BLOCKED   value
 *   CONNECTION_ASSET_DETAILS        text (code), code (scale)
 *   STREAM_CLOSE                    stream, code, text
 *   STREAM_MONEY                    stream, value (shares)
 *   STREAM_MAX_MONEY                stream, value (receive max), total (received)
 *   STREAM_MONEY_BLOCKED            stream, value (send max), total (sent)
 *   STREAM_DATA                     stream, value (offset), text (data)
 *   STREAM_MAX_DATA, _DATA_BLOCKED  stream, value (offset)
 *   STREAM_RECEIPT                  stream, text (receipt)
 */
typedef struct rill_frame {
    uint8_t type; /* rill_frame_type, or another: unknown, to be skipped */
    uint8_t code;
    uint64_t stream;
    uint64_t value;
    uint64_t total;
    rill_bytes text;
} rill_frame;

/*
 * The next frame, its outer type and length and all its fields; bytes left
 * over inside a known frame are ignored, an unknown frame is given with its
 * type and no more. receiveMax and sendMax saturate (section 5.1.4).
 * RILL_ERR_TRUNCATED, RILL_ERR_MALFORMED, RILL_ERR_RANGE.
 */
RILL_MUST_CHECK int rill_frame_read(rill_reader *r, rill_frame *out);
/* The same, where the bytes from `start` to r may be read as well: numbers are read with them. */
RILL_MUST_CHECK int rill_frame_read_from(const uint8_t *start, rill_reader *r, rill_frame *out);

/* The bytes that rill_frame_write writes, type and length included. */
size_t rill_frame_size(const rill_frame *frame);
/* Type, length, and three numbers: no frame without text is larger. */
#define RILL_FRAME_MOST_NUMBERS (2 + 3 * 9)
/* Known types only. Running out of room shows in w->failed. */
void rill_frame_write(rill_writer *w, const rill_frame *frame);
/*
 * The same at once, for what most frames are: of a known type, without text,
 * and with room to spare. False, with nothing written, for others.
 */
bool rill_frame_write_short(rill_writer *w, const rill_frame *frame);

#endif
