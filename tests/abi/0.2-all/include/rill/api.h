/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The version, compiler attributes and export marks. The one place where GNU
 * extensions of C17 are spelled.
 */
#ifndef RILL_API_H
#define RILL_API_H

#if defined(__GNUC__) || defined(__clang__)
#define RILL_API               __attribute__((visibility("default")))
#define RILL_MUST_CHECK        __attribute__((warn_unused_result))
#define RILL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define RILL_LIKELY(x)         __builtin_expect(!!(x), 1)
#define RILL_UNLIKELY(x)       __builtin_expect(!!(x), 0)
/* What is rare: the registers that it needs are not saved for what is usual. */
#define RILL_NOINLINE __attribute__((noinline))
#else
#error "Rill needs gcc or clang"
#endif

#ifdef __cplusplus
#define RILL_BEGIN_DECLS extern "C" {
#define RILL_END_DECLS   }
#else
#define RILL_BEGIN_DECLS
#define RILL_END_DECLS
#endif

/*
 * Of a member that may be left out where a struct is written as {.member = value}: C++ would warn
 * of each that is. RILL_SIZE_OF is for the first member of a struct that grows (rill/types.h).
 */
#ifdef __cplusplus
#define RILL_UNSET         = nullptr
#define RILL_SIZE_OF(type) = sizeof(type)
#else
#define RILL_UNSET
#define RILL_SIZE_OF(type)
#endif

RILL_BEGIN_DECLS

/* The version of these headers. Before 1.0 each minor version may change the API. */
#define RILL_VERSION_MAJOR 0
#define RILL_VERSION_MINOR 2
#define RILL_VERSION_PATCH 0
#define RILL_VERSION       "0.2.0"

/* The version of the library that runs, which may be another one: static, never NULL. */
RILL_API const char *rill_version(void);

RILL_END_DECLS

#endif
