/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/value_rate.h"

#include <assert.h>

#include "base/muldiv.h"
#include "stream/path/limit.h"

/* Pieces follow each other no faster than they need to: larger ones do the same. */
#define LEAST_GAP (25 * RILL_MS)
/* Where there is more time between them they are made smaller: nobody waits so long. */
#define SPLIT_GAP (250 * RILL_MS)
#define MOST_GAP  (5 * RILL_SECOND)
/* Waits for value that is short. */
#define LEAST_WAIT (25 * RILL_MS)
#define MOST_WAIT  (500 * RILL_MS)
/* Where nothing has passed yet, the size is searched by this part. */
#define SEARCH_PART 8
#define SEARCH_UP   4
/* The rate grows by this part, for the first piece that passes; twice as much for each further. */
#define GROW_PART 32
#define GROW_FEW  3 /* doubled so often at most... */
#define GROW_LONG 8 /* ... unless so many pieces have passed, */
#define GROW_MOST 5 /* and so often then */
/* So many pieces tell it, by how long they took from one shortage to another. */
#define MEASURED 4
/* A shortage makes the rate a sixteenth smaller at least, and by this factor at most. */
#define SLOWER_PART 16
#define SLOWER_MOST 4
/* After so many refusals in a row a piece is smaller: one whose size has passed after a shortage
 * is less likely too large. */
#define SHRINK_AFTER        2
#define SHRINK_PROVEN_AFTER 8
#define MUCH_SMALLER        16 /* than when it ran dry: from there on it shrinks rarely */
/* So many in a row that were refused: what was thought the least is too much. */
#define LAST_RESORT 16
/* ... and so many: what would be better. */
#define SOFT 8
/* For so long a size that was too large is remembered, and no more than this part of it leaves. */
#define TOO_LARGE_HOLDS (5 * RILL_SECOND)
#define ROOM            4
#define ROOM_GAP        (15 * RILL_MS)
/* So many pieces in a round trip, and a window says as much. */
#define MANY 16

static uint64_t times(uint64_t a, uint64_t b, uint64_t c)
{
    return rill_mul_div_floor_sat(a, b, at_least(c, 1));
}

static void set_gap(rill_value_rate *r, uint64_t gap)
{
    r->gap = at_most(at_least(gap, 1), MOST_GAP);
}

void rill_value_rate_begin(rill_value_rate *r, uint64_t now_ns, uint64_t size, uint64_t gap,
                           bool measured)
{
    *r = (rill_value_rate){.size = at_least(size, 1),
                           .counted_at = now_ns,
                           .limiting_at = now_ns,
                           .measured = measured};
    r->largest = gap != 0 ? r->size : 0;
    if (gap != 0)
        set_gap(r, gap);
}

static void note_too_large(rill_value_rate *r, uint64_t now_ns, uint64_t size)
{
    r->too_large = size;
    r->too_large_until = rill_add_sat(now_ns, TOO_LARGE_HOLDS);
}

void rill_value_rate_begin_below(rill_value_rate *r, uint64_t now_ns, uint64_t size,
                                 uint64_t refused)
{
    rill_value_rate_begin(r, now_ns, size, 0, false);
    r->largest = r->size;
    note_too_large(r, now_ns, refused);
}

void rill_value_rate_sent(rill_value_rate *r, uint64_t now_ns, uint64_t amount)
{
    uint64_t time = at_most(times(r->gap, amount, r->size), r->gap);

    assert(rill_value_rate_in_use(r) && amount > 0); /* else it is no piece of this rate */
    r->on_time = now_ns <= rill_add_sat(r->not_before, r->gap / 4 + RILL_MS);
    if (r->on_time)
        r->limiting_at = now_ns;
    uint64_t from =
        at_most(at_least(r->not_before, rill_sub_sat(now_ns, RILL_LIMIT_QUANTUM)), now_ns);
    r->not_before = rill_add_sat(from, time);
}

/*
 * As long as the rate is a guess, it is what came since the last time, or some times that: what is
 * short may come at a rate, or all at once when a balance is settled.
 */
static void end_row(rill_value_rate *r, uint64_t now_ns, uint64_t sent_ns)
{
    r->row = 0;
    r->wait = 0;
    r->of_piece = 0;
    if (!r->measured) {
        uint64_t took = times(r->size, now_ns - r->counted_at, r->passed);
        set_gap(r, at_least(r->gap, at_most(took / SLOWER_MOST, SPLIT_GAP)));
    }
    r->not_before = rill_add_sat(sent_ns, r->gap);
}

static void grow(rill_value_rate *r)
{
    uint64_t doubled = at_most(r->pieces, GROW_FEW);
    if (r->pieces > GROW_LONG)
        doubled = at_most(r->pieces - (GROW_LONG - GROW_FEW), GROW_MOST);
    uint64_t by = UINT64_C(1) << doubled;

    r->pieces++;
    set_gap(r, times(r->gap, GROW_PART, GROW_PART + by));
}

/* They follow each other faster than they need to. */
static void enlarge(rill_value_rate *r, uint64_t now_ns, uint64_t most)
{
    if (r->gap >= LEAST_GAP || r->size >= most)
        return;
    uint64_t larger = at_most(rill_add_sat(r->size, r->size), most);
    if (r->too_large != 0 && larger >= r->too_large && now_ns < r->too_large_until)
        return;
    set_gap(r, times(r->gap, larger, r->size));
    r->size = larger;
}

/* A size is found. How fast is a guess, and rather too fast: that is found soon. */
static void end_search(rill_value_rate *r, uint64_t now_ns, uint64_t time)
{
    set_gap(r, at_least(time, 2 * LEAST_GAP));
    r->passed = 0;
    r->counted_at = now_ns;
    r->pieces = GROW_FEW;
}

/* Larger ones, up to what was too large. */
static void search_passed(rill_value_rate *r, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                          uint64_t most)
{
    uint64_t below = at_most(most, r->too_large != 0 ? r->too_large - 1 : most);

    if (r->passed == amount)
        r->counted_at = sent_ns;
    r->row = 0;
    r->wait = 0;
    r->not_before = 0;
    r->largest = at_least(r->largest, amount);
    if (amount < r->size / 2)
        return;
    uint64_t larger = rill_mul_div_floor_sat(amount, SEARCH_UP, 1);
    if (larger > below)
        larger = rill_add_sat(amount, amount);
    if (larger <= below) {
        r->size = larger;
        return;
    }
    r->size = at_least(r->size, at_most(amount, most));
    end_search(r, now_ns, (now_ns - sent_ns) / 2);
}

void rill_value_rate_passed(rill_value_rate *r, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                            uint64_t most)
{
    assert(rill_value_rate_in_use(r) && amount > 0);
    r->passed = rill_add_sat(r->passed, amount);
    r->since_refusal = rill_add_sat(r->since_refusal, amount);
    if (r->gap == 0) {
        search_passed(r, now_ns, sent_ns, amount, most);
        return;
    }
    r->largest = at_least(r->largest, amount);
    if (sent_ns < r->changed_at)
        return;
    if (r->row > 1) {
        end_row(r, now_ns, sent_ns);
        return;
    }
    r->row = 0;
    r->of_piece = rill_add_sat(r->of_piece, amount);
    /* Once a round trip: what is under way tells whether that was too much. */
    if (r->of_piece < r->size - r->size / 8 || sent_ns < r->grown_at)
        return;
    r->of_piece = 0;
    r->grown_at = now_ns;
    if (r->on_time)
        grow(r);
    if (amount >= r->size / 2) /* what is no multiple of a good size stays back */
        enlarge(r, now_ns, most);
}

/* A third less at most, and as much in a second. */
static void shrink(rill_value_rate *r, uint64_t floor)
{
    uint64_t smaller = at_least(r->size - r->size / 3, floor);

    if (smaller >= r->size)
        return;
    set_gap(r, times(r->gap, smaller, r->size));
    r->size = smaller;
}

/* Where a bucket holds but one piece, what comes while it waits for that one is lost. */
static void leave_room(rill_value_rate *r, uint64_t least)
{
    if (r->too_large != 0 && r->gap >= ROOM_GAP)
        shrink(r, at_least(r->too_large / ROOM, least));
}

/* The first refusal after something passed: the rate was what has passed since the last one. */
static void begin_row(rill_value_rate *r, uint64_t now_ns, uint64_t least_size)
{
    uint64_t gap = rill_add_sat(r->gap, r->gap / SLOWER_PART);

    bool split = false;

    if (r->passed == 0) {
        gap = rill_add_sat(r->gap, r->gap);
    } else if (r->passed / MEASURED >= r->size) {
        uint64_t measured = times(r->size, now_ns - r->counted_at, r->passed);
        gap = at_most(at_least(measured, gap), times(r->gap, SLOWER_MOST, 1));
        r->passed = 0;
        r->counted_at = now_ns;
        r->measured = true;
        split = gap > SPLIT_GAP;
    }
    set_gap(r, gap);
    if (split)
        shrink(r, least_size);
    r->pieces = 0;
    leave_room(r, least_size);
    r->wait = at_most(r->gap / 4, MOST_WAIT);
}

/* No size is known to pass: a much smaller one is tried at once, unless this was worth least. */
static void search(rill_value_rate *r, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                   uint64_t floor)
{
    uint64_t tried = at_most(r->size, amount);
    bool widened = r->widened;

    r->widened = false;
    note_too_large(r, now_ns, tried);
    if (r->passed > 0) {
        r->size = at_least(at_most(r->largest, tried), 1);
        end_search(r, now_ns, now_ns - sent_ns);
        r->wait = LEAST_WAIT;
        return;
    }
    r->size = at_least(tried / SEARCH_PART, at_most(floor, tried));
    if (r->size < tried && !widened)
        return;
    /* It is not the size alone; or smaller ones are worth nothing, and this one comes again. */
    r->wait = at_most(at_least(2 * r->wait, LEAST_WAIT), MOST_WAIT);
    r->too_large = 0;
}

void rill_value_rate_refused(rill_value_rate *r, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                             uint64_t least, uint64_t good)
{
    assert(rill_value_rate_in_use(r) && amount > 0 && least > 0); /* no piece is of nothing */
    if (sent_ns < r->changed_at)
        return;
    r->changed_at = now_ns;
    r->limiting_at = now_ns;
    /* Others have passed since: that is no row. */
    r->row = r->row == 1 && r->since_refusal > 0 ? 1 : r->row + 1;
    r->since_refusal = 0;
    r->of_piece = 0;
    /* What has passed is good enough. */
    if (r->largest != 0)
        good = at_most(good, at_least(r->largest, least));
    uint64_t floor = r->row > LAST_RESORT ? 1 : r->row > SOFT ? least : good;
    if (r->gap == 0) {
        search(r, now_ns, sent_ns, amount, floor);
    } else if (r->row == 1) {
        begin_row(r, now_ns, floor);
    } else {
        bool proven = r->size <= r->largest;
        r->wait = at_most(at_least(2 * r->wait, LEAST_WAIT), at_least(MOST_WAIT, r->gap / 2));
        if (r->row == SHRINK_PROVEN_AFTER)
            r->small = r->size / MUCH_SMALLER;
        unsigned often = proven && r->size <= r->small ? SHRINK_PROVEN_AFTER : SHRINK_AFTER;
        if (r->row % often == 0 && (!proven || r->row >= SHRINK_PROVEN_AFTER)) {
            if (!proven)
                note_too_large(r, now_ns, r->size);
            shrink(r, floor);
        }
    }
    r->not_before = r->wait != 0 ? rill_add_sat(now_ns, r->wait) : 0;
}

void rill_value_rate_widen(rill_value_rate *r)
{
    r->widened = true;
    r->size = rill_add_sat(r->size, r->size);
    r->gap = at_most(rill_add_sat(r->gap, r->gap), MOST_GAP);
}

bool rill_value_rate_is_last_resort(const rill_value_rate *r)
{
    return r->row > LAST_RESORT;
}

uint64_t rill_value_rate_window(const rill_value_rate *r, uint64_t rtt)
{
    /* One at a time asks. */
    if (r->gap == 0 || r->row > 1)
        return r->size;
    uint64_t trips = times(r->size, rtt, r->gap);
    return rill_add_sat(rill_add_sat(trips, trips), rill_add_sat(r->size, r->size));
}

uint64_t rill_value_rate_as_window(const rill_value_rate *r, uint64_t now_ns, uint64_t rtt,
                                   uint64_t idle, uint64_t most)
{
    if (r->gap == 0)
        return 0;
    if (rill_sub_sat(now_ns, r->limiting_at) > at_least(idle, r->gap))
        return UINT64_MAX;
    if (r->size >= most && rill_mul_div_floor_sat(r->gap, MANY, 1) < rtt)
        return at_least(rill_mul_div_floor_sat(r->size, rtt, r->gap), 1);
    return 0;
}
