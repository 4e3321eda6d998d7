/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets that another process has opened: the manager of this service, or the process
 * that was here before. Who listens on their address takes them (rill_loop_adopt_socket).
 */
#ifndef RILL_IO_ADOPT_H
#define RILL_IO_ADOPT_H

#include "io/loop.h"

/* The one that listens at this address, the caller's from now on; -1: there is none. */
int rill_adopted_take(rill_loop *loop, const struct sockaddr *address);

#endif
