/* SPDX-License-Identifier: Apache-2.0 */
/* rilld's lines on standard error. */
#ifndef RILL_CLI_RILLD_LOG_H
#define RILL_CLI_RILLD_LOG_H

#include "node/limits.h"
#include "node/log.h"

typedef struct rilld_log {
    rill_log_level level;
    bool quiet;
    rill_now (*now)(void *user);
    void *user;
    bool asked;         /* the operator wants these lines, however many they are */
    rill_bucket bucket; /* so that strangers cannot fill the disk */
    uint64_t suppressed;
} rilld_log;

/*
 * How lines begin from now on. Where standard error is journald's: with the priority that
 * it reads, "<4>"; it adds name and time. Else "rilld: ", and before it the time
 * where serving says that the node runs and standard error is no terminal, for
 * whoever reads them later. A node that serves never waits for who reads its lines: those
 * that nobody takes are left out, and how many they were is told in their place. Call it with
 * the rights that the process keeps: rights are each thread's own.
 */
void rilld_log_begin(bool serving);
/*
 * Before the process ends: waits until all is written, or nothing has been for so long. Lines
 * after it are not written.
 */
void rilld_log_end(unsigned patience_ms);

/* The line, as an error; what is not printable is shown as ?. */
void rilld_error(const char *format, ...) RILL_PRINTF(1, 2);
/* As rilld_error, not of an error but of what an operator should know. */
void rilld_warn(const char *format, ...) RILL_PRINTF(1, 2);
/* As rilld_error, of what goes well, unless quiet. */
void rilld_say(const rilld_log *log, const char *format, ...) RILL_PRINTF(2, 3);
/* For rill_log.line, with a rilld_log as user: at most 100 lines at once and 20 a second. */
void rilld_log_line(void *log, rill_log_level level, const char *line);

#endif
