/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <stdio.h>
#include <string.h>

uint64_t sim_u64_read(const uint8_t *p)
{
    uint64_t x = 0;
    for (unsigned i = 0; i < 8; i++)
        x = x << 8 | p[i];
    return x;
}

void sim_u64_write(uint8_t *p, uint64_t x)
{
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(x >> (56 - 8 * i));
}

typedef struct span {
    uint8_t *at;
    size_t left;
    bool bad;
} span;

static uint8_t *take(span *s, size_t len)
{
    if (s->bad || s->left < len) {
        s->bad = true;
        return NULL;
    }
    uint8_t *p = s->at;
    s->at += len;
    s->left -= len;
    return p;
}

/* OER: a length under 128 in one byte, else the number of bytes that follow. */
static uint8_t *take_octets(span *s, size_t *len)
{
    *len = 0;
    const uint8_t *first = take(s, 1);
    if (first == NULL)
        return NULL;
    size_t n = *first;
    if (n >= 128) {
        size_t bytes = n - 128;
        const uint8_t *p = bytes == 0 || bytes > 4 ? NULL : take(s, bytes);
        if (p == NULL) {
            s->bad = true;
            return NULL;
        }
        for (n = 0; bytes > 0; bytes--)
            n = n << 8 | *p++;
    }
    uint8_t *octets = take(s, n);
    *len = octets == NULL ? 0 : n;
    return octets;
}

sim_packet sim_packet_parse(uint8_t *packet, size_t len)
{
    sim_packet p;
    memset(&p, 0, sizeof(p));
    span outer = {packet, len, false};
    const uint8_t *type = take(&outer, 1);
    size_t body_len;
    uint8_t *body = take_octets(&outer, &body_len);
    if (outer.bad)
        return p;
    span s = {body, body_len, false};
    if (*type == SIM_PREPARE) {
        p.amount = take(&s, 8);
        p.expiry = take(&s, 17);
        p.hash = take(&s, 32);
        p.address = take_octets(&s, &p.address_len);
    } else if (*type == SIM_FULFILL) {
        p.hash = take(&s, 32);
        p.answer = s.bad ? 0 : SIM_FULFILL;
    } else if (*type == SIM_REJECT) {
        size_t message_len;
        p.code = take(&s, 3);
        p.answer = s.bad ? 0 : SIM_REJECT;
        p.address = take_octets(&s, &p.address_len);
        take_octets(&s, &message_len);
    } else {
        return p;
    }
    p.data = take_octets(&s, &p.data_len);
    p.type = s.bad || outer.left != 0 ? 0 : *type;
    return p;
}

uint64_t sim_packet_amount(const sim_packet *p)
{
    return sim_u64_read(p->amount);
}

void sim_packet_set_amount(sim_packet *p, uint64_t amount)
{
    sim_u64_write(p->amount, amount);
}

/* Days since 1970 of a date in the proleptic Gregorian calendar, years that begin in March. */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = y / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t digits(const uint8_t *p, unsigned n)
{
    int64_t x = 0;
    while (n-- > 0)
        x = x * 10 + (*p++ - '0');
    return x;
}

uint64_t sim_packet_expiry(const sim_packet *p)
{
    const uint8_t *t = p->expiry;
    int64_t days = days_of(digits(t, 4), digits(t + 4, 2), digits(t + 6, 2));
    int64_t ms = digits(t + 8, 2) * 3600000 + digits(t + 10, 2) * 60000 + digits(t + 12, 2) * 1000 +
                 digits(t + 14, 3);
    return (uint64_t)(days * 86400000 + ms);
}

void sim_packet_set_expiry(sim_packet *p, uint64_t wall_ms)
{
    int64_t z = (int64_t)(wall_ms / 86400000) + 719468;
    unsigned ms = (unsigned)(wall_ms % 86400000);
    int64_t era = z / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    unsigned day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    unsigned month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    unsigned year = (unsigned)(yoe + era * 400 + (month <= 2));
    char text[64];
    snprintf(text, sizeof(text), "%04u%02u%02u%02u%02u%02u%03u", year % 10000, month % 100,
             day % 100, ms / 3600000 % 100, ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
    memcpy(p->expiry, text, 17);
}

static uint8_t *put_octets(uint8_t *at, const uint8_t *data, size_t len)
{
    if (len < 128) {
        *at++ = (uint8_t)len;
    } else if (len < 256) {
        *at++ = 0x81;
        *at++ = (uint8_t)len;
    } else {
        *at++ = 0x82;
        *at++ = (uint8_t)(len >> 8);
        *at++ = (uint8_t)len;
    }
    if (len > 0)
        memcpy(at, data, len);
    return at + len;
}

static size_t wrap(uint8_t *out, uint8_t type, const uint8_t *body, const uint8_t *end)
{
    out[0] = type;
    return (size_t)(put_octets(out + 1, body, (size_t)(end - body)) - out);
}

size_t sim_reject_write(uint8_t *out, const char *code, const char *by, const uint8_t *data,
                        size_t data_len)
{
    uint8_t body[SIM_MAX_PACKET];
    memcpy(body, code, 3);
    uint8_t *at = put_octets(body + 3, (const uint8_t *)by, strlen(by));
    at = put_octets(at, NULL, 0);
    at = put_octets(at, data, data_len);
    return wrap(out, SIM_REJECT, body, at);
}

size_t sim_fulfill_write(uint8_t *out, const uint8_t fulfillment[32], const uint8_t *data,
                         size_t data_len)
{
    uint8_t body[SIM_MAX_PACKET];
    memcpy(body, fulfillment, 32);
    return wrap(out, SIM_FULFILL, body, put_octets(body + 32, data, data_len));
}

size_t sim_prepare_write(uint8_t *out, const sim_packet *like, const uint8_t *data, size_t data_len)
{
    uint8_t body[SIM_MAX_PACKET];
    memcpy(body, like->amount, 8);
    memcpy(body + 8, like->expiry, 17);
    memcpy(body + 25, like->hash, 32);
    uint8_t *at = put_octets(body + 57, like->address, like->address_len);
    return wrap(out, SIM_PREPARE, body, put_octets(at, data, data_len));
}
