/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ILP packets as the simulator reads and writes them: a second implementation,
 * so that the books do not rest on the one under test.
 */
#ifndef SIM_WIRE_H
#define SIM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_PREPARE = 12, SIM_FULFILL = 13, SIM_REJECT = 14 };

#define SIM_MAX_PACKET 40000

/* Pointers lead into the packet, so that a connector changes fields in place. */
typedef struct sim_packet {
    int type;         /* 0: malformed */
    uint8_t *amount;  /* PREPARE: 8 bytes */
    uint8_t *expiry;  /* PREPARE: 17 digits */
    uint8_t *hash;    /* PREPARE: condition; FULFILL: fulfillment; 32 bytes */
    uint8_t *code;    /* REJECT: 3 characters */
    uint8_t *address; /* PREPARE: destination; REJECT: triggered by */
    size_t address_len;
    uint8_t *data;
    size_t data_len;
    int answer; /* FULFILL or REJECT, though what follows its hash or code may be malformed; or 0 */
} sim_packet;

sim_packet sim_packet_parse(uint8_t *packet, size_t len);
uint64_t sim_packet_amount(const sim_packet *p);
void sim_packet_set_amount(sim_packet *p, uint64_t amount);
uint64_t sim_packet_expiry(const sim_packet *p);
void sim_packet_set_expiry(sim_packet *p, uint64_t wall_ms);
/* A Reject into out[SIM_MAX_PACKET]; its length. data may be NULL where data_len is 0. */
size_t sim_reject_write(uint8_t *out, const char *code, const char *by, const uint8_t *data,
                        size_t data_len);
/* A Fulfill. */
size_t sim_fulfill_write(uint8_t *out, const uint8_t fulfillment[32], const uint8_t *data,
                         size_t data_len);
/* The same Prepare with other data. */
size_t sim_prepare_write(uint8_t *out, const sim_packet *like, const uint8_t *data,
                         size_t data_len);
uint64_t sim_u64_read(const uint8_t *p);
void sim_u64_write(uint8_t *p, uint64_t x);

#endif
