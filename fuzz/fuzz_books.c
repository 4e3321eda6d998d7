/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of books that a disk has damaged, or somebody has edited: it is opened, a connector begins
 * with it, it is looked into and written. Nothing but an error that is documented comes of it, and
 * what nobody has changed is right.
 *
 * Input: the first byte says how the file is made. 0 to 127: rows of good books are changed, each
 * by a table, a column, a row, and a value. 128 to 254: bytes of good books are changed. 255: the
 * rest is the file.
 */
#include <sqlite3.h>
#include <stdio.h>

#include "books_world.h"
#include "program.h"
#include "store/look.h"
#include "support/crash_vfs.h"

enum { EXCHANGE = 1, OUTSIDE, ALICE, BOB, NODE, ACCOUNTS = NODE, DAY = 1440, STEPS = 100000 };

static uint8_t *good; /* a file */
static size_t good_len;
static uint64_t minute = UINT64_C(29700) * 1000;

static rill_sqlite *opened(void)
{
    char problem[RILL_SQLITE_PROBLEM] = "";
    rill_sqlite *s = NULL;
    const rill_sqlite_options o = {
        .path = "books", .vfs = CRASH_VFS, .now_ms = UINT64_C(1790000000000)};
    int rc = rill_sqlite_open(&s, &o, problem);
    CHECK((rc == RILL_OK) == (s != NULL));
    CHECK(rc == RILL_OK || rc == RILL_ERR_MALFORMED || rc == RILL_ERR_UNSUPPORTED ||
          rc == RILL_ERR_IO || rc == RILL_ERR_ADDRESS_IN_USE || rc == RILL_ERR_EXISTS);
    CHECK(rc == RILL_OK || problem[0] != '\0');
    CHECK(strlen(problem) < sizeof problem);
    return s;
}

/* ---- good books ---- */

static rill_i128 signed_of(int64_t value)
{
    return rill_wide_signed(rill_wide_of(value < 0 ? UINT64_MAX : 0, (uint64_t)value));
}

static void make_accounts(rill_sqlite *s)
{
    static const rill_store_account accounts[] = {
        {.id = EXCHANGE, .holder = RILL_HOLDER_EXCHANGE, .name = "", .asset = "USD", .scale = 2},
        {.id = OUTSIDE, .holder = RILL_HOLDER_OUTSIDE, .name = "", .asset = "USD", .scale = 2},
        {.id = ALICE, .holder = RILL_HOLDER_NEIGHBOUR, .name = "alice", .asset = "USD", .scale = 2},
        {.id = BOB, .holder = RILL_HOLDER_NEIGHBOUR, .name = "gone", .asset = "USD", .scale = 2},
        {.id = NODE, .holder = RILL_HOLDER_NODE, .name = "", .asset = "", .scale = 0},
    };
    static const rill_store_setting settings[] = {
        {"price", "EUR", "{\"price\":\"2\",\"who\":\"maria\",\"at\":1789999999000}"},
        {"proposal", "1", "{\"kind\":\"deposit\",\"account\":\"alice\",\"amount\":\"7\"}"},
        {"peer", "0123456789abcdef0123456789abcdef", "{\"state\":\"asked\"}"},
        {"webhook", "x", "7"},
        {"config", "node", "address\tg.x\nengines tokens env:X#\t0123456789abcdef\n"},
        {"config", "accounts-22", "@alice\nasset\tUSD/2\ntokens#\t0123456789abcdef\n"},
        {"config", "prints", "0123456789abcdef"},
        {"engine-tokens", "3", "http://127.0.0.1:3000 env:T\n"},
        {"account", "zoe", "{relation: child, asset: USD/2}"},
    };
    static const rill_store_settlement settlements[] = {
        {ALICE, RILL_SETTLEMENT_OUT, "0123456789abcdef", "http://e", "700", 2, 1, false},
        {ALICE, RILL_SETTLEMENT_IN, "key", "http://e", "7", 2, 1, false},
        {ALICE, RILL_SETTLEMENT_LEFT_OUT, "", "http://e", "3", 4, 1, false},
        {BOB, RILL_SETTLEMENT_LEFT_IN, "", "http://e", "9", 9, 1, false},
        {ALICE, RILL_SETTLEMENT_ENGINE, "", "http://e", "0", 2, 1, false},
    };
    static const rill_store_route route = {
        "carol", {(const uint8_t *)"g.y", 3}, {(const uint8_t *)"\1\0\0\0\0\0\0\0\0\0\3g.y", 14}};
    const rill_store_batch batch = {
        .accounts = accounts,
        .account_count = ACCOUNTS,
        .settings = settings,
        .setting_count = sizeof settings / sizeof *settings,
        .settlements = settlements,
        .settlement_count = sizeof settlements / sizeof *settlements,
        .routes = &route,
        .route_count = 1,
        .group = 1,
    };
    CHECK(rill_sqlite_write(s, &batch) == RILL_OK);
}

/* A payment from alice to bob, and a deposit of alice's. */
static int move(rill_sqlite *s, uint64_t at, uint64_t times, int64_t *alice, const char *key)
{
    const rill_store_flow flow = {at, ALICE, BOB, times, {0, 10 * times}, {0, 10 * times}};
    const rill_store_entry entry = {.at_ms = at * 60000,
                                    .account = ALICE,
                                    .kind = RILL_ENTRY_DEPOSIT,
                                    .amount = 5,
                                    .who = "maria",
                                    .note = "why",
                                    .key = key,
                                    .person = "env:A"};
    *alice += 5 - 10 * (int64_t)times;
    const rill_store_balance balances[] = {{ALICE, signed_of(*alice)}};
    const rill_store_batch batch = {.balances = balances,
                                    .balance_count = 1,
                                    .flows = &flow,
                                    .flow_count = 1,
                                    .entries = &entry,
                                    .entry_count = 1,
                                    .group = at};
    return rill_sqlite_write(s, &batch);
}

static int seal_all(rill_sqlite *s)
{
    int rc = RILL_OK;
    bool more = true;
    for (unsigned i = 0; more && rc == RILL_OK; i++) {
        CHECK(i < STEPS);
        rc = rill_sqlite_seal(s, &more);
    }
    return rc;
}

static int merge_all(rill_sqlite *s, uint64_t before)
{
    rill_sqlite_merging at = {.before_minute = (int64_t)before};
    int rc = RILL_OK;
    bool more = true;
    for (unsigned i = 0; more && rc == RILL_OK; i++) {
        CHECK(i < STEPS);
        rc = rill_sqlite_merge(s, &at, &more);
    }
    return rc;
}

static bool is_right(rill_sqlite *s)
{
    rill_audit audit;
    CHECK(rill_sqlite_audit(s, &audit) == RILL_OK);
    return audit.broken_entries + audit.broken_seals == 0;
}

static void make_good(void)
{
    int64_t alice = 0;
    crash_vfs_register();
    rill_sqlite *s = opened();
    CHECK(s != NULL);
    make_accounts(s);
    for (uint64_t day = 0; day < 3; day++) {
        char key[8];
        (void)snprintf(key, sizeof key, "k%u", (unsigned)day);
        CHECK(move(s, minute + day * DAY, 1 + day, &alice, key) == RILL_OK);
        CHECK(move(s, minute + day * DAY + 1, 2, &alice, "") == RILL_OK);
    }
    CHECK(seal_all(s) == RILL_OK && merge_all(s, minute + 2 * (uint64_t)DAY) == RILL_OK);
    CHECK(move(s, minute + 3 * (uint64_t)DAY, 1, &alice, "") == RILL_OK && seal_all(s) == RILL_OK);
    CHECK(is_right(s));
    rill_sqlite_close(s);
    const uint8_t *bytes = crash_vfs_get("books", &good_len);
    good = malloc(good_len);
    CHECK(bytes != NULL && good != NULL && good_len > 0);
    memcpy(good, bytes, good_len);
}

/* ---- changes ---- */

static sqlite3_stmt *prepared(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *out = NULL;
    CHECK(sqlite3_prepare_v2(db, sql, -1, &out, NULL) == SQLITE_OK);
    return out;
}

static void bind_value(program *p, sqlite3_stmt *s)
{
    const uint8_t kind = take_byte(p);
    rill_bytes bytes;
    switch (kind % 6) {
    case 0:
        sqlite3_bind_null(s, 1);
        break;
    case 1:
        sqlite3_bind_int64(s, 1, (sqlite3_int64)take_number(p));
        break;
    case 2:
        sqlite3_bind_int64(s, 1, (sqlite3_int64)(0 - take_number(p)));
        break;
    case 3:
        bytes = take_bytes(p, 200);
        sqlite3_bind_text(s, 1, (const char *)bytes.data, (int)bytes.len, SQLITE_TRANSIENT);
        break;
    case 4:
        bytes = take_bytes(p, 200);
        sqlite3_bind_blob(s, 1, bytes.data, (int)bytes.len, SQLITE_TRANSIENT);
        break;
    default:
        sqlite3_bind_double(s, 1, (double)take_number(p) / 3);
    }
}

/* The name of one of those that a statement gives; false: there is none. */
static bool choose(sqlite3 *db, const char *sql, unsigned which, char out[64])
{
    sqlite3_stmt *s = prepared(db, sql);
    unsigned count = 0;
    while (sqlite3_step(s) == SQLITE_ROW)
        count++;
    sqlite3_reset(s);
    for (unsigned i = 0; count > 0 && i <= which % count; i++)
        CHECK(sqlite3_step(s) == SQLITE_ROW);
    if (count > 0)
        (void)snprintf(out, 64, "%s", (const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    return count > 0;
}

static void change_row(program *p, sqlite3 *db)
{
    char table[64];
    char column[64];
    char sql[400];
    if (!choose(db, "SELECT name FROM sqlite_master WHERE type = 'table'", take_byte(p), table))
        return;
    (void)snprintf(sql, sizeof sql, "SELECT name FROM pragma_table_info('%s')", table);
    const uint8_t which = take_byte(p);
    CHECK(choose(db, sql, which, column));
    const unsigned row = take_byte(p) % 8;
    const uint8_t how = take_byte(p);
    /* By a column that is unique enough: rows of some tables have no number. */
    char first[64];
    CHECK(choose(db, sql, which / 16, first));
    if (how < 16)
        (void)snprintf(sql, sizeof sql,
                       "DELETE FROM %s WHERE \"%s\" IN (SELECT \"%s\" FROM %s LIMIT 1 OFFSET %u)",
                       table, first, first, table, row);
    else
        (void)snprintf(sql, sizeof sql,
                       "UPDATE OR IGNORE %s SET \"%s\" = ?1 WHERE \"%s\" IN"
                       " (SELECT \"%s\" FROM %s LIMIT 1 OFFSET %u)",
                       table, column, first, first, table, row);
    sqlite3_stmt *s = prepared(db, sql);
    if (how >= 16)
        bind_value(p, s);
    (void)sqlite3_step(s);
    sqlite3_finalize(s);
}

static void change_rows(program *p)
{
    sqlite3 *db = NULL;
    CHECK(sqlite3_open_v2("books", &db, SQLITE_OPEN_READWRITE, CRASH_VFS) == SQLITE_OK);
    CHECK(sqlite3_exec(db,
                       "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY;"
                       " PRAGMA ignore_check_constraints = ON; PRAGMA recursive_triggers = OFF;"
                       " DROP TRIGGER entries_stay; DROP TRIGGER entries_are_final;"
                       " DROP TRIGGER seals_stay; DROP TRIGGER seals_are_final",
                       NULL, NULL, NULL) == SQLITE_OK);
    for (unsigned i = 0; i < 20 && p->left > 0; i++)
        change_row(p, db);
    CHECK(sqlite3_close(db) == SQLITE_OK);
}

static void change_bytes(program *p)
{
    uint8_t *file = malloc(good_len);
    CHECK(file != NULL);
    memcpy(file, good, good_len);
    for (unsigned i = 0; i < 20 && p->left > 0; i++) {
        size_t at = (size_t)take_byte(p) << 16;
        at |= (size_t)take_byte(p) << 8;
        at = (at | take_byte(p)) % good_len;
        const rill_bytes bytes = take_bytes(p, 200);
        if (bytes.len > 0 && bytes.len <= good_len - at)
            memcpy(file + at, bytes.data, bytes.len);
    }
    crash_vfs_put("books", file, good_len);
    free(file);
}

/* ---- what is done with it ---- */

static void check_error(const rill_sqlite *s, int rc)
{
    CHECK(rc == RILL_OK || rc == RILL_ERR_MALFORMED || rc == RILL_ERR_IO || rc == RILL_ERR_EXISTS ||
          rc == RILL_ERR_NOMEM || rc == RILL_ERR_ADDRESS_IN_USE || rc == RILL_ERR_LIMIT ||
          rc == RILL_ERR_RANGE || rc == RILL_ERR_INVALID);
    CHECK(rc == RILL_OK || strlen(rill_sqlite_problem(s)) > 0);
}

static void look(rill_sqlite *s, rill_store_look *what)
{
    bool more = true;
    for (unsigned i = 0; more; i++) {
        CHECK(i < STEPS);
        rill_sqlite_look(s, what, &more);
    }
    check_error(s, what->rc);
    rill_look_clear(what, rill_allocator_default());
}

static void look_around(rill_sqlite *s)
{
    static const uint64_t steps[] = {1, 60, DAY, UINT64_C(1) << 40};
    rill_audit_head head = {.entry = 3, .seal = 2};
    rill_store_look audit = {.kind = RILL_LOOK_AUDIT, .since = &head};
    look(s, &audit);
    for (rill_balance_id id = ALICE - 1; id <= BOB; id++) {
        rill_store_look statement = {.kind = RILL_LOOK_STATEMENT,
                                     .account = id,
                                     .from_ms = id % 2 == 0 ? 0 : minute * 60000,
                                     .to_ms = id % 3 == 0 ? UINT64_MAX
                                                          : (minute + 2 * (uint64_t)DAY) * 60000,
                                     .step_minutes = steps[id % 4]};
        look(s, &statement);
    }
    rill_store_look lines = {.kind = RILL_LOOK_LINES, .after = 1, .most = 3};
    look(s, &lines);
}

static void begin_with(rill_sqlite *s)
{
    static books_world w;
    const books_before before = {.file = s};
    uint64_t line = 0;
    check_error(s, rill_sqlite_last_line(s, &line));
    if (!books_begin_after(&w, &before))
        return;
    for (unsigned i = 0; i < 3; i++) {
        books_turn(&w);
        if (w.batch != NULL)
            check_error(s, rill_sqlite_write(s, w.batch));
        books_written(&w, true);
    }
    books_end(&w);
}

static void use(bool unchanged)
{
    int64_t alice = 0;
    rill_audit audit;
    rill_sqlite *s = opened();
    CHECK(s != NULL || !unchanged);
    if (s == NULL)
        return;
    look_around(s);
    CHECK(!unchanged || is_right(s));
    begin_with(s);
    check_error(s, seal_all(s));
    check_error(s, merge_all(s, minute + 3 * (uint64_t)DAY));
    check_error(s, move(s, minute + 5 * (uint64_t)DAY, 1, &alice, "again"));
    check_error(s, seal_all(s));
    check_error(s, rill_sqlite_audit(s, &audit));
    CHECK(!unchanged || is_right(s));
    rill_sqlite_close(s);
    s = opened();
    rill_sqlite_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    program p = program_of(data, size);
    if (good == NULL)
        make_good();
    crash_vfs_reset();
    crash_vfs_put("books", good, good_len);
    const uint8_t how = take_byte(&p);
    const bool unchanged = p.left == 0;
    if (how < 128 && !unchanged)
        change_rows(&p);
    else if (how < 255 && !unchanged)
        change_bytes(&p);
    else if (how == 255)
        crash_vfs_put("books", p.at, p.left);
    use(unchanged && how < 255);
    return 0;
}
