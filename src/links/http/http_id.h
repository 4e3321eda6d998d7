/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Request-Id by which an answer finds its Prepare where replies are asynchronous (RFC 35): a
 * UUID (RFC 9562). Ours are of version 4. Of a neighbour's any version is taken.
 */
#ifndef RILL_LINKS_HTTP_HTTP_ID_H
#define RILL_LINKS_HTTP_HTTP_ID_H

#include <rill/error.h>
#include <rill/types.h>

#define HTTP_ID_TEXT 36 /* characters: 8-4-4-4-12 */

typedef struct http_id {
    uint8_t bytes[16];
} http_id;

/* Letters in any case. RILL_ERR_MALFORMED: it is no UUID. */
RILL_MUST_CHECK int http_id_parse(http_id *out, rill_bytes text);
/* In lower case. It is not terminated. */
void http_id_write(const http_id *id, char out[HTTP_ID_TEXT]);
/* Random bytes become an id of version 4. */
void http_id_make(http_id *id);
bool http_id_same(const http_id *a, const http_id *b);
/* For a rill_map. Two ids that are not the same may have one key. */
uint64_t http_id_key(const http_id *id);

#endif
