/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of libuv that src/io uses, without sockets and clocks. The linker finds it before libuv.
 * A target plays the network: it makes connections arrive, feeds bytes, takes what was written,
 * says how much a socket takes, ends and breaks connections, and lets time pass.
 *
 * It keeps libuv's promises: the order of a turn, no callback from inside a call, what a close
 * cancels, at most one block in a read, a write that is cut short and continues later. If the
 * program does something to libuv that is not allowed, it fails here.
 */
#ifndef RILL_FUZZ_FAKE_UV_H
#define RILL_FUZZ_FAKE_UV_H

#include <rill/types.h>
#include <uv.h>

/* The other end of one of the program's connections. */
typedef struct fake_socket fake_socket;

/* Call it before each input. It checks that everything of the last input was closed. */
void fake_uv_reset(void);
/* Monotonic nanoseconds. The wall clock is this time plus an offset. */
uint64_t fake_uv_now(void);
void fake_uv_advance(uint64_t ns);
/* When the next timer is due; RILL_NEVER if none runs. */
uint64_t fake_uv_deadline(void);
/* One turn of the loop, without waiting. */
void fake_uv_turn(uv_loop_t *loop);
/* Number of handles that are not closed. */
size_t fake_uv_handles(void);

/* Moves the wall clock. */
void fake_uv_set_wall(int64_t offset_ms);

/* ---- clients of a listener ---- */

/* NULL: nobody listens, or too many were made. */
fake_socket *fake_uv_arrive(void);
/* accept() fails with this error, which libuv tells the listener. */
void fake_uv_accept_error(int status);

/* ---- servers to which the program connects ---- */

/*
 * The answer to the program's next lookups: so many addresses, or an error. busy: no answer until
 * busy is false again.
 */
void fake_uv_resolver(int status, unsigned addresses, bool busy);
/* The connection attempt that waits for an answer; NULL if there is none. */
fake_socket *fake_uv_attempt(void);
void fake_socket_answer(fake_socket *s, int status);

/* ---- a connection ---- */

void fake_socket_feed(fake_socket *s, const uint8_t *data, size_t len);
void fake_socket_eof(fake_socket *s);
void fake_socket_break(fake_socket *s, int status);
/* Called with everything that is written, at that moment; NULL: not called. A reset clears it. */
void fake_uv_on_output(void (*output)(fake_socket *s, rill_bytes bytes));
/* How many bytes it takes before writes block. Default: SIZE_MAX. */
void fake_socket_room(fake_socket *s, size_t room);
/* Takes what was written since the last call. The bytes are valid until the next turn. */
rill_bytes fake_socket_output(fake_socket *s);
/* The program has closed it: nothing more comes. */
bool fake_socket_closed(const fake_socket *s);
/* The program has not accepted it yet. */
bool fake_socket_waits(const fake_socket *s);
/* The program will write no more. */
bool fake_socket_shut(const fake_socket *s);

#endif
