/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648): standard with padding, and URL-safe without. */
#ifndef RILL_BASE_BASE64_H
#define RILL_BASE_BASE64_H

#include <rill/types.h>

#define RILL_BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)

/* out[RILL_BASE64_SIZE(len)]; NUL-terminated; returns the length without the NUL. */
size_t rill_base64_encode(const uint8_t *data, size_t len, char *out);
size_t rill_base64url_encode(const uint8_t *data, size_t len, char *out);
/*
 * Accepts both alphabets, with or without padding. Refuses other characters, and bits left over
 * that are not zero. So one value has exactly one text in each alphabet. RILL_ERR_MALFORMED,
 * RILL_ERR_BUFFER.
 */
RILL_MUST_CHECK int rill_base64_decode(const char *text, size_t text_len, uint8_t *out, size_t cap,
                                       size_t *len);

#endif
