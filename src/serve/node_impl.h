/* SPDX-License-Identifier: Apache-2.0 */
/* A node on a loop, for the files of this folder alone. */
#ifndef RILL_SERVE_NODE_IMPL_H
#define RILL_SERVE_NODE_IMPL_H

#include <rill/node.h>

#include "base/list.h"
#include "io/loop.h"
#include "node/hub.h"

struct rill_node {
    rill_loop *loop;
    rill_hub *hub;
    rill_node_handlers on;
    void *user;
    rill_list ports; /* rill_node_port.node, closing ones too */
    uv_timer_t tick; /* the hub's */
    rill_task draining;
    bool stopped; /* takes no more */
    bool closing;
};

struct rill_node_port {
    rill_list node; /* in rill_node.ports, until it is closed */
    rill_node *owner;
    struct rill_port *port;
    bool closing;
};

/* node_port.c */

/* All ports that are open. */
void rill_node_stop_ports(rill_node *n);
void rill_node_close_ports(rill_node *n);
/* A port of a node that closes is gone. */
void rill_node_port_gone(rill_node *n);

#endif
