/* SPDX-License-Identifier: Apache-2.0 */
/* What the node has to say: one line at a time, without secrets, given to its owner. */
#ifndef RILL_NODE_LOG_H
#define RILL_NODE_LOG_H

#include <rill/node.h>

#include "base/log_about.h"

typedef struct rill_log {
    void (*line)(void *user, rill_log_level level, const char *line); /* NULL: nobody listens */
    void *user;
    rill_log_level level; /* lines above it are not even made */
    /* Instead of `line`, of a line about something. NULL: `line` is told of these, too. */
    void (*told)(void *user, rill_log_level level, const char *line, const rill_log_about *about);
} rill_log;

/* Longer lines are cut. */
#define RILL_LOG_MAX_LINE 512
void rill_log_line(const rill_log *log, rill_log_level level, const char *format, ...)
    RILL_PRINTF(3, 4);
void rill_log_about_line(const rill_log *log, rill_log_level level, const rill_log_about *about,
                         const char *format, ...) RILL_PRINTF(4, 5);
/* A line that begins with "account NAME: ", about this account. */
void rill_log_account_line(const rill_log *log, rill_log_level level, const char *account,
                           const char *format, ...) RILL_PRINTF(4, 5);

static inline bool rill_log_wants(const rill_log *log, rill_log_level level)
{
    return log->line != NULL && level <= log->level;
}

#endif
