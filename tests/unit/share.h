/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long loops that run in part where a tool makes each turn 20 to 50 times slower. Such a tool sets
 * RILL_TEST_SHARE to a number n: one turn in n is enough then. Without it every turn runs.
 */
#ifndef RILL_TESTS_SHARE_H
#define RILL_TESTS_SHARE_H

#include <stdlib.h>

/* n: one turn in n runs. At least 1. */
static inline unsigned test_share(void)
{
    const char *set = getenv("RILL_TEST_SHARE");
    unsigned long n = set == NULL ? 1 : strtoul(set, NULL, 10);
    return n < 1 || n > 1000 ? 1 : (unsigned)n;
}

/* How many of so many turns run. At least one. */
static inline unsigned test_some_of(unsigned turns)
{
    return turns / test_share() > 0 ? turns / test_share() : 1;
}

#endif
