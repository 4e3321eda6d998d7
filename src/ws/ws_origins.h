/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of browsers that may open a WebSocket here: a list of their Origins (RFC 6454). */
#ifndef RILL_WS_WS_ORIGINS_H
#define RILL_WS_WS_ORIGINS_H

#include <rill/error.h>
#include <rill/types.h>

/*
 * Copies a list that NULL ends; NULL is an empty one. RILL_ERR_NOMEM: *out is NULL, and nothing is
 * to be freed.
 */
RILL_MUST_CHECK int rill_ws_origins_copy(const char *const **out, const rill_allocator *a,
                                         const char *const *origins);
/* NULL is allowed. */
void rill_ws_origins_free(const rill_allocator *a, const char *const *origins);
/* The origin is in the list, in any case of letters, or "*" is. NULL: nobody is. */
bool rill_ws_origins_have(const char *const *origins, const char *origin);

#endif
