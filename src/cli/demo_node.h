/* SPDX-License-Identifier: Apache-2.0 */
/* A local node inside this process, for `rill demo`, at 127.0.0.1 and any free port. */
#ifndef RILL_CLI_DEMO_NODE_H
#define RILL_CLI_DEMO_NODE_H

#include <rill/node.h>

/*
 * The errors of rill_node_open and rill_node_listen. uri[cap] gets the address on which it listens,
 * without an account. rill_node_close ends it.
 */
RILL_MUST_CHECK int demo_node_open(rill_node **out, rill_loop *loop, char *uri, size_t cap);

#endif
