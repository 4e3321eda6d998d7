/* SPDX-License-Identifier: Apache-2.0 */
/* Byte cursors: bounds-checked reading and writing, big-endian. */
#ifndef RILL_BASE_CURSOR_H
#define RILL_BASE_CURSOR_H

#include <rill/types.h>

typedef struct rill_reader {
    const uint8_t *at;
    const uint8_t *end;
} rill_reader;

/*
 * A writer remembers that it ran out of room, so that a run of writes is
 * checked once at its end: at never passes end, failed stays true.
 */
typedef struct rill_writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    bool failed;
} rill_writer;

rill_reader rill_reader_of(const uint8_t *data, size_t len);
size_t rill_reader_left(const rill_reader *r);
/* Each false, with nothing read, where too few bytes are left. */
RILL_MUST_CHECK bool rill_read_u8(rill_reader *r, uint8_t *out);
RILL_MUST_CHECK bool rill_read_u32(rill_reader *r, uint32_t *out);
RILL_MUST_CHECK bool rill_read_u64(rill_reader *r, uint64_t *out);
RILL_MUST_CHECK bool rill_read_bytes(rill_reader *r, size_t len, rill_bytes *out);

rill_writer rill_writer_of(uint8_t *buf, size_t cap);
size_t rill_writer_len(const rill_writer *w);
size_t rill_writer_left(const rill_writer *w);
void rill_write_u8(rill_writer *w, uint8_t v);
void rill_write_u32(rill_writer *w, uint32_t v);
void rill_write_u64(rill_writer *w, uint64_t v);
void rill_write_bytes(rill_writer *w, const void *data, size_t len);
/* Room for len bytes that the caller fills; NULL where there is none. */
uint8_t *rill_write_reserve(rill_writer *w, size_t len);

#endif
