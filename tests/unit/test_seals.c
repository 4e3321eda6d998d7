/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of sums: whatever somebody changes in the file with other tools, an audit finds it. */
#define _POSIX_C_SOURCE 200809L /* mkstemp */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka.h comes after what it needs. */
#include <rill/error.h>
#include <sqlite3.h>

#include "store/sqlite_impl.h"
#include <cmocka.h>

enum { EXCHANGE = 1, OUTSIDE, ALICE, BOB, ACCOUNTS = BOB, DAY = 1440 };

static char path[64];
static rill_sqlite *file;
static int64_t booked[ACCOUNTS + 1];

static const rill_store_account accounts[] = {
    {EXCHANGE, RILL_HOLDER_EXCHANGE, "", "USD", 2, 7},
    {OUTSIDE, RILL_HOLDER_OUTSIDE, "", "USD", 2, 7},
    {ALICE, RILL_HOLDER_NEIGHBOUR, "alice", "USD", 2, 7},
    {BOB, RILL_HOLDER_NEIGHBOUR, "bob", "USD", 2, 7},
};

static void open_again(void)
{
    char problem[RILL_SQLITE_PROBLEM];
    const rill_sqlite_options o = {.path = path, .durability = RILL_DURABILITY_NORMAL};
    rill_sqlite_close(file);
    assert_int_equal(rill_sqlite_open(&file, &o, problem), RILL_OK);
}

static int set_up(void **state)
{
    (void)state;
    memset(booked, 0, sizeof booked);
    snprintf(path, sizeof path, "/tmp/rill-seals-XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0 || close(fd) != 0)
        return 1;
    open_again();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rill_sqlite_close(file);
    file = NULL;
    return unlink(path);
}

static rill_i128 signed_of(int64_t value)
{
    return rill_wide_signed(rill_wide_of(value < 0 ? UINT64_MAX : 0, (uint64_t)value));
}

static void keep(const rill_store_flow *flow, const rill_store_entry *entry)
{
    rill_store_balance balances[ACCOUNTS];
    for (rill_balance_id i = 1; i <= ACCOUNTS; i++)
        balances[i - 1] = (rill_store_balance){i, signed_of(booked[i])};
    const rill_store_batch batch = {
        .accounts = accounts,
        .account_count = ACCOUNTS,
        .balances = balances,
        .balance_count = ACCOUNTS,
        .flows = flow,
        .flow_count = flow != NULL,
        .entries = entry,
        .entry_count = entry != NULL,
    };
    assert_int_equal(rill_sqlite_write(file, &batch), RILL_OK);
}

/* So many packets of 10 in a minute, of which 9 arrive. */
static void sent(uint64_t minute, uint64_t packets)
{
    const rill_store_flow flow = {minute, ALICE, BOB, packets, {10 * packets, 0}, {9 * packets, 0}};
    booked[ALICE] -= (int64_t)(10 * packets);
    booked[EXCHANGE] += (int64_t)packets;
    booked[BOB] += (int64_t)(9 * packets);
    keep(&flow, NULL);
}

static void note(const char *what)
{
    const rill_store_entry entry = {.at_ms = 7,
                                    .account = ALICE,
                                    .kind = RILL_ENTRY_CHANGE,
                                    .who = "maria",
                                    .note = what,
                                    .key = "",
                                    .person = "env:TOKEN"};
    keep(NULL, &entry);
}

static void seal(void)
{
    for (bool more = true; more;)
        assert_int_equal(rill_sqlite_seal(file, &more), RILL_OK);
    assert_false(rill_sqlite_wants_seal(file));
}

static int merge(int64_t before_minute)
{
    rill_sqlite_merging at = {.before_minute = before_minute};
    int rc = RILL_OK;
    for (bool more = true; more && rc == RILL_OK;)
        rc = rill_sqlite_merge(file, &at, &more);
    return rc;
}

static rill_audit audit_since(const rill_audit_head *since)
{
    rill_store_look look = {.kind = RILL_LOOK_AUDIT, .since = since};
    for (bool more = true; more;)
        rill_sqlite_look(file, &look, &more);
    assert_int_equal(look.rc, RILL_OK);
    return look.audit;
}

static rill_audit audit(void)
{
    return audit_since(NULL);
}

/* By other means than ours, while nobody has it open. */
static void by_hand(const char *sql)
{
    sqlite3 *db = NULL;
    char *problem = NULL;
    rill_sqlite_close(file);
    file = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &problem) != SQLITE_OK)
        fail_msg("%s: %s", sql, problem);
    sqlite3_close(db);
    open_again();
}

static int64_t number(const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    rill_sqlite_close(file);
    file = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    open_again();
    return value;
}

/* A line for each minute that is over, and the first one; the one that may grow is not sealed. */
static void test_a_line_for_each_minute(void **state)
{
    (void)state;
    sent(10, 1);
    seal();
    assert_int_equal(audit().seals, 1);
    assert_int_equal(audit().unsealed, 1);
    assert_false(rill_sqlite_wants_seal(file));
    sent(10, 2); /* the sum of the same minute */
    booked[ALICE] += 10;
    booked[EXCHANGE] -= 1;
    booked[BOB] -= 9;
    keep(NULL, NULL);
    assert_false(rill_sqlite_wants_seal(file));
    sent(11, 3);
    assert_true(rill_sqlite_wants_seal(file));
    seal();
    sent(12, 3);
    seal();
    rill_audit a = audit();
    assert_int_equal(a.seals, 3);
    assert_int_equal(a.unsealed, 1);
    assert_int_equal(a.broken_seals + a.uneven_balances, 0);
    /* The last minute of a run is over when the next run begins. */
    open_again();
    seal();
    assert_int_equal(audit().unsealed, 0);
    assert_int_equal(audit().seals, 4);
    assert_string_equal(audit().first, "");
}

/* Money is moved so that all balances add up. */
#define LESS                                                                                       \
    "UPDATE flows SET taken = taken - 10, given = given - 10 WHERE minute = 11;"                   \
    "UPDATE balances SET booked = booked + 10 WHERE account = 3;"                                  \
    "UPDATE balances SET booked = booked - 10 WHERE account = 4;"
#define NO_GUARDS "DROP TRIGGER seals_stay; DROP TRIGGER seals_are_final;"

static void test_what_is_changed_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        const char *first;
        unsigned broken;
    } changes[] = {
        {LESS, "sums of packets were changed", 1},
        {"UPDATE flows SET packets = 1 WHERE minute = 11", "sums of packets were changed", 1},
        {"UPDATE flows SET minute = 9 WHERE minute = 10", "sums of packets were changed", 1},
        {"INSERT INTO flows VALUES (1, 10, 4, 3, 0, 0, 0)", "sums of packets were changed", 1},
        {"INSERT INTO flows VALUES (1, 99, 3, 4, 0, 0, 0)", "added to a time that was sealed", 1},
        {"INSERT INTO flows VALUES (1, 99, 4, 3, 5, 0, 0);"
         " UPDATE flows SET packets = 4 WHERE minute = 11",
         "sums of packets were changed", 2},
        {"DROP TRIGGER entries_stay; DELETE FROM entries WHERE note = 'last'",
         "lines of the audit were cut off", 1},
        {"DROP TRIGGER entries_are_final; UPDATE entries SET hash = randomblob(32)"
         " WHERE note = 'last'",
         "chain of sums was changed", 1},
        {NO_GUARDS "UPDATE seals SET entry = 0 WHERE id = 3", "chain of sums was changed", 1},
        {NO_GUARDS "UPDATE seals SET rows = 2 WHERE id = 3", "chain of sums was changed", 2},
        {NO_GUARDS "UPDATE seals SET run = 7 WHERE id = 3", "chain of sums was changed", 1},
        {NO_GUARDS "DELETE FROM seals WHERE id = 2", "chain of sums was changed", 2},
        {NO_GUARDS "DELETE FROM seals WHERE id = 1", "chain of sums was changed", 1},
        {"INSERT INTO days VALUES (0, 4, 3, 1, 0, 0)", "sums of days were changed", 1},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        tear_down(NULL);
        set_up(NULL);
        sent(10, 1);
        note("first");
        sent(11, 5);
        note("last");
        open_again();
        sent(12, 2);
        open_again();
        seal();
        assert_string_equal(audit().first, "");
        by_hand(changes[i].sql);
        rill_audit a = audit();
        if (a.broken_seals < changes[i].broken || strstr(a.first, changes[i].first) == NULL)
            fail_msg("%s: %u broken, %s", changes[i].sql, (unsigned)a.broken_seals, a.first);
        assert_int_equal(a.uneven_balances, 0);
    }
}

/* The look ends, and says why. */
static void is_malformed(rill_store_look *look, const char *sql)
{
    bool more = true;
    for (unsigned i = 0; more; i++) {
        if (i == 1000)
            fail_msg("%s: it never ends", sql);
        rill_sqlite_look(file, look, &more);
    }
    if (look->rc != RILL_ERR_MALFORMED || strstr(look->problem, "no number where one") == NULL)
        fail_msg("%s: %d %s", sql, look->rc, look->problem);
    rill_look_clear(look, rill_allocator_default());
}

/*
 * Something else than a number comes behind all numbers, and is read as 0: whoever goes on behind
 * such a row would come to it again and again.
 */
static void test_what_is_no_number(void **state)
{
    static const char *const changes[] = {
        "UPDATE flows SET minute = x'07' WHERE minute = 11",
        "UPDATE flows SET source = x'07' WHERE minute = 11",
        "UPDATE flows SET destination = 'x' WHERE minute = 11",
        "UPDATE flows SET packets = 'x' WHERE minute = 11",
        "INSERT INTO days VALUES (x'07', 4, 3, 1, 0, 0)",
        "INSERT INTO days VALUES (0, 4, x'07', 1, 0, 0)",
        "DROP TRIGGER entries_are_final; UPDATE entries SET account = x'07' WHERE note = 'last'",
        NO_GUARDS "UPDATE seals SET minute = x'07' WHERE id = 3",
        NO_GUARDS "UPDATE seals SET rows = 'x' WHERE id = 3",
    };
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const bool of_seals = strstr(changes[i], "seals") != NULL;
        const bool of_entries = strstr(changes[i], "entries") != NULL;
        tear_down(NULL);
        set_up(NULL);
        sent(10, 1);
        note("first");
        sent(11, 5);
        note("last");
        open_again();
        sent(12, 2);
        open_again();
        seal();
        by_hand(changes[i]);
        rill_store_look look = {.kind = RILL_LOOK_AUDIT};
        is_malformed(&look, changes[i]);
        rill_store_look statement = {
            .kind = RILL_LOOK_STATEMENT, .account = ALICE, .to_ms = UINT64_MAX, .step_minutes = 1};
        if (!of_seals && !of_entries)
            is_malformed(&statement, changes[i]);
        int rc = RILL_OK;
        bool more = true;
        for (unsigned steps = 0; more && rc == RILL_OK; steps++) {
            assert_in_range(steps, 0, 1000);
            rc = rill_sqlite_seal(file, &more);
        }
        assert_true(rc == RILL_OK || rc == RILL_ERR_MALFORMED);
        rill_sqlite_merging at = {.before_minute = 13};
        rc = RILL_OK;
        more = true;
        for (unsigned steps = 0; more && rc == RILL_OK; steps++) {
            assert_in_range(steps, 0, 1000);
            rc = rill_sqlite_merge(file, &at, &more);
        }
        assert_true(rc == RILL_OK || rc == RILL_ERR_MALFORMED);
    }
}

/* The first minute is in the hash of all that follow. */
static void test_each_line_continues(void **state)
{
    (void)state;
    rill_audit_head heads[3];
    for (unsigned i = 0; i < 3; i++) {
        tear_down(NULL);
        set_up(NULL);
        note(i == 2 ? "another" : "one");
        sent(10, i == 1 ? 2 : 1);
        open_again();
        seal();
        sent(20, 5);
        open_again();
        seal();
        heads[i] = audit().head;
        assert_int_equal(heads[i].seal, 3);
    }
    assert_memory_not_equal(heads[0].hash, heads[1].hash, sizeof heads[0].hash);
    assert_memory_not_equal(heads[0].hash, heads[2].hash, sizeof heads[0].hash);
}

static void test_lines_cannot_be_edited(void **state)
{
    (void)state;
    static const char *const wrong[] = {"DELETE FROM seals", "UPDATE seals SET rows = 7"};
    sent(10, 1);
    open_again();
    seal();
    rill_sqlite_close(file);
    file = NULL;
    for (size_t i = 0; i < 2; i++) {
        sqlite3 *db = NULL;
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, wrong[i], NULL, NULL, NULL), SQLITE_CONSTRAINT);
        sqlite3_close(db);
    }
    open_again();
}

/* Whoever kept the head finds what no chain can show: that its end is cut off, or made anew. */
static void test_a_head_that_was_kept(void **state)
{
    (void)state;
    const rill_audit_head none = audit().head;
    assert_int_equal(none.entry + none.seal, 0);
    assert_true(audit_since(&none).has_since);
    sent(10, 1);
    note("one");
    sent(11, 1);
    seal();
    const rill_audit_head kept = audit().head;
    assert_int_equal(kept.entry, 1);
    assert_int_equal(kept.seal, 2);
    assert_true(audit_since(&none).has_since);
    note("two");
    sent(12, 1);
    seal();
    const rill_audit_head later = audit().head;
    assert_int_equal(later.entry, 2);
    assert_int_equal(later.seal, 3);
    assert_true(audit_since(&kept).has_since);
    assert_true(audit_since(&later).has_since);
    rill_audit_head wrong = later;
    wrong.hash[31] ^= 1;
    assert_false(audit_since(&wrong).has_since);
    wrong = later;
    wrong.entry = UINT64_MAX;
    assert_false(audit_since(&wrong).has_since);
    wrong = later;
    wrong.entry = 1;
    assert_false(audit_since(&wrong).has_since);
    wrong = later;
    wrong.seal = 1;
    assert_false(audit_since(&wrong).has_since);
    assert_false(audit().has_since);
    /* The last line of money-less changes, with the seals that have seen it: else all is right. */
    by_hand("DROP TRIGGER entries_stay; DROP TRIGGER seals_stay;"
            "DELETE FROM entries WHERE id = 2; DELETE FROM seals WHERE id = 3");
    assert_string_equal(audit_since(&later).first, "");
    assert_false(audit_since(&later).has_since);
    assert_true(audit_since(&kept).has_since);
    /* All of the chain made anew, with other sums. */
    by_hand("DELETE FROM seals; DELETE FROM sealed_days;" LESS);
    seal();
    assert_string_equal(audit_since(&kept).first, "");
    assert_false(audit_since(&kept).has_since);
}

/* What is merged: the days have a digest after each step, and what was changed is not merged. */
static void test_days_are_sealed(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 450; i++)
        sent(10 * DAY + i, 1 + i % 7);
    open_again();
    sent(12 * DAY, 1);
    open_again();
    seal();
    assert_int_equal(merge(11 * DAY), RILL_OK);
    rill_audit a = audit();
    assert_int_equal(a.flows, 2);
    assert_string_equal(a.first, "");
    const rill_audit_head head = a.head;
    open_again();
    assert_int_equal(merge(13 * DAY), RILL_OK);
    assert_int_equal(audit().flows, 2); /* not the one of a run that is not sealed yet */
    seal();
    assert_int_equal(merge(13 * DAY), RILL_OK);
    a = audit_since(&head);
    assert_string_equal(a.first, "");
    assert_true(a.has_since);
    assert_int_equal(a.flows, 2); /* of two days */
    static const struct {
        const char *change;
        const char *back;
    } changes[] = {
        {"UPDATE days SET taken = taken - 1, given = given - 1 WHERE day = 10;"
         "UPDATE balances SET booked = booked + 1 WHERE account = 3;"
         "UPDATE balances SET booked = booked - 1 WHERE account = 4",
         "UPDATE days SET taken = taken + 1, given = given + 1 WHERE day = 10;"
         "UPDATE balances SET booked = booked - 1 WHERE account = 3;"
         "UPDATE balances SET booked = booked + 1 WHERE account = 4"},
        {"UPDATE days SET day = 11 WHERE day = 10", "UPDATE days SET day = 10 WHERE day = 11"},
        {"UPDATE days SET destination = 2 WHERE day = 10",
         "UPDATE days SET destination = 4 WHERE day = 10"},
        {"UPDATE days SET source = 2 WHERE day = 10", "UPDATE days SET source = 3 WHERE day = 10"},
        {"UPDATE days SET packets = packets + 1 WHERE day = 10",
         "UPDATE days SET packets = packets - 1 WHERE day = 10"},
        {"INSERT INTO days VALUES (10, 4, 3, 1, 0, 0)", "DELETE FROM days WHERE source = 4"},
        {"CREATE TABLE kept AS SELECT * FROM days; DELETE FROM days WHERE day = 12",
         "INSERT INTO days SELECT * FROM kept WHERE day = 12"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        by_hand(changes[i].change);
        a = audit();
        if (a.broken_seals != 1 || strstr(a.first, "sums of days were changed") == NULL)
            fail_msg("%s: %s", changes[i].change, a.first);
        by_hand(changes[i].back);
        assert_string_equal(audit().first, "");
    }
}

/* A merge that the disk does not take leaves no trace; the next one is whole. */
static void test_a_merge_that_fails(void **state)
{
    (void)state;
    const rill_store_setting stop = {"stop", "it", "now"};
    const rill_store_setting go = {"stop", "it", ""};
    rill_store_batch batch = {.settings = &stop, .setting_count = 1};
    for (uint64_t i = 0; i < 10; i++)
        sent(10 * DAY + i, 1);
    open_again();
    by_hand("CREATE TRIGGER stop BEFORE DELETE ON flows WHEN EXISTS (SELECT 1 FROM settings)"
            " BEGIN SELECT RAISE (ABORT, 'stopped'); END");
    seal();
    assert_int_equal(rill_sqlite_write(file, &batch), RILL_OK);
    assert_int_equal(merge(12 * DAY), RILL_ERR_IO);
    assert_int_equal(audit().flows, 10);
    batch.settings = &go;
    assert_int_equal(rill_sqlite_write(file, &batch), RILL_OK);
    assert_int_equal(merge(12 * DAY), RILL_OK);
    rill_audit a = audit();
    assert_string_equal(a.first, "");
    assert_int_equal(a.flows, 1);
}

static void test_what_was_changed_is_not_merged(void **state)
{
    (void)state;
    sent(10 * DAY, 1);
    sent(10 * DAY + 11, 5);
    sent(11 * DAY, 1);
    open_again();
    seal();
    by_hand("UPDATE flows SET packets = 4 WHERE minute = 10 * 1440 + 11");
    seal();
    assert_int_equal(merge(12 * DAY), RILL_ERR_MALFORMED);
    assert_non_null(strstr(rill_sqlite_problem(file), "not what was sealed"));
    rill_audit a = audit();
    assert_int_equal(a.flows, 3);
    assert_int_equal(a.broken_seals, 1);
    by_hand("UPDATE flows SET packets = 5 WHERE minute = 10 * 1440 + 11");
    seal();
    assert_int_equal(merge(12 * DAY), RILL_OK);
    assert_int_equal(audit().broken_seals, 0);
    assert_int_equal(audit().flows, 2);
    /* What was merged does not come again. */
    by_hand("INSERT INTO flows VALUES (1, 10 * 1440, 3, 4, 0, 0, 0)");
    assert_non_null(strstr(audit().first, "added to a time that was sealed"));
}

/* A process that is killed amid a line that is merged goes on with it. */
static void test_a_merge_that_was_cut_off(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 500; i++)
        sent(10 * DAY + i, 1);
    open_again();
    seal();
    rill_sqlite_merging at = {.before_minute = 11 * DAY};
    bool more = true;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(rill_sqlite_merge(file, &at, &more), RILL_OK);
    assert_true(more);
    open_again();
    assert_int_equal(number("SELECT count(*) FROM flows"), 300);
    assert_string_equal(audit().first, "");
    seal();
    assert_int_equal(merge(11 * DAY), RILL_OK);
    assert_string_equal(audit().first, "");
    assert_int_equal(audit().flows, 1);
}

/* Many rows: a line is of many minutes, but of one day and one run. */
static void test_books_of_before(void **state)
{
    (void)state;
    const uint64_t minutes = 2500;
    for (uint64_t i = 0; i < minutes; i++) {
        const rill_store_flow flow = {10 * DAY + i, ALICE, BOB, 1, {10, 0}, {9, 0}};
        const rill_store_batch batch = {
            .accounts = accounts, .account_count = ACCOUNTS, .flows = &flow, .flow_count = 1};
        assert_int_equal(rill_sqlite_write(file, &batch), RILL_OK);
    }
    booked[ALICE] = -10 * (int64_t)minutes;
    booked[BOB] = 9 * (int64_t)minutes;
    booked[EXCHANGE] = (int64_t)minutes;
    keep(NULL, NULL);
    open_again();
    sent(12 * DAY, 1);
    open_again();
    seal();
    rill_audit a = audit();
    assert_string_equal(a.first, "");
    assert_int_equal(a.unsealed, 0);
    assert_int_equal(a.seals, 1 + 2 + 1);
    assert_int_equal(number("SELECT count(*) FROM seals WHERE kind = 1 AND run = 1"), 2);
}

/* A store of form 6, with lines and sums: all of it is there, is sealed, and its hashes hold. */
static void test_form_6_is_brought_forward(void **state)
{
    (void)state;
    sent(10 * DAY, 1);
    sent(11 * DAY, 2);
    sent(12 * DAY, 3);
    const rill_store_entry old = {.at_ms = 7,
                                  .account = ALICE,
                                  .kind = RILL_ENTRY_CHANGE,
                                  .who = "maria",
                                  .note = "of before",
                                  .key = ""};
    keep(NULL, &old);
    by_hand("INSERT INTO days SELECT minute / 1440, source, destination, packets, taken, given"
            " FROM flows WHERE minute < 11 * 1440; DELETE FROM flows WHERE minute < 11 * 1440;"
            "DROP TABLE seals; DROP TABLE sealed_days; ALTER TABLE entries DROP COLUMN person;"
            "PRAGMA user_version = 6");
    assert_int_equal(number("PRAGMA user_version"), 7);
    rill_audit a = audit();
    assert_string_equal(a.first, "");
    assert_int_equal(a.entries, 1);
    assert_int_equal(a.flows, 3);
    assert_int_equal(a.unsealed, 2);
    seal();
    note("new");
    a = audit();
    assert_string_equal(a.first, "");
    assert_int_equal(a.unsealed, 0);
    assert_int_equal(a.seals, 3);
    assert_int_equal(merge(12 * DAY), RILL_OK);
    assert_string_equal(audit().first, "");
    by_hand("DROP TRIGGER entries_are_final; UPDATE entries SET person = 'me' WHERE id = 2");
    assert_int_equal(audit().broken_entries, 1);
    by_hand("UPDATE entries SET person = 'env:TOKEN' WHERE id = 2;"
            "UPDATE entries SET person = 'x' WHERE id = 1");
    assert_int_equal(audit().broken_entries, 1);
    by_hand("UPDATE entries SET person = '' WHERE id = 1");
    assert_int_equal(audit().broken_entries, 0);
    by_hand("UPDATE days SET packets = 9");
    assert_int_equal(audit().broken_seals, 1);
}

/* What stands for all days is not what was sealed: nothing is merged, and it is said. */
static void test_what_the_days_are(void **state)
{
    (void)state;
    bool more = true;
    sent(10, 1);
    open_again();
    seal();
    by_hand("UPDATE sealed_days SET parts = zeroblob(2047)");
    assert_int_equal(rill_sqlite_seal(file, &more), RILL_ERR_MALFORMED);
    assert_false(more);
    by_hand("UPDATE sealed_days SET parts = randomblob(2048)");
    assert_int_equal(rill_sqlite_seal(file, &more), RILL_ERR_MALFORMED);
    assert_non_null(strstr(rill_sqlite_problem(file), "not what was sealed"));
    assert_int_equal(merge(INT64_MAX), RILL_OK);
    assert_int_equal(audit().flows, 1);
    assert_int_equal(audit().broken_seals, 1);
    assert_non_null(strstr(audit().first, "what stands for all sums of days"));
    assert_int_equal(rill_sqlite_seal(file, &more), RILL_ERR_MALFORMED);
    assert_int_equal(merge(INT64_MAX), RILL_OK);
    assert_int_equal(audit().seals, 2);
    by_hand("UPDATE sealed_days SET seal = 77");
    assert_int_equal(rill_sqlite_seal(file, &more), RILL_ERR_MALFORMED);
    assert_int_equal(audit().broken_seals, 1);
}

static void nothing_is_sealed(void)
{
    bool more = true;
    const uint64_t lines = audit().seals;
    sent(99 * DAY, 1);
    open_again();
    assert_int_equal(rill_sqlite_seal(file, &more), RILL_ERR_MALFORMED);
    assert_false(more);
    assert_non_null(strstr(rill_sqlite_problem(file), "not what was sealed"));
    assert_int_equal(audit().seals, lines);
    assert_int_equal(merge(100 * DAY), RILL_OK);
    assert_int_equal(audit().seals, lines);
}

/*
 * The node does not seal what somebody else has made of the sums of days, with money moved so that
 * all balances add up: neither where what stands for them is taken out, with the first line or
 * without it, nor where it is what it was before the last merge.
 */
static void test_changed_days_are_not_sealed(void **state)
{
    (void)state;
    static const char *const ways[] = {
        "DELETE FROM sealed_days",
        "DELETE FROM sealed_days; DROP TRIGGER seals_stay; DELETE FROM seals WHERE id = 1",
        "INSERT OR REPLACE INTO sealed_days SELECT * FROM kept_sealed",
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        tear_down(NULL);
        set_up(NULL);
        sent(10 * DAY, 1);
        open_again();
        seal();
        assert_int_equal(merge(11 * DAY), RILL_OK);
        by_hand("CREATE TABLE kept_sealed AS SELECT * FROM sealed_days");
        sent(12 * DAY, 2);
        open_again();
        seal();
        assert_int_equal(merge(13 * DAY), RILL_OK);
        const rill_audit_head head = audit().head;
        assert_string_equal(audit().first, "");
        /* As before the second merge. */
        booked[ALICE] = -10;
        booked[EXCHANGE] = 1;
        booked[BOB] = 9;
        by_hand("DELETE FROM days WHERE day = 12;"
                "UPDATE balances SET booked = -10 WHERE account = 3;"
                "UPDATE balances SET booked = 1 WHERE account = 1;"
                "UPDATE balances SET booked = 9 WHERE account = 4");
        by_hand(ways[i]);
        nothing_is_sealed();
        const rill_audit a = audit_since(&head);
        assert_int_equal(a.uneven_balances, 0);
        assert_true(a.broken_seals >= 2);
    }
}

/* A node of before did so: an audit finds the line that it wrote. */
static void test_days_that_were_sealed_once_more(void **state)
{
    (void)state;
    rill_seal line = {.kind = RILL_SEAL_MERGED};
    rill_sqlite_days none = {{0}};
    sent(10, 1);
    open_again();
    seal();
    assert_string_equal(audit().first, "");
    assert_int_equal(rill_sqlite_begin(file), RILL_OK);
    assert_int_equal(rill_sqlite_digest_days(file, &none, line.digest), RILL_OK);
    assert_int_equal(rill_sqlite_put_seal(file, &line), RILL_OK);
    assert_int_equal(rill_sqlite_keep_days(file, &none, line.id), RILL_OK);
    assert_int_equal(rill_sqlite_finish(file, RILL_OK), RILL_OK);
    assert_int_equal(audit().broken_seals, 1);
    assert_non_null(strstr(audit().first, "were sealed once more"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_what_is_no_number),
        TEST(test_a_line_for_each_minute),
        TEST(test_what_is_changed_is_found),
        TEST(test_each_line_continues),
        TEST(test_lines_cannot_be_edited),
        TEST(test_a_head_that_was_kept),
        TEST(test_days_are_sealed),
        TEST(test_a_merge_that_fails),
        TEST(test_what_was_changed_is_not_merged),
        TEST(test_a_merge_that_was_cut_off),
        TEST(test_books_of_before),
        TEST(test_form_6_is_brought_forward),
        TEST(test_what_the_days_are),
        TEST(test_changed_days_are_not_sealed),
        TEST(test_days_that_were_sealed_once_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
