/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every allocation fails, at either side, in each of the core's scenarios; and every one of what
 * both sides share, where they do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/every_nth.h"

enum { SHARED = 2, KINDS }; /* beside pair_side */

/* False: it could not be made, as it must say. */
static bool share(pair_options *o, failing_memory *memory, rill_shared **out)
{
    rill_shared_options options;
    rill_shared_options_init(&options);
    options.allocator = &memory->allocator;
    int err = rill_shared_new(out, &options);
    assert_int_equal(err, memory->refused > 0 ? RILL_ERR_NOMEM : RILL_OK);
    o->client.shared = o->server.shared = *out;
    return err == RILL_OK;
}

static bool run(const scenario *what, nth_fault fault)
{
    static scene s;
    failing_memory memory[KINDS];
    rill_shared *shared = NULL;
    pair_options o;
    pair_options_init(&o);
    for (unsigned kind = 0; kind < KINDS; kind++)
        failing_memory_init(&memory[kind], fault.kind == kind ? fault.n : 0, fault.fail_for);
    o.client.allocator = &memory[PAIR_CLIENT].allocator;
    o.server.allocator = &memory[PAIR_SERVER].allocator;
    if (fault.kind != SHARED || share(&o, &memory[SHARED], &shared)) {
        nth_play(&s, what, &o, fault);
        scene_close(&s);
    }
    rill_shared_free(shared);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        assert_int_equal(memory[kind].blocks, 0);
        failing_memory_end(&memory[kind]);
    }
    return memory[fault.kind].refused > 0;
}

int main(int argc, char **argv)
{
    static const char *const sides[] = {[PAIR_CLIENT] = " of the client's",
                                        [PAIR_SERVER] = " of the server's",
                                        [SHARED] = " of what they share",
                                        NULL};
    static const every_nth allocations = {"allocation", sides, true, run};
    return every_nth_main(argc, argv, &allocations);
}
