/* SPDX-License-Identifier: Apache-2.0 */
/* The open file, for the files of this folder alone. */
#ifndef RILL_STORE_SQLITE_IMPL_H
#define RILL_STORE_SQLITE_IMPL_H

#include <limits.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "crypto/crypto.h"
#include "store/sqlite.h"

typedef enum statement_id {
    BEGIN,
    COMMIT,
    ROLLBACK,
    PUT_ACCOUNT,
    PUT_BALANCE,
    PUT_FLOW,
    PUT_DAY,
    PUT_ENTRY,
    PUT_ROUTE,
    DROP_ROUTE,
    PUT_SETTLEMENT,
    DROP_SETTLEMENT,
    PUT_SETTING,
    DROP_SETTING,
    PUT_KEPT,
    CLOSE_RUNS,
    LAST_HASH,
    STATEMENTS
} statement_id;

/* What is left of a day that is merged: rows of it as sqlite_days.c counts them. */
enum { RILL_DAYS_PARTS = 1024 };
typedef struct rill_sqlite_days {
    uint16_t parts[RILL_DAYS_PARTS];
} rill_sqlite_days;

/* How far a look has come: behind this row of flows, and behind this entry. */
typedef struct rill_sqlite_place {
    int64_t run;
    int64_t minute;
    int64_t source;
    int64_t destination;
    int64_t entry;
} rill_sqlite_place;

/* Rows and entries before these do not change any more. */
typedef struct rill_sqlite_end {
    int64_t run;
    int64_t minute;
    int64_t entry;
} rill_sqlite_end;

/* What packets between two accounts booked in a day, in all runs, of minutes that are merged. */
typedef struct rill_sqlite_day {
    int64_t day; /* since 1970 */
    int64_t source;
    int64_t destination;
    int64_t packets;
    rill_i128 taken;
    rill_i128 given;
} rill_sqlite_day;

/* A row of flows. */
typedef struct rill_sqlite_flow {
    int64_t run;
    int64_t minute;
    int64_t source;
    int64_t destination;
    int64_t packets;
    rill_i128 taken;
    rill_i128 given;
} rill_sqlite_flow;

/*
 * A line of the chain of sums. MINUTES: the sums of a run behind the line of this kind before it,
 * up to this minute, and they do not change any more; digest is over these rows. MERGED: rows of
 * the run up to this minute became sums of days; digest is over all sums of days as they are since.
 * Run 0: the first line of all, with the sums of days that there were. The numbers are in files.
 */
typedef enum rill_seal_kind { RILL_SEAL_MINUTES = 1, RILL_SEAL_MERGED = 2 } rill_seal_kind;
typedef struct rill_seal {
    int64_t id; /* 1, 2, ...: without a gap */
    rill_seal_kind kind;
    int64_t run;
    int64_t minute;
    int64_t rows;
    uint8_t digest[RILL_SHA256_LEN];
    int64_t entry; /* the newest line of the audit then; 0: there was none */
    uint8_t hash[RILL_SHA256_LEN];
} rill_seal;

/* Sums that are being sealed: sqlite_seal.c. */
typedef struct rill_sqlite_sealing {
    bool wanted;     /* a minute of this run is over, or the file was just opened */
    uint64_t newest; /* the newest minute of this run that was written */
    enum { RILL_SEALING_NOT, RILL_SEALING_DAYS, RILL_SEALING_MINUTES } phase;
    bool days_known; /* `days` is what the file has */
    rill_sqlite_days days;
    rill_sqlite_day day; /* that was counted last */
    rill_sqlite_place at;
    rill_sqlite_end end;
    rill_seal next; /* that grows */
} rill_sqlite_sealing;

struct rill_sqlite {
    const rill_allocator *allocator;
    sqlite3 *db;
    sqlite3_stmt *prepared[STATEMENTS];
    int64_t run;
    bool in_no_hurry; /* the disk may have a batch later than the system has */
    bool runs_closed; /* those before: what they left is in the books */
    rill_sqlite_sealing sealing;
    uint8_t last_hash[RILL_SHA256_LEN]; /* of the newest entry that is kept; zeros: there is none */
    char problem[RILL_SQLITE_PROBLEM];
};

/* Says what SQLite says, and returns our error for it. */
int rill_sqlite_failed(rill_sqlite *s, int rc);
/* Says what is wrong, and returns the error. */
int rill_sqlite_wrong(rill_sqlite *s, int error, const char *what);

/*
 * Do these columns have whole numbers? Whoever goes on behind a row that has something else in
 * their place would come to it again and again. RILL_ERR_MALFORMED.
 */
RILL_MUST_CHECK int rill_sqlite_are_numbers(rill_sqlite *s, sqlite3_stmt *statement, int first,
                                            int count);
/* A column that has a whole number: an INTEGER, or digits. */
RILL_MUST_CHECK int rill_sqlite_read_wide(rill_sqlite *s, sqlite3_stmt *statement, int column,
                                          rill_i128 *out);
typedef int rill_sqlite_row(rill_sqlite *s, sqlite3_stmt *statement, void *user);
/* Gives each row that a statement has. */
RILL_MUST_CHECK int rill_sqlite_each_row(rill_sqlite *s, const char *sql, rill_sqlite_row *row,
                                         void *user);
/* The same with values for ?1, ?2, ... */
RILL_MUST_CHECK int rill_sqlite_each_of(rill_sqlite *s, const char *sql, const int64_t *values,
                                        int count, rill_sqlite_row *row, void *user);

/* How many rows a step of a look reads, one of merging moves, one reads of days, and one seals. */
enum { RILL_LOOK_STEP = 1000, RILL_MERGE_STEP = 200, RILL_DAYS_STEP = 500, RILL_SEAL_STEP = 500 };
/* A line of the chain of sums is of one minute, or of more until it has so many rows. */
enum { RILL_SEAL_ROWS = 2000 };

/* Columns of `row`: day, source, destination, packets, taken, given; behind this one. */
RILL_MUST_CHECK int rill_sqlite_days_from(rill_sqlite *s, const rill_sqlite_day *behind,
                                          int64_t most, rill_sqlite_row *row, void *user);
RILL_MUST_CHECK int rill_sqlite_day_of(rill_sqlite *s, sqlite3_stmt *statement,
                                       rill_sqlite_day *out);
/* In a transaction, in the place of what was there. */
RILL_MUST_CHECK int rill_sqlite_put_day(rill_sqlite *s, const rill_sqlite_day *day);
/* A transaction; what was an error ends it with nothing done, and is returned. */
RILL_MUST_CHECK int rill_sqlite_begin(rill_sqlite *s);
RILL_MUST_CHECK int rill_sqlite_finish(rill_sqlite *s, int error);
/* While it is on, nobody waits for the disk: what is written is there with what is written next. */
RILL_MUST_CHECK int rill_sqlite_be_lazy(rill_sqlite *s, bool on);

RILL_MUST_CHECK int rill_sqlite_find_end(rill_sqlite *s, rill_sqlite_end *out);
/* Columns of `row`, in this order: run, minute, source, destination, packets, taken, given. */
RILL_MUST_CHECK int rill_sqlite_flows_from(rill_sqlite *s, const rill_sqlite_place *at,
                                           const rill_sqlite_end *end, int64_t most,
                                           rill_sqlite_row *row, void *user);
RILL_MUST_CHECK int rill_sqlite_flow_of(rill_sqlite *s, sqlite3_stmt *statement,
                                        rill_sqlite_flow *out);
/* run, at_ms, account, kind, amount, who, note, key, hash, id, person. */
RILL_MUST_CHECK int rill_sqlite_entries_from(rill_sqlite *s, const rill_sqlite_place *at,
                                             const rill_sqlite_end *end, int64_t most,
                                             rill_sqlite_row *row, void *user);
/* An entry of such a row; its texts are the statement's. */
RILL_MUST_CHECK int rill_sqlite_entry_of(rill_sqlite *s, sqlite3_stmt *statement,
                                         rill_store_entry *out);

/* sqlite_lines.c: for RILL_LOOK_LINES. The errors of rill_sqlite_read. */
RILL_MUST_CHECK int rill_sqlite_look_at_lines(rill_sqlite *s, rill_store_look *look);

/* sqlite_seal.c. All of these: the errors of rill_sqlite_read, RILL_ERR_CRYPTO. */

/* SHA-256 of the digest before it and of this row. */
RILL_MUST_CHECK int rill_sqlite_digest_flow(rill_sqlite *s, uint8_t digest[RILL_SHA256_LEN],
                                            const rill_sqlite_flow *flow);
/* What the hash of a line has to be. entry_hash: of the line of the audit that it names. */
RILL_MUST_CHECK int rill_sqlite_hash_seal(const rill_seal *seal,
                                          const uint8_t before[RILL_SHA256_LEN],
                                          const uint8_t entry_hash[RILL_SHA256_LEN],
                                          uint8_t out[RILL_SHA256_LEN]);
/* The first line behind this id, or with `kind` above 0 the first of this kind, run and minute or
 * later minutes; id 0: there is none. */
RILL_MUST_CHECK int rill_sqlite_seal_behind(rill_sqlite *s, int64_t id, rill_seal *out);
RILL_MUST_CHECK int rill_sqlite_seal_of_minutes(rill_sqlite *s, int64_t run, int64_t behind,
                                                rill_seal *out);
/* Up to which minute rows of a run are merged; -1: none is. */
RILL_MUST_CHECK int rill_sqlite_merged_to(rill_sqlite *s, int64_t run, int64_t *out);
/* Writes the next line, in a transaction: id, entry and hash are set here. */
RILL_MUST_CHECK int rill_sqlite_put_seal(rill_sqlite *s, rill_seal *seal);
/* The same of RILL_SEAL_MERGED, with what `days` is by now. */
RILL_MUST_CHECK int rill_sqlite_put_merged(rill_sqlite *s, int64_t run, int64_t minute,
                                           int64_t rows);

/* sqlite_days.c */

/* A row more, or a row less. */
RILL_MUST_CHECK int rill_sqlite_count_day(rill_sqlite *s, rill_sqlite_days *days,
                                          const rill_sqlite_day *day, bool less);
RILL_MUST_CHECK int rill_sqlite_digest_days(rill_sqlite *s, const rill_sqlite_days *days,
                                            uint8_t out[RILL_SHA256_LEN]);
/* What the file has; false: it has none yet, and nothing is sealed. RILL_ERR_MALFORMED: it is not
 * what was sealed last. */
RILL_MUST_CHECK int rill_sqlite_read_days(rill_sqlite *s, rill_sqlite_days *out, bool *there);
/* In a transaction. seal: the line that has its digest. */
RILL_MUST_CHECK int rill_sqlite_keep_days(rill_sqlite *s, const rill_sqlite_days *days,
                                          int64_t seal);

/* sqlite_head.c */

/*
 * All that is written is on the disk, whatever the durability is, and lines of the chain of sums,
 * for which nobody waits: who keeps a head would else be told after a power cut that the books are
 * others. RILL_ERR_IO.
 */
RILL_MUST_CHECK int rill_sqlite_reach_disk(rill_sqlite *s);
/* The newest of both chains. */
RILL_MUST_CHECK int rill_sqlite_head(rill_sqlite *s, rill_audit_head *out);
/* Do both chains have these lines still? */
RILL_MUST_CHECK int rill_sqlite_has_head(rill_sqlite *s, const rill_audit_head *head, bool *out);
/* The hash of a line; false: there is no such line. id 0 has one of zeros. */
RILL_MUST_CHECK int rill_sqlite_hash_of(rill_sqlite *s, bool seal, int64_t id,
                                        uint8_t out[RILL_SHA256_LEN], bool *there);

/* sqlite_check.c: are the sums of packets what was sealed? */
typedef struct rill_seal_check {
    rill_sqlite *store;
    rill_audit *out;
    int64_t until;                 /* lines behind it came later */
    rill_seal seal;                /* of the rows that come next; id 0: none is left */
    uint8_t hash[RILL_SHA256_LEN]; /* of the line before */
    int64_t line;                  /* its id */
    int64_t merged_run;
    int64_t merged_to; /* of that run */
    int64_t before;    /* the minute of the line of minutes before, of the same run; -1 */
    int64_t rows;
    uint8_t digest[RILL_SHA256_LEN];
    rill_sqlite_days days;
    uint8_t days_digest[RILL_SHA256_LEN]; /* of the last line that has one */
    bool days_sealed;
} rill_seal_check;
RILL_MUST_CHECK int rill_seal_check_begin(rill_seal_check *c, rill_sqlite *s, rill_audit *out);
RILL_MUST_CHECK int rill_seal_check_flow(rill_seal_check *c, const rill_sqlite_flow *flow);
RILL_MUST_CHECK int rill_seal_check_day(rill_seal_check *c, const rill_sqlite_day *day);
RILL_MUST_CHECK int rill_seal_check_end(rill_seal_check *c);
/* The first that is wrong, for people. */
void rill_audit_note(rill_audit *out, const char *what);

/* sqlite_place.c: what is there where a copy is to be. No link is followed. */

typedef struct rill_backup_folder {
    int fd;
    char path[PATH_MAX];          /* without links in it */
    char books[RILL_BACKUP_PATH]; /* the file that is copied */
} rill_backup_folder;

bool rill_same_file(const struct stat *a, const struct stat *b);
/*
 * The first bytes of a file of this name: *len of them, or fewer where it ends before. Of none that
 * SQLite locks. RILL_ERR_NOT_FOUND: it is not there. RILL_ERR_INVALID: it is no regular file, it is
 * the books themselves, or it cannot be read.
 */
RILL_MUST_CHECK int rill_backup_head_of(const rill_backup_folder *f, const char *name, void *head,
                                        size_t *len);
/*
 * The same of a database, or of what may be one. Until sqlite3_close(*out) nobody else opens it,
 * whatever becomes of its name. RILL_ERR_EXISTS: somebody has it open, in this process or another.
 */
RILL_MUST_CHECK int rill_backup_hold(sqlite3 **out, const rill_backup_folder *f, const char *name,
                                     void *head, size_t *len);
/*
 * Where nothing is there, a node may begin before what is beside is cleared, and that would be its
 * own log then. So an empty file gets the name, and is held until sqlite3_close(*out).
 * RILL_ERR_EXISTS: somebody has begun one. RILL_ERR_IO.
 */
RILL_MUST_CHECK int rill_backup_make_place(sqlite3 **out, const rill_backup_folder *f,
                                           const char *name);
/* Is it the books' own file, or one that SQLite or the node has beside it? */
bool rill_backup_is_of_books(const rill_backup_folder *f, const struct stat *folder,
                             const char *file);
/*
 * What a name ends with that would make the file one beside others: SQLite plays a "books-journal"
 * into "books", whatever is in it. NULL: it is the name of no such file.
 */
const char *rill_backup_end_of_beside(const char *file);

/* sqlite_backup.c: for RILL_LOOK_BACKUP. */
typedef struct rill_backup rill_backup;
/* NULL: no memory, or no thread. */
rill_backup *rill_backup_new(rill_sqlite *s, rill_store_look *look);
/* As rill_sqlite_look. */
RILL_MUST_CHECK int rill_backup_step(rill_backup *b, bool *more);
/* Nothing is copied any more, and the books may be closed. Waits for no disk. NULL is allowed. */
void rill_backup_leave_books(rill_backup *b);
/*
 * What is not whole is taken away. Waits for the copy's disk. RILL_OK: the copy has its name. Where
 * there is a reason why it has not, and problem is not NULL, that is in it. RILL_ERR_CLOSED: it was
 * not whole, or b is NULL.
 */
int rill_backup_free(rill_backup *b, char problem[RILL_LOOK_PROBLEM]);

typedef struct rill_auditor rill_auditor;
/* NULL: no memory. */
rill_auditor *rill_auditor_new(rill_sqlite *s, rill_audit *out, const rill_audit_head *since);
void rill_auditor_free(rill_auditor *a);
/* As rill_sqlite_look. The errors of rill_sqlite_read. */
RILL_MUST_CHECK int rill_auditor_step(rill_auditor *a, int64_t most, bool *more);

/*
 * SHA-256 of the hash before it and of this line, each text with its length before it: whoever
 * changes a line has to change all that follow. RILL_ERR_TOO_LARGE, RILL_ERR_CRYPTO.
 */
RILL_MUST_CHECK int rill_sqlite_hash_entry(const uint8_t before[RILL_SHA256_LEN], int64_t run,
                                           const rill_store_entry *e, uint8_t out[RILL_SHA256_LEN]);

#endif
