/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `rill receive` writes: lines about what comes, and with --output the bytes of streams. Its
 * readers may be slow, so nothing here waits for them: if too much waits, it asks for a pause.
 */
#ifndef RILL_CLI_RECEIVE_OUTPUT_H
#define RILL_CLI_RECEIVE_OUTPUT_H

#include "cli/cli.h"
#include "cli/store.h"
#include "cli/writer.h"

typedef struct receive_output_handlers {
    /* Says whether more can be taken. It is called again and again. */
    void (*pause)(bool pause, void *user);
    /* Called once: nothing can be written any more. This was reported already. */
    void (*failed)(void *user);
    /* After receive_output_close: the last call. */
    void (*closed)(void *user);
    void *user;
} receive_output_handlers;

typedef struct receive_output {
    const cli_args *args;
    receive_output_handlers on;
    FILE *text; /* lines that are not committed yet */
    bool json;
    bool quiet;
    bool incomplete; /* not everything was written, or a stream did not come whole */
    cli_writer *writer;
    const char *path; /* --output; NULL: none */
    cli_store *store; /* NULL without --output */
    bool store_full;
    bool failed;
    bool closing;
    uint64_t patience;
} receive_output;

/* Reads --output and --overwrite: CLI_DONE, or CLI_USAGE with a line on stderr. */
int receive_output_parse(receive_output *o, const cli_args *args);
/* True if rill is done once one stream has come. */
bool receive_output_is_for_one(const receive_output *o);
/* False: no memory. */
bool receive_output_open(receive_output *o, rill_loop *loop,
                         const receive_output_handlers *handlers);
/* The lines of an event are complete. */
void receive_output_commit(receive_output *o);
/* The same for an event as JSON. Takes the reference. */
void receive_output_json(receive_output *o, json_t *object);
/* With --output: bytes of a stream of that connection, and the stream's end. */
void receive_output_data(receive_output *o, rill_stream *s, uint64_t connection,
                         const uint8_t *data, size_t len);
void receive_output_stream_end(receive_output *o, rill_stream *s, bool complete);
/* Writes what waits. Gives up on a reader that takes nothing for so long (0: never). */
void receive_output_close(receive_output *o, uint64_t patience);
/* Call it after the loop has ended. */
void receive_output_clear(receive_output *o);

#endif
