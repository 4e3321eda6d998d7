/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types that every part of Rill shares: borrowed bytes, the two clocks, exact
 * ratios, the allocator.
 *
 * An amount is a uint64_t in the smallest unit of its account's asset (for an
 * asset of scale 9, 10^-9 of it). A sender's amounts are in the sender's
 * asset, a receiver's in the receiver's.
 *
 * Structs that grow. A later version of Rill may add members to the end of a struct, and a program
 * that was built before runs with it unchanged. For this the program always says how large the
 * struct is that it knows:
 *   - Options and handlers begin with that number, `size`. rill_..._options_init() sets it, and all
 *     defaults. Handlers are written as {.size = sizeof(rill_handlers), ...}; in C++ .size can be
 *     left out. A member that the library does not know, and that is not 0, is refused
 *     (RILL_ERR_UNSUPPORTED); a size that was never set is RILL_ERR_INVALID.
 *   - What the library fills in is passed with its size: rill_stream_get_totals(s, &totals) calls
 *     rill_stream_get_totals_sized(s, &totals, sizeof totals). What the library does not know of it
 *     becomes 0. Other languages call the function whose name ends in _sized.
 *   - What handlers are given is the library's, and as large as the library knows it.
 * Structs that are part of a protocol (rill_prepare, rill_receipt, ...) or small values (rill_now,
 * rill_ratio, rill_bytes) never change, nor does rill_allocator.
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
#define RILL_NEVER 0xffffffffffffffffull
/* Nanoseconds of a millisecond and of a second, for C: 30 * RILL_SECOND. */
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

/* malloc's, realloc's and free's. Static. */
RILL_API const rill_allocator *rill_allocator_default(void);

RILL_END_DECLS

#endif
