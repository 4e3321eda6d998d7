/* SPDX-License-Identifier: Apache-2.0 */
/* A connector on a loop, for the files of it alone. Whoever includes this defines
 * _POSIX_C_SOURCE first, for uv.h. */
#ifndef RILL_CONNECTOR_RUN_IMPL_H
#define RILL_CONNECTOR_RUN_IMPL_H

#include "connector/core.h"
#include "connector/run.h"
#include "io/loop.h"
#include "links/port.h"

typedef struct connector_port {
    rill_connector *owner;
    rill_port *port; /* NULL: it is closed */
    const rill_config_port *config;
} connector_port;

struct rill_connector {
    rill_loop *loop;
    rill_connector_options options;
    rill_connector_handlers on;
    void *user;
    char *path; /* of the configuration */
    rill_arena arena;
    rill_config config;
    rill_core *core;
    rill_store *store;
    connector_port *ports;
    size_t port_count;
    size_t open_ports;
    rill_link **links; /* that we opened */
    size_t link_count;
    size_t open_links;
    uv_timer_t tick;  /* the hub's */
    uv_timer_t retry; /* the clerk's */
    uv_async_t written;
    unsigned handles;
    rill_task turn;
    rill_task draining;
    bool begun; /* what is booked belongs into the store */
    bool stopped;
    bool closing;
    bool finishing; /* ports and links are gone; the store is asked for the rest */
};

/* run.c */

/* Reports what is wrong, and where in the configuration. user: the options. */
void rill_connector_problem(void *user, rill_place place, const char *problem);
/* Logs a line. user: the connector. */
void rill_connector_line(void *user, rill_log_level level, const char *line);
/* A port or a link of a connector that closes is gone. */
void rill_connector_finish(rill_connector *c);

/* run_ways.c: both report what is wrong. */

RILL_MUST_CHECK int rill_connector_open_ports(rill_connector *c);
/* For rill_port_close of one of them. */
void rill_connector_port_closed(void *owner);
/* The links of the accounts that we connect to. */
RILL_MUST_CHECK int rill_connector_open_links(rill_connector *c);

#endif
