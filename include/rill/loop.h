/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop that links, servers and clients of librill-net live on: a
 * libuv loop of its own, or the embedder's. What is written in one turn of the
 * loop leaves each connection in one system call, just before the loop waits.
 */
#ifndef RILL_LOOP_H
#define RILL_LOOP_H

#include <rill/error.h>
#include <rill/types.h>

RILL_BEGIN_DECLS

struct uv_loop_s;
typedef struct rill_loop rill_loop;

/*
 * uv: the embedder's loop, which it runs and closes itself and which must
 * outlive this; or NULL, for one of its own. An embedder that runs its loop
 * otherwise than by rill_loop_run ignores SIGPIPE, as libuv asks.
 * RILL_ERR_NOMEM, RILL_ERR_FILES (fewer than eight file descriptors are free), RILL_ERR_IO,
 * RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int rill_loop_new(rill_loop **out, struct uv_loop_s *uv);
/*
 * Frees the loop. Everything that was made on it must be closed before, and must have said so.
 * Calls that were posted and not made yet are made first. NULL is allowed.
 *
 * RILL_ERR_STATE: something on the loop is open (the application's own handles count too), or this
 * was called from inside a posted call. Then the loop is as it was: run it on, and free it later.
 *
 * In a handler, inside rill_loop_run: the loop is freed when rill_loop_run returns, and what is
 * open is looked at then. On an embedder's loop: RILL_OK, and it is freed when all that is open has
 * closed and that loop has run once more; open nothing new on it.
 */
RILL_API int rill_loop_free(rill_loop *loop);
RILL_API struct uv_loop_s *rill_loop_uv(rill_loop *loop);
/*
 * Runs until nothing is left to wait for, or rill_loop_stop. SIGPIPE is held
 * back in this thread meanwhile. RILL_ERR_IO; RILL_ERR_STATE: it was to be freed
 * meanwhile, and something is still open, so that it is still there.
 */
RILL_API int rill_loop_run(rill_loop *loop);
RILL_API void rill_loop_stop(rill_loop *loop);
/*
 * Hands work to the loop, from any thread: call(user) is made once, on the thread that runs the
 * loop, soon. This is the only function of Rill that may be used while another thread runs the
 * loop. Calls are made in the order in which they were posted. There is no limit to how many wait.
 * A post alone does not keep rill_loop_run from returning: see rill_loop_keep.
 *
 * Each call whose post has returned RILL_OK is made: by rill_loop_run, or at the latest by
 * rill_loop_free. No other thread may be inside this function, or call it, once rill_loop_free has
 * returned: the program stops its threads first.
 * RILL_ERR_NOMEM; RILL_ERR_CLOSED: the loop is being freed. The call is not made then.
 */
RILL_API RILL_MUST_CHECK int rill_loop_post(rill_loop *loop, void (*call)(void *user), void *user);
/*
 * true: rill_loop_run does not return when only posts are left to wait for. It returns after
 * rill_loop_stop, which other threads can post, or after false here. Default: false. Call it on the
 * thread that runs the loop.
 */
RILL_API void rill_loop_keep(rill_loop *loop, bool keep);
/*
 * How many bytes of output may wait to be sent, on all connections of the loop together. Beyond
 * this limit the connection with the most of them is dropped. Messages of which only a part has
 * come may take a quarter of the limit in addition, and requests over HTTP with their answers as
 * much again, at each port. Default: RILL_LOOP_MAX_OUTPUT. A new limit counts from now on.
 */
RILL_API void rill_loop_set_max_output(rill_loop *loop, size_t bytes);
#define RILL_LOOP_MAX_OUTPUT 268435456 /* bytes: 256 MiB */
/*
 * Gives the loop a listening socket that another process has opened, of TCP or with a path, such as
 * those that systemd passes to a service. Whoever listens at its address on this loop (a node's
 * port, a server) takes it instead of opening one: who has connected before waits there and is
 * served. The descriptor is the loop's from then on; a second one of the same socket is closed. A
 * path is left where it is when the socket is closed. RILL_ERR_INVALID (fd is no listening socket
 * of these kinds), RILL_ERR_NOMEM: it stays the caller's.
 */
RILL_API RILL_MUST_CHECK int rill_loop_adopt_socket(rill_loop *loop, int fd);
/* Closes the adopted sockets that nothing on this loop uses. Returns how many. rill_loop_free does
 * so, too. */
RILL_API size_t rill_loop_drop_adopted(rill_loop *loop);
/*
 * Calls each(user, fd) for every TCP socket on which something of this loop listens, and every one
 * with a path that was adopted: to pass them on to the process that comes next. fd stays the
 * loop's, and is good during the call.
 */
RILL_API void rill_loop_each_listening(const rill_loop *loop, void (*each)(void *user, int fd),
                                       void *user);
/* Reads the clocks now, and not when the turn of the loop began. */
RILL_API rill_now rill_loop_now(rill_loop *loop);

RILL_END_DECLS

#endif
