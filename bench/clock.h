/* SPDX-License-Identifier: Apache-2.0 */
/* What every benchmark needs: the time, and one way to print a result. */
#ifndef RILL_BENCH_CLOCK_H
#define RILL_BENCH_CLOCK_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t bench_ns(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t) != 0)
        abort();
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Processor time of this process, which a busy neighbour does not change much. */
static inline uint64_t bench_cpu_ns(void)
{
    return bench_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/*
 * A measurement that lasts for this processor time, or for twice as long by the clock if others are
 * busy too.
 */
typedef struct bench_span {
    uint64_t cpu;
    uint64_t wall;
    uint64_t limit;
} bench_span;

static inline bench_span bench_begin(uint64_t limit)
{
    return (bench_span){bench_cpu_ns(), bench_ns(CLOCK_MONOTONIC), limit};
}

/* Processor time until now. */
static inline uint64_t bench_spent(const bench_span *s)
{
    return bench_cpu_ns() - s->cpu;
}

static inline int bench_goes_on(const bench_span *s)
{
    return bench_spent(s) < s->limit && bench_ns(CLOCK_MONOTONIC) - s->wall < 2 * s->limit;
}

/* One line: the name, a tab, the figure. */
static inline void bench_figure(const char *name, double figure)
{
    printf("%s\t%.6g\n", name, figure);
    fflush(stdout);
}

/* How many there were a second. */
static inline void bench_rate(const char *name, double count, uint64_t ns)
{
    bench_figure(name, count * 1e9 / (double)(ns ? ns : 1));
}

/* Ends the program if a call fails that cannot fail here. */
static inline void bench_check(int result, const char *what)
{
    if (result != 0) {
        fprintf(stderr, "%s failed: %d\n", what, result);
        exit(1);
    }
}

static inline double bench_number(const char *text)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || number < 0) {
        fprintf(stderr, "not a number: %s\n", text);
        exit(2);
    }
    return number;
}

#endif
