/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a wallet sends the browser back to: a port of this machine alone, for as long as a person
 * decides. The system picks the port, and the path cannot be guessed.
 */
#ifndef RILL_CLIENTS_REDIRECT_H
#define RILL_CLIENTS_REDIRECT_H

#include <rill/loop.h>

#include "clients/redirect_request.h"

typedef struct rill_redirect rill_redirect;

/*
 * came is told of each request that reads as a wallet's answer, says what its page is to be, and
 * may close the redirect. What it is told stays until it returns. RILL_ERR_IO, RILL_ERR_FILES,
 * RILL_ERR_CRYPTO, RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_redirect_open(rill_redirect **out, rill_loop *loop,
                                       rill_redirect_page (*came)(const rill_redirect_query *query,
                                                                  void *user),
                                       void *user);
/* "http://127.0.0.1:PORT/PATH", as long as it is open. */
const char *rill_redirect_uri(const rill_redirect *redirect);
/*
 * Takes nothing more, and frees itself once what was being answered is written or a second has
 * passed. NULL is allowed.
 */
void rill_redirect_close(rill_redirect *redirect);

#endif
