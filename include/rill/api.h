/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiler attributes and export marks. The one place where GNU extensions of
 * C17 are spelled.
 */
#ifndef RILL_API_H
#define RILL_API_H

#if defined(__GNUC__) || defined(__clang__)
#define RILL_API               __attribute__((visibility("default")))
#define RILL_MUST_CHECK        __attribute__((warn_unused_result))
#define RILL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define RILL_LIKELY(x)         __builtin_expect(!!(x), 1)
#define RILL_UNLIKELY(x)       __builtin_expect(!!(x), 0)
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

#endif
