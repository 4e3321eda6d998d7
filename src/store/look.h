/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking into the books while they are written: an audit, the statement of an account, a copy of
 * all of it. A store looks in small steps between two batches, so that no Fulfill waits for a long
 * look. What it finds is true of one moment all the same: lines of minutes that are over do not
 * change any more, and the rest is read in the last step, together with the balances.
 */
#ifndef RILL_STORE_LOOK_H
#define RILL_STORE_LOOK_H

#include <stdatomic.h>

#include "store/store.h"

#define RILL_LOOK_PROBLEM 512
/* A statement of more lines is refused: less time, or longer steps, make fewer. */
#define RILL_STATEMENT_MAX 20000

/*
 * The newest line of the audit and the newest of the chain of sums, and a hash over both: whoever
 * keeps it elsewhere can tell if what was before it has been changed, or cut off.
 */
typedef struct rill_audit_head {
    uint64_t entry; /* 0: there is none */
    uint64_t seal;  /* 0: there is none */
    uint8_t hash[32];
} rill_audit_head;

/* What an audit found. */
typedef struct rill_audit {
    uint64_t accounts;
    uint64_t flows;
    uint64_t entries;
    uint64_t uneven_balances; /* accounts whose balance is not what flows and entries add up to */
    uint64_t uneven_assets;   /* assets whose balances do not add up to 0 */
    uint64_t broken_entries;  /* entries that do not continue the chain of hashes */
    uint64_t seals;           /* lines of the chain of sums */
    uint64_t broken_seals;    /* those that do not continue it, or whose sums were changed */
    uint64_t unsealed;        /* rows of flows that may still change, or are not sealed yet */
    rill_audit_head head;
    bool has_since;  /* the head that was asked for is of these books */
    char first[512]; /* the first that is wrong, for people; empty: none is */
} rill_audit;

/* Packets to or from one other account in a time, or an entry. */
typedef struct rill_statement_line {
    uint64_t at_ms;       /* of packets: when their time begins */
    int kind;             /* rill_entry_kind; 0: packets */
    bool from;            /* of packets: the account sent them */
    rill_balance_id with; /* of packets: the other account; 0: none */
    uint64_t packets;
    rill_i128 change; /* of what the node owes the account, in units */
    /* Of packets: the other account's name. Of an entry: who, note, key and person. The look's. */
    char *texts[4];
    uint64_t order; /* of lines of the same time */
} rill_statement_line;

typedef struct rill_statement {
    rill_i128 opening; /* what the node owed the account at from_ms */
    rill_i128 closing; /* and at to_ms, or now if that is earlier */
    rill_statement_line *lines;
    size_t count;
    size_t cap;
} rill_statement;

/* A line of the audit as it is in the store. */
typedef struct rill_audit_line {
    uint64_t id; /* 1, 2, ...: in the order of writing, without a gap */
    rill_holder holder;
    uint8_t scale; /* of the asset */
    rill_entry_kind kind;
    uint64_t at_ms;
    uint64_t amount;
    uint8_t hash[32];
    char *account; /* its name; empty: the node. All of these are the look's. */
    char *asset;   /* its code */
    char *who;
    char *note;
    char *key;
    char *person;
} rill_audit_line;

/* Lines behind one of them. */
typedef struct rill_audit_lines {
    rill_audit_line *all;
    size_t count;
    uint64_t last; /* the id of the newest that there is; 0: there is none */
} rill_audit_lines;

void rill_audit_lines_clear(rill_audit_lines *lines, const rill_allocator *allocator);

typedef enum rill_look_kind {
    RILL_LOOK_AUDIT,
    RILL_LOOK_STATEMENT,
    RILL_LOOK_LINES,  /* of the audit: in one step */
    RILL_LOOK_BACKUP, /* a copy of the file, while it is written: sqlite_backup.c */
} rill_look_kind;

/* The path of a copy. */
#define RILL_BACKUP_PATH 1024

struct rill_store_look {
    rill_look_kind kind;
    /* Of a statement. */
    rill_balance_id account;
    uint64_t from_ms;      /* from this time on */
    uint64_t to_ms;        /* and before this one */
    uint64_t step_minutes; /* packets are summed for so many minutes; at least 1 */
    /* Of lines. */
    uint64_t after; /* the first is the one behind this id */
    size_t most;    /* at most so many; 0: only `last` is asked for */
    /* Of an audit: is this a head of these books? NULL: nobody asks. The caller's. */
    const rill_audit_head *since;
    /* Of a copy. */
    char path[RILL_BACKUP_PATH]; /* where it is to be */
    bool make_folder;            /* if its folder is missing, in a folder that is there */
    bool replace;                /* a copy that is there already */
    _Atomic bool stop;           /* it is not wanted any more; from any thread */
    _Atomic uint64_t pages;      /* that there are to copy; 0: it is not known yet */
    _Atomic uint64_t copied;     /* of them */
    /* Called once, on the thread of rill_store_collect or rill_store_close. */
    void (*done)(rill_store_look *look);
    void *user;
    /*
     * What was found, if rc is RILL_OK. RILL_ERR_LIMIT: more than RILL_STATEMENT_MAX lines;
     * RILL_ERR_RANGE: a part of a day, of which there is a sum alone; of a copy, RILL_ERR_EXISTS:
     * there is a file already, which is not to be replaced, or is no copy of books;
     * RILL_ERR_CLOSED: the store was closed before, or it was stopped. Else as rill_sqlite_read;
     * problem says more.
     */
    int rc;
    char problem[RILL_LOOK_PROBLEM];
    rill_audit audit;
    rill_statement statement;
    rill_audit_lines lines;
    /* The store's. */
    void *state;
    rill_store_look *next;
    bool waits;                           /* for a disk: there is nothing to be done for now */
    void (*go_on)(rill_store_look *look); /* it waits no more: from any thread. NULL: it is waited
                                             for in the step itself */
    void *store;
};

/* Frees what was found. */
void rill_look_clear(rill_store_look *look, const rill_allocator *allocator);

#endif
