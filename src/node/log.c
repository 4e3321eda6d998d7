/* SPDX-License-Identifier: Apache-2.0 */
#include "node/log.h"

#include <stdarg.h>
#include <stdio.h>

static void tell(const rill_log *log, rill_log_level level, const char *line,
                 const rill_log_about *about)
{
    if (about != NULL && log->told != NULL)
        log->told(log->user, level, line, about);
    else
        log->line(log->user, level, line);
}

void rill_log_line(const rill_log *log, rill_log_level level, const char *format, ...)
{
    if (!rill_log_wants(log, level))
        return;
    char line[RILL_LOG_MAX_LINE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    tell(log, level, line, NULL);
}

void rill_log_about_line(const rill_log *log, rill_log_level level, const rill_log_about *about,
                         const char *format, ...)
{
    if (!rill_log_wants(log, level))
        return;
    char line[RILL_LOG_MAX_LINE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    tell(log, level, line, about);
}

void rill_log_account_line(const rill_log *log, rill_log_level level, const char *account,
                           const char *format, ...)
{
    if (!rill_log_wants(log, level))
        return;
    const rill_log_about about = {.account = account};
    char line[RILL_LOG_MAX_LINE];
    int len = snprintf(line, sizeof line, "account %s: ", account);
    va_list args;
    va_start(args, format);
    if (len >= 0 && (size_t)len < sizeof line)
        (void)vsnprintf(line + len, sizeof line - (size_t)len, format, args);
    va_end(args);
    tell(log, level, line, &about);
}
