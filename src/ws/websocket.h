/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A WebSocket of binary messages (RFC 6455), client or server: no extensions,
 * no subprotocol, limits on everything that comes.
 */
#ifndef RILL_WS_WEBSOCKET_H
#define RILL_WS_WEBSOCKET_H

#include <rill/waiting.h>

#include "io/tcp.h"
#include "ws/ws_frame.h"
#include "ws/ws_handshake.h"

typedef struct rill_ws rill_ws;

/* From the loop, never from inside a call but rill_ws_upgrade's. */
typedef struct rill_ws_handlers {
    void (*open)(void *owner);
    /* One whole message; its bytes are good until this returns. */
    void (*message)(void *owner, const uint8_t *data, size_t len);
    /* Ended, or never opened; the owner then closes it. Once at most. */
    void (*lost)(void *owner, int error, const char *detail);
    /* The backlog was over the high-water mark (see tcp.h), and has sunk. */
    void (*drained)(void *owner);
    /* After rill_ws_close: the last call. ws is freed when it returns. */
    void (*closed)(void *owner, rill_ws *ws);
} rill_ws_handlers;

typedef struct rill_ws_client_options {
    const char *host;
    uint16_t port;
    const char *host_header;
    const char *target; /* path and query */
    rill_tls_context *tls;
    size_t max_message;
} rill_ws_client_options;

typedef struct rill_ws_server_options {
    const char *const *allow_origins; /* must stay for as long as the handshake may take */
    size_t max_message;
    size_t max_backlog;
} rill_ws_server_options;

/* Host and so on are copied. RILL_ERR_NOMEM, RILL_ERR_TLS, RILL_ERR_CRYPTO, RILL_ERR_RESOLVE. */
RILL_MUST_CHECK int rill_ws_connect(rill_ws **out, rill_loop *loop,
                                    const rill_ws_client_options *options,
                                    const rill_ws_handlers *on, void *owner);
/*
 * Takes a connection over that a listener has accepted, before anything of it was read: the
 * handshake is read and answered here. From inside rill_protocol.take. RILL_ERR_NOMEM: it is the
 * caller's still.
 */
RILL_MUST_CHECK int rill_ws_take(rill_ws **out, rill_tcp *t, const rill_ws_server_options *options,
                                 const rill_ws_handlers *on, void *owner);
/*
 * Takes a connection over from HTTP, which has read the client's request whole, and has written
 * nothing about it. agreed: what rill_ws_handshake_judge said yes to; copied. The answer is written
 * here, and `open` comes before this returns. What follows the request in what was read is the
 * new owner's: t->on->read(t->owner, data, len). RILL_ERR_NOMEM: it is the caller's still.
 */
RILL_MUST_CHECK int rill_ws_upgrade(rill_ws **out, rill_tcp *t, const rill_ws_handshake *agreed,
                                    const rill_ws_server_options *options,
                                    const rill_ws_handlers *on, void *owner);
/* Who is at the other end has been checked: see rill_tcp_welcome. */
void rill_ws_welcome(rill_ws *ws);
/* uv_now() when a listener accepted it. */
uint64_t rill_ws_accepted_at(const rill_ws *ws);

/*
 * Room for the payload of one binary message of exactly len bytes; fill it,
 * then end it. NULL: not open or no room (`lost` follows in the latter case).
 */
uint8_t *rill_ws_begin(rill_ws *ws, size_t len);
void rill_ws_end(rill_ws *ws);
void rill_ws_ping(rill_ws *ws);

/* So much waits to be written that a sender should wait for `drained`. */
bool rill_ws_is_full(const rill_ws *ws);
/* Bytes written, and of these, from the first on, the ones that may have left or may yet. */
uint64_t rill_ws_written(const rill_ws *ws);
uint64_t rill_ws_handed(const rill_ws *ws);
/* uv_now() when a whole message or control frame last came: part of one does not count. */
uint64_t rill_ws_last_heard(const rill_ws *ws);
/* Who is at the other end, for people. */
const char *rill_ws_name(const rill_ws *ws);
/* What it waits for before it is open; NOTHING once it is. */
rill_wait rill_ws_wait(const rill_ws *ws);

/* What was written last is a secret: see rill_tcp_wipe_written. */
void rill_ws_wipe_written(rill_ws *ws);
/* A server's: what comes is wiped once it was read, first; until it is told otherwise. */
void rill_ws_wipe_read(rill_ws *ws, bool wipe);

/* Writes what waits, says why, and ends. Nothing but `closed` is called any more. */
void rill_ws_close(rill_ws *ws, uint16_t code);

#endif
