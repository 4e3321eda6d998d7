/* SPDX-License-Identifier: Apache-2.0 */
/* A way through an HTTP proxy: CONNECT (RFC 9110 section 9.3.6). */
#ifndef RILL_IO_TUNNEL_H
#define RILL_IO_TUNNEL_H

#include "io/proxy.h"
#include "io/tcp.h"

/*
 * t's socket is connected to the proxy, which is asked for a connection to target: "HOST:PORT".
 * Once there is one t starts, and has target for its name. If not, `lost` follows:
 * RILL_ERR_CONNECT, RILL_ERR_NOMEM. Until then it is t's dialing.
 */
void rill_tunnel_start(rill_tcp *t, const rill_proxy *proxy, const char *target);

#endif
