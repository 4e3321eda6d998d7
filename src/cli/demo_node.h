/* SPDX-License-Identifier: Apache-2.0 */
/* A local node inside this process, for `rill demo`, at 127.0.0.1 and any free port. */
#ifndef RILL_CLI_DEMO_NODE_H
#define RILL_CLI_DEMO_NODE_H

#include <rill/loop.h>
#include <stddef.h>

typedef struct demo_node demo_node;

/* RILL_ERR_*. uri[cap] gets the address on which it listens, without an account. */
RILL_MUST_CHECK int demo_node_open(demo_node **out, rill_loop *loop, char *uri, size_t cap);
/* The loop frees it. NULL is allowed. */
void demo_node_close(demo_node *n);

#endif
