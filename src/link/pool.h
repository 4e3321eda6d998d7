/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A neighbour that is reached over several links of one kind at once. To its owner it is one link:
 * it is up while one of them is, a packet goes by the one that waits for the fewest replies, and
 * what comes by one of them is answered by the same.
 */
#ifndef RILL_LINK_POOL_H
#define RILL_LINK_POOL_H

#include "link/scheme.h"

#define RILL_LINK_POOL_MAX 16

/*
 * As scheme->open, of `count` links with the same URI, 1 to RILL_LINK_POOL_MAX.
 * RILL_ERR_NOMEM, and what scheme->open returns.
 */
RILL_MUST_CHECK int rill_link_pool_open(rill_link **out, rill_loop *loop, const rill_scheme *scheme,
                                        const char *uri, unsigned count,
                                        const rill_link_options *options,
                                        const rill_link_handlers *handlers, void *user,
                                        const char **problem);

#endif
