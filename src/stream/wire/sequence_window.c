/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/wire/sequence_window.h"

#include <assert.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"

#define WORD_BITS 64

static const uint64_t *words_of(const rill_sequence_window *w)
{
    return w->words != NULL ? w->words : &w->inline_word;
}

static uint64_t *words_of_mutable(rill_sequence_window *w)
{
    return w->words != NULL ? w->words : &w->inline_word;
}

/* In the word of `position`: the bits of at most `count` positions from it on; *run of them. */
static uint64_t run_mask(uint64_t position, uint64_t count, unsigned *run)
{
    unsigned shift = (unsigned)(position % WORD_BITS);

    *run = WORD_BITS - shift;
    if (count < *run)
        *run = (unsigned)count;
    uint64_t ones = *run == WORD_BITS ? UINT64_MAX : (UINT64_C(1) << *run) - 1;
    return ones << shift;
}

/* Sets or clears the bits of `count` (at most `bits`) numbers from `first` on. */
static void fill(uint64_t *words, uint32_t bits, uint64_t first, uint64_t count, bool value)
{
    unsigned run;

    for (; count > 0; first += run, count -= run) {
        uint64_t position = first & (bits - 1);
        uint64_t mask = run_mask(position, count, &run);
        if (value)
            words[position / WORD_BITS] |= mask;
        else
            words[position / WORD_BITS] &= ~mask;
    }
}

/* The first of `count` numbers from `first` on whose bit is clear; first + count where none is. */
static uint64_t find_clear(const uint64_t *words, uint32_t bits, uint64_t first, uint64_t count)
{
    unsigned run;

    for (; count > 0; first += run, count -= run) {
        uint64_t position = first & (bits - 1);
        uint64_t clear = ~words[position / WORD_BITS] & run_mask(position, count, &run);
        if (clear != 0)
            return first + (uint64_t)__builtin_ctzll(clear) - position % WORD_BITS;
    }
    return first;
}

void rill_sequence_window_init(rill_sequence_window *w)
{
    *w = (rill_sequence_window){.bits = WORD_BITS};
}

void rill_sequence_window_clear(rill_sequence_window *w, const rill_allocator *a)
{
    rill_free(a, w->words);
    rill_sequence_window_init(w);
}

/* The lowest number that a window of `bits` ending at `highest` tells apart. */
static uint64_t lowest_of(uint64_t highest, uint32_t bits)
{
    return highest >= bits ? highest - bits + 1 : 0;
}

bool rill_sequence_window_seen(const rill_sequence_window *w, uint64_t sequence)
{
    if (!w->any || sequence > w->highest)
        return false;
    if (sequence < w->floor)
        return sequence < lowest_of(w->highest, RILL_SEQUENCE_WINDOW_MAX);
    if (sequence < lowest_of(w->highest, w->bits))
        return true;
    uint64_t position = sequence & (w->bits - 1);
    return (words_of(w)[position / WORD_BITS] >> (position % WORD_BITS) & 1) != 0;
}

/* The lowest number above the floor that was not seen; highest + 1 where all were. */
static uint64_t lowest_unseen(const rill_sequence_window *w)
{
    uint64_t low = lowest_of(w->highest, w->bits);
    if (low < w->floor)
        low = w->floor;
    return find_clear(words_of(w), w->bits, low, w->highest - low + 1);
}

/*
 * A larger ring. All behind the old one and above the floor was seen, or the
 * old one would have grown before.
 */
static int grow(rill_sequence_window *w, const rill_allocator *a, uint32_t bits)
{
    uint64_t *words = rill_calloc(a, bits / WORD_BITS, sizeof *words);

    if (words == NULL)
        return RILL_ERR_NOMEM;
    if (w->any) {
        uint64_t old_low = lowest_of(w->highest, w->bits);
        uint64_t new_low = lowest_of(w->highest, bits);
        uint64_t count = w->highest - old_low + 1;
        unsigned run;
        uint64_t from = new_low > w->floor ? new_low : w->floor;
        if (from < old_low)
            fill(words, bits, from, old_low - from, true);
        /* A number has the same bit of a word in rings of any size. */
        for (uint64_t s = old_low; count > 0; s += run, count -= run) {
            uint64_t mask = run_mask(s, count, &run);
            words[(s & (bits - 1)) / WORD_BITS] |=
                words_of(w)[(s & (w->bits - 1)) / WORD_BITS] & mask;
        }
    }
    rill_free(a, w->words);
    w->words = words;
    w->bits = bits;
    return RILL_OK;
}

/* A size whose lowest number is that far behind the highest, as far as allowed. */
static uint32_t bits_for(const rill_sequence_window *w, uint64_t distance)
{
    uint32_t bits = w->bits;
    while (bits <= distance && bits < RILL_SEQUENCE_WINDOW_MAX)
        bits *= 2;
    return bits;
}

/* Room so that, with `highest` as the new highest, nothing unseen falls out, as far as allowed. */
static int make_room(rill_sequence_window *w, const rill_allocator *a, uint64_t highest)
{
    uint64_t low = lowest_of(highest, w->bits);

    /* The steady state: the number that falls out was seen. */
    if (w->bits == RILL_SEQUENCE_WINDOW_MAX || low == 0)
        return RILL_OK;
    uint64_t unseen = lowest_unseen(w);
    if (unseen >= low)
        return RILL_OK;
    return grow(w, a, bits_for(w, highest - unseen));
}

static int advance(rill_sequence_window *w, const rill_allocator *a, uint64_t highest)
{
    int rc = make_room(w, a, highest);

    if (rc != RILL_OK)
        return rc;
    uint64_t skipped = highest - w->highest;
    if (skipped >= w->bits)
        memset(words_of_mutable(w), 0, w->bits / 8);
    else
        fill(words_of_mutable(w), w->bits, w->highest + 1, skipped, false);
    w->highest = highest;
    return RILL_OK;
}

/*
 * The usual case: the number after the highest, at the place of one that was
 * seen, or of none yet. Its bit is the same as if the place was cleared and set.
 */
static bool mark_next(rill_sequence_window *w, uint64_t sequence)
{
    uint64_t position = sequence & (w->bits - 1);
    uint64_t *word = &words_of_mutable(w)[position / WORD_BITS];
    uint64_t bit = UINT64_C(1) << (position % WORD_BITS);

    if (sequence >= w->bits && (*word & bit) == 0)
        return false;
    *word |= bit;
    w->highest = sequence;
    return true;
}

int rill_sequence_window_mark(rill_sequence_window *w, const rill_allocator *a, uint64_t sequence)
{
    assert(w->bits >= WORD_BITS && (w->bits & (w->bits - 1)) == 0);
    int rc = RILL_OK;
    if (w->any && w->highest < sequence && sequence - w->highest == 1 && mark_next(w, sequence))
        return RILL_OK;
    if (!w->any) {
        w->any = true;
        w->highest = sequence;
        w->floor = sequence;
    } else if (sequence > w->highest) {
        rc = advance(w, a, sequence);
    } else if (rill_sequence_window_seen(w, sequence)) {
        rc = RILL_ERR_EXISTS;
    } else if (sequence < lowest_of(w->highest, w->bits)) {
        rc = grow(w, a, bits_for(w, w->highest - sequence));
    }
    if (rc != RILL_OK)
        return rc;
    if (sequence < w->floor)
        w->floor = sequence;
    fill(words_of_mutable(w), w->bits, sequence, 1, true);
    return RILL_OK;
}
