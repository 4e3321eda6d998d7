/* SPDX-License-Identifier: Apache-2.0 */
/* What is found in the log of packets, whatever is in its files. */
#include "packet_disk.h"

#include <inttypes.h>
#include <jansson.h>
#include <rill/error.h>

#include "../support/failing_memory.h"
#include "base/alloc.h"
#include "connector/packet_search.h"

/* 2026-11-24T09:30:00Z */
#define AT     UINT64_C(1795512600000)
#define MINUTE UINT64_C(60000)
#define HOUR   (60 * MINUTE)

static rill_packet_log l;
static rill_packet_search s;
static uint64_t found[RILL_PACKET_FOUND_MAX + 1]; /* `in` of each packet */

static void clear(void)
{
    rill_packet_search_stop(&disk_files, &s);
    rill_packet_search_clear(l.allocator, &s);
}

static int set_up(void **state)
{
    (void)state;
    disk_reset();
    memset(&s, 0, sizeof s);
    const rill_packet_limits limits = {UINT64_C(1) << 30, 1000 * HOUR};
    if (rill_packet_log_init(&l, rill_allocator_default(), &disk_files, limits) != RILL_OK)
        return 1;
    assert_true(rill_packet_log_begin(&l, AT));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    clear();
    rill_packet_log_clear(&l);
    assert_int_equal(folder.opened, 0);
    disk_reset();
    return 0;
}

static rill_bytes of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

static void add(uint64_t number, uint64_t at_ms, const char *from, const char *to, const char *code)
{
    rill_packet_line line = {.at_ms = at_ms,
                             .from = of(from),
                             .to = of(to),
                             .destination = of(number % 2 == 0 ? "g.even.x" : "g.odd.y"),
                             .in = number,
                             .has_id = true,
                             .expires_ms = at_ms};
    snprintf(line.result, sizeof line.result, "%s", code);
    memset(line.id, (int)(number & 0xff), sizeof line.id);
    assert_true(rill_packet_log_add(&l, &line) && rill_packet_log_flush(&l));
}

/* All steps; and the lines that it has found are JSON. */
static size_t look(void)
{
    unsigned steps = 0;
    size_t i;
    const json_t *p;
    while (!rill_packet_search_step(&l, &s))
        assert_true(++steps < 10000);
    assert_int_equal(folder.opened, l.file >= 0 ? 1 : 0);
    if (s.rc != RILL_OK)
        return 0;
    char *text = calloc(1, s.packets.len + s.events.len + 8);
    assert_non_null(text);
    sprintf(text, "[%s]", s.packets.text == NULL ? "" : s.packets.text);
    json_t *all = json_loads(text, 0, NULL);
    assert_int_equal(json_array_size(all), s.packets.count);
    json_array_foreach(all, i, p) found[i] =
        strtoull(json_string_value(json_object_get(p, "in")), NULL, 10);
    json_decref(all);
    free(text);
    return s.packets.count;
}

/* Another question, from the beginning. */
static rill_packet_search *ask(void)
{
    clear();
    s = (rill_packet_search){.to_ms = UINT64_MAX, .most = RILL_PACKET_FOUND_MAX};
    return &s;
}

static void test_what_is_asked(void **state)
{
    (void)state;
    add(1, AT + 1000, "alice", "bob", "");
    add(2, AT + 2000, "bob", "carol", "T04");
    add(3, AT + 3000, "carol", "", "F02");
    add(4, AT + 4000, "alicea", "b", "");
    ask();
    assert_int_equal(look(), 4);
    assert_true(found[0] == 1 && found[3] == 4);
    assert_int_equal(s.events.count, 1);
    assert_false(s.more);
    snprintf(ask()->account, sizeof s.account, "alice");
    assert_int_equal(look(), 1);
    snprintf(ask()->account, sizeof s.account, "bob");
    assert_int_equal(look(), 2);
    snprintf(ask()->destination, sizeof s.destination, "g.even");
    assert_int_equal(look(), 2);
    snprintf(ask()->id, sizeof s.id, "0303");
    assert_true(look() == 1 && found[0] == 3);
    snprintf(ask()->id, sizeof s.id, "030");
    assert_int_equal(look(), 1);
    snprintf(ask()->id, sizeof s.id, "031");
    assert_int_equal(look(), 0);
    snprintf(ask()->code, sizeof s.code, "T");
    assert_true(look() == 1 && found[0] == 2);
    ask()->rejected = true;
    assert_int_equal(look(), 2);
    ask()->from_ms = AT + 2000;
    assert_true(look() == 3 && found[0] == 2);
    ask()->to_ms = AT + 2000;
    assert_true(look() == 1 && found[0] == 1);
    ask()->from_ms = AT + 10 * HOUR;
    assert_int_equal(look(), 0);
}

/* Page after page everything is found once, also what comes while somebody reads. */
static void test_pages(void **state)
{
    (void)state;
    uint64_t next = 1;
    for (uint64_t i = 1; i <= 1000; i++)
        add(i, AT + i * MINUTE * 10, "alice", "bob", ""); /* in several files */
    assert_true(l.count > 4);
    ask()->most = 7;
    for (unsigned page = 0; page < 400; page++) {
        rill_packet_place place;
        size_t n = look();
        for (size_t i = 0; i < n; i++)
            assert_int_equal(found[i], next++);
        assert_int_equal(s.more, n + s.events.count == 7);
        place = s.place;
        if (!s.more) {
            assert_true(next == 1001 || next == 1003);
            if (next == 1001) {
                add(1001, AT + 20000 * MINUTE, "alice", "bob", "");
                add(1002, AT, "alice", "bob", ""); /* in a new file */
            }
        }
        ask()->most = 7;
        s.place = place;
    }
    assert_int_equal(next, 1003);
    /* From the end on, there is only what comes. */
    ask()->at_end = true;
    assert_int_equal(look(), 0);
    rill_packet_place place = s.place;
    add(1003, AT + 30000 * MINUTE, "alice", "bob", "");
    ask()->place = place;
    assert_true(look() == 1 && found[0] == 1003);
}

/* Where the clock was set back, lines of a time are in several files, and all are found. */
static void test_clock_set_back(void **state)
{
    (void)state;
    add(1, AT + 60 * MINUTE, "a", "b", "");
    add(2, AT + 61 * MINUTE, "a", "b", "");
    add(3, AT + 30 * MINUTE, "a", "b", "");
    add(4, AT + 61 * MINUTE, "a", "b", "");
    assert_int_equal(l.count, 2);
    ask()->from_ms = AT + 61 * MINUTE;
    assert_true(look() == 2 && found[0] == 2 && found[1] == 4);
    ask()->to_ms = AT + 61 * MINUTE;
    assert_true(look() == 2 && found[0] == 1 && found[1] == 3);
    /* Less than a second, in one file. */
    add(5, AT + 62 * MINUTE + 900, "a", "b", "");
    add(6, AT + 62 * MINUTE, "a", "b", "");
    ask()->from_ms = AT + 62 * MINUTE;
    assert_int_equal(look(), 2);
    ask()->to_ms = AT + 62 * MINUTE + 100;
    assert_true(look() == 5 && found[4] == 6);
}

/* In a large file the beginning of a time is found without reading all before it. */
static void test_large_file(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 20000; i++) {
        rill_packet_line line = {.at_ms = AT + i * 10, .from = of("a"), .in = i};
        assert_true(rill_packet_log_add(&l, &line));
    }
    assert_true(rill_packet_log_flush(&l));
    assert_int_equal(l.count, 1);
    const uint64_t from[] = {0, 1, 9000, 10000, 19999, 20000};
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        ask()->from_ms = AT + from[i] * 10;
        s.most = 1;
        size_t n = look();
        assert_int_equal(n, s.events.count == 0 ? 1 : 0);
        if (s.packets.count > 0)
            assert_int_equal(found[0], from[i]);
        assert_true(s.bytes < UINT64_C(512) * 1024);
    }
    ask()->from_ms = AT + 200001;
    assert_int_equal(look(), 0);
    ask()->to_ms = AT + 100;
    assert_int_equal(look(), 9);
    assert_true(s.bytes < UINT64_C(512) * 1024);
}

/* What somebody wrote into the files is not taken for a line, and keeps nobody from the rest. */
static void test_other_bytes(void **state)
{
    (void)state;
    static char garbage[300000];
    memset(garbage, 'x', sizeof garbage);
    garbage[1000] = '\n';
    add(1, AT, "a", "b", "");
    disk_put(disk_last(), garbage, sizeof garbage);
    disk_put(disk_last(), "\n{\"packets\":1}\n\n", 16);
    add(2, AT + 1, "a", "b", "");
    ask();
    assert_int_equal(look(), 2);
    assert_true(s.unreadable >= 4);
    /* An end that is not whole is not there yet. */
    disk_put(disk_last(), "{\"at\":", 6);
    uint64_t unreadable = s.unreadable;
    ask();
    assert_int_equal(look(), 2);
    assert_int_equal(s.unreadable, unreadable);
}

/* A file is taken away, cannot be opened, or cannot be read. */
static void test_disk_that_fails(void **state)
{
    (void)state;
    add(1, AT, "a", "b", "");
    add(2, AT + 500 * HOUR, "a", "b", "");
    assert_int_equal(l.count, 2);
    folder.refuses[DISK_OPENS] = EACCES;
    ask();
    assert_int_equal(look(), 0);
    assert_true(s.rc == RILL_ERR_IO && s.error == EACCES);
    folder.refuses[DISK_OPENS] = 0;
    folder.refuses[DISK_READ] = EIO;
    ask();
    assert_int_equal(look(), 0);
    assert_true(s.rc == RILL_ERR_IO && s.error == EIO);
    folder.refuses[DISK_READ] = 0;
    folder.files[0].there = false;
    ask();
    assert_true(look() == 1 && found[0] == 2);
    /* Places of files that are gone, or that never were. */
    ask()->place = (rill_packet_place){1, 100};
    assert_int_equal(look(), 1);
    ask()->place = (rill_packet_place){7, 100};
    assert_int_equal(look(), 0);
    ask()->place = (rill_packet_place){2, 1000000};
    assert_int_equal(look(), 0);
}

/* A search ends after so many bytes, and says that there is more. */
static void test_bound(void **state)
{
    (void)state;
    uint64_t bytes = 0;
    while (bytes < RILL_PACKET_SEARCH_BYTES + (1 << 20)) {
        rill_packet_line line = {.at_ms = AT, .from = of("somebody-else"), .in = 1};
        assert_true(rill_packet_log_add(&l, &line));
        bytes = l.total;
    }
    add(77, AT, "alice", "bob", "");
    snprintf(ask()->account, sizeof s.account, "alice");
    assert_int_equal(look(), 0);
    assert_true(s.more && s.bytes <= RILL_PACKET_SEARCH_BYTES + RILL_PACKET_SEARCH_STEP);
    rill_packet_place place = s.place;
    snprintf(ask()->account, sizeof s.account, "alice");
    s.place = place;
    assert_true(look() == 1 && found[0] == 77);
}

/* Each allocation of a search fails. */
static void test_memory(void **state)
{
    (void)state;
    const rill_allocator *good = l.allocator;
    for (uint64_t i = 1; i <= 200; i++)
        add(i, AT + i, "alice", "bob", "T04");
    for (unsigned n = 1;; n++) {
        failing_memory memory;
        failing_memory_init(&memory, n, 1);
        ask();
        l.allocator = &memory.allocator;
        size_t count = look();
        bool failed = s.rc == RILL_ERR_NOMEM;
        clear();
        l.allocator = good;
        assert_int_equal(memory.blocks, 0);
        assert_int_equal(failed, memory.refused > 0);
        failing_memory_end(&memory);
        if (failed)
            continue;
        assert_int_equal(count, 200);
        assert_true(n > 2);
        break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clock_set_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_disk_that_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
