/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays each of the core's scenarios again and again. Each time another one of the things that may
 * fail does so: once, for a while, and from then on for good.
 */
#ifndef RILL_TESTS_EVERY_NTH_H
#define RILL_TESTS_EVERY_NTH_H

#include "failing_memory.h"
#include "scene.h"

/*
 * What fails in a run: number n of a kind, counted from 1, and fail_for - 1 after it. n 0: nothing.
 */
typedef struct nth_fault {
    unsigned kind;
    unsigned long n;
    unsigned long fail_for;
} nth_fault;

typedef struct every_nth {
    const char *what;         /* fails: for people */
    const char *const *kinds; /* ends with NULL */
    bool for_a_while;         /* also eight failures in a row, which takes half as long again */
    /*
     * One run, by way of nth_play. False if so many were never asked for, so that nothing has
     * failed.
     */
    bool (*run)(const scenario *what, nth_fault fault);
} every_nth;

/* The scene, and what must hold for it. It is left open; the caller closes it. */
void nth_play(scene *s, const scenario *what, pair_options *o, nth_fault fault);

/* The main function of a test program. Its argument chooses scenarios by name, with * and ?. */
int every_nth_main(int argc, char **argv, const every_nth *what);

#endif
