/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/rilld_log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/log_lines.h"

/* The beginning of a line: "<4>", or the time and our name. */
enum { BEGIN_SIZE = 48 };
/* Longer lines are cut. */
enum { MAX_LINE = 512 };

/* Numbers as in syslog(3), written as sd-daemon(3) says. */
typedef enum priority { ERROR = 3, WARNING = 4, INFO = 6, DEBUG = 7 } priority;

static bool to_journal;
static bool with_time;
static log_format form;
static log_lines *lines; /* while the node serves */
static bool ended;

/* systemd says which stream is journald's. It may have been redirected since. */
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

static void time_text(char out[32])
{
    struct timespec now;
    struct tm utc;
    size_t len = 0;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &utc) != NULL)
        len = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(out + len, 32 - len, ".%03ldZ", now.tv_nsec / 1000000);
}

/* Writes into out, of BEGIN_SIZE, and returns the length. Called from any thread. */
static size_t begin_text(priority level, char *out)
{
    char when[32] = "";
    int len = 0;
    if (to_journal) {
        len = snprintf(out, BEGIN_SIZE, "<%d>", (int)level);
    } else if (form == LOG_TEXT) {
        if (with_time)
            time_text(when);
        len = snprintf(out, BEGIN_SIZE, "%s%srilld: ", when, when[0] == '\0' ? "" : " ");
    }
    assert(len >= 0 && len < BEGIN_SIZE);
    return (size_t)len;
}

static const char *name_of(priority level)
{
    return level == ERROR     ? "error"
           : level == WARNING ? "warning"
           : level == INFO    ? "info"
                              : "debug";
}

/* Behind its beginning. */
static size_t record_text(priority level, const char *text, const rill_log_about *about, char *out)
{
    char when[32];
    time_text(when);
    const log_record record = {.time = when, .level = name_of(level), .msg = text, .about = about};
    return log_record_write(form, &record, out);
}

static size_t note_of_lost(uint64_t lost, char *out, size_t cap)
{
    char text[128];
    size_t len = begin_text(WARNING, out);
    int more = snprintf(text, sizeof text,
                        "%" PRIu64 " lines are missing here: nobody read them, or they could not "
                        "be written%s",
                        lost, form == LOG_TEXT ? "\n" : "");
    assert(more > 0 && (size_t)more < sizeof text);
    if (form == LOG_TEXT) {
        assert((size_t)more < cap - len);
        memcpy(out + len, text, (size_t)more);
        return len + (size_t)more;
    }
    char record[LOG_RECORD_MAX];
    const size_t size = record_text(WARNING, text, NULL, record);
    assert(size < cap - len);
    memcpy(out + len, record, size);
    return len + size;
}

void rilld_log_begin(log_format format, bool serving)
{
    form = format;
    to_journal = is_journal();
    with_time = serving && !to_journal && isatty(STDERR_FILENO) == 0;
    /* Without memory for a thread, lines are written directly, as before. */
    if (serving)
        lines = log_lines_open(STDERR_FILENO, note_of_lost);
}

void rilld_log_end(unsigned patience_ms)
{
    if (lines != NULL)
        log_lines_end(lines, patience_ms);
    lines = NULL;
    ended = true;
}

/* A line may hold what a stranger sent. UTF-8 is kept, control characters are not. */
static void write_line(priority level, const char *text, const rill_log_about *about)
{
    char line[BEGIN_SIZE + LOG_RECORD_MAX];
    size_t len = begin_text(level, line);
    if (form == LOG_TEXT) {
        for (const char *c = text; *c != '\0' && len < BEGIN_SIZE + MAX_LINE; c++)
            line[len++] = (unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c;
        if (about != NULL && about->packet != NULL) {
            char id[RILL_LOG_PACKET_TEXT];
            rill_log_packet_text(about->packet, id);
            len += (size_t)snprintf(line + len, sizeof line - len, " packet=%s", id);
        }
        line[len++] = '\n';
    } else {
        len += record_text(level, text, about, line + len);
    }
    if (lines != NULL)
        log_lines_add(lines, line, len);
    else if (!ended)
        (void)fwrite(line, 1, len, stderr);
}

static void write_format(priority level, const char *format, va_list args)
{
    char line[MAX_LINE];
    (void)vsnprintf(line, sizeof line, format, args);
    write_line(level, line, NULL);
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

void rilld_log_line(rilld_log *log, rill_log_level level, const char *line,
                    const rill_log_about *about)
{
    static const rill_rate_limit limit = {.per_second = 20, .burst = 100};
    if (level > log->level)
        return;
    /* An operator who asked for every packet gets all lines. */
    if (log->level < RILL_LOG_DEBUG && !log->asked &&
        !rill_bucket_take(&log->bucket, limit, log->now(log->user).mono_ns)) {
        log->suppressed++;
        return;
    }
    if (log->suppressed > 0) {
        rilld_warn("%" PRIu64 " lines were left out, because too many came at once",
                   log->suppressed);
        log->suppressed = 0;
    }
    write_line(log->asked ? INFO : priority_of(level), line, about);
}
