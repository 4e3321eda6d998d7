/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where `rill receive --output` puts the bytes of streams: those of one stream into a file or to
 * standard output, or those of each stream into a file in a folder. A file has a temporary name
 * beside its own until its stream has ended without an error. If the stream ends otherwise, the
 * bytes stay under the temporary name, and this is reported.
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
    uint64_t bytes;   /* bytes that are written */
    const char *name; /* where the bytes are; "standard output" */
    bool complete;
} cli_stored;

/* Called from the loop. `failed` may also be called from inside cli_store_add. */
typedef struct cli_store_handlers {
    /* After CLI_STORE_FULL: there is room again. */
    void (*room)(void *user);
    /* Called once: nothing more can be written to that name. error: an errno value. */
    void (*failed)(const char *name, int error, void *user);
    /* The last call for each stream that brought bytes. */
    void (*stored)(const cli_stored *what, void *user);
    void *user;
} cli_store_handlers;

typedef enum cli_store_verdict {
    CLI_STORE_TAKEN,
    CLI_STORE_FULL,   /* the bytes were taken, but no more can be taken for now */
    CLI_STORE_REFUSED /* it is for one stream, and another one has it; or it has failed */
} cli_store_verdict;

/*
 * Whether --output can be used: 0, or an errno value. EEXIST: the file is there and must not be
 * replaced.
 */
int cli_store_check(const char *path, bool overwrite);
/*
 * path: "-", a folder (an existing one, or a name that ends with "/"), or else a file. NULL: no
 * memory.
 */
cli_store *cli_store_open(rill_loop *loop, const char *path, bool overwrite,
                          const cli_store_handlers *handlers);
/* True if only one stream can be stored: everything except a folder. */
bool cli_store_is_for_one(const char *path);
/* Number of streams whose `stored` is still to come. */
unsigned cli_store_busy(const cli_store *s);
/* Adds bytes of a stream. From now on the stream's user pointer belongs to the store. */
cli_store_verdict cli_store_add(cli_store *s, rill_stream *stream, uint64_t connection,
                                const uint8_t *data, size_t len);
/*
 * The stream has ended; complete: without an error. `stored` follows if the stream brought bytes.
 */
void cli_store_end(cli_store *s, rill_stream *stream, bool complete);
/* Gives up files whose streams have ended if nothing can be written for so long: nanoseconds. */
void cli_store_hurry(cli_store *s, uint64_t patience);
/* Call it after the loop has ended. NULL is allowed. */
void cli_store_free(cli_store *s);

#endif
