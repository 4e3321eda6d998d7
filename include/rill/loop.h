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
 * RILL_ERR_STATE: something on it is open, handles of the application's own too. Then
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
/* The clocks, read now: a handler that took its time sees that. */
RILL_API rill_now rill_loop_now(rill_loop *loop);

RILL_END_DECLS

#endif
