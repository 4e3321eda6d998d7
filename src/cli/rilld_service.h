/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd agrees on with a service, by variables of the environment and messages to a socket
 * (sd_notify(3), sd_listen_fds(3)); other managers speak it, too. Without one all of this does
 * nothing.
 *
 * Listening sockets come from the manager, or from the process that was here before and has left
 * them with the manager: so nobody who connects meanwhile is refused.
 */
#ifndef RILL_CLI_RILLD_SERVICE_H
#define RILL_CLI_RILLD_SERVICE_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <uv.h>

#include <rill/loop.h>

#include "cli/rilld_log.h"

typedef struct rilld_service {
    rill_loop *loop;
    int fd;           /* to the manager; -1: there is none */
    unsigned adopted; /* sockets that were passed */
    struct sockaddr_un to;
    socklen_t to_len;
    uv_timer_t watchdog;
    bool watched; /* the timer is in use */
    bool ready;   /* it was told so */
    bool stopping;
    bool deaf; /* the manager was waited for in vain */
} rilld_service;

/*
 * Adopts the sockets that were passed, and takes what belongs to this out of the environment. Warns
 * of what cannot be used.
 */
void rilld_service_begin(rilld_service *s, rill_loop *loop);
/* All ports are open: sockets that nobody uses are closed, and those in use, and no others, left
 * with the manager, for the next process. status: a line for people, where the manager shows one.
 */
void rilld_service_ready(rilld_service *s, const char *status);
/* The configuration is read again; rilld_service_reloaded follows. Nothing before it is ready, and
 * when it stops. */
void rilld_service_reloading(rilld_service *s);
void rilld_service_reloaded(rilld_service *s);
void rilld_service_stopping(rilld_service *s);
/*
 * Its timer is closed: the loop ends without it. Where it could not begin, the manager forgets the
 * sockets: the next try is without them. Again: nothing.
 */
void rilld_service_end(rilld_service *s);

#endif
