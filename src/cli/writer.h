/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output whose reader may take as long as it likes. A thread writes it, so nobody else waits for a
 * full pipe, a stopped terminal or a slow disk. It works for every kind of descriptor, and leaves
 * the descriptor's flags as they are, since other programs may share them.
 *
 * What waits is counted. A caller looks at cli_writer_full, and stops taking more until `room`. A
 * line or a piece that was begun is always taken.
 */
#ifndef RILL_CLI_WRITER_H
#define RILL_CLI_WRITER_H

#include <rill/loop.h>
#include <stdio.h>

/* From which size it is full, and at which size it has room again. Bytes. */
#define CLI_WRITER_HIGH 65536
#define CLI_WRITER_LOW  16384

typedef struct cli_writer cli_writer;

/* Called from the loop, never from inside a call. Each may be NULL. */
typedef struct cli_writer_handlers {
    /* It was full, and is not any more. */
    void (*room)(void *user);
    /*
     * Called once: nothing can be written any more, and what waited is lost. error: an errno value.
     */
    void (*failed)(int error, void *user);
    /*
     * Called last, after cli_writer_close. unwritten is the number of bytes that never left. The
     * writer is gone when this returns.
     */
    void (*closed)(size_t unwritten, void *user);
    void *user;
} cli_writer_handlers;

/* fd remains the caller's, and must stay open until `closed`. NULL: no memory, or no thread. */
cli_writer *cli_writer_open(rill_loop *loop, int fd, const cli_writer_handlers *handlers);

/* Queues a copy of the bytes. False: it has failed, or there is no memory. */
bool cli_writer_add(cli_writer *w, const void *data, size_t len);
/* A stream for printf and the like. What is written to it waits until it is committed. */
FILE *cli_writer_stream(cli_writer *w);
bool cli_writer_commit(cli_writer *w);

bool cli_writer_full(const cli_writer *w);
/* An errno value; 0 while all is well. */
int cli_writer_error(cli_writer *w);

/*
 * Writes what waits, then calls `closed`. It gives up if nothing was written for so long, in
 * nanoseconds; 0: never. A second call may shorten this time.
 */
void cli_writer_close(cli_writer *w, uint64_t patience);

#endif
