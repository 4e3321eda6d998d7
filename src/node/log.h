/* SPDX-License-Identifier: Apache-2.0 */
/* What the node has to say: one line at a time, without secrets, given to its owner. */
#ifndef RILL_NODE_LOG_H
#define RILL_NODE_LOG_H

#include <rill/node.h>

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
