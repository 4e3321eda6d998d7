/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of HTTP/2, byte by byte, right ones and wrong ones. */
#ifndef RILL_TESTS_H2_FRAMES_H
#define RILL_TESTS_H2_FRAMES_H

#include <rill/types.h>

enum {
    H2_DATA,
    H2_HEADERS,
    H2_PRIORITY,
    H2_RESET,
    H2_SETTINGS,
    H2_PUSH,
    H2_PING,
    H2_GOAWAY,
    H2_WINDOW,
    H2_CONTINUATION
};
enum { H2_END_STREAM = 1, H2_END_HEADERS = 4, H2_ACK = 1 };

typedef struct h2_bytes {
    size_t len;
    uint8_t data[1 << 20];
} h2_bytes;

void h2_begin(h2_bytes *b);
/* The client's first bytes, with empty settings. */
void h2_preface(h2_bytes *b);
void h2_frame(h2_bytes *b, unsigned type, unsigned flags, uint32_t stream, const void *payload,
              size_t len);
/* A field that is not compressed, in a block that is being made. */
void h2_field(h2_bytes *block, const char *name, const char *value);
/* The fields of a POST to /packet. */
void h2_post_fields(h2_bytes *block);
/* A whole POST with a body of this many bytes; end says whether the request ends with it. */
void h2_post(h2_bytes *b, uint32_t stream, size_t body, bool end);
/* How many frames of this type there are in what somebody wrote; *code: the last one's error. */
size_t h2_count(const uint8_t *data, size_t len, unsigned type, uint32_t *code);

#endif
