/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rilld_log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* A line of a log may hold what a stranger sent. UTF-8 is kept, control characters are not. */
static void write_line(char *line)
{
    for (char *c = line; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    (void)fprintf(stderr, "rilld: %s\n", line);
}

static void write_format(const char *format, va_list args)
{
    char line[RILL_LOG_MAX_LINE];
    (void)vsnprintf(line, sizeof line, format, args);
    write_line(line);
}

void rilld_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_format(format, args);
    va_end(args);
}

void rilld_say(const rilld_log *log, const char *format, ...)
{
    if (log->quiet)
        return;
    va_list args;
    va_start(args, format);
    write_format(format, args);
    va_end(args);
}

void rilld_log_line(void *user, rill_log_level level, const char *line)
{
    static const rill_rate_limit limit = {.per_second = 20, .burst = 100};
    rilld_log *log = user;
    if (level > log->level)
        return;
    /* Who asked to see every packet gets them all. */
    if (log->level < RILL_LOG_DEBUG && !log->asked &&
        !rill_bucket_take(&log->bucket, limit, log->now(log->user).mono_ns)) {
        log->suppressed++;
        return;
    }
    if (log->suppressed > 0) {
        rilld_error("%" PRIu64 " lines were left out, they came too fast", log->suppressed);
        log->suppressed = 0;
    }
    rilld_error("%s", line);
}
