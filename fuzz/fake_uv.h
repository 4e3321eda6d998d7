/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of libuv as src/io uses, over nothing: no socket, no clock. It
 * stands before libuv in the link of a target. A target plays the network: it
 * makes connections arrive, feeds bytes, takes what was written, says how much
 * a socket takes, ends and breaks connections, and lets time pass.
 *
 * What libuv promises is kept: the order of a turn, callbacks never from inside
 * a call, what a close cancels, at most one block a read, a write that is cut
 * short goes on later. What may not be done to libuv fails here.
 */
#ifndef RILL_FUZZ_FAKE_UV_H
#define RILL_FUZZ_FAKE_UV_H

#include <rill/types.h>
#include <uv.h>

/* The other end of a connection of the program's. */
typedef struct fake_socket fake_socket;

/* Before each input: checks that everything of the last one was closed. */
void fake_uv_reset(void);
/* Monotonic nanoseconds; the wall clock is this and an offset. */
uint64_t fake_uv_now(void);
void fake_uv_advance(uint64_t ns);
/* When the next timer is due; RILL_NEVER where none runs. */
uint64_t fake_uv_deadline(void);
/* One turn of the loop, without waiting. */
void fake_uv_turn(uv_loop_t *loop);
/* Handles that are not closed. */
size_t fake_uv_handles(void);

/* The clock of the wall goes elsewhere. */
void fake_uv_set_wall(int64_t offset_ms);

/* ---- who comes to a listener ---- */

/* NULL: nobody listens, or too many were made. */
fake_socket *fake_uv_arrive(void);
/* accept() fails: what libuv tells the listener. */
void fake_uv_accept_error(int status);

/* ---- whom the program connects to ---- */

/* The answer to its next lookups: so many addresses, or an error; busy: not before it is not. */
void fake_uv_resolver(int status, unsigned addresses, bool busy);
/* The connection attempt that waits; NULL where there is none. It is then to be answered. */
fake_socket *fake_uv_attempt(void);
void fake_socket_answer(fake_socket *s, int status);

/* ---- a connection ---- */

void fake_socket_feed(fake_socket *s, const uint8_t *data, size_t len);
void fake_socket_eof(fake_socket *s);
void fake_socket_break(fake_socket *s, int status);
/* Called with all that is written, at the moment at which it is; NULL: nobody. Reset clears it. */
void fake_uv_on_output(void (*output)(fake_socket *s, rill_bytes bytes));
/* How many bytes it takes before writes block; SIZE_MAX at first. */
void fake_socket_room(fake_socket *s, size_t room);
/* Takes what was written since. The bytes are good until the next turn. */
rill_bytes fake_socket_output(fake_socket *s);
/* The program has closed it; nothing more comes. */
bool fake_socket_closed(const fake_socket *s);
/* The program has not taken it yet. */
bool fake_socket_waits(const fake_socket *s);
/* The program writes no more. */
bool fake_socket_shut(const fake_socket *s);

#endif
