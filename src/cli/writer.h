/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output that its reader may leave for as long as it likes: a thread of its own
 * writes it, so that nobody else waits for a pipe that is full, a terminal that is
 * held, a disk that is slow. Works for every kind of descriptor, and leaves its
 * flags as they are: they may be shared with other programs.
 *
 * What waits is counted. Who adds looks at cli_writer_full and stops taking more
 * until `room`; a line or a piece that has been begun is always taken.
 */
#ifndef RILL_CLI_WRITER_H
#define RILL_CLI_WRITER_H

#include <rill/loop.h>
#include <stdio.h>

/* Where it is full, and where it has room again. Bytes. */
#define CLI_WRITER_HIGH 65536
#define CLI_WRITER_LOW  16384

typedef struct cli_writer cli_writer;

/* From the loop, never from inside a call. Each may be NULL. */
typedef struct cli_writer_handlers {
    /* It was full and is so no more. */
    void (*room)(void *user);
    /* Once: nothing can be written any more, and what waited is lost. error: of errno. */
    void (*failed)(int error, void *user);
    /* After cli_writer_close, last: unwritten bytes never left. The writer is gone when it returns.
     */
    void (*closed)(size_t unwritten, void *user);
    void *user;
} cli_writer_handlers;

/* fd stays the caller's, and open until `closed`. NULL: no memory, or no thread. */
cli_writer *cli_writer_open(rill_loop *loop, int fd, const cli_writer_handlers *handlers);

/* A copy of the bytes waits to be written. False: it has failed, or there is no memory. */
bool cli_writer_add(cli_writer *w, const void *data, size_t len);
/* For printf and the like: what is written to the stream waits there until it is committed. */
FILE *cli_writer_stream(cli_writer *w);
bool cli_writer_commit(cli_writer *w);

bool cli_writer_full(const cli_writer *w);
/* Of errno; 0 while all is well. */
int cli_writer_error(cli_writer *w);

/*
 * Writes what waits, then `closed`. Where nothing has left for so long it gives
 * up; 0: never. Nanoseconds. A second call may shorten that.
 */
void cli_writer_close(cli_writer *w, uint64_t patience);

#endif
