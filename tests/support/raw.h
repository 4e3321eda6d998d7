/* SPDX-License-Identifier: Apache-2.0 */
/* A peer without rules: it writes any STREAM packet, and reads what comes back. */
#ifndef RILL_TESTS_RAW_H
#define RILL_TESTS_RAW_H

#include <rill/rill.h>

#include "stream/wire/frame.h"
#include "stream/wire/numbers.h"

#define RAW_FRAMES 64

typedef struct raw_peer {
    struct rill_crypto *crypto;
    struct rill_keys *keys;
    char destination[RILL_ILP_MAX_ADDRESS + 1];
    uint64_t sequence; /* of the next packet */
    /* the life that stands behind the frames of its Prepares; 0: it only counts */
    uint64_t life;
    uint32_t who; /* whose it is; 0: it does not say */
} raw_peer;

/* A packet to write. Members that are 0 mean what an honest peer would write. */
typedef struct raw_packet {
    uint64_t amount;
    uint64_t minimum;
    uint8_t type;
    bool unfulfillable;
    uint64_t sequence;
    uint64_t expires_in; /* milliseconds, 30 s; 1 has passed already */
    const rill_frame *frames;
    unsigned frame_count;
    rill_bytes tail; /* bytes after the frames */
    bool broken;     /* says that there is one frame more */
} raw_packet;

/* What came back. */
typedef struct raw_reply {
    size_t len; /* 0: the application is asked */
    uint8_t type;
    rill_ilp_code_id code;
    bool authentic;
    uint64_t sequence;
    uint64_t amount;
    rill_frame frames[RAW_FRAMES];
    unsigned frame_count;
    rill_trailer_kind trailer;
    uint64_t trailer_value;
    uint32_t who; /* whose life it is that the trailer says; 0: it does not say */
    bool ended;   /* and an earlier connection was ended */
    uint8_t bytes[RILL_PACKET_BUFFER];
    uint8_t plaintext[RILL_ILP_MAX_DATA_READ];
} raw_reply;

void raw_open(raw_peer *r, const char *destination, const uint8_t secret[32]);
void raw_close(raw_peer *r);
/*
 * Writes like a Rill client that begins: with numbers of that life, which it names in each packet.
 */
void raw_begin(raw_peer *r, uint64_t life);
/* Writes like such a client after the first answer: with the mark of the reply. */
void raw_go_on(raw_peer *r, const raw_reply *reply);

size_t raw_write(raw_peer *r, rill_now now, const raw_packet *packet, uint8_t *out);
/* Writes, delivers, reads. */
void raw_send(raw_peer *r, rill_endpoint *to, rill_now now, const raw_packet *packet,
              raw_reply *reply);
/* Delivers bytes that were written before. */
void raw_deliver(raw_peer *r, rill_endpoint *to, rill_now now, const uint8_t *bytes, size_t len,
                 raw_reply *reply);
const rill_frame *raw_find(const raw_reply *reply, uint8_t type);

/*
 * Answers as the receiver of a Prepare: with a Fulfill, or with a Reject with a code. Its STREAM
 * packet says that `amount` arrived.
 */
size_t raw_answer(raw_peer *r, const uint8_t *prepare, size_t len, bool fulfill,
                  rill_ilp_code_id code, uint64_t amount, const rill_frame *frames,
                  unsigned frame_count, uint8_t *out);
/* What came back: reply->bytes[reply->len], and all else 0. */
void raw_read_answer(raw_peer *r, raw_reply *reply);
/* The STREAM packet inside a Prepare, as its receiver reads it. */
void raw_read(raw_peer *r, const uint8_t *prepare, size_t len, raw_reply *out);

#endif
