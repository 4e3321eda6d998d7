/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The asynchronous form of a link (RFC 35): a Prepare leaves with a Request-Id and the URL where
 * its reply is to be posted. Here is what such a link has more, and what its requests say.
 */
#ifndef RILL_LINKS_HTTP_HTTP_ASYNC_H
#define RILL_LINKS_HTTP_HTTP_ASYNC_H

#include "links/http/client_impl.h"

/*
 * Gives the link its asynchronous form, from the options. RILL_ERR_URI (an option's URL),
 * RILL_ERR_STATE (no port of the loop takes HTTP), RILL_ERR_NOMEM, RILL_ERR_CRYPTO. *problem is
 * static.
 */
RILL_MUST_CHECK int http_async_open(http_link *k, const rill_link_options *options,
                                    const char **problem);
/* Another link posts the replies of its account, where there is one. Again: nothing. */
void http_async_part(http_link *k);
/* Nobody is shown this link any more. Nothing the second time, or in the synchronous form. */
void http_async_leave(http_link *k);
/* After it has left. */
void http_async_free(http_link *k);

/* A Prepare gets its Request-Id. RILL_ERR_NOMEM, RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int http_async_begin(http_link *k, http_sending *x);
/* A reply of ours gets that of its Prepare. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int http_async_begin_answer(http_link *k, http_sending *x,
                                            const char id[HTTP_ID_TEXT], uint64_t expires_ms);
/* Its Request-Id means nothing any more. */
void http_async_end(http_link *k, http_sending *x);

#define HTTP_ASYNC_FIELDS 4
/* What such a request says beside others: writes so many fields. */
size_t http_async_fields(const http_link *k, const http_sending *x,
                         rill_http_field out[HTTP_ASYNC_FIELDS]);

/* This URL of a neighbour's is the one where it is answered. */
bool http_async_is_answers_url(const http_link *k, rill_bytes url);
/* The link of what the desk gives out. */
http_link *http_async_link(rill_link *l);

#endif
