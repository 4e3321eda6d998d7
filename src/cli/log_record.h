/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of the log for programs: JSON, or logfmt. Whatever is in it, it is one line, in ASCII but
 * for characters that are printed as they are, and valid UTF-8.
 */
#ifndef RILL_CLI_LOG_RECORD_H
#define RILL_CLI_LOG_RECORD_H

#include "base/log_about.h"

typedef enum log_format { LOG_TEXT, LOG_LOGFMT, LOG_JSON } log_format;

/* Bytes of a message, and of another text, that are taken. */
enum { LOG_RECORD_MSG = 512, LOG_RECORD_TEXT = 256 };
/* Bytes of the longest record, with its newline: each byte is written as six at most. */
enum { LOG_RECORD_MAX = 6 * (LOG_RECORD_MSG + 4 * LOG_RECORD_TEXT) + 512 };

typedef struct log_record {
    const char *time;  /* RFC 3339 */
    const char *level; /* error, warning, info or debug */
    const char *msg;
    const rill_log_about *about; /* NULL: nothing is known */
} log_record;

/* "text", "logfmt" or "json". False: it is something else. */
RILL_MUST_CHECK bool log_format_parse(const char *text, log_format *out);
/* Writes it with its newline, and says how long it is. format is not LOG_TEXT. */
size_t log_record_write(log_format format, const log_record *record, char out[LOG_RECORD_MAX]);

#endif
