/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/demo_node.h"

#include <stdio.h>

int demo_node_open(rill_node **out, rill_loop *loop, char *uri, size_t cap)
{
    static const rill_node_handlers handlers = {.size = sizeof(rill_node_handlers)};
    rill_node *node;
    rill_node_port *port;
    int rc = rill_node_open(&node, loop, NULL, &handlers, NULL, NULL);
    if (rc != RILL_OK)
        return rc;
    rc = rill_node_listen(&port, node, NULL, NULL);
    if (rc != RILL_OK) {
        rill_node_close(node);
        return rc;
    }
    (void)snprintf(uri, cap, "btp+ws://127.0.0.1:%u", (unsigned)rill_node_port_number(port));
    *out = node;
    return RILL_OK;
}
