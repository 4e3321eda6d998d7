/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where `rill receive --output` puts the bytes of streams: one stream's into a file or to standard
 * output, or each stream's into a file of its own in a folder. A file has a temporary name beside
 * its own until its stream has ended well; what came of a stream that did not stays under that
 * name, and is told.
 */
#ifndef RILL_CLI_STORE_H
#define RILL_CLI_STORE_H

#include <rill/net.h>

typedef struct cli_store cli_store;
typedef struct cli_stored_file cli_stored_file;

/* What became of a stream's bytes. */
typedef struct cli_stored {
    uint64_t connection; /* as given to cli_store_add */
    uint64_t stream;
    uint64_t bytes;   /* that are written */
    const char *name; /* where they are; "standard output" */
    bool complete;
} cli_stored;

/* From the loop; `failed` also from inside cli_store_add. */
typedef struct cli_store_handlers {
    /* After CLI_STORE_FULL: there is room again. */
    void (*room)(void *user);
    /* Once: nothing more can be written to that name. error: of errno. */
    void (*failed)(const char *name, int error, void *user);
    /* The last of each stream that brought bytes. */
    void (*stored)(const cli_stored *what, void *user);
    void *user;
} cli_store_handlers;

typedef enum cli_store_verdict {
    CLI_STORE_TAKEN,
    CLI_STORE_FULL,   /* taken, and nothing more for now */
    CLI_STORE_REFUSED /* it is for one stream, and another has it; or it has failed */
} cli_store_verdict;

/* Whether --output can be used: 0, or of errno. EEXIST: a file that is not to be overwritten. */
int cli_store_check(const char *path, bool overwrite);
/* path: "-", a folder (one that is there, or ends with "/"), or else a file. NULL: no memory. */
cli_store *cli_store_open(rill_loop *loop, const char *path, bool overwrite,
                          const cli_store_handlers *handlers);
/* True where only one stream can be stored: all but a folder. */
bool cli_store_is_for_one(const char *path);
/* Streams whose `stored` is still to come. */
unsigned cli_store_busy(const cli_store *s);
/* Bytes of a stream, whose user pointer is the store's from now on. */
cli_store_verdict cli_store_add(cli_store *s, rill_stream *stream, uint64_t connection,
                                const uint8_t *data, size_t len);
/* The stream has ended; complete: well. `stored` follows, if it brought bytes. */
void cli_store_end(cli_store *s, rill_stream *stream, bool complete);
/* Files whose streams have ended are given up where nothing can be written for so long:
 * nanoseconds. */
void cli_store_hurry(cli_store *s, uint64_t patience);
/* After the loop has run to its end. NULL is allowed. */
void cli_store_free(cli_store *s);

#endif
