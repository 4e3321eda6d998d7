/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP proxy through which a connection goes, by the environment variables that programs have
 * in common: https_proxy or HTTPS_PROXY for what has TLS, http_proxy for what has none (only in
 * small letters: in capitals it may be a header of a CGI request), all_proxy or ALL_PROXY for
 * both, and no_proxy or NO_PROXY for hosts that are reached without.
 */
#ifndef RILL_IO_PROXY_H
#define RILL_IO_PROXY_H

#include <rill/types.h>

#define RILL_PROXY_USER 512 /* of user and password, in base64 and NUL-terminated */

typedef struct rill_proxy {
    char host[256];
    char user[RILL_PROXY_USER]; /* for Proxy-Authorization: Basic; "" for none. A secret. */
    uint16_t port;
} rill_proxy;

/*
 * The proxy for a connection to host and port. Hosts of this machine ("localhost", 127.0.0.0/8,
 * ::1) have none. RILL_ERR_NOT_FOUND: it goes without. RILL_ERR_INVALID: the variable, whose name
 * is in *variable then, is not http://[USER:PASSWORD@]HOST[:PORT]; port default 80.
 */
RILL_MUST_CHECK int rill_proxy_find(rill_proxy *out, const char *host, uint16_t port, bool tls,
                                    const char **variable);

#endif
