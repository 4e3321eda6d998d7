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

/*
 * A URL that the server of `from` names, as rill_receiver_url writes it into out[cap]. Who was
 * asked by https does not lead to http, not even on this machine: the server may be a stranger's,
 * and what listens here takes us for a friend. Nor does a payment pointer count.
 * RILL_ERR_MALFORMED, RILL_ERR_UNSUPPORTED, RILL_ERR_BUFFER; *problem (may be NULL) says why, a
 * static text.
 */
RILL_MUST_CHECK int rill_url_named(const char *from, const char *text, bool insecure, char *out,
                                   size_t cap, const char **problem);

/* Whether it is an http URL of this machine. */
bool rill_url_is_local(const char *url);

#endif
