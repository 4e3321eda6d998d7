/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/packet_log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>
#include <rill/ilp.h>

#include "base/alloc.h"
#include "connector/when.h"

/* Parts of the whole that go at once: by size, and by age. */
enum { PARTS_OF_SIZE = 16, PARTS_OF_AGE = 32, SECOND = 1000, MINUTE = 60 * SECOND };

#define MOST_SEGMENT UINT64_C(67108864)
#define DAY          UINT64_C(86400000)
#define NOWHERE      UINT64_MAX

/* More than a line, and the newline before it. */
enum { TAIL = 2 * RILL_PACKET_LINE_MAX };

static bool failed(rill_packet_log *l, int64_t error)
{
    l->error = (int)-error;
    return false;
}

/* ---- names ---- */

static const char prefix[] = "packets-";

void rill_packet_segment_name(const rill_packet_segment *s, char out[RILL_PACKET_NAME])
{
    char when[RILL_WHEN_TEXT];
    rill_when_text(s->begun_ms, when);
    /* 2026-11-24T09:30:00.000Z */
    (void)snprintf(out, RILL_PACKET_NAME, "%s%010" PRIu64 "-%.4s%.2s%.2sT%.2s%.2s%.2sZ.jsonl",
                   prefix, s->number, when, when + 5, when + 8, when + 11, when + 14, when + 17);
}

static bool digits_of(const char *text, size_t count, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(text[i] - '0');
    }
    return true;
}

bool rill_packet_segment_parse(const char *name, rill_packet_segment *out)
{
    char again[RILL_PACKET_NAME];
    uint8_t when[18];
    const size_t head = sizeof prefix - 1;
    *out = (rill_packet_segment){.number = 0};
    const char *rest = strncmp(name, prefix, head) == 0 ? name + head : "";
    size_t count = strspn(rest, "0123456789");
    if (count < 10 || count > 19 || !digits_of(rest, count, &out->number) ||
        strlen(rest) != count + 1 + 16 + sizeof ".jsonl" - 1)
        return false;
    memcpy(when, rest + count + 1, 8);
    memcpy(when + 8, rest + count + 10, 6);
    memcpy(when + 14, "000", 3);
    if (rill_ilp_time_decode(when, &out->begun_ms) != RILL_OK)
        return false;
    /* The same file has one name. */
    rill_packet_segment_name(out, again);
    return out->number > 0 && strcmp(again, name) == 0;
}

static rill_packet_segment *last_of(rill_packet_log *l)
{
    return l->count == 0 ? NULL : &l->segments[l->count - 1];
}

/* ---- its life ---- */

int rill_packet_log_init(rill_packet_log *l, const rill_allocator *allocator,
                         const rill_packet_files *files, rill_packet_limits limits)
{
    *l = (rill_packet_log){
        .allocator = allocator, .files = *files, .limits = limits, .next_number = 1, .file = -1};
    l->segments = rill_calloc(allocator, RILL_PACKET_SEGMENTS, sizeof *l->segments);
    l->buffer = rill_alloc(allocator, RILL_PACKET_LOG_BUFFER);
    if (l->segments != NULL && l->buffer != NULL)
        return RILL_OK;
    rill_packet_log_clear(l);
    return RILL_ERR_NOMEM;
}

static void close_file(rill_packet_log *l)
{
    if (l->file >= 0)
        l->files.close(l->files.user, l->file);
    l->file = -1;
}

void rill_packet_log_clear(rill_packet_log *l)
{
    close_file(l);
    rill_free(l->allocator, l->segments);
    rill_free(l->allocator, l->buffer);
    l->segments = NULL;
    l->buffer = NULL;
}

void rill_packet_log_limit(rill_packet_log *l, rill_packet_limits limits)
{
    l->limits = limits;
}

/* ---- what goes ---- */

/* One that is gone already is no error. */
static bool remove_oldest(rill_packet_log *l)
{
    char name[RILL_PACKET_NAME];
    rill_packet_segment_name(&l->segments[0], name);
    int rc = l->files.remove(l->files.user, name);
    if (rc != 0 && rc != -ENOENT)
        return failed(l, rc);
    l->total -= l->segments[0].size;
    l->count--;
    memmove(l->segments, l->segments + 1, l->count * sizeof *l->segments);
    return true;
}

/* Room for so many bytes more, by what is oldest. */
static bool make_room(rill_packet_log *l, size_t more)
{
    while (l->count > 1 && (l->total + more > l->limits.size || l->count >= RILL_PACKET_SEGMENTS)) {
        if (!remove_oldest(l))
            return false;
    }
    return true;
}

/*
 * When its last line was written: not after the next file was begun, whatever the clock was before
 * it was set back.
 */
static uint64_t age_of(const rill_packet_log *l, size_t i)
{
    const rill_packet_segment *s = &l->segments[i];
    uint64_t last = s->last_ms != 0 ? s->last_ms : s->begun_ms;
    return i + 1 < l->count && l->segments[i + 1].begun_ms < last ? l->segments[i + 1].begun_ms
                                                                  : last;
}

static bool is_old(const rill_packet_log *l, uint64_t now_ms)
{
    return l->count > 0 && now_ms > l->limits.keep_ms && age_of(l, 0) < now_ms - l->limits.keep_ms;
}

/* Somebody has taken the file away that is written: what follows would be nowhere. */
static void look_for_file(rill_packet_log *l)
{
    char name[RILL_PACKET_NAME];
    if (l->file < 0 || l->len > 0)
        return;
    rill_packet_segment_name(last_of(l), name);
    int file = l->files.open(l->files.user, name, false);
    if (file >= 0)
        l->files.close(l->files.user, file);
    if (file != -ENOENT)
        return;
    close_file(l);
    l->total -= last_of(l)->size;
    l->count--;
}

bool rill_packet_log_tidy(rill_packet_log *l, uint64_t now_ms)
{
    look_for_file(l);
    while (is_old(l, now_ms)) {
        if (l->count == 1) {
            if (l->len > 0)
                break;
            close_file(l);
        }
        if (!remove_oldest(l))
            return false;
    }
    return make_room(l, l->len);
}

/* ---- writing ---- */

/* What the disk did not take stays in the buffer, however little it was. */
bool rill_packet_log_flush(rill_packet_log *l)
{
    size_t done = 0;
    ptrdiff_t n = 0;
    if (l->len == 0) {
        l->error = 0;
        return true;
    }
    if (!make_room(l, l->len))
        return false;
    rill_packet_segment *s = last_of(l);
    while (done < l->len) {
        n = l->files.append(l->files.user, l->file, l->buffer + done, l->len - done);
        if (n <= 0)
            break;
        done += (size_t)n;
        s->size += (uint64_t)n;
        l->total += (uint64_t)n;
    }
    for (size_t i = 0; i < done; i++) {
        if (l->buffer[i] == '\n')
            l->lines++;
    }
    l->len -= done;
    memmove(l->buffer, l->buffer + done, l->len);
    if (l->len > 0)
        return failed(l, n);
    l->error = 0;
    return true;
}

static uint64_t span_of(const rill_packet_log *l)
{
    uint64_t span = l->limits.keep_ms / PARTS_OF_AGE;
    return span < MINUTE ? MINUTE : span > DAY ? DAY : span;
}

static uint64_t most_of(const rill_packet_log *l)
{
    uint64_t most = l->limits.size / PARTS_OF_SIZE;
    return most < MOST_SEGMENT ? most : MOST_SEGMENT;
}

static bool fits(rill_packet_log *l, uint64_t at_ms, size_t len)
{
    const rill_packet_segment *s = last_of(l);
    if (l->file < 0)
        return false;
    if (s->size + l->len == 0)
        return true;
    bool back = s->last_ms > at_ms + RILL_PACKET_DISORDER;
    bool long_ago = at_ms > s->begun_ms && at_ms - s->begun_ms >= span_of(l);
    return !back && !long_ago && s->size + l->len + len <= most_of(l);
}

/* What is buffered belongs to the file before. */
static bool next_file(rill_packet_log *l, uint64_t at_ms)
{
    char name[RILL_PACKET_NAME];
    rill_packet_segment s = {.number = l->next_number, .begun_ms = at_ms - at_ms % SECOND};
    if (!rill_packet_log_flush(l) || !make_room(l, 0))
        return false;
    rill_packet_segment_name(&s, name);
    int file = l->files.create(l->files.user, name);
    /* Whose it is nobody knows: its number is taken. */
    if (file == -EEXIST)
        l->next_number++;
    if (file < 0)
        return failed(l, file);
    close_file(l);
    l->file = file;
    l->next_number++;
    assert(l->count < RILL_PACKET_SEGMENTS);
    l->segments[l->count++] = s;
    return true;
}

bool rill_packet_log_add(rill_packet_log *l, const rill_packet_line *line)
{
    char text[RILL_PACKET_LINE_MAX];
    size_t len = rill_packet_line_write(line, text);
    assert(l->begun);
    if (!fits(l, line->at_ms, len) && !next_file(l, line->at_ms))
        return false;
    if (l->len + len > RILL_PACKET_LOG_BUFFER && !rill_packet_log_flush(l))
        return false;
    rill_packet_segment *s = last_of(l);
    memcpy(l->buffer + l->len, text, len);
    l->len += len;
    if (line->at_ms > s->last_ms)
        s->last_ms = line->at_ms;
    return true;
}

/* ---- beginning and end ---- */

static void on_found(void *user, const char *name)
{
    rill_packet_log *l = user;
    rill_packet_segment s;
    if (l->count < RILL_PACKET_SEGMENTS && rill_packet_segment_parse(name, &s))
        l->segments[l->count++] = s;
}

static int by_number(const void *a, const void *b)
{
    const rill_packet_segment *x = a;
    const rill_packet_segment *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

/*
 * The last whole line of a file, and where it ends. False: it is none of ours. *whole is NOWHERE if
 * nobody knows where a line ends: then no line may follow in this file.
 */
static bool read_tail(const rill_packet_log *l, int file, uint64_t size, rill_packet_line *line,
                      uint64_t *whole)
{
    char tail[TAIL];
    uint64_t from = size > TAIL ? size - TAIL : 0;
    ptrdiff_t got = l->files.read_at(l->files.user, file, tail, (size_t)(size - from), from);
    size_t end = got > 0 ? (size_t)got : 0;
    *whole = NOWHERE;
    if ((uint64_t)end != size - from)
        return false; /* it cannot be read: it is left as it is */
    while (end > 0 && tail[end - 1] != '\n')
        end--;
    if (end == 0 && from > 0)
        return false;
    *whole = from + end;
    size_t begin = end > 0 ? end - 1 : 0;
    while (begin > 0 && tail[begin - 1] != '\n')
        begin--;
    return end > 0 && rill_packet_line_read(tail + begin, end - 1 - begin, line);
}

/* How large a file is, and until when it goes; the last one is opened to be gone on with. */
static bool look_into(rill_packet_log *l, rill_packet_segment *s, bool last, rill_packet_event *how)
{
    char name[RILL_PACKET_NAME];
    rill_packet_line line = {.at_ms = 0};
    uint64_t whole = 0;
    rill_packet_segment_name(s, name);
    int file = l->files.open(l->files.user, name, last);
    if (file < 0)
        return failed(l, file);
    int64_t size = l->files.size(l->files.user, file);
    bool known = size >= 0 && read_tail(l, file, (uint64_t)size, &line, &whole);
    int rc = size < 0 ? (int)size : 0;
    bool goes_on = last && whole != NOWHERE;
    if (rc == 0 && goes_on && whole < (uint64_t)size)
        rc = l->files.truncate(l->files.user, file, whole);
    if (rc == 0 && goes_on)
        l->file = file;
    else
        l->files.close(l->files.user, file);
    if (rc != 0)
        return failed(l, rc);
    s->size = goes_on ? whole : (uint64_t)size;
    s->last_ms = known ? line.at_ms : s->begun_ms;
    l->total += s->size;
    *how = known && line.event == RILL_PACKET_ENDED ? RILL_PACKET_BEGUN_AFTER_END
                                                    : RILL_PACKET_BEGUN_AFTER_KILL;
    return true;
}

static bool read_folder(rill_packet_log *l, rill_packet_event *how)
{
    l->count = 0;
    l->total = 0;
    int rc = l->files.list(l->files.user, on_found, l);
    if (rc != 0)
        return failed(l, rc);
    if (l->count > 0)
        qsort(l->segments, l->count, sizeof *l->segments, by_number);
    for (size_t i = 0; i < l->count; i++) {
        if (!look_into(l, &l->segments[i], i + 1 == l->count, how))
            return false;
    }
    if (l->count > 0)
        l->next_number = last_of(l)->number + 1;
    return true;
}

bool rill_packet_log_begin(rill_packet_log *l, uint64_t now_ms)
{
    rill_packet_line line = {.event = RILL_PACKET_BEGUN, .at_ms = now_ms};
    if (l->begun)
        return true;
    close_file(l);
    if (!read_folder(l, &line.event))
        return false;
    l->begun = true;
    bool room = rill_packet_log_tidy(l, now_ms);
    (void)room; /* it is tried again with each line */
    if (rill_packet_log_add(l, &line))
        return true;
    l->begun = false;
    return false;
}

bool rill_packet_log_end(rill_packet_log *l, uint64_t now_ms)
{
    const rill_packet_line line = {.event = RILL_PACKET_ENDED, .at_ms = now_ms};
    return l->begun && rill_packet_log_add(l, &line) && rill_packet_log_flush(l);
}
