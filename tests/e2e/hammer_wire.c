/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "hammer_wire.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t rng = 88172645463325252u;

void seed_random(uint64_t seed)
{
    rng ^= seed * 0x9e3779b97f4a7c15u;
}

uint64_t next_random(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

void fill_random(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(next_random() >> 32);
}

/* Characters of base64url. */
void fill_token(char *out, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < len; i++)
        out[i] = digits[next_random() >> 58];
}

static size_t put_octets(uint8_t *out, const void *data, size_t len)
{
    size_t at = 0;
    if (len < 128) {
        out[at++] = (uint8_t)len;
    } else if (len < 256) {
        out[at++] = 0x81;
        out[at++] = (uint8_t)len;
    } else {
        out[at++] = 0x82;
        out[at++] = (uint8_t)(len >> 8);
        out[at++] = (uint8_t)len;
    }
    if (len > 0)
        memcpy(out + at, data, len);
    return at + len;
}

/* A WebSocket frame with a mask of zeros. */
size_t put_frame(uint8_t *out, uint8_t first, const uint8_t *payload, size_t len)
{
    size_t at = 0;
    out[at++] = first;
    if (len < 126) {
        out[at++] = (uint8_t)(0x80 | len);
    } else {
        out[at++] = 0x80 | 126;
        out[at++] = (uint8_t)(len >> 8);
        out[at++] = (uint8_t)len;
    }
    memset(out + at, 0, 4);
    memcpy(out + at + 4, payload, len);
    return at + 4 + len;
}

size_t put_plain_frame(uint8_t *out, uint8_t first, const uint8_t *payload, size_t len)
{
    size_t at = 0;
    out[at++] = first;
    if (len < 126) {
        out[at++] = (uint8_t)len;
    } else {
        out[at++] = 126;
        out[at++] = (uint8_t)(len >> 8);
        out[at++] = (uint8_t)len;
    }
    memcpy(out + at, payload, len);
    return at + len;
}

static size_t put_entry(uint8_t *out, const char *name, uint8_t type, const void *data, size_t len)
{
    size_t at = put_octets(out, name, strlen(name));
    out[at++] = type;
    return at + put_octets(out + at, data, len);
}

static size_t put_btp_head(uint8_t *frame, uint8_t type, uint32_t id)
{
    size_t at = 0;
    frame[at++] = type;
    for (int shift = 24; shift >= 0; shift -= 8)
        frame[at++] = (uint8_t)(id >> shift);
    return at;
}

static size_t put_message(uint8_t *out, uint32_t id, const uint8_t *body, size_t len)
{
    uint8_t frame[4096];
    size_t at = put_btp_head(frame, 6, id);
    at += put_octets(frame + at, body, len);
    return put_frame(out, 0x82, frame, at);
}

size_t put_btp(uint8_t *out, uint8_t type, uint32_t id, const uint8_t *packet, size_t len)
{
    uint8_t body[4096] = {1, 1};
    size_t at = put_btp_head(out, type, id);
    return at + put_octets(out + at, body, 2 + put_entry(body + 2, "ilp", 0, packet, len));
}

size_t put_auth(uint8_t *out, const char *name)
{
    char token[25];
    fill_token(token, sizeof token - 1);
    token[sizeof token - 1] = '\0';
    return put_auth_with(out, name, token);
}

size_t put_auth_with(uint8_t *out, const char *name, const char *token)
{
    uint8_t body[512] = {1, 3};
    size_t at = 2;
    at += put_entry(body + at, "auth", 0, "", 0);
    at += put_entry(body + at, "auth_username", 1, name, strlen(name));
    at += put_entry(body + at, "auth_token", 1, token, strlen(token));
    return put_message(out, 0, body, at);
}

size_t put_prepare(uint8_t *out, const char *to, uint64_t amount, const uint8_t *data, size_t len)
{
    return put_prepare_for(out, to, amount, 30, data, len);
}

size_t put_prepare_for(uint8_t *out, const char *to, uint64_t amount, unsigned seconds,
                       const uint8_t *data, size_t len)
{
    uint8_t fields[2048] = {0};
    char expiry[32];
    /* The condition that is asked of peer.config: SHA-256 of 32 zeros. */
    static const uint8_t condition[32] = {0x66, 0x68, 0x7a, 0xad, 0xf8, 0x62, 0xbd, 0x77,
                                          0x6c, 0x8f, 0xc1, 0x8b, 0x8e, 0x9f, 0x8e, 0x20,
                                          0x08, 0x97, 0x14, 0x85, 0x6e, 0xe2, 0x33, 0xb3,
                                          0x90, 0x2a, 0x59, 0x1d, 0x0d, 0x5f, 0x29, 0x25};
    time_t at = time(NULL) + (time_t)seconds;
    struct tm utc;
    gmtime_r(&at, &utc);
    strftime(expiry, sizeof expiry, "%Y%m%d%H%M%S000", &utc);
    for (int i = 0; i < 8; i++)
        fields[i] = (uint8_t)(amount >> (56 - 8 * i));
    memcpy(fields + 8, expiry, 17);
    memcpy(fields + 25, condition, 32);
    size_t size = 57;
    size += put_octets(fields + size, to, strlen(to));
    size += put_octets(fields + size, data, len);
    out[0] = 12;
    return 1 + put_octets(out + 1, fields, size);
}

size_t put_request(uint8_t *out, uint32_t id, const uint8_t *packet, size_t len)
{
    uint8_t body[4096] = {1, 1};
    return put_message(out, id, body, 2 + put_entry(body + 2, "ilp", 0, packet, len));
}

size_t put_question(uint8_t *out, uint32_t id)
{
    uint8_t packet[256];
    return put_request(out, id, packet, put_prepare(packet, "peer.config", 0, NULL, 0));
}

size_t put_greeting(uint8_t *out)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    memcpy(out, request, sizeof request - 1);
    return sizeof request - 1;
}

size_t put_bogus(uint8_t *out, uint32_t id, const char *address)
{
    char to[1024];
    uint8_t packet[2048], data[128];
    const char *token = strrchr(address, '.') + 1;
    snprintf(to, sizeof to, "%s", address);
    fill_token(to + (token - address), strlen(token));
    fill_random(data, sizeof data);
    return put_request(out, id, packet, put_prepare(packet, to, 1, data, sizeof data));
}
