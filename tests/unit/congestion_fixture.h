/* SPDX-License-Identifier: Apache-2.0 */
/* The default congestion control. The test tells it by hand what was sent and what became of it. */
#ifndef RILL_TESTS_CONGESTION_FIXTURE_H
#define RILL_TESTS_CONGESTION_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>

#include "stream/path/congestion.h"

#define RTT (100 * RILL_MS)

static inline rill_congestion *new_congestion(uint32_t max_packets)
{
    rill_congestion *c = rill_congestion_new(rill_allocator_default(), max_packets);

    assert_non_null(c);
    return c;
}

static inline void end(rill_congestion *c)
{
    rill_congestion_free(rill_allocator_default(), c);
}

static inline void send(rill_congestion *c, uint64_t now, uint32_t count, uint64_t amount)
{
    for (uint32_t i = 0; i < count; i++)
        rill_congestion_sent(c, now, amount);
}

static inline void deliver(rill_congestion *c, uint64_t now, uint64_t sent, uint32_t count,
                           uint64_t amount)
{
    for (uint32_t i = 0; i < count; i++)
        rill_congestion_delivered(c, now, sent, amount);
}

#endif
