/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of the log of packets, with any bytes in it: what is taken for a line is JSON, and is
 * written again as it was; a node that begins with the file cuts off no more than what is behind
 * the last newline; and a search gives JSON, page after page, until there is no more.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include <rill/error.h>

#include "connector/packet_search.h"
#include "fuzz.h"

static const char name[] = "packets-0000000007-20261124T093000Z.jsonl";
static char *file; /* its bytes */
static size_t file_len, file_cap;

/* ---- a folder with one file ---- */

static int on_list(void *user, void (*found)(void *found_user, const char *name), void *found_user)
{
    (void)user;
    found(found_user, "lock");
    found(found_user, name);
    return 0;
}

static int on_create(void *user, const char *of)
{
    (void)user;
    (void)of;
    return -ENOSPC;
}

static int on_open(void *user, const char *of, bool writes)
{
    (void)user;
    (void)writes;
    return strcmp(of, name) == 0 ? 1 : -ENOENT;
}

static void on_close(void *user, int number)
{
    (void)user;
    CHECK(number == 1);
}

static ptrdiff_t on_append(void *user, int number, const void *data, size_t len)
{
    (void)user;
    (void)number;
    CHECK(len <= file_cap - file_len);
    memcpy(file + file_len, data, len);
    file_len += len;
    return (ptrdiff_t)len;
}

static ptrdiff_t on_read(void *user, int number, void *data, size_t len, uint64_t offset)
{
    (void)user;
    (void)number;
    size_t left = offset < file_len ? file_len - (size_t)offset : 0;
    size_t n = len < left ? len : left;
    if (n > 0)
        memcpy(data, file + offset, n);
    return (ptrdiff_t)n;
}

static int64_t on_size(void *user, int number)
{
    (void)user;
    (void)number;
    return (int64_t)file_len;
}

static int on_truncate(void *user, int number, uint64_t size)
{
    (void)user;
    (void)number;
    CHECK(size < file_len && memchr(file + size, '\n', file_len - (size_t)size) == NULL);
    CHECK(size == 0 || file[size - 1] == '\n');
    file_len = (size_t)size;
    return 0;
}

static int on_remove(void *user, const char *of)
{
    (void)user;
    (void)of;
    return 0;
}

static const rill_packet_files files = {on_list, on_create, on_open,     on_close,  on_append,
                                        on_read, on_size,   on_truncate, on_remove, NULL};

/* ---- lines ---- */

static void check_line(const char *text, size_t len)
{
    char again[RILL_PACKET_LINE_MAX];
    rill_packet_line line;
    uint64_t at;
    if (!rill_packet_line_read(text, len, &line))
        return;
    CHECK(rill_packet_line_time(text, len, &at) && at == line.at_ms);
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    CHECK(value != NULL);
    json_decref(value);
    for (size_t i = 0; i < len; i++)
        CHECK(text[i] >= 0x20 && text[i] < 0x7f);
    if (memchr(text, '\\', len) != NULL)
        return; /* what is read keeps its escapes */
    CHECK(rill_packet_line_write(&line, again) == len + 1);
    CHECK(memcmp(again, text, len) == 0);
}

static void check_lines(const char *text, size_t len)
{
    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t size = end == NULL ? len : (size_t)(end - text);
        check_line(text, size);
        size += end != NULL;
        text += size;
        len -= size;
    }
}

/* ---- searches ---- */

static void check_found(const rill_packet_lines *lines)
{
    char *text = malloc(lines->len + 3);
    CHECK(text != NULL);
    text[0] = '[';
    if (lines->len > 0)
        memcpy(text + 1, lines->text, lines->len);
    text[lines->len + 1] = ']';
    json_t *value = json_loadb(text, lines->len + 2, 0, NULL);
    CHECK(value != NULL && json_array_size(value) == lines->count);
    json_decref(value);
    free(text);
}

static size_t search(const rill_packet_log *l, size_t most, uint64_t from_ms)
{
    rill_packet_place place = {0, 0};
    size_t found = 0;
    for (unsigned page = 0;; page++) {
        rill_packet_search s = {
            .to_ms = UINT64_MAX, .most = most, .from_ms = from_ms, .place = place};
        while (!rill_packet_search_step(l, &s))
            ;
        CHECK(s.rc == RILL_OK && page < 100000);
        CHECK(s.packets.count + s.events.count <= most);
        CHECK(s.place.number >= place.number && s.place.offset <= file_len);
        check_found(&s.packets);
        check_found(&s.events);
        found += s.packets.count + s.events.count;
        place = s.place;
        bool more = s.more;
        rill_packet_search_clear(l->allocator, &s);
        if (!more)
            return found;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rill_packet_log l;
    const rill_packet_limits limits = {UINT64_C(1) << 40, UINT64_C(1) << 60};
    file_cap = size + RILL_PACKET_LINE_MAX;
    file = malloc(file_cap);
    CHECK(file != NULL);
    file_len = size;
    if (size > 0)
        memcpy(file, data, size);
    check_lines(file, file_len);
    CHECK(rill_packet_log_init(&l, rill_allocator_default(), &files, limits) == RILL_OK);
    /* It goes on in the file, unless its last line is of a later time. */
    bool begun = rill_packet_log_begin(&l, UINT64_C(1795512600000)) && rill_packet_log_flush(&l);
    CHECK(begun || l.error == ENOSPC);
    if (begun) {
        size_t all = search(&l, 1000, 0);
        CHECK(all >= 1 && search(&l, 3, 0) == all);
        CHECK(search(&l, 1000, UINT64_C(1795512600000)) <= all);
    }
    rill_packet_log_clear(&l);
    free(file);
    return 0;
}
