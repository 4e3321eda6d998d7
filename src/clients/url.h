/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of servers, as they are signed. */
#ifndef RILL_CLIENTS_URL_H
#define RILL_CLIENTS_URL_H

#include <rill/spsp.h>

/*
 * url as a server sees it, which compares it with what was signed: scheme and host in lower case,
 * no port that goes without saying, and at least "/" for a path. RILL_ERR_MALFORMED: not an http or
 * https URL; RILL_ERR_BUFFER.
 */
RILL_MUST_CHECK int rill_url_normal(const char *url, char *out, size_t cap);

#endif
