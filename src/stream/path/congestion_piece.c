/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/congestion_piece.h"

#include "base/muldiv.h"
#include "stream/path/congestion_limit.h"

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
#define CAP_HOLDS (5 * RILL_SECOND)
#define ROOM      4
#define ROOM_GAP  (15 * RILL_MS)

static uint64_t times(uint64_t a, uint64_t b, uint64_t c)
{
    return rill_mul_div_floor_sat(a, b, at_least(c, 1));
}

static void set_gap(rill_piece *p, uint64_t gap)
{
    p->gap = at_most(at_least(gap, 1), MOST_GAP);
}

void rill_piece_begin(rill_piece *p, uint64_t now_ns, uint64_t size, uint64_t gap)
{
    *p = (rill_piece){.size = at_least(size, 1), .counted_at = now_ns, .limited_at = now_ns};
    p->largest = gap != 0 ? p->size : 0;
    if (gap != 0)
        set_gap(p, gap);
}

static void too_large(rill_piece *p, uint64_t now_ns, uint64_t size)
{
    p->cap = size;
    p->cap_until = rill_add_sat(now_ns, CAP_HOLDS);
}

void rill_piece_begin_below(rill_piece *p, uint64_t now_ns, uint64_t size, uint64_t refused)
{
    rill_piece_begin(p, now_ns, size, 0);
    p->largest = p->size;
    too_large(p, now_ns, refused);
}

void rill_piece_sent(rill_piece *p, uint64_t now_ns, uint64_t amount)
{
    uint64_t time = at_most(times(p->gap, amount, p->size), p->gap);

    p->used = now_ns <= rill_add_sat(p->not_before, p->gap / 4 + RILL_MS);
    if (p->used)
        p->limited_at = now_ns;
    uint64_t from =
        at_most(at_least(p->not_before, rill_sub_sat(now_ns, RILL_LIMIT_QUANTUM)), now_ns);
    p->not_before = rill_add_sat(from, time);
}

/*
 * As long as the rate is a guess, it is what came since the last time, or some times that: what is
 * short may come at a rate, or all at once when a balance is settled.
 */
static void end_row(rill_piece *p, uint64_t now_ns, uint64_t sent_ns)
{
    p->row = 0;
    p->wait = 0;
    p->part = 0;
    if (!p->measured) {
        uint64_t took = times(p->size, now_ns - p->counted_at, p->passed);
        set_gap(p, at_least(p->gap, at_most(took / SLOWER_MOST, SPLIT_GAP)));
    }
    p->not_before = rill_add_sat(sent_ns, p->gap);
}

static void grow(rill_piece *p)
{
    uint64_t doubled = at_most(p->passes, GROW_FEW);
    if (p->passes > GROW_LONG)
        doubled = at_most(p->passes - (GROW_LONG - GROW_FEW), GROW_MOST);
    uint64_t by = UINT64_C(1) << doubled;

    p->passes++;
    set_gap(p, times(p->gap, GROW_PART, GROW_PART + by));
}

/* They follow each other faster than they need to. */
static void enlarge(rill_piece *p, uint64_t now_ns, uint64_t most)
{
    if (p->gap >= LEAST_GAP || p->size >= most)
        return;
    uint64_t larger = at_most(rill_add_sat(p->size, p->size), most);
    if (p->cap != 0 && larger >= p->cap && now_ns < p->cap_until)
        return;
    set_gap(p, times(p->gap, larger, p->size));
    p->size = larger;
}

/* A size is found. How fast is a guess, and rather too fast: that is found soon. */
static void end_search(rill_piece *p, uint64_t now_ns, uint64_t time)
{
    set_gap(p, at_least(time, 2 * LEAST_GAP));
    p->passed = 0;
    p->counted_at = now_ns;
    p->passes = GROW_FEW;
}

/* Larger ones, up to what was too large. */
static void search_passed(rill_piece *p, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                          uint64_t most)
{
    uint64_t below = at_most(most, p->cap != 0 ? p->cap - 1 : most);

    if (p->passed == amount)
        p->counted_at = sent_ns;
    p->row = 0;
    p->wait = 0;
    p->not_before = 0;
    p->largest = at_least(p->largest, amount);
    if (amount < p->size / 2)
        return;
    uint64_t larger = rill_mul_div_floor_sat(amount, SEARCH_UP, 1);
    if (larger > below)
        larger = rill_add_sat(amount, amount);
    if (larger <= below) {
        p->size = larger;
        return;
    }
    p->size = at_least(p->size, at_most(amount, most));
    end_search(p, now_ns, (now_ns - sent_ns) / 2);
}

void rill_piece_passed(rill_piece *p, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                       uint64_t most)
{
    p->passed = rill_add_sat(p->passed, amount);
    p->since = rill_add_sat(p->since, amount);
    if (p->gap == 0) {
        search_passed(p, now_ns, sent_ns, amount, most);
        return;
    }
    p->largest = at_least(p->largest, amount);
    if (sent_ns < p->changed_at)
        return;
    if (p->row > 1) {
        end_row(p, now_ns, sent_ns);
        return;
    }
    p->row = 0;
    p->part = rill_add_sat(p->part, amount);
    /* Once a round trip: what is under way tells whether that was too much. */
    if (p->part < p->size - p->size / 8 || sent_ns < p->grown_at)
        return;
    p->part = 0;
    p->grown_at = now_ns;
    if (p->used)
        grow(p);
    if (amount >= p->size / 2) /* what is no multiple of a good size stays back */
        enlarge(p, now_ns, most);
}

/* A third less at most, and as much in a second. */
static void shrink(rill_piece *p, uint64_t floor)
{
    uint64_t smaller = at_least(p->size - p->size / 3, floor);

    if (smaller >= p->size)
        return;
    set_gap(p, times(p->gap, smaller, p->size));
    p->size = smaller;
}

/* Where a bucket holds but one piece, what comes while it waits for that one is lost. */
static void leave_room(rill_piece *p, uint64_t least)
{
    if (p->cap != 0 && p->gap >= ROOM_GAP)
        shrink(p, at_least(p->cap / ROOM, least));
}

/* The first refusal after something passed: the rate was what has passed since the last one. */
static void begin_row(rill_piece *p, uint64_t now_ns, uint64_t least_size)
{
    uint64_t gap = rill_add_sat(p->gap, p->gap / SLOWER_PART);

    bool split = false;

    if (p->passed == 0) {
        gap = rill_add_sat(p->gap, p->gap);
    } else if (p->passed / MEASURED >= p->size) {
        uint64_t measured = times(p->size, now_ns - p->counted_at, p->passed);
        gap = at_most(at_least(measured, gap), times(p->gap, SLOWER_MOST, 1));
        p->passed = 0;
        p->counted_at = now_ns;
        p->measured = true;
        split = gap > SPLIT_GAP;
    }
    set_gap(p, gap);
    if (split)
        shrink(p, least_size);
    p->passes = 0;
    leave_room(p, least_size);
    p->wait = at_most(p->gap / 4, MOST_WAIT);
}

/* No size is known to pass: a much smaller one is tried at once, unless this was worth least. */
static void search(rill_piece *p, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                   uint64_t floor)
{
    uint64_t tried = at_most(p->size, amount);
    bool widened = p->widened;

    p->widened = false;
    too_large(p, now_ns, tried);
    if (p->passed > 0) {
        p->size = at_least(at_most(p->largest, tried), 1);
        end_search(p, now_ns, now_ns - sent_ns);
        p->wait = LEAST_WAIT;
        return;
    }
    p->size = at_least(tried / SEARCH_PART, at_most(floor, tried));
    if (p->size < tried && !widened)
        return;
    /* It is not the size alone; or smaller ones are worth nothing, and this one comes again. */
    p->wait = at_most(at_least(2 * p->wait, LEAST_WAIT), MOST_WAIT);
    p->cap = 0;
}

void rill_piece_refused(rill_piece *p, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                        uint64_t least, uint64_t good)
{
    if (sent_ns < p->changed_at)
        return;
    p->changed_at = now_ns;
    p->limited_at = now_ns;
    /* Others have passed since: that is no row. */
    p->row = p->row == 1 && p->since > 0 ? 1 : p->row + 1;
    p->since = 0;
    p->part = 0;
    /* What has passed is good enough. */
    if (p->largest != 0)
        good = at_most(good, at_least(p->largest, least));
    uint64_t floor = p->row > LAST_RESORT ? 1 : p->row > SOFT ? least : good;
    if (p->gap == 0) {
        search(p, now_ns, sent_ns, amount, floor);
    } else if (p->row == 1) {
        begin_row(p, now_ns, floor);
    } else {
        bool proven = p->size <= p->largest;
        p->wait = at_most(at_least(2 * p->wait, LEAST_WAIT), at_least(MOST_WAIT, p->gap / 2));
        if (p->row == SHRINK_PROVEN_AFTER)
            p->small = p->size / MUCH_SMALLER;
        unsigned often = proven && p->size <= p->small ? SHRINK_PROVEN_AFTER : SHRINK_AFTER;
        if (p->row % often == 0 && (!proven || p->row >= SHRINK_PROVEN_AFTER)) {
            if (!proven)
                too_large(p, now_ns, p->size);
            shrink(p, floor);
        }
    }
    p->not_before = p->wait != 0 ? rill_add_sat(now_ns, p->wait) : 0;
}

void rill_piece_widen(rill_piece *p)
{
    p->widened = true;
    p->size = rill_add_sat(p->size, p->size);
    p->gap = at_most(rill_add_sat(p->gap, p->gap), MOST_GAP);
}

bool rill_piece_is_last_resort(const rill_piece *p)
{
    return p->row > LAST_RESORT;
}

uint64_t rill_piece_window(const rill_piece *p, uint64_t rtt)
{
    /* One at a time asks. */
    if (p->gap == 0 || p->row > 1)
        return p->size;
    uint64_t trips = times(p->size, rtt, p->gap);
    return rill_add_sat(rill_add_sat(trips, trips), rill_add_sat(p->size, p->size));
}
