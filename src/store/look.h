/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking into the books while they are written: an audit, or the statement of an account. A store
 * looks in small steps between two batches, so that no Fulfill waits for a long look. What it finds
 * is true of one moment all the same: lines of minutes that are over do not change any more, and
 * the rest is read in the last step, together with the balances.
 */
#ifndef RILL_STORE_LOOK_H
#define RILL_STORE_LOOK_H

#include "store/store.h"

#define RILL_LOOK_PROBLEM 512
/* A statement of more lines is refused: less time, or longer steps, make fewer. */
#define RILL_STATEMENT_MAX 20000

/* What an audit found. */
typedef struct rill_audit {
    uint64_t accounts;
    uint64_t flows;
    uint64_t entries;
    uint64_t uneven_balances; /* accounts whose balance is not what flows and entries add up to */
    uint64_t uneven_assets;   /* assets whose balances do not add up to 0 */
    uint64_t broken_entries;  /* entries that do not continue the chain of hashes */
    char first[512];          /* the first that is wrong, for people; empty: none is */
} rill_audit;

/* Packets to or from one other account in a time, or an entry. */
typedef struct rill_statement_line {
    uint64_t at_ms;       /* of packets: when their time begins */
    int kind;             /* rill_entry_kind; 0: packets */
    bool from;            /* of packets: the account sent them */
    rill_balance_id with; /* of packets: the other account; 0: none */
    uint64_t packets;
    rill_i128 change; /* of what the node owes the account, in units */
    /* Of packets: the other account's name. Of an entry: who, note and key. The look's. */
    char *texts[3];
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
    RILL_LOOK_LINES, /* of the audit: in one step */
} rill_look_kind;

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
    /* Called once, on the thread of rill_store_collect or rill_store_close. */
    void (*done)(rill_store_look *look);
    void *user;
    /*
     * What was found, if rc is RILL_OK. RILL_ERR_LIMIT: more than RILL_STATEMENT_MAX lines;
     * RILL_ERR_RANGE: a part of a day, of which there is a sum alone;
     * RILL_ERR_CLOSED: the store was closed before. Else as rill_sqlite_read; problem says more.
     */
    int rc;
    char problem[RILL_LOOK_PROBLEM];
    rill_audit audit;
    rill_statement statement;
    rill_audit_lines lines;
    /* The store's. */
    void *state;
    rill_store_look *next;
};

/* Frees what was found. */
void rill_look_clear(rill_store_look *look, const rill_allocator *allocator);

#endif
