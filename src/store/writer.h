/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store that writes on a thread of its own, so that its owner never waits for the disk. The
 * owner hands over one batch at a time; `wake` is called from the thread when it is done, and the
 * owner then calls rill_store_collect on its own thread.
 */
#ifndef RILL_STORE_WRITER_H
#define RILL_STORE_WRITER_H

#include "store/sqlite.h"
#include "store/store.h"

typedef struct rill_writer_options {
    const rill_allocator *allocator;
    /* Called from the writing thread: something is to be collected. */
    void (*wake)(void *user);
    /* Called by rill_store_collect. */
    rill_store_written written;
    void *user;
    /*
     * Sums of minutes that are older than this become sums of days, when there is nothing else to
     * do: looked for once an hour, by now_ms, after something was written. 0: they stay for ever.
     */
    uint64_t keep_minutes;
    /* Called by rill_store_collect: that failed, and is tried again in an hour. May be NULL. */
    void (*merge_failed)(void *user, const char *problem);
    uint64_t (*now_ms)(void *user); /* from the writing thread; NULL: the system's clock */
} rill_writer_options;

/*
 * Takes the open file, and closes it when the store is closed. With RILL_DURABILITY_NONE the
 * owner does not wait for `written`; that is the owner's business, not this module's.
 * RILL_ERR_NOMEM, RILL_ERR_LIMIT (no thread): the file stays the caller's.
 */
RILL_MUST_CHECK int rill_writer_new(rill_store **out, rill_sqlite *file,
                                    const rill_writer_options *options);
/*
 * Before rill_store_close, which else begins with this: what is being written is waited for, and
 * the file is closed. Nothing else is called of the store in between. rill_store_close may have to
 * wait for the disk of a copy, and by then another process can open the books. NULL is allowed.
 */
void rill_writer_close_books(rill_store *s);

#endif
