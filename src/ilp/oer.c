/* SPDX-License-Identifier: Apache-2.0 */
#include "ilp/oer.h"

#include <rill/error.h>

static void write_significant(rill_writer *w, uint64_t v, size_t bytes)
{
    uint8_t *p = rill_write_reserve(w, bytes);
    if (p == NULL)
        return;
    while (bytes > 0)
        *p++ = (uint8_t)(v >> (8 * --bytes));
}

int rill_oer_read_length(rill_reader *r, size_t *out)
{
    rill_reader at = *r;
    uint8_t first;
    if (!rill_read_u8(&at, &first))
        return RILL_ERR_TRUNCATED;
    if (first < 0x80) {
        *out = first;
        *r = at;
        return RILL_OK;
    }
    size_t bytes = first & 0x7fU;
    if (bytes == 0 || bytes > sizeof(uint64_t))
        return RILL_ERR_MALFORMED;
    if (rill_reader_left(&at) < bytes)
        return RILL_ERR_TRUNCATED;
    uint64_t len = 0;
    for (size_t i = 0; i < bytes; i++)
        len = len << 8 | *at.at++;
    if (len < 0x80 || rill_oer_significant_bytes(len) != bytes)
        return RILL_ERR_MALFORMED;
    if ((size_t)len != len) /* 32 bits */
        return RILL_ERR_TOO_LARGE;
    *out = (size_t)len;
    *r = at;
    return RILL_OK;
}

void rill_oer_write_long_length(rill_writer *w, size_t len)
{
    size_t bytes = rill_oer_significant_bytes(len);
    rill_write_u8(w, (uint8_t)(0x80 | bytes));
    write_significant(w, len, bytes);
}

/* The bytes of a length of two or three, as all lengths in packets are that one is too few for. 0
 * for all others, and for what is wrong with these. */
static inline size_t read_packet_length(const uint8_t *p, size_t left, size_t *len)
{
    if (left < 3)
        return 0;
    *len = p[1];
    if (p[0] == 0x81)
        return *len >= 0x80 ? 2 : 0;
    *len = *len << 8 | p[2];
    return p[0] == 0x82 && *len >= 0x100 ? 3 : 0;
}

int rill_oer_read_long_octets(rill_reader *r, size_t max, rill_bytes *out)
{
    const uint8_t *p = r->at;
    size_t left = rill_reader_left(r);
    size_t known;
    size_t before = read_packet_length(p, left, &known);
    if (RILL_LIKELY(before != 0 && known <= max && known <= left - before)) {
        *out = (rill_bytes){p + before, known};
        r->at = p + before + known;
        return RILL_OK;
    }
    rill_reader at = *r;
    size_t len;
    int err = rill_oer_read_length(&at, &len);
    if (err != RILL_OK)
        return err;
    if (len > max)
        return RILL_ERR_TOO_LARGE;
    if (!rill_read_bytes(&at, len, out))
        return RILL_ERR_TRUNCATED;
    *r = at;
    return RILL_OK;
}

void rill_oer_write_octets(rill_writer *w, rill_bytes bytes)
{
    rill_oer_write_length(w, bytes.len);
    rill_write_bytes(w, bytes.data, bytes.len);
}

/*
 * On RILL_ERR_RANGE *r is already behind it, so that the saturating form can continue from there.
 */
static inline int read_varuint(rill_reader *r, uint64_t *out)
{
    rill_bytes bytes;
    int err = rill_oer_read_octets(r, SIZE_MAX, &bytes);
    if (err != RILL_OK)
        return err;
    if (bytes.len == 0)
        return RILL_ERR_MALFORMED;
    uint64_t v = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        if (v >> 56 != 0)
            return RILL_ERR_RANGE;
        v = v << 8 | bytes.data[i];
    }
    *out = v;
    return RILL_OK;
}

int rill_oer_read_long_varuint(rill_reader *r, uint64_t *out)
{
    rill_reader at = *r;
    int err = read_varuint(&at, out);
    if (err == RILL_OK)
        *r = at;
    return err;
}

int rill_oer_read_long_saturating(rill_reader *r, uint64_t *out)
{
    rill_reader at = *r;
    int err = read_varuint(&at, out);
    if (err == RILL_ERR_RANGE) {
        *out = UINT64_MAX;
        err = RILL_OK;
    }
    if (err == RILL_OK)
        *r = at;
    return err;
}

void rill_oer_write_last_varuint(rill_writer *w, uint64_t v)
{
    size_t bytes = rill_oer_significant_bytes(v);
    rill_write_u8(w, (uint8_t)bytes);
    write_significant(w, v, bytes);
}
