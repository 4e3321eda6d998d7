/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connector without input or output for fuzz targets: two accounts with a settlement engine, one
 * without, operators who need another one's word, strangers who may ask to be peers, and a store
 * that keeps what it is given when it is told to.
 */
#ifndef RILL_FUZZ_BOOKS_WORLD_H
#define RILL_FUZZ_BOOKS_WORLD_H

#include <rill/error.h>

#include "connector/admin_api.h"
#include "connector/core.h"
#include "fuzz.h"
#include "store/sqlite.h"

typedef struct books_world {
    rill_store store; /* first */
    const rill_store_batch *batch;
    rill_core *core;
    rill_config config;
    rill_arena arena;
    rill_crypto *crypto;
    rill_overlay added; /* accounts that operators have added, or agreed to */
    rill_now now;
    uint64_t call; /* of an engine, that is open; 0: none */
    bool odd;      /* the books did not add up when it began */
} books_world;

/* What the store had when the connector began. */
typedef struct books_setting {
    const char *kind;
    char name[64];
    char value[1024];
} books_setting;

void books_begin(books_world *w, const books_setting *settings, size_t count);
/* Of an earlier run of the node, which may be anything. */
typedef struct books_before {
    rill_sqlite *file; /* NULL: accounts are what there is */
    const rill_store_account *accounts;
    size_t account_count;
    rill_flights *flights; /* NULL: there is none */
    uint64_t runs;         /* without a file: so many, of which this group of the last was kept */
    uint64_t kept;
} books_before;
/* False: it did not begin, and nothing is left of it. */
bool books_begin_after(books_world *w, const books_before *before);
/* Checks that nothing is left. */
void books_end(books_world *w);
void books_turn(books_world *w);
/* The store has what it was given; or it could not write it. */
void books_written(books_world *w, bool well);
/* Units; the balance of the account of this name. */
int64_t books_balance(const books_world *w, const char *name);
/* In each asset all adds up to 0. */
void books_check(const books_world *w);
/* For rill_admin_ask and rill_peering_accept. */
void books_control(books_world *w, rill_admin_control *out);

#endif
