/* SPDX-License-Identifier: Apache-2.0 */
/* What every benchmark needs: the time, and one way to say a result. */
#ifndef RILL_BENCH_CLOCK_H
#define RILL_BENCH_CLOCK_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_NS UINT64_C(2000000000) /* how long one measurement takes */

static inline uint64_t bench_ns(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t) != 0)
        abort();
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* One line: the name, a tab, how many there were a second. */
static inline void bench_report(const char *name, uint64_t count, uint64_t ns)
{
    printf("%s\t%" PRIu64 "\n", name, (uint64_t)((unsigned __int128)count * 1000000000u / ns));
}

/* Ends the program where a call that cannot fail here did. */
static inline void bench_check(int result, const char *what)
{
    if (result != 0) {
        fprintf(stderr, "%s failed: %d\n", what, result);
        exit(1);
    }
}

#endif
