/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies that a neighbour is to have by a request of ours (RFC 35): each is posted until the
 * neighbour has taken or refused it, or its Prepare has expired. After that it never leaves.
 */
#ifndef RILL_LINKS_HTTP_HTTP_OUTBOX_H
#define RILL_LINKS_HTTP_HTTP_OUTBOX_H

#include "links/http/client_impl.h"

/* There is room for `more` replies beside those that wait. */
bool http_outbox_has_room(const http_link *k, size_t more);
/* A reply to the Prepare of this id, copied. RILL_ERR_NOMEM, RILL_ERR_TOO_LARGE. */
RILL_MUST_CHECK int http_outbox_put(http_link *k, const char id[HTTP_ID_TEXT], uint64_t expires_ms,
                                    rill_bytes packet);
bool http_outbox_is_empty(const http_link *k);

/* For who has the sockets. */

/* The next that may leave, by the clock of now; NULL: there is none. */
http_sending *http_outbox_next(http_link *k);
/* It has: it is on a socket. */
void http_outbox_sent(http_link *k, http_sending *x);
void http_outbox_answered(http_link *k, http_sending *x, unsigned status);
void http_outbox_failed(http_link *k, http_sending *x, bool sent);
/* Its time has come: to be tried again, or to be given up. */
void http_outbox_due(http_link *k, http_sending *x);
/* The link ends: whatever there is is given up. */
void http_outbox_abandon(http_link *k);

#endif
