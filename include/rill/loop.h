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
 * After everything made on it is closed, and has said so. NULL is allowed.
 * What was posted and not called yet is called first. RILL_ERR_STATE: something on it is open,
 * handles of the application's own too, or it is such a call that asks. Then
 * nothing has happened: it can be run on, and freed when that is closed.
 * From inside rill_loop_run, in a handler, it goes when that returns, and it is then that
 * this is looked at. On an embedder's loop it goes when what is open has closed, and that loop
 * has run once more: RILL_OK, and it is not to be used for anything new.
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
 * true: rill_loop_run goes on where nothing is left to wait for but posts, until rill_loop_stop,
 * which other threads can post, or false. Default: false. On the thread that runs the loop.
 */
RILL_API void rill_loop_keep(rill_loop *loop, bool keep);
/*
 * How many bytes of output may wait, on all connections of the loop together, for others to read
 * them. Beyond it the connection with the most is dropped. Messages that have not come whole may
 * take a quarter of it more. Default: RILL_LOOP_MAX_OUTPUT. Another limit counts from now on.
 */
RILL_API void rill_loop_set_max_output(rill_loop *loop, size_t bytes);
#define RILL_LOOP_MAX_OUTPUT 268435456 /* bytes: 256 MiB */
/* The clocks, read now: a handler that took its time sees that. */
RILL_API rill_now rill_loop_now(rill_loop *loop);

RILL_END_DECLS

#endif
