/* SPDX-License-Identifier: Apache-2.0 */
/* Writes STREAM packets byte by byte, right ones and wrong ones. A rogue speaks with these. */
#ifndef SIM_FORGE_H
#define SIM_FORGE_H

#include "observer.h"

#define SIM_FORGE_TEXT (32767 - 28)

typedef struct sim_forge {
    uint8_t type;
    uint8_t version;
    uint64_t sequence;
    uint64_t amount;
    uint64_t count; /* of frames, as the packet says */
    size_t len;     /* of the frames */
    uint8_t frames[SIM_FORGE_TEXT];
    size_t body; /* the beginning of the frame that is being written */
} sim_forge;

void sim_forge_begin(sim_forge *f, uint8_t type, uint64_t sequence, uint64_t amount);
/* Begin a frame, write its fields, end it. What does not fit is left out. */
void sim_forge_frame(sim_forge *f, uint8_t type);
void sim_forge_number(sim_forge *f, uint64_t x);
void sim_forge_byte(sim_forge *f, uint8_t x);
void sim_forge_octets(sim_forge *f, const uint8_t *data, size_t len);
void sim_forge_raw(sim_forge *f, const uint8_t *data, size_t len);
void sim_forge_end(sim_forge *f);
/* type, stream, value: most frames; and those with a third number. */
void sim_forge_frame2(sim_forge *f, uint8_t type, uint64_t stream, uint64_t value);
void sim_forge_frame3(sim_forge *f, uint8_t type, uint64_t stream, uint64_t value, uint64_t total);
size_t sim_forge_left(const sim_forge *f);
/* The plaintext into out[SIM_FORGE_TEXT + 40]; its length. */
size_t sim_forge_write(const sim_forge *f, uint8_t *out);

#endif
