/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/rilld_log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* As syslog(3) numbers them, and sd-daemon(3) writes them. */
typedef enum priority { ERROR = 3, WARNING = 4, INFO = 6, DEBUG = 7 } priority;

static bool to_journal;
static bool with_time;

/* systemd says which stream is journald's: it may have been redirected since. */
static bool is_journal(void)
{
    const char *said = getenv("JOURNAL_STREAM");
    struct stat s;
    char own[64];
    if (said == NULL || fstat(STDERR_FILENO, &s) != 0)
        return false;
    (void)snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)s.st_dev, (uintmax_t)s.st_ino);
    return strcmp(said, own) == 0;
}

void rilld_log_begin(bool serving)
{
    to_journal = is_journal();
    with_time = serving && !to_journal && isatty(STDERR_FILENO) == 0;
}

static void time_text(char out[32])
{
    struct timespec now;
    struct tm utc;
    size_t len = 0;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &utc) != NULL)
        len = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(out + len, 32 - len, ".%03ldZ ", now.tv_nsec / 1000000);
}

/* A line of a log may hold what a stranger sent. UTF-8 is kept, control characters are not. */
static void write_line(priority level, char *line)
{
    char begin[32] = "";
    for (char *c = line; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    if (to_journal)
        (void)snprintf(begin, sizeof begin, "<%d>", (int)level);
    else if (with_time)
        time_text(begin);
    (void)fprintf(stderr, "%s%s%s\n", begin, to_journal ? "" : "rilld: ", line);
}

static void write_format(priority level, const char *format, va_list args)
{
    char line[RILL_LOG_MAX_LINE];
    (void)vsnprintf(line, sizeof line, format, args);
    write_line(level, line);
}

void rilld_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_format(ERROR, format, args);
    va_end(args);
}

void rilld_warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_format(WARNING, format, args);
    va_end(args);
}

void rilld_say(const rilld_log *log, const char *format, ...)
{
    if (log->quiet)
        return;
    va_list args;
    va_start(args, format);
    write_format(INFO, format, args);
    va_end(args);
}

static priority priority_of(rill_log_level level)
{
    switch (level) {
    case RILL_LOG_WARNING:
        return WARNING;
    case RILL_LOG_INFO:
        return INFO;
    case RILL_LOG_DEBUG:
        return DEBUG;
    }
    return WARNING;
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
        rilld_warn("%" PRIu64 " lines were left out, they came too fast", log->suppressed);
        log->suppressed = 0;
    }
    char copy[RILL_LOG_MAX_LINE];
    (void)snprintf(copy, sizeof copy, "%s", line);
    write_line(log->asked ? INFO : priority_of(level), copy);
}
