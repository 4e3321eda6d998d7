/* SPDX-License-Identifier: Apache-2.0 */
/* OER (RFC 30): lengths, variable-length integers and octet strings. */
#ifndef RILL_ILP_OER_H
#define RILL_ILP_OER_H

#include <rill/error.h>

#include "base/cursor.h"

/*
 * A length determinant: one byte below 128, otherwise 0x80 + count and that many bytes. Canonical
 * only.
 */
RILL_MUST_CHECK int rill_oer_read_length(rill_reader *r, size_t *out);
void rill_oer_write_long_length(rill_writer *w, size_t len);

/* The number of v's highest bit; 0 for 0. */
static inline unsigned rill_oer_top_bit(uint64_t v)
{
    return 63u ^ (unsigned)__builtin_clzll(v | 1);
}

/* The bytes of v without leading zeros; 1 for 0. */
static inline size_t rill_oer_significant_bytes(uint64_t v)
{
    return rill_oer_top_bit(v) / 8 + 1;
}

/*
 * Writes what says how many bytes v has (`before` plus their number), and v's bytes. Up to 7 bytes
 * after them are overwritten: there must be room for nine in all. Returns where they end.
 */
static inline uint8_t *rill_oer_put_number(uint8_t *p, unsigned before, uint64_t v)
{
    unsigned top = rill_oer_top_bit(v);
    *p = (uint8_t)(before + top / 8 + 1);
    rill_store_u64(p + 1, v << (~top & 56u));
    return p + 2 + top / 8;
}

/* A VarUInt, where there is room for nine bytes. Returns where it ends. */
static inline uint8_t *rill_oer_put_varuint(uint8_t *p, uint64_t v)
{
    return rill_oer_put_number(p, 0, v);
}

/* A length, where there is room for nine bytes. Returns where it ends. */
static inline uint8_t *rill_oer_put_length(uint8_t *p, size_t len)
{
    if (len >= 0x80)
        return rill_oer_put_number(p, 0x80, len);
    *p = (uint8_t)len;
    return p + 1;
}

static inline void rill_oer_write_length(rill_writer *w, size_t len)
{
    if (len < 0x80)
        rill_write_u8(w, (uint8_t)len);
    else
        rill_oer_write_long_length(w, len);
}

static inline size_t rill_oer_length_size(size_t len)
{
    return len < 0x80 ? 1 : 1 + rill_oer_significant_bytes(len);
}

/* VarOctetString of at most max bytes. RILL_ERR_TRUNCATED, RILL_ERR_MALFORMED, RILL_ERR_TOO_LARGE.
 */
RILL_MUST_CHECK int rill_oer_read_long_octets(rill_reader *r, size_t max, rill_bytes *out);

/* Nearly every length in a packet takes one byte. */
RILL_MUST_CHECK static inline int rill_oer_read_octets(rill_reader *r, size_t max, rill_bytes *out)
{
    size_t left = rill_reader_left(r);
    if (RILL_UNLIKELY(left == 0 || *r->at >= 0x80 || *r->at > max || *r->at > left - 1))
        return rill_oer_read_long_octets(r, max, out);
    out->len = *r->at;
    out->data = r->at + 1;
    r->at += 1 + out->len;
    return RILL_OK;
}

void rill_oer_write_octets(rill_writer *w, rill_bytes bytes);

/*
 * VarUInt: a length and that many bytes, big-endian. RILL_ERR_TRUNCATED, RILL_ERR_MALFORMED (length
 * 0), RILL_ERR_RANGE (over 2^64 - 1). Leading zero bytes are accepted, since peers send them. The
 * saturating form returns UINT64_MAX instead of RILL_ERR_RANGE (RFC 29 section 5.1.4).
 */
RILL_MUST_CHECK int rill_oer_read_long_varuint(rill_reader *r, uint64_t *out);

RILL_MUST_CHECK static inline int rill_oer_read_varuint(rill_reader *r, uint64_t *out)
{
    /* Eight bytes can be read at once, and at most so many are its own. */
    if (RILL_UNLIKELY(rill_reader_left(r) < 9 || *r->at - 1u > 7))
        return rill_oer_read_long_varuint(r, out);
    size_t len = *r->at;
    *out = rill_load_u64(r->at + 1) >> (64 - 8 * len);
    r->at += 1 + len;
    return RILL_OK;
}

RILL_MUST_CHECK int rill_oer_read_long_saturating(rill_reader *r, uint64_t *out);

RILL_MUST_CHECK static inline int rill_oer_read_varuint_saturating(rill_reader *r, uint64_t *out)
{
    size_t left = rill_reader_left(r);
    if (RILL_UNLIKELY(left == 0 || *r->at > 8))
        return rill_oer_read_long_saturating(r, out);
    return rill_oer_read_varuint(r, out);
}

void rill_oer_write_last_varuint(rill_writer *w, uint64_t v);

/* May write up to 7 bytes after it, inside the writer's room. */
static inline void rill_oer_write_varuint(rill_writer *w, uint64_t v)
{
    if (RILL_UNLIKELY(w->failed || rill_writer_left(w) < 9))
        rill_oer_write_last_varuint(w, v);
    else
        w->at = rill_oer_put_varuint(w->at, v);
}

static inline size_t rill_oer_varuint_size(uint64_t v)
{
    return 1 + rill_oer_significant_bytes(v);
}

#endif
