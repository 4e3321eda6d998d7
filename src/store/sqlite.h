/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store in one file, by SQLite with a write-ahead log. Everything here waits for the disk: it is
 * called at the start of a node, and from the thread of store/writer.h.
 */
#ifndef RILL_STORE_SQLITE_H
#define RILL_STORE_SQLITE_H

#include "store/look.h"

/* The newest form of the file that this version knows. Older ones are brought forward when opened.
 */
#define RILL_SQLITE_SCHEMA 7

typedef struct rill_sqlite rill_sqlite;

typedef struct rill_sqlite_options {
    const rill_allocator *allocator; /* NULL: rill_allocator_default(); SQLite has its own */
    const char *path;
    rill_durability durability;
    uint64_t now_ms; /* when this run of the node begins */
    const char *vfs; /* SQLite's name of what stands for the file system; NULL: the system's */
    bool read_only;  /* for who looks at the books of a node that does not run */
} rill_sqlite_options;

/*
 * Opens a file, makes it if there is none, and begins a new run. One process has it at a time.
 * problem (of RILL_SQLITE_PROBLEM bytes) says in one line what is wrong, with the path.
 * RILL_ERR_NOMEM. RILL_ERR_ADDRESS_IN_USE: another process has it. RILL_ERR_UNSUPPORTED: a newer
 * version wrote it. RILL_ERR_MALFORMED: not a store, or damaged. RILL_ERR_IO: all else.
 */
#define RILL_SQLITE_PROBLEM 512
RILL_MUST_CHECK int rill_sqlite_open(rill_sqlite **out, const rill_sqlite_options *options,
                                     char problem[RILL_SQLITE_PROBLEM]);
/* The number of the run that began with opening. */
uint64_t rill_sqlite_run(const rill_sqlite *s);
/* NULL is allowed. */
void rill_sqlite_close(rill_sqlite *s);

/*
 * Gives every account with its balance, in the order of ids, then the keys of entries, routes,
 * settlements, settings, and runs. What a callback returns other than 0 ends it, and is returned.
 * RILL_ERR_MALFORMED, RILL_ERR_IO, RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_sqlite_read(rill_sqlite *s, const rill_store_reader *reader);

/*
 * Keeps all of a batch, or nothing; one with settlements is on the disk when this returns, whatever
 * the durability is. After an error the same batch, or one that has all of it, may
 * be given again. RILL_ERR_IO (full disk, too), RILL_ERR_NOMEM; RILL_ERR_EXISTS: an entry's key is
 * there already. rill_sqlite_problem says more.
 */
RILL_MUST_CHECK int rill_sqlite_write(rill_sqlite *s, const rill_store_batch *batch);
/* Of the last error: one line, which is the store's until the next call. */
const char *rill_sqlite_problem(const rill_sqlite *s);

/* The number of the newest line of the audit; 0: there is none. The errors of rill_sqlite_read. */
RILL_MUST_CHECK int rill_sqlite_last_line(rill_sqlite *s, uint64_t *out);

/* Computes all anew from flows and entries. The errors of rill_sqlite_read. */
RILL_MUST_CHECK int rill_sqlite_audit(rill_sqlite *s, rill_audit *out);
/*
 * Sums of minutes that are over enter a chain of hashes, like that of the lines of the audit, so
 * that an audit finds what is changed or taken out. A step takes a few milliseconds; *more: call it
 * again. Not while a look is under way but a copy. The errors of rill_sqlite_write.
 */
RILL_MUST_CHECK int rill_sqlite_seal(rill_sqlite *s, bool *more);
/* A minute is over since that was done last. */
bool rill_sqlite_wants_seal(const rill_sqlite *s);
/*
 * Goes on with a look, a step at a time: a few milliseconds. *more: call it again. After the last
 * step the look has its result. rill_sqlite_stop_looking ends one before.
 */
void rill_sqlite_look(rill_sqlite *s, rill_store_look *look, bool *more);
void rill_sqlite_stop_looking(const rill_sqlite *s, rill_store_look *look);
/*
 * The same in two steps, for who closes the books between them. After the first the look has
 * nothing of the books any more. The second waits for the disk of a copy. It says RILL_OK of a copy
 * that is done all the same, as it was about to have its name. Where it has failed by itself,
 * *problem becomes why, if it is not NULL. RILL_ERR_CLOSED: it was ended.
 */
void rill_sqlite_leave_books(const rill_sqlite *s, rill_store_look *look);
int rill_sqlite_end_look(rill_store_look *look, char problem[RILL_LOOK_PROBLEM]);

/*
 * Sums of minutes before this one become sums of their day: balances, audits and statements of
 * whole days stay the same. Only what is sealed, and is still what was sealed. A step takes a few
 * milliseconds; *more: call it again, with the same place, which begins with run 0. Not while a
 * look is under way. The errors of rill_sqlite_write; RILL_ERR_MALFORMED: sums were changed since.
 */
typedef struct rill_sqlite_merging {
    int64_t before_minute; /* since 1970 */
    int64_t run;           /* the last one that is done */
    /* What follows is this function's. */
    int64_t at;       /* the run that is merged */
    int64_t upto;     /* its rows up to this minute may be moved */
    bool checking;    /* the digest of the rows behind them is computed */
    int64_t minute;   /* up to this one */
    int64_t counted;  /* rows */
    int64_t place[3]; /* behind the row of this minute, source and destination */
    uint8_t digest[32];
} rill_sqlite_merging;
RILL_MUST_CHECK int rill_sqlite_merge(rill_sqlite *s, rill_sqlite_merging *at, bool *more);

#endif
