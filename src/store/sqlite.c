/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Over 600 lines: the form of the file, its older forms, reading and writing know the same columns.
 */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "base/wide_text.h"
#include "crypto/ed25519.h"
#include "store/sqlite_impl.h"

/* "Rill": tells a store from any other file of SQLite's. */
enum { APPLICATION_ID = 0x52696c6c };

static const char *const statements[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    /* The same account again, of a batch that is written again, is no error; another one is. */
    [PUT_ACCOUNT] = "INSERT INTO accounts (id, holder, name, asset, scale, created_ms)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET id = id"
                    " WHERE holder = ?2 AND name = ?3 AND asset = ?4 AND scale = ?5",
    [PUT_BALANCE] = "INSERT INTO balances (account, booked) VALUES (?1, ?2)"
                    " ON CONFLICT (account) DO UPDATE SET booked = excluded.booked",
    [PUT_FLOW] = "INSERT INTO flows (run, minute, source, destination, packets, taken, given)"
                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                 " ON CONFLICT (run, minute, source, destination) DO UPDATE SET"
                 " packets = excluded.packets, taken = excluded.taken, given = excluded.given",
    [PUT_DAY] = "INSERT OR REPLACE INTO days (day, source, destination, packets, taken, given)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [PUT_ENTRY] =
        "INSERT INTO entries (run, at_ms, account, kind, amount, who, note, key, hash, person)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [PUT_ROUTE] = "INSERT INTO routes (account, prefix, value) VALUES (?1, ?2, ?3)"
                  " ON CONFLICT (account, prefix) DO UPDATE SET value = excluded.value",
    [DROP_ROUTE] = "DELETE FROM routes WHERE account = ?1 AND prefix = ?2",
    [PUT_SETTLEMENT] =
        "INSERT INTO settlements (account, kind, key, engine, amount, scale, at_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (account, kind, key) DO UPDATE SET"
        " engine = excluded.engine, amount = excluded.amount, scale = excluded.scale,"
        " at_ms = excluded.at_ms",
    [DROP_SETTLEMENT] = "DELETE FROM settlements WHERE account = ?1 AND kind = ?2 AND key = ?3",
    [PUT_SETTING] = "INSERT INTO settings (kind, name, value) VALUES (?1, ?2, ?3)"
                    " ON CONFLICT (kind, name) DO UPDATE SET value = excluded.value",
    [DROP_SETTING] = "DELETE FROM settings WHERE kind = ?1 AND name = ?2",
    [PUT_KEPT] = "UPDATE runs SET kept = ?2 WHERE id = ?1",
    [CLOSE_RUNS] = "UPDATE runs SET kept = 9223372036854775807 WHERE id < ?1",
    [LAST_HASH] = "SELECT hash FROM entries ORDER BY id DESC LIMIT 1",
};

/* Since version 2. */
#define ROUTES                                                                                     \
    "CREATE TABLE routes (account TEXT NOT NULL, prefix TEXT NOT NULL, value BLOB NOT NULL,"       \
    " PRIMARY KEY (account, prefix)) WITHOUT ROWID;"

/* Since version 4. */
#define SETTLEMENTS                                                                                \
    "CREATE TABLE settlements (account INTEGER NOT NULL REFERENCES accounts (id),"                 \
    " kind INTEGER NOT NULL, key TEXT NOT NULL, engine TEXT NOT NULL, amount TEXT NOT NULL,"       \
    " scale INTEGER NOT NULL, at_ms INTEGER NOT NULL,"                                             \
    " PRIMARY KEY (account, kind, key)) WITHOUT ROWID;"

/* Since version 5. */
#define SETTINGS                                                                                   \
    "CREATE TABLE settings (kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,"          \
    " PRIMARY KEY (kind, name)) WITHOUT ROWID;"

/* Since version 6. */
#define DAYS                                                                                       \
    "CREATE TABLE days (day INTEGER NOT NULL, source INTEGER NOT NULL REFERENCES accounts (id),"   \
    " destination INTEGER NOT NULL REFERENCES accounts (id), packets INTEGER NOT NULL,"            \
    " taken NOT NULL, given NOT NULL, PRIMARY KEY (day, source, destination)) WITHOUT ROWID;"

/* Since version 7. */
#define PERSON "person TEXT NOT NULL DEFAULT ''"
#define SEALS                                                                                      \
    "CREATE TABLE seals (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, run INTEGER NOT NULL,"     \
    " minute INTEGER NOT NULL, rows INTEGER NOT NULL, digest BLOB NOT NULL,"                       \
    " entry INTEGER NOT NULL, hash BLOB NOT NULL);"                                                \
    "CREATE INDEX seals_minutes ON seals (run, minute) WHERE kind = 1;"                            \
    "CREATE INDEX seals_merged ON seals (run, minute) WHERE kind = 2;"                             \
    "CREATE TRIGGER seals_stay BEFORE DELETE ON seals"                                             \
    " BEGIN SELECT RAISE (ABORT, 'a line of the chain of sums stays'); END;"                       \
    "CREATE TRIGGER seals_are_final BEFORE UPDATE ON seals"                                        \
    " BEGIN SELECT RAISE (ABORT, 'a line of the chain of sums is final'); END;"                    \
    "CREATE TABLE sealed_days (id INTEGER PRIMARY KEY CHECK (id = 1), seal INTEGER NOT NULL,"      \
    " parts BLOB NOT NULL);"

/* A whole number of up to 128 bits is an INTEGER if that can hold it, else TEXT in digits. */
static const char schema[] =
    "CREATE TABLE runs (id INTEGER PRIMARY KEY, began_ms INTEGER NOT NULL,"
    " version TEXT NOT NULL, kept INTEGER NOT NULL DEFAULT 0);"
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
    " hash BLOB NOT NULL, " PERSON ");"
    "CREATE UNIQUE INDEX entries_key ON entries (account, key) WHERE key IS NOT NULL;"
    "CREATE TRIGGER entries_stay BEFORE DELETE ON entries"
    " BEGIN SELECT RAISE (ABORT, 'a line of the audit stays'); END;"
    "CREATE TRIGGER entries_are_final BEFORE UPDATE ON entries"
    " BEGIN SELECT RAISE (ABORT, 'a line of the audit is final'); END;" ROUTES SETTLEMENTS SETTINGS
        DAYS SEALS;

/* From each form to the next one. What a run of form 2 left is not known: it counts as dealt with.
 */
static const char *const steps[] = {
    ROUTES,
    "ALTER TABLE runs ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;"
    " UPDATE runs SET kept = 9223372036854775807;",
    SETTLEMENTS,
    SETTINGS,
    DAYS,
    "ALTER TABLE entries ADD COLUMN " PERSON ";" SEALS,
};

/* ---- errors ---- */

static int error_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return RILL_ERR_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return RILL_ERR_ADDRESS_IN_USE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return RILL_ERR_MALFORMED;
    default:
        return rc == SQLITE_CONSTRAINT_UNIQUE ? RILL_ERR_EXISTS : RILL_ERR_IO;
    }
}

/* Says what SQLite says; returns our error. */
int rill_sqlite_failed(rill_sqlite *s, int rc)
{
    int error = error_of(rc);
    const char *path = sqlite3_db_filename(s->db, "main");
    snprintf(s->problem, sizeof s->problem, "%s: %s", path == NULL ? "the store" : path,
             error == RILL_ERR_ADDRESS_IN_USE ? "another process has it open"
                                              : sqlite3_errmsg(s->db));
    return error;
}

int rill_sqlite_wrong(rill_sqlite *s, int error, const char *what)
{
    snprintf(s->problem, sizeof s->problem, "%s: %s", sqlite3_db_filename(s->db, "main"), what);
    return error;
}

/* ---- statements ---- */

static int execute(rill_sqlite *s, const char *sql)
{
    int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? RILL_OK : rill_sqlite_failed(s, rc);
}

static int prepare(rill_sqlite *s, const char *sql, sqlite3_stmt **out)
{
    int rc = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    return rc == SQLITE_OK ? RILL_OK : rill_sqlite_failed(s, rc);
}

/* Runs a statement that gives no row, whose values are bound. */
static int finish(rill_sqlite *s, sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);
    int error = rc == SQLITE_DONE ? RILL_OK : rill_sqlite_failed(s, rc);
    sqlite3_reset(statement); /* says the same error again */
    return error;
}

static void bind_number(sqlite3_stmt *statement, int at, uint64_t value)
{
    if (value <= INT64_MAX) {
        sqlite3_bind_int64(statement, at, (int64_t)value);
        return;
    }
    char text[RILL_WIDE_TEXT];
    rill_wide_text(rill_wide(value), text);
    sqlite3_bind_text(statement, at, text, -1, SQLITE_TRANSIENT);
}

static void bind_wide(sqlite3_stmt *statement, int at, rill_i128 value)
{
    rill_u128 bits = rill_wide_bits(value);
    uint64_t high = rill_wide_high(bits);
    uint64_t low = rill_wide_low(bits);
    if ((high == 0 && low <= INT64_MAX) || (high == UINT64_MAX && low > INT64_MAX)) {
        int64_t number;
        memcpy(&number, &low, sizeof number);
        sqlite3_bind_int64(statement, at, number);
        return;
    }
    char text[RILL_WIDE_TEXT];
    rill_wide_signed_text(value, text);
    sqlite3_bind_text(statement, at, text, -1, SQLITE_TRANSIENT);
}

static void bind_sum(sqlite3_stmt *statement, int at, rill_sum sum)
{
    bind_wide(statement, at, rill_wide_signed(rill_wide_of(sum.high, sum.low)));
}

int rill_sqlite_are_numbers(rill_sqlite *s, sqlite3_stmt *statement, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        if (sqlite3_column_type(statement, i) != SQLITE_INTEGER)
            return rill_sqlite_wrong(s, RILL_ERR_MALFORMED,
                                     "there is no number where one has to be");
    }
    return RILL_OK;
}

/* A column that bind_wide wrote. */
int rill_sqlite_read_wide(rill_sqlite *s, sqlite3_stmt *statement, int column, rill_i128 *out)
{
    if (sqlite3_column_type(statement, column) == SQLITE_INTEGER) {
        int64_t number = sqlite3_column_int64(statement, column);
        *out = rill_wide_signed(rill_wide_of(number < 0 ? UINT64_MAX : 0, (uint64_t)number));
        return RILL_OK;
    }
    const char *text = (const char *)sqlite3_column_text(statement, column);
    if (sqlite3_column_type(statement, column) != SQLITE_TEXT || text == NULL ||
        rill_wide_signed_parse(text, (size_t)sqlite3_column_bytes(statement, column), out) !=
            RILL_OK)
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "an amount is no whole number");
    return RILL_OK;
}

/* ---- opening ---- */

/* The one number that a statement gives. */
static int read_number(rill_sqlite *s, const char *sql, int64_t *out)
{
    sqlite3_stmt *statement = NULL;
    int error = prepare(s, sql, &statement);
    if (error == RILL_OK) {
        int rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW)
            *out = sqlite3_column_int64(statement, 0);
        else
            error = rc == SQLITE_DONE
                        ? rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "is not a store of Rill's")
                        : rill_sqlite_failed(s, rc);
    }
    sqlite3_finalize(statement);
    return error;
}

/*
 * Once it is locked nobody gives its name to another file (sqlite_backup.c). Between its opening
 * and the lock somebody may have: then all that is booked would be in a file without a name.
 */
static int is_still_there(rill_sqlite *s)
{
    int moved = 0;
    (void)sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return moved == 0
               ? RILL_OK
               : rill_sqlite_wrong(s, RILL_ERR_EXISTS, "another file has taken its place just now");
}

/*
 * In this order: the lock is taken first, and kept until the process ends; without it two nodes
 * would write their balances over each other's.
 */
static int set_up(rill_sqlite *s, rill_durability durability)
{
    int64_t ignored = 0;
    int error = execute(s, "PRAGMA locking_mode = EXCLUSIVE");
    if (error == RILL_OK)
        error = read_number(s, "SELECT count(*) FROM sqlite_master", &ignored);
    if (error == RILL_OK)
        error = execute(s, "PRAGMA journal_mode = WAL");
    if (error == RILL_OK)
        error = execute(s, durability == RILL_DURABILITY_FULL ? "PRAGMA synchronous = FULL"
                                                              : "PRAGMA synchronous = NORMAL");
    if (error == RILL_OK)
        error = execute(s, "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
                           " PRAGMA cell_size_check = ON; BEGIN EXCLUSIVE; COMMIT");
    return error == RILL_OK ? is_still_there(s) : error;
}

/* Makes an empty file a store, or says why a file that is not empty is none. */
static int bring_forward(rill_sqlite *s, bool read_only)
{
    int64_t id = 0;
    int64_t version = 0;
    int64_t tables = 0;
    int error = read_number(s, "PRAGMA application_id", &id);
    if (error == RILL_OK)
        error = read_number(s, "PRAGMA user_version", &version);
    if (error == RILL_OK)
        error = read_number(s, "SELECT count(*) FROM sqlite_master", &tables);
    if (error != RILL_OK)
        return error;
    if (tables == 0 && id == 0) {
        char sql[sizeof schema + 256];
        snprintf(sql, sizeof sql,
                 "BEGIN IMMEDIATE; PRAGMA application_id = %d; PRAGMA user_version = %d; %s COMMIT",
                 APPLICATION_ID, RILL_SQLITE_SCHEMA, schema);
        return execute(s, sql);
    }
    if (id != APPLICATION_ID)
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "is not a store of Rill's");
    if (version > RILL_SQLITE_SCHEMA)
        return rill_sqlite_wrong(s, RILL_ERR_UNSUPPORTED, "a newer version of Rill wrote it");
    if (version < 1)
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "no version of Rill wrote such a store");
    for (; version < RILL_SQLITE_SCHEMA && error == RILL_OK; version++) {
        char sql[2048];
        (void)snprintf(sql, sizeof sql, "BEGIN IMMEDIATE; %s PRAGMA user_version = %d; COMMIT",
                       steps[version - 1], (int)version + 1);
        error = read_only
                    ? rill_sqlite_wrong(s, RILL_ERR_UNSUPPORTED,
                                        "an older version of Rill wrote it: start the node once")
                    : execute(s, sql);
    }
    return error;
}

static int begin_run(rill_sqlite *s, uint64_t now_ms)
{
    sqlite3_stmt *statement = NULL;
    int error = prepare(s, "INSERT INTO runs (began_ms, version) VALUES (?1, ?2)", &statement);
    if (error != RILL_OK)
        return error;
    bind_number(statement, 1, now_ms);
    sqlite3_bind_text(statement, 2, RILL_VERSION, -1, SQLITE_STATIC);
    error = finish(s, statement);
    sqlite3_finalize(statement);
    s->run = sqlite3_last_insert_rowid(s->db);
    return error;
}

static int prepare_all(rill_sqlite *s)
{
    for (size_t i = 0; i < STATEMENTS; i++) {
        int error = prepare(s, statements[i], &s->prepared[i]);
        if (error != RILL_OK)
            return error;
    }
    return RILL_OK;
}

static int read_last_hash(rill_sqlite *s)
{
    sqlite3_stmt *statement = s->prepared[LAST_HASH];
    int error = RILL_OK;
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW && sqlite3_column_bytes(statement, 0) == RILL_SHA256_LEN)
        memcpy(s->last_hash, sqlite3_column_blob(statement, 0), RILL_SHA256_LEN);
    else if (rc != SQLITE_DONE)
        error = rc == SQLITE_ROW ? rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "an entry has no hash")
                                 : rill_sqlite_failed(s, rc);
    sqlite3_reset(statement);
    return error;
}

/*
 * Where there are no books yet: a file that nobody else can read, whatever the umask says. What
 * SQLite puts beside it has the same mode. One that is there is not opened here: to close it would
 * take away the locks that this process may have on it.
 */
static void create_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd >= 0)
        close(fd); /* what went wrong, SQLite says */
}

int rill_sqlite_open(rill_sqlite **out, const rill_sqlite_options *options,
                     char problem[RILL_SQLITE_PROBLEM])
{
    const rill_allocator *allocator =
        options->allocator != NULL ? options->allocator : rill_allocator_default();
    rill_sqlite *s = rill_calloc(allocator, 1, sizeof *s);
    snprintf(problem, RILL_SQLITE_PROBLEM, "%s: out of memory", options->path);
    if (s == NULL)
        return RILL_ERR_NOMEM;
    s->allocator = allocator;
    s->in_no_hurry = options->durability != RILL_DURABILITY_FULL;
    s->sealing.wanted = true;
    int flags =
        SQLITE_OPEN_NOMUTEX |
        (options->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (!options->read_only && options->vfs == NULL)
        create_private(options->path);
    int rc = sqlite3_open_v2(options->path, &s->db, flags, options->vfs);
    int error = rc == SQLITE_OK ? RILL_OK : error_of(rc);
    if (error != RILL_OK && s->db != NULL)
        snprintf(s->problem, sizeof s->problem, "%s: %s", options->path, sqlite3_errmsg(s->db));
    if (error == RILL_OK) {
        sqlite3_extended_result_codes(s->db, 1);
        if (!options->read_only)
            error = set_up(s, options->durability);
    }
    if (error == RILL_OK)
        error = bring_forward(s, options->read_only);
    if (error == RILL_OK && !options->read_only)
        error = begin_run(s, options->now_ms);
    if (error == RILL_OK)
        error = prepare_all(s);
    if (error == RILL_OK)
        error = read_last_hash(s);
    if (error != RILL_OK) {
        if (s->problem[0] != '\0')
            memcpy(problem, s->problem, sizeof s->problem);
        rill_sqlite_close(s);
        return error;
    }
    problem[0] = '\0';
    *out = s;
    return RILL_OK;
}

void rill_sqlite_close(rill_sqlite *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(s->prepared[i]);
    sqlite3_close(s->db);
    rill_free(s->allocator, s);
}

uint64_t rill_sqlite_run(const rill_sqlite *s)
{
    return (uint64_t)s->run;
}

const char *rill_sqlite_problem(const rill_sqlite *s)
{
    return s->problem;
}

/* ---- reading ---- */

static int give_account(rill_sqlite *s, sqlite3_stmt *statement, const rill_store_reader *reader)
{
    int64_t id = sqlite3_column_int64(statement, 0);
    int64_t scale = sqlite3_column_int64(statement, 4);
    const char *name = (const char *)sqlite3_column_text(statement, 2);
    const char *asset = (const char *)sqlite3_column_text(statement, 3);
    rill_i128 booked = rill_wide_signed(rill_wide(0));
    if (name == NULL || asset == NULL)
        return rill_sqlite_failed(s, SQLITE_NOMEM);
    if (rill_sqlite_are_numbers(s, statement, 4, 2) != RILL_OK)
        return RILL_ERR_MALFORMED;
    if (id < 1 || id > UINT32_MAX || scale < 0 || scale > UINT8_MAX)
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "an account has numbers that cannot be");
    if (sqlite3_column_type(statement, 6) != SQLITE_NULL) {
        int error = rill_sqlite_read_wide(s, statement, 6, &booked);
        if (error != RILL_OK)
            return error;
    }
    const rill_store_account account = {
        .id = (rill_balance_id)id,
        .holder = (rill_holder)sqlite3_column_int(statement, 1),
        .name = name,
        .asset = asset,
        .scale = (uint8_t)scale,
        .created_ms = (uint64_t)sqlite3_column_int64(statement, 5),
    };
    return reader->account(reader->user, &account, booked);
}

int rill_sqlite_each_row(rill_sqlite *s, const char *sql, rill_sqlite_row *row, void *user)
{
    return rill_sqlite_each_of(s, sql, NULL, 0, row, user);
}

int rill_sqlite_each_of(rill_sqlite *s, const char *sql, const int64_t *values, int count,
                        rill_sqlite_row *row, void *user)
{
    sqlite3_stmt *statement = NULL;
    int error = prepare(s, sql, &statement);
    for (int i = 0; i < count && error == RILL_OK; i++)
        sqlite3_bind_int64(statement, i + 1, values[i]);
    while (error == RILL_OK) {
        int rc = sqlite3_step(statement);
        if (rc == SQLITE_DONE)
            break;
        error = rc == SQLITE_ROW ? row(s, statement, user) : rill_sqlite_failed(s, rc);
    }
    sqlite3_finalize(statement);
    return error;
}

static int account_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    return give_account(s, statement, user);
}

#define EVERY_ACCOUNT                                                                              \
    "SELECT id, holder, name, asset, scale, created_ms, booked FROM accounts"                      \
    " LEFT JOIN balances ON account = id ORDER BY id"

static int key_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    const rill_store_reader *reader = user;
    rill_i128 amount;
    int error = rill_sqlite_read_wide(s, statement, 2, &amount);
    if (error != RILL_OK)
        return error;
    const rill_store_entry entry = {
        .account = (rill_balance_id)sqlite3_column_int64(statement, 0),
        .kind = (rill_entry_kind)sqlite3_column_int(statement, 1),
        .amount = rill_wide_low(rill_wide_bits(amount)),
        .key = (const char *)sqlite3_column_text(statement, 3),
    };
    return entry.key == NULL ? rill_sqlite_failed(s, SQLITE_NOMEM)
                             : reader->key(reader->user, &entry);
}

static int route_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    const rill_store_reader *reader = user;
    const rill_store_route route = {
        .account = (const char *)sqlite3_column_text(statement, 0),
        .prefix = {sqlite3_column_text(statement, 1), (size_t)sqlite3_column_bytes(statement, 1)},
        .value = {sqlite3_column_blob(statement, 2), (size_t)sqlite3_column_bytes(statement, 2)},
    };
    return route.account == NULL ? rill_sqlite_failed(s, SQLITE_NOMEM)
                                 : reader->route(reader->user, &route);
}

static int settlement_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    const rill_store_reader *reader = user;
    int64_t id = sqlite3_column_int64(statement, 0);
    int64_t scale = sqlite3_column_int64(statement, 5);
    const rill_store_settlement settlement = {
        .account = (rill_balance_id)id,
        .kind = (rill_settlement_kind)sqlite3_column_int(statement, 1),
        .key = (const char *)sqlite3_column_text(statement, 2),
        .engine = (const char *)sqlite3_column_text(statement, 3),
        .amount = (const char *)sqlite3_column_text(statement, 4),
        .scale = (uint8_t)scale,
        .at_ms = (uint64_t)sqlite3_column_int64(statement, 6),
    };
    if (settlement.key == NULL || settlement.engine == NULL || settlement.amount == NULL)
        return rill_sqlite_failed(s, SQLITE_NOMEM);
    if (id < 1 || id > UINT32_MAX || scale < 0 || scale > UINT8_MAX)
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "a settlement has numbers that cannot be");
    return reader->settlement(reader->user, &settlement);
}

static int setting_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    const rill_store_reader *reader = user;
    const rill_store_setting setting = {
        .kind = (const char *)sqlite3_column_text(statement, 0),
        .name = (const char *)sqlite3_column_text(statement, 1),
        .value = (const char *)sqlite3_column_text(statement, 2),
    };
    if (setting.kind == NULL || setting.name == NULL || setting.value == NULL)
        return rill_sqlite_failed(s, SQLITE_NOMEM);
    return reader->setting(reader->user, &setting);
}

static int run_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    const rill_store_reader *reader = user;
    int64_t kept = sqlite3_column_int64(statement, 1);
    (void)s;
    return reader->run(reader->user, (uint64_t)sqlite3_column_int64(statement, 0),
                       kept == INT64_MAX ? UINT64_MAX : (uint64_t)kept);
}

int rill_sqlite_read(rill_sqlite *s, const rill_store_reader *reader)
{
    rill_store_reader copy = *reader;
    int error = RILL_OK;
    if (copy.account != NULL)
        error = rill_sqlite_each_row(s, EVERY_ACCOUNT, account_row, &copy);
    if (error == RILL_OK && copy.key != NULL)
        error = rill_sqlite_each_row(
            s, "SELECT account, kind, amount, key FROM entries WHERE key IS NOT NULL", key_row,
            &copy);
    if (error == RILL_OK && copy.route != NULL)
        error = rill_sqlite_each_row(
            s, "SELECT account, prefix, value FROM routes ORDER BY account, prefix", route_row,
            &copy);
    if (error == RILL_OK && copy.settlement != NULL)
        error = rill_sqlite_each_row(s,
                                     "SELECT account, kind, key, engine, amount, scale, at_ms"
                                     " FROM settlements ORDER BY at_ms, account, kind, key",
                                     settlement_row, &copy);
    if (error == RILL_OK && copy.setting != NULL)
        error = rill_sqlite_each_row(
            s, "SELECT kind, name, value FROM settings ORDER BY kind, name", setting_row, &copy);
    if (error == RILL_OK && copy.run != NULL)
        error = rill_sqlite_each_of(s, "SELECT id, kept FROM runs WHERE id < ?1 ORDER BY id",
                                    &s->run, 1, run_row, &copy);
    return error;
}

/* ---- writing ---- */

static int put_settlement(rill_sqlite *s, const rill_store_settlement *t)
{
    sqlite3_stmt *statement = s->prepared[t->gone ? DROP_SETTLEMENT : PUT_SETTLEMENT];
    sqlite3_bind_int64(statement, 1, t->account);
    sqlite3_bind_int(statement, 2, (int)t->kind);
    sqlite3_bind_text(statement, 3, t->key, -1, SQLITE_STATIC);
    if (!t->gone) {
        sqlite3_bind_text(statement, 4, t->engine, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 5, t->amount, -1, SQLITE_STATIC);
        sqlite3_bind_int(statement, 6, t->scale);
        bind_number(statement, 7, t->at_ms);
    }
    int error = finish(s, statement);
    sqlite3_clear_bindings(statement);
    return error;
}

static int put_setting(rill_sqlite *s, const rill_store_setting *t)
{
    bool gone = t->value[0] == '\0';
    sqlite3_stmt *statement = s->prepared[gone ? DROP_SETTING : PUT_SETTING];
    sqlite3_bind_text(statement, 1, t->kind, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, t->name, -1, SQLITE_STATIC);
    if (!gone)
        sqlite3_bind_text(statement, 3, t->value, -1, SQLITE_STATIC);
    int error = finish(s, statement);
    sqlite3_clear_bindings(statement);
    return error;
}

static int put_account(rill_sqlite *s, const rill_store_account *a)
{
    sqlite3_stmt *statement = s->prepared[PUT_ACCOUNT];
    sqlite3_bind_int64(statement, 1, a->id);
    sqlite3_bind_int(statement, 2, (int)a->holder);
    sqlite3_bind_text(statement, 3, a->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 4, a->asset, -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 5, a->scale);
    bind_number(statement, 6, a->created_ms);
    int error = finish(s, statement);
    if (error == RILL_OK && sqlite3_changes(s->db) != 1)
        error = rill_sqlite_wrong(s, RILL_ERR_EXISTS, "an account has the number of another");
    return error;
}

static int put_balance(rill_sqlite *s, const rill_store_balance *b)
{
    sqlite3_stmt *statement = s->prepared[PUT_BALANCE];
    sqlite3_bind_int64(statement, 1, b->id);
    bind_wide(statement, 2, b->booked);
    return finish(s, statement);
}

static int put_flow(rill_sqlite *s, const rill_store_flow *f)
{
    sqlite3_stmt *statement = s->prepared[PUT_FLOW];
    sqlite3_bind_int64(statement, 1, s->run);
    bind_number(statement, 2, f->minute);
    sqlite3_bind_int64(statement, 3, f->source);
    sqlite3_bind_int64(statement, 4, f->destination);
    bind_number(statement, 5, f->packets);
    bind_sum(statement, 6, f->taken);
    bind_sum(statement, 7, f->given);
    if (f->minute > s->sealing.newest) {
        s->sealing.newest = f->minute;
        s->sealing.wanted = true;
    }
    return finish(s, statement);
}

int rill_sqlite_put_day(rill_sqlite *s, const rill_sqlite_day *day)
{
    sqlite3_stmt *statement = s->prepared[PUT_DAY];
    sqlite3_bind_int64(statement, 1, day->day);
    sqlite3_bind_int64(statement, 2, day->source);
    sqlite3_bind_int64(statement, 3, day->destination);
    sqlite3_bind_int64(statement, 4, day->packets);
    bind_wide(statement, 5, day->taken);
    bind_wide(statement, 6, day->given);
    return finish(s, statement);
}

int rill_sqlite_hash_entry(const uint8_t before[RILL_SHA256_LEN], int64_t run,
                           const rill_store_entry *e, uint8_t out[RILL_SHA256_LEN])
{
    enum { SPACE = 4096 };
    char line[SPACE];
    int len = snprintf(line, sizeof line,
                       "%" PRId64 " %" PRIu64 " %" PRIu32 " %d %" PRIu64 " %zu:%s %zu:%s %zu:%s",
                       run, e->at_ms, e->account, (int)e->kind, e->amount, strlen(e->who), e->who,
                       strlen(e->note), e->note, strlen(e->key), e->key);
    /* Lines of before form 7 have none: their hashes stay as they are. */
    if (e->person != NULL && e->person[0] != '\0' && len > 0 && (size_t)len < sizeof line)
        len += snprintf(line + len, sizeof line - (size_t)len, " %zu:%s", strlen(e->person),
                        e->person);
    if (len < 0 || (size_t)len >= sizeof line - RILL_SHA256_LEN)
        return RILL_ERR_TOO_LARGE;
    uint8_t all[SPACE];
    memcpy(all, before, RILL_SHA256_LEN);
    memcpy(all + RILL_SHA256_LEN, line, (size_t)len);
    return rill_sha256(all, RILL_SHA256_LEN + (size_t)len, out);
}

static int put_entry(rill_sqlite *s, const rill_store_entry *e, uint8_t hash[RILL_SHA256_LEN])
{
    sqlite3_stmt *statement = s->prepared[PUT_ENTRY];
    uint8_t next[RILL_SHA256_LEN];
    int error = rill_sqlite_hash_entry(hash, s->run, e, next);
    if (error != RILL_OK)
        return rill_sqlite_wrong(s, error, "the hash of an entry could not be made");
    sqlite3_bind_int64(statement, 1, s->run);
    bind_number(statement, 2, e->at_ms);
    sqlite3_bind_int64(statement, 3, e->account);
    sqlite3_bind_int(statement, 4, (int)e->kind);
    bind_number(statement, 5, e->amount);
    sqlite3_bind_text(statement, 6, e->who, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 7, e->note, -1, SQLITE_STATIC);
    if (e->key[0] != '\0')
        sqlite3_bind_text(statement, 8, e->key, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, 8);
    sqlite3_bind_blob(statement, 9, next, sizeof next, SQLITE_TRANSIENT);
    sqlite3_bind_text(statement, 10, e->person == NULL ? "" : e->person, -1, SQLITE_STATIC);
    error = finish(s, statement);
    sqlite3_clear_bindings(statement); /* some of what is bound is the batch's */
    if (error == RILL_OK)
        memcpy(hash, next, sizeof next);
    return error;
}

static int put_route(rill_sqlite *s, const rill_store_route *r)
{
    sqlite3_stmt *statement = s->prepared[r->value.len > 0 ? PUT_ROUTE : DROP_ROUTE];
    const char *prefix = r->prefix.len > 0 ? (const char *)r->prefix.data : "";
    sqlite3_bind_text(statement, 1, r->account, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, prefix, (int)r->prefix.len, SQLITE_STATIC);
    if (r->value.len > 0)
        sqlite3_bind_blob(statement, 3, r->value.data, (int)r->value.len, SQLITE_STATIC);
    int error = finish(s, statement);
    sqlite3_clear_bindings(statement);
    return error;
}

/* Which groups are kept, of this run; and once, that nothing is left to be done of those before. */
static int put_kept(rill_sqlite *s, uint64_t group)
{
    sqlite3_stmt *statement = s->prepared[PUT_KEPT];
    sqlite3_bind_int64(statement, 1, s->run);
    bind_number(statement, 2, group);
    int error = finish(s, statement);
    if (error != RILL_OK || s->runs_closed)
        return error;
    sqlite3_bind_int64(s->prepared[CLOSE_RUNS], 1, s->run);
    return finish(s, s->prepared[CLOSE_RUNS]);
}

static int put_all(rill_sqlite *s, const rill_store_batch *batch, uint8_t hash[RILL_SHA256_LEN])
{
    int error = RILL_OK;
    for (size_t i = 0; i < batch->account_count && error == RILL_OK; i++)
        error = put_account(s, &batch->accounts[i]);
    for (size_t i = 0; i < batch->balance_count && error == RILL_OK; i++)
        error = put_balance(s, &batch->balances[i]);
    for (size_t i = 0; i < batch->flow_count && error == RILL_OK; i++)
        error = put_flow(s, &batch->flows[i]);
    for (size_t i = 0; i < batch->entry_count && error == RILL_OK; i++)
        error = put_entry(s, &batch->entries[i], hash);
    for (size_t i = 0; i < batch->route_count && error == RILL_OK; i++)
        error = put_route(s, &batch->routes[i]);
    for (size_t i = 0; i < batch->settlement_count && error == RILL_OK; i++)
        error = put_settlement(s, &batch->settlements[i]);
    for (size_t i = 0; i < batch->setting_count && error == RILL_OK; i++)
        error = put_setting(s, &batch->settings[i]);
    if (error == RILL_OK && batch->group != 0)
        error = put_kept(s, batch->group);
    sqlite3_clear_bindings(s->prepared[PUT_ACCOUNT]);
    return error;
}

/*
 * An engine is asked only for what the disk has, whatever the durability is: after the power went,
 * a debt that the engine has paid would else be owed again.
 */
static int hurry(rill_sqlite *s, bool now)
{
    return !s->in_no_hurry
               ? RILL_OK
               : execute(s, now ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
}

int rill_sqlite_be_lazy(rill_sqlite *s, bool on)
{
    return s->in_no_hurry
               ? RILL_OK
               : execute(s, on ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL");
}

int rill_sqlite_begin(rill_sqlite *s)
{
    return finish(s, s->prepared[BEGIN]);
}

int rill_sqlite_finish(rill_sqlite *s, int error)
{
    char problem[RILL_SQLITE_PROBLEM];
    if (error == RILL_OK)
        error = finish(s, s->prepared[COMMIT]);
    if (error == RILL_OK)
        return RILL_OK;
    memcpy(problem, s->problem, sizeof problem);
    /* Some errors have rolled back already: then this is one, too. */
    int rc = sqlite3_get_autocommit(s->db) ? RILL_OK : finish(s, s->prepared[ROLLBACK]);
    (void)rc;
    memcpy(s->problem, problem, sizeof problem);
    return error;
}

static int write_batch(rill_sqlite *s, const rill_store_batch *batch)
{
    uint8_t hash[RILL_SHA256_LEN];
    memcpy(hash, s->last_hash, sizeof hash);
    int error = rill_sqlite_begin(s);
    if (error != RILL_OK)
        return error;
    error = rill_sqlite_finish(s, put_all(s, batch, hash));
    if (error != RILL_OK)
        return error;
    memcpy(s->last_hash, hash, sizeof hash);
    s->runs_closed = s->runs_closed || batch->group != 0;
    return RILL_OK;
}

int rill_sqlite_write(rill_sqlite *s, const rill_store_batch *batch)
{
    bool hurries = batch->settlement_count > 0;
    int error = hurries ? hurry(s, true) : RILL_OK;
    if (error == RILL_OK)
        error = write_batch(s, batch);
    if (hurries) {
        char problem[RILL_SQLITE_PROBLEM];
        memcpy(problem, s->problem, sizeof problem);
        int rc = hurry(s, false);
        (void)rc; /* then it hurries on */
        memcpy(s->problem, problem, sizeof problem);
    }
    return error;
}
