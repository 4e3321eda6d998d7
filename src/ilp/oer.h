/* SPDX-License-Identifier: Apache-2.0 */
/* OER (RFC 30): lengths, variable-length integers and octet strings. */
#ifndef RILL_ILP_OER_H
#define RILL_ILP_OER_H

#include <rill/error.h>

#include "base/cursor.h"

/* A length determinant: one byte below 128, else 0x80 + count and that many bytes. Canonical only.
 */
RILL_MUST_CHECK int rill_oer_read_length(rill_reader *r, size_t *out);
void rill_oer_write_length(rill_writer *w, size_t len);
size_t rill_oer_length_size(size_t len);

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
 * VarUInt: a length and that many bytes, big-endian. RILL_ERR_TRUNCATED,
 * RILL_ERR_MALFORMED (length 0), RILL_ERR_RANGE (over 2^64 - 1). Leading zero
 * bytes are accepted: peers send them.
 * The saturating form gives UINT64_MAX instead of RILL_ERR_RANGE (RFC 29 section 5.1.4).
 */
RILL_MUST_CHECK int rill_oer_read_long_varuint(rill_reader *r, uint64_t *out);

RILL_MUST_CHECK static inline int rill_oer_read_varuint(rill_reader *r, uint64_t *out)
{
    size_t left = rill_reader_left(r);
    if (RILL_UNLIKELY(left == 0 || *r->at == 0 || *r->at > 8 || *r->at > left - 1))
        return rill_oer_read_long_varuint(r, out);
    size_t len = *r->at++;
    uint64_t v = 0;
    for (size_t i = 0; i < len; i++)
        v = v << 8 | *r->at++;
    *out = v;
    return RILL_OK;
}

RILL_MUST_CHECK int rill_oer_read_varuint_saturating(rill_reader *r, uint64_t *out);
void rill_oer_write_varuint(rill_writer *w, uint64_t v);
size_t rill_oer_varuint_size(uint64_t v);

#endif
