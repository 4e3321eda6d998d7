/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/packet_search.h"

#include <errno.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"

/* A file is halved until so much is left, which is read as it is. */
enum { HALVED_ENOUGH = 64 * 1024, PROBE = 2 * RILL_PACKET_LINE_MAX };

/* ---- what is found ---- */

static bool keep(const rill_allocator *allocator, rill_packet_lines *lines, const char *text,
                 size_t len)
{
    size_t need = lines->len + len + 2;
    if (need > lines->cap) {
        size_t cap = need < 4096 ? 4096 : need * 2;
        char *grown = rill_realloc_array(allocator, lines->text, cap, 1);
        if (grown == NULL)
            return false;
        lines->text = grown;
        lines->cap = cap;
    }
    if (lines->count++ > 0)
        lines->text[lines->len++] = ',';
    memcpy(lines->text + lines->len, text, len);
    lines->len += len;
    lines->text[lines->len] = '\0';
    return true;
}

static bool begins(rill_bytes text, const char *with)
{
    size_t len = strlen(with);
    return len == 0 || (text.len >= len && memcmp(text.data, with, len) == 0);
}

static bool is(rill_bytes text, const char *name)
{
    return text.len == strlen(name) && begins(text, name);
}

static bool has_id(const rill_packet_line *line, const char *id)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; id[i] != '\0'; i++) {
        unsigned half = i % 2 == 0 ? line->id[i / 2] >> 4 : line->id[i / 2] & 15u;
        if (!line->has_id || digits[half] != id[i])
            return false;
    }
    return true;
}

static bool is_wanted(const rill_packet_search *s, const rill_packet_line *line)
{
    const rill_bytes code = {(const uint8_t *)line->result, strlen(line->result)};
    if (line->at_ms < s->from_ms || line->at_ms >= s->to_ms)
        return false;
    if (line->event != RILL_PACKET_OVER)
        return true;
    if (s->account[0] != '\0' && !is(line->from, s->account) && !is(line->to, s->account))
        return false;
    return begins(line->destination, s->destination) && begins(code, s->code) &&
           (!s->rejected || code.len > 0) && has_id(line, s->id);
}

/* ---- where ---- */

/* Could it have lines of this time? */
static bool may_have(const rill_packet_search *s, const rill_packet_segment *segment)
{
    bool before = segment->last_ms < s->from_ms;
    bool after =
        segment->begun_ms >= s->to_ms && segment->begun_ms - s->to_ms >= RILL_PACKET_DISORDER;
    return !before && !after;
}

/* The first file at `place`, or behind it. NULL: there is none. */
static const rill_packet_segment *segment_at(const rill_packet_log *l, const rill_packet_search *s)
{
    for (size_t i = 0; i < l->count; i++) {
        const rill_packet_segment *segment = &l->segments[i];
        bool behind = segment->number > s->place.number;
        bool there = segment->number == s->place.number && !s->finished;
        if ((behind || there) && may_have(s, segment))
            return segment;
    }
    return NULL;
}

/* The time of the first line behind a place, and where it begins. False: it cannot be said. */
static bool probe(const rill_packet_log *l, int file, uint64_t at, uint64_t *begin, uint64_t *time)
{
    char text[PROBE];
    ptrdiff_t got = l->files.read_at(l->files.user, file, text, sizeof text, at);
    const char *end = got > 0 ? memchr(text, '\n', (size_t)got) : NULL;
    if (end == NULL)
        return false;
    size_t skip = (size_t)(end + 1 - text);
    *begin = at + skip;
    return rill_packet_line_time(text + skip, (size_t)got - skip, time);
}

/* Before the first line of this time: lines are in the order of their times, but for a second. */
static uint64_t first_of(const rill_packet_log *l, int file, uint64_t size, uint64_t from_ms)
{
    uint64_t low = 0;
    uint64_t high = size;
    while (high - low > HALVED_ENOUGH) {
        uint64_t middle = low + (high - low) / 2;
        uint64_t begin = 0;
        uint64_t time = 0;
        if (probe(l, file, middle, &begin, &time) && time + RILL_PACKET_DISORDER < from_ms &&
            begin < high)
            low = begin;
        else
            high = middle;
    }
    return low;
}

static bool over(rill_packet_search *s, int rc, int error)
{
    s->rc = rc;
    s->error = error;
    return true;
}

/* True: it is over. */
static bool open_next(const rill_packet_log *l, rill_packet_search *s)
{
    char name[RILL_PACKET_NAME];
    const rill_packet_segment *segment = segment_at(l, s);
    if (segment == NULL) {
        /* What comes next may be behind this, or in a file to come. */
        if (s->place.number == 0)
            s->place.number = l->next_number;
        return over(s, RILL_OK, 0);
    }
    rill_packet_segment_name(segment, name);
    s->file = l->files.open(l->files.user, name, false);
    if (s->file < 0 && s->file != -ENOENT)
        return over(s, RILL_ERR_IO, -s->file);
    if (s->place.number != segment->number) {
        uint64_t first = s->file < 0 ? 0 : first_of(l, s->file, segment->size, s->from_ms);
        s->place = (rill_packet_place){segment->number, first};
    }
    s->finished = s->file < 0; /* somebody took it away */
    return false;
}

/* ---- reading ---- */

/* What a line is about. False: no more is wanted of this search, or rc says what is wrong. */
static bool take_line(const rill_packet_log *l, rill_packet_search *s, const char *text, size_t len)
{
    rill_packet_line line;
    if (!rill_packet_line_read(text, len, &line)) {
        s->unreadable++;
        return true;
    }
    /* The lines behind it are of later times. */
    if (line.at_ms >= s->to_ms && line.at_ms - s->to_ms > RILL_PACKET_DISORDER) {
        s->finished = true;
        return false;
    }
    if (!is_wanted(s, &line))
        return true;
    if (!keep(l->allocator, line.event == RILL_PACKET_OVER ? &s->packets : &s->events, text, len)) {
        s->rc = RILL_ERR_NOMEM;
        return false;
    }
    return s->packets.count + s->events.count < s->most;
}

/* The whole lines of a block. How much of it was dealt with. */
static size_t take_block(const rill_packet_log *l, rill_packet_search *s, size_t len, bool *goes_on)
{
    size_t at = 0;
    *goes_on = true;
    while (*goes_on && at < len) {
        const char *end = memchr(s->block + at, '\n', len - at);
        if (end == NULL)
            break;
        size_t size = (size_t)(end - (s->block + at));
        *goes_on = take_line(l, s, s->block + at, size);
        at += size + 1;
    }
    return at;
}

/* So much of the file was dealt with. */
static bool go_on(rill_packet_search *s, size_t used)
{
    s->place.offset += used;
    s->bytes += used;
    s->more = s->bytes >= RILL_PACKET_SEARCH_BYTES;
    return s->more && over(s, RILL_OK, 0);
}

static void end_file(const rill_packet_log *l, rill_packet_search *s)
{
    if (s->file >= 0)
        l->files.close(l->files.user, s->file);
    s->file = -1;
}

/* True: it is over. */
static bool read_on(const rill_packet_log *l, rill_packet_search *s)
{
    bool goes_on;
    ptrdiff_t got = l->files.read_at(l->files.user, s->file, s->block, RILL_PACKET_SEARCH_STEP,
                                     s->place.offset);
    if (got < 0)
        return over(s, RILL_ERR_IO, (int)-got);
    size_t used = take_block(l, s, (size_t)got, &goes_on);
    if (!goes_on && !s->finished) {
        s->place.offset += used;
        s->more = true;
        return over(s, s->rc, 0);
    }
    if (goes_on && used == 0 && (size_t)got == RILL_PACKET_SEARCH_STEP) {
        s->unreadable++; /* no line of ours is that long */
        used = (size_t)got;
    }
    s->finished = s->finished || used == 0;
    if (s->finished)
        end_file(l, s);
    return go_on(s, used);
}

static bool begin(const rill_packet_log *l, rill_packet_search *s)
{
    const rill_packet_segment *last = l->count == 0 ? NULL : &l->segments[l->count - 1];
    if (s->at_end && last != NULL)
        s->place = (rill_packet_place){last->number, last->size};
    else if (s->at_end)
        s->place = (rill_packet_place){l->next_number, 0};
    s->begun = true;
    s->file = -1;
    s->block = rill_alloc(l->allocator, RILL_PACKET_SEARCH_STEP);
    return s->block != NULL || !over(s, RILL_ERR_NOMEM, 0);
}

bool rill_packet_search_step(const rill_packet_log *l, rill_packet_search *s)
{
    bool done = !s->begun && !begin(l, s);
    if (!done)
        done = s->file < 0 ? open_next(l, s) : read_on(l, s);
    if (done)
        end_file(l, s);
    return done;
}

void rill_packet_search_stop(const rill_packet_files *files, rill_packet_search *s)
{
    if (s->begun && s->file >= 0)
        files->close(files->user, s->file);
    s->file = -1;
}

void rill_packet_search_clear(const rill_allocator *allocator, rill_packet_search *s)
{
    rill_free(allocator, s->block);
    rill_free(allocator, s->packets.text);
    rill_free(allocator, s->events.text);
    s->block = NULL;
    s->packets = (rill_packet_lines){.text = NULL};
    s->events = s->packets;
}
