/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of how connections begin share: servers with one secret, and a peer that writes
 * packets itself.
 */
#ifndef RILL_TESTS_BEGINS_FIXTURE_H
#define RILL_TESTS_BEGINS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stream/core/connection_internal.h"
#include "support/pair.h"
#include "support/raw.h"

static const uint8_t secret[32] = {7};

static inline pair_options same_secret(void)
{
    pair_options o = pair_defaults();
    o.server.server_secret = secret;
    return o;
}

static inline void send_to(pair *p, raw_peer *r, uint64_t number, const rill_frame *frames,
                           unsigned count, uint64_t amount, raw_reply *reply)
{
    raw_send(
        r, p->end[PAIR_SERVER].endpoint, p->now,
        &(raw_packet){.sequence = number, .frames = frames, .frame_count = count, .amount = amount},
        reply);
    pair_pump(p);
}

#endif
