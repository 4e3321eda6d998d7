/* SPDX-License-Identifier: Apache-2.0 */
#include "forge.h"

#include <string.h>

/* Frames have their length in two bytes, whatever it is. That is canonical if it is 256 or more. */
#define LENGTH_ROOM 3
/* Version, type, and three numbers. */
#define HEADER_ROOM (2 + 3 * 9)

void sim_forge_begin(sim_forge *f, uint8_t type, uint64_t sequence, uint64_t amount)
{
    f->type = type;
    f->version = 1;
    f->sequence = sequence;
    f->amount = amount;
    f->count = 0;
    f->len = 0;
    f->body = 0;
}

size_t sim_forge_left(const sim_forge *f)
{
    size_t used = f->len + HEADER_ROOM + 2 * LENGTH_ROOM;
    return used < sizeof(f->frames) ? sizeof(f->frames) - used : 0;
}

void sim_forge_raw(sim_forge *f, const uint8_t *data, size_t len)
{
    if (len > sim_forge_left(f) || len == 0)
        return;
    memcpy(f->frames + f->len, data, len);
    f->len += len;
}

void sim_forge_byte(sim_forge *f, uint8_t x)
{
    sim_forge_raw(f, &x, 1);
}

static size_t put_number(uint8_t *out, uint64_t x)
{
    unsigned bytes = 1;
    while (bytes < 8 && x >> (8 * bytes) != 0)
        bytes++;
    out[0] = (uint8_t)bytes;
    for (unsigned i = 0; i < bytes; i++)
        out[1 + i] = (uint8_t)(x >> (8 * (bytes - 1 - i)));
    return 1 + bytes;
}

void sim_forge_number(sim_forge *f, uint64_t x)
{
    uint8_t bytes[9];
    sim_forge_raw(f, bytes, put_number(bytes, x));
}

static size_t put_length(uint8_t *out, size_t len)
{
    if (len < 128) {
        out[0] = (uint8_t)len;
        return 1;
    }
    if (len < 256) {
        out[0] = 0x81;
        out[1] = (uint8_t)len;
        return 2;
    }
    out[0] = 0x82;
    out[1] = (uint8_t)(len >> 8);
    out[2] = (uint8_t)len;
    return 3;
}

void sim_forge_octets(sim_forge *f, const uint8_t *data, size_t len)
{
    uint8_t length[LENGTH_ROOM];
    size_t n = put_length(length, len);
    if (n + len > sim_forge_left(f))
        return;
    sim_forge_raw(f, length, n);
    sim_forge_raw(f, data, len);
}

void sim_forge_frame(sim_forge *f, uint8_t type)
{
    if (sim_forge_left(f) == 0) {
        f->body = SIZE_MAX;
        return;
    }
    f->frames[f->len++] = type;
    f->body = f->len;
}

/* The length goes before the body, which moves to make room for it. */
void sim_forge_end(sim_forge *f)
{
    uint8_t length[LENGTH_ROOM];
    if (f->body == SIZE_MAX)
        return;
    size_t n = put_length(length, f->len - f->body);
    memmove(f->frames + f->body + n, f->frames + f->body, f->len - f->body);
    memcpy(f->frames + f->body, length, n);
    f->len += n;
    f->count++;
}

void sim_forge_frame2(sim_forge *f, uint8_t type, uint64_t stream, uint64_t value)
{
    if (sim_forge_left(f) < 3 * 9)
        return;
    sim_forge_frame(f, type);
    sim_forge_number(f, stream);
    sim_forge_number(f, value);
    sim_forge_end(f);
}

void sim_forge_frame3(sim_forge *f, uint8_t type, uint64_t stream, uint64_t value, uint64_t total)
{
    if (sim_forge_left(f) < 4 * 9)
        return;
    sim_forge_frame(f, type);
    sim_forge_number(f, stream);
    sim_forge_number(f, value);
    sim_forge_number(f, total);
    sim_forge_end(f);
}

size_t sim_forge_write(const sim_forge *f, uint8_t *out)
{
    uint8_t *at = out;
    *at++ = f->version;
    *at++ = f->type;
    at += put_number(at, f->sequence);
    at += put_number(at, f->amount);
    at += put_number(at, f->count);
    memcpy(at, f->frames, f->len);
    return (size_t)(at - out) + f->len;
}
