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

/* So many packets leave together and take rtt each. Returns the last answer that is not NOTHING. */
static rill_queue_word round_of(world *w, unsigned count, uint64_t rtt)
{
    rill_queue_word said = {.says = RILL_QUEUE_NOTHING};

    for (unsigned i = 0; i < count; i++) {
        uint64_t took = rill_round_trip_measure(&w->trip, w->now + rtt, w->now);
        rill_queue_word word =
            rill_queue_watch(&w->queue, &w->trip, &w->packets, w->now + rtt, w->now, took);
        if (word.says != RILL_QUEUE_NOTHING)
            said = word;
        if (word.says == RILL_QUEUE_SET)
            rill_limit_set(&w->packets, w->now + rtt, word.window, word.floor);
    }
    w->now += rtt + 1;
    return said;
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
        assert_int_equal(rill_queue_watch(&w.queue, &w.trip, &w.packets, late, sent, took).says,
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

/* ---- cuts are trials ---- */

#define NEARBY (2 * RILL_MS)
#define WRITE  (40 * RILL_MS) /* what a disk takes now and then */

typedef struct history {
    unsigned smaller; /* how often the window was made smaller, larger */
    unsigned larger;
    uint64_t least; /* window */
    bool slow_start;
} history;

/* Rounds of full windows for so long. Of six the first every take slow, or what is in flight. */
static history rounds_of(world *w, uint64_t time, unsigned every, uint64_t quick, uint64_t slow,
                         uint64_t each)
{
    history h = {.least = w->packets.window};
    uint64_t end = w->now + time;

    for (unsigned i = 0; w->now < end; i++) {
        uint64_t before = w->packets.window;
        uint64_t rtt = i % 6 < every ? slow : at_least(quick, before * each);
        rill_queue_word word = round_of(w, (unsigned)before, rtt);
        h.smaller += w->packets.window < before;
        h.larger += w->packets.window > before;
        h.least = at_most(h.least, w->packets.window);
        h.slow_start |= word.says == RILL_QUEUE_SET && word.slow_start;
    }
    return h;
}

/* A disk that is slow now and then is so with fewer packets too: the window comes back, and stays.
 */
static void test_an_uneven_path_keeps_its_window(void **state)
{
    world w = new_world(100);

    (void)state;
    (void)rounds_of(&w, RILL_SECOND, 0, NEARBY, 0, 0);
    history h = rounds_of(&w, 2 * RILL_SECOND, 3, NEARBY, WRITE, 0);
    assert_true(h.smaller > 0 && h.larger > 0);
    assert_true(h.slow_start); /* what ended it was no limit */
    assert_int_equal(h.least, 100 / 8);
    assert_int_equal(w.packets.window, 100);
    h = rounds_of(&w, 5 * RILL_SECOND, 3, NEARBY, WRITE, 0);
    assert_int_equal(h.smaller, 0);
    /* Nor is it cut where it is half as slow again. */
    h = rounds_of(&w, RILL_SECOND, 3, NEARBY, WRITE * 5 / 4, 0);
    assert_int_equal(h.smaller, 0);
    /* But it is a trial again where it is much slower. */
    h = rounds_of(&w, RILL_SECOND, 3, NEARBY, WRITE * 2, 0);
    assert_true(h.smaller > 0);
}

/* What was found is not for ever: the same waiting may be a queue later. */
static void test_an_uneven_path_is_tried_again(void **state)
{
    world w = new_world(100);

    (void)state;
    (void)rounds_of(&w, RILL_SECOND, 0, NEARBY, 0, 0);
    (void)rounds_of(&w, 2 * RILL_SECOND, 3, NEARBY, WRITE, 0);
    assert_true(rounds_of(&w, 12 * RILL_SECOND, 3, NEARBY, WRITE, 0).smaller > 0);
}

/* Where as many pass with less in flight, the cut stays. */
static void test_a_queue_stays_cut(void **state)
{
    world w = new_world(100);

    (void)state;
    (void)rounds_of(&w, RILL_SECOND, 0, NEARBY, 0, RILL_MS / 50);
    /* One packet each half millisecond. The rate of before is old: the window may come back once.
     */
    history h = rounds_of(&w, 3 * RILL_SECOND, 0, NEARBY, 0, RILL_MS / 2);
    assert_true(h.larger <= 1 && !h.slow_start);
    assert_in_range(w.packets.window, 100 / 8, 20);
    /* More of them, now that their rate is known. */
    for (unsigned i = 0; i < 5; i++) {
        w.packets.window = 60;
        h = rounds_of(&w, RILL_SECOND, 0, NEARBY, 0, RILL_MS / 2);
        assert_true(h.smaller > 0 && h.larger == 0);
        assert_in_range(w.packets.window, 60 / 8, 20);
    }
}

/* Others that share a queue keep it full: where nothing is ever quick, nothing comes back. */
static void test_a_queue_of_others_gives_nothing_back(void **state)
{
    world w = new_world(100);

    (void)state;
    (void)rounds_of(&w, RILL_SECOND, 0, NEARBY, 0, 0);
    for (uint64_t rtt = 90 * RILL_MS; rtt > 15 * RILL_MS; rtt -= rtt / 25) {
        uint64_t before = w.packets.window;
        (void)round_of(&w, (unsigned)before, rtt);
        assert_true(w.packets.window <= before);
    }
    assert_true(w.packets.window < 100);
}

/* A window that was set for another reason meanwhile is not what the trial is about. */
static void test_a_refusal_ends_the_trial(void **state)
{
    world w = new_world(100);

    (void)state;
    (void)rounds_of(&w, RILL_SECOND, 0, NEARBY, 0, 0);
    (void)round_of(&w, 100, WRITE);
    assert_true(w.packets.window < 100);
    rill_limit_set(&w.packets, w.now, 30, 15);
    w.now++;
    assert_int_equal(rounds_of(&w, RILL_SECOND, 0, NEARBY, 0, 0).larger, 0);
    assert_int_equal(w.packets.window, 30);
}

/* Nor is one that nobody used for long. */
static void test_a_trial_does_not_last(void **state)
{
    world w = new_world(100);

    (void)state;
    (void)rounds_of(&w, RILL_SECOND, 0, NEARBY, 0, 0);
    (void)round_of(&w, 100, WRITE);
    w.now += 11 * RILL_SECOND;
    assert_int_equal(rounds_of(&w, RILL_SECOND, 0, NEARBY, 0, 0).larger, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_queue_it_says_nothing),
        cmocka_unit_test(test_near_comes_before_a_queue),
        cmocka_unit_test(test_a_queue_makes_the_window_what_the_path_holds),
        cmocka_unit_test(test_a_longer_path_is_no_queue),
        cmocka_unit_test(test_stragglers_say_nothing),
        cmocka_unit_test(test_two_packets_are_never_a_queue),
        cmocka_unit_test(test_the_least_is_forgotten),
        cmocka_unit_test(test_an_uneven_path_keeps_its_window),
        cmocka_unit_test(test_an_uneven_path_is_tried_again),
        cmocka_unit_test(test_a_queue_stays_cut),
        cmocka_unit_test(test_a_queue_of_others_gives_nothing_back),
        cmocka_unit_test(test_a_refusal_ends_the_trial),
        cmocka_unit_test(test_a_trial_does_not_last),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
