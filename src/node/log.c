/* SPDX-License-Identifier: Apache-2.0 */
#include "node/log.h"

#include <stdarg.h>
#include <stdio.h>

void rill_log_line(const rill_log *log, rill_log_level level, const char *format, ...)
{
    if (log->line == NULL || level > log->level)
        return;
    char line[RILL_LOG_MAX_LINE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    log->line(log->user, level, line);
}
