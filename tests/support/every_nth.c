/* SPDX-License-Identifier: Apache-2.0 */
#include "every_nth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MAX_SCENARIOS 64
/* A failure must not lead to a flood: so many packets at most, beside those of a plain run. */
#define MORE_PACKETS(plain, connections) (2 * (plain) + 100 * ((uint64_t)(connections) + 1))

static const every_nth *under_test;
static bool playing;     /* an assertion that fails leaves it as it is */
static nth_fault played; /* last */
static uint64_t plain_packets;
static bool completed; /* nobody was told of an error */

void nth_play(scene *s, const scenario *what, pair_options *o, nth_fault fault)
{
    playing = true;
    played = fault;
    bool made = scene_play(s, what, o, fault.fail_for == 1);
    bool well = made && s->problems == 0;
    uint64_t packets = s->p.end[PAIR_CLIENT].packets + s->p.end[PAIR_SERVER].packets;
    assert_true(made || fault.n > 0);
    if (fault.n == 0)
        plain_packets = packets;
    assert_in_range(packets, 0, plain_packets + MORE_PACKETS(plain_packets, s->connected));
    /* If nobody was told of the one failure, everything happened that happens without it. */
    if (fault.n == 0 || (fault.fail_for == 1 && well))
        what->check(s);
    completed = well;
}

static bool run(const scenario *what, nth_fault fault)
{
    bool failed = under_test->run(what, fault);
    playing = false;
    return failed;
}

static void test_scenario(void **state)
{
    static const unsigned long fail_for[] = {1, 8, FAILING_FOR_EVER};
    const scenario *what = *state;
    unsigned long runs[3] = {0};
    unsigned long well = 0;
    (void)run(what, (nth_fault){0});
    for (unsigned i = 0; i < 3; i++) {
        if (fail_for[i] == 8 && !under_test->for_a_while)
            continue;
        for (unsigned kind = 0; under_test->kinds[kind]; kind++) {
            for (unsigned long n = 1; run(what, (nth_fault){kind, n, fail_for[i]}); n++) {
                runs[i]++;
                well += i == 0 && completed;
            }
        }
    }
    assert_true(runs[0] > 0);
    print_message("# %s: %lu runs, of %lu in which one %s failed %lu completed\n", what->name,
                  runs[0] + runs[1] + runs[2], runs[0], under_test->what, well);
}

static int say_which(void **state)
{
    (void)state;
    if (playing)
        print_error("# %s %lu%s, for %lu\n", under_test->what, played.n,
                    under_test->kinds[played.kind], played.fail_for);
    return 0;
}

int every_nth_main(int argc, char **argv, const every_nth *what)
{
    struct CMUnitTest tests[MAX_SCENARIOS];
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    if (scenario_count > MAX_SCENARIOS)
        return 1;
    under_test = what;
    for (unsigned i = 0; i < scenario_count; i++)
        tests[i] = (struct CMUnitTest){.name = scenarios[i].name,
                                       .test_func = test_scenario,
                                       .teardown_func = say_which,
                                       .initial_state = (void *)(uintptr_t)&scenarios[i]};
    return _cmocka_run_group_tests(what->what, tests, scenario_count, NULL, NULL);
}
