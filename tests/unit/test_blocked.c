/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of the other side that stop us: when they are asked for. */
#include "client_fixture.h"

#include "stream/core/blocked.h"
#include "stream/core/connection_internal.h"

static void test_it_is_asked_for_after_a_while(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_blocked *b = &c.connection->blocked;
    assert_true(b->ask_at == 0);
    rill_blocked_note(c.connection, 1000 * MS);
    assert_true(b->ask_at == 1100 * MS && b->delay == 100 * MS);
    close_client(&c);
}

/* It goes on being so: that brings the question no nearer, nor puts it off. */
static void test_what_is_known_is_noted_once(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_blocked *b = &c.connection->blocked;
    rill_blocked_note(c.connection, 1000 * MS);
    b->delay = 800 * MS; /* it has been asked for before */
    rill_blocked_note(c.connection, 1050 * MS);
    assert_true(b->ask_at == 1100 * MS && b->delay == 800 * MS);
    close_client(&c);
}

/* Somebody has a reason to ask soon, however long it was waited between two questions. */
static void test_a_reason_to_ask_soon(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_blocked *b = &c.connection->blocked;
    b->ask_at = 20000 * MS;
    b->delay = 10000 * MS;
    rill_blocked_ask_soon(c.connection, 1000 * MS);
    assert_true(b->ask_at == 1100 * MS && b->delay == 100 * MS);
    close_client(&c);
}

/* The receiver takes nothing: it is asked again and again, each time after a longer wait. */
static void test_questions_become_rarer(void **state)
{
    const rill_frame full = {.type = RILL_FRAME_STREAM_MAX_MONEY, .stream = 1};
    client c;
    uint64_t asked[6];
    unsigned count = 0;
    (void)state;
    open_client(&c);
    assert_true(next(&c));
    fulfill(&c, 0, &full, 1);
    assert_int_equal(rill_stream_set_send_max(c.stream, 100), RILL_OK);
    while (count < 6) {
        assert_true(next(&c));
        if (raw_find(&question, RILL_FRAME_STREAM_MONEY_BLOCKED))
            asked[count++] = c.now.mono_ns;
        assert_int_equal(c.amount, 0);
        fulfill(&c, 0, &full, 1);
    }
    for (unsigned i = 2; i < count; i++)
        assert_true(asked[i] - asked[i - 1] >= asked[i - 1] - asked[i - 2]);
    assert_true(asked[5] - asked[4] >= 8 * (asked[2] - asked[1]) - 50 * MS);
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_asked_for_after_a_while),
        cmocka_unit_test(test_what_is_known_is_noted_once),
        cmocka_unit_test(test_a_reason_to_ask_soon),
        cmocka_unit_test(test_questions_become_rarer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
