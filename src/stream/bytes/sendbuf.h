/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes written and not yet acknowledged. A piece once given out keeps its
 * boundaries, so that a resend is the identical frame (RFC 29 section 5.3.11).
 */
#ifndef RILL_STREAM_SENDBUF_H
#define RILL_STREAM_SENDBUF_H

#include "base/list.h"
#include "base/spares.h"
#include <rill/types.h>

/* A piece that was given out; its bytes stay in the buffer until it is acknowledged. */
typedef struct rill_send_piece {
    rill_list node; /* in the buffer's `lost` while it is to be sent again, or in `unsure` */
    uint64_t offset;
    uint32_t len;
    bool acknowledged;
} rill_send_piece;

typedef struct rill_sendbuf rill_sendbuf;

/* limit: bytes kept at most. RILL_ERR_NOMEM. Little memory until written to. */
RILL_MUST_CHECK int rill_sendbuf_new(rill_sendbuf **out, const rill_allocator *a, uint32_t limit);
void rill_sendbuf_free(rill_sendbuf *b);
/* From now on takes large blocks from there, and gives them back whenever it is empty. */
void rill_sendbuf_share(rill_sendbuf *b, rill_spares *spares);

/* Copies as many bytes as there is room for; *accepted of them. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_sendbuf_write(rill_sendbuf *b, const uint8_t *data, size_t len,
                                       size_t *accepted);
size_t rill_sendbuf_room(const rill_sendbuf *b);
/* Offsets: end of what was written; end of what was ever given out; all below is acknowledged. */
uint64_t rill_sendbuf_written(const rill_sendbuf *b);
uint64_t rill_sendbuf_sent(const rill_sendbuf *b);
uint64_t rill_sendbuf_acknowledged(const rill_sendbuf *b);
/* Something to send: lost pieces, or new bytes. */
bool rill_sendbuf_has_lost(const rill_sendbuf *b);
bool rill_sendbuf_has_new(const rill_sendbuf *b);

/* Length of the lost piece that comes next; 0 where none is lost. */
uint32_t rill_sendbuf_lost_len(const rill_sendbuf *b);
/* Takes that piece to send it again. */
rill_send_piece *rill_sendbuf_take_lost(rill_sendbuf *b);
/* Gives out at most max (not 0) new bytes as one piece; NULL where there are none or no memory. */
rill_send_piece *rill_sendbuf_take_new(rill_sendbuf *b, uint32_t max);
/*
 * The piece's bytes, which may lie in two parts (a ring): writes them to out[piece->len].
 */
void rill_sendbuf_copy(const rill_sendbuf *b, const rill_send_piece *piece, uint8_t *out);
/* The piece has arrived: it is no longer the caller's. Frees room. */
void rill_sendbuf_ack(rill_sendbuf *b, rill_send_piece *piece);
/* The piece has not arrived, as far as we know: it will be given out again. */
void rill_sendbuf_lose(rill_sendbuf *b, rill_send_piece *piece);

/* The piece may have arrived, and must not be given out again where it has: it is kept. */
void rill_sendbuf_doubt(rill_sendbuf *b, rill_send_piece *piece);
/* The offset of the first such piece; false where there is none. */
bool rill_sendbuf_unsure(const rill_sendbuf *b, uint64_t *offset);
/* Of those, the ones that begin below the offset have arrived. True where there were any. */
bool rill_sendbuf_arrived_below(rill_sendbuf *b, uint64_t offset);
/* The first of them has not arrived: it is lost. */
void rill_sendbuf_lose_unsure(rill_sendbuf *b);

#endif
