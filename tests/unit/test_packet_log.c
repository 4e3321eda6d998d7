/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the log of packets, on a disk that fails, in virtual time. */
#include "packet_disk.h"

#include <inttypes.h>
#include <rill/error.h>

#include "base/alloc.h"
#include "connector/packet_log.h"

/* 2026-11-24T09:30:00Z */
#define AT     UINT64_C(1795512600000)
#define MINUTE UINT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define MIB    (UINT64_C(1) << 20)

static rill_packet_log l;
static uint64_t number; /* of the last packet */

static const rill_packet_limits usual = {16 * MIB, 32 * DAY};

static int set_up(void **state)
{
    (void)state;
    disk_reset();
    number = 0;
    return rill_packet_log_init(&l, rill_allocator_default(), &disk_files, usual);
}

static int tear_down(void **state)
{
    (void)state;
    rill_packet_log_clear(&l);
    assert_int_equal(folder.opened, 0);
    disk_reset();
    return 0;
}

/* The process is killed: what was not written is lost. */
static void kill_it(void)
{
    rill_packet_log_clear(&l);
    assert_int_equal(rill_packet_log_init(&l, rill_allocator_default(), &disk_files, usual),
                     RILL_OK);
}

static bool add(uint64_t at_ms)
{
    char name[32];
    snprintf(name, sizeof name, "p%" PRIu64, number + 1);
    const rill_packet_line line = {.at_ms = at_ms,
                                   .from = {(const uint8_t *)name, strlen(name)},
                                   .in = number + 1,
                                   .has_id = true,
                                   .result = "F02",
                                   .by_node = true};
    bool added = rill_packet_log_add(&l, &line);
    number += added;
    return added;
}

static const char *text_of(const disk_file *f)
{
    static char text[65536];
    assert_true(f->len < sizeof text);
    memcpy(text, f->data, f->len);
    text[f->len] = '\0';
    return text;
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what))
        n++;
    return n;
}

/* Every line of every file is one of ours, in the order of adding, from the first to the last. */
static void assert_whole(uint64_t first, uint64_t last)
{
    uint64_t next = first;
    for (size_t i = 0; i < folder.count; i++) {
        const disk_file *f = &folder.files[i];
        for (size_t at = 0; f->there && at < f->len;) {
            rill_packet_line line;
            const char *end = memchr(f->data + at, '\n', f->len - at);
            assert_non_null(end);
            size_t len = (size_t)(end - (f->data + at));
            assert_true(rill_packet_line_read(f->data + at, len, &line));
            if (line.event == RILL_PACKET_OVER)
                assert_int_equal(line.in, next++);
            at += len + 1;
        }
    }
    assert_int_equal(next, last + 1);
}

static void test_names(void **state)
{
    (void)state;
    char name[RILL_PACKET_NAME];
    rill_packet_segment s = {.number = 12, .begun_ms = AT};
    rill_packet_segment back;
    rill_packet_segment_name(&s, name);
    assert_string_equal(name, "packets-0000000012-20261124T093000Z.jsonl");
    assert_true(rill_packet_segment_parse(name, &back));
    assert_true(back.number == 12 && back.begun_ms == AT);
    static const char *const wrong[] = {
        "lock",
        "packets-0000000000-20261124T093000Z.jsonl",
        "packets-12-20261124T093000Z.jsonl",
        "packets-00000000012-20261124T093000Z.jsonl",
        "packets-0000000012-20261324T093000Z.jsonl",
        "packets-0000000012-20261124T093000Z.jsonl~",
        "packets-0000000012-20261124T093000Z.json",
        "packets-0000000012-20261124t093000Z.jsonl",
        "packets-99999999999999999999-20261124T093000Z.jsonl",
        "packets-0000000012",
        "packets-",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(rill_packet_segment_parse(wrong[i], &back));
}

static void test_begins_and_ends(void **state)
{
    (void)state;
    assert_true(rill_packet_log_begin(&l, AT));
    assert_true(rill_packet_log_begin(&l, AT));
    assert_int_equal(disk_number(), 1);
    assert_true(add(AT + 5) && rill_packet_log_end(&l, AT + 7));
    assert_int_equal(count(text_of(disk_last()), "\n"), 3);
    kill_it();
    assert_true(rill_packet_log_begin(&l, AT + 9) && rill_packet_log_flush(&l));
    assert_int_equal(disk_number(), 1); /* it goes on in the same file */
    assert_int_equal(count(text_of(disk_last()), "\"after\":\"end\""), 1);
    kill_it();
    assert_true(rill_packet_log_begin(&l, AT + 10) && rill_packet_log_flush(&l));
    assert_int_equal(count(text_of(disk_last()), "\"after\":\"kill\""), 1);
    assert_whole(1, 1);
}

/* Wherever the last line is torn, it is cut off, and nothing before it. */
static void test_torn_line(void **state)
{
    (void)state;
    assert_true(rill_packet_log_begin(&l, AT));
    for (int i = 0; i < 3; i++)
        assert_true(add(AT + 1));
    assert_true(rill_packet_log_flush(&l));
    size_t whole = disk_last()->len;
    assert_true(add(AT + 2) && rill_packet_log_flush(&l));
    size_t more = disk_last()->len - whole;
    char torn[400];
    assert_true(more < sizeof torn);
    memcpy(torn, disk_last()->data + whole, more);
    for (size_t part = 0; part < more; part++) {
        disk_last()->len = whole;
        disk_put(disk_last(), torn, part);
        kill_it();
        assert_true(rill_packet_log_begin(&l, AT + 3) && rill_packet_log_flush(&l));
        assert_whole(1, 3);
        assert_int_equal(folder.calls[DISK_TRUNCATE], part > 0 ? 1 : 0);
        folder.calls[DISK_TRUNCATE] = 0;
    }
    /* The first line of a file. */
    kill_it();
    disk_last()->len = 10;
    assert_true(rill_packet_log_begin(&l, AT + 3) && rill_packet_log_flush(&l));
    assert_int_equal(count(text_of(disk_last()), "\n"), 1);
    /* What is none of ours is left alone, and no line follows it there. */
    kill_it();
    disk_last()->len = 0;
    static char garbage[20000];
    memset(garbage, 'x', sizeof garbage);
    disk_put(disk_last(), garbage, sizeof garbage);
    assert_true(rill_packet_log_begin(&l, AT + 3) && rill_packet_log_flush(&l));
    assert_int_equal(folder.files[0].len, sizeof garbage);
    assert_int_equal(disk_number(), 2);
    assert_int_equal(count(text_of(disk_last()), "\"after\":\"kill\""), 1);
}

/* A file is followed by the next one when it is full, and when it was begun long ago. */
static void test_rotation(void **state)
{
    (void)state;
    assert_true(rill_packet_log_begin(&l, AT));
    assert_true(add(AT + DAY - 1) && rill_packet_log_flush(&l));
    assert_int_equal(disk_number(), 1);
    assert_true(add(AT + DAY) && rill_packet_log_flush(&l));
    assert_int_equal(disk_number(), 2);
    while (disk_number() < 4)
        assert_true(add(AT + DAY) && rill_packet_log_flush(&l));
    for (size_t i = 0; i < folder.count; i++)
        assert_true(folder.files[i].len <= MIB);
    assert_true(folder.files[1].len > MIB - 300 && folder.files[2].len > MIB - 300);
    assert_whole(1, number);
}

static void test_clock_set_back(void **state)
{
    (void)state;
    assert_true(rill_packet_log_begin(&l, AT));
    assert_true(add(AT + 5000) && add(AT + 4000)); /* a second does not count */
    assert_int_equal(disk_number(), 1);
    assert_true(add(AT + 3999));
    assert_int_equal(disk_number(), 2);
    assert_true(add(AT + 4500) && rill_packet_log_flush(&l));
    assert_int_equal(disk_number(), 2);
    assert_whole(1, 4);
}

/* All files together are never larger than they may be, whatever is written. */
static void test_size(void **state)
{
    (void)state;
    rill_packet_log_limit(&l, (rill_packet_limits){MIB, DAY});
    assert_true(rill_packet_log_begin(&l, AT));
    for (int i = 0; i < 20000; i++) {
        assert_true(add(AT + (uint64_t)i));
        if (i % 7 == 0)
            assert_true(rill_packet_log_flush(&l));
        assert_true(disk_bytes() <= MIB);
    }
    assert_true(rill_packet_log_flush(&l));
    assert_true(disk_bytes() > MIB - MIB / 8);
    assert_int_equal(disk_bytes(), l.total);
    size_t there = 0;
    for (size_t i = 0; i < folder.count; i++) {
        if (folder.files[i].there)
            there += count(text_of(&folder.files[i]), "\"from\"");
    }
    assert_whole(number - there + 1, number);
    /* Less from now on. */
    rill_packet_log_limit(&l, (rill_packet_limits){MIB / 2, DAY});
    assert_true(rill_packet_log_tidy(&l, AT + 20000));
    assert_true(disk_bytes() <= MIB / 2);
}

static void test_age(void **state)
{
    (void)state;
    rill_packet_log_limit(&l, (rill_packet_limits){16 * MIB, 32 * HOUR});
    assert_true(rill_packet_log_begin(&l, AT));
    for (uint64_t i = 0; i < 40; i++) {
        uint64_t now = AT + i * HOUR;
        assert_true(add(now) && rill_packet_log_flush(&l) && rill_packet_log_tidy(&l, now));
        assert_true(disk_number() <= 34);
    }
    assert_true(disk_number() >= 32);
    /* Nothing is written any more: all goes in the end, the last file too. */
    assert_true(rill_packet_log_tidy(&l, AT + 39 * HOUR + 32 * HOUR));
    assert_int_equal(disk_number(), 1);
    assert_true(rill_packet_log_tidy(&l, AT + 39 * HOUR + 32 * HOUR + 1));
    assert_int_equal(disk_number(), 0);
    assert_int_equal(l.total, 0);
    assert_true(add(AT + 72 * HOUR) && rill_packet_log_flush(&l));
    assert_int_equal(disk_number(), 1);
}

/* What was written while the clock was wrong does not stay for ever, nor does it take others along.
 */
static void test_wrong_clock(void **state)
{
    (void)state;
    rill_packet_log_limit(&l, (rill_packet_limits){16 * MIB, 32 * HOUR});
    assert_true(rill_packet_log_begin(&l, AT + 100 * DAY));
    assert_true(add(AT + 100 * DAY) && add(AT) && rill_packet_log_flush(&l));
    assert_true(rill_packet_log_tidy(&l, AT));
    assert_int_equal(disk_number(), 2);
    assert_true(rill_packet_log_tidy(&l, AT + 32 * HOUR + 1));
    assert_int_equal(disk_number(), 0);
}

/* Short writes, however short, are gone on with. */
static void test_short_writes(void **state)
{
    (void)state;
    folder.most = 7;
    assert_true(rill_packet_log_begin(&l, AT));
    for (int i = 0; i < 50; i++)
        assert_true(add(AT + 1));
    assert_true(rill_packet_log_flush(&l));
    assert_whole(1, 50);
    assert_int_equal(l.lines, 51);
}

/* The disk is full in the middle of a line: nothing is lost of what was taken, nor written twice.
 */
static void test_full_disk(void **state)
{
    (void)state;
    assert_true(rill_packet_log_begin(&l, AT));
    for (size_t room = 1; room < 700; room += 13) {
        folder.room = room;
        assert_true(add(AT + room) && add(AT + room) && add(AT + room));
        bool flushed = rill_packet_log_flush(&l);
        if (!flushed)
            assert_int_equal(l.error, ENOSPC);
        folder.room = SIZE_MAX;
        assert_true(rill_packet_log_flush(&l));
        assert_int_equal(l.error, 0);
        assert_whole(1, number);
    }
    /* It stays full: no more is taken than there is room for in memory, and that stays. */
    folder.room = 100;
    while (add(AT + 1000))
        assert_true(number < 10000);
    assert_false(add(AT + 1000));
    uint64_t last = number;
    folder.room = SIZE_MAX;
    assert_true(add(AT + 1000) && rill_packet_log_flush(&l));
    assert_int_equal(number, last + 1);
    assert_whole(1, number);
    /* Killed while it is full: what is torn is cut off. */
    folder.room = 40;
    assert_true(add(AT + 1001));
    assert_false(rill_packet_log_flush(&l));
    folder.room = SIZE_MAX;
    kill_it();
    assert_true(rill_packet_log_begin(&l, AT + 1002) && rill_packet_log_flush(&l));
    assert_whole(1, number - 1);
}

/* A disk that refuses to remove what is old is not written either: the size is a promise. */
static void test_no_removal(void **state)
{
    (void)state;
    rill_packet_log_limit(&l, (rill_packet_limits){MIB, DAY});
    assert_true(rill_packet_log_begin(&l, AT));
    folder.refuses[DISK_REMOVE] = EACCES;
    while (add(AT) && rill_packet_log_flush(&l))
        assert_true(disk_bytes() <= MIB);
    assert_int_equal(l.error, EACCES);
    folder.refuses[DISK_REMOVE] = 0;
    assert_true(rill_packet_log_flush(&l) && add(AT) && rill_packet_log_flush(&l));
    /* One that somebody else has removed is gone. */
    folder.refuses[DISK_REMOVE] = ENOENT;
    while (disk_bytes() < 2 * MIB)
        assert_true(add(AT) && rill_packet_log_flush(&l));
}

/* Somebody takes the file away that is written: the next line begins another one. */
static void test_file_taken_away(void **state)
{
    (void)state;
    assert_true(rill_packet_log_begin(&l, AT));
    assert_true(add(AT) && rill_packet_log_flush(&l));
    disk_last()->there = false;
    assert_true(rill_packet_log_tidy(&l, AT + MINUTE));
    assert_int_equal(l.total, 0);
    assert_true(add(AT + MINUTE) && rill_packet_log_flush(&l));
    assert_int_equal(disk_number(), 1);
    assert_whole(2, 2);
}

/* A name that is taken is another's: the next number is. */
static void test_name_is_taken(void **state)
{
    (void)state;
    assert_true(rill_packet_log_begin(&l, AT));
    assert_true(rill_packet_log_flush(&l));
    disk_make("packets-0000000002-20261125T093000Z.jsonl", "{}\n");
    assert_false(add(AT + DAY));
    assert_int_equal(l.error, EEXIST);
    assert_true(add(AT + DAY) && rill_packet_log_flush(&l));
    assert_string_equal(disk_last()->name, "packets-0000000003-20261125T093000Z.jsonl");
}

/* There are never more files than are counted. */
static void test_many_files(void **state)
{
    (void)state;
    assert_true(rill_packet_log_begin(&l, AT));
    for (uint64_t i = 1; i < RILL_PACKET_SEGMENTS + 100; i++) {
        assert_true(add(AT + i % 2 * 5000) && rill_packet_log_flush(&l));
        assert_true(disk_number() <= RILL_PACKET_SEGMENTS);
    }
    kill_it();
    assert_true(rill_packet_log_begin(&l, AT) && add(AT) && rill_packet_log_flush(&l));
    assert_true(disk_number() <= RILL_PACKET_SEGMENTS);
}

/* Each call of the disk fails once: it can be tried again, and in the end all is there once. */
static void test_each_failure(void **state)
{
    (void)state;
    unsigned all = 1;
    for (unsigned fail = 1; fail <= all; fail++) {
        disk_reset();
        rill_packet_log_clear(&l);
        assert_int_equal(set_up(NULL), 0);
        rill_packet_log_limit(&l, (rill_packet_limits){MIB, 32 * DAY});
        folder.fail_at = fail;
        unsigned tries = 0;
        for (unsigned part = 0; part < 3; part++) {
            while (!rill_packet_log_begin(&l, AT + part))
                assert_true(++tries < 3);
            for (unsigned i = 0; i < 300; i++) {
                while (!add(AT + part))
                    assert_true(++tries < 3);
            }
            while (!rill_packet_log_tidy(&l, AT + part))
                assert_true(++tries < 3);
            while (!rill_packet_log_end(&l, AT + part))
                assert_true(++tries < 3);
            kill_it();
            rill_packet_log_limit(&l, (rill_packet_limits){MIB, 32 * DAY});
        }
        if (fail == 1)
            all = folder.all;
        assert_whole(1, number);
    }
    assert_in_range(all, 20, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_begins_and_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_torn_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rotation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clock_set_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_age, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_clock, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_short_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_removal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_taken_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_name_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_each_failure, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
