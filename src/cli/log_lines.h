/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of a log whose reader may be slow or gone. A thread writes them, so whoever adds a line
 * never waits. The amount that waits is limited. Lines that come while nobody reads are left out
 * and counted, and the log says so in their place once somebody reads. The same holds for lines
 * that could not be written, for example because the disk was full.
 */
#ifndef RILL_CLI_LOG_LINES_H
#define RILL_CLI_LOG_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that may wait, in addition to as many that the thread has taken. */
#define LOG_LINES_ROOM 65536

typedef struct log_lines log_lines;

/*
 * Writes the line about lost lines, with its newline, into out, and returns its length. Called from
 * the thread.
 */
typedef size_t log_lines_note(uint64_t lost, char *out, size_t cap);

/*
 * fd remains the caller's, and must stay open for the life of the process. NULL: no memory, or no
 * thread.
 */
log_lines *log_lines_open(int fd, log_lines_note *note);

/* Adds a whole line with its newline, at most LOG_LINES_ROOM bytes. */
void log_lines_add(log_lines *l, const char *line, size_t len);

/*
 * Waits until everything is written, or nothing was written for so long (milliseconds). The rest is
 * then lost. A thread in the middle of a write cannot be stopped. It ends with the process, and so
 * does l.
 */
void log_lines_end(log_lines *l, unsigned patience_ms);

#endif
