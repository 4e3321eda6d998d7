/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames of WebSocket (RFC 6455 section 5), read and written without input
 * or output: no extensions, no text. Knows nothing of sockets or loops.
 */
#ifndef RILL_WS_WS_FRAME_H
#define RILL_WS_WS_FRAME_H

#include <rill/types.h>

#define RILL_WS_MAX_HEADER  14
#define RILL_WS_MAX_CONTROL 125

/* Close codes that we send (RFC 6455 section 7.4.1). */
#define RILL_WS_NORMAL         1000
#define RILL_WS_GOING_AWAY     1001
#define RILL_WS_PROTOCOL_ERROR 1002
#define RILL_WS_UNSUPPORTED    1003
#define RILL_WS_BAD_PAYLOAD    1007
#define RILL_WS_POLICY         1008
#define RILL_WS_TOO_BIG        1009
#define RILL_WS_TRY_LATER      1013

typedef enum rill_ws_opcode {
    RILL_WS_CONTINUATION = 0,
    RILL_WS_TEXT = 1,
    RILL_WS_BINARY = 2,
    RILL_WS_CLOSE = 8,
    RILL_WS_PING = 9,
    RILL_WS_PONG = 10
} rill_ws_opcode;

typedef struct rill_ws_reader {
    size_t max_message;   /* bytes of one message, all its fragments together */
    uint64_t message_len; /* of the message that is under way, with all of its current frame */
    uint64_t left;        /* payload of the current frame that has not come */
    bool masked;          /* frames must be masked, else must not be */
    bool in_frame;        /* its header was read and accepted */
    bool in_message;      /* fragments are awaited */
    bool ended;           /* by a close frame or an error */
    bool fin;
    uint8_t opcode;     /* of the current frame */
    uint8_t header_len; /* of a header that came in parts */
    uint8_t control_len;
    uint8_t key[4]; /* turned so that key[0] is for the next byte */
    uint8_t header[RILL_WS_MAX_HEADER];
    uint8_t control[RILL_WS_MAX_CONTROL]; /* a control payload that came in parts */
    uint16_t code;                        /* after an error: the close code to answer with */
    const char *problem;                  /* and what the peer did, static */
} rill_ws_reader;

/*
 * Payload, unmasked. A control frame comes whole. A message may come in many
 * parts; its frames are not told apart.
 */
typedef struct rill_ws_part {
    rill_ws_opcode opcode; /* RILL_WS_BINARY for all of a message */
    bool last;             /* the message or control frame ends with this */
    const uint8_t *data;   /* in the bytes that were read, or in the reader until its next call */
    size_t len;
} rill_ws_part;

/* from_client: the reader is a server's, and takes frames that are masked and no others. */
void rill_ws_reader_init(rill_ws_reader *r, bool from_client, size_t max_message);

/*
 * Takes bytes from the front of data[0..*len), unmasking them in place, until
 * there is a part: call again for the rest. What a part points to is good until
 * the bytes are reused or the next call.
 * RILL_OK: *out. RILL_ERR_BLOCKED: all is taken, more must come; also after a
 * close frame, which ends the reading (section 5.5.1). RILL_ERR_PROTOCOL: see
 * r->code and r->problem; nothing can be read any more.
 */
RILL_MUST_CHECK int rill_ws_reader_next(rill_ws_reader *r, uint8_t **data, size_t *len,
                                        rill_ws_part *out);

/* A close frame's code (section 5.5.1); 0 where it has none. */
uint16_t rill_ws_close_code(const rill_ws_part *part);
/*
 * The code to answer a close frame with: its own, or what is wrong with it
 * (codes that never travel, section 7.4; a reason that is not UTF-8). 0: none,
 * as in the frame.
 */
uint16_t rill_ws_close_answer(const rill_ws_part *part);

/* The header of a frame that is not fragmented; key: NULL for none. Returns its length. */
size_t rill_ws_header(uint8_t out[RILL_WS_MAX_HEADER], rill_ws_opcode opcode, size_t len,
                      const uint8_t key[4]);
/* Masks or unmasks, and turns the key for the bytes that follow. */
void rill_ws_mask(uint8_t *data, size_t len, uint8_t key[4]);

#endif
