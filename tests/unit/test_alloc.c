/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation fails, at either side, in each of the core's scenarios. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/every_nth.h"

static bool run(const scenario *what, nth_fault fault)
{
    static scene s;
    failing_memory memory[2];
    pair_options o;
    pair_options_init(&o);
    for (unsigned side = 0; side < 2; side++)
        failing_memory_init(&memory[side], fault.kind == side ? fault.n : 0, fault.fail_for);
    o.client.allocator = &memory[PAIR_CLIENT].allocator;
    o.server.allocator = &memory[PAIR_SERVER].allocator;
    nth_play(&s, what, &o, fault);
    scene_close(&s);
    for (unsigned side = 0; side < 2; side++) {
        assert_int_equal(memory[side].blocks, 0);
        failing_memory_end(&memory[side]);
    }
    return memory[fault.kind].refused > 0;
}

int main(int argc, char **argv)
{
    static const char *const sides[] = {
        [PAIR_CLIENT] = " of the client's", [PAIR_SERVER] = " of the server's", NULL};
    static const every_nth allocations = {"allocation", sides, true, run};
    return every_nth_main(argc, argv, &allocations);
}
