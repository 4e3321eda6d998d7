/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hammer says: HTTP, WebSocket, BTP and ILP, written by hand. Each function writes to out,
 * which has enough room, and returns the length.
 */
#ifndef HAMMER_WIRE_H
#define HAMMER_WIRE_H

#include <stddef.h>
#include <stdint.h>

/* xorshift: the same numbers for the same seed. */
void seed_random(uint64_t seed);
uint64_t next_random(void);
void fill_random(uint8_t *out, size_t len);
/* Characters of base64url, no NUL. */
void fill_token(char *out, size_t len);

/* The request that a WebSocket begins with. */
size_t put_greeting(uint8_t *out);
/* A WebSocket frame of at most 65535 bytes, masked with zeros; first: its first byte. */
size_t put_frame(uint8_t *out, uint8_t first, const uint8_t *payload, size_t len);
/* The same as a server writes it: not masked. */
size_t put_plain_frame(uint8_t *out, uint8_t first, const uint8_t *payload, size_t len);
/* BTP's authentication as this account, or none (""), with a new token. */
size_t put_auth(uint8_t *out, const char *name);
/* The same with this token. */
size_t put_auth_with(uint8_t *out, const char *name, const char *token);
/* An ILP Prepare that expires in 30 s. */
size_t put_prepare(uint8_t *out, const char *to, uint64_t amount, const uint8_t *data, size_t len);
/* One that expires in so many seconds. Its fulfillment is 32 zeros. */
size_t put_prepare_for(uint8_t *out, const char *to, uint64_t amount, unsigned seconds,
                       const uint8_t *data, size_t len);
/* A BTP frame of this type (1: RESPONSE, 6: MESSAGE) with an ILP packet, whatever its bytes. */
size_t put_btp(uint8_t *out, uint8_t type, uint32_t id, const uint8_t *packet, size_t len);
/* A BTP MESSAGE with an ILP packet, whatever its bytes. */
size_t put_request(uint8_t *out, uint32_t id, const uint8_t *packet, size_t len);
/* IL-DCP: who am I? */
size_t put_question(uint8_t *out, uint32_t id);
/* A packet of one unit to an address whose last segment is replaced: a token that nobody made. */
size_t put_bogus(uint8_t *out, uint32_t id, const char *address);

#endif
