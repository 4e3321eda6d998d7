/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of a log whose reader may be slow or gone: a thread of its own writes them,
 * so that who adds one never waits. What waits is bounded; lines that come while
 * nobody reads are left out, counted, and told in their place once somebody does.
 * So are those that could not be written, as on a disk that was full for a while.
 */
#ifndef RILL_CLI_LOG_LINES_H
#define RILL_CLI_LOG_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that may wait, beside as many that the thread has taken. */
#define LOG_LINES_ROOM 65536

typedef struct log_lines log_lines;

/* The line that tells of lost ones, newline and all, into out; how long it is. From the thread. */
typedef size_t log_lines_note(uint64_t lost, char *out, size_t cap);

/* fd stays the caller's, and open for as long as the process lives. NULL: no memory, or no thread.
 */
log_lines *log_lines_open(int fd, log_lines_note *note);

/* A whole line, newline and all, of at most LOG_LINES_ROOM bytes. */
void log_lines_add(log_lines *l, const char *line, size_t len);

/*
 * Waits until all is written, or nothing has been for so long (milliseconds). What is left then
 * is lost: a thread in the middle of a write cannot be stopped, and ends with the process, as l
 * does.
 */
void log_lines_end(log_lines *l, unsigned patience_ms);

#endif
