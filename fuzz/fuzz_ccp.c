/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CCP. What was decoded must encode to bytes that decode to the same; and whatever was found well
 * made can be walked through, to its last address.
 */
#include <rill/error.h>

#include "fuzz.h"
#include "ilp/ccp.h"

static void fuzz_control(rill_bytes data)
{
    rill_ccp_control a, b;
    uint8_t encoded[64];
    size_t len = 0;
    if (rill_ccp_control_decode(&a, data) != RILL_OK)
        return;
    CHECK(rill_ccp_control_encode(&a, encoded, sizeof encoded, &len) == RILL_OK);
    CHECK(rill_ccp_control_decode(&b, (rill_bytes){encoded, len}) == RILL_OK);
    CHECK(a.mode == b.mode && a.epoch == b.epoch);
    CHECK(memcmp(a.table, b.table, sizeof a.table) == 0);
}

static void walk(const rill_ccp_update *u, rill_writer *w)
{
    rill_reader routes = rill_reader_of(u->routes.data, u->routes.len);
    rill_reader withdrawn = rill_reader_of(u->withdrawn.data, u->withdrawn.len);
    rill_ccp_route route;
    rill_bytes address;
    uint64_t count = 0;
    for (; rill_ccp_next_route(&routes, &route); count++) {
        rill_reader path = rill_reader_of(route.path.data, route.path.len);
        size_t hops = 0;
        while (rill_ccp_next_address(&path, &address)) {
            CHECK(rill_address_valid(address));
            hops++;
        }
        CHECK(hops == route.hops && hops <= RILL_CCP_MAX_PATH);
        rill_ccp_put_route(w, (rill_bytes){NULL, 0}, &route);
    }
    CHECK(count == u->route_count);
    rill_ccp_begin_withdrawn(w, u->withdrawn_count);
    for (count = 0; rill_ccp_next_address(&withdrawn, &address); count++)
        rill_ccp_put_withdrawn(w, address);
    CHECK(count == u->withdrawn_count);
}

static void fuzz_update(rill_bytes data)
{
    static uint8_t first[1 << 16], second[1 << 16];
    rill_ccp_update a, b;
    if (rill_ccp_update_decode(&a, data) != RILL_OK)
        return;
    rill_writer w = rill_writer_of(first, sizeof first);
    rill_ccp_update_begin(&w, &a);
    walk(&a, &w);
    CHECK(w.failed || rill_writer_len(&w) <= data.len);
    if (w.failed)
        return;
    CHECK(rill_ccp_update_decode(&b, (rill_bytes){first, rill_writer_len(&w)}) == RILL_OK);
    rill_writer again = rill_writer_of(second, sizeof second);
    rill_ccp_update_begin(&again, &b);
    walk(&b, &again);
    CHECK(rill_writer_len(&again) == rill_writer_len(&w));
    CHECK(memcmp(first, second, rill_writer_len(&w)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 60000)
        return 0;
    fuzz_control((rill_bytes){data, size});
    fuzz_update((rill_bytes){data, size});
    return 0;
}
