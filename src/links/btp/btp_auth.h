/* SPDX-License-Identifier: Apache-2.0 */
/* BTP's authentication, and the frames that either side of it sends. */
#ifndef RILL_LINKS_BTP_AUTH_H
#define RILL_LINKS_BTP_AUTH_H

#include <rill/btp.h>

#include "ws/websocket.h"

/* False: nothing was sent; the WebSocket reports why, where it is not over already. */
bool rill_btp_send_frame(rill_ws *ws, const rill_btp_frame *frame);
/* code: three characters; name: BTP's for it; message: for people. */
void rill_btp_send_error(rill_ws *ws, uint64_t wall_ms, uint32_t request_id, const char *code,
                         const char *name, const char *message);
/* "F00", "NotAcceptedError": what JavaScript peers say about everything. */
void rill_btp_send_not_accepted(rill_ws *ws, uint64_t wall_ms, uint32_t request_id,
                                const char *message);
/* The first message of a client. */
bool rill_btp_send_auth(rill_ws *ws, uint32_t request_id, const char *name, const char *token);

/*
 * A server's reading of the first frame. name is empty where there is none.
 * RILL_ERR_PROTOCOL: not an authentication; RILL_ERR_AUTH: one without a token.
 */
RILL_MUST_CHECK int rill_btp_read_auth(const rill_btp_frame *frame, rill_bytes *name,
                                       rill_bytes *token);

#endif
