/* SPDX-License-Identifier: Apache-2.0 */
/* Payments whose state is saved, and that another process goes on with. */
#define _POSIX_C_SOURCE 200809L

#include "payment_world.h"

static void test_a_state_that_cannot_be_saved_stops_it(void **state)
{
    world *w = *state;
    w->begin = start;
    w->options.amount = 1000;
    w->fail_save = 1;
    run(w);
    assert_int_equal(w->error, RILL_ERR_IO);
    assert_int_equal(w->result.reason, RILL_REASON_SAVE);
    assert_int_equal(w->received, 0);
}

static void test_nor_does_more_leave_later(void **state)
{
    world *w = *state;
    w->begin = start;
    w->options.amount = 1000;
    w->connection.max_packet_amount = PACKET;
    w->fail_save = 3;
    run(w);
    assert_int_equal(w->error, RILL_ERR_IO);
    assert_int_equal(w->result.reason, RILL_REASON_SAVE);
    assert_int_equal(w->received, 250); /* two of eight steps */
    assert_int_equal(w->state.sent, 250);
    assert_int_equal(w->state.in_doubt, 0);
}

static void go_on(world *w)
{
    w->options.destination_account = NULL; /* the state has them */
    w->options.shared_secret = NULL;
    w->options.amount = 1;
    w->options.resume = (rill_bytes){w->text, w->len};
    start(w);
}

/* The same receiver, and a state as a crash leaves it. */
static void resume_here(world *w)
{
    rill_payment_state s = w->state;
    char text[RILL_PAYMENT_STATE_MAX];
    s.credentials = w->credentials;
    assert_int_equal(rill_payment_state_write(&s, text, &w->len), RILL_OK);
    memcpy(w->text, text, w->len);
    go_on(w);
}

/* The payer is gone after each of its states in turn, and another one goes on with the last of
 * them: here, with a receiver that has taken all that may have been sent by then. */
static void test_never_paid_twice(void **state)
{
    for (unsigned at = 1;; at++) {
        world *w = *state;
        w->begin = start;
        w->options.amount = 1000;
        w->connection.max_packet_amount = PACKET;
        w->crash_at = at;
        run(w);
        assert_true(w->crashed);
        rill_payment_state last = w->state;
        uint64_t may_have_arrived = last.sent + last.in_doubt;
        (void)tear_down(state);
        (void)set_up(state);
        w = *state;
        w->state = last;
        w->begin = resume_here;
        run(w);
        assert_true(w->done);
        assert_int_equal(w->received, 1000 - may_have_arrived);
        assert_int_equal(w->result.sent + w->result.in_doubt, 1000);
        assert_int_equal(w->result.in_doubt, last.in_doubt);
        if (at == 9)
            return;
        (void)tear_down(state);
        (void)set_up(state);
    }
}

static void test_what_is_in_doubt_is_not_sent_again(void **state)
{
    world *w = *state;
    w->begin = resume_here;
    w->state = (rill_payment_state){
        .amount = 1000, .sent = 300, .in_doubt = 125, .delivered = 300, .min_rate = {99, 100}};
    run(w);
    assert_int_equal(w->error, RILL_ERR_IN_DOUBT);
    assert_int_equal(w->result.reason, RILL_REASON_IN_DOUBT);
    assert_int_equal(w->received, 575);
    assert_int_equal(w->result.sent, 875);
    assert_int_equal(w->result.delivered, 875);
    assert_int_equal(w->result.in_doubt, 125);
    assert_true(w->state.sent == 875 && w->state.in_doubt == 125 && !w->state.complete);
}

/* How long the packets in doubt may live, after a payment with packets of two seconds. */
static uint64_t kept_lifetime(void **state, uint64_t in_doubt, uint64_t of_before)
{
    world *w = *state;
    w->connection.packet_lifetime_ns = 2 * RILL_SECOND;
    w->begin = resume_here;
    w->state = (rill_payment_state){.amount = 1000,
                                    .sent = 300,
                                    .in_doubt = in_doubt,
                                    .delivered = 300,
                                    .packet_lifetime_ns = of_before};
    run(w);
    assert_true(w->saves > 0);
    uint64_t kept = w->state.packet_lifetime_ns;
    (void)tear_down(state);
    (void)set_up(state);
    return kept;
}

/* Who asks the receiver later waits as long as the packets of any process may live. */
static void test_the_longest_lifetime_of_what_is_in_doubt_is_kept(void **state)
{
    assert_true(kept_lifetime(state, 125, 600 * RILL_SECOND) == 600 * RILL_SECOND);
    assert_true(kept_lifetime(state, 125, RILL_SECOND) == 2 * RILL_SECOND);
    assert_true(kept_lifetime(state, 125, RILL_NEVER) == RILL_NEVER);
    /* None of before can arrive any more. */
    assert_true(kept_lifetime(state, 0, 600 * RILL_SECOND) == 2 * RILL_SECOND);
    world *w = *state;
    w->begin = start;
    w->options.amount = 1000;
    run(w);
    assert_true(w->state.packet_lifetime_ns == 30 * RILL_SECOND);
}

static void test_what_is_left_is_sent(void **state)
{
    world *w = *state;
    w->begin = resume_here;
    w->state =
        (rill_payment_state){.amount = 1000, .sent = 300, .delivered = 300, .min_rate = {0, 1}};
    run(w);
    assert_int_equal(w->error, RILL_OK);
    assert_int_equal(w->received, 700);
    assert_int_equal(w->result.sent, 1000);
    assert_true(w->state.complete);
}

static void test_a_delivery_goes_on(void **state)
{
    world *w = *state;
    w->begin = resume_here;
    w->state = (rill_payment_state){.amount = 1011,
                                    .deliver = 1000,
                                    .sent = 300,
                                    .in_doubt = 100,
                                    .delivered = 300,
                                    .min_rate = {99, 100}};
    run(w);
    /* What was in doubt may have arrived: no more than what is missing then. */
    assert_int_equal(w->received, 600);
    assert_int_equal(w->error, RILL_ERR_IN_DOUBT);
    assert_int_equal(w->result.delivered, 900);
}

/* What was sent before is not sent once more, and a receiver that waits for the rest gets that. */
static void test_a_delivery_goes_on_within_its_maximum(void **state)
{
    world *w = *state;
    w->begin = resume_here;
    w->accepted.default_receive_max = 700;
    w->state = (rill_payment_state){
        .amount = 1011, .deliver = 1000, .sent = 303, .delivered = 300, .min_rate = {99, 100}};
    run(w);
    assert_int_equal(w->error, RILL_OK);
    assert_int_equal(w->received, 700);
    assert_int_equal(w->result.sent, 1003);
    assert_true(w->result.max_source <= 1011);
    assert_true(w->state.complete);
}

/* The path was better when it was begun: what is left of the maximum does not bring the rest. */
static void test_a_delivery_that_cannot_be_any_more(void **state)
{
    world *w = *state;
    w->begin = resume_here;
    w->state = (rill_payment_state){
        .amount = 1000, .deliver = 1000, .sent = 200, .delivered = 100, .min_rate = {1, 2}};
    run(w);
    assert_int_equal(w->error, RILL_ERR_RANGE);
    assert_int_equal(w->result.reason, RILL_REASON_SOURCE_MAX);
    assert_int_equal(w->received, 0);
}

static void test_nothing_is_left(void **state)
{
    world *w = *state;
    w->begin = resume_here;
    w->state = (rill_payment_state){
        .amount = 1000, .sent = 1000, .delivered = 1000, .min_rate = {0, 1}, .complete = true};
    run(w);
    assert_int_equal(w->error, RILL_OK);
    assert_int_equal(w->received, 0);
    assert_int_equal(w->result.sent, 1000);
}

static void start_badly(world *w)
{
    const char *problem = NULL;
    w->options.resume = (rill_bytes){(const uint8_t *)"{}", 2};
    assert_int_equal(
        rill_payment_start(&w->payment, w->loop, &w->options, pay_handlers(w, true), &problem),
        RILL_ERR_MALFORMED);
    assert_non_null(problem);
    w->options.resume.len = 0;
    w->options.secret_len = 31;
    assert_int_equal(
        rill_payment_start(&w->payment, w->loop, &w->options, pay_handlers(w, true), &problem),
        RILL_ERR_INVALID);
    w->done = true;
    end_world(w);
}

static void test_states_that_are_none(void **state)
{
    world *w = *state;
    w->begin = start_badly;
    run(w);
    assert_int_equal(w->saves, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_a_state_that_cannot_be_saved_stops_it),
        WORLD_TEST(test_nor_does_more_leave_later),
        WORLD_TEST(test_never_paid_twice),
        WORLD_TEST(test_what_is_in_doubt_is_not_sent_again),
        WORLD_TEST(test_the_longest_lifetime_of_what_is_in_doubt_is_kept),
        WORLD_TEST(test_what_is_left_is_sent),
        WORLD_TEST(test_a_delivery_goes_on),
        WORLD_TEST(test_a_delivery_goes_on_within_its_maximum),
        WORLD_TEST(test_a_delivery_that_cannot_be_any_more),
        WORLD_TEST(test_nothing_is_left),
        WORLD_TEST(test_states_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
