/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that are to be written, one behind the other, in one block that grows. */
#ifndef RILL_HTTP_OUTPUT_H
#define RILL_HTTP_OUTPUT_H

#include "http/message.h"

typedef struct rill_http_output {
    rill_blocks *blocks;
    uint8_t *data; /* a block, or NULL */
    size_t len;
    bool taken; /* the reader was given all of it */
} rill_http_output;

void rill_http_output_init(rill_http_output *o, rill_blocks *blocks);
void rill_http_output_clear(rill_http_output *o);
/* Room for that many more bytes than there are. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_http_output_reserve(rill_http_output *o, size_t more);
/* After a reserve. */
void rill_http_put(rill_http_output *o, const void *data, size_t len);
void rill_http_put_text(rill_http_output *o, const char *text);
void rill_http_put_number(rill_http_output *o, uint64_t number);
/* All that waits: good until the next call. An empty one holds no memory. */
rill_bytes rill_http_output_take(rill_http_output *o);

/* A name in lower case, a value without line ends: as it may be sent in any version. */
bool rill_http_field_is_sendable(const rill_http_field *f);
/* Bytes of these fields as HTTP/1.1 writes them. */
size_t rill_http_fields_size(const rill_http_field *fields, size_t count);
void rill_http_put_fields(rill_http_output *o, const rill_http_field *fields, size_t count);

#endif
