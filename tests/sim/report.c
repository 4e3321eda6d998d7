/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "rng.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void print_time(FILE *f, const sim_report *r)
{
    uint64_t now = r->now == NULL ? 0 : *r->now;
    fprintf(f, "%5" PRIu64 ".%06" PRIu64 " ", now / 1000000000, now / 1000 % 1000000);
}

void sim_violation(sim_report *r, const char *format, ...)
{
    if (r->failed)
        return;
    r->failed = true;
    r->rule = format;
    uint64_t now = r->now == NULL ? 0 : *r->now;
    int n = snprintf(r->text, sizeof(r->text), "at %" PRIu64 ".%06" PRIu64 " s: ", now / 1000000000,
                     now / 1000 % 1000000);
    va_list args;
    va_start(args, format);
    vsnprintf(r->text + n, sizeof(r->text) - (size_t)n, format, args);
    va_end(args);
    if (r->trace) {
        print_time(stdout, r);
        printf("VIOLATION %s\n", r->text);
    }
}

void sim_trace(const sim_report *r, const char *format, ...)
{
    if (!r->trace)
        return;
    print_time(stdout, r);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

void sim_digest(sim_report *r, uint64_t fact)
{
    uint64_t now = r->now == NULL ? 0 : *r->now;
    r->digest = sim_mix(r->digest ^ sim_mix(fact) ^ now);
}

void *sim_reallocate(void *ptr, size_t size)
{
    void *p = realloc(ptr, size == 0 ? 1 : size);
    if (p == NULL) {
        fputs("rill-sim: out of memory\n", stderr);
        abort();
    }
    return p;
}

void *sim_allocate(size_t size)
{
    return sim_reallocate(NULL, size);
}
