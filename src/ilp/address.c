/* SPDX-License-Identifier: Apache-2.0 */
#include "ilp/address.h"

#include <rill/ilp.h>
#include <string.h>

/* The allocation schemes of RFC 15 version 2. */
static const char *const schemes[] = {"g",    "private", "example", "peer",  "self",
                                      "test", "test1",   "test2",   "test3", "local"};

/* Letters, digits, "_", "~" and "-": a byte each, since every packet's address is looked at. */
static const bool segment_chars[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
    ['-'] = true,         ['_'] = true,         ['~'] = true,
};

static inline bool is_segment_char(uint8_t c)
{
    return segment_chars[c];
}

static inline bool four_segment_chars(const uint8_t c[4])
{
    return segment_chars[c[0]] & segment_chars[c[1]] & segment_chars[c[2]] & segment_chars[c[3]];
}

static bool is_scheme(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strlen(schemes[i]) == len && memcmp(schemes[i], data, len) == 0)
            return true;
    }
    return false;
}

/* The length of the segment that begins at `at`. */
static size_t segment_len(rill_bytes address, size_t at)
{
    const uint8_t *from = address.data + at;
    const uint8_t *dot = memchr(from, '.', address.len - at);
    return dot != NULL ? (size_t)(dot - from) : address.len - at;
}

/* Zero or more of "." segment, from `at` to the end. */
static bool segments_valid(rill_bytes address, size_t at)
{
    const uint8_t *p = address.data + at;
    const uint8_t *end = address.data + address.len;
    while (p < end) {
        if (*p++ != '.')
            return false;
        const uint8_t *start = p;
        while (end - p >= 4 && four_segment_chars(p))
            p += 4;
        while (p < end && is_segment_char(*p))
            p++;
        if (p == start)
            return false;
    }
    return true;
}

/* A scheme, then at least min_segments (0 or 1) segments. */
static bool valid(rill_bytes address, size_t min_segments)
{
    if (address.len == 0 || address.len > RILL_ILP_MAX_ADDRESS)
        return false;
    size_t scheme = segment_len(address, 0);
    if (!is_scheme(address.data, scheme))
        return false;
    if (scheme == address.len)
        return min_segments == 0;
    return segments_valid(address, scheme);
}

bool rill_address_valid(rill_bytes address)
{
    return valid(address, 1);
}

bool rill_address_prefix_valid(rill_bytes prefix)
{
    return prefix.len == 0 || valid(prefix, 0);
}

bool rill_address_chars_valid(rill_bytes address)
{
    for (size_t i = 0; i < address.len; i++) {
        if (!is_segment_char(address.data[i]) && address.data[i] != '.')
            return false;
    }
    return address.len <= RILL_ILP_MAX_ADDRESS;
}

bool rill_address_has_prefix(rill_bytes address, rill_bytes prefix)
{
    if (prefix.len == 0)
        return true;
    if (address.len < prefix.len || memcmp(address.data, prefix.data, prefix.len) != 0)
        return false;
    return address.len == prefix.len || address.data[prefix.len] == '.';
}

rill_bytes rill_address_segment_after(rill_bytes address, rill_bytes prefix)
{
    static const rill_bytes none = {NULL, 0};
    if (!rill_address_has_prefix(address, prefix))
        return none;
    size_t start = prefix.len == 0 ? 0 : prefix.len + 1;
    if (start >= address.len)
        return none;
    return (rill_bytes){address.data + start, segment_len(address, start)};
}
