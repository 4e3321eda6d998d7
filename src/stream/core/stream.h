/* SPDX-License-Identifier: Apache-2.0 */
/* A stream's life inside its connection. */
#ifndef RILL_STREAM_STREAM_H
#define RILL_STREAM_STREAM_H

#include "stream/core/connection_internal.h"

rill_stream *rill_stream_create(rill_connection *c, uint64_t id, bool ours, uint64_t now_ns);
/* s has an `out` of its own from now on. False: no memory, and s is as it was. */
RILL_MUST_CHECK bool rill_stream_own_out(rill_stream *s);
/* Before it is to send any money: the same. */
RILL_MUST_CHECK static inline bool rill_stream_may_pay(rill_stream *s)
{
    return !s->out->lent || rill_stream_own_out(s);
}
void rill_stream_destroy(rill_stream *s);

/* rill_stream_send_total, or rill_stream_receive_total, is over. */
void rill_stream_finish_sending(rill_stream *s, int error);
void rill_stream_finish_receiving(rill_stream *s, int error);
/* rill_stream_send_total cannot succeed: says why. Nothing where none is under way. */
void rill_stream_fail_goal(rill_stream *s, int error);
/* rill_stream_end: from now on the stream ends by itself. */
void rill_stream_start_ending(rill_stream *s, uint64_t now_ns);
/* Money arrived for good: with its Fulfill. */
void rill_stream_credit(rill_stream *s, uint64_t amount);
/* Closes without telling (the other side closed, or the connection did) or with. */
void rill_stream_shut(rill_stream *s, uint8_t code, const char *message, size_t message_len,
                      bool remote, int error);
/* Sets the stream's timer to the earliest of its goals' deadlines. */
void rill_stream_rearm(rill_stream *s);
/* The time of that has come: what is over with it. */
void rill_stream_expire(rill_stream *s, uint64_t now_ns);
/* Bytes were acknowledged: says that there is room again, where somebody waits for it. */
void rill_stream_check_writable(rill_stream *s);
/* Bytes from the first one on that the other side is known to have had for its reader. */
uint64_t rill_stream_arrived(const rill_stream *s);
/* Whether every packet with its bytes was answered: none is sent again. */
bool rill_stream_is_acknowledged(const rill_stream *s);
/* Whether bytes that were written may not have arrived, as far as we know. */
bool rill_stream_lacks_bytes(const rill_stream *s);
/* Whether it was closed by us before all bytes that were written had arrived, as far as we know. */
bool rill_stream_is_cut(const rill_stream *s);
/* Bytes in order that the reader has not taken. */
uint64_t rill_stream_unread(const rill_stream *s);
/* The window to advertise follows what the reader consumed. */
void rill_stream_update_receive_window(rill_stream *s, uint64_t now_ns);

#endif
