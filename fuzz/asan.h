/* SPDX-License-Identifier: Apache-2.0 */
/* What AddressSanitizer knows about bytes, if the build has it. */
#ifndef RILL_FUZZ_ASAN_H
#define RILL_FUZZ_ASAN_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define FUZZ_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FUZZ_ASAN 1
#endif
#endif

#ifdef FUZZ_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)      __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n)    __asan_unpoison_memory_region((p), (n))
#define MAY_BE_READ(p, n) (__asan_region_is_poisoned((void *)(uintptr_t)(p), (n)) == NULL)
#define NOT_CHECKED                                                                                \
    __attribute__((no_sanitize("address"))) __attribute__((no_sanitize("undefined")))
#else
#define POISON(p, n)      ((void)(p), (void)(n))
#define UNPOISON(p, n)    ((void)(p), (void)(n))
#define MAY_BE_READ(p, n) ((void)(p), (void)(n), true)
#define NOT_CHECKED
#endif

#endif
