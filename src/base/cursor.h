/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte cursors: reading and writing with bounds checks, big-endian. They are inline because every
 * byte of every packet passes through them.
 */
#ifndef RILL_BASE_CURSOR_H
#define RILL_BASE_CURSOR_H

#include <string.h>

#include <rill/types.h>

typedef struct rill_reader {
    const uint8_t *at;
    const uint8_t *end;
} rill_reader;

/*
 * A writer remembers that it ran out of room, so the caller checks a series of writes once, at its
 * end. at never passes end; failed stays true.
 */
typedef struct rill_writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    bool failed;
} rill_writer;

/* Converts v to and from its bytes in memory, big-endian. */
static inline uint64_t rill_big_endian(uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_bswap64(v);
#else
    return v;
#endif
}

static inline uint64_t rill_load_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return rill_big_endian(v);
}

static inline uint32_t rill_load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void rill_store_u32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static inline void rill_store_u64(uint8_t *p, uint64_t v)
{
    v = rill_big_endian(v);
    memcpy(p, &v, sizeof v);
}

static inline rill_reader rill_reader_of(const uint8_t *data, size_t len)
{
    /* NULL + 0 is undefined in C. */
    return (rill_reader){data, len == 0 ? data : data + len};
}

static inline size_t rill_reader_left(const rill_reader *r)
{
    return (size_t)(r->end - r->at);
}

/* Each returns false, and reads nothing, if too few bytes are left. */
RILL_MUST_CHECK static inline bool rill_read_u8(rill_reader *r, uint8_t *out)
{
    if (r->at == r->end)
        return false;
    *out = *r->at++;
    return true;
}

RILL_MUST_CHECK static inline bool rill_read_u32(rill_reader *r, uint32_t *out)
{
    if (rill_reader_left(r) < 4)
        return false;
    const uint8_t *p = r->at;
    *out = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    r->at += 4;
    return true;
}

RILL_MUST_CHECK static inline bool rill_read_u64(rill_reader *r, uint64_t *out)
{
    if (rill_reader_left(r) < 8)
        return false;
    *out = rill_load_u64(r->at);
    r->at += 8;
    return true;
}

RILL_MUST_CHECK static inline bool rill_read_bytes(rill_reader *r, size_t len, rill_bytes *out)
{
    if (rill_reader_left(r) < len)
        return false;
    *out = (rill_bytes){r->at, len};
    if (len != 0)
        r->at += len;
    return true;
}

static inline rill_writer rill_writer_of(uint8_t *buf, size_t cap)
{
    return (rill_writer){buf, buf, cap == 0 ? buf : buf + cap, false};
}

static inline size_t rill_writer_len(const rill_writer *w)
{
    return (size_t)(w->at - w->start);
}

static inline size_t rill_writer_left(const rill_writer *w)
{
    return (size_t)(w->end - w->at);
}

/* Room for len bytes that the caller fills; NULL if there is none. */
static inline uint8_t *rill_write_reserve(rill_writer *w, size_t len)
{
    /* After one failure nothing more is written, since it would be in a wrong place. */
    if (w->failed || rill_writer_left(w) < len) {
        w->failed = true;
        return NULL;
    }
    uint8_t *p = w->at;
    if (len != 0)
        w->at += len;
    return p;
}

static inline void rill_write_u8(rill_writer *w, uint8_t v)
{
    uint8_t *p = rill_write_reserve(w, 1);
    if (p != NULL)
        *p = v;
}

static inline void rill_write_u32(rill_writer *w, uint32_t v)
{
    uint8_t *p = rill_write_reserve(w, 4);
    if (p == NULL)
        return;
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static inline void rill_write_u64(rill_writer *w, uint64_t v)
{
    uint8_t *p = rill_write_reserve(w, 8);
    if (p != NULL)
        rill_store_u64(p, v);
}

static inline void rill_write_bytes(rill_writer *w, const void *data, size_t len)
{
    uint8_t *p = rill_write_reserve(w, len);
    if (p != NULL && len != 0)
        memcpy(p, data, len);
}

#endif
