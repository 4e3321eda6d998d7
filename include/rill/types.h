/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types that every part of Rill shares: borrowed bytes, the two clocks, exact
 * ratios, the allocator.
 *
 * An amount is a uint64_t in the smallest unit of its account's asset (for an
 * asset of scale 9, 10^-9 of it). A sender's amounts are in the sender's
 * asset, a receiver's in the receiver's.
 */
#ifndef RILL_TYPES_H
#define RILL_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rill/api.h>

RILL_BEGIN_DECLS

/* Bytes that somebody else owns. data may be NULL where len is 0. */
typedef struct rill_bytes {
    const uint8_t *data;
    size_t len;
} rill_bytes;

/*
 * The two clocks, read once by the caller for each entry into the core.
 * mono_ns: monotonic nanoseconds from any origin; deadlines are in it.
 * wall_ms: milliseconds since 1970-01-01 UTC; only expiresAt is judged by it.
 */
typedef struct rill_now {
    uint64_t mono_ns;
    uint64_t wall_ms;
} rill_now;

/* A deadline that never comes (monotonic nanoseconds). */
#define RILL_NEVER  UINT64_MAX
#define RILL_MS     UINT64_C(1000000)
#define RILL_SECOND UINT64_C(1000000000)

/* An exact ratio, for rates: units of the destination for units of the source. den is not 0. */
typedef struct rill_ratio {
    uint64_t num;
    uint64_t den;
} rill_ratio;

/*
 * Reads a decimal amount: digits only, no sign, no point, at most 2^64 - 1.
 * text ends at its NUL.
 * RILL_ERR_MALFORMED not digits only or empty; RILL_ERR_RANGE too large.
 */
RILL_API RILL_MUST_CHECK int rill_amount_parse(const char *text, uint64_t *out);

/*
 * Reads a ratio: a decimal fraction ("0.985", "2", ".5") or a quotient of two
 * amounts ("3/4"), kept exactly.
 * RILL_ERR_MALFORMED not of that form; RILL_ERR_RANGE not exact in two uint64.
 */
RILL_API RILL_MUST_CHECK int rill_ratio_parse(const char *text, rill_ratio *out);

/* Allocation. Zero or NULL members are not allowed; rill_allocator_default() is malloc's. */
typedef struct rill_allocator {
    /* As realloc: NULL ptr allocates; never called with size 0. */
    void *(*realloc)(void *user, void *ptr, size_t size);
    void (*free)(void *user, void *ptr);
    void *user;
} rill_allocator;

RILL_API const rill_allocator *rill_allocator_default(void);

RILL_END_DECLS

#endif
