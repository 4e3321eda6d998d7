/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads STREAM packets with the shared secret, which the simulator knows. It is a second
 * implementation of the envelope, the conditions and the frames. So the books see each stream's
 * part of what crosses the links.
 */
#ifndef SIM_OBSERVER_H
#define SIM_OBSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sim_keys {
    uint8_t encryption[32];
    uint8_t fulfillment[32];
} sim_keys;

void sim_keys_derive(sim_keys *k, const uint8_t *secret, size_t len);
/* HMAC of data, and its hash. */
void sim_keys_condition(const sim_keys *k, const uint8_t *data, size_t len, uint8_t fulfillment[32],
                        uint8_t condition[32]);
void sim_sha256(const uint8_t *data, size_t len, uint8_t out[32]);

enum {
    SIM_FRAME_CONNECTION_CLOSE = 0x01,
    SIM_FRAME_NEW_ADDRESS = 0x02,
    SIM_FRAME_MAX_DATA = 0x03,
    SIM_FRAME_DATA_BLOCKED = 0x04,
    SIM_FRAME_MAX_STREAM_ID = 0x05,
    SIM_FRAME_STREAM_ID_BLOCKED = 0x06,
    SIM_FRAME_ASSET_DETAILS = 0x07,
    SIM_FRAME_STREAM_CLOSE = 0x10,
    SIM_FRAME_STREAM_MONEY = 0x11,
    SIM_FRAME_STREAM_MAX_MONEY = 0x12,
    SIM_FRAME_STREAM_MONEY_BLOCKED = 0x13,
    SIM_FRAME_STREAM_DATA = 0x14,
    SIM_FRAME_STREAM_MAX_DATA = 0x15,
    SIM_FRAME_STREAM_DATA_BLOCKED = 0x16,
    SIM_FRAME_STREAM_RECEIPT = 0x17
};

typedef struct sim_frame {
    uint8_t type;
    uint64_t stream;
    uint64_t value;
    const uint8_t *data; /* STREAM_DATA, NEW_ADDRESS */
    size_t data_len;
} sim_frame;

#define SIM_FRAMES 5000

typedef struct sim_stream_packet {
    bool authentic; /* decrypted with this connection's key */
    bool malformed; /* authentic, and still not a STREAM packet */
    uint8_t type;
    uint64_t sequence;
    uint64_t amount;
    bool over;     /* a reply that belongs to no connection that its receiver has open */
    uint64_t life; /* the client's life that begins with it; 0: it does not say */
    unsigned frame_count;
    sim_frame frames[SIM_FRAMES];
    uint8_t text[32767];
} sim_stream_packet;

/*
 * Makes an envelope around text, as a peer does. out has room for len and 28 more bytes; iv has 12
 * bytes.
 */
void sim_envelope_write(const sim_keys *k, const uint8_t *iv, const uint8_t *text, size_t len,
                        uint8_t *out);

/* out stays valid as long as it is; it is too large for a stack of many. */
void sim_stream_packet_open(const sim_keys *k, const uint8_t *data, size_t len,
                            sim_stream_packet *out);

#endif
