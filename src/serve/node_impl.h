/* SPDX-License-Identifier: Apache-2.0 */
/* A node on a loop, for the files of this folder alone. */
#ifndef RILL_SERVE_NODE_IMPL_H
#define RILL_SERVE_NODE_IMPL_H

#include <rill/node.h>

#include "base/list.h"
#include "io/loop.h"
#include "node/hub.h"
#include "serve/node_log.h"
#include "serve/way.h"

struct rill_node {
    rill_loop *loop;
    rill_hub *hub; /* NULL: the uplink has not said our address yet */
    rill_node_options
        options;      /* for the hub that an uplink's answer makes; its texts are not used */
    rill_way *uplink; /* NULL: there is none, or it is closed */
    rill_node_handlers on;
    rill_node_told *told; /* NULL: as other lines */
    void *user;
    rill_list ports; /* rill_node_port.node, closing ones too */
    uv_timer_t tick; /* the hub's */
    rill_task draining;
    rill_task telling; /* ready, or failed */
    int failure;
    char why[256];
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
/* uplink.c */

/* Opens the way to the parent. The errors of rill_link_open; *problem is static. */
RILL_MUST_CHECK int rill_node_open_uplink(rill_node *n, const rill_node_options *o,
                                          const char **problem);

/* node_hub.c */

/* Its tasks. Before all that follows. */
void rill_node_hub_init(rill_node *n);
void rill_node_hub_options(rill_hub_options *hub, const rill_node_options *o);
/* Makes the hub, of these options. RILL_ERR_INVALID, RILL_ERR_NOMEM, RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_node_open_hub(rill_node *n, const rill_node_options *o);
/* From now on it ends by rill_node_port_gone. */
void rill_node_start_timer(rill_node *n);
/* Nothing is open any more: the owner is told, later, since a link may be in the middle of it. */
void rill_node_is_drained(rill_node *n);
/* A port, or the uplink, of a node that closes is gone: the last of them frees it. */
void rill_node_port_gone(rill_node *n);

#endif
