/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record of the log with any bytes in it. It is one line of valid UTF-8; jansson reads its JSON,
 * and the same texts are in both formats, but for bytes that are no UTF-8 and what was cut.
 */
#include <jansson.h>
#include <stdio.h>

#include "cli/log_record.h"
#include "fuzz.h"

static char out[LOG_RECORD_MAX];

/* No character of control is in it, also none that some readers take for the end of a line. */
static void check_line(size_t len)
{
    CHECK(len > 0 && len <= LOG_RECORD_MAX && out[len - 1] == '\n');
    for (size_t i = 0; i + 1 < len; i++)
        CHECK((uint8_t)out[i] >= ' ' && out[i] != 0x7f);
    json_t *text = json_stringn(out, len); /* NULL: no UTF-8 */
    CHECK(text != NULL);
    json_decref(text);
}

/* What was UTF-8, and not cut, is there as it was. */
static void check_text(const json_t *found, rill_bytes was, size_t most)
{
    json_t *same = json_stringn((const char *)was.data, was.len);
    CHECK(json_is_string(found) && json_string_length(found) <= most * 3);
    if (same != NULL && was.len <= most)
        CHECK(json_equal(found, same));
    json_decref(same);
}

static rill_bytes of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

static void check_json(const log_record *record)
{
    const rill_log_about *about = record->about;
    const size_t len = log_record_write(LOG_JSON, record, out);
    check_line(len);
    json_t *value = json_loadb(out, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    CHECK(value != NULL);
    check_text(json_object_get(value, "msg"), of(record->msg), LOG_RECORD_MSG);
    check_text(json_object_get(value, "account"), of(about->account), LOG_RECORD_TEXT);
    if (about->destination.len > 0)
        check_text(json_object_get(value, "destination"), about->destination, LOG_RECORD_TEXT);
    CHECK(json_object_size(value) == (about->destination.len > 0 ? 7 : 6));
    json_decref(value);
}

/* The length of a value, which has no blank in it, or is in quotes. */
static size_t value_len(const char *at)
{
    size_t len = 0;
    if (at[0] != '"')
        return strcspn(at, " \n");
    for (len = 1; at[len] != '"'; len++)
        len += at[len] == '\\';
    return len + 1;
}

static void check_logfmt(const log_record *record)
{
    static const char *const names[] = {"time",   "level",       "msg", "account",
                                        "packet", "destination", "code"};
    const rill_log_about *about = record->about;
    const size_t len = log_record_write(LOG_LOGFMT, record, out);
    const char *at = out;
    check_line(len);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const size_t name = strlen(names[i]);
        if (strcmp(names[i], "destination") == 0 && about->destination.len == 0)
            continue;
        CHECK(strncmp(at, names[i], name) == 0 && at[name] == '=');
        at += name + 1;
        const size_t size = value_len(at);
        json_t *value = at[0] == '"' ? json_loadb(at, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)
                                     : json_stringn(at, size);
        if (strcmp(names[i], "msg") == 0)
            check_text(value, of(record->msg), LOG_RECORD_MSG);
        if (strcmp(names[i], "account") == 0)
            check_text(value, of(about->account), LOG_RECORD_TEXT);
        if (strcmp(names[i], "destination") == 0)
            check_text(value, about->destination, LOG_RECORD_TEXT);
        CHECK(value != NULL);
        json_decref(value);
        at += size;
        CHECK(*at == ' ' || *at == '\n');
        at++;
    }
    CHECK(at == out + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t packet[RILL_LOG_PACKET] = {0xab, 0x01};
    char msg[2 * LOG_RECORD_MSG];
    char account[2 * LOG_RECORD_TEXT];
    const size_t most = size < sizeof msg - 1 ? size : sizeof msg - 1;
    memcpy(msg, data, most);
    msg[most] = '\0';
    (void)snprintf(account, sizeof account, "%s", msg + strlen(msg) / 2);
    const rill_log_about about = {
        .account = account,
        .packet = packet,
        .destination = {data, size},
        .code = "F99",
    };
    const log_record record = {
        .time = "2026-11-30T12:00:00.000Z", .level = "debug", .msg = msg, .about = &about};
    check_json(&record);
    check_logfmt(&record);
    return 0;
}
