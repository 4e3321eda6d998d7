/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L /* mkstemp, threads */
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

#include "store/sqlite.h"
#include <cmocka.h>

static char path[64];
static char problem[RILL_SQLITE_PROBLEM];

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/rill-store-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    char other[80];
    unlink(path);
    snprintf(other, sizeof other, "%s-wal", path);
    unlink(other);
    return 0;
}

static rill_sqlite *opened(void)
{
    rill_sqlite *s = NULL;
    rill_sqlite_options o = {.path = path, .now_ms = 1000};
    assert_int_equal(rill_sqlite_open(&s, &o, problem), RILL_OK);
    assert_string_equal(problem, "");
    return s;
}

static void not_opened(int error, const char *why)
{
    rill_sqlite *s = NULL;
    rill_sqlite_options o = {.path = path};
    assert_int_equal(rill_sqlite_open(&s, &o, problem), error);
    assert_null(s);
    assert_non_null(strstr(problem, path));
    assert_non_null(strstr(problem, why));
}

/* SQLite's own way to files, but for another file that takes the name of the one that was opened.
 */
static sqlite3_vfs moving;
static const char *moved_in;

static int open_and_move(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                         int *out)
{
    int rc = sqlite3_vfs_find(NULL)->xOpen(vfs, name, file, flags, out);
    if (rc == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB) != 0 && moved_in != NULL) {
        assert_int_equal(rename(moved_in, name), 0);
        moved_in = NULL;
    }
    return rc;
}

/* A copy of the books has got the name between the node's opening and its lock. */
static void test_what_was_replaced_as_it_was_opened(void **state)
{
    (void)state;
    char copy[80];
    rill_sqlite *s = NULL;
    moving = *sqlite3_vfs_find(NULL);
    moving.zName = "moving";
    moving.xOpen = open_and_move;
    assert_int_equal(sqlite3_vfs_register(&moving, 0), SQLITE_OK);
    snprintf(copy, sizeof copy, "%s-copy", path);
    FILE *file = fopen(copy, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    rill_sqlite_options o = {.path = path, .vfs = "moving", .now_ms = 1000};
    moved_in = copy;
    assert_int_equal(rill_sqlite_open(&s, &o, problem), RILL_ERR_EXISTS);
    assert_non_null(strstr(problem, "another file has taken its place"));
    assert_int_equal(rill_sqlite_open(&s, &o, problem), RILL_OK);
    rill_sqlite_close(s);
    sqlite3_vfs_unregister(&moving);
}

/* By other means than ours. */
static int by_hand(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_close(db);
    return rc;
}

static rill_i128 number(uint64_t high, uint64_t low)
{
    return rill_wide_signed(rill_wide_of(high, low));
}

static const rill_store_account accounts[] = {
    {1, RILL_HOLDER_EXCHANGE, "", "USD", 2, 7},
    {2, RILL_HOLDER_OUTSIDE, "", "USD", 2, 7},
    {3, RILL_HOLDER_NEIGHBOUR, "alice", "USD", 2, UINT64_MAX / 4},
    {4, RILL_HOLDER_NEIGHBOUR, "bob", "USD", 2, 7},
};

/* Alice sends 100 of which bob gets 98; bob is settled with 50. */
static void write_something(rill_sqlite *s)
{
    const rill_store_balance balances[] = {
        {1, number(0, 2)},
        {2, number(0, 50)},
        {3, number(UINT64_MAX, (uint64_t)-100)},
        {4, number(0, 48)},
    };
    const rill_store_flow flows[] = {{9, 3, 4, 1, {100, 0}, {98, 0}}};
    const rill_store_entry entries[] = {
        {8, 4, RILL_ENTRY_SETTLED_OUT, 50, "engine", "", "k1", NULL},
    };
    const rill_store_batch batch = {accounts, 4, balances, 4, flows, 1, entries, 1,
                                    NULL,     0, NULL,     0, NULL,  0, 0};
    assert_int_equal(rill_sqlite_write(s, &batch), RILL_OK);
}

typedef struct found {
    unsigned keys;
    unsigned count;
    rill_i128 booked[8];
} found;

static int read_account(void *user, const rill_store_account *a, rill_i128 booked)
{
    found *f = user;
    const rill_store_account *want = &accounts[f->count++];
    assert_int_equal(a->id, want->id);
    assert_int_equal(a->holder, want->holder);
    assert_string_equal(a->name, want->name);
    assert_string_equal(a->asset, want->asset);
    assert_int_equal(a->scale, want->scale);
    assert_true(a->created_ms == want->created_ms);
    f->booked[a->id] = booked;
    return RILL_OK;
}

static int read_key(void *user, const rill_store_entry *entry)
{
    found *f = user;
    assert_int_equal(f->count, 4); /* accounts come first */
    assert_int_equal(entry->account, 4);
    assert_int_equal(entry->kind, RILL_ENTRY_SETTLED_OUT);
    assert_int_equal(entry->amount, 50);
    assert_string_equal(entry->key, "k1");
    f->keys++;
    return RILL_OK;
}

static void test_it_is_there_again(void **state)
{
    (void)state;
    rill_sqlite *s = opened();
    write_something(s);
    rill_sqlite_close(s);
    s = opened();
    found f = {0};
    const rill_store_reader reader = {.account = read_account, .key = read_key, .user = &f};
    assert_int_equal(rill_sqlite_read(s, &reader), RILL_OK);
    assert_int_equal(f.count, 4);
    assert_int_equal(f.keys, 1);
    assert_true(rill_wide_equal(f.booked[3], number(UINT64_MAX, (uint64_t)-100)));
    assert_true(rill_wide_equal(f.booked[4], number(0, 48)));
    rill_sqlite_close(s);
}

typedef struct route_list {
    char text[400];
} route_list;

static int read_route(void *user, const rill_store_route *route)
{
    route_list *list = user;
    size_t len = strlen(list->text);
    snprintf(list->text + len, sizeof list->text - len, "%s %.*s=%.*s;", route->account,
             (int)route->prefix.len, (const char *)route->prefix.data, (int)route->value.len,
             (const char *)route->value.data);
    return RILL_OK;
}

static rill_bytes bytes(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

static void write_routes(rill_sqlite *s, const rill_store_route *routes, size_t count)
{
    const rill_store_batch batch = {.routes = routes, .route_count = count};
    assert_int_equal(rill_sqlite_write(s, &batch), RILL_OK);
}

static void has_routes(rill_sqlite *s, const char *want)
{
    route_list list = {""};
    const rill_store_reader reader = {.route = read_route, .user = &list};
    assert_int_equal(rill_sqlite_read(s, &reader), RILL_OK);
    assert_string_equal(list.text, want);
}

/* By account and prefix; the last word counts, and an empty one takes it out. */
static void test_routes(void **state)
{
    (void)state;
    const rill_store_route first[] = {
        {"b", bytes("g.b"), bytes("1")},  {"a", bytes("g.z"), bytes("2")},
        {"a", bytes(""), bytes("table")}, {"", bytes("g.q"), bytes("b")},
        {"a", bytes("g.z"), bytes("3")},  {"a", bytes("g.y"), bytes("4")},
        {"a", bytes("g.y"), bytes("")},   {"b", bytes("g.none"), bytes("")},
    };
    rill_sqlite *s = opened();
    write_routes(s, first, sizeof first / sizeof *first);
    has_routes(s, " g.q=b;a =table;a g.z=3;b g.b=1;");
    rill_sqlite_close(s);
    s = opened();
    const rill_store_route second = {"b", bytes("g.b"), bytes("")};
    write_routes(s, &second, 1);
    has_routes(s, " g.q=b;a =table;a g.z=3;");
    rill_sqlite_close(s);
}

static void write_settings(rill_sqlite *s, const rill_store_setting *all, size_t count)
{
    const rill_store_batch batch = {.settings = all, .setting_count = count};
    assert_int_equal(rill_sqlite_write(s, &batch), RILL_OK);
}

static int read_setting(void *user, const rill_store_setting *t)
{
    char *all = user;
    size_t len = strlen(all);
    snprintf(all + len, 400 - len, "%s %s=%s;", t->kind, t->name, t->value);
    return RILL_OK;
}

static void has_settings(rill_sqlite *s, const char *want)
{
    char all[400] = "";
    const rill_store_reader reader = {.setting = read_setting, .user = all};
    assert_int_equal(rill_sqlite_read(s, &reader), RILL_OK);
    assert_string_equal(all, want);
}

/* In their order: the last word counts. */
static void test_settings(void **state)
{
    (void)state;
    const rill_store_setting first[] = {
        {"route", "g.b", "bob"}, {"account", "b", "{}"}, {"route", "g.b", "eve"},
        {"price", "EUR", "1/2"}, {"price", "EUR", ""},   {"price", "none", ""},
        {"route", "", "x"},
    };
    rill_sqlite *s = opened();
    write_settings(s, first, sizeof first / sizeof *first);
    has_settings(s, "account b={};route =x;route g.b=eve;");
    rill_sqlite_close(s);
    s = opened();
    const rill_store_setting second = {"route", "g.b", ""};
    write_settings(s, &second, 1);
    has_settings(s, "account b={};route =x;");
    rill_sqlite_close(s);
}

static void write_settlements(rill_sqlite *s, const rill_store_settlement *all, size_t count)
{
    const rill_store_batch batch = {.settlements = all, .settlement_count = count};
    assert_int_equal(rill_sqlite_write(s, &batch), RILL_OK);
}

static int read_settlement(void *user, const rill_store_settlement *t)
{
    char *all = user;
    size_t len = strlen(all);
    snprintf(all + len, 400 - len, "%u %d %s %s %s/%u %llu; ", t->account, (int)t->kind, t->key,
             t->engine, t->amount, (unsigned)t->scale, (unsigned long long)t->at_ms);
    return RILL_OK;
}

static void has_settlements(rill_sqlite *s, const char *want)
{
    char all[400] = "";
    const rill_store_reader reader = {.settlement = read_settlement, .user = all};
    assert_int_equal(rill_sqlite_read(s, &reader), RILL_OK);
    assert_string_equal(all, want);
}

static void test_settlements(void **state)
{
    (void)state;
    rill_sqlite *s = opened();
    write_something(s);
    const rill_store_settlement first[] = {
        {3, RILL_SETTLEMENT_OUT, "k1", "http://e", "900", 0, 7, false},
        {3, RILL_SETTLEMENT_LEFT_OUT, "", "", "51", 2, 0, false},
        {4, RILL_SETTLEMENT_IN, "k1", "http://e", "18446744073709551616", 255, 9, false},
        {3, RILL_SETTLEMENT_LEFT_OUT, "", "", "5", 1, 0, false},
    };
    write_settlements(s, first, 4);
    rill_sqlite_close(s);
    s = opened();
    has_settlements(s, "3 3   5/1 0; 3 1 k1 http://e 900/0 7; "
                       "4 2 k1 http://e 18446744073709551616/255 9; ");
    const rill_store_settlement second[] = {
        {3, RILL_SETTLEMENT_OUT, "k1", "", "", 0, 0, true},
        {4, RILL_SETTLEMENT_OUT, "none", "", "", 0, 0, true},
    };
    write_settlements(s, second, 2);
    has_settlements(s, "3 3   5/1 0; 4 2 k1 http://e 18446744073709551616/255 9; ");
    /* Of nobody's account: with all else of its batch it is not kept. */
    const rill_store_settlement nobody = {99, RILL_SETTLEMENT_OUT, "k", "", "1", 0, 0, false};
    const rill_store_balance balance = {3, number(0, 1)};
    const rill_store_batch batch = {
        .balances = &balance, .balance_count = 1, .settlements = &nobody, .settlement_count = 1};
    assert_int_equal(rill_sqlite_write(s, &batch), RILL_ERR_IO);
    found f = {0};
    const rill_store_reader reader = {.account = read_account, .user = &f};
    assert_int_equal(rill_sqlite_read(s, &reader), RILL_OK);
    assert_true(rill_wide_equal(f.booked[3], number(UINT64_MAX, (uint64_t)-100)));
    rill_sqlite_close(s);
}

/* A store of the version before, which had no routes, is brought forward with all that it has. */
static void test_version_1_is_brought_forward(void **state)
{
    (void)state;
    rill_sqlite *s = opened();
    write_something(s);
    rill_sqlite_close(s);
    assert_int_equal(
        by_hand("DROP TABLE routes; DROP TABLE settlements; DROP TABLE settings; DROP TABLE days; "
                "DROP TABLE seals; DROP TABLE sealed_days; ALTER TABLE entries DROP COLUMN person;"
                "ALTER TABLE runs DROP COLUMN kept;"
                " PRAGMA user_version = 1"),
        SQLITE_OK);
    s = opened();
    found f = {0};
    const rill_store_reader reader = {.account = read_account, .key = read_key, .user = &f};
    assert_int_equal(rill_sqlite_read(s, &reader), RILL_OK);
    assert_int_equal(f.count, 4);
    const rill_store_route route = {"a", bytes("g.a"), bytes("1")};
    write_routes(s, &route, 1);
    rill_sqlite_close(s);
    s = opened();
    has_routes(s, "a g.a=1;");
    rill_audit audit;
    assert_int_equal(rill_sqlite_audit(s, &audit), RILL_OK);
    assert_string_equal(audit.first, "");
    rill_sqlite_close(s);
}

static void test_amounts_beyond_64_bits(void **state)
{
    (void)state;
    rill_sqlite *s = opened();
    const uint64_t top = UINT64_C(1) << 63;
    const rill_i128 values[] = {number(0, top), number(0, top - 1), number(UINT64_MAX, top),
                                number(UINT64_MAX, top - 1)};
    rill_store_balance balances[4];
    for (uint32_t i = 0; i < 4; i++)
        balances[i] = (rill_store_balance){i + 1, values[i]};
    const rill_store_batch batch = {accounts, 4, balances, 4, NULL, 0, NULL, 0,
                                    NULL,     0, NULL,     0, NULL, 0, 0};
    assert_int_equal(rill_sqlite_write(s, &batch), RILL_OK);
    found f = {0};
    const rill_store_reader reader = {.account = read_account, .key = read_key, .user = &f};
    assert_int_equal(rill_sqlite_read(s, &reader), RILL_OK);
    for (uint32_t i = 0; i < 4; i++)
        assert_true(rill_wide_equal(f.booked[i + 1], values[i]));
    rill_sqlite_close(s);
}

static void test_a_batch_is_whole_or_nothing(void **state)
{
    (void)state;
    rill_sqlite *s = opened();
    write_something(s);
    /* The second entry has a key that is there. */
    const rill_store_balance balances[] = {{3, number(0, 1)}};
    const rill_store_entry entries[] = {
        {8, 3, RILL_ENTRY_DEPOSIT, 101, "a", "", "k2", NULL},
        {8, 4, RILL_ENTRY_DEPOSIT, 1, "a", "", "k1", NULL},
    };
    rill_store_batch batch = {NULL, 0, balances, 1, NULL, 0, entries, 2,
                              NULL, 0, NULL,     0, NULL, 0, 0};
    assert_int_equal(rill_sqlite_write(s, &batch), RILL_ERR_EXISTS);
    assert_non_null(strstr(rill_sqlite_problem(s), "UNIQUE"));
    /* An account that is another's number; a balance of nobody. */
    const rill_store_account wrong = {3, RILL_HOLDER_NEIGHBOUR, "carol", "USD", 2, 7};
    batch =
        (rill_store_batch){&wrong, 1, balances, 1, NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL, 0, 0};
    assert_int_equal(rill_sqlite_write(s, &batch), RILL_ERR_EXISTS);
    const rill_store_balance nobody = {77, number(0, 1)};
    batch = (rill_store_batch){NULL, 0, &nobody, 1, NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL, 0, 0};
    assert_int_equal(rill_sqlite_write(s, &batch), RILL_ERR_IO);
    found f = {0};
    const rill_store_reader reader = {.account = read_account, .key = read_key, .user = &f};
    assert_int_equal(rill_sqlite_read(s, &reader), RILL_OK);
    assert_true(rill_wide_equal(f.booked[3], number(UINT64_MAX, (uint64_t)-100)));
    /* The same key of another account, and the same account again, are no errors. */
    const rill_store_entry good = {8, 3, RILL_ENTRY_DEPOSIT, 0, "a", "", "k1", NULL};
    batch =
        (rill_store_batch){accounts, 4, NULL, 0, NULL, 0, &good, 1, NULL, 0, NULL, 0, NULL, 0, 0};
    assert_int_equal(rill_sqlite_write(s, &batch), RILL_OK);
    rill_audit audit;
    assert_int_equal(rill_sqlite_audit(s, &audit), RILL_OK);
    assert_string_equal(audit.first, "");
    assert_int_equal(audit.entries, 2);
    assert_int_equal(audit.flows, 1);
    assert_int_equal(audit.accounts, 4);
    rill_sqlite_close(s);
}

static void test_one_process_at_a_time(void **state)
{
    (void)state;
    rill_sqlite *s = opened();
    not_opened(RILL_ERR_ADDRESS_IN_USE, "another process has it open");
    write_something(s);
    not_opened(RILL_ERR_ADDRESS_IN_USE, "another process has it open");
    rill_sqlite_close(s);
    rill_sqlite_close(opened());
}

typedef struct runs {
    uint64_t last;
    uint64_t kept;
    unsigned count;
} runs;

static int read_run(void *user, uint64_t run, uint64_t kept)
{
    runs *r = user;
    assert_true(run > r->last);
    *r = (runs){run, kept, r->count + 1};
    return RILL_OK;
}

static runs runs_of(rill_sqlite *s)
{
    runs r = {0, 0, 0};
    const rill_store_reader reader = {.run = read_run, .user = &r};
    assert_int_equal(rill_sqlite_read(s, &reader), RILL_OK);
    return r;
}

/* A run leaves the number of its last group; the next one's first group closes it. */
static void test_groups_that_are_kept(void **state)
{
    (void)state;
    const rill_store_balance balances[] = {{1, number(0, 0)}};
    rill_store_batch batch = {.accounts = accounts, .account_count = 4, .group = 0};
    rill_sqlite *s = opened();
    assert_int_equal(rill_sqlite_run(s), 1);
    assert_int_equal(runs_of(s).count, 0);
    assert_int_equal(rill_sqlite_write(s, &batch), RILL_OK);
    batch = (rill_store_batch){.balances = balances, .balance_count = 1, .group = 1};
    assert_int_equal(rill_sqlite_write(s, &batch), RILL_OK);
    batch.group = 2;
    assert_int_equal(rill_sqlite_write(s, &batch), RILL_OK);
    rill_sqlite_close(s);
    s = opened();
    assert_int_equal(runs_of(s).count, 1);
    assert_int_equal(runs_of(s).kept, 2);
    batch = (rill_store_batch){.accounts = accounts, .account_count = 4, .group = 0};
    assert_int_equal(rill_sqlite_write(s, &batch), RILL_OK);
    assert_int_equal(runs_of(s).kept, 2);
    batch = (rill_store_batch){.balances = balances, .balance_count = 1, .group = 1};
    assert_int_equal(rill_sqlite_write(s, &batch), RILL_OK);
    assert_true(runs_of(s).kept == UINT64_MAX);
    rill_sqlite_close(s);
    s = opened();
    assert_int_equal(runs_of(s).count, 2);
    assert_int_equal(runs_of(s).last, 2);
    assert_int_equal(runs_of(s).kept, 1);
    rill_sqlite_close(s);
}

/* A store of form 1, as it was made then. */
static const char form_1[] =
    "PRAGMA application_id = 1382640748; PRAGMA user_version = 1;"
    "CREATE TABLE runs (id INTEGER PRIMARY KEY, began_ms INTEGER NOT NULL,"
    " version TEXT NOT NULL);"
    "CREATE TABLE accounts (id INTEGER PRIMARY KEY, holder INTEGER NOT NULL, name TEXT NOT NULL,"
    " asset TEXT NOT NULL, scale INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " UNIQUE (holder, name, asset, scale));"
    "CREATE TABLE balances (account INTEGER PRIMARY KEY REFERENCES accounts (id),"
    " booked NOT NULL);"
    "CREATE TABLE flows (run INTEGER NOT NULL REFERENCES runs (id), minute INTEGER NOT NULL,"
    " source INTEGER NOT NULL REFERENCES accounts (id),"
    " destination INTEGER NOT NULL REFERENCES accounts (id), packets INTEGER NOT NULL,"
    " taken NOT NULL, given NOT NULL,"
    " PRIMARY KEY (run, minute, source, destination)) WITHOUT ROWID;"
    "CREATE TABLE entries (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs (id),"
    " at_ms INTEGER NOT NULL, account INTEGER NOT NULL REFERENCES accounts (id),"
    " kind INTEGER NOT NULL, amount NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL, key TEXT,"
    " hash BLOB NOT NULL);"
    "CREATE UNIQUE INDEX entries_key ON entries (account, key) WHERE key IS NOT NULL;"
    "INSERT INTO runs VALUES (1, 7, '0.2.0'), (2, 8, '0.2.0');"
    "INSERT INTO accounts VALUES (1, 2, '', 'USD', 2, 7), (2, 3, '', 'USD', 2, 7),"
    " (3, 1, 'alice', 'USD', 2, 7), (4, 1, 'bob', 'USD', 2, 7);"
    "INSERT INTO balances VALUES (1, 2), (2, 0), (3, -100), (4, 98);"
    "INSERT INTO flows VALUES (1, 9, 3, 4, 1, 100, 98);";

static void test_an_older_form(void **state)
{
    (void)state;
    rill_audit audit;
    assert_int_equal(by_hand(form_1), SQLITE_OK);
    rill_sqlite *s = opened();
    assert_int_equal(rill_sqlite_run(s), 3);
    assert_int_equal(runs_of(s).count, 2);
    assert_true(runs_of(s).kept == UINT64_MAX);
    assert_int_equal(rill_sqlite_audit(s, &audit), RILL_OK);
    assert_string_equal(audit.first, "");
    assert_int_equal(audit.accounts, 4);
    assert_int_equal(audit.flows, 1);
    rill_sqlite_close(s);
    s = opened(); /* of the new form now */
    assert_int_equal(rill_sqlite_run(s), 4);
    rill_sqlite_close(s);
    assert_int_equal(by_hand("PRAGMA user_version = 0"), SQLITE_OK);
    not_opened(RILL_ERR_MALFORMED, "no version of Rill wrote such a store");
}

static void test_what_is_no_store(void **state)
{
    (void)state;
    rill_sqlite_close(opened());
    assert_int_equal(by_hand("PRAGMA user_version = 8"), SQLITE_OK);
    not_opened(RILL_ERR_UNSUPPORTED, "a newer version of Rill wrote it");
    assert_int_equal(by_hand("PRAGMA user_version = 0"), SQLITE_OK);
    not_opened(RILL_ERR_MALFORMED, "no version of Rill wrote such a store");
    assert_int_equal(by_hand("PRAGMA user_version = 1; PRAGMA application_id = 7"), SQLITE_OK);
    not_opened(RILL_ERR_MALFORMED, "is not a store");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 3000; i++)
        fputs("text ", file);
    assert_int_equal(fclose(file), 0);
    not_opened(RILL_ERR_MALFORMED, "not a database");
    unlink(path);
    rill_sqlite *s = NULL;
    rill_sqlite_options o = {.path = "/tmp/no such folder/x"};
    assert_int_equal(rill_sqlite_open(&s, &o, problem), RILL_ERR_IO);
    assert_non_null(strstr(problem, "/tmp/no such folder/x"));
    o = (rill_sqlite_options){.path = path, .read_only = true};
    assert_int_equal(rill_sqlite_open(&s, &o, problem), RILL_ERR_IO);
}

/* What somebody changes with other tools is found. */
static void test_the_audit_finds_changes(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        const char *first;
    } changes[] = {
        {"UPDATE balances SET booked = 49 WHERE account = 4",
         "account 4 (bob): booked 49, computed"},
        {"UPDATE flows SET given = 99", "account 1 (): booked 2, computed 1"},
        {"UPDATE flows SET taken = '99999999999999999999'", "computed"},
        {"DELETE FROM flows", "computed"},
        {"DROP TRIGGER entries_are_final; UPDATE entries SET amount = 51", "an entry was changed"},
        {"DROP TRIGGER entries_are_final; UPDATE entries SET who = 'me'", "an entry was changed"},
        {"DROP TRIGGER entries_stay; DELETE FROM entries WHERE id = 1", "an entry was changed"},
        {"UPDATE balances SET booked = booked + 1", "computed"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        rill_audit audit;
        unlink(path);
        rill_sqlite *s = opened();
        write_something(s);
        const rill_store_entry more = {9, 4, RILL_ENTRY_DEPOSIT, 0, "me", "later", "", NULL};
        const rill_store_batch batch = {.entries = &more, .entry_count = 1};
        assert_int_equal(rill_sqlite_write(s, &batch), RILL_OK);
        rill_sqlite_close(s);
        assert_int_equal(by_hand(changes[i].sql), SQLITE_OK);
        rill_sqlite_options o = {.path = path, .read_only = true};
        assert_int_equal(rill_sqlite_open(&s, &o, problem), RILL_OK);
        assert_int_equal(rill_sqlite_audit(s, &audit), RILL_OK);
        assert_non_null(strstr(audit.first, changes[i].first));
        rill_sqlite_close(s);
    }
}

static void test_the_audit_cannot_be_edited(void **state)
{
    (void)state;
    rill_sqlite *s = opened();
    write_something(s);
    rill_sqlite_close(s);
    assert_int_equal(by_hand("DELETE FROM entries"), SQLITE_CONSTRAINT);
    assert_int_equal(by_hand("UPDATE entries SET amount = 1"), SQLITE_CONSTRAINT);
}

static void test_values_that_cannot_be(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "UPDATE balances SET booked = 'many'",
        "UPDATE balances SET booked = 1.5",
        "UPDATE balances SET booked = x'00'",
        "UPDATE accounts SET scale = 256",
        "PRAGMA foreign_keys = OFF; UPDATE accounts SET id = -1 WHERE id = 1",
        "UPDATE flows SET given = ''",
        "UPDATE flows SET source = 99",
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        rill_audit audit;
        unlink(path);
        rill_sqlite *s = opened();
        write_something(s);
        rill_sqlite_close(s);
        assert_int_equal(by_hand(changes[i]), SQLITE_OK);
        s = opened();
        assert_int_equal(rill_sqlite_audit(s, &audit), RILL_ERR_MALFORMED);
        assert_non_null(strstr(rill_sqlite_problem(s), path));
        rill_sqlite_close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_it_is_there_again),
        TEST(test_what_was_replaced_as_it_was_opened),
        TEST(test_routes),
        TEST(test_settings),
        TEST(test_settlements),
        TEST(test_version_1_is_brought_forward),
        TEST(test_amounts_beyond_64_bits),
        TEST(test_a_batch_is_whole_or_nothing),
        TEST(test_one_process_at_a_time),
        TEST(test_groups_that_are_kept),
        TEST(test_an_older_form),
        TEST(test_what_is_no_store),
        TEST(test_the_audit_finds_changes),
        TEST(test_the_audit_cannot_be_edited),
        TEST(test_values_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
