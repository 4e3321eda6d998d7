/* SPDX-License-Identifier: Apache-2.0 */
/* Round trips with and without a queue, given by hand. */
#include "congestion_fixture.h"

#include "stream/path/queue.h"

typedef struct world {
    rill_queue queue;
    rill_round_trip trip;
    rill_limit packets;
    uint64_t now;
} world;

static world new_world(uint64_t window)
{
    return (world){.packets = {.window = window, .most = 1024}, .now = RILL_SECOND};
}

/*
 * So many packets leave, one each gap, and take rtt each. Returns the last answer that is not
 * NOTHING. The window becomes what was said in the end.
 */
static rill_queue_word spread_round(world *w, unsigned count, uint64_t rtt, uint64_t gap)
{
    rill_queue_word said = {.says = RILL_QUEUE_NOTHING};

    for (unsigned i = 0; i < count; i++) {
        uint64_t sent = w->now + i * gap;
        uint64_t took = rill_round_trip_measure(&w->trip, sent + rtt, sent);
        rill_queue_word word = rill_queue_watch(&w->queue, &w->trip, &w->packets, count - 1 - i,
                                                sent + rtt, sent, took);
        if (word.says != RILL_QUEUE_NOTHING)
            said = word;
        if (word.says == RILL_QUEUE_SET)
            rill_limit_set(&w->packets, sent + rtt, word.window, word.floor);
    }
    w->now += rtt + (count - 1) * gap + 1;
    return said;
}

/* One after the other, so that the last leaves before the first reply is here. */
static rill_queue_word round_of(world *w, unsigned count, uint64_t rtt)
{
    return spread_round(w, count, rtt, RILL_MS);
}

static void test_without_a_queue_it_says_nothing(void **state)
{
    world w = new_world(100);

    (void)state;
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(round_of(&w, 100, RTT + i % 2 * RILL_MS).says, RILL_QUEUE_NOTHING);
    assert_int_equal(w.packets.window, 100);
}

/* An eighth of the round trip is near, a quarter is a queue. */
static void test_near_comes_before_a_queue(void **state)
{
    world w = new_world(100);

    (void)state;
    (void)round_of(&w, 100, RTT);
    for (unsigned i = 0; i < 20; i++) /* jitter has no part in it */
        (void)round_of(&w, 100, RTT);
    assert_int_equal(round_of(&w, 100, RTT + RTT / 8).says, RILL_QUEUE_NEAR);
    assert_int_equal(w.packets.window, 100);
}

static void test_a_queue_makes_the_window_what_the_path_holds(void **state)
{
    world w = new_world(100);

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        (void)round_of(&w, 100, RTT);
    rill_queue_word word = round_of(&w, 100, 2 * RTT);
    assert_int_equal(word.says, RILL_QUEUE_SET);
    /* Half of the time was waiting; never less than half in one round trip. */
    assert_in_range(word.window, 50, 60);
    assert_true(word.floor <= word.window / 2);
    assert_int_equal(w.trip.least, RTT);
}

/* Where cutting does not make packets quicker the path is longer: the window comes back. */
static void test_a_longer_path_is_no_queue(void **state)
{
    world w = new_world(100);
    unsigned cuts = 0;

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        (void)round_of(&w, 100, RTT);
    while (w.trip.least == RTT && cuts < 20)
        cuts += round_of(&w, (unsigned)w.packets.window, 3 * RTT).says == RILL_QUEUE_SET;
    assert_int_equal(cuts, 4);
    assert_true(w.trip.least == 3 * RTT && w.packets.window >= 290);
}

/*
 * What comes all at once after a silence has not waited for one another: with a smaller window it
 * would have taken as long.
 */
static void test_a_path_that_stands_still_is_no_queue(void **state)
{
    world w = new_world(100);

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        (void)round_of(&w, 100, RTT);
    for (unsigned i = 0; i < 20; i++)
        assert_int_not_equal(spread_round(&w, 100, 3 * RTT, 0).says, RILL_QUEUE_SET);
    assert_int_equal(w.packets.window, 100);
}

/* A packet waits for a write that is under way, and then for its own. */
static void test_standing_still_twice_is_no_queue(void **state)
{
    const uint64_t write = 7 * RTT / 4;
    world w = new_world(100);

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        (void)round_of(&w, 100, RTT);
    w.queue.heard_at = w.now + write;    /* the first write has answered others */
    for (unsigned i = 0; i < 100; i++) { /* not all within a moment */
        uint64_t sent = w.now + i / 20 * RILL_MS;
        uint64_t took = rill_round_trip_measure(&w.trip, sent + 2 * write, sent);
        assert_int_not_equal(
            rill_queue_watch(&w.queue, &w.trip, &w.packets, 99 - i, sent + 2 * write, sent, took)
                .says,
            RILL_QUEUE_SET);
    }
}

/* A silence is no reason where then packets come one by one: others were served meanwhile. */
static void test_a_silence_hides_no_queue(void **state)
{
    world w = new_world(100);

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        (void)round_of(&w, 100, RTT);
    assert_int_equal(round_of(&w, 100, 3 * RTT).says, RILL_QUEUE_SET);
}

/* Nor is a short one. */
static void test_a_short_silence_hides_no_queue(void **state)
{
    world w = new_world(100);
    bool cut = false;

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        (void)round_of(&w, 100, RTT);
    for (unsigned i = 0; i < 400; i++) { /* groups of 20, 40 ms apart, behind a queue */
        uint64_t sent = w.now + i / 20 * 40 * RILL_MS;
        uint64_t took = rill_round_trip_measure(&w.trip, sent + 2 * RTT, sent);
        cut |=
            rill_queue_watch(&w.queue, &w.trip, &w.packets, 99, sent + 2 * RTT, sent, took).says ==
            RILL_QUEUE_SET;
    }
    assert_true(cut);
}

/* Of packets that left together the last are slow. They say nothing about the next round trip. */
static void test_stragglers_say_nothing(void **state)
{
    world w = new_world(100);

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        (void)round_of(&w, 100, RTT);
    uint64_t sent = w.now;
    uint64_t late = sent + 4 * RTT;
    (void)round_of(&w, 50, RTT);
    for (unsigned i = 0; i < 50; i++) {
        uint64_t took = rill_round_trip_measure(&w.trip, late, sent);
        assert_int_equal(rill_queue_watch(&w.queue, &w.trip, &w.packets, 0, late, sent, took).says,
                         RILL_QUEUE_NOTHING);
    }
}

static void test_two_packets_are_never_a_queue(void **state)
{
    world w = new_world(2);

    (void)state;
    (void)round_of(&w, 2, RTT);
    for (unsigned i = 0; i < 20; i++)
        assert_int_not_equal(round_of(&w, 2, 4 * RTT).says, RILL_QUEUE_SET);
}

/* How long the path took long ago is no measure. */
static void test_the_least_is_forgotten(void **state)
{
    world w = new_world(2);

    (void)state;
    (void)round_of(&w, 2, RTT);
    while (w.now < 13 * RILL_SECOND)
        (void)round_of(&w, 2, 2 * RTT);
    assert_int_equal(w.trip.least, 2 * RTT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_queue_it_says_nothing),
        cmocka_unit_test(test_near_comes_before_a_queue),
        cmocka_unit_test(test_a_queue_makes_the_window_what_the_path_holds),
        cmocka_unit_test(test_a_longer_path_is_no_queue),
        cmocka_unit_test(test_a_path_that_stands_still_is_no_queue),
        cmocka_unit_test(test_standing_still_twice_is_no_queue),
        cmocka_unit_test(test_a_silence_hides_no_queue),
        cmocka_unit_test(test_a_short_silence_hides_no_queue),
        cmocka_unit_test(test_stragglers_say_nothing),
        cmocka_unit_test(test_two_packets_are_never_a_queue),
        cmocka_unit_test(test_the_least_is_forgotten),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
