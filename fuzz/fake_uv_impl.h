/* SPDX-License-Identifier: Apache-2.0 */
/* What fake_uv.c and fake_socket.c share. */
#ifndef RILL_FUZZ_FAKE_UV_IMPL_H
#define RILL_FUZZ_FAKE_UV_IMPL_H

#include "fake_uv.h"

enum { FAKE_ACTIVE = 1, FAKE_CLOSING = 2, FAKE_REF = 4 };

void fake_handle_add(uv_loop_t *loop, uv_handle_t *h, uv_handle_type type);
/* It is open, and not closed. */
void fake_handle_check(const void *handle);

void fake_sockets_reset(void);
/* Runs before idle handles: lookups, and connections that failed at once. */
void fake_sockets_pending(void);
/* Reports what a poll would find. */
void fake_sockets_poll(void);
/* The handle is closing: cancels what waits on it. */
void fake_socket_release(uv_tcp_t *handle);

#endif
