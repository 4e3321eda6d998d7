/* SPDX-License-Identifier: Apache-2.0 */
/* rilld's lines on standard error. */
#ifndef RILL_CLI_RILLD_LOG_H
#define RILL_CLI_RILLD_LOG_H

#include "base/rate_limit.h"
#include "cli/log_record.h"
#include <rill/node.h>

typedef struct rilld_log {
    rill_log_level level;
    bool quiet;
    rill_now (*now)(void *user);
    void *user;
    bool asked;         /* the operator wants these lines, however many there are */
    rill_bucket bucket; /* the limit keeps strangers from filling the disk */
    uint64_t suppressed;
} rilld_log;

/*
 * Sets what lines look like from now on. Those of LOG_LOGFMT and LOG_JSON have everything in them
 * (after "<4>", if standard error is journald's). How LOG_TEXT begins: if standard error is
 * journald's: with the priority, "<4>", since journald adds name and time. Otherwise with "rilld:
 * ". Before that comes the time, if `serving` says that the node runs and standard error is no
 * terminal.
 *
 * A node that serves never waits for the reader of its lines. Lines that nobody takes are left out,
 * and a line in their place says how many. Call it with the rights that the process keeps, since
 * each thread has its own rights.
 */
void rilld_log_begin(log_format format, bool serving);
/*
 * Call it before the process ends. Waits until everything is written, or nothing was written for so
 * long. Later lines are not written.
 */
void rilld_log_end(unsigned patience_ms);

/* Writes the line as an error. Characters that are not printable are shown as ?. */
void rilld_error(const char *format, ...) RILL_PRINTF(1, 2);
/* As rilld_error, for something that an operator should know and that is no error. */
void rilld_warn(const char *format, ...) RILL_PRINTF(1, 2);
/* As rilld_error, for things that go well. Nothing if quiet. */
void rilld_say(const rilld_log *log, const char *format, ...) RILL_PRINTF(2, 3);
/* A line of the node's, and what it is about (NULL: not known): at most 100 lines at once and 20 a
 * second. */
void rilld_log_line(rilld_log *log, rill_log_level level, const char *line,
                    const rill_log_about *about);

#endif
