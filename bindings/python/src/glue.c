/* SPDX-License-Identifier: Apache-2.0 */
/* What rill._core has beside the functions of the public headers: the clocks, which the core does
 * not read itself. */
#include <time.h>

#include <rill/reason.h>
#include <rill/rill.h>

static uint64_t read_ns(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return (uint64_t)at.tv_sec * RILL_SECOND + (uint64_t)at.tv_nsec;
}

static rill_now rillpy_now(void)
{
    return (rill_now){.mono_ns = read_ns(CLOCK_MONOTONIC),
                      .wall_ms = read_ns(CLOCK_REALTIME) / RILL_MS};
}

static rill_now rillpy_clock(void *user)
{
    (void)user;
    return rillpy_now();
}

static uint64_t rillpy_wall_ns(void *user)
{
    (void)user;
    return read_ns(CLOCK_REALTIME);
}

/* An endpoint's options that read these clocks. */
static void rillpy_options_init(rill_endpoint_options *o)
{
    rill_endpoint_options_init(o);
    o->clock = rillpy_clock;
    o->wall_ns = rillpy_wall_ns;
}
