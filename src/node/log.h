/* SPDX-License-Identifier: Apache-2.0 */
/* What the node has to say: one line at a time, without secrets, given to its owner. */
#ifndef RILL_NODE_LOG_H
#define RILL_NODE_LOG_H

#include <rill/types.h>

typedef enum rill_log_level {
    RILL_LOG_WARNING, /* somebody outside does wrong, or a limit is reached */
    RILL_LOG_INFO,    /* accounts come and go */
    RILL_LOG_DEBUG    /* every packet that the node itself rejects */
} rill_log_level;

typedef struct rill_log {
    void (*line)(void *user, rill_log_level level, const char *line); /* NULL: nobody listens */
    void *user;
    rill_log_level level; /* lines above it are not even made */
} rill_log;

/* Longer lines are cut. */
#define RILL_LOG_MAX_LINE 512
void rill_log_line(const rill_log *log, rill_log_level level, const char *format, ...)
    RILL_PRINTF(3, 4);

#endif
